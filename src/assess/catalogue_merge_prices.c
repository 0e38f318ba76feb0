/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assess/catalogue_merge.h"
#include "assess/catalogue_table.h"
#include "base/cleanup.h"
#include "base/csv.h"

#define SOURCE "Azure Retail Prices API"
#define KINDS 4

int catalogue_notice(struct catalogue_notices *n, struct error *err, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int len;

	if (n->n == CATALOGUE_NOTICES_MAX) {
		n->beyond++;
		return 0;
	}
	if (table_grow(&n->v, sizeof(*n->v), n->n, &n->cap, err) < 0)
		return -1;
	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		return error_errno(err, ENOMEM, "notice");
	n->v[n->n++] = text;
	return 0;
}

void catalogue_notices_fini(struct catalogue_notices *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->v[i]);
	free(n->v);
	*n = (struct catalogue_notices){ .v = NULL };
}

/* ---- what the catalogue has ---- */

struct names {
	const char **v;
	size_t n;
};

static void cleanup_names(struct names *x)
{
	free(x->v);
}

static int by_name(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

static int take_names(struct names *x, const struct catalogue_rows *rows, const char *column, struct error *err)
{
	size_t at = catalogue_rows_column(rows, column);

	x->v = calloc(rows->n + 1, sizeof(*x->v));
	if (!x->v)
		return error_errno(err, ENOMEM, "catalogue");
	for (x->n = 0; x->n < rows->n; x->n++)
		x->v[x->n] = catalogue_rows_get(rows, x->n, at);
	qsort(x->v, x->n, sizeof(*x->v), by_name);
	return 0;
}

/* As the catalogue spells it; NULL: it has none of that name. */
static const char *spelt(const struct names *x, const char *item)
{
	const char **found = bsearch(&item, x->v, x->n, sizeof(*x->v), by_name);

	return found ? *found : NULL;
}

/* ---- rows ---- */

struct price_columns {
	size_t region, kind, item, os, redundancy, unit, usd, as_of, source;
};

struct merge {
	struct catalogue_rows *rows;
	const struct retail_prices *prices;
	const char *region, *date;
	struct price_columns at;
	struct names sizes, tiers;
	size_t before[KINDS], after[KINDS];
	bool *used; /* of each price: a row has it */
	struct catalogue_prices_merged *out;
	struct catalogue_notices *notices;
};

static struct price_columns find_columns(const struct catalogue_rows *r)
{
	return (struct price_columns){
		.region = catalogue_rows_column(r, "region"), .kind = catalogue_rows_column(r, "kind"),
		.item = catalogue_rows_column(r, "item"),     .os = catalogue_rows_column(r, "os"),
		.unit = catalogue_rows_column(r, "unit"),     .redundancy = catalogue_rows_column(r, "redundancy"),
		.usd = catalogue_rows_column(r, "price_usd"), .as_of = catalogue_rows_column(r, "as_of"),
		.source = catalogue_rows_column(r, "source"),
	};
}

static bool is_disk(enum retail_kind kind)
{
	return kind == RETAIL_DISK_LRS || kind == RETAIL_DISK_ZRS;
}

/* False: a row of something that is not renewed. */
static bool kind_of(const struct merge *m, size_t row, enum retail_kind *out)
{
	const char *kind = catalogue_rows_get(m->rows, row, m->at.kind), *unit = catalogue_rows_get(m->rows, row, m->at.unit);
	const char *os = catalogue_rows_get(m->rows, row, m->at.os);
	const char *redundancy = catalogue_rows_get(m->rows, row, m->at.redundancy);

	if (strcmp(kind, "vm") == 0) {
		*out = strcmp(os, "windows") == 0 ? RETAIL_SIZE_WINDOWS : RETAIL_SIZE_LINUX;
		return strcmp(unit, "hour") == 0 && (strcmp(os, "windows") == 0 || strcmp(os, "linux") == 0);
	}
	*out = strcmp(redundancy, "ZRS") == 0 ? RETAIL_DISK_ZRS : RETAIL_DISK_LRS;
	return strcmp(kind, "disk") == 0 && strcmp(unit, "month") == 0 &&
	       (strcmp(redundancy, "ZRS") == 0 || strcmp(redundancy, "LRS") == 0);
}

static int put_price(const struct merge *m, size_t row, const struct retail_price *p, struct error *err)
{
	char usd[CATALOGUE_DECIMAL_LEN];

	catalogue_decimal(p->usd, usd);
	if (catalogue_rows_set(m->rows, row, m->at.usd, usd, err) < 0 ||
	    catalogue_rows_set(m->rows, row, m->at.as_of, m->date, err) < 0)
		return -1;
	return catalogue_rows_set(m->rows, row, m->at.source, SOURCE, err);
}

/* The price of the same to within what the file can hold. */
static bool same_price(const char *text, double usd)
{
	double v;

	return csv_number(text, ',', &v) && fabs(v - usd) <= 1e-9 * (1 + usd);
}

static int renew_row(struct merge *m, size_t row, enum retail_kind kind, bool *gone, struct error *err)
{
	const struct retail_price *p =
		retail_prices_find(m->prices, kind, catalogue_rows_get(m->rows, row, m->at.item));

	m->before[kind]++;
	*gone = !p;
	if (!p) {
		m->out->rows.gone++;
		return 0;
	}
	m->after[kind]++;
	m->used[p - m->prices->v] = true;
	if (p->contradictory)
		return 0;
	m->out->rows.changed += !same_price(catalogue_rows_get(m->rows, row, m->at.usd), p->usd);
	return put_price(m, row, p, err);
}

static int renew_rows(struct merge *m, struct error *err)
{
	CLEANUP_FREE bool *gone = calloc(m->rows->n + 1, sizeof(*gone));

	if (!gone)
		return error_errno(err, ENOMEM, "catalogue");
	for (size_t i = 0; i < m->rows->n; i++) {
		enum retail_kind kind;

		if (strcmp(catalogue_rows_get(m->rows, i, m->at.region), m->region) == 0 && kind_of(m, i, &kind) &&
		    renew_row(m, i, kind, &gone[i], err) < 0)
			return -1;
	}
	catalogue_rows_drop(m->rows, gone);
	return 0;
}

static int add_row(struct merge *m, const struct retail_price *p, const char *item, struct error *err)
{
	const struct {
		size_t column;
		const char *text;
	} cells[] = {
		{ m->at.region, m->region },
		{ m->at.kind, is_disk(p->kind) ? "disk" : "vm" },
		{ m->at.item, item },
		{ m->at.os, is_disk(p->kind) ? "" : p->kind == RETAIL_SIZE_WINDOWS ? "windows" : "linux" },
		{ m->at.redundancy, p->kind == RETAIL_DISK_LRS ? "LRS" : p->kind == RETAIL_DISK_ZRS ? "ZRS" : "" },
		{ m->at.unit, is_disk(p->kind) ? "month" : "hour" },
	};

	if (catalogue_rows_add(m->rows, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		if (catalogue_rows_set(m->rows, m->rows->n - 1, cells[i].column, cells[i].text, err) < 0)
			return -1;
	m->after[p->kind]++;
	m->out->rows.added++;
	return put_price(m, m->rows->n - 1, p, err);
}

static int add_rows(struct merge *m, struct error *err)
{
	for (size_t i = 0; i < m->prices->n; i++) {
		const struct retail_price *p = &m->prices->v[i];
		const char *item = spelt(is_disk(p->kind) ? &m->tiers : &m->sizes, p->item);

		m->out->strange += !item;
		if (!item)
			continue;
		if (p->contradictory &&
		    catalogue_notice(m->notices, err, "%s: several prices of %s%s: %s", m->region, item,
				     p->kind == RETAIL_SIZE_WINDOWS ? " with Windows" : "",
				     m->used[i] ? "it stays as it was" : "it has none") < 0)
			return -1;
		if (!p->contradictory && !m->used[i] && add_row(m, p, item, err) < 0)
			return -1;
	}
	return 0;
}

/* Rather an old price than a catalogue with holes. */
static int check_whole(const struct merge *m, struct error *err)
{
	static const char *const names[KINDS] = {
		[RETAIL_SIZE_LINUX] = "sizes with Linux",
		[RETAIL_SIZE_WINDOWS] = "sizes with Windows",
		[RETAIL_DISK_LRS] = "disks (LRS)",
		[RETAIL_DISK_ZRS] = "disks (ZRS)",
	};

	for (int i = 0; i < KINDS; i++)
		if (m->after[i] < m->before[i] - m->before[i] / 2)
			return error_set(err, ERR_CORRUPT,
					 "%s: %zu prices of %s, where there were %zu: less than half is no renewal",
					 m->region, m->after[i], names[i], m->before[i]);
	if (m->after[RETAIL_SIZE_LINUX] + m->after[RETAIL_SIZE_WINDOWS] == 0)
		return error_set(err, ERR_CORRUPT, "%s: no price of any size of the catalogue: is it a region's name?",
				 m->region);
	return 0;
}

int catalogue_merge_prices(struct catalogue_rows *rows, const char *region, const struct retail_prices *prices,
			   const struct catalogue_rows *sizes, const struct catalogue_rows *tiers, const char *date,
			   struct catalogue_prices_merged *out, struct catalogue_notices *notices, struct error *err)
{
	CLEANUP_FREE bool *used = calloc(prices->n + 1, sizeof(*used));
	struct merge m = { .rows = rows,
			   .prices = prices,
			   .region = region,
			   .date = date,
			   .at = find_columns(rows),
			   .used = used,
			   .out = out,
			   .notices = notices };
	int rc;

	*out = (struct catalogue_prices_merged){ .sizes = 0 };
	if (!used)
		return error_errno(err, ENOMEM, "catalogue");
	rc = take_names(&m.sizes, sizes, "name", err);
	if (rc == 0)
		rc = take_names(&m.tiers, tiers, "tier", err);
	if (rc == 0)
		rc = renew_rows(&m, err);
	if (rc == 0)
		rc = add_rows(&m, err);
	cleanup_names(&m.sizes);
	cleanup_names(&m.tiers);
	if (rc < 0)
		return -1;
	out->sizes = m.after[RETAIL_SIZE_LINUX] + m.after[RETAIL_SIZE_WINDOWS];
	out->disks = m.after[RETAIL_DISK_LRS] + m.after[RETAIL_DISK_ZRS];
	return check_whole(&m, err);
}
