/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parallel.h"

#define THREADS_MAX 8
#define PIECE 16 /* short steps that a thread claims at once; with fewer than two pieces a thread is not worth its start */

struct loop {
	size_t n, piece; /* piece: steps that a thread claims at once */
	int (*one)(void *ctx, size_t i, struct error *err);
	void *ctx;
	_Atomic size_t next;
	_Atomic size_t failed; /* the lowest that did; SIZE_MAX: none */
	pthread_mutex_t lock;  /* for what follows */
	struct error err;      /* of `failed` */
};

static void note_failure(struct loop *l, size_t i, const struct error *why)
{
	LOCK_SCOPE(&l->lock);
	if (i > l->failed)
		return;
	l->failed = i;
	l->err = *why;
}

/* Pieces are claimed in order, so that all below a failure are done or under way. */
static void *work(void *arg)
{
	struct loop *l = arg;

	for (;;) {
		size_t at = atomic_fetch_add(&l->next, l->piece), end;

		if (at >= l->n)
			return NULL;
		end = l->n - at < l->piece ? l->n : at + l->piece;
		for (size_t i = at; i < end && i < atomic_load(&l->failed); i++) {
			struct error why = ERROR_INIT;

			if (l->one(l->ctx, i, &why) < 0)
				note_failure(l, i, &why);
		}
	}
}

/* A look that waits for a disk or a file server leaves its processor to another. */
static size_t threads_for(size_t worth)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t most = cpus > 0 && cpus < THREADS_MAX ? (size_t)cpus : THREADS_MAX;

	return worth < most ? worth : most;
}

static int run(struct loop *l, size_t want, struct error *err)
{
	pthread_t threads[THREADS_MAX];
	size_t started = 0;

	while (started + 1 < want && pthread_create(&threads[started], NULL, work, l) == 0)
		started++;
	work(l);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&l->lock);
	if (l->failed == SIZE_MAX)
		return 0;
	if (err)
		*err = l->err;
	return -1;
}

int parallel_each(size_t n, int (*one)(void *ctx, size_t i, struct error *err), void *ctx, struct error *err)
{
	struct loop l = { .n = n, .piece = PIECE, .one = one, .ctx = ctx, .failed = SIZE_MAX, .lock = PTHREAD_MUTEX_INITIALIZER };

	return run(&l, threads_for(n / (2 * PIECE)), err);
}

int parallel_each_long(size_t n, int (*one)(void *ctx, size_t i, struct error *err), void *ctx, struct error *err)
{
	struct loop l = { .n = n, .piece = 1, .one = one, .ctx = ctx, .failed = SIZE_MAX, .lock = PTHREAD_MUTEX_INITIALIZER };

	return run(&l, threads_for(n), err);
}
