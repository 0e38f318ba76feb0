/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk/disk.h"
#include "support/vmdk_writer.h"

#define GRAIN 65536
#define VMDK_BIG (((size_t)1 << 20) + 1) /* one byte more than a descriptor may have */
#define HEAD "version=1\nCID=00000001\nparentCID=ffffffff\ncreateType=\"custom\"\n"

static uint8_t want[4 * GRAIN], got[4 * GRAIN];

static struct disk *open_in(const struct scratch_dir *s, const char *name, struct error *err)
{
	CLEANUP(cleanup_backing_root) struct backing_root *root = backing_root_open(s->path, NULL);

	assert_non_null(root);
	return disk_open(root, name, NULL, err);
}

static struct disk *open_text(const struct scratch_dir *s, const char *text, struct error *err)
{
	scratch_write(s, "d.vmdk", text, strlen(text));
	return open_in(s, "d.vmdk", err);
}

static void write_pattern(const struct scratch_dir *s, const char *name, size_t len, uint64_t seed)
{
	pattern_fill(want, len, 0, seed);
	scratch_write(s, name, want, len);
}

static void assert_reads_want(struct disk *d, size_t len)
{
	assert_int_equal(disk_size(d), len);
	for (size_t off = 0; off < len; off += 3001) {
		memset(got, 0xa5, sizeof(got));
		assert_int_equal(disk_read(d, got, len - off, off, NULL), 0);
		assert_memory_equal(got, want + off, len - off);
	}
}

static void extents_follow_each_other(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct vmdk_writer w;

	vmdk_writer_init(&w, 128, 128, 0, NULL);
	vmdk_writer_add_grain(&w, 0, 8);
	vmdk_writer_save(&w, s, "d-s001.vmdk");
	vmdk_writer_fini(&w);
	write_pattern(s, "d-flat.vmdk", 20 * 512, 7);
	d = open_text(s,
		      HEAD "RW 3 FLAT \"d-flat.vmdk\" 10\nRDONLY 5 ZERO\nRW 128 SPARSE \"d-s001.vmdk\"\n"
			   "RW 4 FLAT \"d-flat.vmdk\"\nRW 6 FLAT \"d-flat.vmdk\" 4\nRW 2 VMFS \"d-flat.vmdk\"\n",
		      NULL);
	assert_non_null(d);
	memset(want, 0, sizeof(want));
	pattern_fill(want, 3 * 512, 10 * 512, 7);
	pattern_fill(want + 8 * 512, GRAIN, 0, 8);
	pattern_fill(want + 136 * 512, 10 * 512, 0, 7);
	pattern_fill(want + 146 * 512, 2 * 512, 0, 7);
	assert_reads_want(d, 148 * 512);
	assert_string_equal(disk_chain_info(d, 0)->subformat, "custom");
	assert_int_equal(disk_extents(d, 148 * 512, 0, false, &list, NULL), 0);
	assert_int_equal(list.n, 5); /* flat, zero, grain, two that continue in one file, flat from its start */
	assert_int_equal(list.v[3].len, 10 * 512);
	assert_int_equal(list.v[3].file_off, 0);
}

static void names_are_those_beside_the_descriptor(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;

	assert_int_equal(mkdirat(s->fd, "vm", 0700), 0);
	assert_int_equal(mkdirat(s->fd, "vm/sub", 0700), 0);
	write_pattern(s, "vm/sub/a b-flat.vmdk", 512, 3);
	scratch_write(s, "vm/a b.vmdk", HEAD "RW 1 FLAT \"sub/a b-flat.vmdk\" 0\n",
		      strlen(HEAD "RW 1 FLAT \"sub/a b-flat.vmdk\" 0\n"));
	d = open_in(s, "vm/a b.vmdk", NULL);
	assert_non_null(d);
	assert_reads_want(d, 512);
	assert_int_equal(disk_file_count(d), 2);
	assert_string_equal(disk_file(d, 1)->path, "vm/sub/a b-flat.vmdk");
}

