/* SPDX-License-Identifier: Apache-2.0 */
/* The service's leases, and the requests that it carries out later than their senders believe. */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "target_mem_private.h"

struct mem_late {
	struct mem_request *req;
	uint64_t after; /* other requests; MEM_LATE_HELD: until it is released */
};

static int refuse(const struct mem_blob *b, const char *why, struct error *err)
{
	return target_refuse(err, ERR_BUSY, TARGET_REFUSED_LEASE, "%s: %s", b->name, why);
}

int mem_lease_locked(struct mem_service *s, struct mem_blob *b, const struct mem_request *q, struct error *err)
{
	bool same = guid_equal(&b->lease, &q->lease);

	if (!b->exists)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_MISSING, "%s: not there", b->name);
	if (*q->if_version && q->version != b->version)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_VERSION, "%s: version is %" PRIu64 ", expected %" PRIu64,
				     b->name, b->version, q->version);
	switch (q->action) {
	case TARGET_LEASE_ACQUIRE:
		if (mem_leased_locked(s, b) && !same)
			return refuse(b, "leased by somebody else", err);
		b->lease = q->lease;
		break;
	case TARGET_LEASE_RENEW: /* also after its end, if nothing happened since: a change forgets the id */
		if (!same)
			return refuse(b, "cannot renew the lease", err);
		break;
	case TARGET_LEASE_RELEASE:
		if (!same)
			return refuse(b, "not our lease", err);
		b->lease = (struct guid){ 0 };
		return 0;
	case TARGET_LEASE_BREAK:
		b->lease = (struct guid){ 0 };
		return 0;
	}
	b->lease_until_s = s->now_s + TARGET_LEASE_SECONDS;
	return 0;
}

static void let_arrive_locked(struct mem_service *s, size_t i)
{
	struct mem_request *q = s->late[i].req;
	struct error ignored = ERROR_INIT;

	for (s->n_late--; i < s->n_late; i++)
		s->late[i] = s->late[i + 1];
	mem_execute_locked(q, &ignored);
	mem_request_free(q);
}

void mem_arrive_locked(struct mem_service *s)
{
	for (size_t i = 0; i < s->n_late;) {
		if (s->late[i].after == 0) {
			let_arrive_locked(s, i);
			continue;
		}
		if (s->late[i].after != MEM_LATE_HELD)
			s->late[i].after--;
		i++;
	}
}

void mem_send_late(struct mem_service *s, struct mem_request *req, uint64_t after)
{
	LOCK_SCOPE(&s->lock);
	s->late = mem_must(reallocarray(s->late, s->n_late + 1, sizeof(*s->late)));
	s->late[s->n_late++] = (struct mem_late){ .req = req, .after = after };
}

size_t mem_release_late(struct mem_service *s)
{
	LOCK_SCOPE(&s->lock);
	size_t n = s->n_late;

	while (s->n_late > 0)
		let_arrive_locked(s, 0);
	return n;
}

void mem_late_fini(struct mem_service *s)
{
	for (size_t i = 0; i < s->n_late; i++)
		mem_request_free(s->late[i].req);
	free(s->late);
}
