/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pace.h"

#define NS_PER_MS 1000000

static uint64_t idle_ms(const struct pace *p)
{
	return (p->last.at_ns - p->moved_ns) / NS_PER_MS;
}

void pace_add(struct pace *p, const struct pace_sample *s)
{
	bool first = p->moved_ns == 0, moved = s->read != p->last.read || s->sent != p->last.sent;
	bool released = p->last.held && !s->held;

	/* It goes on: how long it stood still says nothing of its rate. */
	if (released || (moved && !first && idle_ms(p) >= PACE_IDLE_MS))
		p->n = p->next = 0;
	if (first || moved || s->held || released)
		p->moved_ns = s->at_ns;
	p->last = *s;
	p->v[p->next] = *s;
	p->next = (p->next + 1) % PACE_SAMPLES;
	if (p->n < PACE_SAMPLES)
		p->n++;
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

void pace_get(const struct pace *p, struct pace_now *out)
{
	const struct pace_sample *oldest = &p->v[p->n < PACE_SAMPLES ? 0 : p->next], *last = &p->last;
	uint64_t ns = since(last->at_ns, oldest->at_ns), read, sent;

	*out = (struct pace_now){ .left_ms = UINT64_MAX, .held = last->held };
	if (p->n == 0 || last->held)
		return;
	if (idle_ms(p) >= PACE_IDLE_MS) {
		out->idle_ms = idle_ms(p);
		return;
	}
	if (ns == 0)
		return;
	read = since(last->read, oldest->read);
	sent = since(last->sent, oldest->sent);
	out->rate = (uint64_t)((double)(read > sent ? read : sent) * 1e9 / (double)ns);
	if (ns >= PACE_KNOWN_MS * (uint64_t)NS_PER_MS && read > 0 && last->left > 0)
		out->left_ms = (uint64_t)((double)last->left / (double)read * (double)ns / NS_PER_MS);
}
