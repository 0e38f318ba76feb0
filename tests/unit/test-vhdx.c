/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/io.h"
#include "support/disk_reader.h"
#include "support/vhdx_writer.h"

#define MIB (UINT64_C(1) << 20)

static const struct guid log_guid = { { 1, 2, 3 } };
static struct scratch_dir *dir;

static struct disk *open_image(const struct vhdx_image *img, const struct disk_options *opt, struct error *err)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/disk.vhdx", dir->path);
	scratch_write(dir, "disk.vhdx", img->bytes, img->len);
	return disk_open_path(path, opt, err);
}

static struct disk *open_ok(const struct vhdx_image *img)
{
	struct error e = ERROR_INIT;
	struct disk *d = open_image(img, NULL, &e);

	assert_string_equal(e.msg, "");
	assert_non_null(d);
	assert_int_equal(disk_size(d), img->size);
	return d;
}

static void assert_refused(const struct vhdx_image *img, enum error_code code, const char *msg)
{
	struct error e = ERROR_INIT;

	assert_null(open_image(img, NULL, &e));
	assert_error(&e, code, msg);
}

/* The guest's bytes by reads of odd lengths, and by the extents that the disk tells. */
static void assert_content(const struct vhdx_image *img)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = open_ok(img);
	struct error e = ERROR_INIT;

	assert_disk_reads(d, img->guest, (size_t)img->size, 0);
	for (uint64_t off = 0, len; off < img->size; off += len) {
		len = img->size - off < 333333 ? img->size - off : 333333;
		assert_disk_reads(d, img->guest, (size_t)len, off);
	}
	assert_disk_reads(d, img->guest, 1, img->size - 1);
	assert_int_equal(disk_extents(d, img->size, 0, false, &list, &e), 0);
	for (size_t i = 0; i < list.n; i++) {
		const struct extent *x = &list.v[i];

		if (x->kind == EXTENT_DATA)
			assert_memory_equal(img->bytes + x->file_off, img->guest + x->off, x->len);
		else
			assert_true(io_is_zero(img->guest + x->off, (size_t)x->len));
	}
}

static void assert_image(struct vhdx_image img)
{
	vhdx_image_build(&img);
	assert_content(&img);
	vhdx_image_fini(&img);
}

static const uint8_t mixed[] = { 6, 0, 1, 6, 2, 3, 5, 6, 6 };

static void reads_what_the_model_says(void **state)
{
	(void)state;
	assert_image((struct vhdx_image){ .fixed = true });
	assert_image((struct vhdx_image){ .ascending = true });
	assert_image((struct vhdx_image){ .size = 9 * MIB, .states = mixed });
	assert_image((struct vhdx_image){ .size = 8 * MIB + 512, .states = mixed });
	assert_image((struct vhdx_image){ .size = 8 * MIB + 4096, .states = mixed, .sector_size = 4096 });
	assert_image(
		(struct vhdx_image){ .size = 33 * MIB, .states = mixed, .block_size = 4 << 20, .ascending = true });
	assert_image((struct vhdx_image){ .size = 512 });
	assert_image((struct vhdx_image){ .size = 65 * MIB, .block_size = 32 << 20, .sector_size = 4096 });
	assert_image((struct vhdx_image){ .log_len = 3 << 20, .size = 2 * MIB });
}

static void tells_what_it_is(void **state)
{
	struct vhdx_image img = { .fixed = true, .sector_size = 4096 };
	CLEANUP(cleanup_disk) struct disk *d = NULL, *d2 = NULL;
	const struct disk_image_info *info;

	(void)state;
	vhdx_image_build(&img);
	d = open_ok(&img);
	info = disk_chain_info(d, 0);
	assert_string_equal(info->format, "vhdx");
	assert_string_equal(info->subformat, "fixed");
	assert_string_equal(info->id, "00112233-4455-6677-8899-aabbccddeeff");
	assert_int_equal(info->sector_size, 4096);
	assert_int_equal(info->virtual_size, 5 * MIB);
	assert_false(info->dirty_log);
	assert_int_equal(disk_chain_len(d), 1);
	vhdx_image_fini(&img);
	img = (struct vhdx_image){ .size = 1024 };
	vhdx_image_build(&img);
	d2 = open_ok(&img);
	assert_string_equal(disk_chain_info(d2, 0)->subformat, "dynamic");
	vhdx_image_fini(&img);
}

