/* SPDX-License-Identifier: Apache-2.0 */
/* Archives written byte by byte, opened as a user opens them. */
#include "unit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/parse.h"
#include "disk/disk.h"
#include "disk/ova.h"
#include "support/ova_writer.h"
#include "support/vmdk_writer.h"

enum { SECTORS = 512, GRAIN_SECTORS = 128, GRAIN = GRAIN_SECTORS * 512, SIZE = SECTORS * 512 };

static const char descriptor[] = "# Disk DescriptorFile\nversion=1\nCID=00000001\nparentCID=ffffffff\n"
				 "createType=\"monolithicSparse\"\nRW 512 SPARSE \"d.vmdk\"\n";

/* A disk of four grains, of which `grains` are there (a bit each); want: what a guest reads. */
static void make_vmdk(struct vmdk_writer *w, unsigned grains, uint64_t seed, uint8_t *want)
{
	vmdk_writer_init(w, SECTORS, GRAIN_SECTORS, 0, descriptor);
	memset(want, 0, SIZE);
	for (unsigned i = 0; i < 4; i++) {
		if (!(grains >> i & 1))
			continue;
		vmdk_writer_add_grain(w, i, seed);
		pattern_fill(want + (size_t)i * GRAIN, GRAIN, (uint64_t)i * GRAIN, seed);
	}
}

static struct disk *open_in(const struct scratch_dir *s, const char *path, struct error *err)
{
	CLEANUP(cleanup_backing_root) struct backing_root *root = backing_root_open(s->path, NULL);

	assert_non_null(root);
	return disk_open(root, path, NULL, err);
}

static void assert_reads(const struct scratch_dir *s, const char *path, const char *chain_path, const uint8_t *want)
{
	CLEANUP_FREE uint8_t *got = malloc(SIZE);
	struct error e = ERROR_INIT;
	CLEANUP(cleanup_disk) struct disk *d = open_in(s, path, &e);

	if (!d)
		fail_msg("%s", e.msg);
	assert_int_equal(disk_size(d), SIZE);
	assert_int_equal(disk_chain_len(d), 1);
	assert_string_equal(disk_chain_info(d, 0)->path, chain_path);
	for (size_t off = 0; off < SIZE; off += 33333) {
		assert_int_equal(disk_read(d, got, SIZE - off, off, NULL), 0);
		assert_memory_equal(got, want + off, SIZE - off);
	}
}

static void assert_refused(const struct scratch_dir *s, const char *path, enum error_code code, const char *msg)
{
	struct error e = ERROR_INIT;
	CLEANUP(cleanup_disk) struct disk *d = open_in(s, path, &e);

	assert_null(d);
	assert_error(&e, code, msg);
}

/* An archive of a descriptor for one disk called d.vmdk, and that member. */
static void save_one(const struct scratch_dir *s, const char *ovf, const void *disk, size_t len)
{
	struct ova_writer w = { 0 };

	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	ova_writer_add(&w, "d.vmdk", disk, len);
	ova_writer_end(&w);
	ova_writer_save(&w, s, "a.ova");
	ova_writer_fini(&w);
}

static uint64_t random_next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *state >> 33;
}

/* Header and content with the name and size told in one of the ways that there are. */
static void add_somehow(struct ova_writer *w, const char *name, const void *buf, size_t len, unsigned way)
{
	char pax[4096] = "", record[2048];
	size_t h;

	bool elsewhere = way & 3 || strlen(name) > 100;

	if (way & 1) {
		snprintf(record, sizeof(record), "path=%s", name);
		ova_writer_pax_record(pax, sizeof(pax), record);
	} else if (strlen(name) > 100 || way & 2) {
		ova_writer_extra(w, 'L', name);
	}
	if (way & 4) {
		snprintf(record, sizeof(record), "size=%zu", len);
		ova_writer_pax_record(pax, sizeof(pax), record);
	}
	if (*pax)
		ova_writer_extra(w, 'x', pax);
	h = ova_writer_header(w, elsewhere ? "another-name" : name, way & 4 ? 0 : len, way & 16 ? '\0' : '0');
	if (way & 8 && !(way & 4))
		ova_writer_base256(w, h, 0x80, len);
	ova_writer_content(w, buf, len);
}

