/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "disk/disk.h"
#include "disk/ova_manifest.h"
#include "document.h"
#include "info_manifest.h"
#include "inventory/disk_info.h"

struct check {
	const struct ova *ova;
	struct ova_manifest manifest;
	json_t *files, *uncovered;
	bool json;
	struct error first; /* of the first digest that is wrong */
};

static struct ova *open_archive(const char *path, struct error *err)
{
	CLEANUP(cleanup_backing_root) struct backing_root *root = NULL;
	const char *slash = strrchr(path, '/'), *format = disk_format_of_path(path);
	CLEANUP_FREE char *folder = !slash ? strdup(".") : slash == path ? strdup("/") :
								     strndup(path, (size_t)(slash - path));
	struct backing *file;

	if (!format || strcmp(format, "ova") != 0) {
		error_set(err, ERR_USAGE, "%s: only an OVA has a manifest", path);
		return NULL;
	}
	if (!folder) {
		error_set(err, ERR_NOMEM, "no memory for a path");
		return NULL;
	}
	root = backing_root_open(folder, err);
	file = root ? backing_open(root, slash ? slash + 1 : path, true, err) : NULL;
	return file ? ova_open(file, err) : NULL;
}

static int no_memory(struct error *err)
{
	return error_set(err, ERR_NOMEM, "no memory for a JSON document");
}

static int show_line(struct check *c, const struct ova_manifest_line *line, const char *expected, const char *found,
		     bool equal, struct error *err)
{
	CLEANUP_FREE char *name = disk_info_escape(line->member->name, err);
	json_t *j;

	if (!name)
		return -1;
	if (!c->json) {
		printf("%-8s %-7s %s\n", equal ? "ok" : "WRONG", line->algorithm, name);
		return 0;
	}
	j = json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", name, "algorithm", line->algorithm, "result",
		      equal ? "ok" : "mismatch", "expected", expected, "found", found);
	return j && json_array_append_new(c->files, j) == 0 ? 0 : no_memory(err);
}

static int check_line(struct check *c, const struct ova_manifest_line *line, struct error *err)
{
	char expected[OVA_DIGEST_TEXT], found[OVA_DIGEST_TEXT];
	bool equal;

	if (ova_manifest_check(c->ova, line, &equal, found, err) < 0)
		return -1;
	ova_manifest_digest(line, expected);
	if (!equal && c->first.code == ERR_NONE)
		error_set(&c->first, ERR_CORRUPT, "%s: '%.100s' has the %s digest %s, where the manifest says %s",
			  c->ova->file->path, line->member->name, line->algorithm, found, expected);
	return show_line(c, line, expected, found, equal, err);
}

static int show_uncovered(struct check *c, struct error *err)
{
	for (size_t i = 0; i < c->ova->n_members; i++) {
		const struct tar_member *m = &c->ova->members[i];
		CLEANUP_FREE char *name = NULL;

		if (ova_manifest_covers(&c->manifest, m))
			continue;
		name = disk_info_escape(m->name, err);
		if (!name)
			return -1;
		if (!c->json)
			printf("%-16s %s\n", "not covered", name);
		else if (json_array_append_new(c->uncovered, json_string(name)) != 0)
			return no_memory(err);
	}
	return 0;
}

static int print_document(const struct check *c, const char *path, struct error *err)
{
	CLEANUP(cleanup_json) json_t *shown = disk_info_name(path, err);
	CLEANUP(cleanup_json) json_t *manifest = shown ? disk_info_name(c->manifest.file->name, err) : NULL;
	CLEANUP(cleanup_json) json_t *doc = NULL;

	if (!manifest)
		return -1;
	doc = json_pack("{s:i, s:O, s:O, s:s, s:O, s:O}", "schema", 1, "path", shown, "manifest", manifest, "result",
			c->first.code == ERR_NONE ? "ok" : "mismatch", "files", c->files, "uncovered", c->uncovered);
	if (!doc)
		return no_memory(err);
	return document_print(doc, err);
}

static int check(struct check *c, const char *path, struct error *err)
{
	if (ova_manifest_read(c->ova, &c->manifest, err) < 0)
		return -1;
	if (!c->manifest.file)
		return error_set(err, ERR_MISMATCH, "%s: no manifest (.mf) to compare it with", path);
	for (size_t i = 0; i < c->manifest.n; i++)
		if (check_line(c, &c->manifest.lines[i], err) < 0)
			return -1;
	if (show_uncovered(c, err) < 0 || (c->json && print_document(c, path, err) < 0))
		return -1;
	if (c->first.code == ERR_NONE)
		return 0;
	if (err)
		*err = c->first;
	return -1;
}

int info_manifest(const struct tool *t, const char *path, struct error *err)
{
	CLEANUP(cleanup_ova) struct ova *o = open_archive(path, err);
	CLEANUP(cleanup_json) json_t *files = json_array();
	CLEANUP(cleanup_json) json_t *uncovered = json_array();
	struct check c = { .ova = o, .files = files, .uncovered = uncovered, .json = t->common.json };
	int rc;

	if (!o)
		return -1;
	rc = files && uncovered ? check(&c, path, err) : no_memory(err);
	ova_manifest_fini(&c.manifest);
	return rc;
}
