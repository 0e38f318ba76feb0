/* SPDX-License-Identifier: Apache-2.0 */
/* Dynamic VHDs that are damaged or cut: what still reads, and what says so. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "support/vhd_fixture.h"

static void assert_readable(struct vhd_image *img, const char *log)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	uint64_t random = 1;

	vhd_logs = 0;
	d = vhd_open_ok(img);
	assert_vhd_content(d, img->guest, &random);
	assert_int_equal(vhd_logs, 1);
	assert_string_equal(vhd_last_log, log);
}

static void one_good_footer_is_enough(void **state)
{
	struct vhd_image img = { 0 };

	(void)state;
	vhd_image_build(&img);
	img.bytes[300] = 1;
	assert_readable(&img,
			"disk.vhd: the footer's copy at 0 is damaged (footer: checksum fffff97b, its bytes sum up to "
			"fffff97a); using the footer at the end");
	img.bytes[300] = 0;
	vhd_image_footer(&img)[300] = 1;
	assert_readable(&img, "disk.vhd: footer: checksum fffff97b, its bytes sum up to fffff97a; using the copy at 0");
	img.len -= 512;
	assert_readable(&img, "disk.vhd: footer: no 'conectix' in the last 512 bytes of the file; using the copy at 0");
	img.bytes[300] = 1;
	assert_vhd_refused(&img, ERR_CORRUPT, "disk.vhd: footer: no 'conectix' in the last 512 bytes of the file");
	img.len += 512;
	assert_vhd_refused(&img, ERR_CORRUPT, "disk.vhd: footer: checksum fffff97b, its bytes sum up to fffff97a");
	vhd_image_fini(&img);
}

static void footers_that_contradict_each_other_are_refused(void **state)
{
	static const struct {
		size_t field, width;
		uint64_t value;
		const char *msg;
	} rows[] = {
		{ 48, 8, 300 * KIB, "disk.vhd: footer: current size 327680, its copy at 0 says 307200" },
		{ 60, 4, 4, "disk.vhd: footer: disk type 3, its copy at 0 says 4" },
		{ 60, 4, 2, "disk.vhd: footer: disk type 3, its copy at 0 says 2" },
		{ 16, 8, 1024, "disk.vhd: footer: data offset 0x200, its copy at 0 says 0x400" },
		{ 80, 4, 1,
		  "disk.vhd: footer: unique id 00000000-0000-0000-0000-000000000000, its copy at 0 says "
		  "00000000-0000-0000-0000-000000000001" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct vhd_image img = { 0 };

		vhd_image_build(&img);
		if (rows[i].width == 8)
			put_be64(img.bytes + rows[i].field, rows[i].value);
		else
			put_be32(img.bytes + rows[i].field, (uint32_t)rows[i].value);
		vhd_seal_footer(img.bytes);
		assert_vhd_refused(&img, ERR_CORRUPT, rows[i].msg);
		vhd_image_fini(&img);
	}
}

static void a_footer_that_became_that_of_a_fixed_disk_is_refused(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL, *d2 = NULL;
	struct vhd_image img = { .id = 9 };

	(void)state;
	vhd_image_build(&img);
	put_be32(vhd_image_footer(&img) + 60, 2);
	vhd_seal_footer(vhd_image_footer(&img));
	assert_vhd_refused(&img, ERR_CORRUPT, "disk.vhd: footer: disk type 2, its copy at 0 says 3");
	/* What a guest can write to its fixed disk is content, even if it knows the disk's id. */
	put_be64(vhd_image_footer(&img) + 16, UINT64_MAX);
	vhd_seal_footer(vhd_image_footer(&img));
	d = vhd_open_ok(&img);
	assert_string_equal(disk_chain_info(d, 0)->subformat, "fixed");
	put_be64(vhd_image_footer(&img) + 16, 0); /* no offset, as some write it */
	vhd_seal_footer(vhd_image_footer(&img));
	d2 = vhd_open_ok(&img);
	assert_disk_reads(d2, img.bytes, 4096, 0);
	vhd_image_fini(&img);
}

