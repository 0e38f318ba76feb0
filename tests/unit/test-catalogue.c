/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <unistd.h>

#include "support/assess_fixture.h"
#include "support/assess_small.h"

static void what_is_shipped_is_whole(void **state)
{
	CLEANUP(cleanup_catalogue) struct catalogue *c = shipped_catalogue();
	static const char *const want[][2] = { { "azure-vm-sizes.csv", "2026-08-01" },
					       { "azure-managed-disks.csv", "2026-08-11" },
					       { "azure-prices.csv", "2026-08-20" },
					       { "os-keys.csv", "" },
					       { "guest-os.csv", "" },
					       { "guest-os-names.csv", "" },
					       { "avs-hosts.csv", "2026-02" },
					       { "avs-ftt.csv", "2024-08" },
					       { "guest-os-releases.csv", "" } };
	static const size_t rows[] = { 390, 41, 1615, 83, 277, 223, 6, 5, 82 };
	const struct catalogue_file *files;
	size_t n;

	(void)state;
	files = catalogue_files(c, &n);
	assert_int_equal(n, ARRAY_LEN(want));
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(files[i].name, want[i][0]);
		assert_string_equal(files[i].as_of, want[i][1]);
		assert_int_equal(files[i].rows, rows[i]);
	}
}

static void sizes_are_as_their_rows_say(void **state)
{
	CLEANUP(cleanup_catalogue) struct catalogue *c = shipped_catalogue();
	const struct catalogue_size *s;
	size_t n, candidates = 0, unpublished = 0;

	(void)state;
	s = catalogue_sizes(c, &n);
	assert_int_equal(n, 390);
	for (size_t i = 0; i < n; i++) {
		candidates += s[i].default_candidate;
		unpublished += s[i].max_network_mbps < 0;
	}
	assert_int_equal(candidates, 259);
	assert_true(unpublished > 0);
	assert_string_equal(s[0].name, "Standard_D2s_v5");
	assert_string_equal(s[0].series, "Dsv5");
	assert_string_equal(s[0].retires, "");
	assert_int_equal(s[0].vcpus, 2);
	assert_true(s[0].memory_gib == 8);
	assert_int_equal(s[0].max_data_disks, 4);
	assert_int_equal(s[0].max_nics, 2);
	assert_true(s[0].uncached_iops == 3750 && s[0].uncached_mbps == 85 && s[0].max_network_mbps == 12500);
	assert_true(s[0].premium_io && s[0].gen1 && s[0].gen2 && !s[0].nvme_only);
	assert_true(catalogue_has_series(c, "Dsv5"));
	assert_false(catalogue_has_series(c, "Dsv"));
}

static void tiers_are_what_can_be_uploaded_by_ascending_size(void **state)
{
	CLEANUP(cleanup_catalogue) struct catalogue *c = shipped_catalogue();
	static const size_t want[DISK_TYPES] = { 14, 14, 11 };

	(void)state;
	for (int type = 0; type < DISK_TYPES; type++) {
		size_t n;
		const struct catalogue_tier *t = catalogue_tiers(c, (enum disk_type)type, &n);

		assert_int_equal(n, want[type]);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(t[i].type, type);
			assert_true(i == 0 || t[i].size_gib > t[i - 1].size_gib);
		}
		assert_int_equal(t[n - 1].size_gib, 32767);
	}
}

static void prices_are_found_by_what_they_are_of(void **state)
{
	CLEANUP(cleanup_catalogue) struct catalogue *c = shipped_catalogue();
	double usd = 0;

	(void)state;
	assert_true(catalogue_size_price(c, "westeurope", "Standard_D4ls_v5", true, &usd));
	assert_true(usd == 0.378);
	assert_true(catalogue_size_price(c, "westeurope", "Standard_D4ls_v5", false, &usd));
	assert_true(usd == 0.194);
	assert_true(catalogue_tier_price(c, "westeurope", "P10", &usd)); /* LRS, not ZRS */
	assert_true(usd == 21.68);
	usd = -1;
	assert_false(catalogue_size_price(c, "westeurope", "Standard_M416s_8_v2", false, &usd));
	assert_false(catalogue_tier_price(c, "eastus", "P10", &usd));
	assert_false(catalogue_tier_price(c, "westeurope", "Ultra", &usd)); /* by the hour */
	assert_false(catalogue_size_price(c, "nowhere", "Standard_D4ls_v5", false, &usd));
	assert_true(usd == -1);
	assert_true(catalogue_has_region(c, "eastus") && catalogue_prices_sizes(c, "eastus"));
	assert_false(catalogue_has_region(c, "east"));
}

