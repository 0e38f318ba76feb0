/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random chains of VMDKs, each layer of one to three extents of any kind that our writers make, and a model of every
 * sector.  The same seed makes the same chain.  Include "unit.h" first.
 *
 * The layers are l0.vmdk (the root) and so on; the last one is the leaf.  Their sizes differ by chance.
 */
#ifndef LIFTFS_TESTS_REDO_CHAIN_H
#define LIFTFS_TESTS_REDO_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "support/scratch.h"

enum redo_state { REDO_ABSENT, REDO_ZERO, REDO_DATA };

struct redo_chain {
	size_t layers;
	char leaf[32];         /* the leaf's name */
	uint64_t sectors;      /* the leaf's */
	uint8_t *bytes;        /* sectors * 512: what its guest reads */
	enum redo_state *said; /* what is said of each sector; absent: by no layer */
};

enum redo_choice {
	REDO_ALL,
	/* What qemu-img reads right: no ZERO extents, no FLAT ones with a parent, no last grain cut short by a next
	   extent. */
	REDO_QEMU,
	REDO_COWD, /* one COWD extent a layer */
};

/* Writes a chain of so many layers into the folder. */
void redo_chain_write(struct redo_chain *c, const struct scratch_dir *s, uint64_t seed, size_t layers,
		      enum redo_choice choice);
void redo_chain_fini(struct redo_chain *c);

/* xorshift: repeatable. */
uint64_t redo_random(uint64_t *state, uint64_t below);

#endif
