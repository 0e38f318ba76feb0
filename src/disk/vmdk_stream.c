/* SPDX-License-Identifier: Apache-2.0 */
/*
 * streamOptimized: a hosted sparse extent whose grains are zlib streams, each behind a marker that says which it is.
 *
 * map() looks at tables alone and says that a grain is data without a file; read() finds what is wrong with the grain
 * itself.  A grain that is read as a whole is inflated into the caller's buffer; of others the cache keeps the inflated
 * bytes.  Grains that follow each other in the disk mostly do so in the file, and then are read from it at once.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/log.h"
#include "disk/lru_cache.h"
#include "disk/inflate.h"
#include "disk/vmdk_footer.h"
#include "disk/vmdk_grains.h"

/* Compressed bytes that are read at once, if the request wants as many: more would only leave the processor's cache. */
#define WINDOW_LEN (UINT64_C(256) << 10)

struct stream {
	struct vmdk_grains g;    /* first: what check_place() gets */
	uint64_t data_end;       /* of the file: behind it lies the footer, if there is one */
	uint64_t compressed_max; /* bytes of a compressed grain; deflate never needs as much */
};

/* One read, and the compressed bytes that it has at hand. */
struct stream_read {
	const struct stream *s;
	const struct backing *b;
	struct inflater *inf;
	struct vmdk_walk walk;
	uint64_t win_off, win_len; /* what of the file is in inf->in */
	uint64_t last;             /* grain that the read wants */
	uint64_t n;                /* the grain in hand */
	uint32_t sector;           /* its marker */
	size_t valid;              /* bytes of it that are part of the disk */
};

/* Is there room for a marker and a byte of data? */
static int check_place(const struct vmdk_grains *g, uint64_t n, uint32_t sector, struct error *err)
{
	const struct stream *s = (const struct stream *)(const void *)g;
	uint64_t off = (uint64_t)sector * 512;

	if (sector < 2 || sector < g->h.overhead_sectors || vmdk_table_in_metadata(&g->t, off, VMDK_MARKER_DATA + 1))
		return error_set(err, ERR_CORRUPT, "grain %" PRIu64 " at sector %" PRIu32 ": inside the metadata", n,
				 sector);
	if (!range_ok(off, VMDK_MARKER_DATA + 1, s->data_end))
		return error_set(err, ERR_CORRUPT,
				 "grain %" PRIu64 " at sector %" PRIu32 ": beyond the end of data (%" PRIu64
				 " sectors)",
				 n, sector, s->data_end / 512);
	return 0;
}

static int stream_open(struct image *img, struct vmdk_extent *x, struct error *err)
{
	const struct backing *b = image_file(img, x->file);
	struct stream *s = calloc(1, sizeof(*s));
	const uint32_t both = VMDK_SPARSE_COMPRESSED | VMDK_SPARSE_MARKERS;

	x->priv = s;
	if (!s)
		return error_errno(err, ENOMEM, "compressed extent");
	if (vmdk_sparse_read(b, &s->g.h, err) < 0)
		return -1;
	if ((s->g.h.flags & both) != both)
		return error_set(err, ERR_UNSUPPORTED,
				 "sparse header: flags %#" PRIx32
				 ": only grains that are compressed and have markers are supported (both of %#" PRIx32
				 ")",
				 s->g.h.flags, both);
	s->g.check = check_place;
	if (vmdk_footer_apply(b, &s->g.h, &s->data_end, err) < 0 || vmdk_grains_init(&s->g, x, b, err) < 0)
		return -1;
	s->compressed_max = 2 * s->g.t.grain_len + 512;
	if (s->g.h.unclean)
		log_warn("vmdk", "%s: was not closed cleanly by its last writer", b->path);
	return image_use_grains(img, err);
}

static int stream_map(struct image *img, struct vmdk_extent *x, uint64_t len, uint64_t off, struct extent_list *out,
		      struct error *err)
{
	const struct stream *s = x->priv;

