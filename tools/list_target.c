/* SPDX-License-Identifier: Apache-2.0 */
/* The replicas of a target, and its recovery points. */
#include <config.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "document.h"
#include "inventory/disk_info.h"
#include "list.h"
#include "replicate/points.h"

/* All that is shown: the replicas with their points, and of each replica how much data it holds. */
struct shown {
	struct points points;
	uint64_t *data; /* in step with points.replicas */
	uint64_t now_ns;
};

static void shown_fini(struct shown *l)
{
	points_fini(&l->points);
	free(l->data);
}

static int ask_data(struct target *target, const struct points_replica *e, struct cancel *cancel, uint64_t *out,
		    struct error *err)
{
	CLEANUP(cleanup_replica) struct replica *r = target_replica(target, e->name, err);
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };

	if (!r || cancel_check(cancel, err) < 0)
		return -1;
	if (e->size > 0 && replica_extents(r, e->size, 0, NULL, &list, err) < 0)
		return -1;
	*out = extent_list_bytes(&list, EXTENT_DATA);
	return 0;
}

/* Without --points no snapshot need be listed. */
static int add_replica(void *ctx, const char *name, const struct target_look *look, struct error *err)
{
	return points_add_replica(ctx, name, look, err);
}

static int find(struct target *target, const struct list_options *o, struct shown *l, struct error *err)
{
	if ((o->points ? points_list(target, &l->points, err) : target_list(target, add_replica, &l->points, err)) < 0)
		return -1;
	l->data = calloc(l->points.n_replicas + 1, sizeof(*l->data));
	if (!l->data)
		return error_errno(err, ENOMEM, "list of replicas");
	for (size_t i = 0; !o->plain && i < l->points.n_replicas; i++)
		if (ask_data(target, &l->points.replicas[i], o->cancel, &l->data[i], err) < 0)
			return -1;
	return 0;
}

/* ---- for scripts ---- */

static bool has_replica(const struct point *p, size_t replica, const char **snapshot)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].replica != replica)
			continue;
		*snapshot = p->v[i].id;
		return true;
	}
	return false;
}

static void print_plain(const struct points *p)
{
	const char *snapshot;

	for (size_t i = 0; i < p->n_replicas; i++) {
		printf("%s\n", p->replicas[i].name);
		for (size_t k = 0; k < p->n; k++)
			if (has_replica(&p->v[k], i, &snapshot))
				printf("%s@%s\n", p->replicas[i].name, p->v[k].name);
	}
}

/* ---- tables ---- */

static int add_columns(struct table *t, const char *const *headings, size_t n, unsigned right, struct error *err)
{
	for (size_t i = 0; i < n; i++)
		if (table_column(t, headings[i], right & 1u << i, err) < 0)
			return -1;
	return 0;
}

static int replica_row(struct table *table, const struct points_replica *e, uint64_t data_bytes, struct error *err)
{
	CLEANUP_FREE char *vm = disk_info_escape(e->vm, err);
	char size[FORMAT_TEXT_LEN], data[FORMAT_TEXT_LEN];
	char note[96] = "";
	const char *cells[] = { e->name, vm, size, data, note };

	if (!vm)
		return -1;
	if (e->unverified)
		snprintf(note, sizeof(note), "unverified since %.40s", e->unverified);
	else
		snprintf(note, sizeof(note), "%s", e->leased ? "a cycle is running" : e->is_new ? "no cycle yet" : "");
	format_size(e->virtual_size, size);
	format_size(data_bytes, data);
	return table_row(table, cells, ARRAY_LEN(cells), err);
}

static int print_replicas(const struct shown *l, enum output_when color, struct error *err)
{
	static const char *const headings[] = { "NAME", "VM", "SIZE", "DATA", "NOTE" };
	CLEANUP(cleanup_table) struct table *table = table_new(color, err);

	if (!table || add_columns(table, headings, ARRAY_LEN(headings), 1 << 2 | 1 << 3, err) < 0)
		return -1;
	for (size_t i = 0; i < l->points.n_replicas; i++)
		if (replica_row(table, &l->points.replicas[i], l->data[i], err) < 0)
			return -1;
	return table_print(table, err);
}

static int point_row(struct table *table, const struct point *p, uint64_t now_ns, struct error *err)
{
	CLEANUP_FREE char *vm = disk_info_escape(p->vm, err);
	char age[FORMAT_TEXT_LEN], disks[32];
	const char *cells[] = { vm, p->name, age, disks, p->consistency, p->complete ? "" : "incomplete" };

	if (!vm)
		return -1;
	output_age(p->moment_ns, now_ns, age);
	snprintf(disks, sizeof(disks), "%u of %u", p->found, p->disks);
	if (table_row(table, cells, ARRAY_LEN(cells), err) < 0)
		return -1;
	return p->complete ? 0 : table_mark(table, err);
}

