/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parallel.h"
#include "inventory/datastore_glance.h"
#include "inventory/datastore_walk.h"

#define LIST_BYTES ((size_t)8 << 10) /* of names that the kernel is asked for at once */

static int no_memory(struct error *err)
{
	return error_errno(err, ENOMEM, "list of files");
}

/* ---- the list ---- */

void datastore_glance_fini(struct datastore_glance *g)
{
	free(g->v);
	free(g->text);
	*g = (struct datastore_glance){ 0 };
}

static bool has_room(void **v, size_t size, size_t need, size_t *cap, size_t least)
{
	size_t more = *cap ? 2 * *cap : least;
	void *grown;

	if (need <= *cap)
		return true;
	if (more < need)
		more = need;
	grown = reallocarray(*v, more, size);
	if (!grown)
		return false;
	*v = grown;
	*cap = more;
	return true;
}

static int add(struct datastore_glance *g, const char *folder, const char *name, enum glance_kind kind,
	       const struct backing_stamp *stamp, struct error *err)
{
	size_t folder_len = strlen(folder), len = folder_len + (folder_len > 0) + strlen(name) + 1;
	void *v = g->v, *text = g->text;
	bool ok = has_room(&v, sizeof(*g->v), g->n + 1, &g->cap, 4);
	char *at;

	g->v = v;
	ok = ok && has_room(&text, 1, g->text_len + len, &g->text_cap, 128);
	g->text = text;
	if (!ok || g->n == WALK_FILES_MAX)
		return no_memory(err);
	at = g->text + g->text_len;
	memcpy(at, folder, folder_len);
	if (folder_len > 0)
		at[folder_len++] = '/';
	memcpy(at + folder_len, name, strlen(name) + 1);
	g->v[g->n++] = (struct glance_entry){ .path = g->text_len, .kind = kind, .stamp = stamp ? *stamp : (struct backing_stamp){ 0 } };
	g->text_len += len;
	return 0;
}

/* All of `more` behind what g has. */
static int append(struct datastore_glance *g, const struct datastore_glance *more, struct error *err)
{
	void *v = g->v, *text = g->text;
	bool ok = has_room(&v, sizeof(*g->v), g->n + more->n, &g->cap, 16);

	g->v = v;
	ok = ok && has_room(&text, 1, g->text_len + more->text_len, &g->text_cap, 512);
	g->text = text;
	if (!ok)
		return no_memory(err);
	for (size_t i = 0; i < more->n; i++) {
		g->v[g->n] = more->v[i];
		g->v[g->n++].path += g->text_len;
	}
	if (more->text_len > 0)
		memcpy(g->text + g->text_len, more->text, more->text_len);
	g->text_len += more->text_len;
	g->odd = g->odd || more->odd;
	return 0;
}

bool datastore_glance_same(const struct datastore_glance *a, const struct datastore_glance *b, size_t i)
{
	return i < a->n && i < b->n && a->v[i].kind == b->v[i].kind && backing_stamp_equal(&a->v[i].stamp, &b->v[i].stamp) &&
	       strcmp(glance_path(a, i), glance_path(b, i)) == 0;
}

bool datastore_glance_equal(const struct datastore_glance *a, const struct datastore_glance *b)
{
	if (a->n != b->n || a->odd != b->odd)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!datastore_glance_same(a, b, i))
			return false;
	return true;
}

/* ---- one folder ---- */

struct listed {
	const char *name; /* known when the list is whole */
	size_t at;        /* where it begins in the listing's text */
	unsigned char type;
};

struct listing {
	struct listed *v;
	size_t n, cap;
	char *text;
	size_t text_len, text_cap;
};

static void cleanup_listing(struct listing *l)
{
	free(l->v);
	free(l->text);
}

static int name_order(const void *a, const void *b)
{
	return strcmp(((const struct listed *)a)->name, ((const struct listed *)b)->name);
}

