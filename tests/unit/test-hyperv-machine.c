/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "inventory/hyperv_json.h"
#include "inventory/hyperv_xml.h"
#include "inventory/vmcx.h"
#include "support/machine_text.h"
#include "support/vmcx_writer.h"

#define ID "0aa394fa-7c4a-4070-ba32-773d43b28a86"
#define DRIVE(type, location, path, rest) \
	"{\"Path\":\"" path "\",\"ControllerType\":" type ",\"ControllerNumber\":0,\"ControllerLocation\":" location rest "}"

static void check(const struct vm_config_format *format, const char *text, size_t len, const char *want, const char *want_notices)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	CLEANUP_FREE char *got = NULL;
	CLEANUP_FREE char *notices = NULL;
	struct error e = ERROR_INIT;

	if (format->describe(text, len, &l, &e) < 0 || format->parse(text, len, &v, &e) < 0)
		fail_msg("%s", e.msg);
	got = machine_list_text(&l);
	notices = machine_notices_text(&l.notices);
	assert_string_equal(got, want);
	assert_string_equal(notices, want_notices);
	assert_int_equal(v.n, l.n);
	for (size_t i = 0; i < v.n; i++) {
		assert_string_equal(v.v[i].label, l.v[i].name);
		assert_int_equal(v.v[i].n_disks, l.v[i].n_disks);
		for (size_t k = 0; k < v.v[i].n_disks; k++)
			assert_string_equal(v.v[i].disks[k], l.v[i].disks[k].path);
	}
}

static void check_json(const char *text, const char *want, const char *want_notices)
{
	check(&hyperv_json_format, text, strlen(text), want, want_notices);
}

static void what_the_collector_writes(void **state)
{
	(void)state;
	check_json("[{\"VM\":{\"Name\":\"web01\",\"VMId\":\"" ID "\",\"Generation\":2,\"ProcessorCount\":4,"
		   "\"DynamicMemoryEnabled\":true,\"MemoryStartup\":1073741824,\"MemoryMaximum\":8589934592,\"State\":2,"
		   "\"ComputerName\":\"HV1\",\"Notes\":\"note\",\"ParentSnapshotId\":\"x\"},\"SecureBoot\":0,"
		   "\"HardDrives\":[" DRIVE("1", "10", "D:\\\\b.vhdx", ",\"SupportPersistentReservations\":true") ","
		   DRIVE("1", "9", "D:\\\\a.avhdx", ",\"DiskNumber\":null") ","
		   DRIVE("1", "11", "Disk 3 ...", ",\"DiskNumber\":3") "],"
		   "\"NetworkAdapters\":[{\"Name\":\"n1\"},{\"Name\":\"n2\"}],"
		   "\"Vhd\":[{\"Path\":\"d:\\\\A.avhdx\",\"Size\":42949672960},{\"Path\":\"D:\\\\b.vhdx\",\"Size\":1048576}]}]",
		   "web01: on efi uuid=" ID " host=HV1 annotation=note secure_boot snapshot vcpus=4 memory=8192 nics=2\n"
		   "  scsi0:9: path=D:\\a.avhdx mib=40960 order=0\n"
		   "  scsi0:10: path=D:\\b.vhdx mib=1 order=1 shared\n"
		   "  scsi0:11: path=Disk 3 ... order=2 raw\n",
		   "");
}

static void what_names_and_shorter_exports_write(void **state)
{
	(void)state;
	check_json("[{\"Name\":\"a\",\"Generation\":1,\"DynamicMemoryEnabled\":false,\"MemoryStartup\":1073741824,"
		   "\"MemoryMaximum\":8589934592,\"State\":\"Saved\",\"SecureBoot\":\"On\",\"HardDrives\":[],\"NetworkAdapters\":[]},"
		   "{\"Name\":\"b\",\"Generation\":2,\"State\":\"Off\",\"SecureBoot\":1,\"HardDrives\":null,"
		   "\"NetworkAdapters\":{\"value\":[{}],\"Count\":1}},"
		   "{\"VMName\":\"c\",\"VMId\":\"7\",\"State\":9,\"HardDrives\":" DRIVE("\"IDE\"", "0", "c.vhd", "")
		   ",\"Vhd\":{\"Path\":\"c.vhd\",\"Size\":512}}]",
		   "a: suspended bios memory=1024 nics=0\nb: off efi nics=1\nc: suspended ?\n  ide0:0: path=c.vhd mib=0.00048828125 order=0\n",
		   "");
	check_json("[{\"VMName\":\"d\",\"VMId\":\"" ID "\",\"Path\":\"d.vhdx\",\"ControllerType\":1,\"ControllerNumber\":0,"
		   "\"ControllerLocation\":0}]",
		   "d: ? ? uuid=" ID "\n  scsi0:0: path=d.vhdx order=0\n", "");
}

static void numbers_that_are_none_are_absent(void **state)
{
	(void)state;
	check_json("{\"Name\":\"a\",\"ProcessorCount\":-1,\"MemoryStartup\":\"many\",\"Generation\":3,\"State\":2e3,"
		   "\"HardDrives\":[" DRIVE("1", "0", "a.vhdx", "") "],\"Vhd\":[{\"Path\":\"a.vhdx\",\"Size\":1e30},7,null]}",
		   "a: ? ?\n  scsi0:0: path=a.vhdx order=0\n",
		   "ProcessorCount: not a number of 0 to 2^63\nMemoryStartup: not a number of 0 to 2^63\n"
		   "Size: not a number of 0 to 2^63\n");
}