static int print_points(const struct shown *l, enum output_when color, struct error *err)
{
	static const char *const headings[] = { "VM", "POINT", "AGE", "DISKS", "CONSISTENCY", "NOTE" };
	CLEANUP(cleanup_table) struct table *table = table_new(color, err);
	const struct points *p = &l->points;

	if (!table || add_columns(table, headings, ARRAY_LEN(headings), 1 << 2, err) < 0)
		return -1;
	for (size_t i = 0; i < p->n; i++)
		if (point_row(table, &p->v[i], l->now_ns, err) < 0)
			return -1;
	printf("\n");
	if (p->n > 0 && table_print(table, err) < 0)
		return -1;
	printf("%zu recovery point%s", p->n, p->n == 1 ? "" : "s");
	if (p->foreign > 0)
		printf("; %zu snapshot%s of somebody else", p->foreign, p->foreign == 1 ? "" : "s");
	printf("\n");
	return 0;
}

/* ---- JSON ---- */

static int no_memory(struct error *err)
{
	return error_set(err, ERR_NOMEM, "no memory for a JSON document");
}

static json_t *points_of_replica(const struct points *p, size_t replica)
{
	json_t *points = json_array();
	const char *snapshot;

	for (size_t k = 0; points && k < p->n; k++)
		if (has_replica(&p->v[k], replica, &snapshot))
			json_array_append_new(points, json_pack("{s:s, s:s, s:b}", "name", p->v[k].name, "snapshot", snapshot,
								"complete", p->v[k].complete));
	return points;
}

static json_t *replicas_json(const struct shown *l, bool points, struct error *err)
{
	CLEANUP(cleanup_json) json_t *replicas = json_array();

	for (size_t i = 0; i < l->points.n_replicas; i++) {
		const struct points_replica *e = &l->points.replicas[i];
		json_t *vm = disk_info_name(e->vm, err);
		json_t *j = vm ? json_pack("{s:s, s:o, s:I, s:I, s:I, s:b, s:b}", "name", e->name, "vm", vm, "virtual_size",
					   (json_int_t)e->virtual_size, "size", (json_int_t)e->size, "data",
					   (json_int_t)l->data[i], "leased", e->leased, "new", e->is_new) : NULL;

		if (j && e->unverified)
			json_object_set_new(j, "unverified", disk_info_name(e->unverified, err));
		if (j && points) {
			json_object_set_new(j, "points", points_of_replica(&l->points, i));
			json_object_set_new(j, "foreign_snapshots", json_integer((json_int_t)e->foreign));
		}
		if (!j || !replicas || json_array_append_new(replicas, j) != 0) {
			no_memory(err);
			return NULL;
		}
	}
	return json_incref(replicas);
}

static json_t *points_json(const struct shown *l, struct error *err)
{
	CLEANUP(cleanup_json) json_t *points = json_array();

	for (size_t i = 0; i < l->points.n; i++) {
		const struct point *p = &l->points.v[i];
		json_t *vm = disk_info_name(p->vm, err), *j = NULL;
		uint64_t age_s = l->now_ns > p->moment_ns ? (l->now_ns - p->moment_ns) / 1000000000 : 0;
		char moment[CLOCK_TEXT_LEN];

		clock_format_iso(p->moment_ns, moment);
		if (vm)
			j = json_pack("{s:o, s:s, s:s, s:I, s:i, s:i, s:b, s:o, s:s}", "vm", vm, "name", p->name, "moment", moment,
				      "age_seconds", (json_int_t)age_s, "disks", (int)p->disks, "found", (int)p->found,
				      "complete", p->complete, "consistency",
				      *p->consistency ? json_string(p->consistency) : json_null(), "token", p->token);
		if (!j || !points || json_array_append_new(points, j) != 0) {
			no_memory(err);
			return NULL;
		}
	}
	return json_incref(points);
}

static int print_json(const struct shown *l, const struct target *target, bool points, struct error *err)
{
	CLEANUP(cleanup_json) json_t *replicas = replicas_json(l, points, err);
	CLEANUP(cleanup_json) json_t *doc = NULL;

	if (!replicas)
		return -1;
	doc = json_pack("{s:i, s:o, s:O}", "schema", 1, "target", disk_info_name(target_name(target), err), "replicas", replicas);
	if (!doc)
		return no_memory(err);
	if (points) {
		json_t *list = points_json(l, err);

		if (!list)
			return -1;
		json_object_set_new(doc, "points", list);
		json_object_set_new(doc, "foreign_snapshots", json_integer((json_int_t)l->points.foreign));
	}
	return document_print(doc, err);
}

int list_target(const struct tool *t, const struct list_options *o, const char *url, struct error *err)
{
	CLEANUP(cleanup_connection) struct connection place = { 0 };
	CLEANUP(shown_fini) struct shown l = { .now_ns = clock_realtime_ns() };
	const struct connect_options opt = { .insecure_http = o->insecure_http, .cancel = o->cancel };

	if (connect_open(t, url, &opt, &place, err) < 0 || find(place.target, o, &l, err) < 0)
		return -1;
	if (t->common.json)
		return print_json(&l, place.target, o->points, err);
	if (o->plain) {
		print_plain(&l.points);
		return 0;
	}
	if (print_replicas(&l, t->common.color, err) < 0)
		return -1;
	return o->points ? print_points(&l, t->common.color, err) : 0;
}
