/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "support/scratch.h"

static const char *place = "/tmp";

void scratch_set_place(const char *folder)
{
	if (access(folder, W_OK) == 0)
		place = folder;
}

int scratch_setup(void **state)
{
	struct scratch_dir *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	snprintf(s->path, sizeof(s->path), "%.32s/liftfs-test-XXXXXX", place);
	assert_non_null(mkdtemp(s->path));
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(s->fd >= 0);
	*state = s;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int scratch_teardown(void **state)
{
	struct scratch_dir *s = *state;
	int rc = nftw(s->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);

	close(s->fd);
	free(s);
	return rc;
}

static void write_at(const struct scratch_dir *s, const char *name, int flags, uint64_t off, const void *buf,
		     size_t len)
{
	int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, buf, len, (off_t)off), (ssize_t)len);
	assert_int_equal(close(fd), 0);
}

void scratch_write(const struct scratch_dir *s, const char *name, const void *buf, size_t len)
{
	write_at(s, name, O_TRUNC, 0, buf, len);
}

void scratch_patch(const struct scratch_dir *s, const char *name, uint64_t off, const void *buf, size_t len)
{
	write_at(s, name, 0, off, buf, len);
}

void scratch_truncate(const struct scratch_dir *s, const char *name, uint64_t len)
{
	int fd = openat(s->fd, name, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	close(fd);
}

void pattern_fill(uint8_t *buf, size_t len, uint64_t off, uint64_t seed)
{
	for (size_t i = 0, n; i < len; i += n) {
		uint64_t word = ((off + i) / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ seed;
		size_t skip = (off + i) % 8;
		uint8_t bytes[8];

		n = len - i < 8 - skip ? len - i : 8 - skip;
		put_le64(bytes, word ^ word >> 29);
		memcpy(buf + i, bytes + skip, n);
	}
}
