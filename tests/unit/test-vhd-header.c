/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "base/bytes.h"
#include "disk/vhd_header.h"

static uint8_t raw[VHD_HEADER_LEN];

static void seal(void)
{
	uint32_t sum = 0;

	put_be32(raw + 36, 0);
	for (size_t i = 0; i < sizeof(raw); i++)
		sum += raw[i];
	put_be32(raw + 36, ~sum);
}

/* As a Windows that made a dynamic disk of 10 MiB wrote it, its checksum too; then a parent. */
static int build(void **state)
{
	(void)state;
	memset(raw, 0, sizeof(raw));
	memcpy(raw, "cxsparse", 8);
	put_be64(raw + 8, UINT64_MAX);
	put_be64(raw + 16, 0x600);
	put_be32(raw + 24, 0x00010000);
	put_be32(raw + 28, 5);
	put_be32(raw + 32, 0x00200000);
	put_be32(raw + 36, 0xfffff472);
	return 0;
}

static void decodes_what_windows_writes(void **state)
{
	struct error e = ERROR_INIT;
	struct vhd_header h;

	(void)state;
	assert_int_equal(vhd_header_decode(raw, &h, &e), 0);
	assert_int_equal(h.bat_off, 0x600);
	assert_int_equal(h.n_entries, 5);
	assert_int_equal(h.block_size, 2 << 20);
	assert_true(guid_is_zero(&h.parent_id));
	for (size_t i = 0; i < VHD_LOCATORS; i++)
		assert_int_equal(h.locators[i].code, 0);
}

static void decodes_each_field_of_a_parent(void **state)
{
	char id[GUID_TEXT_LEN];
	struct vhd_header h;

	(void)state;
	for (size_t i = 0; i < 16; i++)
		raw[40 + i] = (uint8_t)(i * 0x11);
	put_be32(raw + 56, 0x12345678);
	put_be16(raw + 64, 'b');
	put_be16(raw + 64 + 510, 'e');
	for (uint32_t i = 0; i < VHD_LOCATORS; i++) {
		put_be32(raw + 576 + i * 24, 0x57327275 + i);
		put_be32(raw + 576 + i * 24 + 4, 0xffffffff); /* room: in whatever unit */
		put_be32(raw + 576 + i * 24 + 8, 100 + i);
		put_be64(raw + 576 + i * 24 + 16, UINT64_MAX - i);
	}
	seal();
	assert_int_equal(vhd_header_decode(raw, &h, NULL), 0);
	guid_format(&h.parent_id, id);
	assert_string_equal(id, "00112233-4455-6677-8899-aabbccddeeff");
	assert_int_equal(h.parent_timestamp, 0x12345678);
	assert_int_equal(h.parent_name[1], 'b');
	assert_int_equal(h.parent_name[511], 'e');
	for (uint32_t i = 0; i < VHD_LOCATORS; i++) {
		assert_int_equal(h.locators[i].code, 0x57327275 + i);
		assert_int_equal(h.locators[i].len, 100 + i);
		assert_true(h.locators[i].off == UINT64_MAX - i);
	}
}

static void assert_refused(enum error_code code, const char *msg)
{
	struct error e = ERROR_INIT;
	struct vhd_header h;

	assert_int_equal(vhd_header_decode(raw, &h, &e), -1);
	assert_error(&e, code, msg);
}

static void each_byte_counts_in_the_checksum(void **state)
{
	(void)state;
	for (size_t i = 8; i < sizeof(raw); i++) {
		raw[i] ^= 1;
		assert_int_equal(vhd_header_decode(raw, &(struct vhd_header){ 0 }, NULL), -1);
		raw[i] ^= 1;
	}
	raw[1023] = 1;
	assert_refused(ERR_CORRUPT, "dynamic header: checksum fffff472, its bytes sum up to fffff471");
	raw[1023] = 0;
	raw[7] = 'E';
	assert_refused(ERR_CORRUPT, "dynamic header: no 'cxsparse' where it must begin");
}

static void refuses_other_versions(void **state)
{
	static const uint32_t versions[] = { 0, 0xffff, 0x00010001, 0x00020000, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		put_be32(raw + 24, versions[i]);
		seal();
		assert_int_equal(vhd_header_decode(raw, &(struct vhd_header){ 0 }, NULL), -1);
	}
	put_be32(raw + 24, 0x00020000);
	seal();
	assert_refused(ERR_UNSUPPORTED, "dynamic header: version 0x00020000, not 1.0");
}

