/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assess/catalogue_merge.h"
#include "base/cleanup.h"
#include "base/compiler.h"
#include "support/scratch.h"

#define DATE "2026-11-21"
#define PRICES_HEADER "region,kind,item,os,redundancy,unit,price_usd,as_of,source\n"
#define SIZES_HEADER                                                                                                  \
	"name,series,vcpus,memory_gib,max_data_disks,max_nics,uncached_iops,uncached_mbps,premium_io,gen1,gen2,nvme_" \
	"only,max_network_mbps,default_candidate,regions,source\n"

struct rig {
	struct catalogue_rows rows, sizes, tiers;
	struct catalogue_notices notices;
	struct error err;
};

static void read_rows(const struct scratch_dir *dir, const char *text, struct catalogue_rows *out)
{
	struct error e = ERROR_INIT;

	scratch_write(dir, "rows.csv", text, strlen(text));
	if (catalogue_rows_read(out, dir->path, "rows.csv", &e) < 0)
		fail_msg("%s", e.msg);
}

static void rig_start(struct rig *r, const struct scratch_dir *dir, const char *rows)
{
	*r = (struct rig){ .err = ERROR_INIT };
	read_rows(dir, rows, &r->rows);
	read_rows(dir, "name\none\ntwo\nThree\n", &r->sizes);
	read_rows(dir, "tier\nP1\nP2\n", &r->tiers);
}

static void rig_end(struct rig *r)
{
	catalogue_rows_fini(&r->rows);
	catalogue_rows_fini(&r->sizes);
	catalogue_rows_fini(&r->tiers);
	catalogue_notices_fini(&r->notices);
}

static void assert_rows(const struct rig *r, const char *want)
{
	CLEANUP_FREE char *text = catalogue_rows_text(&r->rows, NULL);

	assert_non_null(text);
	assert_string_equal(text, want);
}

static int merge_prices(struct rig *r, const struct retail_price *v, size_t n, struct catalogue_prices_merged *out)
{
	CLEANUP_FREE struct retail_price *copy = calloc(n + 1, sizeof(*copy));
	struct retail_prices p = { .v = copy, .n = n };

	assert_non_null(copy);
	memcpy(copy, v, n * sizeof(*v));
	retail_prices_settle(&p);
	return catalogue_merge_prices(&r->rows, "here", &p, &r->sizes, &r->tiers, DATE, out, &r->notices, &r->err);
}

static void prices_of_the_region_are_renewed_and_all_else_stays(void **state)
{
	static const struct retail_price prices[] = {
		{ .item = "one", .kind = RETAIL_SIZE_LINUX, .usd = 0.5 },
		{ .item = "two", .kind = RETAIL_SIZE_LINUX, .usd = 0.2 },
		{ .item = "two", .kind = RETAIL_SIZE_WINDOWS, .usd = 0.9 },
		{ .item = "three", .kind = RETAIL_SIZE_LINUX, .usd = 0.7 },
		{ .item = "four", .kind = RETAIL_SIZE_LINUX, .usd = 0.8 },
		{ .item = "P1", .kind = RETAIL_DISK_LRS, .usd = 3 },
		{ .item = "P2", .kind = RETAIL_DISK_ZRS, .usd = 4 },
		{ .item = "P9", .kind = RETAIL_DISK_ZRS, .usd = 4 },
	};
	struct catalogue_prices_merged m;
	struct rig r;

	rig_start(&r, *state,
		  PRICES_HEADER "here,vm,one,linux,,hour,0.1,2025-01-01,old\n"
				"there,vm,one,linux,,hour,0.1,2025-01-01,old\n"
				"here,vm,two,linux,,hour,0.20,2025-01-01,old\n"
				"here,vm,Three,windows,,hour,0.3,2025-01-01,old\n"
				"here,vm,one,windows,,hour,0.3,2025-01-01,old\n"
				"here,vm,two,windows,,hour,0.3,2025-01-01,old\n"
				"here,disk,P1,,LRS,month,2,2025-01-01,old\n"
				"here,disk,Ultra,,LRS,gib-hour,2,2025-01-01,old\n");
	assert_int_equal(merge_prices(&r, prices, 2, &m), -1); /* of the disk and of Windows none is left */
	rig_end(&r);
	rig_start(&r, *state,
		  PRICES_HEADER "here,vm,one,linux,,hour,0.1,2025-01-01,old\n"
				"there,vm,one,linux,,hour,0.1,2025-01-01,old\n"
				"here,vm,two,linux,,hour,0.20,2025-01-01,old\n"
				"here,vm,one,windows,,hour,0.3,2025-01-01,old\n"
				"here,vm,two,windows,,hour,0.3,2025-01-01,old\n"
				"here,disk,P1,,LRS,month,2,2025-01-01,old\n"
				"here,disk,Ultra,,LRS,gib-hour,2,2025-01-01,old\n");
	assert_int_equal(merge_prices(&r, prices, ARRAY_LEN(prices), &m), 0);
	assert_rows(&r, PRICES_HEADER "here,vm,one,linux,,hour,0.5,2026-11-21,Azure Retail Prices API\n"
				      "there,vm,one,linux,,hour,0.1,2025-01-01,old\n"
				      "here,vm,two,linux,,hour,0.2,2026-11-21,Azure Retail Prices API\n"
				      "here,vm,two,windows,,hour,0.9,2026-11-21,Azure Retail Prices API\n"
				      "here,disk,P1,,LRS,month,3,2026-11-21,Azure Retail Prices API\n"
				      "here,disk,Ultra,,LRS,gib-hour,2,2025-01-01,old\n"
				      "here,vm,Three,linux,,hour,0.7,2026-11-21,Azure Retail Prices API\n"
				      "here,disk,P2,,ZRS,month,4,2026-11-21,Azure Retail Prices API\n");
	assert_int_equal(m.rows.changed, 3);
	assert_int_equal(m.rows.added, 2);
	assert_int_equal(m.rows.gone, 1);
	assert_int_equal(m.sizes, 4);
	assert_int_equal(m.disks, 2);
	assert_int_equal(m.strange, 2);
	assert_int_equal(r.notices.n, 0);
	rig_end(&r);
}

