/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/crc32c.h"
#include "guest/btrfs.h"

enum {
	SB_OFF = 65536,
	SB_LEN = 4096,
	CSUM_LEN = 32,
	SB_FSID = 32,
	SB_PLACE = 48,
	SB_MAGIC = 64,
	SB_GENERATION = 72,
	SB_ROOT = 80,
	SB_CHUNK_ROOT = 88,
	SB_ROOT_FOLDER = 128,
	SB_DEVICES = 136,
	SB_SECTOR = 144,
	SB_NODE = 148,
	SB_CHUNKS_LEN = 160,
	SB_CHUNK_GENERATION = 164,
	SB_INCOMPAT = 188,
	SB_CSUM_TYPE = 196,
	SB_ROOT_LEVEL = 198,
	SB_CHUNK_LEVEL = 199,
	SB_DEVICE = 201,
	SB_METADATA_UUID = 571,
	SB_CHUNKS = 811,
	SB_CHUNKS_MAX = 2048,

	INCOMPAT_METADATA_UUID = 0x400,
	/* All up to RAID1 of three and four, and simple quotas; not zones, the second extent tree, the tree of stripes.
	 */
	INCOMPAT_KNOWN = 0x10fff,

	NODE_FSID = 32,
	NODE_PLACE = 48,
	NODE_GENERATION = 80,
	NODE_OWNER = 88,
	NODE_ITEMS = 96,
	NODE_LEVEL = 100,
	NODE_HEADER = 101,
	ITEM_LEN = 25, /* key, offset, length */
	ITEM_OFF = 17,
	ITEM_SIZE = 21,
	POINTER_LEN = 33, /* key, block, generation */
	POINTER_BLOCK = 17,
	POINTER_GENERATION = 25,
};

enum csum_kind { CSUM_CRC32C, CSUM_XXHASH, CSUM_SHA256 };
static const char *const csum_names[] = { "CRC-32C", "XXH64", "SHA-256", "BLAKE2b" };

struct btrfs_key btrfs_key_get(const uint8_t *p)
{
	return (struct btrfs_key){ .object = get_le64(p), .type = p[8], .off = get_le64(p + 9) };
}

int btrfs_key_compare(const struct btrfs_key *a, const struct btrfs_key *b)
{
	if (a->object != b->object)
		return a->object < b->object ? -1 : 1;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return a->off == b->off ? 0 : a->off < b->off ? -1 : 1;
}

/* The checksum at the beginning of p is of all that follows it. */
static bool csum_ok(unsigned kind, const uint8_t *p, size_t len)
{
	const uint8_t *body = p + CSUM_LEN;
	uint8_t md[EVP_MAX_MD_SIZE];

	len -= CSUM_LEN;
	switch ((enum csum_kind)kind) {
	case CSUM_CRC32C:
		return crc32c(0, body, len) == get_le32(p);
	case CSUM_XXHASH:
		return XXH64(body, len, 0) == get_le64(p);
	case CSUM_SHA256:
		return EVP_Digest(body, len, md, NULL, EVP_sha256(), NULL) == 1 && memcmp(md, p, 32) == 0;
	}
	return false;
}

/* ---- tree blocks ---- */

uint32_t btrfs_node_items(const uint8_t *node)
{
	return get_le32(node + NODE_ITEMS);
}

struct btrfs_key btrfs_node_key(const uint8_t *node, uint32_t slot)
{
	return btrfs_key_get(node + NODE_HEADER + (size_t)slot * (node[NODE_LEVEL] ? POINTER_LEN : ITEM_LEN));
}

void btrfs_node_child(const uint8_t *node, uint32_t slot, struct btrfs_ref *out)
{
	const uint8_t *p = node + NODE_HEADER + (size_t)slot * POINTER_LEN;

	out->logical = get_le64(p + POINTER_BLOCK);
	out->generation = get_le64(p + POINTER_GENERATION);
	out->level = (uint8_t)(node[NODE_LEVEL] - 1);
	out->first_known = true;
	out->first = btrfs_key_get(p);
}

