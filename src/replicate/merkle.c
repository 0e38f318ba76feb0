/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/cleanup.h"
#include "replicate/merkle.h"

DEFINE_CLEANUP(cleanup_md_ctx, EVP_MD_CTX *, EVP_MD_CTX_free);

static int hash_with_prefix(uint8_t prefix, const void *data, size_t len, uint8_t out[MERKLE_HASH_LEN],
			    struct error *err)
{
	CLEANUP(cleanup_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 || EVP_DigestUpdate(ctx, &prefix, 1) != 1 ||
	    EVP_DigestUpdate(ctx, data, len) != 1 || EVP_DigestFinal_ex(ctx, out, NULL) != 1)
		return error_set(err, ERR_UNSUPPORTED, "SHA-256: the crypto library does not give it");
	return 0;
}

int merkle_leaf(const void *chunk, size_t len, uint8_t out[MERKLE_HASH_LEN], struct error *err)
{
	return hash_with_prefix(0, chunk, len, out, err);
}

static int join(const uint8_t left[MERKLE_HASH_LEN], const uint8_t right[MERKLE_HASH_LEN],
		uint8_t out[MERKLE_HASH_LEN], struct error *err)
{
	uint8_t both[2 * MERKLE_HASH_LEN];

	memcpy(both, left, MERKLE_HASH_LEN);
	memcpy(both + MERKLE_HASH_LEN, right, MERKLE_HASH_LEN);
	return hash_with_prefix(1, both, sizeof(both), out, err);
}

void merkle_init(struct merkle *m)
{
	m->leaves = 0;
	m->n = 0;
}

/* As in binary counting: two subtrees of one size become one of the next. */
int merkle_add(struct merkle *m, const uint8_t leaf[MERKLE_HASH_LEN], struct error *err)
{
	assert(m->n < MERKLE_LEVELS);
	memcpy(m->subtree[m->n++], leaf, MERKLE_HASH_LEN);
	m->leaves++;
	for (uint64_t carry = m->leaves; carry % 2 == 0; carry /= 2) {
		if (join(m->subtree[m->n - 2], m->subtree[m->n - 1], m->subtree[m->n - 2], err) < 0)
			return -1;
		m->n--;
	}
	return 0;
}

int merkle_root(const struct merkle *m, uint8_t out[MERKLE_HASH_LEN], struct error *err)
{
	uint8_t hash[MERKLE_HASH_LEN];

	if (m->n == 0) {
		if (EVP_Digest("", 0, out, NULL, EVP_sha256(), NULL) != 1)
			return error_set(err, ERR_UNSUPPORTED, "SHA-256: the crypto library does not give it");
		return 0;
	}
	memcpy(hash, m->subtree[m->n - 1], MERKLE_HASH_LEN);
	for (unsigned i = m->n - 1; i > 0; i--)
		if (join(m->subtree[i - 1], hash, hash, err) < 0)
			return -1;
	memcpy(out, hash, MERKLE_HASH_LEN);
	return 0;
}

void merkle_hex(const uint8_t hash[MERKLE_HASH_LEN], char out[2 * MERKLE_HASH_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < MERKLE_HASH_LEN; i++) {
		out[2 * i] = digits[hash[i] >> 4];
		out[2 * i + 1] = digits[hash[i] & 15];
	}
	out[2 * MERKLE_HASH_LEN] = '\0';
}