static void a_price_that_contradicts_itself_leaves_the_row_as_it_was(void **state)
{
	static const struct retail_price prices[] = {
		{ .item = "one", .kind = RETAIL_SIZE_LINUX, .usd = 0.5 },
		{ .item = "one", .kind = RETAIL_SIZE_LINUX, .usd = 0.6 },
		{ .item = "one", .kind = RETAIL_SIZE_WINDOWS, .usd = 0.5 },
		{ .item = "one", .kind = RETAIL_SIZE_WINDOWS, .usd = 0.6 },
		{ .item = "two", .kind = RETAIL_SIZE_LINUX, .usd = 0.6 },
	};
	struct catalogue_prices_merged m;
	struct rig r;

	rig_start(&r, *state, PRICES_HEADER "here,vm,one,linux,,hour,0.1,2025-01-01,old\n");
	assert_int_equal(merge_prices(&r, prices, ARRAY_LEN(prices), &m), 0);
	assert_rows(&r, PRICES_HEADER "here,vm,one,linux,,hour,0.1,2025-01-01,old\n"
				      "here,vm,two,linux,,hour,0.6,2026-11-21,Azure Retail Prices API\n");
	assert_int_equal(r.notices.n, 2);
	assert_string_equal(r.notices.v[0], "here: several prices of one: it stays as it was");
	assert_string_equal(r.notices.v[1], "here: several prices of one with Windows: it has none");
	rig_end(&r);
}

static void less_than_half_is_no_renewal(void **state)
{
	static const char rows[] = PRICES_HEADER "here,vm,one,linux,,hour,0.1,,\nhere,vm,two,linux,,hour,0.1,,\n"
						 "here,vm,Three,linux,,hour,0.1,,\n";
	static const struct retail_price prices[] = { { .item = "one", .kind = RETAIL_SIZE_LINUX, .usd = 0.5 },
						      { .item = "two", .kind = RETAIL_SIZE_LINUX, .usd = 0.5 } };
	struct catalogue_prices_merged m;
	struct rig r;

	rig_start(&r, *state, rows);
	assert_int_equal(merge_prices(&r, prices, 1, &m), -1);
	assert_error(&r.err, ERR_CORRUPT,
		     "here: 1 prices of sizes with Linux, where there were 3: less than half is no renewal");
	rig_end(&r);
	rig_start(&r, *state, rows);
	assert_int_equal(merge_prices(&r, prices, 2, &m), 0);
	assert_int_equal(m.rows.gone, 1);
	rig_end(&r);
	rig_start(&r, *state, PRICES_HEADER);
	assert_int_equal(merge_prices(&r, prices, 0, &m), -1);
	assert_error(&r.err, ERR_CORRUPT, "here: no price of any size of the catalogue: is it a region's name?");
	rig_end(&r);
}

