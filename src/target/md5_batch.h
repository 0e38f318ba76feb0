/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes that wait for their MD5s, so that those of several are made at once (net/md5_lanes.h): for a service that knows no
 * CRC-64, where one after the other they are the larger part of the work.
 *
 * They wait while enough requests are under way to keep the service busy, and for nothing else: every answer is a reason to
 * ask again, and without a request under way nobody waits.  Lists and counting only, but for md5_batch_make(); the caller
 * brings the lock.
 */
#ifndef LIFTFS_TARGET_MD5_BATCH_H
#define LIFTFS_TARGET_MD5_BATCH_H

#include <stdbool.h>

#include "target/target.h"

#define MD5_BATCH_LEAST 4 /* as many need no company: a slot pool's worth of writes is three times that */
#define MD5_BATCH_MOST 8  /* lanes */

struct md5_batch {
	struct target_op *head, **tail; /* linked by ->next */
	unsigned n;
	bool busy; /* one is being made: what comes meanwhile waits for the next */
};

void md5_batch_init(struct md5_batch *b);
void md5_batch_add(struct md5_batch *b, struct target_op *op);
/*
 * Those whose MD5s are to be made now, oldest first, and none besides until md5_batch_done(); NULL: none, or they wait.
 * `sent` requests of at most `window` are under way.
 */
struct target_op *md5_batch_take(struct md5_batch *b, unsigned sent, unsigned window);
/* Sets `sum` of each, the text.  One that could not be made stays "": who sends it tries again and is told why.  No lock. */
void md5_batch_make(struct target_op *list);
void md5_batch_done(struct md5_batch *b);

#endif
