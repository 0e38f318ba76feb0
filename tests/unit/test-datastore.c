/* SPDX-License-Identifier: Apache-2.0 */
/* Datastores of small files in a folder of their own.  Chains come from hand-written descriptors over flat extents. */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "inventory/datastore.h"

struct tree {
	char path[64];
	int fd;
};

static int make_tree(void **state)
{
	static struct tree t;

	snprintf(t.path, sizeof(t.path), "test-datastore-XXXXXX");
	if (!mkdtemp(t.path))
		return -1;
	t.fd = open(t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &t;
	return t.fd < 0;
}

static int remove_tree(void **state)
{
	const struct tree *t = *state;
	char command[96];

	close(t->fd);
	snprintf(command, sizeof(command), "rm -rf '%s'", t->path);
	return system(command);
}

static void put(const struct tree *t, const char *path, const char *text, size_t len)
{
	struct error e = ERROR_INIT;
	const char *slash = strrchr(path, '/');
	char folder[128] = "";

	if (slash) {
		memcpy(folder, path, (size_t)(slash - path));
		assert_int_equal(io_mkdirs(t->fd, folder, 0755, &e), 0);
	}
	int fd = openat(t->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(io_pwrite(fd, text, len, 0, &e), 0);
	close(fd);
}

static void put_raw(const struct tree *t, const char *path)
{
	static const char zeros[4096];

	put(t, path, zeros, sizeof(zeros));
}

/* A one-extent flat VMDK, with its -flat file; parent NULL: a base. */
static void put_vmdk(const struct tree *t, const char *folder, const char *stem, unsigned cid, unsigned parent_cid,
		     const char *parent)
{
	char text[1024], path[160];

	snprintf(text, sizeof(text),
		 "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=%08x\ncreateType=\"monolithicFlat\"\n%s%s%s"
		 "RW 8 FLAT \"%s-flat.vmdk\" 0\nddb.uuid = \"60 00 C2 %02x\"\n",
		 cid, parent ? parent_cid : 0xffffffffu, parent ? "parentFileNameHint=\"" : "", parent ? parent : "",
		 parent ? "\"\n" : "", stem, cid & 0xff);
	snprintf(path, sizeof(path), "%s%s.vmdk", folder, stem);
	put(t, path, text, strlen(text));
	snprintf(path, sizeof(path), "%s%s-flat.vmdk", folder, stem);
	put_raw(t, path);
}

static void scan(const struct tree *t, struct datastore *ds)
{
	struct error e = ERROR_INIT;

	if (datastore_find(t->path, NULL, ds, &e) < 0 || datastore_scan(ds, NULL, &e) < 0)
		fail_msg("%s", e.msg);
}

static void assert_disk(const struct datastore *ds, size_t vm, size_t disk, const char *vm_name, const char *image,
			const char *replica)
{
	assert_true(vm < ds->vms.n && disk < ds->vms.v[vm].n_disks);
	assert_string_equal(ds->vms.v[vm].name, vm_name);
	assert_string_equal(ds->vms.v[vm].disks[disk].image, image);
	assert_string_equal(ds->vms.v[vm].disks[disk].replica_name, replica);
}

static void only_images_are_found_and_extents_are_none(void **state)
{
	const struct tree *t = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_vmdk(t, "web01/", "web01", 1, 0, NULL);
	put(t, "web01/odd-name.vmdk", "# Disk DescriptorFile\nversion=1\nCID=5\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
	    "RW 8 FLAT \"body.vmdk\" 0\n", 109);
	put_raw(t, "web01/body.vmdk");
	put_raw(t, "web01/web01-ctk.vmdk");
	put_raw(t, "web01/web01.nvram");
	put_raw(t, "web01/vmware.log");
	put_raw(t, ".snapshot/web01.raw");
	put_raw(t, "~snapshot/web01.raw");
	put_raw(t, "x/UPPER.RAW");
	assert_int_equal(symlinkat("x/UPPER.RAW", t->fd, "link.raw"), 0);
	scan(t, &ds);
	assert_int_equal(ds.n_images, 3);
	assert_string_equal(ds.images[0].path, "web01/odd-name.vmdk");
	assert_string_equal(ds.images[1].path, "web01/web01.vmdk");
	assert_string_equal(ds.images[2].path, "x/UPPER.RAW");
}

/* The guest owns the bytes of a flat extent: what it writes there must not hide another disk. */
static void a_descriptor_inside_an_extent_claims_nothing(void **state)
{
	static const char forged[] = "# Disk DescriptorFile\nversion=1\nCID=5\nparentCID=ffffffff\n"
				     "createType=\"monolithicFlat\"\nRW 8 FLAT \"victim.raw\" 0\nRW 8 FLAT \"victim.vmdk\" 0\n";
	const struct tree *t = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_vmdk(t, "", "evil", 1, 0, NULL);
	put(t, "evil-flat.vmdk", forged, sizeof(forged) - 1);
	put_vmdk(t, "", "victim", 2, 0, NULL);
	scan(t, &ds);
	assert_int_equal(ds.n_images, 2);
	assert_string_equal(ds.images[1].path, "victim.vmdk");
}

/* Nor does one VM's descriptor hide the disk of another. */
static void a_name_that_leads_out_of_its_folder_claims_nothing(void **state)
{
	static const char text[] = "# Disk DescriptorFile\nversion=1\nCID=5\nparentCID=ffffffff\n"
				   "createType=\"monolithicFlat\"\nRW 8 FLAT \"../victim/victim.raw\" 0\n";
	const struct tree *t = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put(t, "evil/evil.vmdk", text, sizeof(text) - 1);
	put_raw(t, "victim/victim.raw");
	scan(t, &ds);
	assert_int_equal(ds.n_images, 2);
	assert_string_equal(ds.images[1].path, "victim/victim.raw");
}

static void a_configuration_names_the_current_disks(void **state)
{
	static const char vmx[] = "displayName = \"Web one\"\nscsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"web01-000002.vmdk\"\n"
				  "scsi0:1.present = \"TRUE\"\nscsi0:1.fileName = \"web01_1.vmdk\"\n"
				  "scsi0:2.present = \"TRUE\"\nscsi0:2.fileName = \"/vmfs/volumes/other/x.vmdk\"\n"
				  "scsi0:3.present = \"TRUE\"\nscsi0:3.fileName = \"gone.vmdk\"\n";
	const struct tree *t = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put(t, "web01/web01.vmx", vmx, sizeof(vmx) - 1);
	put_vmdk(t, "web01/", "web01", 1, 0, NULL);
	put_vmdk(t, "web01/", "web01-000001", 2, 1, "web01.vmdk"); /* another branch */
	put_vmdk(t, "web01/", "web01-000002", 3, 1, "web01.vmdk");
	put_vmdk(t, "web01/", "web01_1", 4, 0, NULL);
	put_vmdk(t, "web01/", "leftover", 5, 0, NULL);
	scan(t, &ds);
	assert_int_equal(ds.vms.n, 2);
	assert_disk(&ds, 0, 0, "web01/leftover", "web01/leftover.vmdk", "web01/leftover.vhd");
	assert_null(ds.vms.v[0].config);
	assert_disk(&ds, 1, 0, "web01/web01", "web01/web01-000002.vmdk", "web01/web01.vhd");
	assert_disk(&ds, 1, 1, "web01/web01", "web01/web01_1.vmdk", "web01/web01_1.vhd");
	assert_string_equal(ds.vms.v[1].label, "Web one");
	assert_string_equal(ds.vms.v[1].config, "web01/web01.vmx");
	assert_int_equal(ds.vms.v[1].n_disks, 4);
	assert_error(&ds.vms.v[1].disks[2].err, ERR_REFUSED,
		     "web01/web01.vmx: names the disk '/vmfs/volumes/other/x.vmdk', which lies outside SOURCE: "
		     "--datastore NAME=DIR says where");
	assert_error(&ds.vms.v[1].disks[3].err, ERR_CORRUPT,
		     "web01/web01.vmx: names the disk 'web01/gone.vmdk': no such image in SOURCE");
	assert_string_equal(ds.vms.v[1].disks[0].id, "60 00 C2 01"); /* the root's */
	assert_true(datastore_image_at(&ds, "web01/web01.vmdk")->configured);
	assert_false(datastore_image_at(&ds, "web01/leftover.vmdk")->configured);
}

static void without_a_configuration_leaves_and_numbers_decide(void **state)
{
	const struct tree *t = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_raw(t, "db/db.raw");
	put_raw(t, "db/db_1.raw");
	put_raw(t, "db/other_1.raw"); /* no "other": a VM of its own */
	put_vmdk(t, "base/", "gold", 1, 0, NULL);
	put_vmdk(t, "c1/", "c1", 2, 1, "../base/gold.vmdk");
	put_vmdk(t, "c2/", "c2", 3, 1, "../base/gold.vmdk");
	scan(t, &ds);
	assert_int_equal(ds.vms.n, 4);
	assert_disk(&ds, 0, 0, "c1/c1", "c1/c1.vmdk", "c1/c1.vhd");
	assert_disk(&ds, 1, 0, "c2/c2", "c2/c2.vmdk", "c2/c2.vhd");
	assert_disk(&ds, 2, 0, "db/db", "db/db.raw", "db/db.vhd");
	assert_disk(&ds, 2, 1, "db/db", "db/db_1.raw", "db/db_1.vhd");
	assert_disk(&ds, 3, 0, "db/other_1", "db/other_1.raw", "db/other_1.vhd");
	assert_false(datastore_image_at(&ds, "base/gold.vmdk")->leaf);
}

static void branches_without_a_configuration_are_an_error_that_names_both(void **state)
{
	const struct tree *t = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_vmdk(t, "", "w", 1, 0, NULL);
	put_vmdk(t, "", "w-000001", 2, 1, "w.vmdk");
	put_vmdk(t, "", "w-000002", 3, 1, "w.vmdk");
	put_raw(t, "fine.raw");
	scan(t, &ds);
	assert_int_equal(ds.vms.v[0].disks[0].err.code, ERR_NONE);
	assert_error(&ds.vms.v[1].disks[0].err, ERR_CORRUPT,
		     "w-000001.vmdk: one of several leaves of w.vmdk (w-000002.vmdk is another), and no configuration says "
		     "which is the disk: pick one with --include");
	assert_int_equal(ds.vms.v[1].disks[1].err.code, ERR_CORRUPT);
}

static void an_image_that_does_not_open_is_a_disk_with_an_error(void **state)
{
	const struct tree *t = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put(t, "bad.vhdx", "not a disk", 10);
	put_raw(t, "good.raw");
	scan(t, &ds);
	assert_int_equal(ds.vms.n, 2);
	assert_true(ds.vms.v[0].disks[0].err.code == ERR_CORRUPT || ds.vms.v[0].disks[0].err.code == ERR_UNSUPPORTED);
	assert_int_equal(ds.vms.v[1].disks[0].err.code, ERR_NONE);
}

/* One that fails for a while must not hand its name, and with it its replica, to an old state. */
static void the_parent_of_what_does_not_open_is_no_disk(void **state)
{
	const struct tree *t = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_vmdk(t, "web/", "web", 1, 0, NULL); /* its snapshot is not even a descriptor */
	put(t, "web/web-000001.vmdk", "torn", 4);
	put_vmdk(t, "db/", "db", 2, 0, NULL); /* its snapshot is cut behind the parent's name */
	put(t, "db/db-000001.vmdk", "# Disk DescriptorFile\nversion=1\nCID=9\nparentCID=00000007\ncreateType=\"monolithicFlat\"\n"
	    "parentFileNameHint=\"db.vmdk\"\nRW 8 ZERO\n", 125);
	scan(t, &ds);
	assert_int_equal(ds.vms.n, 2);
	assert_int_equal(ds.vms.v[0].n_disks, 1);
	assert_disk(&ds, 0, 0, "db/db", "db/db-000001.vmdk", "db/db.vhd");
	assert_int_equal(ds.vms.v[0].disks[0].err.code, ERR_CORRUPT);
	assert_int_equal(ds.vms.v[1].n_disks, 2);
	for (size_t i = 0; i < 2; i++)
		assert_true(ds.vms.v[1].disks[i].err.code != ERR_NONE);
	assert_error(&ds.vms.v[1].disks[1].err, ERR_CORRUPT,
		     "web/web.vmdk: may be the parent of web/web-000001.vmdk, which does not open: what it holds may be an "
		     "old state");
}

/* The names of the others stay what they were. */
static void a_clone_that_does_not_open_still_shares_its_root(void **state)
{
	const struct tree *t = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_vmdk(t, "base/", "gold", 1, 0, NULL);
	put_vmdk(t, "c1/", "c1", 2, 99, "../base/gold.vmdk");
	put_vmdk(t, "c2/", "c2", 3, 1, "../base/gold.vmdk");
	scan(t, &ds);
	assert_int_equal(ds.vms.n, 2);
	assert_disk(&ds, 0, 0, "c1/c1", "c1/c1.vmdk", "c1/c1.vhd");
	assert_int_equal(ds.vms.v[0].disks[0].err.code, ERR_CORRUPT);
	assert_disk(&ds, 1, 0, "c2/c2", "c2/c2.vmdk", "c2/c2.vhd");
	assert_int_equal(ds.vms.v[1].disks[0].err.code, ERR_NONE);
}

/* The only clone of a base in another folder: the base must not take the replica over that the clone has. */
static void the_base_of_a_clone_that_does_not_open_says_so(void **state)
{
	const struct tree *t = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_vmdk(t, "base/", "gold", 1, 0, NULL);
	put_vmdk(t, "c1/", "c1", 2, 99, "../base/gold.vmdk");
	scan(t, &ds);
	assert_int_equal(ds.vms.n, 2);
	assert_error(&ds.vms.v[0].disks[0].err, ERR_CORRUPT,
		     "base/gold.vmdk: is the parent of c1/c1.vmdk, which does not open: what it holds may be an old state");
}

static char said[4096];

static void hear(void *ctx, enum log_level level, const char *module, const char *line)
{
	size_t len = strlen(said);

	(void)ctx;
	(void)level;
	(void)module;
	snprintf(said + len, sizeof(said) - len, "%s\n", line);
}

static void scan_aloud(const struct tree *t, struct datastore *ds)
{
	said[0] = '\0';
	log_set_sink(hear, NULL);
	scan(t, ds);
	log_set_sink(NULL, NULL);
}

static void put_vmx(const struct tree *t, const char *path, const char *label, const char *disk)
{
	char text[256];

	snprintf(text, sizeof(text), "displayName = \"%s\"\nscsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"%s\"\n", label, disk);
	put(t, path, text, strlen(text));
}

/* Anybody may call a VM so. */
static void a_label_alone_does_not_make_a_capture_silent(void **state)
{
	const struct tree *t = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_raw(t, "b/web.raw");
	put_vmx(t, "a/web.vmx", "web", "../b/web.raw");
	put_vmx(t, "b/web.vmx", "web", "web.raw");
	scan_aloud(t, &ds);
	assert_non_null(strstr(said, "b/web.vmx: names b/web.raw, which another configuration names too; it stays with that one"));
}

static void a_configuration_that_names_an_old_state_is_said_to(void **state)
{
	const struct tree *t = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_vmdk(t, "w/", "w", 1, 0, NULL);
	put_vmdk(t, "w/", "w-000001", 2, 1, "w.vmdk");
	put_vmx(t, "w/w.vmx", "w", "w.vmdk");
	scan_aloud(t, &ds);
	assert_int_equal(ds.vms.n, 1);
	assert_non_null(strstr(said, "w/w-000001.vmdk: left out: w/w.vmx names its parent w/w.vmdk, which may be an old state"));
}

static void a_single_image_begins_at_its_folder_or_at_a_mark(void **state)
{
	const struct tree *t = *state;
	CLEANUP(cleanup_datastore) struct datastore plain = { 0 }, marked = { 0 }, none = { 0 };
	struct error e = ERROR_INIT;
	char path[128];

	put_raw(t, "a/b/x.raw");
	put_raw(t, "a/b/y.raw");
	put_raw(t, "a/b/z.txt");
	snprintf(path, sizeof(path), "%s/a/b/x.raw", t->path);
	assert_int_equal(datastore_find(path, NULL, &plain, &e), 0);
	assert_int_equal(datastore_scan(&plain, NULL, &e), 0);
	assert_int_equal(plain.vms.n, 1);
	assert_disk(&plain, 0, 0, "x", "x.raw", "x.vhd");
	snprintf(path, sizeof(path), "%s/a/./b/x.raw", t->path);
	assert_int_equal(datastore_find(path, NULL, &marked, &e), 0);
	assert_int_equal(datastore_scan(&marked, NULL, &e), 0);
	assert_disk(&marked, 0, 0, "b/x", "b/x.raw", "b/x.vhd");
	snprintf(path, sizeof(path), "%s/a/b/z.txt", t->path);
	assert_int_equal(datastore_find(path, NULL, &none, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_images_are_found_and_extents_are_none, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(a_descriptor_inside_an_extent_claims_nothing, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(a_name_that_leads_out_of_its_folder_claims_nothing, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(a_configuration_names_the_current_disks, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(without_a_configuration_leaves_and_numbers_decide, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(branches_without_a_configuration_are_an_error_that_names_both, make_tree,
						remove_tree),
		cmocka_unit_test_setup_teardown(an_image_that_does_not_open_is_a_disk_with_an_error, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(the_parent_of_what_does_not_open_is_no_disk, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(a_clone_that_does_not_open_still_shares_its_root, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(the_base_of_a_clone_that_does_not_open_says_so, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(a_label_alone_does_not_make_a_capture_silent, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(a_configuration_that_names_an_old_state_is_said_to, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(a_single_image_begins_at_its_folder_or_at_a_mark, make_tree, remove_tree),
	};

	return cmocka_run_group_tests_name("datastore", tests, NULL, NULL);
}
