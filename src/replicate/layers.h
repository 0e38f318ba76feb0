/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence for parts of a chain.  Where only some files of a disk changed, were made or removed (a snapshot taken, reverted,
 * consolidated, a leaf that is written to), blocks that come from unchanged files are not read.
 *
 * What a block holds is decided by the images from the uppermost to the lowest that it comes from: those above say of all of
 * it that it is absent, those below are not asked.  What an image says is decided by the bytes of its files.  So a block is
 * what it was in the last clean cycle if
 *  - then it came wholly from one image, it does now, and both are the same image with unchanged files; or
 *  - then and now it comes from nothing above those images at the chain's lower end that are the same, in the same order,
 *    with unchanged files
 * whatever happened to the other files.  Hence what a delta covered that is gone now is read: it came from that delta then.
 * That needs a record of where each block came from (layer_record.h): made by each pass that asks for the extents of the
 * whole disk, tied by its token to the clean point of its cycle, and worth nothing beside any other.
 *
 * "Unchanged" is as in evidence.h: path, inode, size and times, on file systems that stamp every write.  The last cycle must
 * have read every file of the chain under a settled stamp, also those that a block does not come from: an image that changed
 * without a trace between the question where a block lies and its reading could have made the record wrong.
 *
 * Used by one pass, under the lock under which it claims; memory: about 40 KiB.
 */
#ifndef LIFTFS_REPLICATE_LAYERS_H
#define LIFTFS_REPLICATE_LAYERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/extent.h"
#include "map/blockmap.h"
#include "replicate/evidence.h"

struct layers_config {
	int dirfd; /* the replica's state */
	struct disk *disk;
	const struct evidence *now;  /* of the disk, as it was opened */
	const struct blockmap *map;
	const struct guid *token;    /* of the cycle that this pass belongs to */
	const struct guid *last;     /* of the last clean cycle, if it was settled (evidence_is_settled), not fuzzy, and nothing was
				      * journalled since; NULL: nothing is believed */
};

struct layers;

/* NULL: no memory.  A record that is missing or void proves nothing, one that cannot be written is not made: no failures. */
struct layers *layers_begin(const struct layers_config *config, struct error *err) MUST_CHECK;
void layers_free(struct layers *l); /* NULL is welcome */
DEFINE_CLEANUP(cleanup_layers, struct layers *, layers_free);

/* The extents of [start, end) through the chain: window after window, each begins where the one before ended. */
void layers_window(struct layers *l, const struct extent_list *list, uint64_t start, uint64_t end);

/* Is the block, which lies in the window given last, what it was in the last clean cycle? */
bool layers_prove(const struct layers *l, uint64_t blk);

/* After a pass that ended well, before its clean point: the record is in place. */
void layers_commit(struct layers *l);

/* Instead of all that, for a disk all of whose files are unchanged: the record goes on under another token. */
void layers_carry(int dirfd, const struct guid *last, const struct guid *token);

#endif