static void a_disk_is_read_wherever_it_lies_in_the_archive(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want = malloc(SIZE);
	CLEANUP_FREE uint8_t *junk = malloc(70000);
	char ovf[OVA_W_OVF_MAX], name[400], chain[420];
	uint64_t random = 20;

	for (unsigned round = 0; round < 120; round++) {
		struct ova_writer w = { 0 };
		struct vmdk_writer v;
		unsigned first = random_next(&random) % 4, order = random_next(&random) % 3;

		pattern_fill(junk, 70000, 0, round);
		make_vmdk(&v, random_next(&random) % 16, round, want);
		memset(name, 'a' + (int)(round % 26), sizeof(name));
		snprintf(name + random_next(&random) % (round % 3 ? 40 : 300), 16, "d.vmdk");
		ova_writer_ovf_one(ovf, name, SIZE);
		if (order == 0)
			add_somehow(&w, "x.ovf", ovf, strlen(ovf), random_next(&random) % 32);
		for (unsigned i = 0; i < first; i++) {
			char other[32];

			snprintf(other, sizeof(other), "other%u.bin", i);
			add_somehow(&w, other, junk, random_next(&random) % 70000, random_next(&random) % 32);
		}
		if (order == 1)
			add_somehow(&w, "X.OVF", ovf, strlen(ovf), random_next(&random) % 32);
		add_somehow(&w, name, v.bytes, v.len, random_next(&random) % 32);
		if (order == 2)
			add_somehow(&w, "./x.ovf", ovf, strlen(ovf), 0);
		if (round % 2)
			ova_writer_end(&w);
		ova_writer_save(&w, s, "a.ova");
		snprintf(chain, sizeof(chain), "a.ova/%s", name);
		assert_reads(s, "a.ova", chain, want);
		assert_reads(s, chain, chain, want);
		ova_writer_fini(&w);
		vmdk_writer_fini(&v);
	}
}

static void several_disks_are_named_and_an_empty_one_is_zeros(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want1 = malloc(SIZE), *want2 = malloc(SIZE), *zeros = calloc(1, SIZE);
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct vmdk_writer v1, v2;
	struct ova_writer w = { 0 };
	char ovf[OVA_W_OVF_MAX], path[256];

	make_vmdk(&v1, 5, 1, want1);
	make_vmdk(&v2, 10, 2, want2);
	ova_writer_ovf(ovf, "<File ovf:id=\"1\" ovf:href=\"one.vmdk\"/><File ovf:id=\"2\" ovf:href=\"sub/two%20b.vmdk\"/>",
		       "<Disk ovf:diskId=\"a\" ovf:fileRef=\"2\" ovf:capacity=\"512\" ovf:capacityAllocationUnits=\"byte * 2^9\"/>"
		       "<Disk ovf:diskId=\"void\" ovf:capacity=\"256\" ovf:capacityAllocationUnits=\"byte * 2^10\"/>"
		       "<Disk ovf:diskId=\"b\" ovf:fileRef=\"1\" ovf:capacity=\"262144\"/>"
		       "<Disk ovf:diskId=\"again\" ovf:fileRef=\"1\" ovf:capacity=\"262144\"/>", "");
	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	ova_writer_header(&w, "sub/", 0, '5');
	ova_writer_add(&w, "one.vmdk", v1.bytes, v1.len);
	ova_writer_add(&w, "sub/two b.vmdk", v2.bytes, v2.len);
	assert_int_equal(mkdirat(s->fd, "f.ova", 0700), 0); /* a folder of such a name is a folder */
	ova_writer_save(&w, s, "f.ova/A.OVA");
	assert_reads(s, "f.ova/A.OVA/one.vmdk", "f.ova/A.OVA/one.vmdk", want1);
	assert_reads(s, "f.ova/A.OVA/sub/two b.vmdk", "f.ova/A.OVA/sub/two b.vmdk", want2);
	assert_reads(s, "f.ova/A.OVA/void", "f.ova/A.OVA/void", zeros);
	assert_refused(s, "f.ova/A.OVA", ERR_USAGE, "f.ova/A.OVA: has 3 disks (sub/two b.vmdk, void, one.vmdk): name one, as in "
						    "f.ova/A.OVA/sub/two b.vmdk");
	assert_refused(s, "f.ova/A.OVA/x.ovf", ERR_USAGE,
		       "f.ova/A.OVA: has no disk 'x.ovf', but sub/two b.vmdk, void, one.vmdk");
	scratch_write(s, "f.ova/plain.raw", want1, SIZE);
	assert_reads(s, "f.ova/plain.raw", "f.ova/plain.raw", want1);

	d = open_in(s, "f.ova/A.OVA/void", NULL);
	assert_string_equal(disk_chain_info(d, 0)->format, "empty");
	assert_int_equal(disk_extents(d, SIZE, 0, true, &list, NULL), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.v[0].kind, EXTENT_ZERO);
	assert_int_equal(disk_allocated(d), 0);
	disk_close(steal_ptr(&d));
	snprintf(path, sizeof(path), "%s/f.ova/A.OVA/one.vmdk", s->path);
	assert_int_equal(disk_file_len(path), strlen(path) - strlen("/one.vmdk"));
	d = disk_open_path(path, NULL, NULL);
	assert_non_null(d);
	assert_string_equal(disk_chain_info(d, 0)->path, "A.OVA/one.vmdk");
	assert_true(disk_file_count(d) == 1 && disk_file(d, 0)->size == v1.len);
	ova_writer_fini(&w);
	vmdk_writer_fini(&v1);
	vmdk_writer_fini(&v2);
}

