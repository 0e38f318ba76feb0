/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "base/bytes.h"
#include "disk/vhdx_header.h"
#include "support/vhdx_writer.h"

static const struct guid log_guid = { { 0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 } };

static int choose(struct vhdx_image *img, struct vhdx_header *out, struct error *err)
{
	return vhdx_header_choose(vhdx_image_header(img, 1), vhdx_image_header(img, 2), img->len, out, err);
}

static int build(void **state)
{
	static struct vhdx_image img;

	vhdx_image_fini(&img);
	vhdx_image_build(&img);
	*state = &img;
	return 0;
}

static int drop(void **state)
{
	vhdx_image_fini(*state);
	return 0;
}

static void assert_refused(struct vhdx_image *img, enum error_code code, const char *msg)
{
	struct error e = ERROR_INIT;
	struct vhdx_header h;

	assert_int_equal(choose(img, &h, &e), -1);
	assert_error(&e, code, msg);
}

static void knows_the_file_identifier(void **state)
{
	struct error e = ERROR_INIT, e2 = ERROR_INIT;
	struct vhdx_image *img = *state;

	assert_int_equal(vhdx_file_id_check(img->bytes, 4096, NULL), 0);
	assert_int_equal(vhdx_file_id_check(img->bytes, 7, &e), -1);
	assert_error(&e, ERR_CORRUPT, "not a VHDX: the file does not begin with 'vhdxfile'");
	img->bytes[7] = 'E';
	assert_int_equal(vhdx_file_id_check(img->bytes, 4096, &e2), -1);
}

static void the_higher_sequence_number_counts(void **state)
{
	struct vhdx_image *img = *state;
	struct vhdx_header h;

	put_le64(vhdx_image_header(img, 2) + 72, 9 * VHDX_W_MIB);
	vhdx_image_seal_headers(img);
	assert_int_equal(choose(img, &h, NULL), 0);
	assert_int_equal(h.sequence, 8);
	assert_int_equal(h.log_off, 9 * VHDX_W_MIB);
	assert_int_equal(h.log_len, VHDX_W_MIB);
	assert_true(guid_is_zero(&h.log));
	put_le64(vhdx_image_header(img, 1) + 8, UINT64_MAX);
	vhdx_image_seal_headers(img);
	assert_int_equal(choose(img, &h, NULL), 0);
	assert_int_equal(h.log_off, VHDX_W_MIB);
}

static void a_damaged_header_does_not_count(void **state)
{
	struct vhdx_image *img = *state;
	struct vhdx_header h;

	vhdx_image_header(img, 2)[2000] ^= 1;
	assert_int_equal(choose(img, &h, NULL), 0);
	assert_int_equal(h.sequence, 7);
	vhdx_image_header(img, 2)[2000] ^= 1;
	vhdx_image_header(img, 1)[0] = 'H';
	vhdx_image_seal_headers(img);
	assert_int_equal(choose(img, &h, NULL), 0);
	assert_int_equal(h.sequence, 8);
	vhdx_image_header(img, 2)[4095] ^= 1;
	assert_refused(img, ERR_CORRUPT, "no valid header: no signature at 0x10000, wrong checksum at 0x20000");
}

static void equal_numbers_need_equal_headers(void **state)
{
	struct vhdx_image *img = *state;
	struct vhdx_header h;

	memcpy(vhdx_image_header(img, 2), vhdx_image_header(img, 1), 4096);
	assert_int_equal(choose(img, &h, NULL), 0);
	assert_int_equal(h.sequence, 7);
	vhdx_image_header(img, 2)[32] ^= 1;
	vhdx_image_seal_headers(img);
	assert_refused(img, ERR_CORRUPT, "two different headers with the same sequence number 7");
}

static void versions_are_checked_where_they_matter(void **state)
{
	struct vhdx_image *img = *state;
	struct vhdx_header h;

	put_le16(vhdx_image_header(img, 2) + 64, 1);
	vhdx_image_seal_headers(img);
	assert_int_equal(choose(img, &h, NULL), 0); /* no log: its version says nothing */
	vhdx_image_set_log(img, &log_guid);
	assert_refused(img, ERR_UNSUPPORTED, "header: a pending log of version 1, not 0");
	put_le16(vhdx_image_header(img, 2) + 66, 2);
	vhdx_image_seal_headers(img);
	assert_refused(img, ERR_UNSUPPORTED, "header: version 2, not 1");
}

static void place_log(struct vhdx_image *img, uint64_t off, uint32_t len)
{
	put_le64(vhdx_image_header(img, 2) + 72, off);
	put_le32(vhdx_image_header(img, 2) + 68, len);
	vhdx_image_seal_headers(img);
}

static void a_log_has_its_place_in_the_file(void **state)
{
	struct vhdx_image *img = *state;
	struct vhdx_header h;

	place_log(img, 0, VHDX_W_MIB);
	assert_refused(img, ERR_CORRUPT, "header: log at 0+0x100000, not in whole MiB behind the first");
	place_log(img, VHDX_W_MIB + 4096, VHDX_W_MIB);
	assert_refused(img, ERR_CORRUPT, "header: log at 0x101000+0x100000, not in whole MiB behind the first");
	place_log(img, VHDX_W_MIB, 4096);
	assert_refused(img, ERR_CORRUPT, "header: log at 0x100000+0x1000, not in whole MiB behind the first");
	place_log(img, img->len, VHDX_W_MIB);
	assert_int_equal(choose(img, &h, NULL), 0);
	vhdx_image_set_log(img, &log_guid);
	assert_refused(img, ERR_CORRUPT, "header: log at 0x900000+0x100000: beyond end of file (0x900000)");
	place_log(img, VHDX_W_MIB, 0xfff00000);
	assert_refused(img, ERR_CORRUPT, "header: log at 0x100000+0xfff00000: beyond end of file (0x900000)");
	place_log(img, VHDX_W_MIB, 0);
	assert_refused(img, ERR_CORRUPT, "header: log at 0x100000+0: beyond end of file (0x900000)");
	place_log(img, VHDX_W_MIB, VHDX_W_MIB);
	assert_int_equal(choose(img, &h, NULL), 0);
	assert_true(guid_equal(&h.log, &log_guid));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(knows_the_file_identifier, build, drop),
		cmocka_unit_test_setup_teardown(the_higher_sequence_number_counts, build, drop),
		cmocka_unit_test_setup_teardown(a_damaged_header_does_not_count, build, drop),
		cmocka_unit_test_setup_teardown(equal_numbers_need_equal_headers, build, drop),
		cmocka_unit_test_setup_teardown(versions_are_checked_where_they_matter, build, drop),
		cmocka_unit_test_setup_teardown(a_log_has_its_place_in_the_file, build, drop),
	};

	return cmocka_run_group_tests_name("vhdx-header", tests, NULL, NULL);
}
