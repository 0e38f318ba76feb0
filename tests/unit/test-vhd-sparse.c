/* SPDX-License-Identifier: Apache-2.0 */
/* Dynamic and differencing VHDs as disks: what their guests read, and what a damaged one says. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "disk/disk.h"
#include "support/scratch.h"
#include "support/vhd_writer.h"

#define KIB VHD_W_KIB
#define SECTOR 512

static struct scratch_dir *dir;
static char last_log[LOG_LINE_MAX];
static unsigned n_logs;

static void keep_line(void *ctx, enum log_level level, const char *module, const char *line)
{
	(void)ctx;
	(void)level;
	assert_string_equal(module, "vhd");
	snprintf(last_log, sizeof(last_log), "%s", line);
	n_logs++;
}

static int listen(void **state)
{
	(void)state;
	n_logs = 0;
	log_set_sink(keep_line, NULL);
	log_set_level(LOG_INFO);
	return 0;
}

static int stop_listening(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	log_set_level(LOG_WARN);
	return 0;
}

static void save(const struct vhd_image *img, const char *name)
{
	scratch_write(dir, name, img->bytes, img->len);
}

static struct disk *open_named(const char *name, struct error *err)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir->path, name);
	return disk_open_path(path, NULL, err);
}

static struct disk *open_ok(const struct vhd_image *img)
{
	struct error e = ERROR_INIT;
	struct disk *d;

	save(img, "disk.vhd");
	d = open_named("disk.vhd", &e);
	assert_string_equal(e.msg, "");
	assert_non_null(d);
	assert_int_equal(disk_size(d), img->size);
	return d;
}

static void assert_refused(const struct vhd_image *img, enum error_code code, const char *msg)
{
	struct error e = ERROR_INIT;

	save(img, "disk.vhd");
	assert_null(open_named("disk.vhd", &e));
	assert_error(&e, code, msg);
}

static void assert_range(struct disk *d, const uint8_t *guest, uint64_t off, size_t len)
{
	CLEANUP_FREE uint8_t *buf = malloc(len);
	struct error e = ERROR_INIT;

	memset(buf, 0xcc, len);
	assert_int_equal(disk_read(d, buf, len, off, &e), 0);
	assert_memory_equal(buf, guest + off, len);
}

/* What extents say of a range is contiguous, and true of file and guest. */
static void assert_extents(struct disk *d, const uint8_t *guest, uint64_t off, uint64_t len)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP_FREE uint8_t *buf = malloc((size_t)len);
	uint64_t end = off;

	assert_int_equal(disk_extents(d, len, off, false, &list, NULL), 0);
	for (size_t i = 0; i < list.n; i++) {
		const struct extent *x = &list.v[i];

		assert_true(x->off == end && x->len > 0);
		end += x->len;
		assert_true(end <= off + len);
		if (x->kind == EXTENT_DATA)
			assert_int_equal(backing_read(disk_file(d, x->file), buf, (size_t)x->len, x->file_off, NULL),
					 0);
		else
			memset(buf, 0, (size_t)x->len);
		assert_memory_equal(buf, guest + x->off, x->len);
	}
	assert_true(end == off + len);
}

static void assert_content(struct disk *d, const uint8_t *guest, uint64_t *random)
{
	uint64_t size = disk_size(d), off, len;

	assert_range(d, guest, 0, (size_t)size);
	assert_extents(d, guest, 0, size);
	for (int i = 0; i < 40; i++) {
		off = vhd_w_random(random) % size;
		len = 1 + vhd_w_random(random) % (i % 2 ? 3000 : 300000);
		len = len < size - off ? len : size - off;
		assert_range(d, guest, off, (size_t)len);
		assert_extents(d, guest, off, len);
	}
	assert_range(d, guest, size - 1, 1);
}

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
		CLEANUP(cleanup_disk) struct disk *d = open_ok(&img);

		assert_string_equal(disk_chain_info(d, 0)->subformat, "dynamic");
		assert_content(d, img.guest, &random);
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
		CLEANUP(cleanup_disk) struct disk *d = open_ok(&img);
		CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };

		assert_extents(d, img.guest, 0, img.size);
		assert_range(d, img.guest, vhd_w_random(&random) % (img.size - 100000), 100000);
		assert_range(d, img.guest, 15860 * 4096, 40 * 4096);
		/* What is absent on both sides of a page's end is one extent. */
		assert_int_equal(disk_extents(d, 996 * 4096, 4096, false, &list, NULL), 0);
		assert_int_equal(list.n, 1);
		vhd_image_fini(&img);
	}
}

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
			save(&img, name);
			free(guest);
			guest = img.guest;
			guest_size = img.size;
			img.guest = NULL;
			vhd_image_fini(&img);
		}
		CLEANUP(cleanup_disk) struct disk *d = open_named(name, NULL);

		assert_non_null(d);
		assert_int_equal(disk_chain_len(d), layers);
		assert_string_equal(disk_chain_info(d, 0)->subformat, "differencing");
		assert_int_equal(disk_size(d), guest_size);
		assert_content(d, guest, &random);
	}
}

