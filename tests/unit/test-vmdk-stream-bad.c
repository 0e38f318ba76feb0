/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <libdeflate.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "support/disk_reader.h"
#include "support/stream_writer.h"

#define GRAIN ((uint64_t)65536)
#define SECTORS ((uint64_t)10 * 128 + 5) /* ten grains and a bit */

static const struct stream_layout ovftool = { .sectors = SECTORS, .table_entries = 4, .footer = true };
static const struct stream_layout vdiskmanager = { .sectors = SECTORS, .tables_first = true, .descriptor_sectors = 20 };

/* Grains 0 1 . 3 2 . . 7 . . 10, in the order in which they are said here. */
static void begin(struct stream_writer *w, const struct stream_layout *layout)
{
	static const uint32_t order[] = { 0, 1, 3, 2, 7, 10 };

	stream_writer_init(w, layout);
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		stream_writer_grain(w, order[i], (unsigned)i % 4 * 3, 1);
	stream_writer_end(w);
}

static struct disk *open_saved(const struct stream_writer *w, const struct scratch_dir *s, struct error *err)
{
	stream_writer_save(w, s, "s.vmdk");
	return disk_open_in(s, "s.vmdk", err);
}

/* SIZE and END in what is expected are the marker's size and the sector at which the data ends. */
static void assert_bad_grain(const struct stream_writer *w, const char *msg, const char *want)
{
	const uint8_t *marker = w->bytes + stream_writer_marker_off(w, 1);
	const char *end = strstr(want, "END"), *size = strstr(want, "SIZE"), *cut = end ? end : size;
	char text[300] = "s.vmdk: ", number[32] = "";
	size_t n;

	n = strlen(text);
	if (strncmp(want, "grain", 5) != 0)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "grain 1 at sector %zu: ", stream_writer_marker_off(w, 1) / 512);
	if (cut)
		snprintf(number, sizeof(number), "%zu", end ? w->footer_off / 512 - 1 : get_le32(marker + 8));
	snprintf(text + n, sizeof(text) - n, "%.*s%s%s", (int)(cut ? (size_t)(cut - want) : strlen(want)), want, number,
		 cut ? cut + (end ? 3 : 4) : "");
	assert_string_equal(msg, text);
}

/* A field of grain 1's marker, or its table entry, is another: the grain fails, its neighbours read. */
static void a_bad_grain_fails_and_the_rest_reads(void **state)
{
	enum { MARKER, ENTRY, DATA };
	static const struct {
		int where;
		unsigned off, len;
		uint64_t value;
		const char *msg;
		bool at_map;
	} rows[] = {
		{ MARKER, 0, 8, 0, "marker of sector 0 of the disk, not 128", false },
		{ MARKER, 0, 8, 129, "marker of sector 129 of the disk, not 128", false },
		{ MARKER, 0, 8, UINT64_C(1) << 63 | 128, "marker of sector 9223372036854775936 of the disk, not 128",
		  false },
		{ MARKER, 8, 4, 0, "no grain's marker: 0 compressed bytes", false },
		{ MARKER, 8, 4, 1, "no valid zlib stream in 1 bytes", false },
		{ MARKER, 8, 4, 131585, "131585 compressed bytes (at most 131584)", false },
		{ MARKER, 8, 4, 0xffffffff, "4294967295 compressed bytes (at most 131584)", false },
		{ DATA, 0, 4, 0, "no valid zlib stream in SIZE bytes", false },
		{ DATA, 0, 2, 0xbb78, "no valid zlib stream in SIZE bytes", false }, /* wants a dictionary */
		{ DATA, 1000, 4, 0x12345678, "no valid zlib stream in SIZE bytes", false },
		{ ENTRY, 0, 4, 1, "grain 1 is marked as zeros, which the header's flags rule out", true },
		{ ENTRY, 0, 4, 2, "grain 1 at sector 2: inside the metadata", true },
		{ ENTRY, 0, 4, 127, "grain 1 at sector 127: inside the metadata", true },
		{ ENTRY, 0, 4, 128, "grain 1 at sector 128: marker of sector 0 of the disk, not 128", false },
		{ ENTRY, 0, 4, 0xffffffff, "grain 1 at sector 4294967295: beyond the end of data (END sectors)", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		struct error e = ERROR_INIT, e2 = ERROR_INIT;
		static uint8_t buf[2 * 65536];
		struct stream_writer w;
		uint8_t le[8];
		size_t at;

		begin(&w, &ovftool);
		at = rows[i].where == ENTRY ? stream_writer_entry_off(&w, 1) : stream_writer_marker_off(&w, 1);
		at += rows[i].where == DATA ? 12 : 0;
		put_le64(le, rows[i].value);
		memcpy(w.bytes + at + rows[i].off, le, rows[i].len);
		d = open_saved(&w, *state, NULL);
		assert_non_null(d);
		assert_int_equal(disk_read(d, buf, 2 * GRAIN, 0, &e), -1);
		assert_int_equal(e.code, ERR_CORRUPT);
		assert_bad_grain(&w, e.msg, rows[i].msg);
		assert_int_equal(disk_read(d, buf, 1, 2 * GRAIN - 1, &e2), -1);
		assert_string_equal(e2.msg, e.msg);
		assert_int_equal(disk_extents(d, SECTORS * 512, 0, false, &list, NULL), rows[i].at_map ? -1 : 0);
		assert_disk_reads(d, w.model, GRAIN, 0);
		assert_disk_reads(d, w.model, SECTORS * 512 - 2 * GRAIN, 2 * GRAIN);
		stream_writer_fini(&w);
	}
}

static size_t compress(uint8_t *out, size_t cap, const uint8_t *in, size_t len, int level)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(level);
	size_t n;

	assert_non_null(c);
	n = libdeflate_zlib_compress(c, in, len, out, cap);
	assert_true(n > 0);
	libdeflate_free_compressor(c);
	return n;
}

