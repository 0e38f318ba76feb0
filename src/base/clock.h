/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, as UTC text and as clocks.  Tests replace the source with clock_set_for_test(); nobody else calls time(2) or
 * clock_gettime(2) for a decision.  Thread-safe.
 */
#ifndef LIFTFS_BASE_CLOCK_H
#define LIFTFS_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

uint64_t clock_realtime_ns(void);  /* since 1970-01-01 UTC */
uint64_t clock_monotonic_ns(void); /* does not jump; stops in suspend */
uint64_t clock_boottime_ns(void);  /* does not jump; counts suspend; starts anew at boot */

/* NULL: the system's again. `which`: 0 realtime, 1 monotonic, 2 boottime. */
void clock_set_for_test(uint64_t (*source)(int which));

/* This boot's id, /proc/sys/kernel/random/boot_id, 36 characters and NUL; "" if there is none. */
#define CLOCK_BOOT_ID_LEN 37
void clock_boot_id(char out[CLOCK_BOOT_ID_LEN]);

/* 2026-11-21T22:00:00Z; with milliseconds 20261121T220000.000Z (a recovery point's name: no colons); RFC 1123 for HTTP. */
#define CLOCK_TEXT_LEN 40
void clock_format_iso(uint64_t realtime_ns, char out[CLOCK_TEXT_LEN]);
void clock_format_point(uint64_t realtime_ns, char out[CLOCK_TEXT_LEN]);
void clock_format_http(uint64_t realtime_ns, char out[CLOCK_TEXT_LEN]);

/*
 * A moment in the calendar of the host's zone: TZ's, else /etc/localtime's, as it was when the process first asked.  Two of
 * its hours can have the same name (the end of daylight saving time); offset_s tells them apart.  Never before 1970-01-01.
 */
struct clock_local {
	unsigned year, month, day;     /* month and day from 1 */
	unsigned hour, minute, second;
	uint64_t day_number;           /* days of this calendar since 1970-01-01, which was a Thursday */
	int32_t offset_s;              /* east of UTC */
};
void clock_local(uint64_t realtime_ns, struct clock_local *out);

/* The other way: RFC 1123 and ISO 8601 UTC with or without fraction.  -1 with ERR_CORRUPT if it is neither. */
int clock_parse(const char *text, uint64_t *realtime_ns_out, struct error *err) MUST_CHECK;

#endif
