/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/clock.h"
#include "net/retry.h"

static uint64_t dice_top; /* what the last roll could have been at most, plus one */

static uint64_t highest(uint64_t n)
{
	dice_top = n;
	return n - 1;
}

static uint64_t lowest(uint64_t n)
{
	dice_top = n;
	return 0;
}

static void the_table_of_answers(void **state)
{
	static const struct {
		long status;
		const char *code;
		enum retry_verdict verdict;
		bool unknown, congestion;
	} rows[] = {
		{ 200, NULL, RETRY_DONE, false, false },
		{ 201, NULL, RETRY_DONE, false, false },
		{ 206, NULL, RETRY_DONE, false, false },
		{ 304, NULL, RETRY_DONE, false, false },
		{ 302, NULL, RETRY_GIVE_UP, false, false },
		{ 400, "InvalidHeaderValue", RETRY_GIVE_UP, false, false },
		{ 400, "Md5Mismatch", RETRY_AGAIN, false, false },
		{ 400, "Crc64Mismatch", RETRY_AGAIN, false, false },
		{ 401, "InvalidAuthenticationInfo", RETRY_GIVE_UP, false, false },
		{ 403, "AuthenticationFailed", RETRY_GIVE_UP, false, false },
		{ 403, "AuthorizationPermissionMismatch", RETRY_GIVE_UP, false, false },
		{ 404, "BlobNotFound", RETRY_GIVE_UP, false, false },
		{ 408, NULL, RETRY_AGAIN, false, false },
		{ 409, "LeaseAlreadyPresent", RETRY_GIVE_UP, false, false },
		{ 412, "SequenceNumberConditionNotMet", RETRY_GIVE_UP, false, false },
		{ 413, "RequestBodyTooLarge", RETRY_GIVE_UP, false, false },
		{ 416, "InvalidPageRange", RETRY_GIVE_UP, false, false },
		{ 429, NULL, RETRY_AGAIN, false, true },
		{ 500, "InternalError", RETRY_AGAIN, true, false },
		{ 500, "OperationTimedOut", RETRY_AGAIN, true, true },
		{ 500, "FeatureNotSupported", RETRY_GIVE_UP, false, false },
		{ 500, "CannotVerifyCopySource", RETRY_GIVE_UP, true, false },
		{ 500, NULL, RETRY_GIVE_UP, true, false },
		{ 500, "", RETRY_GIVE_UP, true, false },
		{ 501, NULL, RETRY_GIVE_UP, true, false },
		{ 501, "APINotImplemented", RETRY_GIVE_UP, false, false },
		{ 502, NULL, RETRY_AGAIN, true, false },
		{ 503, "ServerBusy", RETRY_AGAIN, false, true },
		{ 503, NULL, RETRY_AGAIN, false, true },
		{ 504, NULL, RETRY_AGAIN, true, false },
		{ 505, NULL, RETRY_GIVE_UP, true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct retry_input in = {
			.attempt = 1, .status = rows[i].status, .service_code = rows[i].code, .reached = true
		};
		struct retry_decision d = retry_decide(&in);

		if (d.verdict != rows[i].verdict || d.unknown_outcome != rows[i].unknown ||
		    d.congestion != rows[i].congestion)
			fail_msg("%ld %s: verdict %d unknown %d congestion %d", rows[i].status,
				 rows[i].code ? rows[i].code : "", d.verdict, d.unknown_outcome, d.congestion);
		assert_false(d.refresh);
	}
}

static void without_an_answer_it_matters_whether_it_left(void **state)
{
	const struct retry_input not_left = { .attempt = 1, .transport = ERR_NETWORK },
				 left = { .attempt = 1, .transport = ERR_NETWORK, .reached = true },
				 slow = { .attempt = 1, .transport = ERR_NETWORK, .reached = true, .timed_out = true },
				 untrusted = { .attempt = 1, .transport = ERR_REFUSED },
				 cancelled = { .attempt = 1, .transport = ERR_CANCELLED, .reached = true };
	struct retry_decision d;

	(void)state;
	d = retry_decide(&not_left);
	assert_int_equal(d.verdict, RETRY_AGAIN);
	assert_false(d.unknown_outcome || d.congestion);
	d = retry_decide(&left);
	assert_int_equal(d.verdict, RETRY_AGAIN);
	assert_true(d.unknown_outcome && !d.congestion);
	d = retry_decide(&slow);
	assert_true(d.unknown_outcome && d.congestion);
	d = retry_decide(&untrusted);
	assert_int_equal(d.verdict, RETRY_GIVE_UP);
	assert_false(d.unknown_outcome);
	d = retry_decide(&cancelled);
	assert_int_equal(d.verdict, RETRY_GIVE_UP);
	assert_true(d.unknown_outcome);
}

static void waits_double_to_thirty_seconds_and_end_after_ten_tries(void **state)
{
	static const unsigned top[] = { 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000 };
	struct retry_input in = { .status = 503, .below = highest };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(top); i++) {
		in.attempt = i + 1;
		assert_int_equal(retry_decide(&in).after_ms, top[i]);
		assert_int_equal(retry_decide(&in).verdict, RETRY_AGAIN);
		in.below = lowest; /* full jitter: from nothing on */
		assert_int_equal(retry_decide(&in).after_ms, 0);
		in.below = highest;
	}
	in.attempt = 10;
	assert_int_equal(retry_decide(&in).verdict, RETRY_GIVE_UP);
	assert_int_equal(retry_decide(&in).after_ms, 0);
	assert_true(retry_decide(&in).congestion); /* the last try's answer says so all the same */
}

