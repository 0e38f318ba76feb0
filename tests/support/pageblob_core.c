/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/clock.h"
#include "support/pageblob_core.h"

static struct pageblob_world world(struct pageblob_server *s)
{
	uint64_t now = clock_monotonic_ns() / s->lease_second_ms * 1000 + s->lease_ahead_ns;

	return (struct pageblob_world){
		.store = &s->store, .account = &s->account, .lease_now_ns = now, .hns = s->hns
	};
}

/* Waits without holding the lock in between; an end of the server ends it, and so do other rules. */
static void delay_locked(struct pageblob_server *s, uint64_t ms)
{
	uint64_t rules = s->rules_set;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (!s->stopping && s->rules_set == rules && pthread_cond_timedwait(&s->wake, &s->lock, &until) == 0)
		;
}

static void apply_late_locked(struct pageblob_server *s, size_t i)
{
	struct pageblob_request *req = s->late[i].req;
	struct pageblob_world w = world(s);
	struct pageblob_reply r;

	memmove(&s->late[i], &s->late[i + 1], (s->n_late - i - 1) * sizeof(*s->late));
	s->n_late--;
	pageblob_reply_init(&r);
	req->late = true;
	req->check_only = false;
	pageblob_op_run(&w, req, &r);
	pageblob_journal_add(&s->journal, req, &r, "late");
	pageblob_reply_fini(&r);
	pageblob_request_free(req);
}

/* A write was applied: those that waited for it follow. */
static void count_down_locked(struct pageblob_server *s)
{
	for (size_t i = 0; i < s->n_late;) {
		if (s->late[i].after > 0 && --s->late[i].after == 0)
			apply_late_locked(s, i);
		else
			i++;
	}
}

/* The answer that a fault gives in place of the true one. */
static void answer_fault(struct pageblob_reply *r, const struct pageblob_fault *fault)
{
	pageblob_reply_fini(r);
	pageblob_pages_fini(&r->pages);
	r->from_pages = false;
	r->body_len = 0;
	if (fault->close || fault->action == FAULT_DROP) {
		r->no_answer = true;
		return;
	}
	pageblob_refuse(r, fault->status, NULL, "%s", "a fault rule");
	r->code = *fault->code ? fault->code : NULL;
	if (fault->retry_after_s >= 0)
		pageblob_reply_header(r, "Retry-After", "%d", fault->retry_after_s);
}

static void spoil_digest(struct pageblob_reply *r)
{
	for (size_t i = 0; i < r->headers.n; i++) {
		char *value = r->headers.v[i].value;

		if (strcmp(r->headers.v[i].name, "x-ms-content-crc64") == 0 ||
		    strcmp(r->headers.v[i].name, "Content-MD5") == 0)
			value[0] = value[0] == 'A' ? 'B' : 'A';
	}
}

static void hold_back_locked(struct pageblob_server *s, struct pageblob_request **req, uint64_t after)
{
	s->late = pageblob_grow(s->late, s->n_late + 1, sizeof(*s->late));
	s->late[s->n_late++] = (struct pageblob_late){ .req = *req, .after = after };
	*req = NULL;
}

/* True: the request passed all checks and is to be held back. */
static bool run_locked(struct pageblob_server *s, struct pageblob_request *req, struct pageblob_reply *r,
		       const struct pageblob_fault *fault)
{
	struct pageblob_world w = world(s);

	if (fault->action == FAULT_FAIL || fault->action == FAULT_DROP) {
		answer_fault(r, fault);
		return false;
	}
	req->check_only = fault->action == FAULT_LATE && pageblob_op_writes(req->op);
	if (pageblob_op_run(&w, req, r) < 0)
		return false;
	if (fault->action == FAULT_LOST || req->check_only)
		answer_fault(r, fault);
	else if (fault->action == FAULT_CUT)
		r->cut_at = fault->after;
	else if (fault->action == FAULT_DRIP)
		r->drip_len = fault->after ? fault->after : 1024, r->drip_ms = fault->ms;
	else if (fault->action == FAULT_FLIP)
		r->flip_at = fault->at;
	else if (fault->action == FAULT_BADCRC)
		spoil_digest(r);
	return req->check_only;
}

void pageblob_core_handle(struct pageblob_server *s, struct pageblob_request **reqp, struct pageblob_reply *r)
{
	struct pageblob_request *req = *reqp;
	struct pageblob_fault fault;
	uint64_t delay_ms;
	bool held;

	LOCK_SCOPE(&s->lock);
	pageblob_request_identify(req);
	pageblob_faults_match(&s->faults, req->op, req->blob, &fault, &delay_ms);
	if (delay_ms)
		delay_locked(s, delay_ms);
	held = run_locked(s, req, r, &fault);
	pageblob_reply_header(r, "x-ms-request-id", "5a6f7b1c-0000-4000-8000-%012" PRIx64, ++s->request_id);
	pageblob_journal_add(&s->journal, req, r,
			     delay_ms && fault.action == FAULT_NONE ? "delay" : pageblob_action_name(fault.action));
	pageblob_reply_finish(r, req);
	r->code = NULL; /* a fault's ends with this function */
	if (r->changed)
		count_down_locked(s);
	if (held)
		hold_back_locked(s, reqp, fault.after);
}

