/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of an NTFS by name: down the B-tree of each folder's index.  Names are compared as NTFS orders them, upper case
 * by ASCII; those that are looked for are ASCII.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "guest/ntfs.h"
#include "guest/tree.h"

enum {
	ROOT_BLOCK = 8,
	ROOT_HEADER = 16,
	BLOCK_HEADER = 24,
	HEADER_ENTRIES = 0,
	HEADER_LEN = 4,
	HEADER_BYTES = 16,
	ENTRY_LEN = 8,
	ENTRY_KEY_LEN = 10,
	ENTRY_FLAGS = 12,
	ENTRY_KEY = 16,
	ENTRY_CHILD = 1,
	ENTRY_LAST = 2,
	KEY_NAME_LEN = 64,
	KEY_NAME = 66,
	DEPTH_MAX = 16,            /* of four thousand names a block */
	WOF_TAG = (int)0x80000017, /* a file that Windows compressed outside NTFS */
};

static void ntfs_close(void *ctx)
{
	ntfs_fini(ctx);
	free(ctx);
}

static int ntfs_open(struct volume *v, void **out, struct error *err)
{
	CLEANUP_FREE struct ntfs *n = malloc(sizeof(*n));

	if (!n)
		return error_errno(err, ENOMEM, "ntfs");
	if (ntfs_init(n, v, err) < 0)
		return -1;
	*out = steal_ptr(&n);
	return 0;
}

static unsigned upper(unsigned c)
{
	return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
}

static int compare(const char *name, size_t len, const uint8_t *units, size_t n)
{
	for (size_t i = 0; i < len && i < n; i++) {
		unsigned a = upper((unsigned char)name[i]), b = upper(get_le16(units + i * 2));

		if (a != b)
			return a < b ? -1 : 1;
	}
	return len == n ? 0 : len < n ? -1 : 1;
}

/* In one node: 1 found, *out its record; 2 look into the child *out; 0 it is not there. */
static int search_node(const uint8_t *header, size_t len, const char *name, size_t name_len, uint64_t *out,
		       struct error *err)
{
	size_t end, at;

	if (len < HEADER_BYTES)
		return error_set(err, ERR_CORRUPT, "index: a node of %zu bytes", len);
	at = get_le32(header + HEADER_ENTRIES);
	end = get_le32(header + HEADER_LEN);
	if (end > len)
		return error_set(err, ERR_CORRUPT, "index: %zu bytes of entries in a node of %zu", end, len);
	while (range_ok(at, ENTRY_KEY, end)) {
		const uint8_t *e = header + at, *key = e + ENTRY_KEY;
		size_t entry = get_le16(e + ENTRY_LEN), key_len = get_le16(e + ENTRY_KEY_LEN);
		unsigned flags = get_le16(e + ENTRY_FLAGS);
		int order = -1;

		if (entry < ENTRY_KEY + (flags & ENTRY_CHILD ? 8U : 0U) || !range_ok(at, entry, end))
			return error_set(err, ERR_CORRUPT, "index: an entry of %zu bytes", entry);
		if (!(flags & ENTRY_LAST)) {
			if (key_len < KEY_NAME || !range_ok(ENTRY_KEY, key_len, entry) ||
			    !range_ok(KEY_NAME, key[KEY_NAME_LEN] * 2U, key_len))
				return error_set(err, ERR_CORRUPT, "index: a key of %zu bytes", key_len);
			order = compare(name, name_len, key + KEY_NAME, key[KEY_NAME_LEN]);
		}
		if (order == 0) {
			*out = get_le64(e) & NTFS_REFERENCE_MASK;
			return 1;
		}
		if (order < 0) {
			if (!(flags & ENTRY_CHILD))
				return 0;
			*out = get_le64(e + entry - 8);
			return 2;
		}
		at += entry;
	}
	return error_set(err, ERR_CORRUPT, "index: a node without a last entry");
}

/* 1, 0, -1. */
static int find_in_folder(struct ntfs *n, uint64_t folder, const char *name, size_t name_len, uint64_t *out,
			  struct error *err)
{
	CLEANUP(cleanup_ntfs_stream) struct ntfs_stream root = { 0 }, blocks = { 0 };
	CLEANUP_FREE uint8_t *block = NULL;
	uint32_t block_len, unit;
	int rc = ntfs_stream_open(n, folder, NTFS_INDEX_ROOT, "$I30", &root, err);

