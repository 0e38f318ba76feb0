/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assess/catalogue_merge.h"
#include "base/cleanup.h"
#include "base/csv.h"
#include "base/parse.h"

#define SOURCE "Azure Resource SKUs API"
#define PAGES "MicrosoftDocs" /* where a row's source begins to name pages */

struct merge {
	struct catalogue_rows *rows;
	const struct resource_skus *skus;
	const char *region, *date;
	size_t name, series, regions, source, candidate, nvme;
	size_t cells[SKU_CELLS];
	bool *used; /* of each size of the service: a row has it */
	struct catalogue_sizes_merged *out;
	struct catalogue_notices *notices;
};

static bool same_value(const char *a, const char *b)
{
	double x, y;

	return strcmp(a, b) == 0 || (csv_number(a, ',', &x) && csv_number(b, ',', &y) && x == y);
}

/* "eastus;westeurope" */
static bool lists(const char *regions, const char *region)
{
	size_t len;

	for (const char *p = regions; *p; p += len + (p[len] == ';')) {
		len = strcspn(p, ";");
		if (len == strlen(region) && strncmp(p, region, len) == 0)
			return true;
	}
	return false;
}

static int add_region(const struct merge *m, size_t row, struct error *err)
{
	const char *regions = catalogue_rows_get(m->rows, row, m->regions);
	CLEANUP_FREE char *text = NULL;

	if (lists(regions, m->region))
		return 0;
	if (asprintf(&text, "%s%s%s", regions, *regions ? ";" : "", m->region) < 0) {
		text = NULL;
		return error_errno(err, ENOMEM, "catalogue");
	}
	return catalogue_rows_set(m->rows, row, m->regions, text, err);
}

/* pages: NULL or where the old source names them. */
static int put_source(const struct merge *m, size_t row, const char *pages, struct error *err)
{
	CLEANUP_FREE char *text = NULL;

	if (asprintf(&text, SOURCE " (%s)%s%s", m->date, pages ? " + " : "", pages ? pages : "") < 0) {
		text = NULL;
		return error_errno(err, ENOMEM, "catalogue");
	}
	return catalogue_rows_set(m->rows, row, m->source, text, err);
}

static int renew_row(struct merge *m, size_t row, const struct resource_sku *sku, struct error *err)
{
	const char *pages = strstr(catalogue_rows_get(m->rows, row, m->source), PAGES);
	bool changed = false, disputed = false;

	for (int i = 0; i < SKU_CELLS; i++) {
		const char *old = catalogue_rows_get(m->rows, row, m->cells[i]);

		if (!sku->cells[i][0] || same_value(old, sku->cells[i]))
			continue;
		if (pages && *old && (i == SKU_UNCACHED_IOPS || i == SKU_UNCACHED_MBPS)) {
			disputed = true;
			continue;
		}
		changed = changed || m->cells[i] != SIZE_MAX;
		if (catalogue_rows_set(m->rows, row, m->cells[i], sku->cells[i], err) < 0)
			return -1;
	}
	m->out->rows.changed += changed;
	m->out->disputed += disputed;
	return add_region(m, row, err) < 0 ? -1 : put_source(m, row, pages, err);
}

static int renew_rows(struct merge *m, struct error *err)
{
	size_t expected = 0, found = 0;

	for (size_t i = 0; i < m->rows->n; i++) {
		const struct resource_sku *sku = resource_skus_find(m->skus, catalogue_rows_get(m->rows, i, m->name));
		bool here = lists(catalogue_rows_get(m->rows, i, m->regions), m->region);

		expected += here;
		found += here && sku;
		if (!sku)
			continue;
		m->used[sku - m->skus->v] = true;
		if (renew_row(m, i, sku, err) < 0)
			return -1;
	}
	if (found < expected - expected / 2)
		return error_set(err, ERR_CORRUPT,
				 "%s: %zu of the %zu sizes that were there: less than half is no renewal", m->region,
				 found, expected);
	if (found < expected)
		return catalogue_notice(m->notices, err, "%s: %zu sizes that were there are not listed any more; they stay",
					m->region, expected - found);
	return 0;
}

/* ---- new sizes ---- */

/* The series that all known sizes of the family have; NULL: there is none, or they differ. */
static const char *series_of(const struct merge *m, const char *family)
{
	const char *series = NULL;

	for (size_t i = 0; i < m->rows->n; i++) {
		const struct resource_sku *sku = resource_skus_find(m->skus, catalogue_rows_get(m->rows, i, m->name));
		const char *own = catalogue_rows_get(m->rows, i, m->series);

		if (!sku || strcasecmp(sku->family, family) != 0)
			continue;
		if (series && strcmp(series, own) != 0)
			return NULL;
		series = own;
	}
	return series;
}