static void no_try_begins_after_the_limit(void **state)
{
	struct retry_input in = { .attempt = 1, .status = 503, .below = highest, .elapsed_max_ms = 1000 };

	(void)state;
	in.elapsed_ms = 500;
	assert_int_equal(retry_decide(&in).verdict, RETRY_AGAIN);
	in.elapsed_ms = 501;
	assert_int_equal(retry_decide(&in).verdict, RETRY_GIVE_UP);
	in.elapsed_ms = 5000;
	assert_int_equal(retry_decide(&in).verdict, RETRY_GIVE_UP);
}

static uint64_t fixed_time(int which)
{
	(void)which;
	return UINT64_C(1795298400) * 1000000000; /* 2026-11-21T22:00:00Z */
}

static void retry_after_is_a_floor_in_seconds_or_as_a_date(void **state)
{
	static const struct {
		const char *text;
		unsigned least;
	} rows[] = {
		{ "7", 7000 },
		{ "0", 0 },
		{ "Sat, 21 Nov 2026 22:00:09 GMT", 9000 },
		{ "Sat, 21 Nov 2026 21:59:59 GMT", 0 },
		{ "soon", 0 },
		{ "-5", 0 },
		{ "99999999999999999999999", 0 },
		{ "86400", RETRY_AFTER_MAX_MS },
	};
	struct retry_input in = { .attempt = 1, .status = 429, .below = lowest };

	(void)state;
	clock_set_for_test(fixed_time);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		in.retry_after = rows[i].text;
		assert_int_equal(retry_decide(&in).after_ms, rows[i].least);
	}
	in.retry_after = "7";
	in.below = highest;
	assert_int_equal(retry_decide(&in).after_ms, 7499); /* spread above the floor */
	in.attempt = 9;
	assert_int_equal(retry_decide(&in).after_ms, 30000);
	clock_set_for_test(NULL);
}

static void checksums_are_tried_three_times(void **state)
{
	struct retry_input in = { .attempt = 2, .status = 400, .service_code = "Crc64Mismatch" };

	(void)state;
	assert_int_equal(retry_decide(&in).verdict, RETRY_AGAIN);
	in.attempt = 3;
	assert_int_equal(retry_decide(&in).verdict, RETRY_GIVE_UP);
}

static void expired_sign_in_is_tried_again_with_a_new_one(void **state)
{
	struct retry_input in = {
		.attempt = 1, .status = 403, .service_code = "AuthenticationFailed", .can_refresh = true
	};
	struct retry_decision d = retry_decide(&in);

	(void)state;
	assert_int_equal(d.verdict, RETRY_AGAIN);
	assert_true(d.refresh);
	in.service_code = "AuthorizationFailure";
	assert_int_equal(retry_decide(&in).verdict, RETRY_GIVE_UP);
	in.status = 401;
	assert_true(retry_decide(&in).refresh);
}

static void a_copy_source_passes_its_own_status_on(void **state)
{
	struct retry_input in = {
		.attempt = 1, .status = 500, .service_code = "CannotVerifyCopySource", .copy_source_status = 503
	};

	(void)state;
	assert_int_equal(retry_decide(&in).verdict, RETRY_AGAIN);
	in.copy_source_status = 404;
	assert_int_equal(retry_decide(&in).verdict, RETRY_GIVE_UP);
}

static void a_try_is_described_in_a_phrase(void **state)
{
	char text[RETRY_TEXT_LEN];

	(void)state;
	retry_describe(&(struct retry_input){ .status = 503, .service_code = "ServerBusy" }, text);
	assert_string_equal(text, "503 ServerBusy");
	retry_describe(&(struct retry_input){ .status = 408 }, text);
	assert_string_equal(text, "408");
	retry_describe(&(struct retry_input){ .transport = ERR_NETWORK, .timed_out = true }, text);
	assert_string_equal(text, "no answer in time");
	retry_describe(&(struct retry_input){ .transport = ERR_NETWORK }, text);
	assert_string_equal(text, "not reached");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_of_answers),
		cmocka_unit_test(without_an_answer_it_matters_whether_it_left),
		cmocka_unit_test(waits_double_to_thirty_seconds_and_end_after_ten_tries),
		cmocka_unit_test(no_try_begins_after_the_limit),
		cmocka_unit_test(retry_after_is_a_floor_in_seconds_or_as_a_date),
		cmocka_unit_test(checksums_are_tried_three_times),
		cmocka_unit_test(expired_sign_in_is_tried_again_with_a_new_one),
		cmocka_unit_test(a_copy_source_passes_its_own_status_on),
		cmocka_unit_test(a_try_is_described_in_a_phrase),
	};

	return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
