/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "assess/catalogue_update.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assess/catalogue_fetch.h"
#include "assess/catalogue_install.h"
#include "base/clock.h"
#include "base/io.h"

#define SIZES "azure-vm-sizes.csv"
#define TIERS "azure-managed-disks.csv"
#define PRICES "azure-prices.csv"
#define FILE_MAX ((size_t)64 << 20) /* of a file that is copied; the largest that is shipped has 250 KiB */

struct update {
	const struct catalogue_update_options *opt;
	struct catalogue_update *out;
	struct catalogue_install install;
	struct catalogue_rows sizes, tiers, prices;
	char date[sizeof("2026-08-20")];
};

void catalogue_update_fini(struct catalogue_update *u)
{
	for (size_t i = 0; i < u->n_regions; i++)
		free(u->regions[i].name);
	free(u->regions);
	free(u->base);
	catalogue_notices_fini(&u->notices);
	*u = (struct catalogue_update){ .n_regions = 0 };
}

static void cleanup_update(struct update *u)
{
	catalogue_install_close(&u->install);
	catalogue_rows_fini(&u->sizes);
	catalogue_rows_fini(&u->tiers);
	catalogue_rows_fini(&u->prices);
}

/* ---- what there is ---- */

/* The folder itself if it holds a catalogue, else the one to begin with; what holds a part of one is neither. */
static int choose_base(struct update *u, struct error *err)
{
	const char *missing = NULL;
	size_t there = 0;

	for (size_t i = 0; !u->install.is_new && catalogue_file_name(i); i++) {
		if (faccessat(u->install.dir_fd, catalogue_file_name(i), F_OK, 0) == 0)
			there++;
		else if (!missing)
			missing = catalogue_file_name(i);
	}
	if (there > 0 && missing)
		return error_set(err, ERR_CORRUPT, "%s: a part of a catalogue, without %s: complete it, or name another folder",
				 u->install.dir, missing);
	u->out->base = strdup(there > 0 ? u->install.dir : u->opt->base);
	return u->out->base ? 0 : error_errno(err, ENOMEM, "%s", u->install.dir);
}

/* It is whole before anything is asked of anybody. */
static int read_base(struct update *u, struct error *err)
{
	const char *base = u->out->base;
	CLEANUP(cleanup_catalogue) struct catalogue *c = catalogue_open(base, err);
	const struct catalogue_file *files;
	size_t n;

	if (!c)
		return -1;
	files = catalogue_files(c, &n);
	for (size_t i = 0; i < n; i++)
		u->out->files[i] = (struct catalogue_update_file){ .name = files[i].name, .before = files[i].rows };
	if (catalogue_rows_read(&u->sizes, base, SIZES, err) < 0 || catalogue_rows_read(&u->tiers, base, TIERS, err) < 0)
		return -1;
	return catalogue_rows_read(&u->prices, base, PRICES, err);
}

static int add_region(struct catalogue_update *out, const char *name, struct error *err)
{
	for (size_t i = 0; i < out->n_regions; i++)
		if (strcmp(out->regions[i].name, name) == 0)
			return 0;
	if (catalogue_fetch_check_region(name, err) < 0)
		return -1;
	if (out->n_regions == CATALOGUE_REGIONS_MAX)
		return error_set(err, ERR_USAGE, "prices of more than %d regions: choose with --region",
				 CATALOGUE_REGIONS_MAX);
	out->regions[out->n_regions].name = strdup(name);
	if (!out->regions[out->n_regions].name)
		return error_errno(err, ENOMEM, "regions");
	out->n_regions++;
	return 0;
}

static int choose_regions(struct update *u, struct error *err)
{
	size_t column = catalogue_rows_column(&u->prices, "region");

	u->out->regions = calloc(CATALOGUE_REGIONS_MAX, sizeof(*u->out->regions));
	if (!u->out->regions)
		return error_errno(err, ENOMEM, "regions");
	for (size_t i = 0; i < u->opt->n_regions; i++)
		if (add_region(u->out, u->opt->regions[i], err) < 0)
			return -1;
	for (size_t i = 0; u->opt->n_regions == 0 && i < u->prices.n; i++)
		if (add_region(u->out, catalogue_rows_get(&u->prices, i, column), err) < 0)
			return -1;
	if (u->out->n_regions == 0)
		return error_set(err, ERR_USAGE, "%s: it has prices of no region: name one with --region", u->out->base);
	return 0;
}

/* ---- what is new ---- */

static int renew_sizes(struct update *u, struct catalogue_update_region *r, struct error *err)
{
	struct resource_skus skus = { .v = NULL };
	int rc = catalogue_fetch_sizes(u->opt, r->name, &skus, err);

	if (rc == 0)
		rc = catalogue_merge_sizes(&u->sizes, r->name, &skus, u->date, &r->sizes, &u->out->notices, err);
	resource_skus_fini(&skus);
	return rc;
}

