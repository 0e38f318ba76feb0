/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/guid.h"
#include "fault.h"
#include "map/blockmap_file.h"
#include "room.h"

#define MIB (UINT64_C(1) << 20)

static struct blockmap *make_map(int dirfd, uint64_t content_size)
{
	static struct blockmap_header h;

	memset(&h, 0, sizeof(h));
	h.content_size = h.virtual_size = content_size;
	h.block_size = BLOCK_SIZE_MIN;
	return blockmap_create(dirfd, "map", &h, NULL);
}

static const struct block_hash some = { .lo = 0x1111, .hi = 0x2222 }, other = { .lo = 0x3333, .hi = 0x4444 };

static int write_born(int fd, char *out, size_t len, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "born");
	snprintf(out, len, "inode %ju", (uintmax_t)st.st_ino);
	return 0;
}

static int refuse_born(int fd, char *out, size_t len, struct error *err)
{
	(void)fd;
	snprintf(out, len, "nonsense");
	return error_set(err, ERR_REFUSED, "no birth time");
}

static void the_birth_mark_is_of_the_new_file(void **state)
{
	const struct room *room = *state;
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(room->fd, MIB);
	char want[64];
	struct stat st;

	for (int i = 1; i < 3; i++) {
		assert_int_equal(blockmap_commit(m, write_born, NULL), 0);
		assert_int_equal(fstatat(room->fd, "map", &st, 0), 0);
		snprintf(want, sizeof(want), "inode %ju", (uintmax_t)st.st_ino);
		assert_string_equal(blockmap_header(m)->born, want);
		assert_int_equal(blockmap_header(m)->generation, i);
	}
	assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
	assert_string_equal(blockmap_header(m)->born, "");
}

static void after_a_commit_the_next_change_makes_a_new_working_copy(void **state)
{
	const struct room *room = *state;
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(room->fd, 64 * MIB), *again = NULL;

	assert_int_equal(blockmap_make_writable(m, NULL), 0);
	blockmap_set_hash(m, 1, &some);
	blockmap_set_hash(m, 700, &some);
	assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
	assert_int_equal(blockmap_make_writable(m, NULL), 0);
	blockmap_set_hash(m, 2, &other);
	blockmap_set_unknown(m, 700);
	again = blockmap_open(room->fd, "map", NULL); /* deletes the working copy: two at once is against the rules */
	assert_int_equal(blockmap_get(again, 2, NULL), BLOCK_UNKNOWN);
	assert_int_equal(blockmap_get(again, 700, NULL), BLOCK_HASHED);
	assert_int_equal(blockmap_get(m, 1, NULL), BLOCK_HASHED);
	assert_int_equal(blockmap_get(m, 2, NULL), BLOCK_HASHED);
	assert_int_equal(blockmap_commit(m, NULL, NULL), -1);
}

static void a_commit_without_changes_keeps_all_entries(void **state)
{
	const struct room *room = *state;
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(room->fd, 64 * MIB);

	blockmap_fill_zero(m);
	assert_int_equal(blockmap_make_writable(m, NULL), 0);
	blockmap_set_hash(m, 400, &some);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
		blockmap_close(steal_ptr(&m));
		m = blockmap_open(room->fd, "map", NULL);
		assert_non_null(m);
	}
	assert_int_equal(blockmap_header(m)->generation, 3);
	assert_int_equal(blockmap_count(m, BLOCK_HASHED), 1);
	assert_int_equal(blockmap_count(m, BLOCK_ZERO), 1024);
}

struct getter {
	const struct blockmap *m;
	_Atomic bool begun, stop;
};

/* Every block as it was committed, over and over. */
static void *get_all(void *arg)
{
	struct getter *g = arg;
	struct block_hash got;

	while (!atomic_load(&g->stop)) {
		for (uint64_t blk = 0; blk < 1024; blk++) {
			bool hashed = blk % 3 == 0;

			if (blockmap_get(g->m, blk, &got) != (hashed ? BLOCK_HASHED : BLOCK_ZERO) ||
			    (hashed && !block_hash_equal(&got, &some)))
				return "wrong";
		}
		atomic_store(&g->begun, true);
	}
	return NULL;
}