int pageblob_server_faults(struct pageblob_server *s, const char *rules, struct error *err)
{
	LOCK_SCOPE(&s->lock);
	if (pageblob_faults_parse(&s->faults, rules, s->seed, err) < 0)
		return -1;
	s->rules_set++;
	pthread_cond_broadcast(&s->wake);
	return 0;
}

unsigned pageblob_server_release_late(struct pageblob_server *s)
{
	unsigned n = 0;

	LOCK_SCOPE(&s->lock);
	for (; s->n_late > 0; n++)
		apply_late_locked(s, 0);
	return n;
}

void pageblob_server_reset(struct pageblob_server *s, bool content)
{
	LOCK_SCOPE(&s->lock);
	pageblob_faults_fini(&s->faults);
	pageblob_journal_reset(&s->journal);
	for (size_t i = 0; i < s->n_late; i++)
		pageblob_request_free(s->late[i].req);
	s->n_late = 0;
	if (content)
		pageblob_store_fini(&s->store);
}

void pageblob_server_advance(struct pageblob_server *s, uint64_t ms)
{
	LOCK_SCOPE(&s->lock);
	s->lease_ahead_ns += ms * 1000000;
}

void pageblob_server_stats(struct pageblob_server *s, struct pageblob_stats *out)
{
	LOCK_SCOPE(&s->lock);
	*out = s->journal.stats;
	out->late_waiting = s->n_late;
}

uint64_t pageblob_server_count(struct pageblob_server *s, enum pageblob_op op)
{
	LOCK_SCOPE(&s->lock);
	return s->journal.stats.requests[op];
}

size_t pageblob_server_requests(struct pageblob_server *s, struct pageblob_record *out, size_t max)
{
	LOCK_SCOPE(&s->lock);
	return pageblob_journal_last(&s->journal, out, max);
}

int pageblob_server_create_container(struct pageblob_server *s, const char *name, struct error *err)
{
	LOCK_SCOPE(&s->lock);
	if (pageblob_store_find(&s->store, name))
		return error_set(err, ERR_USAGE, "%s: there is such a container", name);
	pageblob_store_add(&s->store, name);
	return 0;
}

static struct pageblob_blob *find_locked(struct pageblob_server *s, const char *container, const char *blob,
					 const char *snapshot, struct error *err)
{
	struct pageblob_container *c = pageblob_store_find(&s->store, container);
	struct pageblob_blob *b = c ? pageblob_container_find(c, blob, snapshot) : NULL;

	if (!b)
		error_set(err, ERR_USAGE, "%s/%s: no such blob", container, blob);
	return b;
}

int pageblob_server_size(struct pageblob_server *s, const char *container, const char *blob, const char *snapshot,
			 uint64_t *size_out, struct error *err)
{
	const struct pageblob_blob *b;

	LOCK_SCOPE(&s->lock);
	b = find_locked(s, container, blob, snapshot, err);
	if (!b)
		return -1;
	*size_out = b->size;
	return 0;
}

int pageblob_server_read(struct pageblob_server *s, const char *container, const char *blob, const char *snapshot,
			 uint64_t off, void *buf, size_t len, struct error *err)
{
	const struct pageblob_blob *b;

	LOCK_SCOPE(&s->lock);
	b = find_locked(s, container, blob, snapshot, err);
	if (!b)
		return -1;
	if (!range_ok(off, len, b->size))
		return error_set(err, ERR_USAGE, "%s: %" PRIu64 "+%zu of %" PRIu64 " bytes", blob, off, len, b->size);
	pageblob_pages_read(&b->pages, off, len, buf);
	return 0;
}

int pageblob_server_meddle(struct pageblob_server *s, const char *container, const char *blob, uint64_t off,
			   const void *data, size_t len, struct error *err)
{
	struct pageblob_blob *b;

	LOCK_SCOPE(&s->lock);
	b = find_locked(s, container, blob, NULL, err);
	if (!b)
		return -1;
	if (!range_ok(off, len, b->size) || off % PAGEBLOB_PAGE || len % PAGEBLOB_PAGE)
		return error_set(err, ERR_USAGE, "%s: %" PRIu64 "+%zu of %" PRIu64 " bytes", blob, off, len, b->size);
	if (data)
		pageblob_pages_write(&b->pages, off, len, data, ++b->stamp);
	else
		pageblob_pages_clear(&b->pages, off, len);
	pageblob_blob_touch(&s->store, b, world(s).lease_now_ns);
	return 0;
}
