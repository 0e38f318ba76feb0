/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation answers exactly once.  A read that fails is EIO for the whole request, never a short answer, which the
 * kernel would take for the end of the file; its reason was logged where it is known.
 *
 * A file's attributes hold for a second; then its image is looked at again, and if it changed, size and time change and
 * with them what the kernel has cached (FUSE_CAP_AUTO_INVAL_DATA).
 *
 * An open file whose image is written to reads on through the tables as they are now.  One whose image was replaced by
 * another reads on in the old one; the kernel's cache belongs to the inode, so whoever opens the new one meanwhile goes past
 * the cache.
 */
#include <config.h>

#include "ops.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/log.h"

#define ATTR_SECONDS 1.0
#define NAME_MAX_SHOWN 255

/*
 * An open file; lives in fi->fh.  Counted: a release can be answered while the thread whose reply let it come is still on its
 * way back from sending the text.
 */
struct handle {
	atomic_uint more_refs; /* besides that of the open file */
	fuse_ino_t inode;
	struct view *view;            /* NULL: `error` */
	const struct file_kind *kind; /* NULL: `error` */
	char *text;                   /* of small files, made when opened */
	size_t text_len;
	struct handle *next, *prev; /* in the mount's list */
};

static void handle_put(struct handle *h)
{
	if (atomic_fetch_sub(&h->more_refs, 1) != 0)
		return;
	view_put(h->view);
	free(h->text);
	free(h);
}
DEFINE_CLEANUP(cleanup_handle, struct handle *, handle_put);

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

static struct mount *mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static void remember_handle(struct mount *m, struct handle *h)
{
	LOCK_SCOPE(&m->lock);
	h->next = m->open;
	if (h->next)
		h->next->prev = h;
	m->open = h;
}

/* Does anybody have another disk open under this inode? */
static bool is_mixed(struct mount *m, const struct handle *h)
{
	LOCK_SCOPE(&m->lock);
	for (const struct handle *o = m->open; o; o = o->next)
		if (o->inode == h->inode && o->view && !view_is_same_disk(h->view, o->view))
			return true;
	return false;
}

static void forget_handle(struct mount *m, struct handle *h)
{
	LOCK_SCOPE(&m->lock);
	*(h->prev ? &h->prev->next : &m->open) = h->next;
	if (h->next)
		h->next->prev = h->prev;
}

/* ---- attributes ---- */

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

static void fill_folder(const struct mount *m, const struct node *n, struct stat *st)
{
	fill_owner(m, st, node_inode(n, FILE_NONE), S_IFDIR | 0555);
}

/* `error`: one line. */
static char *error_text(const struct error *why, size_t *len_out)
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

/*
 * The file `id` of a node, if the disk opens, or else `error`; ENOENT is the other way round.  Trouble that says nothing
 * about the image (no memory, no descriptors) is itself, so that a disk does not seem broken.  Gives an errno.
 */
static int stat_file(const struct mount *m, struct node *n, enum file_id id, struct stat *st)
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
	free(error_text(&err, &len));
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
		return stat_file(m, n, id, st);
	fill_folder(m, n, st);
	return 0;
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;
	int rc = stat_inode(mount_of(req), ino, &st);

	(void)fi;
	if (rc)
		fuse_reply_err(req, rc);
	else
		fuse_reply_attr(req, &st, ATTR_SECONDS);
}

/* ---- folders ---- */

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
		return stat_file(m, dir, id, st);
	n = tree_child(m->tree, dir, name);
	if (!n) {
		refresh(m, dir);
		n = tree_child(m->tree, dir, name);
	}
	if (!n)
		return ENOENT;
	fill_folder(m, n, st);
	return 0;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
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
static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	(void)ino;
	(void)nlookup;
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	(void)count;
	(void)forgets;
	fuse_reply_none(req);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
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
		fill_folder(m, dir, st);
		st->st_ino = at ? node_parent_inode(dir) : st->st_ino;
		*name = at ? ".." : ".";
	} else if (at <= FILE_IDS) {
		if (node_shows_disk(dir) && stat_file(m, dir, (enum file_id)(at - 1), st) == 0)
			*name = file_name((enum file_id)(at - 1));
	} else {
		child = tree_child_at(m->tree, dir, (size_t)(at - FILE_IDS - 1), &gone);
		if (!child)
			return false;
		if (gone || (node_shows_disk(dir) && file_id_of_name(node_name(child)) != FILE_NONE))
			return true;
		fill_folder(m, child, st);
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

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, true);
}

/* ---- files ---- */

static int open_text(struct handle *h, struct error *err)
{
	h->text = h->kind->text(h->view, err);
	if (!h->text)
		return -1;
	h->text_len = strlen(h->text);
	return 0;
}