static int add_listed(struct listing *l, const struct dirent64 *e, struct error *err)
{
	size_t len = strlen(e->d_name) + 1;
	void *v = l->v, *text = l->text;
	bool ok = has_room(&v, sizeof(*l->v), l->n + 1, &l->cap, 8);

	l->v = v;
	ok = ok && has_room(&text, 1, l->text_len + len, &l->text_cap, 256);
	l->text = text;
	if (!ok)
		return no_memory(err);
	memcpy(l->text + l->text_len, e->d_name, len);
	l->v[l->n++] = (struct listed){ .at = l->text_len, .type = e->d_type };
	l->text_len += len;
	return 0;
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* In the kernel's own calls: a DIR takes three more, and its memory, for each of very many folders with a few files each. */
static int list(int fd, const char *path, struct listing *out, struct error *err)
{
	_Alignas(struct dirent64) char buf[LIST_BYTES];
	ssize_t got;

	while ((got = getdents64(fd, buf, sizeof(buf))) > 0) {
		for (size_t at = 0; at < (size_t)got;) {
			const struct dirent64 *e = (const void *)(buf + at);

			at += e->d_reclen;
			if (!is_dots(e->d_name) && add_listed(out, e, err) < 0)
				return -1;
		}
	}
	if (got < 0)
		return error_errno(err, errno, "%s", path);
	for (size_t i = 0; i < out->n; i++)
		out->v[i].name = out->text + out->v[i].at;
	if (out->n > 1)
		qsort(out->v, out->n, sizeof(*out->v), name_order);
	return 0;
}

struct place {
	const char *path; /* of the folder, "" for the first */
	int fd;
	uint64_t dev;
	unsigned depth;
};

static int glance_folder(int fd, const char *path, uint64_t dev, unsigned depth, struct datastore_glance *g, struct error *err);

/* Asked of the file server, as evidence is. */
static int stat_anew(const struct place *p, const char *name, struct statx *out, struct error *err)
{
	if (statx(p->fd, name, AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, out) == 0)
		return 0;
	return error_errno(err, errno, "%s/%s", p->path, name);
}

static int enter(const struct place *p, const char *name, struct datastore_glance *g, struct error *err)
{
	size_t at = g->n;
	CLEANUP_FREE char *path = NULL;
	int fd;

	if (!datastore_walk_enters(name))
		return add(g, p->path, name, GLANCE_HIDDEN, NULL, err);
	if (add(g, p->path, name, GLANCE_FOLDER, NULL, err) < 0)
		return -1;
	path = strdup(glance_path(g, at));
	if (!path)
		return no_memory(err);
	fd = openat(p->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "%s", path);
	return glance_folder(fd, path, p->dev, p->depth + 1, g, err);
}

static int glance_at(const struct place *p, const struct listed *l, struct datastore_glance *g, struct error *err)
{
	struct backing_stamp stamp;
	struct statx st;

	if (l->type == DT_DIR)
		return enter(p, l->name, g, err);
	if (l->type == DT_REG && backing_name_is_incidental(l->name))
		return add(g, p->path, l->name, GLANCE_INCIDENTAL, NULL, err);
	if (l->type != DT_REG && l->type != DT_UNKNOWN) {
		g->odd = g->odd || l->type == DT_LNK;
		return add(g, p->path, l->name, GLANCE_OTHER, NULL, err);
	}
	if (stat_anew(p, l->name, &st, err) < 0)
		return -1;
	if (S_ISDIR(st.stx_mode))
		return enter(p, l->name, g, err);
	if (!S_ISREG(st.stx_mode)) {
		g->odd = g->odd || S_ISLNK(st.stx_mode);
		return add(g, p->path, l->name, GLANCE_OTHER, NULL, err);
	}
	g->odd = g->odd || makedev(st.stx_dev_major, st.stx_dev_minor) != p->dev;
	backing_stamp_of(&st, &stamp);
	return add(g, p->path, l->name, GLANCE_FILE, &stamp, err);
}

/* Takes over fd. */
static int glance_folder(int folder, const char *path, uint64_t dev, unsigned depth, struct datastore_glance *g, struct error *err)
{
	CLEANUP(cleanup_listing) struct listing l = { 0 };
	CLEANUP_FD int fd = folder;
	struct stat st;

	if (list(fd, path, &l, err) < 0)
		return -1;
	if (depth > WALK_DEPTH_MAX || fstat(fd, &st) < 0)
		return error_set(err, ERR_UNSUPPORTED, "%s: cannot be listed", path);
	g->odd = g->odd || st.st_dev != dev;
	for (size_t i = 0; i < l.n; i++) {
		const struct place p = { .path = path, .fd = fd, .dev = dev, .depth = depth };

		if (glance_at(&p, &l.v[i], g, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the whole ---- */

struct branches {
	struct place place;
	const struct listing *names;
	struct datastore_glance *parts; /* one for each of the names */
};

static int glance_branch(void *ctx, size_t i, struct error *err)
{
	struct branches *b = ctx;

	return glance_at(&b->place, &b->names->v[i], &b->parts[i], err);
}

static int join(struct branches *b, struct datastore_glance *g, struct error *err)
{
	int rc = parallel_each(b->names->n, glance_branch, b, err);

	for (size_t i = 0; i < b->names->n; i++) {
		if (rc == 0)
			rc = append(g, &b->parts[i], err);
		datastore_glance_fini(&b->parts[i]);
	}
	return rc;
}

int datastore_glance(const char *path, struct datastore_glance *out, struct error *err)
{
	CLEANUP(cleanup_datastore_glance) struct datastore_glance g = { 0 };
	CLEANUP(cleanup_listing) struct listing l = { 0 };
	CLEANUP_FREE struct datastore_glance *parts = NULL;
	CLEANUP_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct branches b = { .names = &l };
	struct stat st;

	if (fd < 0)
		return error_errno(err, errno, "%s", path);
	if (list(fd, path, &l, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "%s", path);
	parts = calloc(l.n ? l.n : 1, sizeof(*parts));
	if (!parts)
		return no_memory(err);
	b.parts = parts;
	b.place = (struct place){ .path = "", .fd = fd, .dev = st.st_dev };
	g.inode = st.st_ino;
	g.odd = !backing_fd_stamps_writes(fd);
	if (join(&b, &g, err) < 0)
		return -1;
	*out = g;
	g = (struct datastore_glance){ 0 };
	return 0;
}
