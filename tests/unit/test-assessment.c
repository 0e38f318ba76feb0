/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <math.h>

#include "support/assess_fixture.h"
#include "support/assess_small.h"

static struct catalogue *shipped;

static void options_out_of_range_are_refused_by_name(void **state)
{
	static const char *const no_such[] = { "Dsv5", "Dsv99" };
	const double nan = strtod("nan", NULL);
	struct assess_options d;

	(void)state;
	assess_options_init(&d);
	struct {
		struct assess_options o;
		const char *msg;
	} rows[] = {
		{ d, "--comfort: 0 is not above 0 and at most 100" },
		{ d, "--comfort: nan is not above 0 and at most 100" },
		{ d, "--uptime-hours: 744.5 is not from 0 to 744, the hours of a month" },
		{ d, "--avs-oversubscription: 0 is not a whole number from 1 to 100" },
		{ d, "--avs-cpu-limit: 1.1 is not above 0 and at most 1" },
		{ d, "--avs-memory-overcommit: 0.4 is not from 0.5 to 10 with one decimal" },
		{ d, "--avs-dedupe: 1.05 is not from 1 to 10 with one decimal" },
		{ d, "--avs-growth: -1 is not above 0 and at most 100" },
		{ d, "--avs-mgmt-vcpu: -1 is not from 0 to 1000000" },
		{ d, "--avs-mgmt-memory-gb: -1 is not from 0 to 1000000" },
		{ d, "--avs-mgmt-storage-gb: -1 is not from 0 to 1000000000" },
		{ d, "--avs-slack: 1 is not from 0 to below 1" },
		{ d, "--avs-spare-nodes: 97 is not a whole number from 0 to 96" },
		{ d, "--region: 'atlantis' is not in the catalogue, which has eastus, westeurope" },
		{ d, "--avs-host: 'AV1' is not in the catalogue, which has AV36, AV36P, AV48, AV52, AV64, AV64-Gen2" },
		{ d, "--avs-ftt 2 with --avs-raid 5 is not in the catalogue, which has 1 with 1, 1 with 5, 2 with 1, 2 "
		     "with 6, "
		     "3 with 1" },
	};
	rows[0].o.comfort = 0;
	rows[1].o.comfort = nan;
	rows[2].o.uptime_hours = 744.5;
	rows[3].o.avs_oversubscription = 0;
	rows[4].o.avs_cpu_limit = 1.1;
	rows[5].o.avs_memory_overcommit = 0.4;
	rows[6].o.avs_dedupe = 1.05;
	rows[7].o.avs_growth = -1;
	rows[8].o.avs_mgmt_vcpu = -1;
	rows[9].o.avs_mgmt_memory_gb = -1;
	rows[10].o.avs_mgmt_storage_gb = -1;
	rows[11].o.avs_slack = 1;
	rows[12].o.avs_spare_nodes = 97;
	rows[13].o.region = "atlantis";
	rows[14].o.avs_host = "AV1";
	rows[15].o.avs_ftt = 2;
	rows[15].o.avs_raid = 5;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(assess_options_check(&rows[i].o, shipped, &err), -1);
		assert_error(&err, ERR_USAGE, rows[i].msg);
	}
	struct error err = ERROR_INIT;

	d.series = no_such;
	d.n_series = 2;
	assert_int_equal(assess_options_check(&d, shipped, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(
		strstr(err.msg, "--series: 'Dsv99' is not in the catalogue, which has Basv2, Bsv2, Bv1, Dadsv5,"));
}

static void options_at_the_ends_of_their_ranges_are_fine(void **state)
{
	struct error err = ERROR_INIT;
	struct assess_options o;

	(void)state;
	assess_options_init(&o);
	assert_int_equal(assess_options_check(&o, shipped, &err), 0);
	o.comfort = 100;
	o.uptime_hours = 744;
	o.avs_oversubscription = 1;
	o.avs_cpu_limit = 0.01;
	o.avs_memory_overcommit = 0.5;
	o.avs_dedupe = 10;
	o.avs_growth = 0.5;
	o.avs_slack = 0;
	o.avs_mgmt_vcpu = o.avs_mgmt_memory_gb = o.avs_mgmt_storage_gb = 0;
	o.avs_spare_nodes = 96;
	o.avs_host = "av64-GEN2";
	for (int tenths = 10; tenths <= 100; tenths++) {
		o.avs_dedupe = tenths / 10.0;
		assert_int_equal(assess_options_check(&o, shipped, &err), 0);
	}
}

static void what_a_machine_costs_is_its_size_and_its_disks(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, shipped);
	const struct assess_azure *a;

	(void)state;
	m->vcpus = num(4);
	set_os(m, "Microsoft Windows Server 2019 (64-bit)");
	add_disk(m, 1024)->raw = true;
	a = &assess_subject(&s)->azure;
	assert_string_equal(a->size->name, "Standard_D4ls_v5");
	assert_true(a->hourly_usd.v == 0.378);
	assert_true(fabs(a->compute_usd.v - 275.94) < 1e-9);
	assert_true(a->disks_usd.v == 21.68);
	assert_true(fabs(a->total_usd.v - 297.62) < 1e-9);
	s.o.uptime_hours = 100;
	assert_true(fabs(assess_subject(&s)->azure.compute_usd.v - 37.8) < 1e-9);
	s.o.ahb = true;
	assert_true(assess_subject(&s)->azure.hourly_usd.v == 0.194);
	m->disks[0].raw = true; /* nothing to pay for */
	a = &assess_subject(&s)->azure;
	assert_true(a->disks_usd.known && a->disks_usd.v == 0);
	assert_true(a->total_usd.known);
	subject_fini(&s);
}

