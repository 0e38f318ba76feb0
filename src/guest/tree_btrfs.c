/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a Btrfs by name, from the default subvolume on and into those below it.  Where that one has no /etc, as
 * Fedora and Ubuntu leave it, the root is the subvolume that they name in their kernel's command line.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/crc32c.h"
#include "guest/btrfs.h"
#include "guest/path_walk.h"

enum {
	ROOT_FOLDER = 168, /* of a tree's item */
	ROOT_LOGICAL = 176,
	ROOT_REFS = 216,
	ROOT_LEVEL = 238,
	ROOT_GENERATION = 160,
	ROOT_LEN = 239,
	INODE_SIZE = 16,
	INODE_MODE = 52,
	INODE_LEN = 160,
	DIR_DATA_LEN = 25,
	DIR_NAME_LEN = 27,
	DIR_NAME = 30,
	VOLUMES_MAX = 1024,
	NUMBER_BITS = 48, /* of an inode, beside which the subvolume finds room in a node's id */
};
#define NUMBER_MASK ((UINT64_C(1) << NUMBER_BITS) - 1)

struct subvolume {
	uint64_t tree;
	struct btrfs_root root;
	uint64_t folder; /* inode of its root */
};

struct btrfs_tree {
	struct btrfs b;
	struct btrfs_cursor c; /* of whatever runs */
	struct subvolume v[VOLUMES_MAX];
	size_t n;
	struct path_node root;
};

static void btrfs_tree_close(void *ctx)
{
	struct btrfs_tree *t = ctx;

	btrfs_cursor_fini(&t->c);
	btrfs_fini(&t->b);
	free(t);
}
DEFINE_CLEANUP(cleanup_btrfs_tree, struct btrfs_tree *, btrfs_tree_close);

static uint32_t name_hash(const char *name, size_t len)
{
	return ~crc32c(1, name, len);
}

/* The index of a subvolume in t->v: 1 found, 0 there is none of this number, -1. */
static int subvolume_of(struct btrfs_tree *t, uint64_t tree, size_t *out, struct error *err)
{
	struct subvolume *v;
	int rc;

	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].tree == tree) {
			*out = i;
			return 1;
		}
	if (t->n == VOLUMES_MAX)
		return error_set(err, ERR_UNSUPPORTED, "more than %d subvolumes", VOLUMES_MAX);
	rc = btrfs_seek_upto(&t->c, &t->b.roots, (struct btrfs_key){ tree, BTRFS_ROOT_ITEM, UINT64_MAX }, err);
	if (rc < 0)
		return -1;
	if (rc == 0 || t->c.key.object != tree || t->c.key.type != BTRFS_ROOT_ITEM)
		return 0;
	if (t->c.len < ROOT_LEN || t->c.item[ROOT_LEVEL] >= BTRFS_LEVELS)
		return error_set(err, ERR_CORRUPT, "subvolume %" PRIu64 ": a root of %" PRIu32 " bytes", tree,
				 t->c.len);
	if (get_le32(t->c.item + ROOT_REFS) == 0) /* deleted */
		return 0;
	v = &t->v[t->n];
	*v = (struct subvolume){ .tree = tree, .folder = get_le64(t->c.item + ROOT_FOLDER) };
	v->root = (struct btrfs_root){ .logical = get_le64(t->c.item + ROOT_LOGICAL),
				       .generation = get_le64(t->c.item + ROOT_GENERATION),
				       .level = t->c.item[ROOT_LEVEL] };
	*out = t->n++;
	return 1;
}

static int read_inode(struct btrfs_tree *t, size_t volume, uint64_t number, struct path_node *out, struct error *err)
{
	int rc;
	uint32_t mode;

	if (number > NUMBER_MASK)
		return error_set(err, ERR_UNSUPPORTED, "inode %" PRIu64 ": above 2^48", number);
	rc = btrfs_seek_upto(&t->c, &t->v[volume].root, (struct btrfs_key){ number, BTRFS_INODE_ITEM, 0 }, err);
	if (rc < 0)
		return -1;
	if (rc == 0 || t->c.key.object != number || t->c.key.type != BTRFS_INODE_ITEM || t->c.len < INODE_LEN)
		return error_set(err, ERR_CORRUPT, "subvolume %" PRIu64 ": inode %" PRIu64 " is not there",
				 t->v[volume].tree, number);
	mode = get_le32(t->c.item + INODE_MODE);
	*out = (struct path_node){ .id = (uint64_t)volume << NUMBER_BITS | number,
				   .kind = PATH_OTHER,
				   .size = get_le64(t->c.item + INODE_SIZE),
				   .off = volume_on_disk(t->b.v, btrfs_item_place(&t->c, 0)) };
	if (S_ISREG(mode))
		out->kind = PATH_FILE;
	else if (S_ISDIR(mode))
		out->kind = PATH_FOLDER;
	else if (S_ISLNK(mode))
		out->kind = PATH_LINK;
	if (out->size > INT64_MAX)
		return error_set(err, ERR_CORRUPT, "inode %" PRIu64 ": %" PRIu64 " bytes", number, out->size);
	return 0;
}

