/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "guest/inspector.h"

/* As virt-inspector 1.48 prints it. */
#define ROCKY                                                                                                            \
	"<?xml version=\"1.0\"?>\n<operatingsystems>\n  <operatingsystem>\n    <root>/dev/rl/root</root>\n"               \
	"    <name>linux</name>\n    <arch>x86_64</arch>\n    <distro>rocky</distro>\n"                                   \
	"    <product_name>Rocky Linux 9.3 (Blue Onyx)</product_name>\n    <major_version>9</major_version>\n"            \
	"    <minor_version>3</minor_version>\n    <package_format>rpm</package_format>\n"                                \
	"    <hostname>host01.example.org</hostname>\n    <mountpoints>\n"                                                \
	"      <mountpoint dev=\"/dev/rl/root\">/</mountpoint>\n    </mountpoints>\n  </operatingsystem>\n</operatingsystems>\n"

static void inspected(struct look *l, const char *xml)
{
	struct error err = ERROR_INIT;

	if (look_add_inspected(l, xml, strlen(xml), &err) < 0)
		fail_msg("%s", err.msg);
}

static void a_linux_that_the_look_could_not_read(void **state)
{
	CLEANUP(cleanup_look) struct look l = { .complete = false };

	(void)state;
	inspected(&l, ROCKY);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.facts.os_text, "Rocky Linux 9.3 (Blue Onyx)");
	assert_string_equal(l.facts.os_id, "rocky");
	assert_string_equal(l.facts.os_version, "9.3");
	assert_int_equal(l.facts.arch, LOOK_ARCH_X64);
	assert_string_equal(l.v[l.facts.os_by].where, "virt-inspector: /dev/rl/root");
	assert_string_equal(l.v[l.facts.arch_by].value, "x86_64");
	assert_false(l.complete);
}

static void what_the_disk_said_itself_stays(void **state)
{
	CLEANUP(cleanup_look) struct look l = { 0 };

	(void)state;
	inspected(&l, "<operatingsystems><operatingsystem><root>/dev/sda2</root><arch>i686</arch><distro>oraclelinux</distro>"
		      "<product_name>Oracle Linux Server 8.9</product_name><major_version>8</major_version>"
		      "<minor_version>9</minor_version></operatingsystem></operatingsystems>");
	inspected(&l, ROCKY);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.facts.os_id, "ol");
	assert_int_equal(l.facts.arch, LOOK_ARCH_X86);
}

static void windows_has_its_build(void **state)
{
	CLEANUP(cleanup_look) struct look l = { 0 };

	(void)state;
	inspected(&l, "<operatingsystems><operatingsystem><root>/dev/sda2</root><name>windows</name><arch>x86_64</arch>"
		      "<distro>windows</distro><product_name>Windows Server 2019 Standard</product_name>"
		      "<product_variant>Server</product_variant><major_version>10</major_version>"
		      "<minor_version>0</minor_version><build_id>17763</build_id></operatingsystem></operatingsystems>");
	assert_string_equal(l.facts.os_id, "windows");
	assert_string_equal(l.facts.os_version, "10.0.17763");
	assert_string_equal(l.facts.os_text, "Windows Server 2019 Standard");
}

static void a_family_is_no_distribution(void **state)
{
	CLEANUP(cleanup_look) struct look l = { 0 };

	(void)state;
	inspected(&l, "<operatingsystems><operatingsystem><root>/dev/sda1</root><arch>ppc64</arch><distro>redhat-based</distro>"
		      "<product_name>AlmaLinux 9.3</product_name><major_version>9</major_version></operatingsystem>"
		      "</operatingsystems>");
	assert_int_equal(l.n, 1);
	assert_string_equal(l.facts.os_text, "AlmaLinux 9.3");
	assert_string_equal(l.facts.os_id, "");
	assert_int_equal(l.facts.arch, LOOK_ARCH_UNKNOWN);
}

static void none_says_nothing_and_several_say_that(void **state)
{
	CLEANUP(cleanup_look) struct look l = { .complete = true };

	(void)state;
	inspected(&l, "<operatingsystems/>");
	assert_int_equal(l.n, 0);
	assert_true(l.complete);
	inspected(&l, "<operatingsystems><operatingsystem><product_name>A</product_name></operatingsystem>"
		      "<operatingsystem><product_name>B</product_name></operatingsystem></operatingsystems>");
	assert_int_equal(l.n, 1);
	assert_int_equal(l.v[0].kind, FINDING_SKIPPED);
	assert_string_equal(l.v[0].value, "several operating systems: which of them starts is not known");
	assert_false(l.complete);
	assert_false(l.facts.os);
}

static void something_else_is_an_error(void **state)
{
	CLEANUP(cleanup_look) struct look l = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(look_add_inspected(&l, "<html/>", 7, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "virt-inspector: "));
	err = (struct error)ERROR_INIT;
	assert_int_equal(look_add_inspected(&l, "", 0, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_int_equal(l.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_linux_that_the_look_could_not_read),
		cmocka_unit_test(what_the_disk_said_itself_stays),
		cmocka_unit_test(windows_has_its_build),
		cmocka_unit_test(a_family_is_no_distribution),
		cmocka_unit_test(none_says_nothing_and_several_say_that),
		cmocka_unit_test(something_else_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
