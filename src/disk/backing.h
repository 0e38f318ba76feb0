/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host files behind an image, and the folder beneath which their names resolve.
 *
 * A name in an image never leads out of the root and the datastores given beside it: openat2 with RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS.  What is
 * opened is a regular file, found out without waiting (O_NONBLOCK), read-only and, where the system allows it, without
 * touching its access time.  It is never re-opened by name.  It is mapped only where base/fault.h guards every look at it, since a
 * file that shrinks is an error, not SIGBUS.
 */
#ifndef LIFTFS_DISK_BACKING_H
#define LIFTFS_DISK_BACKING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/extent.h"

/* A folder opened once.  Immutable; may be shared by threads and by any number of disks, which hold a reference. */
struct backing_root;

struct backing_root *backing_root_open(const char *path, struct error *err) MUST_CHECK;
struct backing_root *backing_root_get(struct backing_root *root); /* one more reference */
void backing_root_put(struct backing_root *root);                 /* NULL is welcome */
const char *backing_root_path(const struct backing_root *root);   /* as the user named it; for messages */
int backing_root_fd(const struct backing_root *root);
/*
 * Was anything looked for, found or not, that who lists the root's folders would not see: in a folder that is not entered, in
 * another datastore, or by the name of an incidental file?
 */
bool backing_root_strayed(const struct backing_root *root);
/* Is it a file that lies beside images and changes for reasons of its own: a log, swap, the state of a running guest? */
bool backing_name_is_incidental(const char *name);
DEFINE_CLEANUP(cleanup_backing_root, struct backing_root *, backing_root_put);

/*
 * Other datastores: where names in images and configurations that begin with NAME lie on this host.  NAME is a datastore's
 * label or VMFS uuid ("[NAME] web/web.vmdk", "/vmfs/volumes/NAME/web/web.vmdk"), or the beginning of a path of the other
 * host ("/vmfs/volumes/x", "C:\\ClusterStorage\\Volume1", "\\\\server\\share"), matched at a separator and, with backslashes,
 * whatever the case.  The paths of their files are "[NAME] web/web.vmdk" where DIR is not beneath the root, else simply the
 * path below the root; both can be given to backing_open() and resolve beneath DIR or the root.  Which files have which
 * path: disk/datastore_map.h.
 *
 * Only before the root is shared.  ERR_USAGE for a NAME that is empty, holds ']' or is there already.
 */
struct backing_datastore {
	const char *name, *dir;
};
int backing_root_add_datastore(struct backing_root *root, const char *name, const char *dir, struct error *err) MUST_CHECK;
int backing_root_add_datastores(struct backing_root *root, const struct backing_datastore *v, size_t n,
				struct error *err) MUST_CHECK;

/* Of the datastores given, in the order of their numbers: the folder as the user named it, or with links resolved. */
size_t backing_root_datastores(const struct backing_root *root);
const char *backing_root_datastore_dir(const struct backing_root *root, size_t i, bool resolved);

/*
 * The path to give to backing_open() for an absolute name of another host, in its own separators; the caller frees it.
 * NULL with err untouched: no datastore says where it lies.  ERR_REFUSED: its ".." lead out of the datastore.
 */
char *backing_root_translate(const struct backing_root *root, const char *name, struct error *err) MUST_CHECK;

/* Is this an absolute name in some host's form: "/x", "[x] y", "C:\\x", "\\\\server\\share", "\\\\?\\x"? */
bool backing_name_is_foreign(const char *name);

/*
 * Length of the "[NAME] " that the path begins with if NAME is a datastore of this root, else 0; *short_out (may be NULL): the
 * last component of NAME.  What follows is a path below DIR.
 */
size_t backing_root_datastore_len(const struct backing_root *root, const char *path, const char **short_out);

