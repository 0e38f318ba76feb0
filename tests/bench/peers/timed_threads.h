/* SPDX-License-Identifier: Apache-2.0 */
/* What the loops are made of: so many threads over one worker, and the time from the first to the last. */
#ifndef LIFTFS_BENCH_TIMED_THREADS_H
#define LIFTFS_BENCH_TIMED_THREADS_H

#include <pthread.h>
#include <stddef.h>
#include <time.h>

enum { THREADS_MAX = 64 };

/* Seconds; below 0: a thread could not be started.  n is at most THREADS_MAX. */
static inline double timed_threads(size_t n, void *(*worker)(void *))
{
	struct timespec from, to;
	pthread_t t[THREADS_MAX];
	size_t started = 0;

	clock_gettime(CLOCK_MONOTONIC, &from);
	while (started < n && pthread_create(&t[started], NULL, worker, NULL) == 0)
		started++;
	for (size_t i = 0; i < started; i++)
		pthread_join(t[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &to);
	return started < n ? -1 : (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

#endif
