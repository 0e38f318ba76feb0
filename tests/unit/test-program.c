/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

static char *shell_in(const char *script, struct program p, struct error *err)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	size_t len;
	char *out;

	p.argv = argv;
	if (!p.output_max)
		p.output_max = 1 << 20;
	out = program_output(&p, &len, err);
	if (out)
		assert_int_equal(len, strlen(out));
	return out;
}

static void fails(const char *script, struct program p, enum error_code code, const char *message)
{
	struct error err = ERROR_INIT;

	assert_null(shell_in(script, p, &err));
	assert_int_equal(err.code, code);
	assert_string_equal(err.msg, message);
}

static void all_of_its_output(void **state)
{
	struct error err = ERROR_INIT;
	char *out = shell_in("cat; echo one; echo noise >&2; head -c 300000 /dev/zero | tr '\\0' x; echo end", (struct program){ 0 },
			     &err);

	(void)state;
	assert_non_null(out);
	assert_int_equal(strlen(out), 4 + 300000 + 4);
	assert_int_equal(strncmp(out, "one\nxx", 6), 0);
	free(out);
}

static void nothing_is_an_output_too(void **state)
{
	struct error err = ERROR_INIT;
	char *out = shell_in(":", (struct program){ 0 }, &err);

	(void)state;
	assert_string_equal(out, "");
	free(out);
}

static void its_environment_is_ours_and_more(void **state)
{
	static const char *const set[] = { "PROGRAM_TEST=new", "PROGRAM_MORE=x", NULL };
	struct error err = ERROR_INIT;
	char *out;

	(void)state;
	assert_int_equal(setenv("PROGRAM_TEST", "old", 1), 0);
	out = shell_in("echo $PROGRAM_TEST $PROGRAM_MORE ${PATH:+path}", (struct program){ .set = set }, &err);
	assert_string_equal(out, "new x path\n");
	free(out);
}

static void one_that_fails_says_why_in_its_last_line(void **state)
{
	(void)state;
	fails("echo first >&2; echo 'no such disk' >&2; echo >&2; exit 3", (struct program){ 0 }, ERR_REFUSED,
	      "sh: exit status 3: no such disk");
	fails("exit 1", (struct program){ 0 }, ERR_REFUSED, "sh: exit status 1");
	fails("kill -9 $$", (struct program){ 0 }, ERR_REFUSED, "sh: ended by signal 9");
}

static void one_that_is_not_there(void **state)
{
	const char *argv[] = { "liftfs-no-such-program", NULL };
	struct error err = ERROR_INIT;
	size_t len;

	(void)state;
	assert_null(program_output(&(struct program){ .argv = argv, .output_max = 10 }, &len, &err));
	assert_int_equal(err.detail, ENOENT);
	assert_string_equal(err.msg, "liftfs-no-such-program: No such file or directory");
}

static void one_that_talks_too_much_or_takes_too_long_is_ended(void **state)
{
	(void)state;
	fails("yes", (struct program){ .output_max = 100000 }, ERR_CORRUPT, "sh: prints more than 100000 bytes");
	fails("sleep 1000", (struct program){ .time_ms = 1000 }, ERR_BUSY, "sh: not done after 1 s");
}

static void a_stop_reaches_it(void **state)
{
	struct cancel c;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(cancel_init(&c, &err), 0);
	cancel_set(&c, CANCEL_GENTLE);
	fails("sleep 1000 & sleep 1000; wait", (struct program){ .cancel = &c }, ERR_CANCELLED, "sh: stopped");
	cancel_set(&c, CANCEL_NOW);
	fails("trap '' TERM; sleep 1000; sleep 1000", (struct program){ .cancel = &c }, ERR_CANCELLED, "sh: stopped");
	cancel_fini(&c);
}

static void what_it_leaves_behind_is_not_waited_for(void **state)
{
	struct error err = ERROR_INIT;
	char *out = shell_in("sleep 5 & echo $!", (struct program){ 0 }, &err);

	(void)state;
	assert_non_null(out);
	assert_int_equal(kill((pid_t)strtol(out, NULL, 10), SIGTERM), 0);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_its_output),
		cmocka_unit_test(nothing_is_an_output_too),
		cmocka_unit_test(its_environment_is_ours_and_more),
		cmocka_unit_test(one_that_fails_says_why_in_its_last_line),
		cmocka_unit_test(one_that_is_not_there),
		cmocka_unit_test(one_that_talks_too_much_or_takes_too_long_is_ended),
		cmocka_unit_test(a_stop_reaches_it),
		cmocka_unit_test(what_it_leaves_behind_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