/* One of the entries that an item holds, of p: how long is it, with its name and data?  0: it does not fit. */
static uint32_t entry_len(const uint8_t *p, uint32_t left)
{
	uint32_t len;

	if (left < DIR_NAME)
		return 0;
	len = DIR_NAME + get_le16(p + DIR_NAME_LEN) + (uint32_t)get_le16(p + DIR_DATA_LEN);
	return get_le16(p + DIR_NAME_LEN) > 0 && get_le16(p + DIR_NAME_LEN) <= 255 && len <= left ? len : 0;
}

static int bad_entry(uint64_t folder, struct error *err)
{
	return error_set(err, ERR_CORRUPT, "folder %" PRIu64 ": an entry that does not fit its item", folder);
}

/* The key that an entry has for a name.  1, 0, -1. */
static int find_entry(struct btrfs_tree *t, const struct btrfs_root *root, uint64_t folder, const char *name,
		      size_t len, struct btrfs_key *out, struct error *err)
{
	struct btrfs_key key = { folder, BTRFS_DIR_ITEM, name_hash(name, len) };
	int rc = btrfs_seek_upto(&t->c, root, key, err);

	if (rc < 0)
		return -1;
	if (rc == 0 || btrfs_key_compare(&t->c.key, &key) != 0)
		return 0;
	for (uint32_t at = 0; at < t->c.len;) {
		const uint8_t *p = t->c.item + at;
		uint32_t n = entry_len(p, t->c.len - at);

		if (n == 0)
			return bad_entry(folder, err);
		if (get_le16(p + DIR_NAME_LEN) == len && memcmp(p + DIR_NAME, name, len) == 0) {
			*out = btrfs_key_get(p);
			return 1;
		}
		at += n;
	}
	return 0;
}

static int btrfs_lookup(void *ctx, uint64_t folder, const char *name, size_t len, struct path_node *out,
			struct error *err)
{
	struct btrfs_tree *t = ctx;
	size_t volume = (size_t)(folder >> NUMBER_BITS);
	struct btrfs_key key = { 0 };
	int rc = find_entry(t, &t->v[volume].root, folder & NUMBER_MASK, name, len, &key, err);

	if (rc <= 0)
		return rc;
	if (key.type == BTRFS_INODE_ITEM)
		return read_inode(t, volume, key.object, out, err) < 0 ? -1 : 1;
	if (key.type != BTRFS_ROOT_ITEM)
		return error_set(err, ERR_CORRUPT, "folder %" PRIu64 ": an entry for a key of type %u",
				 folder & NUMBER_MASK, key.type);
	rc = subvolume_of(t, key.object, &volume, err);
	if (rc <= 0)
		return rc;
	return read_inode(t, volume, t->v[volume].folder, out, err) < 0 ? -1 : 1;
}

static int btrfs_read_link(void *ctx, const struct path_node *link, char out[PATH_LINK_MAX + 1], struct error *err)
{
	struct btrfs_tree *t = ctx;
	size_t len = (size_t)link->size;

	if (link->size == 0 || link->size > PATH_LINK_MAX)
		return error_set(err, ERR_CORRUPT, "link %" PRIu64 ": %" PRIu64 " bytes", link->id & NUMBER_MASK,
				 link->size);
	if (btrfs_file_read(&t->c, &t->v[link->id >> NUMBER_BITS].root, link->id & NUMBER_MASK, out, len, 0, err) < 0)
		return -1;
	if (memchr(out, '\0', len))
		return error_set(err, ERR_CORRUPT, "link %" PRIu64 ": a zero in its target", link->id & NUMBER_MASK);
	out[len] = '\0';
	return 0;
}

static const struct path_ops btrfs_path_ops = { .lookup = btrfs_lookup, .read_link = btrfs_read_link };

static int open_default(struct btrfs_tree *t, struct error *err)
{
	struct btrfs_key key = { .object = BTRFS_FS_TREE, .type = BTRFS_ROOT_ITEM };
	size_t volume;
	int rc = find_entry(t, &t->b.roots, t->b.root_folder, "default", 7, &key, err);

	if (rc < 0)
		return -1;
	rc = subvolume_of(t, key.object, &volume, err);
	if (rc < 0)
		return -1;
	if (rc == 0 || key.type != BTRFS_ROOT_ITEM)
		return error_set(err, ERR_CORRUPT, "the default subvolume %" PRIu64 " is not there", key.object);
	if (read_inode(t, volume, t->v[volume].folder, &t->root, err) < 0)
		return -1;
	return t->root.kind == PATH_FOLDER
		       ? 0
		       : error_set(err, ERR_CORRUPT, "the root of subvolume %" PRIu64 " is no folder", key.object);
}

