/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

static void grows_by_pieces(void **state)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	CLEANUP_FREE char *s = NULL;

	(void)state;
	strbuf_adds(&b, "x");
	for (int i = 0; i < 1000; i++)
		strbuf_addf(&b, "%d,", i % 10);
	strbuf_add(&b, "yzzz", 1);
	assert_int_equal(b.len, 2002);
	s = strbuf_take(&b, NULL);
	assert_non_null(s);
	assert_int_equal(strlen(s), 2002);
	assert_memory_equal(s, "x0,1,2,", 7);
	assert_string_equal(s + 1999, "9,y");
	assert_null(b.s);
	assert_int_equal(b.len, 0);
}

static void every_length_fits_with_its_nul(void **state)
{
	(void)state;
	for (size_t len = 0; len < 300; len++) {
		CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

		strbuf_addf(&b, "%*s", (int)len, "");
		strbuf_adds(&b, "");
		assert_int_equal(b.len, len);
		assert_int_equal(strlen(b.s), len);
	}
}

static void nothing_added_is_the_empty_text(void **state)
{
	struct strbuf b = { 0 };
	CLEANUP_FREE char *s = strbuf_take(&b, NULL);

	(void)state;
	assert_non_null(s);
	assert_string_equal(s, "");
}

static void failure_is_reported_once_at_the_end(void **state)
{
	struct strbuf b = { 0 };
	struct error e = ERROR_INIT;
	CLEANUP_FREE char *s = NULL;

	(void)state;
	strbuf_adds(&b, "abc");
	strbuf_add(&b, NULL, SIZE_MAX); /* no memory holds it, and none of it is read */
	strbuf_adds(&b, "def");
	assert_null(strbuf_take(&b, &e));
	assert_error(&e, ERR_NOMEM, "text of more than 3 bytes: Cannot allocate memory");
	strbuf_adds(&b, "new"); /* starts over */
	s = strbuf_take(&b, NULL);
	assert_string_equal(s, "new");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_by_pieces),
		cmocka_unit_test(every_length_fits_with_its_nul),
		cmocka_unit_test(nothing_added_is_the_empty_text),
		cmocka_unit_test(failure_is_reported_once_at_the_end),
	};

	return cmocka_run_group_tests_name("strbuf", tests, NULL, NULL);
}
