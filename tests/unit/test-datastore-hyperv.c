/* SPDX-License-Identifier: Apache-2.0 */
/* Exports of Hyper-V in a folder of their own: which image a configuration means, and what a VM is called. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "disk/backing.h"
#include "inventory/datastore.h"
#include "inventory/datastore_hyperv.h"
#include "support/scratch.h"
#include "support/vhdx_writer.h"

#define GUID_A "0AA394FA-7C4A-4070-BA32-773D43B28A68"
#define GUID_B "11111111-7c4a-4070-ba32-773d43b28a68"
#define LINKAGE "{aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee}"

static void make_folder_of(const struct scratch_dir *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct error e = ERROR_INIT;
	char folder[200] = "";

	if (!slash)
		return;
	memcpy(folder, path, (size_t)(slash - path));
	assert_int_equal(io_mkdirs(s->fd, folder, 0755, &e), 0);
}

static void put(const struct scratch_dir *s, const char *path, const char *text)
{
	make_folder_of(s, path);
	scratch_write(s, path, text, strlen(text));
}

/* Which of several images it is matters here, not what it holds. */
static void put_image(const struct scratch_dir *s, const char *path)
{
	put(s, path, "no VHDX");
}

/* A VHDX that opens, whose data write GUID children name; parent NULL: a base. */
static void put_vhdx(const struct scratch_dir *s, const char *path, const char *parent)
{
	uint8_t *zeros = calloc(1, 5 * VHDX_W_MIB);
	struct vhdx_image img = { .has_parent = parent != NULL, .parent = parent ? zeros : NULL };
	uint8_t guid[16];
	struct guid g;

	assert_non_null(zeros);
	assert_int_equal(guid_parse(LINKAGE, &g, NULL), 0);
	guid_to_le(&g, guid);
	vhdx_image_build(&img);
	if (parent)
		vhdx_image_set_parent(&img, LINKAGE, parent);
	for (int i = 1; i <= 2; i++)
		memcpy(vhdx_image_header(&img, i) + 32, guid, sizeof(guid));
	vhdx_image_seal_headers(&img);
	make_folder_of(s, path);
	scratch_write(s, path, img.bytes, img.len);
	vhdx_image_fini(&img);
	free(zeros);
}

/* XML of a VM with SCSI disks. */
static void put_xml(const struct scratch_dir *s, const char *path, const char *name, const char *const *disks)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };

	strbuf_addf(&text, "<configuration><properties><name>%s</name></properties><_x_><controller0>", name);
	for (unsigned i = 0; disks[i]; i++)
		strbuf_addf(&text, "<drive%u><type>VHD</type><pathname>%s</pathname></drive%u>", i, disks[i], i);
	strbuf_adds(&text, "</controller0></_x_></configuration>");
	put(s, path, text.s);
}

static void scan_with(const struct scratch_dir *s, const struct datastore_options *opt, struct datastore *ds)
{
	struct error e = ERROR_INIT;

	if (datastore_find(s->path, opt, ds, &e) < 0 || datastore_scan(ds, opt, &e) < 0)
		fail_msg("%s", e.msg);
}

static void scan(const struct scratch_dir *s, struct datastore *ds)
{
	scan_with(s, NULL, ds);
}

static void assert_disk(const struct datastore *ds, size_t vm, size_t disk, const char *vm_name, const char *image)
{
	assert_true(vm < ds->vms.n && disk < ds->vms.v[vm].n_disks);
	assert_string_equal(ds->vms.v[vm].name, vm_name);
	assert_string_equal(ds->vms.v[vm].disks[disk].image, image);
}

static void assert_unresolved(const struct datastore *ds, size_t vm, size_t disk, enum error_code code, const char *msg)
{
	assert_true(vm < ds->vms.n && disk < ds->vms.v[vm].n_disks);
	assert_error(&ds->vms.v[vm].disks[disk].err, code, msg);
}