static void gets_go_on_while_the_working_copy_is_made(void **state)
{
	const struct room *room = *state;
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(room->fd, 64 * MIB);
	void *wrong;

	blockmap_fill_zero(m);
	assert_int_equal(blockmap_make_writable(m, NULL), 0);
	for (uint64_t blk = 0; blk < 1024; blk += 3)
		blockmap_set_hash(m, blk, &some);
	for (int i = 0; i < 20; i++) {
		struct getter g = { .m = m };
		pthread_t thread;

		assert_true(blockmap_is_writable(m));
		assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
		assert_false(blockmap_is_writable(m));
		if (i % 2) { /* nothing of the file was looked at yet */
			blockmap_close(steal_ptr(&m));
			m = blockmap_open(room->fd, "map", NULL);
			assert_non_null(m);
			g.m = m;
		}
		assert_int_equal(pthread_create(&thread, NULL, get_all, &g), 0);
		while (i % 4 < 2 && !atomic_load(&g.begun))
			sched_yield();
		assert_int_equal(blockmap_make_writable(m, NULL), 0);
		atomic_store(&g.stop, true);
		assert_int_equal(pthread_join(thread, &wrong), 0);
		assert_null(wrong);
	}
}

static void growth_keeps_entries_and_forgets_footer_and_last_block(void **state)
{
	static const uint64_t sizes[] = {
		16, 17, 32, 100, 8192, 9000
	}; /* MiB; the page table outgrows 4096 bytes at 8 GiB */
	const struct room *room = *state;

	for (int filled = 0; filled < 2; filled++) {
		CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(room->fd, 16 * MIB);

		if (filled)
			blockmap_fill_zero(m);
		assert_int_equal(blockmap_make_writable(m, NULL), 0);
		blockmap_set_hash(m, 3, &some);
		blockmap_set_hash(m, 256, &other); /* the footer */
		for (size_t i = 1; i < ARRAY_LEN(sizes); i++) {
			uint64_t old = sizes[i - 1] * 16 + 1, now = sizes[i] * 16 + 1;
			struct block_hash got;

			if (i % 2)
				assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
			blockmap_fill_zero(m);
			assert_int_equal(blockmap_make_writable(m, NULL), 0);
			blockmap_set_hash(m, 3, &some);
			assert_int_equal(blockmap_resize(m, sizes[i] * MIB, sizes[i] * MIB - 512, NULL), 0);
			assert_int_equal(blockmap_blocks(m), now);
			assert_int_equal(blockmap_header(m)->virtual_size, sizes[i] * MIB - 512);
			for (uint64_t b = 0; b < now; b++)
				assert_int_equal(blockmap_get(m, b, &got), b == 3        ? BLOCK_HASHED
									   : b + 2 < old ? BLOCK_ZERO
											 : BLOCK_UNKNOWN);
			assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
			blockmap_close(steal_ptr(&m));
			m = blockmap_open(room->fd, "map", NULL);
			assert_int_equal(blockmap_count(m, BLOCK_ZERO), old - 2 - 1);
			assert_int_equal(blockmap_count(m, BLOCK_HASHED), 1);
		}
	}
}

static void a_grown_virtual_size_alone_forgets_footer_and_last_block(void **state)
{
	const struct room *room = *state;
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(room->fd, 16 * MIB);

	blockmap_fill_zero(m);
	assert_int_equal(blockmap_resize(m, 16 * MIB, 16 * MIB - 1024, NULL), 0);
	assert_int_equal(blockmap_header(m)->virtual_size, 16 * MIB - 1024);
	assert_int_equal(blockmap_count(m, BLOCK_UNKNOWN), 2);
	assert_int_equal(blockmap_get(m, 255, NULL), BLOCK_UNKNOWN);
	assert_int_equal(blockmap_get(m, 256, NULL), BLOCK_UNKNOWN);
}

