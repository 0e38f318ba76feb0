/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/path_walk.h"

#define REST_MAX ((size_t)PATH_LINK_MAX * 2) /* of a path, with what links put before it */

struct walk {
	const struct path_ops *ops;
	void *ctx;
	struct path_node folders[PATH_FOLDERS_MAX]; /* the way to where we are; [0] is the root */
	size_t depth;                               /* of the last one */
	unsigned links;
	char rest[REST_MAX + 1];
	char link[PATH_LINK_MAX + 1];
};

/* Puts the link's target before what is left of the path: 1, or 0 if nobody would follow it. */
static int follow(struct walk *w, const struct path_node *link, const char *rest, struct error *err)
{
	size_t rest_len = strlen(rest), len;

	if (++w->links > PATH_LINKS_MAX)
		return 0;
	if (w->ops->read_link(w->ctx, link, w->link, err) < 0)
		return -1;
	len = strlen(w->link);
	if (len == 0 || len + 1 + rest_len > REST_MAX)
		return 0;
	if (w->link[0] == '/')
		w->depth = 0;
	memmove(w->rest + len + 1, rest, rest_len + 1);
	memcpy(w->rest, w->link, len);
	w->rest[len] = '/';
	return 1;
}

/* One name on.  1: a file, *last, at the end; 2: go on in rest; 3: go on in w->rest, which a link gave; 0, -1. */
static int step(struct walk *w, const char *name, size_t len, const char *rest, struct path_node *last,
		struct error *err)
{
	struct path_node n;
	int rc;

	if (len == 0 || (len == 1 && name[0] == '.'))
		return 2;
	if (len == 2 && name[0] == '.' && name[1] == '.') {
		w->depth -= w->depth > 0;
		return 2;
	}
	rc = w->ops->lookup(w->ctx, w->folders[w->depth].id, name, len, &n, err);
	if (rc <= 0)
		return rc;
	if (n.kind == PATH_LINK) {
		rc = follow(w, &n, rest, err);
		return rc > 0 ? 3 : rc;
	}
	if (n.kind == PATH_FOLDER) {
		if (w->depth + 1 == PATH_FOLDERS_MAX)
			return error_set(err, ERR_UNSUPPORTED, "more than %d folders within each other",
					 PATH_FOLDERS_MAX);
		w->folders[++w->depth] = n;
		return 2;
	}
	*last = n;
	return n.kind == PATH_FILE && *rest == '\0';
}

int path_walk(const struct path_ops *ops, void *ctx, const struct path_node *root, const char *path,
	      struct path_node *out, struct error *err)
{
	CLEANUP_FREE struct walk *w = malloc(sizeof(*w));
	struct path_node last;
	char *at;

	if (!w)
		return error_errno(err, ENOMEM, "path");
	if (strlen(path) > REST_MAX)
		return 0;
	w->ops = ops;
	w->ctx = ctx;
	w->folders[0] = *root;
	w->depth = 0;
	w->links = 0;
	memcpy(w->rest, path, strlen(path) + 1);
	for (at = w->rest; *at;) {
		size_t len = strcspn(at, "/");
		char *rest = at + len + (at[len] == '/');
		int rc = step(w, at, len, rest, &last, err);

		if (rc < 2) {
			if (rc == 1)
				*out = last;
			return rc;
		}
		at = rc == 3 ? w->rest : rest;
	}
	*out = w->folders[w->depth];
	return 1;
}

int path_find(const struct path_ops *ops, void *ctx, const struct path_node *root, const char *path,
	      struct tree_node *out, struct error *err)
{
	struct path_node n;
	int rc = path_walk(ops, ctx, root, path, &n, err);

	if (rc > 0)
		*out = (struct tree_node){ .id = n.id,
					   .size = n.kind == PATH_FOLDER ? 0 : n.size,
					   .off = n.off,
					   .folder = n.kind == PATH_FOLDER };
	return rc;
}
