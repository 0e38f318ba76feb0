/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "map/blockmap_file.h"
#include "room.h"

#define MIB (UINT64_C(1) << 20)

static struct blockmap *make_map(const struct room *room, uint64_t content_size)
{
	static struct blockmap_header h;
	struct blockmap *m;

	memset(&h, 0, sizeof(h));
	h.content_size = h.virtual_size = content_size;
	h.block_size = BLOCK_SIZE_MIN;
	memset(h.liftfs_id.b, 1, sizeof(h.liftfs_id.b));
	snprintf(h.version, sizeof(h.version), "etag");
	m = blockmap_create(room->fd, "map", &h, NULL);
	assert_non_null(m);
	return m;
}

static struct block_hash hash_of(uint64_t n)
{
	return (struct block_hash){ .lo = n * 2654435761u + 3, .hi = n };
}

static void a_new_map_knows_nothing_or_zero(void **state)
{
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(*state, 32 * MIB);

	assert_int_equal(blockmap_blocks(m), 513);
	assert_int_equal(blockmap_count(m, BLOCK_UNKNOWN), 513);
	blockmap_fill_zero(m);
	assert_int_equal(blockmap_count(m, BLOCK_ZERO), 513);
	assert_int_equal(blockmap_get(m, 512, NULL), BLOCK_ZERO);
	assert_false(room_has(*state, "map"));
	assert_int_equal(blockmap_header(m)->generation, 0);
}

static void blocks_have_ranges(void **state)
{
	CLEANUP(cleanup_blockmap) struct blockmap *m = NULL;
	static struct blockmap_header h;
	const struct room *room = *state;
	uint64_t off, len;

	h.content_size = 5 * MIB;
	h.block_size = 4 * MIB;
	m = blockmap_create(room->fd, "map", &h, NULL);
	assert_int_equal(blockmap_blocks(m), 3);
	blockmap_range(m, 0, &off, &len);
	assert_int_equal(off, 0);
	assert_int_equal(len, 4 * MIB);
	blockmap_range(m, 1, &off, &len);
	assert_int_equal(off, 4 * MIB);
	assert_int_equal(len, MIB);
	blockmap_range(m, 2, &off, &len);
	assert_int_equal(off, 5 * MIB);
	assert_int_equal(len, 512);
}

static void what_was_committed_is_there_again(void **state)
{
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(*state, 32 * MIB), *again = NULL;
	const struct room *room = *state;
	struct block_hash h = hash_of(7), got;

	assert_int_equal(blockmap_make_writable(m, NULL), 0);
	assert_true(room_has(room, "map.work"));
	blockmap_set_hash(m, 7, &h);
	blockmap_set_zero(m, 300);
	assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
	assert_false(room_has(room, "map.work"));
	again = blockmap_open(room->fd, "map", NULL);
	assert_non_null(again);
	assert_int_equal(blockmap_header(again)->generation, 1);
	assert_string_equal(blockmap_header(again)->version, "etag");
	assert_int_equal(blockmap_get(again, 7, &got), BLOCK_HASHED);
	assert_true(block_hash_equal(&got, &h));
	assert_int_equal(blockmap_get(again, 300, NULL), BLOCK_ZERO);
	assert_int_equal(blockmap_count(again, BLOCK_UNKNOWN), 511);
	assert_int_equal(blockmap_count(again, BLOCK_HASHED), 1);
}

static void uncommitted_changes_and_a_left_working_copy_are_gone(void **state)
{
	const struct room *room = *state;
	struct blockmap *m = make_map(room, 32 * MIB);
	struct block_hash h = hash_of(1);

	assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
	assert_int_equal(blockmap_make_writable(m, NULL), 0);
	blockmap_set_hash(m, 1, &h);
	assert_int_equal(blockmap_get(m, 1, NULL), BLOCK_HASHED);
	blockmap_close(m);
	assert_false(room_has(room, "map.work"));
	room_write(room, "map.work", "left by a crash", 15);
	m = blockmap_open(room->fd, "map", NULL);
	assert_int_equal(blockmap_get(m, 1, NULL), BLOCK_UNKNOWN);
	assert_false(room_has(room, "map.work"));
	blockmap_close(m);
}

