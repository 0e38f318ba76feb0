/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of the Azure Retail Prices API (2023-01-01-preview), of sizes and of managed disks:
 *
 *	{"Items": [{"currencyCode": "USD", "retailPrice": 0.115, "armRegionName": "westeurope", "armSkuName": "Standard_D2s_v5",
 *	  "skuName": "D2s v5", "productName": "Virtual Machines Dsv5 Series", "meterName": "D2s v5", "unitOfMeasure": "1 Hour",
 *	  "type": "Consumption", "tierMinimumUnits": 0, "effectiveStartDate": "2021-11-01T00:00:00Z",
 *	  "isPrimaryMeterRegion": true, ...}, ...], "NextPageLink": "https://..." | null, "Count": 1000}
 *
 * A row is taken if all of it is what is expected, else counted under why not: nothing is guessed.  What cannot be part of any
 * right answer (another currency, a price below nothing or beyond RETAIL_USD_MAX, control characters) refuses the page.
 * Pure; known from the API's public documentation, never run against it.
 */
#ifndef LIFTFS_ASSESS_RETAIL_PRICES_H
#define LIFTFS_ASSESS_RETAIL_PRICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define RETAIL_USD_MAX 1e6      /* an hour or a month of one thing; the largest size is at 300 an hour */
#define RETAIL_USD_MIN 1e-6     /* less is none */
#define RETAIL_PRICES_MAX 50000 /* that were taken, of one region: there are some 3,000 */
#define RETAIL_ITEM_MAX 64      /* bytes of a name, NUL included */

enum retail_kind { RETAIL_SIZE_LINUX, RETAIL_SIZE_WINDOWS, RETAIL_DISK_LRS, RETAIL_DISK_ZRS };

struct retail_price {
	char item[RETAIL_ITEM_MAX]; /* "Standard_D2s_v5", "P10" */
	enum retail_kind kind;
	bool primary;
	bool contradictory; /* after retail_prices_settle(): there are several, and none goes before the others */
	uint64_t since_ns;  /* realtime */
	double usd;         /* an hour of a size, a month of a disk */
};

enum retail_left_out {
	RETAIL_SPOT,           /* spot, low priority, promotions */
	RETAIL_OTHER_PRODUCT,  /* Cloud Services, Dedicated Host; a disk's operations, mounts, snapshots, bursts */
	RETAIL_OTHER_TYPE,     /* reservations, DevTest */
	RETAIL_NOT_VALID,      /* not yet, or not any more */
	RETAIL_FREE,           /* of price 0 */
	RETAIL_NOT_UNDERSTOOD, /* any other */
	RETAIL_LEFT_OUT
};
const char *retail_left_out_name(enum retail_left_out why); /* "spot or low priority" */

struct retail_prices { /* all zeros is empty */
	struct retail_price *v;
	size_t n, cap;
	size_t rows; /* read in all */
	size_t left_out[RETAIL_LEFT_OUT];
	char unknown[160]; /* the first that was not understood, visible; "" */
};
void retail_prices_fini(struct retail_prices *p);

/* Products that are asked for, as they stand in a filter: serviceName, and productName or NULL; up to a NULL. */
extern const char *const retail_questions[][2];

/*
 * Adds the rows of a page.  *next_out: the link to the next one, the caller's; NULL: none.  What was added before a failure
 * stays.  ERR_CORRUPT.
 */
int retail_prices_page(struct retail_prices *p, const char *region, uint64_t now_ns, const char *body, size_t len,
		       char **next_out, struct error *err) MUST_CHECK;

/*
 * Leaves one row of a kind and item, in that order: of the region's primary meter before others, the newest before older
 * ones.  Two of these that differ are contradictory.
 */
void retail_prices_settle(struct retail_prices *p);
/* After that, ignoring case.  NULL: none. */
const struct retail_price *retail_prices_find(const struct retail_prices *p, enum retail_kind kind, const char *item);

#endif
