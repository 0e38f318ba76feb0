/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support/assess_fixture.h"

struct row {
	const char *tools, *config, *id, *name, *version, *architecture;
	const char *key;
	enum os_arch arch;
	const char *from;
};

static void check(struct catalogue *c, const struct row *r, size_t i)
{
	struct subject s;
	struct machine *m = subject_init(&s, c);
	const struct assess_vm *vm;

	assert_int_equal(machine_set(&m->os_tools, r->tools, NULL), 0);
	assert_int_equal(machine_set(&m->os_config, r->config, NULL), 0);
	assert_int_equal(machine_set(&m->guest_id, r->id, NULL), 0);
	assert_int_equal(machine_set(&m->os_name, r->name, NULL), 0);
	assert_int_equal(machine_set(&m->os_version, r->version, NULL), 0);
	assert_int_equal(machine_set(&m->architecture, r->architecture, NULL), 0);
	vm = assess_subject(&s);
	if (strcmp(vm->os->key, r->key) != 0 || vm->arch != r->arch || strcmp(vm->os_from, r->from) != 0)
		fail_msg("row %zu: %s, %d, from '%s'", i, vm->os->key, (int)vm->arch, vm->os_from);
	subject_fini(&s);
}

static void tools_go_before_what_is_configured_if_they_know(void **state)
{
	static const struct row rows[] = {
		{ .tools = "Ubuntu 22.04",
		  .config = "Other Linux (64-bit)",
		  .id = "windows9Guest",
		  .key = "ubuntu-22.04",
		  .arch = ARCH_X64,
		  .from = "os_tools" },
		{ .tools = "Something else (64-bit)",
		  .config = "Debian GNU/Linux 12 (32-bit)",
		  .id = "windows9Guest",
		  .key = "debian-12",
		  .arch = ARCH_X86,
		  .from = "os_config" },
		{ .config = "Red Hat Enterprise Linux 6",
		  .id = "rhel6_64Guest",
		  .key = "rhel-6",
		  .arch = ARCH_X64,
		  .from = "os_config" },
		{ .tools = "Something",
		  .config = "Other (32-bit)",
		  .id = "rhel6_64Guest",
		  .key = "rhel-6",
		  .arch = ARCH_X64,
		  .from = "guest_id" },
		{ .tools = "Something (64-bit)",
		  .config = "Other (32-bit)",
		  .key = "unknown",
		  .arch = ARCH_X86,
		  .from = "" },
		{ .id = "otherGuest64", .key = "unknown", .arch = ARCH_X64, .from = "" },
		{ .id = "windows2019srv-64", .key = "win-server-2019", .arch = ARCH_X64, .from = "guest_id" },
		{ .id = "neverHeardOfGuest", .key = "unknown", .arch = ARCH_UNKNOWN, .from = "" },
		{ .key = "unknown", .arch = ARCH_UNKNOWN, .from = "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(*state, &rows[i], i);
}

static void an_import_has_a_name_and_perhaps_a_version(void **state)
{
	static const struct row rows[] = {
		{ .name = "Ubuntu", .version = "22.04", .key = "ubuntu-22.04", .arch = ARCH_X64, .from = "os_name" },
		{ .name = "Ubuntu", .key = "ubuntu", .arch = ARCH_UNKNOWN, .from = "os_name" },
		{ .name = "Windows Server 2003",
		  .architecture = "x86",
		  .key = "win-server-2003",
		  .arch = ARCH_X86,
		  .from = "os_name" },
		{ .name = "Windows Server 2008",
		  .version = "R2 (64-bit)",
		  .key = "win-server-2008r2",
		  .arch = ARCH_X64,
		  .from = "os_name" },
		{ .name = "Plan", .version = "9 i386", .key = "unknown", .arch = ARCH_X86, .from = "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(*state, &rows[i], i);
}

static void the_architecture_is_read_from_what_says_it_first(void **state)
{
	static const struct row rows[] = {
		/* a column of its own */
		{ .tools = "Debian GNU/Linux 12 (64-bit)",
		  .architecture = "ARM64",
		  .key = "debian-12",
		  .arch = ARCH_ARM64,
		  .from = "os_tools" },
		/* a column that says nothing */
		{ .tools = "Debian GNU/Linux 12 (64-bit)",
		  .architecture = "sparc",
		  .key = "debian-12",
		  .arch = ARCH_X64,
		  .from = "os_tools" },
		/* the text used, the other text, the identifier, what is usual */
		{ .tools = "Debian GNU/Linux 12 (32-bit)",
		  .config = "Debian GNU/Linux 12 (64-bit)",
		  .key = "debian-12",
		  .arch = ARCH_X86,
		  .from = "os_tools" },
		{ .tools = "Debian GNU/Linux 12",
		  .config = "Debian GNU/Linux 11 (64-bit)",
		  .key = "debian-12",
		  .arch = ARCH_X64,
		  .from = "os_tools" },
		{ .tools = "Debian GNU/Linux 12",
		  .id = "debian12Guest",
		  .key = "debian-12",
		  .arch = ARCH_X86,
		  .from = "os_tools" },
		{ .tools = "Microsoft Windows Server 2022",
		  .key = "win-server-2022",
		  .arch = ARCH_X64,
		  .from = "os_tools" },
		{ .tools = "Debian GNU/Linux 12", .key = "debian-12", .arch = ARCH_UNKNOWN, .from = "os_tools" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(*state, &rows[i], i);
}

static void each_spelling_of_an_architecture_is_known(void **state)
{
	static const struct {
		const char *text;
		enum os_arch arch;
	} rows[] = {
		{ "arm64", ARCH_ARM64 },     { "AArch64", ARCH_ARM64 },
		{ "64-bit", ARCH_X64 },      { "64 bit", ARCH_X64 },
		{ "X64", ARCH_X64 },         { "amd64", ARCH_X64 },
		{ "x86_64", ARCH_X64 },      { "32-bit", ARCH_X86 },
		{ "32 bit", ARCH_X86 },      { "x86", ARCH_X86 },
		{ "i386", ARCH_X86 },        { "i686", ARCH_X86 },
		{ "x86 arm64", ARCH_ARM64 }, { "i386 on 64-bit", ARCH_X64 },
		{ "64", ARCH_UNKNOWN },      { "i586", ARCH_UNKNOWN },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row r = {
			.architecture = rows[i].text, .key = "unknown", .arch = rows[i].arch, .from = ""
		};

		check(*state, &r, i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tools_go_before_what_is_configured_if_they_know),
		cmocka_unit_test(an_import_has_a_name_and_perhaps_a_version),
		cmocka_unit_test(the_architecture_is_read_from_what_says_it_first),
		cmocka_unit_test(each_spelling_of_an_architecture_is_known),
	};

	return cmocka_run_group_tests(tests, open_shipped_catalogue, close_catalogue);
}
