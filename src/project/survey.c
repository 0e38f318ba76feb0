/* SPDX-License-Identifier: Apache-2.0 */
/* Surveys as bytes: a head with checksum and length, then numbers in little endian and texts with their NUL. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "map/hasher.h"
#include "project/survey.h"

#define MAGIC "liftfs survey 1\n"
#define MAGIC_LEN 16
#define HEAD_LEN (MAGIC_LEN + 16)
#define ENTRY_LEN 41 /* the least that an entry takes */

#define CLOCK_STEP_NS UINT64_C(1000000000)
#define CLOCK_SLEW 1000 /* a clock is slewed by less than one part in so many */

void survey_fini(struct survey *s)
{
	for (size_t i = 0; i < s->n_sources; i++) {
		datastore_glance_fini(&s->sources[i].glance);
		free(s->sources[i].seen_ns);
	}
	free(s->sources);
	free(s->vms);
	free(s->disks);
	free(s->buffer);
	*s = (struct survey){ 0 };
}

/* ---- writing ---- */

static void put_u64(struct strbuf *b, uint64_t v)
{
	uint8_t bytes[8];

	put_le64(bytes, v);
	strbuf_add(b, (const char *)bytes, sizeof(bytes));
}

static void put_text(struct strbuf *b, const char *text)
{
	size_t len = strlen(text) + 1;

	put_u64(b, len);
	strbuf_add(b, text, len);
}

static void put_source(struct strbuf *b, const struct survey_source *s)
{
	const struct datastore_glance *g = &s->glance;

	put_u64(b, g->n);
	put_u64(b, g->inode);
	put_u64(b, g->odd);
	put_u64(b, g->text_len);
	strbuf_add(b, g->text ? g->text : "", g->text_len);
	for (size_t i = 0; i < g->n; i++) {
		const struct backing_stamp *st = &g->v[i].stamp;

		strbuf_add(b, &(char){ (char)g->v[i].kind }, 1);
		put_u64(b, st->inode);
		put_u64(b, st->size);
		put_u64(b, (uint64_t)st->mtime_ns);
		put_u64(b, (uint64_t)st->ctime_ns);
		put_u64(b, s->seen_ns[i]);
	}
}

static void put_file(struct strbuf *b, const struct state_file_stamp *f)
{
	put_u64(b, f->dev);
	put_u64(b, f->inode);
	put_u64(b, f->size);
	put_u64(b, (uint64_t)f->mtime_ns);
	put_u64(b, (uint64_t)f->ctime_ns);
	put_u64(b, (uint64_t)f->btime_ns);
}

static void put_disk(struct strbuf *b, const struct survey_disk *d)
{
	put_text(b, d->name);
	put_text(b, d->source_path);
	put_text(b, d->source_id);
	put_u64(b, d->virtual_size);
	put_u64(b, d->data_bytes);
	put_u64(b, d->left.cycle);
	put_text(b, d->left.version);
	put_text(b, d->left.glance);
	put_u64(b, d->left.unverified);
	put_file(b, &d->state.map);
	put_file(b, &d->state.journal);
}

char *survey_encode(const struct survey *s, size_t *len_out, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	char *bytes;

	strbuf_add(&b, MAGIC, MAGIC_LEN);
	put_u64(&b, 0);
	put_u64(&b, 0);
	put_text(&b, s->conditions);
	put_u64(&b, s->realtime_ns);
	put_u64(&b, s->boottime_ns);
	put_u64(&b, s->whole);
	put_u64(&b, s->n_sources);
	for (size_t i = 0; i < s->n_sources; i++)
		put_source(&b, &s->sources[i]);
	put_u64(&b, s->n_vms);
	for (size_t i = 0; i < s->n_vms; i++) {
		put_text(&b, s->vms[i].name);
		put_text(&b, s->vms[i].label);
		put_u64(&b, s->vms[i].source);
		put_u64(&b, s->vms[i].n);
	}
	put_u64(&b, s->n_disks);
	for (size_t i = 0; i < s->n_disks; i++)
		put_disk(&b, &s->disks[i]);
	*len_out = b.len;
	bytes = strbuf_take(&b, err);
	if (!bytes)
		return NULL;
	put_le64((uint8_t *)bytes + MAGIC_LEN, hasher_checksum(bytes + HEAD_LEN, *len_out - HEAD_LEN, *len_out));
	put_le64((uint8_t *)bytes + MAGIC_LEN + 8, *len_out);
	return bytes;
}

