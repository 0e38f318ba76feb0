/* SPDX-License-Identifier: Apache-2.0 */
/* Files of an XFS by name.  The inode that was read last is kept: a file is read in pieces. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "guest/path_walk.h"
#include "guest/xfs.h"

enum {
	LINK_MAX_LEN = 1024, /* bytes of a target: what XFS keeps */
	LINK_OFF = 4,
	LINK_BYTES = 8,
	LINK_HEADER = 56,
};

static const struct xfs_seal link_seal = { .crc = 12, .place = 40, .uuid = 16, .owner = 32 };

struct xfs_tree {
	struct xfs x;
	struct xfs_inode kept; /* kept.number 0: none */
};

static void xfs_tree_close(void *ctx)
{
	struct xfs_tree *t = ctx;

	xfs_inode_fini(&t->kept);
	free(t);
}

static int xfs_tree_open(struct volume *v, void **out, struct error *err)
{
	CLEANUP_FREE struct xfs_tree *t = calloc(1, sizeof(*t));

	if (!t)
		return error_errno(err, ENOMEM, "XFS");
	if (xfs_init(&t->x, v, err) < 0)
		return -1;
	*out = steal_ptr(&t);
	return 0;
}

/* Reads it into t->kept. */
static int keep(struct xfs_tree *t, uint64_t number, struct error *err)
{
	if (t->kept.number == number)
		return 0;
	xfs_inode_fini(&t->kept);
	if (xfs_inode_read(&t->x, number, &t->kept, err) < 0) {
		t->kept.number = 0;
		return -1;
	}
	return 0;
}

static struct path_node node_of(const struct xfs_tree *t, const struct xfs_inode *ino)
{
	struct path_node n = { .id = ino->number, .kind = PATH_OTHER, .size = ino->size };

	if (S_ISREG(ino->mode))
		n.kind = PATH_FILE;
	else if (S_ISDIR(ino->mode))
		n.kind = PATH_FOLDER;
	else if (S_ISLNK(ino->mode))
		n.kind = PATH_LINK;
	n.off = volume_on_disk(t->x.v, ino->off);
	return n;
}

struct search {
	const char *name;
	size_t len;
	uint64_t number;
};

static int match_entry(void *ctx, const char *name, size_t len, uint64_t number, struct error *err)
{
	struct search *s = ctx;

	(void)err;
	if (len != s->len || memcmp(name, s->name, len) != 0)
		return 0;
	s->number = number;
	return 1;
}

static int xfs_lookup(void *ctx, uint64_t folder, const char *name, size_t len, struct path_node *out,
		      struct error *err)
{
	struct search s = { .name = name, .len = len };
	struct xfs_tree *t = ctx;
	int rc;

	if (keep(t, folder, err) < 0)
		return -1;
	if (!S_ISDIR(t->kept.mode))
		return 0;
	rc = xfs_dir_walk(&t->x, &t->kept, match_entry, &s, err);
	if (rc <= 0)
		return rc;
	if (keep(t, s.number, err) < 0)
		return -1;
	*out = node_of(t, &t->kept);
	return 1;
}

/* One extent of a target: with a header of its own in version 5.  Returns how many bytes it holds. */
static int read_piece(struct xfs_tree *t, const struct xfs_extent *e, char *out, size_t left, size_t done,
		      struct error *err)
{
	size_t header = t->x.v5 ? LINK_HEADER : 0, len, n;
	CLEANUP_FREE uint8_t *b = NULL;
	uint64_t off;

	if (e->n > LINK_MAX_LEN / 256 || e->unwritten)
		return error_set(err, ERR_CORRUPT, "link %" PRIu64 ": a piece of %" PRIu64 " blocks", t->kept.number,
				 e->n);
	len = (size_t)e->n << t->x.block_log;
	b = malloc(len);
	if (!b)
		return error_errno(err, ENOMEM, "XFS");
	if (xfs_block_off(&t->x, e->fsblock, e->n, &off, err) < 0 || volume_read(t->x.v, b, len, off, err) < 0 ||
	    xfs_check_seal(&t->x, b, len, off, &link_seal, t->kept.number, "link", err) < 0)
		return -1;
	n = len - header < left ? len - header : left;
	if (t->x.v5 && (memcmp(b, "XSLM", 4) != 0 || get_be32(b + LINK_OFF) != done || get_be32(b + LINK_BYTES) != n))
		return error_set(err, ERR_CORRUPT,
				 "link at byte %" PRIu64 ": it says bytes %" PRIu32 "+%" PRIu32 ", not %zu+%zu",
				 volume_on_disk(t->x.v, off), get_be32(b + LINK_OFF), get_be32(b + LINK_BYTES), done,
				 n);
	memcpy(out, b + header, n);
	return (int)n;
}

