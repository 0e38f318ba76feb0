/* SPDX-License-Identifier: Apache-2.0 */
/* Passes that share an engine's slots, some of which get no answer from their targets. */
#include "unit.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "support/replica_rig.h"

#define UNIT ENGINE_UNIT
#define PATIENCE_S 20

struct beside {
	pthread_t thread;
	struct engine *engine;
	struct replica_rig *rig;
	struct model_disk *disk;
	int rc;
};

static void *run(void *arg)
{
	struct beside *b = arg;

	b->rc = engine_run(b->engine, &b->rig->pass, NULL);
	return NULL;
}

static void start(struct beside *b, struct engine *engine, uint64_t units)
{
	*b = (struct beside){ .engine = engine, .disk = model_disk_new(units * UNIT), .rc = -2 };
	model_disk_fill(b->disk, 0, b->disk->size, 1);
	b->rig = replica_rig_new(b->disk->size, UINT64_C(1) << 20, 1);
	b->rig->pass.source = b->disk->disk;
}

static void go(struct beside *b)
{
	assert_int_equal(pthread_create(&b->thread, NULL, run, b), 0);
}

/* Ended in time?  If not it hangs, and there is no way to go on from here. */
static void wait_end(struct beside *b, const char *who)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	if (pthread_timedjoin_np(b->thread, NULL, &until) != 0) {
		print_error("%s: still waits for a slot\n", who);
		_exit(1);
	}
	assert_int_equal(b->rc, 0);
	replica_rig_assert_equals(b->rig, b->disk);
}

static void finish(struct beside *b)
{
	replica_rig_free(b->rig);
	model_disk_free(b->disk);
}

/* Until it has all the slots that it gets: it reads no further then. */
static void go_and_get_stuck(struct beside *b, uint64_t units)
{
	uint64_t last = 0;

	fault_hold(b->rig->fault, RIG_NAME);
	go(b);
	for (int still = 0; still < 50; still++) {
		uint64_t now = atomic_load(&b->rig->progress.bytes_read);

		if (now != last || now < units * UNIT)
			still = 0;
		last = now;
		usleep(1000);
	}
	assert_int_equal(fault_held(b->rig->fault), 1);
}

static void who_gets_no_answer_leaves_slots_to_those_that_come_later(void **state)
{
	struct engine_config config = { .scan_threads = 2, .slots = 8 };
	struct engine *engine = engine_new(&config, NULL);
	struct beside first, second, third;

	(void)state;
	start(&first, engine, 12);
	start(&second, engine, 12);
	start(&third, engine, 6);
	go_and_get_stuck(&first, 6); /* six of the eight slots */
	go(&third);
	wait_end(&third, "beside one that is stuck");
	go_and_get_stuck(&second, 1);
	replica_rig_claim(third.rig);
	model_disk_fill(third.disk, 0, third.disk->size, 2);
	third.rc = -2;
	go(&third);
	wait_end(&third, "beside two that are stuck");
	fault_hold(first.rig->fault, "");
	wait_end(&first, "the first");
	fault_hold(second.rig->fault, "");
	wait_end(&second, "the second");
	finish(&first);
	finish(&second);
	finish(&third);
	engine_free(engine);
}

static void a_single_slot_is_enough_for_anybody(void **state)
{
	struct engine_config config = { .scan_threads = 1, .slots = 1 };
	struct engine *engine = engine_new(&config, NULL);
	struct beside a, b;

	(void)state;
	start(&a, engine, 3);
	start(&b, engine, 3);
	go(&a);
	go(&b);
	wait_end(&a, "the first");
	wait_end(&b, "the second");
	finish(&a);
	finish(&b);
	engine_free(engine);
}

/* A source that makes the reader of its second unit wait. */
struct slow {
	struct disk *disk;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool go_on;
};

static int slow_read(void *ctx, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct slow *s = ctx;

	pthread_mutex_lock(&s->lock);
	while (off == UNIT && !s->go_on)
		pthread_cond_wait(&s->cond, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return disk_read(s->disk, buf, len, off, err);
}

static void slow_go_on(struct slow *s)
{
	pthread_mutex_lock(&s->lock);
	s->go_on = true;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

static void what_a_worker_left_is_done_when_nothing_else_is_left(void **state)
{
	static const struct disk_foreign_ops slow_ops = { .format = "slow", .read = slow_read };
	struct engine_config config = { .scan_threads = 2, .slots = 3 };
	struct engine *engine = engine_new(&config, NULL);
	struct slow slow = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
	struct disk *source;
	struct beside b;

	(void)state;
	start(&b, engine, 16); /* the first range: four units, of which one waits */
	slow.disk = b.disk->disk;
	source = disk_new_foreign("slow", b.disk->size, &slow_ops, &slow, NULL);
	assert_non_null(source);
	b.rig->pass.source = source;
	go(&b);
	while (atomic_load(&b.rig->progress.bytes_sent) < 13 * UNIT)
		usleep(1000);
	usleep(20000); /* the other worker finds nothing more; that it had is nothing to rely on */
	fault_hold(b.rig->fault, RIG_NAME);
	slow_go_on(&slow);
	while (fault_held(b.rig->fault) == 0)
		usleep(1000);
	usleep(20000);
	fault_hold(b.rig->fault, "");
	wait_end(&b, "who came late");
	disk_close(source);
	finish(&b);
	engine_free(engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_gets_no_answer_leaves_slots_to_those_that_come_later),
		cmocka_unit_test(a_single_slot_is_enough_for_anybody),
		cmocka_unit_test(what_a_worker_left_is_done_when_nothing_else_is_left),
	};

	return cmocka_run_group_tests_name("engine-share", tests, NULL, NULL);
}
