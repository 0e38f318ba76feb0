/* SPDX-License-Identifier: Apache-2.0 */
/* Differencing VHDs: what their chains read as, and which parent they take. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "support/vhd_fixture.h"

static void chains_read_as_the_model_says(void **state)
{
	uint64_t random = 815;

	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		unsigned layers = 2 + round % 3;
		CLEANUP_FREE uint8_t *guest = NULL;
		uint64_t guest_size = 0;
		uint8_t states[64];
		char name[16];

		for (unsigned i = 0; i < layers; i++) {
			struct vhd_image img = { .seed = round * 10 + i + 1,
						 .type = i == 0 ? 3 : 4,
						 .id = (uint8_t)(i + 1),
						 .states = states,
						 .parent = guest,
						 .parent_size = guest_size };

			/* Layers differ in size and in the size of their blocks. */
			img.block_size = 8192u << vhd_w_random(&random) % 5;
			img.size = (40 + vhd_w_random(&random) % 24) * 8192 - vhd_w_random(&random) % 9 * SECTOR;
			vhd_w_random_states(states, ARRAY_LEN(states), &random);
			vhd_image_build(&img);
			if (i > 0) {
				snprintf(name, sizeof(name), ".\\%u.vhd", i - 1);
				vhd_image_set_parent(&img, (uint8_t)i, NULL);
				vhd_image_set_locator(&img, round % 8, VHD_W_W2RU, name);
			}
			snprintf(name, sizeof(name), "%u.vhd", i);
			vhd_save(&img, name);
			free(guest);
			guest = img.guest;
			guest_size = img.size;
			img.guest = NULL;
			vhd_image_fini(&img);
		}
		CLEANUP(cleanup_disk) struct disk *d = disk_open_in(vhd_dir, name, NULL);

		assert_non_null(d);
		assert_int_equal(disk_chain_len(d), layers);
		assert_string_equal(disk_chain_info(d, 0)->subformat, "differencing");
		assert_int_equal(disk_size(d), guest_size);
		assert_vhd_content(d, guest, &random);
	}
}

/* A parent of 320 KiB with the unique id 0505..., and a child over it. */
static void build_child(struct vhd_image *img, uint8_t **parent_guest)
{
	static const uint8_t states[] = { 2, 0, 1, 2, 0 };
	struct vhd_image parent = { .id = 5, .seed = 77 };

	vhd_image_build(&parent);
	vhd_save(&parent, "base.vhd");
	*parent_guest = parent.guest;
	parent.guest = NULL;
	*img = (struct vhd_image){
		.type = 4, .id = 6, .states = states, .parent = *parent_guest, .parent_size = parent.size
	};
	vhd_image_fini(&parent);
	vhd_image_build(img);
	vhd_image_set_parent(img, 5, "base.vhd");
}

static void the_parent_must_be_the_one_that_is_named(void **state)
{
	CLEANUP_FREE uint8_t *parent = NULL;
	struct vhd_image img;
	uint64_t random = 1;

	(void)state;
	build_child(&img, &parent);
	{
		CLEANUP(cleanup_disk) struct disk *d = vhd_open_ok(&img);

		assert_vhd_content(d, img.guest, &random);
		assert_string_equal(disk_chain_info(d, 1)->path, "base.vhd");
		assert_int_equal(vhd_logs, 0);
	}
	vhd_image_set_parent(&img, 7, "base.vhd");
	assert_vhd_refused(&img, ERR_CORRUPT,
			   "disk.vhd: parent base.vhd has the unique id 05050505-0505-0505-0505-050505050505, "
			   "07070707-0707-0707-0707-070707070707 is expected");
	vhd_image_set_parent(&img, 5, "gone.vhd");
	assert_vhd_refused(&img, ERR_CORRUPT, "disk.vhd: parent: gone.vhd: no such file");
	vhd_image_set_parent(&img, 6, "disk.vhd");
	assert_vhd_refused(&img, ERR_CORRUPT, "disk.vhd: parent: disk.vhd: is in its own chain of parents");
	vhd_image_set_parent(&img, 5, NULL);
	assert_vhd_refused(&img, ERR_CORRUPT,
			   "disk.vhd: differencing, but neither a locator nor a name says where the parent is");
	scratch_write(vhd_dir, "raw.vhd", parent, 320 * KIB);
	vhd_image_set_parent(&img, 5, "raw.vhd");
	assert_vhd_refused(
		&img, ERR_CORRUPT,
		"disk.vhd: parent: raw.vhd: not a VHD: no footer ('conectix') in the last 512 bytes of the file");
	vhd_image_fini(&img);
}

