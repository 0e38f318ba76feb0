/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support/assess_catalogues.h"

/*
 * On the small catalogue, Linux, BIOS, one small disk, 1 vCPU, 2 GiB:
 * one 1/2 GiB, two 2/4, four 4/8 (network unknown), nvme 8/16 (generation 2), plain 8/16 (generation 1, no premium),
 * burst (no candidate).
 */
static struct machine *small_init(struct subject *s)
{
	struct machine *m = subject_init(s, small);

	set_os(m, "a linux");
	s->o.region = "here";
	s->o.avs_host = "H1";
	m->vcpus = num(1);
	m->memory_mib = num(2048);
	m->disks[0].capacity_mib = num(1024);
	return m;
}

static void check(struct subject *s, const char *size, const size_t left[ASSESS_STEPS], const char *codes)
{
	const struct assess_azure *a = &assess_subject(s)->azure;

	for (size_t i = 0; i < ASSESS_STEPS; i++)
		if (a->left[i] != left[i])
			fail_msg("step %zu left %zu, not %zu", i, a->left[i], left[i]);
	assert_string_equal(a->size ? a->size->name : "", size);
	assert_codes(&a->codes, codes);
	assert_int_equal(a->verdict, a->size ? VERDICT_READY : VERDICT_NOT_READY);
	assert_int_equal(a->compute_usd.known, a->hourly_usd.known);
}
#define LEFT(...) ((const size_t[ASSESS_STEPS]){ __VA_ARGS__ })

static void the_cheapest_that_fits_is_chosen_and_each_step_says_what_it_left(void **state)
{
	struct subject s;
	struct machine *m = small_init(&s);

	(void)state;
	check(&s, "one", LEFT(4, 3, 3, 3, 3), "");
	assert_true(s.a.vms->azure.hourly_usd.known && s.a.vms->azure.hourly_usd.v == 0.1);
	s.o.disk_type = CHOICE_STANDARD_SSD; /* no premium: plain takes it, too */
	check(&s, "one", LEFT(4, 4, 4, 4, 4), "");
	m->vcpus = num(3);
	check(&s, "plain", LEFT(4, 4, 4, 2, 2), ""); /* cheaper than four */
	m->memory_mib = num(16 * 1024 + 1);
	check(&s, "", LEFT(4, 4, 4, 0, 0), "NoSuitableVmSizeFound");
	subject_fini(&s);
}

static void storage_is_the_number_of_data_disks_their_needs_and_premium(void **state)
{
	struct subject s;
	struct machine *m = small_init(&s);

	(void)state;
	add_disk(m, 1024);
	check(&s, "one", LEFT(4, 3, 3, 3, 3), "");
	add_disk(m, 1024);
	check(&s, "two", LEFT(4, 2, 2, 2, 2), "");
	m->disks[0].read_ops = num(150);
	m->disks[1].write_ops = num(150);
	s.o.comfort = 1.0;
	check(&s, "four", LEFT(4, 1, 1, 1, 1), "");
	m->disks[2].read_mbs = num(30);
	m->disks[1].read_mbs = num(10.0000000005);
	check(&s, "four", LEFT(4, 1, 1, 1, 1), "");
	m->disks[1].read_mbs = num(10.1);
	check(&s, "", LEFT(4, 0, 0, 0, 0), "NoVmSizeSupportsStoragePerformance");
	subject_fini(&s);
}

static void totals_count_where_no_disk_has_values_of_its_own(void **state)
{
	struct subject s;
	struct machine *m = small_init(&s);

	(void)state;
	m->read_ops = num(200);
	m->write_ops = num(100);
	m->write_mbs = num(5);
	s.o.comfort = 1.2;
	check(&s, "plain", LEFT(4, 2, 2, 2, 2), ""); /* the disk counts as one without values: standard */
	assert_true(s.a.vms->azure.need_iops == 360 && s.a.vms->azure.need_mbps == 6);
	assert_string_equal(s.a.vms->disks[0].tier->name, "E1");
	s.o.sizing = SIZING_AS_IS;
	assert_true(assess_subject(&s)->azure.need_iops == 0);
	s.o.sizing = SIZING_AUTO;
	m->disks[0].read_ops = num(0);
	assert_true(assess_subject(&s)->azure.need_iops == 0);
	subject_fini(&s);
}