/* Gives an errno. */
static int open_handle(const struct mount *m, struct node *n, enum file_id id, struct handle *h)
{
	struct error err = ERROR_INIT;

	h->view = tree_view(m->tree, n, &err);
	if (id == FILE_ERROR) {
		if (h->view)
			return ENOENT;
		h->text = error_text(&err, &h->text_len);
		return h->text ? 0 : ENOMEM;
	}
	h->kind = file_kind(id);
	if (!h->view || (h->kind->text && open_text(h, &err) < 0)) {
		log_warn("mount", "%s/%s: %s", node_label(n), h->kind->name, err.msg);
		return error_to_errno(&err);
	}
	return 0;
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	CLEANUP(cleanup_handle) struct handle *h = NULL;
	enum file_id id;
	struct node *n = tree_node(m->tree, ino, &id);
	int rc;

	if (!n || id == FILE_NONE) {
		fuse_reply_err(req, n ? EISDIR : ENOENT);
		return;
	}
	if ((fi->flags & O_ACCMODE) != O_RDONLY) {
		fuse_reply_err(req, EROFS);
		return;
	}
	h = calloc(1, sizeof(*h));
	rc = h ? open_handle(m, n, id, h) : ENOMEM;
	if (rc) {
		fuse_reply_err(req, rc);
		return;
	}
	h->inode = ino;
	fi->fh = (uintptr_t)h;
	remember_handle(m, h); /* before the answer: release() may come at once, on another thread */
	fi->direct_io = !h->kind || h->kind->uncached;
	if (!fi->direct_io && is_mixed(m, h)) {
		tree_forget_content(n, id);
		fi->direct_io = 1;
	}
	fi->keep_cache = !fi->direct_io && tree_same_content(n, id, h->view);
	if (fuse_reply_open(req, fi) == 0)
		h = NULL;
	else
		forget_handle(m, h); /* the caller was interrupted: no release() */
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	forget_handle(mount_of(req), handle_of(fi));
	handle_put(handle_of(fi));
	fuse_reply_err(req, 0);
}

static bool interrupted(void *ctx)
{
	return fuse_req_interrupted(ctx);
}

/* Each thread of the loop has a buffer of its own, so that a read allocates nothing. */
static pthread_key_t buffer_key;
static pthread_once_t buffer_once = PTHREAD_ONCE_INIT;
static bool buffer_key_made;

static void make_buffer_key(void)
{
	buffer_key_made = pthread_key_create(&buffer_key, free) == 0;
}

static void *thread_buffer(void)
{
	void *buf;

	pthread_once(&buffer_once, make_buffer_key);
	if (!buffer_key_made)
		return NULL;
	buf = pthread_getspecific(buffer_key);
	if (buf || posix_memalign(&buf, 4096, MOUNT_READ_MAX) != 0)
		return buf;
	if (pthread_setspecific(buffer_key, buf) == 0)
		return buf;
	free(buf);
	return NULL;
}

/* What an open file reads from at this moment: what was opened, or what that has become.  NULL: noted and logged. */
static struct view *view_of_handle(fuse_req_t req, const struct handle *h)
{
	const struct mount *m = mount_of(req);
	CLEANUP(cleanup_view) struct view *v = NULL;
	struct error err = ERROR_INIT;
	enum file_id id;

	if (view_tables_hold(h->view))
		return view_get(h->view);
	v = tree_view(m->tree, tree_node(m->tree, h->inode, &id), &err);
	if (v && view_is_same_disk(v, h->view))
		return steal_ptr(&v);
	if (v)
		error_set(&err, ERR_CHANGED, "written to since it was opened, and now another disk or of another size");
	if (view_note_failure(h->view, 0, h->view->size, &err))
		log_warn("mount", "%s/%s: no reading on in an open file: %s", h->view->label, h->kind->name, err.msg);
	return NULL;
}

static void read_kind(fuse_req_t req, const struct handle *h, size_t len, uint64_t off)
{
	const struct file_stop stop = { .asked = interrupted, .ctx = req };
	CLEANUP(cleanup_view) struct view *v = view_of_handle(req, h);
	struct error err = ERROR_INIT;
	void *buf = thread_buffer();
	uint64_t size;

	if (!v || !buf) {
		fuse_reply_err(req, v ? ENOMEM : EIO);
		return;
	}
	size = h->kind->size(v);
	if (off >= size)
		len = 0;
	else if (len > size - off)
		len = (size_t)(size - off);
	if (len > MOUNT_READ_MAX) {
		fuse_reply_err(req, EIO); /* more than the kernel was told to ask for */
		return;
	}
	if (len > 0 && h->kind->read(v, buf, len, off, &stop, &err) < 0)
		fuse_reply_err(req, err.code == ERR_CANCELLED ? EINTR : err.code == ERR_NOMEM ? ENOMEM : EIO);
	else
		fuse_reply_buf(req, buf, len);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t off, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);

	(void)ino;
	atomic_fetch_add(&h->more_refs, 1);
	if (!h->text)
		read_kind(req, h, len, (uint64_t)off);
	else if ((uint64_t)off >= h->text_len)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, h->text + off, len < h->text_len - (size_t)off ? len : h->text_len - (size_t)off);
	handle_put(h);
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	const struct handle *h = handle_of(fi);
	CLEANUP(cleanup_view) struct view *v = NULL;
	struct error err = ERROR_INIT;
	uint64_t found;

	(void)ino;
	if ((whence != SEEK_DATA && whence != SEEK_HOLE) || off < 0) {
		fuse_reply_err(req, off < 0 ? ENXIO : EINVAL);
		return;
	}
	if (h->text) {
		if ((uint64_t)off >= h->text_len)
			fuse_reply_err(req, ENXIO);
		else
			fuse_reply_lseek(req, whence == SEEK_DATA ? off : (off_t)h->text_len);
		return;
	}
	v = view_of_handle(req, h);
	if (!v)
		fuse_reply_err(req, EIO);
	else if (file_seek(v, h->kind, (uint64_t)off, whence == SEEK_HOLE, &found, &err) < 0)
		fuse_reply_err(req, err.code == ERR_SYSTEM && err.detail == ENXIO ? ENXIO : EIO);
	else
		fuse_reply_lseek(req, (off_t)found);
}

/* ---- the rest ---- */

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

	conn->max_read = MOUNT_READ_MAX;
	conn->max_readahead = MOUNT_READ_MAX;
	conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	conn->want |= conn->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_AUTO_INVAL_DATA);
	if (m->ready)
		m->ready(m);
}

static void op_destroy(void *userdata)
{
	struct mount *m = userdata;
	struct handle *h;

	while (m->open) {
		h = m->open;
		forget_handle(m, h);
		handle_put(h);
	}
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
