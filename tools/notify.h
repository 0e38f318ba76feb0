/* SPDX-License-Identifier: Apache-2.0 */
/* What a service manager is told: sd_notify(3), where liftfs was built with libsystemd and NOTIFY_SOCKET is set; else nothing. */
#ifndef LIFTFS_TOOLS_NOTIFY_H
#define LIFTFS_TOOLS_NOTIFY_H

#include <stdint.h>

/* "READY=1\nSTATUS=..." */
void notify_send(const char *state);

/* How long it waits for WATCHDOG=1, in milliseconds; 0: it does not. */
uint64_t notify_watchdog_ms(void);

#endif
