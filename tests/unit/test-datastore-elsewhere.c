/* SPDX-License-Identifier: Apache-2.0 */
/* A source, near/, whose VMs have disks and parents in another datastore, far/. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "inventory/datastore.h"
#include "support/scratch.h"

static void put(const struct scratch_dir *s, const char *path, const char *text, size_t len)
{
	char folder[128] = "";

	memcpy(folder, path, (size_t)(strrchr(path, '/') - path));
	assert_int_equal(io_mkdirs(s->fd, folder, 0755, NULL), 0);
	scratch_write(s, path, text, len);
}

/* A flat VMDK of one extent; parent NULL: a base. */
static void put_vmdk(const struct scratch_dir *s, const char *folder, const char *stem, unsigned cid, unsigned parent_cid,
		     const char *parent)
{
	static const char zeros[4096];
	char text[1024], path[160];

	snprintf(text, sizeof(text),
		 "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=%08x\ncreateType=\"monolithicFlat\"\n%s%s%s"
		 "RW 8 FLAT \"%s-flat.vmdk\" 0\nddb.uuid = \"60 00 C2 %02x\"\n",
		 cid, parent ? parent_cid : 0xffffffffu, parent ? "parentFileNameHint=\"" : "", parent ? parent : "",
		 parent ? "\"\n" : "", stem, cid & 0xff);
	snprintf(path, sizeof(path), "%s%s.vmdk", folder, stem);
	put(s, path, text, strlen(text));
	snprintf(path, sizeof(path), "%s%s-flat.vmdk", folder, stem);
	put(s, path, zeros, sizeof(zeros));
}

/* The disks of scsi0:0, scsi0:1 ... */
static void put_vmx(const struct scratch_dir *s, const char *path, const char *const *disks, size_t n)
{
	char text[2048] = "";
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"scsi0:%zu.present = \"TRUE\"\nscsi0:%zu.fileName = \"%s\"\n", i, i, disks[i]);
	put(s, path, text, len);
}

struct place {
	const char *name, *sub;
};

static int find(const struct scratch_dir *s, const char *source, const struct place *places, size_t n,
		struct datastore *ds, struct error *err)
{
	char path[128], dirs[4][128];
	struct backing_datastore v[4];
	const struct datastore_options opt = { .datastores = v, .n_datastores = n };

	for (size_t i = 0; i < n; i++) {
		snprintf(dirs[i], sizeof(dirs[i]), "%s/%s", s->path, places[i].sub);
		v[i] = (struct backing_datastore){ places[i].name, dirs[i] };
	}
	snprintf(path, sizeof(path), "%s/%s", s->path, source);
	if (datastore_find(path, &opt, ds, err) < 0)
		return -1;
	return datastore_scan(ds, &opt, err);
}

static void scan(const struct scratch_dir *s, const struct place *places, size_t n, struct datastore *ds)
{
	struct error e = ERROR_INIT;

	if (find(s, "near", places, n, ds, &e) < 0)
		fail_msg("%s", e.msg);
}

static void assert_disk(const struct datastore *ds, size_t vm, size_t disk, const char *vm_name, const char *image,
			const char *replica, const char *msg)
{
	assert_true(vm < ds->vms.n && disk < ds->vms.v[vm].n_disks);
	assert_string_equal(ds->vms.v[vm].name, vm_name);
	assert_string_equal(ds->vms.v[vm].disks[disk].err.msg, msg);
	assert_string_equal(ds->vms.v[vm].disks[disk].image, image);
	assert_string_equal(ds->vms.v[vm].disks[disk].replica_name, replica);
}

