/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "net/skew.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/parse.h"

bool skew_describe(const char *date, uint64_t realtime_ns, char out[SKEW_TEXT_LEN])
{
	char by[FORMAT_TEXT_LEN];
	uint64_t theirs, off_ms;

	out[0] = '\0';
	if (!date || clock_parse(date, &theirs, NULL) < 0)
		return false;
	off_ms = (theirs > realtime_ns ? theirs - realtime_ns : realtime_ns - theirs) / 1000000;
	if (off_ms <= SKEW_TOLD_MS)
		return false;
	format_duration(off_ms, by);
	snprintf(out, SKEW_TEXT_LEN, "this host's clock is %s %s the service's", by,
		 theirs > realtime_ns ? "behind" : "ahead of");
	return true;
}
