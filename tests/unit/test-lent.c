/* SPDX-License-Identifier: Apache-2.0 */
/* Pages lent through a pipe are the bytes that a read of the same range gives; what comes short is not lent. */
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lent.h"
#include "support/scratch.h"

#define SIZE (2 * LENT_MAX + 512)

struct lender {
	struct scratch_dir *dir;
	int fd;
};

static uint8_t content[SIZE], got[LENT_MAX + 1];

static int make_file(void **state)
{
	static struct lender l;

	if (scratch_setup((void **)&l.dir) != 0)
		return -1;
	pattern_fill(content, sizeof(content), 0, 9);
	scratch_write(l.dir, "disk.raw", content, sizeof(content));
	l.fd = openat(l.dir->fd, "disk.raw", O_RDONLY | O_CLOEXEC);
	*state = &l;
	return l.fd < 0;
}

static int remove_file(void **state)
{
	struct lender *l = *state;

	lent_drop();
	close(l->fd);
	return scratch_teardown((void **)&l->dir);
}

static void assert_lent(int fd, size_t len, uint64_t off)
{
	int end = lent_take(fd, len, off), left = -1;
	size_t have = 0;
	ssize_t n;

	assert_true(end >= 0);
	for (; have < len; have += (size_t)n) {
		n = read(end, got + have, len - have);
		assert_true(n > 0);
	}
	assert_memory_equal(got, content + off, len);
	assert_int_equal(ioctl(end, FIONREAD, &left), 0);
	assert_int_equal(left, 0);
}

static void what_is_lent_is_what_is_read(void **state)
{
	static const size_t lens[] = { 1, 512, 4096, 65536, 65537, 131072, LENT_MAX - 1, LENT_MAX };
	static const uint64_t offs[] = { 0, 1, 511, 4095, 4096, 300000, LENT_MAX - 1, LENT_MAX + 512 };
	const struct lender *l = *state;

	for (size_t i = 0; i < ARRAY_LEN(lens); i++)
		for (size_t j = 0; j < ARRAY_LEN(offs); j++)
			assert_lent(l->fd, lens[i], offs[j]);
}

static void more_than_a_pipe_holds_is_not_lent(void **state)
{
	const struct lender *l = *state;

	assert_int_equal(lent_take(l->fd, LENT_MAX + 1, 0), -1);
	assert_lent(l->fd, 4096, 0);
}

static void a_file_that_was_cut_lends_nothing_beyond_its_end(void **state)
{
	const struct lender *l = *state;

	scratch_truncate(l->dir, "disk.raw", 65536 + 512);
	assert_int_equal(lent_take(l->fd, 65536, 1024), -1); /* its last bytes are gone */
	assert_int_equal(lent_take(l->fd, 65536, 65536 + 512), -1);
	assert_int_equal(lent_take(l->fd, 4096, LENT_MAX), -1);
	assert_lent(l->fd, 65536, 512); /* and what came short is not in front of it */
	assert_lent(l->fd, 512, 65536);
}

static void a_pipe_that_was_dropped_leaves_nothing_behind(void **state)
{
	const struct lender *l = *state;

	lent_drop();
	assert_true(lent_take(l->fd, 65536, 0) >= 0);
	lent_drop();
	assert_lent(l->fd, 4096, 65536);
}

static void what_is_no_file_is_not_lent(void **state)
{
	const struct lender *l = *state;

	assert_int_equal(lent_take(-1, 4096, 0), -1);
	assert_int_equal(lent_take(l->dir->fd, 4096, 0), -1);
}

static void *lend_often(void *arg)
{
	const struct lender *l = arg;
	static _Thread_local uint8_t mine[65536];
	int end;

	for (uint64_t off = 0; off < LENT_MAX; off += 13001) {
		end = lent_take(l->fd, sizeof(mine), off);
		if (end < 0 || read(end, mine, sizeof(mine)) != sizeof(mine) || memcmp(mine, content + off, sizeof(mine)) != 0)
			return arg;
	}
	return NULL;
}

static void each_thread_has_a_pipe_of_its_own(void **state)
{
	pthread_t threads[3];
	void *failed;

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, lend_often, *state), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

#define with_file(test) cmocka_unit_test_setup_teardown(test, make_file, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_file(what_is_lent_is_what_is_read),
		with_file(more_than_a_pipe_holds_is_not_lent),
		with_file(a_file_that_was_cut_lends_nothing_beyond_its_end),
		with_file(a_pipe_that_was_dropped_leaves_nothing_behind),
		with_file(what_is_no_file_is_not_lent),
		with_file(each_thread_has_a_pipe_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
