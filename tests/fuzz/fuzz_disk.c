/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "fuzz.h"
#include "fuzz_disk.h"

enum { FILES_MAX = 16, CHUNK = 192 * 1024, PROBE_EXTENTS = 12 };
#define PROBE_MAX (UINT64_C(1) << 30)

static char folder[64];
static int folder_fd = -1;
static struct {
	char name[32];
	int fd;
} files[FILES_MAX];
static size_t n_files;

static void leave(void)
{
	for (size_t i = 0; i < n_files; i++) {
		unlinkat(folder_fd, files[i].name, 0);
		close(files[i].fd);
	}
	close(folder_fd);
	rmdir(folder);
}

const char *fuzz_folder(void)
{
	if (folder_fd < 0) {
		snprintf(folder, sizeof(folder), "%s/liftfs-fuzz-XXXXXX",
			 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		FUZZ_MUST(mkdtemp(folder) && atexit(leave) == 0);
		folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		FUZZ_MUST(folder_fd >= 0);
	}
	return folder;
}

int fuzz_file(const char *name)
{
	fuzz_folder();
	for (size_t i = 0; i < n_files; i++)
		if (strcmp(files[i].name, name) == 0)
			return files[i].fd;
	FUZZ_MUST(n_files < FILES_MAX);
	snprintf(files[n_files].name, sizeof(files[n_files].name), "%s", name);
	files[n_files].fd = openat(folder_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_MUST(files[n_files].fd >= 0);
	return files[n_files++].fd;
}

void fuzz_write(const char *name, const void *buf, size_t len)
{
	int fd = fuzz_file(name);

	FUZZ_MUST(ftruncate(fd, 0) == 0 && io_pwrite(fd, buf, len, 0, NULL) == 0);
}

static void check_chunk(struct disk *d, uint64_t off, size_t len, bool holes)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	static uint8_t buf[CHUNK];
	struct error e = ERROR_INIT, e_read = ERROR_INIT;
	bool known, readable = true;
	uint64_t end = off;

	known = disk_extents(d, len, off, holes, &list, &e) == 0;
	FUZZ_MUST(known == (e.code == ERR_NONE) && e.code != ERR_BUG);
	for (size_t i = 0; i < list.n; i++) {
		const struct extent *x = &list.v[i];

		FUZZ_MUST(x->off == end && x->len > 0 && x->len <= off + len - end && x->kind != EXTENT_ABSENT);
		end += x->len;
		if (disk_read(d, buf, (size_t)x->len, x->off, &e_read) == 0) {
			FUZZ_MUST(x->kind != EXTENT_ZERO || io_is_zero(buf, (size_t)x->len));
			continue;
		}
		/* What is wrong with a compressed grain is found out by reading it. */
		FUZZ_MUST(x->kind == EXTENT_DATA && x->file == EXTENT_NO_FILE && e_read.code == ERR_CORRUPT);
		e_read = (struct error)ERROR_INIT;
		readable = false;
	}
	FUZZ_MUST(!known || end == off + len);
	FUZZ_MUST((disk_read(d, buf, len, off, NULL) == 0) == (known && readable));
}

static struct disk *open_disk(const char *name, const struct disk_options *opt)
{
	struct error e = ERROR_INIT;
	char path[128], byte;
	struct disk *d;
	uint64_t size;

	snprintf(path, sizeof(path), "%s/%s", fuzz_folder(), name);
	d = disk_open_path(path, opt, &e);
	FUZZ_MUST((d == NULL) == (e.code != ERR_NONE) && e.code != ERR_BUG && e.code != ERR_USAGE);
	if (!d) {
		FUZZ_MUST(strstr(e.msg, name));
		return NULL;
	}
	size = disk_size(d);
	FUZZ_MUST(size > 0 && size <= DISK_SIZE_MAX && disk_chain_len(d) >= 1);
	FUZZ_MUST(disk_read(d, &byte, 1, size, &e) < 0 && e.code == ERR_USAGE);
	return d;
}

struct disk *fuzz_use_disk(const char *name, const struct disk_options *opt)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	struct disk *d = open_disk(name, opt);
	uint64_t size;

	if (!d)
		return NULL;
	size = disk_size(d);
	for (unsigned i = 0; i < 8; i++) {
		uint64_t off = size / 7 * (i < 7 ? i : 0);
		size_t len = i == 7 ? CHUNK : 70000 - i * 977;

		off = i == 6 && size > len ? size - len : off;
		check_chunk(d, off, size - off < len ? (size_t)(size - off) : len, i % 2);
	}
	if (disk_extents(d, size, 0, false, &list, NULL) == 0)
		FUZZ_MUST(list.n > 0 && list.v[list.n - 1].off + list.v[list.n - 1].len == size);
	return d;
}

/* Reads len bytes or the disk's rest. */
static void check_read(struct disk *d, uint64_t off, size_t len, bool must_read, bool must_be_zero)
{
	uint8_t buf[4096];

	len = disk_size(d) - off < len ? (size_t)(disk_size(d) - off) : len;
	if (disk_read(d, buf, len, off, NULL) < 0)
		FUZZ_MUST(!must_read);
	else
		FUZZ_MUST(!must_be_zero || io_is_zero(buf, len));
}

struct disk *fuzz_probe_disk(const char *name, const struct disk_options *opt)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	struct disk *d = open_disk(name, opt);
	uint64_t size, end = 0;
	size_t step;
	bool known;

	if (!d)
		return NULL;
	size = disk_size(d) < PROBE_MAX ? disk_size(d) : PROBE_MAX;
	known = disk_extents(d, size, 0, false, &list, NULL) == 0;
	for (size_t i = 0; i < list.n; i++) {
		FUZZ_MUST(list.v[i].off == end && list.v[i].len > 0 && list.v[i].kind != EXTENT_ABSENT);
		end += list.v[i].len;
	}
	FUZZ_MUST(known ? end == size : end < size);
	if (!known)
		check_read(d, end, 1, false, false);
	step = list.n / PROBE_EXTENTS + 1;
	for (size_t i = 0; i < list.n; i += step) {
		const struct extent *x = &list.v[i];
		size_t len = x->len < 700 ? (size_t)x->len : 700;
		bool zero = x->kind == EXTENT_ZERO;

		check_read(d, x->off, len, true, zero);
		check_read(d, x->off + x->len - len, len, true, zero);
		check_read(d, x->off + x->len - len, len + 600, false, false); /* across its end */
	}
	check_read(d, disk_size(d) - 512, 512, false, false);
	return d;
}