static void what_is_hostile_is_refused(void **state)
{
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{ "{\"Name\":\"a\",\"Name\":\"b\",\"HardDrives\":[]}", "JSON at byte 18: duplicate object key near '\"Name\"'" },
		{ "{\"Name\":\"a\",\"Generation\":99999999999999999999,\"HardDrives\":[]}", "JSON at byte 45: too big integer near '99999999999999999999'" },
		{ "{\"Name\":\"a\",\"HardDrives\":[" DRIVE("1", "0", "a", "") "," DRIVE("1", "0", "b", "") "]}",
		  "two drives of 'a' are at location 0 of controller 0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
		struct error e = ERROR_INIT;

		assert_int_equal(hyperv_json_format.describe(cases[i].text, strlen(cases[i].text), &l, &e), -1);
		assert_error(&e, ERR_CORRUPT, cases[i].msg);
	}
}

static void a_name_of_100_kib_is_cut(void **state)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct error e = ERROR_INIT;

	(void)state;
	strbuf_adds(&b, "{\"HardDrives\":[],\"Name\":\"");
	for (int i = 0; i < 10240; i++)
		strbuf_adds(&b, "0123456789");
	strbuf_adds(&b, "\"}");
	if (hyperv_json_format.describe(b.s, b.len, &l, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(strlen(l.v[0].name), MACHINE_TEXT_MAX);
	assert_string_equal(l.notices.v[0], "name: a text of more than 32768 bytes is cut");
}

#define XML(properties, memory) \
	"<configuration><properties><name>old</name><global_id>" ID "</global_id>" properties "</properties>" \
	"<settings><processors><count type=\"integer\">2</count></processors><memory><bank>" memory "</bank></memory></settings>" \
	"<_83f8638b-8dca-4152-9eda-2ca8b33039b4_><controller0><drive0><type>VHD</type><pathname>C:\\old.vhd</pathname></drive0>" \
	"</controller0></_83f8638b-8dca-4152-9eda-2ca8b33039b4_></configuration>"

static void a_configuration_in_xml(void **state)
{
	static const char fixed[] = XML("<subtype>0</subtype>", "<size>1024</size><limit>4096</limit>"
				        "<dynamic_memory_enabled type=\"bool\">False</dynamic_memory_enabled>");
	static const char dynamic[] = XML("<subtype>1</subtype><notes>n</notes>", "<size>1024</size><limit>4096</limit>"
					  "<dynamic_memory_enabled type=\"bool\">True</dynamic_memory_enabled>");
	static const char twice[] = XML("<subtype>2</subtype>", "<size>1024</size><size>7</size>");

	(void)state;
	check(&hyperv_xml_format, fixed, strlen(fixed), "old: ? bios uuid=" ID " vcpus=2 memory=1024\n  : path=C:\\old.vhd order=0\n", "");
	check(&hyperv_xml_format, dynamic, strlen(dynamic),
	      "old: ? efi uuid=" ID " annotation=n vcpus=2 memory=4096\n  : path=C:\\old.vhd order=0\n", "");
	check(&hyperv_xml_format, twice, strlen(twice), "old: ? ? uuid=" ID " vcpus=2 memory=1024\n  : path=C:\\old.vhd order=0\n", "");
}

static void make_number(struct vmcx_image *img, const char *name, uint8_t type, uint64_t v)
{
	uint8_t *key = vmcx_image_key(img, name);

	key[0] = type;
	put_le64(key + 21 + key[20], v);
	vmcx_image_seal(key, (size_t)21 + key[20] + (type == 8 ? 4 : 8), VMCX_W_KEY_CRC);
}

static void a_configuration_in_binary(void **state)
{
	static const struct vmcx_w_value values[] = {
		{ "configuration/properties/global_id", ID },
		{ "configuration/properties/name", "new" },
		{ "configuration/properties/subtype", "number" },
		{ "configuration/settings/memory/bank/dynamic_memory_enabled", "number" },
		{ "configuration/settings/memory/bank/limit", "number" },
		{ "configuration/settings/memory/bank/size", "1024" },
		{ "configuration/settings/processors/count", "number" },
		{ "configuration/_x_/controller0/drive0/pathname", "C:\\new.vhdx" },
	};
	struct vmcx_image img = { 0 };

	(void)state;
	vmcx_image_build(&img, values, ARRAY_LEN(values));
	make_number(&img, "subtype", 4, 1);
	make_number(&img, "dynamic_memory_enabled", 8, 1);
	make_number(&img, "limit", 4, 16384);
	make_number(&img, "count", 3, 8);
	check(&vmcx_format, (const char *)img.bytes, img.len,
	      "new: ? efi uuid=" ID " vcpus=8 memory=16384\n  : path=C:\\new.vhdx order=0\n", "");
	make_number(&img, "count", 3, (uint64_t)-8);
	make_number(&img, "dynamic_memory_enabled", 8, 0);
	check(&vmcx_format, (const char *)img.bytes, img.len,
	      "new: ? efi uuid=" ID " memory=1024\n  : path=C:\\new.vhdx order=0\n",
	      "processors: '-8' is not a number of 0 to 4294967295\n");
	vmcx_image_fini(&img);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_collector_writes),
		cmocka_unit_test(what_names_and_shorter_exports_write),
		cmocka_unit_test(numbers_that_are_none_are_absent),
		cmocka_unit_test(what_is_hostile_is_refused),
		cmocka_unit_test(a_name_of_100_kib_is_cut),
		cmocka_unit_test(a_configuration_in_xml),
		cmocka_unit_test(a_configuration_in_binary),
	};

	return cmocka_run_group_tests_name("hyperv-machine", tests, NULL, NULL);
}