/* The second byte of the first two is a backslash. */
static void files_are_found_as_utf8_or_as_they_are_written(void **state)
{
	static const struct {
		const char *encoding, *raw, *utf8;
	} rows[] = {
		{ "Shift_JIS", "\x83\x5c", "\xe3\x82\xbd" },
		{ "Big5", "\xb3\x5c", "\xe8\xa8\xb1" },
		{ "GBK", "\xd6\xd0", "\xe4\xb8\xad" },
		{ "windows-1252", "\xe9", "\xc3\xa9" },
	};
	const struct scratch_dir *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int raw = 0; raw < 2; raw++) {
			CLEANUP(cleanup_disk) struct disk *d = NULL, *both = NULL;
			const char *on_disk = raw ? rows[i].raw : rows[i].utf8;
			char text[512], extent[32], parent[32], other[32];
			struct error e = ERROR_INIT;

			snprintf(parent, sizeof(parent), "%s.vmdk", on_disk);
			snprintf(extent, sizeof(extent), "%s-flat.vmdk", on_disk);
			write_pattern(s, extent, 1024, i);
			snprintf(text, sizeof(text),
				 "version=1\nencoding=\"%s\"\nCID=1\ncreateType=\"vmfs\"\nRW 2 VMFS \"%s-flat.vmdk\"\n",
				 rows[i].encoding, rows[i].raw);
			scratch_write(s, parent, text, strlen(text));
			/* The parent's path is one of another host; two lines of one file. */
			snprintf(text, sizeof(text),
				 "version=1\nencoding=\"%s\"\nparentCID=1\ncreateType=\"custom\"\nparentFileNameHint="
				 "\"C:\\%s\\%s.vmdk\"\n"
				 "RW 1 FLAT \"%s-flat.vmdk\" 0\nRW 1 FLAT \"%s-flat.vmdk\" 1\n",
				 rows[i].encoding, rows[i].raw, rows[i].raw, rows[i].raw, rows[i].raw);
			d = open_text(s, text, &e);
			assert_error(&e, ERR_NONE, "");
			assert_reads_want(d, 1024);
			assert_int_equal(disk_chain_len(d), 2);
			assert_string_equal(disk_chain_info(d, 1)->path, parent);
			assert_string_equal(disk_file(d, 1)->path, extent);
			if (raw)
				continue;
			/* Where both are there, the name counts, not its bytes. */
			snprintf(other, sizeof(other), "%s-flat.vmdk", rows[i].raw);
			scratch_write(s, other, "", 0);
			both = open_text(s, text, NULL);
			assert_non_null(both);
			assert_int_equal(unlinkat(s->fd, extent, 0), 0);
			assert_int_equal(unlinkat(s->fd, parent, 0), 0);
		}
	}
}

static void a_name_that_is_nowhere_is_told_as_utf8(void **state)
{
	struct error e = ERROR_INIT;

	assert_null(open_text(*state, HEAD "encoding=\"Big5\"\nRW 1 FLAT \"gone\xa5\x5c.vmdk\" 0\n", &e));
	assert_error(&e, ERR_CORRUPT, "d.vmdk: extent: gone\xe5\x8a\x9f.vmdk: no such file");
}

