/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "disk/disk.h"
#include "disk/vhd_footer.h"
#include "support/scratch.h"

#define CONTENT ((size_t)1 << 20)

static struct scratch_dir *dir;
static char path[128];
static uint8_t image[CONTENT + VHD_FOOTER_LEN];

static void seal(uint8_t *raw)
{
	uint32_t sum = 0;

	put_be32(raw + 64, 0);
	for (size_t i = 0; i < VHD_FOOTER_LEN; i++)
		sum += raw[i];
	put_be32(raw + 64, ~sum);
}

static int build(void **state)
{
	struct guid id = { { 1, 2, 3 } };

	(void)state;
	for (size_t i = 0; i < CONTENT; i++)
		image[i] = (uint8_t)(i * 7 + i / 512 + 1);
	vhd_footer_encode(CONTENT, &id, image + CONTENT);
	return 0;
}

static void save(const uint8_t *bytes, size_t len)
{
	scratch_write(dir, "disk.vhd", bytes, len);
}

static void assert_reads(size_t content)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	CLEANUP_FREE uint8_t *buf = malloc(content);
	struct error e = ERROR_INIT;

	d = disk_open_path(path, NULL, &e);
	assert_string_equal(e.msg, "");
	assert_non_null(d);
	assert_int_equal(disk_size(d), content);
	assert_string_equal(disk_chain_info(d, 0)->format, "vhd");
	assert_string_equal(disk_chain_info(d, 0)->subformat, "fixed");
	assert_string_equal(disk_chain_info(d, 0)->id, "01020300-0000-0000-0000-000000000000");
	assert_int_equal(disk_chain_info(d, 0)->sector_size, 512);
	assert_int_equal(disk_read(d, buf, content, 0, &e), 0);
	assert_memory_equal(buf, image, content);
	assert_int_equal(disk_read(d, buf, 1000, content - 1001, &e), 0);
	assert_memory_equal(buf, image + content - 1001, 1000);
	assert_int_equal(disk_extents(d, content, 0, false, &list, &e), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.v[0].kind, EXTENT_DATA);
	assert_int_equal(list.v[0].file_off, 0);
}

static void assert_refused(enum error_code code, const char *msg)
{
	struct error e = ERROR_INIT;
	struct disk *d = disk_open_path(path, NULL, &e);

	assert_null(d);
	assert_error(&e, code, msg);
}

static void reads_a_fixed_disk(void **state)
{
	(void)state;
	save(image, sizeof(image));
	assert_reads(CONTENT);
}

static void accepts_a_footer_of_511_bytes(void **state)
{
	(void)state;
	save(image, sizeof(image) - 1);
	assert_reads(CONTENT);
}

static void content_may_end_before_the_footer(void **state)
{
	(void)state;
	put_be64(image + CONTENT + 48, CONTENT - 4096);
	seal(image + CONTENT);
	save(image, sizeof(image));
	assert_reads(CONTENT - 4096);
}

static void ignores_the_geometry_and_reads_a_saved_state(void **state)
{
	(void)state;
	put_be32(image + CONTENT + 56, 0);
	memcpy(image + CONTENT + 28, "wa\0", 4);
	image[CONTENT + 84] = 1;
	seal(image + CONTENT);
	save(image, sizeof(image));
	assert_reads(CONTENT);
}

static void what_the_guest_wrote_at_0_is_no_footer(void **state)
{
	(void)state;
	memcpy(image, image + CONTENT, VHD_FOOTER_LEN);
	put_be32(image + 60, VHD_DYNAMIC);
	seal(image);
	save(image, sizeof(image));
	assert_reads(CONTENT);
}

