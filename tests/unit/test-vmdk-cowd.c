/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "disk/chain.h"
#include "disk/vmdk_table.h"
#include "support/cowd_writer.h"
#include "support/disk_reader.h"

#define SECTORS 20001 /* one-sector grains: five tables, the last one short */
#define TEXT(sectors, type)                                                                                    \
	"# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"vmfsSparse\"\nRW " #sectors \
	" " type " \"c-delta.vmdk\"\n"

static const uint32_t grains[] = { 0, 1, 3, 2, 4095, 4096, 12288, 20000 }; /* in the file's order */

static void begin(struct cowd_writer *w)
{
	cowd_writer_init(w, SECTORS, 1);
	for (size_t i = 0; i < ARRAY_LEN(grains); i++)
		cowd_writer_add_grain(w, grains[i], 1);
}

static struct disk *open_text(const struct scratch_dir *s, const struct cowd_writer *w, const char *text,
			      struct error *err)
{
	cowd_writer_save(w, s, "c-delta.vmdk");
	scratch_write(s, "c.vmdk", text, strlen(text));
	return disk_open_in(s, "c.vmdk", err);
}

static struct disk *open_saved(const struct scratch_dir *s, const struct cowd_writer *w, struct error *err)
{
	return open_text(s, w, TEXT(20001, "VMFSSPARSE"), err);
}

static void assert_content(struct disk *d, bool without_4096)
{
	static uint8_t want[SECTORS * 512];

	memset(want, 0, sizeof(want));
	for (size_t i = 0; i < ARRAY_LEN(grains); i++)
		if (grains[i] != 4096 || !without_4096)
			pattern_fill(want + grains[i] * 512, 512, grains[i] * UINT64_C(512), 1);
	for (size_t off = 0; off < SECTORS * 512; off += 1000003)
		assert_disk_reads(d, want, SECTORS * 512 - off, off);
}

static void grains_of_one_sector_are_found_wherever_they_lie(void **state)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct cowd_writer w;

	begin(&w);
	d = open_saved(*state, &w, NULL);
	assert_non_null(d);
	assert_int_equal(disk_size(d), SECTORS * 512);
	assert_string_equal(disk_chain_info(d, 0)->subformat, "vmfsSparse");
	assert_content(d, false);
	assert_int_equal(disk_extents(d, SECTORS * 512, 0, false, &list, NULL), 0);
	/* 0 and 1 | 2 | 3 | zeros | 4095 | 4096, behind its table | zeros | 12288 | zeros | 20000 */
	assert_int_equal(list.n, 10);
	assert_int_equal(list.v[0].len, 1024);
	assert_int_equal(list.v[1].file_off, list.v[0].file_off + 3 * 512);
	assert_int_equal(list.v[2].file_off, list.v[0].file_off + 2 * 512);
	assert_int_equal(list.v[3].len, 4091 * 512);
	assert_int_equal(list.v[6].len, (12288 - 4097) * 512);
	assert_int_equal(list.v[9].kind, EXTENT_DATA);
	assert_int_equal(extent_list_bytes(&list, EXTENT_DATA), ARRAY_LEN(grains) * 512);
	cowd_writer_fini(&w);
}

static void a_table_that_is_not_there_is_nothing(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct cowd_writer w;

	begin(&w);
	put_le32(w.bytes + COWD_W_DIR_SECTOR * 512 + 4, 0);
	d = open_saved(*state, &w, NULL);
	assert_non_null(d);
	assert_content(d, true);
	cowd_writer_fini(&w);
}

