/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "inventory/hyperv_xml.h"

#define IDE "_83f8638b-8dca-4152-9eda-2ca8b33039b4_"
#define SCSI "_d7a36e9b-9256-4f0d-be2c-3a13887f7b03_"
#define DRIVE(n, type, path)                                                                                               \
	"<drive" n "><iops_limit type=\"integer\">0</iops_limit><pathname type=\"string\">" path "</pathname>"             \
	"<type type=\"string\">" type "</type></drive" n ">"

static const char web01[] =
	"<?xml version=\"1.0\" encoding=\"UTF-16\" standalone=\"yes\"?>\r\n<configuration>"
	"<" SCSI "><ChannelInstanceGuid type=\"string\">{x}</ChannelInstanceGuid><controller0>" DRIVE(
		"10", "VHD", "D:\\VMs\\web01\\ten.vhdx") DRIVE("9", "VHD", "D:\\VMs\\web01\\nine.vhdx") "</controller0></" SCSI ">"
	"<" IDE "><controller1>" DRIVE("0", "ISO", "C:\\tools.iso") DRIVE("1", "NONE", "") "</controller1><controller0>" DRIVE(
		"0", "VHD", "D:\\VMs\\web01\\A &amp; B.vhd") "</controller0></" IDE ">"
	"<_8f0d2762-0b00-4e04-af4f-19010527cb93_><controller0>" DRIVE("0", "VFD", "C:\\floppy.vfd")
	"</controller0></_8f0d2762-0b00-4e04-af4f-19010527cb93_>"
	"<manifest><size type=\"integer\">1</size><vdev013><device type=\"string\">d422512d-2bf2-4752-809d-7b82b5fcb1b4</device>"
	"<instance type=\"string\">D7A36E9B-9256-4F0D-BE2C-3A13887F7B03</instance></vdev013></manifest>"
	"<properties><name type=\"string\">web01</name><type_id type=\"string\">Virtual Machines</type_id></properties>"
	"<settings><a><b><c><d><e><f><g>deep</g></f></e></d></c></b></a></settings>"
	"</configuration>";

static int parse(const char *text, size_t len, struct vm_config_list *v, struct error *e)
{
	return hyperv_xml_format.parse(text, len, v, e);
}

static void assert_web01(const struct vm_config_list *v)
{
	assert_int_equal(v->n, 1);
	assert_string_equal(v->v[0].label, "web01");
	assert_int_equal(v->v[0].n_disks, 3);
	assert_string_equal(v->v[0].disks[0], "D:\\VMs\\web01\\A & B.vhd");
	assert_string_equal(v->v[0].disks[1], "D:\\VMs\\web01\\nine.vhdx");
	assert_string_equal(v->v[0].disks[2], "D:\\VMs\\web01\\ten.vhdx");
}

/* As UTF-16, with or without a mark. */
static char *utf16(const char *text, bool big, bool mark, size_t *len)
{
	size_t n = strlen(text), at = 0;
	char *out = calloc(1, 2 * n + 3);

	assert_non_null(out);
	if (mark) {
		memcpy(out, big ? "\xfe\xff" : "\xff\xfe", 2);
		at = 2;
	}
	for (size_t i = 0; i < n; i++)
		out[at + 2 * i + big] = text[i];
	*len = at + 2 * n;
	return out;
}

static void a_vm_has_its_disks_whatever_the_encoding(void **state)
{
	const char *plain = strstr(web01, "?>") + 2;

	(void)state;
	for (int way = 0; way < 6; way++) {
		CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
		CLEANUP(cleanup_strbuf) struct strbuf utf8 = { 0 };
		CLEANUP_FREE char *text = NULL;
		struct error e = ERROR_INIT;
		size_t len;

		if (way < 4) {
			text = utf16(web01, way & 1, way & 2, &len);
		} else {
			strbuf_adds(&utf8, way == 4 ? "\xef\xbb\xbf" : "<?xml version=\"1.0\"?>\n");
			strbuf_adds(&utf8, plain);
			len = utf8.len;
		}
		if (parse(text ? text : utf8.s, len, &v, &e) < 0)
			fail_msg("%d: %s", way, e.msg);
		assert_web01(&v);
	}
}

