/* SPDX-License-Identifier: Apache-2.0 */
/* The replicas of a target, and its recovery points. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "inventory/disk_info.h"
#include "list.h"
#include "replicate/seed.h"
#include "thing.h"

struct entry {
	char *name, *vm;
	uint64_t virtual_size, size, data;
	char *unverified; /* since when, or NULL */
	bool leased;
	struct target_points points;
};

struct entries {
	struct entry *v;
	size_t n;
};

static void entries_fini(struct entries *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].name);
		free(l->v[i].vm);
		free(l->v[i].unverified);
		target_points_fini(&l->v[i].points);
	}
	free(l->v);
}

static int add_entry(void *ctx, const char *name, const struct target_look *look, struct error *err)
{
	const char *vm = target_meta_get(&look->meta, "vm"), *vsize = target_meta_get(&look->meta, "vsize");
	const char *unverified = target_meta_get(&look->meta, SEED_UNVERIFIED);
	struct entries *l = ctx;
	struct entry *v = reallocarray(l->v, l->n + 1, sizeof(*v)), *e;

	if (!v)
		return error_errno(err, ENOMEM, "%s", name);
	l->v = v;
	e = &v[l->n++];
	*e = (struct entry){ .name = strdup(name), .vm = strdup(vm ? vm : ""), .size = look->size, .leased = look->leased };
	if (unverified)
		e->unverified = strdup(unverified);
	if (!e->name || !e->vm || (unverified && !e->unverified))
		return error_errno(err, ENOMEM, "%s", name);
	if (!vsize || parse_u64(vsize, UINT64_MAX, &e->virtual_size, NULL) < 0)
		e->virtual_size = look->size > 512 ? look->size - 512 : 0;
	return 0;
}

static int ask_more(struct target *target, const struct list_options *o, struct entry *e, struct error *err)
{
	CLEANUP(cleanup_replica) struct replica *r = target_replica(target, e->name, err);
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };

	if (!r || cancel_check(o->cancel, err) < 0)
		return -1;
	if (!o->plain) {
		if (e->size > 0 && replica_extents(r, e->size, 0, NULL, &list, err) < 0)
			return -1;
		e->data = extent_list_bytes(&list, EXTENT_DATA);
	}
	return o->points ? replica_points(r, &e->points, err) : 0;
}

/* How many replicas have a snapshot with this token: a recovery point is whole if as many as it says do. */
static size_t count_token(const struct entries *l, const char *token)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		for (size_t k = 0; k < l->v[i].points.n; k++) {
			const char *theirs = target_meta_get(&l->v[i].points.v[k].meta, "token");

			if (theirs && strcmp(theirs, token) == 0) {
				n++;
				break;
			}
		}
	}
	return n;
}

static bool is_whole(const struct entries *l, const struct target_point *p)
{
	const char *disks = target_meta_get(&p->meta, "disks"), *token = target_meta_get(&p->meta, "token");
	uint64_t want;

	return disks && token && parse_u64(disks, 100000, &want, NULL) == 0 && count_token(l, token) >= want;
}

/* ---- output ---- */

static void print_plain(const struct entries *l, bool points)
{
	for (size_t i = 0; i < l->n; i++) {
		printf("%s\n", l->v[i].name);
		for (size_t k = 0; points && k < l->v[i].points.n; k++)
			if (thing_point_name(&l->v[i].points.v[k]))
				printf("%s@%s\n", l->v[i].name, thing_point_name(&l->v[i].points.v[k]));
	}
}

