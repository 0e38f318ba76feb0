/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "disk/vhdx_log.h"
#include "support/scratch.h"
#include "support/vhdx_writer.h"

#define MIB (UINT64_C(1) << 20)
#define SECTORS 256

static const struct guid ours = { { 1, 2, 3 } }, other = { { 9, 9, 9 } };

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

static uint8_t *ring(struct vhdx_image *img)
{
	return img->bytes + img->log_off;
}

static int decode(struct vhdx_image *img, struct vhdx_overlay **out, struct error *err)
{
	return vhdx_log_decode(ring(img), img->log_len, &ours, img->len, out, err);
}

static void assert_refused(struct vhdx_image *img, enum error_code code, const char *msg)
{
	struct vhdx_overlay *o = NULL;
	struct error e = ERROR_INIT;

	assert_int_equal(decode(img, &o, &e), -1);
	assert_null(o);
	assert_error(&e, code, msg);
}

#define ADVICE "; 'liftfs mount -o log=ignore' shows the disk without it"

static const char damaged[] = "log: damaged: no valid sequence of entries; what it held is lost" ADVICE;

/* One entry that fills the page at 3 MiB with a byte. */
static size_t write_byte(struct vhdx_image *img, size_t sector, size_t tail, uint64_t sequence, const struct guid *log,
			 uint8_t byte)
{
	uint8_t page[VHDX_PAGE];
	const struct vhdx_log_write w = { .off = 3 * MIB, .page = page };

	memset(page, byte, sizeof(page));
	return vhdx_image_log_entry(img, sector, tail, sequence, log, &w, 1);
}

/* What the page at off is after the log; -1 if the log leaves it alone or its bytes differ. */
static int byte_after(struct vhdx_image *img, uint64_t off)
{
	CLEANUP(cleanup_vhdx_overlay) struct vhdx_overlay *o = NULL;
	struct error e = ERROR_INIT;
	const uint8_t *bytes;

	assert_int_equal(decode(img, &o, &e), 0);
	if (!o || !vhdx_overlay_page(o, off, &bytes))
		return -1;
	for (size_t i = 1; bytes && i < VHDX_PAGE; i++)
		if (bytes[i] != bytes[0])
			return -1;
	return bytes ? bytes[0] : 0;
}

static void an_empty_log_changes_nothing(void **state)
{
	struct vhdx_overlay *o = (void *)1;
	struct vhdx_image *img = *state;

	assert_int_equal(decode(img, &o, NULL), 0);
	assert_null(o);
	write_byte(img, 7, 7, 1, &other, 'o'); /* left from an earlier log */
	o = (void *)1;
	assert_int_equal(decode(img, &o, NULL), 0);
	assert_null(o);
}

static void pages_are_put_together_from_descriptor_and_sector(void **state)
{
	CLEANUP(cleanup_vhdx_overlay) struct vhdx_overlay *o = NULL;
	struct vhdx_image *img = *state;
	static uint8_t pages[3][VHDX_PAGE];
	struct vhdx_log_write w[4];
	const uint8_t *bytes;

	for (size_t i = 0; i < 3; i++) {
		pattern_fill(pages[i], VHDX_PAGE, i * VHDX_PAGE, 5);
		w[i] = (struct vhdx_log_write){ .off = (10 - i) * VHDX_PAGE + MIB, .page = pages[i] };
	}
	w[3] = (struct vhdx_log_write){ .off = 4 * MIB, .len = 8 * VHDX_PAGE };
	/* A sequence number whose halves differ, an entry that wraps around the ring. */
	vhdx_image_log_entry(img, SECTORS - 2, SECTORS - 2, UINT64_C(0x700000005), &ours, w, 4);
	assert_int_equal(decode(img, &o, NULL), 0);
	assert_int_equal(vhdx_overlay_pages(o), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(vhdx_overlay_page(o, w[i].off, &bytes));
		assert_memory_equal(bytes, pages[i], VHDX_PAGE);
	}
	assert_false(vhdx_overlay_page(o, 4 * MIB - VHDX_PAGE, &bytes));
	assert_true(vhdx_overlay_page(o, 4 * MIB + 7 * VHDX_PAGE, &bytes));
	assert_null(bytes);
	assert_false(vhdx_overlay_page(o, 4 * MIB + 8 * VHDX_PAGE, &bytes));
}