static void neighbouring_blocks_are_one_extent(void **state)
{
	static const uint8_t states[] = { 6, 6, 0, 1, 2, 3, 6 };
	struct vhdx_image img = { .size = 7 * MIB, .states = states, .ascending = true };
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;

	(void)state;
	vhdx_image_build(&img);
	d = open_ok(&img);
	assert_int_equal(disk_extents(d, 6 * MIB, MIB / 2, false, &list, NULL), 0);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.v[0].len, 3 * MIB / 2);
	assert_int_equal(list.v[0].file_off, img.data_off + MIB / 2);
	assert_int_equal(list.v[1].kind, EXTENT_ZERO);
	assert_int_equal(list.v[1].len, 4 * MIB);
	assert_int_equal(list.v[2].len, MIB / 2);
	assert_int_equal(list.v[2].file_off, img.data_off + 6 * MIB);
	vhdx_image_fini(&img);
}

static void assert_bad_block(struct vhdx_image *img, uint64_t block, const char *msg)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = open_ok(img);
	struct error e = ERROR_INIT, e2 = ERROR_INIT;
	uint64_t off = block * MIB;
	uint8_t byte;

	assert_int_equal(disk_read(d, &byte, 1, off + MIB - 1, &e), -1);
	assert_error(&e, ERR_CORRUPT, msg);
	assert_int_equal(disk_extents(d, img->size, 0, false, &list, &e2), -1);
	assert_error(&e2, ERR_CORRUPT, msg);
	assert_int_equal(list.v[list.n - 1].off + list.v[list.n - 1].len, off);
	/* The rest reads, up to the very edge. */
	assert_disk_reads(d, img->guest, (size_t)off, 0);
	if (off + MIB < img->size)
		assert_disk_reads(d, img->guest, (size_t)(img->size - off - MIB), off + MIB);
}

static void a_bad_entry_spoils_its_block_and_no_other(void **state)
{
	struct vhdx_image img = { .size = 4 * MIB };
	uint64_t good;

	(void)state;
	vhdx_image_build(&img);
	good = get_le64(vhdx_image_bat_entry(&img, 2));
	put_le64(vhdx_image_bat_entry(&img, 2), UINT64_C(1) << 50 | 6);
	assert_bad_block(&img, 2, "disk.vhdx: block 2: BAT entry 0x4000000000006 at 0x300010: beyond end of file");
	put_le64(vhdx_image_bat_entry(&img, 2), MIB | 6);
	assert_bad_block(&img, 2, "disk.vhdx: block 2: BAT entry 0x100006 at 0x300010: overlaps the log");
	put_le64(vhdx_image_bat_entry(&img, 2), good ^ 2);
	assert_bad_block(&img, 2, "disk.vhdx: block 2: BAT entry 0x500004 at 0x300010: state 4 is reserved");
	put_le64(vhdx_image_bat_entry(&img, 2), good ^ 1);
	assert_bad_block(&img, 2,
			 "disk.vhdx: block 2: BAT entry 0x500007 at 0x300010: partly present in a disk without parent");
	vhdx_image_fini(&img);
	/* The file cut inside its last block. */
	img = (struct vhdx_image){ .size = 4 * MIB, .ascending = true };
	vhdx_image_build(&img);
	img.len -= 4096;
	assert_bad_block(&img, 3, "disk.vhdx: block 3: BAT entry 0x700006 at 0x300018: beyond end of file");
	vhdx_image_fini(&img);
}

