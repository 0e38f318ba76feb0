/* SPDX-License-Identifier: Apache-2.0 */
/* What an inode holds, extent by extent.  A compressed one is unpacked whole, and the last of them kept. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "guest/btrfs.h"

enum {
	EXTENT_UNPACKED = 8,
	EXTENT_COMPRESSION = 16,
	EXTENT_ENCRYPTION = 17,
	EXTENT_ENCODING = 18,
	EXTENT_KIND = 20,
	EXTENT_INLINE = 21,
	EXTENT_PLACE = 21,
	EXTENT_PLACE_LEN = 29,
	EXTENT_WITHIN = 37,
	EXTENT_BYTES = 45,
	EXTENT_LEN = 53,
	KIND_INLINE = 0,
	KIND_REGULAR = 1,
	KIND_UNWRITTEN = 2,
};

struct file_extent {
	uint64_t at, n; /* bytes of the file */
	uint8_t kind, compression;
	uint64_t unpacked;         /* bytes of the whole extent */
	uint64_t place, place_len; /* where it lies; place 0: zeros */
	uint64_t within;           /* where our bytes begin in it, unpacked */
	const uint8_t *data;       /* of an inline one */
	size_t data_len;
};

static int bad_extent(uint64_t inode, const struct btrfs_cursor *c, struct error *err)
{
	return error_set(err, ERR_CORRUPT,
			 "inode %" PRIu64 ": an extent of %" PRIu32 " bytes for byte %" PRIu64
			 " that contradicts itself",
			 inode, c->len, c->key.off);
}

static int take_extent(const struct btrfs_cursor *c, uint64_t inode, struct file_extent *out, struct error *err)
{
	const uint8_t *p = c->item;

	if (c->len < EXTENT_INLINE)
		return bad_extent(inode, c, err);
	if (p[EXTENT_ENCRYPTION] || get_le16(p + EXTENT_ENCODING))
		return error_set(err, ERR_UNSUPPORTED, "inode %" PRIu64 ": encryption %u, encoding %u", inode,
				 p[EXTENT_ENCRYPTION], get_le16(p + EXTENT_ENCODING));
	*out = (struct file_extent){ .at = c->key.off,
				     .kind = p[EXTENT_KIND],
				     .compression = p[EXTENT_COMPRESSION],
				     .unpacked = get_le64(p + EXTENT_UNPACKED) };
	if (out->compression && out->unpacked > BTRFS_UNPACKED_MAX)
		return bad_extent(inode, c, err);
	if (out->kind == KIND_INLINE) {
		out->data = p + EXTENT_INLINE;
		out->data_len = c->len - EXTENT_INLINE;
		out->n = out->unpacked;
		if (out->at != 0 || out->n > BTRFS_UNPACKED_MAX || (!out->compression && out->data_len < out->n))
			return bad_extent(inode, c, err);
		return 0;
	}
	if (c->len < EXTENT_LEN || out->kind > KIND_UNWRITTEN)
		return bad_extent(inode, c, err);
	out->place = get_le64(p + EXTENT_PLACE);
	out->place_len = get_le64(p + EXTENT_PLACE_LEN);
	out->within = get_le64(p + EXTENT_WITHIN);
	out->n = get_le64(p + EXTENT_BYTES);
	if (out->n == 0 || !range_ok(out->at, out->n, INT64_MAX))
		return bad_extent(inode, c, err);
	if (out->place == 0 || out->kind == KIND_UNWRITTEN) {
		out->kind = KIND_UNWRITTEN;
		return 0;
	}
	if (!range_ok(out->within, out->n, out->unpacked) || !range_ok(out->place, out->place_len, INT64_MAX) ||
	    (out->compression ? out->place_len > BTRFS_UNPACKED_MAX : out->unpacked > out->place_len))
		return bad_extent(inode, c, err);
	return 0;
}

