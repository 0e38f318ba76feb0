/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every verb's main begins and ends with.
 *
 *	int main(int argc, char **argv)
 *	{
 *		struct my_options o = { 0 };
 *		const struct tool_option options[] = {
 *			{ "full", 0, NULL, "read everything", tool_set_flag, &o.full, NULL },
 *			{ 0 },
 *		};
 *		struct tool t = { .verb = "info", .arguments = "IMAGE", .summary = "what an image is", .options = options,
 *				  .min_args = 1, .max_args = 1 };
 *		int status = tool_begin(&t, argc, argv);
 *
 *		return status >= 0 ? status : tool_end(&t, run(&t, &o));
 *	}
 *
 * One table of options gives getopt_long its array, --help its text, shell completion its lists, and a test its check
 * against the man page.  Usage errors name the option, go to standard error and end with 2.
 * A program's one thread calls these; the others print through output.h.
 */
#ifndef LIFTFS_TOOLS_TOOL_H
#define LIFTFS_TOOLS_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/compiler.h"
#include "base/error.h"
#include "output.h"

/* value is NULL for an option without argument, or whose argument is optional and missing.  A failure's message is prefixed with the option's name. */
typedef int tool_setter(void *dest, const char *value, struct error *err);

struct tool_option {
	const char *name;   /* long, without "--"; NULL: it has only a letter.  Neither: the table's end */
	char letter;        /* 0: none */
	const char *arg;    /* "DIR", "FILE" (completed as such), "N"; NULL: takes none; "[INTERVAL]": may be missing, then only
			     * as --name=INTERVAL, and the option has no letter */
	const char *help;   /* what follows in --help: at most 52 characters */
	tool_setter *set;
	void *dest;
	const char *values; /* "always auto never": others are refused; NULL: any */
};

/* dest: bool; const char * (points into argv); uint64_t bytes; unsigned of at least 1. */
tool_setter tool_set_flag, tool_set_text, tool_set_size, tool_set_count;

struct tool_common {
	const char *state, *credentials, *cacert, *proxy, *log_file; /* NULL: not given */
	bool json, quiet;
	unsigned verbose;
	enum output_when color;
};

#define TOOL_ARGS_ANY 4096u

struct tool {
	/* In. */
	const char *verb;      /* "sync" */
	const char *arguments; /* "SOURCE... TARGET", as the usage line has it */
	const char *summary;   /* one line */
	const char *notes;     /* lines below the options, or NULL */
	const struct tool_option *options;
	unsigned min_args, max_args;

	/* Out: what tool_begin() found. */
	struct tool_common common;
	char **args; /* the arguments; what held a secret is a copy, wiped at its place in argv */
	unsigned n_args;
};

/*
 * -1: go on; else the program's exit status, all being said (--help, --version, usage errors).  Raises the soft limit of
 * open files to the hard one.
 */
int tool_begin(struct tool *t, int argc, char **argv) MUST_CHECK;

/* The status to return from main: standard output is flushed and checked; ends by SIGINT if that stopped the work. */
int tool_end(struct tool *t, int status);

/* Prints `liftfs VERB: message`, secrets cut and control bytes visible, and gives error_exit_status(). */
int tool_fail(const struct tool *t, const struct error *err);
/* A usage error found after parsing: prints it and how to get help; returns 2. */
int tool_usage(const struct tool *t, const char *fmt, ...) PRINTF_FMT(2, 3);

/* The one of a run's two outcomes that its exit status shows: 70, 78, 75, 74, 65, 69, 1 before 0. */
int tool_worse_status(int a, int b);

/* A variable of the environment; NULL also if it is empty. */
const char *tool_env(const char *name);

/*
 * SIGTERM, SIGINT and SIGHUP set the token from here on: gently, after 10 s or at the second SIGINT at once; a third
 * SIGINT ends the program on the spot.  SIGPIPE is ignored.  To be called before any other thread starts (signals are
 * blocked in all of them); the token lives to the program's end.  Signals that were ignored at the start stay ignored.
 */
struct cancel *tool_catch_signals(struct error *err) MUST_CHECK;

/*
 * Where there is no controlling terminal SIGHUP asks for a reload from here on, instead of ending the program: it makes the
 * eventfd that is returned readable.  With a terminal it goes on meaning that the terminal is gone.  Call it before
 * tool_catch_signals().  -1 on failure.
 */
int tool_reload_on_hup(struct error *err) MUST_CHECK;

/* The common options, for help, completion and checks. */
#define TOOL_COMMON_MAX 16
size_t tool_common_options(struct tool_common *dest, struct tool_option out[TOOL_COMMON_MAX]);

/* tool_help.c */
/* Fits a screen of 24 lines: of options that find no room there, the last of the table, only the names are shown. */
void tool_print_help(const struct tool *t);
/* One line an option: name, letter, argument, values, help, with tabs between ("-" where there is none); all of them. */
void tool_print_options(const struct tool *t);

/* The line that ends up in --version. */
void tool_print_version(void);

#endif
