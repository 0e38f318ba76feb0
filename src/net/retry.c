/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/guid.h"
#include "base/parse.h"
#include "net/retry.h"

#define BASE_MS 500
#define CAP_MS 30000
#define CHECKSUM_TRIES 3 /* more of them is broken memory or a broken network card */

static bool has_code(const struct retry_input *in, const char *code)
{
	return in->service_code && strcmp(in->service_code, code) == 0;
}

/* Floor in ms; 0 if there is none or it is not legible. */
static uint64_t retry_after_ms(const char *text)
{
	uint64_t v, now;

	if (!text)
		return 0;
	if (isdigit((unsigned char)text[0])) {
		if (parse_u64(text, UINT64_MAX / 1000, &v, NULL) < 0)
			return 0;
		v *= 1000;
	} else {
		now = clock_realtime_ns();
		if (clock_parse(text, &v, NULL) < 0 || v <= now)
			return 0;
		v = (v - now + 999999) / 1000000;
	}
	return v < RETRY_AFTER_MAX_MS ? v : RETRY_AFTER_MAX_MS;
}

static unsigned wait_ms(const struct retry_input *in)
{
	uint64_t (*below)(uint64_t) = in->below ? in->below : random_below;
	unsigned doublings = in->attempt > 0 ? in->attempt - 1 : 0;
	uint64_t top = doublings < 6 ? (uint64_t)BASE_MS << doublings : CAP_MS; /* 500 << 6 is above the cap */
	uint64_t jitter = below(top + 1), floor = retry_after_ms(in->retry_after);

	if (floor == 0 || jitter >= floor)
		return (unsigned)jitter;
	return (unsigned)(floor + below(BASE_MS)); /* not everybody in the same instant */
}

static struct retry_decision again(const struct retry_input *in, bool unknown, bool congestion, unsigned tries)
{
	struct retry_decision d = { .verdict = RETRY_AGAIN, .unknown_outcome = unknown, .congestion = congestion };

	d.after_ms = wait_ms(in);
	if (in->attempt >= tries || (in->elapsed_max_ms && (in->elapsed_ms >= in->elapsed_max_ms ||
							    d.after_ms > in->elapsed_max_ms - in->elapsed_ms))) {
		d.verdict = RETRY_GIVE_UP;
		d.after_ms = 0;
	}
	return d;
}

static struct retry_decision give_up(bool unknown)
{
	return (struct retry_decision){ .verdict = RETRY_GIVE_UP, .unknown_outcome = unknown };
}

static struct retry_decision without_answer(const struct retry_input *in)
{
	if (in->transport == ERR_NETWORK)
		return again(in, in->reached, in->timed_out, RETRY_TRIES);
	return give_up(in->reached);
}

static bool is_passing(long status)
{
	return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

static struct retry_decision internal_error(const struct retry_input *in)
{
	if (!in->service_code || !in->service_code[0])
		return give_up(true); /* an operation that the server does not have says just this */
	if (has_code(in, "FeatureNotSupported"))
		return give_up(false);
	if (has_code(in, "CannotVerifyCopySource"))
		return is_passing(in->copy_source_status) ? again(in, true, false, RETRY_TRIES) : give_up(true);
	return again(in, true, has_code(in, "OperationTimedOut"), RETRY_TRIES);
}

static struct retry_decision refused_sign_in(const struct retry_input *in)
{
	struct retry_decision d = give_up(false);

	if (in->can_refresh && in->attempt < RETRY_TRIES) {
		d.verdict = RETRY_AGAIN;
		d.refresh = true;
	}
	return d;
}

struct retry_decision retry_decide(const struct retry_input *in)
{
	if (in->transport != ERR_NONE)
		return without_answer(in);
	if ((in->status >= 200 && in->status <= 299) || in->status == 304)
		return (struct retry_decision){ .verdict = RETRY_DONE };
	switch (in->status) {
	case 400:
		if (has_code(in, "Md5Mismatch") || has_code(in, "Crc64Mismatch"))
			return again(in, false, false, CHECKSUM_TRIES);
		return give_up(false);
	case 401:
		return refused_sign_in(in);
	case 403:
		return has_code(in, "AuthenticationFailed") ? refused_sign_in(in) : give_up(false);
	case 408:
		return again(in, false, false, RETRY_TRIES);
	case 429:
	case 503:
		return again(in, false, true, RETRY_TRIES);
	case 500:
		return internal_error(in);
	case 501:
		return give_up(!in->service_code || !in->service_code[0]);
	case 502:
	case 504:
		return again(in, true, false, RETRY_TRIES);
	default:
		return give_up(in->status < 100 || in->status >= 500);
	}
}

void retry_describe(const struct retry_input *in, char out[RETRY_TEXT_LEN])
{
	if (in->transport != ERR_NONE)
		snprintf(out, RETRY_TEXT_LEN, "%s",
			 in->timed_out ? "no answer in time"
			 : in->reached ? "no answer"
				       : "not reached");
	else if (in->service_code && in->service_code[0])
		snprintf(out, RETRY_TEXT_LEN, "%ld %s", in->status, in->service_code);
	else
		snprintf(out, RETRY_TEXT_LEN, "%ld", in->status);
}