static void other_formats_are_read_by_the_members_suffix(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want = malloc(SIZE);
	struct ova_writer w = { 0 };
	char ovf[OVA_W_OVF_MAX];

	pattern_fill(want, SIZE, 0, 3);
	ova_writer_ovf_one(ovf, "d.raw", SIZE);
	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	ova_writer_add(&w, "d.raw", want, SIZE);
	ova_writer_save(&w, s, "a.ova");
	assert_reads(s, "a.ova", "a.ova/d.raw", want);
	ova_writer_fini(&w);
	ova_writer_ovf_one(ovf, "disk", SIZE);
	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	ova_writer_add(&w, "disk", want, SIZE);
	ova_writer_save(&w, s, "a.ova");
	assert_refused(s, "a.ova", ERR_UNSUPPORTED, "a.ova/disk: no disk format has this suffix");
	ova_writer_fini(&w);
}

static void what_is_no_archive_of_disks_is_refused(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want = malloc(SIZE);
	static uint8_t zeros[4096];
	struct ova_writer w = { 0 };
	struct vmdk_writer v;
	char ovf[OVA_W_OVF_MAX];

	make_vmdk(&v, 1, 1, want);
	ova_writer_ovf_one(ovf, "d.vmdk", SIZE);
	scratch_write(s, "a.ova", "", 0);
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: an archive without members");
	scratch_write(s, "a.ova", zeros, sizeof(zeros));
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: an archive without members");
	scratch_write(s, "a.ova", v.bytes, v.len);
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: tar header at 0: no tar header, or a damaged one: its checksum is not "
						"an octal number");
	scratch_write(s, "a.ova", "\x1f\x8b\x08\0\0\0\0\0", 8); /* compressed */
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: tar header at 0: cut: the file ends before or inside it");

	ova_writer_add(&w, "d.vmdk", v.bytes, v.len);
	ova_writer_save(&w, s, "a.ova");
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: no .ovf among its 1 members");
	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	ova_writer_save(&w, s, "a.ova"); /* the descriptor last */
	assert_reads(s, "a.ova", "a.ova/d.vmdk", want);
	ova_writer_add(&w, "sub/y.OVF", ovf, strlen(ovf));
	ova_writer_save(&w, s, "a.ova");
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: two OVF descriptors, 'x.ovf' and 'sub/y.OVF'");
	ova_writer_fini(&w);

	ova_writer_header(&w, "x.ovf", 0, '2');
	ova_writer_save(&w, s, "a.ova");
	assert_refused(s, "a.ova", ERR_REFUSED, "a.ova: 'x.ovf' is a link, not a file");
	ova_writer_fini(&w);
	ova_writer_header(&w, "x.ovf", OVF_MAX + 1, '0');
	ova_writer_save(&w, s, "a.ova");
	scratch_truncate(s, "a.ova", 4 << 20);
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: 'x.ovf': 1048577 bytes (at most 1048576)");
	ova_writer_fini(&w);
	ova_writer_add(&w, "x.ovf", "<Envelope/>", 11);
	ova_writer_save(&w, s, "a.ova");
	assert_refused(s, "a.ova", ERR_UNSUPPORTED, "a.ova: its descriptor has no disk");
	ova_writer_fini(&w);
	ova_writer_add(&w, "x.ovf", "<!DOCTYPE a []><Envelope/>", 26);
	ova_writer_save(&w, s, "a.ova");
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: x.ovf: OVF: XML: it brings a DTD");
	ova_writer_fini(&w);
	assert_refused(s, "no.ova", ERR_SYSTEM, "no.ova: No such file or directory");
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

	make_vmdk(&v, 1, 1, want);
	ova_writer_ovf_one(ovf, "d.vmdk", SIZE);
	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	ovf_blocks = w.len;
	ova_writer_add(&w, "d.vmdk", v.bytes, v.len);
	ova_writer_add(&w, "./d.vmdk", v.bytes, v.len);
	ova_writer_save(&w, s, "a.ova");
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: two members are called 'd.vmdk'");
	w.len = ovf_blocks;
	ova_writer_header(&w, "d.vmdk", 0, '2');
	ova_writer_save(&w, s, "a.ova");
	assert_refused(s, "a.ova", ERR_REFUSED, "a.ova: disk 'd1': 'd.vmdk' is a link, not a file");
	w.len = ovf_blocks;
	ova_writer_header(&w, "d.vmdk", 0, '1');
	ova_writer_save(&w, s, "a.ova");
	assert_refused(s, "a.ova", ERR_REFUSED, "a.ova: disk 'd1': 'd.vmdk' is a link, not a file");
	w.len = ovf_blocks;
	ova_writer_header(&w, "d.vmdk", 0, '4');
	ova_writer_save(&w, s, "a.ova");
	assert_refused(s, "a.ova", ERR_REFUSED, "a.ova: disk 'd1': 'd.vmdk' is a device, not a file");
	w.len = ovf_blocks;
	ova_writer_add(&w, "D.vmdk", v.bytes, v.len);
	ova_writer_save(&w, s, "a.ova");
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: disk 'd1': its file 'd.vmdk' is not in the archive");
	w.len = ovf_blocks;
	ova_writer_header(&w, "d.vmdk", 0, '5');
	ova_writer_save(&w, s, "a.ova");
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: disk 'd1': its file 'd.vmdk' is not in the archive");
	w.len = ovf_blocks;
	ova_writer_add(&w, "d.vmdk", v.bytes, v.len);
	ova_writer_add(&w, "../evil", "x", 1);
	ova_writer_save(&w, s, "a.ova");
	assert_refused(s, "a.ova", ERR_REFUSED, "a.ova: tar header at 0x20800: member '../evil' leads out of the archive");
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

	make_vmdk(&v, 15, 1, want);
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
		assert_refused(s, "a.ova", ERR_CORRUPT, msg);
	}
	w.len = start;
	ova_writer_save(&w, s, "a.ova");
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: disk 'd1': its file 'd.vmdk' is not in the archive");
	w.len = start + 100;
	ova_writer_save(&w, s, "a.ova");
	snprintf(msg, sizeof(msg), "a.ova: tar header at %#zx: cut: the file ends before or inside it", start);
	assert_refused(s, "a.ova", ERR_CORRUPT, msg);
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

	make_vmdk(&v, 1, 1, want);
	ova_writer_ovf_one(ovf, "d.vmdk", SIZE + 512);
	save_one(s, ovf, v.bytes, v.len);
	assert_refused(s, "a.ova", ERR_CORRUPT,
		       "a.ova/d.vmdk: disk of 262144 bytes, where the archive's descriptor says 262656");
	ova_writer_ovf_one(ovf, "d.vmdk", SIZE - 512);
	save_one(s, ovf, v.bytes, v.len);
	assert_refused(s, "a.ova", ERR_CORRUPT,
		       "a.ova/d.vmdk: disk of 262144 bytes, where the archive's descriptor says 261632");
	for (int more = -1; more <= 1; more++) {
		snprintf(file, sizeof(file), "<File ovf:id=\"1\" ovf:href=\"d.vmdk\" ovf:size=\"%zu\"/>", v.len + (size_t)more);
		ova_writer_ovf(ovf, file, "<Disk ovf:diskId=\"a\" ovf:fileRef=\"1\" ovf:capacity=\"262144\"/>", "");
		save_one(s, ovf, v.bytes, v.len);
		if (more <= 0)
			assert_reads(s, "a.ova", "a.ova/d.vmdk", want);
	}
	assert_refused(s, "a.ova", ERR_CORRUPT,
		       "a.ova: disk 'a': 'd.vmdk' is cut: 131072 bytes, where the descriptor says 131073");
	ova_writer_ovf(ovf, "<File ovf:id=\"1\" ovf:href=\"d.vmdk\"/>", two, "");
	save_one(s, ovf, v.bytes, v.len);
	assert_refused(s, "a.ova", ERR_UNSUPPORTED,
		       "a.ova: disk 'b': the descriptor gives two disks of 262144 and 524288 bytes this one file");
	ova_writer_ovf(ovf, "<File ovf:id=\"1\" ovf:href=\"d.vmdk\"/>",
		       "<Disk ovf:diskId=\"d.vmdk\" ovf:capacity=\"512\"/><Disk ovf:diskId=\"a\" ovf:fileRef=\"1\" "
		       "ovf:capacity=\"262144\"/>", "");
	save_one(s, ovf, v.bytes, v.len);
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: two disks would be called 'd.vmdk'");
	ova_writer_ovf(ovf, "<File ovf:id=\"1\" ovf:href=\"d.vmdk\" ovf:compression=\"gzip\"/>", two, "");
	save_one(s, ovf, v.bytes, v.len);
	assert_refused(s, "a.ova", ERR_UNSUPPORTED, "a.ova: disk 'a': its file 'd.vmdk' is compressed (gzip)");
	ova_writer_ovf_one(ovf, "../d.vmdk", SIZE);
	save_one(s, ovf, v.bytes, v.len);
	assert_refused(s, "a.ova", ERR_REFUSED, "a.ova: disk 'd1': its file '../d.vmdk' leads out of the package");
	ova_writer_ovf_one(ovf, "%2e%2e/d.vmdk", SIZE);
	save_one(s, ovf, v.bytes, v.len);
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: disk 'd1': its file '%2e%2e/d.vmdk' is not in the archive");
	ova_writer_ovf(ovf, "", "<Disk ovf:diskId=\"e\" ovf:capacity=\"64\" ovf:capacityAllocationUnits=\"byte * 2^41\"/>", "");
	save_one(s, ovf, v.bytes, v.len);
	assert_refused(s, "a.ova", ERR_UNSUPPORTED,
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

	make_vmdk(&v, 15, 1, want);
	vmdk_writer_save(&v, s, "secret.vmdk");
	vmdk_writer_fini(&v);
	scratch_write(s, "secret.raw", want, SIZE);
	ova_writer_ovf_one(ovf, "d.vmdk", SIZE);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(text, sizeof(text), "version=1\nCID=00000001\nparentCID=ffffffff\n%s", rows[i].text);
		save_one(s, ovf, text, strlen(text));
		assert_refused(s, "a.ova", ERR_REFUSED, rows[i].msg);
	}
	for (size_t i = 0; i < ARRAY_LEN(parents); i++) {
		snprintf(text, sizeof(text), child, parents[i][0]);
		vmdk_writer_init(&v, SECTORS, GRAIN_SECTORS, 0, text);
		save_one(s, ovf, v.bytes, v.len);
		snprintf(msg, sizeof(msg), "a.ova/d.vmdk: names a parent, '%s', where an image inside an archive must be complete",
			 parents[i][1]);
		assert_refused(s, "a.ova", ERR_REFUSED, msg);
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

	make_vmdk(&v, 15, 1, want);
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
		save_one(s, ovf, texts[i], strlen(texts[i]));
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

	make_vmdk(&v, 15, 1, want);
	ova_writer_ovf_one(ovf, "d.vmdk", SIZE);
	save_one(s, ovf, v.bytes, v.len);
	scratch_write(s, "out.vmdk", text, strlen(text));
	assert_refused(s, "out.vmdk", ERR_CORRUPT, "out.vmdk: extent: a.ova/d.vmdk: no such file");
	vmdk_writer_fini(&v);
}