static void a_parent_of_another_time_is_told(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL, *d2 = NULL, *d3 = NULL;
	CLEANUP_FREE uint8_t *parent = NULL;
	struct vhd_image img;
	uint64_t random = 1;
	int64_t written;

	(void)state;
	build_child(&img, &parent);
	vhd_image_set_header(&img, 56, 4, 0x2a000001);
	d = vhd_open_ok(&img);
	assert_int_equal(vhd_logs, 1);
	assert_non_null(strstr(vhd_last_log, "disk.vhd: expects its parent base.vhd with the time stamp 704643073"));
	assert_vhd_content(d, img.guest, &random);
	/* When the parent's file was last written is as good. */
	vhd_logs = 0;
	written = disk_file(d, 1)->stamp.mtime_ns / 1000000000 - 946684800;
	vhd_image_set_header(&img, 56, 4, (uint64_t)written);
	d2 = vhd_open_ok(&img);
	assert_int_equal(vhd_logs, 0);
	vhd_image_set_header(&img, 56, 4, (uint64_t)written - 1);
	d3 = vhd_open_ok(&img);
	assert_int_equal(vhd_logs, 1);
	vhd_image_fini(&img);
}

static void a_parent_may_be_fixed_or_smaller_or_found_by_any_locator(void **state)
{
	CLEANUP_FREE uint8_t *parent = NULL;
	uint64_t random = 1;
	struct vhd_image img, fixed = { .type = 2, .id = 5, .header_off = 512 };

	(void)state;
	build_child(&img, &parent);
	vhd_image_set_parent(&img, 5, NULL);
	vhd_image_set_locator(&img, 7, VHD_W_W2KU, "D:\\machines\\base.vhd");
	vhd_image_set_locator(&img, 2, VHD_W_W2RU, ".\\gone\\moved.vhd");
	{
		CLEANUP(cleanup_disk) struct disk *d = vhd_open_ok(&img);

		assert_vhd_content(d, img.guest, &random);
	}
	vhd_image_set_locator(&img, 7, VHD_W_MACX, "file://localhost/vm/b%61se.vhd");
	{
		CLEANUP(cleanup_disk) struct disk *d = vhd_open_ok(&img);

		assert_vhd_content(d, img.guest, &random);
	}
	/* A fixed parent, which ends inside the child. */
	vhd_image_build(&fixed);
	memcpy(fixed.bytes, parent, 100 * KIB);
	memcpy(fixed.bytes + 100 * KIB, vhd_image_footer(&fixed), 512);
	fixed.len = 100 * KIB + 512;
	put_be64(vhd_image_footer(&fixed) + 48, 100 * KIB);
	vhd_seal_footer(vhd_image_footer(&fixed));
	vhd_save(&fixed, "base.vhd");
	for (uint64_t i = 100 * KIB / SECTOR; i < img.size / SECTOR; i++)
		if (memcmp(img.guest + i * SECTOR, parent + i * SECTOR, SECTOR) == 0)
			memset(img.guest + i * SECTOR, 0, SECTOR);
	{
		CLEANUP(cleanup_disk) struct disk *d = vhd_open_ok(&img);

		assert_vhd_content(d, img.guest, &random);
		assert_string_equal(disk_chain_info(d, 1)->subformat, "fixed");
	}
	vhd_image_fini(&img);
	vhd_image_fini(&fixed);
}

