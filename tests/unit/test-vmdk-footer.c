/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "support/disk_reader.h"
#include "support/stream_writer.h"

#define GRAIN ((size_t)65536)

static const struct stream_layout at_end = { .sectors = 4 * 128, .footer = true };
static const struct stream_layout twice = { .sectors = 4 * 128, .tables_first = true, .footer = true };
static const struct stream_layout in_header = { .sectors = 4 * 128, .dir_in_header = true };

/* Its file ends with: directory marker, directory, footer marker, footer, end of stream. */
static void begin(struct stream_writer *w, const struct stream_layout *layout)
{
	stream_writer_init(w, layout);
	stream_writer_grain(w, 0, 9, 1);
	stream_writer_grain(w, 2, 9, 1);
	stream_writer_end(w);
}

static struct disk *open_saved(const struct stream_writer *w, const struct scratch_dir *s, struct error *err)
{
	stream_writer_save(w, s, "s.vmdk");
	return disk_open_in(s, "s.vmdk", err);
}

/* @M, @F and @E in a message are the offsets of the three last sectors. */
static void expected(const struct stream_writer *w, const char *msg, char *out, size_t len)
{
	static const char *const names[] = { "@M", "@F", "@E" };
	size_t n = (size_t)snprintf(out, len, "s.vmdk: ");

	for (; *msg && n < len; msg++) {
		size_t i = 0;

		while (i < ARRAY_LEN(names) && strncmp(msg, names[i], 2) != 0)
			i++;
		if (i < ARRAY_LEN(names)) {
			n += (size_t)snprintf(out + n, len - n, "%#zx", w->len - 1536 + i * 512);
			msg++;
		} else {
			out[n++] = *msg;
			out[n] = '\0';
		}
	}
}

#define CUT ": the file was cut, or something was appended to it"

static void footers_are_refused(void **state)
{
	static const struct {
		unsigned back, off, len; /* bytes before the end of the file */
		uint64_t value;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ 1536, 8, 4, 1, ERR_CORRUPT, "no footer marker at @M" CUT },
		{ 1536, 12, 4, 2, ERR_CORRUPT, "no footer marker at @M" CUT },
		{ 1536, 12, 4, 0, ERR_CORRUPT, "no footer marker at @M" CUT },
		{ 1024, 0, 4, 0, ERR_CORRUPT, "no footer at @F" CUT },
		{ 1024, 4, 4, 4, ERR_UNSUPPORTED, "footer at @F: sparse header: version 4 (1 to 3)" },
		{ 1024, 4, 4, 1, ERR_CORRUPT, "footer at @F: version 1, but the header says 3" },
		{ 1024, 8, 4, 0x30003, ERR_CORRUPT, "footer at @F: flags 196611, but the header says 196609" },
		{ 1024, 8, 4, 0x130001, ERR_UNSUPPORTED,
		  "footer at @F: sparse header: unknown incompatible flags 0x100000" },
		{ 1024, 12, 8, 513, ERR_CORRUPT, "footer at @F: capacity 513, but the header says 512" },
		{ 1024, 12, 8, 0, ERR_CORRUPT, "footer at @F: sparse header: capacity of 0 sectors" },
		{ 1024, 20, 8, 64, ERR_CORRUPT, "footer at @F: grain size 64, but the header says 128" },
		{ 1024, 44, 4, 256, ERR_CORRUPT, "footer at @F: entries a grain table 256, but the header says 512" },
		{ 1024, 56, 8, UINT64_MAX, ERR_CORRUPT,
		  "footer at @F: does not say where the grain directory is, nor does the header" },
		{ 1024, 56, 8, 0, ERR_CORRUPT, "grain directory of 4 bytes at sector 0: beyond end of file" },
		{ 1024, 56, 8, 99999, ERR_CORRUPT, "grain directory of 4 bytes at sector 99999: beyond end of file" },
		{ 1024, 73, 4, 0x0a0a0a0a, ERR_CORRUPT,
		  "footer at @F: sparse header: the newlines at 73 are changed: the file was copied as text" },
		{ 1024, 77, 2, 0, ERR_CORRUPT, "footer at @F: sparse header: compression 0, but flags 0x30001" },
		{ 512, 0, 8, 1, ERR_CORRUPT, "no end-of-stream marker at @E" CUT },
		{ 512, 8, 4, 1, ERR_CORRUPT, "no end-of-stream marker at @E" CUT },
		{ 512, 12, 4, 3, ERR_CORRUPT, "no end-of-stream marker at @E" CUT },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;
		struct stream_writer w;
		char want[300];
		uint8_t le[8];

		begin(&w, &at_end);
		put_le64(le, rows[i].value);
		memcpy(w.bytes + w.len - rows[i].back + rows[i].off, le, rows[i].len);
		assert_null(open_saved(&w, *state, &e));
		expected(&w, rows[i].msg, want, sizeof(want));
		e.msg[strlen(want)] = '\0'; /* what follows is the size of the file */
		assert_error(&e, rows[i].code, want);
		stream_writer_fini(&w);
	}
}

