/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/escape.h"
#include "disk/ova.h"

/* ---- members ---- */

/* What libarchive reads through: a few blocks at each header, and seeks between them. */
#define CHUNK ((size_t)16 << 10)

struct tar_stream {
	const struct backing *file;
	uint64_t off;
	struct error err;
	uint8_t buf[CHUNK];
};

static la_ssize_t stream_read(struct archive *a, void *ctx, const void **out)
{
	struct tar_stream *s = ctx;
	uint64_t left = s->file->size - s->off;
	size_t n = left < CHUNK ? (size_t)left : CHUNK;

	if (backing_read(s->file, s->buf, n, s->off, &s->err) < 0) {
		archive_set_error(a, EIO, "read");
		return -1;
	}
	s->off += n;
	*out = s->buf;
	return (la_ssize_t)n;
}

static la_int64_t stream_skip(struct archive *a, void *ctx, la_int64_t request)
{
	struct tar_stream *s = ctx;
	uint64_t left = s->file->size - s->off, n = request < 0 ? 0 : (uint64_t)request;

	(void)a;
	n = n < left ? n : left;
	s->off += n;
	return (la_int64_t)n;
}

static struct archive *open_stream(struct tar_stream *s, struct error *err)
{
	struct archive *a = archive_read_new();

	if (!a || archive_read_support_format_tar(a) != ARCHIVE_OK || archive_read_set_read_callback(a, stream_read) != ARCHIVE_OK ||
	    archive_read_set_skip_callback(a, stream_skip) != ARCHIVE_OK ||
	    archive_read_set_callback_data(a, s) != ARCHIVE_OK || archive_read_open1(a) != ARCHIVE_OK) {
		if (s->err.code != ERR_NONE && err)
			*err = s->err;
		else
			error_set(err, ERR_CORRUPT, "not a tar archive: %.200s", a ? archive_error_string(a) : "no memory");
		archive_read_free(a);
		return NULL;
	}
	return a;
}

/* libarchive must be where our reading of the headers is, or one of the two misreads them. */
static int check_same(struct archive *a, struct tar_stream *s, const struct tar_member *m, struct error *err)
{
	struct archive_entry *e = NULL;
	int rc = archive_read_next_header(a, &e);

	if (s->err.code != ERR_NONE) {
		if (err)
			*err = s->err;
		return -1;
	}
	if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) /* of names that the locale cannot show */
		return error_set(err, ERR_CORRUPT, "'%.200s': %.200s", m->name,
				 rc == ARCHIVE_EOF ? "beyond the archive's end" : archive_error_string(a));
	if (archive_filter_bytes(a, 0) != (la_int64_t)m->off ||
	    (m->kind == TAR_FILE && archive_entry_size(e) != (la_int64_t)m->size))
		return error_set(err, ERR_CORRUPT, "'%.200s': its headers can be read in two ways: %" PRIu64 " bytes at %#" PRIx64
				 ", or %" PRId64 " at %#" PRIx64, m->name, m->size, m->off,
				 (int64_t)archive_entry_size(e), (uint64_t)archive_filter_bytes(a, 0));
	return 0;
}

static int add_member(struct ova *o, const struct tar_member *m, struct error *err)
{
	if (o->n_members == OVA_MEMBERS_MAX)
		return error_set(err, ERR_CORRUPT, "more than %d members", OVA_MEMBERS_MAX);
	if (o->n_members == o->cap_members) {
		size_t cap = o->cap_members ? 2 * o->cap_members : 16;
		struct tar_member *v = reallocarray(o->members, cap, sizeof(*v));

		if (!v)
			return error_errno(err, ENOMEM, "members");
		o->members = v;
		o->cap_members = cap;
	}
	o->members[o->n_members++] = *m;
	return 0;
}

static int walk(struct ova *o, struct archive *a, struct tar_stream *s, struct error *err)
{
	struct tar_member m;
	size_t seen = 0;

	for (uint64_t pos = 0;; pos = m.next) {
		if (tar_member_read(o->file, pos, &m, err) < 0)
			return -1;
		if (m.kind == TAR_END)
			return 0;
		if (check_same(a, s, &m, err) < 0 || (m.kind != TAR_FOLDER && add_member(o, &m, err) < 0)) {
			free(m.name);
			return -1;
		}
		if (m.kind == TAR_FOLDER)
			free(m.name);
		if (++seen > 2 * OVA_MEMBERS_MAX)
			return error_set(err, ERR_CORRUPT, "more than %d members and folders", 2 * OVA_MEMBERS_MAX);
	}
}

