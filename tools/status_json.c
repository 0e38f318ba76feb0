/* SPDX-License-Identifier: Apache-2.0 */
/* For programs: one document, as liftfs-status(1) has it. */
#include <config.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "document.h"
#include "inventory/disk_info.h"
#include "status.h"

static int no_memory(struct error *err)
{
	return error_set(err, ERR_NOMEM, "no memory for a JSON document");
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *time_or_null(uint64_t ns)
{
	char text[CLOCK_TEXT_LEN];

	if (ns == 0)
		return json_null();
	clock_format_iso(ns, text);
	return json_string(text);
}

static json_t *lag_or_null(const struct project_disk *d, uint64_t now_ns)
{
	uint64_t ms;

	return status_lag_ms(d, now_ns, &ms) ? json_real((double)ms / 1e3) : json_null();
}

static json_t *error_json(const struct project_disk *d)
{
	if (!*d->code)
		return json_null();
	return json_pack("{s:s, s:i, s:s}", "code", d->code, "status", d->status, "message", d->message);
}

static json_t *totals_json(const struct project_disk *d)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "cycles", number(d->cycles), "failures", number(d->failures),
			 "bytes_read", number(d->bytes_read), "bytes_sent", number(d->bytes_sent), "bytes_cleared",
			 number(d->bytes_cleared), "requests", number(d->requests), "retries", number(d->retries));
}

static json_t *disk_json(const struct project_disk *d, uint64_t now_ns)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b,"
			 " s:o, s:o}",
			 "name", d->name, "source", text_or_null(d->source), "path", text_or_null(d->path), "virtual_size",
			 number(d->virtual_size), "state", project_disk_word(d), "result", text_or_null(d->result), "kind",
			 text_or_null(d->kind), "cycle", number(d->cycle), "consistency", text_or_null(d->consistency), "started",
			 time_or_null(d->started_ns), "finished", time_or_null(d->finished_ns), "last_success",
			 time_or_null(d->success_ns), "lag_seconds", lag_or_null(d, now_ns), "recovery_point",
			 text_or_null(d->last_point), "points", number(d->points), "stalled_cycles", number(d->stalls),
			 "cycles_without_point", number(d->pointless), "running", d->pid > 0 ? number((uint64_t)d->pid) : json_null(),
			 "vanished", time_or_null(d->vanished_ns), "unverified", d->unverified, "restored", d->restored, "totals",
			 totals_json(d), "error", error_json(d));
}

static int add_vm(json_t *vms, const struct status_known *k, size_t first, size_t end, struct error *err)
{
	const struct project_disk *d = &k->disks->v[first];
	CLEANUP(cleanup_json) json_t *disks = json_array();
	json_t *vm;

	for (size_t i = first; i < end; i++)
		if (!disks || json_array_append_new(disks, disk_json(&k->disks->v[i], k->now_ns)) != 0)
			return no_memory(err);
	vm = json_pack("{s:o, s:o, s:O}", "name", text_or_null(d->vm), "target", text_or_null(d->target), "disks", disks);
	return json_array_append_new(vms, vm) == 0 ? 0 : no_memory(err);
}

static json_t *summary_json(const struct status_known *k)
{
	struct status_summary s;
	json_t *j;

	status_summarise(k, &s);
	j = json_pack("{s:o, s:o}", "vms", number(s.vms), "disks", number(s.disks));
	for (size_t i = 0; j && i < STATUS_WORDS; i++)
		json_object_set_new(j, status_words[i], number(s.words[i]));
	if (j) {
		json_object_set_new(j, "running", number(s.running));
		json_object_set_new(j, "without_copy", number(s.never));
		json_object_set_new(j, "oldest_seconds", s.disks > s.never ? json_real((double)s.lag_ms / 1e3) : json_null());
	}
	return j;
}

static int print_document(json_t *doc, struct error *err)
{

	if (!doc)
		return no_memory(err);
	return document_print(doc, err);
}

int status_json(const struct status_known *k, struct error *err)
{
	CLEANUP(cleanup_json) json_t *vms = json_array(), *doc = NULL, *state = disk_info_name(k->state, err);

	if (!state)
		return -1;
	for (size_t i = 0, end; i < k->disks->n; i = end) {
		for (end = i + 1; end < k->disks->n && !status_begins_vm(k->disks, end);)
			end++;
		if (!vms || add_vm(vms, k, i, end, err) < 0)
			return vms ? -1 : no_memory(err);
	}
	doc = json_pack("{s:i, s:o, s:O, s:o, s:O}", "schema", 1, "time", time_or_null(k->now_ns), "state", state, "summary",
			summary_json(k), "vms", vms);
	return print_document(doc, err);
}

static int event_json(void *ctx, const struct project_event_row *e, struct error *err)
{
	json_t *events = ctx;
	json_t *j = json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:i, s:s}", "seq", number(e->seq),
			      "time", time_or_null(e->time_ns), "times", number(e->times), "last", time_or_null(e->last_ns),
			      "host", e->host, "pid", number(e->pid), "version", e->version, "event", e->kind, "vm",
			      text_or_null(e->vm), "disk", text_or_null(e->disk), "code", text_or_null(e->code), "status",
			      e->status, "message", e->message);

	return json_array_append_new(events, j) == 0 ? 0 : no_memory(err);
}

int status_json_events(struct project *p, unsigned n, struct error *err)
{
	CLEANUP(cleanup_json) json_t *events = json_array(), *doc = NULL;

	if (!events)
		return no_memory(err);
	if (project_events(p, n, event_json, events, err) < 0)
		return -1;
	doc = json_pack("{s:i, s:O}", "schema", 1, "events", events);
	return print_document(doc, err);
}