/* ---- reading ---- */

struct reader {
	const char *at, *end;
	bool bad;
};

static uint64_t get_u64(struct reader *r)
{
	uint64_t v;

	if (r->bad || r->end - r->at < 8) {
		r->bad = true;
		return 0;
	}
	v = get_le64((const uint8_t *)r->at);
	r->at += 8;
	return v;
}

/* How many things follow, each of at least `least` bytes. */
static size_t get_count(struct reader *r, size_t least)
{
	uint64_t n = get_u64(r);

	if (!r->bad && n > (uint64_t)(r->end - r->at) / least)
		r->bad = true;
	return r->bad ? 0 : (size_t)n;
}

static const char *get_text(struct reader *r)
{
	size_t len = get_count(r, 1);
	const char *text = r->at;

	r->bad = r->bad || len == 0 || text[len - 1] != '\0' || strlen(text) != len - 1;
	if (r->bad)
		return "";
	r->at += len;
	return text;
}

/* Where each path begins follows from where the one before it ends. */
static void get_entries(struct reader *r, struct survey_source *s)
{
	struct datastore_glance *g = &s->glance;
	size_t path = 0;

	for (size_t i = 0; i < g->n && !r->bad; i++) {
		struct glance_entry *e = &g->v[i];

		if (path >= g->text_len || r->at == r->end) {
			r->bad = true;
			return;
		}
		e->path = path;
		path += strlen(g->text + path) + 1;
		e->kind = (enum glance_kind)(unsigned char)*r->at++;
		e->stamp.inode = get_u64(r);
		e->stamp.size = get_u64(r);
		e->stamp.mtime_ns = (int64_t)get_u64(r);
		e->stamp.ctime_ns = (int64_t)get_u64(r);
		s->seen_ns[i] = get_u64(r);
	}
	r->bad = r->bad || path != g->text_len;
}

static int get_source(struct reader *r, struct survey_source *s, struct error *err)
{
	struct datastore_glance *g = &s->glance;
	size_t n = get_count(r, ENTRY_LEN);

	g->inode = get_u64(r);
	g->odd = get_u64(r) != 0;
	g->text_len = get_count(r, 1);
	g->v = calloc(n ? n : 1, sizeof(*g->v));
	s->seen_ns = calloc(n ? n : 1, sizeof(*s->seen_ns));
	g->text = malloc(g->text_len + 1);
	if (!g->v || !s->seen_ns || !g->text)
		return error_errno(err, ENOMEM, "survey");
	memcpy(g->text, r->at, g->text_len);
	g->text[g->text_len] = '\0';
	r->at += g->text_len;
	r->bad = r->bad || (g->text_len > 0 && g->text[g->text_len - 1] != '\0');
	g->n = n;
	get_entries(r, s);
	return 0;
}

static void get_file(struct reader *r, struct state_file_stamp *f)
{
	f->dev = get_u64(r);
	f->inode = get_u64(r);
	f->size = get_u64(r);
	f->mtime_ns = (int64_t)get_u64(r);
	f->ctime_ns = (int64_t)get_u64(r);
	f->btime_ns = (int64_t)get_u64(r);
}

