/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of the log file: key=value pairs, as logfmt has them, so that programs need not guess where a phrase ends.
 *
 *	time=2026-11-22T08:00:00Z level=info component=sync pid=4711 message="cycle ended" disk=web01/web01.vhd cycle=7
 *
 * What a log line has at its end in the form key=value follows the message as pairs of its own.  A value with anything but
 * plain characters in it stands in double quotes, '"' and '\' with a '\' before them.  Pure.
 */
#ifndef LIFTFS_TOOLS_LOG_LINE_H
#define LIFTFS_TOOLS_LOG_LINE_H

#include <stdint.h>

#include "base/log.h"

#define LOG_LINE_TEXT_MAX (2 * LOG_LINE_MAX + 256) /* every byte with a '\' before it, and the head */

void log_line_format(uint64_t realtime_ns, const char *level, const char *component, long pid, const char *line,
		     char out[LOG_LINE_TEXT_MAX]);

/* A value as it stands after '=', quoted if it must be; cut to the buffer, never within a pair of quotes. */
void log_line_value(const char *value, char *out, size_t len);

#endif
