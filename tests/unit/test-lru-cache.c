/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "disk/lru_cache.h"
#include "support/scratch.h"

#define LEN ((size_t)4096)

struct source {
	uint64_t seed;
	atomic_uint calls, entered;
	atomic_bool fail, hold; /* hold: fill waits until it is let go */
};

static int fill(void *ctx, uint8_t *out, size_t len, struct error *err)
{
	struct source *s = ctx;

	atomic_fetch_add(&s->calls, 1);
	atomic_fetch_add(&s->entered, 1);
	while (atomic_load(&s->hold))
		sched_yield();
	if (atomic_load(&s->fail))
		return error_set(err, ERR_CORRUPT, "no piece");
	pattern_fill(out, len, 0, s->seed);
	return 0;
}

static void touch(struct lru_cache *c, uint32_t file, uint64_t at, size_t len, unsigned *calls)
{
	struct source s = { .seed = at * 10 + file };
	const struct cached *g = lru_cache_get(c, file, at, len, fill, &s, NULL);
	static uint8_t want[4 * LEN];

	assert_non_null(g);
	assert_int_equal(g->len, len);
	assert_int_equal(g->at, at);
	assert_int_equal(g->file, file);
	pattern_fill(want, len, 0, s.seed);
	assert_memory_equal(g->data, want, len);
	lru_cache_put(c, g);
	*calls += s.calls;
}

static void a_piece_is_filled_once_and_the_oldest_goes_first(void **state)
{
	struct lru_cache *c = lru_cache_new(SIZE_MAX, 3 * LEN, NULL);
	unsigned calls = 0;

	(void)state;
	touch(c, 0, 5, LEN, &calls);
	touch(c, 0, 5, LEN, &calls);
	touch(c, 0, 6, LEN, &calls);
	touch(c, 1, 5, LEN, &calls); /* another file's */
	assert_int_equal(calls, 3);
	touch(c, 0, 5, LEN, &calls); /* now 6 is the oldest */
	touch(c, 0, 7, LEN, &calls);
	assert_int_equal(lru_cache_bytes(c), 3 * LEN);
	touch(c, 0, 5, LEN, &calls);
	assert_int_equal(calls, 4);
	touch(c, 0, 6, LEN, &calls);
	assert_int_equal(calls, 5);
	assert_int_equal(lru_cache_fills(c), 5);
	lru_cache_free(c);
	lru_cache_free(NULL);
}

static void pieces_of_several_lengths_share_the_bytes(void **state)
{
	struct lru_cache *c = lru_cache_new(SIZE_MAX, 4 * LEN, NULL);
	unsigned calls = 0;

	(void)state;
	for (uint64_t i = 0; i < 40; i++) {
		touch(c, 0, i, LEN, &calls);
		touch(c, 1, i, 4 * LEN, &calls);
		assert_true(lru_cache_bytes(c) <= 4 * LEN);
		touch(c, 2, i, LEN / 2, &calls);
		touch(c, 3, i, LEN, &calls);
		assert_true(lru_cache_bytes(c) <= 4 * LEN);
	}
	assert_int_equal(calls, 160);
	lru_cache_free(c);
}

static void a_piece_of_another_length_is_another(void **state)
{
	struct lru_cache *c = lru_cache_new(SIZE_MAX, 8 * LEN, NULL);
	unsigned calls = 0;

	(void)state;
	touch(c, 0, 5, LEN, &calls);
	assert_null(lru_cache_find(c, 0, 5, 2 * LEN));
	touch(c, 0, 5, 2 * LEN, &calls);
	assert_int_equal(calls, 2);
	touch(c, 0, 5, LEN, &calls);
	touch(c, 0, 5, 2 * LEN, &calls);
	assert_int_equal(calls, 2);
	lru_cache_free(c);
}

static void held_pieces_stay(void **state)
{
	struct lru_cache *c = lru_cache_new(SIZE_MAX, 2 * LEN, NULL);
	const struct cached *held[8];
	struct source s = { 0 };
	uint8_t want[LEN];
	unsigned calls = 0;

	(void)state;
	for (uint64_t i = 0; i < 8; i++) {
		s.seed = i;
		held[i] = lru_cache_get(c, 0, i, LEN, fill, &s, NULL);
		assert_non_null(held[i]);
	}
	assert_int_equal(lru_cache_bytes(c), 8 * LEN);
	for (uint64_t i = 0; i < 8; i++) {
		pattern_fill(want, LEN, 0, i);
		assert_memory_equal(held[i]->data, want, LEN);
		lru_cache_put(c, held[i]);
	}
	touch(c, 0, 100, LEN, &calls);
	assert_int_equal(lru_cache_bytes(c), 2 * LEN);
	lru_cache_free(c);
}

static void a_failure_is_told_and_not_kept(void **state)
{
	struct lru_cache *c = lru_cache_new(SIZE_MAX, 2 * LEN, NULL);
	struct source s = { .fail = true };
	struct error e = ERROR_INIT;
	unsigned calls = 0;

	(void)state;
	assert_null(lru_cache_get(c, 0, 1, LEN, fill, &s, &e));
	assert_error(&e, ERR_CORRUPT, "no piece");
	assert_null(lru_cache_get(c, 0, 1, LEN, fill, &s, NULL));
	assert_int_equal(s.calls, 2);
	assert_int_equal(lru_cache_bytes(c), 0);
	touch(c, 0, 1, LEN, &calls);
	assert_int_equal(calls, 1);
	lru_cache_free(c);
}