static void headers_are_refused(void **state)
{
	static const struct {
		unsigned off, len;
		uint64_t value;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ 8, 4, 0x10001, ERR_UNSUPPORTED,
		  "sparse header: flags 0x10001: only grains that are compressed and have markers are supported (both "
		  "of 0x30000)" },
		{ 8, 4, 0x20001, ERR_CORRUPT, "sparse header: compression 1, but flags 0x20001" },
		{ 8, 4, 0x70001, ERR_UNSUPPORTED, "sparse header: unknown incompatible flags 0x40000" },
		{ 12, 8, 511, ERR_CORRUPT, "footer at @F: capacity 512, but the header says 511" },
		{ 36, 8, 0, ERR_UNSUPPORTED, "a sparse extent without a descriptor: open the .vmdk that names it" },
		{ 56, 8, 0, ERR_CORRUPT, "footer at @F: grain directory at sector " },
		{ 56, 8, 7, ERR_CORRUPT, "footer at @F: grain directory at sector " },
		{ 77, 2, 2, ERR_UNSUPPORTED, "sparse header: compression 2 (0, or 1 deflate)" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;
		struct stream_writer w;
		char want[300];
		uint8_t le[8];

		begin(&w, &at_end);
		put_le64(le, rows[i].value);
		memcpy(w.bytes + rows[i].off, le, rows[i].len);
		assert_null(open_saved(&w, *state, &e));
		expected(&w, rows[i].msg, want, sizeof(want));
		e.msg[strlen(want)] = '\0';
		assert_error(&e, rows[i].code, want);
		stream_writer_fini(&w);
	}
}

static void the_capacity_is_the_descriptors(void **state)
{
	struct stream_layout layout = at_end;
	struct error e = ERROR_INIT;
	struct stream_writer w;

	layout.descriptor = "version=1\ncreateType=\"streamOptimized\"\nRDONLY 511 SPARSE \"x\"\n";
	begin(&w, &layout);
	assert_null(open_saved(&w, *state, &e));
	assert_error(&e, ERR_CORRUPT, "s.vmdk: sparse header: 512 sectors, but the descriptor says 511");
	stream_writer_fini(&w);
}

static void how_many_sectors_follow_the_footers_marker_is_not_looked_at(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct stream_writer w;

	begin(&w, &at_end);
	put_le64(w.bytes + w.len - 1536, 0);
	d = open_saved(&w, *state, NULL);
	assert_disk_reads(d, w.model, 4 * 65536, 0);
	stream_writer_fini(&w);
}

static void a_file_that_was_cut_anywhere_is_refused(void **state)
{
	struct stream_writer w;
	size_t whole;

	begin(&w, &at_end);
	whole = w.len;
	for (size_t cut = 1; cut < whole; cut += cut < 4096 || whole - cut < 70000 ? 512 - cut % 2 : 30011) {
		struct error e = ERROR_INIT;

		w.len = whole - cut;
		assert_null(open_saved(&w, *state, &e));
		assert_true(e.code == ERR_CORRUPT || e.code == ERR_UNSUPPORTED);
		if (w.len >= 128 * 512) /* as many as its metadata must have: what is missing is the footer */
			assert_non_null(strstr(e.msg, "the file was cut"));
	}
	w.len = whole;
	stream_writer_fini(&w);
}

