/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/dir_undo_file.h"

#define SIZE (3 * UNDO_BLOCK + 512)
/* Places of the format, written down once more. */
#define MARKS 512
#define RECORD(block) (4096 + (block)*16)
#define CONTENT(block) (8192 + (block)*UNDO_BLOCK)

struct fixture {
	char path[64];
	int dir;
	uint8_t buf[UNDO_BLOCK], block[UNDO_BLOCK];
};

static const struct guid replica_id = { .b = { 7, 7 } };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->path, sizeof(f->path), "/tmp/liftfs-undo.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(undo_file_create(f->dir, "undo", SIZE, 5, 3, &replica_id, NULL), 0);
	memset(f->block, 0xab, sizeof(f->block));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlinkat(f->dir, "undo", 0);
	close(f->dir);
	rmdir(f->path);
	free(f);
	return 0;
}

static struct undo_file *reopen(struct fixture *f, struct undo_file *u, bool writable)
{
	undo_file_close(u);
	u = undo_file_open(f->dir, "undo", writable, NULL);
	assert_non_null(u);
	return u;
}

static enum undo_entry entry(struct fixture *f, const struct undo_file *u, uint64_t block)
{
	enum undo_entry kind;

	assert_int_equal(undo_file_read(u, block, f->buf, &kind, NULL), 0);
	return kind;
}

