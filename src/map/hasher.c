/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <pthread.h>
#include <string.h>

#include <xxhash.h>

#ifdef HAVE_XXH_X86DISPATCH
#define XXH_DISPATCH_DISABLE_REPLACE /* the plain entry points keep their names */
#include <xxh_x86dispatch.h>
#define HASH128 XXH3_128bits_dispatch
#define HASH128_SECRET XXH3_128bits_withSecret_dispatch
#define HASH64_SEED XXH3_64bits_withSeed_dispatch
#else
#define HASH128 XXH3_128bits
#define HASH128_SECRET XXH3_128bits_withSecret
#define HASH64_SEED XXH3_64bits_withSeed
#endif

#include "map/hasher.h"

_Static_assert(HASHER_SECRET_LEN >= XXH3_SECRET_SIZE_MIN, "XXH3 refuses a shorter secret");

/*
 * The library chooses its vector code at the first long hash, in plain variables.  One call of each kind before any
 * thread uses a hasher makes that choice once.
 */
static void choose_vector_code(void)
{
	static const uint8_t buf[1024], secret[HASHER_SECRET_LEN];

	(void)HASH128(buf, sizeof(buf));
	(void)HASH128_SECRET(buf, sizeof(buf), secret, sizeof(secret));
	(void)HASH64_SEED(buf, sizeof(buf), 1);
}

static void choose_vector_code_once(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, choose_vector_code);
}

void hasher_init(struct hasher *h, const uint8_t secret[HASHER_SECRET_LEN])
{
	choose_vector_code_once();
	memcpy(h->secret, secret, HASHER_SECRET_LEN);
}

void hasher_hash(const struct hasher *h, const void *buf, size_t len, struct block_hash *out)
{
	XXH128_hash_t hash = HASH128_SECRET(buf, len, h->secret, sizeof(h->secret));

	out->lo = hash.low64;
	out->hi = hash.high64;
	block_hash_fix(out);
}

void hasher_plain_hex(const void *buf, size_t len, char out[33])
{
	static const char digits[] = "0123456789abcdef";
	XXH128_canonical_t canonical;

	choose_vector_code_once();
	XXH128_canonicalFromHash(&canonical, HASH128(buf, len));
	for (size_t i = 0; i < sizeof(canonical.digest); i++) {
		out[2 * i] = digits[canonical.digest[i] >> 4];
		out[2 * i + 1] = digits[canonical.digest[i] & 15];
	}
	out[32] = '\0';
}

uint64_t hasher_checksum(const void *buf, size_t len, uint64_t seed)
{
	choose_vector_code_once();
	return HASH64_SEED(buf, len, seed);
}
