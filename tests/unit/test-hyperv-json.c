/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "inventory/hyperv_json.h"

#define PLACE(type, number, location) \
	"\"ControllerType\":" type ",\"ControllerNumber\":" number ",\"ControllerLocation\":" location
#define DRIVE(type, number, location, path) "{\"Path\":\"" path "\",\"DiskNumber\":null," PLACE(type, number, location) "}"

static int parse(const char *text, struct vm_config_list *v, struct error *e)
{
	return hyperv_json_format.parse(text, strlen(text), v, e);
}

static void assert_vm(const struct vm_config_list *v, size_t i, const char *label, size_t n, const char *const *disks)
{
	assert_true(i < v->n);
	assert_string_equal(v->v[i].label, label);
	assert_int_equal(v->v[i].n_disks, n);
	for (size_t k = 0; k < n; k++)
		assert_string_equal(v->v[i].disks[k], disks[k]);
}

static void vms_with_their_drives(void **state)
{
	static const char text[] =
		"[ {\"Name\":\"web01\",\"VMId\":\"1\",\"Generation\":1,\"HardDrives\":[" DRIVE("1", "0", "10", "C:\\\\d10.vhdx") "," DRIVE(
			"1", "0", "9", "C:\\\\d9.vhdx") "," DRIVE("0", "1", "0", "C:\\\\ide1.vhdx") "," DRIVE(
			"0", "0", "0", "C:\\\\ide0.avhdx") ",{\"Path\":null," PLACE("1", "0", "11") "}]},\n"
		" {\"VMName\":\"db\",\"Name\":\"other\",\"VMId\":\"2\",\"HardDrives\":{\"value\":[" DRIVE("\"SCSI\"", "0", "0", "s.vhdx") "," DRIVE(
			"\"IDE\"", "0", "1", "i.vhdx") "],\"Count\":2}},\n"
		" {\"Name\":\"none\",\"HardDrives\":null}, {\"Name\":\"one\",\"HardDrives\":" DRIVE("1", "0", "0", "o.vhdx") "} ]\r\n";
	static const char *const web[] = { "C:\\ide0.avhdx", "C:\\ide1.vhdx", "C:\\d9.vhdx", "C:\\d10.vhdx" };
	static const char *const db[] = { "i.vhdx", "s.vhdx" }, *const one[] = { "o.vhdx" };
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	if (parse(text, &v, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(v.n, 4);
	assert_vm(&v, 0, "web01", 4, web);
	assert_vm(&v, 1, "db", 2, db);
	assert_vm(&v, 2, "none", 0, NULL);
	assert_vm(&v, 3, "one", 1, one);
}

static void drives_that_name_their_vms(void **state)
{
	static const char text[] =
		"[{\"VMName\":\"b\",\"VMId\":\"22\",\"Path\":\"b1.vhdx\"," PLACE("1", "0", "1") "},"
		"{\"VMName\":\"twin\",\"VMId\":\"33\",\"Path\":\"t3.vhdx\"," PLACE("1", "0", "0") "},"
		"{\"VMName\":\"twin\",\"VMId\":\"11\",\"Path\":\"t1.vhdx\"," PLACE("1", "0", "0") "},"
		"{\"VMName\":\"b\",\"VMId\":\"22\",\"Path\":\"b0.vhdx\"," PLACE("1", "0", "0") "}]";
	static const char *const t1[] = { "t1.vhdx" }, *const t3[] = { "t3.vhdx" }, *const b[] = { "b0.vhdx", "b1.vhdx" };
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	if (parse(text, &v, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(v.n, 3);
	assert_vm(&v, 0, "twin", 1, t1);
	assert_vm(&v, 1, "b", 2, b);
	assert_vm(&v, 2, "twin", 1, t3);
}

static void one_object_is_an_array_of_one(void **state)
{
	static const char *const texts[] = {
		"{\"VMName\":\"w\",\"Path\":\"w.vhdx\"," PLACE("1", "0", "0") "}",
		"\xef\xbb\xbf {\"Name\":\"w\",\"HardDrives\":[" DRIVE("1", "0", "0", "w.vhdx") "]}",
		"{\"VM\":{\"Name\":\"w\",\"HardDrives\":[\"HardDiskDrive (Name = ...)\"]},\"HardDrives\":[" DRIVE(
			"1", "0", "0", "w.vhdx") "]}",
		"{\"value\":[{\"Name\":\"w\",\"HardDrives\":[" DRIVE("1", "0", "0", "w.vhdx") "]}],\"Count\":1}",
		"[[{\"Name\":\"w\",\"HardDrives\":[" DRIVE("1", "0", "0", "w.vhdx") "]}], 1, null, \"]\", {\"HardDrive\":[]}]",
	};
	static const char *const w[] = { "w.vhdx" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
		struct error e = ERROR_INIT;

		if (parse(texts[i], &v, &e) < 0)
			fail_msg("%zu: %s", i, e.msg);
		assert_int_equal(v.n, 1);
		assert_vm(&v, 0, "w", 1, w);
	}
}

static void what_powershell_5_writes_is_utf16(void **state)
{
	static const char text[] = "[{\"VMName\":\"w\xc3\xa9" "b\",\"Path\":\"w.vhdx\"," PLACE("1", "0", "0") "}]\r\n";
	static const char *const w[] = { "w.vhdx" };
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT;
	char wide[2 * sizeof(text)] = "\xff\xfe";
	size_t len = 2;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		if ((unsigned char)text[i] == 0xc3) {
			wide[len] = (char)0xe9; /* U+00E9 */
			i++;
		} else {
			wide[len] = text[i];
		}
		len += 2;
	}
	assert_int_equal(hyperv_json_format.parse(wide, len, &v, &e), 0);
	assert_int_equal(v.n, 1);
	assert_vm(&v, 0, "w\xc3\xa9" "b", 1, w);
}

static void a_disk_of_the_host_is_named_and_is_no_file(void **state)
{
	static const char text[] = "{\"Name\":\"w\",\"HardDrives\":["
				   "{\"Path\":\"Disk 2 10.00 GB Bus 0 Lun 1 Target 0\",\"DiskNumber\":2," PLACE("1", "0", "0") "},"
				   "{\"Path\":\"\",\"DiskNumber\":3," PLACE("1", "0", "1") "},"
				   "{\"Path\":\"C:\\\\x.vhdx\",\"DiskNumber\":4," PLACE("1", "0", "2") "}]}";
	static const char *const w[] = { "Disk 2 10.00 GB Bus 0 Lun 1 Target 0", "Disk 3", "Disk 4" };
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(parse(text, &v, &e), 0);
	assert_vm(&v, 0, "w", 3, w);
}

static void what_is_something_else_has_no_vm_and_no_error(void **state)
{
	static const char *const texts[] = {
		"{\"schema\":1,\"path\":\"a/b.vhdx\"}", "[1,2", "\x01", "{\"a\":1,\"a\":2}", "[]", " ",
		"[{\"note\":\"\\\"HardDrives\\\" is a word\"}]", "{\"HardDrives \":1}",
		"[\"HardDrives\", {\"x\":{\"ControllerLocation\":1}}]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
		struct error e = ERROR_INIT;

		if (parse(texts[i], &v, &e) < 0)
			fail_msg("%zu: %s", i, e.msg);
		assert_int_equal(v.n, 0);
	}
}

static void what_is_broken_is_refused(void **state)
{
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{ "[{\"Name\":\"w\",\"HardDrives\":[", "JSON: it ends in the middle" },
		{ "[{\"Name\":\"w\",\"HardDrives\":[]}", "JSON: it ends in the middle" },
		{ "[{\"Name\":\"w\",\"HardDrives\":[]\\", "JSON: it ends in the middle" },
		{ "[{\"Name\":\"w\",\"HardDrives\":[]}] x", "JSON at byte 30: more behind its end" },
		{ "{\"Name\":\"w\",\"HardDrives\":[]} {}", "JSON at byte 30: end of file expected near '{'" },
		{ "[{\"Name\":\"w\",\"Name\":\"v\",\"HardDrives\":[]}]", "JSON at byte 19: duplicate object key near '\"Name\"'" },
		{ "[{\"Name\":\"w\",\"HardDrives\":[}]}]", "JSON at byte 28: unexpected token near '}'" },
		{ "[{\"Name\":\"\\u0000\",\"HardDrives\":[]}]", "JSON at byte 17: \\u0000 is not allowed without JSON_ALLOW_NUL near '\"\\u0000\"'" },
		{ "{\"HardDrives\":[]}", "a VM has HardDrives, and neither VMName nor Name" },
		{ "{\"Path\":\"w.vhdx\"," PLACE("1", "0", "0") "}", "a drive without a VMName" },
		{ "{\"Name\":\"w\",\"HardDrives\":[\"Microsoft.HyperV.PowerShell.HardDiskDrive\"]}",
		  "'w': HardDrives holds text instead of drives: export with ConvertTo-Json -Depth 4" },
		{ "{\"Name\":\"w\",\"HardDrives\":\"\"}",
		  "'w': HardDrives holds text instead of drives: export with ConvertTo-Json -Depth 4" },
		{ "{\"Name\":\"w\",\"HardDrives\":[1]}",
		  "'w': HardDrives holds something else instead of drives: export with ConvertTo-Json -Depth 4" },
		{ "{\"Name\":\"w\",\"HardDrives\":[{\"Path\":1}]}", "'w': Path of a drive is no text" },
		{ "{\"Name\":\"w\",\"HardDrives\":[" DRIVE("1", "-1", "0", "x") "]}",
		  "'w': ControllerNumber of a drive is no number from 0 to 65535" },
		{ "{\"Name\":\"w\",\"HardDrives\":[" DRIVE("1", "0", "65536", "x") "]}",
		  "'w': ControllerLocation of a drive is no number from 0 to 65535" },
		{ "{\"Name\":\"w\",\"HardDrives\":[" DRIVE("1.5", "0", "0", "x") "]}",
		  "'w': ControllerType of a drive is no number from 0 to 65535" },
		{ "{\"Name\":\"w\",\"HardDrives\":[" DRIVE("1", "0", "3", "x") "," DRIVE("1", "0", "3", "y") "]}",
		  "two drives of 'w' are at location 3 of controller 0" },
		{ "[{\"Name\":\"w\",\"Id\":\"A1\",\"HardDrives\":[]},{\"Name\":\"v\",\"VMId\":\"a1\",\"HardDrives\":[]}]",
		  "two VMs with the id a1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
		struct error e = ERROR_INIT;

		if (parse(cases[i].text, &v, &e) != -1)
			fail_msg("%zu: accepted", i);
		assert_error(&e, ERR_CORRUPT, cases[i].msg);
	}
}

static void nuls_and_other_encodings_are_refused(void **state)
{
	static const char nul[] = "[{\"Name\":\"w\",\"HardDrives\":[]}\0]", latin[] = "[{\"Name\":\"w\xe9\",\"HardDrives\":[]}]";
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT, e2 = ERROR_INIT;

	(void)state;
	assert_int_equal(hyperv_json_format.parse(nul, sizeof(nul) - 1, &v, &e), -1);
	assert_int_equal(e.code, ERR_CORRUPT);
	assert_int_equal(parse(latin, &v, &e2), -1);
	assert_non_null(strstr(e2.msg, "unable to decode byte 0xe9"));
}

static void repeat(struct strbuf *b, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		strbuf_adds(b, text);
}

static void depth_and_numbers_are_bounded(void **state)
{
	static const struct {
		const char *before, *again;
		size_t n;
		const char *after, *msg;
	} cases[] = {
		{ "{\"HardDrives\":", "[", 1000000, "", "JSON: more than 64 deep" },
		{ "[", "{\"HardDrives\":", 1000000, "", "JSON: more than 64 deep" },
		{ "[{\"HardDrives\":[", "[],", 300000, "]}]", "JSON: more than 262144 values in one element" },
		{ "[{}", ",{\"VMName\":\"w\",\"Path\":\"w\",\"ControllerLocation\":0}", 33000, "]", "more than 32768 drives" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
		CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
		struct error e = ERROR_INIT;

		strbuf_adds(&text, cases[i].before);
		repeat(&text, cases[i].again, cases[i].n);
		strbuf_adds(&text, cases[i].after);
		assert_int_equal(parse(text.s, &v, &e), -1);
		assert_error(&e, ERR_CORRUPT, cases[i].msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vms_with_their_drives),
		cmocka_unit_test(drives_that_name_their_vms),
		cmocka_unit_test(one_object_is_an_array_of_one),
		cmocka_unit_test(what_powershell_5_writes_is_utf16),
		cmocka_unit_test(a_disk_of_the_host_is_named_and_is_no_file),
		cmocka_unit_test(what_is_something_else_has_no_vm_and_no_error),
		cmocka_unit_test(what_is_broken_is_refused),
		cmocka_unit_test(nuls_and_other_encodings_are_refused),
		cmocka_unit_test(depth_and_numbers_are_bounded),
	};

	return cmocka_run_group_tests_name("hyperv-json", tests, NULL, NULL);
}