/*
 * The path of the one file that `path` names without regard to the case of ASCII letters, as it is spelled on this host, for
 * names that another host wrote so; an exact match wins.  NULL with err untouched: there is none; ERR_CORRUPT, naming two,
 * if there are several.
 */
char *backing_fold_case(struct backing_root *root, const char *path, struct error *err) MUST_CHECK;

/*
 * What identifies a state of a file without reading it.  Never the device number: it differs for each storage snapshot
 * and mount.  Times in nanoseconds since 1970.
 */
struct backing_stamp {
	uint64_t inode, size;
	int64_t mtime_ns, ctime_ns;
};
bool backing_stamp_equal(const struct backing_stamp *a, const struct backing_stamp *b);
struct statx;
void backing_stamp_of(const struct statx *st, struct backing_stamp *out);
/* Does the file system of an open file or folder stamp every write?  See struct backing. */
bool backing_fd_stamps_writes(int fd);

struct backing {
	char *path;    /* below the root, '/'-separated, as resolved by the reader (not normalised further) */
	int fd;
	uint64_t base; /* where in the host file it begins: not 0 for what lies inside an archive */
	uint64_t size; /* at open; a read beyond it is ERR_CORRUPT, one that comes short later too */
	uint64_t dev;  /* for loop detection only */
	struct backing_stamp stamp; /* after open, as the file server says */
	bool noatime;               /* reading leaves the access time alone */
	bool coherent;              /* a mapping shows what a read does: a local file system with one cache for both */
	bool stamps_writes;         /* a local or NFS file system that stamps every write (statfs type in a known list) */
};

/*
 * Opens `path` beneath root.  A path that leads out is ERR_REFUSED, what is not a regular file ERR_UNSUPPORTED; a
 * missing one ERR_SYSTEM with ENOENT in detail.  The last component may be a symlink only if `follow` (what the user
 * named himself), and then only to somewhere beneath the root.
 */
struct backing *backing_open(struct backing_root *root, const char *path, bool follow, struct error *err) MUST_CHECK;
void backing_close(struct backing *b);

/* A descriptor of the folder `path` beneath the root ("" is the root), for listing it; -1 with errno. */
int backing_open_folder(struct backing_root *root, const char *path) MUST_CHECK;
DEFINE_CLEANUP(cleanup_backing, struct backing *, backing_close);

/*
 * The bytes [base, base + size) of `whole` as a file of their own, called `path`; the range lies inside it.  It has its own
 * descriptor, and the stamp of the whole.
 */
struct backing *backing_window(const struct backing *whole, const char *path, uint64_t base, uint64_t size,
			       struct error *err) MUST_CHECK;

/* Do both show the same bytes: the same file, from the same place? */
bool backing_same(const struct backing *a, const struct backing *b);

/*
 * Exactly len bytes, or an error that names the file: ERR_CHANGED if the file shrank since it was opened.  Any number of
 * threads.
 */
int backing_read(const struct backing *b, void *buf, size_t len, uint64_t off, struct error *err) MUST_CHECK;

/* The stamp now, asked of the file server: has the file been written to since it was opened? */
int backing_restat(const struct backing *b, struct backing_stamp *out, struct error *err) MUST_CHECK;

/* The end of the hole or data run at off, by SEEK_HOLE/SEEK_DATA; a file system without them says data to the end. */
int backing_run(const struct backing *b, uint64_t off, bool *is_hole, uint64_t *end_out, struct error *err) MUST_CHECK;

/*
 * Joins the folder of `from` and `name` ("a/b.vmdk", "b-flat.vmdk" -> "a/b-flat.vmdk"); the caller frees it.  The "[NAME] " of
 * another datastore stays, and ".." does not lead out of it: backing_open() resolves the rest beneath its folder.
 */
char *backing_sibling(const char *from, const char *name, struct error *err) MUST_CHECK;

/* Is a name that an image gives relative and free of ".." components?  Others are not followed, even within the root. */
bool backing_name_stays(const char *name);

#endif
