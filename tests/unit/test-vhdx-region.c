/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "base/bytes.h"
#include "disk/vhdx_region.h"
#include "support/vhdx_writer.h"

static int build(void **state)
{
	static struct vhdx_image img;

	vhdx_image_build(&img);
	*state = &img;
	return 0;
}

static int drop(void **state)
{
	vhdx_image_fini(*state);
	memset(*state, 0, sizeof(struct vhdx_image));
	return 0;
}

static int choose(struct vhdx_image *img, struct vhdx_regions *out, bool *second, struct error *err)
{
	vhdx_image_seal_regions(img);
	return vhdx_region_choose(vhdx_image_region(img, 1), vhdx_image_region(img, 2), out, second, err);
}

static void assert_refused(struct vhdx_image *img, enum error_code code, const char *msg)
{
	struct error e = ERROR_INIT;
	struct vhdx_regions r;
	bool second;

	assert_int_equal(choose(img, &r, &second, &e), -1);
	assert_error(&e, code, msg);
}

static void finds_both_regions(void **state)
{
	struct vhdx_image *img = *state;
	struct vhdx_regions r;
	bool second = true;

	assert_int_equal(choose(img, &r, &second, NULL), 0);
	assert_false(second);
	assert_int_equal(r.bat_off, img->bat_off);
	assert_int_equal(r.bat_len, img->bat_len);
	assert_int_equal(r.meta_off, img->meta_off);
	assert_int_equal(r.meta_len, VHDX_W_MIB);
}

static void the_second_copy_counts_where_the_first_is_damaged(void **state)
{
	struct vhdx_image *img = *state;
	struct error e = ERROR_INIT;
	struct vhdx_regions r;
	bool second = false;

	put_le64(vhdx_image_region_entry(img, 2, 0) + 16, 77 * VHDX_W_MIB);
	vhdx_image_seal_regions(img);
	vhdx_image_region(img, 1)[65535] ^= 1;
	assert_int_equal(vhdx_region_choose(vhdx_image_region(img, 1), vhdx_image_region(img, 2), &r, &second, NULL),
			 0);
	assert_true(second);
	assert_int_equal(r.bat_off, 77 * VHDX_W_MIB);
	vhdx_image_region(img, 2)[0] = 0;
	assert_int_equal(vhdx_region_choose(vhdx_image_region(img, 1), vhdx_image_region(img, 2), &r, &second, &e), -1);
	assert_error(&e, ERR_CORRUPT, "no valid region table: wrong checksum at 0x30000, no signature at 0x40000");
}

static void counts_are_bounded(void **state)
{
	struct vhdx_image *img = *state;

	put_le32(vhdx_image_region(img, 1) + 8, UINT32_MAX);
	assert_refused(img, ERR_CORRUPT, "region table: 4294967295 entries, at most 2047 allowed");
	put_le32(vhdx_image_region(img, 1) + 8, 2048);
	assert_refused(img, ERR_CORRUPT, "region table: 2048 entries, at most 2047 allowed");
	put_le32(vhdx_image_region(img, 1) + 8, 1);
	assert_refused(img, ERR_CORRUPT, "region table: no metadata region");
	put_le32(vhdx_image_region(img, 1) + 8, 0);
	assert_refused(img, ERR_CORRUPT, "region table: no BAT region");
}

static void unknown_regions_matter_only_if_required(void **state)
{
	struct vhdx_image *img = *state;
	uint8_t *third = vhdx_image_region_entry(img, 1, 2);
	struct vhdx_regions r;
	bool second;

	memset(third, 0x5a, 28); /* an offset that no file has */
	put_le32(vhdx_image_region(img, 1) + 8, 3);
	assert_int_equal(choose(img, &r, &second, NULL), 0);
	put_le32(third + 28, 1);
	assert_refused(img, ERR_UNSUPPORTED,
		       "region table: unknown region 5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a is marked required");
	memcpy(third, vhdx_image_region_entry(img, 1, 0), 32);
	assert_refused(img, ERR_CORRUPT, "region table: the BAT region is listed twice");
	memcpy(third, vhdx_image_region_entry(img, 1, 1), 32);
	assert_refused(img, ERR_CORRUPT, "region table: the metadata region is listed twice");
}

