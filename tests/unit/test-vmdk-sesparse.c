/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "disk/chain.h"
#include "disk/vmdk_sesparse.h"
#include "support/disk_reader.h"
#include "support/sesparse_writer.h"

#define GRAIN ((uint64_t)SESPARSE_W_GRAIN_LEN)
#define SECTORS UINT64_C(70003) /* two tables and a bit; the last grain has 3 sectors */
#define TEXT(sectors)                                                                                       \
	"# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"seSparse\"\nRW " sectors \
	" SESPARSE \"s-sesparse.vmdk\"\n"

enum {
	TABLES = 4, /* the region's */
	GRAINS = 16,
	DIR_SECTOR = 8,
	TABLES_SECTOR = 9,
	GRAINS_SECTOR = TABLES_SECTOR + TABLES * 64 + 2,
};

static const uint64_t grains[] = { 0, 1, 3, 2, 4095, 4096, 8750 }; /* in the file's order */
#define FILE_SECTORS (GRAINS_SECTOR + 8 * ARRAY_LEN(grains))

static void begin(struct sesparse_writer *w)
{
	sesparse_writer_init(w, SECTORS, TABLES, GRAINS);
	assert_int_equal(w->tables_sector, TABLES_SECTOR);
	assert_int_equal(w->grains_sector, GRAINS_SECTOR);
	for (size_t i = 0; i < ARRAY_LEN(grains); i++)
		sesparse_writer_add_grain(w, grains[i], 1);
	assert_int_equal(w->len, FILE_SECTORS * 512);
}

static struct disk *open_text(const struct scratch_dir *s, const char *text, struct error *err)
{
	scratch_write(s, "s.vmdk", text, strlen(text));
	return disk_open_in(s, "s.vmdk", err);
}

static struct disk *open_saved(const struct scratch_dir *s, const struct sesparse_writer *w, struct error *err)
{
	sesparse_writer_save(w, s, "s-sesparse.vmdk");
	return open_text(s, TEXT("70003"), err);
}

static void assert_content(struct disk *d)
{
	static uint8_t want[(SECTORS + 8) * 512];

	memset(want, 0, sizeof(want));
	for (size_t i = 0; i < ARRAY_LEN(grains); i++)
		pattern_fill(want + grains[i] * GRAIN, GRAIN, grains[i] * GRAIN, 1);
	for (size_t off = 0; off < SECTORS * 512; off += 20000003)
		assert_disk_reads(d, want, SECTORS * 512 - off, off);
}

static void grains_are_found_wherever_they_lie(void **state)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct sesparse_writer w;

	begin(&w);
	d = open_saved(*state, &w, NULL);
	assert_non_null(d);
	assert_int_equal(disk_size(d), SECTORS * 512);
	assert_string_equal(disk_chain_info(d, 0)->subformat, "seSparse");
	assert_content(d);
	assert_int_equal(disk_extents(d, SECTORS * 512, 0, false, &list, NULL), 0);
	/* 0 and 1 | 2 | 3 | zeros | 4095 and 4096 | zeros | 8750 */
	assert_int_equal(list.n, 7);
	assert_int_equal(list.v[0].file_off, GRAINS_SECTOR * 512);
	assert_int_equal(list.v[1].file_off, GRAINS_SECTOR * 512 + 3 * GRAIN);
	assert_int_equal(list.v[3].len, 4091 * GRAIN);
	assert_int_equal(list.v[4].len, 2 * GRAIN);
	assert_int_equal(list.v[6].len, 3 * 512);
	assert_int_equal(extent_list_bytes(&list, EXTENT_DATA), 6 * GRAIN + 3 * 512);
	sesparse_writer_fini(&w);
}

