/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ops_private.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#define NAME_MAX_SHOWN 255

/* The disk behind an inode, for its attributes; NULL with an errno. */
static struct view *view_of_inode(const struct mount *m, fuse_ino_t ino, int *errnum)
{
	struct error err = ERROR_INIT;
	enum file_id id;
	struct node *n = tree_node(m->tree, ino, &id);
	struct view *v = n && node_shows_disk(n) ? tree_view(m->tree, n, &err) : NULL;

	*errnum = n ? ENODATA : ENOENT;
	return v;
}

static void reply_bytes(fuse_req_t req, const char *bytes, size_t len, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, len);
	else if (size < len)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, bytes, len);
}

/* Others than ours are answered without a look at the disk: ls asks for security.* of everything it lists. */
static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	CLEANUP(cleanup_view) struct view *v = NULL;
	CLEANUP_FREE char *value = NULL;
	struct error err = ERROR_INIT;
	int rc = ENODATA;

	if (strncmp(name, XATTR_PREFIX, strlen(XATTR_PREFIX)) == 0)
		v = view_of_inode(mount_of(req), ino, &rc);
	if (!v) {
		fuse_reply_err(req, rc);
		return;
	}
	value = xattr_get(v, name, &err);
	if (!value)
		fuse_reply_err(req, error_to_errno(&err));
	else
		reply_bytes(req, value, strlen(value), size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	CLEANUP_FREE char *names = NULL;
	struct error err = ERROR_INIT;
	size_t len = 0;
	int rc;
	CLEANUP(cleanup_view) struct view *v = view_of_inode(mount_of(req), ino, &rc);

	if (v)
		names = xattr_list(v, &len, &err);
	if (v && !names)
		fuse_reply_err(req, error_to_errno(&err));
	else
		reply_bytes(req, names, len, size);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	const struct statvfs st = {
		.f_bsize = 4096,
		.f_frsize = 4096,
		.f_files = tree_count(mount_of(req)->tree),
		.f_namemax = NAME_MAX_SHOWN,
		.f_flag = ST_RDONLY,
	};

	(void)ino;
	fuse_reply_statfs(req, &st);
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct mount *m = userdata;

	conn->max_read = m->read_max;
	conn->max_readahead = MOUNT_READ_MAX;
	conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_MOVE); /* moved, a page would leave the image's cache */
	conn->want |= conn->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_AUTO_INVAL_DATA);
	if (m->ready)
		m->ready(m);
}

const struct fuse_lowlevel_ops mount_ops = {
	.init = op_init,
	.destroy = op_destroy,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.open = op_open,
	.read = op_read,
	.lseek = op_lseek,
	.release = op_release,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.statfs = op_statfs,
};
