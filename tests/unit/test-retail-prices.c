/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assess/azure_page.h"
#include "assess/retail_prices.h"
#include "base/cleanup.h"
#include "base/compiler.h"

#define NOW_NS (UINT64_C(1795298400) * 1000000000) /* 2026-11-21T22:00:00Z */

/* What a row of the service has; NULL: as below. */
struct given {
	const char *price, *arm, *sku, *product, *meter, *unit, *type, *since, *more;
};

static const char *given_or(const char *text, const char *usual)
{
	return text ? text : usual;
}

static void put_row(char *out, size_t len, const struct given *g)
{
	snprintf(out, len,
		 "{\"currencyCode\":\"USD\",\"tierMinimumUnits\":0.0,\"retailPrice\":%s,\"unitPrice\":1,\"armRegionName\":"
		 "\"westeurope\",\"location\":\"EU West\",\"armSkuName\":\"%s\",\"skuName\":\"%s\",\"productName\":\"%s\","
		 "\"meterName\":\"%s\",\"unitOfMeasure\":\"%s\",\"type\":\"%s\",\"effectiveStartDate\":\"%s\","
		 "\"isPrimaryMeterRegion\":true,\"savingsPlan\":[{\"retailPrice\":0.1,\"term\":\"1 Year\"}]%s}",
		 given_or(g->price, "0.115"), given_or(g->arm, "Standard_D2s_v5"), given_or(g->sku, "D2s v5"),
		 given_or(g->product, "Virtual Machines Dsv5 Series"), given_or(g->meter, "D2s v5"), given_or(g->unit, "1 Hour"),
		 given_or(g->type, "Consumption"), given_or(g->since, "2021-11-01T00:00:00Z"), given_or(g->more, ""));
}

static int read_page(struct retail_prices *p, const char *text, char **next, struct error *err)
{
	*err = (struct error)ERROR_INIT;
	return retail_prices_page(p, "westeurope", NOW_NS, text, strlen(text), next, err);
}

static int read_rows(struct retail_prices *p, const struct given *rows, size_t n, struct error *err)
{
	char page[8192] = "{\"Items\":[", row[1024], *next;

	for (size_t i = 0; i < n; i++) {
		put_row(row, sizeof(row), &rows[i]);
		snprintf(page + strlen(page), sizeof(page) - strlen(page), "%s%s", i ? "," : "", row);
	}
	snprintf(page + strlen(page), sizeof(page) - strlen(page), "],\"NextPageLink\":null,\"Count\":%zu}", n);
	return read_page(p, page, &next, err);
}

static void sizes_and_disks_are_told_apart(void **state)
{
	static const struct given rows[] = {
		{ .price = "0.115" },
		{ .price = "0.207", .product = "Virtual Machines Dsv5 Series Windows" },
		{ .price = "0.3", .arm = "Standard_E2bds_v6", .sku = "Standard_E2bds_v6", .product = "Virtual Machines Ebdsv6-Series Linux" },
		{ .price = "21.68", .arm = "Premium_LRS", .sku = "P10 LRS", .product = "Premium SSD Managed Disks", .meter = "P10 LRS Disk", .unit = "1/Month" },
		{ .price = "32.5", .arm = "", .sku = "E80 ZRS", .product = "Standard SSD Managed Disks", .meter = "E80 ZRS Disk", .unit = "1/Month" },
		{ .price = "1.536", .arm = "", .sku = "S4 LRS", .product = "Standard HDD Managed Disks", .meter = "S4 LRS Disk", .unit = "1/Month" },
	};
	static const struct {
		enum retail_kind kind;
		const char *item;
		double usd;
	} want[] = {
		{ RETAIL_SIZE_LINUX, "Standard_D2s_v5", 0.115 },   { RETAIL_SIZE_WINDOWS, "standard_d2s_V5", 0.207 },
		{ RETAIL_SIZE_LINUX, "Standard_E2bds_v6", 0.3 },   { RETAIL_DISK_LRS, "P10", 21.68 },
		{ RETAIL_DISK_ZRS, "E80", 32.5 },                  { RETAIL_DISK_LRS, "S4", 1.536 },
	};
	struct retail_prices p = { .v = NULL };
	struct error e;

	(void)state;
	assert_int_equal(read_rows(&p, rows, ARRAY_LEN(rows), &e), 0);
	assert_int_equal(p.n, ARRAY_LEN(want));
	assert_int_equal(p.rows, ARRAY_LEN(want));
	retail_prices_settle(&p);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		const struct retail_price *found = retail_prices_find(&p, want[i].kind, want[i].item);

		assert_non_null(found);
		assert_true(found->usd == want[i].usd && !found->contradictory);
	}
	assert_null(retail_prices_find(&p, RETAIL_DISK_ZRS, "P10"));
	retail_prices_fini(&p);
}

