/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support/assess_catalogues.h"

static void check(struct subject *s, enum assess_verdict verdict, const char *codes)
{
	const struct assess_vm *vm = assess_subject(s);

	assert_codes(&vm->avs.codes, codes);
	assert_int_equal(vm->avs.verdict, verdict);
}

static void each_condition_has_its_code(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, shipped);

	(void)state;
	m->firmware = MACHINE_FIRMWARE_UNKNOWN; /* a matter of Azure's */
	check(&s, VERDICT_READY, "");
	m->ipv6 = true;
	check(&s, VERDICT_CONDITIONAL, "IpV6NotSupported");
	m->ipv6 = false;
	set_os(m, "Microsoft Windows Server 2003 (32-bit)");
	check(&s, VERDICT_CONDITIONAL, "UnsupportedOperatingSystem");
	set_os(m, "Plan 9");
	m->disks[0].raw = true;
	check(&s, VERDICT_CONDITIONAL, "LiftfsDiskRawDeviceMapping");
	m->vcpus.known = false;
	check(&s, VERDICT_UNKNOWN, "LiftfsDiskRawDeviceMapping,LiftfsSizeUnknown");
	subject_fini(&s);
}

/* The small catalogue's host: 10 cores, 100 GB, 10 TB; nothing for management unless a test says so. */
static struct machine *hosts_init(struct subject *s)
{
	struct machine *m = subject_init(s, small);

	s->o.region = "here";
	s->o.avs_host = "h1";
	s->o.avs_mgmt_vcpu = s->o.avs_mgmt_memory_gb = s->o.avs_mgmt_storage_gb = 0;
	m->disks[0].capacity_mib = num(0);
	return m;
}

static void hosts(struct subject *s, uint64_t n_cpu, uint64_t n_mem, uint64_t n_store, uint64_t nodes,
		  enum assess_limit limit)
{
	const struct assess_avs *a;

	assess_subject(s);
	a = &s->a.avs;
	assert_int_equal(a->n_cpu, n_cpu);
	assert_int_equal(a->n_mem, n_mem);
	assert_int_equal(a->n_store, n_store);
	assert_int_equal(a->nodes, nodes);
	assert_int_equal(a->limiting, limit);
	assert_int_equal(a->clusters, (nodes + 15) / 16);
	assert_int_equal(a->physical_cores, nodes * 10);
	assert_int_equal(a->several_clusters, nodes > 16);
}

static void cpu_is_by_oversubscription_and_limit(void **state)
{
	struct subject s;
	struct machine *m = hosts_init(&s);

	(void)state;
	m->memory_mib = num(1024);
	m->vcpus = num(160);
	hosts(&s, 4, 1, 0, 4, LIMIT_CPU);
	m->vcpus = num(160 + 4e-8); /* what rounding may add, times 40 */
	hosts(&s, 4, 1, 0, 4, LIMIT_CPU);
	m->vcpus = num(160.001);
	hosts(&s, 5, 1, 0, 5, LIMIT_CPU);
	s.o.avs_mgmt_vcpu = 39.999;
	hosts(&s, 5, 1, 0, 5, LIMIT_CPU);
	s.o.avs_mgmt_vcpu = 40.1;
	hosts(&s, 6, 1, 0, 6, LIMIT_CPU);
	s.o.avs_mgmt_vcpu = 0;
	m->vcpus = num(160);
	s.o.avs_cpu_limit = 0.8;
	hosts(&s, 5, 1, 0, 5, LIMIT_CPU);
	s.o.avs_oversubscription = 1;
	hosts(&s, 20, 1, 0, 20, LIMIT_CPU);
	s.o.avs_spare_nodes = 2;
	hosts(&s, 20, 1, 0, 22, LIMIT_CPU);
	subject_fini(&s);
}

static void utilisation_and_comfort_count_for_hosts_too(void **state)
{
	struct subject s;
	struct machine *m = hosts_init(&s);

	(void)state;
	m->vcpus = num(4);
	m->cpu_pct = num(25);
	m->memory_pct = num(50);
	m->memory_mib = num(8192);
	hosts(&s, 1, 1, 0, 3, LIMIT_MINIMUM);
	assert_true(s.a.avs.cpu == 1);
	assert_true(s.a.avs.memory_gib == 4);
	s.o.comfort = 2;
	hosts(&s, 1, 1, 0, 3, LIMIT_MINIMUM);
	assert_true(s.a.avs.cpu == 2);
	subject_fini(&s);
}

static void memory_is_by_overcommit(void **state)
{
	struct subject s;
	struct machine *m = hosts_init(&s);

	(void)state;
	m->memory_mib = num(600 * 1024);
	hosts(&s, 1, 6, 0, 6, LIMIT_MEMORY);
	s.o.avs_memory_overcommit = 1.5;
	hosts(&s, 1, 4, 0, 4, LIMIT_MEMORY);
	s.o.avs_mgmt_memory_gb = 1;
	hosts(&s, 1, 5, 0, 5, LIMIT_MEMORY);
	subject_fini(&s);
}

