/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a service says, into the rows of a catalogue.  Pure.  What makes no sense as a whole, less than half of what was there
 * before, is ERR_CORRUPT: the rows are then not to be used.
 */
#ifndef LIFTFS_ASSESS_CATALOGUE_MERGE_H
#define LIFTFS_ASSESS_CATALOGUE_MERGE_H

#include "assess/catalogue_rows.h"
#include "assess/resource_skus.h"
#include "assess/retail_prices.h"

/* What a person should know of: the first NOTICES_MAX of them, further ones counted. */
#define CATALOGUE_NOTICES_MAX 100
struct catalogue_notices { /* all zeros is empty */
	char **v;
	size_t n, cap, beyond;
};
int catalogue_notice(struct catalogue_notices *n, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void catalogue_notices_fini(struct catalogue_notices *n);

struct catalogue_merged {
	size_t changed, added, gone; /* rows */
};

/* What one region's prices came to. */
struct catalogue_prices_merged {
	struct catalogue_merged rows;
	size_t sizes, disks; /* prices that it has now */
	size_t strange;      /* of sizes and tiers that the catalogue does not have */
};

/*
 * Puts `prices`, settled, in the place of the region's rows of sizes (an hour) and tiers (a month), of what `sizes` and
 * `tiers` name; its other rows and other regions stay.  A price that contradicts itself leaves the row as it was, with a
 * notice.  `date`: as of when.
 */
int catalogue_merge_prices(struct catalogue_rows *rows, const char *region, const struct retail_prices *prices,
			   const struct catalogue_rows *sizes, const struct catalogue_rows *tiers, const char *date,
			   struct catalogue_prices_merged *out, struct catalogue_notices *notices,
			   struct error *err) MUST_CHECK;

struct catalogue_sizes_merged {
	struct catalogue_merged rows;
	size_t unusual, incomplete; /* new sizes that were left out: see struct resource_sku; without a figure */
	size_t disputed;            /* sizes of which the catalogue's page and the service say different things */
};

/*
 * Renews the figures of the sizes that the service lists; those that it does not stay.  Uncached IOPS and MB/s stay, too,
 * where the row's source is a page of Microsoft's documentation, which goes before the service.  Series, whether it is a
 * candidate, and network of a size stay; a new size has the series of those known that are of its family, else its
 * family's name, is no candidate, and its network is not known.
 */
int catalogue_merge_sizes(struct catalogue_rows *rows, const char *region, const struct resource_skus *skus,
			  const char *date, struct catalogue_sizes_merged *out, struct catalogue_notices *notices,
			  struct error *err) MUST_CHECK;

#endif
