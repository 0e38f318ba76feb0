/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync_known.h"

#define MS UINT64_C(1000000)
#define MINUTE (60000 * MS)
#define INTERVAL_MS UINT64_C(3600000)

/* A set of VMs with two disks each, made by hand. */
#define MOST 4

struct world {
	struct sync_set set;
	struct sync_vm vms[MOST];
	struct run_vm runs[MOST];
	struct cycle_disk disks[MOST][2];
	struct sync_broken broken[2];
	char vm_names[MOST][8], disk_names[MOST][2][24];
	char said[1024];
	struct sync_known *known;
};

static void keep_line(void *ctx, const char *line)
{
	struct world *w = ctx;

	strncat(w->said, line, sizeof(w->said) - strlen(w->said) - 1);
	strncat(w->said, "\n", sizeof(w->said) - strlen(w->said) - 1);
}

/* "ab": VMs a and b, of which each has two disks: a/0.vhd, a/1.vhd; "A" has the first alone. */
static void arrange(struct world *w, const char *letters)
{
	w->set = (struct sync_set){ .vms = w->vms, .runs = w->runs, .broken = w->broken };
	memset(w->disks, 0, sizeof(w->disks));
	for (const char *p = letters; *p; p++) {
		size_t i = w->set.n++;
		char letter = (char)(*p | 0x20);

		snprintf(w->vm_names[i], sizeof(w->vm_names[i]), "%c", letter);
		w->vms[i] = (struct sync_vm){ .name = w->vm_names[i] };
		w->runs[i] = (struct run_vm){ .cycle = { .name = w->vm_names[i], .disks = w->disks[i], .n = letter == *p ? 2 : 1 } };
		for (int d = 0; d < 2; d++) {
			snprintf(w->disk_names[i][d], sizeof(w->disk_names[i][d]), "%c/%d.vhd", letter, d);
			w->disks[i][d].name = w->disk_names[i][d];
		}
	}
}

/* What is said of a round that finds these. */
static const char *found(struct world *w, const char *letters, bool whole)
{
	arrange(w, letters);
	w->said[0] = '\0';
	assert_int_equal(sync_known_found(w->known, &w->set, whole, keep_line, w, NULL), 0);
	return w->said;
}

static void fail_disk(struct world *w, size_t vm, size_t disk, enum error_code code)
{
	error_set(&w->disks[vm][disk].err, code, "failed");
	w->disks[vm][disk].result = CYCLE_FAILED;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->known = sync_known_new(NULL);
	assert_non_null(w->known);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	sync_known_free(w->known);
	free(w);
	return 0;
}

static void what_comes_and_goes_is_told_once(void **state)
{
	struct world *w = *state;

	assert_string_equal(found(w, "ca", true), "");
	assert_string_equal(found(w, "abc", true), "new: b\n");
	assert_string_equal(found(w, "cab", true), "");
	assert_string_equal(found(w, "b", true), "gone: a: its replicas and their points stay\n"
						 "gone: c: its replicas and their points stay\n");
	assert_string_equal(found(w, "b", true), "");
	assert_string_equal(found(w, "ab", true), "new: a\n"); /* back again */
}

static void a_disk_of_a_vm_that_stays_is_told_by_its_own_name(void **state)
{
	struct world *w = *state;

	found(w, "aB", true);
	assert_string_equal(found(w, "Ab", true), "new: disk b/1.vhd\ngone: disk a/1.vhd: its replica and points stay\n");
	assert_string_equal(found(w, "Ab", true), "");
}

static void a_part_of_a_round_makes_nothing_vanish(void **state)
{
	struct world *w = *state;
	struct sync_known_count count;

	found(w, "abc", true);
	assert_string_equal(found(w, "b", false), "");
	sync_known_count(w->known, &count);
	assert_int_equal(count.vms, 3);
	assert_string_equal(found(w, "abc", true), "");
}

static void a_vm_without_a_disk_in_the_round_is_not_in_it(void **state)
{
	struct world *w = *state;

	found(w, "ab", true);
	arrange(w, "ab");
	w->runs[0].cycle.n = 0;
	w->said[0] = '\0';
	assert_int_equal(sync_known_found(w->known, &w->set, true, keep_line, w, NULL), 0);
	assert_string_equal(w->said, "gone: a: its replicas and their points stay\n");
}

static void broken_disks_are_known_and_their_vms_once(void **state)
{
	struct world *w = *state;
	struct sync_known_count count;
	char first[] = "a/x.vhd", second[] = "a/y.vhd";

	arrange(w, "a");
	w->runs[0].cycle.n = 0;
	w->broken[0] = (struct sync_broken){ .vm = &w->vms[0], .name = first };
	w->broken[1] = (struct sync_broken){ .vm = &w->vms[0], .name = second };
	w->set.n_broken = 2;
	assert_int_equal(sync_known_found(w->known, &w->set, true, keep_line, w, NULL), 0);
	sync_known_ended(w->known, &w->set, 0, INTERVAL_MS);
	sync_known_count(w->known, &count);
	assert_int_equal(count.vms, 1);
	assert_int_equal(count.failing, 1);
	assert_true(sync_known_tell(w->known, "a/y.vhd", "broken"));
	assert_false(sync_known_tell(w->known, "a/y.vhd", "broken"));
}

