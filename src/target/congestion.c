/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "target/congestion.h"

#include <assert.h>

void congestion_init(struct congestion *c, unsigned window_max)
{
	assert(window_max > 0);
	*c = (struct congestion){ .window = window_max, .window_max = window_max, .chunk = CONGESTION_CHUNK_MAX };
}

bool congestion_signal(struct congestion *c, uint64_t started_ns, uint64_t now_ns)
{
	if (c->halved_ns != 0 && started_ns <= c->halved_ns)
		return false;
	c->halved_ns = now_ns;
	c->successes = 0;
	if (c->window == 1 && c->chunk == CONGESTION_CHUNK_MIN)
		return false;
	if (c->window > 1)
		c->window /= 2;
	if (c->chunk > CONGESTION_CHUNK_MIN)
		c->chunk /= 2;
	return true;
}

bool congestion_success(struct congestion *c, uint64_t started_ns)
{
	if (c->halved_ns != 0 && started_ns <= c->halved_ns)
		return false;
	if (c->window == c->window_max && c->chunk == CONGESTION_CHUNK_MAX)
		return false;
	if (++c->successes < CONGESTION_GROW_AFTER * c->window)
		return false;
	c->successes = 0;
	if (c->chunk < CONGESTION_CHUNK_MAX)
		c->chunk *= 2;
	else
		c->window++;
	return true;
}
