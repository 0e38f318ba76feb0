/* SPDX-License-Identifier: Apache-2.0 */
/*
 * liftfs mount: opens SOURCE, mounts it on DIR, goes into the background and answers until the mount is taken away.
 *
 * The fork comes first: the child does everything, so that whatever thread it starts lives on, and tells its parent when
 * the mount stands.  Until then messages go to the caller's terminal and the exit status is the child's.
 *
 * mount(8) runs it as mount.fuse.liftfs SOURCE DIR [-sfnv] [-N namespace] [-o options] [-t type].
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "connect.h"
#include "options.h"
#include "session.h"
#include "source.h"
#include "system_log.h"
#include "tool.h"

struct mount_call {
	struct mount_options options;
	bool foreground, helper, fake; /* helper: called by mount(8); fake: its -f, do all but the mount */
	const char *ignored;
	char *mount_point;
	int ready_fd; /* the parent waits for a byte from here; -1: nobody does */
};

/* ---- the background ---- */

static void to_system_log(void *ctx, enum log_level level, const char *module, const char *line)
{
	(void)ctx;
	system_log_write(level >= LOG_WARN, module, line);
}

/* The parent's part: until the mount stands, or the child ends without. */
static int wait_for_child(const struct tool *t, pid_t child, int fd)
{
	int status;
	ssize_t n;
	char byte;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	output_line("liftfs %s: ended by signal %d", t->verb, WTERMSIG(status));
	return EX_SOFTWARE;
}

/* -1 in the child, which goes on; else the parent's exit status. */
static int go_to_background(struct tool *t, struct mount_call *c)
{
	struct error err = ERROR_INIT;
	int fds[2], status;
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) < 0) {
		error_errno(&err, errno, "pipe");
		return tool_fail(t, &err);
	}
	child = fork();
	if (child < 0) {
		error_errno(&err, errno, "fork");
		close(fds[0]);
		close(fds[1]);
		return tool_fail(t, &err);
	}
	if (child == 0) {
		close(fds[0]);
		c->ready_fd = fds[1];
		return -1;
	}
	close(fds[1]);
	status = wait_for_child(t, child, fds[0]);
	close(fds[0]);
	return status;
}

/* The mount stands: leaves the terminal and the caller's folder. */
static int detach(const struct tool *t, struct mount_call *c, struct error *err)
{
	CLEANUP_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (c->ready_fd < 0)
		return 0;
	if (null < 0 || chdir("/") < 0)
		return error_errno(err, errno, "background");
	(void)setsid();
	if (!t->common.log_file) {
		system_log_open("liftfs-mount");
		log_set_sink(to_system_log, NULL);
	}
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(null, fd) < 0)
			return error_errno(err, errno, "background");
	if (write(c->ready_fd, "", 1) != 1)
		return error_errno(err, errno, "background");
	close(c->ready_fd);
	c->ready_fd = -1;
	return 0;
}

/* ---- mounting ---- */

static int serve(struct tool *t, struct mount_call *c, struct tree *tree, const char *name, bool remote,
		 struct error *err)
{
	CLEANUP(cleanup_session) struct session *s = NULL;

	if (c->fake)
		return 0;
	s = session_mount(tree, &c->options, name, c->mount_point, remote, err);
	if (!s || detach(t, c, err) < 0)
		return -1;
	return session_run(s, err);
}