static void a_cut_behind_the_disks_end_is_harmless(void **state)
{
	struct vhdx_image img = { .size = 3 * MIB + 4096, .ascending = true };

	(void)state;
	vhdx_image_build(&img);
	img.len -= MIB - 4096;
	assert_content(&img);
	vhdx_image_fini(&img);
}

static void blocks_that_share_a_place_are_readable(void **state)
{
	struct vhdx_image img = { .size = 3 * MIB };

	(void)state;
	vhdx_image_build(&img);
	put_le64(vhdx_image_bat_entry(&img, 2), get_le64(vhdx_image_bat_entry(&img, 0)));
	memcpy(img.guest + 2 * MIB, img.guest, MIB);
	assert_content(&img);
	vhdx_image_fini(&img);
}

static void damaged_copies_beside_good_ones_do_not_matter(void **state)
{
	struct vhdx_image img = { .size = 2 * MIB };

	(void)state;
	vhdx_image_build(&img);
	vhdx_image_header(&img, 2)[100] ^= 1;
	vhdx_image_region(&img, 1)[100] ^= 1;
	assert_content(&img);
	vhdx_image_fini(&img);
}

static void refuses_what_is_damaged(void **state)
{
	struct vhdx_image img = { .size = 2 * MIB };

	(void)state;
	vhdx_image_build(&img);
	img.bytes[0] = 'V';
	assert_refused(&img, ERR_CORRUPT, "disk.vhdx: not a VHDX: the file does not begin with 'vhdxfile'");
	img.bytes[0] = 'v';
	vhdx_image_header(&img, 1)[100] ^= 1;
	vhdx_image_header(&img, 2)[100] ^= 1;
	assert_refused(&img, ERR_CORRUPT,
		       "disk.vhdx: no valid header: wrong checksum at 0x10000, wrong checksum at 0x20000");
	vhdx_image_fini(&img);

	vhdx_image_build(&img);
	img.len = 70000;
	assert_refused(&img, ERR_CORRUPT, "disk.vhdx: read 4096 bytes at 0x20000: beyond end of file (70000 bytes)");
	img.len = 10;
	assert_refused(&img, ERR_CORRUPT, "disk.vhdx: read 4096 bytes at 0x10000: beyond end of file (10 bytes)");
	img.len = (size_t)img.bat_off;
	assert_refused(&img, ERR_CORRUPT, "disk.vhdx: BAT region at 0x300000+0x100000: beyond end of file (0x300000)");
	vhdx_image_fini(&img);

	vhdx_image_build(&img);
	put_le64(vhdx_image_region_entry(&img, 1, 1) + 16, img.log_off);
	vhdx_image_seal_regions(&img);
	assert_refused(&img, ERR_CORRUPT,
		       "disk.vhdx: metadata region at 0x100000+0x100000 overlaps the log at 0x100000+0x100000");
	vhdx_image_fini(&img);

	vhdx_image_build(&img);
	put_le64(vhdx_image_item(&img, VHDX_W_SIZE), UINT64_C(4) << 40);
	assert_refused(&img, ERR_CORRUPT,
		       "disk.vhdx: BAT: 4195327 entries needed, its region of 1048576 bytes holds 131072");
	vhdx_image_fini(&img);
}

static int drop_two(struct vhdx_image *img)
{
	vhdx_image_fini(img);
	*img = (struct vhdx_image){ .size = 2 * MIB };
	vhdx_image_build(img);
	return 0;
}

/* The BAT as it was before a write, and an entry that would allocate block 1. */
static void make_dirty(struct vhdx_image *img)
{
	uint8_t page[4096];
	const struct vhdx_log_write w = { .off = img->bat_off, .page = page };

	vhdx_image_set_log(img, &log_guid);
	memcpy(page, img->bytes + img->bat_off, sizeof(page));
	vhdx_image_log_entry(img, 4, 4, 1, &log_guid, &w, 1);
	put_le64(vhdx_image_bat_entry(img, 1), 0);
}

