/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replicate/layer_record.h"
#include "support/scratch.h"

#define BLOCKS 10000 /* three pages, the last one in part */

static struct layer_head head_of(uint64_t blocks, size_t n_images)
{
	struct layer_head h = { .blocks = blocks, .block_size = 65536, .virtual_size = blocks * 65536 - 512, .n_images = n_images };

	memset(h.token.b, 0x11, sizeof(h.token.b));
	for (size_t i = 0; i < n_images; i++)
		h.images[i] = (struct block_hash){ .lo = i + 5, .hi = ~(uint64_t)i };
	return h;
}

static uint8_t entry_of(uint64_t blk)
{
	return (uint8_t)(blk % 5 | (blk % 7 == 0 ? LAYER_MIXED : 0));
}

/* In odd pieces. */
static void write_record(const struct scratch_dir *s, const struct layer_head *head)
{
	struct error e = ERROR_INIT;
	struct layer_writer *w = layer_writer_new(s->fd, head, &e);
	uint8_t entries[777];

	assert_non_null(w);
	for (uint64_t blk = 0; blk < head->blocks;) {
		size_t n = head->blocks - blk < sizeof(entries) ? (size_t)(head->blocks - blk) : sizeof(entries);

		for (size_t i = 0; i < n; i++)
			entries[i] = entry_of(blk + i);
		layer_writer_put(w, entries, n);
		blk += n;
	}
	assert_int_equal(layer_writer_commit(w, &e), 0);
	layer_writer_free(w);
}

static void what_was_written_is_read(void **state)
{
	const struct scratch_dir *s = *state;
	struct layer_head head = head_of(BLOCKS, 7);
	struct layer_reader *r;
	struct stat st;
	uint8_t got[5000];

	write_record(s, &head);
	assert_int_equal(fstatat(s->fd, "layers", &st, 0), 0);
	assert_int_equal(st.st_size, 4 * 4096);
	assert_int_equal(fstatat(s->fd, "layers.new", &st, 0), -1);
	r = layer_reader_open(s->fd, NULL);
	assert_non_null(r);
	assert_memory_equal(layer_reader_head(r), &head, sizeof(head));
	layer_reader_get(r, 4000, got, sizeof(got));
	for (size_t i = 0; i < sizeof(got); i++)
		assert_int_equal(got[i], entry_of(4000 + i));
	layer_reader_get(r, BLOCKS - 2, got, 4);
	assert_int_equal(got[1], entry_of(BLOCKS - 1));
	assert_int_equal(got[2], LAYER_NONE);
	assert_int_equal(got[3], LAYER_NONE);
	layer_reader_get(r, BLOCKS + 9, got, 1);
	assert_int_equal(got[0], LAYER_NONE);
	layer_reader_close(r);
}

static void a_chain_of_one_image_needs_no_entries(void **state)
{
	const struct scratch_dir *s = *state;
	struct layer_head head = head_of(BLOCKS, 1);
	struct layer_reader *r;
	uint8_t got[2] = { 9, 9 };
	struct stat st;

	write_record(s, &head);
	assert_int_equal(fstatat(s->fd, "layers", &st, 0), 0);
	assert_int_equal(st.st_size, 4096);
	r = layer_reader_open(s->fd, NULL);
	assert_non_null(r);
	layer_reader_get(r, BLOCKS - 1, got, 2);
	assert_int_equal(got[0], 0);
	assert_int_equal(got[1], LAYER_NONE);
	layer_reader_close(r);
}

static void a_damaged_page_is_one_of_which_nothing_is_known(void **state)
{
	const struct scratch_dir *s = *state;
	struct layer_head head = head_of(BLOCKS, 2);
	struct layer_reader *r;
	uint8_t got[2], byte;
	int fd;

	write_record(s, &head);
	fd = openat(s->fd, "layers", O_RDWR);
	assert_int_equal(pread(fd, &byte, 1, 2 * 4096 + 100), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 2 * 4096 + 100), 1);
	close(fd);
	r = layer_reader_open(s->fd, NULL);
	assert_non_null(r);
	layer_reader_get(r, 4087, got, 2);
	assert_int_equal(got[0], entry_of(4087));
	assert_int_equal(got[1], LAYER_NONE);
	layer_reader_get(r, 2 * 4088 - 1, got, 2);
	assert_int_equal(got[0], LAYER_NONE);
	assert_int_equal(got[1], entry_of(2 * 4088));
	layer_reader_close(r);
}