static void refuses_a_lost_or_damaged_footer(void **state)
{
	(void)state;
	save(image, CONTENT);
	assert_refused(ERR_CORRUPT, "disk.vhd: not a VHD: no footer ('conectix') in the last 512 bytes of the file");
	save(image, 100);
	assert_refused(ERR_CORRUPT, "disk.vhd: not a VHD: no footer ('conectix') in the last 512 bytes of the file");
	save(image, 0);
	assert_refused(ERR_CORRUPT, "disk.vhd: not a VHD: no footer ('conectix') in the last 512 bytes of the file");
	image[CONTENT + 300] = 1;
	save(image, sizeof(image));
	assert_refused(ERR_CORRUPT, "disk.vhd: footer: checksum ffffee9d, its bytes sum up to ffffee9c");
	/* The guest's own bytes at 0 do not stand for it, whatever they look like. */
	memcpy(image, image + CONTENT, VHD_FOOTER_LEN);
	image[300] = 0;
	put_be32(image + 60, VHD_DYNAMIC);
	seal(image);
	save(image, sizeof(image));
	assert_refused(ERR_CORRUPT, "disk.vhd: footer: checksum ffffee9d, its bytes sum up to ffffee9c");
	image[CONTENT + 300] = 0;
	memcpy(image, image + CONTENT, VHD_FOOTER_LEN);
	save(image, CONTENT);
	assert_refused(ERR_CORRUPT, "disk.vhd: footer: no 'conectix' in the last 512 bytes of the file");
}

static void refuses_a_size_that_does_not_fit_the_file(void **state)
{
	(void)state;
	put_be64(image + CONTENT + 48, CONTENT + 512);
	seal(image + CONTENT);
	save(image, sizeof(image));
	assert_refused(ERR_CORRUPT, "disk.vhd: footer: disk of 1049088 bytes, only 1048576 lie before the footer");
	put_be64(image + CONTENT + 48, UINT64_MAX - 511);
	seal(image + CONTENT);
	save(image, sizeof(image));
	assert_refused(ERR_CORRUPT,
		       "disk.vhd: footer: disk of 18446744073709551104 bytes, only 1048576 lie before the footer");
	put_be64(image + CONTENT + 48, 0);
	seal(image + CONTENT);
	save(image, sizeof(image));
	assert_refused(ERR_CORRUPT, "disk.vhd: footer: current size 0, not a positive multiple of 512");
}

static void a_footer_alone_makes_no_dynamic_disk(void **state)
{
	static const char dynamic[] =
		"disk.vhd: dynamic header at 0xffffffffffffffff: beyond end of content (0x100000)";

	(void)state;
	put_be32(image + CONTENT + 60, VHD_DYNAMIC);
	seal(image + CONTENT);
	save(image, sizeof(image));
	assert_refused(ERR_CORRUPT, dynamic);
	memcpy(image, image + CONTENT, VHD_FOOTER_LEN);
	save(image, CONTENT); /* its tail footer is lost: the copy at 0 says the same */
	assert_refused(ERR_CORRUPT, dynamic);
	put_be64(image + CONTENT + 16, 4096);
	put_be32(image + CONTENT + 60, VHD_DIFFERENCING);
	seal(image + CONTENT);
	memset(image, 'x', VHD_FOOTER_LEN);
	save(image, sizeof(image));
	assert_refused(ERR_CORRUPT, "disk.vhd: dynamic header: no 'cxsparse' where it must begin");
}

static int make_folder(void **state)
{
	int rc = scratch_setup(state);

	dir = *state;
	snprintf(path, sizeof(path), "%s/disk.vhd", dir->path);
	return rc;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reads_a_fixed_disk, build),
		cmocka_unit_test_setup(accepts_a_footer_of_511_bytes, build),
		cmocka_unit_test_setup(content_may_end_before_the_footer, build),
		cmocka_unit_test_setup(ignores_the_geometry_and_reads_a_saved_state, build),
		cmocka_unit_test_setup(what_the_guest_wrote_at_0_is_no_footer, build),
		cmocka_unit_test_setup(refuses_a_lost_or_damaged_footer, build),
		cmocka_unit_test_setup(refuses_a_size_that_does_not_fit_the_file, build),
		cmocka_unit_test_setup(a_footer_alone_makes_no_dynamic_disk, build),
	};

	return cmocka_run_group_tests_name("vhd", tests, make_folder, scratch_teardown);
}
