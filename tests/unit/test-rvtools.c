/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <fcntl.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/io.h"
#include "inventory/rvtools.h"
#include "inventory/rvtools_tabs.h"
#include "support/machine_text.h"
#include "support/scratch.h"

#define OS "OS according to the configuration file"
#define UUID_A "1e2feb89-414c-443c-9027-c4d1c386bbc4"
#define UUID_B "e4b06ce6-0741-47a8-bce4-2c8218072e8c"
#define UUID_C "1a2b8f1f-f1fd-42a2-9755-d4c13a902931"

static const char *const tab_names[] = { "vInfo", "vDisk", "vPartition", "vCPU", "vMemory", "vNetwork", "vSnapshot", "vTools" };

static char *join(const char *folder, const char *name)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

/* Reads the files of a folder that are named after tabs; each must be recognised as what its name says. */
static int read_export(const char *folder, struct machine_list *l, struct error *err)
{
	struct csv_table *tabs[RVTOOLS_TABS] = { NULL };
	int rc;

	for (size_t i = 0; i < RVTOOLS_TABS; i++) {
		CLEANUP_FREE char *name = NULL, *path = NULL;

		assert_true(asprintf(&name, "RVTools_tab%s.csv", tab_names[i]) > 0);
		path = join(folder, name);
		if (access(path, F_OK) < 0)
			continue;
		tabs[i] = csv_table_open(path, err);
		if (!tabs[i])
			fail_msg("%s", err->msg);
		assert_string_equal(rvtools_tab_name((enum rvtools_tab)i), tab_names[i]);
		assert_int_equal(rvtools_recognise(tabs[i]), i);
	}
	rc = rvtools_read(tabs, NULL, l, err);
	for (size_t i = 0; i < RVTOOLS_TABS; i++)
		csv_table_close(tabs[i]);
	return rc;
}

/* The machines and notices of an export made of these files: names and texts in turn, up to NULL. */
static void check_export(const struct scratch_dir *dir, const char *const *files, const char *machines, const char *notices)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP_FREE char *got = NULL, *said = NULL;
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < RVTOOLS_TABS; i++) {
		CLEANUP_FREE char *name = NULL;

		assert_true(asprintf(&name, "RVTools_tab%s.csv", tab_names[i]) > 0);
		unlinkat(dir->fd, name, 0);
	}
	for (; *files; files += 2)
		scratch_write(dir, files[0], files[1], strlen(files[1]));
	if (read_export(dir->path, &l, &err) < 0)
		fail_msg("%s", err.msg);
	got = machine_list_text(&l);
	said = machine_notices_text(&l.notices);
	assert_string_equal(said, notices);
	assert_string_equal(got, machines);
}

#define INFO "RVTools_tabvInfo.csv"
#define DISK "RVTools_tabvDisk.csv"
#define FILES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* ---- the sample ---- */

static char *sample(void)
{
	const char *srcdir = getenv("srcdir");

	return join(srcdir ? srcdir : ".", "tests/assess");
}

static void an_export_becomes_machines_field_by_field(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP_FREE char *assess = sample(), *folder = join(assess, "rvtools-sample");
	CLEANUP_FREE char *file = join(assess, "rvtools-sample.machines"), *want = NULL, *got = NULL;
	struct error err = ERROR_INIT;

	(void)state;
	want = io_read_file(AT_FDCWD, file, 1 << 20, NULL, &err);
	assert_non_null(want);
	if (read_export(folder, &l, &err) < 0)
		fail_msg("%s", err.msg);
	got = machine_list_text(&l);
	assert_string_equal(got, want);
	assert_int_equal(l.notices.n, 0);
	assert_string_equal(l.v[2].origin, "RVTools_tabvInfo.csv:4");
}

