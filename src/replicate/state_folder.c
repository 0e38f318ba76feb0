/* SPDX-License-Identifier: Apache-2.0 */
/* The state folder itself: its format, whose it is, and where its files were born. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "map/blockmap_file.h"
#include "map/hasher.h"
#include "replicate/state.h"

#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xff534d42
#endif
#define FORMAT_HEAD "liftfs state "
#define FORMAT_LEN_MAX 4096

struct state {
	char *path;
	int fd;
};

/* Locks do not hold there, and a rename by another host is not seen: two hosts would share one lease. */
static const struct {
	unsigned long magic;
	const char *name;
} network_file_systems[] = {
	{ NFS_SUPER_MAGIC, "NFS" },   { SMB_SUPER_MAGIC, "SMB" },     { CIFS_SUPER_MAGIC, "SMB" },
	{ 0xfe534d42, "SMB" },	      { CODA_SUPER_MAGIC, "Coda" },   { AFS_SUPER_MAGIC, "AFS" },
	{ 0x65735546, "FUSE" },	      { V9FS_MAGIC, "9p" },	      { 0x00c36400, "Ceph" },
	{ 0x0bd00bd0, "Lustre" },     { 0x47504653, "GPFS" },	      { 0x7461636f, "OCFS2" },
	{ 0x01161970, "GFS2" },
};

static int check_file_system(int fd, const char *path, struct error *err)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return error_errno(err, errno, "%s", path);
	for (size_t i = 0; i < ARRAY_LEN(network_file_systems); i++)
		if ((unsigned long)fs.f_type == network_file_systems[i].magic)
			return error_set(err, ERR_REFUSED,
					 "%s: lies on %s, and the state must be on a file system of this host: choose another "
					 "with --state", path, network_file_systems[i].name);
	return 0;
}

static int write_format(int fd, struct error *err)
{
	char text[128];
	int len = snprintf(text, sizeof(text), FORMAT_HEAD "%d\nwritten by liftfs %s\n", STATE_FOLDER_FORMAT,
			   PACKAGE_VERSION);

	return io_replace_file(fd, "format", text, (size_t)len, 0600, err);
}

static bool has_format(int fd)
{
	return faccessat(fd, "format", F_OK, 0) == 0 || errno != ENOENT;
}

/* Runs that begin at once in a new folder make the file once: the folder itself is their lock. */
static int make_format(int fd, struct error *err)
{
	int rc = 0;

	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return error_errno(err, errno, "flock");
	if (!has_format(fd))
		rc = write_format(fd, err);
	(void)flock(fd, LOCK_UN);
	return rc;
}

static int check_format(int fd, const char *path, bool create, struct error *err)
{
	struct error why = ERROR_INIT;
	CLEANUP_FREE char *text = NULL;
	const char *writer = "written by a newer liftfs";
	uint64_t format;
	char *eol;

	if (create && !has_format(fd) && make_format(fd, err) < 0)
		return error_prefix(err, "%s", path);
	text = io_read_file(fd, "format", FORMAT_LEN_MAX, NULL, &why);
	if (!text && !create && why.code == ERR_SYSTEM && why.detail == ENOENT)
		return 0;
	if (!text) {
		if (err)
			*err = why;
		return error_prefix(err, "%s", path);
	}
	eol = strchr(text, '\n');
	if (eol) {
		*eol = '\0';
		writer = eol + 1;
		eol = strchr(writer, '\n');
		if (eol)
			*eol = '\0';
	}
	if (strncmp(text, FORMAT_HEAD, strlen(FORMAT_HEAD)) != 0 ||
	    parse_u64(text + strlen(FORMAT_HEAD), UINT32_MAX, &format, NULL) < 0 || format == 0)
		return error_set(err, ERR_CORRUPT, "%s/format: not '" FORMAT_HEAD "N' in its first line", path);
	if (format > STATE_FOLDER_FORMAT)
		return error_set(err, ERR_REFUSED,
				 "%s: state of format %" PRIu64 ", %s; this is liftfs %s, which reads up to %d", path, format,
				 writer, PACKAGE_VERSION, STATE_FOLDER_FORMAT);
	return 0;
}

/* What a failure to write there means to a person; other failures stay what they are. */
static int explain_write(const char *path, const struct error *why, struct error *err)
{
	if (why->detail == EROFS || why->detail == EACCES || why->detail == EPERM)
		return error_errno(err, why->detail, "state %s: cannot be written to; choose another folder with --state", path);
	if (err)
		*err = *why;
	return error_prefix(err, "state");
}