static void many_descriptors_fill_further_sectors(void **state)
{
	CLEANUP(cleanup_vhdx_overlay) struct vhdx_overlay *o = NULL;
	static struct vhdx_log_write w[200];
	struct vhdx_image *img = *state;
	uint8_t page[VHDX_PAGE];
	const uint8_t *bytes;

	memset(page, 'x', sizeof(page));
	for (size_t i = 0; i < ARRAY_LEN(w); i++)
		w[i] = (struct vhdx_log_write){ .off = MIB + i * VHDX_PAGE,
						.page = i % 3 ? page : NULL,
						.len = VHDX_PAGE };
	vhdx_image_log_entry(img, 200, 200, 3, &ours, w, ARRAY_LEN(w));
	assert_int_equal(decode(img, &o, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(w); i++) {
		assert_true(vhdx_overlay_page(o, w[i].off, &bytes));
		assert_true(i % 3 ? bytes != NULL : bytes == NULL);
	}
}

static void later_entries_win(void **state)
{
	struct vhdx_image *img = *state;
	const struct vhdx_log_write zero = { .off = 3 * MIB, .len = MIB };
	size_t at = write_byte(img, 0, 0, 1, &ours, 'a');

	at = write_byte(img, at, 0, 2, &ours, 'b');
	assert_int_equal(byte_after(img, 3 * MIB), 'b');
	at = vhdx_image_log_entry(img, at, 0, 3, &ours, &zero, 1);
	assert_int_equal(byte_after(img, 3 * MIB), 0);
	write_byte(img, at, 0, 4, &ours, 'c');
	assert_int_equal(byte_after(img, 3 * MIB), 'c');
}

static void replay_begins_at_the_tail(void **state)
{
	CLEANUP(cleanup_vhdx_overlay) struct vhdx_overlay *o = NULL;
	struct vhdx_image *img = *state;
	const struct vhdx_log_write old = { .off = 4 * MIB, .len = MIB };
	const uint8_t *bytes;
	size_t tail = vhdx_image_log_entry(img, 0, 0, 1, &ours, &old, 1);

	write_byte(img, tail, tail, 2, &ours, 'b'); /* the first entry's work is done and flushed */
	assert_int_equal(decode(img, &o, NULL), 0);
	assert_true(vhdx_overlay_page(o, 3 * MIB, &bytes));
	assert_false(vhdx_overlay_page(o, 4 * MIB, &bytes));
}

static void the_sequence_with_the_highest_head_is_active(void **state)
{
	struct vhdx_image *img = *state;

	write_byte(img, 0, 0, 5, &ours, 'a');
	write_byte(img, 20, 20, 9, &ours, 'b');
	assert_int_equal(byte_after(img, 3 * MIB), 'b');
	write_byte(img, 100, 100, 8, &ours, 'c');
	assert_int_equal(byte_after(img, 3 * MIB), 'b');
	write_byte(img, 100, 100, 9, &ours, 'c');
	assert_refused(img, ERR_CORRUPT, "log: two sequences end with number 9" ADVICE);
}

static void a_gap_ends_a_sequence(void **state)
{
	struct vhdx_image *img = *state;
	size_t next = write_byte(img, 0, 0, 5, &ours, 'a');

	write_byte(img, next, next, 9, &ours, 'b'); /* follows in the ring, not in number */
	assert_int_equal(byte_after(img, 3 * MIB), 'b');
	write_byte(img, next, 0, 9, &ours, 'b'); /* its tail is not in its sequence: only the first one holds */
	assert_int_equal(byte_after(img, 3 * MIB), 'a');
}

static void a_torn_last_entry_is_left_out(void **state)
{
	struct vhdx_image *img = *state;
	size_t next = write_byte(img, 0, 0, 5, &ours, 'a');

	write_byte(img, next, 0, 6, &ours, 'b');
	ring(img)[(next + 1) * VHDX_PAGE + 100] ^= 1;
	assert_int_equal(byte_after(img, 3 * MIB), 'a');
}

/* Each damage of the only entry, each sealed with a right checksum unless it is the checksum itself. */
static void a_damaged_only_entry_is_refused(void **state)
{
	struct vhdx_image *img = *state;
	uint8_t *p = ring(img);

	write_byte(img, 0, 0, 5, &ours, 'a');
	p[4] ^= 1;
	assert_refused(img, ERR_CORRUPT, damaged);
	write_byte(img, 0, 0, 5, &ours, 'a');
	p[0] ^= 1; /* no signature, but the log's GUID: it was written to */
	assert_refused(img, ERR_CORRUPT, damaged);
	write_byte(img, 0, 0, 5, &ours, 'a');
	put_le32(p + 24, UINT32_MAX); /* descriptors */
	vhdx_image_seal_entry(img, 0);
	assert_refused(img, ERR_CORRUPT, damaged);
	write_byte(img, 0, 0, 5, &ours, 'a');
	put_le32(p + 12, img->log_len); /* tail */
	vhdx_image_seal_entry(img, 0);
	assert_refused(img, ERR_CORRUPT, damaged);
	put_le32(p + 12, 100);
	vhdx_image_seal_entry(img, 0);
	assert_refused(img, ERR_CORRUPT, damaged);
	put_le32(p + 12, 8192);
	vhdx_image_seal_entry(img, 0);
	assert_refused(img, ERR_CORRUPT, damaged);
	write_byte(img, 0, 0, 0, &ours, 'a'); /* sequence number 0 */
	assert_refused(img, ERR_CORRUPT, damaged);
	write_byte(img, 0, 0, 5, &ours, 'a');
	put_le64(p + 64 + 24, 6); /* the descriptor's number */
	vhdx_image_seal_entry(img, 0);
	assert_refused(img, ERR_CORRUPT, damaged);
	write_byte(img, 0, 0, 5, &ours, 'a');
	put_le32(p + 4096 + 4, 6); /* the sector's */
	vhdx_image_seal_entry(img, 0);
	assert_refused(img, ERR_CORRUPT, damaged);
	write_byte(img, 0, 0, 5, &ours, 'a');
	put_le32(p + 8192 - 4, 6);
	vhdx_image_seal_entry(img, 0);
	assert_refused(img, ERR_CORRUPT, damaged);
	write_byte(img, 0, 0, 5, &ours, 'a');
	memcpy(p + 64, "dsec", 4);
	vhdx_image_seal_entry(img, 0);
	assert_refused(img, ERR_CORRUPT, damaged);
	write_byte(img, 0, 0, 5, &ours, 'a');
	put_le32(p + 8, 4096); /* length: no room for the data */
	vhdx_image_seal_entry(img, 0);
	assert_refused(img, ERR_CORRUPT, damaged);
	put_le32(p + 8, UINT32_MAX - 4095);
	assert_refused(img, ERR_CORRUPT, damaged);
	put_le32(p + 8, 0);
	assert_refused(img, ERR_CORRUPT, damaged);
	write_byte(img, 0, 0, 5, &ours, 'a');
	assert_int_equal(byte_after(img, 3 * MIB), 'a');
}

static void write_to(struct vhdx_image *img, uint64_t off, uint64_t len)
{
	const struct vhdx_log_write w = { .off = off, .len = len };

	vhdx_image_log_entry(img, 0, 0, 5, &ours, &w, 1);
}

static void writes_stay_behind_the_headers_and_below_64_tib(void **state)
{
	struct vhdx_image *img = *state;
	uint8_t page[VHDX_PAGE] = { 0 };
	const struct vhdx_log_write first = { .off = 0, .page = page };

	vhdx_image_log_entry(img, 0, 0, 5, &ours, &first, 1);
	assert_refused(img, ERR_CORRUPT, "log: entry 5 writes to 0+0x1000, where it must not" ADVICE);
	write_to(img, 128 << 10, 65536);
	assert_refused(img, ERR_CORRUPT, "log: entry 5 writes to 0x20000+0x10000, where it must not" ADVICE);
	write_to(img, 3 * MIB, UINT64_C(1) << 62);
	assert_refused(img, ERR_CORRUPT, "log: entry 5 writes to 0x300000+0x4000000000000000, where it must not" ADVICE);
	write_to(img, UINT64_MAX - 4095, 8192);
	assert_refused(img, ERR_CORRUPT, "log: entry 5 writes to 0xfffffffffffff000+0x2000, where it must not" ADVICE);
	write_to(img, 3 * MIB + 512, 4096);
	assert_refused(img, ERR_CORRUPT, "log: entry 5 writes to 0x300200+0x1000, where it must not" ADVICE);
	write_to(img, 3 * MIB, 512);
	assert_refused(img, ERR_CORRUPT, "log: entry 5 writes to 0x300000+0x200, where it must not" ADVICE);
	write_to(img, 192 << 10, 65536); /* the region table may be logged */
	assert_int_equal(byte_after(img, 192 << 10), 0);
	write_to(img, 3 * MIB, (UINT64_C(1) << 46) - 3 * MIB);
	assert_int_equal(byte_after(img, UINT64_C(1) << 45), 0);
}

static void a_file_shorter_than_it_was_is_refused(void **state)
{
	struct vhdx_image *img = *state;

	write_byte(img, 0, 0, 5, &ours, 'a');
	put_le64(ring(img) + 48, img->len + 1);
	vhdx_image_seal_entry(img, 0);
	assert_refused(img, ERR_CORRUPT, "file cut off: its log was written when it had 9437185 bytes, it has 9437184");
	put_le64(ring(img) + 48, img->len);
	put_le64(ring(img) + 56, UINT64_C(1) << 60); /* the last size extends nothing */
	vhdx_image_seal_entry(img, 0);
	assert_int_equal(byte_after(img, 3 * MIB), 'a');
}

static void a_view_reads_through_the_log(void **state)
{
	CLEANUP(cleanup_vhdx_overlay) struct vhdx_overlay *o = vhdx_overlay_new(NULL);
	struct vhdx_image *img = *state;
	struct backing file = vhdx_image_backing(img);
	CLEANUP_FD int fd = file.fd;
	struct vhdx_view view = { .file = &file, .log = o };
	static uint8_t page[VHDX_PAGE], got[5 * VHDX_PAGE];
	uint8_t *want = img->bytes;
	uint64_t at = img->data_off, end = img->len;
	struct error e = ERROR_INIT;

	memset(page, 'p', sizeof(page));
	assert_int_equal(vhdx_overlay_add_page(o, at + VHDX_PAGE, page, NULL), 0);
	assert_int_equal(vhdx_overlay_add_zeros(o, at + 2 * VHDX_PAGE, VHDX_PAGE, NULL), 0);
	assert_int_equal(vhdx_overlay_add_page(o, end, page, NULL), 0);
	vhdx_overlay_seal(o);
	memset(want + at + VHDX_PAGE, 'p', VHDX_PAGE);
	memset(want + at + 2 * VHDX_PAGE, 0, VHDX_PAGE);
	assert_int_equal(vhdx_view_read(&view, got, sizeof(got), at - 100, NULL), 0);
	assert_memory_equal(got, want + at - 100, sizeof(got));
	assert_int_equal(vhdx_view_read(&view, got, 1000, at + 2 * VHDX_PAGE - 500, NULL), 0);
	assert_memory_equal(got, want + at + 2 * VHDX_PAGE - 500, 1000);
	/* Behind the file's end only what the log itself brings. */
	assert_int_equal(vhdx_view_read(&view, got, 2 * VHDX_PAGE, end - VHDX_PAGE, NULL), 0);
	assert_memory_equal(got, want + end - VHDX_PAGE, VHDX_PAGE);
	assert_memory_equal(got + VHDX_PAGE, page, VHDX_PAGE);
	assert_int_equal(vhdx_view_read(&view, got, 2 * VHDX_PAGE, end, &e), -1);
	assert_error(&e, ERR_CORRUPT, "disk.vhdx: read 8192 bytes at 0x900000: beyond end of file (9437184 bytes)");
}

static void assert_says(const struct vhdx_overlay *o, uint64_t off, uint64_t len, enum vhdx_overlay_says want, uint64_t want_n)
{
	uint64_t n = 0;

	assert_int_equal(vhdx_overlay_run(o, off, len, &n), want);
	assert_int_equal(n, want_n);
}

static void runs_end_where_the_log_says_something_else(void **state)
{
	CLEANUP(cleanup_vhdx_overlay) struct vhdx_overlay *o = vhdx_overlay_new(NULL);
	static uint8_t page[VHDX_PAGE];

	(void)state;
	assert_int_equal(vhdx_overlay_add_page(o, 8 * VHDX_PAGE, page, NULL), 0);
	assert_int_equal(vhdx_overlay_add_zeros(o, 6 * VHDX_PAGE, 4 * VHDX_PAGE, NULL), 0);
	assert_int_equal(vhdx_overlay_add_page(o, 7 * VHDX_PAGE, page, NULL), 0);
	assert_int_equal(vhdx_overlay_add_zeros(o, MIB, UINT64_C(1) << 45, NULL), 0);
	vhdx_overlay_seal(o);
	assert_says(o, 0, MIB, VHDX_OVERLAY_NOTHING, 6 * VHDX_PAGE);
	assert_says(o, 100, 1000, VHDX_OVERLAY_NOTHING, 1000);
	assert_says(o, 6 * VHDX_PAGE + 1, MIB, VHDX_OVERLAY_ZEROS, VHDX_PAGE - 1);
	assert_says(o, 7 * VHDX_PAGE, 10, VHDX_OVERLAY_DATA, 10);
	assert_says(o, 7 * VHDX_PAGE + 10, MIB, VHDX_OVERLAY_DATA, VHDX_PAGE - 10);
	assert_says(o, 8 * VHDX_PAGE, MIB, VHDX_OVERLAY_ZEROS, 2 * VHDX_PAGE); /* zeroed after it was written */
	assert_says(o, 10 * VHDX_PAGE, 2 * MIB, VHDX_OVERLAY_NOTHING, MIB - 10 * VHDX_PAGE);
	assert_says(o, 2 * MIB, MIB, VHDX_OVERLAY_ZEROS, MIB);
	assert_says(o, (UINT64_C(1) << 45) + MIB, 5, VHDX_OVERLAY_NOTHING, 5);
}

static void a_ring_that_changes_after_its_replay_is_noticed(void **state)
{
	CLEANUP(cleanup_vhdx_overlay) struct vhdx_overlay *o = NULL;
	struct vhdx_image *img = *state;
	struct vhdx_header h = { .log = ours, .log_off = img->log_off, .log_len = img->log_len };
	struct error e = ERROR_INIT;
	struct backing file;
	uint32_t sum = 0;
	size_t at = write_byte(img, 250, 250, 5, &ours, 'a');

	file = vhdx_image_backing(img);
	assert_int_equal(vhdx_log_replay(&file, &h, &o, &sum, NULL), 0);
	assert_int_equal(vhdx_log_check_unchanged(&file, &h, sum, NULL), 0);
	close(file.fd);
	write_byte(img, at, 250, 6, &ours, 'b');
	file = vhdx_image_backing(img);
	assert_int_equal(vhdx_log_check_unchanged(&file, &h, sum, &e), -1);
	assert_error(&e, ERR_CHANGED, "the image's log was written to while it was opened");
	close(file.fd);
}

static void ranges_of_zeros_are_bounded_in_number(void **state)
{
	CLEANUP(cleanup_vhdx_overlay) struct vhdx_overlay *o = vhdx_overlay_new(NULL);
	struct error e = ERROR_INIT;

	(void)state;
	for (uint64_t i = 0; i < VHDX_OVERLAY_ZEROS_MAX; i++)
		assert_int_equal(vhdx_overlay_add_zeros(o, i * 2 * VHDX_PAGE, VHDX_PAGE, NULL), 0);
	assert_int_equal(vhdx_overlay_add_zeros(o, MIB << 20, VHDX_PAGE, &e), -1);
	assert_error(&e, ERR_UNSUPPORTED, "log: more than 4096 ranges of zeros");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_empty_log_changes_nothing, build, drop),
		cmocka_unit_test_setup_teardown(pages_are_put_together_from_descriptor_and_sector, build, drop),
		cmocka_unit_test_setup_teardown(many_descriptors_fill_further_sectors, build, drop),
		cmocka_unit_test_setup_teardown(later_entries_win, build, drop),
		cmocka_unit_test_setup_teardown(replay_begins_at_the_tail, build, drop),
		cmocka_unit_test_setup_teardown(the_sequence_with_the_highest_head_is_active, build, drop),
		cmocka_unit_test_setup_teardown(a_gap_ends_a_sequence, build, drop),
		cmocka_unit_test_setup_teardown(a_torn_last_entry_is_left_out, build, drop),
		cmocka_unit_test_setup_teardown(a_damaged_only_entry_is_refused, build, drop),
		cmocka_unit_test_setup_teardown(writes_stay_behind_the_headers_and_below_64_tib, build, drop),
		cmocka_unit_test_setup_teardown(a_file_shorter_than_it_was_is_refused, build, drop),
		cmocka_unit_test_setup_teardown(a_view_reads_through_the_log, build, drop),
		cmocka_unit_test_setup_teardown(a_ring_that_changes_after_its_replay_is_noticed, build, drop),
		cmocka_unit_test(runs_end_where_the_log_says_something_else),
		cmocka_unit_test(ranges_of_zeros_are_bounded_in_number),
	};

	return cmocka_run_group_tests_name("vhdx-log", tests, NULL, NULL);
}