/* Rewrites a tab: another delimiter, and a datacenter whose name is not ASCII; as UTF-8. */
static void rewrite(const char *from, char delimiter, struct strbuf *out)
{
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_csv) struct csv *c = csv_open(AT_FDCWD, from, &err);
	struct csv_row row;

	assert_non_null(c);
	while (csv_next(c, &row, &err) > 0) {
		for (size_t i = 0; i < row.n; i++) {
			const char *cell = strcmp(row.cells[i], "DC-1") == 0 ? "Z\xc3\xbcrich" : row.cells[i];

			strbuf_addf(out, "%.*s\"%s\"", i ? 1 : 0, &delimiter, cell);
		}
		strbuf_adds(out, "\r\n");
	}
	assert_int_equal(err.code, ERR_NONE);
}

static void write_as(const struct scratch_dir *dir, const char *name, const struct strbuf *text, const char *encoding,
		     const char *bom, size_t bom_len)
{
	size_t in_left = text->len, cap = 2 * text->len + 4, out_left = cap - bom_len;
	CLEANUP_FREE char *bytes = malloc(cap);
	char *in = text->s, *out = bytes + bom_len;
	iconv_t iv = iconv_open(encoding, "UTF-8");

	assert_non_null(bytes);
	memcpy(bytes, bom, bom_len);
	assert_int_equal(iconv(iv, &in, &in_left, &out, &out_left), 0);
	iconv_close(iv);
	scratch_write(dir, name, bytes, (size_t)(out - bytes));
}

static void encodings_and_delimiters_make_no_difference(void **state)
{
	static const struct {
		char delimiter;
		const char *encoding, *bom;
		size_t bom_len;
	} variants[] = {
		{ ',', "UTF-8", "", 0 },	     { ';', "UTF-8", "\xef\xbb\xbf", 3 },   { '\t', "WINDOWS-1252", "", 0 },
		{ ';', "WINDOWS-1252", "", 0 },	     { '\t', "UTF-16LE", "\xff\xfe", 2 },   { ',', "UTF-16BE", "\xfe\xff", 2 },
	};
	CLEANUP_FREE char *assess = sample(), *folder = join(assess, "rvtools-sample");
	CLEANUP_FREE char *first = NULL;

	for (size_t v = 0; v < ARRAY_LEN(variants); v++) {
		CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
		CLEANUP_FREE char *got = NULL;
		struct error err = ERROR_INIT;

		for (size_t i = 0; i < RVTOOLS_TABS; i++) {
			CLEANUP(cleanup_strbuf) struct strbuf text = { .len = 0 };
			CLEANUP_FREE char *name = NULL, *from = NULL;

			assert_true(asprintf(&name, "RVTools_tab%s.csv", tab_names[i]) > 0);
			from = join(folder, name);
			if (access(from, F_OK) < 0) /* the sample has not all */
				continue;
			rewrite(from, variants[v].delimiter, &text);
			write_as(*state, name, &text, variants[v].encoding, variants[v].bom, variants[v].bom_len);
		}
		if (read_export(((struct scratch_dir *)*state)->path, &l, &err) < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(l.n, 14);
		assert_int_equal(l.notices.n, 0);
		assert_string_equal(l.v[13].datacenter, "Z\xc3\xbcrich");
		got = machine_list_text(&l);
		if (!first)
			first = steal_ptr(&got);
		else
			assert_string_equal(got, first);
	}
}

/* ---- headers ---- */

static void a_tab_is_known_by_its_columns(void **state)
{
	static const struct {
		const char *header;
		enum rvtools_tab tab;
	} cases[] = {
		{ "VM,CPUs,Memory," OS, RVTOOLS_INFO },
		{ "vm , CPUS,* memory ,OS  according to the VMware Tools", RVTOOLS_INFO },
		{ "vInfoVMName,vInfoCPUs,vInfoMemory,vInfoOSTools", RVTOOLS_INFO },
		{ "VM,CPUs,Memory MB," OS, RVTOOLS_INFO },
		{ "VM,CPUs,Memory", RVTOOLS_TABS },
		{ "VM,Capacity MB,Raw", RVTOOLS_DISK },
		{ "VM,Capacity MiB,Disk Mode", RVTOOLS_DISK },
		{ "VM,Capacity MiB,Disk", RVTOOLS_TABS },
		{ "VM,Disk Key,Capacity MB,Consumed MB", RVTOOLS_PARTITION },
		{ "vPartitionVMName,vPartitionCapacityMiB,vPartitionConsumedMiB", RVTOOLS_PARTITION },
		{ "VM,CPUs,Sockets", RVTOOLS_CPU },
		{ "VM,Size MiB,Active", RVTOOLS_MEMORY },
		{ "vMemoryVMName,vMemorySizeMiB,vMemoryReservation", RVTOOLS_MEMORY },
		{ "VM,Mac Address", RVTOOLS_NETWORK },
		{ "VM,Date / time,Size MiB (total)", RVTOOLS_SNAPSHOT },
		{ "VM,Powerstate,Tools,Tools Version,Upgradeable", RVTOOLS_TOOLS },
		{ "Host,# CPU,Memory," OS, RVTOOLS_TABS },
	};
	const struct scratch_dir *dir = *state;
	CLEANUP_FREE char *path = join(dir->path, "tab.csv");

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_csv_table) struct csv_table *t = NULL;
		struct error err = ERROR_INIT;

		scratch_write(dir, "tab.csv", cases[i].header, strlen(cases[i].header));
		t = csv_table_open(path, &err);
		assert_non_null(t);
		if (rvtools_recognise(t) != cases[i].tab)
			fail_msg("%s: %d", cases[i].header, rvtools_recognise(t));
	}
}

