/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A THING of the command line, opened as a disk:
 *
 *	IMAGE                          a disk image
 *	FILE.ova[/disk1.vmdk]          the only disk in an archive, or one of several
 *	MOUNT/web01.vmdk[/disk.raw]    a disk in a mount
 *	TARGET/web01/web01.vhd         a replica in a directory, or by its URL
 *	...@POINT                      either as a recovery point left it: the point's name, the beginning of just one,
 *	                               or "latest"
 */
#ifndef LIFTFS_TOOLS_THING_H
#define LIFTFS_TOOLS_THING_H

#include "connect.h"
#include "disk/disk.h"

/* All zeros is a closed one. */
struct thing {
	struct disk *disk;
	struct connection place; /* of a replica */
	char *replica;           /* its name, if it is one as it is live; else NULL */
};

/* `text` as the user wrote it.  opt as for connect_open(); image, how an image is read, may be NULL. */
int thing_open(const struct tool *t, const char *text, const struct connect_options *opt,
	       const struct disk_options *image, struct thing *out, struct error *err) MUST_CHECK;
void thing_close(struct thing *thing);

static inline void cleanup_thing(struct thing *thing)
{
	thing_close(thing);
}

/* The index of the point that `want` means: "latest", a whole name, or the beginning of exactly one.  names[i] may be NULL.
 * ERR_USAGE if there is none, or more than one.  Pure. */
int thing_choose_point(const char *const *names, size_t n, const char *want, size_t *index_out,
		       struct error *err) MUST_CHECK;

/* A snapshot's name as a recovery point; NULL if it is none of liftfs's. */
const char *thing_point_name(const struct target_point *p);

#endif