static void tells_what_it_is(void **state)
{
	struct vhd_image img = { .id = 0xab };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	const struct disk_image_info *info;

	(void)state;
	vhd_image_build(&img);
	d = open_ok(&img);
	info = disk_chain_info(d, 0);
	assert_string_equal(info->format, "vhd");
	assert_string_equal(info->subformat, "dynamic");
	assert_string_equal(info->id, "abababab-abab-abab-abab-abababababab");
	assert_int_equal(info->virtual_size, 320 * KIB);
	assert_int_equal(info->sector_size, 512);
	assert_false(info->dirty_log);
	assert_int_equal(n_logs, 0);
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
	d = open_ok(&img);
	assert_range(d, img.guest, 0, 64 * KIB);
	assert_int_equal(n_logs, 0);
	assert_content(d, img.guest, &random);
	assert_int_equal(n_logs, 1);
	assert_non_null(strstr(last_log, "disk.vhd: sectors that were never written lie in an allocated block"));
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
	d = open_ok(&img);
	assert_content(d, img.guest, &random);
	assert_int_equal(n_logs, 0);
	vhd_image_fini(&img);
}

static void the_size_is_the_current_one_and_another_view_is_noted(void **state)
{
	static const char *const creators[] = { "vpc ", "qemu", "win ", "qem2", "wa\0" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(creators); i++) {
		struct vhd_image img = { .creator = creators[i] };
		CLEANUP(cleanup_disk) struct disk *d = NULL, *d2 = NULL;

		n_logs = 0;
		vhd_image_build(&img);
		vhd_image_set_footers(&img, 40, 8, 64 * KIB); /* the original size means nothing */
		d = open_ok(&img);
		assert_int_equal(n_logs, i < 2);
		if (i == 1)
			assert_string_equal(
				last_log,
				"disk.vhd: creator 'qemu': some readers show the geometry's size instead of the "
				"current one geometry_b=34816 current_b=327680");
		/* 40 cylinders, 4 heads, 4 sectors: the same size, nothing to tell. */
		n_logs = 0;
		vhd_image_set_footers(&img, 56, 4, 0x00280404);
		d2 = open_ok(&img);
		assert_int_equal(n_logs, 0);
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
	d = open_ok(&img);
	assert_content(d, img.guest, &random);
	assert_int_equal(n_logs, 1);
	assert_non_null(strstr(last_log, "disk.vhd: written by a machine in saved state"));
	vhd_image_fini(&img);
}

static void assert_readable(struct vhd_image *img, const char *log)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	uint64_t random = 1;

	n_logs = 0;
	d = open_ok(img);
	assert_content(d, img->guest, &random);
	assert_int_equal(n_logs, 1);
	assert_string_equal(last_log, log);
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
	assert_refused(&img, ERR_CORRUPT, "disk.vhd: footer: no 'conectix' in the last 512 bytes of the file");
	img.len += 512;
	assert_refused(&img, ERR_CORRUPT, "disk.vhd: footer: checksum fffff97b, its bytes sum up to fffff97a");
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
		assert_refused(&img, ERR_CORRUPT, rows[i].msg);
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
	assert_refused(&img, ERR_CORRUPT, "disk.vhd: footer: disk type 2, its copy at 0 says 3");
	/* What a guest can write to its fixed disk is content, even if it knows the disk's id. */
	put_be64(vhd_image_footer(&img) + 16, UINT64_MAX);
	vhd_seal_footer(vhd_image_footer(&img));
	d = open_ok(&img);
	assert_string_equal(disk_chain_info(d, 0)->subformat, "fixed");
	put_be64(vhd_image_footer(&img) + 16, 0); /* no offset, as some write it */
	vhd_seal_footer(vhd_image_footer(&img));
	d2 = open_ok(&img);
	assert_range(d2, img.bytes, 0, 4096);
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
		assert_refused(&img, rows[i].code, msg);
		vhd_image_fini(&img);
	}
}

