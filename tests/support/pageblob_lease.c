/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "support/pageblob_lease.h"

#define NS_PER_S UINT64_C(1000000000)

static const struct pageblob_refusal already_present = { 409, "LeaseAlreadyPresent" };
static const struct pageblob_refusal breaking_no_acquire = { 409, "LeaseIsBreakingAndCannotBeAcquired" };
static const struct pageblob_refusal breaking_no_change = { 409, "LeaseIsBreakingAndCannotBeChanged" };
static const struct pageblob_refusal broken_no_renew = { 409, "LeaseIsBrokenAndCannotBeRenewed" };
static const struct pageblob_refusal lease_mismatch = { 409, "LeaseIdMismatchWithLeaseOperation" };
static const struct pageblob_refusal lease_not_present = { 409, "LeaseNotPresentWithLeaseOperation" };
static const struct pageblob_refusal blob_missing = { 412, "LeaseIdMissing" };
static const struct pageblob_refusal blob_mismatch = { 412, "LeaseIdMismatchWithBlobOperation" };
static const struct pageblob_refusal blob_not_present = { 412, "LeaseNotPresentWithBlobOperation" };
static const struct pageblob_refusal blob_lost = { 412, "LeaseLost" };

static bool same(const struct pageblob_lease *l, const char *id)
{
	return id && strcasecmp(l->id, id) == 0;
}

enum pageblob_lease_state pageblob_lease_state(const struct pageblob_lease *l, uint64_t now_ns)
{
	if (l->state == LEASE_LEASED && l->duration_s != PAGEBLOB_LEASE_INFINITE && now_ns >= l->end_ns)
		return LEASE_EXPIRED;
	if (l->state == LEASE_BREAKING && now_ns >= l->end_ns)
		return LEASE_BROKEN;
	return l->state;
}

static void start(struct pageblob_lease *l, int duration_s, uint64_t now_ns)
{
	l->state = LEASE_LEASED;
	l->duration_s = duration_s;
	l->end_ns = duration_s == PAGEBLOB_LEASE_INFINITE ? 0 : now_ns + (uint64_t)duration_s * NS_PER_S;
}

const struct pageblob_refusal *pageblob_lease_acquire(struct pageblob_lease *l, const char *id, const char *fresh,
						      int duration_s, uint64_t now_ns)
{
	switch (pageblob_lease_state(l, now_ns)) {
	case LEASE_LEASED:
		if (!same(l, id))
			return &already_present;
		break;
	case LEASE_BREAKING:
		return same(l, id) ? &breaking_no_acquire : &already_present;
	case LEASE_AVAILABLE:
	case LEASE_BROKEN:
	case LEASE_EXPIRED:
		snprintf(l->id, sizeof(l->id), "%s", id ? id : fresh);
		break;
	}
	start(l, duration_s, now_ns);
	return NULL;
}

const struct pageblob_refusal *pageblob_lease_renew(struct pageblob_lease *l, const char *id, uint64_t now_ns)
{
	enum pageblob_lease_state state = pageblob_lease_state(l, now_ns);

	if (state == LEASE_AVAILABLE || !same(l, id))
		return &lease_mismatch;
	if (state == LEASE_BREAKING || state == LEASE_BROKEN)
		return &broken_no_renew;
	start(l, l->duration_s, now_ns);
	return NULL;
}

const struct pageblob_refusal *pageblob_lease_change(struct pageblob_lease *l, const char *id, const char *proposed,
						     uint64_t now_ns)
{
	enum pageblob_lease_state state = pageblob_lease_state(l, now_ns);

	if (state == LEASE_BREAKING && same(l, id))
		return &breaking_no_change;
	if (state != LEASE_LEASED && state != LEASE_BREAKING)
		return &lease_not_present;
	if (state == LEASE_BREAKING || (!same(l, id) && !same(l, proposed))) /* asked again after a lost answer: ok */
		return &lease_mismatch;
	snprintf(l->id, sizeof(l->id), "%s", proposed);
	return NULL;
}

const struct pageblob_refusal *pageblob_lease_release(struct pageblob_lease *l, const char *id, uint64_t now_ns)
{
	if (pageblob_lease_state(l, now_ns) == LEASE_AVAILABLE || !same(l, id))
		return &lease_mismatch;
	*l = (struct pageblob_lease){ .state = LEASE_AVAILABLE };
	return NULL;
}

static int seconds_left(const struct pageblob_lease *l, uint64_t now_ns)
{
	return l->end_ns <= now_ns ? 0 : (int)((l->end_ns - now_ns + NS_PER_S - 1) / NS_PER_S);
}

const struct pageblob_refusal *pageblob_lease_break(struct pageblob_lease *l, int period_s, uint64_t now_ns,
						    int *left_s_out)
{
	enum pageblob_lease_state state = pageblob_lease_state(l, now_ns);
	bool infinite = l->duration_s == PAGEBLOB_LEASE_INFINITE;
	uint64_t end_ns = now_ns;

	if (state == LEASE_AVAILABLE)
		return &lease_not_present;
	if (state == LEASE_LEASED || state == LEASE_BREAKING) {
		if (period_s >= 0)
			end_ns = now_ns + (uint64_t)period_s * NS_PER_S;
		if ((state == LEASE_BREAKING || !infinite) && (period_s < 0 || end_ns > l->end_ns))
			end_ns = l->end_ns; /* a break never lengthens what is left */
	}
	l->state = end_ns > now_ns ? LEASE_BREAKING : LEASE_BROKEN;
	l->end_ns = end_ns;
	*left_s_out = seconds_left(l, now_ns);
	return NULL;
}

const struct pageblob_refusal *pageblob_lease_check_write(const struct pageblob_lease *l, const char *id,
							  uint64_t now_ns)
{
	switch (pageblob_lease_state(l, now_ns)) {
	case LEASE_AVAILABLE:
		return id ? &blob_not_present : NULL;
	case LEASE_LEASED:
	case LEASE_BREAKING:
		return !id ? &blob_missing : same(l, id) ? NULL : &blob_mismatch;
	case LEASE_BROKEN:
	case LEASE_EXPIRED:
		break;
	}
	return !id ? NULL : same(l, id) ? &blob_lost : &blob_mismatch;
}

const struct pageblob_refusal *pageblob_lease_check_read(const struct pageblob_lease *l, const char *id,
							 uint64_t now_ns)
{
	return id ? pageblob_lease_check_write(l, id, now_ns) : NULL;
}

void pageblob_lease_written(struct pageblob_lease *l, uint64_t now_ns)
{
	enum pageblob_lease_state state = pageblob_lease_state(l, now_ns);

	if (state == LEASE_EXPIRED || state == LEASE_BROKEN)
		*l = (struct pageblob_lease){ .state = LEASE_AVAILABLE };
}
