/* SPDX-License-Identifier: Apache-2.0 */
/*
 * null: takes everything and keeps nothing but number, version and metadata, in memory: for measuring how fast the rest
 * is. A replica reads as zeros, exists for as long as its target is open, and is nobody else's.  Operations complete on
 * a thread of the replica's, as the seam promises.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "target/op_queue.h"

struct null_disk { /* what outlives a handle */
	struct null_disk *next;
	char *name;
	bool exists, leased;
	struct guid lease;
	uint64_t size, number, changes;
	struct target_meta meta;
};

struct null_target {
	pthread_mutex_t lock; /* of all disks */
	struct null_disk *disks;
};

struct null_replica {
	struct null_disk *disk;
	struct op_queue queue;
};

static struct null_target *target_of(struct replica *r)
{
	return r->target->priv;
}

static struct null_disk *disk_of(struct replica *r)
{
	struct null_replica *n = r->priv;

	return n->disk;
}

static bool null_match(const char *url)
{
	return strncmp(url, "null:", 5) == 0;
}

static int null_open(struct target *t, const char *url, struct error *err)
{
	struct null_target *nt;

	if (url[5] != '\0')
		return error_set(err, ERR_USAGE, "'%s': null: takes nothing after it", url);
	nt = calloc(1, sizeof(*nt));
	t->name = strdup("null:");
	if (!nt || !t->name) {
		free(nt);
		return error_errno(err, ENOMEM, "null:");
	}
	pthread_mutex_init(&nt->lock, NULL);
	t->priv = nt;
	t->caps = (struct target_caps){
		.max_size = INT64_MAX & ~UINT64_C(511),
		.why_no_points = "null: keeps nothing",
	};
	return 0;
}

static void null_close(struct target *t)
{
	struct null_target *nt = t->priv;

	if (!nt)
		return;
	while (nt->disks) {
		struct null_disk *d = nt->disks;

		nt->disks = d->next;
		target_meta_fini(&d->meta);
		free(d->name);
		free(d);
	}
	pthread_mutex_destroy(&nt->lock);
	free(nt);
}

static int null_prepare(struct target *t, bool dry_run, char **note, struct error *err)
{
	(void)t;
	(void)dry_run;
	(void)note;
	(void)err;
	return 0;
}

static int null_list(struct target *t,
		     int (*each)(void *ctx, const char *name, const struct target_look *look, struct error *err),
		     void *ctx, struct error *err)
{
	(void)t;
	(void)each;
	(void)ctx;
	(void)err;
	return 0;
}

static struct null_disk *find_disk(struct null_target *nt, const char *name, struct error *err)
{
	LOCK_SCOPE(&nt->lock);
	struct null_disk *d = nt->disks;

	while (d && strcmp(d->name, name) != 0)
		d = d->next;
	if (d)
		return d;
	d = calloc(1, sizeof(*d));
	if (d)
		d->name = strdup(name);
	if (!d || !d->name) {
		free(d);
		error_errno(err, ENOMEM, "%s", name);
		return NULL;
	}
	d->next = nt->disks;
	nt->disks = d;
	return d;
}

static void run_batch(struct replica *r, struct target_op *batch)
{
	while (batch) {
		struct target_op *next = batch->next;

		target_complete(r, batch);
		batch = next;
	}
}

static int null_replica_open(struct replica *r, struct error *err)
{
	struct null_disk *disk = find_disk(target_of(r), r->name, err);
	struct null_replica *n;

	if (!disk)
		return -1;
	n = calloc(1, sizeof(*n));
	if (!n)
		return error_errno(err, ENOMEM, "%s", r->name);
	n->disk = disk;
	op_queue_init(&n->queue, r, run_batch);
	r->priv = n;
	return 0;
}

static void null_replica_close(struct replica *r)
{
	struct null_replica *n = r->priv;

	if (!n)
		return;
	op_queue_fini(&n->queue);
	free(n);
}

static void format_version(const struct null_disk *d, char *out)
{
	snprintf(out, TARGET_VERSION_LEN, "%" PRIu64, d->changes);
}

static int null_look(struct replica *r, struct target_look *out, struct error *err)
{
	LOCK_SCOPE(&target_of(r)->lock);
	const struct null_disk *d = disk_of(r);

	if (!d->exists)
		return 0;
	out->exists = true;
	out->size = d->size;
	out->number = d->number;
	out->leased = d->leased;
	format_version(d, out->version);
	return target_meta_copy(&out->meta, &d->meta, err);
}