/* Threads that the target starts leave signals to this one. */
static int connect_quietly(const struct tool *t, const char *source, struct connection *out, struct error *err)
{
	const struct connect_options opt = { 0 };
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = connect_open(t, source, &opt, out, err);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

static int mount_target(struct tool *t, struct mount_call *c, const char *source, struct error *err)
{
	CLEANUP(cleanup_connection) struct connection conn = { 0 };
	CLEANUP(cleanup_tree) struct tree *tree = NULL;
	const struct target_caps *caps;

	if (connect_quietly(t, source, &conn, err) < 0)
		return -1;
	tree = tree_new(err);
	if (!tree || source_add_target(tree, conn.target, err) < 0)
		return -1;
	caps = target_caps(conn.target);
	return serve(t, c, tree, target_name(conn.target), caps->remote, err);
}

/* As df and mount show it, wherever they are called. */
static char *absolute_path(const char *path, struct error *err)
{
	CLEANUP_FREE char *here = *path == '/' ? NULL : getcwd(NULL, 0);
	char *out = NULL;

	if (*path == '/')
		out = strdup(path);
	else if (here && asprintf(&out, "%s/%s", here, path) < 0)
		out = NULL;
	if (!out)
		error_errno(err, errno, "%s", path);
	return out;
}

static int mount_images(struct tool *t, struct mount_call *c, const char *source, struct error *err)
{
	CLEANUP(cleanup_datastore) struct datastore ds = { 0 };
	CLEANUP(cleanup_tree) struct tree *tree = NULL;
	CLEANUP_FREE char *name = absolute_path(source, err);
	const struct datastore_options find = {
		.datastores = c->options.datastores.v,
		.n_datastores = c->options.datastores.n,
	};
	const struct disk_options opt = {
		.ignore_log = c->options.ignore_log,
		.unchecked_parents = c->options.unchecked_parents,
	};

	if (!name || datastore_find(source, &find, &ds, err) < 0)
		return -1;
	tree = tree_new(err);
	if (!tree || source_add_images(tree, &ds, &opt, c->mount_point, err) < 0)
		return -1;
	return serve(t, c, tree, name, false, err);
}

static int run(struct tool *t, struct mount_call *c)
{
	struct error err = ERROR_INIT;
	CLEANUP_FREE char *absolute = NULL;
	const char *source = t->args[0];
	int rc;

	c->mount_point = session_mount_point(t->args[1], &err);
	if (!c->mount_point)
		return tool_fail(t, &err);
	if (!c->foreground && !c->fake) {
		rc = go_to_background(t, c);
		if (rc >= 0)
			return rc;
	}
	if (target_is_url(source)) {
		rc = mount_target(t, c, source, &err);
	} else if (source_is_target(source)) {
		absolute = realpath(source, NULL); /* it is opened again and again, from another folder */
		rc = absolute ? mount_target(t, c, absolute, &err) : error_errno(&err, errno, "%s", source);
	} else {
		rc = mount_images(t, c, source, &err);
	}
	if (rc == 0)
		return 0;
	if (c->ready_fd < 0 && !c->foreground)
		log_warn("mount", "%s", err.msg); /* nobody sees standard error any more */
	return tool_fail(t, &err);
}

/* ---- options ---- */

static int set_mount_options(void *dest, const char *value, struct error *err)
{
	return mount_options_parse(dest, value, err);
}

static bool called_by_mount(const char *name)
{
	const char *slash = name ? strrchr(name, '/') : NULL;

	return name && strcmp(slash ? slash + 1 : name, "mount.fuse.liftfs") == 0;
}

int main(int argc, char **argv)
{
	struct mount_call c = { .ready_fd = -1, .helper = called_by_mount(argv[0]) };
	const struct tool_option options[] = {
		{ NULL, 'o', "OPTIONS", "allow_other, uid=, umask=, log=ignore: see the page", set_mount_options,
		  &c.options, NULL },
		{ "datastore", 0, "NAME=DIR", "where absolute names of disks lie here", datastores_set,
		  &c.options.datastores, NULL },
		{ "foreground", 'f', NULL, "stay in the foreground, messages on the terminal", tool_set_flag,
		  &c.foreground, NULL },
		{ 0 },
	};
	const struct tool_option helper_options[] = {
		{ NULL, 'o', "OPTIONS", "as of liftfs mount", set_mount_options, &c.options, NULL },
		{ NULL, 'f', NULL, "do everything but mount", tool_set_flag, &c.fake, NULL },
		{ NULL, 's', NULL, "nothing", tool_set_flag, &(bool){ false }, NULL },
		{ NULL, 'n', NULL, "nothing", tool_set_flag, &(bool){ false }, NULL },
		{ NULL, 't', "TYPE", "nothing", tool_set_text, &c.ignored, NULL },
		{ 0 },
	};
	struct tool t = {
		.verb = "mount",
		.arguments = "SOURCE DIR",
		.summary = "shows the disks of an image, a folder of images or a target as flat files",
		.options = c.helper ? helper_options : options,
		.notes = "'fusermount3 -u DIR' takes the mount away.",
		.min_args = 2,
		.max_args = 2,
	};
	int status;

	mount_options_init(&c.options);
	status = tool_begin(&t, argc, argv);
	if (status < 0) {
		if (!t.common.credentials)
			t.common.credentials = c.options.credentials;
		if (!t.common.cacert)
			t.common.cacert = c.options.cacert;
		status = tool_end(&t, run(&t, &c));
	}
	free(c.mount_point);
	mount_options_fini(&c.options);
	return status;
}
