/* SPDX-License-Identifier: Apache-2.0 */
/* What lasts from round to round, and how it is read again. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"
#include "base/rate_limit.h"
#include "sync_private.h"

static int connect(const struct sync_run *r, struct connection *out, struct error *err)
{
	const struct sync_options *o = r->opt;
	const struct connect_options opt = {
		.connections = o->connections,
		.replicas = o->jobs,
		.insecure_http = o->insecure_http,
		.create = true,
		.cancel = r->cancel,
	};

	return connect_open(r->tool, r->url, &opt, out, err);
}

int sync_read_rate(const char *text, struct calendar *out, struct error *err)
{
	CLEANUP_FREE char *file = NULL;

	if (*text != '@')
		return calendar_parse(text, out, err) < 0 ? error_prefix(err, "--limit-rate") : 0;
	file = io_read_file(AT_FDCWD, text + 1, CALENDAR_TEXT_MAX, NULL, err);
	if (!file)
		return error_prefix(err, "--limit-rate");
	return calendar_parse(file, out, err) < 0 ? error_prefix(err, "--limit-rate %s", text + 1) : 0;
}

static int start_rate(struct sync_run *r, struct error *err)
{
	struct calendar calendar;

	if (!r->opt->limit_rate)
		return 0;
	if (sync_read_rate(r->opt->limit_rate, &calendar, err) < 0)
		return -1;
	r->rate = rate_limit_new(&calendar, err);
	return r->rate ? 0 : -1;
}

static int choose_line(const struct sync_run *r, struct sync_fleet *out, struct error *err)
{
	struct sync_fleet f;

	if (sync_fleet_choose(r->opt->list, r->opt->index, tool_env, &f, err) < 0)
		return -1;
	if (!r->tool->common.quiet)
		output_line("%s%sline %" PRIu64 " of %s: %s", f.variable ? f.variable : "", f.variable ? ": " : "", f.number,
			    r->opt->list, f.line);
	*out = f;
	return 0;
}

/* The folder where replicas were made that were carried to TARGET. */
static int open_seed(const char *path, const struct target *target, struct target **out, struct error *err)
{
	CLEANUP(cleanup_target) struct target *seed = NULL;
	CLEANUP_FREE char *own = NULL;
	struct stat st;

	if (strncmp(path, "dir:", 4) != 0 && target_is_url(path))
		return error_set(err, ERR_USAGE, "--seed %s: not a folder of replicas (dir:PATH)", path);
	seed = target_open(path, NULL, err);
	if (!seed)
		return -1;
	if (strcmp(target_name(seed), target_name(target)) == 0)
		return error_set(err, ERR_USAGE, "--seed %s: is TARGET itself", path);
	if (asprintf(&own, "%s/.liftfs", target_name(seed)) < 0) {
		own = NULL;
		return error_errno(err, ENOMEM, "%s", path);
	}
	if (stat(own, &st) < 0 || !S_ISDIR(st.st_mode))
		return error_set(err, ERR_USAGE, "--seed %s: no replicas of liftfs lie there", path);
	*out = steal_ptr(&seed);
	return 0;
}

int sync_start(struct sync_run *r, struct error *err)
{
	const struct sync_options *o = r->opt;
	struct error why = ERROR_INIT;

	if (!o->list != !o->index)
		return error_set(err, ERR_USAGE, o->list ? "--list needs --index N or --index auto" : "--index needs --list FILE");
	if (o->watch && o->dry_run)
		return error_set(err, ERR_USAGE, "--watch and --dry-run exclude each other");
	if (sync_check_places(r->sources, r->n_sources, &o->datastores, r->url, r->state, err) < 0 ||
	    start_rate(r, err) < 0 || (o->list && choose_line(r, &r->fleet, err) < 0) || connect(r, &r->place, err) < 0)
		return -1;
	r->target = r->place.target;
	if (o->metrics && !o->dry_run) {
		r->metrics = sync_metrics_new(o->metrics, r->state, err);
		if (!r->metrics)
			return -1;
	}
	if (o->dry_run && retention_given(&o->keep) && connect_check_delete(&r->place, &why) < 0)
		output_line("liftfs sync: warning: %s", why.msg);
	return o->seed ? open_seed(o->seed, r->target, &r->seed, err) : 0;
}

void sync_stop(struct sync_run *r)
{
	target_close(r->seed);
	sync_metrics_free(r->metrics);
	connect_close(&r->place);
	rate_limit_free(r->rate);
	sync_fleet_fini(&r->fleet);
}

void sync_reload(struct sync_run *r)
{
	struct connection place = { 0 };
	struct sync_fleet fleet = { .line = NULL };
	struct error why = ERROR_INIT;

	if (r->opt->list && choose_line(r, &fleet, &why) < 0) {
		log_warn("sync", "the list stays as it was: %s", why.msg);
	} else if (r->opt->list) {
		sync_fleet_fini(&r->fleet);
		r->fleet = fleet;
	}
	why = (struct error)ERROR_INIT;
	if (connect(r, &place, &why) < 0) {
		log_warn("sync", "the credentials stay as they were: %s", why.msg);
		return;
	}
	connect_close(&r->place);
	r->place = place;
	r->target = place.target;
}
