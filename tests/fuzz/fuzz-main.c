/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays files and folders of inputs, given as arguments, or corpus/NAME beside the sources for a program fuzz-NAME;
 * and after each input a fixed number of mutations of it, the same in every run.
 */
#include <config.h>

#ifdef LIFTFS_LIBFUZZER /* which has a main() of its own */
extern int fuzz_main_is_not_needed;
#else

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "fuzz.h"

#define INPUT_MAX ((size_t)1 << 20)
#define MUTATIONS 200

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void mutate(uint8_t *buf, size_t len, uint64_t *x)
{
	for (uint64_t n = 1 + next_random(x) % 4; n > 0 && len > 0; n--) {
		size_t at = next_random(x) % len;

		buf[at] = next_random(x) % 4 ? (uint8_t)next_random(x) : (uint8_t)(next_random(x) % 2 ? 0xff : 0);
	}
}

static int replay_file(const char *path)
{
	CLEANUP_FREE uint8_t *buf = NULL, *copy = NULL;
	uint64_t x = UINT64_C(0x9e3779b97f4a7c15);
	struct error e = ERROR_INIT;
	size_t len;

	buf = (uint8_t *)io_read_file(AT_FDCWD, path, INPUT_MAX, &len, &e);
	if (!buf) {
		fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	LLVMFuzzerTestOneInput(buf, len);
	for (int i = 0; i < MUTATIONS; i++) {
		size_t keep = next_random(&x) % 4 ? len : next_random(&x) % (len + 1);

		copy = malloc(keep + 1); /* of the right size, so that a sanitizer sees the end */
		if (!copy)
			return -1;
		memcpy(copy, buf, keep);
		mutate(copy, keep, &x);
		LLVMFuzzerTestOneInput(copy, keep);
		free(steal_ptr(&copy));
	}
	return 0;
}

static int replay(const char *path, unsigned *files)
{
	DIR *dir = opendir(path);
	int rc = 0;

	if (!dir) {
		++*files;
		return replay_file(path);
	}
	for (struct dirent *e = readdir(dir); e && rc == 0; e = readdir(dir)) {
		char sub[4096];

		if (e->d_name[0] == '.')
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name);
		++*files;
		rc = replay_file(sub);
	}
	closedir(dir);
	return rc;
}

int main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir"), *name = strstr(argv[0], "fuzz-");
	unsigned files = 0;
	char path[4096];

	for (int i = 1; i < argc; i++)
		if (replay(argv[i], &files) < 0)
			return 1;
	if (argc == 1) {
		for (const char *p = name; p; p = strstr(p + 1, "fuzz-"))
			name = p;
		snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", name ? name + 5 : "");
		if (replay(path, &files) < 0)
			return 1;
	}
	printf("%u inputs, %d mutations of each\n", files, MUTATIONS);
	return files == 0;
}

#endif