static void numbers_of_grains_are_shuffled_as_they_are(void **state)
{
	static const struct {
		uint64_t n, entry;
	} rows[] = {
		{ 0, UINT64_C(0x3000000000000000) },
		{ 4095, UINT64_C(0x3fff000000000000) },
		{ 4096, UINT64_C(0x3000000000000001) },
		{ 5000, UINT64_C(0x3388000000000001) },
		{ (UINT64_C(1) << 60) - 1, UINT64_C(0x3fffffffffffffff) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum extent_kind kind;
		uint64_t n;

		assert_int_equal(vmdk_sesparse_decode_grain(rows[i].entry, &kind, &n, NULL), 0);
		assert_int_equal(kind, EXTENT_DATA);
		assert_int_equal(n, rows[i].n);
		assert_int_equal(sesparse_writer_encode(SESPARSE_W_GRAIN, rows[i].n), rows[i].entry);
	}
}

static void unmapped_and_zeroed_grains_are_zeros_over_a_parent(void **state)
{
	static const char child[] = "version=1\nCID=2\nparentCID=1\nparentFileNameHint=\"s.vmdk\"\n"
				    "createType=\"seSparse\"\nRW 70003 SESPARSE \"c-sesparse.vmdk\"\n";
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	const struct scratch_dir *s = *state;
	static uint8_t want[5 * 4096], got[5 * 4096];
	struct sesparse_writer w;
	char path[128];

	begin(&w);
	disk_close(open_saved(s, &w, NULL));
	sesparse_writer_fini(&w);
	sesparse_writer_init(&w, SECTORS, TABLES, GRAINS);
	sesparse_writer_set_entry(&w, 0, sesparse_writer_encode(SESPARSE_W_UNMAPPED, 0));
	sesparse_writer_set_entry(&w, 1, sesparse_writer_encode(SESPARSE_W_ZERO, 0));
	sesparse_writer_set_entry(&w, 2, sesparse_writer_encode(SESPARSE_W_UNMAPPED, 12345)); /* it had this one once */
	sesparse_writer_add_grain(&w, 4, 2);
	sesparse_writer_save(&w, s, "c-sesparse.vmdk");
	sesparse_writer_fini(&w);
	scratch_write(s, "c.vmdk", child, sizeof(child) - 1);
	snprintf(path, sizeof(path), "%s/c.vmdk", s->path);
	d = disk_open_path(path, NULL, NULL);
	assert_non_null(d);
	memset(want, 0, sizeof(want));
	pattern_fill(want + 3 * GRAIN, GRAIN, 3 * GRAIN, 1);
	pattern_fill(want + 4 * GRAIN, GRAIN, 4 * GRAIN, 2);
	assert_int_equal(disk_read(d, got, sizeof(got), 0, NULL), 0);
	assert_memory_equal(got, want, sizeof(want));
	assert_int_equal(disk_extents(d, sizeof(got), 0, false, &list, NULL), 0);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.v[0].kind, EXTENT_ZERO);
	assert_int_equal(list.v[0].depth, 0);
	assert_int_equal(list.v[1].depth, 1);
	assert_int_equal(list.v[2].depth, 0);
}

