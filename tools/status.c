/* SPDX-License-Identifier: Apache-2.0 */
/* liftfs status: every VM and disk that this host replicates, at a glance. */
#include <config.h>

#include "status.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/secret.h"
#include "net/credentials.h"
#include "paths.h"
#include "project/metrics.h"
#include "target/azure_url.h"

const char *const status_words[STATUS_WORDS] = { "current", "fuzzy", "parked", "failed", "vanished", "unknown" };

struct status_options {
	const char *metrics, *forget;
	unsigned events;
	uint64_t max_lag_ms; /* 0: none */
};

static int set_max_lag(void *dest, const char *value, struct error *err)
{
	uint64_t ms;

	if (parse_duration(value, &ms, err) < 0)
		return -1;
	if (ms == 0)
		return error_set(err, ERR_USAGE, "'%s': more than nothing", value);
	*(uint64_t *)dest = ms;
	return 0;
}

bool status_lag_ms(const struct project_disk *d, uint64_t now_ns, uint64_t *ms_out)
{
	*ms_out = now_ns > d->success_ns ? (now_ns - d->success_ns) / 1000000 : 0;
	return d->success_ns > 0;
}

bool status_begins_vm(const struct project_disks *disks, size_t i)
{
	return i == 0 || strcmp(disks->v[i].vm, disks->v[i - 1].vm) != 0 ||
	       strcmp(disks->v[i].target, disks->v[i - 1].target) != 0;
}

void status_summarise(const struct status_known *k, struct status_summary *out)
{
	*out = (struct status_summary){ .disks = k->disks->n };
	for (size_t i = 0; i < k->disks->n; i++) {
		const struct project_disk *d = &k->disks->v[i];
		uint64_t ms;

		out->vms += status_begins_vm(k->disks, i);
		out->running += d->pid > 0;
		for (size_t w = 0; w < STATUS_WORDS; w++)
			out->words[w] += strcmp(project_disk_word(d), status_words[w]) == 0;
		if (!status_lag_ms(d, k->now_ns, &ms))
			out->never++;
		else if (!d->vanished_ns && ms > out->lag_ms)
			out->lag_ms = ms;
	}
}

/* As target_name() would have it, without reaching for the target. */
static char *name_of_target(const char *text, struct error *err)
{
	const struct target_config config = { .host = "" };
	CLEANUP(cleanup_target) struct target *t = NULL;
	CLEANUP(cleanup_secret) struct secret *sas = NULL;
	CLEANUP_FREE char *base = NULL;
	struct azure_url url = { 0 };
	char *name;

	if (!azure_url_match(text)) {
		t = target_open(text, &config, err);
		name = t ? strdup(target_name(t)) : NULL;
		if (t && !name)
			error_set(err, ERR_NOMEM, "no memory for a name");
		return name;
	}
	if (sas_split_url(text, &base, &sas, err) < 0 ||
	    azure_url_parse(base, tool_env("AZURE_STORAGE_ACCOUNT"), true, &url, err) < 0)
		return NULL;
	name = steal_ptr(&url.name);
	azure_url_fini(&url);
	return name;
}

static int print_metrics(struct project *p, const char *path, struct error *err)
{
	CLEANUP_FREE char *text = NULL;

	if (strcmp(path, "-") != 0)
		return project_write_metrics(p, path, err);
	text = project_metrics_text(p, err);
	if (!text)
		return -1;
	fputs(text, stdout);
	return 0;
}

/* 1 if a disk that is still there is older than that, or there is none at all. */
static int check_lag(const struct tool *t, const struct status_known *k, const char *target, uint64_t max_ms)
{
	int status = k->disks->n == 0;

	if (status && !target)
		output_line("liftfs %s: %s: nothing was replicated with this state", t->verb, k->state);
	for (size_t i = 0; i < k->disks->n; i++) {
		const struct project_disk *d = &k->disks->v[i];
		char lag[FORMAT_TEXT_LEN], most[FORMAT_TEXT_LEN];
		uint64_t ms;
		bool known = status_lag_ms(d, k->now_ns, &ms);

		if (d->vanished_ns || (known && ms <= max_ms))
			continue;
		status = 1;
		format_duration(ms, lag);
		format_duration(max_ms, most);
		if (known)
			output_line("liftfs %s: %s: its copy is %s old, more than %s: %s", t->verb, d->name, lag, most,
				    d->target ? d->target : "target not known");
		else
			output_line("liftfs %s: %s: no good copy is known: %s", t->verb, d->name,
				    d->target ? d->target : "target not known");
	}
	return status;
}

