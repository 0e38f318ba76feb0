/* SPDX-License-Identifier: Apache-2.0 */
/* The service: blobs, conditions.  target_mem_lease.c has leases and what is late, target_mem_ops.c puts the seam's table before it. */
#include <config.h>

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "target_mem_private.h"

static pthread_mutex_t services_lock = PTHREAD_MUTEX_INITIALIZER;
static struct mem_service *services;

void *mem_must(void *p)
{
	if (!p)
		abort();
	return p;
}

struct mem_service *mem_service_new(const char *name)
{
	struct mem_service *s = mem_must(calloc(1, sizeof(*s)));

	s->name = mem_must(strdup(name));
	s->points = s->remote = true;
	s->max_size = UINT64_C(4) << 40;
	s->now_s = 1000;
	pthread_mutex_init(&s->lock, NULL);
	LOCK_SCOPE(&services_lock);
	s->next = services;
	services = s;
	return s;
}

struct mem_service *mem_service_find(const char *name)
{
	LOCK_SCOPE(&services_lock);
	for (struct mem_service *s = services; s; s = s->next)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

static void version_fini(struct mem_content *c)
{
	free(c->data);
	free(c->valid);
	target_meta_fini(&c->meta);
	*c = (struct mem_content){ 0 };
}

static void blob_clear(struct mem_blob *b)
{
	version_fini(&b->live);
	for (size_t i = 0; i < b->n_points; i++)
		version_fini(&b->points[i].content);
	free(b->points);
	b->points = NULL;
	b->n_points = 0;
	b->exists = false;
	b->lease = (struct guid){ 0 };
}

void mem_service_free(struct mem_service *s)
{
	struct mem_service **p;

	if (!s)
		return;
	pthread_mutex_lock(&services_lock);
	for (p = &services; *p != s; p = &(*p)->next)
		;
	*p = s->next;
	pthread_mutex_unlock(&services_lock);
	while (s->blobs) {
		struct mem_blob *b = s->blobs;

		s->blobs = b->next;
		blob_clear(b);
		free(b->name);
		free(b);
	}
	mem_late_fini(s);
	free(s->records);
	free(s->name);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void mem_service_set_caps(struct mem_service *s, bool points, bool remote, uint64_t max_size)
{
	LOCK_SCOPE(&s->lock);
	s->points = points;
	s->remote = remote;
	s->max_size = max_size;
}

void mem_service_set_map_copies(struct mem_service *s, bool on)
{
	LOCK_SCOPE(&s->lock);
	s->map_copies = on;
}

void mem_service_advance(struct mem_service *s, unsigned seconds)
{
	LOCK_SCOPE(&s->lock);
	s->now_s += seconds;
}

struct mem_blob *mem_blob_locked(struct mem_service *s, const char *name)
{
	struct mem_blob *b = s->blobs;

	while (b && strcmp(b->name, name) != 0)
		b = b->next;
	if (b)
		return b;
	b = mem_must(calloc(1, sizeof(*b)));
	b->name = mem_must(strdup(name));
	b->next = s->blobs;
	s->blobs = b;
	return b;
}

bool mem_leased_locked(const struct mem_service *s, const struct mem_blob *b)
{
	return !guid_is_zero(&b->lease) && s->now_s < b->lease_until_s;
}

static void changed(struct mem_service *s, struct mem_blob *b)
{
	b->version = ++s->changes;
	if (!mem_leased_locked(s, b))
		b->lease = (struct guid){ 0 }; /* modified after its end: can no more be renewed */
}

/* Zero-filled where it grew. */
static void set_size(struct mem_content *c, uint64_t size)
{
	uint8_t *data = mem_must(calloc(1, size)), *valid = mem_must(calloc(1, size / 512));
	uint64_t keep = c->size < size ? c->size : size;

	if (keep) {
		memcpy(data, c->data, keep);
		memcpy(valid, c->valid, keep / 512);
	}
	free(c->data);
	free(c->valid);
	c->data = data;
	c->valid = valid;
	c->size = size;
}

static void put(struct mem_content *c, const void *data, uint64_t len, uint64_t off)
{
	assert(off <= c->size && len <= c->size - off && (off | len) % 512 == 0);
	if (data)
		memcpy(c->data + off, data, len);
	else
		memset(c->data + off, 0, len);
	memset(c->valid + off / 512, data != NULL, len / 512);
}

static void content_copy(struct mem_content *to, const struct mem_content *from, const struct target_meta *meta)
{
	set_size(to, from->size);
	memcpy(to->data, from->data, from->size);
	memcpy(to->valid, from->valid, from->size / 512);
	to->number = from->number;
	if (target_meta_copy(&to->meta, meta, NULL) < 0)
		abort();
}

/* Ids ascend with time, as a service's do. */
static void add_point(struct mem_service *s, struct mem_blob *b, const struct target_meta *meta, char *id_out)
{
	struct mem_point *p;
	unsigned n = ++s->snapshots;

	b->points = mem_must(reallocarray(b->points, b->n_points + 1, sizeof(*p)));
	p = &b->points[b->n_points++];
	*p = (struct mem_point){ 0 };
	snprintf(p->id, sizeof(p->id), "2026-11-21T%02u:%02u:%02u.0000001Z", n / 3600 % 24, n / 60 % 60, n % 60);
	content_copy(&p->content, &b->live, meta);
	memcpy(id_out, p->id, sizeof(p->id));
}

void mem_point_remove_locked(struct mem_blob *b, const char *id)
{
	for (size_t i = 0; i < b->n_points; i++) {
		if (strcmp(b->points[i].id, id) != 0)
			continue;
		version_fini(&b->points[i].content);
		memmove(&b->points[i], &b->points[i + 1], (b->n_points - i - 1) * sizeof(*b->points));
		b->n_points--;
		return;
	}
}

static int check_conditions(struct mem_service *s, struct mem_blob *b, const struct mem_request *q, struct error *err)
{
	bool leased = mem_leased_locked(s, b);

	if (!b->exists)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_MISSING, "%s: not there", b->name);
	if ((leased || !guid_is_zero(&q->lease)) && (!leased || !guid_equal(&b->lease, &q->lease)))
		return target_refuse(err, ERR_BUSY, TARGET_REFUSED_LEASE, "%s: %s", b->name,
				     leased ? "leased by somebody else" : "the lease has ended");
	if (*q->if_version && q->version != b->version)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_VERSION,
				     "%s: version is %" PRIu64 ", expected %" PRIu64, b->name, b->version, q->version);
	if (q->number_eq && q->number_eq != b->live.number)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_NUMBER,
				     "%s: number is %" PRIu64 ", expected %" PRIu64, b->name, b->live.number,
				     q->number_eq);
	return 0;
}