static void the_same_failure_is_told_again_in_every_tenth_round(void **state)
{
	struct world *w = *state;
	unsigned told = 0;

	found(w, "a", true);
	assert_false(sync_known_tell(w->known, "a/0.vhd", NULL));
	for (int i = 0; i < 21; i++)
		told += sync_known_tell(w->known, "a/0.vhd", "refused");
	assert_int_equal(told, 3); /* the first, the eleventh, the twenty-first */
	assert_true(sync_known_tell(w->known, "a/0.vhd", "another"));
	assert_true(sync_known_tell(w->known, "a/1.vhd", "another")); /* of another disk it is news */
	assert_false(sync_known_tell(w->known, "a/0.vhd", NULL));
	assert_true(sync_known_tell(w->known, "a/0.vhd", "another")); /* it was well in between */
	assert_true(sync_known_tell(w->known, "unknown.vhd", "x"));
	assert_false(sync_known_tell(w->known, "unknown.vhd", NULL));
}

static void only_failures_that_may_pass_park_a_vm(void **state)
{
	struct world *w = *state;
	struct sync_known_count count;

	found(w, "abcd", true);
	fail_disk(w, 0, 1, ERR_NETWORK);
	fail_disk(w, 1, 0, ERR_REFUSED);
	fail_disk(w, 2, 0, ERR_CANCELLED);
	w->disks[3][0].result = CYCLE_FUZZY;
	sync_known_ended(w->known, &w->set, 10 * MINUTE, INTERVAL_MS);
	sync_known_count(w->known, &count);
	assert_int_equal(count.parked, 1);
	assert_int_equal(count.failing, 1);
	assert_int_equal(sync_known_retry_ns(w->known), 11 * MINUTE);
	assert_false(sync_known_is_due(w->known, "a", 11 * MINUTE - 1));
	assert_true(sync_known_is_due(w->known, "a", 11 * MINUTE));
	assert_false(sync_known_is_due(w->known, "b", UINT64_MAX));
	assert_false(sync_known_is_due(w->known, "unknown", UINT64_MAX));
}

static void each_failure_doubles_the_wait_and_a_success_ends_it(void **state)
{
	struct world *w = *state;

	found(w, "ab", true);
	for (unsigned i = 0; i < 3; i++) {
		found(w, "a", false);
		fail_disk(w, 0, 0, ERR_BUSY);
		sync_known_ended(w->known, &w->set, 0, INTERVAL_MS);
		assert_int_equal(sync_known_retry_ns(w->known), MINUTE << i);
	}
	sync_known_retry_now(w->known);
	assert_true(sync_known_is_due(w->known, "a", 1));
	assert_false(sync_known_is_due(w->known, "b", 1));
	found(w, "a", false);
	sync_known_ended(w->known, &w->set, 0, INTERVAL_MS);
	assert_true(sync_known_retry_ns(w->known) == UINT64_MAX);
}

/* Else it would be tried without a pause for ever. */
static void what_was_due_and_was_not_run_waits_longer(void **state)
{
	struct world *w = *state;

	found(w, "ab", true);
	fail_disk(w, 0, 0, ERR_BUSY);
	sync_known_ended(w->known, &w->set, 0, INTERVAL_MS);
	sync_known_ended(w->known, NULL, MINUTE, INTERVAL_MS);
	assert_int_equal(sync_known_retry_ns(w->known), 3 * MINUTE);
	found(w, "b", false);
	sync_known_ended(w->known, &w->set, 3 * MINUTE, INTERVAL_MS);
	assert_int_equal(sync_known_retry_ns(w->known), 7 * MINUTE);
	found(w, "b", true);
	assert_true(sync_known_retry_ns(w->known) == UINT64_MAX); /* gone */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_comes_and_goes_is_told_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_disk_of_a_vm_that_stays_is_told_by_its_own_name, setup, teardown),
		cmocka_unit_test_setup_teardown(a_part_of_a_round_makes_nothing_vanish, setup, teardown),
		cmocka_unit_test_setup_teardown(a_vm_without_a_disk_in_the_round_is_not_in_it, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_disks_are_known_and_their_vms_once, setup, teardown),
		cmocka_unit_test_setup_teardown(the_same_failure_is_told_again_in_every_tenth_round, setup, teardown),
		cmocka_unit_test_setup_teardown(only_failures_that_may_pass_park_a_vm, setup, teardown),
		cmocka_unit_test_setup_teardown(each_failure_doubles_the_wait_and_a_success_ends_it, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_due_and_was_not_run_waits_longer, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
