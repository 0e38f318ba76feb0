/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <syslog.h>

#include "system_log.h"

void system_log_open(const char *program)
{
	openlog(program, LOG_PID, LOG_DAEMON);
}

void system_log_write(bool warning, const char *module, const char *line)
{
	syslog(warning ? LOG_WARNING : LOG_INFO, "%s: %s", module, line);
}