static void larger_grains_and_a_line_that_says_sparse(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	static uint8_t want[1000 * 512], got[1000 * 512];
	struct cowd_writer w;

	cowd_writer_init(&w, 1000, 128); /* eight grains, the last one of 104 sectors */
	cowd_writer_add_grain(&w, 7, 3);
	cowd_writer_add_grain(&w, 2, 3);
	w.len = w.len - 128 * 512 + 1; /* not a whole sector of what the disk needs of grain 2 */
	assert_non_null(d = open_text(*state, &w, TEXT(1000, "SPARSE"), NULL));
	assert_int_equal(disk_read(d, got, 512, 256 * 512, NULL), -1);
	assert_int_equal(disk_read(d, got, 104 * 512, 7 * 65536, NULL), 0);
	disk_close(steal_ptr(&d));
	cowd_writer_fini(&w);

	cowd_writer_init(&w, 1000, 128);
	cowd_writer_add_grain(&w, 2, 3);
	cowd_writer_add_grain(&w, 7, 3);
	w.len -= 24 * 512; /* cut to what the disk has of the last grain */
	memset(want, 0, sizeof(want));
	pattern_fill(want + 2 * 65536, 65536, 2 * 65536, 3);
	pattern_fill(want + 7 * 65536, 104 * 512, 7 * 65536, 3);
	assert_non_null(d = open_text(*state, &w, TEXT(1000, "SPARSE"), NULL));
	assert_int_equal(disk_read(d, got, sizeof(got), 0, NULL), 0);
	assert_memory_equal(got, want, sizeof(want));
	cowd_writer_fini(&w);
}

static void headers_are_refused(void **state)
{
	static const struct {
		unsigned off;
		uint32_t value;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ 0, 0x564d444b, ERR_CORRUPT, "COWD header: no 'COWD' at 0" },
		{ 4, 0, ERR_UNSUPPORTED, "COWD header: version 0 (1)" },
		{ 4, 2, ERR_UNSUPPORTED, "COWD header: version 2 (1)" },
		{ 4, 0xffffffff, ERR_UNSUPPORTED, "COWD header: version 4294967295 (1)" },
		{ 8, 8 | 3, ERR_UNSUPPORTED, "COWD header: unknown flags 0x8" },
		{ 8, 0xffffffff, ERR_UNSUPPORTED, "COWD header: unknown flags 0xfffffff8" },
		{ 12, 0, ERR_CORRUPT, "COWD header: capacity of 0 sectors" },
		{ 12, 20000, ERR_CORRUPT, "COWD header: 20000 sectors, but the descriptor says 20001" },
		{ 12, 20002, ERR_CORRUPT, "COWD header: 20002 sectors, but the descriptor says 20001" },
		{ 12, 0xffffffff, ERR_CORRUPT, "COWD header: grain directory of 5 entries, where 1048576 are needed" },
		{ 16, 0, ERR_CORRUPT, "COWD header: grain of 0 sectors (a power of two up to 2097152)" },
		{ 16, 3, ERR_CORRUPT, "COWD header: grain of 3 sectors (a power of two up to 2097152)" },
		{ 16, 0x400000, ERR_CORRUPT, "COWD header: grain of 4194304 sectors (a power of two up to 2097152)" },
		{ 16, 0x80000000, ERR_CORRUPT,
		  "COWD header: grain of 2147483648 sectors (a power of two up to 2097152)" },
		{ 16, 0xffffffff, ERR_CORRUPT,
		  "COWD header: grain of 4294967295 sectors (a power of two up to 2097152)" },
		{ 20, 0, ERR_CORRUPT, "COWD header: grain directory at sector 0: inside the header" },
		{ 20, 3, ERR_CORRUPT, "COWD header: grain directory at sector 3: inside the header" },
		{ 20, 141, ERR_CORRUPT,
		  "COWD header: grain directory of 20 bytes at sector 141: beyond end of file (141 sectors)" },
		{ 20, 0xffffffff, ERR_CORRUPT,
		  "COWD header: grain directory of 20 bytes at sector 4294967295: beyond end of file (141 sectors)" },
		{ 24, 0, ERR_CORRUPT, "COWD header: grain directory of 0 entries, where 5 are needed" },
		{ 24, 4, ERR_CORRUPT, "COWD header: grain directory of 4 entries, where 5 are needed" },
		{ 24, 0xffffffff, ERR_CORRUPT,
		  "COWD header: grain directory of 17179869180 bytes at sector 4: beyond end of file (141 sectors)" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;
		struct cowd_writer w;
		char msg[256];

		begin(&w);
		assert_int_equal(w.len, 141 * 512);
		put_le32(w.bytes + rows[i].off, rows[i].value);
		snprintf(msg, sizeof(msg), "c.vmdk: c-delta.vmdk: %s", rows[i].msg);
		assert_null(open_saved(*state, &w, &e));
		assert_error(&e, rows[i].code, msg);
		cowd_writer_fini(&w);
	}
}

