/* SPDX-License-Identifier: Apache-2.0 */
/* Dynamic VHDs: what their guests read, wherever things lie in the file. */
#include "unit.h"

#include <string.h>

#include "base/bytes.h"
#include "support/vhd_fixture.h"

static void reads_any_layout_as_the_model_says(void **state)
{
	static const uint64_t header_offs[] = { 0, 8192, 66000, 131072 - 700 };
	uint64_t random = 4711;
	uint8_t states[1000];

	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		struct vhd_image img = { .seed = i + 1, .states = states };

		img.block_size =
			4096u << vhd_w_random(&random) % 11; /* 4 KiB to 4 MiB: bitmaps of 512 and 1024 bytes */
		img.size = (1 + vhd_w_random(&random) % 6) * img.block_size;
		if (i % 2)
			img.size -= (1 + vhd_w_random(&random) % (img.block_size / SECTOR)) * SECTOR;
		img.size = img.size > 0 ? img.size : SECTOR;
		img.header_off = header_offs[i % 4];
		img.bat_off = i % 3 ? 3 * 512 + vhd_w_random(&random) % 4000 : 0; /* at any byte */
		img.more_entries = (uint32_t)(vhd_w_random(&random) % 3);
		img.ascending = i % 3 == 1;
		img.short_footer = i % 5 == 4;
		img.cut_last = i % 7 < 3;
		vhd_w_random_states(states, ARRAY_LEN(states), &random);
		vhd_image_build(&img);
		CLEANUP(cleanup_disk) struct disk *d = vhd_open_ok(&img);

		assert_string_equal(disk_chain_info(d, 0)->subformat, "dynamic");
		assert_vhd_content(d, img.guest, &random);
		vhd_image_fini(&img);
	}
}

/* A table of 20000 entries that begins at a byte whose pages cut entries in two. */
static void a_table_may_lie_across_pages_at_any_byte(void **state)
{
	uint64_t n = 20000, random = 99;
	CLEANUP_FREE uint8_t *states = calloc(1, (size_t)n);

	(void)state;
	for (uint64_t i = 0; i < n; i++)
		states[i] = (uint8_t)(i % 997 == 0 || (i > 15870 && i < 15890) ? VHD_W_FULL : VHD_W_ABSENT);
	for (uint64_t shift = 0; shift < 4; shift++) {
		struct vhd_image img = { .seed = 7, .states = states, .block_size = 4096, .size = n * 4096 };

		img.bat_off = 65536 * 2 - 4 * 50 - shift;
		vhd_image_build(&img);
		CLEANUP(cleanup_disk) struct disk *d = vhd_open_ok(&img);
		CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };

		assert_disk_extents(d, img.guest, img.size, 0, false);
		assert_disk_reads(d, img.guest, 100000, vhd_w_random(&random) % (img.size - 100000));
		assert_disk_reads(d, img.guest, 40 * 4096, 15860 * 4096);
		/* What is absent on both sides of a page's end is one extent. */
		assert_int_equal(disk_extents(d, 996 * 4096, 4096, false, &list, NULL), 0);
		assert_int_equal(list.n, 1);
		vhd_image_fini(&img);
	}
}

static void tells_what_it_is(void **state)
{
	struct vhd_image img = { .id = 0xab };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	const struct disk_image_info *info;

	(void)state;
	vhd_image_build(&img);
	d = vhd_open_ok(&img);
	info = disk_chain_info(d, 0);
	assert_string_equal(info->format, "vhd");
	assert_string_equal(info->subformat, "dynamic");
	assert_string_equal(info->id, "abababab-abab-abab-abab-abababababab");
	assert_int_equal(info->virtual_size, 320 * KIB);
	assert_int_equal(info->sector_size, 512);
	assert_false(info->dirty_log);
	assert_int_equal(vhd_logs, 0);
	vhd_image_fini(&img);
}

