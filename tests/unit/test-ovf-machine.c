/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "inventory/ovf_config.h"
#include "support/machine_text.h"

#define ITEM(type, rest) "<Item><rasd:ResourceType>" type "</rasd:ResourceType>" rest "</Item>"
#define QUANTITY(n) "<rasd:VirtualQuantity>" n "</rasd:VirtualQuantity>"
#define ENVELOPE "<Envelope xmlns:ovf=\"o\" xmlns:rasd=\"r\" xmlns:vmw=\"v\" xmlns:vssd=\"s\">"
#define MACHINE(inside) \
	ENVELOPE "<VirtualSystem ovf:id=\"x\"><VirtualHardwareSection>" inside "</VirtualHardwareSection></VirtualSystem></Envelope>"

static void check(const char *text, const char *want, const char *want_notices)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP_FREE char *got = NULL;
	CLEANUP_FREE char *notices = NULL;
	struct error e = ERROR_INIT;

	if (ovf_config_format.describe(text, strlen(text), &l, &e) < 0)
		fail_msg("%s", e.msg);
	got = machine_list_text(&l);
	notices = machine_notices_text(&l.notices);
	assert_string_equal(got, want);
	assert_string_equal(notices, want_notices);
}

static void all_that_it_says(void **state)
{
	(void)state;
	check(ENVELOPE
	      "<References><File ovf:id=\"f1\" ovf:href=\"d1.vmdk\"/><File ovf:id=\"f2\" ovf:href=\"d2.vmdk\" "
	      "ovf:compression=\"gzip\"/></References><DiskSection>"
	      "<Disk ovf:diskId=\"vmdisk2\" ovf:fileRef=\"f2\" ovf:capacity=\"20\" ovf:capacityAllocationUnits=\"byte * 2^30\"/>"
	      "<Disk ovf:diskId=\"vmdisk1\" ovf:fileRef=\"f1\" ovf:capacity=\"10\" ovf:capacityAllocationUnits=\"byte * 2^20\"/>"
	      "<Disk ovf:diskId=\"empty\" ovf:capacity=\"1048576\"/></DiskSection>"
	      "<VirtualSystem ovf:id=\"id\"><Name>web 01</Name><OperatingSystemSection ovf:id=\"94\" vmw:osType=\"ubuntu64Guest\">"
	      "<Description>Ubuntu Linux (64-bit)</Description></OperatingSystemSection>"
	      "<AnnotationSection><Annotation>note</Annotation></AnnotationSection>"
	      "<VirtualHardwareSection><System><vssd:VirtualSystemType>vmx-08</vssd:VirtualSystemType></System>" ITEM("3", QUANTITY("2"))
	      ITEM("4", QUANTITY("4") "<rasd:AllocationUnits>byte * 2^30</rasd:AllocationUnits>") ITEM("10", "") ITEM("10", "")
	      ITEM("15", "")
	      ITEM("17", "<rasd:ElementName>Hard disk 1</rasd:ElementName><rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource>")
	      ITEM("17", "<rasd:ElementName>Hard disk 2</rasd:ElementName><rasd:HostResource>ovf:/disk/vmdisk2</rasd:HostResource>")
	      ITEM("17", "<rasd:HostResource>ovf:/disk/empty</rasd:HostResource>")
	      "<vmw:Config vmw:key=\"firmware\" vmw:value=\"efi\"/>"
	      "<vmw:Config vmw:key=\"bootOptions.efiSecureBootEnabled\" vmw:value=\"true\"/>"
	      "</VirtualHardwareSection></VirtualSystem></Envelope>",
	      "web 01: ? efi annotation=note guest_id=ubuntu64Guest os_config=Ubuntu Linux (64-bit) hardware=vmx-08 secure_boot "
	      "vcpus=2 memory=4096 nics=2\n"
	      "  Hard disk 1: path=d1.vmdk mib=10 order=0\n"
	      "  Hard disk 2: path=d2.vmdk error=its file 'd2.vmdk' is compressed (gzip) mib=20480 order=1\n"
	      "  empty: mib=1 order=2\n",
	      "");
}

static void several_machines_in_the_order_of_parse(void **state)
{
	(void)state;
	check(ENVELOPE "<VirtualSystemCollection><VirtualSystem ovf:id=\"a\"><OperatingSystemSection ovf:id=\"101\"/></VirtualSystem>"
	      "<VirtualSystemCollection><VirtualSystem ovf:id=\"b\"><OperatingSystemSection ovf:id=\"80\"/></VirtualSystem>"
	      "</VirtualSystemCollection><VirtualSystem ovf:id=\"c\"/></VirtualSystemCollection></Envelope>",
	      "a: ? ? guest_id=otherLinux64Guest\nb: ? ?\nc: ? ?\n", "");
}

