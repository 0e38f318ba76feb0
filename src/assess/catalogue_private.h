/* SPDX-License-Identifier: Apache-2.0 */
/* A catalogue in memory, and the loaders of its files.  Only catalogue*.c include this. */
#ifndef LIFTFS_ASSESS_CATALOGUE_PRIVATE_H
#define LIFTFS_ASSESS_CATALOGUE_PRIVATE_H

#include "assess/catalogue.h"
#include "assess/catalogue_table.h"

struct os_id { /* by id, ignoring case */
	char *id;
	size_t line;
	const struct catalogue_os *os;
	enum os_arch arch;
};

struct os_pattern { /* in their order */
	char *pattern;
	const struct catalogue_os *os;
};

struct os_release { /* in their order */
	char *id, *version; /* version "": any */
	const struct catalogue_os *os;
};

enum price_of { PRICE_TIER, PRICE_SIZE_LINUX, PRICE_SIZE_WINDOWS };

struct price { /* by region, kind, item */
	char *region, *item;
	enum price_of kind;
	size_t line;
	double usd;
};

struct catalogue {
	char *dir;
	struct catalogue_file files[CATALOGUE_FILES];
	size_t n_files;
	struct catalogue_os *os;
	size_t n_os, cap_os;
	struct os_id *ids;
	size_t n_ids, cap_ids;
	struct os_pattern *patterns;
	size_t n_patterns, cap_patterns;
	struct os_release *releases;
	size_t n_releases, cap_releases;
	struct catalogue_size *sizes;
	size_t n_sizes, cap_sizes;
	struct catalogue_tier *tiers[DISK_TYPES];
	size_t n_tiers[DISK_TYPES], cap_tiers[DISK_TYPES];
	struct price *prices;
	size_t n_prices, cap_prices;
	char **regions; /* each once, in byte order */
	size_t n_regions, cap_regions;
	struct catalogue_host *hosts;
	size_t n_hosts, cap_hosts;
	struct catalogue_ftt *ftts;
	size_t n_ftts, cap_ftts;
};

/* Each reads all rows of its file; what was read before a failure stays, catalogue_close() frees it. */
int catalogue_load_os_keys(struct catalogue *c, struct table *t, struct error *err) MUST_CHECK;
int catalogue_load_guest_os(struct catalogue *c, struct table *t, struct error *err) MUST_CHECK; /* after the keys */
int catalogue_load_guest_os_names(struct catalogue *c, struct table *t, struct error *err) MUST_CHECK; /* likewise */
int catalogue_load_releases(struct catalogue *c, struct table *t, struct error *err) MUST_CHECK; /* likewise */
int catalogue_load_sizes(struct catalogue *c, struct table *t, struct error *err) MUST_CHECK;
int catalogue_load_tiers(struct catalogue *c, struct table *t, struct error *err) MUST_CHECK;
int catalogue_load_hosts(struct catalogue *c, struct table *t, struct error *err) MUST_CHECK;
int catalogue_load_ftts(struct catalogue *c, struct table *t, struct error *err) MUST_CHECK;
int catalogue_load_prices(struct catalogue *c, struct table *t, struct error *err) MUST_CHECK;

/* The columns that each asks for. */
extern const char *const catalogue_release_columns[];
extern const char *const catalogue_os_key_columns[],
	*const catalogue_guest_os_columns[], *const catalogue_guest_os_name_columns[],
						     *const catalogue_size_columns[],
							     *const catalogue_tier_columns[],
								     *const catalogue_host_columns[],
									     *const catalogue_ftt_columns[],
										     *const catalogue_price_columns[];

void catalogue_free_os(struct catalogue *c);
void catalogue_free_releases(struct catalogue *c);
void catalogue_free_prices(struct catalogue *c);

#endif
