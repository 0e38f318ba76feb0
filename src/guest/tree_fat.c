/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a FAT, by their long names where they have one.  A chain longer than what it stands for is a loop. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "disk/utf16.h"
#include "guest/fat.h"
#include "guest/tree.h"

enum {
	ENTRY_LEN = 32,
	ENTRY_ATTR = 11,
	ENTRY_CLUSTER_HI = 20,
	ENTRY_CLUSTER_LO = 26,
	ENTRY_SIZE = 28,
	LONG_CHECKSUM = 13,
	ATTR_LABEL = 8,
	ATTR_FOLDER = 16,
	ATTR_LONG = 15,
	LONG_PARTS = 20,
	LONG_UNITS = 13,
};

/* What precedes a short entry: its long name, last part first. */
struct long_name {
	uint8_t units[LONG_PARTS * LONG_UNITS * 2];
	unsigned parts, next; /* of so many, this is the next; 0: complete */
	uint8_t checksum;
};

typedef int (*raw_entry_fn)(void *ctx, const char *name, const uint8_t *entry, uint64_t off,
			    struct error *err); /* 1: stop */

static int fat_open(struct volume *v, void **out, struct error *err)
{
	CLEANUP_FREE struct fat *f = malloc(sizeof(*f));

	if (!f)
		return error_errno(err, ENOMEM, "fat");
	if (fat_init(f, v, err) < 0)
		return -1;
	*out = steal_ptr(&f);
	return 0;
}

static void take_long(struct long_name *l, const uint8_t *e)
{
	static const uint8_t at[LONG_UNITS] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
	unsigned part = e[0] & 0x3f;

	if (e[0] & 0x40)
		*l = (struct long_name){ .parts = part, .next = part, .checksum = e[LONG_CHECKSUM] };
	if (part == 0 || part > LONG_PARTS || part != l->next || e[LONG_CHECKSUM] != l->checksum) {
		l->parts = 0;
		return;
	}
	for (unsigned i = 0; i < LONG_UNITS; i++)
		memcpy(l->units + ((part - 1) * LONG_UNITS + i) * 2, e + at[i], 2);
	l->next--;
}

static void short_name(const uint8_t *e, char out[13])
{
	size_t n = 0;

	for (size_t i = 0; i < 11; i++) {
		if (e[i] == ' ')
			continue;
		if (i >= 8 && !memchr(out, '.', n))
			out[n++] = '.';
		out[n++] = e[i] >= ' ' && e[i] < 0x7f ? (char)e[i] : '?'; /* a code page's, which nobody names */
	}
	out[n] = '\0';
}

/* The entry's name, which the caller frees; NULL without memory. */
static char *entry_name(const struct long_name *l, const uint8_t *e)
{
	uint8_t sum = 0;
	char text[13];
	size_t n = 0;
	char *name;

	for (size_t i = 0; i < 11; i++)
		sum = (uint8_t)((sum << 7 | sum >> 1) + e[i]);
	if (l->parts > 0 && l->next == 0 && l->checksum == sum) {
		while (n < (size_t)l->parts * LONG_UNITS && get_le16(l->units + n * 2) != 0)
			n++;
		name = utf16le_to_utf8(l->units, n * 2, NULL);
		if (name)
			return name;
	}
	short_name(e, text);
	return strdup(text);
}

/* The entries of one piece of a folder.  1: its end was seen, or fn stopped. */
static int walk_piece(struct fat *f, uint8_t *buf, uint32_t len, uint64_t off, struct long_name *l, raw_entry_fn fn,
		      void *ctx, struct error *err)
{
	if (volume_read(f->v, buf, len, off, err) < 0)
		return -1;
	for (uint32_t at = 0; at + ENTRY_LEN <= len; at += ENTRY_LEN) {
		const uint8_t *e = buf + at;
		CLEANUP_FREE char *name = NULL;
		int rc;

		if (e[0] == 0)
			return 1;
		if (e[0] != 0xe5 && (e[ENTRY_ATTR] & 0x3f) == ATTR_LONG) {
			take_long(l, e);
			continue;
		}
		if (e[0] != 0xe5 && !(e[ENTRY_ATTR] & ATTR_LABEL) && e[0] != '.') {
			name = entry_name(l, e);
			if (!name)
				return error_errno(err, ENOMEM, "fat");
			rc = fn(ctx, name, e, volume_on_disk(f->v, off + at), err);
			if (rc != 0)
				return rc;
		}
		l->parts = 0;
	}
	return 0;
}

static bool is_cluster(const struct fat *f, uint32_t cluster)
{
	return cluster >= 2 && cluster - 2 < f->clusters;
}

