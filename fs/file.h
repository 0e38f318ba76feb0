/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that the mount shows of a disk: a table each.  What they hold is made when it is read.
 *
 * Threads: everything from any number of threads.
 */
#ifndef LIFTFS_FS_FILE_H
#define LIFTFS_FS_FILE_H

#include "base/extent.h"
#include "view.h"

/* Numbers are part of the inodes that NFS clients and users see: append only. */
enum file_id { FILE_NONE, FILE_RAW, FILE_VHD, FILE_BLOCKS, FILE_INFO, FILE_ERROR, FILE_IDS };

/* Asked between steps of long work: true ends it with ERR_CANCELLED.  NULL never does. */
struct file_stop {
	bool (*asked)(void *ctx);
	void *ctx;
};

struct file_kind {
	const char *name;
	bool uncached; /* what it says may change, or reading ahead is dear: each read comes here as it was asked */
	/*
	 * The text of a small file, made when it is opened; the caller frees it.  With it size, read and run are NULL.
	 */
	char *(*text)(struct view *v, struct error *err);
	uint64_t (*size)(const struct view *v);
	/* Exactly len bytes; the range lies inside size().  Failures are noted with the view and logged there. */
	int (*read)(struct view *v, void *buf, size_t len, uint64_t off, const struct file_stop *stop,
		    struct error *err);
	/* Where len bytes at off lie in a host file; the range lies inside size().  False, or NULL: read them. */
	bool (*place)(struct view *v, size_t len, uint64_t off, struct disk_place *out);
	/*
	 * The run at off, which lies inside size(): is it a hole, and where does it end (more of the same kind may follow)?
	 * NULL: all data.
	 */
	int (*run)(struct view *v, uint64_t off, bool *hole_out, uint64_t *end_out, struct error *err);
};

/* FILE_RAW to FILE_INFO; NULL for the rest. */
const struct file_kind *file_kind(enum file_id id);
/* FILE_NONE if no file has this name; "error" is FILE_ERROR. */
enum file_id file_id_of_name(const char *name);
const char *file_name(enum file_id id);

/* SEEK_HOLE and SEEK_DATA.  Beyond the end, or no more data: ERR_SYSTEM with ENXIO. */
int file_seek(struct view *v, const struct file_kind *kind, uint64_t off, bool hole, uint64_t *out,
	      struct error *err) MUST_CHECK;

extern const struct file_kind file_raw_kind, file_vhd_kind, file_blocks_kind, file_info_kind;

/* One line of `blocks`, the newline last: pure, for the file and its tests. */
#define BLOCKS_LINE_LEN 69
void file_blocks_format(uint64_t off, uint64_t len, const char *state, const char *hash, char out[BLOCKS_LINE_LEN + 1]);

/* user.liftfs.*: the value of `name`, or NULL with ERR_SYSTEM and ENODATA in detail; the caller frees it. */
#define XATTR_PREFIX "user.liftfs."
char *xattr_get(struct view *v, const char *name, struct error *err) MUST_CHECK;
/* All names, each with its NUL, as listxattr(2) wants them; the caller frees it. */
char *xattr_list(struct view *v, size_t *len_out, struct error *err) MUST_CHECK;

#endif
