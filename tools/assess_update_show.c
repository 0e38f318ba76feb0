/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "assess_update_show.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "document.h"

DEFINE_CLEANUP(cleanup_json, json_t *, json_decref);

/* ---- for people ---- */

static void print_file(const struct catalogue_update_file *f)
{
	if (f->renewed)
		printf("%s: %zu rows, %zu before; %zu changed, %zu new, %zu gone; as of %s\n", f->name, f->after, f->before,
		       f->rows.changed, f->rows.added, f->rows.gone, f->as_of);
	else if (strcmp(f->name, "azure-vm-sizes.csv") == 0)
		printf("%s: as it was, %zu rows; as of %s (sizes need --subscription)\n", f->name, f->after, f->as_of);
	else
		printf("%s: as it was, %zu rows%s%s\n", f->name, f->after, *f->as_of ? "; as of " : "", f->as_of);
}

static void add_count(struct strbuf *b, size_t n, const char *what)
{
	if (n > 0)
		strbuf_addf(b, "%s%zu %s", b->len > 0 ? ", " : "", n, what);
}

static int print_region(const struct catalogue_update_region *r, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	CLEANUP_FREE char *text = NULL;

	for (int i = 0; i < RETAIL_LEFT_OUT; i++)
		add_count(&b, r->left_out[i], retail_left_out_name((enum retail_left_out)i));
	add_count(&b, r->prices.strange, "of what the catalogue does not have");
	add_count(&b, r->sizes.unusual, "sizes of special kinds");
	add_count(&b, r->sizes.incomplete, "sizes without all figures");
	text = strbuf_take(&b, err);
	if (!text)
		return -1;
	printf("%s: %zu prices of sizes, %zu of disks%s%s\n", r->name, r->prices.sizes, r->prices.disks,
	       *text ? "; left out: " : "", text);
	return 0;
}

int assess_update_show(const struct tool *t, const struct assess_update_shown *s, struct error *err)
{
	const struct catalogue_update *u = s->result;
	char visible[OUTPUT_TEXT_MAX];

	for (size_t i = 0; i < u->notices.n; i++)
		output_line("liftfs %s: warning: %s", t->verb, u->notices.v[i]);
	if (u->notices.beyond > 0)
		output_line("liftfs %s: warning: %zu more of that kind", t->verb, u->notices.beyond);
	if (t->common.quiet)
		return 0;
	for (size_t i = 0; i < CATALOGUE_FILES; i++)
		print_file(&u->files[i]);
	for (size_t i = 0; i < u->n_regions; i++)
		if (print_region(&u->regions[i], err) < 0)
			return -1;
	printf("use it with: liftfs assess --catalogue %s\n", output_visible(s->dir, visible));
	return 0;
}

/* ---- for programs: NULL only without memory ---- */

static json_t *file_json(const struct catalogue_update_file *f)
{
	return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:s}", "name", f->name, "renewed", f->renewed, "rows_before",
			 (json_int_t)f->before, "rows", (json_int_t)f->after, "changed", (json_int_t)f->rows.changed, "new",
			 (json_int_t)f->rows.added, "gone", (json_int_t)f->rows.gone, "as_of", f->as_of);
}

static json_t *region_json(const struct catalogue_update_region *r)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}}", "name", r->name,
			 "rows_read", (json_int_t)r->rows, "sizes", (json_int_t)r->prices.sizes, "disks",
			 (json_int_t)r->prices.disks, "left_out", "spot", (json_int_t)r->left_out[RETAIL_SPOT],
			 "other_products", (json_int_t)r->left_out[RETAIL_OTHER_PRODUCT], "reservations",
			 (json_int_t)r->left_out[RETAIL_OTHER_TYPE], "not_valid", (json_int_t)r->left_out[RETAIL_NOT_VALID],
			 "free", (json_int_t)r->left_out[RETAIL_FREE], "not_understood",
			 (json_int_t)r->left_out[RETAIL_NOT_UNDERSTOOD], "not_in_catalogue", (json_int_t)r->prices.strange,
			 "special_sizes", (json_int_t)r->sizes.unusual, "incomplete_sizes",
			 (json_int_t)r->sizes.incomplete);
}

int assess_update_show_json(const struct assess_update_shown *s, struct error *err)
{
	const struct catalogue_update *u = s->result;
	json_t *files = json_array(), *regions = json_array(), *warnings = json_array();
	CLEANUP(cleanup_json) json_t *doc = NULL;
	char time[CLOCK_TEXT_LEN], dir[OUTPUT_TEXT_MAX], base[OUTPUT_TEXT_MAX];
	int failed = 0;

	clock_format_iso(s->now_ns, time);
	for (size_t i = 0; i < CATALOGUE_FILES; i++)
		failed |= json_array_append_new(files, file_json(&u->files[i]));
	for (size_t i = 0; i < u->n_regions; i++)
		failed |= json_array_append_new(regions, region_json(&u->regions[i]));
	for (size_t i = 0; i < u->notices.n; i++)
		failed |= json_array_append_new(warnings, json_string(u->notices.v[i]));
	/* takes the three arrays over, also where it fails */
	doc = json_pack("{s:i, s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:I}", "schema", 1, "result", "ok", "time", time,
			"folder", output_visible(s->dir, dir), "renewed_from", output_visible(u->base, base),
			"sizes_renewed", s->subscription != NULL, "files", files, "regions", regions, "warnings", warnings,
			"warnings_beyond", (json_int_t)u->notices.beyond);
	if (!doc || failed)
		return error_set(err, ERR_NOMEM, "no memory for a JSON document");
	return document_print(doc, err);
}