static int create(struct mem_service *s, struct mem_blob *b, const struct mem_request *q, struct error *err)
{
	if (b->exists)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_EXISTS, "%s: exists already", b->name);
	b->exists = true;
	set_size(&b->live, q->len);
	b->live.number = q->number;
	if (target_meta_copy(&b->live.meta, &q->meta, NULL) < 0)
		abort();
	changed(s, b);
	return 0;
}

static int execute(struct mem_service *s, struct mem_blob *b, struct mem_request *q, struct error *err)
{
	if (q->kind == MEM_CREATE)
		return create(s, b, q, err);
	if (q->kind == MEM_LEASE)
		return mem_lease_locked(s, b, q, err);
	if (check_conditions(s, b, q, err) < 0)
		return -1;
	switch (q->kind) {
	case MEM_WRITE:
	case MEM_CLEAR:
		put(&b->live, q->data, q->len, q->off);
		break;
	case MEM_RAISE:
		if (q->number > b->live.number)
			b->live.number = q->number;
		q->number_out = b->live.number;
		break;
	case MEM_META:
		target_meta_fini(&b->live.meta);
		if (target_meta_copy(&b->live.meta, &q->meta, NULL) < 0)
			abort();
		break;
	case MEM_RESIZE:
		set_size(&b->live, q->len);
		break;
	case MEM_PUBLISH:
		return 0;
	case MEM_SNAPSHOT:
		add_point(s, b, &q->meta, q->id_out);
		return 0; /* changes no version */
	default:
		abort();
	}
	changed(s, b);
	q->version_out = b->version;
	return 0;
}

