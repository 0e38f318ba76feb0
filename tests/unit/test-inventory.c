/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inventory/inventory.h"
#include "support/machine_text.h"
#include "support/scratch.h"

#define OS "OS according to the configuration file"
#define UUID_A "1e2feb89-414c-443c-9027-c4d1c386bbc4"
#define UUID_B "e4b06ce6-0741-47a8-bce4-2c8218072e8c"
#define UUID_C "1a2b8f1f-f1fd-42a2-9755-d4c13a902931"
#define KINDS                                                                                                      \
	"an inventory is an RVTools export (.xlsx or .csv), an import of Azure Migrate (.csv), a VM's .vmx, .ovf, " \
	".ova, .vmcx or .xml, Hyper-V's .json, a folder of these, or https://VCENTER/sdk"
#define WORKBOOK "in RVTools choose \"Export all to csv\" and name the folder that it writes"

/* ---- reading ---- */

static void write_file(const struct scratch_dir *dir, const char *name, const char *text)
{
	scratch_write(dir, name, text, strlen(text));
}

static char *path_of(const struct scratch_dir *dir, const char *name)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", dir->path, name) > 0);
	return path;
}

/* The message without the scratch folder before its paths. */
static void check_refused(const struct scratch_dir *dir, const char *name, enum error_code code, const char *msg)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP_FREE char *path = path_of(dir, name);
	struct error err = ERROR_INIT;

	assert_int_equal(inventory_read(path, NULL, &l, &err), -1);
	for (char *p; (p = strstr(err.msg, dir->path)) != NULL;)
		memmove(p, p + strlen(dir->path) + 1, strlen(p + strlen(dir->path)));
	assert_error(&err, code, msg);
}

static void a_file_is_known_by_what_is_in_it(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP_FREE char *first = path_of(*state, "a.txt"), *second = path_of(*state, "b");
	struct error err = ERROR_INIT;

	write_file(*state, "a.txt", "VM,CPUs,Memory," OS "\nweb,1,2,x\n");
	write_file(*state, "b", "Server name;Cores;Memory;OS name\ndb;3;4;y\n");
	assert_int_equal(inventory_read(first, NULL, &l, &err), 0);
	assert_int_equal(inventory_read(second, NULL, &l, &err), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.v[0].os_config, "x");
	assert_string_equal(l.v[1].os_name, "y");
}

static void a_file_that_is_no_inventory_is_refused_with_what_it_lacks(void **state)
{
	write_file(*state, "a", "VM,Capacity MiB,Raw\n");
	check_refused(*state, "a", ERR_CORRUPT, "a: the vDisk tab of RVTools without vInfo: name the folder that has both");
	write_file(*state, "a", "VM,CPUs\n");
	check_refused(*state, "a", ERR_CORRUPT, "a: as the vInfo tab of RVTools it lacks the columns Memory, " OS);
	write_file(*state, "a", "Server name,Memory\n");
	check_refused(*state, "a", ERR_CORRUPT, "a: as an import of Azure Migrate it lacks the columns Cores, OS name");
	write_file(*state, "a", "Host,Datacenter,Cluster,Config\n");
	check_refused(*state, "a", ERR_CORRUPT, "a: no inventory that is known, with columns 'Host', 'Datacenter', 'Cluster' ...: " KINDS);
	write_file(*state, "a", "");
	check_refused(*state, "a", ERR_CORRUPT, "a: no line that names columns: " KINDS);
	check_refused(*state, "none", ERR_SYSTEM, "none: No such file or directory");
}

static void an_old_workbook_is_refused_with_what_to_do_instead(void **state)
{
	write_file(*state, "export", "\xd0\xcf\x11\xe0....");
	check_refused(*state, "export", ERR_UNSUPPORTED, "export: an old or an encrypted workbook of Excel: " WORKBOOK);
}

static void make_folder(const struct scratch_dir *dir, const char *name)
{
	assert_int_equal(mkdirat(dir->fd, name, 0700), 0);
}

static void the_csv_files_of_a_folder_are_one_export(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP_FREE char *path = path_of(*state, "export"), *said = NULL, *got = NULL;
	struct error err = ERROR_INIT;
	char name[32];

	make_folder(*state, "export");
	make_folder(*state, "export/folder.csv");
	write_file(*state, "export/1.CSV", "VM,Capacity MiB,Raw,Disk\nweb,5,,one\n");
	write_file(*state, "export/2.csv", "VM,CPUs,Memory," OS "\nweb,1,2,x\n");
	write_file(*state, "export/.hidden.csv", "rubbish");
	write_file(*state, "export/notes.txt", "rubbish");
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "export/x%d.csv", i);
		write_file(*state, name, i ? "Host,CPUs\n" : "Server name,Cores,Memory,OS name\nother,1,1,x\n");
	}
	assert_int_equal(inventory_read(path, NULL, &l, &err), 0);
	got = machine_list_text(&l);
	said = machine_notices_text(&l.notices);
	assert_string_equal(got, "web: ? ? os_config=x vcpus=1 memory=2\n  one: mib=5 os\n");
	assert_string_equal(said, "not used, being of no tab that is read: x0.csv, x1.csv, x2.csv, x3.csv, x4.csv, x5.csv, x6.csv, "
				  "x7.csv and 2 more\n");
}