const uint8_t *btrfs_leaf_item(const uint8_t *leaf, uint32_t slot, uint32_t *len_out)
{
	const uint8_t *p = leaf + NODE_HEADER + (size_t)slot * ITEM_LEN;

	*len_out = get_le32(p + ITEM_SIZE);
	return leaf + NODE_HEADER + get_le32(p + ITEM_OFF);
}

static int check_items(const struct btrfs *b, const uint8_t *node, uint64_t at, struct error *err)
{
	uint32_t n = btrfs_node_items(node), room = b->node - NODE_HEADER;
	size_t each = node[NODE_LEVEL] ? POINTER_LEN : ITEM_LEN;
	struct btrfs_key before = { 0 };

	if (n > room / each || (n == 0 && node[NODE_LEVEL] > 0))
		return error_set(err, ERR_CORRUPT, "tree block at byte %" PRIu64 ": %" PRIu32 " items", at, n);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *p = node + NODE_HEADER + i * each;
		struct btrfs_key key = btrfs_key_get(p);

		if (i > 0 && btrfs_key_compare(&before, &key) >= 0)
			return error_set(err, ERR_CORRUPT,
					 "tree block at byte %" PRIu64 ": key %" PRIu32 " is not behind the one before",
					 at, i);
		if (node[NODE_LEVEL] == 0 && (get_le32(p + ITEM_OFF) < n * each ||
					      !range_ok(get_le32(p + ITEM_OFF), get_le32(p + ITEM_SIZE), room)))
			return error_set(err, ERR_CORRUPT,
					 "tree block at byte %" PRIu64 ": item %" PRIu32 " of %" PRIu32
					 " bytes at %" PRIu32,
					 at, i, get_le32(p + ITEM_SIZE), get_le32(p + ITEM_OFF));
		before = key;
	}
	return 0;
}

static int check_node(const struct btrfs *b, const uint8_t *node, uint64_t logical, uint64_t off, struct error *err)
{
	uint64_t at = volume_on_disk(b->v, off);

	if (!csum_ok(b->csum, node, b->node))
		return error_set(err, ERR_CORRUPT,
				 "tree block at byte %" PRIu64 ": wrong checksum (%s, %02x%02x%02x%02x)", at,
				 csum_names[b->csum], node[0], node[1], node[2], node[3]);
	if (get_le64(node + NODE_PLACE) != logical || memcmp(node + NODE_FSID, b->fsid, sizeof(b->fsid)) != 0)
		return error_set(err, ERR_CORRUPT,
				 "tree block at byte %" PRIu64 ": it says address %" PRIu64 ", not %" PRIu64
				 ", or is of another file system",
				 at, get_le64(node + NODE_PLACE), logical);
	if (node[NODE_LEVEL] >= BTRFS_LEVELS)
		return error_set(err, ERR_CORRUPT, "tree block at byte %" PRIu64 ": level %u", at, node[NODE_LEVEL]);
	return check_items(b, node, at, err);
}

/* The first copy that is whole; what is said is why the first was not. */
static int load_node(struct btrfs *b, uint64_t logical, uint8_t *buf, struct error *err)
{
	struct error first = ERROR_INIT;

	for (unsigned copy = 0; copy < BTRFS_STRIPES_MAX; copy++) {
		struct error why = ERROR_INIT;
		uint64_t off, len;
		int rc = btrfs_map(b, logical, copy, &off, &len, copy == 0 ? err : NULL);

		if (rc < 0)
			return -1;
		if (rc == 0)
			break;
		if (len < b->node)
			return error_set(err, ERR_CORRUPT,
					 "tree block at address %" PRIu64 ": beyond the end of its chunk", logical);
		if (volume_read(b->v, buf, b->node, off, &why) == 0 && check_node(b, buf, logical, off, &why) == 0)
			return 0;
		if (copy == 0 || why.code != ERR_CORRUPT)
			first = why;
		if (why.code != ERR_CORRUPT) /* stopped, or nothing may be read any more */
			break;
	}
	if (err)
		*err = first;
	return -1;
}