static int show_disks(const struct tool *t, const struct status_options *o, struct project *p, int *status_out,
		      struct error *err)
{
	CLEANUP(cleanup_project_disks) struct project_disks disks = { 0 };
	CLEANUP_FREE char *state = paths_state(t, err), *target = NULL;
	struct status_known known = { .state = state, .disks = &disks, .now_ns = clock_realtime_ns() };

	if (!state)
		return -1;
	if (t->n_args > 0) {
		target = name_of_target(t->args[0], err);
		if (!target)
			return -1;
	}
	if (project_disks(p, target, &disks, err) < 0)
		return -1;
	if (target && disks.n == 0)
		output_line("liftfs %s: nothing was replicated to %s with this state", t->verb, target);
	if (o->max_lag_ms > 0)
		*status_out = check_lag(t, &known, target, o->max_lag_ms);
	if (t->common.quiet && !t->common.json)
		return 0;
	return t->common.json ? status_json(&known, err) : status_print(&known, t->common.color, err);
}

static int forget(const struct tool *t, struct project *p, const char *name, struct error *err)
{
	CLEANUP_FREE char *target = t->n_args > 0 ? name_of_target(t->args[0], err) : NULL;

	if ((t->n_args > 0 && !target) || project_forget(p, target, name, err) < 0)
		return -1;
	if (!t->common.quiet)
		output_line("%s is forgotten; its replica and its recovery points stay where they are", name);
	return 0;
}

static int run(const struct tool *t, const struct status_options *o, int *status_out, struct error *err)
{
	const enum project_use use = o->forget ? PROJECT_WRITE : PROJECT_READ;
	CLEANUP_FREE char *path = paths_state(t, err);
	CLEANUP(cleanup_state) struct state *state = path ? state_open(path, false, err) : NULL;
	CLEANUP(cleanup_project) struct project *p = state ? project_open(state, use, err) : NULL;

	*status_out = 0;
	if (!p)
		return -1;
	if (o->forget)
		return forget(t, p, o->forget, err);
	if (o->metrics)
		return print_metrics(p, o->metrics, err);
	if (o->events > 0)
		return t->common.json ? status_json_events(p, o->events, err) :
					status_print_events(p, o->events, t->common.color, err);
	return show_disks(t, o, p, status_out, err);
}

static int check_usage(const struct tool *t, const struct status_options *o)
{
	if (o->forget && (o->metrics || o->events > 0 || t->common.json || o->max_lag_ms > 0))
		return tool_usage(t, "--forget goes with no other option");
	if (o->metrics && (o->events > 0 || t->common.json || o->max_lag_ms > 0))
		return tool_usage(t, "--prometheus goes with no other output");
	if (o->events > 0 && o->max_lag_ms > 0)
		return tool_usage(t, "--events and --max-lag exclude each other");
	if ((o->metrics || o->events > 0) && t->n_args > 0)
		return tool_usage(t, "%s: is of all targets", o->metrics ? "--prometheus" : "--events");
	return 0;
}

int main(int argc, char **argv)
{
	struct status_options o = { 0 };
	const struct tool_option options[] = {
		{ "events", 0, "N", "the last N events instead", tool_set_count, &o.events, NULL },
		{ "max-lag", 0, "TIME", "exit status 1 if a copy is older: 2h, 1d", set_max_lag, &o.max_lag_ms, NULL },
		{ "forget", 0, "DISK", "a disk that was retired on purpose", tool_set_text, &o.forget, NULL },
		{ "prometheus", 0, "FILE", "write metrics there instead; - prints them", tool_set_text, &o.metrics, NULL },
		{ 0 },
	};
	struct tool t = {
		.verb = "status",
		.arguments = "[TARGET]",
		.summary = "Every VM and disk that was replicated with this state: how old its copy is.",
		.options = options,
		.max_args = 1,
	};
	struct error err = ERROR_INIT;
	int status = tool_begin(&t, argc, argv);

	if (status >= 0)
		return status;
	status = check_usage(&t, &o);
	if (status == 0 && run(&t, &o, &status, &err) < 0)
		status = err.code == ERR_USAGE ? tool_usage(&t, "%s", err.msg) : tool_fail(&t, &err);
	return tool_end(&t, status);
}
