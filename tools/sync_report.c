/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/escape.h"
#include "base/parse.h"
#include "sync_report.h"
#include "tool.h"

const char *sync_report_code(enum error_code code)
{
	return error_code_name(code);
}

int sync_report_broken_status(const struct sync_broken *b)
{
	int status = error_exit_status(&b->err);

	return status == 2 ? 65 : status;
}

static int disk_status(const struct sync_outcome *o, const struct cycle_disk *d)
{
	return d->result == CYCLE_FUZZY && d->err.code == ERR_NONE && o->allow_fuzzy ? 0 : run_disk_status(d);
}

int sync_report_status(const struct sync_outcome *o)
{
	int status = 0;

	for (size_t i = 0; i < o->set->n; i++)
		for (size_t k = 0; k < o->set->runs[i].cycle.n; k++)
			status = tool_worse_status(status, disk_status(o, &o->set->runs[i].cycle.disks[k]));
	for (size_t i = 0; i < o->set->n_broken; i++)
		status = tool_worse_status(status, sync_report_broken_status(&o->set->broken[i]));
	return status;
}

/* Messages hold names as they are on disk: escaped where they are not UTF-8. */
static json_t *message_json(const char *msg)
{
	char shown[2 * ERROR_MSG_MAX];

	escape_visible(msg, shown, sizeof(shown));
	return json_string(shown);
}

json_t *sync_report_error(const struct error *e, int status)
{
	if (e->code == ERR_NONE)
		return json_null();
	return json_pack("{s:s, s:i, s:o}", "code", sync_report_code(e->code), "status", status, "message",
			 message_json(e->msg));
}

/* ---- for people ---- */

static int add_columns(struct table *t, const char *const *headings, size_t n, size_t left, struct error *err)
{
	for (size_t i = 0; i < n; i++)
		if (table_column(t, headings[i], i >= left, err) < 0)
			return -1;
	return 0;
}

static int disk_row(struct table *t, const struct sync_outcome *o, const struct cycle_disk *d, struct error *err)
{
	char size[FORMAT_TEXT_LEN], bytes_read[FORMAT_TEXT_LEN], sent[FORMAT_TEXT_LEN], cleared[FORMAT_TEXT_LEN],
		took[FORMAT_TEXT_LEN];
	const char *cells[] = { d->name, run_result_name(d), run_kind_name(d->kind), size, bytes_read, sent, cleared, took };

	format_size(d->virtual_size, size);
	format_size(pass_counter(&d->progress.bytes_read), bytes_read);
	format_size(pass_counter(&d->progress.bytes_sent), sent);
	format_size(pass_counter(&d->progress.bytes_cleared), cleared);
	format_duration((d->finished_ns > d->started_ns ? d->finished_ns - d->started_ns : 0) / 1000000, took);
	if (table_row(t, cells, ARRAY_LEN(cells), err) < 0)
		return -1;
	return disk_status(o, d) != 0 ? table_mark(t, err) : 0;
}

struct totals {
	uint64_t bytes_read, hashed, sent, cleared;
	size_t disks, failed, parked, skipped;
};

static void add_totals(struct totals *t, const struct cycle_disk *d)
{
	t->bytes_read += pass_counter(&d->progress.bytes_read);
	t->hashed += pass_counter(&d->progress.blocks_hashed);
	t->sent += pass_counter(&d->progress.bytes_sent);
	t->cleared += pass_counter(&d->progress.bytes_cleared);
	t->disks++;
	t->failed += d->err.code != ERR_NONE && d->result != CYCLE_PARKED;
	t->parked += d->err.code != ERR_NONE && d->result == CYCLE_PARKED;
	t->skipped += d->err.code == ERR_NONE && d->result == CYCLE_SKIPPED;
}

