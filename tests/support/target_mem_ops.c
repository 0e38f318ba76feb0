/* SPDX-License-Identifier: Apache-2.0 */
/* The seam's table before the service of target_mem.c.  A handle remembers its lease and its epoch, as a client does.
 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/parse.h"
#include "target/op_queue.h"
#include "target_mem_private.h"

struct mem_replica {
	struct mem_service *service;
	char *blob; /* in the service */
	pthread_mutex_t lock; /* of lease and epoch */
	struct guid lease;    /* sent with every change; zero: none */
	uint64_t epoch;       /* what writes are conditional on; 0: nothing */
	struct op_queue queue;
};

static struct mem_replica *of(struct replica *r)
{
	return r->priv;
}

static bool mem_match(const char *url)
{
	return strncmp(url, "mem:", 4) == 0;
}

static int mem_open(struct target *t, const char *url, struct error *err)
{
	struct mem_service *s = mem_service_find(url + 4);

	if (!s)
		return error_set(err, ERR_USAGE, "%s: no such service", url);
	t->name = mem_must(strdup(url));
	t->priv = s;
	LOCK_SCOPE(&s->lock);
	t->caps = (struct target_caps){
		.points = s->points,
		.remote = s->remote,
		.late = true,
		.max_size = s->max_size,
		.why_no_points = s->points ? NULL : "switched off",
	};
	return 0;
}

static void mem_close(struct target *t)
{
	(void)t;
}

struct target *mem_target_open(struct mem_service *s, const struct target_config *config, struct error *err)
{
	char url[80];

	snprintf(url, sizeof(url), "mem:%s", s->name);
	return target_open_ops(&target_mem_ops, url, config, err);
}

static int mem_prepare(struct target *t, bool dry_run, char **note, struct error *err)
{
	(void)t;
	(void)dry_run;
	(void)note;
	(void)err;
	return 0;
}

static void note_request(struct replica *r, enum mem_kind kind, uint64_t off, uint64_t len, const struct error *err)
{
	struct mem_record record = { .kind = kind, .off = off, .len = len, .code = err->code, .detail = err->detail };

	snprintf(record.name, sizeof(record.name), "%s", of(r)->blob);
	mem_record_locked(of(r)->service, &record);
}

static void run_batch(struct replica *r, struct target_op *batch)
{
	while (batch) {
		struct target_op *op = batch;
		struct mem_request *q = mem_capture_op(r, op);

		batch = op->next;
		mem_apply(q, &op->err);
		target_complete(r, op);
	}
}

static int mem_replica_open(struct replica *r, struct error *err)
{
	struct mem_service *s = r->target->priv;
	struct mem_replica *m;

	if (r->map_copy && !s->map_copies)
		return error_set(err, ERR_UNSUPPORTED, "%s: copies of maps are switched off", r->name);
	m = mem_must(calloc(1, sizeof(*m)));
	m->service = s;
	m->blob = mem_must(r->map_copy ? target_map_copy_path(r->name, err) : strdup(r->name));
	pthread_mutex_init(&m->lock, NULL);
	op_queue_init(&m->queue, r, run_batch);
	r->priv = m;
	return 0;
}

static void mem_replica_close(struct replica *r)
{
	if (!r->priv)
		return;
	op_queue_fini(&of(r)->queue);
	pthread_mutex_destroy(&of(r)->lock);
	free(of(r)->blob);
	free(r->priv);
}

static struct mem_request *new_request(struct replica *r, enum mem_kind kind)
{
	struct mem_request *q = mem_must(calloc(1, sizeof(*q)));

	q->service = of(r)->service;
	q->kind = kind;
	q->name = mem_must(strdup(of(r)->blob));
	q->if_version = "";
	LOCK_SCOPE(&of(r)->lock);
	if (kind != MEM_CREATE)
		q->lease = of(r)->lease;
	return q;
}

static void set_condition(struct mem_request *q, const char *if_version)
{
	q->if_version = "set";
	if (parse_u64(if_version, UINT64_MAX, &q->version, NULL) < 0)
		q->version = 0; /* nobody's version: refused */
}

static void set_request_meta(struct mem_request *q, const struct target_meta *meta)
{
	if (target_meta_copy(&q->meta, meta, NULL) < 0)
		abort();
}