static void a_region_may_have_prices_of_disks_only(void **state)
{
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_catalogue) struct catalogue *c = small_catalogue(*state, NULL, NULL, &err);

	assert_non_null(c);
	assert_true(catalogue_has_region(c, "disks"));
	assert_false(catalogue_prices_sizes(c, "disks"));
	assert_true(catalogue_prices_sizes(c, "here"));
}

static void identifiers_are_found_in_any_case(void **state)
{
	CLEANUP(cleanup_catalogue) struct catalogue *c = shipped_catalogue();
	enum os_arch arch = ARCH_UNKNOWN;

	(void)state;
	assert_string_equal(catalogue_os_by_id(c, "WINDOWS2019SRV_64guest", &arch)->key, "win-server-2019");
	assert_int_equal(arch, ARCH_X64);
	assert_string_equal(catalogue_os_by_id(c, "Ubuntu", &arch)->key, "ubuntu");
	assert_int_equal(arch, ARCH_X86);
	assert_string_equal(catalogue_os_by_id(c, "otherGuest64", &arch)->key, "unknown");
	assert_int_equal(arch, ARCH_X64);
	assert_null(catalogue_os_by_id(c, "plan9Guest", &arch));
	assert_null(catalogue_os_by_id(c, "", &arch));
	assert_string_equal(catalogue_os(c, "plan-9")->key, "unknown");
	assert_string_equal(catalogue_os(c, "rhel-8")->key, "rhel-8");
}

