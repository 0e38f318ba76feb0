/* SPDX-License-Identifier: Apache-2.0 */
/* liftfs info: what an image is. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "datastores.h"
#include "document.h"
#include "inventory/disk_info.h"
#include "guest/partitions.h"
#include "info_check.h"
#include "info_manifest.h"
#include "thing.h"

#define MAP_WINDOW (UINT64_C(256) << 20) /* extents are asked for this much of the disk at a time: memory stays small */

struct info_options {
	bool map, check, manifest, unchecked_parents;
	struct datastores datastores;
};

/* ---- --map ---- */

struct map_writer {
	bool json, any;
	struct extent last; /* len 0: none yet */
	struct table *table;
};

static int write_run(struct map_writer *w, struct error *err)
{
	const struct extent *e = &w->last;
	char start[24], len[24], depth[12];
	const char *cells[] = { start, len, e->kind == EXTENT_DATA ? "data" : "zero", depth };

	if (e->len == 0)
		return 0;
	if (w->json) {
		printf("%s{ \"start\": %" PRIu64 ", \"length\": %" PRIu64 ", \"depth\": %" PRIu32
		       ", \"zero\": %s, \"data\": %s }", w->any ? ",\n" : "[", e->off, e->len, e->depth,
		       e->kind == EXTENT_DATA ? "false" : "true", e->kind == EXTENT_DATA ? "true" : "false");
		w->any = true;
		return 0;
	}
	snprintf(start, sizeof(start), "%" PRIu64, e->off);
	snprintf(len, sizeof(len), "%" PRIu64, e->len);
	snprintf(depth, sizeof(depth), "%" PRIu32, e->depth);
	return table_row(w->table, cells, ARRAY_LEN(cells), err);
}

static int add_run(struct map_writer *w, const struct extent *e, struct error *err)
{
	if (w->last.len > 0 && w->last.kind == e->kind && w->last.depth == e->depth) {
		w->last.len += e->len;
		return 0;
	}
	if (write_run(w, err) < 0)
		return -1;
	w->last = *e;
	return 0;
}

static int walk_map(struct disk *d, struct map_writer *w, struct error *err)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	uint64_t size = disk_size(d);

	for (uint64_t off = 0; off < size; off += MAP_WINDOW) {
		uint64_t len = size - off < MAP_WINDOW ? size - off : MAP_WINDOW;

		extent_list_clear(&list);
		if (disk_extents(d, len, off, true, &list, err) < 0)
			return -1;
		for (size_t i = 0; i < list.n; i++)
			if (add_run(w, &list.v[i], err) < 0)
				return -1;
	}
	return write_run(w, err);
}

static int print_map(struct disk *d, const struct tool_common *c, struct error *err)
{
	const bool json = c->json;
	CLEANUP(cleanup_table) struct table *table = json ? NULL : table_new(c->color, err);
	struct map_writer w = { .json = json, .table = table };

	if (!json && (!table || table_column(table, "START", true, err) < 0 ||
		      table_column(table, "LENGTH", true, err) < 0 || table_column(table, "KIND", false, err) < 0 ||
		      table_column(table, "DEPTH", true, err) < 0))
		return -1;
	if (walk_map(d, &w, err) < 0)
		return -1;
	if (json)
		printf("%s]\n", w.any ? "" : "[");
	return json ? 0 : table_print(table, err);
}

/* ---- for people ---- */

static void print_size(const char *what, uint64_t bytes)
{
	char text[FORMAT_TEXT_LEN];

	format_size(bytes, text);
	printf("%-12s %s (%" PRIu64 " bytes)\n", what, text, bytes);
}

static int print_chain(const struct disk *d, struct error *err)
{
	bool dirty = false, atime = false;

	for (size_t i = 0; i < disk_chain_len(d); i++) {
		const struct disk_image_info *info = disk_chain_info(d, i);
		CLEANUP_FREE char *path = disk_info_escape(info->path, err);
		CLEANUP_FREE char *id = disk_info_escape(info->id, err);

		if (!path || !id)
			return -1;
		printf("%-12s %s (%s%s%s)%s%s\n", i == 0 ? "chain:" : "  parent:", path, info->format,
		       *info->subformat ? " " : "", info->subformat, *id ? ", id " : "", id);
		dirty = dirty || info->dirty_log;
	}
	for (size_t i = 0; i < disk_file_count(d); i++)
		atime = atime || !disk_file(d, i)->noatime;
	if (dirty)
		printf("%-12s not empty: replayed in memory, the file is left as it is\n", "log:");
	if (atime)
		printf("%-12s reading may change access times: the files belong to somebody else\n", "note:");
	return 0;
}