/* Fields of the footer, the same in both copies, and of the header. */
static void refuses_what_the_structures_must_not_say(void **state)
{
	static const struct {
		bool header;
		size_t field, width;
		uint64_t value;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ false, 12, 4, 0x00020000, ERR_CORRUPT, "footer: version 0x00020000, not 1.0" },
		{ false, 16, 8, 0, ERR_CORRUPT, "dynamic header at 0: on the footer's copy at 0" },
		{ false, 16, 8, 511, ERR_CORRUPT, "dynamic header at 0x1ff: on the footer's copy at 0" },
		{ false, 16, 8, 0x55200, ERR_CORRUPT, "dynamic header at 0x55200: beyond end of content (0x55200)" },
		{ false, 16, 8, UINT64_MAX, ERR_CORRUPT,
		  "dynamic header at 0xffffffffffffffff: beyond end of content (0x55200)" },
		{ false, 16, 8, 0x55200 - 1024, ERR_CORRUPT, "dynamic header: no 'cxsparse' where it must begin" },
		{ false, 48, 8, 0, ERR_CORRUPT, "footer: current size 0, not a positive multiple of 512" },
		{ false, 48, 8, 511, ERR_CORRUPT, "footer: current size 511, not a positive multiple of 512" },
		{ false, 48, 8, 321 * KIB, ERR_CORRUPT,
		  "BAT: 5 entries, 6 needed for 328704 bytes in blocks of 65536" },
		{ false, 48, 8, (UINT64_C(2040) << 30) + 512, ERR_UNSUPPORTED,
		  "disk of 2190433321472 bytes that is not fixed (at most 2190433320960)" },
		{ false, 48, 8, UINT64_MAX - 511, ERR_UNSUPPORTED,
		  "disk of 18446744073709551104 bytes that is not fixed (at most 2190433320960)" },
		{ false, 60, 4, 0, ERR_CORRUPT, "footer: disk type 0, not 2, 3 or 4" },
		{ false, 60, 4, 5, ERR_CORRUPT, "footer: disk type 5, not 2, 3 or 4" },
		{ false, 60, 4, UINT32_MAX, ERR_CORRUPT, "footer: disk type 4294967295, not 2, 3 or 4" },
		{ true, 0, 4, 0, ERR_CORRUPT, "dynamic header: no 'cxsparse' where it must begin" },
		{ true, 16, 8, 0, ERR_CORRUPT, "BAT at 0: on the footer's copy at 0" },
		{ true, 16, 8, 511, ERR_CORRUPT, "BAT at 0x1ff: on the footer's copy at 0" },
		{ true, 16, 8, 1535, ERR_CORRUPT, "BAT at 0x5ff+0x14: overlaps the dynamic header at 0x200" },
		{ true, 16, 8, 0x55200 - 19, ERR_CORRUPT, "BAT at 0x551ed+0x14: beyond end of content (0x55200)" },
		{ true, 16, 8, UINT64_MAX, ERR_CORRUPT,
		  "BAT at 0xffffffffffffffff+0x14: beyond end of content (0x55200)" },
		{ true, 24, 4, 0x00010001, ERR_UNSUPPORTED, "dynamic header: version 0x00010001, not 1.0" },
		{ true, 28, 4, 0, ERR_CORRUPT, "BAT: 0 entries, 5 needed for 327680 bytes in blocks of 65536" },
		{ true, 28, 4, 4, ERR_CORRUPT, "BAT: 4 entries, 5 needed for 327680 bytes in blocks of 65536" },
		{ true, 28, 4, UINT32_MAX, ERR_CORRUPT, "BAT at 0x600+0x3fffffffc: beyond end of content (0x55200)" },
		{ true, 32, 4, 0, ERR_CORRUPT,
		  "dynamic header: blocks of 0 bytes, not a power of two of 4 KiB to 256 MiB" },
		{ true, 32, 4, 2048, ERR_CORRUPT,
		  "dynamic header: blocks of 2048 bytes, not a power of two of 4 KiB to 256 MiB" },
		{ true, 32, 4, 65536 + 512, ERR_CORRUPT,
		  "dynamic header: blocks of 66048 bytes, not a power of two of 4 KiB to 256 MiB" },
		{ true, 32, 4, 1u << 29, ERR_CORRUPT,
		  "dynamic header: blocks of 536870912 bytes, not a power of two of 4 KiB to 256 MiB" },
		{ true, 32, 4, 1u << 31, ERR_CORRUPT,
		  "dynamic header: blocks of 2147483648 bytes, not a power of two of 4 KiB to 256 MiB" },
	};
	char msg[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct vhd_image img = { 0 };

		vhd_image_build(&img);
		assert_int_equal(img.len, 0x55200 + 512);
		(rows[i].header ? vhd_image_set_header : vhd_image_set_footers)(&img, rows[i].field, rows[i].width,
										rows[i].value);
		snprintf(msg, sizeof(msg), "disk.vhd: %s", rows[i].msg);
		assert_vhd_refused(&img, rows[i].code, msg);
		vhd_image_fini(&img);
	}
}

