/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/calendar.h"
#include "base/parse.h"

#define RULE_MAX 256 /* bytes of one rule */
#define WEEK 7u
#define EVERY_DAY 0x7f

static const char blanks[] = " \t\r";

static void trim(char *text)
{
	size_t lead = strspn(text, blanks), len;

	memmove(text, text + lead, strlen(text + lead) + 1);
	for (len = strlen(text); len > 0 && strchr(blanks, text[len - 1]); len--)
		text[len - 1] = '\0';
}

static bool day_of(const char *text, size_t len, unsigned *out)
{
	static const char names[WEEK][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

	for (unsigned i = 0; i < WEEK; i++) {
		if (len == 3 && strncasecmp(text, names[i], 3) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

/* "Mon", "Fri-Mon" (over the weekend) */
static bool take_days(const char *text, size_t len, uint8_t *days)
{
	const char *dash = memchr(text, '-', len);
	size_t head = dash ? (size_t)(dash - text) : len;
	unsigned from, to;

	if (!day_of(text, head, &from))
		return false;
	to = from;
	if (dash && !day_of(dash + 1, len - head - 1, &to))
		return false;
	for (unsigned d = from;; d = (d + 1) % WEEK) {
		*days |= (uint8_t)(1u << d);
		if (d == to)
			return true;
	}
}

static int parse_days(const char *text, uint8_t *out, struct error *err)
{
	uint8_t days = 0;

	if (strcmp(text, "*") == 0) {
		*out = EVERY_DAY;
		return 0;
	}
	for (const char *p = text;; p++) {
		size_t len = strcspn(p, ",");

		if (!take_days(p, len, &days))
			return error_set(err, ERR_USAGE, "'%.*s': not days such as Mon, Mon-Fri, Sat,Sun or *", (int)len, p);
		p += len;
		if (!*p)
			break;
	}
	*out = days;
	return 0;
}

static bool two_digits(const char *p, unsigned *out)
{
	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return false;
	*out = (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
	return true;
}

/* "08:00", and "24:00" */
static bool time_of(const char *p, uint16_t *out)
{
	unsigned hour, minute;

	if (!two_digits(p, &hour) || p[2] != ':' || !two_digits(p + 3, &minute) || minute > 59 ||
	    hour * 60 + minute > CALENDAR_DAY)
		return false;
	*out = (uint16_t)(hour * 60 + minute);
	return true;
}

static int parse_times(const char *text, struct calendar_rule *r, struct error *err)
{
	uint16_t from, to;

	if (strlen(text) != 11 || text[5] != '-' || !time_of(text, &from) || !time_of(text + 6, &to))
		return error_set(err, ERR_USAGE, "'%s': not times such as 08:00-18:00", text);
	if (from == to || from == CALENDAR_DAY)
		return error_set(err, ERR_USAGE, "'%s': no time lies between them; the whole day is 00:00-24:00", text);
	r->from = from;
	r->to = to;
	return 0;
}

static int parse_speed(const char *text, uint64_t *out, struct error *err)
{
	if (strcasecmp(text, "unlimited") == 0)
		*out = CALENDAR_UNLIMITED;
	else if (strcasecmp(text, "pause") == 0)
		*out = 0;
	else
		return parse_rate(text, out, err);
	return 0;
}

/* What stands before the '=': days, times, or both. */
static int parse_when(char *when, struct calendar_rule *r, struct error *err)
{
	char *second = when + strcspn(when, blanks);
	bool divided = *second != '\0';

	if (divided) {
		*second++ = '\0';
		trim(second);
	}
	if (!*when)
		return error_set(err, ERR_USAGE, "nothing stands before the '='");
	if (!divided && *when >= '0' && *when <= '9')
		return parse_times(when, r, err);
	if (parse_days(when, &r->days, err) < 0)
		return -1;
	return divided ? parse_times(second, r, err) : 0;
}

static int parse_rule(const char *text, size_t len, struct calendar_rule *out, struct error *err)
{
	struct calendar_rule r = { .days = EVERY_DAY, .from = 0, .to = CALENDAR_DAY };
	char rule[RULE_MAX], *equals, *speed = rule;

	if (len >= sizeof(rule))
		return error_set(err, ERR_USAGE, "a rule of %zu bytes: at most %zu", len, sizeof(rule) - 1);
	memcpy(rule, text, len);
	rule[len] = '\0';
	equals = strchr(rule, '=');
	if (equals) {
		*equals = '\0';
		speed = equals + 1;
		trim(rule);
		if (parse_when(rule, &r, err) < 0)
			return -1;
	}
	trim(speed);
	if (parse_speed(speed, &r.rate, err) < 0)
		return -1;
	*out = r;
	return 0;
}

/* A line: rules between ';', up to a '#'. */
static int parse_line(const char *line, size_t len, struct calendar *c, struct error *err)
{
	const char *comment = memchr(line, '#', len);
	const char *end = comment ? comment : line + len;

	for (const char *p = line; p < end; p++) {
		const char *stop = memchr(p, ';', (size_t)(end - p));
		size_t n = (size_t)((stop ? stop : end) - p), lead = 0;

		while (lead < n && strchr(blanks, p[lead]))
			lead++;
		if (lead < n) {
			if (c->n == CALENDAR_RULES_MAX)
				return error_set(err, ERR_USAGE, "more than %d rules", CALENDAR_RULES_MAX);
			if (parse_rule(p + lead, n - lead, &c->v[c->n], err) < 0)
				return -1;
			c->n++;
		}
		p += n;
	}
	return 0;
}

int calendar_parse(const char *text, struct calendar *out, struct error *err)
{
	struct calendar c = { .n = 0 };
	unsigned line = 0;
	bool several = strchr(text, '\n') != NULL;

	for (const char *p = text; *p; p += *p == '\n') {
		size_t len = strcspn(p, "\n");

		line++;
		if (parse_line(p, len, &c, err) < 0)
			return several ? error_prefix(err, "line %u", line) : -1;
		p += len;
	}
	if (c.n == 0)
		return error_set(err, ERR_USAGE, "no rule such as 20M or Mon-Fri 08:00-18:00=20M");
	*out = c;
	return 0;
}

static bool matches(const struct calendar_rule *r, unsigned weekday, unsigned minute)
{
	unsigned yesterday = (weekday + WEEK - 1) % WEEK;
	bool today = r->days >> weekday & 1, before = r->days >> yesterday & 1;

	if (r->from < r->to)
		return today && minute >= r->from && minute < r->to;
	return (today && minute >= r->from) || (before && minute < r->to);
}

uint64_t calendar_rate(const struct calendar *c, unsigned weekday, unsigned minute)
{
	assert(weekday < WEEK && minute < CALENDAR_DAY);
	for (size_t i = 0; i < c->n; i++)
		if (matches(&c->v[i], weekday, minute))
			return c->v[i].rate;
	return CALENDAR_UNLIMITED;
}