static void a_vm_may_have_disks_in_several_datastores(void **state)
{
	static const char *const disks[] = { "web.vmdk", "/vmfs/volumes/5f3a-bb/web/web_1.vmdk", "[ds2] top.vmdk",
					     "/vmfs/volumes/none/web_3.vmdk", "[ds2] web/gone.vmdk",
					     "[ds2] ../near/web/web.vmdk" };
	static const struct place places[] = { { "ds2", "far" }, { "5f3a-bb", "far" } };
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };
	const struct datastore_image *image;

	put_vmdk(s, "near/web/", "web", 1, 0, NULL);
	put_vmdk(s, "far/web/", "web_1", 2, 0, NULL);
	put_vmdk(s, "far/", "top", 3, 0, NULL);
	put_vmdk(s, "far/other/", "other", 4, 0, NULL);
	put_vmx(s, "near/web/web.vmx", disks, ARRAY_LEN(disks));
	scan(s, places, 2, &ds);
	assert_int_equal(ds.vms.n, 1);
	assert_int_equal(ds.vms.v[0].n_disks, 6);
	assert_disk(&ds, 0, 0, "web/web", "web/web.vmdk", "web/web.vhd", "");
	assert_disk(&ds, 0, 1, "web/web", "[ds2] web/web_1.vmdk", "ds2/web/web_1.vhd", "");
	assert_disk(&ds, 0, 2, "web/web", "[ds2] ./top.vmdk", "ds2/top.vhd", "");
	assert_int_equal(ds.vms.v[0].disks[1].virtual_size, 4096);
	assert_string_equal(ds.vms.v[0].disks[1].id, "60 00 C2 02");
	assert_string_equal(ds.vms.v[0].disks[3].err.msg,
			    "web/web.vmx: names the disk '/vmfs/volumes/none/web_3.vmdk', which lies outside SOURCE: "
			    "--datastore NAME=DIR says where");
	assert_int_equal(ds.vms.v[0].disks[3].err.code, ERR_REFUSED);
	assert_string_equal(ds.vms.v[0].disks[4].err.msg,
			    "web/web.vmx: names the disk '[ds2] web/gone.vmdk': no such image in that datastore");
	assert_int_equal(ds.vms.v[0].disks[4].err.code, ERR_CORRUPT);
	assert_string_equal(ds.vms.v[0].disks[5].err.msg,
			    "web/web.vmx: '[ds2] ../near/web/web.vmdk': leads out of the datastore 'ds2'");
	assert_int_equal(ds.vms.v[0].disks[5].err.code, ERR_REFUSED);
	/* What nobody names there is not ours; images are in order. */
	assert_int_equal(ds.n_images, 3);
	for (size_t i = 1; i < ds.n_images; i++)
		assert_true(strcmp(ds.images[i - 1].path, ds.images[i].path) < 0);
	image = datastore_image_at(&ds, "[ds2] web/web_1.vmdk");
	assert_non_null(image);
	assert_true(image->elsewhere && image->configured);
	assert_int_equal(image->files[0].inode != 0, 1);
}

static void a_datastore_inside_the_source_adds_nothing(void **state)
{
	static const char *const disks[] = { "/vmfs/volumes/ds1/web/web.vmdk", "[ds2] web/web_1.vmdk" };
	static const struct place places[] = { { "ds1", "near/ds1" }, { "ds2", "near/ds2" } };
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_vmdk(s, "near/ds1/web/", "web", 1, 0, NULL);
	put_vmdk(s, "near/ds2/web/", "web_1", 2, 0, NULL);
	put_vmdk(s, "near/ds2/other/", "other", 4, 0, NULL);
	put_vmx(s, "near/ds1/web/web.vmx", disks, 2);
	scan(s, places, 2, &ds);
	assert_int_equal(ds.vms.n, 2);
	assert_disk(&ds, 0, 0, "ds1/web/web", "ds1/web/web.vmdk", "ds1/web/web.vhd", "");
	assert_disk(&ds, 0, 1, "ds1/web/web", "ds2/web/web_1.vmdk", "ds2/web/web_1.vhd", "");
	assert_disk(&ds, 1, 0, "ds2/other/other", "ds2/other/other.vmdk", "ds2/other/other.vhd", "");
	assert_int_equal(ds.n_images, 3);
	for (size_t i = 0; i < ds.n_images; i++)
		assert_false(ds.images[i].elsewhere);
}

