/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "disk/chain.h"
#include "disk/vhdx_bat.h"

#define MIB (UINT64_C(1) << 20)
#define TIB (UINT64_C(1) << 40)
#define BAT_OFF (4 * MIB)

/* A file that is nothing but a table: log at 1 MiB, metadata at 2, BAT at 4. */
struct fixture {
	struct backing file, *files[1];
	struct disk disk;
	struct image img;
	struct vhdx_view view;
	struct vhdx_regions regions;
	struct vhdx_header header;
	struct vhdx_metadata meta;
	struct vhdx_bat bat;
};

static void start(struct fixture *f, uint64_t size, uint32_t block_size, uint64_t file_size)
{
	static char path[] = "disk.vhdx";

	memset(f, 0, sizeof(*f));
	f->meta = (struct vhdx_metadata){ .virtual_size = size, .block_size = block_size, .logical_sector = 512 };
	f->file = (struct backing){ .path = path, .fd = memfd_create("bat", MFD_CLOEXEC), .size = file_size };
	f->file.stamp.size = file_size;
	assert_true(f->file.fd >= 0);
	assert_int_equal(ftruncate(f->file.fd, (off_t)file_size), 0);
	f->files[0] = &f->file;
	f->disk.files = f->files;
	f->disk.n_files = 1;
	f->disk.tables = table_cache_new(4, NULL);
	assert_non_null(f->disk.tables);
	f->img.disk = &f->disk;
	f->view.file = &f->file;
	f->header = (struct vhdx_header){ .log_off = MIB, .log_len = MIB };
	f->regions = (struct vhdx_regions){
		.bat_off = BAT_OFF, .bat_len = 512 * MIB + MIB, .meta_off = 2 * MIB, .meta_len = MIB
	};
}

static void init(struct fixture *f)
{
	struct error e = ERROR_INIT;

	assert_int_equal(vhdx_bat_init(&f->bat, &f->img, &f->view, &f->regions, &f->header, &f->meta, &e), 0);
}

static void finish(struct fixture *f)
{
	lru_cache_free(f->disk.tables);
	close(f->file.fd);
}

static void put_entry(struct fixture *f, uint64_t index, uint64_t value)
{
	uint8_t raw[8];

	put_le64(raw, value);
	assert_int_equal(io_pwrite(f->file.fd, raw, 8, BAT_OFF + index * 8, NULL), 0);
}

static void assert_bad(struct fixture *f, uint64_t block, const char *msg)
{
	struct error e = ERROR_INIT;
	struct vhdx_run run;

	assert_int_equal(vhdx_bat_run(&f->bat, block, UINT64_MAX, &run, &e), -1);
	assert_error(&e, ERR_CORRUPT, msg);
}

static void assert_run(struct fixture *f, uint64_t block, uint64_t max, enum extent_kind kind, uint64_t n, uint64_t off)
{
	struct error e = ERROR_INIT;
	struct vhdx_run run;

	assert_int_equal(vhdx_bat_run(&f->bat, block, max, &run, &e), 0);
	assert_int_equal(run.kind, kind);
	assert_int_equal(run.n_blocks, n);
	assert_true(run.file_off == off);
}

static void table_sizes_are_those_of_the_specification(void **state)
{
	static const struct {
		uint32_t block_mib, sector, chunk;
	} chunks[] = { { 1, 512, 4096 }, { 2, 512, 2048 },   { 32, 512, 128 },
		       { 256, 512, 16 }, { 1, 4096, 32768 }, { 256, 4096, 128 } };
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		start(&f, 64 * TIB, chunks[i].block_mib << 20, 600 * MIB);
		f.meta.logical_sector = chunks[i].sector;
		init(&f);
		assert_int_equal(1u << f.bat.chunk_shift, chunks[i].chunk);
		assert_int_equal(f.bat.n_blocks, 64 * TIB / MIB / chunks[i].block_mib);
		finish(&f);
	}
	assert_int_equal(vhdx_bat_entries(1, 12, false), 1);
	assert_int_equal(vhdx_bat_entries(4096, 12, false), 4096);
	assert_int_equal(vhdx_bat_entries(4097, 12, false), 4098);
	assert_int_equal(vhdx_bat_entries(1, 12, true), 4097);
	assert_int_equal(vhdx_bat_entries(4096, 12, true), 4097);
	assert_int_equal(vhdx_bat_entries(4097, 12, true), 2 * 4097);
	assert_int_equal(vhdx_bat_entries(UINT64_C(1) << 26, 12, false), (1 << 26) + (1 << 14) - 1);
}

