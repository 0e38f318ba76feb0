/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assess/resource_skus.h"
#include "base/compiler.h"

#define CAP(name, value) "{\"name\":\"" name "\",\"value\":\"" value "\"}"
#define USUAL                                                                                                         \
	CAP("MaxResourceVolumeMB", "76800")                                                                           \
	"," CAP("vCPUs", "2") "," CAP("MemoryGB", "0.5") "," CAP("MaxDataDiskCount", "4") "," CAP("PremiumIO", "True") \
		"," CAP("HyperVGenerations", "V1,V2") "," CAP("UncachedDiskIOPS", "3200") "," CAP(                    \
			"UncachedDiskBytesPerSecond", "50331648") "," CAP("MaxNetworkInterfaces",                     \
									  "2") "," CAP("AcceleratedNetworkingEnabled", \
										       "False")

static int read_page(struct resource_skus *s, const char *text, char **next, struct error *err)
{
	*err = (struct error)ERROR_INIT;
	return resource_skus_page(s, "westeurope", text, strlen(text), next, err);
}

static void read_sizes(struct resource_skus *s, const char *const *sizes, size_t n)
{
	char page[8192] = "{\"value\":[", *next;
	struct error e;

	for (size_t i = 0; i < n; i++)
		snprintf(page + strlen(page), sizeof(page) - strlen(page),
			 "%s{\"resourceType\":\"virtualMachines\",\"locations\":[\"WestEurope\"],\"restrictions\":[],%s}",
			 i ? "," : "", sizes[i]);
	snprintf(page + strlen(page), sizeof(page) - strlen(page), "]}");
	assert_int_equal(read_page(s, page, &next, &e), 0);
	assert_null(next);
	resource_skus_settle(s);
}

static void read_size(struct resource_skus *s, const char *size)
{
	read_sizes(s, &size, 1);
}

static void figures_become_cells(void **state)
{
	static const char *const want[SKU_CELLS] = {
		[SKU_VCPUS] = "2",
		[SKU_MEMORY_GIB] = "0.5",
		[SKU_MAX_DATA_DISKS] = "4",
		[SKU_MAX_NICS] = "2",
		[SKU_UNCACHED_IOPS] = "3200",
		[SKU_UNCACHED_MBPS] = "50",
		[SKU_PREMIUM_IO] = "yes",
		[SKU_GEN1] = "yes",
		[SKU_GEN2] = "yes",
		[SKU_NVME_ONLY] = "",
		[SKU_ACCELERATED_NETWORK] = "no",
		[SKU_LOCAL_TEMP_DISK] = "yes",
	};
	struct resource_skus s = { .v = NULL };
	const struct resource_sku *sku;

	(void)state;
	read_size(&s, "\"name\":\"Standard_D2s_v3\",\"family\":\"standardDSv3Family\",\"capabilities\":[" USUAL "]");
	sku = resource_skus_find(&s, "standard_D2S_v3");
	assert_non_null(sku);
	for (int i = 0; i < SKU_CELLS; i++)
		assert_string_equal(sku->cells[i], want[i]);
	assert_string_equal(sku->family, "DSv3");
	assert_false(sku->unusual);
	assert_true(resource_sku_is_whole(sku));
	assert_null(resource_skus_find(&s, "Standard_D2s"));
	resource_skus_fini(&s);
}