static int member_order(const void *a, const void *b)
{
	const struct tar_member *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int check_names(const struct ova *o, struct error *err)
{
	CLEANUP_FREE const struct tar_member **v = calloc(o->n_members ? o->n_members : 1, sizeof(*v));

	if (!v)
		return error_errno(err, ENOMEM, "members");
	for (size_t i = 0; i < o->n_members; i++)
		v[i] = &o->members[i];
	qsort(v, o->n_members, sizeof(*v), member_order);
	for (size_t i = 1; i < o->n_members; i++)
		if (strcmp(v[i - 1]->name, v[i]->name) == 0)
			return error_set(err, ERR_CORRUPT, "two members are called '%.200s'", v[i]->name);
	return 0;
}

static int read_members(struct ova *o, struct error *err)
{
	CLEANUP_FREE struct tar_stream *s = calloc(1, sizeof(*s));
	struct tar_member first = { 0 };
	struct archive *a;
	int rc;

	if (!s)
		return error_errno(err, ENOMEM, "members");
	s->file = o->file;
	/* What is no archive is said in our words, before libarchive looks at it. */
	if (tar_member_read(o->file, 0, &first, err) < 0)
		return -1;
	free(first.name);
	if (first.kind == TAR_END)
		return error_set(err, ERR_CORRUPT, "an archive without members");
	a = open_stream(s, err);
	if (!a)
		return -1;
	rc = walk(o, a, s, err);
	archive_read_free(a);
	return rc < 0 ? -1 : check_names(o, err);
}

const struct tar_member *ova_member(const struct ova *o, const char *name)
{
	for (size_t i = 0; i < o->n_members; i++)
		if (strcmp(o->members[i].name, name) == 0)
			return &o->members[i];
	return NULL;
}

/* ---- the descriptor and the disks it names ---- */

static bool has_suffix(const char *name, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n && strncasecmp(name + len - n, suffix, n) == 0;
}

static int check_file(const struct tar_member *m, struct error *err)
{
	if (m->kind != TAR_FILE)
		return error_set(err, ERR_REFUSED, "'%.200s' is a %s, not a file", m->name,
				 m->kind == TAR_LINK ? "link" : "device");
	return 0;
}

static int read_descriptor(struct ova *o, struct error *err)
{
	CLEANUP_FREE char *text = NULL;
	const struct tar_member *m;

	for (size_t i = 0; i < o->n_members; i++) {
		m = &o->members[i];
		if (!has_suffix(m->name, strlen(m->name), ".ovf"))
			continue;
		if (o->descriptor)
			return error_set(err, ERR_CORRUPT, "two OVF descriptors, '%.200s' and '%.200s'", o->descriptor->name,
					 m->name);
		o->descriptor = m;
	}
	m = o->descriptor;
	if (!m)
		return error_set(err, ERR_CORRUPT, "no .ovf among its %zu members", o->n_members);
	if (check_file(m, err) < 0)
		return -1;
	if (m->size > OVF_MAX)
		return error_set(err, ERR_CORRUPT, "'%.200s': %" PRIu64 " bytes (at most %zu)", m->name, m->size, OVF_MAX);
	text = malloc((size_t)m->size + 1);
	if (!text)
		return error_errno(err, ENOMEM, "descriptor");
	if (backing_read(o->file, text, (size_t)m->size, m->off, err) < 0)
		return -1;
	return ovf_parse(text, (size_t)m->size, &o->ovf, err) < 0 ? error_prefix(err, "%.200s", m->name) : 0;
}

/* An href is a URI's path: the member of that name, or of the name that its %XX stand for. */
static const struct tar_member *member_of_href(const struct ova *o, const char *href)
{
	const struct tar_member *m = ova_member(o, href);
	CLEANUP_FREE char *plain = NULL;

	if (!m && strchr(href, '%'))
		plain = unescape_percent(href, NULL);
	return plain ? ova_member(o, plain) : m;
}

static int check_member(const struct ovf_disk *from, const struct tar_member *m, struct error *err)
{
	if (check_file(m, err) < 0)
		return -1;
	if (from->has_size && m->size < from->file_size)
		return error_set(err, ERR_CORRUPT,
				 "'%.200s' is cut: %" PRIu64 " bytes, where the descriptor says %" PRIu64, m->name, m->size,
				 from->file_size);
	return 0;
}

/* The disk in that file, or a new one. */
static struct ova_disk *disk_in(struct ova *o, const struct tar_member *m, const char *name)
{
	struct ova_disk *d;

	for (size_t i = 0; m && i < o->n_disks; i++)
		if (o->disks[i].member == m)
			return &o->disks[i];
	d = &o->disks[o->n_disks++];
	d->name = name;
	d->member = m;
	return d;
}

static void add_disk(struct ova *o, size_t index)
{
	const struct ovf_disk *from = &o->ovf.disks[index];
	const struct tar_member *m = from->href ? member_of_href(o, from->href) : NULL;
	struct ova_disk *d = disk_in(o, m, m ? m->name : from->id);
	bool is_first = d == &o->disks[o->n_disks - 1] && d->capacity == 0 && d->err.code == ERR_NONE;

	o->disk_of_ovf[index] = (size_t)(d - o->disks);
	if (d->err.code != ERR_NONE)
		return;
	d->err = from->err;
	if (d->err.code == ERR_NONE && from->href && !m)
		error_set(&d->err, ERR_CORRUPT, "its file '%.200s' is not in the archive", from->href);
	else if (d->err.code == ERR_NONE && m)
		(void)!check_member(from, m, &d->err);
	if (d->err.code == ERR_NONE && !is_first && d->capacity != from->capacity)
		error_set(&d->err, ERR_UNSUPPORTED, "the descriptor gives two disks of %" PRIu64 " and %" PRIu64
			  " bytes this one file", d->capacity, from->capacity);
	d->capacity = from->capacity;
	if (d->err.code != ERR_NONE)
		error_prefix(&d->err, "disk '%.100s'", from->id);
}

/* Their names are paths: two must not be the same, nor one a folder of another. */
static int check_disk_names(const struct ova *o, struct error *err)
{
	for (size_t i = 0; i < o->n_disks; i++) {
		for (size_t k = 0; k < o->n_disks; k++) {
			const char *a = o->disks[i].name, *b = o->disks[k].name;
			size_t len = strlen(a);

			if (i != k && strncmp(a, b, len) == 0 && (b[len] == '\0' || b[len] == '/'))
				return error_set(err, ERR_CORRUPT, "two disks would be called '%.200s'", a);
		}
	}
	return 0;
}

static int make_disks(struct ova *o, struct error *err)
{
	if (o->ovf.n_disks == 0)
		return error_set(err, ERR_UNSUPPORTED, "its descriptor has no disk");
	o->disks = calloc(o->ovf.n_disks, sizeof(*o->disks));
	if (!o->disks)
		return error_errno(err, ENOMEM, "disks");
	for (size_t i = 0; i < o->ovf.n_disks; i++)
		add_disk(o, i);
	return check_disk_names(o, err);
}

struct ova *ova_open(struct backing *file, struct error *err)
{
	CLEANUP(cleanup_ova) struct ova *o = calloc(1, sizeof(*o));
	size_t len = strlen(file->path);

	if (!o) {
		error_errno(err, ENOMEM, "%s", file->path);
		backing_close(file);
		return NULL;
	}
	o->file = file;
	if (read_members(o, err) < 0 || read_descriptor(o, err) < 0 || make_disks(o, err) < 0) {
		if (err && !(strncmp(err->msg, file->path, len) == 0 && err->msg[len] == ':'))
			error_prefix(err, "%s", file->path);
		return NULL;
	}
	return steal_ptr(&o);
}

void ova_close(struct ova *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n_members; i++)
		free(o->members[i].name);
	free(o->members);
	free(o->disks);
	ovf_fini(&o->ovf);
	backing_close(o->file);
	free(o);
}