static void what_says_nothing_about_the_content_may_be_anything(void **state)
{
	static const struct {
		unsigned off, len;
	} rows[] = {
		{ 28, 4 },     { 32, 1024 }, { 1056, 4 }, { 1060, 4 }, { 1064, 60 },
		{ 1124, 512 }, { 1636, 4 },  { 1640, 8 }, { 1648, 4 }, { 1652, 396 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		struct cowd_writer w;

		begin(&w);
		put_le32(w.bytes + 8, i % 8); /* all known flags; what is inconsistent is still readable */
		memset(w.bytes + rows[i].off, 0xff, rows[i].len);
		d = open_saved(*state, &w, NULL);
		assert_non_null(d);
		assert_content(d, false);
		cowd_writer_fini(&w);
	}
}

static void a_short_file_is_no_header(void **state)
{
	static const size_t lens[] = { 0, 3, 2047 };

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct error e = ERROR_INIT;
		struct cowd_writer w;
		char msg[128];

		begin(&w);
		w.len = lens[i];
		snprintf(msg, sizeof(msg), "c.vmdk: c-delta.vmdk: COWD header: the file has only %zu bytes", lens[i]);
		assert_null(open_saved(*state, &w, &e));
		assert_error(&e, ERR_CORRUPT, msg);
		cowd_writer_fini(&w);
	}
}

