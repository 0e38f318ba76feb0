/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "output.h"

#define NONE UINT64_MAX
#define MIB (UINT64_C(1) << 20)

static void a_line_says_how_far_how_fast_and_how_long(void **state)
{
	const struct progress_now now = { .done = 512 * MIB, .total = 1024 * MIB, .sent = 9 * MIB, .changed = 10 * MIB,
					  .disks_done = 1, .disks = 3 };
	char text[PROGRESS_TEXT_LEN];

	(void)state;
	progress_format_line(&now, &(struct pace_now){ .rate = 64 * MIB, .left_ms = 8000 }, text);
	assert_string_equal(text, "1/3 disks, 512 MiB of 1 GiB, 50%, 64 MiB/s, 8.0 s left, 10 MiB changed");
}

static void without_a_rate_nothing_is_foretold(void **state)
{
	const struct progress_now now = { .total = 1024 * MIB, .disks = 1 };
	char text[PROGRESS_TEXT_LEN];

	(void)state;
	progress_format_line(&now, &(struct pace_now){ .left_ms = NONE }, text);
	assert_string_equal(text, "0 B of 1 GiB, 0%, 0 B/s, 0 B changed");
}

static void never_more_than_all_is_done(void **state)
{
	const struct progress_now now = { .done = 3 * MIB, .total = 2 * MIB };
	char text[PROGRESS_TEXT_LEN];

	(void)state;
	progress_format_line(&now, &(struct pace_now){ .rate = MIB, .left_ms = NONE }, text);
	assert_string_equal(text, "2 MiB of 2 MiB, 100%, 1 MiB/s, 0 B changed");
}

static void an_unknown_total_is_left_out(void **state)
{
	const struct progress_now now = { .done = 3 * MIB };
	char text[PROGRESS_TEXT_LEN];

	(void)state;
	progress_format_line(&now, &(struct pace_now){ .rate = MIB, .left_ms = NONE }, text);
	assert_string_equal(text, "3 MiB, 1 MiB/s, 0 B changed");
}

static void what_does_not_go_on_says_so(void **state)
{
	const struct progress_now now = { .done = MIB, .total = 2 * MIB };
	char text[PROGRESS_TEXT_LEN];

	(void)state;
	progress_format_line(&now, &(struct pace_now){ .left_ms = NONE, .held = true }, text);
	assert_string_equal(text, "1 MiB of 2 MiB, 50%, paused by --limit-rate, 0 B changed");
	progress_format_line(&now, &(struct pace_now){ .left_ms = NONE, .idle_ms = 65500 }, text);
	assert_string_equal(text, "1 MiB of 2 MiB, 50%, nothing read or sent for 1 min 05 s, 0 B changed");
}

static void json_has_whole_numbers(void **state)
{
	const struct progress_now now = { .done = UINT64_C(1) << 53, .total = (UINT64_C(1) << 53) + 1, .sent = 2, .changed = 3,
					  .disks_done = 4, .disks = 5 };
	char text[PROGRESS_TEXT_LEN];

	(void)state;
	progress_format_json(&now, &(struct pace_now){ .rate = 7, .left_ms = 12345 }, 61005, text);
	assert_string_equal(text, "{\"bytes_done\":9007199254740992,\"bytes_total\":9007199254740993,\"bytes_changed\":3,"
				  "\"bytes_sent\":2,\"disks_done\":4,\"disks\":5,\"bytes_per_second\":7,"
				  "\"seconds_left\":12,\"paused\":false,\"seconds\":61.005}");
	progress_format_json(&now, &(struct pace_now){ .left_ms = NONE, .held = true }, 61005, text);
	assert_non_null(strstr(text, "\"bytes_per_second\":0,\"seconds_left\":null,\"paused\":true,"));
}

static void count_samples(void *ctx, struct progress_now *out)
{
	(void)out;
	(*(_Atomic unsigned *)ctx)++;
}

static void what_shows_nothing_asks_for_nothing(void **state)
{
	_Atomic unsigned samples = 0;
	struct error e = ERROR_INIT;
	struct progress *p = progress_start(PROGRESS_NONE, "test", count_samples, &samples, &e);

	(void)state;
	assert_non_null(p);
	progress_stop(p);
	assert_int_equal(samples, 0);
	progress_stop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_says_how_far_how_fast_and_how_long),
		cmocka_unit_test(without_a_rate_nothing_is_foretold),
		cmocka_unit_test(never_more_than_all_is_done),
		cmocka_unit_test(an_unknown_total_is_left_out),
		cmocka_unit_test(what_does_not_go_on_says_so),
		cmocka_unit_test(json_has_whole_numbers),
		cmocka_unit_test(what_shows_nothing_asks_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