struct mem_request *mem_capture_op(struct replica *r, const struct target_op *op)
{
	struct mem_request *q = new_request(r, op->data ? MEM_WRITE : MEM_CLEAR);

	q->off = op->off;
	q->len = op->len;
	if (op->data)
		q->data = memcpy(mem_must(malloc(op->len)), op->data, op->len);
	LOCK_SCOPE(&of(r)->lock);
	q->number_eq = of(r)->epoch;
	return q;
}

struct mem_request *mem_capture_create(struct replica *r, uint64_t size, uint64_t number,
				       const struct target_meta *meta)
{
	struct mem_request *q = new_request(r, MEM_CREATE);

	q->len = size;
	q->number = number;
	set_request_meta(q, meta);
	return q;
}

struct mem_request *mem_capture_raise(struct replica *r, uint64_t number, const char *if_version)
{
	struct mem_request *q = new_request(r, MEM_RAISE);

	q->number = number;
	set_condition(q, if_version);
	return q;
}

struct mem_request *mem_capture_snapshot(struct replica *r, const char *if_version, const struct target_meta *meta)
{
	struct mem_request *q = new_request(r, MEM_SNAPSHOT);

	set_condition(q, if_version);
	set_request_meta(q, meta);
	return q;
}

void mem_request_free(struct mem_request *q)
{
	free(q->name);
	free(q->data);
	target_meta_fini(&q->meta);
	free(q);
}

int mem_apply(struct mem_request *q, struct error *err)
{
	int rc = mem_execute(q, err);

	mem_request_free(q);
	return rc;
}

/* For a request whose answer matters: its version, if version_out; then as mem_apply(). */
static int apply_version(struct mem_request *q, char *version_out, struct error *err)
{
	int rc = mem_execute(q, err);

	if (rc == 0)
		snprintf(version_out, TARGET_VERSION_LEN, "%" PRIu64, q->version_out);
	mem_request_free(q);
	return rc;
}

static int mem_create(struct replica *r, uint64_t size, uint64_t number, const struct target_meta *meta,
		      struct error *err)
{
	return mem_apply(mem_capture_create(r, size, number, meta), err);
}

static int mem_raise(struct replica *r, uint64_t number, const char *if_version, uint64_t *number_out,
		     char *version_out, struct error *err)
{
	struct mem_request *q = mem_capture_raise(r, number, if_version);
	int rc = mem_execute(q, err);

	if (rc == 0) {
		*number_out = q->number_out;
		snprintf(version_out, TARGET_VERSION_LEN, "%" PRIu64, q->version_out);
		LOCK_SCOPE(&of(r)->lock);
		of(r)->epoch = q->number_out;
	}
	mem_request_free(q);
	return rc;
}

static int mem_set_meta(struct replica *r, const char *if_version, const struct target_meta *meta, char *version_out,
			struct error *err)
{
	struct mem_request *q = new_request(r, MEM_META);

	set_condition(q, if_version);
	set_request_meta(q, meta);
	return apply_version(q, version_out, err);
}

static int mem_resize(struct replica *r, uint64_t size, const char *if_version, char *version_out, struct error *err)
{
	struct mem_request *q = new_request(r, MEM_RESIZE);

	q->len = size;
	set_condition(q, if_version);
	return apply_version(q, version_out, err);
}

static int mem_snapshot(struct replica *r, const char *if_version, const char *name, const struct target_meta *meta,
			char *id_out, struct error *err)
{
	struct mem_request *q = mem_capture_snapshot(r, if_version, meta);
	int rc = mem_execute(q, err);

	(void)name; /* a service names its snapshots itself */
	if (rc == 0)
		memcpy(id_out, q->id_out, sizeof(q->id_out));
	mem_request_free(q);
	return rc;
}

/* Writes are seen at once: only the condition and the record. */
static int mem_publish(struct replica *r, const char *if_version, struct error *err)
{
	struct mem_request *q = new_request(r, MEM_PUBLISH);

	set_condition(q, if_version);
	return mem_apply(q, err);
}