static int renew_prices(struct update *u, struct catalogue_update_region *r, struct error *err)
{
	struct retail_prices prices = { .v = NULL };
	int rc = catalogue_fetch_prices(u->opt, r->name, &prices, err);

	if (rc == 0)
		rc = catalogue_merge_prices(&u->prices, r->name, &prices, &u->sizes, &u->tiers, u->date, &r->prices,
					    &u->out->notices, err);
	r->rows = prices.rows;
	memcpy(r->left_out, prices.left_out, sizeof(r->left_out));
	if (rc == 0 && prices.unknown[0])
		rc = catalogue_notice(&u->out->notices, err,
				      "%s: %zu prices were not understood and left out; the first: %s", r->name,
				      prices.left_out[RETAIL_NOT_UNDERSTOOD], prices.unknown);
	if (rc == 0 && r->prices.disks == 0)
		rc = catalogue_notice(&u->out->notices, err, "%s: no price of any managed disk", r->name);
	retail_prices_fini(&prices);
	return rc;
}

static int renew(struct update *u, struct error *err)
{
	for (size_t i = 0; i < u->out->n_regions; i++)
		if (u->opt->subscription && renew_sizes(u, &u->out->regions[i], err) < 0)
			return -1;
	for (size_t i = 0; i < u->out->n_regions; i++)
		if (renew_prices(u, &u->out->regions[i], err) < 0)
			return -1;
	return 0;
}

static void add_merged(struct catalogue_merged *sum, const struct catalogue_merged *part)
{
	sum->changed += part->changed;
	sum->added += part->added;
	sum->gone += part->gone;
}

/* ---- writing ---- */

static int copy_file(struct update *u, const char *name, struct error *err)
{
	CLEANUP_FREE char *path = NULL, *text = NULL;
	size_t len;

	if (asprintf(&path, "%s/%s", u->out->base, name) < 0) {
		path = NULL;
		return error_errno(err, ENOMEM, "%s", name);
	}
	text = io_read_file(AT_FDCWD, path, FILE_MAX, &len, err);
	return text ? catalogue_install_put(&u->install, name, text, len, err) : -1;
}

static int write_rows(struct update *u, const char *name, const struct catalogue_rows *rows, struct error *err)
{
	CLEANUP_FREE char *text = catalogue_rows_text(rows, err);

	return text ? catalogue_install_put(&u->install, name, text, strlen(text), err) : -1;
}

static int write_file(struct update *u, struct catalogue_update_file *f, struct error *err)
{
	bool sizes = strcmp(f->name, SIZES) == 0;

	f->renewed = strcmp(f->name, PRICES) == 0 || (sizes && u->opt->subscription);
	if (!f->renewed)
		return copy_file(u, f->name, err);
	for (size_t i = 0; i < u->out->n_regions; i++)
		add_merged(&f->rows, sizes ? &u->out->regions[i].sizes.rows : &u->out->regions[i].prices.rows);
	return write_rows(u, f->name, sizes ? &u->sizes : &u->prices, err);
}

/* What was made is a catalogue like any other. */
static int check_made(struct update *u, struct error *err)
{
	CLEANUP(cleanup_catalogue) struct catalogue *c = catalogue_open(u->install.staging, err);
	const struct catalogue_file *files;
	size_t n;

	if (!c)
		return error_prefix(err, "what was fetched makes no catalogue");
	files = catalogue_files(c, &n);
	for (size_t i = 0; i < n; i++) {
		u->out->files[i].after = files[i].rows;
		memcpy(u->out->files[i].as_of, files[i].as_of, sizeof(files[i].as_of));
	}
	return 0;
}

static int put_in_place(struct update *u, struct error *err)
{
	const char *names[CATALOGUE_FILES + 1] = { NULL };
	bool replace[CATALOGUE_FILES];
	bool first = strcmp(u->out->base, u->install.dir) != 0;

	for (size_t i = 0; i < CATALOGUE_FILES; i++) {
		names[i] = u->out->files[i].name;
		replace[i] = first || u->out->files[i].renewed;
	}
	return catalogue_install_commit(&u->install, names, replace, err);
}

int catalogue_update(const struct catalogue_update_options *opt, struct catalogue_update *out, struct error *err)
{
	CLEANUP(cleanup_update)
	struct update u = { .opt = opt, .out = out, .install = CATALOGUE_INSTALL_INIT };
	char now[CLOCK_TEXT_LEN];

	clock_format_iso(opt->now_ns, now);
	memcpy(u.date, now, sizeof(u.date) - 1);
	if (catalogue_fetch_check(opt, err) < 0 || catalogue_install_open(&u.install, opt->dir, err) < 0 ||
	    choose_base(&u, err) < 0 || read_base(&u, err) < 0 || choose_regions(&u, err) < 0 || renew(&u, err) < 0)
		return -1;
	for (size_t i = 0; i < CATALOGUE_FILES; i++)
		if (write_file(&u, &out->files[i], err) < 0)
			return -1;
	if (check_made(&u, err) < 0 || cancel_check(opt->cancel, err) < 0)
		return -1;
	return put_in_place(&u, err);
}