/* Also over the border of a page of 256 entries, and with nothing left of what was cut off once it grows again. */
static void a_smaller_map_forgets_its_tail_and_what_is_at_its_new_end(void **state)
{
	static const uint64_t sizes[] = { 40, 33, 32, 31, 16, 15, 1 };
	const struct room *room = *state;

	for (int committed = 0; committed < 2; committed++) {
		CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(room->fd, 48 * MIB);
		struct block_hash got;

		blockmap_fill_zero(m);
		assert_int_equal(blockmap_make_writable(m, NULL), 0);
		for (uint64_t b = 0; b <= 48 * 16; b++)
			blockmap_set_hash(m, b, &some);
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			uint64_t now = sizes[i] * 16 + 1;

			if (committed) {
				assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
				blockmap_close(steal_ptr(&m));
				m = blockmap_open(room->fd, "map", NULL);
				assert_non_null(m);
			}
			assert_int_equal(blockmap_resize(m, sizes[i] * MIB, sizes[i] * MIB - 512, NULL), 0);
			assert_int_equal(blockmap_blocks(m), now);
			assert_int_equal(blockmap_header(m)->content_size, sizes[i] * MIB);
			for (uint64_t b = 0; b < now; b++)
				assert_int_equal(blockmap_get(m, b, &got), b + 2 < now ? BLOCK_HASHED : BLOCK_UNKNOWN);
		}
		assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
		assert_int_equal(blockmap_resize(m, 48 * MIB, 48 * MIB, NULL), 0);
		assert_int_equal(blockmap_count(m, BLOCK_HASHED), 15);
		assert_int_equal(blockmap_count(m, BLOCK_UNKNOWN), 48 * 16 + 1 - 15);
	}
}

static void impossible_sizes_leave_the_map_alone(void **state)
{
	const struct room *room = *state;
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(room->fd, 16 * MIB);
	struct error e = ERROR_INIT;

	blockmap_fill_zero(m);
	assert_int_equal(blockmap_resize(m, UINT64_C(2) << 40, 0, &e), -1);
	assert_error(&e, ERR_USAGE, "map: content of 2199023255552 bytes: more than 2^24 blocks of 65536");
	assert_int_equal(blockmap_count(m, BLOCK_ZERO), 257);
	assert_int_equal(blockmap_failed(m, NULL), 0);
}

static void random_changes_commits_and_openings_agree_with_an_array(void **state)
{
	enum { BLOCKS = 1600 };
	static struct {
		enum block_state state;
		struct block_hash hash;
	} model[BLOCKS + 1], saved[BLOCKS + 1];
	const struct room *room = *state;
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(room->fd, 100 * MIB);
	bool committed = false;

	memset(model, 0, sizeof(model));
	for (int step = 0; step < 30000; step++) {
		uint64_t b = random_below(BLOCKS + 1), what = random_below(1000);
		struct block_hash got, run[600];

		assert_int_equal(blockmap_make_writable(m, NULL), 0);
		if (what < 300) {
			blockmap_set_unknown(m, b);
			model[b].state = BLOCK_UNKNOWN;
		} else if (what < 500) {
			blockmap_set_zero(m, b);
			model[b].state = BLOCK_ZERO;
		} else if (what < 560) { /* over as many as two borders of pages */
			uint64_t n = random_below(BLOCKS + 1 - b < ARRAY_LEN(run) ? BLOCKS + 2 - b : ARRAY_LEN(run));
			static const enum block_state states[] = { BLOCK_UNKNOWN, BLOCK_ZERO, BLOCK_HASHED };
			enum block_state s = states[random_below(3)];

			for (uint64_t i = 0; i < n; i++) {
				run[i] = (struct block_hash){ .lo = 2 + random_below(5), .hi = random_below(3) };
				model[b + i].state = s;
				model[b + i].hash = run[i];
			}
			blockmap_set_run(m, b, n, s, s == BLOCK_HASHED ? run : NULL);
			if (n > 0)
				assert_int_equal(blockmap_get(m, b + n - 1, NULL), s);
		} else if (what < 980) {
			model[b].state = BLOCK_HASHED;
			model[b].hash = (struct block_hash){ .lo = 2 + random_below(5), .hi = random_below(3) };
			blockmap_set_hash(m, b, &model[b].hash);
		} else if (what == 980) {
			blockmap_fill_zero(m);
			for (b = 0; b <= BLOCKS; b++)
				model[b].state = BLOCK_ZERO;
		} else if (what == 981) {
			blockmap_fill_unknown(m);
			memset(model, 0, sizeof(model));
		} else if (what < 990) {
			assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
			memcpy(saved, model, sizeof(model));
			committed = true;
		} else if (what < 994 && committed) {
			blockmap_close(steal_ptr(&m));
			m = blockmap_open(room->fd, "map", NULL);
			assert_non_null(m);
			memcpy(model, saved, sizeof(model));
		} else if (what < 996) {
			blockmap_drop_before(m, b);
		}
		for (int k = 0; k < 4; k++) {
			b = random_below(BLOCKS + 1);
			assert_int_equal(blockmap_get(m, b, &got), model[b].state);
			if (model[b].state == BLOCK_HASHED)
				assert_true(block_hash_equal(&got, &model[b].hash));
		}
	}
}