	return vmdk_table_map(img, x, &s->g.t, len, off, out, err);
}

static bool in_window(const struct stream_read *r, uint64_t off, uint64_t len)
{
	return off >= r->win_off && range_ok(off - r->win_off, len, r->win_len);
}

/* Reads [off, off + len) of the file, or up to the end of data. */
static int read_window(struct stream_read *r, uint64_t off, uint64_t len, struct error *err)
{
	uint64_t left = r->s->data_end - off;

	assert(off <= r->s->data_end && len <= r->inf->in_cap);
	r->win_len = 0;
	len = len < left ? len : left;
	if (backing_read(r->b, r->inf->in, (size_t)len, off, err) < 0)
		return -1;
	r->win_off = off;
	r->win_len = len;
	return 0;
}

/*
 * Bytes of the file from the grain in hand on that hold it and those that are wanted next, as far as they follow each
 * other.  Where one ends is known by where the next one begins, or else guessed: most get smaller.
 */
static uint64_t plan_window(struct stream_read *r)
{
	const struct vmdk_sparse_header *h = &r->s->g.h;
	const uint64_t apart_max = (VMDK_MARKER_DATA + r->s->compressed_max + 511) / 512; /* sectors */
	uint64_t run, n = r->n + 1, end = (h->capacity_sectors - 1) / h->grain_sectors + 1;
	uint64_t entry, at = r->sector;

	end = end < r->last + 2 ? end : r->last + 2;
	for (; n < end; n += run) {
		if (vmdk_walk_entry(&r->walk, n, end - n, &entry, &run, NULL) < 0)
			break;
		if (entry < 2) /* nothing in the file */
			continue;
		if (entry <= at || entry - at > apart_max || (entry - r->sector) * 512 > WINDOW_LEN)
			break;
		at = entry;
		if (n > r->last)
			return (at - r->sector) * 512;
	}
	return (at - r->sector) * 512 + VMDK_MARKER_DATA + r->s->g.t.grain_len;
}

static int bad_grain(const struct stream_read *r, struct error *err)
{
	return error_prefix(err, "grain %" PRIu64 " at sector %" PRIu32, r->n, r->sector);
}

static int check_marker(const struct stream_read *r, const uint8_t *marker, uint32_t *size_out, struct error *err)
{
	uint64_t off = (uint64_t)r->sector * 512 + VMDK_MARKER_DATA;
	uint64_t lba = get_le64(marker + VMDK_MARKER_VALUE), want = r->n * r->s->g.h.grain_sectors;
	uint32_t size = get_le32(marker + VMDK_MARKER_SIZE);

	if (size == 0)
		return error_set(err, ERR_CORRUPT, "no grain's marker: 0 compressed bytes");
	if (lba != want)
		return error_set(err, ERR_CORRUPT, "marker of sector %" PRIu64 " of the disk, not %" PRIu64, lba, want);
	if (size > r->s->compressed_max)
		return error_set(err, ERR_CORRUPT, "%" PRIu32 " compressed bytes (at most %" PRIu64 ")", size,
				 r->s->compressed_max);
	if (!range_ok(off, size, r->s->data_end))
		return error_set(err, ERR_CORRUPT,
				 "%" PRIu32 " compressed bytes: beyond the end of data (%" PRIu64 " sectors)", size,
				 r->s->data_end / 512);
	if (vmdk_table_in_metadata(&r->s->g.t, off, size))
		return error_set(err, ERR_CORRUPT, "%" PRIu32 " compressed bytes: reach into the metadata", size);
	*size_out = size;
	return 0;
}

