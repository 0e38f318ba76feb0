/* SPDX-License-Identifier: Apache-2.0 */
/* A state folder with one replica of 2 MiB.  Everything asserts.  Include "unit.h" first. */
#ifndef LIFTFS_TESTS_STATE_FIXTURE_H
#define LIFTFS_TESTS_STATE_FIXTURE_H

#include "replicate/state.h"
#include "support/scratch.h"

#define MIB (UINT64_C(1) << 20)
#define CONTENT (2 * MIB) /* 32 blocks and the footer */
#define BLOCKS 33

struct fixture {
	struct scratch_dir *dir;
	struct state *state;
	struct replica_state rs; /* open, and new */
	char folder[256];        /* of the replica's map and journal */
};

/* Of one test; *state is a struct fixture *. */
int state_fixture_setup(void **state);
int state_fixture_teardown(void **state);
#define STATE_TEST(name) cmocka_unit_test_setup_teardown(name, state_fixture_setup, state_fixture_teardown)

/* A call whose error goes to &ok_err. */
#define OK(call)                                   \
	do {                                       \
		struct error ok_err = ERROR_INIT;  \
                                                   \
		if ((call) < 0)                    \
			fail_msg("%s", ok_err.msg); \
	} while (0)

void open_rs(struct fixture *f);
void reopen_rs(struct fixture *f);

/* COMMAND 'A' 'B' */
void run_command(const char *command, const char *a, const char *b);

/* Makes map and journal. */
void create_rs(struct fixture *f);
/* The same, and what a first cycle does up to its clean point: everything zero but block 1, which has hash_of(1). */
void first_cycle(struct fixture *f);

struct block_hash hash_of(uint64_t n);
/* What the map says of a block: 'u', 'z', or 'h' with hash_of(n) in *n. */
char entry(const struct fixture *f, uint64_t blk, uint64_t *n);
struct clean_point clean_point(uint64_t cycle, uint64_t number, const char *version);

/* A path in the replica's folder. */
void in_folder(const struct fixture *f, const char *name, char path[300]);
/* Into the same inode, so that it stays where it was born. */
void put_file(const struct fixture *f, const char *name, const void *buf, size_t len);

#endif
