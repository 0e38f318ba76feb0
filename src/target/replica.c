/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict wrappers of one replica, as target.c has them for the place.  They keep the size (what ranges are checked
 * against), the number of operations in flight (what barrier and close wait for) and the counters.
 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "target/ops.h"

#define count(r, counter, n) atomic_fetch_add_explicit(&(r)->counters.counter, (n), memory_order_relaxed)

static void count_other(struct replica *r)
{
	if (!r->ops->counts_requests)
		count(r, others, 1);
}

static struct replica *replica_new(struct target *t, const char *name, const char *point, struct error *err)
{
	CLEANUP_FREE struct replica *r = calloc(1, sizeof(*r));
	CLEANUP_FREE char *name_copy = strdup(name);
	CLEANUP_FREE char *point_copy = point ? strdup(point) : NULL;

	if (!r || !name_copy || (point && !point_copy)) {
		error_errno(err, ENOMEM, "%s", name);
		return NULL;
	}
	r->ops = t->ops;
	r->target = t;
	r->name = steal_ptr(&name_copy);
	r->point = steal_ptr(&point_copy);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->idle, NULL);
	return steal_ptr(&r);
}

struct replica *target_replica(struct target *t, const char *name, struct error *err)
{
	CLEANUP(cleanup_replica) struct replica *r = NULL;

	if (target_check_name(t, name, err) < 0)
		return NULL;
	r = replica_new(t, name, NULL, err);
	if (!r || r->ops->replica_open(r, err) < 0)
		return NULL;
	return steal_ptr(&r);
}

struct replica *target_map_copy(struct target *t, const char *name, struct error *err)
{
	CLEANUP(cleanup_replica) struct replica *r = NULL;

	if (!t->ops->map_copies) {
		error_set(err, ERR_UNSUPPORTED, "%s: a target of kind %s keeps no copies of block maps", t->name, t->ops->scheme);
		return NULL;
	}
	if (target_check_name(t, name, err) < 0)
		return NULL;
	r = replica_new(t, name, NULL, err);
	if (!r)
		return NULL;
	r->map_copy = true;
	return r->ops->replica_open(r, err) < 0 ? NULL : steal_ptr(&r);
}

static bool is_busy(struct replica *r)
{
	LOCK_SCOPE(&r->lock);
	return r->in_flight > 0;
}

static void wait_idle(struct replica *r)
{
	LOCK_SCOPE(&r->lock);
	while (r->in_flight > 0)
		pthread_cond_wait(&r->idle, &r->lock);
}

void replica_barrier(struct replica *r)
{
	if (r->ops->barrier)
		r->ops->barrier(r);
	wait_idle(r);
}

static void add_counters(struct target_counters *to, const struct target_counters *c)
{
	atomic_fetch_add(&to->writes, atomic_load(&c->writes));
	atomic_fetch_add(&to->clears, atomic_load(&c->clears));
	atomic_fetch_add(&to->reads, atomic_load(&c->reads));
	atomic_fetch_add(&to->others, atomic_load(&c->others));
	atomic_fetch_add(&to->retries, atomic_load(&c->retries));
	atomic_fetch_add(&to->bytes_written, atomic_load(&c->bytes_written));
	atomic_fetch_add(&to->bytes_cleared, atomic_load(&c->bytes_cleared));
	atomic_fetch_add(&to->bytes_read, atomic_load(&c->bytes_read));
}

void replica_close(struct replica *r)
{
	if (!r)
		return;
	if (is_busy(r))
		replica_barrier(r);
	r->ops->replica_close(r);
	add_counters(&r->target->counters, &r->counters);
	pthread_cond_destroy(&r->idle);
	pthread_mutex_destroy(&r->lock);
	free(r->point);
	free(r->name);
	free(r);
}

const char *replica_name(const struct replica *r)
{
	return r->name;
}

const struct target *replica_target(const struct replica *r)
{
	return r->target;
}

const struct target_counters *replica_counters(const struct replica *r)
{
	return &r->counters;
}

