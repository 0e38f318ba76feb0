/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A glance at a folder: names, kinds and stamps of everything that a search for disks there may depend on, without opening a file.
 *
 * Two glances that are equal, at stamps that had settled (replicate/evidence.h), mean that datastore_find() and datastore_scan()
 * would find what they found in between, as long as that search opened nothing that a glance does not see: `odd` here, and
 * backing_root_strayed() there, say whether it might have.  Times of folders say nothing: their names are compared, so that the
 * folder may be another snapshot of the same file system.
 *
 * Pure reading; a glance belongs to one thread.
 */
#ifndef LIFTFS_INVENTORY_DATASTORE_GLANCE_H
#define LIFTFS_INVENTORY_DATASTORE_GLANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "disk/backing.h"

enum glance_kind {
	GLANCE_FILE = 'f',
	GLANCE_INCIDENTAL = 'i', /* a file that no image or configuration is: its name counts, its times do not */
	GLANCE_FOLDER = 'd',
	GLANCE_HIDDEN = 'h', /* a folder that is not entered */
	GLANCE_OTHER = 'o',
};

struct glance_entry {
	size_t path; /* where it begins in the glance's text: below the folder */
	enum glance_kind kind;
	struct backing_stamp stamp; /* of GLANCE_FILE; else zeros */
};

struct datastore_glance {
	struct glance_entry *v; /* a folder before what is in it, names of one folder in byte order */
	size_t n, cap;
	char *text; /* the paths, each with its NUL */
	size_t text_len, text_cap;
	uint64_t inode; /* of the folder itself */
	bool odd; /* links, several file systems, or one that does not stamp every write: nothing follows from being equal */
};

/* The folder `path`, links in that name followed.  What cannot be read is a failure. */
int datastore_glance(const char *path, struct datastore_glance *out, struct error *err) MUST_CHECK;
void datastore_glance_fini(struct datastore_glance *g);

static inline const char *glance_path(const struct datastore_glance *g, size_t i)
{
	return g->text + g->v[i].path;
}

/* Is the i-th of both the same, stamp included? */
bool datastore_glance_same(const struct datastore_glance *a, const struct datastore_glance *b, size_t i);
/* Are they equal as a whole?  The folders' own inodes are not compared. */
bool datastore_glance_equal(const struct datastore_glance *a, const struct datastore_glance *b);

static inline void cleanup_datastore_glance(struct datastore_glance *g)
{
	datastore_glance_fini(g);
}

#endif
