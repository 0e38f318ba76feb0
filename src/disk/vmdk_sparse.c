/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosted sparse extents: monolithicSparse and the pieces of twoGbMaxExtentSparse.
 *
 * The primary grain directory and its tables are read; the redundant copy is not looked at, as VMware does.  Entries
 * are checked as they are read: one that points outside gives an error for what it covers.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/log.h"
#include "disk/table_cache.h"
#include "disk/vmdk.h"
#include "disk/vmdk_sparse.h"

struct sparse {
	struct vmdk_sparse_header h;
	uint64_t grain_len, table_len_disk; /* bytes of the disk that a grain and that a table cover */
	uint64_t dir_off, dir_len;          /* bytes of the file */
};

/* The page that the last entry came from: neighbours need no lock. */
struct cursor {
	const struct image *img;
	uint32_t file;
	const struct table_page *page;
};

/* off is a multiple of 4 and was checked against the file, so that no entry straddles pages or the end. */
static int cursor_get(struct cursor *c, uint64_t off, uint32_t *out, struct error *err)
{
	if (!c->page || off - c->page->off >= c->page->len) {
		image_table_put(c->img, c->page);
		c->page = image_table_get(c->img, c->file, off, err);
		if (!c->page)
			return -1;
	}
	*out = get_le32(c->page->data + (off - c->page->off));
	return 0;
}

static void cursor_fini(struct cursor *c)
{
	image_table_put(c->img, c->page);
}

static int sparse_open(struct image *img, struct vmdk_extent *x, struct error *err)
{
	const struct backing *b = image_file(img, x->file);
	struct sparse *s = calloc(1, sizeof(*s));
	uint8_t raw[VMDK_SPARSE_HEADER_LEN];
	size_t len = b->size < sizeof(raw) ? (size_t)b->size : sizeof(raw);
	uint64_t n_tables;

	x->priv = s;
	if (!s)
		return error_errno(err, ENOMEM, "sparse extent");
	if (backing_read(b, raw, len, 0, err) < 0 || vmdk_sparse_decode(raw, len, b->size, &s->h, err) < 0)
		return -1;
	if (s->h.capacity_sectors != x->len / 512)
		return error_set(err, ERR_CORRUPT,
				 "sparse header: %" PRIu64 " sectors, but the descriptor says %" PRIu64,
				 s->h.capacity_sectors, x->len / 512);
	s->grain_len = s->h.grain_sectors * 512;
	s->table_len_disk = s->grain_len * s->h.table_entries;
	n_tables = (x->len - 1) / s->table_len_disk + 1;
	s->dir_len = n_tables * 4;
	if (s->h.dir_sector == 0 || s->h.dir_sector > b->size / 512 ||
	    !range_ok(s->h.dir_sector * 512, s->dir_len, b->size))
		return error_set(err, ERR_CORRUPT,
				 "grain directory of %" PRIu64 " bytes at sector %" PRIu64
				 ": beyond end of file (%" PRIu64 " sectors)",
				 s->dir_len, s->h.dir_sector, b->size / 512);
	s->dir_off = s->h.dir_sector * 512;
	if (s->h.unclean)
		log_warn("vmdk", "%s: was not closed cleanly by its last writer", b->path);
	return 0;
}

/* Does it share a byte with the descriptor or the grain directory? */
static bool in_metadata(const struct sparse *s, uint64_t off, uint64_t len)
{
	return ranges_overlap(off, len, s->dir_off, s->dir_len) ||
	       ranges_overlap(off, len, s->h.desc_off, s->h.desc_len);
}

/* Where table t begins in the file; 0 if there is none. */
static int find_table(const struct sparse *s, struct cursor *c, uint64_t t, uint64_t file_size, uint64_t *out,
		      struct error *err)
{
	uint32_t sector;

	if (cursor_get(c, s->dir_off + t * 4, &sector, err) < 0)
		return -1;
	if (!range_ok((uint64_t)sector * 512, (uint64_t)s->h.table_entries * 4, file_size))
		return error_set(err, ERR_CORRUPT,
				 "grain table %" PRIu64 " at sector %" PRIu32 ": beyond end of file (%" PRIu64
				 " sectors)",
				 t, sector, file_size / 512);
	if (sector != 0 && in_metadata(s, (uint64_t)sector * 512, (uint64_t)s->h.table_entries * 4))
		return error_set(err, ERR_CORRUPT, "grain table %" PRIu64 " at sector %" PRIu32 ": inside the metadata",
				 t, sector);
	*out = (uint64_t)sector * 512;
	return 0;
}