static int entry_rows(struct table *table, const struct entries *l, const struct entry *e, struct error *err)
{
	CLEANUP_FREE char *vm = disk_info_escape(e->vm, err);
	char size[FORMAT_TEXT_LEN], data[FORMAT_TEXT_LEN];
	char note[96] = "";
	const char *cells[] = { e->name, vm, size, data, note };

	if (!vm)
		return -1;
	if (e->unverified)
		snprintf(note, sizeof(note), "unverified since %.40s", e->unverified);
	else if (e->leased)
		snprintf(note, sizeof(note), "a cycle is running");
	format_size(e->virtual_size, size);
	format_size(e->data, data);
	if (table_row(table, cells, ARRAY_LEN(cells), err) < 0)
		return -1;
	for (size_t k = 0; k < e->points.n; k++) {
		const char *name = thing_point_name(&e->points.v[k]);
		char point[TARGET_POINT_LEN + 8];
		const char *row[] = { point, "", "", "", is_whole(l, &e->points.v[k]) ? "" : "not of all disks of its VM" };

		if (!name)
			continue;
		snprintf(point, sizeof(point), "  @%s", name);
		if (table_row(table, row, ARRAY_LEN(row), err) < 0)
			return -1;
	}
	return 0;
}

static int print_table(const struct entries *l, enum output_when color, struct error *err)
{
	static const char *const headings[] = { "NAME", "VM", "SIZE", "DATA", "NOTE" };
	CLEANUP(cleanup_table) struct table *table = table_new(color, err);

	if (!table)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		if (table_column(table, headings[i], i == 2 || i == 3, err) < 0)
			return -1;
	for (size_t i = 0; i < l->n; i++)
		if (entry_rows(table, l, &l->v[i], err) < 0)
			return -1;
	return table_print(table, err);
}

static json_t *points_json(const struct entries *l, const struct entry *e)
{
	json_t *points = json_array();

	for (size_t k = 0; points && k < e->points.n; k++) {
		const struct target_point *p = &e->points.v[k];
		const char *name = thing_point_name(p);

		if (name)
			json_array_append_new(points, json_pack("{s:s, s:s, s:b}", "name", name, "snapshot", p->id,
								"complete", is_whole(l, p)));
	}
	return points;
}

static int print_json(const struct entries *l, const struct target *target, bool points, struct error *err)
{
	CLEANUP(cleanup_json) json_t *replicas = json_array();
	CLEANUP(cleanup_json) json_t *doc = NULL;
	CLEANUP_FREE char *text = NULL;

	for (size_t i = 0; i < l->n; i++) {
		const struct entry *e = &l->v[i];
		json_t *vm = disk_info_name(e->vm, err);
		json_t *j = vm ? json_pack("{s:s, s:o, s:I, s:I, s:I, s:b}", "name", e->name, "vm", vm, "virtual_size",
					   (json_int_t)e->virtual_size, "size", (json_int_t)e->size, "data",
					   (json_int_t)e->data, "leased", e->leased) : NULL;

		if (j && e->unverified)
			json_object_set_new(j, "unverified", disk_info_name(e->unverified, err));
		if (j && points)
			json_object_set_new(j, "points", points_json(l, e));
		if (!j || json_array_append_new(replicas, j) != 0)
			return error_set(err, ERR_NOMEM, "no memory for a JSON document");
	}
	doc = json_pack("{s:i, s:o, s:O}", "schema", 1, "target", disk_info_name(target_name(target), err), "replicas",
			replicas);
	text = doc ? disk_info_text(doc, err) : NULL;
	if (!text)
		return doc ? -1 : error_set(err, ERR_NOMEM, "no memory for a JSON document");
	fputs(text, stdout);
	return 0;
}

int list_target(const struct tool *t, const struct list_options *o, const char *url, struct error *err)
{
	CLEANUP(cleanup_connection) struct connection place = { 0 };
	const struct connect_options opt = { .insecure_http = o->insecure_http, .cancel = o->cancel };
	struct entries l = { 0 };
	int rc = connect_open(t, url, &opt, &place, err);

	if (rc == 0)
		rc = target_list(place.target, add_entry, &l, err);
	for (size_t i = 0; rc == 0 && i < l.n; i++)
		rc = ask_more(place.target, o, &l.v[i], err);
	if (rc == 0 && t->common.json)
		rc = print_json(&l, place.target, o->points, err);
	else if (rc == 0 && o->plain)
		print_plain(&l, o->points);
	else if (rc == 0)
		rc = print_table(&l, t->common.color, err);
	entries_fini(&l);
	return rc;
}