static void a_pending_log_is_replayed_in_memory(void **state)
{
	struct vhdx_image img = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;

	(void)state;
	drop_two(&img);
	make_dirty(&img);
	assert_content(&img);
	d = open_ok(&img);
	assert_true(disk_chain_info(d, 0)->dirty_log);
	vhdx_image_fini(&img);
}

static void a_log_may_move_the_region_table(void **state)
{
	struct vhdx_image img = { 0 };
	static uint8_t pages[16][4096];
	struct vhdx_log_write w[16];

	(void)state;
	drop_two(&img);
	vhdx_image_set_log(&img, &log_guid);
	memcpy(pages, vhdx_image_region(&img, 1), sizeof(pages));
	for (size_t i = 0; i < 16; i++)
		w[i] = (struct vhdx_log_write){ .off = 192 * 1024 + i * 4096, .page = pages[i] };
	vhdx_image_log_entry(&img, 0, 0, 1, &log_guid, w, 16);
	memset(vhdx_image_region(&img, 1), 0xee, 65536);
	memset(vhdx_image_region(&img, 2), 0xee, 65536);
	assert_content(&img);
	vhdx_image_fini(&img);
}

/* Data of blocks is not logged by anybody known; but what a log says is what a hypervisor reads after its replay. */
static void a_log_may_write_into_blocks(void **state)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	static uint8_t pages[2][4096];
	struct vhdx_image img = { 0 };
	struct vhdx_log_write w[3];
	uint64_t block;

	(void)state;
	drop_two(&img);
	block = get_le64(vhdx_image_bat_entry(&img, 1)) & ~(MIB - 1);
	for (size_t i = 0; i < 2; i++) {
		pattern_fill(pages[i], 4096, i, 99);
		w[i] = (struct vhdx_log_write){ .off = block + 8192 + i * 4096, .page = pages[i] };
		memcpy(img.guest + MIB + 8192 + i * 4096, pages[i], 4096);
	}
	w[2] = (struct vhdx_log_write){ .off = block + MIB - 8192, .len = 8192 };
	memset(img.guest + 2 * MIB - 8192, 0, 8192);
	vhdx_image_set_log(&img, &log_guid);
	vhdx_image_log_entry(&img, 0, 0, 1, &log_guid, w, 3);
	d = open_ok(&img);
	assert_disk_reads(d, img.guest, 2 * MIB, 0);
	for (uint64_t off = 0; off + 1111 < 2 * MIB; off += 1111)
		assert_disk_reads(d, img.guest, 1111, off);
	assert_int_equal(disk_extents(d, MIB, MIB, false, &list, NULL), 0);
	assert_int_equal(list.n, 4);
	assert_int_equal(list.v[0].len, 8192);
	assert_int_equal(list.v[1].len, 8192);
	assert_int_equal(list.v[1].file, EXTENT_NO_FILE);
	assert_int_equal(list.v[1].kind, EXTENT_DATA);
	assert_int_equal(list.v[2].file_off, block + 16384);
	assert_int_equal(list.v[3].kind, EXTENT_ZERO);
	assert_int_equal(list.v[3].len, 8192);
	vhdx_image_fini(&img);
}

static void a_log_can_be_ignored_on_request(void **state)
{
	const struct disk_options opt = { .ignore_log = true };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct vhdx_image img = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	drop_two(&img);
	make_dirty(&img);
	d = open_image(&img, &opt, &e);
	assert_non_null(d);
	assert_true(disk_chain_info(d, 0)->dirty_log);
	memset(img.guest + MIB, 0, MIB);
	assert_disk_reads(d, img.guest, 2 * MIB, 0);
	vhdx_image_fini(&img);
}

