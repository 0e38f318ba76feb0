/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OVA: a tar archive with an OVF descriptor and the disks it names, which are read where they lie.
 *
 * The members' places come from their headers alone, so that opening costs a few reads whatever the archive's size.  Each
 * header is checked (disk/tar_member.h), and libarchive must see the same members in the same places.
 *
 * Disks are called by their member's name; one without a member (an empty one, say) by its diskId.  Threads: open and close alone;
 * the rest from any number.
 */
#ifndef LIFTFS_DISK_OVA_H
#define LIFTFS_DISK_OVA_H

#include "disk/backing.h"
#include "disk/ovf.h"
#include "disk/tar_member.h"

#define OVA_MEMBERS_MAX 10000 /* each costs a read of its header; real ones have 3 to 10 */

struct ova_disk {
	const char *name;
	const struct tar_member *member; /* NULL: an empty disk, unless err says otherwise */
	uint64_t capacity;               /* bytes that it must have */
	struct error err;                /* why it cannot be opened, without the archive's path; ERR_NONE: it can be tried */
};

struct ova {
	struct backing *file;
	struct tar_member *members; /* in the archive's order; folders and "." are none */
	size_t n_members, cap_members;
	const struct tar_member *descriptor;
	struct ovf ovf;
	struct ova_disk *disks; /* in the order of the descriptor; two of its disks in one file are one here */
	size_t n_disks;
	size_t disk_of_ovf[OVF_DISKS_MAX]; /* which of disks is ovf.disks[i] */
};

/* Takes `file` in any case.  Errors begin with its path. */
struct ova *ova_open(struct backing *file, struct error *err) MUST_CHECK;
void ova_close(struct ova *o);
DEFINE_CLEANUP(cleanup_ova, struct ova *, ova_close);

/* NULL: no member of that name. */
const struct tar_member *ova_member(const struct ova *o, const char *name);

/*
 * Length of the part of path that is, or leads to, an archive: through the first component from `from` on that ends in
 * ".ova" in any case; 0 if there is none.
 */
size_t ova_path_len(const char *path, size_t from);

/* The disk that a path means: "x/a.ova" if it has only one, "x/a.ova/disk1.vmdk". */
struct ova_pick {
	struct backing *own; /* its bytes in the archive; none of an empty disk */
	uint64_t capacity;
	bool empty;
};

/*
 * 1: the path leads into an archive (a regular file), and *out, whose own is the caller's, is its disk.  0: it does not.  ERR_USAGE
 * if the path names no disk of it, or one must be named.
 */
int ova_pick(struct backing_root *root, const char *path, bool follow, struct ova_pick *out,
	     struct error *err) MUST_CHECK;

#endif