/* 100 GB take 200, 100, 400 as copies say, and 3 of dedupe a third. */
static void storage_is_grown_kept_several_times_deduplicated_and_left_some_slack(void **state)
{
	struct subject s;
	struct machine *m = hosts_init(&s);

	(void)state;
	s.o.avs_slack = 0;
	for (int i = 0; i < 3; i++)
		add_disk(m, 10e12 / 1048576);
	hosts(&s, 1, 1, 6, 6, LIMIT_STORAGE);
	assert_true(s.a.avs.storage_tb > 29.999999 && s.a.avs.storage_tb < 30.000001);
	s.o.avs_slack = 0.25;
	hosts(&s, 1, 1, 8, 8, LIMIT_STORAGE);
	s.o.avs_growth = 2;
	hosts(&s, 1, 1, 16, 16, LIMIT_STORAGE);
	s.o.avs_mgmt_storage_gb = 100; /* is not grown */
	hosts(&s, 1, 1, 17, 17, LIMIT_STORAGE);
	s.o.avs_mgmt_storage_gb = 0;
	s.o.avs_dedupe = 3;
	hosts(&s, 1, 1, 6, 6, LIMIT_STORAGE);
	s.o.avs_ftt = 3;
	hosts(&s, 1, 1, 11, 11, LIMIT_STORAGE);
	s.o.avs_ftt = 0;
	s.o.avs_raid = 0;
	hosts(&s, 1, 1, 3, 3, LIMIT_STORAGE); /* as many as the least: storage it is */
	m->disks[1].raw = true;
	hosts(&s, 1, 1, 2, 3, LIMIT_MINIMUM);
	subject_fini(&s);
}

static void what_is_in_use_counts_if_sized_by_performance(void **state)
{
	struct subject s;
	struct machine *m = hosts_init(&s);

	(void)state;
	m->disks[0].capacity_mib = num(1e6);
	m->storage_in_use_mib = num(0);
	assess_subject(&s);
	assert_true(s.a.avs.storage_tb > 1.048 && s.a.avs.storage_tb < 1.049);
	m->cpu_pct = num(50);
	assess_subject(&s);
	assert_true(s.a.avs.storage_tb == 0);
	m->storage_in_use_mib.known = false;
	assess_subject(&s);
	assert_true(s.a.avs.storage_tb > 1.048);
	subject_fini(&s);
}

static void a_policy_may_need_more_hosts_than_anything_else(void **state)
{
	struct subject s;
	struct machine *m = hosts_init(&s);

	(void)state;
	s.o.avs_ftt = 3;
	hosts(&s, 1, 1, 0, 7, LIMIT_MINIMUM);
	m->vcpus = num(7 * 40);
	m->memory_mib = num(7 * 100 * 1024);
	hosts(&s, 7, 7, 0, 7, LIMIT_CPU); /* the first of the largest */
	assert_string_equal(assess_limit_name(LIMIT_MINIMUM), "minimum");
	assert_string_equal(assess_limit_name(LIMIT_CPU), "cpu");
	assert_string_equal(assess_limit_name(LIMIT_MEMORY), "memory");
	assert_string_equal(assess_limit_name(LIMIT_STORAGE), "storage");
	subject_fini(&s);
}

static void without_machines_of_known_size_there_are_no_hosts(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, shipped);

	(void)state;
	m->memory_mib.known = false;
	assess_subject(&s);
	assert_int_equal(s.a.avs.vms, 0);
	assert_int_equal(s.a.avs.nodes, 0);
	assert_int_equal(s.a.avs.clusters, 0);
	assert_int_equal(s.a.avs.limiting, LIMIT_MINIMUM);
	assert_string_equal(s.a.avs.host->name, "AV36P");
	m->memory_mib = num(1024);
	assess_subject(&s);
	assert_int_equal(s.a.avs.vms, 1);
	assert_int_equal(s.a.avs.nodes, 3);
	assert_int_equal(s.a.avs.physical_cores, 108);
	subject_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_condition_has_its_code),
		cmocka_unit_test(cpu_is_by_oversubscription_and_limit),
		cmocka_unit_test(utilisation_and_comfort_count_for_hosts_too),
		cmocka_unit_test(memory_is_by_overcommit),
		cmocka_unit_test(storage_is_grown_kept_several_times_deduplicated_and_left_some_slack),
		cmocka_unit_test(what_is_in_use_counts_if_sized_by_performance),
		cmocka_unit_test(a_policy_may_need_more_hosts_than_anything_else),
		cmocka_unit_test(without_machines_of_known_size_there_are_no_hosts),
	};

	return cmocka_run_group_tests(tests, catalogues_setup, catalogues_teardown);
}
