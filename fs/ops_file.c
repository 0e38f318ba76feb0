/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open file whose image is written to reads on through the tables as they are now.  One whose image was replaced by
 * another reads on in the old one; the kernel's cache belongs to the inode, so whoever opens the new one meanwhile goes past
 * the cache.
 */
#include <config.h>

#include "ops_private.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "lent.h"

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
/* ---- operations ---- */

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
		h->text = ops_error_text(&err, &h->text_len);
		return h->text ? 0 : ENOMEM;
	}
	h->kind = file_kind(id);
	if (!h->view || (h->kind->text && open_text(h, &err) < 0)) {
		log_warn("mount", "%s/%s: %s", node_label(n), h->kind->name, err.msg);
		return error_to_errno(&err);
	}
	return 0;
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
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

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
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

/* What a file that was written to since it was opened has become, or NULL: noted and logged. */
static struct view *view_anew(fuse_req_t req, const struct handle *h)
{
	const struct mount *m = mount_of(req);
	CLEANUP(cleanup_view) struct view *v = NULL;
	struct error err = ERROR_INIT;
	enum file_id id;

	v = tree_view(m->tree, tree_node(m->tree, h->inode, &id), &err);
	if (v && view_is_same_disk(v, h->view))
		return steal_ptr(&v);
	if (v)
		error_set(&err, ERR_CHANGED, "written to since it was opened, and now another disk or of another size");
	if (view_note_failure(h->view, 0, h->view->size, &err))
		log_warn("mount", "%s/%s: no reading on in an open file: %s", h->view->label, h->kind->name, err.msg);
	return NULL;
}

/*
 * What an open file, which the caller holds, reads from at this moment: what was opened, which lives as long, or else
 * *anew_out, a reference of the caller's.  NULL: noted and logged.
 */
static struct view *view_of_handle(fuse_req_t req, const struct handle *h, struct view **anew_out)
{
	if (view_tables_hold(h->view))
		return h->view;
	*anew_out = view_anew(req, h);
	return *anew_out;
}

/* Below this two copies cost less than the pages' way through two pipes. */
#define LEND_MIN ((size_t)64 << 10)

/* Answers with the pages of the host's cache.  False: not answered. */
static bool reply_lent(fuse_req_t req, const struct file_kind *kind, struct view *v, size_t len, uint64_t off)
{
	struct fuse_bufvec pages = FUSE_BUFVEC_INIT(len);
	struct disk_place at;

	if (!kind->place || len < LEND_MIN || len > LENT_MAX || !kind->place(v, len, off, &at))
		return false;
	pages.buf[0].fd = lent_take(at.fd, len, at.off);
	if (pages.buf[0].fd < 0)
		return false;
	pages.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_RETRY;
	if (fuse_reply_data(req, &pages, 0) != 0)
		lent_drop(); /* nobody waits for it any more; some of it may still be there */
	return true;
}

static void read_kind(fuse_req_t req, const struct handle *h, size_t len, uint64_t off)
{
	const struct file_stop stop = { .asked = interrupted, .ctx = req };
	CLEANUP(cleanup_view) struct view *anew = NULL;
	struct view *v = view_of_handle(req, h, &anew);
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
	if (reply_lent(req, h->kind, v, len, off))
		return;
	if (len > 0 && h->kind->read(v, buf, len, off, &stop, &err) < 0)
		fuse_reply_err(req, err.code == ERR_CANCELLED ? EINTR : err.code == ERR_NOMEM ? ENOMEM : EIO);
	else
		fuse_reply_buf(req, buf, len);
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t off, struct fuse_file_info *fi)
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

void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	const struct handle *h = handle_of(fi);
	CLEANUP(cleanup_view) struct view *anew = NULL;
	struct error err = ERROR_INIT;
	struct view *v;
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
	v = view_of_handle(req, h, &anew);
	if (!v)
		fuse_reply_err(req, EIO);
	else if (file_seek(v, h->kind, (uint64_t)off, whence == SEEK_HOLE, &found, &err) < 0)
		fuse_reply_err(req, err.code == ERR_SYSTEM && err.detail == ENXIO ? ENXIO : EIO);
	else
		fuse_reply_lseek(req, (off_t)found);
}
void op_destroy(void *userdata)
{
	struct mount *m = userdata;
	struct handle *h;

	while (m->open) {
		h = m->open;
		forget_handle(m, h);
		handle_put(h);
	}
}
