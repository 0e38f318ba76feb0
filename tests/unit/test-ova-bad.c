/* SPDX-License-Identifier: Apache-2.0 */
/* Archives that are damaged, cut or made to mislead, and disks in them that reach for other files. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "disk/ova.h"
#include "disk/ovf.h"
#include "support/ova_fixture.h"

static void what_is_no_archive_of_disks_is_refused(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want = malloc(SIZE);
	static uint8_t zeros[4096];
	struct ova_writer w = { 0 };
	struct vmdk_writer v;
	char ovf[OVA_W_OVF_MAX];

	ova_make_vmdk(&v, 1, 1, want);
	ova_writer_ovf_one(ovf, "d.vmdk", SIZE);
	scratch_write(s, "a.ova", "", 0);
	assert_disk_refused(s, "a.ova", ERR_CORRUPT, "a.ova: an archive without members");
	scratch_write(s, "a.ova", zeros, sizeof(zeros));
	assert_disk_refused(s, "a.ova", ERR_CORRUPT, "a.ova: an archive without members");
	scratch_write(s, "a.ova", v.bytes, v.len);
	assert_disk_refused(s, "a.ova", ERR_CORRUPT,
			    "a.ova: tar header at 0: no tar header, or a damaged one: its checksum is not "
			    "an octal number");
	scratch_write(s, "a.ova", "\x1f\x8b\x08\0\0\0\0\0", 8); /* compressed */
	assert_disk_refused(s, "a.ova", ERR_CORRUPT, "a.ova: tar header at 0: cut: the file ends before or inside it");

	ova_writer_add(&w, "d.vmdk", v.bytes, v.len);
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_CORRUPT, "a.ova: no .ovf among its 1 members");
	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	ova_writer_save(&w, s, "a.ova"); /* the descriptor last */
	assert_ova_reads(s, "a.ova", "a.ova/d.vmdk", want);
	ova_writer_add(&w, "sub/y.OVF", ovf, strlen(ovf));
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_CORRUPT, "a.ova: two OVF descriptors, 'x.ovf' and 'sub/y.OVF'");
	ova_writer_fini(&w);

	ova_writer_header(&w, "x.ovf", 0, '2');
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_REFUSED, "a.ova: 'x.ovf' is a link, not a file");
	ova_writer_fini(&w);
	ova_writer_header(&w, "x.ovf", OVF_MAX + 1, '0');
	ova_writer_save(&w, s, "a.ova");
	scratch_truncate(s, "a.ova", 4 << 20);
	assert_disk_refused(s, "a.ova", ERR_CORRUPT, "a.ova: 'x.ovf': 1048577 bytes (at most 1048576)");
	ova_writer_fini(&w);
	ova_writer_add(&w, "x.ovf", "<Envelope/>", 11);
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_UNSUPPORTED, "a.ova: its descriptor has no disk");
	ova_writer_fini(&w);
	ova_writer_add(&w, "x.ovf", "<!DOCTYPE a []><Envelope/>", 26);
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_CORRUPT, "a.ova: x.ovf: OVF: XML: it brings a DTD");
	ova_writer_fini(&w);
	assert_disk_refused(s, "no.ova", ERR_SYSTEM, "no.ova: No such file or directory");
	vmdk_writer_fini(&v);
}

static void members_that_mislead_are_refused(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want = malloc(SIZE);
	struct ova_writer w = { 0 };
	struct vmdk_writer v;
	char ovf[OVA_W_OVF_MAX];
	size_t ovf_blocks;

	ova_make_vmdk(&v, 1, 1, want);
	ova_writer_ovf_one(ovf, "d.vmdk", SIZE);
	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	ovf_blocks = w.len;
	ova_writer_add(&w, "d.vmdk", v.bytes, v.len);
	ova_writer_add(&w, "./d.vmdk", v.bytes, v.len);
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_CORRUPT, "a.ova: two members are called 'd.vmdk'");
	w.len = ovf_blocks;
	ova_writer_header(&w, "d.vmdk", 0, '2');
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_REFUSED, "a.ova: disk 'd1': 'd.vmdk' is a link, not a file");
	w.len = ovf_blocks;
	ova_writer_header(&w, "d.vmdk", 0, '1');
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_REFUSED, "a.ova: disk 'd1': 'd.vmdk' is a link, not a file");
	w.len = ovf_blocks;
	ova_writer_header(&w, "d.vmdk", 0, '4');
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_REFUSED, "a.ova: disk 'd1': 'd.vmdk' is a device, not a file");
	w.len = ovf_blocks;
	ova_writer_add(&w, "D.vmdk", v.bytes, v.len);
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_CORRUPT, "a.ova: disk 'd1': its file 'd.vmdk' is not in the archive");
	w.len = ovf_blocks;
	ova_writer_header(&w, "d.vmdk", 0, '5');
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_CORRUPT, "a.ova: disk 'd1': its file 'd.vmdk' is not in the archive");
	w.len = ovf_blocks;
	ova_writer_add(&w, "d.vmdk", v.bytes, v.len);
	ova_writer_add(&w, "../evil", "x", 1);
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_REFUSED,
			    "a.ova: tar header at 0x20800: member '../evil' leads out of the archive");
	ova_writer_fini(&w);
	vmdk_writer_fini(&v);
}

