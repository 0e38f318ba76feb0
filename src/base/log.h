/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics, for the person who looks for a cause.  What a user is told comes back as an error or a result instead.
 *
 * The program sets the sink once, before it starts threads; without one nothing is written.  Debug lines are off until
 * their module is switched on; then the cost of a line that is off is one relaxed load.  Never per block.
 * A line is a phrase, with key=value pairs at its end where it carries data.  Control bytes are made visible here, and
 * what looks like a secret (sig=, AccountKey=, Bearer, SharedKey) is cut by the redactor that the program installs.
 */
#ifndef LIFTFS_BASE_LOG_H
#define LIFTFS_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"

/* LOG_NOTICE: what began, and what is over: said each time, where a warning is said once. */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_NOTICE };

/* Called under a lock, one whole line at a time, without a newline. */
typedef void log_sink_fn(void *ctx, enum log_level level, const char *module, const char *line);

void log_set_sink(log_sink_fn *sink, void *ctx); /* NULL: nothing is written.  The sink must not log */
void log_set_level(enum log_level least); /* LOG_WARN at first; debug lines go by their module alone */

/* Cuts secrets out of a line, in place; it may not make the line longer.  Called under the sink's lock.  NULL: none. */
void log_set_redactor(void (*fn)(char *line));

/*
 * "http,vhdx" or "all", in addition to what is on.  Unknown words are accepted: a module without debug lines is no
 * mistake of the user.  NULL switches all off.
 */
int log_enable_debug(const char *list, struct error *err) MUST_CHECK;
bool log_debug_enabled(const char *module);

/* Lines longer than LOG_LINE_MAX - 1 bytes, as they are shown, are cut.  Leaves errno alone. */
#define LOG_LINE_MAX 2048
void log_write(enum log_level level, const char *module, const char *fmt, ...) PRINTF_FMT(3, 4);

#define log_debug(module, ...)                                        \
	do {                                                          \
		if (log_debug_enabled(module))                        \
			log_write(LOG_DEBUG, (module), __VA_ARGS__); \
	} while (0)
#define log_info(module, ...) log_write(LOG_INFO, (module), __VA_ARGS__)
#define log_warn(module, ...) log_write(LOG_WARN, (module), __VA_ARGS__)
#define log_notice(module, ...) log_write(LOG_NOTICE, (module), __VA_ARGS__)

#endif
