/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "base/bytes.h"
#include "disk/vhdx_metadata.h"
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
	return 0;
}

static int read_it(struct vhdx_image *img, struct vhdx_metadata *out, struct error *err)
{
	struct backing file = vhdx_image_backing(img);
	CLEANUP_FD int fd = file.fd;
	struct vhdx_view view = { .file = &file };

	return vhdx_metadata_read(&view, img->meta_off, VHDX_W_MIB, out, err);
}

static void assert_refused(struct vhdx_image *img, enum error_code code, const char *msg)
{
	struct error e = ERROR_INIT;
	struct vhdx_metadata m;

	assert_int_equal(read_it(img, &m, &e), -1);
	assert_error(&e, code, msg);
}

static void decodes_all_items(void **state)
{
	struct vhdx_image *img = *state;
	struct error e = ERROR_INIT;
	char id[GUID_TEXT_LEN];
	struct vhdx_metadata m;

	assert_int_equal(read_it(img, &m, &e), 0);
	assert_int_equal(m.virtual_size, 5 << 20);
	assert_int_equal(m.block_size, 1 << 20);
	assert_int_equal(m.logical_sector, 512);
	assert_int_equal(m.physical_sector, 4096);
	assert_false(m.fixed);
	assert_false(m.has_parent);
	assert_int_equal(m.locator_len, 0);
	guid_format(&m.disk_id, id);
	assert_string_equal(id, "00112233-4455-6677-8899-aabbccddeeff");
	put_le32(vhdx_image_item(img, VHDX_W_PARAMETERS) + 4, 1);
	put_le32(vhdx_image_item(img, VHDX_W_LOGICAL), 4096);
	assert_int_equal(read_it(img, &m, &e), 0);
	assert_true(m.fixed);
	assert_int_equal(m.logical_sector, 4096);
}

static void items_may_lie_and_be_listed_anywhere(void **state)
{
	struct vhdx_image *img = *state;
	uint8_t *size = vhdx_image_item_entry(img, VHDX_W_SIZE), *first = vhdx_image_item_entry(img, 0), swap[32];
	struct vhdx_metadata m;

	memcpy(img->bytes + img->meta_off + VHDX_W_MIB - 8, vhdx_image_item(img, VHDX_W_SIZE), 8);
	put_le32(size + 16, VHDX_W_MIB - 8);
	memcpy(swap, size, 32);
	memcpy(size, first, 32);
	memcpy(first, swap, 32);
	assert_int_equal(read_it(img, &m, NULL), 0);
	assert_int_equal(m.virtual_size, 5 << 20);
	assert_int_equal(m.block_size, 1 << 20);
}

static void the_table_is_checked(void **state)
{
	struct vhdx_image *img = *state;
	uint8_t *table = img->bytes + img->meta_off;

	put_le16(table + 10, 65535);
	assert_refused(img, ERR_CORRUPT, "metadata: 65535 items, at most 2047 allowed");
	put_le16(table + 10, 4);
	assert_refused(img, ERR_CORRUPT, "metadata: no physical sector size");
	put_le16(table + 10, 0);
	assert_refused(img, ERR_CORRUPT, "metadata: no file parameters");
	table[0] = 'M';
	assert_refused(img, ERR_CORRUPT, "metadata: no signature at the beginning of its region");
}

static void items_lie_inside_the_region_and_apart(void **state)
{
	struct vhdx_image *img = *state;
	uint8_t *entry = vhdx_image_item_entry(img, VHDX_W_SIZE);

	put_le32(entry + 16, 0xfffffff0);
	assert_refused(
		img, ERR_CORRUPT,
		"metadata: item 2fa54224-cd1b-4876-b211-5dbed83bf4b8 at 0xfffffff0+0x8: outside its region (0x100000)");
	put_le32(entry + 16, VHDX_W_MIB - 7);
	assert_refused(
		img, ERR_CORRUPT,
		"metadata: item 2fa54224-cd1b-4876-b211-5dbed83bf4b8 at 0xffff9+0x8: outside its region (0x100000)");
	put_le32(entry + 16, 65535);
	assert_refused(
		img, ERR_CORRUPT,
		"metadata: item 2fa54224-cd1b-4876-b211-5dbed83bf4b8 at 0xffff+0x8: outside its region (0x100000)");
	put_le32(entry + 16, 65536 + 4);
	assert_refused(img, ERR_CORRUPT, "metadata: items at 0x10000 and 0x10004 overlap");
}

static void lengths_are_exact_and_items_unique(void **state)
{
	struct vhdx_image *img = *state;
	uint8_t *entry = vhdx_image_item_entry(img, VHDX_W_PARAMETERS),
		*more = vhdx_image_item_entry(img, VHDX_W_ITEMS);
	struct vhdx_metadata m;

	put_le32(entry + 20, 1);
	assert_refused(img, ERR_CORRUPT, "metadata: file parameters has 1 bytes, not 8");
	put_le32(entry + 20, 0);
	assert_refused(img, ERR_CORRUPT, "metadata: file parameters has 0 bytes, not 8");
	put_le32(entry + 20, 8);
	put_le16(img->bytes + img->meta_off + 10, VHDX_W_ITEMS + 1);
	memcpy(more, entry, 32);
	put_le32(more + 16, 65536 + 1024);
	assert_refused(img, ERR_CORRUPT, "metadata: file parameters is there twice");
	memset(more, 0x5a, 16); /* unknown */
	assert_refused(img, ERR_UNSUPPORTED,
		       "metadata: unknown item 5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a is marked required");
	put_le32(more + 24, 0);
	assert_int_equal(read_it(img, &m, NULL), 0);
	memcpy(more, entry, 16); /* a user's item is another one, whatever its GUID is */
	put_le32(more + 24, 1);
	assert_int_equal(read_it(img, &m, NULL), 0);
}

