/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a disk image for the integration tests, through the same calls as the programs.
 *
 *	readdisk IMAGE >flat.raw
 *	readdisk --extents [--holes] IMAGE		start length data|zero, in bytes
 *	readdisk --check IMAGE FLAT			in pieces of 4 KiB: what can be read is as in FLAT; ends after 20 s
 *	readdisk --threads N [--reads N] IMAGE FLAT	random offsets and sizes from N threads, compared with a raw file;
 *							and what the extents call zero is zero in it
 *	readdisk --edges IMAGE FLAT			the first and the last 64 KiB of each run, compared with a raw file
 *	readdisk --format NAME ...			instead of the suffix
 *
 * Exit status: as the programs (error_exit_status), 1 for a difference.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/parse.h"
#include "disk/disk.h"

#define CHUNK_LEN ((size_t)1 << 20)
#define EDGE_LEN ((size_t)64 << 10)
#define SIZE_MAX_READ ((uint64_t)600000) /* some grains, an odd number of bytes */

struct compare {
	struct disk *d;
	int flat_fd;
	uint64_t reads, seed;
	struct error err;
};

static int fail(const struct error *err)
{
	fprintf(stderr, "readdisk: %s\n", err->msg);
	return error_exit_status(err);
}

static int copy(struct disk *d, struct error *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(CHUNK_LEN);
	uint64_t size = disk_size(d);
	size_t n;

	if (!buf)
		return error_errno(err, ENOMEM, "buffer");
	for (uint64_t off = 0; off < size; off += n) {
		n = size - off < CHUNK_LEN ? (size_t)(size - off) : CHUNK_LEN;
		if (disk_read(d, buf, n, off, err) < 0)
			return -1;
		if (fwrite(buf, 1, n, stdout) != n)
			return error_errno(err, errno, "standard output");
	}
	return fflush(stdout) == 0 ? 0 : error_errno(err, errno, "standard output");
}

static int show_extents(struct disk *d, bool holes, struct error *err)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	uint64_t start = 0, len = 0;
	const struct extent *e;

	if (disk_extents(d, disk_size(d), 0, holes, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) { /* neighbours of one kind as one line, wherever they lie */
		e = &list.v[i];
		if (len == 0)
			start = e->off;
		len += e->len;
		if (i + 1 < list.n && list.v[i + 1].kind == e->kind)
			continue;
		printf("%" PRIu64 " %" PRIu64 " %s\n", start, len, e->kind == EXTENT_DATA ? "data" : "zero");
		len = 0;
	}
	return 0;
}

/* xorshift: repeatable, and each thread has its own. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void *compare_thread(void *arg)
{
	struct compare *c = arg;
	CLEANUP_FREE uint8_t *got = malloc(SIZE_MAX_READ), *want = malloc(SIZE_MAX_READ);
	uint64_t size = disk_size(c->d), off, len;

	if (!got || !want) {
		error_errno(&c->err, ENOMEM, "buffer");
		return NULL;
	}
	for (uint64_t i = 0; i < c->reads; i++) {
		off = next_random(&c->seed) % size;
		len = 1 + next_random(&c->seed) % (i % 2 ? 3000 : SIZE_MAX_READ);
		len = len < size - off ? len : size - off;
		memset(got, 0xa5, len);
		if (disk_read(c->d, got, len, off, &c->err) < 0 || io_pread(c->flat_fd, want, len, off, &c->err) < 0)
			return NULL;
		if (memcmp(got, want, len) != 0) {
			error_set(&c->err, ERR_MISMATCH, "%" PRIu64 " bytes at %" PRIu64 ": different", len, off);
			return NULL;
		}
	}
	return NULL;
}

/* What the extents say is zero must be: with and without a look for holes. */
static int check_zero_extents(struct disk *d, int flat_fd, bool holes, struct error *err)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP_FREE uint8_t *buf = malloc(CHUNK_LEN);
	uint64_t size = disk_size(d), end = 0;

	if (!buf)
		return error_errno(err, ENOMEM, "buffer");
	if (disk_extents(d, size, 0, holes, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) {
		struct extent e = list.v[i];
		size_t n;

		if (e.off != end || e.kind == EXTENT_ABSENT)
			return error_set(err, ERR_BUG, "extents at %" PRIu64, e.off);
		end += e.len;
		for (; e.kind == EXTENT_ZERO && e.len > 0; e.off += n, e.len -= n) {
			n = e.len < CHUNK_LEN ? (size_t)e.len : CHUNK_LEN;
			if (io_pread(flat_fd, buf, n, e.off, err) < 0)
				return -1;
			if (!io_is_zero(buf, n))
				return error_set(err, ERR_MISMATCH, "%zu bytes at %" PRIu64 ": not zero", n, e.off);
		}
	}
	return end == size ? 0 : error_set(err, ERR_BUG, "extents end at %" PRIu64, end);
}

