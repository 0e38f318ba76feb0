/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

struct captured {
	unsigned lines;
	enum log_level level;
	char module[16], line[LOG_LINE_MAX];
};

static void capture(void *ctx, enum log_level level, const char *module, const char *line)
{
	struct captured *c = ctx;

	c->lines++;
	c->level = level;
	snprintf(c->module, sizeof(c->module), "%s", module);
	snprintf(c->line, sizeof(c->line), "%s", line);
	errno = EIO; /* as a write to a terminal may */
}

static int start(void **state)
{
	static struct captured c;

	c = (struct captured){ 0 };
	log_set_sink(capture, &c);
	*state = &c;
	return 0;
}

static int stop(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	log_set_redactor(NULL);
	log_set_level(LOG_WARN);
	return log_enable_debug(NULL, NULL);
}

static void warnings_pass_and_the_rest_when_asked_for(void **state)
{
	const struct captured *c = *state;

	errno = ENOENT;
	log_warn("http", "lease of %d s", 60);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(c->lines, 1);
	assert_int_equal(c->level, LOG_WARN);
	assert_string_equal(c->module, "http");
	assert_string_equal(c->line, "lease of 60 s");
	log_info("http", "not yet");
	assert_int_equal(c->lines, 1);
	log_set_level(LOG_INFO);
	log_info("http", "scan done blocks=%d", 7);
	assert_string_equal(c->line, "scan done blocks=7");
	log_set_sink(NULL, NULL);
	log_warn("http", "nobody hears it");
	assert_int_equal(c->lines, 2);
}

static void debug_lines_go_by_module(void **state)
{
	const struct captured *c = *state;

	log_set_level(LOG_DEBUG);
	log_debug("http", "off");
	log_write(LOG_DEBUG, "http", "off");
	assert_int_equal(c->lines, 0);
	assert_int_equal(log_enable_debug("http,vhdx", NULL), 0);
	assert_true(log_debug_enabled("http") && log_debug_enabled("vhdx"));
	assert_false(log_debug_enabled("vhd") || log_debug_enabled("ttp") || log_debug_enabled(""));
	assert_int_equal(log_enable_debug("vhd,no-such-module", NULL), 0);
	assert_true(log_debug_enabled("http") && log_debug_enabled("vhd"));
	log_set_level(LOG_WARN);
	log_debug("vhd", "bat at %#x", 512);
	log_debug("map", "off");
	assert_int_equal(c->lines, 1);
	assert_string_equal(c->line, "bat at 0x200");
	assert_int_equal(log_enable_debug("all", NULL), 0);
	assert_true(log_debug_enabled("map"));
	assert_int_equal(log_enable_debug(NULL, NULL), 0);
	assert_false(log_debug_enabled("http"));
}

static void control_bytes_become_visible_and_long_lines_are_cut(void **state)
{
	const struct captured *c = *state;

	log_warn("vmx", "name '%s'", "a\n\033[2J\xff");
	assert_string_equal(c->line, "name 'a\\x0A\\x1B[2J\\xFF'");
	log_warn("vmx", "%03000d", 7);
	assert_int_equal(strlen(c->line), LOG_LINE_MAX - 1);
}

static void cut_signature(char *line)
{
	char *sig = strstr(line, "sig=");

	if (sig)
		memcpy(sig, "sig=*", sizeof("sig=*"));
}

static void secrets_are_cut_before_anybody_sees_them(void **state)
{
	const struct captured *c = *state;

	log_set_redactor(cut_signature);
	log_warn("http", "PUT /x?sv=1&sig=%s", "abcdef");
	assert_string_equal(c->line, "PUT /x?sv=1&sig=*");
}

static void *write_lines(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		log_debug("map", "x");
		log_warn("map", "x");
	}
	return NULL;
}

static void threads_take_turns(void **state)
{
	const struct captured *c = *state;
	pthread_t threads[4];

	assert_int_equal(log_enable_debug("map", NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(c->lines, 4 * 200 * 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(warnings_pass_and_the_rest_when_asked_for, start, stop),
		cmocka_unit_test_setup_teardown(debug_lines_go_by_module, start, stop),
		cmocka_unit_test_setup_teardown(control_bytes_become_visible_and_long_lines_are_cut, start, stop),
		cmocka_unit_test_setup_teardown(secrets_are_cut_before_anybody_sees_them, start, stop),
		cmocka_unit_test_setup_teardown(threads_take_turns, start, stop),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