static void find_gives_what_is_there_and_fills_nothing(void **state)
{
	struct lru_cache *c = lru_cache_new(SIZE_MAX, 2 * LEN, NULL);
	const struct cached *g;
	unsigned calls = 0;

	(void)state;
	assert_null(lru_cache_find(c, 0, 1, LEN));
	touch(c, 0, 1, LEN, &calls);
	touch(c, 0, 2, LEN, &calls);
	assert_null(lru_cache_find(c, 1, 1, LEN));
	g = lru_cache_find(c, 0, 1, LEN); /* which makes 2 the oldest */
	assert_non_null(g);
	assert_int_equal(g->at, 1);
	lru_cache_put(c, g);
	lru_cache_put(c, NULL);
	touch(c, 0, 3, LEN, &calls);
	assert_null(lru_cache_find(c, 0, 2, LEN));
	assert_int_equal(calls, 3);
	lru_cache_free(c);
}

struct waiter {
	pthread_t thread;
	struct lru_cache *c;
	struct source *s;
	struct error err;
	bool ok;
};

static void *get_one(void *arg)
{
	struct waiter *w = arg;
	const struct cached *g = lru_cache_get(w->c, 0, 1, LEN, fill, w->s, &w->err);

	w->ok = g != NULL;
	lru_cache_put(w->c, g);
	return NULL;
}

/* All want piece 1, and one of them is filling it. */
static void start_waiters(struct waiter w[4], struct lru_cache *c, struct source *s)
{
	for (int i = 0; i < 4; i++) {
		w[i] = (struct waiter){ .c = c, .s = s };
		assert_int_equal(pthread_create(&w[i].thread, NULL, get_one, &w[i]), 0);
	}
	while (atomic_load(&s->entered) == 0)
		sched_yield();
}

static void threads_that_want_one_piece_fill_it_once(void **state)
{
	struct lru_cache *c = lru_cache_new(SIZE_MAX, 2 * LEN, NULL);
	struct source s = { .hold = true };
	struct waiter w[4];

	(void)state;
	start_waiters(w, c, &s);
	assert_null(lru_cache_find(c, 0, 1, LEN)); /* not while it is being filled */
	atomic_store(&s.hold, false);
	for (int i = 0; i < 4; i++) {
		pthread_join(w[i].thread, NULL);
		assert_true(w[i].ok);
	}
	assert_int_equal(s.calls, 1);
	lru_cache_free(c);
}

static void threads_that_wait_for_a_failure_learn_why(void **state)
{
	struct lru_cache *c = lru_cache_new(SIZE_MAX, 2 * LEN, NULL);
	struct source s = { .hold = true, .fail = true };
	struct waiter w[4];

	(void)state;
	start_waiters(w, c, &s);
	atomic_store(&s.hold, false);
	for (int i = 0; i < 4; i++) {
		pthread_join(w[i].thread, NULL);
		assert_false(w[i].ok);
		assert_error(&w[i].err, ERR_CORRUPT, "no piece");
	}
	assert_int_equal(lru_cache_bytes(c), 0);
	lru_cache_free(c);
}

struct reader {
	struct lru_cache *c;
	unsigned seed;
	bool ok;
};

static void *read_pieces(void *arg)
{
	struct reader *r = arg;
	const struct cached *g;
	uint8_t want[LEN];
	struct source s;

	r->ok = true;
	for (int i = 0; i < 1000; i++) {
		r->seed = r->seed * 1103515245 + 12345;
		s = (struct source){ .seed = (r->seed >> 8) % 8 };
		g = i % 3 ? NULL : lru_cache_find(r->c, 0, s.seed, LEN);
		if (!g)
			g = lru_cache_get(r->c, 0, s.seed, LEN, fill, &s, NULL);
		pattern_fill(want, LEN, 0, s.seed);
		r->ok = r->ok && g && memcmp(g->data, want, LEN) == 0;
		lru_cache_put(r->c, g);
	}
	return NULL;
}

static void threads_see_the_same_bytes_while_pieces_come_and_go(void **state)
{
	struct lru_cache *c = lru_cache_new(SIZE_MAX, 3 * LEN, NULL);
	struct reader r[4];
	pthread_t t[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		r[i] = (struct reader){ .c = c, .seed = i + 1 };
		assert_int_equal(pthread_create(&t[i], NULL, read_pieces, &r[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		assert_true(r[i].ok);
	}
	assert_true(lru_cache_bytes(c) <= (3 + 4) * LEN);
	lru_cache_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_piece_is_filled_once_and_the_oldest_goes_first),
		cmocka_unit_test(pieces_of_several_lengths_share_the_bytes),
		cmocka_unit_test(a_piece_of_another_length_is_another),
		cmocka_unit_test(held_pieces_stay),
		cmocka_unit_test(a_failure_is_told_and_not_kept),
		cmocka_unit_test(find_gives_what_is_there_and_fills_nothing),
		cmocka_unit_test(threads_that_want_one_piece_fill_it_once),
		cmocka_unit_test(threads_that_wait_for_a_failure_learn_why),
		cmocka_unit_test(threads_see_the_same_bytes_while_pieces_come_and_go),
	};

	return cmocka_run_group_tests_name("lru_cache", tests, NULL, NULL);
}
