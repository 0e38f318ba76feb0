/* SPDX-License-Identifier: Apache-2.0 */
/* From a tree to a mounted file system and back: mount, answer, unmount. */
#ifndef LIFTFS_FS_SESSION_H
#define LIFTFS_FS_SESSION_H

#include "options.h"
#include "tree.h"

struct session;

/* DIR as an absolute path, if it is a folder where nothing is mounted yet; the caller frees it. */
char *session_mount_point(const char *dir, struct error *err) MUST_CHECK;

/*
 * Mounts; from now on whoever looks inside waits for session_run().  `name` is what df and mount show as the source.
 * `remote`: answers wait for a network, so more of them at once.  Takes over neither t nor o.
 */
struct session *session_mount(struct tree *t, const struct mount_options *o, const char *name, const char *mount_point,
			      bool remote, struct error *err) MUST_CHECK;

/*
 * Answers until the mount is taken away or SIGINT, SIGTERM or SIGHUP comes, all of which is success.  To be called on the
 * thread that started the program, after any fork.
 */
int session_run(struct session *s, struct error *err) MUST_CHECK;

/* Unmounts if that has not happened.  NULL is welcome. */
void session_close(struct session *s);
DEFINE_CLEANUP(cleanup_session, struct session *, session_close);

#endif