static void where_a_price_is_missing_there_is_no_total(void **state)
{
	struct subject s;
	const struct assess_azure *a;

	(void)state;
	subject_init(&s, shipped);
	s.o.region = "eastus"; /* has no prices of disks */
	a = &assess_subject(&s)->azure;
	assert_true(a->compute_usd.known);
	assert_false(s.a.vms->disks[0].monthly_usd.known);
	assert_non_null(s.a.vms->disks[0].tier);
	assert_false(a->disks_usd.known);
	assert_true(a->disks_usd.v == 0);
	assert_false(a->total_usd.known);
	subject_fini(&s);
}

static void one_disk_without_a_price_leaves_no_sum(void **state)
{
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_catalogue)
	struct catalogue *c =
		small_catalogue(*state, "azure-prices.csv",
				SMALL_PRICES_HEADER "here,vm,two,windows,,hour,1\nhere,disk,P1,,LRS,month,2\n", &err);
	struct subject s;
	struct machine *m = subject_init(&s, c);

	s.o.region = "here";
	s.o.avs_host = "H1";
	m->memory_mib = num(4096);
	m->disks[0].capacity_mib = num(1024);
	assert_true(assess_subject(&s)->azure.total_usd.known);
	assert_true(s.a.vms->azure.total_usd.v == 732);
	add_disk(m, 64 * 1024);
	assess_subject(&s);
	assert_true(s.a.vms->disks[0].monthly_usd.known);
	assert_false(s.a.vms->disks[1].monthly_usd.known);
	assert_false(s.a.vms->azure.disks_usd.known);
	assert_false(s.a.vms->azure.total_usd.known);
	subject_fini(&s);
}

static void what_is_no_machine_is_left_out_with_its_reason(void **state)
{
	struct error err = ERROR_INIT;
	struct subject s;
	struct machine *m = subject_init(&s, shipped);

	(void)state;
	m->template = true;
	assert_non_null(machine_add(&s.list, "vCLS (2)", "test", NULL));
	m = machine_add(&s.list, "app", "test", NULL);
	assert_non_null(m);
	m = machine_add(&s.list, "db", "test", NULL);
	assert_non_null(m);
	m->srm_placeholder = true;
	assert_int_equal(assess(&s.list, shipped, &s.o, &s.a, &err), 0);
	assert_int_equal(s.a.n_vms, 1);
	assert_string_equal(s.a.vms[0].machine->name, "app");
	assert_int_equal(s.a.n_skipped, 3);
	assert_string_equal(s.a.skipped[0].reason, "template");
	assert_string_equal(s.a.skipped[1].reason, "vcls");
	assert_string_equal(s.a.skipped[2].reason, "srm-placeholder");
	assert_string_equal(s.a.skipped[2].machine->name, "db");
	subject_fini(&s);
}

static void nothing_to_assess_is_no_error(void **state)
{
	struct error err = ERROR_INIT;
	struct subject s;

	(void)state;
	subject_init(&s, shipped);
	machine_list_fini(&s.list);
	assert_int_equal(assess(&s.list, shipped, &s.o, &s.a, &err), 0);
	assert_int_equal(s.a.n_vms, 0);
	assert_int_equal(s.a.avs.nodes, 0);
	assessment_fini(&s.a);
	s.o.comfort = 0;
	assert_int_equal(assess(&s.list, shipped, &s.o, &s.a, &err), -1);
	assert_error(&err, ERR_USAGE, "--comfort: 0 is not above 0 and at most 100");
	subject_fini(&s);
}

static void machines_are_assessed_each_for_itself_and_hosts_for_all(void **state)
{
	struct subject s;

	(void)state;
	subject_init(&s, shipped);
	for (int i = 0; i < 999; i++) {
		struct machine *m = machine_add(&s.list, i % 2 ? "a" : "b", "test", NULL);

		assert_non_null(m);
		m->vcpus = num(1 + i % 7);
		m->memory_mib = num(1024 * (1 + i % 9));
		m->firmware = i % 3 ? MACHINE_BIOS : MACHINE_EFI;
		set_os(m, i % 5 ? "Ubuntu 22.04 (64-bit)" : "Microsoft Windows Server 2025");
		add_disk(m, 1024.0 * (1 + i % 400));
	}
	assess_subject(&s);
	for (size_t i = 0; i < s.a.n_vms; i++) {
		assert_ptr_equal(s.a.vms[i].machine, &s.list.v[i]);
		assert_int_equal(s.a.vms[i].azure.verdict, VERDICT_READY);
		assert_true(s.a.vms[i].azure.total_usd.known);
	}
	assert_int_equal(s.a.avs.vms, 1000);
	assert_int_equal(s.a.avs.n_cpu, 29); /* (3,993 + 77) / (4 x 36) */
	subject_fini(&s);
}

static int setup(void **state)
{
	shipped = shipped_catalogue();
	return scratch_setup(state);
}

static int teardown(void **state)
{
	catalogue_close(shipped);
	return scratch_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_out_of_range_are_refused_by_name),
		cmocka_unit_test(options_at_the_ends_of_their_ranges_are_fine),
		cmocka_unit_test(what_a_machine_costs_is_its_size_and_its_disks),
		cmocka_unit_test(where_a_price_is_missing_there_is_no_total),
		cmocka_unit_test(one_disk_without_a_price_leaves_no_sum),
		cmocka_unit_test(what_is_no_machine_is_left_out_with_its_reason),
		cmocka_unit_test(nothing_to_assess_is_no_error),
		cmocka_unit_test(machines_are_assessed_each_for_itself_and_hosts_for_all),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
