/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"

#define NS_PER_S UINT64_C(1000000000)

static const char weekdays[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char months[12][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

struct civil {                     /* the proleptic Gregorian calendar, UTC */
	unsigned year, month, day; /* month and day from 1 */
	unsigned hour, minute, second;
	unsigned weekday; /* 0 Sunday */
	unsigned ns;
};

static uint64_t (*_Atomic test_source)(int which);

void clock_set_for_test(uint64_t (*source)(int which))
{
	atomic_store(&test_source, source);
}

static uint64_t now(int which)
{
	static const clockid_t ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };
	uint64_t (*source)(int) = atomic_load(&test_source);
	struct timespec ts = { 0 };

	if (source)
		return source(which);
	clock_gettime(ids[which], &ts); /* cannot fail for these three */
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t clock_realtime_ns(void)
{
	return now(0);
}

uint64_t clock_monotonic_ns(void)
{
	return now(1);
}

uint64_t clock_boottime_ns(void)
{
	return now(2);
}

static pthread_once_t boot_id_once = PTHREAD_ONCE_INIT;
static char boot_id[CLOCK_BOOT_ID_LEN];

static void read_boot_id(void)
{
	size_t len = 0;
	CLEANUP_FREE char *text = io_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &len, NULL);

	if (text && len >= CLOCK_BOOT_ID_LEN - 1)
		memcpy(boot_id, text, CLOCK_BOOT_ID_LEN - 1);
}

/* A process lives within one boot. */
void clock_boot_id(char out[CLOCK_BOOT_ID_LEN])
{
	pthread_once(&boot_id_once, read_boot_id);
	memcpy(out, boot_id, CLOCK_BOOT_ID_LEN);
}

static bool is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const unsigned char days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the first of January of year, which is 1970 or later. */
static uint64_t days_before_year(unsigned year)
{
	unsigned past = year - 1;

	return (uint64_t)(year - 1970) * 365 + (past / 4 - 1969 / 4) - (past / 100 - 1969 / 100) +
	       (past / 400 - 1969 / 400);
}

static void civil_from_ns(uint64_t realtime_ns, struct civil *out)
{
	uint64_t seconds = realtime_ns / NS_PER_S, days = seconds / 86400;
	unsigned in_day = (unsigned)(seconds % 86400);

	out->ns = (unsigned)(realtime_ns % NS_PER_S);
	out->hour = in_day / 3600;
	out->minute = in_day / 60 % 60;
	out->second = in_day % 60;
	out->weekday = (unsigned)((days + 4) % 7); /* 1970-01-01 was a Thursday */
	out->year = 1970 + (unsigned)(days / 366); /* never too late */
	while (days_before_year(out->year + 1) <= days)
		out->year++;
	days -= days_before_year(out->year);
	for (out->month = 1; days >= days_in_month(out->year, out->month); out->month++)
		days -= days_in_month(out->year, out->month);
	out->day = (unsigned)days + 1;
}

/* False if there is no such time, or it is before 1970 or after 2554, where 64 bits of nanoseconds end. */
static bool civil_to_ns(const struct civil *c, uint64_t *out)
{
	uint64_t days, seconds, ns;

	if (c->year < 1970 || c->year > 9999 || c->month < 1 || c->month > 12 || c->day < 1 ||
	    c->day > days_in_month(c->year, c->month))
		return false;
	if (c->hour > 23 || c->minute > 59 || c->second > 60) /* 60: a leap second, the one after in POSIX time */
		return false;
	days = days_before_year(c->year) + c->day - 1;
	for (unsigned m = 1; m < c->month; m++)
		days += days_in_month(c->year, m);
	seconds = days * 86400 + c->hour * 3600 + c->minute * 60 + c->second;
	if (!checked_mul(seconds, NS_PER_S, &ns) || !checked_add(ns, c->ns, &ns))
		return false;
	*out = ns;
	return true;
}

void clock_format_iso(uint64_t realtime_ns, char out[CLOCK_TEXT_LEN])
{
	struct civil c;

	civil_from_ns(realtime_ns, &c);
	snprintf(out, CLOCK_TEXT_LEN, "%04u-%02u-%02uT%02u:%02u:%02uZ", c.year, c.month, c.day, c.hour, c.minute,
		 c.second);
}

void clock_format_point(uint64_t realtime_ns, char out[CLOCK_TEXT_LEN])
{
	struct civil c;

	civil_from_ns(realtime_ns, &c);
	snprintf(out, CLOCK_TEXT_LEN, "%04u%02u%02uT%02u%02u%02u.%03uZ", c.year, c.month, c.day, c.hour, c.minute,
		 c.second, c.ns / 1000000);
}

void clock_format_http(uint64_t realtime_ns, char out[CLOCK_TEXT_LEN])
{
	struct civil c;

	civil_from_ns(realtime_ns, &c);
	snprintf(out, CLOCK_TEXT_LEN, "%s, %02u %s %04u %02u:%02u:%02u GMT", weekdays[c.weekday], c.day,
		 months[c.month - 1], c.year, c.hour, c.minute, c.second);
}

void clock_local(uint64_t realtime_ns, struct clock_local *out)
{
	time_t at = (time_t)(realtime_ns / NS_PER_S);
	struct tm tm = { 0 };
	struct civil c;
	int64_t local;

	/* Without a usable zone, and where the year has no room, UTC. */
	out->offset_s = localtime_r(&at, &tm) ? (int32_t)tm.tm_gmtoff : 0;
	local = (int64_t)at + out->offset_s;
	if (local < 0)
		local = 0;
	civil_from_ns((uint64_t)local * NS_PER_S, &c);
	out->year = c.year;
	out->month = c.month;
	out->day = c.day;
	out->hour = c.hour;
	out->minute = c.minute;
	out->second = c.second;
	out->day_number = (uint64_t)local / 86400;
}

/* The scanners move *p behind what they took; false if it is not there. */
static bool take_digits(const char **p, unsigned n, unsigned *out)
{
	unsigned v = 0;

	for (; n > 0; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		v = v * 10 + (unsigned)(**p - '0');
	}
	*out = v;
	return true;
}

static bool take(const char **p, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*p, word, len) != 0)
		return false;
	*p += len;
	return true;
}