static int prepare(struct state *s, bool create, struct error *err)
{
	struct error why = ERROR_INIT;

	if (check_file_system(s->fd, s->path, err) < 0 || (!create && check_format(s->fd, s->path, false, err) < 0))
		return error_prefix(err, "state");
	if (!create)
		return 0;
	if (faccessat(s->fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		error_errno(&why, errno, "%s", s->path);
	else if (check_format(s->fd, s->path, true, &why) == 0)
		return 0;
	return explain_write(s->path, &why, err);
}

struct state *state_open(const char *path, bool create, struct error *err)
{
	CLEANUP(cleanup_state) struct state *s = calloc(1, sizeof(*s));
	struct error why = ERROR_INIT;

	if (s) {
		s->fd = -1;
		s->path = strdup(path);
	}
	if (!s || !s->path) {
		error_errno(err, ENOMEM, "%s", path);
		return NULL;
	}
	if (create && io_mkdirs(AT_FDCWD, path, 0700, &why) < 0) {
		explain_write(path, &why, err);
		return NULL;
	}
	s->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0) {
		error_errno(err, errno, "state %s", path);
		return NULL;
	}
	if (prepare(s, create, err) < 0)
		return NULL;
	return steal_ptr(&s);
}

void state_close(struct state *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	free(s);
}

const char *state_path(const struct state *s)
{
	return s->path;
}

int state_fd(const struct state *s)
{
	return s->fd;
}

static pthread_once_t machine_id_once = PTHREAD_ONCE_INIT;
static char machine_id[64];

/* Without one (a container without systemd) inode and birth time must do. */
static void read_machine_id(void)
{
	size_t len = 0;
	CLEANUP_FREE char *text = io_read_file(AT_FDCWD, "/etc/machine-id", 256, &len, NULL);
	int n = text ? (int)strcspn(text, "\n") : 0;

	snprintf(machine_id, sizeof(machine_id), "%.*s", n > 63 ? 63 : n, text ? text : "");
	if (machine_id[0] == '\0')
		snprintf(machine_id, sizeof(machine_id), "-");
}

int state_make_born(int fd, char *out, size_t len, struct error *err)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) < 0)
		return error_errno(err, errno, "statx");
	pthread_once(&machine_id_once, read_machine_id);
	if (!(st.stx_mask & STATX_BTIME))
		st.stx_btime = (struct statx_timestamp){ 0 };
	snprintf(out, len, "%s %" PRIu64 " %" PRId64 ".%09" PRIu32, machine_id, (uint64_t)st.stx_ino,
		 (int64_t)st.stx_btime.tv_sec, (uint32_t)st.stx_btime.tv_nsec);
	return 0;
}

void state_replica_key(const char *target_name, const char *replica_name, char out[STATE_KEY_LEN])
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };

	strbuf_adds(&text, target_name);
	strbuf_add(&text, "\n", 1);
	strbuf_adds(&text, replica_name);
	hasher_plain_hex(text.s ? text.s : "", text.len, out);
}

void state_replica_folder(const char *target_name, const char *replica_name, char out[STATE_REPLICA_LEN])
{
	static const char parent[] = "replicas/";

	_Static_assert(STATE_REPLICA_LEN >= sizeof(parent) - 1 + STATE_KEY_LEN, "no room for the key");
	memcpy(out, parent, sizeof(parent) - 1);
	state_replica_key(target_name, replica_name, out + sizeof(parent) - 1);
}

/* Not blockmap_open(): that ends what a run at work has begun. */
int replica_state_peek(struct state *s, const char *target_name, const char *replica_name, struct blockmap_header *out,
		       struct error *err)
{
	CLEANUP_FREE uint8_t *head = malloc(BLOCKMAP_HEADER_LEN);
	char path[STATE_REPLICA_LEN + sizeof("/map")], folder[STATE_REPLICA_LEN];
	struct blockmap_layout layout;
	uint64_t size, table_sum;
	struct stat st;

	if (!head)
		return error_errno(err, ENOMEM, "state");
	state_replica_folder(target_name, replica_name, folder);
	snprintf(path, sizeof(path), "%s/map", folder);
	CLEANUP_FD int fd = openat(state_fd(s), path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "%s/%s", state_path(s), path);
	size = (uint64_t)st.st_size < BLOCKMAP_HEADER_LEN ? (uint64_t)st.st_size : BLOCKMAP_HEADER_LEN;
	if (io_pread(fd, head, size, 0, err) < 0 || blockmap_header_decode(head, size, out, &layout, &table_sum, err) < 0)
		return error_prefix(err, "%s/%s", state_path(s), path);
	return 0;
}