/* Is there a folder of this path, from `root` on? */
static int has_folder(struct btrfs_tree *t, const struct path_node *root, const char *path, struct path_node *out,
		      struct error *err)
{
	int rc = path_walk(&btrfs_path_ops, t, root, path, out, err);

	return rc > 0 ? out->kind == PATH_FOLDER : rc;
}

static int choose_root(struct btrfs_tree *t, struct error *err)
{
	static const char *const names[] = { "@", "root", "@rootfs", "@/.snapshots/1/snapshot" };
	struct path_node root, etc;
	int rc = has_folder(t, &t->root, "etc", &etc, err);

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(names); i++) {
		rc = has_folder(t, &t->root, names[i], &root, err);
		if (rc > 0)
			rc = has_folder(t, &root, "etc", &etc, err);
		if (rc > 0) {
			size_t n = strlen(t->b.v->name);

			t->root = root;
			snprintf(t->b.v->name + n, sizeof(t->b.v->name) - n, ", subvolume %s", names[i]);
		}
	}
	return rc < 0 ? -1 : 0;
}

static int btrfs_tree_open(struct volume *v, void **out, struct error *err)
{
	CLEANUP(cleanup_btrfs_tree) struct btrfs_tree *t = calloc(1, sizeof(*t));

	if (!t)
		return error_errno(err, ENOMEM, "Btrfs");
	if (btrfs_init(&t->b, v, err) < 0 || btrfs_cursor_init(&t->c, &t->b, err) < 0 || open_default(t, err) < 0 ||
	    choose_root(t, err) < 0)
		return -1;
	*out = steal_ptr(&t);
	return 0;
}

static int btrfs_find(void *ctx, const char *path, struct tree_node *out, struct error *err)
{
	struct btrfs_tree *t = ctx;
	uint64_t off;
	int rc = path_find(&btrfs_path_ops, t, &t->root, path, out, err);

	if (rc > 0 && !out->folder &&
	    btrfs_file_place(&t->c, &t->v[out->id >> NUMBER_BITS].root, out->id & NUMBER_MASK, &off))
		out->off = volume_on_disk(t->b.v, off);
	return rc;
}

static int btrfs_read(void *ctx, const struct tree_node *n, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct btrfs_tree *t = ctx;

	return btrfs_file_read(&t->c, &t->v[n->id >> NUMBER_BITS].root, n->id & NUMBER_MASK, buf, len, off, err);
}

static int btrfs_list(void *ctx, const struct tree_node *n, tree_entry_fn fn, void *fn_ctx, struct error *err)
{
	CLEANUP(cleanup_btrfs_cursor) struct btrfs_cursor c = { 0 };
	struct btrfs_tree *t = ctx;
	uint64_t folder = n->id & NUMBER_MASK;
	unsigned entries = 0;
	int rc;

	if (btrfs_cursor_init(&c, &t->b, err) < 0)
		return -1;
	rc = btrfs_seek_from(&c, &t->v[n->id >> NUMBER_BITS].root, (struct btrfs_key){ folder, BTRFS_DIR_INDEX, 0 },
			     err);
	for (; rc > 0 && c.key.object == folder && c.key.type == BTRFS_DIR_INDEX; rc = btrfs_next(&c, err)) {
		char name[256];
		size_t len;

		if (entry_len(c.item, c.len) != c.len)
			return bad_entry(folder, err);
		len = get_le16(c.item + DIR_NAME_LEN);
		if (memchr(c.item + DIR_NAME, '/', len) || memchr(c.item + DIR_NAME, '\0', len))
			return bad_entry(folder, err);
		if (++entries > TREE_ENTRIES_MAX)
			return error_set(err, ERR_UNSUPPORTED, "more than %d entries", TREE_ENTRIES_MAX);
		memcpy(name, c.item + DIR_NAME, len);
		name[len] = '\0';
		if (fn(fn_ctx, name, err) < 0)
			return -1;
	}
	return rc < 0 ? -1 : 0;
}

const struct tree_ops tree_btrfs_ops = {
	.name = "btrfs",
	.open = btrfs_tree_open,
	.close = btrfs_tree_close,
	.find = btrfs_find,
	.read = btrfs_read,
	.list = btrfs_list,
};