static void memory_in_the_units_of_its_writer(void **state)
{
	(void)state;
	check(MACHINE(ITEM("4", QUANTITY("512") "<rasd:AllocationUnits>MegaBytes</rasd:AllocationUnits>")),
	      "x: ? ? memory=512 nics=0\n", "");
	check(MACHINE(ITEM("4", QUANTITY("1048576"))), "x: ? ? memory=1 nics=0\n", "");
	check(MACHINE(ITEM("4", QUANTITY("512") "<rasd:AllocationUnits>furlong</rasd:AllocationUnits>")), "x: ? ? nics=0\n",
	      "memory: units of 'furlong' are not known\n");
}

static void huge_numbers_are_absent(void **state)
{
	(void)state;
	check(MACHINE(ITEM("3", QUANTITY("99999999999999999999")) ITEM("4", QUANTITY("9223372036854775807")
	      "<rasd:AllocationUnits>byte * 2^60</rasd:AllocationUnits>") ITEM("99999999999999999999", "")),
	      "x: ? ? nics=0\n",
	      "processors: '99999999999999999999' is not a number of 0 to 4294967295\n"
	      "memory: '9223372036854775807' times 1152921504606846976 bytes is too much\n");
}

static void only_items_of_the_configuration_that_is_deployed_by_itself(void **state)
{
	static const char *const items =
		"<VirtualSystem ovf:id=\"x\"><VirtualHardwareSection>"
		"<Item ovf:configuration=\"small\"><rasd:ResourceType>3</rasd:ResourceType>" QUANTITY("1") "</Item>"
		"<Item ovf:configuration=\"tiny large\"><rasd:ResourceType>3</rasd:ResourceType>" QUANTITY("8") "</Item>"
		"</VirtualHardwareSection></VirtualSystem></Envelope>";
	static const struct {
		const char *section, *want;
	} cases[] = {
		{ "<DeploymentOptionSection><Configuration ovf:id=\"small\"/><Configuration ovf:id=\"large\" ovf:default=\"true\"/>"
		  "</DeploymentOptionSection>", "x: ? ? vcpus=8 nics=0\n" },
		{ "<DeploymentOptionSection><Configuration ovf:id=\"small\"/><Configuration ovf:id=\"large\"/>"
		  "</DeploymentOptionSection>", "x: ? ? vcpus=1 nics=0\n" },
		{ "", "x: ? ? nics=0\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

		strbuf_addf(&b, ENVELOPE "%s%s", cases[i].section, items);
		check(b.s, cases[i].want, "");
	}
}

static void what_is_hostile_is_refused(void **state)
{
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{ "<!DOCTYPE e [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]><Envelope>&b;</Envelope>",
		  "OVF: XML: it brings a DTD" },
		{ "<html/>", "OVF: XML: <html>, not <Envelope>" },
		{ "<Envelope><DiskSection><Disk diskId=\"a\" capacity=\"512\"/><Disk diskId=\"a\" capacity=\"512\"/></DiskSection></Envelope>",
		  "OVF: two disks have the diskId 'a'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
		struct error e = ERROR_INIT;

		assert_int_equal(ovf_config_format.describe(cases[i].text, strlen(cases[i].text), &l, &e), -1);
		assert_error(&e, ERR_CORRUPT, cases[i].msg);
		assert_int_equal(l.n, 0);
	}
}

static void a_name_of_100_kib_is_cut(void **state)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct error e = ERROR_INIT;

	(void)state;
	strbuf_adds(&b, "<Envelope><VirtualSystem><Name>");
	for (int i = 0; i < 10240; i++)
		strbuf_adds(&b, "0123456789");
	strbuf_adds(&b, "</Name></VirtualSystem></Envelope>");
	if (ovf_config_format.describe(b.s, b.len, &l, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(strlen(l.v[0].name), MACHINE_TEXT_MAX);
	assert_string_equal(l.notices.v[0], "name: a text of more than 32768 bytes is cut");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_it_says),
		cmocka_unit_test(several_machines_in_the_order_of_parse),
		cmocka_unit_test(memory_in_the_units_of_its_writer),
		cmocka_unit_test(huge_numbers_are_absent),
		cmocka_unit_test(only_items_of_the_configuration_that_is_deployed_by_itself),
		cmocka_unit_test(what_is_hostile_is_refused),
		cmocka_unit_test(a_name_of_100_kib_is_cut),
	};

	return cmocka_run_group_tests_name("ovf-machine", tests, NULL, NULL);
}