static int xfs_read_link(void *ctx, const struct path_node *link, char out[PATH_LINK_MAX + 1], struct error *err)
{
	struct xfs_tree *t = ctx;
	size_t done = 0, len;

	if (keep(t, link->id, err) < 0)
		return -1;
	if (t->kept.size == 0 || t->kept.size > LINK_MAX_LEN)
		return error_set(err, ERR_CORRUPT, "link %" PRIu64 ": %" PRIu64 " bytes", link->id, t->kept.size);
	len = (size_t)t->kept.size;
	if (t->kept.format == XFS_FORK_LOCAL) {
		if (len > t->kept.fork_len)
			return error_set(err, ERR_CORRUPT, "link %" PRIu64 ": %zu bytes in %zu", link->id, len,
					 t->kept.fork_len);
		memcpy(out, t->kept.fork, len);
		done = len;
	} else if (!t->kept.map && xfs_map_load(&t->x, &t->kept, err) < 0)
		return -1;
	for (size_t i = 0; i < t->kept.n_map && done < len; i++) {
		int n = read_piece(t, &t->kept.map[i], out + done, len - done, done, err);

		if (n < 0)
			return -1;
		done += (size_t)n;
	}
	if (done < len || memchr(out, '\0', len))
		return error_set(err, ERR_CORRUPT, "link %" PRIu64 ": %zu of its %zu bytes, or a zero among them",
				 link->id, done, len);
	out[len] = '\0';
	return 0;
}

static const struct path_ops xfs_path_ops = { .lookup = xfs_lookup, .read_link = xfs_read_link };

static int xfs_find(void *ctx, const char *path, struct tree_node *out, struct error *err)
{
	struct xfs_tree *t = ctx;
	struct path_node root;
	uint64_t first;
	int rc;

	if (keep(t, t->x.root, err) < 0)
		return -1;
	root = node_of(t, &t->kept);
	if (root.kind != PATH_FOLDER)
		return error_set(err, ERR_CORRUPT, "inode %" PRIu64 ": the root is no folder", t->x.root);
	rc = path_find(&xfs_path_ops, t, &root, path, out, err);
	if (rc <= 0 || out->folder || out->size == 0)
		return rc;
	/* Where its first byte lies, if that can be said; who reads it hears why not. */
	if (keep(t, out->id, err) < 0)
		return -1;
	if ((t->kept.map || xfs_map_load(&t->x, &t->kept, NULL) == 0) && t->kept.n_map > 0 && t->kept.map[0].at == 0 &&
	    xfs_block_off(&t->x, t->kept.map[0].fsblock, 1, &first, NULL) == 0)
		out->off = volume_on_disk(t->x.v, first);
	return 1;
}

static int xfs_read(void *ctx, const struct tree_node *n, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct xfs_tree *t = ctx;

	if (keep(t, n->id, err) < 0 || (!t->kept.map && xfs_map_load(&t->x, &t->kept, err) < 0))
		return -1;
	return xfs_map_read(&t->x, &t->kept, buf, len, off, err);
}

struct listing {
	tree_entry_fn fn;
	void *ctx;
	unsigned n;
};

static int list_entry(void *ctx, const char *name, size_t len, uint64_t number, struct error *err)
{
	struct listing *l = ctx;
	char text[256];

	(void)number;
	if (++l->n > TREE_ENTRIES_MAX)
		return error_set(err, ERR_UNSUPPORTED, "more than %d entries", TREE_ENTRIES_MAX);
	memcpy(text, name, len); /* its length is a byte */
	text[len] = '\0';
	return l->fn(l->ctx, text, err);
}

static int xfs_list(void *ctx, const struct tree_node *n, tree_entry_fn fn, void *fn_ctx, struct error *err)
{
	struct listing l = { .fn = fn, .ctx = fn_ctx };
	CLEANUP(cleanup_xfs_inode) struct xfs_inode folder = { 0 };
	struct xfs_tree *t = ctx;

	if (xfs_inode_read(&t->x, n->id, &folder, err) < 0)
		return -1;
	return xfs_dir_walk(&t->x, &folder, list_entry, &l, err);
}

const struct tree_ops tree_xfs_ops = {
	.name = "xfs",
	.open = xfs_tree_open,
	.close = xfs_tree_close,
	.find = xfs_find,
	.read = xfs_read,
	.list = xfs_list,
};
