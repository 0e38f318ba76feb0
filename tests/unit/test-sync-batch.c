/* SPDX-License-Identifier: Apache-2.0 */
/* VMs that wait to be written: each once, none for longer than it must, none left at the end. */
#include "unit.h"

#include <pthread.h>
#include <stdint.h>

#include "sync_batch.h"

#define VMS 5000

struct log {
	pthread_mutex_t lock;
	pthread_cond_t wrote;
	unsigned times[VMS];
	size_t calls, total;
};

/* A batch looks at no VM. */
static struct run_vm *vm(size_t i)
{
	return (struct run_vm *)(uintptr_t)(i + 1);
}

static void write_down(void *ctx, struct run_vm *const *vms, size_t n)
{
	struct log *l = ctx;

	LOCK_SCOPE(&l->lock);
	l->calls++;
	for (size_t i = 0; i < n; i++)
		l->times[(uintptr_t)vms[i] - 1]++;
	l->total += n;
	pthread_cond_broadcast(&l->wrote);
}

static struct log *new_log(void)
{
	static struct log l;

	l = (struct log){ .lock = PTHREAD_MUTEX_INITIALIZER, .wrote = PTHREAD_COND_INITIALIZER };
	return &l;
}

static void what_waits_is_written_at_the_end_each_once(void **state)
{
	struct log *l = new_log();
	struct sync_batch *b = sync_batch_new(write_down, l);

	(void)state;
	assert_non_null(b);
	for (size_t i = 0; i < VMS; i++)
		sync_batch_add(b, vm(i));
	sync_batch_free(b);
	for (size_t i = 0; i < VMS; i++)
		assert_int_equal(l->times[i], 1);
	assert_true(l->calls < VMS / 10); /* together, which is what it is for */
}

static void one_that_nobody_follows_is_written_all_the_same(void **state)
{
	struct log *l = new_log();
	struct sync_batch *b = sync_batch_new(write_down, l);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		sync_batch_add(b, vm(i));
		pthread_mutex_lock(&l->lock);
		while (l->total <= i) /* for ever, if nobody wrote it before the end */
			pthread_cond_wait(&l->wrote, &l->lock);
		pthread_mutex_unlock(&l->lock);
	}
	sync_batch_free(b);
	assert_int_equal(l->total, 2);
}

static void after_a_flush_nothing_waits(void **state)
{
	struct log *l = new_log();
	struct sync_batch *b = sync_batch_new(write_down, l);

	(void)state;
	sync_batch_flush(b);
	assert_int_equal(l->calls, 0);
	for (size_t i = 0; i < 10; i++)
		sync_batch_add(b, vm(i));
	sync_batch_flush(b);
	assert_int_equal(l->total, 10);
	sync_batch_free(b);
	assert_int_equal(l->total, 10);
}

static void without_anything_to_write_nothing_is_written(void **state)
{
	struct log *l = new_log();

	(void)state;
	sync_batch_free(sync_batch_new(write_down, l));
	sync_batch_free(NULL);
	assert_int_equal(l->calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_waits_is_written_at_the_end_each_once),
		cmocka_unit_test(one_that_nobody_follows_is_written_all_the_same),
		cmocka_unit_test(after_a_flush_nothing_waits),
		cmocka_unit_test(without_anything_to_write_nothing_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
