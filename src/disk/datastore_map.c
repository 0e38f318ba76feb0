/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "disk/datastore_map.h"

#define VOLUMES "/vmfs/volumes/"

/* ---- names of other hosts ---- */

/* A name in one form for all: '/'-separated, no empty component, none that is "."; ".." stays. */
struct foreign {
	char *text;
	bool windows;
};

static void cleanup_foreign(struct foreign *f)
{
	free(f->text);
}

static bool is_separator(char c)
{
	return c == '/' || c == '\\';
}

static bool is_drive(const char *s)
{
	return isalpha((unsigned char)s[0]) && s[1] == ':' && (is_separator(s[2]) || s[2] == '\0');
}

/* Appends the components of s, each after a slash if `text` holds anything that does not end in one. */
static void add_components(struct strbuf *text, const char *s, const char *separators)
{
	for (size_t n; *s; s += n) {
		n = strcspn(s, separators);
		if (n > 0 && !(n == 1 && *s == '.')) {
			if (text->len > 0 && text->s[text->len - 1] != '/')
				strbuf_adds(text, "/");
			strbuf_add(text, s, n);
		}
		n += s[n] != '\0';
	}
}

/* What follows "\\?\" or "\\.\", slashes of either kind; NULL: s does not begin so. */
static const char *after_device_prefix(const char *s)
{
	if (is_separator(s[0]) && is_separator(s[1]) && (s[2] == '?' || s[2] == '.') && is_separator(s[3]))
		return s + 4;
	return NULL;
}

static void decode_windows(const char *s, struct strbuf *text)
{
	const char *device = after_device_prefix(s);
	bool unc = !device && is_separator(s[0]) && is_separator(s[1]);

	if (device) {
		s = device;
		if (strncasecmp(s, "UNC", 3) == 0 && is_separator(s[3])) {
			s += 3;
			unc = true;
		}
	}
	if (unc)
		strbuf_adds(text, "//");
	else if (!device && is_separator(s[0])) /* of a drive that it does not name */
		strbuf_adds(text, "/");
	add_components(text, s, "/\\");
}

/* "[LABEL] rest", LABEL without separators.  An empty one says that the rest is absolute. */
static bool decode_label(const char *s, struct strbuf *text)
{
	size_t n = strcspn(s + 1, "]/\\");
	const char *rest = s + 1 + n;

	if (*rest++ != ']')
		return false;
	rest += *rest == ' ';
	if (n == 0 && *rest != '/')
		return false;
	strbuf_adds(text, n > 0 ? VOLUMES : "/");
	strbuf_add(text, s + 1, n);
	add_components(text, rest, "/");
	return true;
}

/* 1: decoded; 0: not absolute in any form. */
static int decode(const char *name, struct foreign *out, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };

	out->windows = name[0] == '\\' || (is_separator(name[0]) && is_separator(name[1])) || is_drive(name);
	if (out->windows) {
		decode_windows(name, &text);
	} else if (name[0] == '/') {
		strbuf_adds(&text, "/");
		add_components(&text, name, "/");
	} else if (name[0] != '[' || !decode_label(name, &text)) {
		return 0;
	}
	out->text = strbuf_take(&text, err);
	return out->text ? 1 : -1;
}

/* ---- adding ---- */

static bool has_dots(const char *text)
{
	for (size_t n; *text; text += n + (text[n] != '\0')) {
		n = strcspn(text, "/\\");
		if ((n == 1 && text[0] == '.') || (n == 2 && text[0] == '.' && text[1] == '.'))
			return true;
	}
	return false;
}

/* What names of the datastore begin with; a NAME that is no path is a label. */
static int decode_prefix(const char *name, struct foreign *out, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
	bool device = after_device_prefix(name) != NULL;
	int rc;

	if (*name == '\0')
		return error_set(err, ERR_USAGE, "datastore: its name is missing");
	if (strchr(name, ']'))
		return error_set(err, ERR_USAGE, "datastore '%.200s': ']' cannot be part of a name", name);
	rc = name[0] == '[' ? 0 : decode(name, out, err);
	if (rc < 0)
		return -1;
	if (rc == 0 && strpbrk(name, "/\\"))
		return error_set(err, ERR_USAGE, "datastore '%.200s': neither a label nor an absolute path", name);
	if (rc == 0) {
		strbuf_addf(&text, VOLUMES "%s", name);
		out->text = strbuf_take(&text, err);
		if (!out->text)
			return -1;
	}
	if (out->text[strspn(out->text, "/")] == '\0' || has_dots(device ? after_device_prefix(name) : name))
		return error_set(err, ERR_USAGE, "datastore '%.200s': not the beginning of names of one datastore", name);
	return 0;
}

static bool text_equal(const struct datastore_place *p, const struct foreign *f)
{
	if (p->windows != f->windows)
		return false;
	return f->windows ? strcasecmp(p->prefix, f->text) == 0 : strcmp(p->prefix, f->text) == 0;
}

static char *real_path(const char *dir, struct error *err)
{
	char *real = realpath(dir, NULL);

	if (!real)
		error_errno(err, errno, "%s", dir);
	else if (strcmp(real, "/") == 0)
		*real = '\0';
	return real;
}

static void place_fini(struct datastore_place *p)
{
	if (p->fd >= 0)
		close(p->fd);
	free(p->name);
	free(p->prefix);
	free(p->dir);
	free(p->real);
}

