/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "thing.h"

static const char *const points[] = {
	"20261121T220000.000Z", NULL, "20261122T040000.000Z", "20261122T030000.000Z", "20261121T220000.000Z-2",
};

static size_t choose(const char *want, struct error *e)
{
	size_t index = 99;

	if (thing_choose_point(points, ARRAY_LEN(points), want, &index, e) < 0)
		assert_int_equal(index, 99);
	return index;
}

static void a_point_is_named_whole_or_by_a_beginning_of_one(void **state)
{
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(choose("20261122T040000.000Z", &e), 2);
	assert_int_equal(choose("20261122T03", &e), 3);
	assert_int_equal(choose("20261121T220000.000Z", &e), 0); /* whole, though another begins so */
	assert_int_equal(choose("latest", &e), 2);
}

static void what_is_none_or_several_is_refused(void **state)
{
	struct error none = ERROR_INIT, several = ERROR_INIT, empty = ERROR_INIT;
	size_t index;

	(void)state;
	assert_int_equal(choose("2025", &none), 99);
	assert_error(&none, ERR_USAGE, "'2025': no recovery point of that name");
	assert_int_equal(choose("20261122", &several), 99);
	assert_error(&several, ERR_USAGE, "'20261122': 2 recovery points begin so");
	assert_int_equal(thing_choose_point(NULL, 0, "latest", &index, &empty), -1);
	assert_error(&empty, ERR_USAGE, "'latest': no recovery point of that name");
}

static void a_foreign_snapshot_is_no_recovery_point(void **state)
{
	struct target_meta_item ours[] = { { .key = "moment", .value = (char[]){ "20261121T220000.000Z" } },
					   { .key = "token", .value = (char[]){ "t" } } };
	struct target_point p = { .meta = { .v = ours, .n = 1 } };

	(void)state;
	assert_null(thing_point_name(&p));
	p.meta.n = 2;
	assert_string_equal(thing_point_name(&p), "20261121T220000.000Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_point_is_named_whole_or_by_a_beginning_of_one),
		cmocka_unit_test(what_is_none_or_several_is_refused),
		cmocka_unit_test(a_foreign_snapshot_is_no_recovery_point),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