static void what_is_not_wanted_is_counted_under_why(void **state)
{
	static const struct {
		struct given row;
		enum retail_left_out why;
	} rows[] = {
		{ { .sku = "D2s v5 Spot" }, RETAIL_SPOT },
		{ { .meter = "D2s v5 Low Priority" }, RETAIL_SPOT },
		{ { .sku = "D2s v5 Promo" }, RETAIL_SPOT },
		{ { .product = "Dsv5 Series Cloud Services" }, RETAIL_OTHER_PRODUCT },
		{ { .product = "Virtual Machines Dsv5 Series CloudServices" }, RETAIL_OTHER_PRODUCT },
		{ { .product = "Dsv5 Series Dedicated Host" }, RETAIL_OTHER_PRODUCT },
		{ { .sku = "P30 LRS", .product = "Premium SSD Managed Disks", .meter = "P30 LRS Disk Mount", .unit = "1/Month" }, RETAIL_OTHER_PRODUCT },
		{ { .sku = "Burst Enablement LRS", .product = "Premium SSD Managed Disks", .meter = "LRS Burst Enablement", .unit = "1/Month" }, RETAIL_OTHER_PRODUCT },
		{ { .sku = "E4 LRS", .product = "Standard SSD Managed Disks", .meter = "E4 LRS Disk Operations", .unit = "10K" }, RETAIL_OTHER_PRODUCT },
		{ { .type = "DevTestConsumption" }, RETAIL_OTHER_TYPE },
		{ { .type = "Reservation" }, RETAIL_OTHER_TYPE },
		{ { .since = "2026-11-21T22:00:01Z" }, RETAIL_NOT_VALID },
		{ { .more = ",\"effectiveEndDate\":\"2026-11-21T22:00:00Z\"" }, RETAIL_NOT_VALID },
		{ { .price = "0" }, RETAIL_FREE },
		{ { .price = "1e-9" }, RETAIL_FREE },
		{ { .unit = "1 Month" }, RETAIL_NOT_UNDERSTOOD },
		{ { .unit = "100 Hours" }, RETAIL_NOT_UNDERSTOOD },
		{ { .sku = "D2s v5 Turbo" }, RETAIL_NOT_UNDERSTOOD },
		{ { .sku = "D4s v5" }, RETAIL_NOT_UNDERSTOOD },
		{ { .arm = "" }, RETAIL_NOT_UNDERSTOOD },
		{ { .arm = "Standard_D2s,v5", .sku = "D2s v5" }, RETAIL_NOT_UNDERSTOOD },
		{ { .product = "Virtual Machines Dsv5" }, RETAIL_NOT_UNDERSTOOD },
		{ { .product = "Dsv5 Series" }, RETAIL_NOT_UNDERSTOOD },
		{ { .since = "soon" }, RETAIL_NOT_UNDERSTOOD },
		{ { .more = ",\"effectiveEndDate\":\"never\"" }, RETAIL_NOT_UNDERSTOOD },
		{ { .sku = "E10 LRS", .product = "Premium SSD Managed Disks", .meter = "E10 LRS Disk", .unit = "1/Month" }, RETAIL_NOT_UNDERSTOOD },
		{ { .sku = "P10 GRS", .product = "Premium SSD Managed Disks", .meter = "P10 GRS Disk", .unit = "1/Month" }, RETAIL_NOT_UNDERSTOOD },
		{ { .sku = "P10 LRS", .product = "Premium SSD Managed Disks", .meter = "P15 LRS Disk", .unit = "1/Month" }, RETAIL_NOT_UNDERSTOOD },
		{ { .sku = "P10 LRS", .product = "Premium SSD Managed Disks", .meter = "P10 LRS Disk Lease", .unit = "1/Month" }, RETAIL_NOT_UNDERSTOOD },
		{ { .sku = "P10 LRS", .product = "Premium SSD Managed Disks", .meter = "P10 LRS Disk", .unit = "1 Hour" }, RETAIL_NOT_UNDERSTOOD },
	};
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct retail_prices p = { .v = NULL };

		assert_int_equal(read_rows(&p, &rows[i].row, 1, &e), 0);
		if (p.n != 0 || p.left_out[rows[i].why] != 1)
			fail_msg("row %zu is not left out as '%s'", i, retail_left_out_name(rows[i].why));
		assert_int_equal(p.unknown[0] != '\0', rows[i].why == RETAIL_NOT_UNDERSTOOD);
		retail_prices_fini(&p);
	}
}