static void sectors_that_were_never_written_are_zeros_and_told_once(void **state)
{
	static const uint8_t states[] = { 1, 2, 2, 0, 1 };
	struct vhd_image img = { .states = states };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	uint64_t random = 1;

	(void)state;
	vhd_image_build(&img);
	d = vhd_open_ok(&img);
	assert_disk_reads(d, img.guest, 64 * KIB, 0);
	assert_int_equal(vhd_logs, 0);
	assert_vhd_content(d, img.guest, &random);
	assert_int_equal(vhd_logs, 1);
	assert_non_null(strstr(vhd_last_log, "disk.vhd: sectors that were never written lie in an allocated block"));
	vhd_image_fini(&img);
}

static void bits_beyond_the_disks_end_do_not_matter(void **state)
{
	struct vhd_image img = { .size = 64 * KIB + SECTOR };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	uint64_t random = 1;

	(void)state;
	vhd_image_build(&img);
	vhd_image_bitmap(&img, 1)[0] = 0x80;
	memset(vhd_image_bitmap(&img, 1) + 1, 0, 511);
	d = vhd_open_ok(&img);
	assert_vhd_content(d, img.guest, &random);
	assert_int_equal(vhd_logs, 0);
	vhd_image_fini(&img);
}

static void the_size_is_the_current_one_and_another_view_is_noted(void **state)
{
	static const char *const creators[] = { "vpc ", "qemu", "win ", "qem2", "wa\0" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(creators); i++) {
		struct vhd_image img = { .creator = creators[i] };
		CLEANUP(cleanup_disk) struct disk *d = NULL, *d2 = NULL;

		vhd_logs = 0;
		vhd_image_build(&img);
		vhd_image_set_footers(&img, 40, 8, 64 * KIB); /* the original size means nothing */
		d = vhd_open_ok(&img);
		assert_int_equal(vhd_logs, i < 2);
		if (i == 1)
			assert_string_equal(
				vhd_last_log,
				"disk.vhd: creator 'qemu': some readers show the geometry's size instead of the "
				"current one geometry_b=34816 current_b=327680");
		/* 40 cylinders, 4 heads, 4 sectors: the same size, nothing to tell. */
		vhd_logs = 0;
		vhd_image_set_footers(&img, 56, 4, 0x00280404);
		d2 = vhd_open_ok(&img);
		assert_int_equal(vhd_logs, 0);
		vhd_image_fini(&img);
	}
}

static void a_saved_state_and_no_geometry_are_readable(void **state)
{
	struct vhd_image img = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	uint64_t random = 1;

	(void)state;
	vhd_image_build(&img);
	vhd_image_set_footers(&img, 56, 4, 0);
	vhd_image_set_footers(&img, 84, 4, 0x01000000);
	d = vhd_open_ok(&img);
	assert_vhd_content(d, img.guest, &random);
	assert_int_equal(vhd_logs, 1);
	assert_non_null(strstr(vhd_last_log, "disk.vhd: written by a machine in saved state"));
	vhd_image_fini(&img);
}

static void a_block_size_may_be_at_either_end_of_its_range(void **state)
{
	static const uint32_t sizes[] = { 4 << 10, 256 << 20 };
	static const uint8_t absent[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct vhd_image img = { .block_size = 4096, .size = 1 << 20, .states = absent };
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		uint64_t random = 1;

		vhd_image_build(&img);
		vhd_image_set_header(&img, 32, 4, sizes[i]);
		d = vhd_open_ok(&img);
		assert_vhd_content(d, img.guest, &random);
		vhd_image_fini(&img);
	}
}

