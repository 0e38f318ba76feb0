/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "disk/chain.h"
#include "disk/vhd_bat.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define ABSENT UINT32_MAX

/* A file that is nothing but a table and what the test puts beside it: header at 512. */
struct fixture {
	struct backing file, *files[1];
	struct disk disk;
	struct image img;
	struct vhd_header header;
	struct vhd_bat bat;
};

static void start(struct fixture *f, uint64_t size, uint32_t block_size, uint64_t bat_off, uint64_t content_end)
{
	static char path[] = "disk.vhd";

	memset(f, 0, sizeof(*f));
	f->file = (struct backing){ .path = path, .fd = memfd_create("bat", MFD_CLOEXEC), .size = content_end + 512 };
	assert_true(f->file.fd >= 0);
	assert_int_equal(ftruncate(f->file.fd, (off_t)f->file.size), 0);
	f->files[0] = &f->file;
	f->disk.files = f->files;
	f->disk.n_files = 1;
	f->disk.tables = table_cache_new(4, NULL);
	assert_non_null(f->disk.tables);
	f->img.disk = &f->disk;
	f->img.info.path = path;
	f->header = (struct vhd_header){
		.bat_off = bat_off,
		.n_entries = (uint32_t)((size - 1) / block_size + 1),
		.block_size = block_size,
	};
	vhd_bat_init(&f->bat, &f->img, &f->header, 512, size, content_end, true);
}

static void finish(struct fixture *f)
{
	lru_cache_free(f->disk.tables);
	close(f->file.fd);
}

static void put_entries(struct fixture *f, uint64_t block, uint64_t n, uint32_t value)
{
	uint8_t raw[4];

	put_be32(raw, value);
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(io_pwrite(f->file.fd, raw, 4, f->header.bat_off + (block + i) * 4, NULL), 0);
}

static void assert_absent(struct fixture *f, uint64_t block, uint64_t max, uint64_t n)
{
	struct error e = ERROR_INIT;
	struct vhd_run run;

	assert_int_equal(vhd_bat_run(&f->bat, block, max, &run, &e), 0);
	assert_false(run.present);
	assert_int_equal(run.n_blocks, n);
}

static void assert_present(struct fixture *f, uint64_t block, uint64_t bitmap_off, uint64_t data_off)
{
	struct error e = ERROR_INIT;
	struct vhd_run run;

	assert_int_equal(vhd_bat_run(&f->bat, block, UINT64_MAX, &run, &e), 0);
	assert_true(run.present);
	assert_int_equal(run.n_blocks, 1);
	assert_int_equal(run.bitmap_off, bitmap_off);
	assert_int_equal(run.data_off, data_off);
}

static void assert_bad(struct fixture *f, uint64_t block, const char *msg)
{
	struct error e = ERROR_INIT;
	struct vhd_run run;

	assert_int_equal(vhd_bat_run(&f->bat, block, UINT64_MAX, &run, &e), -1);
	assert_error(&e, ERR_CORRUPT, msg);
}

static void absent_blocks_are_a_run_and_present_ones_come_alone(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, 10 * MIB, MIB, 4096, 8 * MIB);
	put_entries(&f, 0, 10, ABSENT);
	put_entries(&f, 3, 1, 16);
	put_entries(&f, 4, 1, 16 + 2049);
	assert_absent(&f, 0, 100, 3);
	assert_absent(&f, 1, 100, 2);
	assert_absent(&f, 0, 2, 2);
	assert_absent(&f, 5, 100, 5); /* to the disk's end, not the table's */
	assert_present(&f, 3, 8192, 8192 + 512);
	assert_present(&f, 4, 8192 + 512 + MIB, 8192 + 1024 + MIB);
	finish(&f);
}

