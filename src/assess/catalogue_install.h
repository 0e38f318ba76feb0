/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder in which a catalogue is made, and from which it takes its place.
 *
 * The folder that is written is locked from open to close, so that of two updates one is refused.  What is made lies in a
 * folder of its own (".update-XXXXXX") until all of it was written, synced and looked at; then each file replaces the old one
 * by a rename.  A folder that was not there before appears whole.  Of one that was, a crash between two renames leaves
 * whole files, of which some are new: catalogues hold together file by file.
 */
#ifndef LIFTFS_ASSESS_CATALOGUE_INSTALL_H
#define LIFTFS_ASSESS_CATALOGUE_INSTALL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct catalogue_install { /* all zeros, fds -1, is closed */
	char *dir;      /* that is written */
	char *staging;  /* where files are made */
	bool is_new;    /* dir was not there */
	int dir_fd, staging_fd; /* dir_fd -1 while dir is new */
};
#define CATALOGUE_INSTALL_INIT { .dir_fd = -1, .staging_fd = -1 }

/* ERR_BUSY: another update of that folder is running. */
int catalogue_install_open(struct catalogue_install *in, const char *dir, struct error *err) MUST_CHECK;
/* Makes a file, durably. */
int catalogue_install_put(struct catalogue_install *in, const char *name, const char *text, size_t len,
			  struct error *err) MUST_CHECK;
/* Replaces those of the names (up to a NULL) for which replace[i]; in a new folder, all that were made. */
int catalogue_install_commit(struct catalogue_install *in, const char *const *names, const bool *replace,
			     struct error *err) MUST_CHECK;
/* Removes what was made and did not take its place. */
void catalogue_install_close(struct catalogue_install *in);

#endif