/* Wherever the archive ends inside a member, it says so; between members it is an archive of fewer. */
static void a_cut_archive_is_refused(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want = malloc(SIZE);
	struct ova_writer w = { 0 };
	struct vmdk_writer v;
	char ovf[OVA_W_OVF_MAX], msg[256];
	size_t start, full;

	ova_make_vmdk(&v, 15, 1, want);
	ova_writer_ovf_one(ovf, "d.vmdk", SIZE);
	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	start = w.len;
	ova_writer_add(&w, "d.vmdk", v.bytes, v.len);
	full = w.len;
	for (size_t len = start + 512; len < full; len += 17 * 512 + 1) {
		w.len = len;
		ova_writer_save(&w, s, "a.ova");
		snprintf(msg, sizeof(msg), "a.ova: cut inside 'd.vmdk': %zu bytes at %#zx, where the file ends at %zu", v.len,
			 start + 512, len);
		assert_disk_refused(s, "a.ova", ERR_CORRUPT, msg);
	}
	w.len = start;
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_CORRUPT, "a.ova: disk 'd1': its file 'd.vmdk' is not in the archive");
	w.len = start + 100;
	ova_writer_save(&w, s, "a.ova");
	snprintf(msg, sizeof(msg), "a.ova: tar header at %#zx: cut: the file ends before or inside it", start);
	assert_disk_refused(s, "a.ova", ERR_CORRUPT, msg);
	ova_writer_fini(&w);
	vmdk_writer_fini(&v);
}

static void the_disk_must_be_what_the_descriptor_says(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want = malloc(SIZE);
	struct vmdk_writer v;
	char ovf[OVA_W_OVF_MAX], file[128];
	static const char two[] = "<Disk ovf:diskId=\"a\" ovf:fileRef=\"1\" ovf:capacity=\"262144\"/>"
				  "<Disk ovf:diskId=\"b\" ovf:fileRef=\"1\" ovf:capacity=\"524288\"/>";

	ova_make_vmdk(&v, 1, 1, want);
	ova_writer_ovf_one(ovf, "d.vmdk", SIZE + 512);
	ova_save_one(s, ovf, v.bytes, v.len);
	assert_disk_refused(s, "a.ova", ERR_CORRUPT,
			    "a.ova/d.vmdk: disk of 262144 bytes, where the archive's descriptor says 262656");
	ova_writer_ovf_one(ovf, "d.vmdk", SIZE - 512);
	ova_save_one(s, ovf, v.bytes, v.len);
	assert_disk_refused(s, "a.ova", ERR_CORRUPT,
			    "a.ova/d.vmdk: disk of 262144 bytes, where the archive's descriptor says 261632");
	for (int more = -1; more <= 1; more++) {
		snprintf(file, sizeof(file), "<File ovf:id=\"1\" ovf:href=\"d.vmdk\" ovf:size=\"%zu\"/>", v.len + (size_t)more);
		ova_writer_ovf(ovf, file, "<Disk ovf:diskId=\"a\" ovf:fileRef=\"1\" ovf:capacity=\"262144\"/>", "");
		ova_save_one(s, ovf, v.bytes, v.len);
		if (more <= 0)
			assert_ova_reads(s, "a.ova", "a.ova/d.vmdk", want);
	}
	assert_disk_refused(s, "a.ova", ERR_CORRUPT,
			    "a.ova: disk 'a': 'd.vmdk' is cut: 131072 bytes, where the descriptor says 131073");
	ova_writer_ovf(ovf, "<File ovf:id=\"1\" ovf:href=\"d.vmdk\"/>", two, "");
	ova_save_one(s, ovf, v.bytes, v.len);
	assert_disk_refused(s, "a.ova", ERR_UNSUPPORTED,
			    "a.ova: disk 'b': the descriptor gives two disks of 262144 and 524288 bytes this one file");
	ova_writer_ovf(ovf, "<File ovf:id=\"1\" ovf:href=\"d.vmdk\"/>",
		       "<Disk ovf:diskId=\"d.vmdk\" ovf:capacity=\"512\"/><Disk ovf:diskId=\"a\" ovf:fileRef=\"1\" "
		       "ovf:capacity=\"262144\"/>", "");
	ova_save_one(s, ovf, v.bytes, v.len);
	assert_disk_refused(s, "a.ova", ERR_CORRUPT, "a.ova: two disks would be called 'd.vmdk'");
	ova_writer_ovf(ovf, "<File ovf:id=\"1\" ovf:href=\"d.vmdk\" ovf:compression=\"gzip\"/>", two, "");
	ova_save_one(s, ovf, v.bytes, v.len);
	assert_disk_refused(s, "a.ova", ERR_UNSUPPORTED, "a.ova: disk 'a': its file 'd.vmdk' is compressed (gzip)");
	ova_writer_ovf_one(ovf, "../d.vmdk", SIZE);
	ova_save_one(s, ovf, v.bytes, v.len);
	assert_disk_refused(s, "a.ova", ERR_REFUSED, "a.ova: disk 'd1': its file '../d.vmdk' leads out of the package");
	ova_writer_ovf_one(ovf, "%2e%2e/d.vmdk", SIZE);
	ova_save_one(s, ovf, v.bytes, v.len);
	assert_disk_refused(s, "a.ova", ERR_CORRUPT,
			    "a.ova: disk 'd1': its file '%2e%2e/d.vmdk' is not in the archive");
	ova_writer_ovf(ovf, "", "<Disk ovf:diskId=\"e\" ovf:capacity=\"64\" ovf:capacityAllocationUnits=\"byte * 2^41\"/>", "");
	ova_save_one(s, ovf, v.bytes, v.len);
	assert_disk_refused(s, "a.ova", ERR_UNSUPPORTED,
			    "a.ova/e: disk of 140737488355328 bytes (at most 70368744177664, 64 TiB)");
	vmdk_writer_fini(&v);
}