static void relative_paths_may_climb_inside_the_source(void **state)
{
	static const char *const disks[] = { "../../ds2/web/web_1.vmdk", "../../../far/x.vmdk" };
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_vmdk(s, "near/ds2/web/", "web_1", 2, 0, NULL);
	put_vmdk(s, "far/", "x", 1, 0, NULL);
	put_vmx(s, "near/ds1/web/web.vmx", disks, 2);
	scan(s, NULL, 0, &ds);
	assert_disk(&ds, 0, 0, "ds1/web/web", "ds2/web/web_1.vmdk", "ds2/web/web_1.vhd", "");
	assert_string_equal(ds.vms.v[0].disks[1].err.msg,
			    "ds1/web/web.vmx: names the disk '../../../far/x.vmdk', which lies outside SOURCE");
}

static void clones_of_a_base_elsewhere_are_called_by_their_own_names(void **state)
{
	static const struct place places[] = { { "C:\\ClusterStorage\\Volume2", "far" } };
	static const char hint[] = "C:\\ClusterStorage\\volume2\\base\\base.vmdk";
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_vmdk(s, "far/base/", "base", 1, 0, NULL);
	put_vmdk(s, "near/clone/", "clone", 2, 1, hint);
	put_vmdk(s, "near/snap/", "base-000001", 3, 1, hint); /* a snapshot, kept apart from its disk */
	scan(s, places, 1, &ds);
	assert_int_equal(ds.vms.n, 2);
	assert_disk(&ds, 0, 0, "clone/clone", "clone/clone.vmdk", "clone/clone.vhd", "");
	assert_disk(&ds, 1, 0, "snap/base", "snap/base-000001.vmdk", "snap/base.vhd", "");
	assert_string_equal(ds.vms.v[0].disks[0].root, "[C:\\ClusterStorage\\Volume2] base/base.vmdk");
	datastore_fini(&ds);
	/* Alone: the snapshot's disk is its root, wherever that lies. */
	assert_int_equal(unlinkat(s->fd, "near/clone/clone.vmdk", 0), 0);
	assert_int_equal(unlinkat(s->fd, "near/clone/clone-flat.vmdk", 0), 0);
	scan(s, places, 1, &ds);
	assert_disk(&ds, 0, 0, "snap/base", "snap/base-000001.vmdk", "Volume2/base/base.vhd", "");
}

static void names_of_windows_are_found_as_they_are_spelled_here(void **state)
{
	static const char *const disks[] = { "C:\\ClusterStorage\\Volume1\\WEB\\Web_1.vmdk", "sub\\Web_2.VMDK" };
	static const struct place places[] = { { "c:/clusterstorage/volume1", "far" } };
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };

	put_vmx(s, "near/web/web.vmx", disks, 2);
	put_vmdk(s, "far/web/", "web_1", 2, 0, NULL);
	put_vmdk(s, "near/web/sub/", "web_2", 3, 0, NULL);
	scan(s, places, 1, &ds);
	assert_int_equal(ds.vms.n, 1);
	assert_disk(&ds, 0, 0, "web/web", "[c:/clusterstorage/volume1] web/web_1.vmdk", "volume1/web/web_1.vhd", "");
	assert_disk(&ds, 0, 1, "web/web", "web/sub/web_2.vmdk", "web/sub/web_2.vhd", "");
}