static uint64_t bytes_read_so_far(void)
{
	CLEANUP_FREE char *text = NULL;
	size_t len = 0;
	int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t n = 0;
	char *at;

	text = io_read_file(fd, "io", 4096, &len, NULL);
	close(fd);
	at = text ? strstr(text, "rchar: ") : NULL;
	if (!at)
		return 0; /* a kernel that does not count */
	at[7 + strcspn(at + 7, "\n")] = '\0';
	assert_int_equal(parse_u64(at + 7, UINT64_MAX, &n, NULL), 0);
	return n;
}

/* 200 GiB of members: their headers and the descriptor are read, not what lies between. */
static void opening_reads_headers_and_not_the_archive(void **state)
{
	const struct scratch_dir *s = *state;
	const uint64_t size = UINT64_C(100) << 30;
	struct ova_writer w = { 0 };
	struct error e = ERROR_INIT;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	char ovf[OVA_W_OVF_MAX], pax[128] = "", record[64];
	uint64_t before, after, disk_at;
	uint8_t buf[512], want[512];
	size_t h;

	ova_writer_ovf_one(ovf, "big.raw", size);
	h = ova_writer_header(&w, "other.bin", 0, '0');
	ova_writer_base256(&w, h, 0x80, size);
	ova_writer_save(&w, s, "a.ova");
	ova_writer_fini(&w);
	snprintf(record, sizeof(record), "size=%" PRIu64, size);
	ova_writer_pax_record(pax, sizeof(pax), record);
	ova_writer_extra(&w, 'x', pax);
	ova_writer_header(&w, "big.raw", 0, '0');
	scratch_patch(s, "a.ova", size + 512, w.bytes, w.len);
	disk_at = size + 512 + w.len;
	ova_writer_fini(&w);
	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	ova_writer_end(&w);
	scratch_patch(s, "a.ova", disk_at + size, w.bytes, w.len);
	ova_writer_fini(&w);
	pattern_fill(want, sizeof(want), 5, 5);
	scratch_patch(s, "a.ova", disk_at + size - 512, want, sizeof(want));

	before = bytes_read_so_far();
	d = open_in(s, "a.ova", &e);
	after = bytes_read_so_far();
	if (!d)
		fail_msg("%s", e.msg);
	assert_true(after - before < 256 * 1024);
	assert_true(before == 0 || after > before);
	assert_int_equal(disk_read(d, buf, sizeof(buf), size - 512, NULL), 0);
	assert_memory_equal(buf, want, sizeof(buf));
	scratch_truncate(s, "a.ova", 0);
}

