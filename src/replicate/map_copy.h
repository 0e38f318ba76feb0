/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy of a replica's block map beside the replica, so that another host can go on without this one's disk.
 *
 * It is a block map as liftfs-blockmap(5) has it, without lease id and born, whose header names the replica's version at
 * the clean point and a SHA-256 over the page table.  It is updated in place: a page can be old and its checksum still
 * good.  So
 *  - every update first raises the copy's own number, and its writes are conditional on that: a late write of an older
 *    update dies;
 *  - pages go first, page table and header last, in one write after all pages were acknowledged;
 *  - a note in the state folder (map-copy) says which pages the copy holds under which number; it is written after the
 *    last answer.  An update that began has another number: without the note, or under another number, all pages are
 *    sent.
 * Who reads it believes it only if the header names the live version of a replica on which he holds the lease, and digest
 * and every page's checksum are right.  Otherwise it is void, which is no error.
 *
 * To be called under the replica's lease, alone on a replica.
 */
#ifndef LIFTFS_REPLICATE_MAP_COPY_H
#define LIFTFS_REPLICATE_MAP_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "replicate/state.h"
#include "target/target.h"

#define MAP_COPY_DIGEST_LEN 32

/* Brings the copy up to date with a state that is clean and committed; one that says so already is left alone.  A failure
 * leaves a copy that is void, or the one before. */
int map_copy_update(struct replica *copy, struct replica_state *rs, struct error *err) MUST_CHECK;

/* What is live: what a copy must name to be believed. */
struct map_copy_live {
	const char *version;
	const char *liftfs_id; /* its text, of the replica's metadata */
	uint64_t size;         /* footer included */
};

/*
 * Takes the copy over into a state that has a map (of any kind): see replica_state_import().  0 with an empty why: taken;
 * 0 with a phrase in it: void, and the state is as it was.  -1: it could not be read (ERR_NETWORK, ERR_BUSY,
 * ERR_CANCELLED, no room here ...), where a rebuild would fail too; rs may then be without map and journal.
 */
int map_copy_take(struct replica *copy, const struct map_copy_live *live, struct replica_state *rs, char why[128],
		  struct error *err) MUST_CHECK;

/*
 * A copy as its bytes say, void or not, for a replica that was carried elsewhere: header and page table are checked, the
 * version is not.  `sums` (one a page) and header are the caller's.  ERR_CORRUPT names what is wrong.
 */
struct map_copy {
	struct replica *replica;
	char version[TARGET_VERSION_LEN]; /* of the copy itself: later reads are conditional on it */
	uint64_t number;
	struct blockmap_header header;
	uint64_t *sums;
	uint64_t pages, data_off;
};
int map_copy_open(struct replica *copy, struct map_copy *out, struct error *err) MUST_CHECK;
/* Pages of a copy into a map of its shape; ERR_CORRUPT at the first whose checksum is wrong. */
int map_copy_fill(const struct map_copy *c, struct blockmap *m, struct error *err) MUST_CHECK;
void map_copy_fini(struct map_copy *c);

#endif
