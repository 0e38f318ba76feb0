/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When it is said that a service does not answer, and that it does again: once each an outage, however many operations meet it.
 * An outage is a third failure in a row of one operation while nobody else had an answer either; what mends itself in two tries is
 * none.  Pure; the caller has the lock.
 */
#ifndef LIFTFS_NET_OUTAGE_H
#define LIFTFS_NET_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#define OUTAGE_TRIES 3

struct outage { /* all zeros: well */
	uint64_t since_ns; /* of the first failure since an answer; 0: there was none */
	unsigned failures; /* since then, of anybody; up to OUTAGE_TRIES */
	bool said;
};

/* No answer came, for the `tries`-th time (from 1) of an operation that is tried again.  True: it is to be said. */
bool outage_failed(struct outage *o, unsigned tries, uint64_t now_ns);

/* An answer came.  True: the outage that was said is over, and lasted *ns_out. */
bool outage_answered(struct outage *o, uint64_t now_ns, uint64_t *ns_out);

#endif