static void bitmaps_are_whole_sectors(void **state)
{
	static const struct {
		uint32_t block_size, bitmap_len;
	} rows[] = { { 4 << 10, 512 },  { 512 << 10, 512 },  { 2 << 20, 512 },
		     { 4 << 20, 1024 }, { 64 << 20, 16384 }, { 256 << 20, 65536 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fixture f;

		start(&f, rows[i].block_size, rows[i].block_size, 4096, 1024 * MIB);
		assert_int_equal(f.bat.bitmap_len, rows[i].bitmap_len);
		put_entries(&f, 0, 1, 16);
		assert_present(&f, 0, 8192, 8192 + rows[i].bitmap_len);
		finish(&f);
	}
}

static void a_run_ends_with_its_page_and_goes_on_in_the_next(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, 40000 * 4096, 4096, 65536, MIB);
	put_entries(&f, 0, 40000, ABSENT);
	assert_absent(&f, 0, UINT64_MAX, 16384);
	assert_absent(&f, 16384, UINT64_MAX, 16384);
	assert_absent(&f, 32768, UINT64_MAX, 40000 - 32768);
	finish(&f);
	/* An entry of which a page holds 1 to 3 bytes. */
	for (uint64_t shift = 1; shift < 4; shift++) {
		start(&f, 40000 * 4096, 4096, 65536 - 8 + shift, MIB);
		put_entries(&f, 0, 40000, ABSENT);
		assert_absent(&f, 0, UINT64_MAX, 1);
		assert_absent(&f, 1, UINT64_MAX, 1);
		assert_absent(&f, 2, UINT64_MAX, 16383);
		put_entries(&f, 1, 1, 512);
		put_entries(&f, 16385, 1, 513);
		lru_cache_free(f.disk.tables);
		f.disk.tables = table_cache_new(4, NULL);
		assert_present(&f, 1, 512 * 512, 513 * 512);
		assert_present(&f, 16385, 513 * 512, 514 * 512);
		finish(&f);
	}
}

static void a_block_lies_inside_the_content_and_apart_from_all_structures(void **state)
{
	static const struct {
		uint32_t entry;
		const char *fault; /* NULL: good */
	} rows[] = {
		{ 0, "on the footer's copy at 0" },
		{ 1, "overlaps the dynamic header" },
		{ 2, "overlaps the dynamic header" },
		{ 3, NULL },
		{ 4095 - 2048, NULL },
		{ 4096 - 2048, "overlaps the BAT" },
		{ 4096, "overlaps the BAT" },
		{ 4097, NULL },
		{ 8192 - 2049, NULL },
		{ 8192 - 2048, "beyond end of content" },
		{ 8192, "beyond end of content" },
		{ 0xfffffffe, "beyond end of content" },
	};
	struct fixture f;
	char msg[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		start(&f, 3 * MIB, MIB, 2 * MIB, 4 * MIB);
		put_entries(&f, 1, 1, rows[i].entry);
		if (!rows[i].fault) {
			assert_present(&f, 1, rows[i].entry * UINT64_C(512), (rows[i].entry + 1) * UINT64_C(512));
		} else {
			snprintf(msg, sizeof(msg), "block 1: BAT entry %#x at 0x200004: %s (content ends at 0x400000)",
				 rows[i].entry, rows[i].fault);
			assert_bad(&f, 1, msg);
		}
		finish(&f);
	}
}

static void the_disks_last_block_may_end_with_the_disk(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, 3 * MIB - 1024, MIB, 4096, 4 * MIB);
	put_entries(&f, 0, 3, 8192 - 2049 + 2);
	assert_bad(&f, 1, "block 1: BAT entry 0x1801 at 0x1004: beyond end of content (content ends at 0x400000)");
	assert_present(&f, 2, 6145 * 512, 6146 * 512);
	put_entries(&f, 2, 1, 8192 - 2049 + 3);
	lru_cache_free(f.disk.tables);
	f.disk.tables = table_cache_new(4, NULL);
	assert_bad(&f, 2, "block 2: BAT entry 0x1802 at 0x1008: beyond end of content (content ends at 0x400000)");
	finish(&f);
}

static void assert_sectors(struct fixture *f, uint64_t first, uint64_t max, bool here, uint64_t n)
{
	struct error e = ERROR_INIT;
	struct vhd_run run;
	uint64_t got_n;
	bool got;

	assert_int_equal(vhd_bat_run(&f->bat, 0, 1, &run, &e), 0);
	assert_int_equal(vhd_bat_sectors(&f->bat, &run, first, max, &got, &got_n, &e), 0);
	assert_int_equal(got, here);
	assert_int_equal(got_n, n);
}

