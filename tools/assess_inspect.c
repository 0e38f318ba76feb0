/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assess_inspect.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "guest/inspector.h"
#include "inventory/machine_look.h"
#include "program.h"

#define INSPECTOR "virt-inspector"
#define INSPECTOR_TIME_MS (UINT64_C(20) * 60 * 1000) /* a minute where there is no hardware to run virtual machines on */
#define MOUNT_TIME_MS (UINT64_C(2) * 60 * 1000)
#define OUTPUT_MAX ((size_t)16 << 20)
#define DISKS_MAX 24 /* of one machine; libguestfs takes no more in some builds */

struct inspection {
	const struct tool *t;
	struct cancel *cancel;
	char *mount_program; /* liftfs-mount, beside this program */
	char *folder;        /* that the mounts are in */
};

static int run(const struct inspection *in, const char *const *argv, uint64_t time_ms, char **text_out, size_t *len_out,
	       struct error *err)
{
	const struct program p = { .argv = argv, .cancel = in->cancel, .time_ms = time_ms, .output_max = OUTPUT_MAX };
	char *text = program_output(&p, len_out, err);

	*text_out = text;
	return text ? 0 : -1;
}

/* ---- mounts: one a disk, called by its number ---- */

static char *mount_point(const struct inspection *in, size_t i, const char *below, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };

	strbuf_addf(&text, "%s/%zu%s", in->folder, i, below);
	return strbuf_take(&text, err);
}

static int mount_image(const struct inspection *in, const char *image, size_t i, struct error *err)
{
	CLEANUP_FREE char *dir = mount_point(in, i, "", err), *said = NULL;
	const char *const argv[] = { in->mount_program, "--", image, dir, NULL };
	size_t len;

	if (!dir)
		return -1;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return error_errno(err, errno, "%s: mkdir", dir);
	return run(in, argv, MOUNT_TIME_MS, &said, &len, err);
}

/* What was not mounted is no matter; the command is not stopped by a stop of ours: it cleans up. */
static void unmount(const struct inspection *in, size_t i)
{
	struct inspection cleaning = { .cancel = NULL };
	CLEANUP_FREE char *dir = mount_point(in, i, "", NULL), *said = NULL;
	const char *const argv[] = { "fusermount3", "-u", "-z", dir, NULL };
	struct error ignored = ERROR_INIT;
	size_t len;

	if (!dir)
		return;
	(void)!run(&cleaning, argv, MOUNT_TIME_MS, &said, &len, &ignored);
	(void)rmdir(dir);
}

/* ---- one machine ---- */

static bool is_reachable(const struct machine_disk *d)
{
	return !d->raw && d->image && d->look && !d->look->error;
}

/* Nobody knows yet what runs on it, and its disks can be read. */
static bool is_worth_it(const struct machine *m)
{
	struct machine_facts f;

	if (machine_left_out(m))
		return false;
	machine_facts(m, &f);
	for (size_t i = 0; i < m->n_disks; i++)
		if (is_reachable(&m->disks[i]))
			return !*f.os_id;
	return false;
}

static int inspect_mounted(const struct inspection *in, size_t n, struct look *look, struct error *err)
{
	const char *argv[4 + 2 * DISKS_MAX + 1] = { INSPECTOR, "--no-applications", "--no-icon", "--format=raw" };
	char *disks[DISKS_MAX] = { NULL };
	CLEANUP_FREE char *xml = NULL;
	size_t len, k = 4;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		disks[i] = mount_point(in, i, "/disk.raw", err);
		rc = disks[i] ? 0 : -1;
		argv[k++] = "-a";
		argv[k++] = disks[i];
	}
	if (rc == 0)
		rc = run(in, argv, INSPECTOR_TIME_MS, &xml, &len, err);
	if (rc == 0)
		rc = look_add_inspected(look, xml, len, err);
	for (size_t i = 0; i < n; i++)
		free(disks[i]);
	return rc;
}

static int inspect_machine(const struct inspection *in, struct machine *m, struct error *err)
{
	struct machine_disk *first = NULL;
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < m->n_disks && n < DISKS_MAX && rc == 0; i++) {
		CLEANUP_FREE char *image = NULL;

		if (!is_reachable(&m->disks[i]))
			continue;
		if (!first)
			first = &m->disks[i];
		image = machine_image_file(m->disks[i].image, err);
		rc = image ? mount_image(in, image, n++, err) : -1;
	}
	if (rc == 0)
		rc = inspect_mounted(in, n, &first->look->found, err);
	while (n > 0)
		unmount(in, --n);
	return rc;
}

/* ---- all ---- */

/* As liftfs itself finds its verbs: in the folder that this one is in. */
static char *find_mount_program(struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf path = { 0 };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n < 0) {
		error_errno(err, errno, "/proc/self/exe");
		return NULL;
	}
	self[n] = '\0';
	slash = strrchr(self, '/');
	strbuf_addf(&path, "%.*s/liftfs-mount", slash ? (int)(slash - self) : 0, self);
	return strbuf_take(&path, err);
}

static int begin(struct inspection *in, struct error *err)
{
	static const char *const argv[] = { INSPECTOR, "--version", NULL };
	const char *tmp = getenv("TMPDIR");
	CLEANUP(cleanup_strbuf) struct strbuf folder = { 0 };
	CLEANUP_FREE char *said = NULL;
	struct error why = ERROR_INIT;
	size_t len;

	if (run(in, argv, MOUNT_TIME_MS, &said, &len, &why) < 0) {
		if (why.detail == ENOENT)
			return error_set(err, ERR_UNSUPPORTED, "--virt-inspector: there is no " INSPECTOR
					 " in PATH; it comes with libguestfs-tools or guestfs-tools");
		*err = why;
		return -1;
	}
	in->mount_program = find_mount_program(err);
	strbuf_addf(&folder, "%s/liftfs-inspect-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	in->folder = strbuf_take(&folder, err);
	if (!in->mount_program || !in->folder)
		return -1;
	return mkdtemp(in->folder) ? 0 : error_errno(err, errno, "%s", in->folder);
}

static int inspect_all(const struct inspection *in, struct machine_list *machines, struct error *err)
{
	for (size_t i = 0; i < machines->n; i++) {
		struct machine *m = &machines->v[i];
		struct error why = ERROR_INIT;

		if (!is_worth_it(m))
			continue;
		if (in->t->common.verbose)
			output_line("liftfs %s: %s: " INSPECTOR, in->t->verb, m->name);
		if (inspect_machine(in, m, &why) == 0)
			continue;
		if (why.code == ERR_CANCELLED || why.code == ERR_NOMEM) {
			*err = why;
			return -1;
		}
		machine_notice(&machines->notices, "%s: not inspected: %s", m->name, why.msg);
	}
	return 0;
}

int assess_inspect(const struct tool *t, struct machine_list *machines, struct cancel *cancel, struct error *err)
{
	struct inspection in = { .t = t, .cancel = cancel };
	int rc = begin(&in, err);

	if (rc == 0) {
		rc = inspect_all(&in, machines, err);
		(void)rmdir(in.folder);
	}
	free(in.folder);
	free(in.mount_program);
	return rc;
}
