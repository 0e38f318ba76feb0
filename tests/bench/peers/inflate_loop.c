/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inflates the grains of a streamOptimized VMDK with libdeflate, from memory and into the same buffer again and again:
 * the rate that no reader of such an image can beat.
 *
 *	inflate-loop THREADS IMAGE
 *
 * Prints how many bytes came out and the seconds that inflating took.  Trusts its input, which the benchmark made
 * itself.
 */
#include <config.h>

#include <fcntl.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/parse.h"
#include "timed_threads.h"

enum { SECTOR = 512, MARKER = 12, GRAIN = 65536 };

struct grain {
	const uint8_t *data;
	size_t len;
};

static struct grain *grains;
static size_t n_grains, cap;
static _Atomic size_t next_grain;
static _Atomic uint64_t done;
static atomic_bool failed;

static int add_grain(const uint8_t *data, size_t len)
{
	if (n_grains == cap) {
		size_t more = cap ? cap * 2 : 1024;
		struct grain *v = reallocarray(grains, more, sizeof(*v));

		if (!v)
			return -1;
		grains = v;
		cap = more;
	}
	grains[n_grains++] = (struct grain){ data, len };
	return 0;
}

/* From the header's overhead on: markers, each a grain (its size is not 0) or a table of so many sectors. */
static int find_grains(const uint8_t *file, size_t len)
{
	size_t at = (size_t)get_le64(file + 64) * SECTOR;

	if (get_le64(file + 20) * SECTOR != GRAIN)
		return -1;
	while (len - at >= SECTOR) {
		uint64_t sectors = get_le64(file + at);
		size_t size = get_le32(file + at + 8);

		if (size == 0) {
			if (get_le32(file + at + MARKER) == 0) /* the end of the stream */
				break;
			at += SECTOR + (size_t)sectors * SECTOR;
			continue;
		}
		if (size > len - at - MARKER || add_grain(file + at + MARKER, size) < 0)
			return -1;
		at += (MARKER + size + SECTOR - 1) / SECTOR * SECTOR;
		if (at > len)
			return -1;
	}
	return 0;
}

static void *worker(void *arg)
{
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	CLEANUP_FREE void *out = NULL;
	size_t i, got;

	(void)arg;
	if (!d || posix_memalign(&out, 4096, GRAIN) != 0)
		failed = true;
	while (!failed && (i = atomic_fetch_add(&next_grain, 1)) < n_grains) {
		if (libdeflate_zlib_decompress(d, grains[i].data, grains[i].len, out, GRAIN, &got) !=
		    LIBDEFLATE_SUCCESS)
			failed = true;
		else
			atomic_fetch_add_explicit(&done, got, memory_order_relaxed);
	}
	libdeflate_free_decompressor(d);
	return NULL;
}

int main(int argc, char **argv)
{
	CLEANUP_FREE char *file = NULL;
	double seconds;
	size_t len = 0;
	uint64_t threads;

	if (argc != 3 || parse_u64(argv[1], THREADS_MAX, &threads, NULL) < 0 || threads == 0) {
		fputs("usage: inflate-loop THREADS IMAGE\n", stderr);
		return 2;
	}
	file = io_read_file(AT_FDCWD, argv[2], SIZE_MAX / 4, &len, NULL);
	if (!file || len < 2 * SECTOR || find_grains((const uint8_t *)file, len) < 0) {
		fprintf(stderr, "inflate-loop: %s: cannot be read, or grains are not of 64 KiB\n", argv[2]);
		return 1;
	}
	seconds = timed_threads(threads, worker);
	free(grains);
	if (failed || seconds < 0) {
		fputs("inflate-loop: a grain or a thread failed\n", stderr);
		return 1;
	}
	printf("%" PRIu64 " bytes %.6f s\n", (uint64_t)done, seconds);
	return 0;
}