static void print_totals(const struct sync_outcome *o, const struct totals *t)
{
	char bytes_read[FORMAT_TEXT_LEN], sent[FORMAT_TEXT_LEN], cleared[FORMAT_TEXT_LEN], took[FORMAT_TEXT_LEN];
	struct requests requests = requests_since(o->target, &o->before);
	char text[REQUESTS_TEXT_LEN], parked[32] = "";
	size_t n = t->disks + o->set->n_broken;

	requests_text(&requests, text);
	format_size(t->bytes_read, bytes_read);
	format_size(t->sent, sent);
	format_size(t->cleared, cleared);
	format_duration((o->finished_ns - o->started_ns) / 1000000, took);
	if (t->parked > 0)
		snprintf(parked, sizeof(parked), " %zu parked,", t->parked);
	printf("%zu disk%s, %zu unchanged,%s %zu failed; read %s, hashed %" PRIu64 " blocks, sent %s, cleared %s\n",
	       n, n == 1 ? "" : "s", t->skipped, parked, t->failed + o->set->n_broken, bytes_read, t->hashed, sent, cleared);
	printf("requests: %s; %s\n", text, took);
	printf("replicas: %s\n", target_name(o->target));
}

int sync_report_print(const struct sync_outcome *o, struct error *err)
{
	static const char *const headings[] = { "NAME", "RESULT", "KIND", "SIZE", "READ", "SENT", "CLEARED", "TIME" };
	CLEANUP(cleanup_table) struct table *table = table_new(o->color, err);
	struct totals totals = { 0 };

	if (!table || add_columns(table, headings, ARRAY_LEN(headings), 3, err) < 0)
		return -1;
	for (size_t i = 0; i < o->set->n; i++) {
		for (size_t k = 0; k < o->set->runs[i].cycle.n; k++) {
			const struct cycle_disk *d = &o->set->runs[i].cycle.disks[k];

			add_totals(&totals, d);
			if (disk_row(table, o, d, err) < 0)
				return -1;
		}
	}
	if (totals.disks > 0 && table_print(table, err) < 0)
		return -1;
	for (size_t i = 0; i < o->set->n; i++) {
		const struct run_vm *run = &o->set->runs[i];

		if (*run->cycle.point)
			printf("recovery point of %s: %s\n", o->set->vms[i].name, run->cycle.point);
		if (run->pruned.points > 0)
			printf("removed %zu older of %s (%zu snapshots)\n", run->pruned.points, o->set->vms[i].name,
			       run->pruned.snapshots);
	}
	print_totals(o, &totals);
	return 0;
}

int sync_report_plan(const struct sync_outcome *o, struct error *err)
{
	static const char *const headings[] = { "NAME", "RESULT", "KIND", "SIZE", "DATA" };
	CLEANUP(cleanup_table) struct table *table = table_new(o->color, err);
	char size[FORMAT_TEXT_LEN], data[FORMAT_TEXT_LEN];
	const char *cells[] = { NULL, NULL, NULL, size, data };
	bool any_first = false, any_again = false;
	uint64_t first = 0, again = 0;

	if (!table || add_columns(table, headings, ARRAY_LEN(headings), 3, err) < 0)
		return -1;
	for (size_t i = 0; i < o->set->n; i++) {
		for (size_t k = 0; k < o->set->runs[i].cycle.n; k++) {
			const struct cycle_disk *d = &o->set->runs[i].cycle.disks[k];

			cells[0] = d->name;
			cells[1] = d->err.code == ERR_NONE ? "would sync" : "would fail";
			cells[2] = run_kind_name(d->kind);
			format_size(d->virtual_size, size);
			format_size(d->data_bytes, data);
			if (table_row(table, cells, ARRAY_LEN(cells), err) < 0)
				return -1;
			*(d->kind == CYCLE_INITIAL ? &any_first : &any_again) |= d->err.code == ERR_NONE;
			*(d->kind == CYCLE_INITIAL ? &first : &again) += d->err.code == ERR_NONE ? d->data_bytes : 0;
		}
	}
	if (table_print(table, err) < 0)
		return -1;
	format_size(first, data);
	if (any_first)
		printf("first cycles would send and store at most %s\n", data);
	format_size(again, data);
	if (any_again)
		printf("later cycles would send what changed, of at most %s of data\n", data);
	printf("replicas: %s\nnothing was changed\n", target_name(o->target));
	return 0;
}