static void a_header_whose_sum_is_wrong_is_refused(void **state)
{
	struct vhd_image img = { 0 };

	(void)state;
	vhd_image_build(&img);
	vhd_image_header(&img)[1000] = 1;
	assert_refused(&img, ERR_CORRUPT, "disk.vhd: dynamic header: checksum fffff491, its bytes sum up to fffff490");
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
		d = open_ok(&img);
		assert_content(d, img.guest, &random);
		vhd_image_fini(&img);
	}
}

static void assert_bad_block(struct vhd_image *img, uint64_t block, const char *fault)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = open_ok(img);
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
		assert_range(d, img->guest, 0, (size_t)off);
	if (end < img->size)
		assert_range(d, img->guest, end, (size_t)(img->size - end));
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
	d = open_ok(&img);
	assert_content(d, img.guest, &random);
	/* As the last one before the footer. */
	memmove(img.bytes + img.len - 512 - 512 - 64 * KIB, img.bytes + 512, 512 + 64 * KIB);
	put_be32(vhd_image_bat_entry(&img, 0), (uint32_t)((img.len - 512 - 512 - 64 * KIB) / SECTOR));
	d2 = open_ok(&img);
	assert_content(d2, img.guest, &random);
	vhd_image_fini(&img);
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
	d = open_ok(&img);
	assert_content(d, img.guest, &random);
	memcpy(footer, vhd_image_footer(&img), 512);
	img.len -= 512;
	memcpy(vhd_image_footer(&img), footer, 512);
	assert_bad_block(&img, 4, "beyond end of content");
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
	d = open_ok(&img);
	assert_content(d, img.guest, &random);
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
	save(&img, "disk.vhd");
	scratch_patch(dir, "disk.vhd", img.len, table, (size_t)n * 4);
	scratch_patch(dir, "disk.vhd", img.len + (uint64_t)n * 4, footer, 512);
	d = open_named("disk.vhd", NULL);
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

