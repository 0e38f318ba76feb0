/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "map/blockmap_file.h"

enum {
	OFF_MAGIC = 0,
	OFF_FORMAT = 16,
	OFF_HEADER_LEN = 20,
	OFF_WRITER = 24,
	OFF_HEAD_SUM = 120,
	OFF_LIFTFS_ID = 128,
	OFF_GENERATION = 144,
	OFF_CONTENT_SIZE = 152,
	OFF_VIRTUAL_SIZE = 160,
	OFF_BLOCK_SIZE = 168,
	OFF_LEASE_ID = 176,
	OFF_CYCLE = 192,
	OFF_NUMBER = 200,
	OFF_TOKEN = 208,
	OFF_FLAGS = 224,
	OFF_TABLE_SUM = 232,
	OFF_SECRET = 256,
	OFF_DIGEST = 448,
	OFF_VERSION = 512,
	OFF_SOURCE_ID = 1024,
	OFF_BORN = 1536,
	OFF_NAME = 2048,
	OFF_SOURCE_PATH = 4096,
	OFF_SUM = BLOCKMAP_HEADER_LEN - 8,
};

enum { FLAG_CLEAN = 1, FLAG_FUZZY = 2 };

static const uint8_t magic[16] = { 'l', 'i', 'f', 't', 'f', 's', ' ', 'b', 'l', 'o', 'c', 'k', ' ', 'm', 'a', 'p' };

#define FORMAT 1
#define CONTENT_UNIT (UINT64_C(1) << 20)

uint64_t blockmap_block_count(uint64_t content_size, uint64_t block_size)
{
	return content_size / block_size + (content_size % block_size != 0) + 1;
}

uint64_t blockmap_default_block_size(uint64_t content_size)
{
	uint64_t size = BLOCK_SIZE_MIN;

	while (size < BLOCK_SIZE_MAX && blockmap_block_count(content_size, size) - 1 > BLOCKMAP_BLOCKS_MAX)
		size *= 2;
	return size;
}

int blockmap_layout_init(struct blockmap_layout *out, uint64_t content_size, uint64_t virtual_size, uint64_t block_size,
			 struct error *err)
{
	struct blockmap_layout l;

	if (!is_pow2(block_size) || block_size < BLOCK_SIZE_MIN || block_size > BLOCK_SIZE_MAX)
		return error_set(err, ERR_USAGE, "block size %" PRIu64 ": not a power of two from 64K to 4M",
				 block_size);
	if (content_size % CONTENT_UNIT != 0)
		return error_set(err, ERR_USAGE, "content of %" PRIu64 " bytes: not a multiple of 1M", content_size);
	if (virtual_size > content_size)
		return error_set(err, ERR_USAGE, "disk of %" PRIu64 " bytes in a content of %" PRIu64, virtual_size,
				 content_size);
	l.blocks = blockmap_block_count(content_size, block_size);
	if (l.blocks - 1 > BLOCKMAP_BLOCKS_MAX)
		return error_set(err, ERR_USAGE, "content of %" PRIu64 " bytes: more than 2^24 blocks of %" PRIu64,
				 content_size, block_size);
	/* At most 2^24 + 1 blocks, 2^16 + 1 pages: nothing below comes near 64 bits. */
	l.pages = (l.blocks + BLOCKMAP_PAGE_BLOCKS - 1) / BLOCKMAP_PAGE_BLOCKS;
	l.table_len = (l.pages * 8 + BLOCKMAP_PAGE_LEN - 1) / BLOCKMAP_PAGE_LEN * BLOCKMAP_PAGE_LEN;
	l.data_off = BLOCKMAP_HEADER_LEN + l.table_len;
	l.file_size = l.data_off + l.pages * BLOCKMAP_PAGE_LEN;
	*out = l;
	return 0;
}

static void put_text(uint8_t *p, const char *text, size_t len)
{
	size_t used = strnlen(text, len - 1);

	memcpy(p, text, used);
	memset(p + used, 0, len - used);
}

static int get_text(char *out, size_t len, const uint8_t *p, const char *what, struct error *err)
{
	if (!memchr(p, '\0', len))
		return error_set(err, ERR_CORRUPT, "block map: %s: no end within %zu bytes", what, len);
	memcpy(out, p, len);
	return 0;
}