/* Which step of the commit fails; the number of the system call, and what marks the right one. */
struct fault {
	const char *step;
	long nr;
	int arg;
	uint32_t value;
	bool goes_on;  /* the map can be committed later */
	bool in_place; /* the new file has its name already */
	int (*born)(int fd, char *out, size_t len, struct error *err);
	int dirfd;
};

enum { OK = 0, COMMITTED = 10, WRONG_STATE, NOT_FAILED, FAILED, NOT_OPENED };

static int fail_a_commit(void *ctx)
{
	const struct fault *f = ctx;
	struct blockmap *m = blockmap_open(f->dirfd, "map", NULL);
	struct error e = ERROR_INIT;
	uint32_t value = f->value;
	int next;

	if (!m || blockmap_make_writable(m, NULL) < 0)
		return NOT_OPENED;
	blockmap_set_hash(m, 5, &other);
	next = dup(f->dirfd); /* the number that the folder will get for its fsync */
	close(next);
	if (f->arg == 0 && value == UINT32_MAX)
		value = (uint32_t)next;
	if (f->nr >= 0 && !fault_arm(f->nr, f->arg, value, EIO))
		return FAULT_SKIP;
	if (f->nr == SYS_renameat && !fault_arm(SYS_renameat2, -1, 0, EIO))
		return FAULT_SKIP;
	if (blockmap_commit(m, f->born, &e) == 0)
		return COMMITTED;
	if (blockmap_failed(m, NULL) == 0 && !f->goes_on)
		return NOT_FAILED;
	if (f->goes_on)
		return blockmap_get(m, 5, NULL) != BLOCK_HASHED || blockmap_failed(m, NULL) < 0 ? FAILED
		       : f->nr < 0 && blockmap_commit(m, NULL, NULL) < 0                        ? NOT_OPENED
												: OK;
	return blockmap_get(m, 5, NULL) != BLOCK_UNKNOWN || blockmap_commit(m, NULL, NULL) == 0 ? WRONG_STATE : OK;
}

static void a_commit_that_fails_keeps_the_old_file(void **state)
{
	const struct room *room = *state;
	const struct fault faults[] = {
		{ "born", -1, -1, 0, true, true, refuse_born, room->fd }, /* and then goes through */
		{ "write", SYS_pwrite64, 3, 0, true, false, NULL, room->fd },
		{ "fsync", SYS_fsync, -1, 0, false, false, NULL, room->fd },
		{ "rename", SYS_renameat, -1, 0, true, false, NULL, room->fd },
		{ "fsync of the folder", SYS_fsync, 0, UINT32_MAX, false, true, NULL, room->fd },
	};

	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(room->fd, 64 * MIB);
		struct block_hash got;
		int rc;

		assert_int_equal(blockmap_make_writable(m, NULL), 0);
		blockmap_set_hash(m, 5, &some);
		assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
		blockmap_close(steal_ptr(&m));
		rc = fault_child(fail_a_commit, (void *)&faults[i]);
		if (rc == FAULT_SKIP) {
			print_message("no seccomp filters here\n");
			skip();
		}
		if (rc != OK)
			print_message("step: %s\n", faults[i].step);
		assert_int_equal(rc, OK);
		m = blockmap_open(room->fd, "map", NULL);
		assert_non_null(m);
		assert_int_equal(blockmap_header(m)->generation, faults[i].in_place ? 2 : 1);
		assert_int_equal(blockmap_get(m, 5, &got), BLOCK_HASHED);
		assert_true(block_hash_equal(&got, faults[i].in_place ? &other : &some));
		assert_int_equal(blockmap_bad_pages(m), 0);
		assert_false(room_has(room, "map.work"));
	}
}