static void a_table_too_short_for_the_disk_is_refused(void **state)
{
	struct error e = ERROR_INIT;
	struct fixture f;

	(void)state;
	start(&f, 4 * TIB, MIB, 600 * MIB);
	f.regions.bat_len = MIB;
	assert_int_equal(vhdx_bat_init(&f.bat, &f.img, &f.view, &f.regions, &f.header, &f.meta, &e), -1);
	assert_error(&e, ERR_CORRUPT, "BAT: 4195327 entries needed, its region of 1048576 bytes holds 131072");
	finish(&f);
}

static void states_mean_what_the_table_says(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, 16 * MIB, MIB, 600 * MIB);
	init(&f);
	for (uint64_t s = 0; s < 8; s++)
		put_entry(&f, s, 560 * MIB + s * MIB + s);
	put_entry(&f, 4, 2); /* in the middle of the zeros */
	assert_run(&f, 0, UINT64_MAX, EXTENT_ZERO, 6, 0);
	assert_run(&f, 2, 3, EXTENT_ZERO, 3, 0);
	assert_run(&f, 6, UINT64_MAX, EXTENT_DATA, 1, 566 * MIB);
	assert_bad(&f, 7, "block 7: BAT entry 0x23700007 at 0x400038: partly present in a disk without parent");
	assert_run(&f, 8, UINT64_MAX, EXTENT_ZERO, 8, 0);
	finish(&f);

	start(&f, 16 * MIB, MIB, 600 * MIB);
	init(&f);
	put_entry(&f, 3, 4);
	assert_run(&f, 0, UINT64_MAX, EXTENT_ZERO, 3, 0); /* ends before the bad one */
	assert_bad(&f, 3, "block 3: BAT entry 0x4 at 0x400018: state 4 is reserved");
	assert_run(&f, 4, UINT64_MAX, EXTENT_ZERO, 12, 0);
	finish(&f);
}

static void with_a_parent_absent_and_partial_blocks_differ(void **state)
{
	struct vhdx_run run;
	struct fixture f;

	(void)state;
	start(&f, 8192 * MIB, MIB, 600 * MIB);
	f.meta.has_parent = true;
	init(&f);
	put_entry(&f, 1, 2);
	put_entry(&f, 2, 560 * MIB | 7);
	put_entry(&f, 3, 561 * MIB | 7);
	assert_run(&f, 0, UINT64_MAX, EXTENT_ABSENT, 1, 0);
	assert_run(&f, 1, UINT64_MAX, EXTENT_ZERO, 1, 0);
	assert_run(&f, 4, UINT64_MAX, EXTENT_ABSENT, 8187,
		   0); /* up to the page's end, with an entry of a bitmap in between */
	assert_int_equal(vhdx_bat_run(&f.bat, 2, 2, &run, NULL), 0);
	assert_true(run.partial);
	assert_int_equal(run.n_blocks, 1);
	finish(&f);
}

static void assert_sectors(struct fixture *f, uint64_t block, uint64_t first, uint64_t max, bool present, uint64_t n)
{
	struct error e = ERROR_INIT;
	uint64_t got_n = 0;
	bool got;

	assert_int_equal(vhdx_bat_sectors(&f->bat, block, first, max, &got, &got_n, &e), 0);
	assert_int_equal(got, present);
	assert_int_equal(got_n, n);
}

static void bitmaps_tell_sectors_lowest_bit_first(void **state)
{
	/* Block 4097 is the second of chunk 1: its 2048 bits begin at byte 256. */
	const uint8_t bits[] = { 0x06, 0xff, 0xff, 0x01 };
	struct error e = ERROR_INIT, e2 = ERROR_INIT;
	struct fixture f;
	uint64_t n;
	bool present;

	(void)state;
	start(&f, 8192 * MIB, MIB, 600 * MIB);
	f.meta.has_parent = true;
	init(&f);
	put_entry(&f, 2 * 4097 - 1, 570 * MIB | 6);
	put_entry(&f, 1 + 4096 + 1, 560 * MIB | 7);
	assert_int_equal(io_pwrite(f.file.fd, bits, sizeof(bits), 570 * MIB + 256, NULL), 0);
	assert_sectors(&f, 4097, 0, 2048, false, 1);
	assert_sectors(&f, 4097, 1, 2047, true, 2);
	assert_sectors(&f, 4097, 3, 2045, false, 5);
	assert_sectors(&f, 4097, 8, 2040, true, 17);
	assert_sectors(&f, 4097, 10, 3, true, 3);
	assert_sectors(&f, 4097, 25, 2048 - 25, false, 2048 - 25);
	assert_sectors(&f, 4096, 2000, 48, false, 48); /* the block before it */
	assert_int_equal(vhdx_bat_sectors(&f.bat, 5, 0, 1, &present, &n, &e), -1);
	assert_error(&e, ERR_CORRUPT, "chunk 0: BAT entry 0 at 0x408000: no sector bitmap");
	finish(&f);

	start(&f, 8 * MIB, MIB, 600 * MIB);
	f.meta.has_parent = true;
	init(&f);
	put_entry(&f, 4096, 600 * MIB | 6);
	assert_int_equal(vhdx_bat_sectors(&f.bat, 5, 0, 1, &present, &n, &e2), -1);
	assert_error(&e2, ERR_CORRUPT, "chunk 0: BAT entry 0x25800006 at 0x408000: beyond end of file");
	finish(&f);
}

