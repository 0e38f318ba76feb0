/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <string.h>

#include "base/clock.h"
#include "inventory/disk_info.h"
#include "sync_report.h"

static int no_memory(struct error *err)
{
	return error_set(err, ERR_NOMEM, "no memory for a JSON document");
}

static json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* ---- a disk ---- */

struct sums {
	uint64_t bytes_read, blocks_hashed, blocks_changed, bytes_sent, bytes_cleared;
	uint64_t writes, clears, reads, others;
	uint64_t retries;
	uint64_t ms;
};

/*
 * A round's disks differ in their first members: these are one object, filled in anew for each disk.  The members after
 * them are the same of most: their text is that of the disk before, if it had the same sums.
 */
struct disk_form {
	json_t *head;
	json_t *name, *vm, *source, *result, *cycle, *kind, *consistency, *virtual_size; /* the head's own */
	struct strbuf tail;
	struct sums sums; /* of the tail */
	bool sums_only;   /* the tail tells of nothing else: no point, no snapshot, no error */
};

static void disk_form_fini(struct disk_form *f)
{
	json_decref(f->head);
	strbuf_fini(&f->tail);
}

static int disk_form_init(struct disk_form *f, struct error *err)
{
	static const char members[] = "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}";

	f->head = json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:i}", "name", "", "vm", "", "source", "", "result",
			    "", "cycle", 0, "kind", "", "consistency", "", "virtual_size", 0);
	if (!f->head || json_unpack(f->head, members, "name", &f->name, "vm", &f->vm, "source", &f->source, "result",
				    &f->result, "cycle", &f->cycle, "kind", &f->kind, "consistency", &f->consistency,
				    "virtual_size", &f->virtual_size) < 0)
		return no_memory(err);
	return 0;
}

/* Text that is not UTF-8 is found when the document's is made of it. */
static int fill_head(struct disk_form *f, const struct sync_vm *vm, const struct cycle_disk *d, struct error *err)
{
	CLEANUP_FREE char *label = disk_info_escape(vm->vm->label, err);
	CLEANUP_FREE char *source = label ? disk_info_escape(d->source_path, err) : NULL;

	if (!source)
		return -1;
	if (json_string_set_nocheck(f->name, d->name) < 0 || json_string_set_nocheck(f->vm, label) < 0 ||
	    json_string_set_nocheck(f->source, source) < 0 ||
	    json_string_set_nocheck(f->result, run_result_name(d)) < 0 ||
	    json_integer_set(f->cycle, (json_int_t)d->cycle) < 0 ||
	    json_string_set_nocheck(f->kind, run_kind_name(d->kind)) < 0 ||
	    json_string_set_nocheck(f->consistency, consistency_name(d->consistency)) < 0 ||
	    json_integer_set(f->virtual_size, (json_int_t)d->virtual_size) < 0)
		return no_memory(err);
	return 0;
}

static struct sums sums_of(const struct cycle_disk *d)
{
	const struct pass_progress *p = &d->progress;

	return (struct sums){
		.bytes_read = pass_counter(&p->bytes_read),
		.blocks_hashed = pass_counter(&p->blocks_hashed),
		.blocks_changed = pass_counter(&p->blocks_changed),
		.bytes_sent = pass_counter(&p->bytes_sent),
		.bytes_cleared = pass_counter(&p->bytes_cleared),
		.writes = d->requests.writes,
		.clears = d->requests.clears,
		.reads = d->requests.reads,
		.others = d->requests.others,
		.retries = d->retries,
		.ms = d->finished_ns > d->started_ns ? (d->finished_ns - d->started_ns) / 1000000 : 0,
	};
}

static json_t *tail_json(const struct sums *s, const char *point, const char *snapshot, json_t *error)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o}, s:o, s:o, s:o, s:f, s:o}", "bytes_read",
			 number(s->bytes_read), "blocks_hashed", number(s->blocks_hashed), "blocks_changed",
			 number(s->blocks_changed), "bytes_sent", number(s->bytes_sent), "bytes_cleared",
			 number(s->bytes_cleared), "requests", "writes", number(s->writes), "clears", number(s->clears),
			 "reads", number(s->reads), "others", number(s->others), "retries", number(s->retries),
			 "recovery_point", text_or_null(point), "snapshot", text_or_null(snapshot), "seconds",
			 (double)s->ms / 1e3, "error", error);
}