/* A parent of 320 KiB with the unique id 0505..., and a child over it. */
static void build_child(struct vhd_image *img, uint8_t **parent_guest)
{
	static const uint8_t states[] = { 2, 0, 1, 2, 0 };
	struct vhd_image parent = { .id = 5, .seed = 77 };

	vhd_image_build(&parent);
	save(&parent, "base.vhd");
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
		CLEANUP(cleanup_disk) struct disk *d = open_ok(&img);

		assert_content(d, img.guest, &random);
		assert_string_equal(disk_chain_info(d, 1)->path, "base.vhd");
		assert_int_equal(n_logs, 0);
	}
	vhd_image_set_parent(&img, 7, "base.vhd");
	assert_refused(&img, ERR_CORRUPT,
		       "disk.vhd: parent base.vhd has the unique id 05050505-0505-0505-0505-050505050505, "
		       "07070707-0707-0707-0707-070707070707 is expected");
	vhd_image_set_parent(&img, 5, "gone.vhd");
	assert_refused(&img, ERR_CORRUPT, "disk.vhd: parent: gone.vhd: no such file");
	vhd_image_set_parent(&img, 6, "disk.vhd");
	assert_refused(&img, ERR_CORRUPT, "disk.vhd: parent: disk.vhd: is in its own chain of parents");
	vhd_image_set_parent(&img, 5, NULL);
	assert_refused(&img, ERR_CORRUPT,
		       "disk.vhd: differencing, but neither a locator nor a name says where the parent is");
	scratch_write(dir, "raw.vhd", parent, 320 * KIB);
	vhd_image_set_parent(&img, 5, "raw.vhd");
	assert_refused(
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
	d = open_ok(&img);
	assert_int_equal(n_logs, 1);
	assert_non_null(strstr(last_log, "disk.vhd: expects its parent base.vhd with the time stamp 704643073"));
	assert_content(d, img.guest, &random);
	/* When the parent's file was last written is as good. */
	n_logs = 0;
	written = disk_file(d, 1)->stamp.mtime_ns / 1000000000 - 946684800;
	vhd_image_set_header(&img, 56, 4, (uint64_t)written);
	d2 = open_ok(&img);
	assert_int_equal(n_logs, 0);
	vhd_image_set_header(&img, 56, 4, (uint64_t)written - 1);
	d3 = open_ok(&img);
	assert_int_equal(n_logs, 1);
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
		CLEANUP(cleanup_disk) struct disk *d = open_ok(&img);

		assert_content(d, img.guest, &random);
	}
	vhd_image_set_locator(&img, 7, VHD_W_MACX, "file://localhost/vm/b%61se.vhd");
	{
		CLEANUP(cleanup_disk) struct disk *d = open_ok(&img);

		assert_content(d, img.guest, &random);
	}
	/* A fixed parent, which ends inside the child. */
	vhd_image_build(&fixed);
	memcpy(fixed.bytes, parent, 100 * KIB);
	memcpy(fixed.bytes + 100 * KIB, vhd_image_footer(&fixed), 512);
	fixed.len = 100 * KIB + 512;
	put_be64(vhd_image_footer(&fixed) + 48, 100 * KIB);
	vhd_seal_footer(vhd_image_footer(&fixed));
	save(&fixed, "base.vhd");
	for (uint64_t i = 100 * KIB / SECTOR; i < img.size / SECTOR; i++)
		if (memcmp(img.guest + i * SECTOR, parent + i * SECTOR, SECTOR) == 0)
			memset(img.guest + i * SECTOR, 0, SECTOR);
	{
		CLEANUP(cleanup_disk) struct disk *d = open_ok(&img);

		assert_content(d, img.guest, &random);
		assert_string_equal(disk_chain_info(d, 1)->subformat, "fixed");
	}
	vhd_image_fini(&img);
	vhd_image_fini(&fixed);
}

static void a_parent_path_that_climbs_stays_beneath_the_root(void **state)
{
	CLEANUP(cleanup_backing_root) struct backing_root *root = backing_root_open(dir->path, NULL);
	CLEANUP_FREE uint8_t *parent = NULL;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT;
	struct vhd_image img;
	uint64_t random = 1;
	char path[128];

	(void)state;
	build_child(&img, &parent);
	vhd_image_set_locator(&img, 0, VHD_W_W2RU, "..\\base.vhd");
	snprintf(path, sizeof(path), "%s/sub", dir->path);
	assert_int_equal(mkdir(path, 0700), 0);
	save(&img, "sub/disk.vhd");
	d = disk_open(root, "sub/disk.vhd", NULL, &e);
	assert_string_equal(e.msg, "");
	assert_content(d, img.guest, &random);
	assert_string_equal(disk_chain_info(d, 1)->path, "sub/../base.vhd");
	/* A root of its own folder ends there, whatever the other candidates are. */
	assert_null(open_named("sub/disk.vhd", &e));
	assert_int_equal(e.code, ERR_REFUSED);
	assert_non_null(strstr(e.msg, "disk.vhd: parent: ../base.vhd: leads out of "));
	vhd_image_fini(&img);
	scratch_write(dir, "sub/disk.vhd", "", 0);
	snprintf(path, sizeof(path), "%s/sub/disk.vhd", dir->path);
	unlink(path);
	snprintf(path, sizeof(path), "%s/sub", dir->path);
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
	d = open_ok(&img);
	assert_content(d, img.guest, &random);
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
	snprintf(path, sizeof(path), "%s/near", dir->path);
	assert_int_equal(mkdir(path, 0700), 0);
	save(&img, "near/disk.vhd");
	root = backing_root_open(path, NULL);
	snprintf(path, sizeof(path), "%s/far", dir->path);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/far/web", dir->path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(renameat(dir->fd, "base.vhd", dir->fd, "far/web/base.vhd"), 0);
	assert_null(disk_open(root, "disk.vhd", NULL, &e));
	assert_int_equal(e.code, ERR_CORRUPT);
	assert_non_null(strstr(e.msg, "'D:\\machines\\web\\base.vhd': --datastore NAME=DIR says where"));
	snprintf(path, sizeof(path), "%s/far", dir->path);
	assert_int_equal(backing_root_add_datastore(root, "D:\\machines", path, NULL), 0);
	e = (struct error)ERROR_INIT;
	d = disk_open(root, "disk.vhd", NULL, &e);
	assert_string_equal(e.msg, "");
	assert_content(d, img.guest, &random);
	vhd_image_fini(&img);
	assert_int_equal(unlinkat(dir->fd, "far/web/base.vhd", 0) | unlinkat(dir->fd, "far/web", AT_REMOVEDIR) |
				 unlinkat(dir->fd, "far", AT_REMOVEDIR) | unlinkat(dir->fd, "near/disk.vhd", 0) |
				 unlinkat(dir->fd, "near", AT_REMOVEDIR),
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
	save(&img, "disk.vhd");
	snprintf(path, sizeof(path), "%s/disk.vhd", dir->path);
	d = disk_open_path(path, &opt, NULL);
	assert_non_null(d);
	assert_content(d, img.guest, &random);
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
		assert_refused(&img, ERR_CORRUPT, rows[i].msg);
		vhd_image_fini(&img);
		free(steal_ptr(&parent));
	}
	build_child(&img, &parent);
	put_be16(vhd_image_header(&img) + 64, 0xd800);
	vhd_seal_header(vhd_image_header(&img));
	assert_refused(&img, ERR_CORRUPT, "disk.vhd: parent name: UTF-16 text: unpaired surrogate at byte 0");
	vhd_image_fini(&img);
}