static void the_network_is_adapters_and_what_is_sent(void **state)
{
	struct subject s;
	struct machine *m = small_init(&s);

	(void)state;
	m->nics = num(2);
	check(&s, "two", LEFT(4, 3, 2, 2, 2), "");
	m->nics = num(8);
	s.o.disk_type = CHOICE_STANDARD_SSD;
	check(&s, "plain", LEFT(4, 4, 1, 1, 1), "");
	m->nics = num(9);
	check(&s, "", LEFT(4, 4, 0, 0, 0), "NoVmSizeSupportsNetworkPerformance");
	m->nics.known = false;        /* one */
	m->network_out_mbs = num(25); /* 200 Mbps */
	check(&s, "two", LEFT(4, 4, 3, 3, 3), "");
	m->network_out_mbs = num(200); /* more than anything published: that of four is not */
	check(&s, "four", LEFT(4, 4, 1, 1, 1), "");
	s.o.sizing = SIZING_AS_IS;
	check(&s, "one", LEFT(4, 4, 4, 4, 4), "");
	subject_fini(&s);
}

static void a_region_with_prices_offers_what_it_has_prices_for(void **state)
{
	struct subject s;
	struct machine *m = small_init(&s);

	(void)state;
	set_os(m, "windows");
	m->vcpus = num(2);
	check(&s, "two", LEFT(4, 3, 3, 2, 1), "");
	assert_true(s.a.vms->azure.hourly_usd.v == 0.4);
	m->vcpus = num(4);
	check(&s, "", LEFT(4, 3, 3, 1, 0), "NoVmSizeForSelectedAzureLocation");
	s.o.ahb = true;
	check(&s, "four", LEFT(4, 3, 3, 1, 1), "");
	assert_true(s.a.vms->azure.hourly_usd.v == 0.4); /* Linux's */
	subject_fini(&s);
}

static void without_prices_the_smallest_is_chosen_and_costs_nobody_knows_what(void **state)
{
	struct subject s;
	struct machine *m = small_init(&s);

	(void)state;
	s.o.region = "disks";
	m->vcpus = num(3);
	s.o.disk_type = CHOICE_STANDARD_SSD;
	check(&s, "four", LEFT(4, 4, 4, 2, 2), "");
	assert_false(s.a.vms->azure.hourly_usd.known);
	assert_true(s.a.vms->azure.disks_usd.known && s.a.vms->azure.disks_usd.v == 1);
	assert_false(s.a.vms->azure.total_usd.known);
	subject_fini(&s);
}

static void equal_prices_are_decided_by_vcpus_memory_and_name(void **state)
{
	struct error err = ERROR_INIT;
	static const char sizes[] = SMALL_SIZES_HEADER "d,A,2,4,4,2,100,10,yes,yes,yes,no,,yes\n"
						       "c,A,2,4,4,2,100,10,yes,yes,yes,no,,yes\n"
						       "b,A,2,8,4,2,100,10,yes,yes,yes,no,,yes\n"
						       "a,A,4,4,4,2,100,10,yes,yes,yes,no,,yes\n";
	CLEANUP(cleanup_catalogue) struct catalogue *c = small_catalogue(*state, "azure-vm-sizes.csv", sizes, &err);
	struct subject s;
	struct machine *m = small_init(&s);

	assert_non_null(c);
	s.c = c;
	s.o.region = "disks";
	check(&s, "c", LEFT(4, 4, 4, 4, 4), "");
	m->memory_mib = num(4097);
	check(&s, "b", LEFT(4, 4, 4, 1, 1), "");
	m->memory_mib = num(4096);
	m->vcpus = num(2.5);
	check(&s, "a", LEFT(4, 4, 4, 1, 1), "");
	subject_fini(&s);
}