static void a_folder_that_is_no_one_export_is_refused(void **state)
{
	make_folder(*state, "two");
	write_file(*state, "two/a.csv", "VM,CPUs,Memory," OS "\nweb,1,2,x\n");
	write_file(*state, "two/b.csv", "VM,CPUs,Memory," OS "\nweb,1,2,x\n");
	check_refused(*state, "two", ERR_CORRUPT, "two: two exports: a.csv and b.csv are both a vInfo tab of RVTools");
	make_folder(*state, "none");
	check_refused(*state, "none", ERR_CORRUPT,
		      "none: a folder without any inventory: " KINDS);
	write_file(*state, "none/a.csv", "Server name,Cores,Memory,OS name\n");
	check_refused(*state, "none", ERR_CORRUPT,
		      "none: no vInfo tab of RVTools among its CSV files; name an import of Azure Migrate itself");
	write_file(*state, "none/b.csv", "VM,CPUs," OS "\n");
	write_file(*state, "none/c.csv", "VM,CPUs\n");
	check_refused(*state, "none", ERR_CORRUPT, "none: no vInfo tab of RVTools: none/b.csv lacks the columns Memory");
	write_file(*state, "none/d.csv", "a,\"b\n");
	check_refused(*state, "none", ERR_CORRUPT, "none/d.csv:1: column 2: a quote without an end");
}

/* ---- merging ---- */

static struct machine *add(struct machine_list *l, const char *name, const char *uuid, const char *bios, const char *path)
{
	struct machine *m = machine_add(l, name, name, NULL);
	char origin[32];

	assert_non_null(m);
	snprintf(origin, sizeof(origin), "#%zu", l->n);
	assert_int_equal(machine_set(&m->origin, origin, NULL), 0);
	assert_int_equal(machine_set_uuid(&m->uuid, uuid, NULL), 0);
	assert_int_equal(machine_set_uuid(&m->bios_uuid, bios, NULL), 0);
	assert_int_equal(machine_set(&m->path, path, NULL), 0);
	return m;
}

static void add_disk(struct machine *m, const char *label, double mib)
{
	struct machine_disk *d = machine_add_disk(m, label, NULL);

	assert_non_null(d);
	d->capacity_mib = (struct machine_number){ .known = true, .v = mib };
}

/* What `starts` makes of the list, whose machines each have a name of their own. */
static void check_merged(struct machine_list *l, const size_t *starts, size_t n, const char *machines, const char *notices)
{
	CLEANUP_FREE char *got = NULL, *said = NULL;
	struct error err = ERROR_INIT;

	if (inventory_merge(l, starts, n, &err) < 0)
		fail_msg("%s", err.msg);
	got = machine_list_text(l);
	said = machine_notices_text(&l->notices);
	assert_string_equal(got, machines);
	assert_string_equal(said, notices);
}

static struct machine_number number(double v)
{
	return (struct machine_number){ .known = true, .v = v };
}

static void machines_are_one_by_uuid_then_bios_uuid_then_path_and_name(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };

	(void)state;
	add(&l, "a", UUID_A, UUID_B, "p");
	add(&l, "b", NULL, UUID_C, "p");
	add(&l, "c", NULL, NULL, "p");
	add(&l, "d", NULL, NULL, NULL);
	add(&l, "a", UUID_A, UUID_C, "p")->vcpus = number(1);	 /* the first, by UUID */
	add(&l, "b", UUID_B, UUID_C, "q")->vcpus = number(2);	 /* the second, by BIOS UUID */
	add(&l, "c", NULL, UUID_A, "p")->vcpus = number(3);	 /* the third, by path and name */
	add(&l, "d", NULL, NULL, NULL)->vcpus = number(4);	 /* the fourth: neither has a path */
	add(&l, "a", UUID_C, UUID_B, "p")->vcpus = number(5);	 /* another: a UUID that differs decides */
	add(&l, "c", NULL, NULL, "q")->vcpus = number(6);	 /* another: its path differs */
	check_merged(&l, (const size_t[]){ 0, 4 }, 2,
		     "a: ? ? uuid=" UUID_A " bios=" UUID_B " path=p vcpus=1\n  ! bios_uuid: " UUID_B " (#1), " UUID_C " (#5)\n"
		     "b: ? ? uuid=" UUID_B " bios=" UUID_C " path=p vcpus=2\n  ! path: p (#2), q (#6)\n"
		     "c: ? ? bios=" UUID_A " path=p vcpus=3\n"
		     "d: ? ? vcpus=4\n"
		     "a: ? ? uuid=" UUID_C " bios=" UUID_B " path=p vcpus=5\n"
		     "c: ? ? path=q vcpus=6\n",
		     "");
}

