/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "net/outage.h"

bool outage_failed(struct outage *o, unsigned tries, uint64_t now_ns)
{
	if (o->failures == 0)
		o->since_ns = now_ns;
	if (o->failures < OUTAGE_TRIES)
		o->failures++;
	if (o->said || tries < OUTAGE_TRIES || o->failures < OUTAGE_TRIES)
		return false;
	o->said = true;
	return true;
}

bool outage_answered(struct outage *o, uint64_t now_ns, uint64_t *ns_out)
{
	bool said = o->said;

	*ns_out = now_ns > o->since_ns ? now_ns - o->since_ns : 0;
	*o = (struct outage){ .failures = 0 };
	return said;
}
