/* SPDX-License-Identifier: Apache-2.0 */
/* Lease Blob: headers and answers around the state machine of pageblob_lease.c.  ETag and Last-Modified do not change.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "base/parse.h"
#include "support/pageblob_conditions.h"
#include "support/pageblob_op.h"

#define BREAK_PERIOD_MAX 60

/* 15 to 60 seconds, or -1. */
static int duration_header(const struct pageblob_request *req, struct pageblob_reply *r, int *out)
{
	static const char name[] = "x-ms-lease-duration";
	const char *text = pageblob_header(req, name);
	uint64_t n;

	if (!text)
		return pageblob_refuse_missing(r, name);
	if (strcmp(text, "-1") == 0) {
		*out = PAGEBLOB_LEASE_INFINITE;
		return 0;
	}
	if (parse_u64(text, 60, &n, NULL) < 0 || n < 15)
		return pageblob_refuse_value(r, name, text);
	*out = (int)n;
	return 0;
}

static int id_header(const struct pageblob_request *req, struct pageblob_reply *r, const char *name, bool needed,
		     const char **out)
{
	struct guid parsed;

	*out = pageblob_header(req, name);
	if (!*out)
		return needed ? pageblob_refuse_missing(r, name) : 0;
	return guid_parse(*out, &parsed, NULL) < 0 ? pageblob_refuse_value(r, name, *out) : 0;
}

struct attempt {
	const char *id, *proposed;
	int duration_s, period_s, left_s;
};

static int parse_attempt(const struct pageblob_request *req, struct pageblob_reply *r, struct attempt *a)
{
	bool acquire = req->op == PAGEBLOB_LEASE_ACQUIRE, breaking = req->op == PAGEBLOB_LEASE_BREAK;
	const char *period = pageblob_header(req, "x-ms-lease-break-period");
	uint64_t n = 0;

	*a = (struct attempt){ .period_s = -1 };
	if (id_header(req, r, "x-ms-lease-id", !acquire && !breaking, &a->id) < 0 ||
	    id_header(req, r, "x-ms-proposed-lease-id", req->op == PAGEBLOB_LEASE_CHANGE, &a->proposed) < 0 ||
	    (acquire && duration_header(req, r, &a->duration_s) < 0) ||
	    pageblob_number_header(req, r, "x-ms-lease-break-period", BREAK_PERIOD_MAX, &n) < 0)
		return -1;
	if (period)
		a->period_s = (int)n;
	return 0;
}

static const struct pageblob_refusal *attempt_on(struct pageblob_lease *l, enum pageblob_op op, struct attempt *a,
						 const char *fresh, uint64_t now_ns)
{
	switch (op) {
	case PAGEBLOB_LEASE_ACQUIRE:
		return pageblob_lease_acquire(l, a->proposed, fresh, a->duration_s, now_ns);
	case PAGEBLOB_LEASE_RENEW:
		return pageblob_lease_renew(l, a->id, now_ns);
	case PAGEBLOB_LEASE_CHANGE:
		return pageblob_lease_change(l, a->id, a->proposed, now_ns);
	case PAGEBLOB_LEASE_RELEASE:
		return pageblob_lease_release(l, a->id, now_ns);
	default:
		return pageblob_lease_break(l, a->period_s, now_ns, &a->left_s);
	}
}

int pageblob_lease_blob(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r)
{
	const struct pageblob_refusal *no;
	struct pageblob_container *c;
	struct pageblob_blob *b;
	struct pageblob_lease lease;
	struct attempt a;
	struct guid guid;
	char fresh[GUID_TEXT_LEN];

	if (guid_random(&guid, NULL) < 0)
		return pageblob_refuse(r, 500, "InternalError", "%s", "no random bytes");
	guid_format(&guid, fresh);
	if (parse_attempt(req, r, &a) < 0 || pageblob_find_blob(w, req, r, false, &c, &b) < 0 ||
	    pageblob_check_conditions(req, b->etag, b->modified_ns, true, r) < 0)
		return -1;
	lease = b->lease;
	no = attempt_on(&lease, req->op, &a, fresh, w->lease_now_ns);
	if (no)
		return pageblob_refuse(r, no->status, no->code, "%s", "");
	if (req->check_only)
		return 0;
	b->lease = lease;
	pageblob_reply_version(r, b->etag, b->modified_ns);
	if (req->op == PAGEBLOB_LEASE_BREAK)
		pageblob_reply_header(r, "x-ms-lease-time", "%d", a.left_s);
	else if (req->op != PAGEBLOB_LEASE_RELEASE)
		pageblob_reply_header(r, "x-ms-lease-id", "%s", b->lease.id);
	r->status = req->op == PAGEBLOB_LEASE_ACQUIRE ? 201 : req->op == PAGEBLOB_LEASE_BREAK ? 202 : 200;
	r->changed = true;
	return 0;
}
