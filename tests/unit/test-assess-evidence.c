/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "assess/measured.h"
#include "support/assess_fixture.h"
#include "support/look_made.h"

/* ---- which source counts ---- */

static void assert_os(const struct assess_vm *vm, const char *key, const char *from)
{
	assert_string_equal(vm->os->key, key);
	assert_string_equal(vm->os_from, from);
}

static void the_disk_goes_before_tools(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, *state);
	const struct assess_vm *vm = assess_subject(&s);

	assert_os(vm, "win-server-2022", "os_tools");
	assert_string_equal(vm->arch_from, "inventory");
	look_made_os(look_made(&m->disks[0]), "Rocky Linux 8.9 (Green Obsidian)", "rocky", "8.9");
	look_made_arch(m->disks[0].look, LOOK_ARCH_X86);
	vm = assess_subject(&s);
	assert_os(vm, "rocky", "disk");
	assert_int_equal(vm->arch, ARCH_X86);
	assert_string_equal(vm->arch_from, "disk");
	assert_codes(&vm->azure.codes, "GuestOperatingSystemArchitectureNotSupported");
	subject_fini(&s);
}

static void a_release_is_known_by_id_and_version_else_by_its_name(void **state)
{
	static const struct {
		const char *text, *id, *version, *key, *from;
	} rows[] = {
		{ "My own Linux", "rhel", "8.6", "rhel-8", "disk" },
		{ "My own Linux", "rhel", "8", "rhel-8", "disk" },
		{ "My own Linux", "rhel", "80", "rhel-unknown", "disk" },
		{ "My own Linux", "ubuntu", "22.04", "ubuntu-22.04", "disk" },
		{ "My own Linux", "ubuntu", "23.10", "ubuntu", "disk" },
		{ "My own Linux", "debian", "", "debian-unknown", "disk" },
		{ "My own Linux", "sles", "15.4", "sles-15", "disk" },
		{ "My own Linux", "ol", "9.3", "oracle-9", "disk" },
		{ "My own Linux", "arch", "", "other-linux", "disk" },
		{ "Ubuntu 20.04.6 LTS", "new-derivative", "1", "ubuntu-20.04", "disk" },
		{ "Windows Server 2019 Standard", "windows", "10.0.17763", "win-server-2019", "disk" },
		{ "Windows 11 Pro", "windows", "10.0.22631", "win-11", "disk" },
		{ "Windows", "", "", "win-server-2022", "os_tools" },
		{ "Plan 9", "plan9", "4", "win-server-2022", "os_tools" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct subject s;
		struct machine *m = subject_init(&s, *state);

		look_made_os(look_made(&m->disks[0]), rows[i].text, rows[i].id, rows[i].version);
		assert_os(assess_subject(&s), rows[i].key, rows[i].from);
		subject_fini(&s);
	}
}

static void firmware_of_the_disk_counts_unless_it_starts_either_way(void **state)
{
	static const struct {
		enum look_firmware seen;
		enum machine_firmware configured, want;
		const char *from;
		size_t conflicts;
	} rows[] = {
		{ LOOK_FIRMWARE_EFI, MACHINE_BIOS, MACHINE_EFI, "disk", 1 },
		{ LOOK_FIRMWARE_BIOS, MACHINE_EFI, MACHINE_BIOS, "disk", 1 },
		{ LOOK_FIRMWARE_EFI, MACHINE_EFI, MACHINE_EFI, "disk", 0 },
		{ LOOK_FIRMWARE_BIOS, MACHINE_FIRMWARE_UNKNOWN, MACHINE_BIOS, "disk", 0 },
		{ LOOK_FIRMWARE_BOTH, MACHINE_EFI, MACHINE_EFI, "inventory", 0 },
		{ LOOK_FIRMWARE_BOTH, MACHINE_FIRMWARE_UNKNOWN, MACHINE_FIRMWARE_UNKNOWN, "", 0 },
		{ LOOK_FIRMWARE_UNKNOWN, MACHINE_BIOS, MACHINE_BIOS, "inventory", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct subject s;
		struct machine *m = subject_init(&s, *state);
		const struct assess_vm *vm;

		m->firmware = rows[i].configured;
		look_made_firmware(look_made(&m->disks[0]), rows[i].seen);
		vm = assess_subject(&s);
		assert_int_equal(vm->firmware, rows[i].want);
		assert_string_equal(vm->firmware_from, rows[i].from);
		assert_int_equal(vm->n_conflicts, rows[i].conflicts);
		assert_int_equal(vm->azure.gen2, rows[i].want == MACHINE_EFI);
		assert_codes(&vm->azure.codes, rows[i].want == MACHINE_FIRMWARE_UNKNOWN ? "BootTypeUnknown" : "");
		assert_codes(&vm->azure.notes, rows[i].conflicts ? "LiftfsDiskContradicts" : "");
		subject_fini(&s);
	}
}

/* ---- contradictions ---- */

static void what_the_inventory_says_otherwise_is_kept(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, *state);
	const struct machine_conflict *c;
	const struct assess_vm *vm;

	assert_int_equal(machine_set(&m->guest_id, "ubuntu64Guest", NULL), 0);
	assert_int_equal(machine_set(&m->disks[0].path, "web.vmdk", NULL), 0);
	look_made_os(look_made(&m->disks[0]), "Ubuntu 22.04", "ubuntu", "22.04");
	look_made_arch(m->disks[0].look, LOOK_ARCH_ARM64);
	vm = assess_subject(&s);
	assert_int_equal(vm->n_conflicts, 2); /* "ubuntu" says less, and nothing else */
	c = vm->conflicts;
	assert_string_equal(c[0].field, "os_key");
	assert_string_equal(c[0].kept, "ubuntu-22.04");
	assert_string_equal(c[0].kept_from, "web.vmdk, partition 1, byte 4,096");
	assert_string_equal(c[0].other, "win-server-2022");
	assert_string_equal(c[0].other_from, "test: os_tools");
	assert_string_equal(c[1].field, "arch");
	assert_string_equal(c[1].kept, "arm64");
	assert_string_equal(c[1].other, "x64");
	assert_string_equal(c[1].other_from, "test");
	subject_fini(&s);
}

static void a_word_that_says_less_is_no_contradiction(void **state)
{
	static const struct {
		const char *tools, *name, *version;
		size_t conflicts;
	} rows[] = {
		{ "Debian GNU/Linux", NULL, NULL, 0 },
		{ "Debian GNU/Linux 12 (64-bit)", NULL, NULL, 0 },
		{ "Debian GNU/Linux 11 (64-bit)", NULL, NULL, 1 },
		{ "Other Linux (64-bit)", NULL, NULL, 0 },
		{ "Something", NULL, NULL, 0 },
		{ NULL, "Debian GNU/Linux", "11", 1 },
		{ NULL, "Debian GNU/Linux 11", NULL, 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct subject s;
		struct machine *m = subject_init(&s, *state);

		set_os(m, rows[i].tools);
		assert_int_equal(machine_set(&m->os_name, rows[i].name, NULL), 0);
		assert_int_equal(machine_set(&m->os_version, rows[i].version, NULL), 0);
		look_made_os(look_made(&m->disks[0]), "Debian", "debian", "12");
		if (assess_subject(&s)->n_conflicts != rows[i].conflicts)
			fail_msg("row %zu", i);
		subject_fini(&s);
	}
}

/* ---- notes ---- */

static void what_a_disk_shows_besides_is_a_note_and_no_verdict(void **state)
{
	static const struct {
		size_t flag, by; /* in struct look_facts */
		const char *code;
	} rows[] = {
#define ROW(field, code) { offsetof(struct look_facts, field), offsetof(struct look_facts, field##_by), code }
		ROW(encrypted, "LiftfsDiskEncrypted"),
		ROW(dirty, "LiftfsFileSystemDirty"),
		ROW(hibernated, "LiftfsHibernated"),
		ROW(pending, "LiftfsUpdatesPending"),
		{ offsetof(struct look_facts, fstab_devices), offsetof(struct look_facts, fstab_by),
		  "LiftfsFstabDeviceName" },
		{ offsetof(struct look_facts, dynamic_disk), offsetof(struct look_facts, dynamic_by),
		  "LiftfsDynamicDisk" },
#undef ROW
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct subject s;
		struct machine *m = subject_init(&s, *state);
		char *facts = (char *)&look_made(&m->disks[0])->found.facts;
		const struct assess_vm *vm;

		look_made_flag(m->disks[0].look, (bool *)(facts + rows[i].flag), (size_t *)(void *)(facts + rows[i].by),
			       FINDING_DIRTY);
		vm = assess_subject(&s);
		assert_codes(&vm->azure.notes, rows[i].code);
		assert_codes(&vm->azure.codes, "");
		assert_int_equal(vm->azure.verdict, VERDICT_READY);
		assert_true(strlen(assess_code_text(rows[i].code)) > 20);
		subject_fini(&s);
	}
}

static void a_kernel_without_drivers_is_noted(void **state)
{
	static const char *const want[] = { "", "LiftfsHyperVDriversMissing", "LiftfsHyperVDriversMissing", "" };

	for (int drivers = LOOK_DRIVERS_UNKNOWN; drivers <= LOOK_DRIVERS_ALL; drivers++) {
		struct subject s;
		struct machine *m = subject_init(&s, *state);

		look_made(&m->disks[0])->found.facts.drivers = (enum look_drivers)drivers;
		assert_codes(&assess_subject(&s)->azure.notes, want[drivers]);
		subject_fini(&s);
	}
}

/* ---- confidence ---- */

static unsigned level(struct subject *s, size_t reasons)
{
	const struct assess_vm *vm = assess_subject(s);

	assert_int_equal(vm->confidence.reasons.n, reasons);
	return vm->confidence.level;
}

static void confidence_is_five_at_best_and_one_at_least(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, *state);

	assert_int_equal(level(&s, 1), 4);
	assert_int_equal(machine_set(&m->os_config, "Microsoft Windows Server 2022 (64-bit)", NULL), 0);
	set_os(m, NULL);
	assert_int_equal(level(&s, 1), 3);
	assert_int_equal(machine_set(&m->os_config, "Something (64-bit)", NULL), 0);
	assert_int_equal(level(&s, 1), 2);
	look_made_os(look_made(&m->disks[0]), "Debian", "debian", "12");
	assert_int_equal(level(&s, 0), 5);
	m->firmware = MACHINE_FIRMWARE_UNKNOWN;
	assert_int_equal(level(&s, 1), 4);
	m->memory_mib.known = false;
	assert_int_equal(level(&s, 2), 3);
	look_made_add(m->disks[0].look, FINDING_UNREADABLE, "damaged", 0);
	m->disks[0].look->found.complete = false;
	assert_int_equal(level(&s, 3), 2);
	assert_string_equal(s.a.vms[0].confidence.reasons.v[2],
			    "of 1 disks 0 could be looked at completely; 1 could not be read, or not all of it");
	assert_codes(&s.a.vms[0].azure.notes, "LiftfsDiskUnreadable");
	assert_int_equal(machine_set(&m->os_config, NULL, NULL), 0);
	assert_int_equal(level(&s, 4), 1);
	m->disks[0].look->found.facts.os = false;
	m->disks[0].look->found.facts.os_id[0] = '\0';
	assert_int_equal(level(&s, 5), 1);
	subject_fini(&s);
}

/* ---- what was measured ---- */

static void the_factor_counts_what_was_not_measured_as_having_no_duplicates(void **state)
{
	struct machines_looked looked = { .fleet_mib = 102400 };
	struct subject s;
	struct machine *m = subject_init(&s, *state);

	assert_true(assess_measured_dedupe(&s.list, &looked) == 0);
	looked.fleet.known = true;
	assert_true(assess_measured_dedupe(&s.list, &looked) == 1);
	looked.fleet.duplicate = 0.5;
	assert_true(assess_measured_dedupe(&s.list, &looked) == 2);
	looked.fleet.duplicate = 0.36; /* 1.5625 */
	assert_true(assess_measured_dedupe(&s.list, &looked) == 1.5);
	looked.fleet.duplicate = 0.99;
	assert_true(assess_measured_dedupe(&s.list, &looked) == 10);
	looked.fleet.duplicate = 1;
	assert_true(assess_measured_dedupe(&s.list, &looked) == 10);
	looked.fleet.duplicate = 0.5;
	add_disk(m, 102400); /* not measured: 0.25 of all */
	assert_true(assess_measured_dedupe(&s.list, &looked) == 1.3);
	m->disks[1].raw = true;
	assert_true(assess_measured_dedupe(&s.list, &looked) == 2);
	subject_fini(&s);
}

static void zeros_need_not_be_sent_and_duplicates_must(void **state)
{
	struct error err = ERROR_INIT;
	struct subject s;
	struct machine *m = subject_init(&s, *state);
	struct move_measured *v;

	assess_subject(&s);
	v = assess_measured_moves(&s.a, &err);
	assert_false(v[0].zero_share.known);
	free(v);
	m->shares = (struct machine_shares){ .known = true, .blocks = 8, .zero = 2, .duplicate = 0.5 };
	v = assess_measured_moves(&s.a, &err);
	assert_true(v[0].zero_share.known && v[0].zero_share.v == 0.25);
	free(v);
	subject_fini(&s);
}

static void what_file_systems_count_goes_before_storage_in_use(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, *state);
	struct look_facts *f;

	m->cpu_pct = num(50);
	m->storage_in_use_mib = num(1e6);
	assess_subject(&s);
	assert_true(s.a.avs.storage_tb == 1e6 * 1.048576e-6);
	f = &look_made(&m->disks[0])->found.facts;
	f->used = UINT64_C(2000) << 20;
	f->used_whole = true;
	assess_subject(&s);
	assert_true(s.a.avs.storage_tb == 2000 * 1.048576e-6);
	m->cpu_pct.known = false; /* as-is: all that it has */
	assess_subject(&s);
	assert_true(s.a.avs.storage_tb == 102400 * 1.048576e-6);
	m->cpu_pct.known = true;
	look_made_flag(m->disks[0].look, &f->encrypted, &f->encrypted_by, FINDING_ENCRYPTION);
	assess_subject(&s);
	assert_true(s.a.avs.storage_tb == 1e6 * 1.048576e-6);
	subject_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_disk_goes_before_tools),
		cmocka_unit_test(a_release_is_known_by_id_and_version_else_by_its_name),
		cmocka_unit_test(firmware_of_the_disk_counts_unless_it_starts_either_way),
		cmocka_unit_test(what_the_inventory_says_otherwise_is_kept),
		cmocka_unit_test(a_word_that_says_less_is_no_contradiction),
		cmocka_unit_test(what_a_disk_shows_besides_is_a_note_and_no_verdict),
		cmocka_unit_test(a_kernel_without_drivers_is_noted),
		cmocka_unit_test(confidence_is_five_at_best_and_one_at_least),
		cmocka_unit_test(the_factor_counts_what_was_not_measured_as_having_no_duplicates),
		cmocka_unit_test(what_file_systems_count_goes_before_storage_in_use),
		cmocka_unit_test(zeros_need_not_be_sent_and_duplicates_must),
	};

	return cmocka_run_group_tests(tests, open_shipped_catalogue, close_catalogue);
}
