/* SPDX-License-Identifier: Apache-2.0 */
/* The questions of an update to Azure's services, of one region each. */
#ifndef LIFTFS_ASSESS_CATALOGUE_FETCH_H
#define LIFTFS_ASSESS_CATALOGUE_FETCH_H

#include "assess/catalogue_update.h"

/* Looks at what the questions are made of.  ERR_USAGE. */
int catalogue_fetch_check(const struct catalogue_update_options *opt, struct error *err) MUST_CHECK;
/* Lower-case letters and digits. */
int catalogue_fetch_check_region(const char *region, struct error *err) MUST_CHECK;

/* Both settled. */
int catalogue_fetch_prices(const struct catalogue_update_options *opt, const char *region, struct retail_prices *out,
			   struct error *err) MUST_CHECK;
int catalogue_fetch_sizes(const struct catalogue_update_options *opt, const char *region, struct resource_skus *out,
			  struct error *err) MUST_CHECK;

#endif