struct mem_request *mem_capture_lease(struct replica *r, enum target_lease_action action, const struct guid *id,
				      const char *if_version)
{
	struct mem_request *q = new_request(r, MEM_LEASE);

	q->action = action;
	q->lease = id ? *id : (struct guid){ 0 };
	if (if_version)
		set_condition(q, if_version);
	return q;
}

static int mem_lease(struct replica *r, enum target_lease_action action, const struct guid *id, const char *if_version,
		     struct error *err)
{
	int rc = mem_apply(mem_capture_lease(r, action, id, if_version), err);

	LOCK_SCOPE(&of(r)->lock);
	if (rc == 0 && (action == TARGET_LEASE_ACQUIRE || action == TARGET_LEASE_RENEW))
		of(r)->lease = *id;
	else if (action == TARGET_LEASE_RELEASE)
		of(r)->lease = (struct guid){ 0 };
	return rc;
}

static void mem_submit(struct replica *r, struct target_op *op)
{
	op_queue_push(&of(r)->queue, op);
}

/* The live content or the point's; NULL: not there. */
static struct mem_content *content_locked(struct replica *r, struct mem_blob *b)
{
	if (!r->point)
		return b->exists ? &b->live : NULL;
	for (size_t i = 0; i < b->n_points; i++)
		if (strcmp(b->points[i].id, r->point) == 0)
			return &b->points[i].content;
	return NULL;
}

static void format_version(const struct replica *r, const struct mem_blob *b, char *out)
{
	if (r->point)
		snprintf(out, TARGET_VERSION_LEN, "%s", r->point);
	else
		snprintf(out, TARGET_VERSION_LEN, "%" PRIu64, b->version);
}

static int mem_look(struct replica *r, struct target_look *out, struct error *err)
{
	LOCK_SCOPE(&of(r)->service->lock);
	struct mem_blob *b = mem_blob_locked(of(r)->service, of(r)->blob);
	const struct mem_content *c;

	mem_arrive_locked(of(r)->service);
	c = content_locked(r, b);
	note_request(r, MEM_LOOK, 0, 0, &(struct error){ 0 });
	if (!c)
		return 0;
	out->exists = true;
	out->size = c->size;
	out->number = c->number;
	out->leased = !r->point && mem_leased_locked(of(r)->service, b);
	format_version(r, b, out->version);
	return target_meta_copy(&out->meta, &c->meta, err);
}

/* What read and extents share: the content if the version is the one that was asked for. */
static struct mem_content *readable_locked(struct replica *r, uint64_t len, uint64_t off, const char *if_version,
					   enum mem_kind kind, struct error *err)
{
	struct mem_blob *b = mem_blob_locked(of(r)->service, of(r)->blob);
	struct mem_content *c;
	char version[TARGET_VERSION_LEN];
	struct error why = ERROR_INIT;

	mem_arrive_locked(of(r)->service);
	c = content_locked(r, b);
	format_version(r, b, version);
	if (!c)
		target_refuse(&why, ERR_CONFLICT, TARGET_REFUSED_MISSING, "%s: not there", r->name);
	else if (if_version && strcmp(if_version, version) != 0)
		target_refuse(&why, ERR_CONFLICT, TARGET_REFUSED_VERSION, "%s: version is %s, expected %s", r->name,
			      version, if_version);
	else if (off > c->size || len > c->size - off)
		error_set(&why, ERR_CORRUPT, "%s: %" PRIu64 " bytes at %#" PRIx64 ": beyond its end", r->name, len,
			  off);
	note_request(r, kind, off, len, &why);
	if (why.code == ERR_NONE)
		return c;
	if (err)
		*err = why;
	return NULL;
}

static int mem_read(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version, struct error *err)
{
	LOCK_SCOPE(&of(r)->service->lock);
	const struct mem_content *c = readable_locked(r, len, off, if_version, MEM_READ, err);

	if (!c)
		return -1;
	memcpy(buf, c->data + off, len);
	return 0;
}

/* Whole 512-byte pages, as a service lists them; a run's ends are cut to the range. */
static int mem_extents(struct replica *r, uint64_t len, uint64_t off, const char *if_version, struct extent_list *out,
		       struct error *err)
{
	LOCK_SCOPE(&of(r)->service->lock);
	const struct mem_content *c = readable_locked(r, len, off, if_version, MEM_EXTENTS, err);

