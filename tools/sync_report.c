/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/parse.h"
#include "inventory/disk_info.h"
#include "sync_report.h"
#include "tool.h"

const char *sync_report_code(enum error_code code)
{
	return error_code_name(code);
}

/* A disk that the inventory could not place fails with 65 or what its error says, a usage error of its own with 65 too. */
static int broken_status(const struct sync_broken *b)
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
		status = tool_worse_status(status, broken_status(&o->set->broken[i]));
	return status;
}

static uint64_t count(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static double seconds(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? (double)((to_ns - from_ns) / 1000000) / 1e3 : 0.0;
}

/* ---- JSON ---- */

static json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
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

static json_t *disk_json(const struct sync_vm *vm, const struct run_vm *run, const struct cycle_disk *d,
			 struct error *err)
{
	CLEANUP(cleanup_json) json_t *label = disk_info_name(vm->vm->label, err);
	CLEANUP(cleanup_json) json_t *source = disk_info_name(d->source_path, err);
	const struct pass_progress *p = &d->progress;

	if (!label || !source)
		return NULL;
	return json_pack("{s:s, s:O, s:O, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o,"
			 " s:{s:o, s:o, s:o, s:o}, s:o, s:o, s:o, s:f, s:o}",
			 "name", d->name, "vm", label, "source", source, "result", run_result_name(d), "cycle",
			 number(d->cycle), "kind", run_kind_name(d->kind), "consistency",
			 consistency_name(d->consistency), "virtual_size", number(d->virtual_size), "bytes_read",
			 number(count(&p->bytes_read)), "blocks_hashed", number(count(&p->blocks_hashed)),
			 "blocks_changed", number(count(&p->blocks_changed)), "bytes_sent",
			 number(count(&p->bytes_sent)), "bytes_cleared", number(count(&p->bytes_cleared)), "requests",
			 "writes", number(d->requests.writes), "clears", number(d->requests.clears), "reads",
			 number(d->requests.reads), "others", number(d->requests.others), "retries",
			 number(d->retries), "recovery_point",
			 text_or_null(d->err.code == ERR_NONE ? run->cycle.point : ""), "snapshot",
			 text_or_null(d->snapshot), "seconds", seconds(d->started_ns, d->finished_ns), "error",
			 sync_report_error(&d->err, run_disk_status(d)));
}

static json_t *plan_json(const struct sync_vm *vm, const struct cycle_disk *d, struct error *err)
{
	CLEANUP(cleanup_json) json_t *label = disk_info_name(vm->vm->label, err);
	CLEANUP(cleanup_json) json_t *source = disk_info_name(d->source_path, err);

	if (!label || !source)
		return NULL;
	return json_pack("{s:s, s:O, s:O, s:s, s:s, s:o, s:o, s:o}", "name", d->name, "vm", label, "source", source,
			 "result", d->err.code == ERR_NONE ? "planned" : "failed", "kind", run_kind_name(d->kind), "virtual_size",
			 number(d->virtual_size), "data_bytes", number(d->data_bytes), "error",
			 sync_report_error(&d->err, run_disk_status(d)));
}

/* The same members as any disk's, so that a reader need not look out for it. */
static json_t *broken_json(const struct sync_broken *b, struct error *err)
{
	struct run_vm none = { .cycle = { .n = 0 } };
	struct cycle_disk d = { .name = b->name, .source_path = b->image, .result = CYCLE_FAILED,
				.virtual_size = b->virtual_size, .err = b->err };
	json_t *j = disk_json(b->vm, &none, &d, err);
	json_t *e = j ? json_object_get(j, "error") : NULL;

	if (e)
		json_object_set_new(e, "status", json_integer(broken_status(b)));
	return j;
}

static int append(json_t *disks, json_t *disk, struct error *err)
{
	if (disk && json_array_append_new(disks, disk) == 0)
		return 0;
	if (err && err->code == ERR_NONE)
		error_set(err, ERR_NOMEM, "no memory for a JSON document");
	return -1;
}

static int add_disks(const struct sync_outcome *o, json_t *disks, struct error *err)
{
	const struct sync_set *s = o->set;

	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < s->runs[i].cycle.n; k++) {
			const struct cycle_disk *d = &s->runs[i].cycle.disks[k];

			if (append(disks, o->dry_run ? plan_json(&s->vms[i], d, err) :
						       disk_json(&s->vms[i], &s->runs[i], d, err), err) < 0)
				return -1;
		}
	}
	for (size_t i = 0; i < s->n_broken; i++)
		if (append(disks, broken_json(&s->broken[i], err), err) < 0)
			return -1;
	return 0;
}

static json_t *pruned_json(const struct sync_outcome *o)
{
	size_t points = 0, snapshots = 0, failed = 0;

	for (size_t i = 0; i < o->set->n; i++) {
		points += o->set->runs[i].pruned.points;
		snapshots += o->set->runs[i].pruned.snapshots;
		failed += o->set->runs[i].pruned.err.code != ERR_NONE;
	}
	return json_pack("{s:I, s:I, s:I}", "points", (json_int_t)points, "snapshots", (json_int_t)snapshots, "failed_vms",
			 (json_int_t)failed);
}

json_t *sync_report_json(const struct sync_outcome *o, struct error *err)
{
	CLEANUP(cleanup_json) json_t *disks = json_array();
	struct requests requests = requests_since(o->target, &o->before);
	char started[CLOCK_TEXT_LEN], finished[CLOCK_TEXT_LEN];
	json_t *doc;

	if (disks && add_disks(o, disks, err) < 0)
		return NULL;
	clock_format_iso(o->started_ns, started);
	clock_format_iso(o->finished_ns, finished);
	doc = disks ? json_pack("{s:i, s:s, s:s, s:s, s:O, s:o, s:o}", "schema", 1, "result",
				sync_report_status(o) == 0 ? "ok" : "incomplete", "started", started, "finished", finished,
				"disks", disks, "requests", requests_json(&requests), "pruned", pruned_json(o)) :
		      NULL;
	if (!doc)
		error_set(err, ERR_NOMEM, "no memory for a JSON document");
	return doc;
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
	format_size(count(&d->progress.bytes_read), bytes_read);
	format_size(count(&d->progress.bytes_sent), sent);
	format_size(count(&d->progress.bytes_cleared), cleared);
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
	t->bytes_read += count(&d->progress.bytes_read);
	t->hashed += count(&d->progress.blocks_hashed);
	t->sent += count(&d->progress.bytes_sent);
	t->cleared += count(&d->progress.bytes_cleared);
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