static void bytes_behind_the_end_are_refused(void **state)
{
	for (size_t more = 1; more <= 1024; more = more == 1 ? 511 : more + 1 + more % 2 * 511) {
		CLEANUP_FREE uint8_t *file = NULL;
		struct error e = ERROR_INIT;
		struct stream_writer w;
		char path[128];

		begin(&w, &at_end);
		file = calloc(1, w.len + more);
		assert_non_null(file);
		memcpy(file, w.bytes, w.len);
		scratch_write(*state, "s.vmdk", file, w.len + more);
		snprintf(path, sizeof(path), "%s/s.vmdk", ((struct scratch_dir *)*state)->path);
		assert_null(disk_open_path(path, NULL, &e));
		assert_int_equal(e.code, ERR_CORRUPT);
		assert_non_null(strstr(e.msg, "something was appended to it"));
		stream_writer_fini(&w);
	}
}

/* The end of such a file may be a guest's data that looks like anything. */
static void a_header_that_knows_needs_no_footer(void **state)
{
	static const struct {
		unsigned back, off, len;
		uint64_t value;
	} rows[] = {
		{ 1536, 12, 4, 9 },  { 1024, 0, 4, 0 },   { 1024, 4, 4, 9 }, { 1024, 12, 8, 1 },
		{ 1024, 20, 8, 64 }, { 1024, 8, 4, 0x1 }, { 512, 8, 4, 1 },  { 1024, 56, 8, UINT64_MAX },
	};
	CLEANUP(cleanup_disk) struct disk *good = NULL, *without = NULL;
	struct stream_writer w;

	begin(&w, &twice);
	good = open_saved(&w, *state, NULL);
	assert_disk_reads(good, w.model, 4 * 65536, 0);
	stream_writer_fini(&w);
	begin(&w, &in_header);
	without = open_saved(&w, *state, NULL);
	assert_disk_reads(without, w.model, 4 * 65536, 0);
	stream_writer_fini(&w);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		uint8_t le[8];

		begin(&w, &twice);
		put_le64(le, rows[i].value);
		memcpy(w.bytes + w.len - rows[i].back + rows[i].off, le, rows[i].len);
		d = open_saved(&w, *state, NULL);
		assert_disk_reads(d, w.model, 4 * 65536, 0);
		stream_writer_fini(&w);
	}
}

static void a_footer_that_leads_elsewhere_than_the_header_is_refused(void **state)
{
	struct error e = ERROR_INIT;
	struct stream_writer w;
	char want[200];

	begin(&w, &twice);
	put_le64(w.bytes + w.footer_off + 56, w.dir_sector + 1);
	assert_null(open_saved(&w, *state, &e));
	snprintf(want, sizeof(want), "s.vmdk: footer at %#zx: grain directory at sector 3, but the header says 2",
		 w.footer_off);
	assert_error(&e, ERR_CORRUPT, want);
	stream_writer_fini(&w);
}

/* Where the header knows, a file that was cut opens if its tables are there; a grain that is cut is an error. */
static void a_cut_file_whose_header_knows_reads_right_or_fails(void **state)
{
	static uint8_t got[65536];
	struct stream_writer w;
	size_t whole, third;

	begin(&w, &twice);
	whole = w.footer_off - 512;
	third = stream_writer_marker_off(&w, 2);
	for (size_t cut = 0; whole - cut > third; cut += 4099) {
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		struct error e = ERROR_INIT;

		w.len = whole - cut;
		d = open_saved(&w, *state, NULL);
		assert_non_null(d);
		assert_int_equal(disk_read(d, got, GRAIN, 0, NULL), 0);
		assert_memory_equal(got, w.model, GRAIN);
		if (disk_read(d, got, GRAIN, 2 * GRAIN, &e) == 0) /* only padding was cut */
			assert_memory_equal(got, w.model + 2 * GRAIN, GRAIN);
		else
			assert_int_equal(e.code, ERR_CORRUPT);
		assert_true(cut < 512 || e.code != ERR_NONE);
	}
	w.len = whole;
	stream_writer_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(footers_are_refused),
		cmocka_unit_test(headers_are_refused),
		cmocka_unit_test(the_capacity_is_the_descriptors),
		cmocka_unit_test(how_many_sectors_follow_the_footers_marker_is_not_looked_at),
		cmocka_unit_test(a_file_that_was_cut_anywhere_is_refused),
		cmocka_unit_test(bytes_behind_the_end_are_refused),
		cmocka_unit_test(a_header_that_knows_needs_no_footer),
		cmocka_unit_test(a_footer_that_leads_elsewhere_than_the_header_is_refused),
		cmocka_unit_test(a_cut_file_whose_header_knows_reads_right_or_fails),
	};

	return cmocka_run_group_tests_name("vmdk_footer", tests, scratch_setup, scratch_teardown);
}