static void damage(struct fixture *f, off_t at)
{
	CLEANUP_FD int fd = openat(f->dir, "undo", O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void add_synced(struct fixture *f, struct undo_file *u, uint64_t block)
{
	assert_int_equal(undo_file_add(u, block, f->block, NULL), 0);
	assert_int_equal(undo_file_sync(u, NULL), 0);
}

/* Block 0 is there, and block 1 is not, whoever asks, until it is added once more.  Closes u. */
static void assert_second_was_never_added(struct fixture *f, struct undo_file *u)
{
	enum undo_entry kind;

	u = reopen(f, u, false);
	assert_int_equal(entry(f, u, 0), UNDO_DATA);
	assert_int_equal(entry(f, u, 1), UNDO_NONE);
	u = reopen(f, u, true);
	assert_int_equal(undo_file_has(u, 0, &kind, NULL), 0);
	assert_int_equal(kind, UNDO_DATA);
	assert_int_equal(undo_file_has(u, 1, &kind, NULL), 0);
	assert_int_equal(kind, UNDO_NONE);
	memset(f->block, 0xcd, sizeof(f->block));
	assert_int_equal(undo_file_add(u, 1, f->block, NULL), 0);
	assert_int_equal(undo_file_settle(u, NULL), 0);
	u = reopen(f, u, true);
	assert_int_equal(entry(f, u, 1), UNDO_DATA);
	assert_int_equal(f->buf[0], 0xcd);
	undo_file_close(u);
}

static void what_was_added_comes_back_and_the_rest_is_not_there(void **state)
{
	struct fixture *f = *state;
	static const uint8_t zeros[UNDO_BLOCK];
	struct undo_file *u = reopen(f, NULL, true);
	uint64_t next;

	assert_int_equal(undo_file_size(u), SIZE);
	assert_int_equal(undo_file_order(u), 5);
	assert_int_equal(undo_file_previous(u), 3);
	assert_int_equal(undo_file_covers(u), 5);
	assert_true(guid_equal(undo_file_replica(u), &replica_id));
	assert_int_equal(undo_file_add(u, 1, f->block, NULL), 0);
	assert_int_equal(undo_file_add(u, 2, zeros, NULL), 0);
	add_synced(f, u, 3);
	undo_file_cover(u, 9);
	assert_int_equal(undo_file_settle(u, NULL), 0);
	u = reopen(f, u, false);
	assert_int_equal(undo_file_covers(u), 9);
	assert_int_equal(entry(f, u, 0), UNDO_NONE);
	assert_int_equal(entry(f, u, 2), UNDO_ZERO);
	assert_int_equal(entry(f, u, 1), UNDO_DATA);
	assert_memory_equal(f->buf, f->block, UNDO_BLOCK);
	assert_int_equal(undo_file_block_len(u, 3), 512);
	assert_int_equal(undo_file_block_len(u, 4), 0);
	assert_int_equal(entry(f, u, 3), UNDO_DATA);
	assert_int_equal(entry(f, u, 4), UNDO_NONE);
	assert_int_equal(undo_file_next(u, 0, &next, NULL), 0);
	assert_int_equal(next, 1);
	assert_int_equal(undo_file_next(u, 4, &next, NULL), 0);
	assert_true(next == UINT64_MAX);
	undo_file_close(u);
}

static void an_entry_whose_sync_never_ended_is_none_and_can_be_added_again(void **state)
{
	struct fixture *f = *state;
	struct undo_file *u = reopen(f, NULL, true);

	add_synced(f, u, 0);
	assert_int_equal(undo_file_add(u, 1, f->block, NULL), 0);
	damage(f, CONTENT(1)); /* a power loss: the record arrived, the content did not */
	assert_second_was_never_added(f, u);
}

/* Neither its batch nor its content can be told; that it is of none that was synced, the count of those tells. */
static void a_torn_record_of_a_batch_that_was_not_synced_is_no_entry(void **state)
{
	struct fixture *f = *state;
	struct undo_file *u = reopen(f, NULL, true);

	add_synced(f, u, 0);
	add_synced(f, u, 2);
	assert_int_equal(undo_file_add(u, 1, f->block, NULL), 0);
	damage(f, RECORD(1) + 8);
	assert_second_was_never_added(f, u);
}

static void a_file_that_lacks_a_settled_entry_is_not_written_to(void **state)
{
	struct fixture *f = *state;
	struct undo_file *u = reopen(f, NULL, true);
	struct error broken = ERROR_INIT, e = ERROR_INIT;
	enum undo_entry kind;

	add_synced(f, u, 0);
	add_synced(f, u, 1);
	damage(f, RECORD(0) + 8);
	u = reopen(f, u, false);
	assert_int_equal(undo_file_read(u, 0, f->buf, &kind, &broken), -1);
	assert_error(&broken, ERR_CORRUPT, "undo: the record of block 0 is damaged");
	undo_file_close(u);
	assert_null(undo_file_open(f->dir, "undo", true, &e));
	assert_error(&e, ERR_CORRUPT, "undo: undo: 0 records are there of 1");
}

/* It was durable before its block was overwritten: nothing else has that content any more. */
static void a_settled_entry_that_is_damaged_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct undo_file *u = reopen(f, NULL, true);
	struct error content = ERROR_INIT, record = ERROR_INIT;
	enum undo_entry kind;

	assert_int_equal(undo_file_add(u, 0, f->block, NULL), 0);
	assert_int_equal(undo_file_add(u, 1, f->block, NULL), 0);
	assert_int_equal(undo_file_settle(u, NULL), 0);
	damage(f, CONTENT(0) + 77);
	damage(f, RECORD(1) + 3);
	u = reopen(f, u, false);
	assert_int_equal(undo_file_read(u, 0, f->buf, &kind, &content), -1);
	assert_error(&content, ERR_CORRUPT, "undo: block 0 is damaged");
	assert_int_equal(undo_file_read(u, 1, f->buf, &kind, &record), -1);
	assert_error(&record, ERR_CORRUPT, "undo: the record of block 1 is damaged");
	undo_file_close(u);
}

/* Also without the last mark: that of the batch after it says that it was settled. */
static void a_batch_with_one_after_it_is_settled(void **state)
{
	struct fixture *f = *state;
	struct undo_file *u = reopen(f, NULL, true);
	struct error e = ERROR_INIT;
	enum undo_entry kind;

	add_synced(f, u, 0);
	add_synced(f, u, 1);
	damage(f, CONTENT(0));
	u = reopen(f, u, false);
	assert_int_equal(undo_file_read(u, 0, f->buf, &kind, &e), -1);
	assert_int_equal(e.code, ERR_CORRUPT);
	undo_file_close(u);
}

static void one_damaged_mark_leaves_the_other_and_two_are_an_error(void **state)
{
	struct fixture *f = *state;
	struct undo_file *u = reopen(f, NULL, true);
	struct error e = ERROR_INIT;
	uint64_t count, now;

	assert_int_equal(undo_file_add(u, 0, f->block, NULL), 0);
	assert_int_equal(undo_file_settle(u, NULL), 0);
	assert_int_equal(undo_file_count(u, &count, NULL), 0);
	damage(f, MARKS + (count % 2 ? 512 : 0)); /* the newer one */
	u = reopen(f, u, true);
	assert_int_equal(entry(f, u, 0), UNDO_DATA);
	assert_int_equal(undo_file_count(u, &now, NULL), 0);
	assert_true(now >= count);
	undo_file_close(u);
	damage(f, MARKS);
	damage(f, MARKS + 512);
	assert_null(undo_file_open(f->dir, "undo", false, &e));
	assert_error(&e, ERR_CORRUPT, "undo: undo: both marks are damaged");
}

static void a_header_that_is_damaged_or_newer_is_refused(void **state)
{
	struct fixture *f = *state;
	struct error e = ERROR_INIT, none = ERROR_INIT;

	damage(f, 41);
	assert_null(undo_file_open(f->dir, "undo", false, &e));
	assert_error(&e, ERR_CORRUPT, "undo: not an undo file, or its header is damaged");
	assert_null(undo_file_open(f->dir, "other", false, &none));
	assert_error(&none, ERR_SYSTEM, "other: No such file or directory");
}

static void entries_of_a_large_disk_are_found_without_reading_what_lies_between(void **state)
{
	struct fixture *f = *state;
	uint64_t last = (UINT64_C(4) << 40) / UNDO_BLOCK - 1, at[] = { 0, 255, 256, 70000, last }, next;
	struct undo_file *u;
	struct stat st;
	size_t n = 0;

	assert_int_equal(undo_file_create(f->dir, "large", UINT64_C(4) << 40, 1, 0, &replica_id, NULL), 0);
	u = undo_file_open(f->dir, "large", true, NULL);
	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		assert_int_equal(undo_file_add(u, at[i], f->block, NULL), 0);
	assert_int_equal(undo_file_settle(u, NULL), 0);
	assert_int_equal(undo_file_next(u, 0, &next, NULL), 0);
	for (; next != UINT64_MAX; n++) {
		assert_true(n < ARRAY_LEN(at));
		assert_int_equal(next, at[n]);
		assert_int_equal(undo_file_next(u, next + 1, &next, NULL), 0);
	}
	assert_int_equal(n, ARRAY_LEN(at));
	assert_int_equal(entry(f, u, last), UNDO_DATA);
	undo_file_close(u);
	assert_int_equal(fstatat(f->dir, "large", &st, 0), 0);
	assert_true(st.st_blocks * 512 < 1 << 20);
	unlinkat(f->dir, "large", 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_added_comes_back_and_the_rest_is_not_there),
		TEST(an_entry_whose_sync_never_ended_is_none_and_can_be_added_again),
		TEST(a_torn_record_of_a_batch_that_was_not_synced_is_no_entry),
		TEST(a_file_that_lacks_a_settled_entry_is_not_written_to),
		TEST(a_settled_entry_that_is_damaged_is_an_error),
		TEST(a_batch_with_one_after_it_is_settled),
		TEST(one_damaged_mark_leaves_the_other_and_two_are_an_error),
		TEST(a_header_that_is_damaged_or_newer_is_refused),
		TEST(entries_of_a_large_disk_are_found_without_reading_what_lies_between),
	};

	return cmocka_run_group_tests_name("dir-undo-file", tests, NULL, NULL);
}