static void texts_are_normalised_and_the_first_pattern_counts(void **state)
{
	CLEANUP(cleanup_catalogue) struct catalogue *c = shipped_catalogue();
	static const char *const rows[][2] = {
		{ "Microsoft Windows Server 2008 R2 (64-bit)", "win-server-2008r2" },
		{ "Microsoft Windows Server 2008 (64-bit)", "win-server-2008" },
		{ "Microsoft(R) Windows(R) Server\xc2\xae 2019 Datacenter", "win-server-2019" },
		{ "  Microsoft\tWindows \xc2\xa0 Server\xe2\x84\xa2 \xe2\x80\xaf 2016  ", "win-server-2016" },
		{ "MICROSOFT (TM) windows 7", "win-7" },
		{ "Ubuntu 22.04.3 LTS", "ubuntu-22.04" },
		{ "Ubuntu Linux (64-bit)", "ubuntu" },
		{ "Red Hat Enterprise Linux 8 (64-bit)", "rhel-8" },
		{ "CentOS 4/5 or later (64-bit)", "centos-unknown" },
		{ "IBM OS/2", "os2" },
		{ "Other 5.x or later Linux (64-bit)", "other-linux" },
		{ "xWindows 10", "unknown" },
		{ "Windows", "unknown" },
		{ "microsoft", "unknown" },
		{ "", "unknown" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(catalogue_os_by_text(c, rows[i][0], NULL)->key, rows[i][1]);
}

static void a_star_is_any_run_wherever_it_stands(void **state)
{
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_catalogue) struct catalogue *c = small_catalogue(*state, NULL, NULL, &err);
	static const char *const rows[][2] = {
		{ "windows 12", "lin" },  { "windows 1 2 2", "lin" }, { "windows 121", "win" },
		{ "windows 1*2", "lin" }, { "linux", "lin" },         { "a linux linux", "lin" },
		{ "linux x", "unknown" }, { "window", "unknown" },    { "windows 1212", "lin" },
	};

	assert_non_null(c);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(catalogue_os_by_text(c, rows[i][0], NULL)->key, rows[i][1]);
}

/* What is wrong with which file, and how that is said behind its path. */
static void a_file_that_makes_no_sense_is_an_error_with_its_place(void **state)
{
	static const struct {
		const char *file, *text, *msg;
	} rows[] = {
		{ "avs-hosts.csv", "", ": empty" },
		{ "avs-hosts.csv", "host,cores,ram_gb\nH1,10,100\n", ":1: no column 'capacity_tb'" },
		{ "avs-hosts.csv", "host,cores,ram_gb,cores,capacity_tb\n", ":1: column 'cores' twice" },
		{ "avs-hosts.csv", "host;cores;ram_gb;capacity_tb\nH1;10;100;10\n",
		  ":1: cells are not parted by commas" },
		{ "avs-hosts.csv", "host,cores,ram_gb,capacity_tb\n\nH1,10,100\n", ":3: 3 cells; the header has 4" },
		{ "avs-hosts.csv", "host,cores,ram_gb,capacity_tb\nH1,ten,100,10\n",
		  ":2: cores: 'ten' is not a whole number from 1 to 1000000" },
		{ "avs-hosts.csv", "host,cores,ram_gb,capacity_tb\nH1,0,100,10\n",
		  ":2: cores: '0' is not a whole number from 1 to 1000000" },
		{ "avs-hosts.csv", "host,cores,ram_gb,capacity_tb\nH1,1000001,100,10\n",
		  ":2: cores: '1000001' is not a whole number from 1 to 1000000" },
		{ "avs-hosts.csv", "host,cores,ram_gb,capacity_tb\nH1,1.5,100,10\n",
		  ":2: cores: '1.5' is not a whole number from 1 to 1000000" },
		{ "avs-hosts.csv", "host,cores,ram_gb,capacity_tb\nH1,1,\"1,000\",10\n",
		  ":2: ram_gb: '1,000' is not a number such as 12 or 0.25" },
		{ "avs-hosts.csv", "host,cores,ram_gb,capacity_tb\nH1,1,-5,10\n",
		  ":2: ram_gb: '-5' is not a number such as 12 or 0.25" },
		{ "avs-hosts.csv", "host,cores,ram_gb,capacity_tb\nH1,1,5.,10\n",
		  ":2: ram_gb: '5.' is not a number such as 12 or 0.25" },
		{ "avs-hosts.csv", "host,cores,ram_gb,capacity_tb\nH1,1,0,10\n", ":2: ram_gb: nothing to divide by" },
		{ "avs-hosts.csv", "host,cores,ram_gb,capacity_tb\nH1,1,1,0.0\n",
		  ":2: capacity_tb: nothing to divide by" },
		{ "avs-hosts.csv", "host,cores,ram_gb,capacity_tb\n,1,1,1\n", ":2: host: empty" },
		{ "avs-hosts.csv", "host,cores,ram_gb,capacity_tb\nH1,1,1,1\nh1,1,1,1\n",
		  ":3: host: 'h1' is there already" },
		{ "avs-ftt.csv", "ftt,raid,numerator,denominator,min_hosts\n1,1,2,0,3\n",
		  ":2: denominator: '0' is not a whole number from 1 to 1000000" },
		{ "avs-ftt.csv", "ftt,raid,numerator,denominator,min_hosts\n1,1,2,1,3\n1,1,2,1,3\n",
		  ":3: ftt: 1 with RAID 1 is there already" },
		{ "azure-vm-sizes.csv", SMALL_SIZES_HEADER "a,A,1,2,1,1,100,10,maybe,yes,yes,no,100,yes\n",
		  ":2: premium_io: 'maybe' is none of: no, yes" },
		{ "azure-vm-sizes.csv", SMALL_SIZES_HEADER "a,A,1,2,1,1,100,10,yes,yes,yes,no,fast,yes\n",
		  ":2: max_network_mbps: 'fast' is not a number such as 12 or 0.25" },
		{ "azure-vm-sizes.csv",
		  SMALL_SIZES_HEADER "a,A,1,2,1,1,100,10,no,yes,yes,no,,yes\nb,A,1,2,1,1,100,10,no,yes,yes,no,,yes\n"
				     "a,A,1,2,1,1,100,10,no,yes,yes,no,,yes\n",
		  ":4: name: 'a' is also in line 2" },
		{ "azure-vm-sizes.csv", SMALL_SIZES_HEADER ",A,1,2,1,1,100,10,no,yes,yes,no,,yes\n",
		  ":2: name: empty" },
		{ "azure-managed-disks.csv", SMALL_DISKS_HEADER "X1,tape,32,1,1,yes\n",
		  ":2: disk_type: 'tape' is none of: premium-ssd, standard-ssd, standard-hdd" },
		{ "azure-managed-disks.csv",
		  SMALL_DISKS_HEADER "P1,premium-ssd,32,1,1,yes\nP2,premium-ssd,32,1,1,yes\n",
		  ":3: size_gib: 32 is the size of P1 already" },
		{ "azure-managed-disks.csv",
		  SMALL_DISKS_HEADER "P1,premium-ssd,32,1,1,yes\nP1,standard-ssd,32,1,1,yes\n",
		  ":3: tier: 'P1' is there already" },
		{ "azure-prices.csv", SMALL_PRICES_HEADER "here,vm,one,linux,,hour,free\n",
		  ":2: price_usd: 'free' is not a number such as 12 or 0.25" },
		{ "azure-prices.csv", SMALL_PRICES_HEADER ",vm,one,linux,,hour,1\n", ":2: region: empty" },
		{ "azure-prices.csv",
		  SMALL_PRICES_HEADER
		  "here,vm,one,linux,,hour,1\nhere,disk,one,,LRS,month,1\nhere,vm,one,linux,,hour,2\n",
		  ":4: item: the price of 'one' in here is also in line 2" },
		{ "os-keys.csv", SMALL_KEYS_HEADER "win,,windows,x64,supported,,yes,yes,supported\n",
		  ": os_key: no row 'unknown'" },
		{ "os-keys.csv", SMALL_KEYS_HEADER "win,,windows,mips,supported,,yes,yes,supported\n",
		  ":2: default_arch: 'mips' is none of: empty, x64, x86, arm64" },
		{ "os-keys.csv", SMALL_KEYS_HEADER "win,,windows,x64,fine,,yes,yes,supported\n",
		  ":2: azure_state: 'fine' is none of: supported, conditional, end-of-support, unsupported, no-boot, "
		  "unknown" },
		{ "os-keys.csv", SMALL_KEYS_HEADER "win,,windows,x64,no-boot,,yes,yes,supported\n",
		  ":2: azure_code: empty, where azure_state is no-boot" },
		{ "guest-os.csv", "vim_id,vmx_id,os_key,arch\nwinGuest,win,vms,x86\n",
		  ":2: os_key: 'vms' is not in os-keys.csv" },
		{ "guest-os.csv", "vim_id,vmx_id,os_key,arch\na,b,win,x86\nc,A,lin,x86\n",
		  ":3: vim_id, vmx_id: 'A' means something else in line 2" },
		{ "guest-os-names.csv", "order,pattern,os_key\n2,a*,win\n2,b*,win\n",
		  ":3: order: 2 after 2; rows are in their order" },
		{ "guest-os-names.csv", "order,pattern,os_key\n1,Windows*,win\n",
		  ":2: pattern: 'Windows*' would never match; patterns are in lower case" },
		{ "guest-os-releases.csv", "id,version,os_key\ntux,9,bsd\n", ":2: os_key: 'bsd' is not in os-keys.csv" },
		{ "guest-os-releases.csv", "id,version,os_key\n,9,lin\n", ":2: id: empty" },
		{ "guest-os-releases.csv", "id,version,os_key\ntux,,lin\ntux,9,win\n",
		  ":3: id: 'tux' has a row for any version before this one" },
	};
	const struct scratch_dir *dir = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = ERROR_INIT;
		char want[ERROR_MSG_MAX];

		snprintf(want, sizeof(want), "%s/%s%s", dir->path, rows[i].file, rows[i].msg);
		assert_null(small_catalogue(dir, rows[i].file, rows[i].text, &err));
		assert_error(&err, ERR_CORRUPT, want);
	}
}

