/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target: one file with this function, linked with fuzz-main.c, which replays its corpus under make check, or
 * with clang's -fsanitize=fuzzer instead.  It aborts on what must not be.
 */
#ifndef LIFTFS_TESTS_FUZZ_H
#define LIFTFS_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Not assert(): it counts with NDEBUG too. */
#define FUZZ_MUST(condition)      \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

/* For targets of several readers of text: the first byte chooses one, which gets the rest, a NUL behind it. */
typedef void fuzz_reader(const char *text, size_t len);
static inline void fuzz_one_reader(const uint8_t *data, size_t len, fuzz_reader *const *readers, size_t n)
{
	char *text;

	if (len == 0)
		return;
	text = malloc(len);
	FUZZ_MUST(text);
	memcpy(text, data + 1, len - 1);
	text[len - 1] = '\0';
	readers[*data % n](text, len - 1);
	free(text);
}

#endif
