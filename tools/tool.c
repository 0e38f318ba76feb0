/* SPDX-License-Identifier: Apache-2.0 */
/* How a verb begins and ends: options, the log's sink, the error line, the exit status. */
#include <config.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/secret.h"
#include "log_line.h"
#include "net/redact.h"
#include "tool.h"
#include "tool_signals.h"

#define OPTIONS_MAX 64 /* of one verb, with the common ones, which are fewer than */
#define COMMON_OPTIONS_MAX 16

int tool_set_flag(void *dest, const char *value, struct error *err)
{
	(void)value;
	(void)err;
	*(bool *)dest = true;
	return 0;
}

int tool_set_text(void *dest, const char *value, struct error *err)
{
	if (!*value)
		return error_set(err, ERR_USAGE, "is empty");
	*(const char **)dest = value;
	return 0;
}

int tool_set_size(void *dest, const char *value, struct error *err)
{
	return parse_size(value, dest, err);
}

int tool_set_count(void *dest, const char *value, struct error *err)
{
	uint64_t n;

	if (parse_u64(value, 100000, &n, err) < 0)
		return -1;
	if (n == 0)
		return error_set(err, ERR_USAGE, "'0': at least 1");
	*(unsigned *)dest = (unsigned)n;
	return 0;
}

static int set_more_verbose(void *dest, const char *value, struct error *err)
{
	(void)value;
	(void)err;
	(*(unsigned *)dest)++;
	return 0;
}

static int set_debug(void *dest, const char *value, struct error *err)
{
	(void)dest;
	return log_enable_debug(value, err);
}

static int set_color(void *dest, const char *value, struct error *err)
{
	(void)err;
	*(enum output_when *)dest = strcmp(value, "always") == 0 ? OUTPUT_ALWAYS
				    : strcmp(value, "never") == 0 ? OUTPUT_NEVER
								  : OUTPUT_AUTO;
	return 0;
}

size_t tool_common_options(struct tool_common *c, struct tool_option out[TOOL_COMMON_MAX])
{
	const struct tool_option all[] = {
		{ "state", 0, "DIR", "where block maps and journals lie", tool_set_text, &c->state, NULL },
		{ "credentials", 0, "FILE", "NAME=VALUE lines; only its owner may read it", tool_set_text, &c->credentials,
		  NULL },
		{ "cacert", 0, "FILE", "trust these CAs instead of the system's", tool_set_text, &c->cacert, NULL },
		{ "proxy", 0, "URL", "go through this proxy", tool_set_text, &c->proxy, NULL },
		{ "json", 0, NULL, "one JSON document on standard output", tool_set_flag, &c->json, NULL },
		{ "quiet", 'q', NULL, "only warnings and errors", tool_set_flag, &c->quiet, NULL },
		{ "verbose", 'v', NULL, "say what is done", set_more_verbose, &c->verbose, NULL },
		{ "debug", 0, "LIST", "details of modules: http,vhdx or all", set_debug, NULL, NULL },
		{ "log-file", 0, "FILE", "write the log there", tool_set_text, &c->log_file, NULL },
		{ "color", 0, "WHEN", "colours in tables", set_color, &c->color, "always auto never" },
		{ "help", 0, NULL, "show this", NULL, NULL, NULL },
		{ "version", 0, NULL, "show the version", NULL, NULL, NULL },
	};

	_Static_assert(ARRAY_LEN(all) <= TOOL_COMMON_MAX, "room for the common options");
	memcpy(out, all, sizeof(all));
	return ARRAY_LEN(all);
}

void tool_print_version(void)
{
	printf("liftfs %s\n", PACKAGE_VERSION);
}

const char *tool_env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

int tool_worse_status(int a, int b)
{
	static const int order[] = { 70, 78, 75, 74, 65, 69, 2, 1 };

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return 0;
}

/* ---- the log ---- */

static struct {
	FILE *file; /* NULL: warnings and what was asked for go to standard error */
} sink;

static void write_file(const char *level, const char *module, const char *line)
{
	char text[LOG_LINE_TEXT_MAX];

	log_line_format(clock_realtime_ns(), level, module, (long)getpid(), line, text);
	fprintf(sink.file, "%s\n", text);
	fflush(sink.file);
}

/* What the program ends with; the log itself has no level for it, since errors are values. */
static void log_failure(const char *message, const char *pairs)
{
	char line[LOG_LINE_MAX], shown[LOG_LINE_MAX];

	if (!sink.file)
		return;
	snprintf(line, sizeof(line), "%s%s", message, pairs);
	redact_text(line);
	escape_visible(line, shown, sizeof(shown));
	write_file("error", "tool", shown);
}

