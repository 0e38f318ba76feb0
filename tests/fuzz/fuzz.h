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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Not assert(): it counts with NDEBUG too. */
#define FUZZ_MUST(condition)      \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

#endif