/* "Standard_D2s_v5": 5; 0: it has none. */
static unsigned version_of(const char *name)
{
	const char *at = strrchr(name, '_');

	uint64_t version;

	if (!at || at[1] != 'v' || parse_u64(at + 2, 99, &version, NULL) < 0)
		return 0;
	return (unsigned)version;
}

/*
 * Where the service says nothing of controllers: sizes up to version 5 have SCSI, those of version 6 have not; of later ones
 * nothing is known.
 */
static const char *controllers_of(const struct resource_sku *sku)
{
	unsigned version = version_of(sku->name);

	if (sku->cells[SKU_NVME_ONLY][0])
		return sku->cells[SKU_NVME_ONLY];
	return version < 6 ? "no" : version == 6 ? "yes" : NULL;
}

static int add_row(struct merge *m, const struct resource_sku *sku, const char *nvme, struct error *err)
{
	CLEANUP_FREE char *series = NULL;
	const char *known = series_of(m, sku->family);
	size_t row = m->rows->n;

	series = strdup(known ? known : sku->family);
	if (!series)
		return error_errno(err, ENOMEM, "catalogue");
	if (catalogue_rows_add(m->rows, err) < 0 || catalogue_rows_set(m->rows, row, m->name, sku->name, err) < 0 ||
	    catalogue_rows_set(m->rows, row, m->series, series, err) < 0 ||
	    catalogue_rows_set(m->rows, row, m->candidate, "no", err) < 0)
		return -1;
	for (int i = 0; i < SKU_CELLS; i++)
		if (catalogue_rows_set(m->rows, row, m->cells[i], i == SKU_NVME_ONLY ? nvme : sku->cells[i], err) < 0)
			return -1;
	m->out->rows.added++;
	return add_region(m, row, err) < 0 ? -1 : put_source(m, row, NULL, err);
}

static int add_rows(struct merge *m, struct error *err)
{
	for (size_t i = 0; i < m->skus->n; i++) {
		const struct resource_sku *sku = &m->skus->v[i];
		const char *nvme = controllers_of(sku);

		if (m->used[i])
			continue;
		if (sku->unusual)
			m->out->unusual++;
		else if (!nvme || !*sku->family || !resource_sku_is_whole(sku))
			m->out->incomplete++;
		else if (add_row(m, sku, nvme, err) < 0)
			return -1;
	}
	return 0;
}

static int tell(const struct merge *m, struct error *err)
{
	const struct catalogue_sizes_merged *o = m->out;

	if (o->disputed > 0 &&
	    catalogue_notice(m->notices, err,
			     "%s: of %zu sizes Microsoft's pages and the service give different IOPS or MB/s; the pages' stay",
			     m->region, o->disputed) < 0)
		return -1;
	if (o->rows.added > 0 &&
	    catalogue_notice(m->notices, err,
			     "%s: %zu sizes are new; default_candidate of them is no, max_network_mbps not known",
			     m->region, o->rows.added) < 0)
		return -1;
	if (m->skus->illegible > 0)
		return catalogue_notice(m->notices, err, "%s: %zu sizes make no sense and were passed over; the first: %s",
					m->region, m->skus->illegible, m->skus->unknown);
	return 0;
}

int catalogue_merge_sizes(struct catalogue_rows *rows, const char *region, const struct resource_skus *skus,
			  const char *date, struct catalogue_sizes_merged *out, struct catalogue_notices *notices,
			  struct error *err)
{
	CLEANUP_FREE bool *used = calloc(skus->n + 1, sizeof(*used));
	struct merge m = { .rows = rows,
			   .skus = skus,
			   .region = region,
			   .date = date,
			   .name = catalogue_rows_column(rows, "name"),
			   .series = catalogue_rows_column(rows, "series"),
			   .regions = catalogue_rows_column(rows, "regions"),
			   .source = catalogue_rows_column(rows, "source"),
			   .candidate = catalogue_rows_column(rows, "default_candidate"),
			   .used = used,
			   .out = out,
			   .notices = notices };

	*out = (struct catalogue_sizes_merged){ .unusual = 0 };
	if (!used)
		return error_errno(err, ENOMEM, "catalogue");
	if (skus->n == 0)
		return error_set(err, ERR_CORRUPT, "%s: not one size: is it a region's name?", region);
	for (int i = 0; i < SKU_CELLS; i++)
		m.cells[i] = catalogue_rows_column(rows, sku_columns[i]);
	if (renew_rows(&m, err) < 0 || add_rows(&m, err) < 0)
		return -1;
	return tell(&m, err);
}