static void what_is_missing_is_named(void **state)
{
	const struct scratch_dir *dir = *state;
	CLEANUP_FREE char *path = join(dir->path, "tab.csv"), *missing = NULL;
	CLEANUP(cleanup_csv_table) struct csv_table *t = NULL;
	struct error err = ERROR_INIT;
	unsigned has;

	scratch_write(dir, "tab.csv", "VM,CPUs\n", 8);
	t = csv_table_open(path, &err);
	assert_non_null(t);
	missing = rvtools_missing(t, &has, &err);
	assert_string_equal(missing, "Memory, " OS);
	assert_int_equal(has, 2);
}

static void columns_of_older_releases_and_internal_names_are_read(void **state)
{
	check_export(*state,
		     FILES(INFO, "vInfoVMName;vInfoUUID;vInfoPowerstate;vInfoTemplate;vInfoCPUs;vInfoMemory;vInfoNICs;"
				 "vInfoProvisioned;vInfoInUse;vInfoSRMPlaceHolder;vInfoOSTools;vInfoOS;vInfoPrimaryIPAddress\n"
				 "web;" UUID_A ";POWEREDOFF;false;2;4.096;3;10.240,5;5120;true;Debian;Linux;2001:db8::1\n",
			   DISK, "VM;Disk;Capacity MB;Raw;Raw Comp. Mode;Path\nweb;Hard disk 1;10.240;1;virtualMode;[ds] web.vmdk\n"),
		     "web: off ? uuid=" UUID_A " os_tools=Debian os_config=Linux srm_placeholder ipv6 vcpus=2 memory=4096 nics=3 "
		     "in_use=5120 capacity=10240.5\n"
		     "  Hard disk 1: path=[ds] web.vmdk mib=10240 raw_mode=virtualMode raw\n",
		     "");
}

/* ---- joins ---- */

