/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "support/scratch.h"

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

struct look {
	const volatile uint8_t *at;
	size_t len, seen;
};

static void look_at(void *ctx)
{
	struct look *l = ctx;

	for (size_t i = 0; i < l->len; i += 512) {
		(void)l->at[i];
		l->seen++;
	}
}

/* Four pages of a file that is cut to one behind the mapping's back. */
static uint8_t *map_cut(const struct scratch_dir *s)
{
	CLEANUP_FD int fd = -1;
	uint8_t *map;

	scratch_write(s, "cut", "x", 1);
	scratch_truncate(s, "cut", 4 * PAGE);
	fd = openat(s->fd, "cut", O_RDONLY);
	assert_true(fd >= 0);
	map = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	return map;
}

static void a_look_ends_where_the_file_does(void **state)
{
	uint8_t *map = map_cut(*state);
	struct look l = { .at = map, .len = 4 * PAGE };

	assert_true(fault_guard(map, 4 * PAGE, look_at, &l));
	assert_int_equal(l.seen, 4 * PAGE / 512);
	scratch_truncate(*state, "cut", PAGE);
	for (int i = 0; i < 3; i++) { /* again and again: the signal is not left blocked */
		l.seen = 0;
		assert_false(fault_guard(map, 4 * PAGE, look_at, &l));
		assert_int_equal(l.seen, PAGE / 512);
	}
	l.len = PAGE;
	assert_true(fault_guard(map, 4 * PAGE, look_at, &l));
	munmap(map, 4 * PAGE);
}

static void *look_often(void *arg)
{
	struct look *whole = arg;
	uintptr_t failed = 0;

	for (int i = 0; i < 200; i++) {
		struct look l = { .at = whole->at, .len = whole->len };

		failed += !fault_guard((const void *)(uintptr_t)l.at, l.len, look_at, &l);
	}
	return (void *)failed;
}

static void each_thread_has_its_own_looks(void **state)
{
	uint8_t *map = map_cut(*state);
	struct look bad = { .at = map, .len = 4 * PAGE }, good = { .at = map, .len = PAGE };
	void *failed_bad = NULL, *failed_good = NULL;
	pthread_t a, b;

	scratch_truncate(*state, "cut", PAGE);
	assert_int_equal(pthread_create(&a, NULL, look_often, &bad), 0);
	assert_int_equal(pthread_create(&b, NULL, look_often, &good), 0);
	pthread_join(a, &failed_bad);
	pthread_join(b, &failed_good);
	assert_int_equal((uintptr_t)failed_bad, 200);
	assert_int_equal((uintptr_t)failed_good, 0);
	munmap(map, 4 * PAGE);
}

static void what_is_not_guarded_still_ends_the_process(void **state)
{
	uint8_t *map = map_cut(*state);
	struct look l = { .at = map, .len = 4 * PAGE };
	int status = 0;
	pid_t pid;

	scratch_truncate(*state, "cut", PAGE);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGBUS, SIG_DFL); /* not cmocka's */
		(void)!fault_guard(map, PAGE, look_at, &l); /* looks further than it said */
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	munmap(map, 4 * PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_look_ends_where_the_file_does),
		cmocka_unit_test(each_thread_has_its_own_looks),
		cmocka_unit_test(what_is_not_guarded_still_ends_the_process),
	};

	return cmocka_run_group_tests_name("fault", tests, scratch_setup, scratch_teardown);
}