static void the_folder_of_a_vm(void **state)
{
	static const struct {
		const char *path;
		size_t len;
		bool aside, guid;
	} cases[] = {
		{ "web01/Virtual Machines/" GUID_A ".vmcx", 5, false, true },
		{ "a/web01/virtual hard DISKS/x.vhdx", 7, false, false },
		{ "web01/Snapshots/" GUID_B ".xml", 5, true, true },
		{ "SNAPSHOTS/" GUID_B ".xml", 0, true, true },
		{ "Snapshots/tonight/" GUID_B ".xml", 17, false, true },
		{ "x/Virtual Machines Cache/" GUID_B ".xml", 24, true, true },
		{ "x/undolog configurations/" GUID_B ".vmcx", 24, true, true },
		{ "Snapshots/x.avhdx", 0, true, false },
		{ "Virtual Machines/x.xml", 0, false, false },
		{ "web01/x.xml", 5, false, false },
		{ "x.xml", 0, false, false },
		{ "My Virtual Machines/x.xml", 19, false, false },
		{ "My Snapshots/Snapshots.xml", 12, false, false },
		{ GUID_A "0.xml", 0, false, false },
		{ "0AA394FA-7C4A-4070-BA32-773D43B28A6x.xml", 0, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(datastore_hyperv_folder_len(cases[i].path), cases[i].len);
		assert_int_equal(datastore_hyperv_is_aside(cases[i].path), cases[i].aside);
		assert_int_equal(datastore_hyperv_is_guid_name(cases[i].path), cases[i].guid);
	}
}

static void an_export_has_its_disks_in_the_folders_of_its_vm(void **state)
{
	static const char *const web[] = { "C:\\VMs\\Old\\DISK.vhdx", "C:\\VMs\\Old\\second.vhdx", "d:\\beside.vhd", "E:\\top.vhdx",
					   "Z:\\gone.vhdx", "\\\\.\\PHYSICALDRIVE3", NULL };
	static const char *const db[] = { "C:\\VMs\\Old\\disk.vhdx", NULL };
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_xml(s, "ex/web/Virtual Machines/" GUID_A ".xml", "web 01", web);
	put_xml(s, "ex/db/virtual machines/" GUID_B ".XML", "a/b", db);
	put_xml(s, "ex/db/Snapshots/" GUID_A ".xml", "before", db);
	put_image(s, "ex/web/Virtual Hard Disks/disk.vhdx");
	put_image(s, "ex/web/Snapshots/Second.vhdx");
	put_image(s, "ex/web/Virtual Machines/beside.vhd");
	put_image(s, "ex/web/top.vhdx");
	put_image(s, "ex/db/Virtual Hard Disks/Disk.VHDX");
	put_image(s, "ex/gone.vhdx"); /* of no folder of the VM's */
	scan(s, &ds);
	assert_int_equal(ds.vms.n, 3);
	assert_disk(&ds, 0, 0, "ex/db/a_b", "ex/db/Virtual Hard Disks/Disk.VHDX");
	assert_int_equal(ds.vms.v[0].n_disks, 1);
	assert_disk(&ds, 1, 0, "ex/gone", "ex/gone.vhdx");
	assert_disk(&ds, 2, 0, "ex/web/web 01", "ex/web/Virtual Hard Disks/disk.vhdx");
	assert_disk(&ds, 2, 1, "ex/web/web 01", "ex/web/Snapshots/Second.vhdx");
	assert_disk(&ds, 2, 2, "ex/web/web 01", "ex/web/Virtual Machines/beside.vhd");
	assert_disk(&ds, 2, 3, "ex/web/web 01", "ex/web/top.vhdx");
	assert_string_equal(ds.vms.v[2].label, "web 01");
	assert_string_equal(ds.vms.v[2].config, "ex/web/Virtual Machines/" GUID_A ".xml");
	assert_unresolved(&ds, 2, 4, ERR_CORRUPT,
			  "ex/web/Virtual Machines/" GUID_A ".xml: names the disk 'Z:\\gone.vhdx': no such image in SOURCE; if it "
			  "lies elsewhere, say where with --datastore NAME=DIR");
	assert_unresolved(&ds, 2, 5, ERR_UNSUPPORTED,
			  "ex/web/Virtual Machines/" GUID_A ".xml: names the disk '\\\\.\\PHYSICALDRIVE3', which is no image file: a "
			  "disk of the host itself cannot be replicated from here");
}

static void a_path_that_ends_as_an_image_lies_names_it(void **state)
{
	static const char *const web[] = { "D:\\store\\Disks\\web\\system.vhdx", NULL };
	static const char *const db[] = { "D:\\store\\Disks\\db\\system.vhdx", NULL };
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_xml(s, "Virtual Machines/" GUID_A ".xml", "web", web);
	put_xml(s, "Virtual Machines/" GUID_B ".xml", "db", db);
	put_image(s, "disks/db/system.vhdx");
	put_image(s, "disks/web/system.vhdx");
	put_image(s, "web/system.vhdx");
	put_image(s, "ks/db/system.vhdx"); /* no whole component */
	scan(s, &ds);
	assert_int_equal(ds.vms.n, 4);
	assert_disk(&ds, 0, 0, "db", "disks/db/system.vhdx");
	assert_disk(&ds, 1, 0, "ks/db/system", "ks/db/system.vhdx");
	assert_disk(&ds, 2, 0, "web", "disks/web/system.vhdx");
	assert_disk(&ds, 3, 0, "web/system", "web/system.vhdx");
}

static void two_that_fit_alike_are_an_error_that_names_both(void **state)
{
	static const char *const web[] = { "C:\\x\\a.vhdx", "C:\\x\\Snapshots\\b.vhdx", NULL };
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_xml(s, "web/Virtual Machines/" GUID_A ".xml", "web", web);
	put_image(s, "web/Virtual Hard Disks/a.vhdx");
	put_image(s, "web/Snapshots/A.vhdx");
	put_image(s, "web/Virtual Hard Disks/b.vhdx");
	put_image(s, "web/Snapshots/b.vhdx");
	scan(s, &ds);
	assert_string_equal(ds.vms.v[ds.vms.n - 1].name, "web/web");
	assert_unresolved(&ds, ds.vms.n - 1, 0, ERR_CORRUPT,
			  "web/Virtual Machines/" GUID_A ".xml: names the disk 'C:\\x\\a.vhdx', which may be web/Snapshots/A.vhdx or "
			  "web/Virtual Hard Disks/a.vhdx: say which with --datastore NAME=DIR");
	/* Neither's whole path is the end of the name: near by, both fit alike. */
	assert_int_equal(ds.vms.v[ds.vms.n - 1].disks[1].err.code, ERR_CORRUPT);
}

#define JSON_DRIVE(vm, n, path) \
	"{\"VMName\":\"" vm "\",\"Path\":\"" path "\",\"ControllerType\":1,\"ControllerNumber\":0,\"ControllerLocation\":" n "}"

static void an_export_of_many_vms_finds_images_by_their_names(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };
	size_t last;

	put(s, "host/vms.json", "[" JSON_DRIVE("web", "0", "C:\\\\VMs\\\\web\\\\system.vhdx") "," JSON_DRIVE(
		"web", "1", "C:\\\\ClusterStorage\\\\v1\\\\Only.vhdx") "," JSON_DRIVE("db", "0", "C:\\\\VMs\\\\db\\\\system.vhdx") "," JSON_DRIVE(
		"zz", "0", "C:\\\\VMs\\\\zz\\\\system.vhdx") "," JSON_DRIVE("zz", "1", "C:\\\\gone.vhdx") ",{\"VMName\":\"zz\",\"Path\":\"Disk 7 1 "
		"GB\",\"DiskNumber\":7,\"ControllerType\":1,\"ControllerLocation\":9}]");
	put_image(s, "web/system.vhdx");
	put_image(s, "db/system.vhdx");
	put_image(s, "deep/er/only.VHDX");
	put(s, "notes.json", "{\"HardDrives\": nonsense");
	put(s, "other.xml", "<a/>");
	scan(s, &ds);
	assert_int_equal(ds.vms.n, 3);
	assert_disk(&ds, 0, 0, "host/db", "db/system.vhdx");
	assert_disk(&ds, 1, 0, "host/web", "web/system.vhdx");
	assert_disk(&ds, 1, 1, "host/web", "deep/er/only.VHDX");
	last = 2;
	assert_string_equal(ds.vms.v[last].name, "host/zz");
	assert_unresolved(&ds, last, 0, ERR_CORRUPT,
			  "host/vms.json: names the disk 'C:\\VMs\\zz\\system.vhdx', which may be db/system.vhdx or web/system.vhdx: "
			  "say which with --datastore NAME=DIR");
	assert_unresolved(&ds, last, 1, ERR_CORRUPT,
			  "host/vms.json: names the disk 'C:\\gone.vhdx': no such image in SOURCE; if it lies elsewhere, say where "
			  "with --datastore NAME=DIR");
	assert_unresolved(&ds, last, 2, ERR_UNSUPPORTED,
			  "host/vms.json: names the disk 'Disk 7 1 GB', which is no image file: a disk of the host itself cannot be "
			  "replicated from here");
}

