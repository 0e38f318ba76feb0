/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "inventory/azure_migrate.h"
#include "support/machine_text.h"
#include "support/scratch.h"

#define HEAD "*Server name,*Cores,*Memory (In MB),*OS name"

static int read_text(const struct scratch_dir *dir, const char *text, struct machine_list *l, struct error *err)
{
	CLEANUP_FREE char *path = NULL;
	CLEANUP(cleanup_csv_table) struct csv_table *t = NULL;

	assert_true(asprintf(&path, "%s/servers.csv", dir->path) > 0);
	scratch_write(dir, "servers.csv", text, strlen(text));
	t = csv_table_open(path, err);
	assert_non_null(t);
	return azure_migrate_read(t, NULL, l, err);
}

static void check(const struct scratch_dir *dir, const char *text, const char *machines, const char *notices)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP_FREE char *got = NULL, *said = NULL;
	struct error err = ERROR_INIT;

	if (read_text(dir, text, &l, &err) < 0)
		fail_msg("%s", err.msg);
	got = machine_list_text(&l);
	said = machine_notices_text(&l.notices);
	assert_string_equal(said, notices);
	assert_string_equal(got, machines);
}

static int read_sample(struct machine_list *l, struct error *err)
{
	const char *srcdir = getenv("srcdir");
	CLEANUP(cleanup_csv_table) struct csv_table *t = NULL;
	CLEANUP_FREE char *path = NULL;

	assert_true(asprintf(&path, "%s/tests/assess/azure-migrate-import-sample.csv", srcdir ? srcdir : ".") > 0);
	t = csv_table_open(path, err);
	assert_non_null(t);
	assert_true(azure_migrate_recognise(t));
	return azure_migrate_read(t, NULL, l, err);
}

static void an_import_becomes_machines_field_by_field(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP_FREE char *got = NULL;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(read_sample(&l, &err), 0);
	got = machine_list_text(&l);
	assert_string_equal(
		got,
		"vm-web-01: ? bios os_name=Windows Server 2019 architecture=x64 vcpus=4 memory=8192 nics=1 cpu_pct=35 "
		"memory_pct=60 network_out=12 in_use=56320 capacity=56320\n"
		"  Disk 1: mib=102400 read_ops=60 write_ops=40 read_mbs=2 write_mbs=1 os\n"
		"vm-app-01: ? bios os_name=Ubuntu os_version=22.04 architecture=x64 vcpus=2 memory=8192 nics=1 cpu_pct=10 "
		"memory_pct=40 in_use=122880 capacity=122880\n"
		"  Disk 1: mib=40960 read_ops=20 write_ops=20 read_mbs=1 write_mbs=1 os\n"
		"  Disk 2: mib=204800 read_ops=150 write_ops=100 read_mbs=5 write_mbs=5\n"
		"vm-db-01: ? efi os_name=Red Hat Enterprise Linux 8 architecture=x64 vcpus=16 memory=131072 nics=2 cpu_pct=55 "
		"memory_pct=80 network_out=40 in_use=1536000 capacity=1536000\n"
		"  Disk 1: mib=102400 read_ops=50 write_ops=50 read_mbs=2 write_mbs=2 os\n"
		"  Disk 2: mib=2097152 read_ops=3000 write_ops=1500 read_mbs=120 write_mbs=60\n"
		"  Disk 3: mib=524288 read_ops=400 write_ops=2100 read_mbs=20 write_mbs=90\n"
		"vm-sql-01: ? efi os_name=Windows Server 2022 architecture=x64 vcpus=8 memory=65536 nics=1 cpu_pct=70 "
		"memory_pct=85 in_use=716800 capacity=716800\n"
		"  Disk 1: mib=130048 read_ops=40 write_ops=40 read_mbs=1 write_mbs=1 os\n"
		"  Disk 2: mib=1048576 read_ops=2500 write_ops=2000 read_mbs=100 write_mbs=80\n"
		"vm-oversized-01: ? bios os_name=Windows Server 2016 architecture=x64 vcpus=10 memory=16384 nics=1 cpu_pct=20 "
		"memory_pct=40 in_use=61440 capacity=61440\n"
		"  Disk 1: mib=81920 os\n"
		"vm-old-01: ? bios os_name=Windows Server 2003 architecture=x86 vcpus=1 memory=2048 nics=1 cpu_pct=15 "
		"memory_pct=50 in_use=20480 capacity=20480\n"
		"  Disk 1: mib=36864 os\n");
	assert_int_equal(l.notices.n, 0);
	assert_string_equal(l.v[1].origin, "azure-migrate-import-sample.csv:3");
}

