/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ops_private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"

static void refresh(const struct mount *m, struct node *dir)
{
	struct error err = ERROR_INIT;

	if (tree_refresh(m->tree, dir, &err) < 0)
		log_warn("mount", "%s", err.msg);
}

static int find_entry(const struct mount *m, struct node *dir, const char *name, struct stat *st)
{
	enum file_id id = node_shows_disk(dir) ? file_id_of_name(name) : FILE_NONE;
	struct node *n;

	if (id != FILE_NONE)
		return ops_stat_file(m, dir, id, st);
	n = tree_child(m->tree, dir, name);
	if (!n) {
		refresh(m, dir);
		n = tree_child(m->tree, dir, name);
	}
	if (!n)
		return ENOENT;
	ops_fill_folder(m, n, st);
	return 0;
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct mount *m = mount_of(req);
	struct fuse_entry_param e = { .attr_timeout = ATTR_SECONDS, .entry_timeout = ATTR_SECONDS };
	enum file_id id;
	struct node *dir = tree_node(m->tree, parent, &id);
	int rc = !dir ? ENOENT : id != FILE_NONE ? ENOTDIR : find_entry(m, dir, name, &e.attr);

	e.ino = e.attr.st_ino;
	if (rc)
		fuse_reply_err(req, rc);
	else
		fuse_reply_entry(req, &e);
}

/* Nodes live as long as the mount: nothing to forget. */
void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	(void)ino;
	(void)nlookup;
	fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	(void)count;
	(void)forgets;
	fuse_reply_none(req);
}

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct mount *m = mount_of(req);
	enum file_id id;
	struct node *dir = tree_node(m->tree, ino, &id);

	if (!dir || id != FILE_NONE) {
		fuse_reply_err(req, dir ? ENOTDIR : ENOENT);
		return;
	}
	refresh(m, dir);
	fuse_reply_open(req, fi);
}

/*
 * Entry `at` of a folder: 0 and 1 are "." and "..", 2 to FILE_IDS the disk's files, what follows the children.  False
 * behind the last; name NULL: nothing to show at this place.
 */
static bool entry_at(const struct mount *m, struct node *dir, uint64_t at, const char **name, struct stat *st)
{
	struct node *child;
	bool gone;

	*name = NULL;
	if (at < 2) {
		ops_fill_folder(m, dir, st);
		st->st_ino = at ? node_parent_inode(dir) : st->st_ino;
		*name = at ? ".." : ".";
	} else if (at <= FILE_IDS) {
		if (node_shows_disk(dir) && ops_stat_file(m, dir, (enum file_id)(at - 1), st) == 0)
			*name = file_name((enum file_id)(at - 1));
	} else {
		child = tree_child_at(m->tree, dir, (size_t)(at - FILE_IDS - 1), &gone);
		if (!child)
			return false;
		if (gone || (node_shows_disk(dir) && file_id_of_name(node_name(child)) != FILE_NONE))
			return true;
		ops_fill_folder(m, child, st);
		*name = node_name(child);
	}
	return true;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	const struct mount *m = mount_of(req);
	struct fuse_entry_param e = { .attr_timeout = ATTR_SECONDS, .entry_timeout = ATTR_SECONDS };
	enum file_id id;
	struct node *dir = tree_node(m->tree, ino, &id);
	CLEANUP_FREE char *buf = malloc(size);
	size_t used = 0, n;
	const char *name;

	if (!dir || !buf) {
		fuse_reply_err(req, dir ? ENOMEM : ENOENT);
		return;
	}
	for (uint64_t at = (uint64_t)off; entry_at(m, dir, at, &name, &e.attr); at++) {
		if (!name)
			continue;
		e.ino = at < 2 ? 0 : e.attr.st_ino; /* 0: "." and ".." are no lookups */
		n = plus ? fuse_add_direntry_plus(req, buf + used, size - used, name, &e, (off_t)at + 1)
			 : fuse_add_direntry(req, buf + used, size - used, name, &e.attr, (off_t)at + 1);
		if (n > size - used)
			break;
		used += n;
	}
	fuse_reply_buf(req, buf, used);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, true);
}