static int partition_row(struct table *table, const struct partition *p, struct error *err)
{
	CLEANUP_FREE char *label = disk_info_escape(p->label, err);
	char number[12], off[24], len[24], size[FORMAT_TEXT_LEN];
	const char *cells[] = { p->number ? number : "-", off, len, size, p->type, p->fs, label };

	if (!label)
		return -1;
	snprintf(number, sizeof(number), "%u", p->number);
	snprintf(off, sizeof(off), "%" PRIu64, p->off);
	snprintf(len, sizeof(len), "%" PRIu64, p->len);
	format_size(p->len, size);
	return table_row(table, cells, ARRAY_LEN(cells), err);
}

static int print_partitions(struct disk *d, enum output_when color, struct error *err)
{
	static const char *const headings[] = { "NUMBER", "OFFSET", "LENGTH", "SIZE", "TYPE", "CONTENT", "LABEL" };
	CLEANUP(cleanup_table) struct table *table = table_new(color, err);
	struct partitions parts = { 0 };
	int rc = 0;

	if (!table)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		if (table_column(table, headings[i], i < 4, err) < 0)
			return -1;
	if (partitions_find(d, &parts, err) < 0)
		return error_prefix(err, "partitions");
	printf("%-12s %s\n", "partitions:", *parts.table ? parts.table : parts.n ? "none, a file system" : "none found");
	for (size_t i = 0; rc == 0 && i < parts.n; i++)
		rc = partition_row(table, &parts.v[i], err);
	if (rc == 0 && parts.n > 0)
		rc = table_print(table, err);
	partitions_fini(&parts);
	return rc;
}

static int print_text(struct disk *d, const char *name, enum output_when color, struct error *err)
{
	const struct disk_image_info *leaf = disk_chain_info(d, 0);
	CLEANUP_FREE char *shown = disk_info_escape(name, err);

	if (!shown)
		return -1;
	printf("%-12s %s\n", "image:", shown);
	printf("%-12s %s%s%s\n", "format:", leaf->format, *leaf->subformat ? ", " : "", leaf->subformat);
	print_size("size:", disk_size(d));
	printf("%-12s %" PRIu32 " bytes\n", "sectors:", leaf->sector_size);
	if (disk_file_count(d) > 0)
		print_size("on disk:", disk_allocated(d));
	if (print_chain(d, err) < 0)
		return -1;
	return print_partitions(d, color, err);
}

static int print_json(struct disk *d, const char *name, struct error *err)
{
	CLEANUP(cleanup_json) json_t *doc = disk_info_json(d, name, err);

	return doc ? document_print(doc, err) : -1;
}

/* A URL is shown without what it carries. */
static int run(const struct tool *t, const struct info_options *o, struct error *err)
{
	CLEANUP(cleanup_thing) struct thing thing = { 0 };
	const struct connect_options opt = { 0 };
	const struct disk_options image = {
		.unchecked_parents = o->unchecked_parents,
		.datastores = o->datastores.v,
		.n_datastores = o->datastores.n,
	};
	const char *name = t->args[0];
	char shown[OUTPUT_TEXT_MAX];

	if (o->map + o->check + o->manifest > 1)
		return error_set(err, ERR_USAGE, "--map, --check and --manifest exclude each other");
	if (o->manifest)
		return info_manifest(t, name, err);
	if (thing_open(t, name, &opt, &image, &thing, err) < 0)
		return -1;
	snprintf(shown, sizeof(shown), "%.*s", target_is_url(name) ? (int)strcspn(name, "?") : (int)strlen(name), name);
	if (o->check)
		return info_check(t, thing.disk, shown, err);
	if (o->map)
		return print_map(thing.disk, &t->common, err);
	return t->common.json ? print_json(thing.disk, shown, err) : print_text(thing.disk, shown, t->common.color, err);
}

int main(int argc, char **argv)
{
	struct info_options o = { 0 };
	const struct tool_option options[] = {
		{ "map", 0, NULL, "list extents: where data lies, what is zero", tool_set_flag, &o.map, NULL },
		{ "check", 0, NULL, "walk all tables: what is damaged or shared", tool_set_flag, &o.check, NULL },
		{ "manifest", 0, NULL, "compare an OVA's files with its manifest", tool_set_flag, &o.manifest,
		  NULL },
		{ "datastore", 0, "NAME=DIR", "where absolute names of parents lie here", datastores_set, &o.datastores, NULL },
		{ "unchecked-parents", 0, NULL, "read parents that are not those that are named", tool_set_flag,
		  &o.unchecked_parents, NULL },
		{ 0 },
	};
	struct tool t = {
		.verb = "info",
		.arguments = "IMAGE",
		.summary = "Says what an image is: format, chain of parents, sizes, partitions.",
		.options = options,
		.min_args = 1,
		.max_args = 1,
	};
	struct error err = ERROR_INIT;
	int status = tool_begin(&t, argc, argv);

	if (status < 0)
		status = tool_end(&t, run(&t, &o, &err) < 0 ? tool_fail(&t, &err) : 0);
	datastores_fini(&o.datastores);
	return status;
}
