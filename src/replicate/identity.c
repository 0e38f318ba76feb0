/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "replicate/identity.h"

struct match {
	struct identity_disk *disks;
	size_t n;
	const struct identity_replica *replicas;
	size_t n_replicas;
	struct identity_disk **by_name, **by_id;     /* of disks */
	const struct identity_replica **replica_ids; /* of replicas, by id */
};

bool identity_is_id(const char *id)
{
	for (; *id; id++)
		if (isalnum((unsigned char)*id) && *id != '0')
			return true;
	return false;
}

/* ---- sorted views ---- */

static int disk_names(const void *a, const void *b)
{
	const struct identity_disk *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int disk_ids(const void *a, const void *b)
{
	const struct identity_disk *const *x = a, *const *y = b;
	int order = strcmp((*x)->id, (*y)->id);

	return order != 0 ? order : disk_names(a, b);
}

static int replica_ids(const void *a, const void *b)
{
	const struct identity_replica *const *x = a, *const *y = b;
	int order = strcmp((*x)->id, (*y)->id);

	return order != 0 ? order : strcmp((*x)->name, (*y)->name);
}

static void fini(struct match *m)
{
	free(m->by_name);
	free(m->by_id);
	free(m->replica_ids);
}

static int init(struct match *m, struct error *err)
{
	m->by_name = calloc(m->n + 1, sizeof(*m->by_name));
	m->by_id = calloc(m->n + 1, sizeof(*m->by_id));
	m->replica_ids = calloc(m->n_replicas + 1, sizeof(*m->replica_ids));
	if (!m->by_name || !m->by_id || !m->replica_ids)
		return error_errno(err, ENOMEM, "identities");
	for (size_t i = 0; i < m->n; i++)
		m->by_name[i] = m->by_id[i] = &m->disks[i];
	for (size_t i = 0; i < m->n_replicas; i++)
		m->replica_ids[i] = &m->replicas[i];
	qsort(m->by_name, m->n, sizeof(*m->by_name), disk_names);
	qsort(m->by_id, m->n, sizeof(*m->by_id), disk_ids);
	qsort(m->replica_ids, m->n_replicas, sizeof(*m->replica_ids), replica_ids);
	return 0;
}

static const struct identity_replica *replica_named(const struct match *m, const char *name)
{
	size_t from = 0, to = m->n_replicas;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		int order = strcmp(m->replicas[mid].name, name);

		if (order == 0)
			return &m->replicas[mid];
		if (order < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

static size_t first_named(const struct match *m, const char *name)
{
	size_t from = 0, to = m->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (strcmp(m->by_name[mid]->name, name) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static size_t first_with_id(const struct match *m, const char *id)
{
	size_t from = 0, to = m->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (strcmp(m->by_id[mid]->id, id) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static size_t first_replica_with_id(const struct match *m, const char *id)
{
	size_t from = 0, to = m->n_replicas;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (strcmp(m->replica_ids[mid]->id, id) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* ---- questions ---- */

/* The disk that the replica is called after, if it may be the replica's own: with its id, or without one that is known. */
static const struct identity_disk *holder(const struct match *m, const struct identity_replica *r)
{
	for (size_t i = first_named(m, r->name); i < m->n && strcmp(m->by_name[i]->name, r->name) == 0; i++)
		if (!identity_is_id(m->by_name[i]->id) || strcmp(m->by_name[i]->id, r->id) == 0)
			return m->by_name[i];
	return NULL;
}

/* Another disk with d's id: first of those that have no replica of their name (rivals), else of all. */
static const struct identity_disk *twin(const struct match *m, const struct identity_disk *d, bool rival)
{
	for (size_t i = first_with_id(m, d->id); i < m->n && strcmp(m->by_id[i]->id, d->id) == 0; i++) {
		const struct identity_disk *other = m->by_id[i];

		if (!other->only_name && strcmp(other->name, d->name) != 0 && !(rival && replica_named(m, other->name)))
			return other;
	}
	return NULL;
}

/* The disk whose id the replica has, if d, which is called as the replica and has no id, is not it. */
static const struct identity_disk *bearer(const struct match *m, const struct identity_disk *d, const struct identity_replica *r)
{
	if (!r || !d->no_id || !identity_is_id(r->id))
		return NULL;
	for (size_t i = first_with_id(m, r->id); i < m->n && strcmp(m->by_id[i]->id, r->id) == 0; i++)
		if (!m->by_id[i]->only_name && strcmp(m->by_id[i]->name, d->name) != 0)
			return m->by_id[i];
	return NULL;
}

/* ---- one disk ---- */

static void refuse_several(struct identity_disk *d, const struct identity_replica *a, const struct identity_replica *b)
{
	d->outcome = IDENTITY_REFUSED;
	error_set(&d->err, ERR_CONFLICT,
		  "%s: has the id (%s) of the replicas %.120s and %.120s, and neither's disk is there any more: which one goes on is "
		  "not to be told; name it as before, or --replace makes a new replica", d->source, d->id, a->name, b->name);
}

static void refuse_rival(struct identity_disk *d, const struct identity_disk *rival, const struct identity_replica *r)
{
	d->outcome = IDENTITY_REFUSED;
	error_set(&d->err, ERR_CONFLICT,
		  "%s: it and %.120s have the id (%s) of the replica %.120s, whose disk is not there any more: which of them goes on is "
		  "not to be told; name it as before, or --replace makes new replicas", d->source, rival->source, d->id, r->name);
}

/* A file that came to lie beside the disk, or in its place, and took its name: the cycle could not tell it from the disk. */
static void refuse_nameless(struct identity_disk *d, const struct identity_disk *other)
{
	d->outcome = IDENTITY_REFUSED;
	error_set(&d->err, ERR_CONFLICT,
		  "%s: has no id, and the replica %.120s has that of %.120s (%s), which is there too; --replace gives it to this one",
		  d->source, d->name, other->source, other->id);
}

static void match_one(const struct match *m, struct identity_disk *d)
{
	const struct identity_replica *found = NULL, *held = NULL;
	const struct identity_disk *other;

	d->outcome = IDENTITY_OWN;
	d->replica = d->name;
	other = bearer(m, d, replica_named(m, d->name));
	if (other)
		refuse_nameless(d, other);
	if (!identity_is_id(d->id) || replica_named(m, d->name))
		return;
	for (size_t i = first_replica_with_id(m, d->id); i < m->n_replicas && strcmp(m->replica_ids[i]->id, d->id) == 0; i++) {
		const struct identity_replica *r = m->replica_ids[i];

		if (d->place && strcmp(d->place, r->name) == 0) {
			d->outcome = IDENTITY_FOLLOWS;
			d->replica = r->name;
			return;
		}
		if (d->alone || holder(m, r)) {
			held = r;
		} else if (found) {
			refuse_several(d, found, r);
			return;
		} else {
			found = r;
		}
	}
	other = twin(m, d, true);
	if (found && other) {
		refuse_rival(d, other, found);
	} else if (found) {
		d->outcome = IDENTITY_FOLLOWS;
		d->replica = found->name;
	} else if (held || twin(m, d, false)) {
		d->outcome = IDENTITY_COPY;
		d->twin = held ? held->name : twin(m, d, false)->source;
	}
}

/* What is called as a replica is that another disk goes on with: the other one has the replica's id, and it has not. */
static void give_way(const struct match *m, const struct identity_disk *follower)
{
	for (size_t i = first_named(m, follower->replica);
	     i < m->n && strcmp(m->by_name[i]->name, follower->replica) == 0; i++) {
		struct identity_disk *d = m->by_name[i];

		if (!d->here || d->outcome == IDENTITY_REFUSED)
			continue;
		d->outcome = IDENTITY_REFUSED;
		error_set(&d->err, ERR_CONFLICT,
			  "%s: the replica %.120s is that of %.120s, which has its id (%s; this one has %s) and was called so before; "
			  "--replace gives it to this one, and makes the other a new one",
			  d->source, d->name, follower->source, follower->id, d->id);
	}
}

int identity_match(struct identity_disk *disks, size_t n, const struct identity_replica *replicas, size_t n_replicas,
		   struct error *err)
{
	struct match m = { .disks = disks, .n = n, .replicas = replicas, .n_replicas = n_replicas };
	int rc = init(&m, err);

	for (size_t i = 0; rc == 0 && i < n; i++)
		if (disks[i].here)
			match_one(&m, &disks[i]);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (disks[i].here && disks[i].outcome == IDENTITY_FOLLOWS)
			give_way(&m, &disks[i]);
	fini(&m);
	return rc;
}
