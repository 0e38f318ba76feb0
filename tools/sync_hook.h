/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's own commands around a round: --before and --after.
 *
 * `/bin/sh -c COMMAND` in a process group of its own, with standard input empty and what it prints on our standard error.  The
 * environment is handed on as it is, credentials included: a command that makes a snapshot may need them.  When it returns
 * it was waited for: no zombie stays.
 */
#ifndef LIFTFS_TOOLS_SYNC_HOOK_H
#define LIFTFS_TOOLS_SYNC_HOOK_H

#include "base/cancel.h"
#include "base/error.h"

struct sync_hook {
	const char *what;    /* "--before", for messages */
	const char *command; /* the user's */
	const char *const *set; /* "NAME=VALUE" put into its environment, ended by NULL; NULL: none */
	struct cancel *cancel;
	/*
	 * The command must not be stopped because the run is: it cleans up.  It gets SIGTERM at CANCEL_NOW and SIGKILL 10 s
	 * later; another one SIGTERM when the token is set and SIGKILL at CANCEL_NOW.
	 */
	bool always;
};

#define SYNC_HOOK_LINE_MAX 4096 /* bytes of a first line */

/*
 * line_out: the first line of what it printed, without the newline, which then is not shown; NULL if it printed nothing.  The
 * caller frees it.  line_out NULL: all of its output is shown.
 * A command that ends with 75 fails with ERR_NETWORK, so that the run is tried again; with anything else but 0 with
 * ERR_REFUSED: a person must look.  One that we stopped: ERR_CANCELLED.
 */
int sync_hook_run(const struct sync_hook *hook, char **line_out, struct error *err) MUST_CHECK;

#endif
