/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "inventory/disk_info.h"
#include "prune_report.h"
#include "sync_report.h"

static bool goes(const struct prune_verdict *v)
{
	return v->fate == PRUNE_DROPPED || v->fate == PRUNE_LEFTOVER;
}

/* ---- for people ---- */

static void why_of(const struct prune_verdict *v, char *out, size_t len)
{
	char reasons[RETENTION_TEXT_LEN];

	retention_text(v->reasons, reasons);
	snprintf(out, len, "%s", v->fate == PRUNE_LEFTOVER  ? "incomplete for good" :
				 v->fate == PRUNE_PENDING ? "incomplete, may yet be completed" : reasons);
}

static const char *action_of(const struct prune_outcome *o, const struct prune_verdict *v)
{
	if (!goes(v))
		return "keep";
	if (v->err.code != ERR_NONE)
		return "failed";
	return o->dry_run ? "would remove" : v->removed > 0 ? "removed" : "not tried";
}

static int point_row(struct table *t, const struct prune_outcome *o, const struct point *p, const struct prune_verdict *v,
		     struct error *err)
{
	CLEANUP_FREE char *vm = disk_info_escape(p->vm_now, err);
	char age[FORMAT_TEXT_LEN], disks[32], why[RETENTION_TEXT_LEN];
	const char *cells[] = { vm, p->name, age, disks, action_of(o, v), why };

	if (!vm)
		return -1;
	output_age(p->moment_ns, o->now_ns, age);
	snprintf(disks, sizeof(disks), "%u of %u", p->found, p->disks);
	why_of(v, why, sizeof(why));
	if (table_row(t, cells, ARRAY_LEN(cells), err) < 0)
		return -1;
	return v->err.code != ERR_NONE ? table_mark(t, err) : 0;
}

static void count(const struct prune_result *r, size_t *kept, size_t *going, size_t *snapshots)
{
	*kept = *going = *snapshots = 0;
	for (size_t i = 0; i < r->points.n; i++) {
		if (goes(&r->v[i])) {
			++*going;
			*snapshots += r->points.v[i].n;
		} else if (r->v[i].fate != PRUNE_OTHER) {
			++*kept;
		}
	}
}

static const char *s(size_t n)
{
	return n == 1 ? "" : "s";
}

int prune_report_print(const struct prune_outcome *o, struct error *err)
{
	static const char *const headings[] = { "VM", "POINT", "AGE", "DISKS", "ACTION", "WHY" };
	CLEANUP(cleanup_table) struct table *table = table_new(o->color, err);
	const struct prune_result *r = o->result;
	char text[REQUESTS_TEXT_LEN];
	size_t kept, going, snapshots;

	if (!table)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		if (table_column(table, headings[i], i == 2, err) < 0)
			return -1;
	count(r, &kept, &going, &snapshots);
	for (size_t i = 0; i < r->points.n; i++)
		if (r->v[i].fate != PRUNE_OTHER && point_row(table, o, &r->points.v[i], &r->v[i], err) < 0)
			return -1;
	if (kept + going > 0 && table_print(table, err) < 0)
		return -1;
	requests_text(&o->requests, text);
	if (o->dry_run)
		printf("would remove %zu recovery point%s (%zu snapshot%s) and keep %zu", going, s(going), snapshots, s(snapshots),
		       kept);
	else
		printf("removed %zu recovery point%s (%zu snapshot%s), kept %zu", r->points_removed, s(r->points_removed),
		       r->snapshots_removed, s(r->snapshots_removed), kept + going - r->points_removed);
	if (r->points.foreign > 0)
		printf("; %zu snapshot%s of somebody else %s left alone", r->points.foreign, s(r->points.foreign),
		       r->points.foreign == 1 ? "is" : "are");
	printf("\nrequests: %s\nreplicas: %s\n%s", text, target_name(o->target), o->dry_run ? "nothing was changed\n" : "");
	return 0;
}

/* ---- JSON ---- */

static json_t *reasons_json(const struct prune_verdict *v)
{
	json_t *reasons = json_array();

	for (unsigned i = 0; reasons && i < RETENTION_REASONS; i++)
		if (v->reasons & 1u << i)
			json_array_append_new(reasons, json_string(retention_reason_name(i)));
	if (reasons && v->fate == PRUNE_PENDING)
		json_array_append_new(reasons, json_string("pending"));
	return reasons;
}

static json_t *point_json(const struct point *p, const struct prune_verdict *v, struct error *err)
{
	CLEANUP(cleanup_json) json_t *vm = disk_info_name(p->vm_now, err);
	char moment[CLOCK_TEXT_LEN];
	json_t *j;

	if (!vm)
		return NULL;
	clock_format_iso(p->moment_ns, moment);
	j = json_pack("{s:O, s:s, s:s, s:i, s:i, s:b, s:i}", "vm", vm, "name", p->name, "moment", moment, "disks", (int)p->disks,
		      "found", (int)p->found, "complete", p->complete, "snapshots", (int)p->n);
	if (j && !goes(v))
		json_object_set_new(j, "reasons", reasons_json(v));
	if (j && goes(v)) {
		json_object_set_new(j, "snapshots_removed", json_integer((json_int_t)v->removed));
		json_object_set_new(j, "error", sync_report_error(&v->err, error_exit_status(&v->err)));
	}
	if (!j)
		error_set(err, ERR_NOMEM, "no memory for a JSON document");
	return j;
}

json_t *prune_report_json(const struct prune_outcome *o, struct error *err)
{
	CLEANUP(cleanup_json) json_t *kept = json_array();
	CLEANUP(cleanup_json) json_t *removed = json_array();
	CLEANUP(cleanup_json) json_t *target = disk_info_name(target_name(o->target), err);
	const struct prune_result *r = o->result;
	json_t *doc;

	for (size_t i = 0; target && kept && removed && i < r->points.n; i++) {
		json_t *j;

		if (r->v[i].fate == PRUNE_OTHER)
			continue;
		j = point_json(&r->points.v[i], &r->v[i], err);
		if (!j || json_array_append_new(goes(&r->v[i]) ? removed : kept, j) != 0)
			return NULL;
	}
	if (!target)
		return NULL;
	doc = json_pack("{s:i, s:s, s:b, s:O, s:O, s:O, s:I, s:I, s:I, s:o}", "schema", 1, "result", o->failed ? "incomplete" : "ok",
			"dry_run", o->dry_run, "target", target, "kept", kept, "removed", removed, "points_removed",
			(json_int_t)r->points_removed, "snapshots_removed", (json_int_t)r->snapshots_removed, "foreign_snapshots",
			(json_int_t)r->points.foreign, "requests", requests_json(&o->requests));
	if (!doc)
		error_set(err, ERR_NOMEM, "no memory for a JSON document");
	return doc;
}
