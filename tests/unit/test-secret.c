/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "base/secret.h"

static void keeps_a_copy_with_its_length(void **state)
{
	char mine[] = "hunter2";
	CLEANUP(cleanup_secret) struct secret *s = secret_new(mine, NULL);
	CLEANUP(cleanup_secret) struct secret *bytes = secret_new_len("a\0b", 3, NULL);
	CLEANUP(cleanup_secret) struct secret *empty = secret_new_len(NULL, 0, NULL);

	(void)state;
	assert_true(s && bytes && empty);
	secret_wipe(mine, sizeof(mine));
	assert_memory_equal(mine, "\0\0\0\0\0\0\0", sizeof(mine));
	assert_string_equal(secret_reveal(s), "hunter2");
	assert_int_equal(secret_len(s), 7);
	assert_int_equal(secret_len(bytes), 3);
	assert_memory_equal(secret_reveal(bytes), "a\0b", 4);
	assert_string_equal(secret_reveal(empty), "");
	secret_free(NULL);
}

static void an_impossible_length_is_an_error(void **state)
{
	struct error e = ERROR_INIT;

	(void)state;
	assert_null(secret_new_len("x", SIZE_MAX, &e));
	assert_int_equal(e.code, ERR_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_a_copy_with_its_length),
		cmocka_unit_test(an_impossible_length_is_an_error),
	};

	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