/* Those of a size; "" where the service is silent. */
static struct resource_sku sku_of(const char *name, const char *family, const char *vcpus, const char *iops)
{
	static const char *const usual[SKU_CELLS] = { "", "8", "4", "2", "", "50", "yes", "yes", "yes", "no", "no", "no" };
	struct resource_sku s = { .unusual = false };

	snprintf(s.name, sizeof(s.name), "%s", name);
	snprintf(s.family, sizeof(s.family), "%s", family);
	for (int i = 0; i < SKU_CELLS; i++)
		snprintf(s.cells[i], sizeof(s.cells[i]), "%s",
			 i == SKU_VCPUS ? vcpus : i == SKU_UNCACHED_IOPS ? iops : usual[i]);
	return s;
}

static int merge_sizes(struct rig *r, const struct resource_sku *v, size_t n, struct catalogue_sizes_merged *out)
{
	CLEANUP_FREE struct resource_sku *copy = calloc(n + 1, sizeof(*copy));
	struct resource_skus s = { .v = copy, .n = n };

	assert_non_null(copy);
	memcpy(copy, v, n * sizeof(*v));
	resource_skus_settle(&s);
	return catalogue_merge_sizes(&r->rows, "here", &s, DATE, out, &r->notices, &r->err);
}

static void figures_are_renewed_and_what_the_service_does_not_say_stays(void **state)
{
	const struct resource_sku skus[] = { sku_of("a", "Fam", "4", "3200"), sku_of("b", "Fam", "2", "100"),
					     sku_of("C", "Other", "2", "") };
	struct catalogue_sizes_merged m;
	struct rig r;

	rig_start(&r, *state,
		  SIZES_HEADER "a,Av1,2,8.0,4,2,3200,50,yes,yes,yes,no,1000,yes,there,dump 2025-01-01\n"
			       "b,Av1,2,8,4,2,200,60,yes,yes,yes,no,,no,here,dump 2025-01-01 + MicrosoftDocs/x b.md\n"
			       "c,Cv1,2,8,4,2,7,50,yes,yes,yes,no,,no,here;there,dump\n"
			       "gone,Cv1,2,8,4,2,7,50,yes,yes,yes,no,,no,here,dump\n");
	assert_int_equal(merge_sizes(&r, skus, ARRAY_LEN(skus), &m), 0);
	assert_rows(&r, SIZES_HEADER
		    "a,Av1,4,8.0,4,2,3200,50,yes,yes,yes,no,1000,yes,there;here,Azure Resource SKUs API (2026-11-21)\n"
		    "b,Av1,2,8,4,2,200,60,yes,yes,yes,no,,no,here,Azure Resource SKUs API (2026-11-21) + MicrosoftDocs/x b.md\n"
		    "c,Cv1,2,8,4,2,7,50,yes,yes,yes,no,,no,here;there,Azure Resource SKUs API (2026-11-21)\n"
		    "gone,Cv1,2,8,4,2,7,50,yes,yes,yes,no,,no,here,dump\n");
	assert_int_equal(m.rows.changed, 1);
	assert_int_equal(m.disputed, 1);
	assert_int_equal(r.notices.n, 2);
	assert_string_equal(r.notices.v[0], "here: 1 sizes that were there are not listed any more; they stay");
	assert_string_equal(r.notices.v[1], "here: of 1 sizes Microsoft's pages and the service give different IOPS or "
					    "MB/s; the pages' stay");
	rig_end(&r);
}