static void a_missing_map_says_so(void **state)
{
	const struct room *room = *state;
	struct error e = ERROR_INIT, e2 = ERROR_INIT;

	assert_null(blockmap_open(room->fd, "map", &e));
	assert_error(&e, ERR_SYSTEM, "map: No such file or directory");
	assert_int_equal(e.detail, ENOENT);
	assert_int_equal(mkdirat(room->fd, "map", 0700), 0);
	assert_null(blockmap_open(room->fd, "map", &e2));
	assert_error(&e2, ERR_CORRUPT, "map: not a regular file");
}

static void the_wrong_replica_is_a_conflict(void **state)
{
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(*state, 32 * MIB);
	struct guid other = { { 9 } }, same = blockmap_header(m)->liftfs_id;
	struct error e = ERROR_INIT, e2 = ERROR_INIT;

	assert_int_equal(blockmap_expect(m, &same, 32 * MIB, NULL), 0);
	assert_int_equal(blockmap_expect(m, &other, 32 * MIB, &e), -1);
	assert_error(&e, ERR_CONFLICT,
		     "map: map of replica 01010101-0101-0101-0101-010101010101, should be of "
		     "09000000-0000-0000-0000-000000000000");
	assert_int_equal(blockmap_expect(m, &same, 33 * MIB, &e2), -1);
	assert_error(&e2, ERR_CONFLICT, "map: map of 33554432 bytes, the replica has 34603008");
}

static void a_header_is_taken_over_but_for_what_is_fixed(void **state)
{
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(*state, 32 * MIB);
	static struct blockmap_header h;

	h = *blockmap_header(m);
	h.block_size = h.content_size = h.virtual_size = h.generation = 5;
	h.secret[3] = 77;
	h.cycle = 12;
	blockmap_set_header(m, &h);
	assert_int_equal(blockmap_header(m)->block_size, BLOCK_SIZE_MIN);
	assert_int_equal(blockmap_header(m)->content_size, 32 * MIB);
	assert_int_equal(blockmap_header(m)->virtual_size, 32 * MIB);
	assert_int_equal(blockmap_header(m)->generation, 0);
	assert_int_equal(blockmap_header(m)->secret[3], 0);
	assert_int_equal(blockmap_header(m)->cycle, 12);
}

/* Two pages of entries of each kind, a uniform page, committed. */
static uint8_t *committed_bytes(const struct room *room, size_t *len_out)
{
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(room, 48 * MIB); /* 769 blocks, 4 pages */

	blockmap_fill_zero(m);
	assert_int_equal(blockmap_make_writable(m, NULL), 0);
	for (uint64_t b = 0; b < 512; b++) {
		struct block_hash h = hash_of(b);

		if (b % 3 == 0)
			blockmap_set_unknown(m, b);
		else if (b % 3 == 1)
			blockmap_set_hash(m, b, &h);
	}
	blockmap_set_unknown(m, 768);
	assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
	return room_read(room, "map", len_out);
}

/* Nothing but what was written, or unknown. */
static void assert_no_invention(const struct blockmap *m)
{
	assert_int_equal(blockmap_blocks(m), 769);
	for (uint64_t b = 0; b < 769; b++) {
		struct block_hash got, want = hash_of(b);
		enum block_state s = blockmap_get(m, b, &got);

		if (s == BLOCK_ZERO)
			assert_true(b < 768 && (b >= 512 || b % 3 == 2));
		if (s == BLOCK_HASHED)
			assert_true(b < 512 && b % 3 == 1 && block_hash_equal(&got, &want));
	}
}

