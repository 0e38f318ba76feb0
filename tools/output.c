/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and the status line on standard error. */
#include <config.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "net/redact.h"
#include "output.h"
#include "tool.h"

#define WIDTH_MAX 500

static struct {
	pthread_mutex_t lock;
	char status[OUTPUT_TEXT_MAX]; /* what the terminal's last line shows; "" if nothing */
} out = { .lock = PTHREAD_MUTEX_INITIALIZER };

const char *output_visible(const char *text, char buf[OUTPUT_TEXT_MAX])
{
	escape_visible(text, buf, OUTPUT_TEXT_MAX);
	return buf;
}

bool output_is_terminal(void)
{
	const char *term = tool_env("TERM");

	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

bool output_colors(enum output_when when)
{
	const char *term = tool_env("TERM");

	if (when != OUTPUT_AUTO)
		return when == OUTPUT_ALWAYS;
	return isatty(STDOUT_FILENO) && !tool_env("NO_COLOR") && term && strcmp(term, "dumb") != 0;
}

static void erase_locked(void)
{
	if (out.status[0])
		fputs("\r\033[K", stderr);
}

static void draw_locked(void)
{
	if (out.status[0])
		fputs(out.status, stderr);
	fflush(stderr);
}

void output_line(const char *fmt, ...)
{
	char text[OUTPUT_TEXT_MAX], shown[OUTPUT_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	redact_text(text);
	escape_visible(text, shown, sizeof(shown));
	LOCK_SCOPE(&out.lock);
	erase_locked();
	fprintf(stderr, "%s\n", shown);
	draw_locked();
}

static size_t terminal_width(void)
{
	struct winsize w;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_col < 20)
		return 79;
	return w.ws_col > WIDTH_MAX ? WIDTH_MAX : (size_t)w.ws_col - 1;
}

void output_status(const char *text)
{
	char shown[OUTPUT_TEXT_MAX];

	if (!output_is_terminal())
		return;
	escape_visible(text ? text : "", shown, sizeof(shown));
	LOCK_SCOPE(&out.lock);
	erase_locked();
	snprintf(out.status, sizeof(out.status), "%.*s", (int)terminal_width(), shown);
	draw_locked();
}

void output_age(uint64_t moment_ns, uint64_t now_ns, char text[FORMAT_TEXT_LEN])
{
	format_duration(now_ns > moment_ns ? (now_ns - moment_ns) / 1000000 : 0, text);
}