static void get_disk(struct reader *r, struct survey_disk *d)
{
	d->name = get_text(r);
	d->source_path = get_text(r);
	d->source_id = get_text(r);
	d->virtual_size = get_u64(r);
	d->data_bytes = get_u64(r);
	d->left.cycle = get_u64(r);
	d->left.version = get_text(r);
	d->left.glance = get_text(r);
	d->left.unverified = get_u64(r) != 0;
	get_file(r, &d->state.map);
	get_file(r, &d->state.journal);
}

static int get_body(struct reader *r, struct survey *s, struct error *err)
{
	size_t n;

	s->conditions = get_text(r);
	s->realtime_ns = get_u64(r);
	s->boottime_ns = get_u64(r);
	s->whole = get_u64(r) != 0;
	n = get_count(r, 32);
	s->sources = calloc(n ? n : 1, sizeof(*s->sources));
	if (!s->sources)
		return error_errno(err, ENOMEM, "survey");
	for (; s->n_sources < n && !r->bad; s->n_sources++) {
		if (get_source(r, &s->sources[s->n_sources], err) < 0) {
			s->n_sources++;
			return -1;
		}
	}
	n = get_count(r, 32);
	s->vms = calloc(n ? n : 1, sizeof(*s->vms));
	if (!s->vms)
		return error_errno(err, ENOMEM, "survey");
	for (; s->n_vms < n && !r->bad; s->n_vms++) {
		struct survey_vm *vm = &s->vms[s->n_vms];

		vm->name = get_text(r);
		vm->label = get_text(r);
		vm->source = (size_t)get_u64(r);
		vm->first = s->n_vms > 0 ? vm[-1].first + vm[-1].n : 0;
		vm->n = get_count(r, 1);
		r->bad = r->bad || vm->source >= s->n_sources || vm->first > SIZE_MAX - vm->n;
	}
	n = get_count(r, 32);
	s->disks = calloc(n ? n : 1, sizeof(*s->disks));
	if (!s->disks)
		return error_errno(err, ENOMEM, "survey");
	for (; s->n_disks < n && !r->bad; s->n_disks++)
		get_disk(r, &s->disks[s->n_disks]);
	r->bad = r->bad || r->at != r->end ||
		 s->n_disks != (s->n_vms > 0 ? s->vms[s->n_vms - 1].first + s->vms[s->n_vms - 1].n : 0);
	return 0;
}

static bool head_holds(const char *bytes, size_t len)
{
	const uint8_t *head = (const uint8_t *)bytes;

	return len >= HEAD_LEN && memcmp(bytes, MAGIC, MAGIC_LEN) == 0 && get_le64(head + MAGIC_LEN + 8) == len &&
	       get_le64(head + MAGIC_LEN) == hasher_checksum(bytes + HEAD_LEN, len - HEAD_LEN, len);
}

int survey_decode(const char *bytes, size_t len, struct survey *out, struct error *err)
{
	CLEANUP(cleanup_survey) struct survey s = { 0 };
	struct reader r;

	if (!head_holds(bytes, len))
		return error_set(err, ERR_CORRUPT, "survey: damaged, or of another format");
	s.buffer = malloc(len);
	if (!s.buffer)
		return error_errno(err, ENOMEM, "survey");
	memcpy(s.buffer, bytes, len);
	r = (struct reader){ .at = s.buffer + HEAD_LEN, .end = s.buffer + len };
	if (get_body(&r, &s, err) < 0)
		return -1;
	if (r.bad)
		return error_set(err, ERR_CORRUPT, "survey: does not hold together");
	*out = s;
	s = (struct survey){ 0 };
	return 0;
}

/* ---- the clock ---- */

bool survey_clock_held(const struct survey *s, uint64_t realtime_ns, uint64_t boottime_ns)
{
	uint64_t real, boot;

	if (boottime_ns < s->boottime_ns || realtime_ns < s->realtime_ns)
		return false;
	real = realtime_ns - s->realtime_ns;
	boot = boottime_ns - s->boottime_ns;
	return real >= boot || boot - real <= CLOCK_STEP_NS + boot / CLOCK_SLEW;
}