static void controllers_follow_the_manifest_and_ide_comes_first(void **state)
{
	static const char text[] =
		"<configuration><_bbbb_><controller0>" DRIVE("0", "VHD", "b.vhdx") "</controller0></_bbbb_>"
		"<_cccc_><controller0>" DRIVE("0", "VHD", "c.vhdx") "</controller0></_cccc_>"
		"<_aaaa_><controller1>" DRIVE("0", "VHD", "a1.vhdx") "</controller1><controller0>" DRIVE("63", "VHD", "a0.vhdx")
		"</controller0></_aaaa_>"
		"<_ffff_><controller0>" DRIVE("0", "VHD", "unknown.vhdx") "</controller0></_ffff_>"
		"<_dddd_><controller0>" DRIVE("0", "PHYSICAL", "\\\\.\\PHYSICALDRIVE2") DRIVE("1", "PHYSICAL", "\\\\.\\CDROM0")
		"</controller0></_dddd_>"
		"<manifest><vdev002><device>d422512d-2bf2-4752-809d-7b82b5fcb1b4</device><instance>BBBB</instance></vdev002>"
		"<vdev001><device>d422512d-2bf2-4752-809d-7b82b5fcb1b4</device><instance>{aaaa}</instance></vdev001>"
		"<vdev009><device>83F8638B-8DCA-4152-9EDA-2CA8B33039B4</device><instance>cccc</instance></vdev009>"
		"<vdev010><instance>dddd</instance></vdev010></manifest></configuration>";
	static const char *const want[] = { "c.vhdx", "a0.vhdx", "a1.vhdx", "b.vhdx", "\\\\.\\PHYSICALDRIVE2", "unknown.vhdx" };
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	if (parse(text, strlen(text), &v, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(v.n, 1);
	assert_null(v.v[0].label);
	assert_int_equal(v.v[0].n_disks, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(v.v[0].disks[i], want[i]);
}

static void what_is_something_else_has_no_vm_and_no_error(void **state)
{
	static const char *const texts[] = {
		"<project><pathname>x</pathname></project>",
		"<project><configuration><pathname>x</pathname></configuration></project>",
		"<configuration><appSettings/></configuration>",
		"<configuration><properties><type_id>Snapshots</type_id><name>x</name></properties><_a_><controller0>" DRIVE(
			"0", "VHD", "x.avhdx") "</controller0></_a_></configuration>",
		"<configuration><pathname>no drive</pathname></configuration>",
		"<!DOCTYPE html><html>&nbsp;",
		"no XML at all \x01\x02",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
		struct error e = ERROR_INIT;

		if (parse(texts[i], strlen(texts[i]), &v, &e) < 0)
			fail_msg("%zu: %s", i, e.msg);
		assert_int_equal(v.n, 0);
	}
}

static void a_configuration_that_is_broken_is_refused(void **state)
{
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{ "<configuration><_a_><controller0>" DRIVE("0", "VHD", "x.vhdx"), "XML: not well-formed" },
		{ "<!DOCTYPE configuration [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;'>]><configuration><_a_><controller0>" DRIVE(
			  "0", "VHD", "&b;") "</controller0></_a_></configuration>", "XML: it brings a DTD" },
		{ "<configuration><_a_><controller0>" DRIVE("0", "VHD", "x.vhdx") DRIVE("0", "VHD", "y.vhdx")
		  "</controller0></_a_></configuration>", "configuration/_a_/controller0/drive0/pathname: is there twice" },
		{ "<configuration><_a_><controller0>" DRIVE("0", "VHD", "x<!-- y -->z.vhdx") "</controller0></_a_></configuration>",
		  "configuration/_a_/controller0/drive0/pathname: not plain text" },
		{ "<configuration><_a_><controller0>" DRIVE("0", "VHD", "x\xff.vhdx") "</controller0></_a_></configuration>",
		  "XML: not well-formed" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int wide = 0; wide < 2; wide++) {
			CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
			CLEANUP_FREE char *text = NULL;
			struct error e = ERROR_INIT;
			size_t len = strlen(cases[i].text);

			if (wide && strchr(cases[i].text, '\xff'))
				continue;
			if (wide)
				text = utf16(cases[i].text, false, true, &len);
			if (parse(text ? text : cases[i].text, len, &v, &e) != -1)
				fail_msg("%zu: accepted", i);
			assert_error(&e, ERR_CORRUPT, cases[i].msg);
		}
	}
}

static void utf16_that_is_none_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *msg;
	} cases[] = {
		{ "\xff\xfe<\0c\0o", 7, "UTF-16 text of 5 bytes" },
		{ "\xff\xfe<\0\0\xd8", 6, "UTF-16 text: unpaired surrogate at byte 2" },
		{ "\xff\xfe<\0\0\0", 6, "UTF-16 text: NUL at byte 2" },
		{ "\xfe\xff\0<\0c\0", 7, "UTF-16 text of 5 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
		struct error e = ERROR_INIT;

		assert_int_equal(parse(cases[i].text, cases[i].len, &v, &e), -1);
		assert_error(&e, ERR_CORRUPT, cases[i].msg);
	}
}

/* n times a, in the middle of a text. */
static void many(struct strbuf *b, const char *a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		strbuf_adds(b, a);
}

static void depth_and_numbers_are_bounded(void **state)
{
	CLEANUP(cleanup_strbuf) struct strbuf deep = { 0 }, drives = { 0 };
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT, e2 = ERROR_INIT;

	(void)state;
	strbuf_adds(&deep, "<configuration><pathname/>");
	many(&deep, "<a>", 100000);
	assert_int_equal(parse(deep.s, deep.len, &v, &e), -1);
	assert_error(&e, ERR_CORRUPT, "XML: not well-formed");
	strbuf_adds(&drives, "<configuration><_a_>");
	for (unsigned i = 0; i < 1100; i++)
		strbuf_addf(&drives, "<controller%u><drive0><pathname>x.vhdx</pathname></drive0></controller%u>", i, i);
	strbuf_adds(&drives, "</_a_></configuration>");
	assert_int_equal(parse(drives.s, drives.len, &v, &e2), -1);
	assert_error(&e2, ERR_CORRUPT, "more than 1024 drives");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vm_has_its_disks_whatever_the_encoding),
		cmocka_unit_test(controllers_follow_the_manifest_and_ide_comes_first),
		cmocka_unit_test(what_is_something_else_has_no_vm_and_no_error),
		cmocka_unit_test(a_configuration_that_is_broken_is_refused),
		cmocka_unit_test(utf16_that_is_none_is_refused),
		cmocka_unit_test(depth_and_numbers_are_bounded),
	};

	return cmocka_run_group_tests_name("hyperv-xml", tests, NULL, NULL);
}