/* May this replica do it: is there such an operation, and is it not a point that would be changed? */
static int check_can(const struct replica *r, bool has, bool changes, const char *what, struct error *err)
{
	if (changes && r->point)
		return error_set(err, ERR_USAGE, "%s@%s: a recovery point cannot %s", r->name, r->point, what);
	if (!has)
		return error_set(err, ERR_UNSUPPORTED, "%s: a target of kind %s cannot %s", r->name, r->ops->scheme,
				 what);
	return 0;
}

static int check_version(const struct replica *r, const char *if_version, const char *what, struct error *err)
{
	if (if_version && *if_version && strlen(if_version) < TARGET_VERSION_LEN)
		return 0;
	return error_set(err, ERR_BUG, "%s: %s without a version to compare with", r->name, what);
}

static int check_size(const struct replica *r, uint64_t size, struct error *err)
{
	if (size == 0 || size % 512 != 0)
		return error_set(err, ERR_BUG, "%s: a replica of %" PRIu64 " bytes", r->name, size);
	if (size > r->target->caps.max_size)
		return error_set(err, ERR_UNSUPPORTED, "%s: %" PRIu64 " bytes: %s holds at most %" PRIu64, r->name,
				 size, r->target->name, r->target->caps.max_size);
	return 0;
}

int replica_look(struct replica *r, struct target_look *out, struct error *err)
{
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };

	if (check_can(r, r->ops->look, false, "be looked at", err) < 0)
		return -1;
	count_other(r);
	if (r->ops->look(r, &look, err) < 0)
		return -1;
	assert(look.exists == (look.version[0] != '\0'));
	atomic_store(&r->size, look.exists ? look.size : 0);
	*out = look;
	look = (struct target_look){ 0 };
	return 0;
}

int replica_create(struct replica *r, uint64_t size, uint64_t number, const struct target_meta *meta, struct error *err)
{
	if (check_can(r, r->ops->create, true, "be created", err) < 0 || check_size(r, size, err) < 0)
		return -1;
	count_other(r);
	if (r->ops->create(r, size, number, meta, err) < 0)
		return -1;
	atomic_store(&r->size, size);
	return 0;
}

int replica_lease(struct replica *r, enum target_lease_action action, const struct guid *id, struct error *err)
{
	return replica_lease_if(r, action, id, NULL, err);
}

int replica_lease_if(struct replica *r, enum target_lease_action action, const struct guid *id, const char *if_version,
		     struct error *err)
{
	if (check_can(r, r->ops->lease, true, "be leased", err) < 0)
		return -1;
	if (action != TARGET_LEASE_BREAK && (!id || guid_is_zero(id)))
		return error_set(err, ERR_BUG, "%s: a lease without an id", r->name);
	count_other(r);
	return r->ops->lease(r, action, id, if_version, err);
}

bool replica_can_raise_with(const struct replica *r)
{
	return r->ops->raise_with;
}

static int raise_number(struct replica *r, uint64_t number, const struct target_meta *meta, const char *if_version,
			uint64_t *number_out, char version_out[TARGET_VERSION_LEN], struct error *err)
{
	char version[TARGET_VERSION_LEN] = "";
	uint64_t live = 0;

	if (check_can(r, meta ? r->ops->raise_with != NULL : r->ops->raise != NULL, true, "raise its number", err) < 0 ||
	    check_version(r, if_version, "raise", err) < 0)
		return -1;
	count_other(r);
	if ((meta ? r->ops->raise_with(r, number, meta, if_version, &live, version, err) :
		    r->ops->raise(r, number, if_version, &live, version, err)) < 0)
		return -1;
	assert(live >= number && *version);
	*number_out = live;
	memcpy(version_out, version, sizeof(version));
	return 0;
}

int replica_raise(struct replica *r, uint64_t number, const char *if_version, uint64_t *number_out,
		  char version_out[TARGET_VERSION_LEN], struct error *err)
{
	return raise_number(r, number, NULL, if_version, number_out, version_out, err);
}

