/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of files in a datastore, and of the replicas made of them.  Pure text; no file is touched.
 *
 * A name that a hypervisor gives to a snapshot's image ends in -NNNNNN (VMware) or _GUID (Hyper-V); a VM's further disks in _N.
 */
#ifndef LIFTFS_INVENTORY_DATASTORE_NAMES_H
#define LIFTFS_INVENTORY_DATASTORE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct datastore_name_in {
	const char *leaf, *root; /* paths below the source */
	bool has_parent;         /* leaf != root */
	bool shares_root;        /* another disk has the same root: linked clones */
};

/*
 * The replicas' names, escaped, ending in .vhd; out[i] is the caller's to free.  Two that would be equal, also without
 * (ASCII) case: the later in byte order of the paths keeps its whole file name.  If even that is taken, out[i] is NULL.
 */
int datastore_names(const struct datastore_name_in *in, size_t n, char **out, struct error *err) MUST_CHECK;

/* Length of path without the file's suffix (".vmdk"); the whole length if its last component has none. */
size_t datastore_stem_len(const char *path);
/* The same without the suffix that a snapshot adds, if len is such a stem's length. */
size_t datastore_base_len(const char *path, size_t stem_len);
/* "web01_2" -> length of "web01", and 2 in *number; len itself and 0 if it does not end so (at most three digits). */
size_t datastore_disk_number(const char *path, size_t len, unsigned *number);

/* Is this the name of an extent or of change tracking, as VMware gives it: -flat -delta -sesparse -ctk -rdm -rdmp -fNNN -sNNN .vmdk?
 * *owner_len: length of what the descriptor's path begins with. */
bool datastore_is_extent_name(const char *path, size_t *owner_len);

/* "a/../b/./c" -> "b/c"; leading ".." that lead out are kept.  The caller frees it. */
char *datastore_normalise(const char *path, struct error *err) MUST_CHECK;

#endif
