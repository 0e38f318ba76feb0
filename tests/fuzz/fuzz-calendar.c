/* SPDX-License-Identifier: Apache-2.0 */
/* A calendar of rates: what is parsed gives a rate for every minute of the week, and one that some rule has or none. */
#include <config.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "fuzz.h"

static void check_minute(const struct calendar *c, unsigned weekday, unsigned minute)
{
	uint64_t rate = calendar_rate(c, weekday, minute);
	bool known = rate == CALENDAR_UNLIMITED;

	for (size_t i = 0; i < c->n; i++)
		known |= c->v[i].rate == rate;
	FUZZ_MUST(known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP_FREE char *text = malloc(len + 1);
	struct error e = ERROR_INIT;
	struct calendar c;

	FUZZ_MUST(text);
	memcpy(text, data, len);
	text[len] = '\0';
	if (calendar_parse(text, &c, &e) < 0) {
		FUZZ_MUST(e.code == ERR_USAGE && *e.msg);
		return 0;
	}
	FUZZ_MUST(c.n > 0 && c.n <= CALENDAR_RULES_MAX);
	for (size_t i = 0; i < c.n; i++)
		FUZZ_MUST(c.v[i].days && c.v[i].from < CALENDAR_DAY && c.v[i].to <= CALENDAR_DAY && c.v[i].from != c.v[i].to);
	for (unsigned i = 0; i < 7 * CALENDAR_DAY; i += 29)
		check_minute(&c, i / CALENDAR_DAY, i % CALENDAR_DAY);
	return 0;
}