void blockmap_header_encode(const struct blockmap_header *h, uint64_t table_sum, uint8_t out[BLOCKMAP_HEADER_LEN])
{
	memset(out, 0, BLOCKMAP_HEADER_LEN);
	memcpy(out + OFF_MAGIC, magic, sizeof(magic));
	put_le32(out + OFF_FORMAT, FORMAT);
	put_le32(out + OFF_HEADER_LEN, BLOCKMAP_HEADER_LEN);
	put_text(out + OFF_WRITER, h->writer, sizeof(h->writer));
	put_le64(out + OFF_HEAD_SUM, hasher_checksum(out, OFF_HEAD_SUM, 0));
	memcpy(out + OFF_LIFTFS_ID, h->liftfs_id.b, sizeof(h->liftfs_id.b));
	put_le64(out + OFF_GENERATION, h->generation);
	put_le64(out + OFF_CONTENT_SIZE, h->content_size);
	put_le64(out + OFF_VIRTUAL_SIZE, h->virtual_size);
	put_le64(out + OFF_BLOCK_SIZE, h->block_size);
	memcpy(out + OFF_LEASE_ID, h->lease_id.b, sizeof(h->lease_id.b));
	put_le64(out + OFF_CYCLE, h->cycle);
	put_le64(out + OFF_NUMBER, h->number);
	memcpy(out + OFF_TOKEN, h->token.b, sizeof(h->token.b));
	put_le32(out + OFF_FLAGS, (h->clean ? FLAG_CLEAN : 0) | (h->fuzzy ? FLAG_FUZZY : 0));
	put_le64(out + OFF_TABLE_SUM, table_sum);
	memcpy(out + OFF_SECRET, h->secret, sizeof(h->secret));
	memcpy(out + OFF_DIGEST, h->digest, sizeof(h->digest));
	put_text(out + OFF_VERSION, h->version, sizeof(h->version));
	put_text(out + OFF_SOURCE_ID, h->source_id, sizeof(h->source_id));
	put_text(out + OFF_BORN, h->born, sizeof(h->born));
	put_text(out + OFF_NAME, h->name, sizeof(h->name));
	put_text(out + OFF_SOURCE_PATH, h->source_path, sizeof(h->source_path));
	put_le64(out + OFF_SUM, hasher_checksum(out, OFF_SUM, 0));
}

static int check_head(const uint8_t *buf, size_t len, struct error *err)
{
	char writer[sizeof(((struct blockmap_header *)NULL)->writer)];

	if (len < OFF_HEAD_SUM + 8 || memcmp(buf, magic, sizeof(magic)) != 0)
		return error_set(err, ERR_CORRUPT, "block map: no 'liftfs block map' at its start");
	if (get_le64(buf + OFF_HEAD_SUM) != hasher_checksum(buf, OFF_HEAD_SUM, 0))
		return error_set(err, ERR_CORRUPT, "block map: first 128 bytes: wrong checksum");
	if (get_text(writer, sizeof(writer), buf + OFF_WRITER, "writer", err) < 0)
		return -1;
	if (get_le32(buf + OFF_FORMAT) > FORMAT)
		return error_set(err, ERR_REFUSED,
				 "block map: format %" PRIu32 ", written by %s; this program reads up to %d",
				 get_le32(buf + OFF_FORMAT), writer, FORMAT);
	if (get_le32(buf + OFF_FORMAT) != FORMAT)
		return error_set(err, ERR_CORRUPT, "block map: format %" PRIu32, get_le32(buf + OFF_FORMAT));
	if (get_le32(buf + OFF_HEADER_LEN) != BLOCKMAP_HEADER_LEN || len < BLOCKMAP_HEADER_LEN)
		return error_set(err, ERR_CORRUPT, "block map: header of %zu bytes, should have %d", len,
				 BLOCKMAP_HEADER_LEN);
	if (get_le64(buf + OFF_SUM) != hasher_checksum(buf, OFF_SUM, 0))
		return error_set(err, ERR_CORRUPT, "block map: header: wrong checksum");
	return 0;
}

int blockmap_header_decode(const uint8_t *buf, size_t len, struct blockmap_header *out,
			   struct blockmap_layout *layout_out, uint64_t *table_sum_out, struct error *err)
{
	CLEANUP_FREE struct blockmap_header *h = NULL;
	struct blockmap_layout l;
	struct error shape = ERROR_INIT;
	uint32_t flags;

