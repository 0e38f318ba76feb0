/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MD5 of several bodies at once, for services that check what they store by nothing else.
 *
 * Each of MD5's steps waits for the one before, so that one body leaves most of a core idle.  Here up to MD5_LANES bodies
 * go through the same steps side by side, each in its element of a vector; where one ends the next takes its place.  As a
 * checksum of what travels, nothing else: what is to resist an adversary goes by SHA-256.  Thread-safe.
 */
#ifndef LIFTFS_NET_MD5_LANES_H
#define LIFTFS_NET_MD5_LANES_H

#include <stddef.h>
#include <stdint.h>

#include "net/digest.h"

#define MD5_LANES 8

struct md5_body {
	const void *data; /* of any alignment; may be NULL if len is 0 */
	size_t len;
	uint8_t md5[MD5_LEN]; /* out */
};

/* Of n bodies, any number, of any lengths; fastest where there are as many as lanes, of one length.  Cannot fail. */
void md5_lanes(struct md5_body *bodies, size_t n);

/* Its ways, for the test.  The last needs a processor with AVX-512VL. */
void md5_lanes_portable(struct md5_body *bodies, size_t n);
#if defined(__x86_64__)
void md5_lanes_avx512(struct md5_body *bodies, size_t n);
#endif

#endif
