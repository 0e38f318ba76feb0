/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of its own for a test's files, and the few things tests do there.  Everything asserts: a test that cannot
 * prepare has failed.  Include "unit.h" first.
 */
#ifndef LIFTFS_TESTS_SCRATCH_H
#define LIFTFS_TESTS_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

struct scratch_dir {
	char path[64];
	int fd;
};

/* As cmocka group or test fixtures: *state is a struct scratch_dir *. */
int scratch_setup(void **state);
int scratch_teardown(void **state);

/* Where the folders made from now on lie, if it is there: tests with many syncs want memory.  As it is: /tmp. */
void scratch_set_place(const char *folder);

/* Writes a file anew. */
void scratch_write(const struct scratch_dir *s, const char *name, const void *buf, size_t len);
/* Overwrites bytes of a file, growing it if need be. */
void scratch_patch(const struct scratch_dir *s, const char *name, uint64_t off, const void *buf, size_t len);
void scratch_truncate(const struct scratch_dir *s, const char *name, uint64_t len);

/* Content that knows its place: no byte run of it looks right at another offset or under another seed. */
void pattern_fill(uint8_t *buf, size_t len, uint64_t off, uint64_t seed);

#endif