static void a_log_that_was_named_but_never_written_is_harmless(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct vhdx_image img = { 0 };

	(void)state;
	drop_two(&img);
	vhdx_image_set_log(&img, &log_guid);
	assert_content(&img);
	d = open_ok(&img);
	assert_false(disk_chain_info(d, 0)->dirty_log);
	vhdx_image_fini(&img);
}

static void a_damaged_log_is_refused(void **state)
{
	struct vhdx_image img = { 0 };

	(void)state;
	drop_two(&img);
	make_dirty(&img);
	img.bytes[img.log_off + 4 * 4096 + 5] ^= 1;
	assert_refused(&img, ERR_CORRUPT,
		       "disk.vhdx: log: damaged: no valid sequence of entries; what it held is lost; 'liftfs mount -o "
		       "log=ignore' shows the disk without it");
	vhdx_image_fini(&img);
}

static void a_log_too_large_to_replay_says_what_to_do(void **state)
{
	struct vhdx_image img = { .size = 512, .log_len = 65 << 20 };

	(void)state;
	vhdx_image_build(&img);
	vhdx_image_set_log(&img, &log_guid);
	assert_refused(&img, ERR_UNSUPPORTED,
		       "disk.vhdx: log not empty: the image was not closed cleanly, and its log of 68157440 bytes is "
		       "larger than the 64 MiB that are replayed; attach it to Hyper-V once, or check it with "
		       "'qemu-img check -r all' on a copy; 'liftfs mount -o log=ignore' shows the disk without it");
	vhdx_image_fini(&img);
}

/* Builds a parent beside the child-to-be and returns what a child sees of it. */
static uint8_t *build_parent(uint64_t size, uint32_t sector_size)
{
	struct vhdx_image parent = { .size = size, .seed = 77, .sector_size = sector_size };
	uint8_t *guest;

	vhdx_image_build(&parent);
	scratch_write(dir, "base.vhdx", parent.bytes, parent.len);
	guest = parent.guest;
	parent.guest = NULL;
	vhdx_image_fini(&parent);
	return guest;
}

static const char linkage[] = "{AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee}";
static const uint8_t child_states[] = { 6, 0, 7, 2, 7, 0 };

static void a_child_shows_its_parent_where_it_has_nothing(void **state)
{
	static const uint32_t sector_sizes[] = { 512, 4096 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sector_sizes); i++) {
		CLEANUP_FREE uint8_t *parent = build_parent(6 * MIB, sector_sizes[i]);
		struct vhdx_image img = { .size = 6 * MIB,
					  .states = child_states,
					  .has_parent = true,
					  .parent = parent,
					  .sector_size = sector_sizes[i] };
		CLEANUP(cleanup_disk) struct disk *d = NULL;

		vhdx_image_build(&img);
		vhdx_image_set_parent(&img, linkage, ".\\base.vhdx");
		d = open_ok(&img);
		assert_int_equal(disk_chain_len(d), 2);
		assert_string_equal(disk_chain_info(d, 0)->subformat, "differencing");
		assert_string_equal(disk_chain_info(d, 1)->path, "base.vhdx");
		assert_disk_reads(d, img.guest, (size_t)img.size, 0);
		for (uint64_t off = 0; off + 7777 < img.size; off += 7777)
			assert_disk_reads(d, img.guest, 7777, off);
		assert_disk_reads(d, img.guest, 2, 2 * MIB + 511);
		vhdx_image_fini(&img);
	}
}

