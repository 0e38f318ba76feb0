/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/log.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for what has no atomic type */
static log_sink_fn *sink_fn;
static void *sink_ctx;
static void (*redact)(char *line);
static char *modules; /* ",http,vhdx,", or NULL */
static atomic_int least_level = LOG_WARN;
static atomic_bool any_debug;

void log_set_sink(log_sink_fn *sink, void *ctx)
{
	LOCK_SCOPE(&lock);
	sink_fn = sink;
	sink_ctx = ctx;
}

void log_set_redactor(void (*fn)(char *line))
{
	LOCK_SCOPE(&lock);
	redact = fn;
}

void log_set_level(enum log_level least)
{
	atomic_store_explicit(&least_level, (int)least, memory_order_relaxed);
}

int log_enable_debug(const char *list, struct error *err)
{
	LOCK_SCOPE(&lock);
	size_t had = modules ? strlen(modules) : 0;
	size_t size = list ? had + strlen(list) + 3 : 0; /* a comma at either end, and the NUL */
	char *all;

	if (!list) {
		atomic_store_explicit(&any_debug, false, memory_order_relaxed);
		free(modules);
		modules = NULL;
		return 0;
	}
	all = malloc(size);
	if (!all)
		return error_errno(err, ENOMEM, "list of debug modules");
	snprintf(all, size, "%s,%s,", modules ? modules : "", list);
	free(modules);
	modules = all;
	atomic_store_explicit(&any_debug, true, memory_order_relaxed);
	return 0;
}

/* Is it one of the words between the commas, with which the list begins and ends? */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	if (len == 0)
		return false;
	for (const char *p = strstr(list + 1, word); p; p = strstr(p + 1, word))
		if (p[-1] == ',' && p[len] == ',')
			return true;
	return false;
}

bool log_debug_enabled(const char *module)
{
	if (!atomic_load_explicit(&any_debug, memory_order_relaxed))
		return false;
	LOCK_SCOPE(&lock);
	return modules && (has_word(modules, "all") || has_word(modules, module));
}

void log_write(enum log_level level, const char *module, const char *fmt, ...)
{
	char text[LOG_LINE_MAX], line[LOG_LINE_MAX];
	int saved = errno;
	va_list ap;

	if (level == LOG_DEBUG ? !log_debug_enabled(module)
			       : (int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	{
		LOCK_SCOPE(&lock);
		if (sink_fn) {
			if (redact)
				redact(text);
			escape_visible(text, line, sizeof(line));
			sink_fn(sink_ctx, level, module, line);
		}
	}
	errno = saved;
}
