/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"

static void levels_only_rise(void **state)
{
	struct error e = ERROR_INIT;
	struct cancel c;

	(void)state;
	assert_int_equal(cancel_init(&c, NULL), 0);
	assert_int_equal(cancel_level(&c), CANCEL_NONE);
	assert_int_equal(cancel_check(&c, &e), 0);
	cancel_set(&c, CANCEL_NOW);
	cancel_set(&c, CANCEL_GENTLE);
	assert_int_equal(cancel_level(&c), CANCEL_NOW);
	assert_int_equal(cancel_check(&c, &e), -1);
	assert_error(&e, ERR_CANCELLED, "stopped");
	cancel_fini(&c);
	assert_int_equal(c.event_fd, -1);
}

static void waiters_on_the_descriptor_wake(void **state)
{
	struct pollfd pfd = { .events = POLLIN };
	struct cancel c;

	(void)state;
	assert_int_equal(cancel_init(&c, NULL), 0);
	pfd.fd = c.event_fd;
	assert_int_equal(poll(&pfd, 1, 0), 0);
	errno = ENOENT;
	cancel_set(&c, CANCEL_NONE);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	cancel_set(&c, CANCEL_GENTLE);
	assert_int_equal(errno, ENOENT); /* a signal handler must not change it */
	assert_int_equal(poll(&pfd, 1, 0), 1);
	assert_int_equal(poll(&pfd, 1, 0), 1); /* and stays so */
	cancel_fini(&c);
}

static void no_token_never_cancels(void **state)
{
	uint64_t began = clock_monotonic_ns();

	(void)state;
	assert_int_equal(cancel_level(NULL), CANCEL_NONE);
	assert_int_equal(cancel_check(NULL, NULL), 0);
	assert_int_equal(cancel_sleep(NULL, 20, NULL), 0);
	assert_true(clock_monotonic_ns() - began >= 19000000);
}

static void *set_soon(void *arg)
{
	usleep(20000);
	cancel_set(arg, CANCEL_GENTLE);
	return NULL;
}

static void a_sleeper_wakes_early(void **state)
{
	struct error e = ERROR_INIT, e2 = ERROR_INIT;
	struct cancel c;
	pthread_t setter;

	(void)state;
	assert_int_equal(cancel_init(&c, NULL), 0);
	assert_int_equal(cancel_sleep(&c, 1, &e), 0);
	assert_int_equal(pthread_create(&setter, NULL, set_soon, &c), 0);
	assert_int_equal(cancel_sleep(&c, 600000, &e), -1); /* ten minutes: the test's harness would notice */
	assert_error(&e, ERR_CANCELLED, "stopped");
	pthread_join(setter, NULL);
	assert_int_equal(cancel_sleep(&c, 0, &e2), -1);
	assert_error(&e2, ERR_CANCELLED, "stopped");
	cancel_fini(&c);
}

static struct cancel by_signal;

static void on_signal(int sig)
{
	(void)sig;
	cancel_set(&by_signal, CANCEL_GENTLE);
}

static void on_other_signal(int sig)
{
	(void)sig;
}

static void *signal_soon(void *arg)
{
	pthread_t *sleeper = arg;

	usleep(10000);
	pthread_kill(*sleeper, SIGUSR2);
	usleep(10000);
	pthread_kill(*sleeper, SIGUSR1);
	return NULL;
}

static void a_handler_may_set_it_and_others_do_not_matter(void **state)
{
	struct sigaction act = { .sa_handler = on_signal }, other = { .sa_handler = on_other_signal };
	pthread_t self = pthread_self(), sender;
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(cancel_init(&by_signal, NULL), 0);
	assert_int_equal(sigaction(SIGUSR1, &act, NULL), 0);
	assert_int_equal(sigaction(SIGUSR2, &other, NULL), 0);
	assert_int_equal(pthread_create(&sender, NULL, signal_soon, &self), 0);
	assert_int_equal(cancel_sleep(&by_signal, 600000, &e), -1);
	assert_error(&e, ERR_CANCELLED, "stopped");
	pthread_join(sender, NULL);
	cancel_fini(&by_signal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_only_rise),
		cmocka_unit_test(waiters_on_the_descriptor_wake),
		cmocka_unit_test(no_token_never_cancels),
		cmocka_unit_test(a_sleeper_wakes_early),
		cmocka_unit_test(a_handler_may_set_it_and_others_do_not_matter),
	};

	return cmocka_run_group_tests_name("cancel", tests, NULL, NULL);
}