int datastore_map_add(struct datastore_map *m, const char *name, const char *dir, struct error *err)
{
	CLEANUP(cleanup_foreign) struct foreign f = { 0 };
	struct datastore_place *v, *p;

	if (decode_prefix(name, &f, err) < 0)
		return -1;
	for (size_t i = 0; i < m->n; i++)
		if (text_equal(&m->v[i], &f))
			return error_set(err, ERR_USAGE, "datastore '%.200s': is given twice", name);
	v = reallocarray(m->v, m->n + 1, sizeof(*v));
	if (!v)
		return error_errno(err, ENOMEM, "datastore '%s'", name);
	m->v = v;
	p = &v[m->n];
	*p = (struct datastore_place){ .fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .windows = f.windows };
	if (p->fd < 0)
		return error_errno(err, errno, "datastore '%.200s': %s", name, dir);
	p->real = real_path(dir, err);
	if (!p->real) {
		place_fini(p);
		return error_prefix(err, "datastore '%.100s'", name);
	}
	p->name = strdup(name);
	p->dir = strdup(dir);
	p->prefix = steal_ptr(&f.text);
	if (!p->name || !p->dir) {
		place_fini(p);
		return error_errno(err, ENOMEM, "datastore '%s'", name);
	}
	m->n++;
	return 0;
}

void datastore_map_fini(struct datastore_map *m)
{
	for (size_t i = 0; i < m->n; i++)
		place_fini(&m->v[i]);
	free(m->v);
	free(m->root_real);
	*m = (struct datastore_map){ 0 };
}

/* ---- looking up ---- */

const struct datastore_place *datastore_map_place(const struct datastore_map *m, const char *path, const char **rest)
{
	for (size_t i = 0; path[0] == '[' && i < m->n; i++) {
		size_t len = strlen(m->v[i].name);

		if (strncmp(path + 1, m->v[i].name, len) == 0 && path[len + 1] == ']' && path[len + 2] == ' ') {
			*rest = path + len + 3;
			return &m->v[i];
		}
	}
	return NULL;
}

const char *datastore_place_short(const struct datastore_place *p)
{
	const char *last = p->name;

	for (const char *c = p->name; *c; c++)
		if (is_separator(*c) && c[1] && !is_separator(c[1]))
			last = c + 1;
	return last;
}

/* The longest prefix that the name begins with; *rest: what follows it, never empty. */
static const struct datastore_place *match(const struct datastore_map *m, const struct foreign *f, const char **rest)
{
	const struct datastore_place *best = NULL;
	size_t best_len = 0;

	for (size_t i = 0; i < m->n; i++) {
		const struct datastore_place *p = &m->v[i];
		size_t len = strlen(p->prefix);

		if (p->windows != f->windows || len <= best_len)
			continue;
		if ((p->windows ? strncasecmp(f->text, p->prefix, len) : strncmp(f->text, p->prefix, len)) != 0 ||
		    f->text[len] != '/' || f->text[len + 1] == '\0')
			continue;
		best = p;
		best_len = len;
		*rest = f->text + len + 1;
	}
	return best;
}

/* Appends rest to the real path, taking back a component for each "..": -1 if one leads out. */
static int append_below(struct strbuf *path, const char *rest)
{
	size_t floor = path->len;

	for (size_t n; *rest; rest += n + (rest[n] != '\0')) {
		n = strcspn(rest, "/");
		if (n == 0 || (n == 1 && rest[0] == '.'))
			continue;
		if (n != 2 || rest[0] != '.' || rest[1] != '.') {
			strbuf_adds(path, "/");
			strbuf_add(path, rest, n);
			continue;
		}
		if (path->failed)
			return 0; /* strbuf_take() says it */
		if (path->len == floor)
			return -1;
		while (path->s[--path->len] != '/')
			;
	}
	return 0;
}

/* What follows `real` in the path, if it lies beneath. */
static const char *below(const char *path, const char *real)
{
	size_t len = strlen(real);

	return strncmp(path, real, len) == 0 && path[len] == '/' && path[len + 1] ? path + len + 1 : NULL;
}

static char *canonical(const struct datastore_map *m, const char *path, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
	const char *rest = below(path, m->root_real), *unused;
	const struct datastore_place *best = NULL;

	if (rest && !datastore_map_place(m, rest, &unused)) {
		strbuf_adds(&text, rest);
		return strbuf_take(&text, err);
	}
	for (size_t i = 0; i < m->n; i++)
		if (below(path, m->v[i].real) && (!best || strlen(m->v[i].real) < strlen(best->real)))
			best = &m->v[i];
	assert(best); /* the path was made of one of them */
	rest = below(path, best->real);
	strbuf_addf(&text, "[%s] %s%s", best->name, strchr(rest, '/') ? "" : "./", rest);
	return strbuf_take(&text, err);
}

char *datastore_map_translate(const struct datastore_map *m, const char *name, struct error *err)
{
	CLEANUP(cleanup_foreign) struct foreign f = { 0 };
	CLEANUP(cleanup_strbuf) struct strbuf path = { 0 };
	const struct datastore_place *p;
	CLEANUP_FREE char *full = NULL;
	const char *rest = NULL;

	if (m->n == 0)
		return NULL;
	p = datastore_map_place(m, name, &rest);
	if (!p) {
		if (decode(name, &f, err) <= 0)
			return NULL;
		p = match(m, &f, &rest);
	}
	if (!p)
		return NULL;
	strbuf_adds(&path, p->real);
	if (append_below(&path, rest) < 0) {
		error_set(err, ERR_REFUSED, "'%.200s': leads out of the datastore '%.100s'", name, p->name);
		return NULL;
	}
	full = strbuf_take(&path, err);
	if (!full || strlen(full) == strlen(p->real)) /* the folder itself is no file */
		return NULL;
	return canonical(m, full, err);
}