static const char *level_name(enum log_level level)
{
	return level == LOG_NOTICE ? "notice" : level == LOG_WARN ? "warning" : level == LOG_INFO ? "info" : "debug";
}

int tool_fail(const struct tool *t, const struct error *err)
{
	char status[64];

	snprintf(status, sizeof(status), " code=%s status=%d", error_code_name(err->code), error_exit_status(err));
	log_failure(err->msg, status);
	output_line("liftfs %s: %s", t->verb, err->msg);
	return error_exit_status(err);
}

int tool_usage(const struct tool *t, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	output_line("liftfs %s: %s", t->verb, text);
	output_line("Try 'liftfs %s --help'.", t->verb);
	return 2;
}

#define WARNINGS_KEPT 64

/* An image is opened several times in a run, and warns each time; a person is told once.  The log calls one at a time. */
static bool said_before(const char *line)
{
	static char said[WARNINGS_KEPT][LOG_LINE_MAX];
	static size_t next;

	for (size_t i = 0; i < WARNINGS_KEPT; i++)
		if (strcmp(said[i], line) == 0)
			return true;
	snprintf(said[next++ % WARNINGS_KEPT], LOG_LINE_MAX, "%s", line);
	return false;
}

static void write_log(void *ctx, enum log_level level, const char *module, const char *line)
{
	const struct tool *t = ctx;

	if (sink.file)
		write_file(level_name(level), module, line);
	if (level == LOG_WARN && said_before(line))
		return;
	if (level == LOG_WARN)
		output_line("liftfs %s: warning: %s", t->verb, line);
	else if (level == LOG_NOTICE)
		output_line("liftfs %s: %s", t->verb, line);
	else if (!sink.file)
		output_line("%s: %s", module, line);
}

