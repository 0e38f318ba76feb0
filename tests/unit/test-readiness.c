/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "assess/catalogue_table.h"
#include "support/assess_fixture.h"

static void check(struct subject *s, enum assess_verdict verdict, const char *codes)
{
	const struct assess_vm *vm = assess_subject(s);

	assert_codes(&vm->azure.codes, codes);
	assert_int_equal(vm->azure.verdict, verdict);
}

static void nothing_to_say_is_ready(void **state)
{
	struct subject s;

	subject_init(&s, *state);
	check(&s, VERDICT_READY, "");
	assert_codes(&s.a.vms->azure.notes, "");
	assert_null(s.a.vms->azure.proposed_name);
	assert_false(s.a.vms->azure.gen2);
	assert_false(s.a.vms->azure.trusted_launch);
	subject_fini(&s);
}

static void a_size_that_is_absent_or_0_is_unknown_and_nothing_is_sized(void **state)
{
	const struct machine_number none = { .known = false };
	struct subject s;
	struct machine *m = subject_init(&s, *state);

	for (int i = 0; i < 4; i++) {
		m->vcpus = i == 0 ? none : num(i == 1 ? 0 : 2);
		m->memory_mib = i == 2 ? none : num(i == 3 ? 0 : 8192);
		check(&s, VERDICT_UNKNOWN, "LiftfsSizeUnknown");
		assert_false(s.a.vms->azure.tried);
		assert_null(s.a.vms->azure.size);
		assert_false(s.a.vms->azure.compute_usd.known);
		assert_true(s.a.vms->azure.disks_usd.known);
		assert_false(s.a.vms->azure.total_usd.known);
	}
	subject_fini(&s);
}

static void no_disk_or_one_of_no_known_size_is_unknown_and_costs_nobody_knows_what(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, *state);

	m->disks[0].capacity_mib.known = false;
	check(&s, VERDICT_UNKNOWN, "LiftfsDiskUnknown");
	assert_codes(&s.a.vms->disks[0].codes, "LiftfsDiskUnknown");
	assert_null(s.a.vms->disks[0].tier);
	assert_false(s.a.vms->azure.disks_usd.known);
	subject_fini(&s);

	m = subject_init(&s, *state);
	free(m->disks[0].label);
	m->n_disks = 0;
	check(&s, VERDICT_UNKNOWN, "LiftfsDiskUnknown");
	assert_non_null(s.a.vms->azure.size);
	assert_false(s.a.vms->azure.disks_usd.known);
	assert_false(s.a.vms->azure.total_usd.known);
	subject_fini(&s);
}

static void each_state_of_an_operating_system_has_its_verdict_and_code(void **state)
{
	static const struct {
		const char *os, *codes;
		enum assess_verdict verdict;
	} rows[] = {
		{ "Plan 9", "GuestOperatingSystemUnknown", VERDICT_UNKNOWN },
		{ "VMware ESXi 7.0 (64-bit)", "GuestOperatingSystemNotSupported", VERDICT_NOT_READY },
		{ "Ubuntu Linux (64-bit)", "CheckUbuntuLinuxVersion", VERDICT_CONDITIONAL },
		{ "Microsoft Windows Server 2012 (64-bit)", "WindowsOSNoLongerUnderMSSupport", VERDICT_CONDITIONAL },
		{ "FreeBSD 12 (64-bit)", "NoGuestOperatingSystemConditionallySupported", VERDICT_CONDITIONAL },
		{ "Debian GNU/Linux 12 (32-bit)", "GuestOperatingSystemArchitectureNotSupported", VERDICT_CONDITIONAL },
		{ "Debian GNU/Linux 12 (arm64)", "GuestOperatingSystemArchitectureNotSupported", VERDICT_NOT_READY },
	};
	struct subject s;
	struct machine *m = subject_init(&s, *state);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		set_os(m, rows[i].os);
		check(&s, rows[i].verdict, rows[i].codes);
		assert_int_equal(s.a.vms->azure.tried, rows[i].verdict != VERDICT_NOT_READY);
	}
	subject_fini(&s);
}

static void uefi_needs_a_guest_that_runs_as_generation_2(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, *state);

	m->firmware = MACHINE_EFI;
	check(&s, VERDICT_READY, "");
	assert_true(s.a.vms->azure.gen2);
	assert_true(s.a.vms->azure.trusted_launch);
	set_os(m, "Debian GNU/Linux 12 (64-bit)"); /* nobody says whether it does: not blocked, nor trusted */
	check(&s, VERDICT_READY, "");
	assert_false(s.a.vms->azure.trusted_launch);
	set_os(m, "Microsoft Windows Server 2008 R2 (64-bit)");
	check(&s, VERDICT_NOT_READY, "BootTypeNotSupported,WindowsOSNoLongerUnderMSSupport");
	set_os(m, "Microsoft Windows 10 (32-bit)");
	check(&s, VERDICT_NOT_READY,
	      "BootTypeNotSupported,GuestOperatingSystemArchitectureNotSupported,"
	      "WindowsClientVersionsConditionallySupported");
	assert_false(s.a.vms->azure.trusted_launch);
	m->firmware = MACHINE_FIRMWARE_UNKNOWN;
	set_os(m, "Microsoft Windows Server 2022 (64-bit)");
	check(&s, VERDICT_CONDITIONAL, "BootTypeUnknown");
	assert_false(s.a.vms->azure.gen2);
	subject_fini(&s);
}