static void rows_go_by_uuid_then_id_then_name(void **state)
{
	check_export(*state,
		     FILES(INFO, "VM,VM UUID,VM ID,VI SDK UUID,CPUs,Memory," OS "\n"
				 "same," UUID_A ",vm-1,vc1,1,1,\n"
				 "same," UUID_B ",vm-2,vc1,1,1,\n"
				 "plain,,vm-1,vc2,1,1,\n"
				 "bare,,,,1,1,\n"
				 "bare,,,,1,1,\n"
				 "mixed,,vm-3,vc1,1,1,\n"
				 "mixed," UUID_C ",vm-3,vc1,1,1,\n",
			   DISK, "VM,VM UUID,VM ID,VI SDK UUID,Disk,Capacity MiB,Raw\n"
				 "other name," UUID_B ",vm-1,vc1,by uuid,1,\n"
				 "same,{" UUID_A "},vm-9,vc9,by uuid,2,\n"
				 "x,,vm-1,vc2,by id and vcenter,3,\n"
				 "x,,vm-1,,by id alone: the first,4,\n"
				 "x,,vm-1,vc3,nobody's: another vcenter,5,\n"
				 "plain," UUID_A ",vm-1,vc2,uuid before id,6,\n"
				 "plain,,vm-7,vc2,nobody's: another id,7,\n"
				 "bare,,vm-8,vc2,by name: the first,8,\n"
				 "same,,,,by name: the first,9,\n"
				 "plain,11111111-1111-1111-1111-111111111111,vm-1,vc2,the VM has none: by id,10,\n"
				 "x,11111111-1111-1111-1111-111111111111,vm-1,vc1,nobody's: another UUID,11,\n"
				 "bare,11111111-1111-1111-1111-111111111111,,,the VM has none: by name,12,\n"
				 "same,11111111-1111-1111-1111-111111111111,,,nobody's: another UUID,13,\n"
				 "mixed,,,,by name: the first,14,\n"
				 "x,,vm-3,,by id: the first,15,\n"
				 "x,,vm-3,vc1,by id and vcenter: the first,16,\n"),
		     "same: ? ? uuid=" UUID_A " id=vm-1 vcenter=vc1 vcpus=1 memory=1\n"
		     "  by uuid: mib=2 os\n  by id alone: the first: mib=4\n  uuid before id: mib=6\n  by name: the first: mib=9\n"
		     "same: ? ? uuid=" UUID_B " id=vm-2 vcenter=vc1 vcpus=1 memory=1\n  by uuid: mib=1 os\n"
		     "plain: ? ? id=vm-1 vcenter=vc2 vcpus=1 memory=1\n"
		     "  by id and vcenter: mib=3 os\n  the VM has none: by id: mib=10\n"
		     "bare: ? ? vcpus=1 memory=1\n  by name: the first: mib=8 os\n  the VM has none: by name: mib=12\n"
		     "bare: ? ? vcpus=1 memory=1\n"
		     "mixed: ? ? id=vm-3 vcenter=vc1 vcpus=1 memory=1\n"
		     "  by name: the first: mib=14 os\n  by id: the first: mib=15\n  by id and vcenter: the first: mib=16\n"
		     "mixed: ? ? uuid=" UUID_C " id=vm-3 vcenter=vc1 vcpus=1 memory=1\n",
		     "RVTools_tabvDisk.csv:6: left out: vInfo has no such VM as 'x'\n"
		     "RVTools_tabvDisk.csv:8: left out: vInfo has no such VM as 'plain'\n"
		     "RVTools_tabvDisk.csv:12: left out: vInfo has no such VM as 'x'\n"
		     "RVTools_tabvDisk.csv:14: left out: vInfo has no such VM as 'same'\n");
}

static void a_second_row_with_a_uuid_is_left_out(void **state)
{
	check_export(*state,
		     FILES(INFO, "VM,VM UUID,CPUs,Memory," OS "\nz," UUID_B ",1,1,\na," UUID_A ",2,2,\nb," UUID_A ",3,3,\nc,,4,4,\n",
			   DISK, "VM,VM UUID,Disk,Disk Key,Capacity MiB,Raw\nb," UUID_A ",one,2000,5,\nb," UUID_A ",again,2000,5,\n"
				 "c,,two,2000,6,\nb,,three,2001,7,\n"),
		     "z: ? ? uuid=" UUID_B " vcpus=1 memory=1\n"
		     "a: ? ? uuid=" UUID_A " vcpus=2 memory=2\n  one: mib=5 order=2000 os\n  three: mib=7 order=2001\n"
		     "c: ? ? vcpus=4 memory=4\n  two: mib=6 order=2000 os\n",
		     "RVTools_tabvInfo.csv:4: left out: VM UUID " UUID_A " is that of RVTools_tabvInfo.csv:3\n"
		     "RVTools_tabvDisk.csv:3: left out: another disk of a has Disk Key 2000\n");
}