static void a_grain_inflates_to_its_length_or_fails(void **state)
{
	const struct {
		uint32_t grain;
		size_t len;
		const char *msg;
	} rows[] = {
		{ 1, 65536, NULL },
		{ 1, 65537, "s.vmdk: grain 1 at sector 128: inflates to more than 65536 bytes" },
		{ 1, 65535, "s.vmdk: grain 1 at sector 128: inflates to 65535 bytes, not 65536" },
		{ 1, 0, "s.vmdk: grain 1 at sector 128: inflates to 0 bytes, not 65536" },
		{ 1, 16 << 20, "s.vmdk: grain 1 at sector 128: inflates to more than 65536 bytes" }, /* a bomb */
		{ 10, 65536, NULL },
		{ 10, 3000, NULL }, /* the last one, which holds 2560 bytes of the disk */
		{ 10, 2560, NULL },
		{ 10, 2559, "s.vmdk: grain 10 at sector 128: inflates to 2559 bytes, not 2560" },
		{ 10, 65537, "s.vmdk: grain 10 at sector 128: inflates to more than 65536 bytes" },
	};
	static uint8_t zeros[16 << 20], out[1 << 20];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		struct error e = ERROR_INIT, e2 = ERROR_INIT;
		static uint8_t buf[65536];
		struct stream_writer w;
		uint64_t at = rows[i].grain * GRAIN;
		size_t n, len = at + GRAIN < SECTORS * 512 ? GRAIN : 2560;

		n = compress(out, sizeof(out), zeros, rows[i].len, 9);
		stream_writer_init(&w, &ovftool);
		stream_writer_raw(&w, rows[i].grain, rows[i].grain * 128, (uint32_t)n, out, n);
		stream_writer_grain(&w, 4, 9, 1);
		stream_writer_end(&w);
		d = open_saved(&w, *state, NULL);
		assert_non_null(d);
		memset(buf, 1, sizeof(buf));
		if (!rows[i].msg) {
			assert_disk_reads(d, w.model, len, at);
			assert_disk_reads(d, w.model, 10, at + 99);
		} else {
			assert_int_equal(disk_read(d, buf, len, at, &e), -1);
			assert_error(&e, ERR_CORRUPT, rows[i].msg);
			assert_int_equal(disk_read(d, buf, 1, at, &e2), -1);
			assert_error(&e2, ERR_CORRUPT, rows[i].msg);
		}
		assert_disk_reads(d, w.model, GRAIN, 4 * GRAIN);
		stream_writer_fini(&w);
	}
}