/* One VM more in an export must not rename the others. */
static void the_only_vm_of_an_export_is_called_by_its_label(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put(s, "vms.json", JSON_DRIVE("..", "0", "C:\\\\a.vhdx"));
	put_image(s, "a.vhdx");
	scan(s, &ds);
	assert_int_equal(ds.vms.n, 1);
	assert_disk(&ds, 0, 0, "_..", "a.vhdx");
}

static void a_checkpoint_s_leaf_is_the_disk_and_other_branches_are_none(void **state)
{
	static const char *const web[] = { "C:\\VMs\\web\\Snapshots\\sys_" GUID_B ".avhdx", NULL };
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_xml(s, "web/Virtual Machines/" GUID_A ".xml", "web", web);
	put_xml(s, "web/Snapshots/" GUID_B ".xml", "checkpoint", web);
	put_vhdx(s, "web/Virtual Hard Disks/sys.vhdx", NULL);
	put_vhdx(s, "web/Virtual Hard Disks/sys_" GUID_A ".avhdx", "sys.vhdx"); /* another branch */
	put_vhdx(s, "web/Virtual Hard Disks/sys_" GUID_B ".avhdx", "sys.vhdx");
	put_vhdx(s, "web/Virtual Hard Disks/clone.vhdx", "sys.vhdx"); /* no checkpoint: maybe another VM's */
	scan(s, &ds);
	assert_int_equal(ds.vms.n, 2);
	assert_disk(&ds, 0, 0, "web/Virtual Hard Disks/clone", "web/Virtual Hard Disks/clone.vhdx");
	assert_int_equal(ds.vms.v[0].disks[0].err.code, ERR_NONE);
	assert_disk(&ds, 1, 0, "web/web", "web/Virtual Hard Disks/sys_" GUID_B ".avhdx");
	assert_int_equal(ds.vms.v[1].disks[0].err.code, ERR_NONE);
	assert_string_equal(ds.vms.v[1].disks[0].root, "web/Virtual Hard Disks/sys.vhdx");
	assert_true(datastore_image_at(&ds, "web/Virtual Hard Disks/sys.vhdx")->configured);
}