static void every_single_damaged_byte_is_noticed_or_harmless(void **state)
{
	const struct room *room = *state;
	CLEANUP_FREE uint8_t *bytes = NULL;
	uint64_t rejected = 0, bad_pages = 0, harmless = 0;
	size_t len;
	int fd;

	bytes = committed_bytes(room, &len);
	fd = openat(room->fd, "map", O_RDWR | O_CLOEXEC);
	assert_int_equal(len, 8192 + 4096 + 4 * 4096);
	for (size_t i = 0; i < len; i++) {
		CLEANUP(cleanup_blockmap) struct blockmap *m = NULL;
		uint8_t flipped = bytes[i] ^ (uint8_t)(1 << i % 8);
		struct error e = ERROR_INIT;

		assert_int_equal(pwrite(fd, &flipped, 1, (off_t)i), 1);
		m = blockmap_open(room->fd, "map", &e);
		if (m) {
			assert_true(i >= 8192 + 4096);
			assert_no_invention(m);
			bad_pages += blockmap_bad_pages(m);
			harmless += blockmap_bad_pages(m) == 0;
		} else {
			assert_int_equal(e.code, ERR_CORRUPT);
			rejected++;
		}
		assert_int_equal(pwrite(fd, bytes + i, 1, (off_t)i), 1);
	}
	close(fd);
	assert_int_equal(rejected, 8192 + 4096);
	assert_int_equal(bad_pages, 2 * 4096); /* two are stored, two not */
	assert_int_equal(harmless, 2 * 4096);
}

static void a_cut_or_longer_file_is_refused(void **state)
{
	const struct room *room = *state;
	CLEANUP_FREE uint8_t *bytes = NULL;
	size_t len;

	bytes = committed_bytes(room, &len);
	for (size_t cut = 0; cut < len; cut += cut < 8192 + 4096 ? 1021 : 511) {
		struct error e = ERROR_INIT;

		room_write(room, "map", bytes, cut);
		assert_null(blockmap_open(room->fd, "map", &e));
		assert_int_equal(e.code, ERR_CORRUPT);
	}
	room_write(room, "map", bytes, len);
	{
		int fd = openat(room->fd, "map", O_WRONLY | O_APPEND | O_CLOEXEC);
		struct error e = ERROR_INIT;

		assert_int_equal(write(fd, "x", 1), 1);
		close(fd);
		assert_null(blockmap_open(room->fd, "map", &e));
		assert_error(&e, ERR_CORRUPT, "map: file of 28673 bytes, should have 28672");
	}
}

static void a_bad_page_is_unknown_can_be_set_and_is_gone_after_a_commit(void **state)
{
	const struct room *room = *state;
	CLEANUP(cleanup_blockmap) struct blockmap *m = NULL;
	CLEANUP_FREE uint8_t *bytes = NULL;
	struct block_hash h = hash_of(42), got;
	size_t len;

	bytes = committed_bytes(room, &len);
	bytes[8192 + 4096 + 4096 + 100] ^= 1; /* page 1 */
	room_write(room, "map", bytes, len);
	m = blockmap_open(room->fd, "map", NULL);
	assert_int_equal(blockmap_make_writable(m, NULL), 0);
	blockmap_set_hash(m, 300, &h);
	assert_int_equal(blockmap_bad_pages(m), 1);
	for (uint64_t b = 256; b < 512; b++)
		assert_int_equal(blockmap_get(m, b, NULL), b == 300 ? BLOCK_HASHED : BLOCK_UNKNOWN);
	assert_int_equal(blockmap_get(m, 1, NULL), BLOCK_HASHED);
	assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
	blockmap_close(steal_ptr(&m));
	m = blockmap_open(room->fd, "map", NULL);
	assert_int_equal(blockmap_get(m, 300, &got), BLOCK_HASHED);
	assert_true(block_hash_equal(&got, &h));
	assert_int_equal(blockmap_get(m, 301, NULL), BLOCK_UNKNOWN);
	assert_int_equal(blockmap_count(m, BLOCK_HASHED), 85 + 1);
	assert_int_equal(blockmap_bad_pages(m), 0);
}

struct worker {
	struct blockmap *m;
	unsigned id;
};

enum { WORKERS = 4, SHARED_BLOCKS = 4096 };

static void *set_every_fourth(void *arg)
{
	struct worker *w = arg;

	for (uint64_t b = w->id; b < SHARED_BLOCKS; b += WORKERS) {
		struct block_hash h = hash_of(b), got;

		if (blockmap_get(w->m, b, NULL) != BLOCK_ZERO)
			return "lost zero";
		blockmap_set_unknown(w->m, b);
		blockmap_set_hash(w->m, b, &h);
		if (blockmap_get(w->m, b, &got) != BLOCK_HASHED || !block_hash_equal(&got, &h))
			return "lost hash";
		if (b % 512 == w->id)
			blockmap_drop_before(w->m, b);
	}
	return NULL;
}

