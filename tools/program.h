/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other programs, run by ours: each in a process group of its own, with standard input empty, no signal blocked, SIGPIPE as
 * programs expect it, and our environment.  What has returned was waited for: no zombie stays.
 */
#ifndef LIFTFS_TOOLS_PROGRAM_H
#define LIFTFS_TOOLS_PROGRAM_H

#include <sys/types.h>

#include "base/cancel.h"
#include "base/error.h"

/*
 * Starts argv, which ends with NULL; argv[0] is looked for in PATH.  set: "NAME=VALUE" put into its environment, ended by NULL; NULL:
 * none.  out, errors: what its standard output and error become.  The caller waits for *pid_out.
 */
int program_start(const char *const *argv, const char *const *set, int out, int errors, pid_t *pid_out,
		  struct error *err) MUST_CHECK;
/* Readable when it has ended; -1: the kernel has no such thing. */
int program_pidfd(pid_t pid);

struct program {
	const char *const *argv, *const *set; /* as above */
	struct cancel *cancel;                /* SIGTERM at CANCEL_GENTLE, SIGKILL 10 s later or at CANCEL_NOW */
	uint64_t time_ms;                     /* then the same; 0: as long as it takes */
	size_t output_max;                    /* bytes; more are an error */
};

/*
 * All of its standard output, with a NUL behind, which the caller frees.  Fails if it cannot be started, does not end with 0 (ERR_REFUSED, with
 * the last line of its standard error), took too long (ERR_BUSY), or was stopped (ERR_CANCELLED).
 */
char *program_output(const struct program *p, size_t *len_out, struct error *err) MUST_CHECK;

#endif