int btrfs_node(struct btrfs *b, const struct btrfs_ref *ref, const uint8_t **out, struct error *err)
{
	size_t slot = (size_t)(ref->logical / b->node % BTRFS_CACHE);
	struct btrfs_key first;
	uint8_t *node;

	if (!b->cache[slot].b) {
		b->cache[slot].b = malloc(b->node);
		if (!b->cache[slot].b)
			return error_errno(err, ENOMEM, "Btrfs");
		b->cache[slot].logical = UINT64_MAX;
	}
	node = b->cache[slot].b;
	if (b->cache[slot].logical != ref->logical) {
		b->cache[slot].logical = UINT64_MAX;
		if (load_node(b, ref->logical, node, err) < 0)
			return -1;
		b->cache[slot].logical = ref->logical;
	}
	if (node[NODE_LEVEL] != ref->level || get_le64(node + NODE_GENERATION) != ref->generation ||
	    (ref->owner && get_le64(node + NODE_OWNER) != ref->owner))
		return error_set(err, ERR_CORRUPT,
				 "tree block at address %" PRIu64 ": level %u of generation %" PRIu64
				 ", not %u of %" PRIu64 ", or of tree %" PRIu64,
				 ref->logical, node[NODE_LEVEL], get_le64(node + NODE_GENERATION), ref->level,
				 ref->generation, get_le64(node + NODE_OWNER));
	if (ref->first_known) {
		if (btrfs_node_items(node) > 0)
			first = btrfs_node_key(node, 0);
		if (btrfs_node_items(node) == 0 || btrfs_key_compare(&first, &ref->first) != 0)
			return error_set(err, ERR_CORRUPT,
					 "tree block at address %" PRIu64 ": another first key than its "
					 "parent says",
					 ref->logical);
	}
	*out = node;
	return 0;
}

/* ---- the superblock ---- */

static int take_superblock(struct btrfs *b, const uint8_t *sb, struct error *err)
{
	uint64_t incompat = get_le64(sb + SB_INCOMPAT);

	if (memcmp(sb + SB_MAGIC, "_BHRfS_M", 8) != 0)
		return error_set(err, ERR_CORRUPT, "superblock: no '_BHRfS_M'");
	b->csum = get_le16(sb + SB_CSUM_TYPE);
	if (b->csum > CSUM_SHA256)
		return error_set(err, ERR_UNSUPPORTED, "Btrfs with checksums of kind %u (%s)", b->csum,
				 b->csum < ARRAY_LEN(csum_names) ? csum_names[b->csum] : "not known");
	if (!csum_ok(b->csum, sb, SB_LEN) || get_le64(sb + SB_PLACE) != SB_OFF)
		return error_set(err, ERR_CORRUPT,
				 "superblock at byte %" PRIu64 ": wrong checksum (%s, %02x%02x%02x%02x)",
				 volume_on_disk(b->v, SB_OFF), csum_names[b->csum], sb[0], sb[1], sb[2], sb[3]);
	if (incompat & ~(uint64_t)INCOMPAT_KNOWN)
		return error_set(err, ERR_UNSUPPORTED, "Btrfs with features %#" PRIx64,
				 incompat & ~(uint64_t)INCOMPAT_KNOWN);
	if (get_le64(sb + SB_DEVICES) != 1)
		return error_set(err, ERR_UNSUPPORTED, "Btrfs of %" PRIu64 " devices, of which this is one",
				 get_le64(sb + SB_DEVICES));
	b->node = get_le32(sb + SB_NODE);
	b->sector = get_le32(sb + SB_SECTOR);
	if (!is_pow2(b->node) || b->node < 4096 || b->node > BTRFS_NODE_MAX || !is_pow2(b->sector) || b->sector < 512 ||
	    b->sector > b->node)
		return error_set(err, ERR_CORRUPT, "superblock: tree blocks of %" PRIu32 " bytes, sectors of %" PRIu32,
				 b->node, b->sector);
	memcpy(b->fsid, sb + (incompat & INCOMPAT_METADATA_UUID ? SB_METADATA_UUID : SB_FSID), sizeof(b->fsid));
	b->device = get_le64(sb + SB_DEVICE);
	b->root_folder = get_le64(sb + SB_ROOT_FOLDER);
	b->roots = (struct btrfs_root){ .logical = get_le64(sb + SB_ROOT),
					.generation = get_le64(sb + SB_GENERATION),
					.level = sb[SB_ROOT_LEVEL],
					.owner = BTRFS_ROOT_TREE };
	return 0;
}

