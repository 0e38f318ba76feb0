/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's disk as a chain of images that its hypervisor works on: writes, trims, takes snapshots, reverts, consolidates, of
 * VHDX also grows; with a model of what its guest reads.  Files that a step does not touch stay as they are; what it writes
 * gets a new mtime, as if time had passed.  Include "unit.h" first.
 */
#ifndef LIFTFS_TESTS_SNAPSHOT_CHAIN_H
#define LIFTFS_TESTS_SNAPSHOT_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/scratch.h"

#define SNAPSHOT_CHAIN_LEN 7             /* images at most */
#define SNAPSHOT_CHAIN_SIZE (2 << 20)    /* bytes of the disk */
#define SNAPSHOT_CHAIN_GRAINS (SNAPSHOT_CHAIN_SIZE / 4096)

enum snapshot_format {
	SNAPSHOT_SPARSE,   /* one file an image */
	SNAPSHOT_SESPARSE, /* descriptors with seSparse extents over a flat one with holes; grains of 4 KiB */
	SNAPSHOT_VHDX,     /* of any sizes: what is beyond a parent's end is zero */
};

struct snapshot_layer {
	char name[16];
	uint32_t cid;
	uint64_t size; /* bytes: SNAPSHOT_CHAIN_SIZE, of VHDX at most that */
	uint64_t grain[SNAPSHOT_CHAIN_GRAINS]; /* 0: the parent's, 1: zero, else the seed of its content */
};

struct snapshot_chain {
	const struct scratch_dir *dir;
	enum snapshot_format format;
	uint64_t grain_sectors, random, mtime;
	uint64_t seeds; /* of content, used so far */
	uint32_t cids;
	size_t n;
	struct snapshot_layer layer[SNAPSHOT_CHAIN_LEN]; /* the root first */
};

/* A root with some content.  grain_sectors: 8 or more, a power of two. */
void snapshot_chain_init(struct snapshot_chain *c, const struct scratch_dir *dir, uint64_t grain_sectors, uint64_t seed);
void snapshot_chain_init_format(struct snapshot_chain *c, const struct scratch_dir *dir, enum snapshot_format format,
				uint64_t grain_sectors, uint64_t seed);

/* One step at random; what it was, for messages. */
const char *snapshot_chain_step(struct snapshot_chain *c);

/* The steps by name. */
void snapshot_chain_write(struct snapshot_chain *c, size_t layer, uint64_t first, uint64_t n); /* grains */
void snapshot_chain_take(struct snapshot_chain *c);                   /* a new, empty leaf */
void snapshot_chain_revert(struct snapshot_chain *c, size_t keep);    /* a new leaf on the keep-th image */
void snapshot_chain_merge_down(struct snapshot_chain *c, size_t layer); /* into its parent */
void snapshot_chain_merge_up(struct snapshot_chain *c, size_t layer);   /* into its child, with a new content file */
void snapshot_chain_resize(struct snapshot_chain *c, size_t layer, uint64_t size); /* whole grains */

const char *snapshot_chain_leaf(const struct snapshot_chain *c);
uint64_t snapshot_chain_size(const struct snapshot_chain *c);
/* What the guest reads; zeros behind its end, SNAPSHOT_CHAIN_SIZE bytes in all. */
void snapshot_chain_guest(const struct snapshot_chain *c, uint8_t *buf);

#endif