static size_t warnings;

static void count_warning(void *ctx, enum log_level level, const char *module, const char *line)
{
	(void)ctx;
	(void)level;
	(void)module;
	(void)line;
	warnings++;
}

/* An export beside the configurations that it is of. */
static void two_configurations_of_one_vm_are_one_vm(void **state)
{
	static const char *const web[] = { "C:\\web\\a.vhdx", NULL };
	const struct scratch_dir *s = *state;

	put_xml(s, "Virtual Machines/" GUID_A ".xml", "web", web);
	put_image(s, "Virtual Hard Disks/a.vhdx");
	log_set_sink(count_warning, NULL);
	for (int i = 0; i < 2; i++) {
		CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

		put(s, "A.json", i == 0 ? JSON_DRIVE("web", "0", "C:\\\\web\\\\a.vhdx") : JSON_DRIVE("db", "0", "C:\\\\a.vhdx"));
		warnings = 0;
		scan(s, &ds);
		assert_int_equal(ds.vms.n, 1);
		assert_disk(&ds, 0, 0, "web", "Virtual Hard Disks/a.vhdx");
		assert_int_equal(warnings, i);
	}
	log_set_sink(NULL, NULL);
}

/* A base that children have and a VM too is a disk as long as one list says both; an older list says nothing of it. */
static void an_export_that_is_older_than_a_checkpoint_counts_less(void **state)
{
	static const char *const web[] = { "C:\\web\\base_" GUID_B ".avhdx", NULL };
	const struct scratch_dir *s = *state;

	put_vhdx(s, "web/base.vhdx", NULL);
	put_vhdx(s, "web/base_" GUID_B ".avhdx", "base.vhdx");
	put(s, "vms.json", "[" JSON_DRIVE("a", "0", "C:\\\\web\\\\base_" GUID_B ".avhdx") "," JSON_DRIVE("b", "0", "C:\\\\web\\\\base.vhdx") "]");
	for (int i = 0; i < 2; i++) {
		CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

		scan(s, &ds);
		assert_int_equal(ds.vms.n, 2 - i);
		assert_disk(&ds, 0, 0, i == 0 ? "a" : "web/now", "web/base_" GUID_B ".avhdx");
		if (i == 0)
			assert_disk(&ds, 1, 0, "b", "web/base.vhdx");
		put_xml(s, "web/Virtual Machines/" GUID_A ".xml", "now", web);
	}
}