/* `valid` bytes of the grain are part of the disk: some writers cut the last one there. */
static int check_grain(const struct sparse *s, uint64_t g, uint32_t sector, uint64_t valid, uint64_t file_size,
		       struct error *err)
{
	uint64_t off = (uint64_t)sector * 512;

	if (sector == 1)
		return error_set(err, ERR_CORRUPT,
				 "grain %" PRIu64 " is marked as zeros, which the header's flags rule out", g);
	if (sector < s->h.overhead_sectors || in_metadata(s, off, valid))
		return error_set(err, ERR_CORRUPT, "grain %" PRIu64 " at sector %" PRIu32 ": inside the metadata", g,
				 sector);
	if (!range_ok(off, valid, file_size))
		return error_set(err, ERR_CORRUPT,
				 "grain %" PRIu64 " at sector %" PRIu32 ": beyond end of file (%" PRIu64 " sectors)", g,
				 sector, file_size / 512);
	return 0;
}

/* The one grain, or the part of it, at e->off in the disk; e->len is what is wanted of it. */
static int map_grain(const struct vmdk_extent *x, uint64_t g, uint32_t entry, uint64_t file_size, struct extent *e,
		     struct error *err)
{
	const struct sparse *s = x->priv;
	uint64_t first = g * s->grain_len;
	uint64_t valid = x->len - first < s->grain_len ? x->len - first : s->grain_len;

	e->kind = EXTENT_ABSENT;
	e->file = EXTENT_NO_FILE;
	if (entry == 0)
		return 0;
	if (entry == 1 && (s->h.flags & VMDK_SPARSE_ZERO_GRAINS)) {
		e->kind = EXTENT_ZERO;
		return 0;
	}
	if (check_grain(s, g, entry, valid, file_size, err) < 0)
		return -1;
	e->kind = EXTENT_DATA;
	e->file = x->file;
	e->file_off = (uint64_t)entry * 512 + (e->off - x->start - first);
	return 0;
}

static int sparse_map(struct image *img, struct vmdk_extent *x, uint64_t len, uint64_t off, struct extent_list *out,
		      struct error *err)
{
	const struct sparse *s = x->priv;
	uint64_t file_size = image_file(img, x->file)->size, table_off = 0, t, t_at = UINT64_MAX, pos, end, g;
	CLEANUP(cursor_fini) struct cursor dir = { .img = img, .file = x->file };
	CLEANUP(cursor_fini) struct cursor table = { .img = img, .file = x->file };
	struct extent e = { .off = off };
	bool first;
	uint32_t entry;
	int rc;

	for (; e.off < off + len; e.off += e.len) {
		first = e.off == off; /* a bad entry further on ends the answer, and fails when it is asked for */
		pos = e.off - x->start;
		g = pos / s->grain_len;
		t = g / s->h.table_entries;
		if (t != t_at && find_table(s, &dir, t, file_size, &table_off, first ? err : NULL) < 0)
			return first ? -1 : 0;
		t_at = t;
		end = table_off == 0 ? (t + 1) * s->table_len_disk : (g + 1) * s->grain_len;
		e.len = end - pos < off + len - e.off ? end - pos : off + len - e.off;
		entry = 0;
		rc = table_off == 0
			     ? 0
			     : cursor_get(&table, table_off + g % s->h.table_entries * 4, &entry, first ? err : NULL);
		if (rc < 0 || map_grain(x, g, entry, file_size, &e, first ? err : NULL) < 0)
			return first ? -1 : 0;
		if (extent_list_add(out, &e, err) < 0)
			return -1;
	}
	return 0;
}

static void sparse_close(struct vmdk_extent *x)
{
	free(x->priv);
}

const struct vmdk_extent_ops vmdk_sparse_ops = {
	.open = sparse_open,
	.map = sparse_map,
	.close = sparse_close,
};
