/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lease of a replica: acquired under our own id, so that the same id takes it again after a crash; carried by every
 * request while it is held.  Lease requests change neither content nor version, so each may be sent again after a lost
 * answer, under its condition too.
 */
#include <config.h>

#include <string.h>

#include "target/azure.h"

void azure_call_init(struct replica *r, enum azure_operation op, struct azure_call *call, char lease_id[GUID_TEXT_LEN])
{
	struct azure_replica *a = azure_replica(r);

	*call = (struct azure_call){ .op = op, .url = a->url, .snapshot = r->point };
	if (r->point)
		return;
	LOCK_SCOPE(&a->lock);
	memcpy(lease_id, a->lease_id, GUID_TEXT_LEN);
	if (*lease_id)
		call->lease_id = lease_id;
	call->if_number = a->numbered;
	call->number = a->number;
}

static void hold(struct azure_replica *a, const char *id)
{
	LOCK_SCOPE(&a->lock);
	memcpy(a->lease_id, id, GUID_TEXT_LEN);
}

/* To break a lease that is not there is to have what was wanted. */
static bool nothing_to_break(enum target_lease_action action, const struct azure_reply *reply)
{
	return action == TARGET_LEASE_BREAK && strcmp(reply->code, "LeaseNotPresentWithLeaseOperation") == 0;
}

int azure_lease(struct replica *r, enum target_lease_action action, const struct guid *id, const char *if_version,
		struct error *err)
{
	static const struct {
		enum azure_operation op;
		long expect;
	} table[] = {
		[TARGET_LEASE_ACQUIRE] = { AZURE_LEASE_ACQUIRE, 201 },
		[TARGET_LEASE_RENEW] = { AZURE_LEASE_RENEW, 200 },
		[TARGET_LEASE_RELEASE] = { AZURE_LEASE_RELEASE, 200 },
		[TARGET_LEASE_BREAK] = { AZURE_LEASE_BREAK, 202 },
	};
	CLEANUP(cleanup_azure_exchange) struct azure_exchange x = { 0 };
	struct error failed = ERROR_INIT;
	char text[GUID_TEXT_LEN] = "";

	x.call = (struct azure_call){ .op = table[action].op, .url = azure_replica(r)->url, .lease_id = text,
				      .if_version = if_version };
	x.expect = table[action].expect;
	if (id)
		guid_format(id, text);
	if (action == TARGET_LEASE_RELEASE)
		hold(azure_replica(r),
		     (char[GUID_TEXT_LEN]){ 0 }); /* whatever the answer: it is not relied upon any more */
	if (azure_exchange(r->target, &r->counters, &x, &failed) < 0 && !nothing_to_break(action, &x.reply)) {
		if (err)
			*err = failed;
		return -1;
	}
	if (action == TARGET_LEASE_ACQUIRE || action == TARGET_LEASE_RENEW)
		hold(azure_replica(r), text);
	return 0;
}
