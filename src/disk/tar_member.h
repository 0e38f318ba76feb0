/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers of one member of a tar archive, read strictly: ustar, with pax and GNU headers for long names and sizes.
 *
 * What tar programs let pass is refused here: a checksum that is wrong, a number that is not octal or base-256, a name that
 * is absolute or holds "..", a member beyond the end of the file, sparse and split members.  Names are the archive's own
 * bytes, whatever the locale.
 */
#ifndef LIFTFS_DISK_TAR_MEMBER_H
#define LIFTFS_DISK_TAR_MEMBER_H

#include "disk/backing.h"

#define TAR_BLOCK 512
#define TAR_NAME_MAX 1024            /* bytes of a name; OVAs have file names */
#define TAR_EXTRA_MAX ((size_t)1 << 20) /* bytes of one pax or GNU header: libarchive takes no more either */
#define TAR_EXTRAS_MAX 8             /* such headers before one member; real ones have two */

enum tar_kind {
	TAR_END, /* a block of zeros, or the end of the file */
	TAR_FILE,
	TAR_FOLDER,
	TAR_LINK, /* hard or symbolic */
	TAR_OTHER /* a device or FIFO */
};

struct tar_member {
	enum tar_kind kind;
	char *name;         /* below the archive, without "./" before it and '/' behind it; NULL for TAR_END */
	uint64_t off, size; /* of the content, inside the file; size is 0 for what is no file */
	uint64_t next;      /* where the next member's headers begin */
};

/* The member whose headers begin at `pos`, a multiple of 512.  The caller frees out->name. */
int tar_member_read(const struct backing *b, uint64_t pos, struct tar_member *out, struct error *err) MUST_CHECK;

#endif