static void a_child_needs_its_bitmap_only_for_partial_blocks(void **state)
{
	CLEANUP_FREE uint8_t *parent = build_parent(6 * MIB, 512);
	struct vhdx_image img = { .size = 6 * MIB, .states = child_states, .has_parent = true, .parent = parent };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT;
	uint8_t byte;

	(void)state;
	vhdx_image_build(&img);
	vhdx_image_set_parent(&img, linkage, "base.vhdx");
	put_le64(vhdx_image_bitmap_entry(&img), 0);
	d = open_ok(&img);
	assert_disk_reads(d, img.guest, 2 * MIB, 0);
	assert_disk_reads(d, img.guest, MIB, 3 * MIB);
	assert_int_equal(disk_read(d, &byte, 1, 2 * MIB, &e), -1);
	assert_error(&e, ERR_CORRUPT, "disk.vhdx: chunk 0: BAT entry 0 at 0x308000: no sector bitmap");
	vhdx_image_fini(&img);
}

static void the_parent_must_be_the_one_that_is_named(void **state)
{
	CLEANUP_FREE uint8_t *parent = build_parent(6 * MIB, 512), *other = NULL;
	struct vhdx_image img = { .size = 6 * MIB, .states = child_states, .has_parent = true, .parent = parent };
	char msg[128];

	(void)state;
	vhdx_image_build(&img);
	assert_refused(&img, ERR_CORRUPT, "disk.vhdx: metadata: the disk has a parent, and no parent locator");
	vhdx_image_set_parent(&img, "{11111111-bbbb-cccc-dddd-eeeeeeeeeeee}", "base.vhdx");
	assert_refused(&img, ERR_CORRUPT,
		       "disk.vhdx: parent base.vhdx has the data write GUID aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee, "
		       "11111111-bbbb-cccc-dddd-eeeeeeeeeeee is expected: it was written to, or is another");
	vhdx_image_set_parent(&img, linkage, "..\\base.vhdx");
	snprintf(msg, sizeof(msg), "disk.vhdx: parent: ../base.vhdx: leads out of %s", dir->path);
	assert_refused(&img, ERR_REFUSED, msg);
	vhdx_image_set_parent(&img, linkage, "disk.vhdx");
	assert_refused(&img, ERR_CORRUPT, "disk.vhdx: parent: disk.vhdx: is in its own chain of parents");
	vhdx_image_set_parent(&img, linkage, "gone.vhdx");
	assert_refused(&img, ERR_CORRUPT, "disk.vhdx: parent: gone.vhdx: no such file");
	other = build_parent(6 * MIB, 4096);
	vhdx_image_set_parent(&img, linkage, "base.vhdx");
	assert_refused(&img, ERR_CORRUPT, "disk.vhdx: parent base.vhdx has sectors of 4096 bytes, this image of 512");
	vhdx_image_fini(&img);
}

static int make_folder(void **state)
{
	int rc = scratch_setup(state);

	dir = *state;
	return rc;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_the_model_says),
		cmocka_unit_test(tells_what_it_is),
		cmocka_unit_test(neighbouring_blocks_are_one_extent),
		cmocka_unit_test(a_bad_entry_spoils_its_block_and_no_other),
		cmocka_unit_test(a_cut_behind_the_disks_end_is_harmless),
		cmocka_unit_test(blocks_that_share_a_place_are_readable),
		cmocka_unit_test(damaged_copies_beside_good_ones_do_not_matter),
		cmocka_unit_test(refuses_what_is_damaged),
		cmocka_unit_test(a_pending_log_is_replayed_in_memory),
		cmocka_unit_test(a_log_may_move_the_region_table),
		cmocka_unit_test(a_log_may_write_into_blocks),
		cmocka_unit_test(a_log_can_be_ignored_on_request),
		cmocka_unit_test(a_log_that_was_named_but_never_written_is_harmless),
		cmocka_unit_test(a_damaged_log_is_refused),
		cmocka_unit_test(a_log_too_large_to_replay_says_what_to_do),
		cmocka_unit_test(a_child_shows_its_parent_where_it_has_nothing),
		cmocka_unit_test(a_child_needs_its_bitmap_only_for_partial_blocks),
		cmocka_unit_test(the_parent_must_be_the_one_that_is_named),
	};

	return cmocka_run_group_tests_name("vhdx", tests, make_folder, scratch_teardown);
}
