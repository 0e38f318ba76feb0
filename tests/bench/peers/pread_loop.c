/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads files by pread and does nothing else: what storage or page cache give at best to a program that copies.
 *
 *	pread-loop THREADS BLOCK FILE...
 *
 * Holes are not read.  Threads claim blocks in file order, one file after the other.  Prints bytes and seconds.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "timed_threads.h"


struct piece {
	int fd;
	off_t off;
	size_t len;
};

static struct piece *pieces;
static size_t n_pieces, cap;
static size_t block;
static _Atomic size_t next_piece;
static _Atomic uint64_t done;
static atomic_bool failed;

static int add_range(int fd, off_t at, off_t end)
{
	for (; at < end; at += (off_t)block) {
		if (n_pieces == cap) {
			size_t more = cap ? cap * 2 : 1024;
			struct piece *v = reallocarray(pieces, more, sizeof(*v));

			if (!v)
				return -1;
			pieces = v;
			cap = more;
		}
		pieces[n_pieces++] =
			(struct piece){ fd, at, (size_t)(end - at < (off_t)block ? end - at : (off_t)block) };
	}
	return 0;
}

/* The data of one file, which stays open. */
static int add_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t at = 0, end;

	if (fd < 0)
		return -1;
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		end = lseek(fd, at, SEEK_HOLE);
		if (end < 0 || add_range(fd, at, end) < 0)
			return -1;
		at = end;
	}
	return errno == ENXIO ? 0 : -1; /* ENXIO: no data from there on */
}

static void *worker(void *arg)
{
	CLEANUP_FREE void *buf = NULL;
	size_t i;

	(void)arg;
	if (posix_memalign(&buf, 4096, block) != 0) {
		failed = true;
		return NULL;
	}
	while ((i = atomic_fetch_add(&next_piece, 1)) < n_pieces) {
		const struct piece *p = &pieces[i];

		if (pread(p->fd, buf, p->len, p->off) != (ssize_t)p->len) {
			failed = true;
			break;
		}
		atomic_fetch_add_explicit(&done, p->len, memory_order_relaxed);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t threads, bytes;
	double seconds;

	if (argc < 4 || parse_u64(argv[1], THREADS_MAX, &threads, NULL) < 0 || threads == 0 ||
	    parse_size(argv[2], &bytes, NULL) < 0 || bytes == 0 || bytes > 1 << 30) {
		fputs("usage: pread-loop THREADS BLOCK FILE...\n", stderr);
		return 2;
	}
	block = (size_t)bytes;
	for (int i = 3; i < argc; i++)
		if (add_file(argv[i]) < 0) {
			fprintf(stderr, "pread-loop: %s: %s\n", argv[i], strerrordesc_np(errno));
			return 1;
		}
	seconds = timed_threads(threads, worker);
	free(pieces);
	if (failed || seconds < 0) {
		fputs("pread-loop: a read or a thread failed\n", stderr);
		return 1;
	}
	printf("%" PRIu64 " bytes %.6f s\n", (uint64_t)done, seconds);
	return 0;
}