/* Names in a member's image must not resolve: neither in the archive nor beside it. */
static void a_disk_must_be_complete(void **state)
{
	static const struct {
		const char *text, *msg;
	} rows[] = {
		{ "createType=\"monolithicFlat\"\nRW 512 FLAT \"f.raw\" 0\n",
		  "a.ova/d.vmdk: extent: names another file, 'a.ova/f.raw', where one inside an archive must be complete" },
		{ "createType=\"custom\"\nRW 512 FLAT \"d.vmdk\" 0\n",
		  "a.ova/d.vmdk: extent: names another file, 'a.ova/d.vmdk', where one inside an archive must be complete" },
		{ "createType=\"custom\"\nRW 512 SPARSE \"secret.vmdk\"\n",
		  "a.ova/d.vmdk: extent: names another file, 'a.ova/secret.vmdk', where one inside an archive must be complete" },
		{ "createType=\"custom\"\nRW 512 FLAT \"../secret.raw\" 0\n",
		  "a.ova/d.vmdk: extent '../secret.raw' leads out of the image's folder" },
		{ "createType=\"custom\"\nRW 512 FLAT \"/etc/passwd\" 0\n",
		  "a.ova/d.vmdk: extent '/etc/passwd' leads out of the image's folder" },
	};
	static const char child[] = "# Disk DescriptorFile\nversion=1\nCID=00000001\nparentCID=00000002\n"
				    "parentFileNameHint=\"%s\"\ncreateType=\"monolithicSparse\"\nRW 512 SPARSE \"d.vmdk\"\n";
	static const char *const parents[][2] = {
		{ "secret.vmdk", "a.ova/secret.vmdk" },
		{ "../secret.vmdk", "a.ova/../secret.vmdk" },
		{ "/vmfs/volumes/x/secret.vmdk", "/vmfs/volumes/x/secret.vmdk" },
	};
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want = malloc(SIZE);
	char ovf[OVA_W_OVF_MAX], text[512], msg[256];
	struct vmdk_writer v;

	ova_make_vmdk(&v, 15, 1, want);
	vmdk_writer_save(&v, s, "secret.vmdk");
	vmdk_writer_fini(&v);
	scratch_write(s, "secret.raw", want, SIZE);
	ova_writer_ovf_one(ovf, "d.vmdk", SIZE);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(text, sizeof(text), "version=1\nCID=00000001\nparentCID=ffffffff\n%s", rows[i].text);
		ova_save_one(s, ovf, text, strlen(text));
		assert_disk_refused(s, "a.ova", ERR_REFUSED, rows[i].msg);
	}
	for (size_t i = 0; i < ARRAY_LEN(parents); i++) {
		snprintf(text, sizeof(text), child, parents[i][0]);
		vmdk_writer_init(&v, SECTORS, GRAIN_SECTORS, 0, text);
		ova_save_one(s, ovf, v.bytes, v.len);
		snprintf(msg, sizeof(msg), "a.ova/d.vmdk: names a parent, '%s', where an image inside an archive must be complete",
			 parents[i][1]);
		assert_disk_refused(s, "a.ova", ERR_REFUSED, msg);
		vmdk_writer_fini(&v);
	}
}

