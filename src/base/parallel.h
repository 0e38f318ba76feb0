/* SPDX-License-Identifier: Apache-2.0 */
/* A loop whose steps do not depend on each other, on a few threads: for many small looks at files, each of which waits. */
#ifndef LIFTFS_BASE_PARALLEL_H
#define LIFTFS_BASE_PARALLEL_H

#include <stddef.h>

#include "base/error.h"

/*
 * Calls one(ctx, i) once for each i from 0 to n - 1, from several threads at a time and in no order; the caller's is one of
 * them, and few steps, or a host that gives no threads, are left to it alone.  Returns when all calls have.
 *
 * A step that fails is no reason to leave out those before it: the failure of the lowest i is returned, as a plain loop does
 * that ends there.  Steps after a failure may be left out.  `one` fills *err, which is never NULL, and returns -1, or 0.
 */
int parallel_each(size_t n, int (*one)(void *ctx, size_t i, struct error *err), void *ctx, struct error *err) MUST_CHECK;

/* The same for steps that take long each: threads share even a few of them. */
int parallel_each_long(size_t n, int (*one)(void *ctx, size_t i, struct error *err), void *ctx,
		       struct error *err) MUST_CHECK;

#endif
