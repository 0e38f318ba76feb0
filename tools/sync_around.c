/* SPDX-License-Identifier: Apache-2.0 */
/* What the user has done before and after each round: a snapshot of the storage, mostly. */
#include <config.h>

#include <errno.h>
#include <stdio.h>

#include "sync_hook.h"
#include "sync_private.h"

/* The line that --before printed is this round's SOURCE. */
static int take_source(struct sync_run *r, char **line, struct error *err)
{
	if (r->n_sources != 1)
		return error_set(err, ERR_USAGE, "--before printed '%s' for a SOURCE, and the command line has %zu: give one", *line,
				 r->n_sources);
	r->sources = line;
	return sync_check_places(r->sources, 1, &r->opt->datastores, r->url, r->state, err);
}

static int run_before(struct sync_run *r, char **line, struct error *err)
{
	const struct sync_hook hook = { .what = "--before", .command = r->opt->before, .cancel = r->cancel };
	int rc;

	if (!hook.command)
		return 0;
	sync_attend_say(r->attend, "--before: %s", hook.command);
	rc = sync_hook_run(&hook, line, err);
	return rc == 0 && *line ? take_source(r, line, err) : rc;
}

/* It always runs: what --before made must not stay because something failed. */
static int run_after(const struct sync_run *r, int status, struct error *err)
{
	CLEANUP_FREE char *source = NULL;
	char number[32];
	const char *set[] = { number, NULL, NULL };
	const struct sync_hook hook = {
		.what = "--after", .command = r->opt->after, .set = set, .cancel = r->cancel, .always = true,
	};

	if (!hook.command)
		return 0;
	snprintf(number, sizeof(number), "LIFTFS_STATUS=%d", status);
	if (r->n_sources == 1) {
		if (asprintf(&source, "LIFTFS_SOURCE=%s", r->sources[0]) < 0) {
			source = NULL;
			return error_errno(err, ENOMEM, "--after");
		}
		set[1] = source;
	}
	sync_attend_say(r->attend, "--after: %s", hook.command);
	return sync_hook_run(&hook, NULL, err);
}

int sync_round_around(const struct sync_run *run, struct sync_round *round, struct error *err)
{
	struct sync_run r = *run; /* its sources may be others */
	CLEANUP_FREE char *line = NULL;
	struct error failure = ERROR_INIT, late = ERROR_INIT;
	int rc = run_before(&r, &line, &failure), status;

	if (rc == 0)
		rc = sync_round(&r, round, &failure);
	status = rc < 0 ? error_exit_status(&failure) : round->status;
	if (run_after(&r, status, &late) < 0) {
		if (rc < 0 || tool_worse_status(status, error_exit_status(&late)) == status) {
			output_line("liftfs sync: %s", late.msg);
		} else { /* it is what the round came to */
			failure = late;
			rc = -1;
		}
	}
	if (rc < 0 && err)
		*err = failure;
	return rc;
}
