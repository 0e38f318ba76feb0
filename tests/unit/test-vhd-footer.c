/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "base/bytes.h"
#include "disk/vhd_footer.h"

static const char id_text[] = "00112233-4455-6677-8899-aabbccddeeff";

/* A footer that qemu, libvhdi and 7-Zip accept: 8 MiB, geometry 240/4/17. */
static const uint8_t sample[85] = {
	0x63, 0x6f, 0x6e, 0x65, 0x63, 0x74, 0x69, 0x78, 0x00, 0x00, 0x00, 0x02, 0x00, 0x01, 0x00, 0x00, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x2a, 0x00, 0x00, 0x00, 0x77, 0x69, 0x6e, 0x20, 0x00, 0x0a,
	0x00, 0x00, 0x57, 0x69, 0x32, 0x6b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x80, 0x00, 0x00, 0x00, 0xf0, 0x04, 0x11, 0x00, 0x00, 0x00, 0x02, 0xff, 0xff, 0xe7, 0xa9,
	0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00,
};

static void sample_footer(uint8_t raw[VHD_FOOTER_LEN])
{
	memset(raw, 0, VHD_FOOTER_LEN);
	memcpy(raw, sample, sizeof(sample));
}

static void seal(uint8_t raw[VHD_FOOTER_LEN])
{
	uint32_t sum = 0;

	put_be32(raw + 64, 0);
	for (size_t i = 0; i < VHD_FOOTER_LEN; i++)
		sum += raw[i];
	put_be32(raw + 64, ~sum);
}

static void decodes_what_other_readers_accept(void **state)
{
	uint8_t raw[VHD_FOOTER_LEN];
	struct vhd_footer f;
	struct error e = ERROR_INIT;
	struct guid id;

	(void)state;
	sample_footer(raw);
	assert_int_equal(guid_parse(id_text, &id, NULL), 0);
	assert_int_equal(vhd_footer_decode(raw, &f, &e), 0);
	assert_int_equal(f.current_size, 8 << 20);
	assert_true(f.data_offset == UINT64_MAX);
	assert_int_equal(f.timestamp, 0x2a000000);
	assert_int_equal(f.checksum, 0xffffe7a9);
	assert_int_equal(f.type, VHD_FIXED);
	assert_string_equal(f.creator, "win ");
	assert_false(f.saved_state);
	assert_true(guid_equal(&f.id, &id));
}

static void encodes_every_byte_as_documented(void **state)
{
	uint8_t want[VHD_FOOTER_LEN], raw[VHD_FOOTER_LEN];
	struct vhd_footer f;
	struct guid id;

	(void)state;
	sample_footer(want);
	put_be32(want + 24, 0);          /* no time: the same disk, the same footer */
	put_be32(want + 56, 0xffff10ff); /* 65535/16/255 */
	seal(want);
	assert_int_equal(guid_parse(id_text, &id, NULL), 0);
	memset(raw, 0xee, sizeof(raw));
	vhd_footer_encode(8 << 20, &id, raw);
	assert_memory_equal(raw, want, sizeof(want));
	assert_int_equal(vhd_footer_decode(raw, &f, NULL), 0);
}

static void assert_refused(const uint8_t *raw, const char *msg)
{
	struct error e = ERROR_INIT;
	struct vhd_footer f;

	assert_int_equal(vhd_footer_decode(raw, &f, &e), -1);
	assert_error(&e, ERR_CORRUPT, msg);
}

static void refuses_what_is_damaged_and_says_which_field(void **state)
{
	uint8_t raw[VHD_FOOTER_LEN];

	(void)state;
	sample_footer(raw);
	raw[0] = 'C';
	assert_refused(raw, "footer: no 'conectix' where it must begin");
	sample_footer(raw);
	raw[511] = 1;
	assert_refused(raw, "footer: checksum ffffe7a9, its bytes sum up to ffffe7a8");
	sample_footer(raw);
	raw[13] = 2;
	seal(raw);
	assert_refused(raw, "footer: version 0x00020000, not 1.0");
	for (uint32_t type = 0; type < 8; type++) {
		struct vhd_footer f;

		sample_footer(raw);
		put_be32(raw + 60, type);
		seal(raw);
		assert_int_equal(vhd_footer_decode(raw, &f, NULL), type >= 2 && type <= 4 ? 0 : -1);
	}
	put_be32(raw + 60, 5);
	seal(raw);
	assert_refused(raw, "footer: disk type 5, not 2, 3 or 4");
	sample_footer(raw);
	put_be64(raw + 48, 0);
	seal(raw);
	assert_refused(raw, "footer: current size 0, not a positive multiple of 512");
	put_be64(raw + 48, 1000);
	seal(raw);
	assert_refused(raw, "footer: current size 1000, not a positive multiple of 512");
}

static void tells_a_saved_state(void **state)
{
	uint8_t raw[VHD_FOOTER_LEN];
	struct vhd_footer f;

	(void)state;
	sample_footer(raw);
	raw[84] = 1;
	seal(raw);
	assert_int_equal(vhd_footer_decode(raw, &f, NULL), 0);
	assert_true(f.saved_state);
}

static void content_is_whole_mebibytes(void **state)
{
	(void)state;
	assert_int_equal(vhd_content_size(1), 1 << 20);
	assert_int_equal(vhd_content_size(1 << 20), 1 << 20);
	assert_int_equal(vhd_content_size((1 << 20) + 512), 2 << 20);
	assert_true(vhd_content_size(UINT64_C(64) << 40) == UINT64_C(64) << 40);
	assert_int_equal(vhd_content_size(UINT64_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_what_other_readers_accept),
		cmocka_unit_test(encodes_every_byte_as_documented),
		cmocka_unit_test(refuses_what_is_damaged_and_says_which_field),
		cmocka_unit_test(tells_a_saved_state),
		cmocka_unit_test(content_is_whole_mebibytes),
	};

	return cmocka_run_group_tests_name("vhd-footer", tests, NULL, NULL);
}