static void bits_are_read_from_the_highest_on(void **state)
{
	static const uint8_t bits[] = { 0x80, 0x0f, 0xff, 0xff, 0xfe, 0x00, 0x01, 0x55 };
	struct fixture f;

	(void)state;
	start(&f, MIB, MIB, 4096, 4 * MIB);
	put_entries(&f, 0, 1, 16);
	assert_int_equal(io_pwrite(f.file.fd, bits, sizeof(bits), 8192, NULL), 0);
	assert_sectors(&f, 0, 2048, true, 1);
	assert_sectors(&f, 1, 2047, false, 11);
	assert_sectors(&f, 12, 2036, true, 4 + 16 + 7);
	assert_sectors(&f, 12, 10, true, 10);
	assert_sectors(&f, 20, 1, true, 1);
	assert_sectors(&f, 39, 2009, false, 1 + 8 + 7);
	assert_sectors(&f, 55, 1993, true, 1);
	assert_sectors(&f, 56, 1992, false, 1);
	assert_sectors(&f, 57, 1991, true, 1);
	assert_sectors(&f, 64, 1984, false, 1984);
	finish(&f);
}

static void a_bitmap_may_lie_across_pages(void **state)
{
	uint8_t ones[4096];
	struct fixture f;

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	start(&f, 16 * MIB, 16 * MIB, 4096, 32 * MIB);
	put_entries(&f, 0, 1, 127); /* the bitmap's second sector begins a page */
	assert_int_equal(io_pwrite(f.file.fd, ones, sizeof(ones), 127 * 512, NULL), 0);
	assert_sectors(&f, 0, 32768, true, 4096);
	assert_sectors(&f, 4096, 28672, true, 28672);
	finish(&f);
}

static void the_largest_table_is_paged(void **state)
{
	struct fixture f;

	(void)state;
	/* 2040 GiB in blocks of 4 KiB: a table of 2 GiB, whose entries are all 0 but the last. */
	start(&f, 2040 * GIB, 4096, 4096, 3 * GIB);
	assert_int_equal(f.bat.n_blocks, 534773760);
	put_entries(&f, 534773759, 1, ABSENT);
	assert_absent(&f, 534773759, UINT64_MAX, 1);
	assert_bad(
		&f, 534773758,
		"block 534773758: BAT entry 0 at 0x7f800ff8: on the footer's copy at 0 (content ends at 0xc0000000)");
	for (uint64_t block = 0; block < 534773760; block += 20000000)
		assert_int_equal(vhd_bat_run(&f.bat, block, 1, &(struct vhd_run){ 0 }, NULL), -1);
	assert_true(lru_cache_pieces(f.disk.tables) <= 4);
	finish(&f);
}

static void what_cannot_be_read_is_an_error(void **state)
{
	struct error e = ERROR_INIT;
	struct vhd_run run = { .present = true, .bitmap_off = 8192 };
	struct fixture f;
	uint64_t n;
	bool here;

	(void)state;
	start(&f, 10 * MIB, MIB, 70000, 8 * MIB);
	assert_int_equal(ftruncate(f.file.fd, 100), 0); /* the file shrank */
	assert_int_equal(vhd_bat_run(&f.bat, 0, 1, &run, &e), -1);
	assert_non_null(strstr(e.msg, "disk.vhd"));
	e = (struct error)ERROR_INIT;
	assert_int_equal(vhd_bat_sectors(&f.bat, &run, 0, 1, &here, &n, &e), -1);
	assert_non_null(strstr(e.msg, "disk.vhd"));
	finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_blocks_are_a_run_and_present_ones_come_alone),
		cmocka_unit_test(bitmaps_are_whole_sectors),
		cmocka_unit_test(a_run_ends_with_its_page_and_goes_on_in_the_next),
		cmocka_unit_test(a_block_lies_inside_the_content_and_apart_from_all_structures),
		cmocka_unit_test(the_disks_last_block_may_end_with_the_disk),
		cmocka_unit_test(bits_are_read_from_the_highest_on),
		cmocka_unit_test(a_bitmap_may_lie_across_pages),
		cmocka_unit_test(the_largest_table_is_paged),
		cmocka_unit_test(what_cannot_be_read_is_an_error),
	};

	return cmocka_run_group_tests_name("vhd-bat", tests, NULL, NULL);
}
