/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rooms of the operations share:
 *
 *   ops.c       extended attributes, the file system as a whole, and the table
 *   ops_attr.c  sizes and times
 *   ops_dir.c   folders and names
 *   ops_file.c  open files
 *
 * Every operation answers exactly once.  A read that fails is EIO for the whole request, never a short answer, which the
 * kernel would take for the end of the file; its reason was logged where it is known.
 */
#ifndef LIFTFS_FS_OPS_PRIVATE_H
#define LIFTFS_FS_OPS_PRIVATE_H

#include "ops.h"

#define ATTR_SECONDS 1.0

static inline struct mount *mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* ---- ops_attr.c ---- */

void ops_fill_folder(const struct mount *m, const struct node *n, struct stat *st);
/*
 * The file `id` of a node, if the disk opens, or else `error`; ENOENT is the other way round.  Trouble that says nothing
 * about the image (no memory, no descriptors) is itself, so that a disk does not seem broken.  Gives an errno.
 */
int ops_stat_file(const struct mount *m, struct node *n, enum file_id id, struct stat *st);

/* What the file `error` says: one line.  NULL without memory; the caller frees it. */
char *ops_error_text(const struct error *why, size_t *len_out);

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

/* ---- ops_dir.c ---- */

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup);
void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);

/* ---- ops_file.c ---- */

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t off, struct fuse_file_info *fi);
void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);
/* Of what is still open. */
void op_destroy(void *userdata);

#endif