static void blocks_lie_in_the_file_and_on_nothing_else(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, 10 * MIB + 512, 2 * MIB, 600 * MIB);
	f.regions.bat_len = MIB;
	init(&f);
	put_entry(&f, 0, 0 * MIB | 6);
	put_entry(&f, 1, 599 * MIB | 6);
	put_entry(&f, 2, MIB | 6);
	put_entry(&f, 3, 3 * MIB | 6);
	put_entry(&f, 4, (UINT64_MAX << 20) | 6);
	put_entry(&f, 5, 599 * MIB | 6); /* the last one: only its first sector must be there */
	assert_bad(&f, 0, "block 0: BAT entry 0x6 at 0x400000: inside the headers");
	assert_bad(&f, 1, "block 1: BAT entry 0x25700006 at 0x400008: beyond end of file");
	assert_bad(&f, 2, "block 2: BAT entry 0x100006 at 0x400010: overlaps the log");
	assert_bad(&f, 3, "block 3: BAT entry 0x300006 at 0x400018: overlaps the BAT region");
	assert_bad(&f, 4, "block 4: BAT entry 0xfffffffffff00006 at 0x400020: beyond end of file");
	assert_run(&f, 5, UINT64_MAX, EXTENT_DATA, 1, 599 * MIB);
	finish(&f);

	start(&f, 4 * MIB, MIB, 600 * MIB);
	init(&f);
	put_entry(&f, 0, 2 * MIB | 6);
	put_entry(&f, 1, 3 * MIB | 6);
	assert_bad(&f, 0, "block 0: BAT entry 0x200006 at 0x400000: overlaps the metadata region");
	assert_run(&f, 1, 1, EXTENT_DATA, 1, 3 * MIB);
	finish(&f);
}

static void joins_blocks_that_follow_each_other_in_the_file(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, 8 * MIB, MIB, 600 * MIB);
	init(&f);
	for (uint64_t i = 0; i < 4; i++)
		put_entry(&f, i, (560 + i) * MIB | 6 | 8); /* a reserved bit is ignored */
	put_entry(&f, 4, 560 * MIB | 6);                   /* shared with block 0 */
	put_entry(&f, 5, 562 * MIB | 6);
	assert_run(&f, 0, UINT64_MAX, EXTENT_DATA, 4, 560 * MIB);
	assert_run(&f, 1, 2, EXTENT_DATA, 2, 561 * MIB);
	assert_run(&f, 4, UINT64_MAX, EXTENT_DATA, 1, 560 * MIB);
	finish(&f);
}

static void bitmap_entries_are_skipped(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, 20 * 256 * MIB, 256 * MIB, 20 * TIB);
	init(&f);
	for (uint64_t i = 0; i < 20; i++)
		put_entry(&f, i + i / 16, (1024 + i * 256) * MIB | 6);
	put_entry(&f, 16, 0xffffffffffffffff);
	assert_run(&f, 0, UINT64_MAX, EXTENT_DATA, 20, 1024 * MIB);
	assert_run(&f, 16, UINT64_MAX, EXTENT_DATA, 4, (1024 + 16 * 256) * MIB);
	finish(&f);
}

static void the_largest_table_is_paged(void **state)
{
	struct fixture f;
	struct vhdx_run run;
	uint64_t calls = 0;

	(void)state;
	start(&f, 64 * TIB, MIB, 600 * MIB);
	init(&f);
	put_entry(&f, f.bat.n_blocks - 1 + ((f.bat.n_blocks - 1) >> 12), 599 * MIB | 6);
	for (uint64_t n = 0; n < f.bat.n_blocks - 1; n += run.n_blocks, calls++) {
		assert_int_equal(vhdx_bat_run(&f.bat, n, UINT64_MAX, &run, NULL), 0);
		assert_int_equal(run.kind, EXTENT_ZERO);
	}
	assert_run(&f, f.bat.n_blocks - 1, UINT64_MAX, EXTENT_DATA, 1, 599 * MIB);
	assert_int_equal(calls, 8194); /* one a page of 8192 entries */
	assert_int_equal(lru_cache_fills(f.disk.tables), 8194);
	assert_true(lru_cache_pieces(f.disk.tables) <= 4);
	finish(&f);
}