static int start_log(struct tool *t, struct error *err)
{
	const struct tool_common *c = &t->common;
	CLEANUP_FD int fd = -1;

	if (c->log_file) {
		fd = open(c->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
		if (fd < 0)
			return error_errno(err, errno, "--log-file %s", c->log_file);
		sink.file = fdopen(fd, "a");
		if (!sink.file)
			return error_errno(err, errno, "--log-file %s", c->log_file);
		(void)steal_fd(&fd);
	}
	log_set_redactor(redact_text);
	log_set_level(c->verbose > 0 || c->log_file ? LOG_INFO : LOG_WARN);
	log_set_sink(write_log, t);
	return 0;
}

/* ---- options ---- */

/* What holds a signature is copied, and its place in argv, which ps shows, overwritten. */
static int hide_secrets(int argc, char **argv, struct error *err)
{
	for (int i = 1; i < argc; i++) {
		char *copy;

		if (!strcasestr(argv[i], "sig=") && !strcasestr(argv[i], "sig%3D"))
			continue;
		copy = strdup(argv[i]);
		if (!copy)
			return error_set(err, ERR_NOMEM, "no memory for an argument");
		redact_text(argv[i]);
		for (char *rest = argv[i] + strlen(argv[i]) + 1; rest < argv[i] + strlen(copy); rest++)
			*rest = '\0';
		argv[i] = copy;
	}
	return 0;
}

static bool has_value(const char *values, const char *value)
{
	size_t len = strlen(value);

	for (const char *p = values; *p; p += strcspn(p, " "), p += *p == ' ')
		if (strcspn(p, " ") == len && memcmp(p, value, len) == 0)
			return true;
	return false;
}

/* "--jobs" or "-x" */
static void option_text(const struct tool_option *o, char *out, size_t len)
{
	if (o->name)
		snprintf(out, len, "--%s", o->name);
	else
		snprintf(out, len, "-%c", o->letter);
}

static int set_option(const struct tool_option *o, const char *value, struct error *err)
{
	char name[64];

	option_text(o, name, sizeof(name));
	if (o->values && value && !has_value(o->values, value))
		return error_set(err, ERR_USAGE, "%s: '%s' is not one of: %s", name, value, o->values);
	if (o->set(o->dest, value, err) < 0)
		return error_prefix(err, "%s", name);
	return 0;
}

struct parser {
	struct tool_option all[OPTIONS_MAX];
	struct option longs[OPTIONS_MAX + 2];
	char shorts[2 * OPTIONS_MAX + 2];
	size_t n;
};

enum { LONG_BASE = 1000, LONG_DUMP = LONG_BASE + OPTIONS_MAX };

static void build_parser(struct tool *t, struct parser *p)
{
	size_t n_long = 0, n_short = 0;

	for (const struct tool_option *o = t->options; o && (o->name || o->letter); o++) {
		assert(p->n < OPTIONS_MAX - COMMON_OPTIONS_MAX);
		p->all[p->n++] = *o;
	}
	p->n += tool_common_options(&t->common, p->all + p->n);
	p->shorts[n_short++] = ':'; /* a missing argument is told from an unknown option */
	for (size_t i = 0; i < p->n; i++) {
		const struct tool_option *o = &p->all[i];

		if (o->name) {
			p->longs[n_long].name = o->name;
			p->longs[n_long].has_arg = !o->arg	      ? no_argument
						   : *o->arg == '[' ? optional_argument
								    : required_argument;
			p->longs[n_long++].val = LONG_BASE + (int)i;
		}
		if (o->letter) {
			p->shorts[n_short++] = o->letter;
			if (o->arg)
				p->shorts[n_short++] = ':';
		}
	}
	p->longs[n_long].name = "dump-options"; /* for completion and for the tests; not in --help */
	p->longs[n_long].val = LONG_DUMP;
}

static const struct tool_option *option_of(const struct parser *p, int c)
{
	if (c >= LONG_BASE)
		return (size_t)(c - LONG_BASE) < p->n ? &p->all[c - LONG_BASE] : NULL;
	for (size_t i = 0; i < p->n; i++)
		if (p->all[i].letter == c && c)
			return &p->all[i];
	return NULL;
}

static int refuse_option(const struct tool *t, const struct parser *p, int c, const char *word)
{
	const struct tool_option *o = option_of(p, optopt);
	char name[64];

	if (o) {
		option_text(o, name, sizeof(name));
		return tool_usage(t, c == ':' ? "option '%s' needs an argument" : "option '%s' takes no argument", name);
	}
	if (optopt && optopt < LONG_BASE)
		return tool_usage(t, "unknown option '-%c'", isprint(optopt) ? optopt : '?');
	return tool_usage(t, "unknown option '%.*s'", (int)strcspn(word, "="), word);
}

static int parse_options(struct tool *t, struct parser *p, int argc, char **argv)
{
	struct error err = ERROR_INIT;

	opterr = 0;
	optind = 0; /* glibc: forget an earlier table altogether */
	for (;;) {
		int at = optind > 0 ? optind : 1;
		int c = getopt_long(argc, argv, p->shorts, p->longs, NULL);
		const struct tool_option *o;

		if (c == -1)
			break;
		if (c == '?' || c == ':')
			return refuse_option(t, p, c, argv[optind > at ? optind - 1 : at]);
		if (c == LONG_DUMP) {
			tool_print_options(t);
			return tool_end(t, 0);
		}
		o = option_of(p, c);
		if (!o->set) {
			if (strcmp(o->name, "help") == 0)
				tool_print_help(t);
			else
				tool_print_version();
			return tool_end(t, 0);
		}
		if (set_option(o, optarg, &err) < 0)
			return tool_usage(t, "%s", err.msg);
	}
	t->args = argv + optind;
	t->n_args = (unsigned)(argc - optind);
	if (t->n_args < t->min_args)
		return tool_usage(t, "missing argument: liftfs %s [options] %s", t->verb, t->arguments);
	if (t->n_args > t->max_args)
		return tool_usage(t, "too many arguments, from '%s' on: liftfs %s [options] %s", t->args[t->max_args],
				  t->verb, t->arguments);
	return -1;
}

/* A disk may have thousands of extents, each a file that stays open, and a folder thousands of disks. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int tool_begin(struct tool *t, int argc, char **argv)
{
	struct error err = ERROR_INIT;
	struct parser p = { .n = 0 };
	int status;

	/* Names are shown as the terminal's characters; numbers stay in the C locale. */
	setlocale(LC_CTYPE, "");
	if (hide_secrets(argc, argv, &err) < 0)
		return tool_fail(t, &err);
	build_parser(t, &p);
	status = parse_options(t, &p, argc, argv);
	if (status >= 0)
		return status;
	if (start_log(t, &err) < 0)
		return tool_fail(t, &err);
	raise_file_limit();
	return -1;
}

/* Of a pipe whose other end is closed, as by head: nothing is wrong, and there is nobody to tell. */
static bool reader_is_gone(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP));
}

int tool_end(struct tool *t, int status)
{
	bool failed = ferror(stdout) != 0;

	output_status(NULL);
	if (fflush(stdout) != 0)
		failed = true;
	if (failed) {
		if (!reader_is_gone())
			output_line("liftfs %s: standard output: could not be written", t->verb);
		status = tool_worse_status(status, 74);
	}
	tool_signals_end();
	return status;
}
