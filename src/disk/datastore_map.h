/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where other datastores lie on this host: for backing.c alone, whose root holds one map.
 *
 * Names of another host take one of these forms; all mean a folder tree whose beginning one of the map's entries gives:
 *
 *	[LABEL] web/web.vmdk            VMware's notation, the same as /vmfs/volumes/LABEL/web/web.vmdk
 *	/vmfs/volumes/X/web/web.vmdk    an absolute path, X a label or a uuid
 *	C:\dir\web.vhdx                 Windows; '/' and '\' alike, ASCII letters in any case; "\\?\" before it says nothing
 *	\\server\share\web.vhdx         the same
 *
 * A canonical path is what backing_open() takes: a path below the root if the file lies there by its real path, else
 * "[NAME] path" with the NAME of the entry that it lies beneath ("[NAME] ./file" at its top, so that the text before the
 * last slash is its folder).  A file has one canonical path, by whichever of several names it is meant.
 *
 * Threads: add alone, the rest from any number.
 */
#ifndef LIFTFS_DISK_DATASTORE_MAP_H
#define LIFTFS_DISK_DATASTORE_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct datastore_place {
	char *name;   /* as the user gave it */
	char *prefix; /* what names begin with: absolute, '/'-separated, none at the end */
	bool windows; /* the prefix is of a Windows path: ASCII case does not matter */
	char *dir;    /* as the user gave it, for messages */
	char *real;   /* the same with links resolved; "" is "/" */
	int fd;
};

/* All zeros is an empty one. */
struct datastore_map {
	struct datastore_place *v;
	size_t n;
	char *root_real; /* of the root, as datastore_place.real; owned */
};

/* As backing_root_add_datastore(). */
int datastore_map_add(struct datastore_map *m, const char *name, const char *dir, struct error *err) MUST_CHECK;
void datastore_map_fini(struct datastore_map *m);

/* As backing_root_translate(). */
char *datastore_map_translate(const struct datastore_map *m, const char *name, struct error *err) MUST_CHECK;

/* The place of a path "[NAME] rest", and where rest begins; NULL: it is below the root. */
const struct datastore_place *datastore_map_place(const struct datastore_map *m, const char *path, const char **rest);

/* What a NAME is called in short: its last component ("\\server\share" -> "share").  Points into it. */
const char *datastore_place_short(const struct datastore_place *p);

#endif
