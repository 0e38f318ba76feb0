/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "notify.h"

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

void notify_send(const char *state)
{
	(void)sd_notify(0, state); /* nobody listens: nothing is to be done about it */
}

uint64_t notify_watchdog_ms(void)
{
	uint64_t us = 0;

	return sd_watchdog_enabled(0, &us) > 0 ? us / 1000 : 0;
}
#else
void notify_send(const char *state)
{
	(void)state;
}

uint64_t notify_watchdog_ms(void)
{
	return 0;
}
#endif