static void a_parent_path_that_climbs_stays_beneath_the_root(void **state)
{
	CLEANUP(cleanup_backing_root) struct backing_root *root = backing_root_open(vhd_dir->path, NULL);
	CLEANUP_FREE uint8_t *parent = NULL;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT;
	struct vhd_image img;
	uint64_t random = 1;
	char path[128];

	(void)state;
	build_child(&img, &parent);
	vhd_image_set_locator(&img, 0, VHD_W_W2RU, "..\\base.vhd");
	snprintf(path, sizeof(path), "%s/sub", vhd_dir->path);
	assert_int_equal(mkdir(path, 0700), 0);
	vhd_save(&img, "sub/disk.vhd");
	d = disk_open(root, "sub/disk.vhd", NULL, &e);
	assert_string_equal(e.msg, "");
	assert_vhd_content(d, img.guest, &random);
	assert_string_equal(disk_chain_info(d, 1)->path, "sub/../base.vhd");
	/* A root of its own folder ends there, whatever the other candidates are. */
	snprintf(path, sizeof(path), "%s/sub/disk.vhd", vhd_dir->path);
	assert_null(disk_open_path(path, NULL, &e));
	assert_int_equal(e.code, ERR_REFUSED);
	assert_non_null(strstr(e.msg, "disk.vhd: parent: ../base.vhd: leads out of "));
	vhd_image_fini(&img);
	scratch_write(vhd_dir, "sub/disk.vhd", "", 0);
	snprintf(path, sizeof(path), "%s/sub/disk.vhd", vhd_dir->path);
	unlink(path);
	snprintf(path, sizeof(path), "%s/sub", vhd_dir->path);
	rmdir(path);
}

static void names_of_windows_match_whatever_their_case(void **state)
{
	CLEANUP_FREE uint8_t *parent = NULL;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct vhd_image img;
	uint64_t random = 1;

	(void)state;
	build_child(&img, &parent);
	vhd_image_set_parent(&img, 5, NULL);
	vhd_image_set_locator(&img, 0, VHD_W_W2RU, ".\\BASE.vhd");
	d = vhd_open_ok(&img);
	assert_vhd_content(d, img.guest, &random);
	assert_string_equal(disk_chain_info(d, 1)->path, "base.vhd");
	vhd_image_fini(&img);
}

static void an_absolute_name_is_found_in_its_datastore(void **state)
{
	CLEANUP(cleanup_backing_root) struct backing_root *root = NULL;
	CLEANUP_FREE uint8_t *parent = NULL;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT;
	struct vhd_image img;
	uint64_t random = 1;
	char path[128];

	(void)state;
	build_child(&img, &parent);
	vhd_image_set_parent(&img, 5, NULL);
	vhd_image_set_locator(&img, 0, VHD_W_W2RU, ".\\gone.vhd");
	vhd_image_set_locator(&img, 1, VHD_W_W2KU, "D:\\machines\\web\\base.vhd");
	snprintf(path, sizeof(path), "%s/near", vhd_dir->path);
	assert_int_equal(mkdir(path, 0700), 0);
	vhd_save(&img, "near/disk.vhd");
	root = backing_root_open(path, NULL);
	snprintf(path, sizeof(path), "%s/far", vhd_dir->path);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/far/web", vhd_dir->path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(renameat(vhd_dir->fd, "base.vhd", vhd_dir->fd, "far/web/base.vhd"), 0);
	assert_null(disk_open(root, "disk.vhd", NULL, &e));
	assert_int_equal(e.code, ERR_CORRUPT);
	assert_non_null(strstr(e.msg, "'D:\\machines\\web\\base.vhd': --datastore NAME=DIR says where"));
	snprintf(path, sizeof(path), "%s/far", vhd_dir->path);
	assert_int_equal(backing_root_add_datastore(root, "D:\\machines", path, NULL), 0);
	e = (struct error)ERROR_INIT;
	d = disk_open(root, "disk.vhd", NULL, &e);
	assert_string_equal(e.msg, "");
	assert_vhd_content(d, img.guest, &random);
	vhd_image_fini(&img);
	assert_int_equal(unlinkat(vhd_dir->fd, "far/web/base.vhd", 0) | unlinkat(vhd_dir->fd, "far/web", AT_REMOVEDIR) |
				 unlinkat(vhd_dir->fd, "far", AT_REMOVEDIR) |
				 unlinkat(vhd_dir->fd, "near/disk.vhd", 0) |
				 unlinkat(vhd_dir->fd, "near", AT_REMOVEDIR),
			 0);
}