static int make_folder(void **state)
{
	int rc = scratch_setup(state);

	dir = *state;
	return rc;
}

#define LISTENING(test) cmocka_unit_test_setup_teardown(test, listen, stop_listening)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_any_layout_as_the_model_says),
		cmocka_unit_test(a_table_may_lie_across_pages_at_any_byte),
		cmocka_unit_test(chains_read_as_the_model_says),
		LISTENING(tells_what_it_is),
		LISTENING(sectors_that_were_never_written_are_zeros_and_told_once),
		LISTENING(bits_beyond_the_disks_end_do_not_matter),
		LISTENING(the_size_is_the_current_one_and_another_view_is_noted),
		LISTENING(a_saved_state_and_no_geometry_are_readable),
		LISTENING(one_good_footer_is_enough),
		cmocka_unit_test(footers_that_contradict_each_other_are_refused),
		cmocka_unit_test(a_footer_that_became_that_of_a_fixed_disk_is_refused),
		cmocka_unit_test(refuses_what_the_structures_must_not_say),
		cmocka_unit_test(a_header_whose_sum_is_wrong_is_refused),
		cmocka_unit_test(a_block_size_may_be_at_either_end_of_its_range),
		cmocka_unit_test(a_bad_entry_spoils_its_block_and_no_other),
		cmocka_unit_test(a_block_at_the_very_edges_is_good),
		cmocka_unit_test(a_file_cut_inside_a_block_spoils_that_block),
		cmocka_unit_test(a_last_block_may_end_with_the_disk_and_no_sooner),
		cmocka_unit_test(blocks_that_share_a_place_are_readable),
		cmocka_unit_test(the_largest_disk_maps_from_its_table_alone),
		LISTENING(the_parent_must_be_the_one_that_is_named),
		LISTENING(a_parent_of_another_time_is_told),
		cmocka_unit_test(a_parent_may_be_fixed_or_smaller_or_found_by_any_locator),
		cmocka_unit_test(a_parent_path_that_climbs_stays_beneath_the_root),
		cmocka_unit_test(names_of_windows_match_whatever_their_case),
		cmocka_unit_test(an_absolute_name_is_found_in_its_datastore),
		cmocka_unit_test(another_parent_is_read_if_that_is_asked_for),
		cmocka_unit_test(a_locator_that_cannot_be_read_is_refused),
	};

	return cmocka_run_group_tests_name("vhd-sparse", tests, make_folder, scratch_teardown);
}