static void a_datastore_says_where_a_path_lies(void **state)
{
	static const char *const web[] = { "C:\\ClusterStorage\\Volume1\\web\\a.vhdx", "C:\\ClusterStorage\\Volume1\\web\\b.vhdx", NULL };
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };
	char dir[100];
	const struct backing_datastore v1 = { .name = "C:\\ClusterStorage\\Volume1", .dir = dir };
	const struct datastore_options opt = { .datastores = &v1, .n_datastores = 1 };

	snprintf(dir, sizeof(dir), "%s/v1", s->path);
	put_xml(s, "conf/Virtual Machines/" GUID_A ".xml", "web", web);
	put_image(s, "conf/Virtual Hard Disks/a.vhdx"); /* an old copy */
	put_image(s, "conf/Virtual Hard Disks/b.vhdx");
	put_image(s, "v1/WEB/a.vhdx");
	scan_with(s, &opt, &ds);
	assert_string_equal(ds.vms.v[2].name, "conf/web");
	assert_disk(&ds, 2, 0, "conf/web", "v1/WEB/a.vhdx");
	assert_unresolved(&ds, 2, 1, ERR_CORRUPT, "conf/Virtual Machines/" GUID_A ".xml: names the disk 'v1/web/b.vhdx': no such image in "
			  "SOURCE");
}

static void what_a_mount_of_ours_shows_of_a_disk_is_one_disk(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	for (unsigned i = 0; i < 3; i++) {
		static const char *const folders[] = { "", "web/web.vmdk/", "db/disk.vhdx/" };
		static const char *const files[] = { "disk.raw", "disk.vhd", "blocks", "info.json" };

		for (unsigned k = 0; k < 4; k++) {
			char path[64];

			snprintf(path, sizeof(path), "%s%s", folders[i], files[k]);
			put(s, path, "0123456789abcdef");
		}
	}
	put_image(s, "own/disk.raw"); /* these are two */
	put_image(s, "own/disk.vhd");
	put(s, "own/info.json", "{}");
	scan(s, &ds);
	assert_int_equal(ds.n_images, 5);
	assert_string_equal(ds.images[0].path, "db/disk.vhdx/disk.raw");
	assert_string_equal(ds.images[1].path, "disk.raw");
	assert_string_equal(ds.images[2].path, "own/disk.raw");
	assert_string_equal(ds.images[3].path, "own/disk.vhd");
	assert_string_equal(ds.images[4].path, "web/web.vmdk/disk.raw");
	assert_int_equal(ds.n_configs, 1);
	assert_string_equal(ds.configs[0], "own/info.json");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_folder_of_a_vm),
		cmocka_unit_test_setup_teardown(an_export_has_its_disks_in_the_folders_of_its_vm, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(a_path_that_ends_as_an_image_lies_names_it, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(two_that_fit_alike_are_an_error_that_names_both, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(an_export_of_many_vms_finds_images_by_their_names, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(the_only_vm_of_an_export_is_called_by_its_label, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(a_checkpoint_s_leaf_is_the_disk_and_other_branches_are_none, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(two_configurations_of_one_vm_are_one_vm, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(an_export_that_is_older_than_a_checkpoint_counts_less, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(a_datastore_says_where_a_path_lies, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(what_a_mount_of_ours_shows_of_a_disk_is_one_disk, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests_name("datastore-hyperv", tests, NULL, NULL);
}