static void the_set_is_the_generation_and_nvme_only_for_guests_that_have_it(void **state)
{
	static const char *const series[] = { "B" };
	struct subject s;
	struct machine *m = small_init(&s);

	(void)state;
	s.o.region = "disks";
	s.o.series = series;
	s.o.n_series = 1;
	check(&s, "", LEFT(0, 0, 0, 0, 0), "NoSuitableVmSizeFound"); /* generation 1 */
	m->firmware = MACHINE_EFI;
	check(&s, "", LEFT(0, 0, 0, 0, 0), "NoSuitableVmSizeFound"); /* no NVMe */
	set_os(m, "windows");
	check(&s, "nvme", LEFT(1, 1, 1, 1, 1), "");
	s.o.n_series = 0;
	check(&s, "one", LEFT(4, 4, 4, 4, 4), ""); /* plain is generation 1 only */
	subject_fini(&s);
}

static void series_that_are_asked_for_need_not_be_default_candidates(void **state)
{
	static const char *const series[] = { "D", "C" };
	struct subject s;

	(void)state;
	small_init(&s);
	s.o.region = "disks";
	s.o.series = series;
	s.o.n_series = 2;
	check(&s, "burst", LEFT(2, 1, 1, 1, 1), "");
	subject_fini(&s);
}

static void needs_may_exceed_an_offer_by_what_rounding_does(void **state)
{
	struct subject s;
	struct machine *m = small_init(&s);

	(void)state;
	m->cpu_pct = num(100);
	m->vcpus = num(1 + 5e-10);
	m->memory_mib = num(2048 + 5e-7);
	check(&s, "one", LEFT(4, 4, 4, 4, 4), "");
	m->vcpus = num(1 + 2e-9);
	check(&s, "two", LEFT(4, 4, 4, 3, 3), "");
	m->vcpus = num(1);
	m->memory_mib = num(2048 + 5e-6);
	check(&s, "two", LEFT(4, 4, 4, 3, 3), "");
	subject_fini(&s);
}

/* The documents' own examples. */
static void utilisation_and_comfort_make_the_need(void **state)
{
	static const struct {
		double cores, pct, comfort, need;
		unsigned vcpus;
	} rows[] = { { 10, 20, 1.0, 2, 2 }, { 10, 20, 2.0, 4, 4 }, { 16, 20, 1.0, 3.2, 4 }, { 16, 20, 1.5, 4.8, 8 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct subject s;
		struct machine *m = subject_init(&s, shipped);
		const struct assess_azure *a;

		m->vcpus = num(rows[i].cores);
		m->cpu_pct = num(rows[i].pct);
		m->memory_mib = num(2048);
		s.o.comfort = rows[i].comfort;
		a = &assess_subject(&s)->azure;
		assert_true(a->need_vcpus > rows[i].need - 1e-9 && a->need_vcpus < rows[i].need + 1e-9);
		assert_int_equal(a->size->vcpus, rows[i].vcpus);
		assert_true(a->need_memory_gib == 2 * rows[i].comfort); /* no percentage of memory: all of it */
		m->memory_pct = num(0);                                 /* a value: nothing is needed */
		assert_true(assess_subject(&s)->azure.need_memory_gib == 0);
		s.o.sizing = SIZING_AS_IS;
		assert_true(assess_subject(&s)->azure.need_vcpus == rows[i].cores * rows[i].comfort);
		subject_fini(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cheapest_that_fits_is_chosen_and_each_step_says_what_it_left),
		cmocka_unit_test(storage_is_the_number_of_data_disks_their_needs_and_premium),
		cmocka_unit_test(totals_count_where_no_disk_has_values_of_its_own),
		cmocka_unit_test(the_network_is_adapters_and_what_is_sent),
		cmocka_unit_test(a_region_with_prices_offers_what_it_has_prices_for),
		cmocka_unit_test(without_prices_the_smallest_is_chosen_and_costs_nobody_knows_what),
		cmocka_unit_test(equal_prices_are_decided_by_vcpus_memory_and_name),
		cmocka_unit_test(the_set_is_the_generation_and_nvme_only_for_guests_that_have_it),
		cmocka_unit_test(series_that_are_asked_for_need_not_be_default_candidates),
		cmocka_unit_test(needs_may_exceed_an_offer_by_what_rounding_does),
		cmocka_unit_test(utilisation_and_comfort_make_the_need),
	};

	return cmocka_run_group_tests(tests, catalogues_setup, catalogues_teardown);
}
