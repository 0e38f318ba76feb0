/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of Azure's Resource SKUs API (Microsoft.Compute/skus, 2021-07-01), of virtual machine sizes:
 *
 *	{"value": [{"resourceType": "virtualMachines", "name": "Standard_D2s_v5", "family": "standardDSv5Family",
 *	  "locations": ["westeurope"], "capabilities": [{"name": "vCPUs", "value": "2"}, ...], ...}, ...], "nextLink": "https://..."}
 *
 * Figures are kept as the cells of azure-vm-sizes.csv.  Pure; known from the API's public documentation and from replies that
 * others published, never run against it.
 */
#ifndef LIFTFS_ASSESS_RESOURCE_SKUS_H
#define LIFTFS_ASSESS_RESOURCE_SKUS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define SKU_NAME_MAX 64 /* bytes, NUL included */
#define SKU_CELL_MAX 32
#define SKUS_MAX 20000 /* sizes of one region: there are some 1,200 */

enum sku_cell {
	SKU_VCPUS,
	SKU_MEMORY_GIB,
	SKU_MAX_DATA_DISKS,
	SKU_MAX_NICS,
	SKU_UNCACHED_IOPS,
	SKU_UNCACHED_MBPS,
	SKU_PREMIUM_IO,
	SKU_GEN1,
	SKU_GEN2,
	SKU_NVME_ONLY,
	SKU_ACCELERATED_NETWORK,
	SKU_LOCAL_TEMP_DISK,
	SKU_CELLS
};
extern const char *const sku_columns[SKU_CELLS]; /* of azure-vm-sizes.csv */

struct resource_sku {
	char name[SKU_NAME_MAX];   /* "Standard_D2s_v5" */
	char family[SKU_NAME_MAX]; /* "DSv5": what the API says, without "standard" and "Family"; "": nothing */
	char cells[SKU_CELLS][SKU_CELL_MAX]; /* "": the API does not say */
	bool unusual; /* not x64, or with constrained vCPUs, GPUs, RDMA, confidential, a promotion: no size for anything */
};

struct resource_skus { /* all zeros is empty */
	struct resource_sku *v;
	size_t n, cap;
	size_t illegible;  /* sizes of which a value makes no sense: they are not in v */
	char unknown[160]; /* the first of them and why, visible; "" */
};
void resource_skus_fini(struct resource_skus *s);

/* Adds the sizes of a page that are there in the region.  As retail_prices_page(). */
int resource_skus_page(struct resource_skus *s, const char *region, const char *body, size_t len, char **next_out,
		       struct error *err) MUST_CHECK;
/* By name, ignoring case.  A size that is there twice counts once. */
void resource_skus_settle(struct resource_skus *s);
/* After that, ignoring case.  NULL: none. */
const struct resource_sku *resource_skus_find(const struct resource_skus *s, const char *name);

/* Is every figure there that a size cannot do without? */
bool resource_sku_is_whole(const struct resource_sku *sku);

#endif