/* Where the compressed bytes of the grain in hand are in inf->in. */
static int load_grain(struct stream_read *r, const uint8_t **data_out, uint32_t *size_out, struct error *err)
{
	uint64_t off = (uint64_t)r->sector * 512, len;

	if (!in_window(r, off, VMDK_MARKER_DATA) && read_window(r, off, plan_window(r), err) < 0)
		return -1;
	if (check_marker(r, r->inf->in + (off - r->win_off), size_out, err) < 0)
		return bad_grain(r, err);
	len = VMDK_MARKER_DATA + (uint64_t)*size_out;
	if (!in_window(r, off, len) && read_window(r, off, len, err) < 0)
		return -1;
	*data_out = r->inf->in + (off - r->win_off) + VMDK_MARKER_DATA;
	return 0;
}

/* Inflates the grain in hand; out has room for a whole one. */
static int inflate_grain(void *ctx, uint8_t *out, size_t len, struct error *err)
{
	struct stream_read *r = ctx;
	const uint8_t *data = NULL;
	uint32_t size = 0;
	size_t got = 0;

	if (load_grain(r, &data, &size, err) < 0)
		return -1;
	if (inflate_zlib(r->inf, data, size, out, len, &got, err) < 0)
		return bad_grain(r, err);
	if (got >= r->valid) /* some writers cut the last one, others fill it up */
		return 0;
	error_set(err, ERR_CORRUPT, "inflates to %zu bytes, not %zu", got, r->valid);
	return bad_grain(r, err);
}

/* Bytes [in, in + len) of the grain in hand. */
static int read_grain(struct stream_read *r, struct lru_cache *cache, void *buf, size_t len, size_t in,
		      struct error *err)
{
	size_t grain_len = (size_t)r->s->g.t.grain_len;
	const struct cached *g = lru_cache_find(cache, r->walk.x->file, r->n, grain_len);

	if (!g && len == grain_len)
		return inflate_grain(r, buf, len, err);
	if (!g)
		g = lru_cache_get(cache, r->walk.x->file, r->n, grain_len, inflate_grain, r, err);
	if (!g)
		return -1;
	memcpy(buf, g->data + in, len);
	lru_cache_put(cache, g);
	return 0;
}

/* Takes grain n in hand; map() said that it is data. */
static int take_grain(struct stream_read *r, const struct vmdk_extent *x, uint64_t n, struct error *err)
{
	uint64_t run, entry;

	r->n = n;
	r->valid = (size_t)vmdk_table_valid(&r->s->g.t, x, n);
	if (vmdk_walk_entry(&r->walk, n, 1, &entry, &run, err) < 0)
		return -1;
	r->sector = (uint32_t)entry;
	return check_place(&r->s->g, n, r->sector, err);
}

static int read_grains(struct stream_read *r, struct image *img, const struct vmdk_extent *x, uint8_t *buf, size_t len,
		       uint64_t pos, struct error *err)
{
	uint64_t grain_len = r->s->g.t.grain_len;
	size_t in, n;

	r->last = (pos + len - 1) / grain_len;
	for (; len > 0; buf += n, pos += n, len -= n) {
		in = (size_t)(pos % grain_len);
		n = grain_len - in < len ? (size_t)grain_len - in : len;
		if (take_grain(r, x, pos / grain_len, err) < 0 || read_grain(r, image_grains(img), buf, n, in, err) < 0)
			return -1;
	}
	return 0;
}

static int stream_read(struct image *img, struct vmdk_extent *x, void *buf, size_t len, uint64_t off, struct error *err)
{
	const struct stream *s = x->priv;
	struct stream_read r = { .s = s, .b = image_file(img, x->file) };
	int rc;

	r.inf = inflate_get(image_inflaters(img), err);
	if (!r.inf)
		return -1;
	r.walk = vmdk_walk_init(img, x, &s->g.t);
	rc = read_grains(&r, img, x, buf, len, off - x->start, err);
	vmdk_walk_fini(&r.walk);
	inflate_put(image_inflaters(img), r.inf);
	return rc;
}

static void stream_close(struct vmdk_extent *x)
{
	free(x->priv);
}

const struct vmdk_extent_ops vmdk_stream_ops = {
	.open = stream_open,
	.map = stream_map,
	.read = stream_read,
	.close = stream_close,
};
