/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decompressors for compressed grains, with a buffer each for the compressed bytes; lent to one read at a time and used
 * again, so that a read allocates nothing once it is warm.  As many exist as threads were ever reading at once.
 *
 * The pool: any number of threads.  An inflater: the thread that has it.
 */
#ifndef LIFTFS_DISK_INFLATE_H
#define LIFTFS_DISK_INFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct libdeflate_decompressor;

struct inflater {
	struct inflater *next;
	struct libdeflate_decompressor *deflate;
	uint8_t *in; /* in_cap bytes, for compressed data */
	size_t in_cap;
};

struct inflate_pool;

struct inflate_pool *inflate_pool_new(size_t in_cap, struct error *err) MUST_CHECK;
void inflate_pool_free(struct inflate_pool *p); /* nobody has an inflater any more; NULL is welcome */

struct inflater *inflate_get(struct inflate_pool *p, struct error *err) MUST_CHECK;
void inflate_put(struct inflate_pool *p, struct inflater *inf);

/*
 * Inflates one zlib stream (RFC 1950, Adler-32 checked) that begins at in; what follows it is not looked at.  Fails if
 * it is damaged, needs a dictionary, is longer than cap bytes or does not end within in_len.  Then out holds anything.
 */
int inflate_zlib(struct inflater *inf, const void *in, size_t in_len, void *out, size_t cap, size_t *len_out,
		 struct error *err) MUST_CHECK;

#endif
