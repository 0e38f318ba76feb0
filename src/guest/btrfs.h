/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Btrfs of one device, read as it lies there: layouts as the kernel's btrfs_tree.h has them, all little-endian.  Each
 * tree block's checksum (CRC-32C, XXH64, SHA-256), place, file system, level, generation and first key are checked
 * against what its parent says; of two copies the second is read where the first is damaged.  The checksums of data are
 * not looked at, the log is not replayed.
 *
 * Pieces: btrfs.c the superblock and tree blocks; btrfs_chunk.c which byte of the device a byte is; btrfs_search.c
 * trees; btrfs_file.c content; btrfs_unpack.c its compression; tree_btrfs.c the tree.  Input is hostile.  One thread.
 */
#ifndef LIFTFS_GUEST_BTRFS_H
#define LIFTFS_GUEST_BTRFS_H

#include "disk/inflate.h"
#include "guest/volume.h"

#define BTRFS_NODE_MAX 65536
#define BTRFS_LEVELS 8
#define BTRFS_CHUNKS_MAX 65536 /* of 1 GiB: 64 TiB */
#define BTRFS_STRIPES_MAX 16
#define BTRFS_CACHE 64 /* tree blocks: 4 MiB of the largest */
#define BTRFS_UNPACKED_MAX ((size_t)128 << 10)

enum { /* trees and things in them */
       BTRFS_ROOT_TREE = 1,
       BTRFS_CHUNK_TREE = 3,
       BTRFS_FS_TREE = 5,
       BTRFS_INODE_ITEM = 1,
       BTRFS_DIR_ITEM = 84,
       BTRFS_DIR_INDEX = 96,
       BTRFS_EXTENT_DATA = 108,
       BTRFS_ROOT_ITEM = 132,
       BTRFS_CHUNK_ITEM = 228,
       BTRFS_KEY_LEN = 17,
};

struct btrfs_key {
	uint64_t object;
	uint8_t type;
	uint64_t off;
};
struct btrfs_key btrfs_key_get(const uint8_t *p);
int btrfs_key_compare(const struct btrfs_key *a, const struct btrfs_key *b);

struct btrfs_chunk {
	uint64_t logical, len, stripe_len;
	bool striped; /* else each stripe is a copy */
	unsigned n;   /* stripes; 0: not one that can be read here */
	uint64_t flags;
	uint64_t at[BTRFS_STRIPES_MAX]; /* bytes of the volume */
};
struct btrfs_chunks {
	struct btrfs_chunk *v; /* by logical, without overlaps */
	size_t n;
};

struct btrfs_root { /* of a tree */
	uint64_t logical, generation;
	uint8_t level;
	uint64_t owner; /* that all its blocks have; 0: any, since snapshots share them */
};

struct btrfs {
	struct volume *v;
	uint32_t node, sector; /* bytes */
	unsigned csum;
	uint8_t fsid[16];     /* that tree blocks carry */
	uint64_t device;      /* its number */
	uint64_t root_folder; /* in the tree of roots */
	struct btrfs_root roots;
	struct btrfs_chunks chunks;
	struct {
		uint64_t logical;
		uint8_t *b; /* or NULL */
	} cache[BTRFS_CACHE];
	struct inflate_pool *pool;
	struct {                  /* the extent that was unpacked last */
		uint64_t logical; /* 0: none */
		size_t len;
		uint8_t *b;
	} unpacked;
};

int btrfs_init(struct btrfs *b, struct volume *v, struct error *err) MUST_CHECK;
void btrfs_fini(struct btrfs *b);

/* btrfs_chunk.c.  One item behind its key; device: ours. */
int btrfs_chunk_add(struct btrfs_chunks *c, const struct btrfs_key *key, const uint8_t *p, size_t len, uint64_t device,
		    size_t *used_out, struct error *err) MUST_CHECK;
/* Once all are there. */
int btrfs_chunks_sort(struct btrfs_chunks *c, struct error *err) MUST_CHECK;
void btrfs_chunks_fini(struct btrfs_chunks *c);
/* Which byte of the volume is it, in copy 0 or later, and how many bytes follow there?  1; 0: there is no such copy;
 * -1. */
int btrfs_map(const struct btrfs *b, uint64_t logical, unsigned copy, uint64_t *off_out, uint64_t *len_out,
	      struct error *err) MUST_CHECK;
/* The first copy of so many bytes. */
int btrfs_read_logical(struct btrfs *b, void *buf, size_t len, uint64_t logical, struct error *err) MUST_CHECK;

/* What a parent says of a tree block. */
struct btrfs_ref {
	uint64_t logical, generation, owner;
	uint8_t level;
	bool first_known;
	struct btrfs_key first;
};
/* Borrowed until the next call.  Its items lie within it, and their keys ascend. */
int btrfs_node(struct btrfs *b, const struct btrfs_ref *ref, const uint8_t **out, struct error *err) MUST_CHECK;
uint32_t btrfs_node_items(const uint8_t *node);
struct btrfs_key btrfs_node_key(const uint8_t *node, uint32_t slot);
void btrfs_node_child(const uint8_t *node, uint32_t slot, struct btrfs_ref *out); /* not of a leaf */
const uint8_t *btrfs_leaf_item(const uint8_t *leaf, uint32_t slot, uint32_t *len_out);

/* Where one is in a tree.  What item points to is valid until the cursor moves. */
struct btrfs_cursor {
	struct btrfs *b;
	struct btrfs_root root;
	uint8_t *leaf;
	uint64_t leaf_at; /* its address */
	uint32_t slot;
	bool more; /* there is a leaf behind this one, which begins with: */
	struct btrfs_key next_leaf;
	struct btrfs_key key;
	const uint8_t *item;
	uint32_t len;
};
int btrfs_cursor_init(struct btrfs_cursor *c, struct btrfs *b, struct error *err) MUST_CHECK;
void btrfs_cursor_fini(struct btrfs_cursor *c);
static inline void cleanup_btrfs_cursor(struct btrfs_cursor *c)
{
	btrfs_cursor_fini(c);
}
/* To the first item at or behind the key, to the last at or before it, to the next one: 1, 0 there is none, -1. */
int btrfs_seek_from(struct btrfs_cursor *c, const struct btrfs_root *root, struct btrfs_key key,
		    struct error *err) MUST_CHECK;
int btrfs_seek_upto(struct btrfs_cursor *c, const struct btrfs_root *root, struct btrfs_key key,
		    struct error *err) MUST_CHECK;
int btrfs_next(struct btrfs_cursor *c, struct error *err) MUST_CHECK;
/* Byte of the volume where a byte of the item lies, in the first copy; 0 if that cannot be said. */
uint64_t btrfs_item_place(const struct btrfs_cursor *c, uint32_t within);

/* [off, off + len) of an inode's content; holes are zeros. */
int btrfs_file_read(struct btrfs_cursor *c, const struct btrfs_root *root, uint64_t inode, void *buf, size_t len,
		    uint64_t off, struct error *err) MUST_CHECK;
/* Where on the volume its first byte lies, or the extent that it is unpacked from; false if it has none. */
bool btrfs_file_place(struct btrfs_cursor *c, const struct btrfs_root *root, uint64_t inode, uint64_t *out);

/* All of in, as an extent says it is compressed (1 zlib, 2 LZO, 3 Zstandard), to at most cap bytes.  ERR_UNSUPPORTED:
 * not built in. */
int btrfs_unpack(struct btrfs *b, unsigned kind, const uint8_t *in, size_t in_len, uint8_t *out, size_t cap,
		 size_t *len_out, struct error *err) MUST_CHECK;

#endif
