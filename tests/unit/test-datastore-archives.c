/* SPDX-License-Identifier: Apache-2.0 */
/* OVAs and OVFs in a datastore. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "inventory/datastore.h"
#include "support/ova_writer.h"

enum { LEN = 4096 };

static const char two_files[] = "<File ovf:id=\"1\" ovf:href=\"one.raw\"/><File ovf:id=\"2\" ovf:href=\"two.raw\"/>";
static const char two_disks[] = "<Disk ovf:diskId=\"a\" ovf:fileRef=\"1\" ovf:capacity=\"4096\"/>"
				"<Disk ovf:diskId=\"b\" ovf:fileRef=\"2\" ovf:capacity=\"4096\"/>";
static const char second_first[] = "<Item><HostResource>ovf:/disk/b</HostResource></Item>"
				   "<Item><HostResource>ovf:/disk/a</HostResource></Item>";

static void save(const struct scratch_dir *s, const char *name, const char *ovf, const char *disk1, const char *disk2)
{
	static const uint8_t content[LEN] = "content";
	struct ova_writer w = { 0 };

	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	if (disk1)
		ova_writer_add(&w, disk1, content, LEN);
	if (disk2)
		ova_writer_add(&w, disk2, content, LEN);
	ova_writer_end(&w);
	ova_writer_save(&w, s, name);
	ova_writer_fini(&w);
}

static void scan(const char *path, struct datastore *ds)
{
	struct error e = ERROR_INIT;

	if (datastore_find(path, NULL, ds, &e) < 0 || datastore_scan(ds, NULL, &e) < 0)
		fail_msg("%s", e.msg);
}

static void assert_vm(const struct datastore *ds, size_t i, const char *name, const char *label, const char *config,
		      size_t n_disks)
{
	assert_true(i < ds->vms.n);
	assert_string_equal(ds->vms.v[i].name, name);
	assert_string_equal(ds->vms.v[i].label, label);
	if (config)
		assert_string_equal(ds->vms.v[i].config, config);
	else
		assert_null(ds->vms.v[i].config);
	assert_int_equal(ds->vms.v[i].n_disks, n_disks);
}

static void assert_disk(const struct datastore *ds, size_t vm, size_t disk, const char *image, const char *replica)
{
	const struct vm_disk *d = &ds->vms.v[vm].disks[disk];

	assert_string_equal(d->image, image);
	assert_string_equal(d->replica_name, replica);
	assert_error(&d->err, ERR_NONE, "");
	assert_int_equal(d->virtual_size, LEN);
}

static void archives_are_images_and_configurations(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };
	char ovf[OVA_W_OVF_MAX];
	struct vm_disk *bad;

	assert_int_equal(mkdirat(s->fd, "x", 0700), 0);
	ova_writer_ovf_one(ovf, "d.raw", LEN);
	save(s, "x/[one].ova", ovf, "d.raw", NULL);
	ova_writer_ovf(ovf, two_files, two_disks, second_first);
	save(s, "x/two.OVA", ovf, "one.raw", "two.raw");
	save(s, "lost.ova", ovf, "one.raw", NULL);
	scratch_write(s, "broken.ova", "broken", 6);
	scan(s->path, &ds);
	assert_int_equal(ds.n_images, 6);
	assert_string_equal(ds.images[0].path, "broken.ova");
	assert_string_equal(ds.images[1].path, "lost.ova/b");
	assert_string_equal(ds.images[2].path, "lost.ova/one.raw");
	assert_string_equal(ds.images[3].path, "x/[one].ova");
	assert_string_equal(ds.images[4].path, "x/two.OVA/one.raw");
	assert_string_equal(ds.images[5].path, "x/two.OVA/two.raw");
	assert_int_equal(ds.n_configs, 4);
	assert_false(ds.single);
	assert_int_equal(ds.archive_len, 0);

	assert_int_equal(ds.vms.n, 4);
	assert_vm(&ds, 0, "broken", "broken", NULL, 1);
	assert_error(&ds.vms.v[0].disks[0].err, ERR_CORRUPT,
		     "broken.ova: tar header at 0: cut: the file ends before or inside it");
	assert_vm(&ds, 1, "lost", "web 01", "lost.ova", 2);
	bad = &ds.vms.v[1].disks[0];
	assert_string_equal(bad->image, "lost.ova/b");
	assert_error(&bad->err, ERR_CORRUPT, "lost.ova: disk 'b': its file 'two.raw' is not in the archive");
	assert_disk(&ds, 1, 1, "lost.ova/one.raw", "lost.ova/one.vhd");
	assert_vm(&ds, 2, "x/[one]", "web 01", "x/[one].ova", 1);
	assert_disk(&ds, 2, 0, "x/[one].ova", "x/[one].ova/d.vhd");
	assert_vm(&ds, 3, "x/two", "web 01", "x/two.OVA", 2);
	assert_disk(&ds, 3, 0, "x/two.OVA/two.raw", "x/two.OVA/two.vhd");
	assert_disk(&ds, 3, 1, "x/two.OVA/one.raw", "x/two.OVA/one.vhd");
}

static void an_archive_alone_is_a_source(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore one = { 0 }, two = { 0 }, member = { 0 };
	char ovf[OVA_W_OVF_MAX], path[160];

	ova_writer_ovf_one(ovf, "d.raw", LEN);
	save(s, "one.ova", ovf, "d.raw", NULL);
	ova_writer_ovf(ovf, two_files, two_disks, second_first);
	save(s, "two.ova", ovf, "one.raw", "two.raw");
	snprintf(path, sizeof(path), "%s/one.ova", s->path);
	scan(path, &one);
	assert_true(one.single);
	assert_int_equal(one.archive_len, 0);
	assert_vm(&one, 0, "one", "web 01", "one.ova", 1);
	assert_disk(&one, 0, 0, "one.ova", "one.ova/d.vhd");
	snprintf(path, sizeof(path), "%s/two.ova", s->path);
	scan(path, &two);
	assert_false(two.single);
	assert_int_equal(two.archive_len, strlen("two.ova/"));
	assert_vm(&two, 0, "two", "web 01", "two.ova", 2);
	assert_disk(&two, 0, 1, "two.ova/one.raw", "two.ova/one.vhd");
	snprintf(path, sizeof(path), "%s/two.ova/two.raw", s->path);
	scan(path, &member);
	assert_true(member.single);
	assert_int_equal(member.vms.n, 1);
	assert_vm(&member, 0, "two.ova/two", "two", NULL, 1);
	assert_disk(&member, 0, 0, "two.ova/two.raw", "two.ova/two.vhd");
}

/* A file that a descriptor names as its extent is the guest's, whatever it is called. */
static void an_extent_is_no_archive(void **state)
{
	static const char text[] = "version=1\nCID=00000001\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
				   "RW 8 FLAT \"guest.ova\" 0\n";
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };
	char ovf[OVA_W_OVF_MAX];

	ova_writer_ovf_one(ovf, "d.raw", LEN);
	save(s, "guest.ova", ovf, "d.raw", NULL);
	scratch_write(s, "disk.vmdk", text, strlen(text));
	scan(s->path, &ds);
	assert_int_equal(ds.n_images, 1);
	assert_string_equal(ds.images[0].path, "disk.vmdk");
	assert_int_equal(ds.n_configs, 0);
}

