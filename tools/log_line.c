/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "log_line.h"

static bool is_plain(const char *value)
{
	return *value && value[strcspn(value, " \"\\=")] == '\0';
}

void log_line_value(const char *value, char *out, size_t len)
{
	size_t used = 0;

	assert(len >= 3);
	if (is_plain(value) && strlen(value) < len) {
		snprintf(out, len, "%s", value);
		return;
	}
	out[used++] = '"';
	for (; *value; value++) {
		bool escaped = *value == '"' || *value == '\\';

		if (used + escaped + 3 > len) /* this one, the quote, the NUL */
			break;
		if (escaped)
			out[used++] = '\\';
		out[used++] = *value;
	}
	out[used++] = '"';
	out[used] = '\0';
}

/* The end of a pair that begins at p, or NULL if none does. */
static const char *skip_pair(const char *p)
{
	size_t key = strspn(p, "abcdefghijklmnopqrstuvwxyz_");

	if (key == 0 || p[key] != '=')
		return NULL;
	p += key + 1;
	if (*p != '"')
		return p + strcspn(p, " \"");
	for (p++; *p && *p != '"'; p++)
		if (*p == '\\' && p[1])
			p++;
	return *p ? p + 1 : NULL;
}

static bool all_pairs(const char *p)
{
	while (*p) {
		p = skip_pair(p);
		if (!p || (*p && *p != ' '))
			return false;
		p += *p == ' ';
	}
	return true;
}

/* Where a line's pairs begin, blank included; its end if it has none. */
static const char *find_pairs(const char *line)
{
	for (const char *p = strchr(line, ' '); p; p = strchr(p + 1, ' '))
		if (p[1] && all_pairs(p + 1))
			return p;
	return line + strlen(line);
}

void log_line_format(uint64_t realtime_ns, const char *level, const char *component, long pid, const char *line,
		     char out[LOG_LINE_TEXT_MAX])
{
	const char *pairs = find_pairs(line);
	char message[LOG_LINE_MAX], value[2 * LOG_LINE_MAX], when[CLOCK_TEXT_LEN];

	clock_format_iso(realtime_ns, when);
	snprintf(message, sizeof(message), "%.*s", (int)(pairs - line), line);
	log_line_value(message, value, sizeof(value));
	snprintf(out, LOG_LINE_TEXT_MAX, "time=%s level=%s component=%s pid=%ld message=%s%s", when, level, component, pid, value,
		 pairs);
}