static void headers_are_refused(void **state)
{
	static const struct {
		unsigned off;
		uint64_t value;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ 0, 0xcafecafe, ERR_CORRUPT, "header: magic 0xcafecafe, not 0xcafebabe" },
		{ 0, UINT64_C(0x1cafebabe), ERR_CORRUPT, "header: magic 0x1cafebabe, not 0xcafebabe" },
		{ 8, UINT64_C(0x100000001), ERR_UNSUPPORTED, "header: version 0x100000001 (0x200000001)" },
		{ 8, UINT64_C(0x200000002), ERR_UNSUPPORTED, "header: version 0x200000002 (0x200000001)" },
		{ 8, 0, ERR_UNSUPPORTED, "header: version 0 (0x200000001)" },
		{ 16, 0, ERR_CORRUPT, "header: capacity of 0 sectors" },
		{ 16, SECTORS - 1, ERR_CORRUPT, "header: 70002 sectors, but the descriptor says 70003" },
		{ 16, SECTORS + 1, ERR_CORRUPT, "header: 70004 sectors, but the descriptor says 70003" },
		{ 16, 64 * 32768 + 1, ERR_CORRUPT, "header: grain directory of 1 sectors, where 2 are needed" },
		{ 16, UINT64_C(1) << 54, ERR_CORRUPT, "header: capacity of 18014398509481984 sectors" },
		{ 16, UINT64_MAX, ERR_CORRUPT, "header: capacity of 18446744073709551615 sectors" },
		{ 24, 0, ERR_UNSUPPORTED, "header: grain of 0 sectors (8)" },
		{ 24, 16, ERR_UNSUPPORTED, "header: grain of 16 sectors (8)" },
		{ 24, UINT64_MAX, ERR_UNSUPPORTED, "header: grain of 18446744073709551615 sectors (8)" },
		{ 32, 0, ERR_UNSUPPORTED, "header: grain table of 0 sectors (64)" },
		{ 32, 65, ERR_UNSUPPORTED, "header: grain table of 65 sectors (64)" },
		{ 32, UINT64_MAX, ERR_UNSUPPORTED, "header: grain table of 18446744073709551615 sectors (64)" },
		{ 40, 1, ERR_UNSUPPORTED, "header: flags 0x1 at 40, where 0 must be" },
		{ 40, UINT64_C(1) << 63, ERR_UNSUPPORTED, "header: flags 0x8000000000000000 at 40, where 0 must be" },
		{ 48, 1, ERR_UNSUPPORTED, "header: reserved 0x1 at 48, where 0 must be" },
		{ 56, 1, ERR_UNSUPPORTED, "header: reserved 0x1 at 56, where 0 must be" },
		{ 64, 1, ERR_UNSUPPORTED, "header: reserved 0x1 at 64, where 0 must be" },
		{ 72, UINT64_MAX, ERR_UNSUPPORTED, "header: reserved 0xffffffffffffffff at 72, where 0 must be" },
		{ 80, 0, ERR_CORRUPT, "header: volatile header at sector 0: on the header itself" },
		{ 80, 2, ERR_CORRUPT, "header: journal header at sector 2 overlaps the volatile header at 2" },
		{ 80, 10000, ERR_CORRUPT,
		  "header: volatile header of 1 sectors at 10000: beyond end of file (323 sectors)" },
		{ 80, UINT64_MAX, ERR_CORRUPT,
		  "header: volatile header of 1 sectors at 18446744073709551615: overflows" },
		{ 80, UINT64_C(1) << 55, ERR_CORRUPT,
		  "header: volatile header of 1 sectors at 36028797018963968: overflows" },
		{ 88, 0, ERR_CORRUPT, "header: volatile header of 0 sectors, where 1 are needed" },
		{ 88, 2, ERR_CORRUPT, "header: journal header at sector 2 overlaps the volatile header at 1" },
		{ 96, 0, ERR_CORRUPT, "header: journal header at sector 0: on the header itself" },
		{ 96, 7, ERR_CORRUPT, "header: journal at sector 4 overlaps the journal header at 7" },
		{ 104, UINT64_MAX, ERR_CORRUPT,
		  "header: journal header of 18446744073709551615 sectors at 2: overflows" },
		{ 112, 0, ERR_CORRUPT, "header: journal at sector 0: on the header itself" },
		{ 120, UINT64_C(1) << 60, ERR_CORRUPT,
		  "header: journal of 1152921504606846976 sectors at 4: overflows" },
		{ 120, 5, ERR_CORRUPT, "header: grain directory at sector 8 overlaps the journal at 4" },
		{ 128, 0, ERR_CORRUPT, "header: grain directory at sector 0: on the header itself" },
		{ 128, 323, ERR_CORRUPT, "header: grains at sector 267 overlaps the grain directory at 323" },
		{ 128, 400, ERR_CORRUPT,
		  "header: grain directory of 1 sectors at 400: beyond end of file (323 sectors)" },
		{ 128, UINT64_MAX, ERR_CORRUPT,
		  "header: grain directory of 1 sectors at 18446744073709551615: overflows" },
		{ 136, 0, ERR_CORRUPT, "header: grain directory of 0 sectors, where 1 are needed" },
		{ 136, 2, ERR_CORRUPT, "header: grain tables at sector 9 overlaps the grain directory at 8" },
		{ 136, UINT64_C(1) << 60, ERR_CORRUPT,
		  "header: grain directory of 1152921504606846976 sectors at 8: overflows" },
		{ 144, 0, ERR_CORRUPT, "header: grain tables at sector 0: on the header itself" },
		{ 144, 8, ERR_CORRUPT, "header: grain tables at sector 8 overlaps the grain directory at 8" },
		{ 152, 257, ERR_CORRUPT, "header: free bitmap at sector 265 overlaps the grain tables at 9" },
		{ 152, UINT64_MAX, ERR_CORRUPT,
		  "header: grain tables of 18446744073709551615 sectors at 9: overflows" },
		{ 160, 0, ERR_CORRUPT, "header: free bitmap at sector 0: on the header itself" },
		{ 168, UINT64_MAX / 512, ERR_CORRUPT,
		  "header: free bitmap of 36028797018963967 sectors at 265: overflows" },
		{ 176, 265, ERR_CORRUPT, "header: backmap at sector 265 overlaps the free bitmap at 265" },
		{ 184, 2, ERR_CORRUPT, "header: grains at sector 267 overlaps the backmap at 266" },
		{ 192, 0, ERR_CORRUPT, "header: grains at sector 0: on the header itself" },
		{ 192, 10, ERR_CORRUPT, "header: grains at sector 10 overlaps the grain tables at 9" },
		{ 192, UINT64_MAX, ERR_CORRUPT, "header: grains of 128 sectors at 18446744073709551615: overflows" },
		{ 200, UINT64_MAX, ERR_CORRUPT, "header: grains of 18446744073709551615 sectors at 267: overflows" },
		{ 208, 1, ERR_UNSUPPORTED, "header: bytes behind 208, where zeros must be" },
		{ 504, UINT64_C(1) << 63, ERR_UNSUPPORTED, "header: bytes behind 208, where zeros must be" },
		{ 512, 0, ERR_CORRUPT, "volatile header: magic 0, not 0xcafecafe" },
		{ 512, 0xcafebabe, ERR_CORRUPT, "volatile header: magic 0xcafebabe, not 0xcafecafe" },
		{ 536, 1, ERR_UNSUPPORTED,
		  "volatile header: replay journal 0x1: it was not closed cleanly, and its journal's format is "
		  "unknown" },
		{ 536, UINT64_C(1) << 63, ERR_UNSUPPORTED,
		  "volatile header: replay journal 0x8000000000000000: it was not closed cleanly, and its journal's "
		  "format is unknown" },
		{ 544, 1, ERR_UNSUPPORTED, "volatile header: bytes behind 32, where zeros must be" },
		{ 1016, UINT64_C(1) << 63, ERR_UNSUPPORTED, "volatile header: bytes behind 32, where zeros must be" },
	};

	assert_int_equal(FILE_SECTORS, 323);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;
		struct sesparse_writer w;
		char msg[256];

		begin(&w);
		put_le64(w.bytes + rows[i].off, rows[i].value);
		snprintf(msg, sizeof(msg), "s.vmdk: s-sesparse.vmdk: seSparse %s", rows[i].msg);
		assert_null(open_saved(*state, &w, &e));
		assert_error(&e, rows[i].code, msg);
		sesparse_writer_fini(&w);
	}
}