static void a_log_stands_over_the_table(void **state)
{
	CLEANUP(cleanup_vhdx_overlay) struct vhdx_overlay *o = vhdx_overlay_new(NULL);
	uint8_t page[VHDX_PAGE] = { 0 };
	struct fixture f;

	(void)state;
	start(&f, 2048 * MIB, MIB, 600 * MIB);
	for (uint64_t i = 0; i < 1024; i++)
		put_entry(&f, i, 560 * MIB | 6);
	put_le64(page, 570 * MIB | 6);
	put_le64(page + 8, 571 * MIB | 6);
	assert_int_equal(vhdx_overlay_add_page(o, BAT_OFF + VHDX_PAGE, page, NULL), 0);
	assert_int_equal(vhdx_overlay_add_zeros(o, BAT_OFF, VHDX_PAGE, NULL), 0);
	vhdx_overlay_seal(o);
	f.view.log = o;
	init(&f);
	assert_run(&f, 0, UINT64_MAX, EXTENT_ZERO, 512, 0);
	assert_run(&f, 512, UINT64_MAX, EXTENT_DATA, 2, 570 * MIB);
	assert_run(&f, 514, UINT64_MAX, EXTENT_ZERO, 1534, 0);
	finish(&f);
}

static void a_table_that_cannot_be_read_is_an_error_not_zeros(void **state)
{
	struct error e = ERROR_INIT;
	struct vhdx_run run;
	struct fixture f;

	(void)state;
	start(&f, 64 * TIB, MIB, 600 * MIB);
	init(&f);
	assert_int_equal(ftruncate(f.file.fd, (off_t)(BAT_OFF + 100000)), 0);
	assert_run(&f, 0, 1, EXTENT_ZERO, 1, 0);
	assert_int_equal(vhdx_bat_run(&f.bat, 8192, 1, &run, &e), -1);
	assert_error(&e, ERR_CHANGED, "disk.vhdx: shrank from 629145600 to 4294304 bytes");
	finish(&f);
}

struct scan {
	struct fixture *f;
	uint64_t from, to;
	bool ok;
};

static void *scan_part(void *arg)
{
	struct scan *s = arg;
	struct vhdx_run run;

	s->ok = true;
	for (uint64_t n = s->from; n < s->to && s->ok; n += run.n_blocks)
		s->ok = vhdx_bat_run(&s->f->bat, n, s->to - n, &run, NULL) == 0 &&
			(n % 8000 == 0 ? run.kind == EXTENT_DATA && run.n_blocks == 1 &&
						 run.file_off == (540 + n / 8000 % 50) * MIB
				       : run.kind == EXTENT_ZERO && n % 8000 + run.n_blocks <= 8000);
	return NULL;
}

static void threads_share_a_table(void **state)
{
	struct scan parts[8];
	pthread_t threads[8];
	struct fixture f;

	(void)state;
	start(&f, TIB, MIB, 600 * MIB);
	init(&f);
	for (uint64_t n = 0; n < TIB / MIB; n += 8000)
		put_entry(&f, n + (n >> 12), (540 + n / 8000 % 50) * MIB | 6);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		parts[i] = (struct scan){ .f = &f, .from = i / 2 * 8000 * 30, .to = (i / 2 + 1) * 8000 * 30 };
		assert_int_equal(pthread_create(&threads[i], NULL, scan_part, &parts[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		pthread_join(threads[i], NULL);
		assert_true(parts[i].ok);
	}
	finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_sizes_are_those_of_the_specification),
		cmocka_unit_test(a_table_too_short_for_the_disk_is_refused),
		cmocka_unit_test(states_mean_what_the_table_says),
		cmocka_unit_test(with_a_parent_absent_and_partial_blocks_differ),
		cmocka_unit_test(bitmaps_tell_sectors_lowest_bit_first),
		cmocka_unit_test(blocks_lie_in_the_file_and_on_nothing_else),
		cmocka_unit_test(joins_blocks_that_follow_each_other_in_the_file),
		cmocka_unit_test(bitmap_entries_are_skipped),
		cmocka_unit_test(the_largest_table_is_paged),
		cmocka_unit_test(a_log_stands_over_the_table),
		cmocka_unit_test(a_table_that_cannot_be_read_is_an_error_not_zeros),
		cmocka_unit_test(threads_share_a_table),
	};

	return cmocka_run_group_tests_name("vhdx-bat", tests, NULL, NULL);
}