static void a_header_whose_sum_is_wrong_is_refused(void **state)
{
	struct vhd_image img = { 0 };

	(void)state;
	vhd_image_build(&img);
	vhd_image_header(&img)[1000] = 1;
	assert_vhd_refused(&img, ERR_CORRUPT,
			   "disk.vhd: dynamic header: checksum fffff491, its bytes sum up to fffff490");
	vhd_image_fini(&img);
}

static void assert_bad_block(struct vhd_image *img, uint64_t block, const char *fault)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = vhd_open_ok(img);
	struct error e = ERROR_INIT, e2 = ERROR_INIT;
	uint64_t off = block * img->block_size, end = off + img->block_size;
	uint8_t byte;
	char msg[256];

	end = end < img->size ? end : img->size;
	snprintf(msg, sizeof(msg), "disk.vhd: block %u: BAT entry %#x at %#x: %s (content ends at %#x)",
		 (unsigned)block, get_be32(vhd_image_bat_entry(img, block)), (unsigned)(img->bat_off + block * 4),
		 fault, (unsigned)img->len - 512);
	assert_int_equal(disk_read(d, &byte, 1, off, &e), -1);
	assert_error(&e, ERR_CORRUPT, msg);
	assert_int_equal(disk_read(d, &byte, 1, end - 1, NULL), -1);
	assert_int_equal(disk_extents(d, img->size, 0, false, &list, &e2), -1);
	assert_error(&e2, ERR_CORRUPT, msg);
	assert_int_equal(list.n ? list.v[list.n - 1].off + list.v[list.n - 1].len : 0, off);
	/* The rest reads, up to the very edge. */
	if (off > 0)
		assert_disk_reads(d, img->guest, (size_t)off, 0);
	if (end < img->size)
		assert_disk_reads(d, img->guest, (size_t)(img->size - end), end);
}

static void a_bad_entry_spoils_its_block_and_no_other(void **state)
{
	static const struct {
		uint32_t entry;
		const char *fault;
	} rows[] = {
		{ 0, "on the footer's copy at 0" },
		{ 1, "overlaps the dynamic header" },
		{ 2, "overlaps the dynamic header" },
		{ 3, "overlaps the BAT" },
		{ 0x55200 / SECTOR - 128, "beyond end of content" }, /* one sector too far */
		{ 0x55200 / SECTOR, "beyond end of content" },
		{ 0x7fffffff, "beyond end of content" },
		{ 0xfffffffe, "beyond end of content" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (uint64_t block = 0; block < 5; block += 2) {
			struct vhd_image img = { 0 };

			vhd_image_build(&img);
			put_be32(vhd_image_bat_entry(&img, block), rows[i].entry);
			assert_bad_block(&img, block, rows[i].fault);
			vhd_image_fini(&img);
		}
	}
}

static void a_file_cut_inside_a_block_spoils_that_block(void **state)
{
	struct vhd_image img = { .ascending = true };
	uint8_t footer[512];

	(void)state;
	vhd_image_build(&img);
	memcpy(footer, vhd_image_footer(&img), 512);
	img.len -= 4096; /* a new footer written behind what is left */
	memcpy(vhd_image_footer(&img), footer, 512);
	assert_bad_block(&img, 4, "beyond end of content");
	vhd_image_fini(&img);
}

static void a_last_block_may_end_with_the_disk_and_no_sooner(void **state)
{
	struct vhd_image img = { .size = 257 * KIB, .ascending = true, .cut_last = true };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	uint64_t random = 1;
	uint8_t footer[512];

	(void)state;
	vhd_image_build(&img);
	d = vhd_open_ok(&img);
	assert_vhd_content(d, img.guest, &random);
	memcpy(footer, vhd_image_footer(&img), 512);
	img.len -= 512;
	memcpy(vhd_image_footer(&img), footer, 512);
	assert_bad_block(&img, 4, "beyond end of content");
	vhd_image_fini(&img);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTENING(one_good_footer_is_enough),
		cmocka_unit_test(footers_that_contradict_each_other_are_refused),
		cmocka_unit_test(a_footer_that_became_that_of_a_fixed_disk_is_refused),
		cmocka_unit_test(refuses_what_the_structures_must_not_say),
		cmocka_unit_test(a_header_whose_sum_is_wrong_is_refused),
		cmocka_unit_test(a_bad_entry_spoils_its_block_and_no_other),
		cmocka_unit_test(a_file_cut_inside_a_block_spoils_that_block),
		cmocka_unit_test(a_last_block_may_end_with_the_disk_and_no_sooner),
	};

	return cmocka_run_group_tests_name("vhd-bad", tests, vhd_setup, vhd_teardown);
}
