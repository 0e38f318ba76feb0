/* SPDX-License-Identifier: Apache-2.0 */
/* The workbook: which sheets there are, and the texts that their cells share. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "inventory/xlsx.h"
#include "inventory/xlsx_part.h"
#include "inventory/xlsx_sheet.h"

#define FOLDER "xl/"
#define WORKBOOK FOLDER "workbook.xml"
#define RELATIONS FOLDER "_rels/workbook.xml.rels"
#define TEXTS FOLDER "sharedStrings.xml"
#define NAME_MAX_LEN 128 /* bytes of a sheet's name; Excel's end at 31 characters */

struct xlsx {
	char *path;
	struct sheet {
		char *name, *id, *part;
	} * sheets;
	size_t n;
	struct strbuf texts; /* each with its NUL */
	size_t *starts;      /* of each in texts */
	size_t n_texts, cap_texts;
};

static struct xlsx_part *open_part(const struct xlsx *x, const char *name, struct error *err)
{
	bool absent;
	struct xlsx_part *p = xlsx_part_open(x->path, name, &absent, err);

	if (!p && absent)
		error_set(err, ERR_CORRUPT, "%s: not a workbook of Excel: %s is missing", x->path, name);
	return p;
}

/* ---- sheets ---- */

static int add_sheet(struct xlsx *x, struct xlsx_part *p, struct error *err)
{
	const char *text = xlsx_part_attribute(p, "name");
	struct sheet *v, *s;

	if (x->n == XLSX_SHEETS_MAX)
		return error_set(err, ERR_CORRUPT, "%s: more than %d sheets", x->path, XLSX_SHEETS_MAX);
	if (!text || strlen(text) > NAME_MAX_LEN)
		return error_set(err, ERR_CORRUPT, "%s: sheet %zu has no name, or a long one", x->path, x->n + 1);
	v = reallocarray(x->sheets, x->n + 1, sizeof(*v));
	if (!v)
		return error_errno(err, ENOMEM, "%s", x->path);
	x->sheets = v;
	s = &v[x->n++];
	*s = (struct sheet){ .name = strdup(text) };
	text = xlsx_part_attribute(p, "id");
	s->id = strdup(text ? text : "");
	return s->name && s->id ? 0 : error_errno(err, ENOMEM, "%s", x->path);
}

static int read_sheets(struct xlsx *x, struct error *err)
{
	CLEANUP(cleanup_xlsx_part) struct xlsx_part *p = open_part(x, WORKBOOK, err);
	int rc;

	if (!p)
		return -1;
	while ((rc = xlsx_part_next(p, err)) > 0)
		if (xlsx_part_begins(p, "sheet") && add_sheet(x, p, err) < 0)
			return -1;
	return rc;
}

/* "worksheets/sheet1.xml" below the workbook's folder, "/xl/worksheets/sheet1.xml" from the root. */
static int set_part(struct xlsx *x, struct sheet *s, const char *target, struct error *err)
{
	bool whole = target[0] == '/';

	free(s->part);
	if (asprintf(&s->part, "%s%s", whole ? "" : FOLDER, target + whole) < 0) {
		s->part = NULL;
		return error_errno(err, ENOMEM, "%s", x->path);
	}
	return 0;
}

static int read_relations(struct xlsx *x, struct error *err)
{
	CLEANUP(cleanup_xlsx_part) struct xlsx_part *p = open_part(x, RELATIONS, err);
	int rc;

	if (!p)
		return -1;
	while ((rc = xlsx_part_next(p, err)) > 0) {
		CLEANUP_FREE char *id = NULL;
		const char *text;

		if (!xlsx_part_begins(p, "Relationship"))
			continue;
		text = xlsx_part_attribute(p, "Id");
		id = strdup(text ? text : "");
		if (!id)
			return error_errno(err, ENOMEM, "%s", x->path);
		text = xlsx_part_attribute(p, "Target");
		for (size_t i = 0; i < x->n && text; i++)
			if (strcmp(x->sheets[i].id, id) == 0 && set_part(x, &x->sheets[i], text, err) < 0)
				return -1;
	}
	return rc;
}

/* ---- texts ---- */

static int end_text(struct xlsx *x, size_t start, struct error *err)
{
	strbuf_add(&x->texts, "", 1);
	if (x->n_texts == x->cap_texts) {
		size_t cap = x->cap_texts ? 2 * x->cap_texts : 256;
		size_t *starts = reallocarray(x->starts, cap, sizeof(*starts));

		if (!starts)
			return error_errno(err, ENOMEM, "%s: %zu texts", x->path, x->n_texts);
		x->starts = starts;
		x->cap_texts = cap;
	}
	x->starts[x->n_texts++] = start;
	if (x->texts.failed)
		return error_errno(err, ENOMEM, "%s: %zu texts", x->path, x->n_texts);
	if (x->texts.len > XLSX_TEXTS_MAX)
		return error_set(err, ERR_CORRUPT, "%s: " TEXTS ": more than 100 MiB of text", x->path);
	if (x->texts.len - start > CSV_CELL_MAX)
		return error_set(err, ERR_CORRUPT, "%s: " TEXTS ": text %zu: more than 1 MiB", x->path, x->n_texts);
	return 0;
}

static int read_texts(struct xlsx *x, struct error *err)
{
	bool absent;
	CLEANUP(cleanup_xlsx_part) struct xlsx_part *p = xlsx_part_open(x->path, TEXTS, &absent, err);
	struct xlsx_text text = { .inside = false };
	size_t start = 0;
	int rc;

	if (!p)
		return absent ? 0 : -1; /* a workbook may have none */
	while ((rc = xlsx_part_next(p, err)) > 0) {
		if (xlsx_part_begins(p, "si"))
			start = x->texts.len;
		xlsx_text_take(&text, p, &x->texts);
		if (x->texts.len > XLSX_TEXTS_MAX + CSV_CELL_MAX || x->texts.failed || xlsx_part_ends(p, "si"))
			if (end_text(x, start, err) < 0)
				return -1;
	}
	return rc;
}

/* ---- the workbook ---- */

struct xlsx *xlsx_open(const char *path, struct error *err)
{
	CLEANUP(cleanup_xlsx) struct xlsx *x = calloc(1, sizeof(*x));

	if (x)
		x->path = strdup(path);
	if (!x || !x->path) {
		error_errno(err, ENOMEM, "%s", path);
		return NULL;
	}
	if (read_sheets(x, err) < 0 || read_relations(x, err) < 0 || read_texts(x, err) < 0)
		return NULL;
	return steal_ptr(&x);
}

void xlsx_close(struct xlsx *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->n; i++) {
		free(x->sheets[i].name);
		free(x->sheets[i].id);
		free(x->sheets[i].part);
	}
	free(x->sheets);
	strbuf_fini(&x->texts);
	free(x->starts);
	free(x->path);
	free(x);
}

const char *xlsx_path(const struct xlsx *x)
{
	return x->path;
}

const char *xlsx_sheet_name(const struct xlsx *x, size_t i)
{
	return i < x->n ? x->sheets[i].name : NULL;
}

const char *xlsx_shared_text(const struct xlsx *x, size_t i)
{
	return i < x->n_texts ? x->texts.s + x->starts[i] : NULL;
}

struct xlsx_part *xlsx_sheet_part(const struct xlsx *x, size_t i, struct error *err)
{
	if (!x->sheets[i].part) {
		error_set(err, ERR_CORRUPT, "%s: sheet '%s' has no part", x->path, x->sheets[i].name);
		return NULL;
	}
	return open_part(x, x->sheets[i].part, err);
}