static void what_vinfo_lacks_comes_from_other_tabs(void **state)
{
	check_export(*state,
		     FILES(INFO, "VM,CPUs,Memory,NICs,Total disk capacity MiB,Provisioned MiB," OS "\n"
				 "a,,,,,500,\nb,2,1024,1,0,700,\nc,4,,,300,,\n",
			   "RVTools_tabvCPU.csv", "VM,CPUs,Sockets\na,8,2\nb,9,2\n",
			   "RVTools_tabvMemory.csv", "VM,Size MB,Ballooned\na,4096,0\nb,9,0\n",
			   "RVTools_tabvNetwork.csv", "VM,NIC label,IPv6 Address\na,1,fe80::1\na,2,\"fe80::2, 2001:db8::7\"\nb,1,\nb,2,::1\n",
			   "RVTools_tabvSnapshot.csv", "VM,Date / time\nc,2026-04-02\n",
			   "RVTools_tabvPartition.csv", "VM,Capacity MiB,Consumed MiB\na,100,40\na,50,2.5\nb,7,\n",
			   "RVTools_tabvTools.csv", "VM,Tools,Tools Version\na,toolsOld,12\nc,,0\n"),
		     "a: ? ? tools=toolsOld ipv6 vcpus=8 memory=4096 nics=2 guest_used=42.5 capacity=500 collapsed\n  all disks: mib=500 os\n"
		     "b: ? ? vcpus=2 memory=1024 nics=1 capacity=0 collapsed\n  all disks: mib=0 os\n"
		     "c: ? ? snapshot vcpus=4 capacity=300 collapsed\n  all disks: mib=300 os\n",
		     "");
}

static void values_that_make_no_sense_are_absent_and_told(void **state)
{
	check_export(*state,
		     FILES(INFO, "VM,CPUs,Memory,Powerstate,Firmware,VM UUID,HW version,CBT,Disks,VM ID," OS "\n"
				 "a,four,-1,running,uefi,xyz,vmx-14,,2,,\n"
				 ",1,1,,,,,,,,\n"
				 ",,,,,,,,,,\n"
				 "b,1,1e99,poweredOn,EFI,,9,no,,,Linux,,more\n"
				 "c,1,2,suspended,BIOS,,9,no,,,Linux,,\n"
				 "d\n"
				 ",1,1,,,,,,,vm-5,\n",
			   DISK, "VM,Capacity MiB,Raw,Disk\na,big,,one\n"),
		     "a: ? ? hardware=vmx-14\n  one: os\n"
		     "c: suspended bios os_config=Linux hardware=vmx-9 no-cbt vcpus=1 memory=2\n"
		     "d: ? ?\n"
		     ": ? ? id=vm-5 vcpus=1 memory=1\n",
		     "RVTools_tabvInfo.csv:2: VM UUID: 'xyz' is not a UUID\n"
		     "RVTools_tabvInfo.csv:2: Powerstate: 'running' is not poweredOn, poweredOff or suspended\n"
		     "RVTools_tabvInfo.csv:2: Firmware: 'uefi' is not bios or efi\n"
		     "RVTools_tabvInfo.csv:2: CPUs: 'four' is not a number\n"
		     "RVTools_tabvInfo.csv:2: Memory: '-1' is not a number of 0 to 1e15\n"
		     "RVTools_tabvInfo.csv:3: left out: neither a name nor an ID\n"
		     "RVTools_tabvInfo.csv:5: left out: 13 cells under 11 columns\n"
		     "RVTools_tabvDisk.csv:2: Capacity MiB: 'big' is not a number\n"
		     "RVTools_tabvInfo.csv:2: Disks: 2, but vDisk has 1 of this VM\n");
}