	if (rc < 0)
		return -1;
	if (rc == 0 || !root.data || root.size < ROOT_HEADER)
		return error_set(err, ERR_CORRUPT, "MFT record %" PRIu64 ": a folder without an index", folder);
	block_len = get_le32(root.data + ROOT_BLOCK);
	rc = search_node(root.data + ROOT_HEADER, root.size - ROOT_HEADER, name, name_len, out, err);
	if (rc < 2)
		return rc;
	if (!is_pow2(block_len) || block_len < 512 || block_len > 65536)
		return error_set(err, ERR_CORRUPT, "index: blocks of %" PRIu32 " bytes", block_len);
	unit = n->cluster <= block_len ? n->cluster : 512;
	rc = ntfs_stream_open(n, folder, NTFS_INDEX_ALLOCATION, "$I30", &blocks, err);
	if (rc <= 0)
		return rc < 0 ? -1 : error_set(err, ERR_CORRUPT, "index: without blocks");
	block = malloc(block_len);
	if (!block)
		return error_errno(err, ENOMEM, "ntfs");
	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		if (*out > blocks.size / unit)
			return error_set(err, ERR_CORRUPT, "index: block %" PRIu64 " of %" PRIu64 " bytes", *out,
					 blocks.size);
		if (ntfs_stream_read(n, &blocks, block, block_len, *out * unit, err) < 0 ||
		    ntfs_unprotect(block, block_len, "INDX", err) < 0)
			return error_prefix(err, "index");
		rc = search_node(block + BLOCK_HEADER, block_len - BLOCK_HEADER, name, name_len, out, err);
		if (rc < 2)
			return rc;
	}
	return error_set(err, ERR_CORRUPT, "index: deeper than %d", DEPTH_MAX);
}

static int find_node(struct ntfs *n, uint64_t number, struct tree_node *out, struct error *err)
{
	CLEANUP(cleanup_ntfs_stream) struct ntfs_stream data = { 0 };
	CLEANUP_FREE uint8_t *record = malloc(n->record);
	int rc;

	if (!record)
		return error_errno(err, ENOMEM, "ntfs");
	if (ntfs_record(n, number, record, err) < 0)
		return -1;
	*out = (struct tree_node){ .id = number, .folder = ntfs_record_is_folder(record) };
	rc = ntfs_stream_open(n, number, out->folder ? NTFS_INDEX_ROOT : NTFS_DATA, out->folder ? "$I30" : "", &data,
			      err);
	if (rc < 0)
		return -1;
	out->size = out->folder ? 0 : data.size;
	out->off = volume_on_disk(n->v, data.off);
	return 1;
}

static int ntfs_find(void *ctx, const char *path, struct tree_node *out, struct error *err)
{
	struct ntfs *n = ctx;
	struct tree_node at;

	if (find_node(n, NTFS_ROOT, &at, err) < 0)
		return -1;
	while (*path) {
		size_t len = strcspn(path, "/");
		uint64_t number;
		int rc;

		if (!at.folder)
			return 0;
		rc = find_in_folder(n, at.id, path, len, &number, err);
		if (rc <= 0)
			return rc;
		if (find_node(n, number, &at, err) < 0)
			return -1;
		path += len;
		path += *path == '/';
	}
	*out = at;
	return 1;
}

static int check_plain(struct ntfs *n, uint64_t number, struct error *err)
{
	CLEANUP(cleanup_ntfs_stream) struct ntfs_stream reparse = { 0 };
	uint8_t tag[4];
	int rc = ntfs_stream_open(n, number, NTFS_REPARSE_POINT, "", &reparse, err);

	if (rc < 0)
		return -1;
	if (rc == 0 || reparse.size < sizeof(tag))
		return 0;
	if (ntfs_stream_read(n, &reparse, tag, sizeof(tag), 0, err) < 0)
		return -1;
	if (get_le32(tag) == (uint32_t)WOF_TAG)
		return error_set(err, ERR_UNSUPPORTED, "compressed by Windows");
	return 0;
}

static int ntfs_read(void *ctx, const struct tree_node *node, void *buf, size_t len, uint64_t off, struct error *err)
{
	CLEANUP(cleanup_ntfs_stream) struct ntfs_stream data = { 0 };
	struct ntfs *n = ctx;
	int rc = check_plain(n, node->id, err);

	if (rc == 0)
		rc = ntfs_stream_open(n, node->id, NTFS_DATA, "", &data, err);
	if (rc < 0)
		return -1;
	return ntfs_stream_read(n, &data, buf, len, off, err);
}

const struct tree_ops tree_ntfs_ops = {
	.name = "ntfs",
	.open = ntfs_open,
	.close = ntfs_close,
	.find = ntfs_find,
	.read = ntfs_read,
};