static void bad_disks_are_refused(void **state)
{
	static const struct {
		const char *lines;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ "RW 1 FLAT \"../secret.bin\" 0\n", ERR_REFUSED,
		  "d.vmdk: extent '../secret.bin' leads out of the image's folder" },
		{ "RW 1 FLAT \"sub/../x-flat.vmdk\" 0\n", ERR_REFUSED,
		  "d.vmdk: extent 'sub/../x-flat.vmdk' leads out of the image's folder" },
		{ "RW 1 FLAT \"/etc/passwd\" 0\n", ERR_REFUSED,
		  "d.vmdk: extent '/etc/passwd' leads out of the image's folder; "
		  "--datastore NAME=DIR says where it lies" },
		{ "RW 1 FLAT \"/dev/zero\" 0\n", ERR_REFUSED,
		  "d.vmdk: extent '/dev/zero' leads out of the image's folder; "
		  "--datastore NAME=DIR says where it lies" },
		{ "RW 1 FLAT \"link-flat.vmdk\" 0\n", ERR_REFUSED,
		  "d.vmdk: extent: link-flat.vmdk: a symbolic link, which is not followed here" },
		{ "RW 1 FLAT \"fifo-flat.vmdk\" 0\n", ERR_UNSUPPORTED,
		  "d.vmdk: extent: fifo-flat.vmdk: not a regular file" },
		{ "RW 1 FLAT \"gone-flat.vmdk\" 0\n", ERR_CORRUPT, "d.vmdk: extent: gone-flat.vmdk: no such file" },
		{ "RW 1 FLAT \"x-flat.vmdk/y\" 0\n", ERR_CORRUPT, "d.vmdk: extent: x-flat.vmdk/y: no such file" },
		{ "RW 1 FLAT \"d.vmdk\" 0\n", ERR_CORRUPT, "d.vmdk: extent 'd.vmdk' is the descriptor itself" },
		{ "RW 1 FLAT \"./d.vmdk\" 0\n", ERR_CORRUPT, "d.vmdk: extent './d.vmdk' is the descriptor itself" },
		{ "RW 3 FLAT \"x-flat.vmdk\" 0\n", ERR_CORRUPT,
		  "d.vmdk: x-flat.vmdk: FLAT extent of 1536 bytes at 0 in a file of 1024" },
		{ "RW 1 FLAT \"x-flat.vmdk\" 2\n", ERR_CORRUPT,
		  "d.vmdk: x-flat.vmdk: FLAT extent of 512 bytes at 0x400 in a file of 1024" },
		{ "RW 2 FLAT \"x-flat.vmdk\" 18014398509481983\n", ERR_CORRUPT,
		  "d.vmdk: x-flat.vmdk: FLAT extent of 1024 bytes at 0x7ffffffffffffe00 in a file of 1024" },
		{ "RW 18014398509481983 ZERO\n", ERR_UNSUPPORTED,
		  "d.vmdk: disk of 9223372036854775296 bytes (at most 70368744177664, 64 TiB)" },
		{ "RW 3 VMFS \"x-flat.vmdk\"\n", ERR_CORRUPT,
		  "d.vmdk: x-flat.vmdk: VMFS extent of 1536 bytes at 0 in a file of 1024" },
		{ "RW 2 SPARSE \"x-flat.vmdk\"\n", ERR_CORRUPT, "d.vmdk: x-flat.vmdk: sparse header: no 'KDMV' at 0" },
		{ "RW 127 SPARSE \"s.vmdk\"\n", ERR_CORRUPT,
		  "d.vmdk: s.vmdk: sparse header: 128 sectors, but the descriptor says 127" },
		{ "RW 2 SPARSE \"cowd.vmdk\"\n", ERR_CORRUPT,
		  "d.vmdk: cowd.vmdk: COWD header: the file has only 8 bytes" },
		{ "RW 2 VMFSSPARSE \"cowd.vmdk\"\n", ERR_CORRUPT,
		  "d.vmdk: cowd.vmdk: COWD header: the file has only 8 bytes" },
		{ "RW 128 VMFSSPARSE \"s.vmdk\"\n", ERR_CORRUPT, "d.vmdk: s.vmdk: COWD header: no 'COWD' at 0" },
		{ "RW 2 SESPARSE \"se.vmdk\"\n", ERR_CORRUPT,
		  "d.vmdk: se.vmdk: seSparse header: the file has only 8 bytes" },
		{ "RW 128 SESPARSE \"s.vmdk\"\n", ERR_CORRUPT,
		  "d.vmdk: s.vmdk: seSparse header: magic 0x1564d444b, not 0xcafebabe" },
		{ "RW 2 VMFSRDM \"x-rdm.vmdk\"\n", ERR_UNSUPPORTED,
		  "d.vmdk: descriptor line 5: VMFSRDM extent: raw device maps are not supported" },
	};
	const struct scratch_dir *s = *state;
	struct vmdk_writer w;

	write_pattern(s, "x-flat.vmdk", 1024, 1);
	scratch_write(s, "cowd.vmdk", "COWD\1\0\0\0", 8);
	scratch_write(s, "se.vmdk", "\xbe\xba\xfe\xca\0\0\0\0", 8);
	vmdk_writer_init(&w, 128, 128, 0, NULL);
	vmdk_writer_save(&w, s, "s.vmdk");
	vmdk_writer_fini(&w);
	assert_int_equal(symlinkat("x-flat.vmdk", s->fd, "link-flat.vmdk"), 0);
	assert_int_equal(mkfifoat(s->fd, "fifo-flat.vmdk", 0600), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;
		char text[512];

		snprintf(text, sizeof(text), "%s%s", HEAD, rows[i].lines);
		assert_null(open_text(s, text, &e));
		assert_error(&e, rows[i].code, rows[i].msg);
	}
}