/* What libarchive says decides together with ours; a name in pax that the locale cannot show is no obstacle. */
static void names_are_bytes_whatever_the_locale(void **state)
{
	static const char *const names[] = { "e\xcc\x81.vmdk", "\xc3\xa9.vmdk", "\xff\xfe.vmdk" };
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want = malloc(SIZE);
	char ovf[OVA_W_OVF_MAX], chain[64];
	struct vmdk_writer v;

	make_vmdk(&v, 15, 1, want);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct ova_writer w = { 0 };

		ova_writer_ovf_one(ovf, i < 2 ? names[i] : "%ff%FE.vmdk", SIZE);
		add_somehow(&w, "x.ovf", ovf, strlen(ovf), 1);
		add_somehow(&w, names[i], v.bytes, v.len, 1);
		ova_writer_save(&w, s, "a.ova");
		snprintf(chain, sizeof(chain), "a.ova/%s", names[i]);
		assert_reads(s, "a.ova", chain, want);
		ova_writer_fini(&w);
	}
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
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: more than 10000 members");
	w.len -= 512;
	ova_writer_save(&w, s, "a.ova");
	assert_refused(s, "a.ova", ERR_CORRUPT, "a.ova: no .ovf among its 10000 members");
	ova_writer_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_is_read_wherever_it_lies_in_the_archive),
		cmocka_unit_test(several_disks_are_named_and_an_empty_one_is_zeros),
		cmocka_unit_test(other_formats_are_read_by_the_members_suffix),
		cmocka_unit_test(what_is_no_archive_of_disks_is_refused),
		cmocka_unit_test(members_that_mislead_are_refused),
		cmocka_unit_test(a_cut_archive_is_refused),
		cmocka_unit_test(the_disk_must_be_what_the_descriptor_says),
		cmocka_unit_test(a_disk_must_be_complete),
		cmocka_unit_test(other_datastores_are_not_for_disks_in_archives),
		cmocka_unit_test(images_name_nothing_in_an_archive),
		cmocka_unit_test(opening_reads_headers_and_not_the_archive),
		cmocka_unit_test(names_are_bytes_whatever_the_locale),
		cmocka_unit_test(too_many_members_are_refused),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