static void a_new_size_is_no_candidate_and_has_its_familys_series(void **state)
{
	struct resource_sku skus[] = { sku_of("a", "Fam", "2", "1"),        sku_of("b", "Mixed", "2", "1"),
				       sku_of("c", "mixed", "2", "1"),      sku_of("n1_v5", "fam", "6", "1"),
				       sku_of("n2", "New", "6", "1"),       sku_of("n3", "Mixed", "6", "1"),
				       sku_of("arm", "Fam", "6", "1"),      sku_of("short", "Fam", "6", ""),
				       sku_of("nofamily", "", "6", "1"),    sku_of("n4_v6", "Fam", "6", "1"),
				       sku_of("n5_v7", "Fam", "6", "1") };
	struct catalogue_sizes_merged m;
	struct rig r;

	skus[6].unusual = true;
	skus[3].cells[SKU_NVME_ONLY][0] = skus[9].cells[SKU_NVME_ONLY][0] = skus[10].cells[SKU_NVME_ONLY][0] = '\0';
	rig_start(&r, *state,
		  SIZES_HEADER "a,Av1,2,8,4,2,1,50,yes,yes,yes,no,1000,yes,here,x\n"
			       "b,Bv1,2,8,4,2,1,50,yes,yes,yes,no,1000,yes,here,x\n"
			       "c,Cv1,2,8,4,2,1,50,yes,yes,yes,no,1000,yes,here,x\n");
	assert_int_equal(merge_sizes(&r, skus, ARRAY_LEN(skus), &m), 0);
	catalogue_rows_drop(&r.rows, (const bool[8]){ true, true, true });
	assert_rows(&r, SIZES_HEADER
		    "n1_v5,Av1,6,8,4,2,1,50,yes,yes,yes,no,,no,here,Azure Resource SKUs API (2026-11-21)\n"
		    "n2,New,6,8,4,2,1,50,yes,yes,yes,no,,no,here,Azure Resource SKUs API (2026-11-21)\n"
		    "n3,Mixed,6,8,4,2,1,50,yes,yes,yes,no,,no,here,Azure Resource SKUs API (2026-11-21)\n"
		    "n4_v6,Av1,6,8,4,2,1,50,yes,yes,yes,yes,,no,here,Azure Resource SKUs API (2026-11-21)\n");
	assert_int_equal(m.rows.added, 4);
	assert_int_equal(m.rows.changed, 0);
	assert_int_equal(m.unusual, 1);
	assert_int_equal(m.incomplete, 3);
	assert_string_equal(r.notices.v[0],
			    "here: 4 sizes are new; default_candidate of them is no, max_network_mbps not known");
	rig_end(&r);
}

static void a_region_with_hardly_any_size_is_refused(void **state)
{
	const struct resource_sku skus[] = { sku_of("a", "Fam", "2", "1") };
	struct catalogue_sizes_merged m;
	struct rig r;

	rig_start(&r, *state,
		  SIZES_HEADER "a,Av1,2,8,4,2,1,50,yes,yes,yes,no,1000,yes,here,x\n"
			       "b,Bv1,2,8,4,2,1,50,yes,yes,yes,no,1000,yes,here,x\n"
			       "c,Cv1,2,8,4,2,1,50,yes,yes,yes,no,1000,yes,there;here,x\n");
	assert_int_equal(merge_sizes(&r, skus, 1, &m), -1);
	assert_error(&r.err, ERR_CORRUPT, "here: 1 of the 3 sizes that were there: less than half is no renewal");
	r.err = (struct error)ERROR_INIT;
	assert_int_equal(merge_sizes(&r, skus, 0, &m), -1);
	assert_error(&r.err, ERR_CORRUPT, "here: not one size: is it a region's name?");
	rig_end(&r);
}

static void notices_beyond_a_hundred_are_counted(void **state)
{
	struct catalogue_notices n = { .v = NULL };

	(void)state;
	for (int i = 0; i < CATALOGUE_NOTICES_MAX + 3; i++)
		assert_int_equal(catalogue_notice(&n, NULL, "number %d", i), 0);
	assert_int_equal(n.n, CATALOGUE_NOTICES_MAX);
	assert_int_equal(n.beyond, 3);
	assert_string_equal(n.v[99], "number 99");
	catalogue_notices_fini(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prices_of_the_region_are_renewed_and_all_else_stays),
		cmocka_unit_test(a_price_that_contradicts_itself_leaves_the_row_as_it_was),
		cmocka_unit_test(less_than_half_is_no_renewal),
		cmocka_unit_test(figures_are_renewed_and_what_the_service_does_not_say_stays),
		cmocka_unit_test(a_new_size_is_no_candidate_and_has_its_familys_series),
		cmocka_unit_test(a_region_with_hardly_any_size_is_refused),
		cmocka_unit_test(notices_beyond_a_hundred_are_counted),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