static void sixty_five_disks_are_enough_for_azure_and_raw_ones_do_not_count(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, *state);

	m->firmware = MACHINE_EFI; /* sizes with 64 data disks are generation 2 */
	for (int i = 1; i < 65; i++)
		add_disk(m, 1024);
	add_disk(m, 1024)->raw = true;
	check(&s, VERDICT_CONDITIONAL, "LiftfsDiskRawDeviceMapping");
	assert_true(s.a.vms->azure.need_data_disks == 64);
	m->disks[65].raw = false;
	check(&s, VERDICT_NOT_READY, "MoreDisksThanSupported");
	assert_false(s.a.vms->azure.tried);
	subject_fini(&s);
}

static void more_than_32_adapters_are_too_many_for_any_size(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, *state);

	m->nics = num(32); /* allowed by the rule, and then no size has them */
	check(&s, VERDICT_NOT_READY, "NoVmSizeSupportsNetworkPerformance");
	m->nics = num(33);
	check(&s, VERDICT_NOT_READY, "OneOrMoreAdaptersNotSuitable");
	m->nics = num(0);
	check(&s, VERDICT_READY, "");
	subject_fini(&s);
}

static void what_disks_are_makes_conditions(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, *state);
	struct machine_disk *d = add_disk(m, 8388607);

	check(&s, VERDICT_READY, "");
	d->capacity_mib = num(8388608);
	check(&s, VERDICT_CONDITIONAL, "LiftfsDiskExceedsPageBlob");
	d->capacity_mib = num(1024);
	d->shared = true;
	check(&s, VERDICT_CONDITIONAL, "LiftfsDiskShared");
	d->shared = false;
	d->independent = true;
	check(&s, VERDICT_CONDITIONAL, "LiftfsDiskIndependent");
	d->raw = d->shared = true; /* of a raw disk only that it is independent does not matter */
	check(&s, VERDICT_CONDITIONAL, "LiftfsDiskRawDeviceMapping,LiftfsDiskShared");
	d->raw = d->shared = d->independent = false;
	d->capacity_mib = num(32767.0 * 1024 + 1);
	check(&s, VERDICT_NOT_READY, "LiftfsDiskExceedsPageBlob,OneOrMoreDisksNotSuitable");
	subject_fini(&s);
}

static void not_ready_goes_before_unknown_and_that_before_conditions(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, *state);

	set_os(m, "Plan 9");
	m->firmware = MACHINE_FIRMWARE_UNKNOWN;
	check(&s, VERDICT_UNKNOWN, "BootTypeUnknown,GuestOperatingSystemUnknown");
	m->nics = num(33);
	check(&s, VERDICT_NOT_READY, "BootTypeUnknown,GuestOperatingSystemUnknown,OneOrMoreAdaptersNotSuitable");
	subject_fini(&s);
}

static void notes_change_no_verdict(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, *state);

	m->power = MACHINE_POWER_UNKNOWN;
	check(&s, VERDICT_READY, "");
	assert_codes(&s.a.vms->azure.notes, "");
	m->power = MACHINE_SUSPENDED;
	m->secure_boot = m->snapshot = m->consolidation_needed = m->disks_collapsed = true;
	check(&s, VERDICT_READY, "");
	assert_codes(&s.a.vms->azure.notes,
		     "LiftfsConsolidationNeeded,LiftfsDisksCollapsed,LiftfsPoweredOff,LiftfsSecureBoot,"
		     "LiftfsSnapshotPresent");
	m->power = MACHINE_OFF;
	check(&s, VERDICT_READY, "");
	assert_string_equal(s.a.vms->azure.notes.v[2], "LiftfsPoweredOff");
	subject_fini(&s);
}

#define SIXTY "a23456789012345678901234567890123456789012345678901234567890"

static void a_name_that_azure_does_not_allow_gets_a_proposal(void **state)
{
	static const char *const rows[][2] = {
		/* NULL: allowed */
		{ "a", NULL },
		{ "Web-01", NULL },
		{ SIXTY "bcd", NULL },
		{ SIXTY "bcde", SIXTY "bcd" },
		{ SIXTY "---x", SIXTY },
		{ "web_01", "web-01" },
		{ "web  01", "web-01" },
		{ " web 01 ", "web-01" },
		{ "-web-", "web" },
		{ "web - 01", "web---01" },
		{ "", "vm" },
		{ "__", "vm" },
		{ "-", "vm" },
		{ "caf\xc3\xa9.example", "caf-example" },
		{ "vm", NULL },
	};
	struct subject s;
	struct machine *m = subject_init(&s, *state);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *name = strdup(rows[i][0]);

		assert_non_null(name);
		free(m->name);
		m->name = name;
		check(&s, VERDICT_READY, "");
		assert_codes(&s.a.vms->azure.notes, rows[i][1] ? "LiftfsNameNeedsChange" : "");
		if (rows[i][1])
			assert_string_equal(s.a.vms->azure.proposed_name, rows[i][1]);
		else
			assert_null(s.a.vms->azure.proposed_name);
	}
	subject_fini(&s);
}

