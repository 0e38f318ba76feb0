/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounds until somebody says stop.  A whole round looks at SOURCE anew and runs every VM; between two of them those VMs that
 * are parked, and only they, are tried again as their turn comes.  What fails for one VM, or in one round, ends nothing.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/parse.h"
#include "sync_private.h"
#include "sync_record.h"
#include "sync_schedule.h"

#define SICK_LEN 128

struct watch {
	struct sync_run *run;
	uint64_t number;           /* of whole rounds */
	uint64_t next_ns;          /* when the next one begins, clock_boottime_ns() */
	unsigned failures;         /* of whole rounds in a row that came to nothing: no VM was run */
	char said[ERROR_MSG_MAX];  /* why the last one did */
	unsigned ago;
};

/* The same failure of a whole round is said as seldom as a disk's. */
static void tell_failure(struct watch *w, const struct error *e)
{
	if (error_alike(w->said, e->msg) && ++w->ago < SYNC_KNOWN_AGAIN)
		return;
	snprintf(w->said, sizeof(w->said), "%s", e->msg);
	w->ago = 0;
	output_line("liftfs sync: %s", e->msg);
}

/* ", 2 parked, 1 for a person to look at"; "" if all are well. */
static void format_sick(const struct sync_known_count *c, char out[SICK_LEN])
{
	char parked[48] = "", failing[64] = "";

	if (c->parked > 0)
		snprintf(parked, sizeof(parked), ", %zu parked", c->parked);
	if (c->failing > 0)
		snprintf(failing, sizeof(failing), ", %zu for a person to look at", c->failing);
	snprintf(out, SICK_LEN, "%s%s", parked, failing);
}

static void tell_round(const struct watch *w, const struct sync_round *round, uint64_t took_ns)
{
	const char *kind = round->parked_only ? "parked VMs tried again" : "round";
	char took[FORMAT_TEXT_LEN], sent[FORMAT_TEXT_LEN], number[32] = "", sick[SICK_LEN];
	struct sync_known_count count;
	size_t vms = 0;

	if (w->run->tool->common.quiet)
		return;
	for (size_t i = 0; i < round->set.n; i++)
		vms += round->set.runs[i].cycle.n > 0;
	sync_known_count(w->run->known, &count);
	format_duration(took_ns / 1000000, took);
	format_size(round->sent, sent);
	if (!round->parked_only)
		snprintf(number, sizeof(number), " %" PRIu64, w->number);
	format_sick(&count, sick);
	output_line("%s%s: %zu VM%s, %s sent, %s%s", kind, number, vms, vms == 1 ? "" : "s", sent, took, sick);
}

static void tell_wait(struct watch *w, uint64_t until_ns)
{
	uint64_t now = clock_boottime_ns(), left = until_ns > now ? until_ns - now : 0;
	struct sync_known_count count;
	char when[CLOCK_TEXT_LEN], sick[SICK_LEN];

	sync_known_count(w->run->known, &count);
	format_sick(&count, sick);
	clock_format_iso(clock_realtime_ns() + left, when);
	sync_attend_say(w->run->attend, "%zu VM%s%s; next at %s", count.vms, count.vms == 1 ? "" : "s", sick, when);
}

static void plan_next(struct watch *w, const struct sync_round *round, uint64_t began, uint64_t ended)
{
	uint64_t interval_ms = w->run->opt->interval_ms;

	if (!round->ran) {
		w->failures++;
		w->next_ns = ended + sync_schedule_retry_ms(w->failures, interval_ms) * 1000000;
		return;
	}
	w->failures = 0;
	w->next_ns = sync_schedule_next(began, ended, interval_ms, round->first_copies);
	if (interval_ms && w->next_ns == ended && cancel_level(w->run->cancel) == CANCEL_NONE)
		output_line("the round took longer than the interval: the next one begins at once");
}

static int run_round(struct watch *w, bool parked_only, struct error *err)
{
	struct sync_run *r = w->run;
	struct sync_round round = { .parked_only = parked_only, .brief = w->number > 1 || parked_only };
	uint64_t began = clock_boottime_ns(), ended;
	int rc;

	rc = sync_round_around(r, &round, err);
	ended = clock_boottime_ns();
	sync_known_ended(r->known, round.ran ? &round.set : NULL, ended, r->opt->interval_ms);
	if (round.ran)
		tell_round(w, &round, ended - began);
	if (!parked_only)
		plan_next(w, &round, began, ended);
	sync_round_end(&round);
	return rc;
}

/* A mistake of the command line shows in the first round; later the same is a SOURCE that is not there just now. */
static int whole_round(struct watch *w, struct error *err)
{
	struct error why = ERROR_INIT;

	w->number++;
	sync_attend_say(w->run->attend, "round %" PRIu64, w->number);
	if (run_round(w, false, &why) == 0) {
		*w->said = '\0';
		return 0;
	}
	if (why.code == ERR_CANCELLED)
		return 0;
	if (w->number == 1 && why.code == ERR_USAGE) {
		*err = why;
		return -1;
	}
	tell_failure(w, &why);
	return 0;
}

static void parked_round(struct watch *w)
{
	struct error why = ERROR_INIT;

	sync_attend_say(w->run->attend, "parked VMs are tried again");
	/* None of them there any more: the next whole round tells of that. */
	if (run_round(w, true, &why) < 0 && why.code != ERR_CANCELLED && why.code != ERR_USAGE)
		tell_failure(w, &why);
}

static void reload(struct watch *w)
{
	sync_reload(w->run);
	sync_record_reloaded(w->run);
	sync_known_retry_now(w->run->known);
	if (w->failures > 0) /* of all VMs, perhaps for want of what was read just now */
		w->next_ns = 0;
	if (!w->run->tool->common.quiet)
		output_line("reloaded");
}

static int watch(struct watch *w, struct error *err)
{
	struct sync_run *r = w->run;

	sync_attend_ready(r->attend);
	for (;;) {
		uint64_t retry = sync_known_retry_ns(r->known);
		uint64_t until = retry < w->next_ns ? retry : w->next_ns;
		int what;

		tell_wait(w, until);
		what = sync_attend_wait(r->attend, until);
		if (what < 0)
			return 0;
		if (what > 0)
			reload(w);
		else if (w->next_ns <= clock_boottime_ns()) {
			if (whole_round(w, err) < 0)
				return -1;
		} else {
			parked_round(w);
		}
	}
}

int sync_watch(struct sync_run *run, int *status_out, struct error *err)
{
	CLEANUP(cleanup_sync_known) struct sync_known *known = sync_known_new(err);
	struct watch w = { .run = run };
	int rc;

	if (!known)
		return -1;
	run->known = known;
	run->attend = sync_attend_start(run, run->reload_fd, err);
	if (!run->attend)
		return -1;
	rc = watch(&w, err);
	sync_attend_end(run->attend);
	run->attend = NULL;
	run->known = NULL;
	*status_out = EX_TEMPFAIL; /* it was stopped, and goes on when it is started again */
	return rc;
}
