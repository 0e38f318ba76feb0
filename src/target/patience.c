/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "target/patience.h"

#define DOUBLINGS_MAX 8

static uint64_t smooth(uint64_t old, uint64_t now, unsigned shift)
{
	return old - (old >> shift) + (now >> shift);
}

void patience_answered(struct patience *p, uint64_t elapsed_us, uint64_t bytes)
{
	uint64_t off = elapsed_us > p->mean_us ? elapsed_us - p->mean_us : p->mean_us - elapsed_us;

	if (bytes == 0)
		bytes = 1;
	if (p->mean_bytes == 0)
		*p = (struct patience){ .mean_us = elapsed_us, .deviation_us = elapsed_us / 2, .mean_bytes = bytes };
	else
		*p = (struct patience){
			.mean_us = smooth(p->mean_us, elapsed_us, 3),
			.deviation_us = smooth(p->deviation_us, off, 2),
			.mean_bytes = smooth(p->mean_bytes, bytes, 3),
		};
	if (p->mean_bytes == 0)
		p->mean_bytes = 1;
}

void patience_timed_out(struct patience *p)
{
	if (p->timed_out < DOUBLINGS_MAX)
		p->timed_out++;
}

unsigned patience_ms(const struct patience *p, uint64_t bytes)
{
	uint64_t ms;

	if (p->mean_bytes == 0)
		return PATIENCE_MAX_MS;
	ms = (p->mean_us + 4 * p->deviation_us) / 1000 * 4;
	if (ms > PATIENCE_MAX_MS)
		return PATIENCE_MAX_MS;
	if (bytes > p->mean_bytes) /* never less for fewer: latency is no matter of bytes */
		ms = ms * (bytes / p->mean_bytes + 1);
	if (ms < PATIENCE_MIN_MS)
		ms = PATIENCE_MIN_MS;
	ms <<= p->timed_out;
	return ms < PATIENCE_MAX_MS ? (unsigned)ms : PATIENCE_MAX_MS;
}