static bool take_name(const char **p, const char (*names)[4], unsigned n, unsigned *out)
{
	for (unsigned i = 0; i < n; i++)
		if (take(p, names[i])) {
			*out = i;
			return true;
		}
	return false;
}

/* ".1234567", or nothing; digits after the ninth are beyond a nanosecond. */
static bool take_fraction(const char **p, unsigned *ns)
{
	unsigned unit = NS_PER_S / 10;

	*ns = 0;
	if (!take(p, "."))
		return true;
	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		*ns += (unsigned)(**p - '0') * unit;
	return true;
}

/* Extended, 2026-11-21T22:00:00.000Z, or basic, 20261121T220000.000Z: all separators or none. */
static bool scan_iso(const char *p, struct civil *c)
{
	const char *dash, *colon;

	if (!take_digits(&p, 4, &c->year))
		return false;
	dash = *p == '-' ? "-" : "";
	colon = *p == '-' ? ":" : "";
	return take(&p, dash) && take_digits(&p, 2, &c->month) && take(&p, dash) && take_digits(&p, 2, &c->day) &&
	       take(&p, "T") && take_digits(&p, 2, &c->hour) && take(&p, colon) && take_digits(&p, 2, &c->minute) &&
	       take(&p, colon) && take_digits(&p, 2, &c->second) && take_fraction(&p, &c->ns) &&
	       (take(&p, "Z") || take(&p, "+00:00")) && *p == '\0';
}

/* The weekday must be one, not the right one: nothing depends on it. */
static bool scan_rfc1123(const char *p, struct civil *c)
{
	c->ns = 0;
	if (!take_name(&p, weekdays, 7, &c->weekday) || !take(&p, ", ") || !take_digits(&p, 2, &c->day) ||
	    !take(&p, " ") || !take_name(&p, months, 12, &c->month) || !take(&p, " "))
		return false;
	c->month++;
	return take_digits(&p, 4, &c->year) && take(&p, " ") && take_digits(&p, 2, &c->hour) && take(&p, ":") &&
	       take_digits(&p, 2, &c->minute) && take(&p, ":") && take_digits(&p, 2, &c->second) && take(&p, " GMT") &&
	       *p == '\0';
}

int clock_parse(const char *text, uint64_t *realtime_ns_out, struct error *err)
{
	struct civil c;

	if ((scan_iso(text, &c) || scan_rfc1123(text, &c)) && civil_to_ns(&c, realtime_ns_out))
		return 0;
	return error_set(err, ERR_CORRUPT, "'%s': not a time such as 2026-11-21T22:00:00Z", text);
}