static void within_one_inventory_nothing_is_merged(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };

	(void)state;
	add(&l, "a", UUID_A, NULL, NULL);
	add(&l, "b", UUID_A, NULL, NULL);
	add(&l, "a", UUID_A, NULL, NULL)->vcpus = number(1);
	add(&l, "c", UUID_A, NULL, NULL)->vcpus = number(2);
	check_merged(&l, (const size_t[]){ 0, 2, 4 }, 3,
		     "a: ? ? uuid=" UUID_A " vcpus=1\nb: ? ? uuid=" UUID_A "\nc: ? ? uuid=" UUID_A " vcpus=2\n",
		     "#4: not taken for #1, as another machine of this inventory is\n");
}

static void what_one_took_over_keeps_others_away(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };

	(void)state;
	add(&l, "a", NULL, UUID_C, NULL);
	add(&l, "a", UUID_A, UUID_C, NULL);
	add(&l, "a", UUID_B, UUID_C, NULL);
	add(&l, "a", UUID_B, NULL, NULL)->vcpus = number(1);
	check_merged(&l, (const size_t[]){ 0, 1, 2, 3 }, 4,
		     "a: ? ? uuid=" UUID_A " bios=" UUID_C "\na: ? ? uuid=" UUID_B " bios=" UUID_C " vcpus=1\n", "");
}

static void the_first_is_kept_and_what_differs_recorded(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct machine *m;

	(void)state;
	m = add(&l, "a", UUID_A, NULL, NULL);
	m->vcpus = number(2);
	m->nics = number(1);
	m->power = MACHINE_ON;
	m->firmware = MACHINE_BIOS;
	m->cbt_known = true;
	assert_int_equal(machine_set(&m->os_config, "Linux", NULL), 0);
	m = add(&l, "A", UUID_A, NULL, NULL);
	m->vcpus = number(4);
	m->nics = number(1);
	m->memory_mib = number(0);
	m->power = MACHINE_OFF;
	m->firmware = MACHINE_EFI;
	m->cbt_known = m->cbt = m->tpm = m->secure_boot = true;
	assert_int_equal(machine_set(&m->os_config, "Windows", NULL), 0);
	assert_int_equal(machine_set(&m->os_tools, "Debian", NULL), 0);
	m = add(&l, "", UUID_A, NULL, NULL);
	m->memory_mib = number(5);
	check_merged(&l, (const size_t[]){ 0, 1, 2 }, 3,
		     "a: on bios uuid=" UUID_A " os_tools=Debian os_config=Linux secure_boot tpm no-cbt vcpus=2 memory=0 nics=1\n"
		     "  ! name: a (#1), A (#2)\n  ! os_config: Linux (#1), Windows (#2)\n  ! vcpus: 2 (#1), 4 (#2)\n"
		     "  ! power: on (#1), off (#2)\n  ! firmware: bios (#1), efi (#2)\n  ! cbt: no (#1), yes (#2)\n"
		     "  ! memory_mib: 0 (#1), 5 (#3)\n",
		     "");
}

static void disks_are_taken_over_filled_or_told_to_differ(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct machine *m;

	(void)state;
	m = add(&l, "collapsed", NULL, NULL, NULL);
	m->capacity_mib = number(30);
	assert_int_equal(machine_collapse_disks(m, NULL), 0);
	add_disk(add(&l, "as many", NULL, NULL, NULL), "x", 10);
	add_disk(&l.v[1], "y", 20);
	add_disk(add(&l, "fewer", NULL, NULL, NULL), "x", 10);
	m = add(&l, "collapsed", NULL, NULL, NULL);
	add_disk(m, "1", 10);
	add_disk(m, "2", 20);
	m->disks[0].os = true;
	m = add(&l, "as many", NULL, NULL, NULL);
	add_disk(m, "1", 11);
	add_disk(m, "2", 20);
	m->disks[0].raw = true;
	m->disks[1].read_ops = number(7);
	assert_int_equal(machine_set(&m->disks[1].path, "2.vmdk", NULL), 0);
	m = add(&l, "fewer", NULL, NULL, NULL);
	add_disk(m, "1", 10);
	add_disk(m, "2", 20);
	check_merged(&l, (const size_t[]){ 0, 3 }, 2,
		     "collapsed: ? ? capacity=30\n  1: mib=10 os\n  2: mib=20\n"
		     "as many: ? ?\n  x: mib=10 raw\n  y: path=2.vmdk mib=20 read_ops=7 os\n"
		     "  ! disks[0].capacity_mib: 10 (#2), 11 (#5)\n"
		     "fewer: ? ?\n  x: mib=10\n  ! disks: 1 (#3), 2 (#6)\n",
		     "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_is_known_by_what_is_in_it, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(a_file_that_is_no_inventory_is_refused_with_what_it_lacks, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(an_old_workbook_is_refused_with_what_to_do_instead, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(the_csv_files_of_a_folder_are_one_export, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(a_folder_that_is_no_one_export_is_refused, scratch_setup, scratch_teardown),
		cmocka_unit_test(machines_are_one_by_uuid_then_bios_uuid_then_path_and_name),
		cmocka_unit_test(within_one_inventory_nothing_is_merged),
		cmocka_unit_test(what_one_took_over_keeps_others_away),
		cmocka_unit_test(the_first_is_kept_and_what_differs_recorded),
		cmocka_unit_test(disks_are_taken_over_filled_or_told_to_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