/* Those of the superblock, which are enough to read the tree of all. */
static int take_system_chunks(struct btrfs *b, const uint8_t *sb, struct error *err)
{
	uint32_t left = get_le32(sb + SB_CHUNKS_LEN);
	const uint8_t *p = sb + SB_CHUNKS;

	if (left > SB_CHUNKS_MAX)
		return error_set(err, ERR_CORRUPT, "superblock: %" PRIu32 " bytes of chunks", left);
	while (left > BTRFS_KEY_LEN) {
		struct btrfs_key key = btrfs_key_get(p);
		size_t used;

		if (btrfs_chunk_add(&b->chunks, &key, p + BTRFS_KEY_LEN, left - BTRFS_KEY_LEN, b->device, &used, err) <
		    0)
			return error_prefix(err, "superblock");
		p += BTRFS_KEY_LEN + used;
		left -= (uint32_t)(BTRFS_KEY_LEN + used);
	}
	return btrfs_chunks_sort(&b->chunks, err);
}

static int walk_chunk_tree(struct btrfs *b, const struct btrfs_root *root, struct btrfs_chunks *out, struct error *err)
{
	CLEANUP(cleanup_btrfs_cursor) struct btrfs_cursor c = { 0 };
	size_t used;
	int rc;

	if (btrfs_cursor_init(&c, b, err) < 0)
		return -1;
	for (rc = btrfs_seek_from(&c, root, (struct btrfs_key){ 0 }, err); rc > 0; rc = btrfs_next(&c, err))
		if (c.key.type == BTRFS_CHUNK_ITEM &&
		    btrfs_chunk_add(out, &c.key, c.item, c.len, b->device, &used, err) < 0)
			return -1;
	return rc < 0 ? -1 : btrfs_chunks_sort(out, err);
}

static int load(struct btrfs *b, struct error *err)
{
	CLEANUP_FREE uint8_t *sb = malloc(SB_LEN);
	struct btrfs_chunks all = { 0 };
	struct btrfs_root root;

	if (!sb)
		return error_errno(err, ENOMEM, "Btrfs");
	if (volume_read(b->v, sb, SB_LEN, SB_OFF, err) < 0 || take_superblock(b, sb, err) < 0 ||
	    take_system_chunks(b, sb, err) < 0)
		return -1;
	root = (struct btrfs_root){ .logical = get_le64(sb + SB_CHUNK_ROOT),
				    .generation = get_le64(sb + SB_CHUNK_GENERATION),
				    .level = sb[SB_CHUNK_LEVEL],
				    .owner = BTRFS_CHUNK_TREE };
	if (walk_chunk_tree(b, &root, &all, err) < 0) {
		btrfs_chunks_fini(&all);
		return error_prefix(err, "chunks");
	}
	btrfs_chunks_fini(&b->chunks);
	b->chunks = all;
	return 0;
}

int btrfs_init(struct btrfs *b, struct volume *v, struct error *err)
{
	*b = (struct btrfs){ .v = v };
	if (load(b, err) == 0)
		return 0;
	btrfs_fini(b);
	return -1;
}

void btrfs_fini(struct btrfs *b)
{
	btrfs_chunks_fini(&b->chunks);
	for (size_t i = 0; i < BTRFS_CACHE; i++)
		free(b->cache[i].b);
	if (b->pool)
		inflate_pool_free(b->pool);
	free(b->unpacked.b);
	*b = (struct btrfs){ 0 };
}
