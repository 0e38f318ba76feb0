/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file's attributes hold for a second; then its image is looked at again, and if it changed, size and time change and
 * with them what the kernel has cached (FUSE_CAP_AUTO_INVAL_DATA).
 */
#include <config.h>

#include "ops_private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static void fill_owner(const struct mount *m, struct stat *st, uint64_t inode, mode_t mode)
{
	*st = (struct stat){
		.st_ino = inode,
		.st_mode = mode & ~m->umask,
		.st_nlink = S_ISDIR(mode) ? 2 : 1,
		.st_uid = m->uid,
		.st_gid = m->gid,
		.st_blksize = 65536,
		.st_mtim = m->mounted_at,
		.st_ctim = m->mounted_at,
		.st_atim = m->mounted_at,
	};
}

void ops_fill_folder(const struct mount *m, const struct node *n, struct stat *st)
{
	fill_owner(m, st, node_inode(n, FILE_NONE), S_IFDIR | 0555);
}

char *ops_error_text(const struct error *why, size_t *len_out)
{
	char *text = malloc(sizeof(why->msg) + 1);

	if (text)
		*len_out = (size_t)snprintf(text, sizeof(why->msg) + 1, "%s\n", why->msg);
	return text;
}

static int file_size(struct view *v, const struct file_kind *kind, uint64_t *out, struct error *err)
{
	CLEANUP_FREE char *text = NULL;

	if (kind->size) {
		*out = kind->size(v);
		return 0;
	}
	text = kind->text(v, err);
	if (!text)
		return -1;
	*out = strlen(text);
	return 0;
}

static int fill_file(const struct mount *m, const struct node *n, struct view *v, enum file_id id, struct stat *st,
		     struct error *err)
{
	uint64_t size;

	if (file_size(v, file_kind(id), &size, err) < 0)
		return -1;
	fill_owner(m, st, node_inode(n, id), S_IFREG | 0444);
	st->st_size = (off_t)size;
	if (v->mtime_ns > 0) {
		st->st_mtim.tv_sec = v->mtime_ns / 1000000000;
		st->st_mtim.tv_nsec = v->mtime_ns % 1000000000;
		st->st_ctim = st->st_mtim;
		st->st_atim = st->st_mtim;
	}
	if (id == FILE_RAW || id == FILE_VHD) /* less than the size tells copying programs to ask for holes */
		size = v->allocated < size ? v->allocated : size;
	st->st_blocks = (blkcnt_t)(size / 512 + (size % 512 != 0));
	return 0;
}

int ops_stat_file(const struct mount *m, struct node *n, enum file_id id, struct stat *st)
{
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_view) struct view *v = tree_view(m->tree, n, &err);
	size_t len = 0;

	if (v && id == FILE_ERROR)
		return ENOENT;
	if (v)
		return fill_file(m, n, v, id, st, &err) < 0 ? error_to_errno(&err) : 0;
	if (err.code == ERR_NOMEM || (err.code == ERR_SYSTEM && (err.detail == EMFILE || err.detail == ENFILE)))
		return error_to_errno(&err);
	if (id != FILE_ERROR)
		return ENOENT;
	free(ops_error_text(&err, &len));
	fill_owner(m, st, node_inode(n, id), S_IFREG | 0444);
	st->st_size = (off_t)len;
	return 0;
}

static int stat_inode(const struct mount *m, fuse_ino_t ino, struct stat *st)
{
	enum file_id id;
	struct node *n = tree_node(m->tree, ino, &id);

	if (!n)
		return ENOENT;
	if (id != FILE_NONE)
		return ops_stat_file(m, n, id, st);
	ops_fill_folder(m, n, st);
	return 0;
}

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;
	int rc = stat_inode(mount_of(req), ino, &st);

	(void)fi;
	if (rc)
		fuse_reply_err(req, rc);
	else
		fuse_reply_attr(req, &st, ATTR_SECONDS);
}
