/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict wrappers of the place: arguments are checked here, so that implementations may be naive, and a failure that
 * forgot to say why is a bug that is noticed.  Those of one replica are in replica.c.
 */
#include <config.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "target/ops.h"

/* A scheme of two letters or more, as no path that a person would type begins: letters and then "://" or one of ours.
 */
bool target_is_url(const char *text)
{
	size_t n = 0;

	while (isalpha((unsigned char)text[n]))
		n++;
	if (n < 2 || text[n] != ':')
		return false;
	return strncmp(text + n, "://", 3) == 0 || strncmp(text, "dir:", 4) == 0 || strncmp(text, "null:", 5) == 0;
}

/* "a:b" may hold a secret behind its colon: only the scheme is repeated. */
static int unknown_scheme(const char *url, struct error *err)
{
	if (!target_is_url(url))
		return error_set(err, ERR_USAGE, "'%s': not a target", url);
	return error_set(err, ERR_USAGE,
			 "'%.*s:': not a kind of target; there are a folder, https: and null:", (int)strcspn(url, ":"),
			 url);
}

static int copy_config(struct target_config *out, const struct target_config *in, struct error *err)
{
	static const struct target_config none;

	if (!in)
		in = &none;
	*out = *in;
	out->connections = in->connections ? in->connections : 4;
	out->host = strdup(in->host ? in->host : "unknown");
	out->account_hint = in->account_hint ? strdup(in->account_hint) : NULL;
	if (!out->host || (in->account_hint && !out->account_hint))
		return error_errno(err, ENOMEM, "target");
	return 0;
}

struct target *target_open_ops(const struct target_ops *ops, const char *url, const struct target_config *config,
			       struct error *err)
{
	CLEANUP(cleanup_target) struct target *t = calloc(1, sizeof(*t));

	if (!t) {
		error_errno(err, ENOMEM, "target");
		return NULL;
	}
	if (copy_config(&t->config, config, err) < 0)
		return NULL;
	t->ops = ops; /* from here on target_close() calls ops->close */
	if (ops->open(t, url, err) < 0)
		return NULL;
	assert(t->name && t->caps.max_size > 0 && t->caps.points == !t->caps.why_no_points);
	return steal_ptr(&t);
}

struct target *target_open(const char *url, const struct target_config *config, struct error *err)
{
	for (size_t i = 0; target_registry[i]; i++)
		if (target_registry[i]->match(url))
			return target_open_ops(target_registry[i], url, config, err);
	unknown_scheme(url, err);
	return NULL;
}

void target_close(struct target *t)
{
	if (!t)
		return;
	if (t->ops)
		t->ops->close(t);
	free((char *)t->config.host);
	free((char *)t->config.account_hint);
	free(t->name);
	free(t);
}

const char *target_name(const struct target *t)
{
	return t->name;
}

const struct target_caps *target_caps(const struct target *t)
{
	return &t->caps;
}

int target_refuse(struct error *err, enum error_code code, enum target_refusal why, const char *fmt, ...)
{
	char text[ERROR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	error_set(err, code, "%s", text);
	if (err)
		err->detail = (int)why;
	return -1;
}

char *target_map_copy_path(const char *name, struct error *err)
{
	char *path = NULL;

	if (asprintf(&path, ".liftfs/maps/%.*s.blockmap", (int)strlen(name) - 4, name) < 0) { /* without .vhd */
		error_errno(err, ENOMEM, "%s", name);
		return NULL;
	}
	return path;
}

static int unsupported(const struct target *t, const char *what, struct error *err)
{
	return error_set(err, ERR_UNSUPPORTED, "%s: a target of kind %s cannot %s", t->name, t->ops->scheme, what);
}

int target_prepare(struct target *t, bool dry_run, char **note, struct error *err)
{
	CLEANUP_FREE char *line = NULL;

	if (!t->ops->prepare)
		return unsupported(t, "be written to", err);
	if (t->ops->prepare(t, dry_run, &line, err) < 0)
		return -1;
	assert(t->caps.points == !t->caps.why_no_points);
	if (note)
		*note = steal_ptr(&line);
	return 0;
}

int target_check_space(struct target *t, uint64_t data_bytes, uint64_t full_size, struct error *err)
{
	if (data_bytes > full_size)
		return error_set(err, ERR_BUG, "%s: %" PRIu64 " bytes of data in %" PRIu64, t->name, data_bytes,
				 full_size);
	return t->ops->check_space ? t->ops->check_space(t, data_bytes, full_size, err) : 0;
}

/* What no target can hold; then what this one cannot. */
int target_check_name(const struct target *t, const char *name, struct error *err)
{
	size_t len = strlen(name), segment;

	if (len < 5 || strcmp(name + len - 4, ".vhd") != 0 || name[len - 5] == '/')
		return error_set(err, ERR_USAGE, "replica name '%s': does not end in NAME.vhd", name);
	for (const char *p = name;; p += segment + 1) {
		segment = strcspn(p, "/");
		if (segment == 0 || (segment == 1 && *p == '.') || (segment == 2 && p[0] == '.' && p[1] == '.'))
			return error_set(err, ERR_USAGE, "replica name '%s': empty, '.' or '..' between slashes", name);
		if (p[segment] == '\0')
			break;
	}
	return t->ops->check_name ? t->ops->check_name(t, name, err) : 0;
}

int target_glance(struct target *t, const char *name, struct target_glance *out, struct error *err)
{
	out->text[0] = '\0';
	out->settled = false;
	out->requests = 0;
	if (!t->ops->glance)
		return 0;
	if (target_check_name(t, name, err) < 0)
		return -1;
	atomic_fetch_add_explicit(&t->counters.others, 1, memory_order_relaxed);
	out->requests = 1;
	return t->ops->glance(t, name, out, err);
}

const struct target_counters *target_counters(const struct target *t)
{
	return &t->counters;
}

int target_list(struct target *t,
		int (*each)(void *ctx, const char *name, const struct target_look *look, struct error *err), void *ctx,
		struct error *err)
{
	if (!t->ops->list)
		return unsupported(t, "be listed", err);
	if (!t->ops->counts_requests)
		atomic_fetch_add_explicit(&t->counters.others, 1, memory_order_relaxed);
	return t->ops->list(t, each, ctx, err);
}

/* ---- lists with points, of a target that has none ---- */

struct points_walk {
	struct target *target;
	target_each_points *each;
	void *ctx;
};

static int ask_points(void *ctx, const char *name, const struct target_look *look, struct error *err)
{
	struct points_walk *w = ctx;
	CLEANUP(cleanup_replica) struct replica *r = target_replica(w->target, name, err);
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };

	return !r || replica_points(r, &points, err) < 0 ? -1 : w->each(w->ctx, name, look, &points, err);
}

static int ask_one(struct points_walk *w, const char *name, struct error *err)
{
	CLEANUP(cleanup_replica) struct replica *r = target_replica(w->target, name, err);
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };

	if (!r || replica_look(r, &look, err) < 0)
		return -1;
	return look.exists ? ask_points(w, name, &look, err) : 0;
}

int target_list_points(struct target *t, const char *name, target_each_points *each, void *ctx, struct error *err)
{
	struct points_walk walk = { .target = t, .each = each, .ctx = ctx };

	if (t->ops->list_points)
		return t->ops->list_points(t, name, each, ctx, err);
	return name ? ask_one(&walk, name, err) : target_list(t, ask_points, &walk, err);
}