/* cluster 0: the root. */
static int walk_folder(struct fat *f, uint32_t cluster, raw_entry_fn fn, void *ctx, struct error *err)
{
	struct long_name l = { 0 };
	bool fixed = cluster == 0 && f->bits != 32;
	uint32_t len = fixed ? f->root_len : f->cluster;
	CLEANUP_FREE uint8_t *buf = malloc(len ? len : 1); /* at most 2 MiB */
	int rc;

	if (!buf)
		return error_errno(err, ENOMEM, "fat");
	if (fixed) {
		rc = walk_piece(f, buf, len, f->root_off, &l, fn, ctx, err);
		return rc < 0 ? -1 : 0;
	}
	cluster = cluster ? cluster : f->root_cluster;
	for (uint64_t seen = 0; cluster != 0; seen += len) {
		if (!is_cluster(f, cluster))
			return error_set(err, ERR_CORRUPT, "a folder in cluster %" PRIu32 " of %" PRIu32, cluster,
					 f->clusters);
		if (seen >= (uint64_t)TREE_ENTRIES_MAX * ENTRY_LEN)
			return error_set(err, ERR_CORRUPT, "a folder of more than %d entries", TREE_ENTRIES_MAX);
		rc = walk_piece(f, buf, len, f->data_off + (uint64_t)(cluster - 2) * f->cluster, &l, fn, ctx, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		if (fat_next(f, cluster, &cluster, err) < 0)
			return -1;
	}
	return 0;
}

struct search {
	const char *name;
	size_t len;
	struct tree_node node;
	bool found;
};

static int match_entry(void *ctx, const char *name, const uint8_t *e, uint64_t off, struct error *err)
{
	struct search *s = ctx;
	uint32_t hi = get_le16(e + ENTRY_CLUSTER_HI);

	(void)err;
	if (!tree_same_name(name, s->name, s->len))
		return 0;
	s->found = true;
	s->node = (struct tree_node){ .id = hi << 16 | get_le16(e + ENTRY_CLUSTER_LO), .off = off };
	s->node.folder = e[ENTRY_ATTR] & ATTR_FOLDER;
	s->node.size = s->node.folder ? 0 : get_le32(e + ENTRY_SIZE);
	return 1;
}

static int fat_find(void *ctx, const char *path, struct tree_node *out, struct error *err)
{
	struct fat *f = ctx;
	struct tree_node at = { .folder = true };

	while (*path) {
		struct search s = { .name = path, .len = strcspn(path, "/") };

		if (!at.folder)
			return 0;
		if (walk_folder(f, (uint32_t)at.id, match_entry, &s, err) < 0)
			return -1;
		if (!s.found)
			return 0;
		at = s.node;
		if (f->bits != 32)
			at.id &= 0xffff;
		path += s.len;
		path += *path == '/';
	}
	*out = at;
	return 1;
}

static int fat_read(void *ctx, const struct tree_node *n, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct fat *f = ctx;
	uint32_t cluster = (uint32_t)n->id;
	uint8_t *p = buf;

	for (uint64_t at = 0; len > 0; at += f->cluster) {
		if (!is_cluster(f, cluster))
			return error_set(err, ERR_CORRUPT, "a file of %" PRIu64 " bytes ends after %" PRIu64, n->size,
					 at);
		if (off < at + f->cluster) {
			uint64_t within = off - at;
			size_t part = len < f->cluster - within ? len : (size_t)(f->cluster - within);

			if (volume_read(f->v, p, part, f->data_off + (uint64_t)(cluster - 2) * f->cluster + within,
					err) < 0)
				return -1;
			p += part;
			off += part;
			len -= part;
		}
		if (len > 0 && fat_next(f, cluster, &cluster, err) < 0)
			return -1;
	}
	return 0;
}

struct listing {
	tree_entry_fn fn;
	void *ctx;
};

static int list_entry(void *ctx, const char *name, const uint8_t *e, uint64_t off, struct error *err)
{
	struct listing *l = ctx;

	(void)e;
	(void)off;
	return l->fn(l->ctx, name, err);
}

static int fat_list(void *ctx, const struct tree_node *n, tree_entry_fn fn, void *fn_ctx, struct error *err)
{
	struct listing l = { .fn = fn, .ctx = fn_ctx };

	return walk_folder(ctx, (uint32_t)n->id, list_entry, &l, err);
}

const struct tree_ops tree_fat_ops = {
	.name = "fat",
	.open = fat_open,
	.close = free,
	.find = fat_find,
	.read = fat_read,
	.list = fat_list,
};
