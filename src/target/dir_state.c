/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which file holds a replica's content, and what its version is called.
 *
 * Written in place, NAME.vhd is the content and its stat the version (dir_stamp.c).  Written by clones, the work file
 * is, for who holds the lease; when it becomes NAME.vhd the rename changes its ctime, and the version must not change
 * by that.  So the metadata say under which version NAME.vhd was left, and by which stat it is known; between rename
 * and record it is known without the ctime.  A NAME.vhd that is not known was changed by somebody else: it has a
 * version that nobody recorded.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "target/dir_private.h"

#define LOAD_TRIES 3 /* NAME.vhd may be replaced between two looks */

void dir_state_fini(struct dir_state *s)
{
	dir_meta_fini(&s->meta);
	s->meta = (struct dir_meta){ 0 };
}

bool dir_state_name(const struct dir_meta *m, const struct stat *st, char out[TARGET_VERSION_LEN])
{
	char text[TARGET_VERSION_LEN];
	size_t len;

	dir_version(st, text);
	if (*m->named.file == '\0' || strcmp(m->named.file, text) == 0) {
		snprintf(out, TARGET_VERSION_LEN, "%s", *m->named.file ? m->named.version : text);
		return true;
	}
	len = strlen(m->publishing.file);
	if (len > 0 && strncmp(m->publishing.file, text, len) == 0) {
		snprintf(out, TARGET_VERSION_LEN, "%s", m->publishing.version);
		return true;
	}
	snprintf(out, TARGET_VERSION_LEN, "foreign %.*s", TARGET_VERSION_LEN - 16, text);
	return false;
}

bool dir_state_same_content(const char *file, const struct stat *st)
{
	char text[TARGET_VERSION_LEN];
	const char *a = strchr(file, ':'), *b;

	dir_version(st, text);
	b = strchr(text, ':');
	return a && strrchr(a, ':') - a == strrchr(b, ':') - b && strncmp(a, b, (size_t)(strrchr(a, ':') - a)) == 0;
}

static int read_meta(struct replica *r, struct dir_meta *out, struct error *err)
{
	CLEANUP_FD int dir = -1;
	char base[NAME_MAX + 1];
	int rc = dir_parent(r->target, DIR_META, r->name, ".json", false, &dir, base, err);

	if (rc == 0)
		rc = dir_meta_read(dir, base, r->name, out, err);
	return rc < 0 ? error_prefix(err, "%s/%s", r->target->name, r->name) : 0;
}

/* 0, 1 (no such file), -1 */
static int stat_work(struct replica *r, const char *work, struct stat *out, struct error *err)
{
	CLEANUP_FD int dir = -1;
	int rc = dir_own_folder(r, DIR_WORK, false, &dir, err);

	if (rc != 0)
		return rc;
	if (fstatat(dir, work, out, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISREG(out->st_mode) ? 0 : 1;
	return errno == ENOENT ? 1 : dir_errno(r, errno, "stat", err);
}

static int load(struct replica *r, bool writer, struct dir_state *out, struct error *err)
{
	int rc = dir_stat(r, DIR_DATA, NULL, &out->named, err);

	if (rc != 0)
		return rc;
	if (!S_ISREG(out->named.st_mode))
		return error_set(err, ERR_REFUSED, "%s/%s: not a regular file", r->target->name, r->name);
	/* The version is taken before the number: a raise in between makes it stale, and the next condition fails. */
	if (read_meta(r, &out->meta, err) < 0)
		return -1;
	out->content = out->named;
	out->foreign = !dir_state_name(&out->meta, &out->named, out->version);
	if (!writer || out->foreign || !*out->meta.work)
		return 0;
	rc = stat_work(r, out->meta.work, &out->content, err);
	if (rc == 0) {
		out->in_work = true;
		dir_version(&out->content, out->version);
	} else {
		out->content = out->named; /* gone, or published: what was committed last is what there is */
	}
	return rc < 0 ? -1 : 0;
}

int dir_state_load(struct replica *r, bool writer, struct dir_state *out, struct error *err)
{
	CLEANUP(cleanup_dir_state) struct dir_state s = { 0 };
	int rc = 0;

	for (unsigned n = 0; n < LOAD_TRIES; n++) {
		dir_state_fini(&s);
		s = (struct dir_state){ 0 };
		rc = load(r, writer, &s, err);
		if (rc != 0)
			return rc;
		if (!s.foreign)
			break;
	}
	*out = s;
	s = (struct dir_state){ 0 };
	return 0;
}

int dir_state_open(struct replica *r, const struct dir_state *s, int flags, int *fd_out, struct error *err)
{
	CLEANUP_FD int dir = -1;
	CLEANUP_FD int fd = -1;
	char base[NAME_MAX + 1];
	struct stat st;
	int rc;

	if (s->in_work) {
		rc = dir_own_folder(r, DIR_WORK, false, &dir, err);
		snprintf(base, sizeof(base), "%s", s->meta.work);
	} else {
		rc = dir_parent(r->target, DIR_DATA, r->name, NULL, false, &dir, base, err);
	}
	if (rc != 0)
		return rc;
	fd = openat(dir, base, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 || fstat(fd, &st) < 0)
		return dir_errno(r, errno, flags == O_RDONLY ? "open" : "open for writing", err);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_REFUSED, "%s/%s: not a regular file", r->target->name, r->name);
	*fd_out = steal_fd(&fd);
	return 0;
}

/* A stat is never given two names: what was seen once holds. */
static bool was_seen(struct dir_replica *d, const char *file, char out[TARGET_VERSION_LEN])
{
	LOCK_SCOPE(&d->seen_lock);
	if (strcmp(d->seen.file, file) != 0)
		return false;
	memcpy(out, d->seen.version, TARGET_VERSION_LEN);
	return true;
}

int dir_state_version(struct replica *r, int fd, char out[TARGET_VERSION_LEN], struct error *err)
{
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { 0 };
	struct dir_replica *d = dir_of(r);
	char file[TARGET_VERSION_LEN];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return dir_errno(r, errno, "stat", err);
	dir_version(&st, file);
	if (was_seen(d, file, out))
		return 0;
	if (read_meta(r, &m, err) < 0)
		return -1;
	/* Not while it is known without its ctime only. */
	if (dir_state_name(&m, &st, out) && (!*m.named.file || strcmp(m.named.file, file) == 0)) {
		LOCK_SCOPE(&d->seen_lock);
		memcpy(d->seen.file, file, sizeof(file));
		memcpy(d->seen.version, out, TARGET_VERSION_LEN);
	}
	return 0;
}