static void pages_are_those_of_their_place_and_file(void **state)
{
	const struct scratch_dir *s = *state;
	struct layer_head head = head_of(BLOCKS, 2);
	struct layer_reader *r;
	uint8_t page[4096], got;
	int fd;

	write_record(s, &head);
	fd = openat(s->fd, "layers", O_RDWR);
	assert_int_equal(pread(fd, page, sizeof(page), 4096), sizeof(page));
	assert_int_equal(pwrite(fd, page, sizeof(page), 2 * 4096), sizeof(page)); /* the first in the place of the second */
	close(fd);
	r = layer_reader_open(s->fd, NULL);
	layer_reader_get(r, 4088, &got, 1);
	assert_int_equal(got, LAYER_NONE);
	layer_reader_close(r);
	write_record(s, &head);
	fd = openat(s->fd, "layers", O_RDWR);
	assert_int_equal(pwrite(fd, page, sizeof(page), 4096), sizeof(page)); /* of an older file with the same token */
	close(fd);
	r = layer_reader_open(s->fd, NULL);
	layer_reader_get(r, 0, &got, 1);
	assert_int_equal(got, LAYER_NONE);
	layer_reader_close(r);
}

static void a_damaged_head_is_an_error_and_none_too(void **state)
{
	const struct scratch_dir *s = *state;
	struct layer_head head = head_of(BLOCKS, 2);
	struct error gone = ERROR_INIT, bad = ERROR_INIT;

	assert_null(layer_reader_open(s->fd, &gone));
	assert_int_equal(gone.code, ERR_SYSTEM);
	assert_int_equal(gone.detail, ENOENT);
	write_record(s, &head);
	scratch_patch(s, "layers", 9, "x", 1);
	assert_null(layer_reader_open(s->fd, &bad));
	assert_error(&bad, ERR_CORRUPT, "layers: head: magic or checksum is wrong");
}

static void without_all_blocks_the_old_file_stays(void **state)
{
	const struct scratch_dir *s = *state;
	struct layer_head head = head_of(BLOCKS, 2), other = head_of(BLOCKS, 3);
	struct error e = ERROR_INIT;
	struct layer_writer *w;
	struct layer_reader *r;
	struct stat st;
	uint8_t entry = 0;

	write_record(s, &head);
	w = layer_writer_new(s->fd, &other, &e);
	assert_non_null(w);
	layer_writer_put(w, &entry, 1);
	assert_int_equal(layer_writer_commit(w, &e), -1);
	assert_error(&e, ERR_BUG, "layers: 1 blocks of 10000");
	layer_writer_free(w);
	assert_int_equal(fstatat(s->fd, "layers.new", &st, 0), -1);
	r = layer_reader_open(s->fd, NULL);
	assert_int_equal(layer_reader_head(r)->n_images, 2);
	layer_reader_close(r);
}

static void a_record_is_carried_from_its_own_token_only(void **state)
{
	const struct scratch_dir *s = *state;
	struct layer_head head = head_of(BLOCKS, 2);
	struct guid other = { { 9 } }, next = { { 8 } };
	struct layer_reader *r;
	uint8_t got;

	assert_int_equal(layer_record_carry(s->fd, &other, &next, NULL), 0); /* there is none */
	write_record(s, &head);
	assert_int_equal(layer_record_carry(s->fd, &other, &next, NULL), 0);
	r = layer_reader_open(s->fd, NULL);
	assert_true(guid_equal(&layer_reader_head(r)->token, &head.token));
	layer_reader_close(r);
	assert_int_equal(layer_record_carry(s->fd, &head.token, &next, NULL), 0);
	r = layer_reader_open(s->fd, NULL);
	assert_true(guid_equal(&layer_reader_head(r)->token, &next));
	layer_reader_get(r, 5000, &got, 1);
	assert_int_equal(got, entry_of(5000));
	layer_reader_close(r);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_read),
		TEST(a_chain_of_one_image_needs_no_entries),
		TEST(a_damaged_page_is_one_of_which_nothing_is_known),
		TEST(pages_are_those_of_their_place_and_file),
		TEST(a_damaged_head_is_an_error_and_none_too),
		TEST(without_all_blocks_the_old_file_stays),
		TEST(a_record_is_carried_from_its_own_token_only),
	};

	return cmocka_run_group_tests_name("layer_record", tests, NULL, NULL);
}