static void what_says_nothing_about_the_content_may_be_anything(void **state)
{
	static const struct {
		unsigned off;
		uint64_t value;
	} rows[] = {
		{ 104, 0 },
		{ 120, 0 }, /* no journal */
		{ 168, 0 },
		{ 184, 0 },                 /* no bitmap, no backmap */
		{ 160, UINT64_C(1) << 40 }, /* a bitmap beyond the end of the file */
		{ 200, UINT64_C(1) << 40 }, /* room for more grains than the file has */
		{ 520, UINT64_MAX },
		{ 528, UINT64_MAX }, /* next free table, next transaction */
		{ 1024, 0 },
		{ 2048, UINT64_MAX }, /* the journal itself */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		uint8_t want[4096], got[4096];
		struct sesparse_writer w;

		begin(&w);
		put_le64(w.bytes + rows[i].off, rows[i].value);
		d = open_saved(*state, &w, NULL);
		assert_non_null(d);
		for (size_t g = 0; g < 3; g++) {
			pattern_fill(want, GRAIN, g * GRAIN, 1);
			assert_int_equal(disk_read(d, got, GRAIN, g * GRAIN, NULL), 0);
			assert_memory_equal(got, want, GRAIN);
		}
		sesparse_writer_fini(&w);
	}
}