static void the_first_that_was_not_understood_is_named(void **state)
{
	static const struct given rows[] = { { .sku = "D2s v5 Turbo" }, { .sku = "Other" } };
	struct retail_prices p = { .v = NULL };
	struct error e;

	(void)state;
	assert_int_equal(read_rows(&p, rows, 2, &e), 0);
	assert_string_equal(p.unknown, "Virtual Machines Dsv5 Series / D2s v5 Turbo / D2s v5 / 1 Hour");
	assert_int_equal(p.left_out[RETAIL_NOT_UNDERSTOOD], 2);
	retail_prices_fini(&p);
}

static void the_primary_meter_goes_first_then_the_newest(void **state)
{
	static const struct given rows[] = {
		{ .price = "1", .since = "2020-01-01T00:00:00Z" },
		{ .price = "2", .since = "2022-01-01T00:00:00Z" },
		{ .price = "3", .since = "2021-01-01T00:00:00Z" },
		{ .price = "5", .arm = "Standard_D4s_v5", .sku = "D4s v5" },
		{ .price = "5", .arm = "Standard_D4s_v5", .sku = "D4s v5" },
	};
	struct retail_prices p = { .v = NULL };
	struct error e;

	(void)state;
	assert_int_equal(read_rows(&p, rows, ARRAY_LEN(rows), &e), 0);
	p.v[p.n - 1].primary = false; /* said twice, the same: no contradiction */
	retail_prices_settle(&p);
	assert_int_equal(p.n, 2);
	assert_true(retail_prices_find(&p, RETAIL_SIZE_LINUX, "Standard_D2s_v5")->usd == 2);
	assert_true(retail_prices_find(&p, RETAIL_SIZE_LINUX, "Standard_D4s_v5")->usd == 5);
	assert_false(p.v[0].contradictory || p.v[1].contradictory);
	retail_prices_fini(&p);

	assert_int_equal(read_rows(&p, rows, 3, &e), 0);
	p.v[1].primary = false;
	retail_prices_settle(&p);
	assert_int_equal(p.n, 1);
	assert_true(p.v[0].usd == 3);
	retail_prices_fini(&p);
}

static void two_prices_of_one_rank_contradict_each_other(void **state)
{
	static const struct given rows[] = { { .price = "1" }, { .price = "2" }, { .price = "9", .since = "2020-01-01T00:00:00Z" } };
	struct retail_prices p = { .v = NULL };
	struct error e;

	(void)state;
	assert_int_equal(read_rows(&p, rows, 3, &e), 0);
	retail_prices_settle(&p);
	assert_int_equal(p.n, 1);
	assert_true(p.v[0].contradictory);
	retail_prices_fini(&p);
	assert_int_equal(read_rows(&p, rows + 1, 2, &e), 0);
	retail_prices_settle(&p);
	assert_int_equal(p.n, 1);
	assert_false(p.v[0].contradictory);
	retail_prices_fini(&p);
}