static int null_create(struct replica *r, uint64_t size, uint64_t number, const struct target_meta *meta,
		       struct error *err)
{
	LOCK_SCOPE(&target_of(r)->lock);
	struct null_disk *d = disk_of(r);

	if (d->exists)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_EXISTS, "%s: exists already", r->name);
	if (target_meta_copy(&d->meta, meta, err) < 0)
		return -1;
	d->exists = true;
	d->size = size;
	d->number = number;
	d->changes++;
	return 0;
}

static int null_lease(struct replica *r, enum target_lease_action action, const struct guid *id, const char *if_version,
		      struct error *err)
{
	(void)if_version;
	LOCK_SCOPE(&target_of(r)->lock);
	struct null_disk *d = disk_of(r);

	if (!d->exists)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_MISSING, "%s: not there", r->name);
	if (action == TARGET_LEASE_BREAK) {
		d->leased = false;
		return 0;
	}
	if ((d->leased || action == TARGET_LEASE_RENEW) && !guid_equal(&d->lease, id))
		return target_refuse(err, ERR_BUSY, TARGET_REFUSED_LEASE, "%s: leased under another id", r->name);
	d->leased = action != TARGET_LEASE_RELEASE;
	d->lease = *id;
	return 0;
}

static int check_version(const struct replica *r, const struct null_disk *d, const char *if_version, struct error *err)
{
	char live[TARGET_VERSION_LEN];

	if (!d->exists)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_MISSING, "%s: not there", r->name);
	format_version(d, live);
	if (if_version && strcmp(live, if_version) != 0)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_VERSION, "%s: version is %s, expected %s",
				     r->name, live, if_version);
	return 0;
}

static int null_raise(struct replica *r, uint64_t number, const char *if_version, uint64_t *number_out,
		      char *version_out, struct error *err)
{
	LOCK_SCOPE(&target_of(r)->lock);
	struct null_disk *d = disk_of(r);

	if (check_version(r, d, if_version, err) < 0)
		return -1;
	if (number > d->number)
		d->number = number;
	d->changes++;
	*number_out = d->number;
	format_version(d, version_out);
	return 0;
}

static int null_set_meta(struct replica *r, const char *if_version, const struct target_meta *meta, char *version_out,
			 struct error *err)
{
	LOCK_SCOPE(&target_of(r)->lock);
	struct null_disk *d = disk_of(r);
	struct target_meta copy;

	if (check_version(r, d, if_version, err) < 0 || target_meta_copy(&copy, meta, err) < 0)
		return -1;
	target_meta_fini(&d->meta);
	d->meta = copy;
	d->changes++;
	format_version(d, version_out);
	return 0;
}

static int null_resize(struct replica *r, uint64_t size, const char *if_version, char *version_out, struct error *err)
{
	LOCK_SCOPE(&target_of(r)->lock);
	struct null_disk *d = disk_of(r);

	if (check_version(r, d, if_version, err) < 0)
		return -1;
	d->size = size;
	d->changes++;
	format_version(d, version_out);
	return 0;
}

/* Data is not a change of the version: nothing is kept, and one more lock a write would be what is measured. */
static void null_submit(struct replica *r, struct target_op *op)
{
	struct null_replica *n = r->priv;

	op_queue_push(&n->queue, op);
}

static int null_read(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version, struct error *err)
{
	LOCK_SCOPE(&target_of(r)->lock);

	(void)off;
	if (check_version(r, disk_of(r), if_version, err) < 0)
		return -1;
	memset(buf, 0, len);
	return 0;
}

static int null_extents(struct replica *r, uint64_t len, uint64_t off, const char *if_version, struct extent_list *out,
			struct error *err)
{
	LOCK_SCOPE(&target_of(r)->lock);

	if (check_version(r, disk_of(r), if_version, err) < 0)
		return -1;
	return extent_list_add_run(out, off, len, EXTENT_ZERO, 0, err);
}

static int null_points(struct replica *r, struct target_points *out, struct error *err)
{
	(void)r;
	(void)out;
	(void)err;
	return 0;
}

const struct target_ops target_null_ops = {
	.scheme = "null",
	.match = null_match,
	.open = null_open,
	.close = null_close,
	.prepare = null_prepare,
	.list = null_list,
	.replica_open = null_replica_open,
	.replica_close = null_replica_close,
	.look = null_look,
	.create = null_create,
	.lease = null_lease,
	.raise = null_raise,
	.set_meta = null_set_meta,
	.resize = null_resize,
	.submit = null_submit,
	.read = null_read,
	.extents = null_extents,
	.points = null_points,
};
