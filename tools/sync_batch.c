/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "sync_batch.h"

struct sync_batch {
	void (*write)(void *ctx, struct run_vm *const *vms, size_t n);
	void *ctx;
	pthread_mutex_t writing; /* outside of lock */
	pthread_mutex_t lock;    /* for what follows */
	pthread_cond_t changed;
	pthread_t thread;
	bool started, end;
	struct run_vm **vms;
	size_t n, cap;
	uint64_t due_ns; /* monotonic clock, if n > 0 */
};

struct sync_batch *sync_batch_new(void (*write)(void *ctx, struct run_vm *const *vms, size_t n), void *ctx)
{
	struct sync_batch *b = calloc(1, sizeof(*b));
	pthread_condattr_t attr;

	if (!b)
		return NULL;
	b->write = write;
	b->ctx = ctx;
	pthread_mutex_init(&b->writing, NULL);
	pthread_mutex_init(&b->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->changed, &attr);
	pthread_condattr_destroy(&attr);
	return b;
}

void sync_batch_flush(struct sync_batch *b)
{
	struct run_vm **vms;
	size_t n;

	LOCK_SCOPE(&b->writing);
	pthread_mutex_lock(&b->lock);
	vms = b->vms;
	n = b->n;
	b->vms = NULL;
	b->n = b->cap = 0;
	pthread_mutex_unlock(&b->lock);
	if (n > 0)
		b->write(b->ctx, vms, n);
	free(vms);
}

/* Under the lock: until something is due, or the end. */
static void wait_until_due(struct sync_batch *b)
{
	while (!b->end && (b->n == 0 || (b->n < SYNC_BATCH_MOST && clock_monotonic_ns() < b->due_ns))) {
		struct timespec due = { .tv_sec = (time_t)(b->due_ns / 1000000000), .tv_nsec = (long)(b->due_ns % 1000000000) };

		if (b->n == 0)
			pthread_cond_wait(&b->changed, &b->lock);
		else
			pthread_cond_timedwait(&b->changed, &b->lock, &due);
	}
}

static void *work(void *arg)
{
	struct sync_batch *b = arg;
	bool end;

	do {
		pthread_mutex_lock(&b->lock);
		wait_until_due(b);
		end = b->end;
		pthread_mutex_unlock(&b->lock);
		sync_batch_flush(b);
	} while (!end);
	return NULL;
}

/* Under the lock.  False: without memory, or a thread. */
static bool append(struct sync_batch *b, struct run_vm *vm)
{
	if (b->n == b->cap) {
		size_t cap = b->cap ? 2 * b->cap : 256;
		struct run_vm **vms = reallocarray(b->vms, cap, sizeof(*vms));

		if (!vms)
			return false;
		b->vms = vms;
		b->cap = cap;
	}
	if (!b->started)
		b->started = pthread_create(&b->thread, NULL, work, b) == 0;
	if (!b->started)
		return false;
	b->vms[b->n++] = vm;
	if (b->n == 1)
		b->due_ns = clock_monotonic_ns() + (uint64_t)SYNC_BATCH_MS * 1000000;
	if (b->n == 1 || b->n == SYNC_BATCH_MOST)
		pthread_cond_signal(&b->changed);
	return true;
}

void sync_batch_add(struct sync_batch *b, struct run_vm *vm)
{
	bool waits;

	pthread_mutex_lock(&b->lock);
	waits = append(b, vm);
	pthread_mutex_unlock(&b->lock);
	if (!waits) {
		LOCK_SCOPE(&b->writing);
		b->write(b->ctx, &vm, 1);
	}
}

void sync_batch_hurry(struct sync_batch *b)
{
	pthread_mutex_lock(&b->lock);
	b->due_ns = 0;
	if (b->n > 0)
		pthread_cond_signal(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

void sync_batch_free(struct sync_batch *b)
{
	bool started;

	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->end = true;
	started = b->started;
	pthread_cond_signal(&b->changed);
	pthread_mutex_unlock(&b->lock);
	if (started)
		pthread_join(b->thread, NULL);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
	pthread_mutex_destroy(&b->writing);
	free(b->vms);
	free(b);
}
