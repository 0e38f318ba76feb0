/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "support/pageblob_lease.h"

#define S UINT64_C(1000000000)
#define A "aaaaaaaa-0000-4000-8000-000000000001"
#define B "bbbbbbbb-0000-4000-8000-000000000002"

enum { NOW = 100 }; /* seconds, at which every attempt is made */

static struct pageblob_lease in_state(enum pageblob_lease_state state)
{
	struct pageblob_lease l = { 0 };
	int left;

	if (state == LEASE_AVAILABLE)
		return l;
	assert_null(pageblob_lease_acquire(&l, A, B, 15, (state == LEASE_EXPIRED ? 85 : 99) * S));
	if (state == LEASE_BREAKING || state == LEASE_BROKEN)
		assert_null(pageblob_lease_break(&l, state == LEASE_BROKEN ? 0 : 5, 99 * S, &left));
	assert_int_equal(pageblob_lease_state(&l, NOW * S), state);
	return l;
}

static const char *code(const struct pageblob_refusal *no)
{
	return no ? no->code : "ok";
}

static void every_attempt_in_every_state(void **state)
{
	static const char *const want[5][9] = {
		/* write A, write B, write without, acquire A, acquire B, renew A, change A to B, release A, break */
		[LEASE_AVAILABLE] = { "LeaseNotPresentWithBlobOperation", "LeaseNotPresentWithBlobOperation", "ok",
				      "ok", "ok", "LeaseIdMismatchWithLeaseOperation",
				      "LeaseNotPresentWithLeaseOperation", "LeaseIdMismatchWithLeaseOperation",
				      "LeaseNotPresentWithLeaseOperation" },
		[LEASE_LEASED] = { "ok", "LeaseIdMismatchWithBlobOperation", "LeaseIdMissing", "ok",
				   "LeaseAlreadyPresent", "ok", "ok", "ok", "ok" },
		[LEASE_BREAKING] = { "ok", "LeaseIdMismatchWithBlobOperation", "LeaseIdMissing",
				     "LeaseIsBreakingAndCannotBeAcquired", "LeaseAlreadyPresent",
				     "LeaseIsBrokenAndCannotBeRenewed", "LeaseIsBreakingAndCannotBeChanged", "ok",
				     "ok" },
		[LEASE_BROKEN] = { "LeaseLost", "LeaseIdMismatchWithBlobOperation", "ok", "ok", "ok",
				   "LeaseIsBrokenAndCannotBeRenewed", "LeaseNotPresentWithLeaseOperation", "ok", "ok" },
		[LEASE_EXPIRED] = { "LeaseLost", "LeaseIdMismatchWithBlobOperation", "ok", "ok", "ok", "ok",
				    "LeaseNotPresentWithLeaseOperation", "ok", "ok" },
	};

	(void)state;
	for (int st = LEASE_AVAILABLE; st <= LEASE_EXPIRED; st++) {
		struct pageblob_lease l[9];
		int left = -1;

		for (int i = 0; i < 9; i++)
			l[i] = in_state(st);
		assert_string_equal(code(pageblob_lease_check_write(&l[0], A, NOW * S)), want[st][0]);
		assert_string_equal(code(pageblob_lease_check_write(&l[1], B, NOW * S)), want[st][1]);
		assert_string_equal(code(pageblob_lease_check_write(&l[2], NULL, NOW * S)), want[st][2]);
		assert_null(pageblob_lease_check_read(&l[2], NULL, NOW * S));
		assert_string_equal(code(pageblob_lease_acquire(&l[3], A, B, 60, NOW * S)), want[st][3]);
		assert_string_equal(code(pageblob_lease_acquire(&l[4], B, A, 60, NOW * S)), want[st][4]);
		assert_string_equal(code(pageblob_lease_renew(&l[5], A, NOW * S)), want[st][5]);
		assert_string_equal(code(pageblob_lease_change(&l[6], A, B, NOW * S)), want[st][6]);
		assert_string_equal(code(pageblob_lease_release(&l[7], A, NOW * S)), want[st][7]);
		assert_string_equal(code(pageblob_lease_break(&l[8], -1, NOW * S, &left)), want[st][8]);
	}
}

static void a_lease_that_ran_out_can_be_renewed_only_while_nobody_wrote(void **state)
{
	struct pageblob_lease quiet = in_state(LEASE_EXPIRED), written = quiet, taken = quiet;

	(void)state;
	assert_null(pageblob_lease_renew(&quiet, A, NOW * S));
	assert_int_equal(pageblob_lease_state(&quiet, (NOW + 15) * S - 1), LEASE_LEASED);
	assert_int_equal(pageblob_lease_state(&quiet, (NOW + 15) * S), LEASE_EXPIRED);
	pageblob_lease_written(&written, NOW * S);
	assert_string_equal(code(pageblob_lease_renew(&written, A, NOW * S)), "LeaseIdMismatchWithLeaseOperation");
	assert_null(pageblob_lease_acquire(&taken, B, A, 15, NOW * S));
	assert_string_equal(code(pageblob_lease_renew(&taken, A, NOW * S)), "LeaseIdMismatchWithLeaseOperation");
}

static void breaking_takes_the_shorter_of_what_is_left_and_what_is_asked(void **state)
{
	struct pageblob_lease l = in_state(LEASE_LEASED), infinite = { 0 };
	int left = -1;

	(void)state;
	assert_null(pageblob_lease_break(&l, 60, NOW * S, &left));
	assert_int_equal(left, 14);
	assert_null(pageblob_lease_break(&l, 3, NOW * S, &left));
	assert_int_equal(left, 3);
	assert_int_equal(pageblob_lease_state(&l, (NOW + 3) * S), LEASE_BROKEN);
	assert_null(pageblob_lease_acquire(&infinite, NULL, B, PAGEBLOB_LEASE_INFINITE, 0));
	assert_int_equal(pageblob_lease_state(&infinite, UINT64_MAX), LEASE_LEASED);
	assert_null(pageblob_lease_break(&infinite, -1, NOW * S, &left));
	assert_int_equal(left, 0);
	assert_int_equal(pageblob_lease_state(&infinite, NOW * S), LEASE_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_attempt_in_every_state),
		cmocka_unit_test(a_lease_that_ran_out_can_be_renewed_only_while_nobody_wrote),
		cmocka_unit_test(breaking_takes_the_shorter_of_what_is_left_and_what_is_asked),
	};

	return cmocka_run_group_tests_name("pageblob-lease", tests, NULL, NULL);
}
