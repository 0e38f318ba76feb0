/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cycles of a VM's disks, raw files in a folder, to replicas in memory.  A host is a state folder and a target handle; it can
 * die at any request, be started again, or have a rival.  Time passes between cycles, so that file times settle.
 * Everything asserts.  Include "unit.h" first.
 */
#ifndef LIFTFS_TESTS_CYCLE_WORLD_H
#define LIFTFS_TESTS_CYCLE_WORLD_H

#include "replicate/cycle.h"
#include "support/scratch.h"
#include "support/target_fault.h"

#define MIB (UINT64_C(1) << 20)
#define SIZE (4 * MIB)
#define DISKS_MAX 3

struct world {
	struct scratch_dir *dir;
	struct mem_service *service;
	struct engine *engine;
	struct backing_root *root;
};

struct host {
	struct fault *fault;
	struct target *target;
	struct state *state;
	struct cycle_options opt;
};

struct outcome {
	struct cycle_vm vm;
	struct cycle_disk disks[DISKS_MAX];
	struct error err;
	int rc;
};

extern const char *const world_names[DISKS_MAX]; /* of replicas */
extern const char *const world_files[DISKS_MAX];

/* Fixtures of one test; *state is a struct world *. */
int world_setup(void **state);
int world_teardown(void **state);
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

/* With the state folder of this name, before the service, or before any other target, which is taken. */
void host_start(struct world *w, struct host *h, const char *state);
void host_start_before(struct world *w, struct host *h, const char *state, struct target *inner);
void host_stop(struct host *h);

/* Writes the first n disks, disk i with seed i + 1, and starts the host with "state"; and lets it do a first cycle. */
void host_start_disks(struct world *w, struct host *h, size_t n);
void host_start_replicated(struct world *w, struct host *h, size_t n, struct outcome *o);

/* What the nth request of these kinds meets; a call gets ctx, just before it. */
void host_fault(struct host *h, unsigned kinds, uint64_t nth, enum fault_action action);
void host_call(struct host *h, unsigned kinds, uint64_t nth, void (*call)(void *ctx), void *ctx);

/* Removes all state folders; no host is running. */
void world_forget_states(struct world *w);
/* The same, after all leases ran out, and the first n replicas are gone, too. */
void world_begin_again(struct world *w, size_t n);

/* Flips the bits of a byte of the one replica's file ("map", "journal") in that state. */
void world_damage(struct world *w, const char *state, const char *file, off_t off);

/* 4 MiB: data in the first and in the fourth. */
void world_write_disk(struct world *w, size_t i, uint64_t seed);
void world_patch(struct world *w, size_t i, uint64_t off, size_t len, uint64_t seed);

/* Of raw disks; six seconds after what was before. */
void cycle(struct world *w, struct host *h, size_t n, struct outcome *o);
/* Of the image of this name, whatever it is, to the first of world_names. */
void cycle_image(struct world *w, struct host *h, const char *image, struct outcome *o);
/* After a day and a little what was written before is settled at once. */
void world_pass_time(uint64_t ns);
void cycle_ok(struct world *w, struct host *h, size_t n, struct outcome *o);
void one_cycle(struct world *w, const char *state, size_t n);
/* One of which the host dies at the nth request of these kinds. */
void one_death(struct world *w, const char *state, unsigned kinds, uint64_t nth, size_t n);

/* Is the replica in memory (point -1), or its point, what the source is? */
bool world_equals(struct world *w, size_t i, int point);
/* The first len bytes of both. */
bool world_equals_len(struct world *w, size_t i, int point, size_t len);
/* The token of that point of a replica. */
void world_token(struct host *h, size_t i, size_t point, char out[64]);
size_t world_writes(struct world *w); /* since the last cycle began */

#endif