int replica_raise_with(struct replica *r, uint64_t number, const struct target_meta *meta, const char *if_version,
		       uint64_t *number_out, char version_out[TARGET_VERSION_LEN], struct error *err)
{
	return raise_number(r, number, meta, if_version, number_out, version_out, err);
}

int replica_set_meta(struct replica *r, const char *if_version, const struct target_meta *meta,
		     char version_out[TARGET_VERSION_LEN], struct error *err)
{
	char version[TARGET_VERSION_LEN] = "";

	if (check_can(r, r->ops->set_meta, true, "change its metadata", err) < 0 ||
	    check_version(r, if_version, "set metadata", err) < 0)
		return -1;
	count_other(r);
	if (r->ops->set_meta(r, if_version, meta, version, err) < 0)
		return -1;
	assert(*version);
	memcpy(version_out, version, sizeof(version));
	return 0;
}

int replica_resize(struct replica *r, uint64_t size, const char *if_version, char version_out[TARGET_VERSION_LEN],
		   struct error *err)
{
	char version[TARGET_VERSION_LEN] = "";

	if (check_can(r, r->ops->resize, true, "change its size", err) < 0 ||
	    check_version(r, if_version, "resize", err) < 0 || check_size(r, size, err) < 0)
		return -1;
	count_other(r);
	if (r->ops->resize(r, size, if_version, version, err) < 0)
		return -1;
	assert(*version);
	atomic_store(&r->size, size);
	memcpy(version_out, version, sizeof(version));
	return 0;
}

void target_complete(struct replica *r, struct target_op *op)
{
	assert(op->in_flight); /* a second completion would free a slot twice */
	if (op->err.code == ERR_NONE && op->data) {
		count(r, bytes_written, op->len);
		if (!r->ops->counts_requests)
			count(r, writes, 1);
	} else if (op->err.code == ERR_NONE) {
		count(r, bytes_cleared, op->len);
		if (!r->ops->counts_requests)
			count(r, clears, 1);
	}
	op->in_flight = false;
	op->done(op); /* op may be gone now */

	LOCK_SCOPE(&r->lock);
	assert(r->in_flight > 0);
	if (--r->in_flight == 0)
		pthread_cond_broadcast(&r->idle);
}

static int check_op(const struct replica *r, const struct target_op *op, struct error *err)
{
	uint64_t size = atomic_load(&r->size);

	if (check_can(r, r->ops->submit, true, "be written to", err) < 0)
		return -1;
	if (op->len == 0 || (op->off | op->len) % 512 != 0 || !range_ok(op->off, op->len, size))
		return error_set(err, ERR_BUG,
				 "%s: write of %#" PRIx64 " bytes at %#" PRIx64 " to a replica of %#" PRIx64, r->name,
				 op->len, op->off, size);
	if (op->data && op->len > TARGET_WRITE_MAX)
		return error_set(err, ERR_BUG, "%s: write of %" PRIu64 " bytes at once, more than %" PRIu64, r->name,
				 op->len, TARGET_WRITE_MAX);
	return 0;
}

void replica_submit(struct replica *r, struct target_op *op)
{
	assert(op->done && !op->in_flight && op->err.code == ERR_NONE);
	op->in_flight = true;
	op->next = NULL;
	pthread_mutex_lock(&r->lock);
	r->in_flight++;
	pthread_mutex_unlock(&r->lock);
	if (check_op(r, op, &op->err) < 0)
		target_complete(r, op);
	else
		r->ops->submit(r, op);
}

/* The size that ranges are checked against; asked for once if nobody has looked yet. */
static int known_size(struct replica *r, uint64_t *out, struct error *err)
{
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };

	*out = atomic_load(&r->size);
	if (*out > 0)
		return 0;
	if (replica_look(r, &look, err) < 0)
		return -1;
	if (!look.exists)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_MISSING, "%s: not there", r->name);
	*out = look.size;
	return 0;
}

