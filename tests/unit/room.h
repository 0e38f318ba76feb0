/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of a test's own, emptied of plain files and removed afterwards; setup and teardown for cmocka. */
#ifndef LIFTFS_TESTS_ROOM_H
#define LIFTFS_TESTS_ROOM_H

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

struct room {
	char path[32];
	int fd;
};

static inline int enter_room(void **state)
{
	static struct room room;

	memcpy(room.path, "test-room-XXXXXX", sizeof("test-room-XXXXXX"));
	if (!mkdtemp(room.path))
		return -1;
	room.fd = open(room.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &room;
	return room.fd < 0 ? -1 : 0;
}

static inline int leave_room(void **state)
{
	const struct room *room = *state;
	DIR *dir = opendir(room->path);

	for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
		if (unlinkat(room->fd, e->d_name, 0) < 0)
			unlinkat(room->fd, e->d_name, AT_REMOVEDIR); /* fails for . and .. */
	if (dir)
		closedir(dir);
	close(room->fd);
	return rmdir(room->path);
}

static inline void room_write(const struct room *room, const char *name, const void *buf, size_t len)
{
	int fd = openat(room->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || io_pwrite(fd, buf, len, 0, NULL) < 0)
		abort();
	close(fd);
}

/* The caller frees. */
static inline uint8_t *room_read(const struct room *room, const char *name, size_t *len_out)
{
	uint8_t *buf = (uint8_t *)io_read_file(room->fd, name, (size_t)512 << 20, len_out, NULL);

	if (!buf)
		abort();
	return buf;
}

static inline bool room_has(const struct room *room, const char *name)
{
	struct stat st;

	return fstatat(room->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

#endif