static void places_are_whole_mebibytes(void **state)
{
	struct vhdx_image *img = *state;
	uint8_t *bat = vhdx_image_region_entry(img, 1, 0), *meta = vhdx_image_region_entry(img, 1, 1);

	put_le64(bat + 16, img->bat_off + 65536);
	assert_refused(img, ERR_CORRUPT,
		       "region table: BAT region at 0x310000+0x100000, not in whole MiB behind the first");
	put_le64(bat + 16, 0);
	assert_refused(img, ERR_CORRUPT, "region table: BAT region at 0+0x100000, not in whole MiB behind the first");
	put_le64(bat + 16, img->bat_off);
	put_le32(bat + 24, 0);
	assert_refused(img, ERR_CORRUPT, "region table: BAT region at 0x300000+0, not in whole MiB behind the first");
	put_le32(bat + 24, VHDX_W_MIB);
	put_le32(meta + 24, VHDX_W_MIB + 512);
	assert_refused(img, ERR_CORRUPT,
		       "region table: metadata region at 0x200000+0x100200, not in whole MiB behind the first");
}

static void assert_misplaced(uint64_t bat, uint64_t meta, uint64_t log, const char *msg)
{
	struct vhdx_regions r = { .bat_off = bat, .bat_len = 1 << 20, .meta_off = meta, .meta_len = 2 << 20 };
	struct error e = ERROR_INIT;

	assert_int_equal(vhdx_region_check_place(&r, log, 1 << 20, 16 << 20, &e), -1);
	assert_error(&e, ERR_CORRUPT, msg);
}

static void regions_lie_apart_and_inside_the_file(void **state)
{
	struct vhdx_regions r = { .bat_off = 15 << 20, .bat_len = 1 << 20, .meta_off = 2 << 20, .meta_len = 2 << 20 };

	(void)state;
	assert_int_equal(vhdx_region_check_place(&r, 1 << 20, 1 << 20, 16 << 20, NULL), 0);
	assert_misplaced(16 << 20, 2 << 20, 1 << 20,
			 "BAT region at 0x1000000+0x100000: beyond end of file (0x1000000)");
	assert_misplaced(UINT64_MAX - (1 << 20) + 1, 2 << 20, 1 << 20,
			 "BAT region at 0xfffffffffff00000+0x100000: beyond end of file (0x1000000)");
	assert_misplaced(1 << 20, 15 << 20, 5 << 20,
			 "metadata region at 0xf00000+0x200000: beyond end of file (0x1000000)");
	assert_misplaced(3 << 20, 2 << 20, 1 << 20,
			 "BAT region at 0x300000+0x100000 overlaps the metadata region at 0x200000+0x200000");
	assert_misplaced(8 << 20, 2 << 20, 3 << 20,
			 "metadata region at 0x200000+0x200000 overlaps the log at 0x300000+0x100000");
	assert_misplaced(8 << 20, 2 << 20, 8 << 20,
			 "BAT region at 0x800000+0x100000 overlaps the log at 0x800000+0x100000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_both_regions, build, drop),
		cmocka_unit_test_setup_teardown(the_second_copy_counts_where_the_first_is_damaged, build, drop),
		cmocka_unit_test_setup_teardown(counts_are_bounded, build, drop),
		cmocka_unit_test_setup_teardown(unknown_regions_matter_only_if_required, build, drop),
		cmocka_unit_test_setup_teardown(places_are_whole_mebibytes, build, drop),
		cmocka_unit_test(regions_lie_apart_and_inside_the_file),
	};

	return cmocka_run_group_tests_name("vhdx-region", tests, NULL, NULL);
}
