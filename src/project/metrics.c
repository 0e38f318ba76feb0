/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "project/metrics.h"

#define NS 1000000000.0

char *metrics_label(const char *value, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

	for (; *value; value++) {
		if (*value == '\n')
			strbuf_adds(&b, "\\n");
		else if (*value == '\\' || *value == '"')
			strbuf_add(&b, (char[2]){ '\\', *value }, 2);
		else
			strbuf_add(&b, value, 1);
	}
	return strbuf_take(&b, err);
}

struct metric {
	const char *name, *type, *help;
	/* false: nothing is known */
	bool (*value)(const struct project_disk *d, uint64_t now_ns, double *out);
};

static bool last_run(const struct project_disk *d, uint64_t now_ns, double *out)
{
	(void)now_ns;
	*out = (double)d->finished_ns / NS;
	return d->finished_ns > 0;
}

static bool last_success(const struct project_disk *d, uint64_t now_ns, double *out)
{
	(void)now_ns;
	*out = (double)d->success_ns / NS;
	return d->success_ns > 0;
}

static bool lag(const struct project_disk *d, uint64_t now_ns, double *out)
{
	*out = now_ns > d->success_ns ? (double)(now_ns - d->success_ns) / NS : 0;
	return d->success_ns > 0;
}

#define VALUE(name, expression)                                                      \
	static bool name(const struct project_disk *d, uint64_t now_ns, double *out) \
	{                                                                            \
		(void)now_ns;                                                        \
		*out = (double)(expression);                                         \
		return true;                                                         \
	}
VALUE(status, d->status)
VALUE(is_parked, strcmp(project_disk_word(d), "parked") == 0)
VALUE(is_vanished, d->vanished_ns > 0)
VALUE(is_running, d->pid > 0)
VALUE(points, d->points)
VALUE(stalls, d->stalls)
VALUE(size_bytes, d->virtual_size)
VALUE(cycles, d->cycles)
VALUE(failures, d->failures)
VALUE(bytes_read, d->bytes_read)
VALUE(bytes_sent, d->bytes_sent)
VALUE(bytes_cleared, d->bytes_cleared)
VALUE(requests, d->requests)
VALUE(retries, d->retries)

static const struct metric metrics[] = {
	{ "liftfs_disk_last_cycle_timestamp_seconds", "gauge", "When the disk's last cycle ended, however it did.", last_run },
	{ "liftfs_disk_last_success_timestamp_seconds", "gauge", "Moment of the source that the replica is known to hold.",
	  last_success },
	{ "liftfs_disk_lag_seconds", "gauge", "Age of what the replica is known to hold, when this was written.", lag },
	{ "liftfs_disk_exit_status", "gauge", "Exit status that the disk's last cycle came to.", status },
	{ "liftfs_disk_parked", "gauge", "1 if the target was not reached or too busy.", is_parked },
	{ "liftfs_disk_vanished", "gauge", "1 if the disk is no longer in its source.", is_vanished },
	{ "liftfs_disk_running", "gauge", "1 if a run is at work on the disk.", is_running },
	{ "liftfs_disk_recovery_points", "gauge", "Recovery points that are known.", points },
	{ "liftfs_disk_stalled_cycles", "gauge", "Cycles in a row without any progress.", stalls },
	{ "liftfs_disk_size_bytes", "gauge", "Size that the guest sees.", size_bytes },
	{ "liftfs_disk_cycles_total", "counter", "Cycles.", cycles },
	{ "liftfs_disk_failures_total", "counter", "Cycles that failed.", failures },
	{ "liftfs_disk_bytes_read_total", "counter", "Bytes read from the source.", bytes_read },
	{ "liftfs_disk_bytes_sent_total", "counter", "Bytes of content sent and acknowledged.", bytes_sent },
	{ "liftfs_disk_bytes_cleared_total", "counter", "Bytes zeroed on the target.", bytes_cleared },
	{ "liftfs_disk_requests_total", "counter", "Requests to the target.", requests },
	{ "liftfs_disk_retries_total", "counter", "Requests that were repeated.", retries },
};

