/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path from folder to folder, through symbolic links: for readers that know how to look up one name.  ".." of the
 * root is the root, a link that begins with '/' begins there too.  One that leads nowhere or in circles is no file. One
 * thread.
 */
#ifndef LIFTFS_GUEST_PATH_WALK_H
#define LIFTFS_GUEST_PATH_WALK_H

#include "base/error.h"
#include "guest/tree.h"

#define PATH_LINK_MAX 4096   /* bytes of a link's target */
#define PATH_LINKS_MAX 40    /* on one way, as Linux has it */
#define PATH_FOLDERS_MAX 128 /* within each other */

enum path_kind { PATH_FILE, PATH_FOLDER, PATH_LINK, PATH_OTHER };

struct path_node {
	uint64_t id;
	enum path_kind kind;
	uint64_t size; /* bytes */
	uint64_t off;  /* byte on the disk */
};

struct path_ops {
	/* In a folder, a name that is neither "." nor "..": 1 found, 0 not there, -1. */
	int (*lookup)(void *ctx, uint64_t folder, const char *name, size_t len, struct path_node *out,
		      struct error *err);
	/* The target, of at most PATH_LINK_MAX bytes, NUL-terminated. */
	int (*read_link)(void *ctx, const struct path_node *link, char out[PATH_LINK_MAX + 1], struct error *err);
};

/* "etc/os-release", "" is the root: 1 a file or a folder, 0 not there or something else, -1. */
int path_walk(const struct path_ops *ops, void *ctx, const struct path_node *root, const char *path,
	      struct path_node *out, struct error *err) MUST_CHECK;

/* The same, as a tree's find wants it. */
int path_find(const struct path_ops *ops, void *ctx, const struct path_node *root, const char *path,
	      struct tree_node *out, struct error *err) MUST_CHECK;

#endif
