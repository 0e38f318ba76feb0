/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "replicate/read_back.h"
#include "support/target_mem.h"

static void much_from_a_remote_target_is_said_and_nothing_else(void **state)
{
	struct mem_service *s = mem_service_new("much");
	struct target *t = mem_target_open(s, NULL, NULL);
	char text[READ_BACK_TEXT_LEN];

	(void)state;
	assert_true(read_back_text(t, "a.vhd", READ_BACK_MUCH + 1, text));
	assert_string_equal(text, "a.vhd: 10 GiB are read back from mem:much, which is billed");
	assert_false(read_back_text(t, "a.vhd", READ_BACK_MUCH, text));
	target_close(t);
	mem_service_set_caps(s, true, false, 1 << 20);
	t = mem_target_open(s, NULL, NULL);
	assert_false(read_back_text(t, "a.vhd", READ_BACK_MUCH + 1, text)); /* a directory */
	target_close(t);
	mem_service_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(much_from_a_remote_target_is_said_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