static int make_tail(struct disk_form *f, const struct cycle_disk *d, const char *point, int status, struct error *err)
{
	const struct sums sums = sums_of(d);
	bool sums_only = d->err.code == ERR_NONE && !*point && !*d->snapshot;
	CLEANUP(cleanup_json) json_t *tail = NULL;

	if (sums_only && f->sums_only && memcmp(&sums, &f->sums, sizeof(sums)) == 0)
		return 0;
	tail = tail_json(&sums, point, d->snapshot, sync_report_error(&d->err, status));
	f->tail.len = 0;
	f->sums = sums;
	f->sums_only = sums_only;
	return disk_info_add_members(&f->tail, tail, err);
}

static int add_disk(struct strbuf *text, struct disk_form *f, const struct sync_vm *vm, const char *point,
		    const struct cycle_disk *d, int status, struct error *err)
{
	if (fill_head(f, vm, d, err) < 0 || make_tail(f, d, point, status, err) < 0)
		return -1;
	strbuf_adds(text, "{");
	if (disk_info_add_members(text, f->head, err) < 0)
		return -1;
	strbuf_adds(text, ",");
	strbuf_add(text, f->tail.s, f->tail.len);
	strbuf_adds(text, "}");
	return 0;
}

/* The same members as any disk's, so that a reader need not look out for it. */
static int add_broken(struct strbuf *text, struct disk_form *f, const struct sync_broken *b, struct error *err)
{
	const struct cycle_disk d = { .name = b->name,
				      .source_path = b->image,
				      .result = CYCLE_FAILED,
				      .virtual_size = b->virtual_size,
				      .err = b->err };

	return add_disk(text, f, b->vm, "", &d, sync_report_broken_status(b), err);
}

static int add_planned(struct strbuf *text, const struct sync_vm *vm, const struct cycle_disk *d, struct error *err)
{
	CLEANUP(cleanup_json) json_t *label = disk_info_name(vm->vm->label, err);
	CLEANUP(cleanup_json) json_t *source = label ? disk_info_name(d->source_path, err) : NULL;
	CLEANUP(cleanup_json) json_t *j = NULL;

	if (!source)
		return -1;
	j = json_pack("{s:s, s:O, s:O, s:s, s:s, s:o, s:o, s:o}", "name", d->name, "vm", label, "source", source,
		      "result", d->err.code == ERR_NONE ? "planned" : "failed", "kind", run_kind_name(d->kind),
		      "virtual_size", number(d->virtual_size), "data_bytes", number(d->data_bytes), "error",
		      sync_report_error(&d->err, run_disk_status(d)));
	return disk_info_add_text(text, j, err);
}

/* ---- the document ---- */

static int add_disks(struct strbuf *text, const struct sync_outcome *o, struct error *err)
{
	CLEANUP(disk_form_fini) struct disk_form f = { .head = NULL };
	const struct sync_set *s = o->set;
	const char *before = "";

	if (disk_form_init(&f, err) < 0)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		const struct cycle_vm *vm = &s->runs[i].cycle;

		for (size_t k = 0; k < vm->n; k++, before = ",") {
			const struct cycle_disk *d = &vm->disks[k];
			const char *point = d->err.code == ERR_NONE ? vm->point : "";

			strbuf_adds(text, before);
			if ((o->dry_run ? add_planned(text, &s->vms[i], d, err)
					: add_disk(text, &f, &s->vms[i], point, d, run_disk_status(d), err)) < 0)
				return -1;
		}
	}
	for (size_t i = 0; i < s->n_broken; i++, before = ",") {
		strbuf_adds(text, before);
		if (add_broken(text, &f, &s->broken[i], err) < 0)
			return -1;
	}
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
	return json_pack("{s:I, s:I, s:I}", "points", (json_int_t)points, "snapshots", (json_int_t)snapshots,
			 "failed_vms", (json_int_t)failed);
}

char *sync_report_json(const struct sync_outcome *o, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
	CLEANUP(cleanup_json) json_t *first = NULL, *last = NULL;
	struct requests requests = requests_since(o->target, &o->before);
	char started[CLOCK_TEXT_LEN], finished[CLOCK_TEXT_LEN];

	clock_format_iso(o->started_ns, started);
	clock_format_iso(o->finished_ns, finished);
	first = json_pack("{s:i, s:s, s:s, s:s}", "schema", 1, "result",
			  sync_report_status(o) == 0 ? "ok" : "incomplete", "started", started, "finished", finished);
	last = json_pack("{s:o, s:o}", "requests", requests_json(&requests), "pruned", pruned_json(o));
	strbuf_adds(&text, "{");
	if (disk_info_add_members(&text, first, err) < 0)
		return NULL;
	strbuf_adds(&text, ",\"disks\":[");
	if (add_disks(&text, o, err) < 0)
		return NULL;
	strbuf_adds(&text, "],");
	if (disk_info_add_members(&text, last, err) < 0)
		return NULL;
	strbuf_adds(&text, "}\n");
	return strbuf_take(&text, err);
}