	if (check_head(buf, len, err) < 0)
		return -1;
	h = calloc(1, sizeof(*h)); /* 6 KiB: too much for a stack */
	if (!h)
		return error_errno(err, ENOMEM, "block map");
	memcpy(h->liftfs_id.b, buf + OFF_LIFTFS_ID, sizeof(h->liftfs_id.b));
	h->generation = get_le64(buf + OFF_GENERATION);
	h->content_size = get_le64(buf + OFF_CONTENT_SIZE);
	h->virtual_size = get_le64(buf + OFF_VIRTUAL_SIZE);
	h->block_size = get_le64(buf + OFF_BLOCK_SIZE);
	memcpy(h->lease_id.b, buf + OFF_LEASE_ID, sizeof(h->lease_id.b));
	h->cycle = get_le64(buf + OFF_CYCLE);
	h->number = get_le64(buf + OFF_NUMBER);
	memcpy(h->token.b, buf + OFF_TOKEN, sizeof(h->token.b));
	flags = get_le32(buf + OFF_FLAGS);
	if (flags & ~(uint32_t)(FLAG_CLEAN | FLAG_FUZZY))
		return error_set(err, ERR_CORRUPT, "block map: flags %#" PRIx32 ": unknown ones among them", flags);
	h->clean = flags & FLAG_CLEAN;
	h->fuzzy = flags & FLAG_FUZZY;
	memcpy(h->secret, buf + OFF_SECRET, sizeof(h->secret));
	memcpy(h->digest, buf + OFF_DIGEST, sizeof(h->digest));
	if (get_text(h->writer, sizeof(h->writer), buf + OFF_WRITER, "writer", err) < 0 ||
	    get_text(h->version, sizeof(h->version), buf + OFF_VERSION, "version", err) < 0 ||
	    get_text(h->source_id, sizeof(h->source_id), buf + OFF_SOURCE_ID, "source id", err) < 0 ||
	    get_text(h->born, sizeof(h->born), buf + OFF_BORN, "born", err) < 0 ||
	    get_text(h->name, sizeof(h->name), buf + OFF_NAME, "name", err) < 0 ||
	    get_text(h->source_path, sizeof(h->source_path), buf + OFF_SOURCE_PATH, "source path", err) < 0)
		return -1;
	if (blockmap_layout_init(&l, h->content_size, h->virtual_size, h->block_size, &shape) < 0)
		return error_set(err, ERR_CORRUPT, "block map: %s", shape.msg);
	*out = *h;
	*layout_out = l;
	*table_sum_out = get_le64(buf + OFF_TABLE_SUM);
	return 0;
}

uint64_t blockmap_table_encode(const struct blockmap_layout *l, const uint64_t *sums, uint8_t *out)
{
	for (uint64_t p = 0; p < l->pages; p++)
		put_le64(out + p * 8, sums[p]);
	memset(out + l->pages * 8, 0, l->table_len - l->pages * 8);
	return hasher_checksum(out, l->table_len, 0);
}

int blockmap_table_decode(const struct blockmap_layout *l, const uint8_t *buf, uint64_t table_sum, uint64_t *sums,
			  struct error *err)
{
	if (hasher_checksum(buf, l->table_len, 0) != table_sum)
		return error_set(err, ERR_CORRUPT, "block map: page table: wrong checksum");
	for (uint64_t p = 0; p < l->pages; p++)
		sums[p] = get_le64(buf + p * 8);
	return 0;
}

uint64_t blockmap_page_sum(const uint8_t *page)
{
	uint64_t sum = hasher_checksum(page, BLOCKMAP_PAGE_LEN, 0);

	return sum > BLOCKMAP_SUM_ZERO ? sum : 2;
}

enum block_state blockmap_entry_decode(const uint8_t *entry, struct block_hash *hash_out)
{
	struct block_hash h = { .lo = get_le64(entry), .hi = get_le64(entry + 8) };

	if (h.hi == 0 && h.lo < 2)
		return h.lo == 0 ? BLOCK_UNKNOWN : BLOCK_ZERO;
	if (hash_out)
		*hash_out = h;
	return BLOCK_HASHED;
}

void blockmap_entry_encode(enum block_state state, const struct block_hash *hash, uint8_t *entry)
{
	struct block_hash h = { .lo = state == BLOCK_ZERO, .hi = 0 };

	if (state == BLOCK_HASHED) {
		h = *hash;
		block_hash_fix(&h);
	}
	put_le64(entry, h.lo);
	put_le64(entry + 8, h.hi);
}
