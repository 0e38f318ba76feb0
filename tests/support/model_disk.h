/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk in memory whose content the test changes between passes, and which says what was read of it.  Include "unit.h"
 * first.
 */
#ifndef LIFTFS_TESTS_MODEL_DISK_H
#define LIFTFS_TESTS_MODEL_DISK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/cancel.h"
#include "disk/disk.h"

#define MODEL_GRAIN 16384 /* bytes: the finest place of an extent */

struct model_disk {
	struct disk *disk;
	uint8_t *bytes;
	uint64_t size;
	bool *known_zero; /* a grain that is zero is said to be; all at first */
	/* Set by the test before a pass. */
	bool no_extents;        /* all data */
	uint64_t fail_at;       /* a read of this byte fails with ERR_CORRUPT "model: broken"; UINT64_MAX: none */
	struct cancel *cancel;  /* set to CANCEL_GENTLE by the read that touches cancel_at */
	uint64_t cancel_at;
	_Atomic uint64_t bytes_read, reads;
};

struct model_disk *model_disk_new(uint64_t size);
void model_disk_free(struct model_disk *m);

/* Content that knows its place, from the seed; or zeros. */
void model_disk_fill(struct model_disk *m, uint64_t off, uint64_t len, uint64_t seed);
void model_disk_zero(struct model_disk *m, uint64_t off, uint64_t len);

/* splitmix64, for tests that print their seed. */
uint64_t model_random(uint64_t *state);

#endif