/* Where another datastore lies is the user's word for his own images, not for one that came in an archive. */
static void other_datastores_are_not_for_disks_in_archives(void **state)
{
	static const char *const texts[] = {
		"version=1\nCID=00000001\nparentCID=ffffffff\ncreateType=\"custom\"\n"
		"RW 512 FLAT \"/vmfs/volumes/x/secret.raw\" 0\n",
		"version=1\nCID=00000001\nparentCID=00000002\nparentFileNameHint=\"/vmfs/volumes/x/secret.vmdk\"\n"
		"createType=\"custom\"\nRW 512 ZERO\n",
	};
	static const char *const msgs[] = {
		"a.ova/d.vmdk: extent: names another file, 'other/secret.raw', where one inside an archive must be complete",
		"a.ova/d.vmdk: names a parent, '/vmfs/volumes/x/secret.vmdk', where an image inside an archive must be complete",
	};
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want = malloc(SIZE);
	char ovf[OVA_W_OVF_MAX], dir[160];
	struct vmdk_writer v;

	ova_make_vmdk(&v, 15, 1, want);
	assert_int_equal(mkdirat(s->fd, "other", 0700), 0);
	vmdk_writer_save(&v, s, "other/secret.vmdk");
	vmdk_writer_fini(&v);
	scratch_write(s, "other/secret.raw", want, SIZE);
	snprintf(dir, sizeof(dir), "%s/other", s->path);
	ova_writer_ovf_one(ovf, "d.vmdk", SIZE);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(cleanup_backing_root) struct backing_root *root = backing_root_open(s->path, NULL);
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		struct error e = ERROR_INIT;

		assert_int_equal(backing_root_add_datastore(root, "x", dir, NULL), 0);
		ova_save_one(s, ovf, texts[i], strlen(texts[i]));
		d = disk_open(root, "a.ova", NULL, &e);
		assert_null(d);
		assert_error(&e, ERR_REFUSED, msgs[i]);
		/* Beside the archive the same text may. */
		scratch_write(s, "d.vmdk", texts[i], strlen(texts[i]));
		if (i == 0) {
			d = disk_open(root, "d.vmdk", NULL, &e);
			assert_non_null(d);
		}
	}
}

/* Images do not reach into archives either: only a user names what is in one. */
static void images_name_nothing_in_an_archive(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want = malloc(SIZE);
	char ovf[OVA_W_OVF_MAX];
	static const char text[] = "version=1\nCID=00000001\nparentCID=ffffffff\ncreateType=\"custom\"\n"
				   "RW 512 SPARSE \"a.ova/d.vmdk\"\n";
	struct vmdk_writer v;

	ova_make_vmdk(&v, 15, 1, want);
	ova_writer_ovf_one(ovf, "d.vmdk", SIZE);
	ova_save_one(s, ovf, v.bytes, v.len);
	scratch_write(s, "out.vmdk", text, strlen(text));
	assert_disk_refused(s, "out.vmdk", ERR_CORRUPT, "out.vmdk: extent: a.ova/d.vmdk: no such file");
	vmdk_writer_fini(&v);
}

static void too_many_members_are_refused(void **state)
{
	const struct scratch_dir *s = *state;
	struct ova_writer w = { 0 };
	char name[32];

	for (unsigned i = 0; i <= OVA_MEMBERS_MAX; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		ova_writer_header(&w, name, 0, '0');
	}
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_CORRUPT, "a.ova: more than 10000 members");
	w.len -= 512;
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_CORRUPT, "a.ova: no .ovf among its 10000 members");
	ova_writer_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_archive_of_disks_is_refused),
		cmocka_unit_test(members_that_mislead_are_refused),
		cmocka_unit_test(a_cut_archive_is_refused),
		cmocka_unit_test(the_disk_must_be_what_the_descriptor_says),
		cmocka_unit_test(a_disk_must_be_complete),
		cmocka_unit_test(other_datastores_are_not_for_disks_in_archives),
		cmocka_unit_test(images_name_nothing_in_an_archive),
		cmocka_unit_test(too_many_members_are_refused),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