static void a_file_that_is_not_there_is_named(void **state)
{
	const struct scratch_dir *dir = *state;
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_catalogue) struct catalogue *c = small_catalogue(dir, NULL, NULL, &err);
	char want[ERROR_MSG_MAX];

	assert_non_null(c);
	assert_string_equal(catalogue_dir(c), dir->path);
	assert_int_equal(unlinkat(dir->fd, "avs-ftt.csv", 0), 0);
	assert_null(catalogue_open(dir->path, &err));
	snprintf(want, sizeof(want), "%s/avs-ftt.csv: No such file or directory", dir->path);
	assert_error(&err, ERR_SYSTEM, want);
}

static void columns_may_stand_anywhere_and_further_ones_are_for_people(void **state)
{
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_catalogue)
	struct catalogue *c = small_catalogue(
		*state, "avs-hosts.csv",
		"source,capacity_tb,note,cores,host,ram_gb\nseen 2031-02-03 or 2030,1.5,\"a \"\"b\"\"\",4,H,64\n",
		&err);
	const struct catalogue_host *h;
	size_t n;

	assert_non_null(c);
	h = catalogue_host(c, "h");
	assert_non_null(h);
	assert_true(h->cores == 4 && h->ram_gb == 64 && h->capacity_tb == 1.5);
	assert_string_equal(catalogue_files(c, &n)[6].as_of, "2031-02-03");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_shipped_is_whole),
		cmocka_unit_test(sizes_are_as_their_rows_say),
		cmocka_unit_test(tiers_are_what_can_be_uploaded_by_ascending_size),
		cmocka_unit_test(prices_are_found_by_what_they_are_of),
		cmocka_unit_test(a_region_may_have_prices_of_disks_only),
		cmocka_unit_test(identifiers_are_found_in_any_case),
		cmocka_unit_test(texts_are_normalised_and_the_first_pattern_counts),
		cmocka_unit_test(a_star_is_any_run_wherever_it_stands),
		cmocka_unit_test(a_file_that_makes_no_sense_is_an_error_with_its_place),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
		cmocka_unit_test(columns_may_stand_anywhere_and_further_ones_are_for_people),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
