/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "replicate/retention.h"

/* Two points of one hour, day, week or month have the same number; none has NO_BUCKET. */
#define NO_BUCKET UINT64_MAX

static uint64_t hour_of(const struct clock_local *t)
{
	/* 2^18 s are more than three days, an offset's limit is less than two. */
	return ((t->day_number * 24 + t->hour) << 18) + (uint64_t)(t->offset_s + (1 << 17));
}

static uint64_t day_of(const struct clock_local *t)
{
	return t->day_number;
}

static uint64_t week_of(const struct clock_local *t)
{
	return (t->day_number + 3) / 7; /* 1970-01-01 was a Thursday: its week began three days before */
}

static uint64_t month_of(const struct clock_local *t)
{
	return (uint64_t)t->year * 12 + t->month;
}

static void keep_newest_of_each(unsigned count, uint64_t (*bucket_of)(const struct clock_local *t), unsigned reason,
				const uint64_t *moments_ns, size_t n, unsigned *reasons_out)
{
	uint64_t last = NO_BUCKET;

	for (size_t i = n; i > 0 && count > 0; i--) {
		struct clock_local t;
		uint64_t bucket;

		clock_local(moments_ns[i - 1], &t);
		bucket = bucket_of(&t);
		if (bucket == last)
			continue;
		last = bucket;
		reasons_out[i - 1] |= reason;
		count--;
	}
}

bool retention_given(const struct retention_policy *p)
{
	return p->last || p->hourly || p->daily || p->weekly || p->monthly || p->within_ms;
}

void retention_apply(const struct retention_policy *p, const uint64_t *moments_ns, size_t n, unsigned *reasons_out)
{
	assert(retention_given(p));
	for (size_t i = 0; i < n; i++) {
		uint64_t age_ns = moments_ns[n - 1] - moments_ns[i];

		assert(i == 0 || moments_ns[i - 1] <= moments_ns[i]);
		reasons_out[i] = n - i <= p->last ? RETENTION_LAST : 0;
		if (p->within_ms && age_ns / 1000000 < p->within_ms)
			reasons_out[i] |= RETENTION_WITHIN;
	}
	keep_newest_of_each(p->hourly, hour_of, RETENTION_HOURLY, moments_ns, n, reasons_out);
	keep_newest_of_each(p->daily, day_of, RETENTION_DAILY, moments_ns, n, reasons_out);
	keep_newest_of_each(p->weekly, week_of, RETENTION_WEEKLY, moments_ns, n, reasons_out);
	keep_newest_of_each(p->monthly, month_of, RETENTION_MONTHLY, moments_ns, n, reasons_out);
	assert(n == 0 || reasons_out[n - 1]);
}

const char *retention_reason_name(unsigned i)
{
	static const char *const names[RETENTION_REASONS] = { "last", "within", "hourly", "daily", "weekly", "monthly", "newest" };

	return names[i];
}

void retention_text(unsigned reasons, char out[RETENTION_TEXT_LEN])
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < RETENTION_REASONS; i++)
		if (reasons & 1u << i)
			len += (size_t)snprintf(out + len, RETENTION_TEXT_LEN - len, "%s%s", len ? ", " : "",
						retention_reason_name(i));
}
