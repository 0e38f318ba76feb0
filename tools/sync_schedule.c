/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "sync_schedule.h"

#define MS_NS UINT64_C(1000000)

uint64_t sync_schedule_next(uint64_t began_ns, uint64_t ended_ns, uint64_t interval_ms, bool first_copies)
{
	uint64_t rest_ms = ended_ns > began_ns ? (ended_ns - began_ns) / MS_NS / 2 : 0;

	if (interval_ms > 0) {
		uint64_t due = interval_ms < (UINT64_MAX - began_ns) / MS_NS ? began_ns + interval_ms * MS_NS : UINT64_MAX;

		return due > ended_ns ? due : ended_ns;
	}
	if (first_copies)
		return ended_ns;
	if (rest_ms < SYNC_REST_MIN_MS)
		rest_ms = SYNC_REST_MIN_MS;
	if (rest_ms > SYNC_REST_MAX_MS)
		rest_ms = SYNC_REST_MAX_MS;
	return ended_ns + rest_ms * MS_NS;
}

uint64_t sync_schedule_retry_ms(unsigned n, uint64_t interval_ms)
{
	uint64_t most = interval_ms ? interval_ms : SYNC_REST_MIN_MS, ms = SYNC_MINUTE_MS;

	while (n > 1 && ms < most) {
		ms *= 2;
		n--;
	}
	return ms < most ? ms : most;
}
