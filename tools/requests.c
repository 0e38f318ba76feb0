/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "requests.h"

static uint64_t count(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

struct requests requests_made(const struct target *t)
{
	const struct target_counters *c = target_counters(t);

	return (struct requests){ .writes = count(&c->writes), .clears = count(&c->clears), .reads = count(&c->reads),
				  .others = count(&c->others), .retries = count(&c->retries) };
}

struct requests requests_since(const struct target *t, const struct requests *before)
{
	struct requests r = requests_made(t);

	r.writes -= before->writes;
	r.clears -= before->clears;
	r.reads -= before->reads;
	r.others -= before->others;
	r.retries -= before->retries;
	return r;
}

void requests_text(const struct requests *r, char out[REQUESTS_TEXT_LEN])
{
	snprintf(out, REQUESTS_TEXT_LEN,
		 "%" PRIu64 " writes, %" PRIu64 " clears, %" PRIu64 " reads, %" PRIu64 " others, %" PRIu64 " retries", r->writes,
		 r->clears, r->reads, r->others, r->retries);
}

json_t *requests_json(const struct requests *r)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "writes", (json_int_t)r->writes, "clears", (json_int_t)r->clears, "reads",
			 (json_int_t)r->reads, "others", (json_int_t)r->others);
}
