/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the mount shows: folders, and disks in them, as nodes with inode numbers.
 *
 * A node that shows a disk is a folder with the disk's files (or with `error`).  Its disk is opened when somebody first
 * looks inside, and stays open while it is among the TREE_POOL most lately used or a file of it is open.  Nodes are made
 * before the mount begins and, for recovery points, while it runs; none is ever freed before the tree is.
 *
 * Inodes: node index * 8 + file + 1, file 0 the folder itself; the root is 1.
 *
 * Threads: tree_new and tree_free alone; the rest from any number of threads.
 */
#ifndef LIFTFS_FS_TREE_H
#define LIFTFS_FS_TREE_H

#include "file.h"

#define TREE_POOL 256 /* disks kept open; each takes a descriptor a file and up to 16 MiB of tables */

struct tree;
struct node;

/*
 * Where a node's disk comes from.  open gives a view with one reference; list adds or refreshes the node's children
 * (tree_add, tree_listing_*).  Each is called by one thread at a time for a node.  Either may be NULL.
 */
struct node_source {
	struct view *(*open)(void *ctx, const char *label, struct error *err);
	int (*list)(void *ctx, struct tree *t, struct node *n, struct error *err);
	void (*free_ctx)(void *ctx);
};

struct tree *tree_new(struct error *err) MUST_CHECK;
void tree_free(struct tree *t); /* after the last view was given back; NULL is welcome */
DEFINE_CLEANUP(cleanup_tree, struct tree *, tree_free);

struct node *tree_root(struct tree *t);

/*
 * The child `name` of dir, made if it is not there.  An existing node that is a plain folder so far may get a source; two
 * sources for one name are ERR_BUG.  Takes over ctx, also on failure.  source NULL: a folder.
 */
struct node *tree_add(struct tree *t, struct node *dir, const char *name, const struct node_source *source, void *ctx,
		      struct error *err) MUST_CHECK;
/* The same for a path with '/'; "" is the root. */
struct node *tree_add_path(struct tree *t, const char *path, const struct node_source *source, void *ctx,
			   struct error *err) MUST_CHECK;

/*
 * What a source's list() calls around its tree_add()s: children that the new listing does not name are not shown from
 * its end on.  Keep: is there such a child, from an earlier listing or this one?  Then it is named now.  Has: did this
 * listing name it?
 */
void tree_listing_begin(struct tree *t, struct node *dir);
bool tree_listing_has(struct tree *t, struct node *dir, const char *name);
bool tree_listing_keep(struct tree *t, struct node *dir, const char *name);
void tree_listing_end(struct tree *t, struct node *dir);

uint64_t tree_count(struct tree *t); /* nodes */

/* ---- inodes ---- */
uint64_t node_inode(const struct node *n, enum file_id file);
/* NULL if there is no such inode. */
struct node *tree_node(struct tree *t, uint64_t inode, enum file_id *file_out);
bool node_shows_disk(const struct node *n);
const char *node_name(const struct node *n);
const char *node_label(const struct node *n); /* its path in the mount; "." for the root */
uint64_t node_parent_inode(const struct node *n);

/* Child by name, NULL if there is none. */
struct node *tree_child(struct tree *t, struct node *dir, const char *name);
/* The i-th child in the order in which they were made; *gone_out: not to be shown.  NULL behind the last. */
struct node *tree_child_at(struct tree *t, struct node *dir, size_t i, bool *gone_out);

/* Lets the source list the node's children anew, unless it did lately.  A failure leaves the old ones. */
int tree_refresh(struct tree *t, struct node *dir, struct error *err) MUST_CHECK;

/*
 * The node's disk, with one more reference: opened if it was not, or if what it was opened from has changed since.  A
 * failure is remembered for a second, so that a listing does not try again for each file.
 */
struct view *tree_view(struct tree *t, struct node *n, struct error *err) MUST_CHECK;

/*
 * To be asked when a file is opened: was it last opened with the same content, so that what the kernel has cached of it
 * still holds?
 */
bool tree_same_content(struct node *n, enum file_id id, const struct view *v);
void tree_forget_content(struct node *n, enum file_id id); /* the next opener's is another */

#endif
