/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the log file: what is message, what is a pair, and what must be quoted. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "log_line.h"

#define HEAD "time=2026-11-21T22:00:00Z level=info component=sync pid=7 message="

static void is(const char *line, const char *want)
{
	char out[LOG_LINE_TEXT_MAX], whole[512];

	log_line_format(UINT64_C(1795298400) * 1000000000, "info", "sync", 7, line, out);
	snprintf(whole, sizeof(whole), HEAD "%s", want);
	assert_string_equal(out, whole);
}

static void pairs_at_the_end_stay_pairs(void **state)
{
	(void)state;
	is("cycle ended disk=web01/web01.vhd cycle=7", "\"cycle ended\" disk=web01/web01.vhd cycle=7");
	is("ended disk=\"a b\\\" c=d.vhd\" cycle=7", "ended disk=\"a b\\\" c=d.vhd\" cycle=7");
	is("ended why=", "ended why=");
}

static void what_only_looks_like_pairs_is_message(void **state)
{
	(void)state;
	is("web01.vmx: scsi0:0.present = \"TRUE\" is odd", "\"web01.vmx: scsi0:0.present = \\\"TRUE\\\" is odd\"");
	is("the option log=ignore was given", "\"the option log=ignore was given\"");
	is("name x=\"open", "\"name x=\\\"open\"");
	is("C:\\x=1", "\"C:\\\\x=1\"");
	is("a=1 b=2", "\"a=1\" b=2"); /* a line is a phrase first */
	is("", "\"\"");
}

static void the_longest_line_fits(void **state)
{
	char line[LOG_LINE_MAX], out[LOG_LINE_TEXT_MAX];

	(void)state;
	memset(line, '"', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	log_line_format(0, "warning", "credentials", 4194304, line, out);
	assert_int_equal(out[strlen(out) - 1], '"');
	assert_true(strlen(out) > 2 * (sizeof(line) - 2));
}

static void a_value_that_is_cut_keeps_its_quotes(void **state)
{
	char out[8];

	(void)state;
	log_line_value("plain", out, sizeof(out));
	assert_string_equal(out, "plain");
	log_line_value("a b", out, sizeof(out));
	assert_string_equal(out, "\"a b\"");
	log_line_value("ab\"\"\"cd", out, sizeof(out));
	assert_string_equal(out, "\"ab\\\"\"");
	log_line_value("muchlonger", out, sizeof(out));
	assert_string_equal(out, "\"muchl\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_at_the_end_stay_pairs),
		cmocka_unit_test(what_only_looks_like_pairs_is_message),
		cmocka_unit_test(the_longest_line_fits),
		cmocka_unit_test(a_value_that_is_cut_keeps_its_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
