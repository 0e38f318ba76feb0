/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which replica a disk goes on with, by names and by the ids that root images carry (VMDK ddb.uuid, VHDX disk id, VHD unique
 * id).  A name is a place; an id stays with a disk that is renamed or moved to another datastore, and with its copies.
 *
 *   a replica has the disk's name                      it is the disk's; of another id: the cycle refuses it (--replace);
 *                                                      of an id where the disk has none: refused if another disk has that id
 *   no, and the replica that the disk's path alone     it was the disk's before another image took that name: the disk
 *     is the name of has its id                          goes on with it
 *   no, and no replica has its id                      a new replica
 *   no, and one replica has its id, whose own name     renamed or moved: the disk goes on under that replica's name
 *     no disk of SOURCE has that could be its
 *   no, and the disk that the replica is called after  a copy: a new replica
 *     is there too
 *   several replicas, or several disks for one         refused: which is whose is a person's to say
 *
 * A disk whose id is not known (it does not open) holds its name: it may be the replica's.
 *
 * An id is text, which copies and images made to mislead carry too.  Whatever is decided here, nothing of a replica's content is
 * concluded from it: names of files and inodes are others, so that all is read and compared block by block, and a replica is
 * never cut to a disk's size because of its id.  Pure: no I/O, any number of threads.
 */
#ifndef LIFTFS_REPLICATE_IDENTITY_H
#define LIFTFS_REPLICATE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum identity_outcome {
	IDENTITY_OWN,     /* under its own name, which a replica may have or not */
	IDENTITY_FOLLOWS, /* under the name of `replica` */
	IDENTITY_COPY,    /* under its own name, new; `twin` has the same id */
	IDENTITY_REFUSED, /* err says why */
};

struct identity_disk {
	/* In. */
	const char *name;   /* of the replica that its path gives */
	const char *place;  /* that its path alone would give, were there no others; NULL: the same */
	const char *source; /* for messages */
	const char *id;     /* "": none, or not known */
	bool no_id;         /* it is known to have none */
	bool here;          /* of this run; another one only holds its name, or is a rival */
	bool alone;         /* what else is there was not looked at: it follows no id */
	bool only_name;     /* an image that is no disk by itself: it holds its name and is nobody's rival */

	/* Out, if `here`. */
	enum identity_outcome outcome;
	const char *replica; /* the name to go on under: one of the inputs */
	const char *twin;    /* the source of another disk with this id, or the name of its replica; else NULL */
	struct error err;
};

struct identity_replica {
	const char *name, *id;
};

/*
 * Replicas are in byte order of names, as target_list() gives them.  Disks may come in any order, one more than once under the
 * same name.  ERR_NOMEM alone.
 */
int identity_match(struct identity_disk *disks, size_t n, const struct identity_replica *replicas, size_t n_replicas,
		   struct error *err) MUST_CHECK;

/* Does the id say anything?  Empty ones and those of zeros alone, which some tools write, do not. */
bool identity_is_id(const char *id);

#endif