static void a_page_that_cannot_be_right_is_refused(void **state)
{
	static const char *const pages[][2] = {
		{ "<html>", "not JSON: line 1: " },
		{ "{\"Items\":[{}", "not JSON: line 1: " },
		{ "{\"Items\":[],\"Items\":[]}", "not JSON: line 1: duplicate object key" },
		{ "{\"Items\":[{\"retailPrice\":1e999}]}", "not JSON: line 1: real number overflow" },
		{ "{\"Items\":[{\"retailPrice\":NaN}]}", "not JSON: line 1: " },
		{ "[]", "not a page of a list: there is no array 'Items'" },
		{ "{\"Items\":{}}", "not a page of a list: there is no array 'Items'" },
		{ "{\"Items\":[],\"NextPageLink\":7}", "NextPageLink: no text" },
		{ "{\"Items\":[7]}", "row 1 of a page: no object" },
		{ "{\"Items\":[{\"currencyCode\":\"USD\"}]}", "row 1 of a page: retailPrice: no number" },
		{ "{\"Items\":[{\"currencyCode\":\"USD\",\"retailPrice\":\"1\"}]}", "row 1 of a page: retailPrice: no number" },
		{ "{\"Items\":[{\"currencyCode\":\"USD\",\"retailPrice\":-0.5}]}", "row 1 of a page: retailPrice: -0.5 is not from 0 to 1e+06" },
		{ "{\"Items\":[{\"currencyCode\":\"USD\",\"retailPrice\":1000001}]}", "row 1 of a page: retailPrice: 1e+06 is not from 0 to 1e+06" },
		{ "{\"Items\":[{\"currencyCode\":\"EUR\",\"retailPrice\":1}]}", "row 1 of a page: currencyCode: 'EUR', not USD" },
		{ "{\"Items\":[{\"retailPrice\":1}]}", "row 1 of a page: currencyCode: '', not USD" },
		{ "{\"Items\":[{\"skuName\":\"a\\u001b[31m\",\"currencyCode\":\"USD\",\"retailPrice\":1}]}", "row 1 of a page: skuName: a control character" },
		{ "{\"Items\":[{\"skuName\":7,\"currencyCode\":\"USD\",\"retailPrice\":1}]}", "row 1 of a page: skuName: not a text of at most 256 bytes" },
	};
	struct error e;
	char *next = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		struct retail_prices p = { .v = NULL };

		assert_int_equal(read_page(&p, pages[i][0], &next, &e), -1);
		assert_int_equal(e.code, ERR_CORRUPT);
		if (strncmp(e.msg, pages[i][1], strlen(pages[i][1])) != 0)
			fail_msg("%s: '%s', not '%s'", pages[i][0], e.msg, pages[i][1]);
		assert_null(next);
		assert_int_equal(p.n, 0);
		retail_prices_fini(&p);
	}
}

static void a_page_of_too_many_values_is_refused_before_it_is_parsed(void **state)
{
	static const char head[] = "{\"Items\":[0";
	size_t len = strlen(head) + 2 * AZURE_PAGE_VALUES_MAX;
	CLEANUP_FREE char *page = malloc(len + 1);
	struct retail_prices p = { .v = NULL };
	struct error e = ERROR_INIT;
	char *next;

	(void)state;
	assert_non_null(page);
	memcpy(page, head, strlen(head));
	for (size_t i = strlen(head); i < len; i += 2)
		memcpy(page + i, ",0", 2);
	assert_int_equal(retail_prices_page(&p, "westeurope", NOW_NS, page, len, &next, &e), -1);
	assert_error(&e, ERR_CORRUPT, "a page of more than 2097152 values");
}

static void the_link_to_the_next_page_is_handed_out(void **state)
{
	struct retail_prices p = { .v = NULL };
	struct error e;
	char *next;

	(void)state;
	assert_int_equal(read_page(&p, "{\"Items\":[],\"NextPageLink\":\"https://h/x?$skip=1\"}", &next, &e), 0);
	assert_string_equal(next, "https://h/x?$skip=1");
	free(next);
	assert_int_equal(read_page(&p, "{\"Items\":[],\"NextPageLink\":\"\"}", &next, &e), 0);
	assert_null(next);
	assert_int_equal(read_page(&p, "{\"Items\":[]}", &next, &e), 0);
	assert_null(next);
	retail_prices_fini(&p);
}

static void another_regions_price_is_not_taken(void **state)
{
	struct retail_prices p = { .v = NULL };
	char row[1024], page[1100], *next;
	struct error e = ERROR_INIT;

	(void)state;
	put_row(row, sizeof(row), &(struct given){ .price = "1" });
	snprintf(page, sizeof(page), "{\"Items\":[%s]}", row);
	assert_int_equal(retail_prices_page(&p, "eastus", NOW_NS, page, strlen(page), &next, &e), 0);
	assert_int_equal(p.n, 0);
	assert_int_equal(p.left_out[RETAIL_NOT_UNDERSTOOD], 1);
	retail_prices_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_and_disks_are_told_apart),
		cmocka_unit_test(what_is_not_wanted_is_counted_under_why),
		cmocka_unit_test(the_first_that_was_not_understood_is_named),
		cmocka_unit_test(the_primary_meter_goes_first_then_the_newest),
		cmocka_unit_test(two_prices_of_one_rank_contradict_each_other),
		cmocka_unit_test(a_page_that_cannot_be_right_is_refused),
		cmocka_unit_test(a_page_of_too_many_values_is_refused_before_it_is_parsed),
		cmocka_unit_test(the_link_to_the_next_page_is_handed_out),
		cmocka_unit_test(another_regions_price_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