static void explained(const char *code)
{
	const char *text = assess_code_text(code);

	if (strlen(text) < 20 || text[strlen(text) - 1] != '.')
		fail_msg("%s: '%s'", code, text);
}

static void every_code_that_the_rules_and_the_catalogue_have_is_explained(void **state)
{
	static const char *const codes[] = {
		"LiftfsSizeUnknown",
		"LiftfsDiskUnknown",
		"GuestOperatingSystemUnknown",
		"BootTypeNotSupported",
		"GuestOperatingSystemArchitectureNotSupported",
		"BootTypeUnknown",
		"MoreDisksThanSupported",
		"OneOrMoreAdaptersNotSuitable",
		"OneOrMoreDisksNotSuitable",
		"LiftfsDiskRawDeviceMapping",
		"LiftfsDiskShared",
		"LiftfsDiskIndependent",
		"LiftfsDiskExceedsPageBlob",
		"LiftfsPoweredOff",
		"LiftfsSecureBoot",
		"LiftfsSnapshotPresent",
		"LiftfsConsolidationNeeded",
		"LiftfsDisksCollapsed",
		"LiftfsNameNeedsChange",
		"DiskSizeGreaterThanSupported",
		"NoSuitableDiskSizeForIops",
		"NoSuitableDiskSizeForThroughput",
		"NoVmSizeSupportsStoragePerformance",
		"NoVmSizeSupportsNetworkPerformance",
		"NoSuitableVmSizeFound",
		"NoVmSizeForSelectedAzureLocation",
		"UnsupportedOperatingSystem",
		"IpV6NotSupported",
	};
	static const char *const columns[] = { "azure_code", NULL };
	struct error err = ERROR_INIT;
	size_t of_systems = 0;
	struct table t;
	char path[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		explained(codes[i]);
	catalogue_path(path);
	assert_int_equal(table_open(&t, path, "os-keys.csv", columns, &err), 0);
	while (table_next(&t, &err) > 0) {
		if (!*table_text(&t, 0))
			continue;
		explained(table_text(&t, 0));
		of_systems++;
	}
	table_close(&t);
	assert_int_equal(err.code, ERR_NONE);
	assert_true(of_systems > 50);
	assert_string_equal(assess_code_text("SomethingNew"), "");
}

static void verdicts_have_the_names_of_azure_migrate(void **state)
{
	(void)state;
	assert_string_equal(assess_azure_verdict(VERDICT_READY), "Ready for Azure");
	assert_string_equal(assess_azure_verdict(VERDICT_CONDITIONAL), "Conditionally ready for Azure");
	assert_string_equal(assess_azure_verdict(VERDICT_NOT_READY), "Not ready for Azure");
	assert_string_equal(assess_azure_verdict(VERDICT_UNKNOWN), "Readiness unknown");
	assert_string_equal(assess_avs_verdict(VERDICT_READY), "Ready for AVS");
	assert_string_equal(assess_avs_verdict(VERDICT_CONDITIONAL), "Ready with conditions");
	assert_string_equal(assess_avs_verdict(VERDICT_NOT_READY), "Not ready for AVS");
	assert_string_equal(assess_avs_verdict(VERDICT_UNKNOWN), "Readiness unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_say_is_ready),
		cmocka_unit_test(a_size_that_is_absent_or_0_is_unknown_and_nothing_is_sized),
		cmocka_unit_test(no_disk_or_one_of_no_known_size_is_unknown_and_costs_nobody_knows_what),
		cmocka_unit_test(each_state_of_an_operating_system_has_its_verdict_and_code),
		cmocka_unit_test(uefi_needs_a_guest_that_runs_as_generation_2),
		cmocka_unit_test(sixty_five_disks_are_enough_for_azure_and_raw_ones_do_not_count),
		cmocka_unit_test(more_than_32_adapters_are_too_many_for_any_size),
		cmocka_unit_test(what_disks_are_makes_conditions),
		cmocka_unit_test(not_ready_goes_before_unknown_and_that_before_conditions),
		cmocka_unit_test(notes_change_no_verdict),
		cmocka_unit_test(a_name_that_azure_does_not_allow_gets_a_proposal),
		cmocka_unit_test(every_code_that_the_rules_and_the_catalogue_have_is_explained),
		cmocka_unit_test(verdicts_have_the_names_of_azure_migrate),
	};

	return cmocka_run_group_tests(tests, open_shipped_catalogue, close_catalogue);
}