static void another_parent_is_read_if_that_is_asked_for(void **state)
{
	const struct disk_options opt = { .unchecked_parents = true };
	CLEANUP_FREE uint8_t *parent = NULL;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct vhd_image img;
	uint64_t random = 1;
	char path[128];

	(void)state;
	build_child(&img, &parent);
	vhd_image_set_parent(&img, 7, "base.vhd");
	vhd_save(&img, "disk.vhd");
	snprintf(path, sizeof(path), "%s/disk.vhd", vhd_dir->path);
	d = disk_open_path(path, &opt, NULL);
	assert_non_null(d);
	assert_vhd_content(d, img.guest, &random);
	vhd_image_fini(&img);
}

static void a_locator_that_cannot_be_read_is_refused(void **state)
{
	CLEANUP_FREE uint8_t *parent = NULL;
	struct vhd_image img;
	static const struct {
		size_t field, width;
		uint64_t value;
		const char *msg;
	} rows[] = {
		{ 8, 4, 0, "disk.vhd: parent locator 3 (W2ru): text of 0 bytes (1 to 65536)" },
		{ 8, 4, 17, "disk.vhd: parent locator 3 (W2ru): UTF-16 text of 17 bytes" },
		{ 8, 4, 65538, "disk.vhd: parent locator 3 (W2ru): text of 65538 bytes (1 to 65536)" },
		{ 8, 4, UINT64_C(1) << 31, "disk.vhd: parent locator 3 (W2ru): text of 2147483648 bytes (1 to 65536)" },
		{ 16, 8, 217088 - 15,
		  "disk.vhd: parent locator 3 (W2ru): text at 0x34ff1+0x10: beyond end of file (217088 bytes)" },
		{ 16, 8, UINT64_MAX,
		  "disk.vhd: parent locator 3 (W2ru): text at 0xffffffffffffffff+0x10: beyond end of file (217088 "
		  "bytes)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t *p;

		build_child(&img, &parent);
		assert_int_equal(img.len, 217088);
		vhd_image_set_locator(&img, 3, VHD_W_W2RU, "base.vhd");
		p = vhd_image_locator(&img, 3) + rows[i].field;
		if (rows[i].width == 8)
			put_be64(p, rows[i].value);
		else
			put_be32(p, (uint32_t)rows[i].value);
		vhd_seal_header(vhd_image_header(&img));
		assert_vhd_refused(&img, ERR_CORRUPT, rows[i].msg);
		vhd_image_fini(&img);
		free(steal_ptr(&parent));
	}
	build_child(&img, &parent);
	put_be16(vhd_image_header(&img) + 64, 0xd800);
	vhd_seal_header(vhd_image_header(&img));
	assert_vhd_refused(&img, ERR_CORRUPT, "disk.vhd: parent name: UTF-16 text: unpaired surrogate at byte 0");
	vhd_image_fini(&img);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chains_read_as_the_model_says),
		LISTENING(the_parent_must_be_the_one_that_is_named),
		LISTENING(a_parent_of_another_time_is_told),
		cmocka_unit_test(a_parent_may_be_fixed_or_smaller_or_found_by_any_locator),
		cmocka_unit_test(a_parent_path_that_climbs_stays_beneath_the_root),
		cmocka_unit_test(names_of_windows_match_whatever_their_case),
		cmocka_unit_test(an_absolute_name_is_found_in_its_datastore),
		cmocka_unit_test(another_parent_is_read_if_that_is_asked_for),
		cmocka_unit_test(a_locator_that_cannot_be_read_is_refused),
	};

	return cmocka_run_group_tests_name("vhd-chain", tests, vhd_setup, vhd_teardown);
}