static void a_block_at_the_very_edges_is_good(void **state)
{
	struct vhd_image img = { .header_off = 200000, .bat_off = 300000, .size = 64 * KIB };
	CLEANUP(cleanup_disk) struct disk *d = NULL, *d2 = NULL;
	uint64_t random = 1;

	(void)state;
	vhd_image_build(&img);
	/* Between the footer's copy and the header. */
	memcpy(img.bytes + 512, vhd_image_bitmap(&img, 0), 512 + 64 * KIB);
	put_be32(vhd_image_bat_entry(&img, 0), 1);
	d = vhd_open_ok(&img);
	assert_vhd_content(d, img.guest, &random);
	/* As the last one before the footer. */
	memmove(img.bytes + img.len - 512 - 512 - 64 * KIB, img.bytes + 512, 512 + 64 * KIB);
	put_be32(vhd_image_bat_entry(&img, 0), (uint32_t)((img.len - 512 - 512 - 64 * KIB) / SECTOR));
	d2 = vhd_open_ok(&img);
	assert_vhd_content(d2, img.guest, &random);
	vhd_image_fini(&img);
}

static void blocks_that_share_a_place_are_readable(void **state)
{
	struct vhd_image img = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	uint64_t random = 1;

	(void)state;
	vhd_image_build(&img);
	put_be32(vhd_image_bat_entry(&img, 3), get_be32(vhd_image_bat_entry(&img, 1)));
	memcpy(img.guest + 192 * KIB, img.guest + 64 * KIB, 64 * KIB);
	d = vhd_open_ok(&img);
	assert_vhd_content(d, img.guest, &random);
	vhd_image_fini(&img);
}

/* 2040 GiB of which nothing is there but the last block: the table is read, and nothing else. */
static void the_largest_disk_maps_from_its_table_alone(void **state)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct vhd_image img = { .size = UINT64_C(8) << 20, .block_size = 2 << 20 };
	uint32_t n = 2040 * 512;
	uint64_t size = UINT64_C(2040) << 30;
	CLEANUP_FREE uint8_t *table = malloc((size_t)n * 4);
	uint8_t footer[512], last[4];
	uint8_t buf[512];

	(void)state;
	vhd_image_build(&img);
	memset(table, 0xff, (size_t)n * 4);
	vhd_image_set_footers(&img, 48, 8, size);
	vhd_image_set_header(&img, 28, 4, n);
	vhd_image_set_header(&img, 16, 8, img.len); /* the table where the footer was */
	memcpy(last, vhd_image_bat_entry(&img, 3), 4);
	memcpy(table + ((size_t)n - 1) * 4, last, 4);
	memcpy(footer, vhd_image_footer(&img), 512);
	vhd_save(&img, "disk.vhd");
	scratch_patch(vhd_dir, "disk.vhd", img.len, table, (size_t)n * 4);
	scratch_patch(vhd_dir, "disk.vhd", img.len + (uint64_t)n * 4, footer, 512);
	d = disk_open_in(vhd_dir, "disk.vhd", NULL);
	assert_non_null(d);
	assert_true(disk_size(d) == size);
	assert_int_equal(disk_extents(d, size, 0, false, &list, NULL), 0);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.v[0].kind, EXTENT_ZERO);
	assert_true(list.v[0].len == size - (2 << 20));
	assert_int_equal(list.v[1].kind, EXTENT_DATA);
	assert_int_equal(disk_read(d, buf, 512, size - 512, NULL), 0);
	assert_memory_equal(buf, img.guest + img.size - 512, 512);
	vhd_image_fini(&img);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_any_layout_as_the_model_says),
		cmocka_unit_test(a_table_may_lie_across_pages_at_any_byte),
		LISTENING(tells_what_it_is),
		LISTENING(sectors_that_were_never_written_are_zeros_and_told_once),
		LISTENING(bits_beyond_the_disks_end_do_not_matter),
		LISTENING(the_size_is_the_current_one_and_another_view_is_noted),
		LISTENING(a_saved_state_and_no_geometry_are_readable),
		cmocka_unit_test(a_block_size_may_be_at_either_end_of_its_range),
		cmocka_unit_test(a_block_at_the_very_edges_is_good),
		cmocka_unit_test(blocks_that_share_a_place_are_readable),
		cmocka_unit_test(the_largest_disk_maps_from_its_table_alone),
	};

	return cmocka_run_group_tests_name("vhd-sparse", tests, vhd_setup, vhd_teardown);
}