static void threads_on_different_blocks_of_the_same_pages(void **state)
{
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(*state, SHARED_BLOCKS * BLOCK_SIZE_MIN);
	struct worker w[WORKERS];
	pthread_t t[WORKERS];

	assert_int_equal(blockmap_make_writable(m, NULL), 0);
	for (uint64_t b = 0; b < SHARED_BLOCKS; b++)
		blockmap_set_zero(m, b);
	assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
	blockmap_close(steal_ptr(&m));
	m = blockmap_open(((struct room *)*state)->fd, "map", NULL);
	assert_int_equal(blockmap_make_writable(m, NULL), 0);
	for (unsigned i = 0; i < WORKERS; i++) {
		w[i] = (struct worker){ .m = m, .id = i };
		assert_int_equal(pthread_create(&t[i], NULL, set_every_fourth, &w[i]), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		void *wrong;

		pthread_join(t[i], &wrong);
		assert_null(wrong);
	}
	assert_int_equal(blockmap_count(m, BLOCK_HASHED), SHARED_BLOCKS);
	assert_int_equal(blockmap_failed(m, NULL), 0);
}

/* Under ThreadSanitizer only what is mapped from files: each byte that is looked at costs it several of its own. */
#ifdef __SANITIZE_THREAD__
#define RESIDENT "RssFile:"
#else
#define RESIDENT "VmRSS:"
#endif

static uint64_t resident_kib(void)
{
	CLEANUP_FILE FILE *f = fopen("/proc/self/status", "r");
	uint64_t kib = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, RESIDENT, strlen(RESIDENT)) == 0)
			kib = strtoul(line + strlen(RESIDENT), NULL, 10);
	return kib;
}

static void the_largest_map_is_scanned_in_little_memory(void **state)
{
	const struct room *room = *state;
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(room, BLOCKMAP_BLOCKS_MAX * BLOCK_SIZE_MIN);
	uint64_t before = resident_kib(), peak = 0, hashed = 0;

	if (before == 0)
		skip();
	assert_int_equal(blockmap_make_writable(m, NULL), 0);
	for (uint64_t b = 0; b < BLOCKMAP_BLOCKS_MAX; b += 256) { /* one entry makes the page a stored one */
		struct block_hash h = hash_of(b);

		blockmap_set_hash(m, b, &h);
	}
	assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
	blockmap_close(steal_ptr(&m));
	m = blockmap_open(room->fd, "map", NULL);
	for (uint64_t b = 0; b < BLOCKMAP_BLOCKS_MAX; b += 64) {
		hashed += blockmap_get(m, b, NULL) == BLOCK_HASHED;
		if (b % 65536 == 0) {
			uint64_t now = resident_kib();

			blockmap_drop_before(m, b);
			peak = now > peak ? now : peak;
		}
	}
	assert_int_equal(hashed, BLOCKMAP_BLOCKS_MAX / 256);
	assert_true(peak < before + 64 * 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_new_map_knows_nothing_or_zero, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(blocks_have_ranges, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(what_was_committed_is_there_again, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(uncommitted_changes_and_a_left_working_copy_are_gone, enter_room,
						leave_room),
		cmocka_unit_test_setup_teardown(a_missing_map_says_so, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(the_wrong_replica_is_a_conflict, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(a_header_is_taken_over_but_for_what_is_fixed, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(every_single_damaged_byte_is_noticed_or_harmless, enter_room,
						leave_room),
		cmocka_unit_test_setup_teardown(a_cut_or_longer_file_is_refused, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(a_bad_page_is_unknown_can_be_set_and_is_gone_after_a_commit, enter_room,
						leave_room),
		cmocka_unit_test_setup_teardown(threads_on_different_blocks_of_the_same_pages, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(the_largest_map_is_scanned_in_little_memory, enter_room, leave_room),
	};

	return cmocka_run_group_tests_name("blockmap", tests, NULL, NULL);
}