/* What follows the stream within the marker's size is not looked at; the size may be the largest allowed. */
static void bytes_behind_a_stream_do_no_harm(void **state)
{
	static uint8_t zeros[65536], out[2 * 65536 + 512];
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct stream_writer w;

	stream_writer_init(&w, &ovftool);
	memset(out, 0xdb, sizeof(out));
	compress(out, sizeof(out), zeros, sizeof(zeros), 1);
	stream_writer_raw(&w, 1, 128, sizeof(out), out, sizeof(out));
	stream_writer_end(&w);
	d = open_saved(&w, *state, NULL);
	assert_non_null(d);
	assert_disk_reads(d, w.model, SECTORS * 512, 0);
	assert_disk_reads(d, w.model, 10, GRAIN + 99);
	stream_writer_fini(&w);
}

static void a_grain_does_not_reach_into_the_directory_or_the_footer(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT, e2 = ERROR_INIT, e3 = ERROR_INIT;
	struct stream_writer w;
	char msg[200];
	uint8_t b[1];
	uint32_t at;

	begin(&w, &ovftool);
	at = (uint32_t)(stream_writer_marker_off(&w, 10) / 512);
	put_le32(w.bytes + at * 512 + 8, (uint32_t)(w.dir_sector - at) * 512 - 12 + 1);
	put_le32(w.bytes + stream_writer_entry_off(&w, 7), (uint32_t)(w.footer_off / 512));
	d = open_saved(&w, *state, NULL);
	assert_non_null(d);
	assert_int_equal(disk_read(d, b, 1, 10 * GRAIN, &e), -1);
	snprintf(msg, sizeof(msg), "s.vmdk: grain 10 at sector %u: %u compressed bytes: reach into the metadata", at,
		 (unsigned)(w.dir_sector - at) * 512 - 12 + 1);
	assert_error(&e, ERR_CORRUPT, msg);
	assert_int_equal(disk_read(d, b, 1, 7 * GRAIN, &e2), -1);
	snprintf(msg, sizeof(msg), "s.vmdk: grain 7 at sector %zu: beyond the end of data (%zu sectors)",
		 w.footer_off / 512, w.footer_off / 512 - 1);
	assert_error(&e2, ERR_CORRUPT, msg);
	put_le32(w.bytes + at * 512 + 8, 131584);
	scratch_patch(*state, "s.vmdk", at * 512, w.bytes + at * 512, 512);
	assert_int_equal(disk_read(d, b, 1, 10 * GRAIN, &e3), -1);
	snprintf(msg, sizeof(msg),
		 "s.vmdk: grain 10 at sector %u: 131584 compressed bytes: beyond the end of data (%zu sectors)", at,
		 w.footer_off / 512 - 1);
	assert_error(&e3, ERR_CORRUPT, msg);
	stream_writer_fini(&w);
}

static void a_file_that_shrinks_is_an_error_and_never_zeros(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT;
	struct stream_writer w;
	static uint8_t buf[65536];
	char msg[200];
	size_t at;

	begin(&w, &vdiskmanager);
	d = open_saved(&w, *state, NULL);
	assert_non_null(d);
	assert_disk_reads(d, w.model, GRAIN, 0);
	at = stream_writer_marker_off(&w, 10) + 100;
	scratch_truncate(*state, "s.vmdk", at);
	assert_int_equal(disk_read(d, buf, 512, 10 * GRAIN, &e), -1);
	assert_int_equal(e.code, ERR_CHANGED);
	snprintf(msg, sizeof(msg), " to %zu bytes", at);
	assert_non_null(strstr(e.msg, msg));
	stream_writer_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bad_grain_fails_and_the_rest_reads),
		cmocka_unit_test(a_grain_inflates_to_its_length_or_fails),
		cmocka_unit_test(bytes_behind_a_stream_do_no_harm),
		cmocka_unit_test(a_grain_does_not_reach_into_the_directory_or_the_footer),
		cmocka_unit_test(a_file_that_shrinks_is_an_error_and_never_zeros),
	};

	return cmocka_run_group_tests_name("vmdk_stream_bad", tests, scratch_setup, scratch_teardown);
}
