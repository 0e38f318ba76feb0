/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery points of one disk: a conditional snapshot, tied to those of the others by the token of the VM's cycle.
 *
 * A point exists if and only if as many replicas as its metadata say have a snapshot with its token.  Metadata go to the
 * snapshot only; the live replica never says that it is a recovery point.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "replicate/cycle_disk.h"

#define SNAPSHOT_TRIES 3

static int set_number(struct target_meta *m, const char *key, uint64_t value, struct error *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return target_meta_set(m, key, text, err);
}

int recovery_point_meta(const struct disk_run *r, struct target_meta *out, struct error *err)
{
	const struct clean_point *p = &r->rs.last;
	char id[GUID_TEXT_LEN], token[GUID_TEXT_LEN], now[CLOCK_TEXT_LEN];

	guid_format(&blockmap_header(r->rs.map)->liftfs_id, id);
	guid_format(&p->token, token);
	clock_format_iso(clock_realtime_ns(), now);
	if (target_meta_set(out, "format", "1", err) < 0 || target_meta_set(out, "liftfsid", id, err) < 0 ||
	    target_meta_set(out, "name", r->d->name, err) < 0 || target_meta_set(out, "vm", r->vm->name, err) < 0 ||
	    target_meta_set(out, "token", token, err) < 0 || target_meta_set(out, "moment", p->moment, err) < 0 ||
	    target_meta_set(out, "etag", p->version, err) < 0 || target_meta_set(out, "finished", now, err) < 0 ||
	    target_meta_set(out, "host", r->opt->host ? r->opt->host : "?", err) < 0 ||
	    target_meta_set(out, "sourceid", r->d->source_id, err) < 0 ||
	    target_meta_set(out, "consistency", consistency_name(p->consistency), err) < 0 ||
	    set_number(out, "vsize", blockmap_header(r->rs.map)->virtual_size, err) < 0 ||
	    set_number(out, "cycle", p->cycle, err) < 0 || set_number(out, "number", p->number, err) < 0 ||
	    set_number(out, "disks", p->disks, err) < 0)
		return -1;
	return 0;
}

/* The oldest snapshot with our token, if there is one: two with one token are equal. */
static int find_by_token(struct disk_run *r, bool *found, struct error *err)
{
	struct target_points points = { 0 };
	char token[GUID_TEXT_LEN];

	guid_format(&r->rs.last.token, token);
	*found = false;
	if (replica_points(r->replica, &points, err) < 0)
		return -1;
	for (size_t i = 0; i < points.n && !*found; i++) {
		const char *theirs = target_meta_get(&points.v[i].meta, "token");

		*found = theirs && strcmp(theirs, token) == 0;
		if (*found)
			snprintf(r->d->snapshot, sizeof(r->d->snapshot), "%s", points.v[i].id);
	}
	target_points_fini(&points);
	return 0;
}

int disk_run_publish(struct disk_run *r, struct error *err)
{
	struct error why = ERROR_INIT;
	unsigned tries = 0;

	while (replica_publish(r->replica, r->rs.last.version, &why) < 0) {
		if (tries++ < LEASE_TRIES && disk_run_renewed(r, &why))
			continue;
		if (err)
			*err = why;
		return error_prefix(err, "%s: publish", r->d->name);
	}
	return 0;
}

bool recovery_point_stops(const struct error *why)
{
	switch (why->code) {
	case ERR_CONFLICT: /* a name that is taken is no sign of a foreign write */
		return why->detail != TARGET_REFUSED_EXISTS;
	case ERR_NETWORK:
	case ERR_BUSY:
	case ERR_CANCELLED:
	case ERR_NOMEM:
	case ERR_BUG:
		return true;
	default: /* the account's limit of snapshots, or no room, say: it is replicated all the same */
		return false;
	}
}

int disk_run_point(struct disk_run *r, struct error *err)
{
	struct target_meta m = { 0 };
	struct error why = ERROR_INIT;
	bool found = false;
	int rc = recovery_point_meta(r, &m, err);

	for (unsigned n = 0; rc == 0 && !found && n < SNAPSHOT_TRIES; n++) {
		/* After a crash, or without an answer, it may be there already. */
		if ((n > 0 || !r->fenced) && find_by_token(r, &found, err) < 0) {
			rc = -1;
			break;
		}
		if (found)
			break;
		why = (struct error)ERROR_INIT;
		if (replica_snapshot(r->replica, r->rs.last.version, r->rs.last.moment, &m, r->d->snapshot, &why) == 0) {
			found = true;
		} else if (why.code != ERR_NETWORK && (n + 1 == SNAPSHOT_TRIES || !disk_run_renewed(r, &why))) {
			if (err)
				*err = why;
			rc = -1;
		}
	}
	target_meta_fini(&m);
	if (rc == 0 && !found) {
		if (err)
			*err = why;
		rc = -1;
	}
	return rc < 0 ? error_prefix(err, "%s: recovery point", r->d->name) : 0;
}