void mem_record_locked(struct mem_service *s, const struct mem_record *record)
{
	if (s->n_records == s->cap_records) {
		s->cap_records = s->cap_records ? 2 * s->cap_records : 256;
		s->records = mem_must(reallocarray(s->records, s->cap_records, sizeof(*s->records)));
	}
	s->records[s->n_records++] = *record;
}

int mem_execute_locked(struct mem_request *q, struct error *err)
{
	struct mem_service *s = q->service;
	struct error why = ERROR_INIT;
	struct mem_record record = { .kind = q->kind, .off = q->off, .len = q->len, .action = q->action };
	int rc;

	record.number = q->kind == MEM_RAISE || q->kind == MEM_CREATE ? q->number : q->number_eq;
	snprintf(record.name, sizeof(record.name), "%s", q->name);
	rc = execute(s, mem_blob_locked(s, q->name), q, &why);
	record.code = why.code;
	record.detail = why.detail;
	mem_record_locked(s, &record);
	if (rc < 0 && err)
		*err = why;
	return rc;
}

int mem_execute(struct mem_request *q, struct error *err)
{
	LOCK_SCOPE(&q->service->lock);
	mem_arrive_locked(q->service);
	return mem_execute_locked(q, err);
}

struct mem_record *mem_records(struct mem_service *s, unsigned mask, size_t *n_out)
{
	LOCK_SCOPE(&s->lock);
	struct mem_record *out = mem_must(calloc(s->n_records + 1, sizeof(*out)));
	size_t n = 0;

	for (size_t i = 0; i < s->n_records; i++)
		if (s->records[i].kind & mask)
			out[n++] = s->records[i];
	*n_out = n;
	return out;
}

size_t mem_records_count(struct mem_service *s, unsigned mask)
{
	LOCK_SCOPE(&s->lock);
	size_t n = 0;

	for (size_t i = 0; i < s->n_records; i++)
		n += (s->records[i].kind & mask) != 0;
	return n;
}

void mem_records_clear(struct mem_service *s)
{
	LOCK_SCOPE(&s->lock);
	s->n_records = 0;
}

bool mem_exists(struct mem_service *s, const char *name)
{
	LOCK_SCOPE(&s->lock);
	return mem_blob_locked(s, name)->exists;
}

uint64_t mem_size(struct mem_service *s, const char *name)
{
	LOCK_SCOPE(&s->lock);
	return mem_blob_locked(s, name)->live.size;
}

uint64_t mem_number(struct mem_service *s, const char *name)
{
	LOCK_SCOPE(&s->lock);
	return mem_blob_locked(s, name)->live.number;
}

void mem_peek(struct mem_service *s, const char *name, int point, void *buf, size_t len, uint64_t off)
{
	LOCK_SCOPE(&s->lock);
	const struct mem_blob *b = mem_blob_locked(s, name);
	const struct mem_content *c = &b->live;

	if (point >= 0) {
		assert((size_t)point < b->n_points);
		c = &b->points[point].content;
	}
	assert(off <= c->size && len <= c->size - off);
	memcpy(buf, c->data + off, len);
}

size_t mem_points_count(struct mem_service *s, const char *name)
{
	LOCK_SCOPE(&s->lock);
	return mem_blob_locked(s, name)->n_points;
}

bool mem_foreign_write(struct mem_service *s, const char *name, const void *buf, size_t len, uint64_t off)
{
	LOCK_SCOPE(&s->lock);
	struct mem_blob *b = mem_blob_locked(s, name);

	if (!b->exists || mem_leased_locked(s, b))
		return false;
	put(&b->live, buf, len, off);
	changed(s, b);
	return true;
}

bool mem_foreign_delete(struct mem_service *s, const char *name)
{
	LOCK_SCOPE(&s->lock);
	struct mem_blob *b = mem_blob_locked(s, name);

	if (!b->exists || mem_leased_locked(s, b))
		return false;
	blob_clear(b);
	return true;
}

void mem_foreign_snapshot(struct mem_service *s, const char *name)
{
	LOCK_SCOPE(&s->lock);
	char id[TARGET_POINT_LEN];

	add_point(s, mem_blob_locked(s, name), &(struct target_meta){ 0 }, id);
}
