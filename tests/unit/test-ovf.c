/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "disk/ovf.h"

#define ENVELOPE "<Envelope xmlns=\"http://schemas.dmtf.org/ovf/envelope/1\" xmlns:ovf=\"o\" xmlns:rasd=\"r\" xmlns:sasd=\"s\">"
#define FILE1 "<References><File ovf:id=\"f1\" ovf:href=\"a.vmdk\" ovf:size=\"700\"/></References>"
#define DISK1 "<DiskSection><Disk ovf:diskId=\"d1\" ovf:fileRef=\"f1\" ovf:capacity=\"512\"/></DiskSection>"

static int parse(const char *text, struct ovf *out, struct error *err)
{
	return ovf_parse(text, strlen(text), out, err);
}

static void disks_files_and_machines_belong_together(void **state)
{
	static const char text[] =
		"<?xml version=\"1.0\"?>\n<!-- by hand -->" ENVELOPE
		"<References><File ovf:id=\"iso\" ovf:href=\"cd.iso\"/><File ovf:href=\"b%20b.vmdk\" ovf:id=\"f2\"/>"
		"<File ovf:id=\"f1\" ovf:href=\"sub/a.vmdk\" ovf:size=\"700\" ovf:compression=\"identity\"/></References>"
		"<DiskSection><Info>x</Info>"
		"<Disk ovf:diskId=\"d1\" ovf:fileRef=\"f1\" ovf:capacity=\"30\" ovf:capacityAllocationUnits=\"byte * 2^30\" "
		"ovf:format=\"http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized\" "
		"ovf:populatedSize=\"1\"/>"
		"<Disk ovf:diskId=\"d2\" ovf:fileRef=\"f2\" ovf:capacity=\"1024\"/><Disk ovf:diskId=\"d3\" ovf:capacity=\"1\" "
		"ovf:capacityAllocationUnits=\" byte*2 ^ 10 * 1024 \"/></DiskSection>"
		"<VirtualSystemCollection ovf:id=\"c\"><VirtualSystem ovf:id=\"id1\"><Name>one</Name><VirtualHardwareSection>"
		"<Item><rasd:HostResource> ovf:/disk/d3\n</rasd:HostResource><rasd:ResourceType>17</rasd:ResourceType></Item>"
		"<Item><rasd:HostResource>ovf:/file/iso</rasd:HostResource><rasd:ResourceType>15</rasd:ResourceType></Item>"
		"<Item><rasd:ResourceType>4</rasd:ResourceType></Item>"
		"<Item><rasd:HostResource>/disk/d1</rasd:HostResource><rasd:ResourceType>17</rasd:ResourceType></Item>"
		"</VirtualHardwareSection></VirtualSystem><VirtualSystemCollection><VirtualSystem ovf:id=\"id2\">"
		"<VirtualHardwareSection/><VirtualHardwareSection><StorageItem><sasd:HostResource>ovf:/disk/d2"
		"</sasd:HostResource></StorageItem></VirtualHardwareSection></VirtualSystem></VirtualSystemCollection>"
		"<VirtualSystem/></VirtualSystemCollection></Envelope>";
	CLEANUP(cleanup_ovf) struct ovf o = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	if (parse(text, &o, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(o.n_disks, 3);
	assert_string_equal(o.disks[0].id, "d1");
	assert_string_equal(o.disks[0].href, "sub/a.vmdk");
	assert_true(o.disks[0].has_size);
	assert_int_equal(o.disks[0].file_size, 700);
	assert_int_equal(o.disks[0].capacity, UINT64_C(30) << 30);
	assert_string_equal(o.disks[1].href, "b%20b.vmdk");
	assert_false(o.disks[1].has_size);
	assert_int_equal(o.disks[1].capacity, 1024);
	assert_null(o.disks[2].href);
	assert_int_equal(o.disks[2].capacity, 1 << 20);
	for (size_t i = 0; i < 3; i++)
		assert_error(&o.disks[i].err, ERR_NONE, "");
	assert_int_equal(o.n_systems, 3);
	assert_string_equal(o.systems[0].name, "one");
	assert_int_equal(o.systems[0].n_disks, 2);
	assert_int_equal(o.systems[0].disks[0], 2);
	assert_int_equal(o.systems[0].disks[1], 0);
	assert_string_equal(o.systems[1].name, "id2");
	assert_int_equal(o.systems[1].n_disks, 1);
	assert_int_equal(o.systems[1].disks[0], 1);
	assert_null(o.systems[2].name);
	assert_int_equal(o.systems[2].n_disks, 0);
}

static void a_lone_machine_without_disk_items_has_all_disks(void **state)
{
	CLEANUP(cleanup_ovf) struct ovf o = { 0 };

	(void)state;
	assert_int_equal(parse(ENVELOPE FILE1 DISK1 "<VirtualSystem><Name>n</Name></VirtualSystem></Envelope>", &o, NULL), 0);
	assert_int_equal(o.n_systems, 1);
	assert_int_equal(o.systems[0].n_disks, 1);
	assert_int_equal(o.systems[0].disks[0], 0);
}

/* What is wrong with one disk is said of that disk. */
static void a_bad_disk_is_its_own_error(void **state)
{
	static const struct {
		const char *file, *disk;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ "ovf:href=\"a.vmdk.gz\" ovf:compression=\"gzip\"", "ovf:capacity=\"512\"", ERR_UNSUPPORTED,
		  "its file 'a.vmdk.gz' is compressed (gzip)" },
		{ "ovf:href=\"a.vmdk\" ovf:chunkSize=\"0\"", "ovf:capacity=\"512\"", ERR_UNSUPPORTED,
		  "its file 'a.vmdk' is cut into chunks (chunkSize)" },
		{ "ovf:href=\"a.vmdk\" ovf:size=\"-1\"", "ovf:capacity=\"512\"", ERR_CORRUPT,
		  "its file 'a.vmdk' has the size '-1', not a number" },
		{ "ovf:href=\"a.vmdk\" ovf:size=\"9223372036854775808\"", "ovf:capacity=\"512\"", ERR_CORRUPT,
		  "its file 'a.vmdk' has the size '9223372036854775808', not a number" },
		{ "ovf:href=\"http://x/a.vmdk\"", "ovf:capacity=\"512\"", ERR_REFUSED, "its file 'http://x/a.vmdk' is a URL" },
		{ "ovf:href=\"file:///a.vmdk\"", "ovf:capacity=\"512\"", ERR_REFUSED, "its file 'file:///a.vmdk' is a URL" },
		{ "ovf:href=\"/a.vmdk\"", "ovf:capacity=\"512\"", ERR_REFUSED, "its file '/a.vmdk' leads out of the package" },
		{ "ovf:href=\"../a.vmdk\"", "ovf:capacity=\"512\"", ERR_REFUSED, "its file '../a.vmdk' leads out of the package" },
		{ "ovf:href=\"x/../../a\"", "ovf:capacity=\"512\"", ERR_REFUSED, "its file 'x/../../a' leads out of the package" },
		{ "ovf:href=\"\"", "ovf:capacity=\"512\"", ERR_CORRUPT, "its file 'f1' is not among the References" },
		{ "", "ovf:capacity=\"512\"", ERR_CORRUPT, "its file 'f1' is not among the References" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"512\" ovf:parentRef=\"d0\"", ERR_UNSUPPORTED,
		  "it is a child of another disk (parentRef)" },
		{ "ovf:href=\"a\"", "", ERR_CORRUPT, "no capacity" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"\"", ERR_CORRUPT, "capacity '' is not a number" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"-512\"", ERR_CORRUPT, "capacity '-512' is not a number" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"0x200\"", ERR_CORRUPT, "capacity '0x200' is not a number" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"${size}\"", ERR_UNSUPPORTED,
		  "capacity '${size}' is chosen when the package is deployed" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"18446744073709551616\"", ERR_CORRUPT,
		  "capacity '18446744073709551616' is not a number" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"0\"", ERR_CORRUPT,
		  "capacity 0 times 1 bytes: not a multiple of 512 from 512 to 2^63" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"513\"", ERR_CORRUPT,
		  "capacity 513 times 1 bytes: not a multiple of 512 from 512 to 2^63" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"8589934592\" ovf:capacityAllocationUnits=\"byte * 2^30\"", ERR_CORRUPT,
		  "capacity 8589934592 times 1073741824 bytes: not a multiple of 512 from 512 to 2^63" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"17179869184\" ovf:capacityAllocationUnits=\"byte * 2^30\"", ERR_CORRUPT,
		  "capacity 17179869184 times 1073741824 bytes: not a multiple of 512 from 512 to 2^63" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"1\" ovf:capacityAllocationUnits=\"GigaBytes\"", ERR_UNSUPPORTED,
		  "capacity in units of 'GigaBytes' (as in byte * 2^30)" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"1\" ovf:capacityAllocationUnits=\"byte * 2^64\"", ERR_UNSUPPORTED,
		  "capacity in units of 'byte * 2^64' (as in byte * 2^30)" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"1\" ovf:capacityAllocationUnits=\"byte * 2^32 * 2^32\"", ERR_UNSUPPORTED,
		  "capacity in units of 'byte * 2^32 * 2^32' (as in byte * 2^30)" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"1\" ovf:capacityAllocationUnits=\"byte * 0\"", ERR_UNSUPPORTED,
		  "capacity in units of 'byte * 0' (as in byte * 2^30)" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"1\" ovf:capacityAllocationUnits=\"bytes\"", ERR_UNSUPPORTED,
		  "capacity in units of 'bytes' (as in byte * 2^30)" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"1\" ovf:capacityAllocationUnits=\"byte * 2^\"", ERR_UNSUPPORTED,
		  "capacity in units of 'byte * 2^' (as in byte * 2^30)" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"1\" ovf:capacityAllocationUnits=\"byte *\"", ERR_UNSUPPORTED,
		  "capacity in units of 'byte *' (as in byte * 2^30)" },
		{ "ovf:href=\"a\"", "ovf:capacity=\"1\" ovf:capacityAllocationUnits=\"\"", ERR_UNSUPPORTED,
		  "capacity in units of '' (as in byte * 2^30)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_ovf) struct ovf o = { 0 };
		char text[2048];

		snprintf(text, sizeof(text), ENVELOPE "<References><File ovf:id=\"f1\" %s/></References><DiskSection>"
			 "<Disk ovf:diskId=\"d1\" ovf:fileRef=\"f1\" %s/><Disk ovf:diskId=\"ok\" ovf:capacity=\"512\"/>"
			 "</DiskSection></Envelope>", rows[i].file, rows[i].disk);
		assert_int_equal(parse(text, &o, NULL), 0);
		assert_int_equal(o.n_disks, 2);
		assert_error(&o.disks[0].err, rows[i].code, rows[i].msg);
		assert_error(&o.disks[1].err, ERR_NONE, "");
	}
}

static void an_empty_disk_has_not_lost_its_file(void **state)
{
	static const char text[] = ENVELOPE
		"<References><File ovf:id=\"f1\" ovf:href=\"a.vmdk\"/><File ovf:id=\"f2\" ovf:href=\"b.VMDK\"/>"
		"<File ovf:id=\"f3\" ovf:href=\"c.iso\"/></References><DiskSection>"
		"<Disk ovf:diskId=\"d1\" ovf:fileRef=\"f1\" ovf:capacity=\"512\"/>"
		"<Disk ovf:diskId=\"d2\" ovf:%s=\"f2\" ovf:capacity=\"512\"/>"
		"<Disk ovf:diskId=\"d3\" ovf:capacity=\"512\"/></DiskSection></Envelope>";
	CLEANUP(cleanup_ovf) struct ovf good = { 0 }, lost = { 0 };
	char buf[1024];

	(void)state;
	snprintf(buf, sizeof(buf), text, "fileRef");
	assert_int_equal(parse(buf, &good, NULL), 0);
	assert_error(&good.disks[2].err, ERR_NONE, "");
	snprintf(buf, sizeof(buf), text, "filfRef");
	assert_int_equal(parse(buf, &lost, NULL), 0);
	assert_error(&lost.disks[0].err, ERR_NONE, "");
	for (int i = 1; i < 3; i++)
		assert_error(&lost.disks[i].err, ERR_CORRUPT, "it has no fileRef, and 'b.VMDK' is no disk's file");
}

static void a_bad_descriptor_is_refused(void **state)
{
	static const struct {
		const char *text;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ "", ERR_CORRUPT, "OVF: XML: 0 bytes, of 1 to 67108864" },
		{ "no xml", ERR_CORRUPT, "OVF: XML: not well-formed" },
		{ ENVELOPE, ERR_CORRUPT, "OVF: XML: not well-formed" },
		{ "<Domain/>", ERR_CORRUPT, "OVF: XML: <Domain>, not <Envelope>" },
		{ "<!DOCTYPE Envelope [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><Envelope>&b;</Envelope>", ERR_CORRUPT,
		  "OVF: XML: it brings a DTD" },
		{ "<!DOCTYPE Envelope SYSTEM \"/etc/passwd\"><Envelope/>", ERR_CORRUPT, "OVF: XML: it brings a DTD" },
		{ "<Envelope>&nothing;</Envelope>", ERR_CORRUPT, "OVF: XML: not well-formed" },
		{ ENVELOPE "<References><File ovf:id=\"f\" ovf:href=\"a\"/><File ovf:id=\"f\" ovf:href=\"b\"/></References>"
			   "</Envelope>", ERR_CORRUPT, "OVF: two files have the id 'f'" },
		{ ENVELOPE "<DiskSection><Disk ovf:capacity=\"512\"/></DiskSection></Envelope>", ERR_CORRUPT,
		  "OVF: disk 1 has no diskId" },
		{ ENVELOPE "<DiskSection><Disk ovf:diskId=\"\" ovf:capacity=\"512\"/></DiskSection></Envelope>", ERR_CORRUPT,
		  "OVF: disk 1 has no diskId" },
		{ ENVELOPE "<DiskSection><Disk ovf:diskId=\"../x\"/></DiskSection></Envelope>", ERR_REFUSED,
		  "OVF: diskId '../x' is no name" },
		{ ENVELOPE "<DiskSection><Disk ovf:diskId=\"..\"/></DiskSection></Envelope>", ERR_REFUSED,
		  "OVF: diskId '..' is no name" },
		{ ENVELOPE "<DiskSection><Disk ovf:diskId=\".\"/></DiskSection></Envelope>", ERR_REFUSED,
		  "OVF: diskId '.' is no name" },
		{ ENVELOPE "<DiskSection><Disk ovf:diskId=\"d\"/></DiskSection><DiskSection><Disk ovf:diskId=\"d\"/>"
			   "</DiskSection></Envelope>", ERR_CORRUPT, "OVF: two disks have the diskId 'd'" },
		{ ENVELOPE "<VirtualSystem><Name>n</Name><VirtualHardwareSection><Item><rasd:HostResource>ovf:/disk/x"
			   "</rasd:HostResource></Item></VirtualHardwareSection></VirtualSystem></Envelope>", ERR_CORRUPT,
		  "OVF: 'n' has the disk 'x', which no DiskSection has" },
		{ ENVELOPE "<VirtualSystem><Name>n</Name><VirtualHardwareSection><Item><rasd:HostResource>ovf:/file/f1"
			   "</rasd:HostResource><rasd:ResourceType>17</rasd:ResourceType></Item></VirtualHardwareSection>"
			   "</VirtualSystem></Envelope>", ERR_UNSUPPORTED,
		  "OVF: 'n' has a disk at 'ovf:/file/f1' (as in ovf:/disk/ID)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_ovf) struct ovf o = { 0 };
		struct error e = ERROR_INIT;

		assert_int_equal(parse(rows[i].text, &o, &e), -1);
		assert_error(&e, rows[i].code, rows[i].msg);
	}
}

static char *repeated(const char *head, const char *part, size_t n, const char *tail)
{
	struct strbuf b = { 0 };

	strbuf_adds(&b, head);
	for (size_t i = 0; i < n; i++) {
		const char *mark = strchr(part, '#');

		if (mark)
			strbuf_addf(&b, "%.*s%zu%s", (int)(mark - part), part, i, mark + 1);
		else
			strbuf_adds(&b, part);
	}
	strbuf_adds(&b, tail);
	return strbuf_take(&b, NULL);
}

static void limits_hold_at_both_ends(void **state)
{
	static const struct {
		const char *head, *part, *tail;
		size_t most;
		const char *msg;
	} rows[] = {
		{ ENVELOPE "<DiskSection>", "<Disk ovf:diskId=\"d#\"/>", "</DiskSection></Envelope>", OVF_DISKS_MAX,
		  "OVF: more than 256 disks" },
		{ ENVELOPE "<References>", "<File ovf:id=\"f#\"/>", "</References></Envelope>", OVF_FILES_MAX,
		  "OVF: more than 4096 files" },
		{ ENVELOPE, "<VirtualSystem/>", "</Envelope>", OVF_SYSTEMS_MAX, "OVF: more than 1024 virtual systems" },
		{ ENVELOPE FILE1 DISK1 "<VirtualSystem><Name>n</Name><VirtualHardwareSection>",
		  "<Item><HostResource>/disk/d1</HostResource></Item>",
		  "</VirtualHardwareSection></VirtualSystem></Envelope>", OVF_DISKS_MAX, "OVF: 'n' has more than 256 disks" },
		{ "<Envelope><!--", "x", "--></Envelope>", OVF_MAX - 28, "OVF: 1048577 bytes (at most 1048576)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t more = 0; more < 2; more++) {
			CLEANUP_FREE char *text = repeated(rows[i].head, rows[i].part, rows[i].most + more, rows[i].tail);
			CLEANUP(cleanup_ovf) struct ovf o = { 0 };
			struct error e = ERROR_INIT;

			assert_non_null(text);
			assert_int_equal(parse(text, &o, &e), more ? -1 : 0);
			assert_error(&e, more ? ERR_CORRUPT : ERR_NONE, more ? rows[i].msg : "");
		}
	}
}

static void elements_may_be_64_deep(void **state)
{
	static const struct {
		size_t depth;
		const char *msg;
	} rows[] = {
		{ 63, "" }, /* below the root */
		{ 64, "OVF: more than 64 elements inside each other" },
		{ 20000, "OVF: XML: not well-formed" }, /* libxml2 stops at 256 */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP_FREE char *open = repeated("<Envelope>", "<a>", rows[i].depth, "");
		CLEANUP_FREE char *text = repeated(open, "</a>", rows[i].depth, "</Envelope>");
		CLEANUP(cleanup_ovf) struct ovf o = { 0 };
		struct error e = ERROR_INIT;

		assert_int_equal(parse(text, &o, &e), *rows[i].msg ? -1 : 0);
		assert_error(&e, *rows[i].msg ? ERR_CORRUPT : ERR_NONE, rows[i].msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disks_files_and_machines_belong_together),
		cmocka_unit_test(a_lone_machine_without_disk_items_has_all_disks),
		cmocka_unit_test(a_bad_disk_is_its_own_error),
		cmocka_unit_test(an_empty_disk_has_not_lost_its_file),
		cmocka_unit_test(a_bad_descriptor_is_refused),
		cmocka_unit_test(limits_hold_at_both_ends),
		cmocka_unit_test(elements_may_be_64_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