static void add_head(struct strbuf *b, const char *name, const char *type, const char *help)
{
	strbuf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* target="...",vm="...",disk="..." */
static char *disk_labels(const struct project_disk *d, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	CLEANUP_FREE char *target = metrics_label(d->target, err), *vm = target ? metrics_label(d->vm, err) : NULL;
	CLEANUP_FREE char *disk = vm ? metrics_label(d->name, err) : NULL;

	if (!disk)
		return NULL;
	strbuf_addf(&b, "target=\"%s\",vm=\"%s\",disk=\"%s\"", target, vm, disk);
	return strbuf_take(&b, err);
}

static void add_results(struct strbuf *b, const struct project_disks *all, char *const *labels)
{
	static const char *const words[] = { "current", "fuzzy", "parked", "failed", "vanished", "unknown" };

	add_head(b, "liftfs_disk_result", "gauge", "1 for what the disk is now, 0 for what it is not.");
	for (size_t i = 0; i < all->n; i++)
		for (size_t k = 0; k < ARRAY_LEN(words); k++)
			strbuf_addf(b, "liftfs_disk_result{%s,result=\"%s\"} %d\n", labels[i], words[k],
				    strcmp(project_disk_word(&all->v[i]), words[k]) == 0);
}

static bool same_vm(const struct project_disk *a, const struct project_disk *b)
{
	return strcmp(a->vm, b->vm) == 0 && strcmp(a->target, b->target) == 0;
}

/* A VM's point is whole or none: the fewest of any of its disks. */
static int add_vm_points(struct strbuf *b, const struct project_disks *all, struct error *err)
{
	add_head(b, "liftfs_vm_points", "gauge", "Recovery points of the VM that all of its disks have.");
	for (size_t i = 0, end; i < all->n; i = end) {
		CLEANUP_FREE char *target = metrics_label(all->v[i].target, err);
		CLEANUP_FREE char *vm = target ? metrics_label(all->v[i].vm, err) : NULL;
		uint64_t fewest = all->v[i].points;

		if (!vm)
			return -1;
		for (end = i + 1; end < all->n && same_vm(&all->v[i], &all->v[end]); end++)
			fewest = all->v[end].points < fewest ? all->v[end].points : fewest;
		if (*all->v[i].vm)
			strbuf_addf(b, "liftfs_vm_points{target=\"%s\",vm=\"%s\"} %" PRIu64 "\n", target, vm, fewest);
	}
	return 0;
}

static void add_metric(struct strbuf *b, const struct metric *m, const struct project_disks *all, char *const *labels,
		       uint64_t now_ns)
{
	double value;

	add_head(b, m->name, m->type, m->help);
	for (size_t i = 0; i < all->n; i++)
		if (m->value(&all->v[i], now_ns, &value))
			strbuf_addf(b, "%s{%s} %.17g\n", m->name, labels[i], value);
}

static char *format_all(const struct project_disks *all, char **labels, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	uint64_t now_ns = clock_realtime_ns();

	for (size_t i = 0; i < all->n; i++) {
		labels[i] = disk_labels(&all->v[i], err);
		if (!labels[i])
			return NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
		add_metric(&b, &metrics[i], all, labels, now_ns);
	add_results(&b, all, labels);
	if (add_vm_points(&b, all, err) < 0)
		return NULL;
	add_head(&b, "liftfs_written_timestamp_seconds", "gauge", "When this was written.");
	strbuf_addf(&b, "liftfs_written_timestamp_seconds %.17g\n", (double)now_ns / NS);
	return strbuf_take(&b, err);
}

char *project_metrics_text(struct project *p, struct error *err)
{
	CLEANUP(cleanup_project_disks) struct project_disks all = { 0 };
	char **labels, *text;

	if (project_disks(p, NULL, &all, err) < 0)
		return NULL;
	labels = calloc(all.n ? all.n : 1, sizeof(*labels));
	if (!labels) {
		error_errno(err, ENOMEM, "metrics");
		return NULL;
	}
	text = format_all(&all, labels, err);
	for (size_t i = 0; i < all.n; i++)
		free(labels[i]);
	free(labels);
	return text;
}

/* Beside the file, under a name of this process that no collector reads (they take *.prom). */
static int write_part(const char *part, const char *text, struct error *err)
{
	CLEANUP_FD int fd = -1;

	if (unlink(part) < 0 && errno != ENOENT) /* of a process that died under the same number */
		return error_errno(err, errno, "%s", part);
	fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || fchmod(fd, 0644) < 0)
		return error_errno(err, errno, "%s", part);
	if (io_pwrite(fd, text, strlen(text), 0, err) < 0)
		return error_prefix(err, "%s", part);
	return fsync(fd) < 0 ? error_errno(err, errno, "%s", part) : 0;
}

int project_write_metrics(struct project *p, const char *path, struct error *err)
{
	CLEANUP_FREE char *text = project_metrics_text(p, err), *part = NULL;

	if (!text)
		return -1;
	if (asprintf(&part, "%s.%ld.new", path, (long)getpid()) < 0)
		return error_errno(err, ENOMEM, "%s", path);
	if (write_part(part, text, err) < 0) {
		unlink(part);
		return -1;
	}
	if (rename(part, path) < 0) {
		error_errno(err, errno, "%s", path);
		unlink(part);
		return -1;
	}
	return 0;
}
