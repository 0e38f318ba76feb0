/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's file system as a tree of files, read-only and never mounted: ext2 to ext4 by libext2fs, FAT, NTFS, XFS and Btrfs by
 * readers of our own.  Nothing of it is executed or written, and nothing outside its volume is opened.
 *
 * A file system that was not unmounted is read as it lies there: no journal is replayed, so a file may be as it was before the
 * guest's last changes.  Damage is an error of what is asked for.  One thread a tree.
 */
#ifndef LIFTFS_GUEST_TREE_H
#define LIFTFS_GUEST_TREE_H

#include "guest/volume.h"

#define TREE_ENTRIES_MAX 65536 /* of a folder; what comes after is not seen, and said */

struct tree_node {
	uint64_t id;   /* inode, MFT record or first cluster */
	uint64_t size; /* bytes; 0 of a folder */
	uint64_t off;  /* byte on the disk: where its content begins, or what describes it */
	bool folder;
};

typedef int (*tree_entry_fn)(void *ctx, const char *name, struct error *err);

struct tree_ops {
	const char *name; /* "ext" */
	int (*open)(struct volume *v, void **out, struct error *err);
	void (*close)(void *ctx);
	int (*find)(void *ctx, const char *path, struct tree_node *out, struct error *err);
	int (*read)(void *ctx, const struct tree_node *n, void *buf, size_t len, uint64_t off, struct error *err);
	int (*list)(void *ctx, const struct tree_node *n, tree_entry_fn fn, void *fn_ctx, struct error *err); /* or NULL */
};
extern const struct tree_ops tree_ext_ops, tree_fat_ops, tree_ntfs_ops, tree_xfs_ops, tree_btrfs_ops;

struct tree {
	const struct tree_ops *ops;
	struct volume *v;
	void *ctx;
};

/* By the name that libblkid has for a file system; 0 with t->ops NULL if there is no reader for it. */
int tree_open(struct tree *t, struct volume *v, const char *fs, struct error *err) MUST_CHECK;
void tree_close(struct tree *t);
static inline void cleanup_tree(struct tree *t)
{
	tree_close(t);
}

/* "etc/os-release", without a leading '/'; "" is the root.  1 found, 0 not there, -1.  FAT and NTFS ignore case. */
int tree_find(struct tree *t, const char *path, struct tree_node *out, struct error *err) MUST_CHECK;
/* Exactly len bytes, which lie within the file. */
int tree_read(struct tree *t, const struct tree_node *n, void *buf, size_t len, uint64_t off, struct error *err) MUST_CHECK;
/* Each entry but "." and ".."; stops when fn fails.  Not of NTFS: ERR_UNSUPPORTED. */
int tree_list(struct tree *t, const struct tree_node *n, tree_entry_fn fn, void *fn_ctx, struct error *err) MUST_CHECK;

/* A small text, NUL-terminated, at most max bytes of it, which the caller frees: *out NULL and 0 if there is no such file. */
int tree_text(struct tree *t, const char *path, size_t max, char **out, uint64_t *off_out, struct error *err) MUST_CHECK;

/* Does name match `pattern` in ASCII without case?  For readers whose file system has no case. */
bool tree_same_name(const char *a, const char *b, size_t b_len);

#endif