static void a_short_file_is_no_header(void **state)
{
	static const struct {
		size_t len;
		const char *msg;
	} rows[] = {
		{ 0, "header: the file has only 0 bytes" },
		{ 511, "header: the file has only 511 bytes" },
		{ 512, "header: volatile header of 1 sectors at 1: beyond end of file (1 sectors)" },
		{ 1023, "header: volatile header of 1 sectors at 1: beyond end of file (1 sectors)" },
		{ 1024, "header: grain directory of 1 sectors at 8: beyond end of file (2 sectors)" },
		{ 9 * 512 - 1, "header: grain directory of 1 sectors at 8: beyond end of file (8 sectors)" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;
		struct sesparse_writer w;
		char msg[160];

		begin(&w);
		w.len = rows[i].len;
		snprintf(msg, sizeof(msg), "s.vmdk: s-sesparse.vmdk: seSparse %s", rows[i].msg);
		assert_null(open_saved(*state, &w, &e));
		assert_error(&e, ERR_CORRUPT, msg);
		sesparse_writer_fini(&w);
	}
}

static void a_bad_entry_fails_its_grain_and_the_rest_reads(void **state)
{
	static const struct {
		uint64_t value;
		const char *msg;
	} rows[] = {
		{ 1, "grain 1: entry 0x1 of the table: not of type 1, 2 or 3, nor nothing at all" },
		{ UINT64_C(0x0fff000000000000),
		  "grain 1: entry 0xfff000000000000 of the table: not of type 1, 2 or 3, nor nothing at all" },
		{ UINT64_C(0x4000000000000000),
		  "grain 1: entry 0x4000000000000000 of the table: not of type 1, 2 or 3, nor nothing at all" },
		{ UINT64_MAX,
		  "grain 1: entry 0xffffffffffffffff of the table: not of type 1, 2 or 3, nor nothing at all" },
		{ UINT64_C(0x3010000000000000), "grain 1: number 16: the region has only 16" },
		{ UINT64_C(0x3000000000000001), "grain 1: number 4096: the region has only 16" },
		{ UINT64_C(0x3000800000000000), "grain 1: number 576460752303423488: the region has only 16" },
		{ UINT64_C(0x3fffffffffffffff), "grain 1: number 1152921504606846975: the region has only 16" },
		{ UINT64_C(0x3007000000000000), "grain 1 at sector 323: beyond end of file (323 sectors)" },
		{ UINT64_C(0x300f000000000000), "grain 1 at sector 387: beyond end of file (323 sectors)" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		struct error e = ERROR_INIT, e2 = ERROR_INIT;
		uint8_t buf[8192], want[4096];
		struct sesparse_writer w;
		char msg[160];

		begin(&w);
		sesparse_writer_set_entry(&w, 1, rows[i].value);
		snprintf(msg, sizeof(msg), "s.vmdk: s-sesparse.vmdk: %s", rows[i].msg);
		d = open_saved(*state, &w, NULL);
		assert_non_null(d);
		assert_int_equal(disk_read(d, buf, 4097, 0, &e), -1);
		assert_error(&e, ERR_CORRUPT, msg);
		assert_int_equal(disk_extents(d, SECTORS * 512, 0, false, &list, &e2), -1);
		assert_error(&e2, ERR_CORRUPT, msg);
		assert_int_equal(extent_list_bytes(&list, EXTENT_DATA), GRAIN);
		for (uint64_t g = 0; g <= 2; g += 2) {
			pattern_fill(want, GRAIN, g * GRAIN, 1);
			assert_int_equal(disk_read(d, buf, GRAIN, g * GRAIN, NULL), 0);
			assert_memory_equal(buf, want, GRAIN);
		}
		sesparse_writer_fini(&w);
	}
}

static void a_bad_table_fails_what_it_covers(void **state)
{
	static const struct {
		uint64_t value;
		const char *msg;
	} rows[] = {
		{ 1, "grain table 1: entry 0x1 of the directory: not 0x10000000 in its upper half" },
		{ UINT64_C(0x2000000000000001),
		  "grain table 1: entry 0x2000000000000001 of the directory: not 0x10000000 in its upper half" },
		{ UINT64_C(0x1000000100000000),
		  "grain table 1: entry 0x1000000100000000 of the directory: not 0x10000000 in its upper half" },
		{ UINT64_MAX,
		  "grain table 1: entry 0xffffffffffffffff of the directory: not 0x10000000 in its upper half" },
		{ UINT64_C(0x1000000000000004), "grain table 1: number 4: the region has only 4" },
		{ UINT64_C(0x10000000ffffffff), "grain table 1: number 4294967295: the region has only 4" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		struct error e = ERROR_INIT;
		struct sesparse_writer w;
		char msg[160];
		uint8_t b;

		begin(&w);
		put_le64(w.bytes + DIR_SECTOR * 512 + 8, rows[i].value);
		snprintf(msg, sizeof(msg), "s.vmdk: s-sesparse.vmdk: %s", rows[i].msg);
		d = open_saved(*state, &w, NULL);
		assert_non_null(d);
		assert_int_equal(disk_read(d, &b, 1, 8192 * GRAIN - 1, &e), -1);
		assert_error(&e, ERR_CORRUPT, msg);
		assert_int_equal(disk_read(d, &b, 1, 4096 * GRAIN - 1, NULL), 0);
		assert_int_equal(disk_read(d, &b, 1, 8192 * GRAIN, NULL), 0);
		sesparse_writer_fini(&w);
	}
}

static void tables_and_grains_beyond_the_end_are_errors(void **state)
{
	CLEANUP(cleanup_disk) struct disk *grain = NULL, *table = NULL;
	struct error e = ERROR_INIT, e2 = ERROR_INIT;
	struct sesparse_writer w;
	uint8_t buf[512];

	begin(&w);
	w.len -= GRAIN - 3 * 512; /* the last grain is 8750, of which the disk has three sectors */
	grain = open_saved(*state, &w, NULL);
	assert_non_null(grain);
	assert_int_equal(disk_read(grain, buf, 512, SECTORS * 512 - 512, NULL), 0);
	disk_close(steal_ptr(&grain));
	w.len--;
	grain = open_saved(*state, &w, NULL);
	assert_non_null(grain);
	assert_int_equal(disk_read(grain, buf, 1, 8750 * GRAIN, &e), -1);
	assert_error(&e, ERR_CORRUPT,
		     "s.vmdk: s-sesparse.vmdk: grain 8750 at sector 315: beyond end of file (317 sectors)");
	w.len = (TABLES_SECTOR + 128) * 512 - 1; /* in the second table */
	table = open_saved(*state, &w, NULL);
	assert_non_null(table);
	assert_int_equal(disk_read(table, buf, 1, 4097 * GRAIN, &e2), -1);
	assert_error(&e2, ERR_CORRUPT,
		     "s.vmdk: s-sesparse.vmdk: grain table 1 at sector 73: beyond end of file (136 sectors)");
	assert_int_equal(disk_read(table, buf, 1, 5 * GRAIN, NULL), 0);
	sesparse_writer_fini(&w);
}

/* The largest: 4 Mi tables.  What was never written is told from 32 MiB of directory, of which 10 MiB are ever in
 * memory. */
static void sixty_four_tib_open_and_map_in_little_memory(void **state)
{
	const uint64_t sectors = UINT64_C(1) << 37, size = sectors * 512, dir_sectors = 65536;
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	const struct scratch_dir *s = *state;
	uint8_t header[1024] = { 0 }, grain[4096], got[4096], entry[8];
	uint64_t at = 1;
	const uint64_t regions[] = { 1, 2, 4, dir_sectors, 64 * 2, 1, 1, 16 };

	put_le64(header, 0xcafebabe);
	put_le64(header + 8, UINT64_C(0x200000001));
	put_le64(header + 16, sectors);
	put_le64(header + 24, 8);
	put_le64(header + 32, 64);
	for (size_t i = 0; i < ARRAY_LEN(regions); at += regions[i++]) {
		put_le64(header + 80 + i * 16, at);
		put_le64(header + 88 + i * 16, regions[i]);
	}
	put_le64(header + 512, 0xcafecafe);
	scratch_write(s, "s-sesparse.vmdk", header, sizeof(header));
	put_le64(entry, UINT64_C(0x1000000000000001)); /* the last table of all */
	scratch_patch(s, "s-sesparse.vmdk", (8 + dir_sectors) * 512 - 8, entry, 8);
	put_le64(entry, sesparse_writer_encode(SESPARSE_W_GRAIN, 1));
	scratch_patch(s, "s-sesparse.vmdk", (8 + dir_sectors + 128) * 512 - 8, entry, 8);
	pattern_fill(grain, GRAIN, size - GRAIN, 1);
	scratch_patch(s, "s-sesparse.vmdk", (at - 16 + 8) * 512, grain, GRAIN);

	d = open_text(s, TEXT("137438953472"), NULL);
	assert_non_null(d);
	assert_int_equal(disk_size(d), size);
	assert_int_equal(disk_read(d, got, GRAIN, size - GRAIN, NULL), 0);
	assert_memory_equal(got, grain, GRAIN);
	assert_int_equal(disk_extents(d, size, 0, true, &list, NULL), 0);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.v[0].kind, EXTENT_ZERO);
	assert_int_equal(list.v[0].len, size - GRAIN);
	assert_true(lru_cache_pieces(d->tables) <= DISK_TABLE_PAGES);
	assert_true(lru_cache_fills(d->tables) <= 32 * 16 + 4); /* no page twice */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grains_are_found_wherever_they_lie),
		cmocka_unit_test(numbers_of_grains_are_shuffled_as_they_are),
		cmocka_unit_test(unmapped_and_zeroed_grains_are_zeros_over_a_parent),
		cmocka_unit_test(headers_are_refused),
		cmocka_unit_test(what_says_nothing_about_the_content_may_be_anything),
		cmocka_unit_test(a_short_file_is_no_header),
		cmocka_unit_test(a_bad_entry_fails_its_grain_and_the_rest_reads),
		cmocka_unit_test(a_bad_table_fails_what_it_covers),
		cmocka_unit_test(tables_and_grains_beyond_the_end_are_errors),
		cmocka_unit_test(sixty_four_tib_open_and_map_in_little_memory),
	};

	return cmocka_run_group_tests_name("vmdk_sesparse", tests, scratch_setup, scratch_teardown);
}