/* Fails with what the first bad piece said, if the rest is as it should be. */
static int check_pieces(struct disk *d, const char *flat, struct error *err)
{
	CLEANUP_FD int fd = open(flat, O_RDONLY | O_CLOEXEC);
	struct error first = ERROR_INIT, why;
	uint8_t got[4096], want[4096];
	size_t n;

	if (fd < 0)
		return error_errno(err, errno, "%s", flat);
	if ((uint64_t)lseek(fd, 0, SEEK_END) != disk_size(d))
		return error_set(err, ERR_MISMATCH, "a disk of %" PRIu64 " bytes", disk_size(d));
	for (uint64_t off = 0; off < disk_size(d); off += n) {
		n = disk_size(d) - off < sizeof(got) ? (size_t)(disk_size(d) - off) : sizeof(got);
		why = (struct error)ERROR_INIT;
		if (disk_read(d, got, n, off, &why) < 0) {
			if (first.code == ERR_NONE)
				first = why;
			continue;
		}
		if (io_pread(fd, want, n, off, err) < 0)
			return -1;
		if (memcmp(got, want, n) != 0)
			return error_set(err, ERR_MISMATCH, "%zu bytes at %" PRIu64 ": different", n, off);
	}
	if (first.code == ERR_NONE)
		return 0;
	*err = first;
	return -1;
}

static int compare(struct disk *d, const char *flat, size_t n, uint64_t reads, struct error *err)
{
	CLEANUP_FREE struct compare *c = calloc(n, sizeof(*c));
	CLEANUP_FREE pthread_t *t = calloc(n, sizeof(*t));
	CLEANUP_FD int fd = open(flat, O_RDONLY | O_CLOEXEC);
	size_t started = 0;
	int rc = 0;

	if (!c || !t || fd < 0)
		return error_errno(err, fd < 0 ? errno : ENOMEM, "%s", flat);
	if ((uint64_t)lseek(fd, 0, SEEK_END) != disk_size(d))
		return error_set(err, ERR_MISMATCH, "%s: %" PRIu64 " bytes, the disk has %" PRIu64, flat,
				 (uint64_t)lseek(fd, 0, SEEK_END), disk_size(d));
	for (; started < n; started++) {
		c[started] =
			(struct compare){ .d = d, .flat_fd = fd, .reads = reads, .seed = 88172645463325252 + started };
		if (pthread_create(&t[started], NULL, compare_thread, &c[started]) != 0)
			break;
	}
	for (size_t i = 0; i < started; i++) {
		pthread_join(t[i], NULL);
		if (c[i].err.code != ERR_NONE && rc == 0) {
			*err = c[i].err;
			rc = -1;
		}
	}
	if (rc == 0 && started < n)
		return error_set(err, ERR_SYSTEM, "only %zu threads", started);
	if (rc == 0 && (check_zero_extents(d, fd, false, err) < 0 || check_zero_extents(d, fd, true, err) < 0))
		return -1;
	return rc;
}

static int compare_part(struct disk *d, int flat_fd, size_t len, uint64_t off, struct error *err)
{
	static uint8_t got[EDGE_LEN], want[EDGE_LEN];

	memset(got, 0xa5, len);
	if (disk_read(d, got, len, off, err) < 0 || io_pread(flat_fd, want, len, off, err) < 0)
		return -1;
	return memcmp(got, want, len) == 0
		       ? 0
		       : error_set(err, ERR_MISMATCH, "%zu bytes at %" PRIu64 ": different", len, off);
}

/* Of disks that are too large to be compared as a whole. */
static int compare_edges(struct disk *d, const char *flat, struct error *err)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP_FD int fd = open(flat, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, errno, "%s", flat);
	if (disk_extents(d, disk_size(d), 0, true, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.n;) {
		uint64_t start = list.v[i].off, end = start;
		size_t first = i, len;

		for (; i < list.n && list.v[i].kind == list.v[first].kind; i++)
			end = list.v[i].off + list.v[i].len;
		len = end - start < EDGE_LEN ? (size_t)(end - start) : EDGE_LEN;
		if (compare_part(d, fd, len, start, err) < 0 || compare_part(d, fd, len, end - len, err) < 0)
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "extents", no_argument, NULL, 'e' },       { "holes", no_argument, NULL, 'h' },
		{ "threads", required_argument, NULL, 't' }, { "reads", required_argument, NULL, 'r' },
		{ "format", required_argument, NULL, 'f' },  { "check", no_argument, NULL, 'd' },
		{ "edges", no_argument, NULL, 'g' },
		{ NULL, 0, NULL, 0 },
	};
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	uint64_t threads = 0, reads = 400;
	struct disk_options opt = { 0 };
	struct error err = ERROR_INIT;
	bool extents = false, holes = false, check_only = false, edges = false;
	int c, rc;

	for (;;) {
		c = getopt_long(argc, argv, "", options, NULL);
		if (c < 0)
			break;
		if (c == 'e')
			extents = true;
		else if (c == 'h')
			holes = true;
		else if (c == 'd')
			check_only = true;
		else if (c == 'g')
			edges = true;
		else if (c == 'f')
			opt.format = optarg;
		else if ((c != 't' && c != 'r') || parse_u64(optarg, 1 << 20, c == 't' ? &threads : &reads, &err) < 0)
			return 2;
	}
	if (argc - optind != (threads > 0 || check_only || edges ? 2 : 1))
		return 2;
	if (check_only)
		alarm(20);
	d = disk_open_path(argv[optind], &opt, &err);
	if (!d)
		return fail(&err);
	if (check_only)
		rc = check_pieces(d, argv[optind + 1], &err);
	else if (edges)
		rc = compare_edges(d, argv[optind + 1], &err);
	else if (threads > 0)
		rc = compare(d, argv[optind + 1], (size_t)threads, reads, &err);
	else
		rc = extents ? show_extents(d, holes, &err) : copy(d, &err);
	return rc < 0 ? fail(&err) : 0;
}
