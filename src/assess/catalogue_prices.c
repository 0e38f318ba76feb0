/* SPDX-License-Identifier: Apache-2.0 */
/* List prices: of sizes by the hour, of managed disks (LRS) by the month.  Rows of anything else are passed over. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assess/catalogue_private.h"

enum { P_REGION, P_KIND, P_ITEM, P_OS, P_REDUNDANCY, P_UNIT, P_PRICE };
const char *const catalogue_price_columns[] = {
	[P_REGION] = "region",         [P_KIND] = "kind", [P_ITEM] = "item",       [P_OS] = "os",
	[P_REDUNDANCY] = "redundancy", [P_UNIT] = "unit", [P_PRICE] = "price_usd", NULL,
};

static bool is(const struct table *t, size_t column, const char *word)
{
	return strcmp(table_text(t, column), word) == 0;
}

/* False: a price of something that is not recommended. */
static bool kind_of(const struct table *t, enum price_of *out)
{
	if (is(t, P_KIND, "disk")) {
		*out = PRICE_TIER;
		return is(t, P_REDUNDANCY, "LRS") && is(t, P_UNIT, "month");
	}
	*out = is(t, P_OS, "windows") ? PRICE_SIZE_WINDOWS : PRICE_SIZE_LINUX;
	return is(t, P_KIND, "vm") && is(t, P_UNIT, "hour") && (is(t, P_OS, "windows") || is(t, P_OS, "linux"));
}

/* Where the region is, or where it belongs. */
static size_t region_place(const struct catalogue *c, const char *region)
{
	size_t low = 0, high = c->n_regions;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(c->regions[mid], region) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool catalogue_has_region(const struct catalogue *c, const char *region)
{
	size_t at = region_place(c, region);

	return at < c->n_regions && strcmp(c->regions[at], region) == 0;
}

static int note_region(struct catalogue *c, const struct table *t, struct error *err)
{
	const char *region = table_text(t, P_REGION);
	size_t at = region_place(c, region);
	char *copy;

	if (!*region)
		return table_bad(t, P_REGION, err, "empty");
	if (at < c->n_regions && strcmp(c->regions[at], region) == 0)
		return 0;
	if (table_grow(&c->regions, sizeof(*c->regions), c->n_regions, &c->cap_regions, err) < 0 ||
	    table_copy(t, P_REGION, &copy, err) < 0)
		return -1;
	memmove(c->regions + at + 1, c->regions + at, (c->n_regions - at) * sizeof(*c->regions));
	c->regions[at] = copy;
	c->n_regions++;
	return 0;
}

static int by_what(const void *a, const void *b)
{
	const struct price *x = a, *y = b;
	int order = strcmp(x->region, y->region);

	if (order == 0)
		order = (x->kind > y->kind) - (x->kind < y->kind);
	return order ? order : strcmp(x->item, y->item);
}

static int by_what_then_line(const void *a, const void *b)
{
	const struct price *x = a, *y = b;
	int order = by_what(a, b);

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

static int add_price(struct catalogue *c, const struct table *t, enum price_of kind, double usd, struct error *err)
{
	struct price *p;

	if (table_grow(&c->prices, sizeof(*c->prices), c->n_prices, &c->cap_prices, err) < 0)
		return -1;
	p = &c->prices[c->n_prices++];
	*p = (struct price){ .kind = kind, .usd = usd, .line = t->row.line };
	if (table_copy(t, P_REGION, &p->region, err) < 0)
		return -1;
	return table_copy(t, P_ITEM, &p->item, err);
}

int catalogue_load_prices(struct catalogue *c, struct table *t, struct error *err)
{
	int rc;

	while ((rc = table_next(t, err)) > 0) {
		enum price_of kind;
		double usd;

		if (note_region(c, t, err) < 0 || table_number(t, P_PRICE, &usd, err) < 0)
			return -1;
		if (kind_of(t, &kind) && add_price(c, t, kind, usd, err) < 0)
			return -1;
	}
	if (rc < 0 || c->n_prices == 0)
		return rc;
	qsort(c->prices, c->n_prices, sizeof(*c->prices), by_what_then_line);
	for (size_t i = 1; i < c->n_prices; i++)
		if (by_what(&c->prices[i], &c->prices[i - 1]) == 0)
			return error_set(err, ERR_CORRUPT, "%s:%zu: item: the price of '%s' in %s is also in line %zu",
					 t->path, c->prices[i].line, c->prices[i].item, c->prices[i].region,
					 c->prices[i - 1].line);
	return 0;
}

void catalogue_free_prices(struct catalogue *c)
{
	for (size_t i = 0; i < c->n_prices; i++) {
		free(c->prices[i].region);
		free(c->prices[i].item);
	}
	free(c->prices);
	for (size_t i = 0; i < c->n_regions; i++)
		free(c->regions[i]);
	free(c->regions);
}

static bool find_price(const struct catalogue *c, const char *region, enum price_of kind, const char *item, double *out)
{
	size_t low = 0, high = c->n_prices;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct price *p = &c->prices[mid];
		int order = strcmp(p->region, region);

		if (order == 0)
			order = (p->kind > kind) - (p->kind < kind);
		if (order == 0)
			order = strcmp(p->item, item);
		if (order == 0) {
			*out = p->usd;
			return true;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

bool catalogue_prices_sizes(const struct catalogue *c, const char *region)
{
	for (size_t i = 0; i < c->n_prices; i++)
		if (c->prices[i].kind != PRICE_TIER && strcmp(c->prices[i].region, region) == 0)
			return true;
	return false;
}

bool catalogue_size_price(const struct catalogue *c, const char *region, const char *size, bool windows,
			  double *hourly_out)
{
	return find_price(c, region, windows ? PRICE_SIZE_WINDOWS : PRICE_SIZE_LINUX, size, hourly_out);
}

bool catalogue_tier_price(const struct catalogue *c, const char *region, const char *tier, double *monthly_out)
{
	return find_price(c, region, PRICE_TIER, tier, monthly_out);
}