static void what_is_written_reads_back_as_the_same(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 }, again = { .n = 0 };
	CLEANUP_FREE char *text = NULL, *before = NULL, *after = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(read_sample(&l, &err), 0);
	l.v[0].disks[0].capacity_mib.v = 102401.5; /* no whole number of GB */
	text = azure_migrate_write(&l, &l.notices, &err);
	assert_non_null(text);
	assert_int_equal(l.notices.n, 0);
	assert_int_equal(read_text(*state, text, &again, &err), 0);
	before = machine_list_text(&l);
	after = machine_list_text(&again);
	assert_string_equal(after, before);
}

static void totals_count_where_no_disk_has_values(void **state)
{
	check(*state,
	      HEAD ",Firmware type,IP address,Disk 1 size,Disk 2 read ops (operations per second),Total disks read ops,Total disks "
		   "write throughput\n"
		   "a,1,1,x,uefi,2001:db8::1,10,,500,20\n"
		   "b,1,1,x,,192.0.2.1,10,7,500,20\n",
	      "a: ? efi os_name=x ipv6 vcpus=1 memory=1 read_ops=500 write_mbs=20\n  Disk 1: mib=10240 os\n"
	      "b: ? ? os_name=x vcpus=1 memory=1\n  Disk 1: mib=10240 os\n  Disk 2: read_ops=7\n",
	      "servers.csv:3: Disk 2: no size\n");
}

static void a_later_row_of_a_server_replaces_the_earlier_at_its_place(void **state)
{
	check(*state, HEAD "\n", "", "");
	check(*state, HEAD "\na,1,1,x\nb,2,2,x\na,3,3,x\nc,4,4,x\na,5,5,x\nb,6,6,x\n",
	      "a: ? ? os_name=x vcpus=5 memory=5\nb: ? ? os_name=x vcpus=6 memory=6\nc: ? ? os_name=x vcpus=4 memory=4\n",
	      "servers.csv:2: replaced by servers.csv:6, a later row of the same server\n"
	      "servers.csv:3: replaced by servers.csv:7, a later row of the same server\n");
}

static void what_makes_no_sense_is_told(void **state)
{
	check(*state,
	      HEAD ",Boot type,Number of disks,Storage in use (In GB)\n,1,1,x,,,\na,,two,x,GPT,3,1\nb,1,1,x,BIOS,1,\n",
	      "a: ? ? os_name=x in_use=1024 capacity=1024 collapsed\n  all disks: mib=1024 os\n"
	      "b: ? bios os_name=x vcpus=1 memory=1\n",
	      "servers.csv:2: left out: no server name\n"
	      "servers.csv:3: Cores: empty\n"
	      "servers.csv:3: Boot type: 'GPT' is not BIOS or UEFI\n"
	      "servers.csv:3: *Memory (In MB): 'two' is not a number\n");
}

static void columns_that_are_missing_are_named(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(read_text(*state, "Server name,Cores,Memory\na,1,1\n", &l, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "/servers.csv: as an import of Azure Migrate it lacks the columns OS name"));
}

static void more_disks_than_azure_migrate_takes_are_read_and_told(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP(cleanup_strbuf) struct strbuf b = { .len = 0 };
	CLEANUP_FREE char *text = NULL;
	struct error err = ERROR_INIT;

	strbuf_adds(&b, HEAD ",Number of disks");
	for (int i = 1; i <= 22; i++)
		strbuf_addf(&b, ",Disk %d size (In GB)", i);
	strbuf_adds(&b, ",Disk 0 size (In GB),Disk 1025 size (In GB),Disk x size,Disk 1 colour\na,1,1,x,4");
	for (int i = 1; i <= 22; i++)
		strbuf_addf(&b, ",%d", i);
	strbuf_adds(&b, ",7,7,7,7\n");
	assert_int_equal(read_text(*state, b.s, &l, &err), 0);
	assert_int_equal(l.v[0].n_disks, 22);
	assert_true(l.v[0].disks[21].capacity_mib.v == 22 * 1024);
	assert_string_equal(l.notices.v[0], "servers.csv:2: 22 disks: Azure Migrate takes 20 of one server");
	assert_string_equal(l.notices.v[1], "servers.csv:2: Number of disks: 4, but there are columns of 22");
	text = azure_migrate_write(&l, &l.notices, &err);
	assert_non_null(strstr(text, "Disk 20 size"));
	assert_null(strstr(text, "Disk 21"));
	assert_string_equal(l.notices.v[2],
			    "servers.csv:2: 22 disks, of which the last 2 are left out: Azure Migrate takes 20 of one server");
	assert_int_equal(l.notices.n, 3);
}

