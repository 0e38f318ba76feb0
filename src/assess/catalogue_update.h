/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A catalogue with what Azure's services say today: prices of sizes and managed disks (Retail Prices API, which asks nobody who
 * he is), and figures of sizes (Resource SKUs API, of a subscription).
 *
 * Nothing of the folder changes before all was fetched, understood, put together, and opened as a catalogue.  Files of which
 * nothing is fetched are copied from the catalogue that is renewed.  Never run against the real services.
 */
#ifndef LIFTFS_ASSESS_CATALOGUE_UPDATE_H
#define LIFTFS_ASSESS_CATALOGUE_UPDATE_H

#include "assess/catalogue.h"
#include "assess/catalogue_merge.h"
#include "base/cancel.h"
#include "net/http.h"

#define CATALOGUE_PRICES_URL "https://prices.azure.com"
#define CATALOGUE_MANAGEMENT_URL "https://management.azure.com"
#define CATALOGUE_REGIONS_MAX 64

struct catalogue_update_options {
	const char *dir;  /* that is written; made if it is not there */
	const char *base; /* the catalogue to begin with, where dir is new or empty */
	const char *const *regions; /* "westeurope" */
	size_t n_regions;           /* 0: those of which the catalogue has prices */
	const char *subscription;   /* NULL: sizes stay as they are */
	const char *prices_url, *management_url; /* scheme and host; NULL: as above.  https, http only to loopback */
	struct http *http;
	struct cancel *cancel; /* may be NULL */
	/* The value of the Authorization header for a URL of management_url; the caller frees it. */
	int (*authorize)(void *ctx, const char *url, char **value_out, struct error *err);
	void *ctx;
	uint64_t (*below)(uint64_t n); /* dice for waits between tries; NULL: random_below() */
	uint64_t now_ns;               /* realtime */
};

struct catalogue_update_file {
	const char *name;
	bool renewed;
	size_t before, after; /* rows */
	struct catalogue_merged rows;
	char as_of[sizeof("2026-08-20")];
};

struct catalogue_update_region {
	char *name;
	size_t rows; /* that were read */
	struct catalogue_prices_merged prices;
	struct catalogue_sizes_merged sizes;
	size_t left_out[RETAIL_LEFT_OUT];
};

struct catalogue_update { /* all zeros is empty */
	char *base; /* which was renewed: dir itself or options.base */
	struct catalogue_update_file files[CATALOGUE_FILES];
	struct catalogue_update_region *regions;
	size_t n_regions;
	struct catalogue_notices notices;
};
void catalogue_update_fini(struct catalogue_update *u);

/* ERR_USAGE: a region's or subscription's name, or a URL, that cannot be one. */
int catalogue_update(const struct catalogue_update_options *opt, struct catalogue_update *out,
		     struct error *err) MUST_CHECK;

#endif