	if (!c)
		return -1;
	for (uint64_t at = off, n; at < off + len; at += n) {
		n = 512 - at % 512;
		if (n > off + len - at)
			n = off + len - at;
		if (extent_list_add_run(out, at, n, c->valid[at / 512] ? EXTENT_DATA : EXTENT_ZERO, 0, err) < 0)
			return -1;
	}
	return 0;
}

static int mem_points(struct replica *r, struct target_points *out, struct error *err)
{
	LOCK_SCOPE(&of(r)->service->lock);
	const struct mem_blob *b = mem_blob_locked(of(r)->service, of(r)->blob);

	mem_arrive_locked(of(r)->service);
	note_request(r, MEM_POINTS, 0, 0, &(struct error){ 0 });
	out->v = mem_must(calloc(b->n_points + 1, sizeof(*out->v)));
	for (size_t i = 0; i < b->n_points; i++, out->n++) {
		memcpy(out->v[i].id, b->points[i].id, sizeof(out->v[i].id));
		out->v[i].size = b->points[i].content.size;
		if (target_meta_copy(&out->v[i].meta, &b->points[i].content.meta, err) < 0)
			return -1;
	}
	return 0;
}

/* Neither lease nor version of the live replica matter, nor are changed. */
static int mem_delete_point(struct replica *r, const char *point_id, struct error *err)
{
	LOCK_SCOPE(&of(r)->service->lock);

	mem_arrive_locked(of(r)->service);
	(void)err;
	note_request(r, MEM_DELETE_POINT, 0, 0, &(struct error){ 0 });
	mem_point_remove_locked(mem_blob_locked(of(r)->service, r->name), point_id);
	return 0;
}

static int mem_at_point(struct replica *r, const char *point_id, struct replica *point, struct error *err)
{
	bool there;

	if (mem_replica_open(point, err) < 0)
		return -1;
	pthread_mutex_lock(&of(r)->service->lock);
	there = content_locked(point, mem_blob_locked(of(r)->service, of(r)->blob)) != NULL;
	pthread_mutex_unlock(&of(r)->service->lock);
	if (!there)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_MISSING, "%s@%s: no such recovery point",
				     r->name, point_id);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static int mem_list(struct target *t,
		    int (*each)(void *ctx, const char *name, const struct target_look *look, struct error *err),
		    void *ctx, struct error *err)
{
	struct mem_service *s = t->priv;
	char **names = NULL;
	size_t n = 0;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	for (struct mem_blob *b = s->blobs; b; b = b->next)
		if (b->exists && strncmp(b->name, ".liftfs/", 8) != 0) {
			names = mem_must(reallocarray(names, n + 1, sizeof(*names)));
			names[n++] = mem_must(strdup(b->name));
		}
	pthread_mutex_unlock(&s->lock);
	if (n > 0)
		qsort(names, n, sizeof(*names), compare_names);
	for (size_t i = 0; i < n && rc == 0; i++) {
		CLEANUP(cleanup_replica) struct replica *r = target_replica(t, names[i], err);
		CLEANUP(cleanup_target_look) struct target_look look = { 0 };

		rc = r ? replica_look(r, &look, err) : -1;
		if (rc == 0 && look.exists && target_meta_get(&look.meta, "liftfsid"))
			rc = each(ctx, names[i], &look, err);
	}
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return rc;
}

const struct target_ops target_mem_ops = {
	.scheme = "mem",
	.map_copies = true,
	.match = mem_match,
	.open = mem_open,
	.close = mem_close,
	.prepare = mem_prepare,
	.list = mem_list,
	.replica_open = mem_replica_open,
	.replica_close = mem_replica_close,
	.look = mem_look,
	.create = mem_create,
	.lease = mem_lease,
	.raise = mem_raise,
	.set_meta = mem_set_meta,
	.resize = mem_resize,
	.submit = mem_submit,
	.read = mem_read,
	.extents = mem_extents,
	.snapshot = mem_snapshot,
	.publish = mem_publish,
	.points = mem_points,
	.delete_point = mem_delete_point,
	.at_point = mem_at_point,
};