static void more_rows_than_azure_migrate_takes_are_read_and_told(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP(cleanup_strbuf) struct strbuf b = { .len = 0 };
	CLEANUP_FREE char *text = NULL;
	struct error err = ERROR_INIT;

	strbuf_adds(&b, HEAD "\n");
	for (int i = 0; i <= AZURE_MIGRATE_ROWS; i++)
		strbuf_addf(&b, "s%d,1,1,x\n", i);
	assert_int_equal(read_text(*state, b.s, &l, &err), 0);
	assert_int_equal(l.n, AZURE_MIGRATE_ROWS + 1);
	assert_string_equal(l.notices.v[0], "servers.csv: 20001 rows: Azure Migrate takes 20000 of one file");
	text = azure_migrate_write(&l, &l.notices, &err);
	assert_non_null(text);
	assert_string_equal(l.notices.v[1], "20001 servers: Azure Migrate takes 20000 of one file");
	assert_int_equal(l.notices.n, 2);
}

static struct machine *add(struct machine_list *l, const char *name)
{
	struct machine *m = machine_add(l, name, name, NULL);

	assert_non_null(m);
	return m;
}

static void put_text(char **field, const char *text)
{
	assert_int_equal(machine_set(field, text, NULL), 0);
}

static void machines_of_other_inventories_are_written_as_servers(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP_FREE char *text = NULL, *said = NULL;
	struct error err = ERROR_INIT;
	struct machine_disk *d;
	struct machine *m;

	(void)state;
	m = add(&l, "web");
	put_text(&m->os_tools, "Debian 12 (64-bit)");
	put_text(&m->os_config, "Other");
	put_text(&m->path, "[ds] web/web.vmx");
	m->firmware = MACHINE_EFI;
	m->vcpus = m->memory_mib = (struct machine_number){ .known = true, .v = 2 };
	d = machine_add_disk(m, "a", &err);
	assert_non_null(d);
	d->capacity_mib = (struct machine_number){ .known = true, .v = 1536 };
	m = add(&l, "template");
	m->template = true;
	m = add(&l, "=cmd");
	put_text(&m->guest_id, "windows9Server64Guest");
	m->read_ops = (struct machine_number){ .known = true, .v = 9 };
	m = add(&l, "web");
	put_text(&m->os_config, "Windows XP (32-bit)");
	put_text(&m->hardware, "vmx-8");
	put_text(&m->architecture, "arm64");
	add(&l, "");
	text = azure_migrate_write(&l, &l.notices, &err);
	assert_string_equal(
		text,
		"*Server name,IP addresses,*Cores,*Memory (In MB),*OS name,OS version,OS architecture,Server type,Hypervisor,"
		"CPU utilization percentage,Memory utilization percentage,Network adapters,Network In throughput,"
		"Network Out throughput,Boot type,Number of disks,Storage in use (In GB),Disk 1 size (In GB),"
		"Disk 1 read throughput (MB per second),Disk 1 write throughput (MB per second),"
		"Disk 1 read ops (operations per second),Disk 1 write ops (operations per second),"
		"Total disks read ops,Total disks write ops,Total disks read throughput,Total disks write throughput\n"
		"web,,2,2,Debian 12 (64-bit),,x64,Virtual,VMware,,,,,,UEFI,1,,1.5,,,,,,,,\n"
		"'=cmd,,,,windows9Server64Guest,,x64,Virtual,,,,,,,,0,,,,,,,9,,,\n"
		"web,,,,Windows XP (32-bit),,,Virtual,VMware,,,,,,,0,,,,,,,,,,\n"
		",,,,,,,Virtual,,,,,,,,0,,,,,,,,,,\n");
	said = machine_notices_text(&l.notices);
	assert_string_equal(said, "=cmd: without cores memory, which Azure Migrate wants\n"
				  "web: a server of this name is there before: Azure Migrate keeps only the last one\n"
				  "web: without cores memory, which Azure Migrate wants\n"
				  ": without a name cores memory an operating system, which Azure Migrate wants\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_import_becomes_machines_field_by_field),
		cmocka_unit_test(what_is_written_reads_back_as_the_same),
		cmocka_unit_test(totals_count_where_no_disk_has_values),
		cmocka_unit_test(a_later_row_of_a_server_replaces_the_earlier_at_its_place),
		cmocka_unit_test(what_makes_no_sense_is_told),
		cmocka_unit_test(columns_that_are_missing_are_named),
		cmocka_unit_test(more_disks_than_azure_migrate_takes_are_read_and_told),
		cmocka_unit_test(more_rows_than_azure_migrate_takes_are_read_and_told),
		cmocka_unit_test(machines_of_other_inventories_are_written_as_servers),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