static void what_is_no_descriptor_says_what_it_is(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ "", 0, ERR_CORRUPT, "d.vmdk: neither a descriptor nor a sparse extent: 0 bytes" },
		{ "\0\1", 2, ERR_CORRUPT, "d.vmdk: neither a descriptor nor a sparse extent: 2 bytes" },
		{ "\xeb\x63\x90\0\0\0\0\0\0", 9, ERR_CORRUPT,
		  "d.vmdk: neither a descriptor nor a sparse extent: begins with eb63900000000000 (a flat extent is "
		  "opened by "
		  "the .vmdk that names it)" },
		{ "COWD\1\0\0\0", 8, ERR_UNSUPPORTED,
		  "d.vmdk: a COWD extent (ESX redo log): open the .vmdk that names it" },
		{ "\xbe\xba\xfe\xca\0\0\0\0", 8, ERR_UNSUPPORTED,
		  "d.vmdk: a seSparse extent: open the .vmdk that names it" },
		{ "\xa2\x72\x19\xf6\1\0\0\0", 8, ERR_UNSUPPORTED, "d.vmdk: a change tracking file (CTK), not a disk" },
		{ "hello\n", 6, ERR_CORRUPT, "d.vmdk: descriptor line 1: 'hello' where 'version=' must be" },
		{ "KDMV", 4, ERR_CORRUPT, "d.vmdk: sparse header: the file has only 4 bytes" },
	};
	const struct scratch_dir *s = *state;
	char *big = malloc(VMDK_BIG);
	struct error e = ERROR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error why = ERROR_INIT;

		scratch_write(s, "d.vmdk", rows[i].bytes, rows[i].len);
		assert_null(open_in(s, "d.vmdk", &why));
		assert_error(&why, rows[i].code, rows[i].msg);
	}
	assert_non_null(big);
	memset(big, '#', VMDK_BIG);
	scratch_write(s, "d.vmdk", big, VMDK_BIG);
	assert_null(open_in(s, "d.vmdk", &e));
	assert_error(&e, ERR_CORRUPT, "d.vmdk: descriptor of 1048577 bytes (at most 1048576)");
	free(big);
}

static void an_embedded_descriptor_is_of_its_own_file(void **state)
{
	static const struct {
		const char *text;
		const char *msg;
	} rows[] = {
		{ HEAD "RW 64 SPARSE \"d.vmdk\"\nRW 64 SPARSE \"d.vmdk\"\n",
		  "d.vmdk: descriptor inside a sparse extent: 2 extents, the first SPARSE, where one SPARSE must be" },
		{ HEAD "RW 128 FLAT \"d.vmdk\" 0\n",
		  "d.vmdk: descriptor inside a sparse extent: 1 extents, the first FLAT, where one SPARSE must be" },
		{ "\n", "d.vmdk: descriptor: empty" },
	};
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct vmdk_writer w;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;

		vmdk_writer_init(&w, 128, 128, 0, rows[i].text);
		vmdk_writer_save(&w, s, "d.vmdk");
		vmdk_writer_fini(&w);
		assert_null(open_in(s, "d.vmdk", &e));
		assert_error(&e, ERR_CORRUPT, rows[i].msg);
	}
	/* Renamed next to a file of its old name, read-only, and with a separate one's parent keys. */
	vmdk_writer_init(&w, 128, 128, 0, HEAD "RDONLY 128 SPARSE \"../old.vmdk\"\nddb.uuid = \"60 00\"\n");
	vmdk_writer_add_grain(&w, 0, 4);
	vmdk_writer_save(&w, s, "d.vmdk");
	vmdk_writer_fini(&w);
	d = open_in(s, "d.vmdk", NULL);
	assert_non_null(d);
	pattern_fill(want, GRAIN, 0, 4);
	assert_reads_want(d, GRAIN);
	assert_string_equal(disk_chain_info(d, 0)->id, "60 00");
	assert_int_equal(disk_chain_info(d, 0)->sector_size, 512);
}

