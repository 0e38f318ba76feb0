/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast one may send, by the day of the week and the time of the day.  Rules, one a line or divided by ';':
 *
 *	# working hours
 *	Mon-Fri 08:00-18:00 = 20M
 *	Sat,Sun             = unlimited
 *	Mon-Thu 22:00-06:00 = 160mbit        the night belongs to the day on which it begins
 *	* = 50M
 *
 * The first that matches wins; where none does nothing is limited.  Days or times may be missing: every day, the whole
 * day.  A rule that is a rate alone is for always.  0 and `pause` mean that nothing is sent.  What follows a '#' is a comment.
 * Pure: whose clock and zone these are is the caller's business.
 */
#ifndef LIFTFS_BASE_CALENDAR_H
#define LIFTFS_BASE_CALENDAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define CALENDAR_UNLIMITED UINT64_MAX
#define CALENDAR_RULES_MAX 64
#define CALENDAR_TEXT_MAX 16384 /* bytes of a file */
#define CALENDAR_DAY 1440u      /* minutes */

struct calendar_rule {
	uint8_t days;      /* bit 0: Sunday, as tm_wday counts; on which the time begins */
	uint16_t from, to; /* minutes of the day, to exclusive; to <= from: it ends on the next day */
	uint64_t rate;     /* bytes a second; 0: nothing; CALENDAR_UNLIMITED */
};

/* All zeros limits nothing. */
struct calendar {
	struct calendar_rule v[CALENDAR_RULES_MAX];
	size_t n;
};

/* ERR_USAGE names the line.  A text without any rule is one too: it is no calendar.  out is written on success only. */
int calendar_parse(const char *text, struct calendar *out, struct error *err) MUST_CHECK;

/* What holds on that day (0 to 6, 0 is Sunday) at that minute (0 to 1439). */
uint64_t calendar_rate(const struct calendar *c, unsigned weekday, unsigned minute);

#endif