/* Into b->unpacked, all e->unpacked bytes. */
static int unpack(struct btrfs *b, const struct file_extent *e, uint64_t inode, struct error *err)
{
	CLEANUP_FREE uint8_t *packed = NULL;
	const uint8_t *in = e->data;
	size_t in_len = e->data_len, got;

	if (!b->unpacked.b) {
		b->unpacked.b = malloc(BTRFS_UNPACKED_MAX);
		if (!b->unpacked.b)
			return error_errno(err, ENOMEM, "Btrfs");
	}
	if (e->place && b->unpacked.logical == e->place && b->unpacked.len == e->unpacked)
		return 0;
	b->unpacked.logical = 0;
	if (!in) {
		in_len = (size_t)e->place_len;
		packed = malloc(in_len ? in_len : 1);
		if (!packed)
			return error_errno(err, ENOMEM, "Btrfs");
		if (btrfs_read_logical(b, packed, in_len, e->place, err) < 0)
			return -1;
		in = packed;
	}
	if (btrfs_unpack(b, e->compression, in, in_len, b->unpacked.b, (size_t)e->unpacked, &got, err) < 0)
		return error_prefix(err, "inode %" PRIu64 ", byte %" PRIu64, inode, e->at);
	/* A file's last extent counts whole sectors, and holds what the file has. */
	if (e->unpacked - got >= (e->data ? 1 : b->sector))
		return error_set(err, ERR_CORRUPT,
				 "inode %" PRIu64 ", byte %" PRIu64 ": %zu bytes unpacked, not %" PRIu64, inode, e->at,
				 got, e->unpacked);
	memset(b->unpacked.b + got, 0, (size_t)e->unpacked - got);
	b->unpacked.logical = e->place;
	b->unpacked.len = (size_t)e->unpacked;
	return 0;
}

/* len bytes from byte `skip` of what the extent gives to its file. */
static int read_extent(struct btrfs *b, const struct file_extent *e, uint64_t inode, uint8_t *buf, size_t len,
		       uint64_t skip, struct error *err)
{
	if (e->kind == KIND_UNWRITTEN) {
		memset(buf, 0, len);
		return 0;
	}
	if (e->compression) {
		if (unpack(b, e, inode, err) < 0)
			return -1;
		memcpy(buf, b->unpacked.b + e->within + skip, len);
		return 0;
	}
	if (e->kind == KIND_INLINE) {
		memcpy(buf, e->data + skip, len);
		return 0;
	}
	return btrfs_read_logical(b, buf, len, e->place + e->within + skip, err);
}

static bool is_extent_of(const struct btrfs_cursor *c, uint64_t inode)
{
	return c->key.object == inode && c->key.type == BTRFS_EXTENT_DATA;
}

/* How many zeros from off on, at most len, until an extent begins? */
static int measure_hole(struct btrfs_cursor *c, const struct btrfs_root *root, uint64_t inode, size_t len, uint64_t off,
			size_t *out, struct error *err)
{
	int rc = btrfs_seek_from(c, root, (struct btrfs_key){ inode, BTRFS_EXTENT_DATA, off + 1 }, err);

	if (rc < 0)
		return -1;
	*out = len;
	if (rc > 0 && is_extent_of(c, inode) && c->key.off - off < len)
		*out = (size_t)(c->key.off - off);
	return 0;
}

int btrfs_file_read(struct btrfs_cursor *c, const struct btrfs_root *root, uint64_t inode, void *buf, size_t len,
		    uint64_t off, struct error *err)
{
	uint8_t *p = buf;

	while (len > 0) {
		int rc = btrfs_seek_upto(c, root, (struct btrfs_key){ inode, BTRFS_EXTENT_DATA, off }, err);
		struct file_extent e = { 0 };
		size_t part = len;

		if (rc < 0)
			return -1;
		if (rc > 0 && is_extent_of(c, inode) && take_extent(c, inode, &e, err) < 0)
			return -1;
		if (off - e.at < e.n) {
			part = e.n - (off - e.at) < len ? (size_t)(e.n - (off - e.at)) : len;
			if (read_extent(c->b, &e, inode, p, part, off - e.at, err) < 0)
				return -1;
		} else {
			if (measure_hole(c, root, inode, len, off, &part, err) < 0)
				return -1;
			memset(p, 0, part);
		}
		p += part;
		off += part;
		len -= part;
	}
	return 0;
}

bool btrfs_file_place(struct btrfs_cursor *c, const struct btrfs_root *root, uint64_t inode, uint64_t *out)
{
	struct file_extent e;
	uint64_t len;

	if (btrfs_seek_upto(c, root, (struct btrfs_key){ inode, BTRFS_EXTENT_DATA, 0 }, NULL) <= 0 ||
	    !is_extent_of(c, inode) || take_extent(c, inode, &e, NULL) < 0 || e.kind == KIND_UNWRITTEN)
		return false;
	if (e.kind == KIND_INLINE) {
		*out = btrfs_item_place(c, EXTENT_INLINE);
		return true;
	}
	return btrfs_map(c->b, e.place + (e.compression ? 0 : e.within), 0, out, &len, NULL) > 0;
}
