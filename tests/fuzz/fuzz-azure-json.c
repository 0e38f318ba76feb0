/* SPDX-License-Identifier: Apache-2.0 */
/* What Azure's price list and list of sizes say.  The first byte chooses: a page of prices, one of sizes, a link. */
#include <config.h>

#include <string.h>
#include <strings.h>

#include "assess/catalogue_merge.h"
#include "assess/paged_fetch.h"
#include "base/cleanup.h"
#include "fuzz.h"

#define NOW_NS (UINT64_C(1795298400) * 1000000000)
#define FROM "https://prices.azure.com/api/retail/prices?x"

static void fuzz_prices(const char *text, size_t len)
{
	struct retail_prices p = { .v = NULL };
	struct error e = ERROR_INIT;
	char *next = NULL;
	size_t out = 0;

	if (retail_prices_page(&p, "westeurope", NOW_NS, text, len, &next, &e) < 0)
		FUZZ_MUST(e.code == ERR_CORRUPT && !next);
	for (int i = 0; i < RETAIL_LEFT_OUT; i++)
		out += p.left_out[i];
	FUZZ_MUST(p.n + out == p.rows);
	retail_prices_settle(&p);
	for (size_t i = 0; i < p.n; i++) {
		const struct retail_price *v = &p.v[i];
		char decimal[CATALOGUE_DECIMAL_LEN];

		FUZZ_MUST(v->usd >= RETAIL_USD_MIN && v->usd <= RETAIL_USD_MAX && v->since_ns <= NOW_NS);
		FUZZ_MUST(retail_prices_find(&p, v->kind, v->item) == v);
		for (const char *c = v->item; *c; c++)
			FUZZ_MUST(*c > ' ' && *c < 0x7f && *c != ',' && *c != '"');
		catalogue_decimal(v->usd, decimal);
		FUZZ_MUST(decimal[strspn(decimal, "0123456789.")] == '\0' && strcmp(decimal, "0") != 0);
	}
	for (const char *c = p.unknown; *c; c++)
		FUZZ_MUST((unsigned char)*c >= ' ' && *c != 0x7f);
	free(next);
	retail_prices_fini(&p);
}

static void fuzz_sizes(const char *text, size_t len)
{
	struct resource_skus s = { .v = NULL };
	struct error e = ERROR_INIT;
	char *next = NULL;

	if (resource_skus_page(&s, "westeurope", text, len, &next, &e) < 0)
		FUZZ_MUST(e.code == ERR_CORRUPT && !next);
	resource_skus_settle(&s);
	for (size_t i = 0; i < s.n; i++) {
		const struct resource_sku *v = &s.v[i];

		FUZZ_MUST(*v->name && resource_skus_find(&s, v->name) == v);
		for (int cell = 0; cell < SKU_CELLS; cell++)
			FUZZ_MUST(v->cells[cell][strspn(v->cells[cell], "0123456789.yesno")] == '\0');
	}
	free(next);
	resource_skus_fini(&s);
}

static void fuzz_link(const char *text, size_t len)
{
	char *url = NULL;

	(void)len;
	if (paged_link(FROM, text, &url, NULL) < 0)
		return;
	FUZZ_MUST(strncasecmp(url, "https://prices.azure.com", 24) == 0);
	FUZZ_MUST(url[24] == '\0' || url[24] == '/' || url[24] == '?' || url[24] == '#' || url[24] == ':');
	for (const char *c = url; *c; c++)
		FUZZ_MUST(*c > ' ' && *c < 0x7f);
	free(url);
}

static fuzz_reader *const readers[] = { fuzz_prices, fuzz_sizes, fuzz_link };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_one_reader(data, len, readers, sizeof(readers) / sizeof(readers[0]));
	return 0;
}
