/* SPDX-License-Identifier: Apache-2.0 */
/* For people: a summary line, then a table. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "status.h"

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print_summary(const struct status_known *k)
{
	struct status_summary s;
	char lag[FORMAT_TEXT_LEN];
	const char *before = ":";

	status_summarise(k, &s);
	printf("%zu VM%s, %zu disk%s", s.vms, plural(s.vms), s.disks, plural(s.disks));
	for (size_t i = 0; i < STATUS_WORDS; i++) {
		if (s.words[i] == 0)
			continue;
		printf("%s %zu %s", before, s.words[i], status_words[i]);
		before = ",";
	}
	if (s.running > 0)
		printf("; %zu being replicated now", s.running);
	if (s.never > 0)
		printf("; %zu without a good copy", s.never);
	if (s.disks > s.never) {
		format_duration(s.lag_ms, lag);
		printf("; oldest copy %s", lag);
	}
	printf("\n");
}

#define STATUS_TARGET 7 /* the column, shown if there are several; the note, which may be long, comes last */

static bool several_targets(const struct project_disks *disks)
{
	for (size_t i = 1; i < disks->n; i++)
		if (strcmp(disks->v[i].target, disks->v[0].target) != 0)
			return true;
	return false;
}

/* What a person should look at first. */
static void note_of(const struct project_disk *d, char *out, size_t len)
{
	char when[CLOCK_TEXT_LEN];

	if (d->pid > 0) {
		snprintf(out, len, "running: pid %ld", d->pid);
	} else if (d->vanished_ns) {
		clock_format_iso(d->vanished_ns, when);
		snprintf(out, len, "not in its source since %s", when);
	} else if (*d->message) {
		snprintf(out, len, "%s", d->message);
	} else if (strcmp(d->result, "fuzzy") == 0) {
		snprintf(out, len, "the source changed while it was read");
	} else if (d->restored) {
		snprintf(out, len, "known from its block map alone");
	} else {
		snprintf(out, len, "%s", d->unverified ? "not verified" : "");
	}
}

static int disk_row(struct table *table, const struct status_known *k, size_t i, bool targets, struct error *err)
{
	const struct project_disk *d = &k->disks->v[i];
	char lag[FORMAT_TEXT_LEN] = "-", size[FORMAT_TEXT_LEN], points[24], note[ERROR_MSG_MAX * 2];
	const char *cells[] = { d->vm, d->name, project_disk_word(d), lag, *d->last_point ? d->last_point : "-", points, size,
				targets ? d->target : note, note };
	uint64_t ms;

	if (status_lag_ms(d, k->now_ns, &ms))
		format_duration(ms, lag);
	snprintf(points, sizeof(points), "%" PRIu64, d->points);
	format_size(d->virtual_size, size);
	note_of(d, note, sizeof(note));
	if (table_row(table, cells, targets ? ARRAY_LEN(cells) : ARRAY_LEN(cells) - 1, err) < 0)
		return -1;
	return strcmp(project_disk_word(d), "current") == 0 ? 0 : table_mark(table, err);
}

int status_print(const struct status_known *k, enum output_when color, struct error *err)
{
	static const struct {
		const char *text;
		bool right;
	} headings[] = { { "VM", false }, { "DISK", false }, { "STATE", false }, { "LAG", true }, { "LAST POINT", false },
			 { "POINTS", true }, { "SIZE", true }, { "TARGET", false }, { "NOTE", false } };
	CLEANUP(cleanup_table) struct table *table = table_new(color, err);
	bool targets = several_targets(k->disks);

	if (!table)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		if ((targets || i != STATUS_TARGET) && table_column(table, headings[i].text, headings[i].right, err) < 0)
			return -1;
	for (size_t i = 0; i < k->disks->n; i++)
		if (disk_row(table, k, i, targets, err) < 0)
			return -1;
	print_summary(k);
	fflush(stdout);
	return k->disks->n > 0 ? table_print(table, err) : 0;
}

static int event_row(void *ctx, const struct project_event_row *e, struct error *err)
{
	struct table *table = ctx;
	char when[CLOCK_TEXT_LEN], status[16] = "", times[24] = "";
	const char *cells[] = { when, times, e->kind, e->vm, e->disk, status, e->message };

	clock_format_iso(e->last_ns, when);
	if (e->times > 1)
		snprintf(times, sizeof(times), "%" PRIu64, e->times);
	if (e->status)
		snprintf(status, sizeof(status), "%d", e->status);
	if (table_row(table, cells, ARRAY_LEN(cells), err) < 0)
		return -1;
	return e->status ? table_mark(table, err) : 0;
}

int status_print_events(struct project *p, unsigned n, enum output_when color, struct error *err)
{
	static const char *const headings[] = { "TIME", "TIMES", "EVENT", "VM", "DISK", "STATUS", "MESSAGE" };
	CLEANUP(cleanup_table) struct table *table = table_new(color, err);

	if (!table)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		if (table_column(table, headings[i], i == 1 || i == 5, err) < 0)
			return -1;
	return project_events(p, n, event_row, table, err) < 0 ? -1 : table_print(table, err);
}