/* A set that cannot be written: pwrite of one entry fails. */
static int fail_a_set(void *ctx)
{
	const struct room *room = ctx;
	struct blockmap *m = blockmap_open(room->fd, "map", NULL);
	struct error e = ERROR_INIT;

	if (!m || blockmap_make_writable(m, NULL) < 0)
		return NOT_OPENED;
	if (!fault_arm(SYS_pwrite64, -1, 0, ENOSPC))
		return FAULT_SKIP;
	blockmap_set_hash(m, 6, &other);
	if (blockmap_get(m, 6, NULL) != BLOCK_UNKNOWN || blockmap_get(m, 5, NULL) != BLOCK_UNKNOWN)
		return WRONG_STATE;
	if (blockmap_commit(m, NULL, &e) == 0)
		return COMMITTED;
	return e.code == ERR_SYSTEM && e.detail == ENOSPC && strncmp(e.msg, "map.work: write ", 16) == 0 ? OK : FAILED;
}

static void a_set_that_cannot_be_written_makes_all_unknown(void **state)
{
	struct room *room = *state;
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_map(room->fd, 64 * MIB);
	int rc;

	assert_int_equal(blockmap_make_writable(m, NULL), 0);
	blockmap_set_hash(m, 5, &some);
	assert_int_equal(blockmap_commit(m, NULL, NULL), 0);
	blockmap_close(steal_ptr(&m));
	rc = fault_child(fail_a_set, room);
	if (rc == FAULT_SKIP)
		skip();
	assert_int_equal(rc, OK);
	m = blockmap_open(room->fd, "map", NULL);
	assert_int_equal(blockmap_get(m, 5, NULL), BLOCK_HASHED);
	assert_int_equal(blockmap_get(m, 6, NULL), BLOCK_UNKNOWN);
}

/* In a mount name space of the child's own: a file system of 64 KiB. */
static int fill_a_disk(void *ctx)
{
	const struct room *room = ctx;
	struct error e = ERROR_INIT;
	struct blockmap *m;
	int fd;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", room->path, "tmpfs", 0, "size=64k") < 0)
		return FAULT_SKIP;
	fd = open(room->path, O_RDONLY | O_DIRECTORY);
	m = make_map(fd, 1024 * MIB); /* 64 pages: 256 KiB if all are stored */
	if (!m || blockmap_make_writable(m, NULL) < 0)
		return NOT_OPENED;
	blockmap_set_hash(m, 5, &some);
	if (blockmap_commit(m, NULL, NULL) < 0)
		return NOT_OPENED;
	if (blockmap_make_writable(m, NULL) < 0)
		return NOT_OPENED;
	for (uint64_t b = 0; b < blockmap_blocks(m); b += 256)
		blockmap_set_hash(m, b, &other);
	if (blockmap_commit(m, NULL, &e) == 0)
		return COMMITTED;
	if (e.detail != ENOSPC || blockmap_get(m, 5, NULL) != BLOCK_UNKNOWN)
		return FAILED;
	blockmap_close(m);
	m = blockmap_open(fd, "map", NULL);
	return m && blockmap_count(m, BLOCK_HASHED) == 1 && blockmap_get(m, 5, NULL) == BLOCK_HASHED ? OK : WRONG_STATE;
}

static void a_full_disk_is_an_error_and_keeps_the_old_file(void **state)
{
	int rc = fault_child(fill_a_disk, *state);

	if (rc == FAULT_SKIP) {
		print_message("cannot mount a tmpfs here\n");
		skip();
	}
	assert_int_equal(rc, OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_birth_mark_is_of_the_new_file, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(after_a_commit_the_next_change_makes_a_new_working_copy, enter_room,
						leave_room),
		cmocka_unit_test_setup_teardown(a_commit_without_changes_keeps_all_entries, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(gets_go_on_while_the_working_copy_is_made, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(growth_keeps_entries_and_forgets_footer_and_last_block, enter_room,
						leave_room),
		cmocka_unit_test_setup_teardown(a_grown_virtual_size_alone_forgets_footer_and_last_block, enter_room,
						leave_room),
		cmocka_unit_test_setup_teardown(a_smaller_map_forgets_its_tail_and_what_is_at_its_new_end, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(impossible_sizes_leave_the_map_alone, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(random_changes_commits_and_openings_agree_with_an_array, enter_room,
						leave_room),
		cmocka_unit_test_setup_teardown(a_commit_that_fails_keeps_the_old_file, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(a_set_that_cannot_be_written_makes_all_unknown, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(a_full_disk_is_an_error_and_keeps_the_old_file, enter_room, leave_room),
	};

	return cmocka_run_group_tests_name("blockmap-work", tests, NULL, NULL);
}