static void block_sizes_are_powers_of_two_from_1_to_256_mib(void **state)
{
	struct vhdx_image *img = *state;
	uint8_t *p = vhdx_image_item(img, VHDX_W_PARAMETERS);
	struct vhdx_metadata m;

	for (uint32_t mib = 1; mib <= 256; mib *= 2) {
		put_le32(p, mib << 20);
		assert_int_equal(read_it(img, &m, NULL), 0);
	}
	put_le32(p, 0);
	assert_refused(img, ERR_CORRUPT, "metadata: block size 0, not a power of two from 1 to 256 MiB");
	put_le32(p, 3 << 20);
	assert_refused(img, ERR_CORRUPT, "metadata: block size 3145728, not a power of two from 1 to 256 MiB");
	put_le32(p, 512 << 20);
	assert_refused(img, ERR_CORRUPT, "metadata: block size 536870912, not a power of two from 1 to 256 MiB");
	put_le32(p, 512 << 10);
	assert_refused(img, ERR_CORRUPT, "metadata: block size 524288, not a power of two from 1 to 256 MiB");
}

static void sizes_are_whole_sectors(void **state)
{
	struct vhdx_image *img = *state;
	uint8_t *size = vhdx_image_item(img, VHDX_W_SIZE);
	struct vhdx_metadata m;

	put_le64(size, 513);
	assert_refused(img, ERR_CORRUPT, "metadata: virtual size 513, not whole sectors of 512 bytes up to 64 TiB");
	put_le64(size, 0);
	assert_refused(img, ERR_CORRUPT, "metadata: virtual size 0, not whole sectors of 512 bytes up to 64 TiB");
	put_le64(size, (UINT64_C(64) << 40) + 512);
	assert_refused(img, ERR_CORRUPT,
		       "metadata: virtual size 70368744178176, not whole sectors of 512 bytes up to 64 TiB");
	put_le64(size, UINT64_C(64) << 40);
	assert_int_equal(read_it(img, &m, NULL), 0);
	put_le64(size, 512 * 3);
	put_le32(vhdx_image_item(img, VHDX_W_LOGICAL), 4096);
	assert_refused(img, ERR_CORRUPT, "metadata: virtual size 1536, not whole sectors of 4096 bytes up to 64 TiB");
	put_le32(vhdx_image_item(img, VHDX_W_LOGICAL), 3);
	assert_refused(img, ERR_CORRUPT, "metadata: logical sector size 3, not 512 or 4096");
	put_le32(vhdx_image_item(img, VHDX_W_LOGICAL), 512);
	put_le32(vhdx_image_item(img, VHDX_W_PHYSICAL), 1024);
	assert_refused(img, ERR_CORRUPT, "metadata: physical sector size 1024, not 512 or 4096");
}

static void a_parent_needs_a_locator(void **state)
{
	struct vhdx_image *img = *state;

	put_le32(vhdx_image_item(img, VHDX_W_PARAMETERS) + 4, 2);
	assert_refused(img, ERR_CORRUPT, "metadata: the disk has a parent, and no parent locator");
	vhdx_image_set_parent(img, "{00000000-0000-0000-0000-000000000001}", "base.vhdx");
	put_le32(vhdx_image_item(img, VHDX_W_PARAMETERS) + 4, 0);
	assert_refused(img, ERR_CORRUPT, "metadata: a parent locator, but the disk says that it has no parent");
}

static void a_file_that_is_cut_is_an_error(void **state)
{
	struct vhdx_image *img = *state;

	img->len = (size_t)img->meta_off + 4096;
	assert_refused(img, ERR_CORRUPT, "disk.vhdx: read 65536 bytes at 0x200000: beyond end of file (2101248 bytes)");
	img->len = (size_t)img->meta_off + 65536 + 7;
	assert_refused(img, ERR_CORRUPT, "disk.vhdx: read 8 bytes at 0x210000: beyond end of file (2162695 bytes)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(decodes_all_items, build, drop),
		cmocka_unit_test_setup_teardown(items_may_lie_and_be_listed_anywhere, build, drop),
		cmocka_unit_test_setup_teardown(the_table_is_checked, build, drop),
		cmocka_unit_test_setup_teardown(items_lie_inside_the_region_and_apart, build, drop),
		cmocka_unit_test_setup_teardown(lengths_are_exact_and_items_unique, build, drop),
		cmocka_unit_test_setup_teardown(block_sizes_are_powers_of_two_from_1_to_256_mib, build, drop),
		cmocka_unit_test_setup_teardown(sizes_are_whole_sectors, build, drop),
		cmocka_unit_test_setup_teardown(a_parent_needs_a_locator, build, drop),
		cmocka_unit_test_setup_teardown(a_file_that_is_cut_is_an_error, build, drop),
	};

	return cmocka_run_group_tests_name("vhdx-metadata", tests, NULL, NULL);
}