static void disks_tell_what_they_are(void **state)
{
	check_export(*state,
		     FILES(INFO, "VM,CPUs,Memory," OS "\na,1,1,\n",
			   DISK, "VM,Disk,Disk Key,Capacity MiB,Raw,Raw Com. Mode,Disk Mode,Sharing mode,Shared Bus,Disk Path\n"
				 "a,Hard disk 3,2003,30,false,,independent_persistent,sharingNone,physicalSharing,p3\n"
				 "a,Hard disk 2,2001,20,False,,persistent,sharingMultiWriter,noSharing,p2\n"
				 "a,Hard disk 1,2000,10,True,physicalMode,Independent_nonpersistent,,virtualSharing,p1\n"
				 "a,,2002,40,,,append,,,p4\n"),
		     "a: ? ? vcpus=1 memory=1\n"
		     "  Hard disk 1: path=p1 mib=10 order=2000 mode=Independent_nonpersistent raw_mode=physicalMode raw independent shared\n"
		     "  Hard disk 2: path=p2 mib=20 order=2001 mode=persistent shared os\n"
		     "  p4: path=p4 mib=40 order=2002 mode=append\n"
		     "  Hard disk 3: path=p3 mib=30 order=2003 mode=independent_persistent independent shared\n",
		     "");
}

static void addresses_that_others_reach_are_told_from_those_they_do_not(void **state)
{
	(void)state;
	assert_true(rvtools_has_ipv6("2001:db8::1"));
	assert_true(rvtools_has_ipv6("192.0.2.1, fe80::1; 2001:db8::1/64"));
	assert_true(rvtools_has_ipv6("fd00::1%eth0"));
	assert_true(rvtools_has_ipv6("fec0::1"));
	assert_false(rvtools_has_ipv6(""));
	assert_false(rvtools_has_ipv6(" ,;/ "));
	assert_false(rvtools_has_ipv6("192.0.2.1"));
	assert_false(rvtools_has_ipv6("fe80::1%3, FE80::2/64,febf::1,::1,::"));
	assert_false(rvtools_has_ipv6("2001:db8:::1 2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001"));
}

static void a_cancelled_reading_stops(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP_FREE char *path = join(((struct scratch_dir *)*state)->path, "tab.csv");
	struct csv_table *tabs[RVTOOLS_TABS] = { NULL };
	struct error err = ERROR_INIT;
	struct cancel cancel;

	scratch_write(*state, "tab.csv", "VM,CPUs,Memory," OS "\na,1,1,\n", strlen("VM,CPUs,Memory," OS "\na,1,1,\n"));
	assert_int_equal(cancel_init(&cancel, &err), 0);
	cancel_set(&cancel, CANCEL_GENTLE);
	tabs[RVTOOLS_INFO] = csv_table_open(path, &err);
	assert_int_equal(rvtools_read(tabs, &cancel, &l, &err), -1);
	assert_error(&err, ERR_CANCELLED, "stopped");
	csv_table_close(tabs[RVTOOLS_INFO]);
	cancel_fini(&cancel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_export_becomes_machines_field_by_field),
		cmocka_unit_test(encodings_and_delimiters_make_no_difference),
		cmocka_unit_test(a_tab_is_known_by_its_columns),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(columns_of_older_releases_and_internal_names_are_read),
		cmocka_unit_test(rows_go_by_uuid_then_id_then_name),
		cmocka_unit_test(a_second_row_with_a_uuid_is_left_out),
		cmocka_unit_test(what_vinfo_lacks_comes_from_other_tabs),
		cmocka_unit_test(values_that_make_no_sense_are_absent_and_told),
		cmocka_unit_test(disks_tell_what_they_are),
		cmocka_unit_test(addresses_that_others_reach_are_told_from_those_they_do_not),
		cmocka_unit_test(a_cancelled_reading_stops),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