/* A sparse disk of three grains with its own and its parent's CID; "" for no hint. */
static void write_layer(const struct scratch_dir *s, const char *name, const char *cid, const char *parent_cid,
			const char *hint, uint32_t entry0, int data_grain, uint64_t seed)
{
	struct vmdk_writer w;
	char text[512];

	snprintf(text, sizeof(text),
		 "version=1\n%s%s\nparentCID=%s\ncreateType=\"monolithicSparse\"\n%s%s%s\nRW 384 SPARSE \"x\"\n",
		 *cid ? "CID=" : "#", cid, parent_cid, *hint ? "parentFileNameHint=\"" : "#", hint, *hint ? "\"" : "");
	vmdk_writer_init(&w, 384, 128, 4, text);
	vmdk_writer_set_entry(&w, 0, entry0);
	vmdk_writer_add_grain(&w, (uint64_t)data_grain, seed);
	vmdk_writer_save(&w, s, name);
	vmdk_writer_fini(&w);
}

static void a_child_reads_through_to_its_parents(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;

	write_layer(s, "root.vmdk", "a", "ffffffff", "ignored.vmdk", 0, 0, 1); /* ffffffff: a base, whatever the hint */
	write_layer(s, "mid.vmdk", "B", "0000000A", "C:\\vms\\root.vmdk", 0, 1, 2);
	write_layer(s, "leaf.vmdk", "c", "b", "/vmfs/volumes/1/mid.vmdk", 0, 2, 3);
	d = open_in(s, "leaf.vmdk", NULL);
	assert_non_null(d);
	assert_int_equal(disk_chain_len(d), 3);
	for (uint64_t i = 0; i < 3; i++)
		pattern_fill(want + i * GRAIN, GRAIN, i * GRAIN, i + 1);
	assert_reads_want(d, 3 * GRAIN);
	disk_close(steal_ptr(&d));

	write_layer(s, "leaf.vmdk", "c", "b", "mid.vmdk", 1, 2, 3); /* grain 0 zeroed over the root's data */
	d = open_in(s, "leaf.vmdk", NULL);
	assert_non_null(d);
	memset(want, 0, GRAIN);
	assert_reads_want(d, 3 * GRAIN);
}