static void a_bad_entry_fails_its_grain_and_the_rest_reads(void **state)
{
	static const struct {
		uint32_t value;
		const char *msg;
	} rows[] = {
		{ 1, "grain 1 at sector 1: inside the metadata" },
		{ 3, "grain 1 at sector 3: inside the metadata" },
		{ 4, "grain 1 at sector 4: inside the metadata" },
		{ 5, "grain 1 at sector 5: inside its own grain table" },
		{ 36, "grain 1 at sector 36: inside its own grain table" },
		{ 141, "grain 1 at sector 141: beyond end of file (141 sectors)" },
		{ 0x80000000, "grain 1 at sector 2147483648: beyond end of file (141 sectors)" },
		{ 0xffffffff, "grain 1 at sector 4294967295: beyond end of file (141 sectors)" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		struct error e = ERROR_INIT, e2 = ERROR_INIT;
		uint8_t buf[1024], want[512];
		struct cowd_writer w;
		char msg[128];

		begin(&w);
		cowd_writer_set_entry(&w, 1, rows[i].value);
		snprintf(msg, sizeof(msg), "c.vmdk: c-delta.vmdk: %s", rows[i].msg);
		d = open_saved(*state, &w, NULL);
		assert_non_null(d);
		assert_int_equal(disk_read(d, buf, 513, 0, &e), -1);
		assert_error(&e, ERR_CORRUPT, msg);
		assert_int_equal(disk_extents(d, 4096, 0, false, &list, &e2), -1);
		assert_error(&e2, ERR_CORRUPT, msg);
		assert_int_equal(extent_list_bytes(&list, EXTENT_DATA), 512);
		for (uint64_t g = 0; g <= 2; g += 2) {
			pattern_fill(want, 512, g * 512, 1);
			assert_int_equal(disk_read(d, buf, 512, g * 512, NULL), 0);
			assert_memory_equal(buf, want, 512);
		}
		cowd_writer_fini(&w);
	}
}

static void a_bad_table_fails_what_it_covers(void **state)
{
	static const struct {
		uint32_t value;
		const char *msg;
	} rows[] = {
		{ 1, "grain table 1 at sector 1: inside the metadata" },
		{ 4, "grain table 1 at sector 4: inside the metadata" },
		{ 110, "grain table 1 at sector 110: beyond end of file (141 sectors)" },
		{ 141, "grain table 1 at sector 141: beyond end of file (141 sectors)" },
		{ 0xffffffff, "grain table 1 at sector 4294967295: beyond end of file (141 sectors)" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		struct error e = ERROR_INIT;
		struct cowd_writer w;
		char msg[128];
		uint8_t b;

		begin(&w);
		put_le32(w.bytes + COWD_W_DIR_SECTOR * 512 + 4, rows[i].value);
		snprintf(msg, sizeof(msg), "c.vmdk: c-delta.vmdk: %s", rows[i].msg);
		d = open_saved(*state, &w, NULL);
		assert_non_null(d);
		assert_int_equal(disk_read(d, &b, 1, 8191 * 512, &e), -1);
		assert_error(&e, ERR_CORRUPT, msg);
		assert_int_equal(disk_read(d, &b, 1, 4096 * 512 - 1, NULL), 0);
		assert_int_equal(disk_read(d, &b, 1, 8192 * 512, NULL), 0);
		cowd_writer_fini(&w);
	}
}

/* The largest there is: 2 TiB less a sector, its directory of 4 MiB at the end of a file of 4 MiB. */
static void two_tib_of_nothing(void **state)
{
	const uint64_t size = UINT64_C(0xffffffff) * 512;
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct cowd_writer w;

	cowd_writer_init(&w, 0xffffffff, 1);
	cowd_writer_add_grain(&w, 0xfffffffe, 1);
	d = open_text(*state, &w, TEXT(4294967295, "VMFSSPARSE"), NULL);
	assert_non_null(d);
	assert_int_equal(disk_size(d), size);
	assert_int_equal(disk_extents(d, size, 0, true, &list, NULL), 0);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.v[1].len, 512);
	assert_int_equal(list.v[1].kind, EXTENT_DATA);
	cowd_writer_fini(&w);
}

/* One table for all of a disk, every other grain in it: what a few kilobytes can ask of a reader is bounded at a time.
 */
static void a_map_stops_at_a_number_of_extents(void **state)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	const uint32_t sectors = 128 << 11; /* 128 MiB */
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct cowd_writer w;

	cowd_writer_init(&w, sectors, 1);
	cowd_writer_add_grain(&w, 0, 1);
	for (uint32_t g = 2; g < 4096; g += 2)
		cowd_writer_set_entry(&w, g, get_le32(w.bytes + cowd_writer_entry(&w, 0)));
	for (uint32_t t = 1; t < sectors / 4096; t++)
		put_le32(w.bytes + COWD_W_DIR_SECTOR * 512 + t * 4, get_le32(w.bytes + COWD_W_DIR_SECTOR * 512));
	d = open_text(*state, &w, TEXT(262144, "VMFSSPARSE"), NULL);
	assert_non_null(d);
	assert_int_equal(d->images[0]->ops->map(d->images[0], sectors * UINT64_C(512), 0, &list, NULL), 0);
	assert_int_equal(list.n, VMDK_MAP_EXTENTS_MAX);
	extent_list_clear(&list);
	assert_int_equal(disk_extents(d, sectors * UINT64_C(512), 0, false, &list, NULL), 0);
	assert_int_equal(list.n, sectors); /* asked again from where the answer stopped */
	assert_int_equal(extent_list_bytes(&list, EXTENT_DATA), sectors / 2 * 512);
	extent_list_clear(&list);
	assert_int_equal(disk_extents(d, sectors * UINT64_C(512), 0, true, &list, NULL), 0);
	/* What a disk keeps for the next caller: of each image a little, of a chain of 64 some megabytes. */
	assert_in_range(d->idle->layer[0].cap * sizeof(struct extent), 1, 160 << 10);
	assert_in_range(d->idle->whole.cap * sizeof(struct extent), 1, 5 << 20);
	cowd_writer_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grains_of_one_sector_are_found_wherever_they_lie),
		cmocka_unit_test(a_table_that_is_not_there_is_nothing),
		cmocka_unit_test(larger_grains_and_a_line_that_says_sparse),
		cmocka_unit_test(headers_are_refused),
		cmocka_unit_test(what_says_nothing_about_the_content_may_be_anything),
		cmocka_unit_test(a_short_file_is_no_header),
		cmocka_unit_test(a_bad_entry_fails_its_grain_and_the_rest_reads),
		cmocka_unit_test(a_bad_table_fails_what_it_covers),
		cmocka_unit_test(two_tib_of_nothing),
		cmocka_unit_test(a_map_stops_at_a_number_of_extents),
	};

	return cmocka_run_group_tests_name("vmdk_cowd", tests, scratch_setup, scratch_teardown);
}