static void a_descriptor_beside_its_disks_is_a_configuration(void **state)
{
	static const char vmx[] = "scsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"two.raw\"\n";
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 }, with_vmx = { 0 };
	static const uint8_t content[LEN] = "content";
	char ovf[OVA_W_OVF_MAX];

	ova_writer_ovf(ovf, two_files, two_disks, second_first);
	scratch_write(s, "web.ovf", ovf, strlen(ovf));
	scratch_write(s, "one.raw", content, LEN);
	scratch_write(s, "two.raw", content, LEN);
	scan(s->path, &ds);
	assert_int_equal(ds.vms.n, 1);
	assert_vm(&ds, 0, "web", "web 01", "web.ovf", 2);
	assert_disk(&ds, 0, 0, "two.raw", "two.vhd");
	assert_disk(&ds, 0, 1, "one.raw", "one.vhd");
	scratch_write(s, "zzz.vmx", vmx, strlen(vmx)); /* the VM's own configuration comes first, whatever its name */
	scan(s->path, &with_vmx);
	assert_int_equal(with_vmx.vms.n, 2);
	assert_vm(&with_vmx, 0, "web", "web 01", "web.ovf", 1);
	assert_disk(&with_vmx, 0, 0, "one.raw", "one.vhd");
	assert_vm(&with_vmx, 1, "zzz", "zzz", "zzz.vmx", 1);
	assert_disk(&with_vmx, 1, 0, "two.raw", "two.vhd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(archives_are_images_and_configurations, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(an_archive_alone_is_a_source, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(an_extent_is_no_archive, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(a_descriptor_beside_its_disks_is_a_configuration, scratch_setup,
						scratch_teardown),
	};

	return cmocka_run_group_tests_name("datastore-archives", tests, NULL, NULL);
}