static void controllers_say_whether_there_is_nvme_only(void **state)
{
	static const char *const lists[][2] = { { "NVMe", "yes" }, { "SCSI, NVMe", "no" }, { "SCSI", "no" }, { "nvme,scsi", "no" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct resource_skus s = { .v = NULL };
		char size[1024];

		snprintf(size, sizeof(size), "\"name\":\"Standard_A\",\"capabilities\":[" USUAL "," CAP("DiskControllerTypes", "%s") "]",
			 lists[i][0]);
		read_size(&s, size);
		assert_string_equal(s.v[0].cells[SKU_NVME_ONLY], lists[i][1]);
		resource_skus_fini(&s);
	}
}

static void generations_are_words_of_a_list(void **state)
{
	struct resource_skus s = { .v = NULL };

	(void)state;
	read_size(&s, "\"name\":\"Standard_A\",\"capabilities\":[" CAP("HyperVGenerations", "V2") "]");
	assert_string_equal(s.v[0].cells[SKU_GEN1], "no");
	assert_string_equal(s.v[0].cells[SKU_GEN2], "yes");
	assert_false(resource_sku_is_whole(&s.v[0]));
	resource_skus_fini(&s);
}

static void sizes_for_something_special_are_unusual(void **state)
{
	static const char *const more[] = { CAP("CpuArchitectureType", "Arm64"), CAP("GPUs", "1"), CAP("RdmaEnabled", "True"),
					    CAP("vCPUsAvailable", "1"), CAP("ConfidentialComputingType", "SNP") };
	static const char *const names[] = { "Basic_A1", "Standard_D2_v2_Promo" };
	char size[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(more); i++) {
		struct resource_skus s = { .v = NULL };

		snprintf(size, sizeof(size), "\"name\":\"Standard_A\",\"capabilities\":[%s," USUAL "]", more[i]);
		read_size(&s, size);
		assert_true(s.v[0].unusual);
		resource_skus_fini(&s);
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct resource_skus s = { .v = NULL };

		snprintf(size, sizeof(size), "\"name\":\"%s\",\"capabilities\":[" USUAL "]", names[i]);
		read_size(&s, size);
		assert_true(s.v[0].unusual);
		resource_skus_fini(&s);
	}
}

static void what_makes_no_sense_is_passed_over_and_told(void **state)
{
	static const char *const sizes[] = {
		"\"name\":\"Standard_A\",\"capabilities\":[" CAP("vCPUs", "two") "]",
		"\"name\":\"Standard_A\",\"capabilities\":[" CAP("vCPUs", "2.5") "]",
		"\"name\":\"Standard_A\",\"capabilities\":[" CAP("vCPUs", "-2") "]",
		"\"name\":\"Standard_A\",\"capabilities\":[" CAP("vCPUs", "1000001") "]",
		"\"name\":\"Standard_A\",\"capabilities\":[" CAP("MemoryGB", "1e3") "]",
		"\"name\":\"Standard_A\",\"capabilities\":[" CAP("MemoryGB", "") "]",
		"\"name\":\"Standard_A\",\"capabilities\":[" CAP("PremiumIO", "maybe") "]",
		"\"name\":\"Standard_A\",\"capabilities\":[" CAP("HyperVGenerations", "V3") "]",
		"\"name\":\"Standard_A\",\"capabilities\":[" CAP("DiskControllerTypes", "tape") "]",
		"\"name\":\"Standard_A,b\",\"capabilities\":[" USUAL "]",
		"\"name\":\"\",\"capabilities\":[" USUAL "]",
		"\"name\":7,\"capabilities\":[" USUAL "]",
	};
	struct resource_skus s = { .v = NULL };

	(void)state;
	read_sizes(&s, sizes, ARRAY_LEN(sizes));
	assert_int_equal(s.n, 0);
	assert_int_equal(s.illegible, ARRAY_LEN(sizes));
	assert_string_equal(s.unknown, "Standard_A: vCPUs");
	resource_skus_fini(&s);
}

static void a_size_that_is_there_twice_counts_once(void **state)
{
	static const char *const sizes[] = { "\"name\":\"Standard_B\",\"capabilities\":[]",
					     "\"name\":\"Standard_A\",\"capabilities\":[" USUAL "]",
					     "\"name\":\"Standard_b\",\"capabilities\":[]" };
	struct resource_skus s = { .v = NULL };

	(void)state;
	read_sizes(&s, sizes, ARRAY_LEN(sizes));
	assert_int_equal(s.n, 2);
	assert_string_equal(s.v[0].name, "Standard_A");
	resource_skus_fini(&s);
}

static void other_resources_and_other_places_are_passed_over(void **state)
{
	struct resource_skus s = { .v = NULL };
	struct error e;
	char *next;

	(void)state;
	assert_int_equal(read_page(&s, "{\"value\":[{\"resourceType\":\"disks\",\"name\":\"Premium_LRS\",\"locations\":[\"westeurope\"]},"
				       "{\"resourceType\":\"virtualMachines\",\"name\":\"Standard_A\",\"locations\":[\"eastus\"]},7],"
				       "\"nextLink\":\"https://h/next\"}", &next, &e), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(s.illegible, 0);
	assert_string_equal(next, "https://h/next");
	free(next);
	resource_skus_fini(&s);
}

static void a_page_of_something_else_is_refused(void **state)
{
	static const char *const pages[][2] = {
		{ "<html>", "not JSON: line 1: " },
		{ "{}", "not a page of a list: there is no array 'value'" },
		{ "{\"value\":[],\"nextLink\":{}}", "nextLink: no text" },
		{ "{\"value\":[],\"value\":[]}", "not JSON: line 1: duplicate" },
	};
	struct error e;
	char *next;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		struct resource_skus s = { .v = NULL };

		assert_int_equal(read_page(&s, pages[i][0], &next, &e), -1);
		assert_int_equal(e.code, ERR_CORRUPT);
		if (strncmp(e.msg, pages[i][1], strlen(pages[i][1])) != 0)
			fail_msg("'%s', not '%s'", e.msg, pages[i][1]);
		resource_skus_fini(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_become_cells),
		cmocka_unit_test(controllers_say_whether_there_is_nvme_only),
		cmocka_unit_test(generations_are_words_of_a_list),
		cmocka_unit_test(sizes_for_something_special_are_unusual),
		cmocka_unit_test(what_makes_no_sense_is_passed_over_and_told),
		cmocka_unit_test(a_size_that_is_there_twice_counts_once),
		cmocka_unit_test(other_resources_and_other_places_are_passed_over),
		cmocka_unit_test(a_page_of_something_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