static void blocks_are_powers_of_two_of_4_kib_to_256_mib(void **state)
{
	(void)state;
	for (unsigned shift = 0; shift < 32; shift++) {
		put_be32(raw + 32, UINT32_C(1) << shift);
		seal();
		assert_int_equal(vhd_header_decode(raw, &(struct vhd_header){ 0 }, NULL),
				 shift >= 12 && shift <= 28 ? 0 : -1);
		put_be32(raw + 32, (UINT32_C(1) << shift) + (shift == 0 ? 2 : 1));
		seal();
		assert_int_equal(vhd_header_decode(raw, &(struct vhd_header){ 0 }, NULL), -1);
	}
	put_be32(raw + 32, 0);
	seal();
	assert_refused(ERR_CORRUPT, "dynamic header: blocks of 0 bytes, not a power of two of 4 KiB to 256 MiB");
}

static void the_header_lies_between_copy_and_footer(void **state)
{
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(vhd_header_check_off(512, 1536, NULL), 0);
	assert_int_equal(vhd_header_check_off(513, 1537, NULL), 0);
	assert_int_equal(vhd_header_check_off(511, 4096, &e), -1);
	assert_error(&e, ERR_CORRUPT, "dynamic header at 0x1ff: on the footer's copy at 0");
	assert_int_equal(vhd_header_check_off(0, 4096, NULL), -1);
	e = (struct error)ERROR_INIT;
	assert_int_equal(vhd_header_check_off(513, 1536, &e), -1);
	assert_error(&e, ERR_CORRUPT, "dynamic header at 0x201: beyond end of content (0x600)");
	assert_int_equal(vhd_header_check_off(UINT64_MAX, 4096, NULL), -1);
	assert_int_equal(vhd_header_check_off(512, 0, NULL), -1);
}

static void assert_table(uint64_t bat_off, uint32_t entries, uint64_t size, const char *msg)
{
	struct vhd_header h = { .bat_off = bat_off, .n_entries = entries, .block_size = 1 << 20 };
	struct error e = ERROR_INIT;
	int rc = vhd_header_check_bat(&h, 8192, size, 1 << 20, &e);

	assert_int_equal(rc, msg ? -1 : 0);
	if (msg)
		assert_error(&e, e.code, msg);
}

static void the_table_covers_the_disk_and_lies_apart(void **state)
{
	(void)state;
	assert_table(512, 1, 512, NULL);
	assert_table(512, 1, 1 << 20, NULL);
	assert_table(512, 1, (1 << 20) + 512, "BAT: 1 entries, 2 needed for 1049088 bytes in blocks of 1048576");
	assert_table(512, 2, (1 << 20) + 512, NULL);
	assert_table(512, 0, 512, "BAT: 0 entries, 1 needed for 512 bytes in blocks of 1048576");
	assert_table(511, 1, 512, "BAT at 0x1ff: on the footer's copy at 0");
	assert_table((1 << 20) - 4, 1, 512, NULL);
	assert_table((1 << 20) - 3, 1, 512, "BAT at 0xffffd+0x4: beyond end of content (0x100000)");
	assert_table(UINT64_MAX - 3, 1, 512, "BAT at 0xfffffffffffffffc+0x4: beyond end of content (0x100000)");
	assert_table(512, UINT32_MAX, 512, "BAT at 0x200+0x3fffffffc: beyond end of content (0x100000)");
	assert_table(8188, 1, 512, NULL);
	assert_table(8189, 1, 512, "BAT at 0x1ffd+0x4: overlaps the dynamic header at 0x2000");
	assert_table(8192, 1, 512, "BAT at 0x2000+0x4: overlaps the dynamic header at 0x2000");
	assert_table(9215, 1, 512, "BAT at 0x23ff+0x4: overlaps the dynamic header at 0x2000");
	assert_table(9216, 1, 512, NULL);
	assert_table(4096, 1200, 512, "BAT at 0x1000+0x12c0: overlaps the dynamic header at 0x2000");
	assert_table(9216, 260000, UINT64_C(2040) << 30,
		     "BAT: 260000 entries, 2088960 needed for 2190433320960 bytes in "
		     "blocks of 1048576");
	assert_table(512, 1, (UINT64_C(2040) << 30) + 512,
		     "disk of 2190433321472 bytes that is not fixed (at most 2190433320960)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(decodes_what_windows_writes, build),
		cmocka_unit_test_setup(decodes_each_field_of_a_parent, build),
		cmocka_unit_test_setup(each_byte_counts_in_the_checksum, build),
		cmocka_unit_test_setup(refuses_other_versions, build),
		cmocka_unit_test_setup(blocks_are_powers_of_two_of_4_kib_to_256_mib, build),
		cmocka_unit_test(the_header_lies_between_copy_and_footer),
		cmocka_unit_test(the_table_covers_the_disk_and_lies_apart),
	};

	return cmocka_run_group_tests_name("vhd-header", tests, NULL, NULL);
}
