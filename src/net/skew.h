/* SPDX-License-Identifier: Apache-2.0 */
/* How far this host's clock is from that of a service, as its Date header tells.  Pure. */
#ifndef LIFTFS_NET_SKEW_H
#define LIFTFS_NET_SKEW_H

#include <stdbool.h>
#include <stdint.h>

#define SKEW_TOLD_MS (UINT64_C(5) * 60 * 1000) /* less explains no refusal: services allow for 5 to 15 minutes */

/*
 * "this host's clock is 17 min 00 s behind the service's" and true, if it is off by more than SKEW_TOLD_MS; else "".
 * `date`: the Date header, or NULL.
 */
#define SKEW_TEXT_LEN 96
bool skew_describe(const char *date, uint64_t realtime_ns, char out[SKEW_TEXT_LEN]);

#endif