static void parents_must_be_the_right_ones_and_near(void **state)
{
	static const struct {
		const char *parent_cid, *hint;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ "a", "p.vmdk", ERR_NONE, "" },
		{ "a", "near/../p.vmdk", ERR_NONE, "" },
		{ "a", "near\\q.vmdk", ERR_NONE, "" },
		{ "1234", "p.vmdk", ERR_CORRUPT, "k.vmdk: parent p.vmdk has CID 0000000a, where 00001234 is expected" },
		{ "1", "nocid.vmdk", ERR_CORRUPT, "k.vmdk: parent nocid.vmdk has no CID, where 00000001 is expected" },
		{ "a", "", ERR_CORRUPT, "k.vmdk: descriptor: parentCID 0000000a, but no parentFileNameHint" },
		{ "a", "gone.vmdk", ERR_CORRUPT, "k.vmdk: parent: gone.vmdk: no such file" },
		{ "a", "p.vmdk/gone.vmdk", ERR_CORRUPT, "k.vmdk: parent: p.vmdk/gone.vmdk: no such file" },
		{ "a", "../p.vmdk", ERR_REFUSED, "k.vmdk: parent: ../p.vmdk: leads out of ROOT" },
		{ "a", "near/", ERR_REFUSED, "k.vmdk: parent 'near/' is no file's name" },
		{ "a", "..", ERR_REFUSED, "k.vmdk: parent '..' is no file's name" },
		{ "a", "k.vmdk", ERR_CORRUPT, "k.vmdk: parent: k.vmdk: is in its own chain of parents" },
		{ "a", "plink.vmdk", ERR_REFUSED,
		  "k.vmdk: parent: plink.vmdk: a symbolic link, which is not followed here" },
		{ "a", "pfifo.vmdk", ERR_UNSUPPORTED, "k.vmdk: parent: pfifo.vmdk: not a regular file" },
	};
	const struct scratch_dir *s = *state;

	assert_int_equal(mkdirat(s->fd, "near", 0700), 0);
	write_layer(s, "p.vmdk", "a", "ffffffff", "", 0, 0, 1);
	write_layer(s, "near/q.vmdk", "a", "ffffffff", "", 0, 0, 1);
	write_layer(s, "nocid.vmdk", "", "ffffffff", "", 0, 0, 1);
	assert_int_equal(symlinkat("p.vmdk", s->fd, "plink.vmdk"), 0);
	assert_int_equal(mkfifoat(s->fd, "pfifo.vmdk", 0600), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		struct error e = ERROR_INIT;
		char *at;

		write_layer(s, "k.vmdk", "c", rows[i].parent_cid, rows[i].hint, 0, 1, 2);
		d = open_in(s, "k.vmdk", &e);
		at = strstr(e.msg, s->path);
		if (at)
			memcpy(at, "ROOT", 5);
		assert_error(&e, rows[i].code, rows[i].msg);
		assert_int_equal(d != NULL, rows[i].code == ERR_NONE);
	}
}

static void a_linked_clone_has_its_base_in_another_folder(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;

	assert_int_equal(mkdirat(s->fd, "clone", 0700), 0);
	write_layer(s, "template.vmdk", "a", "ffffffff", "", 0, 0, 1);
	write_layer(s, "clone/c.vmdk", "b", "a", "..\\template.vmdk", 0, 1, 2);
	d = open_in(s, "clone/c.vmdk", NULL);
	assert_non_null(d);
	assert_string_equal(disk_chain_info(d, 1)->path, "clone/../template.vmdk");
	memset(want, 0, sizeof(want));
	for (uint64_t i = 0; i < 2; i++)
		pattern_fill(want + i * GRAIN, GRAIN, i * GRAIN, i + 1);
	assert_reads_want(d, 3 * GRAIN);
}

static void extents_that_shrink_later_are_errors(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT;

	write_pattern(s, "t-flat.vmdk", 8 * 512, 1);
	d = open_text(s, HEAD "RW 8 FLAT \"t-flat.vmdk\" 0\n", NULL);
	assert_non_null(d);
	scratch_truncate(s, "t-flat.vmdk", 7 * 512);
	assert_int_equal(disk_read(d, got, 8 * 512, 0, &e), -1);
	assert_error(&e, ERR_CHANGED, "t-flat.vmdk: shrank from 4096 to 3584 bytes");
	assert_int_equal(disk_read(d, got, 7 * 512, 0, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extents_follow_each_other),
		cmocka_unit_test(names_are_those_beside_the_descriptor),
		cmocka_unit_test(files_are_found_as_utf8_or_as_they_are_written),
		cmocka_unit_test(a_name_that_is_nowhere_is_told_as_utf8),
		cmocka_unit_test(bad_disks_are_refused),
		cmocka_unit_test(what_is_no_descriptor_says_what_it_is),
		cmocka_unit_test(an_embedded_descriptor_is_of_its_own_file),
		cmocka_unit_test(a_child_reads_through_to_its_parents),
		cmocka_unit_test(parents_must_be_the_right_ones_and_near),
		cmocka_unit_test(a_linked_clone_has_its_base_in_another_folder),
		cmocka_unit_test(extents_that_shrink_later_are_errors),
	};

	return cmocka_run_group_tests_name("vmdk", tests, scratch_setup, scratch_teardown);
}