static void what_is_in_no_datastore_given_is_never_opened(void **state)
{
	static const char *const disks[] = { "[ds2] link.vmdk", "[ds2] out/secret.vmdk", "/etc/passwd",
					     "[ds2] pipe.vmdk" };
	static const struct place places[] = { { "ds2", "far" } };
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };
	char *at;

	put_vmdk(s, "secret/", "secret", 1, 0, NULL);
	put_vmdk(s, "far/", "x", 1, 0, NULL);
	assert_int_equal(symlinkat("x.vmdk", s->fd, "far/link.vmdk"), 0); /* even one that stays */
	assert_int_equal(symlinkat("../secret", s->fd, "far/out"), 0);
	assert_int_equal(mkfifoat(s->fd, "far/pipe.vmdk", 0600), 0);
	put_vmx(s, "near/web/web.vmx", disks, ARRAY_LEN(disks));
	scan(s, places, 1, &ds);
	assert_int_equal(ds.vms.v[0].n_disks, 4);
	at = strstr(ds.vms.v[0].disks[1].err.msg, s->path);
	assert_non_null(at);
	memcpy(at, "DIR", 4);
	assert_string_equal(ds.vms.v[0].disks[2].err.msg,
			    "web/web.vmx: names the disk '/etc/passwd', which lies outside SOURCE: --datastore NAME=DIR says "
			    "where");
	assert_string_equal(ds.vms.v[0].disks[0].err.msg,
			    "[ds2] ./link.vmdk: a symbolic link, which is not followed here");
	assert_string_equal(ds.vms.v[0].disks[1].err.msg, "[ds2] out/secret.vmdk: leads out of DIR");
	assert_string_equal(ds.vms.v[0].disks[3].err.msg, "[ds2] ./pipe.vmdk: not a regular file");
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(ds.vms.v[0].disks[i].virtual_size, 0);
}

static void names_that_would_mean_two_files_are_refused(void **state)
{
	static const struct place places[] = { { "ds2", "far" } };
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };
	struct error e = ERROR_INIT;

	put_vmdk(s, "near/[ds2] web/", "web", 1, 0, NULL);
	put_vmdk(s, "near/[old] web/", "web", 1, 0, NULL);
	assert_int_equal(mkdirat(s->fd, "far", 0700), 0);
	assert_int_equal(find(s, "near", places, 1, &ds, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_non_null(strstr(e.msg, "[ds2] web/web-flat.vmdk: its name begins as those in the datastore 'ds2' do: call that "
				      "one by another of its names"));
	assert_int_equal(unlinkat(s->fd, "near/[ds2] web/web.vmdk", 0), 0);
	assert_int_equal(unlinkat(s->fd, "near/[ds2] web/web-flat.vmdk", 0), 0);
	scan(s, places, 1, &ds);
	assert_disk(&ds, 0, 0, "[old] web/web", "[old] web/web.vmdk", "[old] web/web.vhd", "");
}

static void extents_named_absolutely_are_no_disks(void **state)
{
	static const char text[] = "# Disk DescriptorFile\nversion=1\nCID=5\nparentCID=ffffffff\ncreateType=\"vmfs\"\n"
				   "RW 8 VMFS \"/vmfs/volumes/ds1/web/body.vmdk\"\n";
	static const struct place places[] = { { "ds1", "near" } };
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };
	static const char zeros[4096];

	put(s, "near/web/web.vmdk", text, sizeof(text) - 1);
	put(s, "near/web/body.vmdk", zeros, sizeof(zeros));
	scan(s, places, 1, &ds);
	assert_int_equal(ds.n_images, 1);
	assert_disk(&ds, 0, 0, "web/web", "web/web.vmdk", "web/web.vhd", "");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_vm_may_have_disks_in_several_datastores),
		TEST(a_datastore_inside_the_source_adds_nothing),
		TEST(relative_paths_may_climb_inside_the_source),
		TEST(clones_of_a_base_elsewhere_are_called_by_their_own_names),
		TEST(names_of_windows_are_found_as_they_are_spelled_here),
		TEST(what_is_in_no_datastore_given_is_never_opened),
		TEST(names_that_would_mean_two_files_are_refused),
		TEST(extents_named_absolutely_are_no_disks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