static int check_range(struct replica *r, uint64_t len, uint64_t off, const char *what, struct error *err)
{
	uint64_t size;

	if (known_size(r, &size, err) < 0)
		return -1;
	if (!range_ok(off, len, size))
		return error_set(err, ERR_USAGE,
				 "%s: %s of %" PRIu64 " bytes at %#" PRIx64 ": beyond its end (%#" PRIx64 ")", r->name,
				 what, len, off, size);
	return 0;
}

int replica_read(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version, struct error *err)
{
	if (check_can(r, r->ops->read, false, "be read", err) < 0 || check_range(r, len, off, "read", err) < 0)
		return -1;
	if (len == 0)
		return 0;
	if (!r->ops->counts_requests)
		count(r, reads, 1);
	if (r->ops->read(r, buf, len, off, if_version, err) < 0)
		return -1;
	count(r, bytes_read, len);
	return 0;
}

int replica_extents(struct replica *r, uint64_t len, uint64_t off, const char *if_version, struct extent_list *out,
		    struct error *err)
{
	if (check_can(r, r->ops->extents, false, "list its extents", err) < 0 ||
	    check_range(r, len, off, "extents", err) < 0)
		return -1;
	extent_list_clear(out);
	if (len == 0)
		return 0;
	count_other(r);
	if (r->ops->extents(r, len, off, if_version, out, err) < 0)
		return -1;
	assert(out->n > 0 && out->v[0].off == off);
	assert(out->v[out->n - 1].off + out->v[out->n - 1].len == off + len);
	return 0;
}

int replica_snapshot(struct replica *r, const char *if_version, const char *name, const struct target_meta *meta,
		     char id_out[TARGET_POINT_LEN], struct error *err)
{
	char id[TARGET_POINT_LEN] = "";

	if (check_can(r, r->ops->snapshot, true, "make a recovery point", err) < 0 ||
	    check_version(r, if_version, "snapshot", err) < 0)
		return -1;
	if (!r->target->caps.points)
		return error_set(err, ERR_UNSUPPORTED, "%s: no recovery points: %s", r->name,
				 r->target->caps.why_no_points);
	count_other(r);
	if (r->ops->snapshot(r, if_version, name, meta, id, err) < 0)
		return -1;
	assert(*id);
	memcpy(id_out, id, sizeof(id));
	return 0;
}

int replica_publish(struct replica *r, const char *if_version, struct error *err)
{
	if (check_can(r, true, true, "be published", err) < 0 || check_version(r, if_version, "publish", err) < 0)
		return -1;
	return r->ops->publish ? r->ops->publish(r, if_version, err) : 0;
}

int replica_delete_point(struct replica *r, const char *point_id, struct error *err)
{
	if (check_can(r, r->ops->delete_point, true, "delete a recovery point", err) < 0)
		return -1;
	if (!*point_id || strlen(point_id) >= TARGET_POINT_LEN)
		return error_set(err, ERR_BUG, "%s: a recovery point's id of %zu characters", r->name, strlen(point_id));
	count_other(r);
	return r->ops->delete_point(r, point_id, err);
}

int replica_points(struct replica *r, struct target_points *out, struct error *err)
{
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };

	if (check_can(r, r->ops->points, true, "list recovery points", err) < 0)
		return -1;
	count_other(r);
	if (r->ops->points(r, &points, err) < 0)
		return -1;
	*out = points;
	points = (struct target_points){ 0 };
	return 0;
}

struct replica *replica_at_point(struct replica *r, const char *point_id, struct error *err)
{
	CLEANUP(cleanup_replica) struct replica *point = NULL;

	if (check_can(r, r->ops->at_point, true, "have recovery points", err) < 0)
		return NULL;
	if (!*point_id || strlen(point_id) >= TARGET_POINT_LEN) {
		error_set(err, ERR_USAGE, "%s: recovery point '%s': not 1 to %d characters", r->name, point_id,
			  TARGET_POINT_LEN - 1);
		return NULL;
	}
	point = replica_new(r->target, r->name, point_id, err);
	if (!point || r->ops->at_point(r, point_id, point, err) < 0)
		return NULL;
	return steal_ptr(&point);
}
