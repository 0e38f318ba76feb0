/* SPDX-License-Identifier: Apache-2.0 */
/* The system's log, for a mount without a terminal.  Apart from base/log.h, whose levels have syslog.h's names. */
#ifndef LIFTFS_FS_SYSTEM_LOG_H
#define LIFTFS_FS_SYSTEM_LOG_H

#include <stdbool.h>

void system_log_open(const char *program); /* the name stays valid */
void system_log_write(bool warning, const char *module, const char *line);

#endif
