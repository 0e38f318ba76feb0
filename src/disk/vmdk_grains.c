/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/table_cache.h"
#include "disk/vmdk_grains.h"

int vmdk_grains_init(struct vmdk_grains *g, const struct vmdk_extent *x, const struct backing *b, struct error *err)
{
	uint64_t n_tables;

	if (g->h.capacity_sectors != x->len / 512)
		return error_set(err, ERR_CORRUPT,
				 "sparse header: %" PRIu64 " sectors, but the descriptor says %" PRIu64,
				 g->h.capacity_sectors, x->len / 512);
	g->grain_len = g->h.grain_sectors * 512;
	g->table_len = g->grain_len * g->h.table_entries;
	n_tables = (x->len - 1) / g->table_len + 1;
	g->dir_len = n_tables * 4;
	if (g->h.dir_sector == 0 || g->h.dir_sector > b->size / 512 ||
	    !range_ok(g->h.dir_sector * 512, g->dir_len, b->size))
		return error_set(err, ERR_CORRUPT,
				 "grain directory of %" PRIu64 " bytes at sector %" PRIu64
				 ": beyond end of file (%" PRIu64 " sectors)",
				 g->dir_len, g->h.dir_sector, b->size / 512);
	g->dir_off = g->h.dir_sector * 512;
	return 0;
}

bool vmdk_grains_in_metadata(const struct vmdk_grains *g, uint64_t off, uint64_t len)
{
	return ranges_overlap(off, len, g->dir_off, g->dir_len) ||
	       ranges_overlap(off, len, g->h.desc_off, g->h.desc_len);
}

uint64_t vmdk_grains_valid(const struct vmdk_grains *g, const struct vmdk_extent *x, uint64_t n)
{
	uint64_t left = x->len - n * g->grain_len;

	return left < g->grain_len ? left : g->grain_len;
}

struct vmdk_walk vmdk_walk_init(const struct image *img, const struct vmdk_extent *x, const struct vmdk_grains *g)
{
	return (struct vmdk_walk){ .img = img, .g = g, .file = x->file, .table_at = UINT64_MAX };
}

void vmdk_walk_fini(struct vmdk_walk *w)
{
	image_table_put(w->img, w->dir);
	image_table_put(w->img, w->table);
}

/* off is a multiple of 4 and was checked against the file, so that no entry straddles pages or the end. */
static int get_entry(const struct vmdk_walk *w, const struct table_page **page, uint64_t off, uint32_t *out,
		     struct error *err)
{
	if (!*page || off - (*page)->off >= (*page)->len) {
		image_table_put(w->img, *page);
		*page = image_table_get(w->img, w->file, off, err);
		if (!*page)
			return -1;
	}
	*out = get_le32((*page)->data + (off - (*page)->off));
	return 0;
}

/* Where table t begins in the file; 0 if there is none. */
static int find_table(struct vmdk_walk *w, uint64_t t, struct error *err)
{
	uint64_t len = (uint64_t)w->g->h.table_entries * 4, file_size = image_file(w->img, w->file)->size;
	uint32_t sector;

	if (t == w->table_at)
		return 0;
	if (get_entry(w, &w->dir, w->g->dir_off + t * 4, &sector, err) < 0)
		return -1;
	if (!range_ok((uint64_t)sector * 512, len, file_size))
		return error_set(err, ERR_CORRUPT,
				 "grain table %" PRIu64 " at sector %" PRIu32 ": beyond end of file (%" PRIu64
				 " sectors)",
				 t, sector, file_size / 512);
	if (sector != 0 && vmdk_grains_in_metadata(w->g, (uint64_t)sector * 512, len))
		return error_set(err, ERR_CORRUPT, "grain table %" PRIu64 " at sector %" PRIu32 ": inside the metadata",
				 t, sector);
	w->table_at = t;
	w->table_off = (uint64_t)sector * 512;
	return 0;
}

int vmdk_walk_entry(struct vmdk_walk *w, uint64_t n, uint32_t *entry_out, uint64_t *run_out, struct error *err)
{
	uint64_t i = n % w->g->h.table_entries;

	if (find_table(w, n / w->g->h.table_entries, err) < 0)
		return -1;
	*run_out = 1;
	if (w->table_off != 0)
		return get_entry(w, &w->table, w->table_off + i * 4, entry_out, err);
	*run_out = w->g->h.table_entries - i;
	*entry_out = 0;
	return 0;
}

/* The part of the disk at e->off, of which `len` bytes are wanted, up to where another entry begins. */
static int map_run(struct vmdk_walk *w, const struct vmdk_extent *x, vmdk_grain_fn *map_grain, uint64_t len,
		   struct extent *e, struct error *err)
{
	uint64_t pos = e->off - x->start, n = pos / w->g->grain_len, run, left;
	uint32_t entry;

	if (vmdk_walk_entry(w, n, &entry, &run, err) < 0)
		return -1;
	left = (n + run) * w->g->grain_len - pos;
	*e = (struct extent){
		.off = e->off,
		.len = left < len ? left : len,
		.kind = EXTENT_ABSENT,
		.file = EXTENT_NO_FILE,
	};
	if (entry == 0)
		return 0;
	if (entry > 1)
		return map_grain(x, w->g, n, entry, image_file(w->img, x->file)->size, e, err);
	if (!(w->g->h.flags & VMDK_SPARSE_ZERO_GRAINS))
		return error_set(err, ERR_CORRUPT,
				 "grain %" PRIu64 " is marked as zeros, which the header's flags rule out", n);
	e->kind = EXTENT_ZERO;
	return 0;
}

int vmdk_grains_map(const struct image *img, const struct vmdk_extent *x, const struct vmdk_grains *g,
		    vmdk_grain_fn *map_grain, uint64_t len, uint64_t off, struct extent_list *out, struct error *err)
{
	CLEANUP(vmdk_walk_fini) struct vmdk_walk w = vmdk_walk_init(img, x, g);
	struct extent e = { .off = off };

	for (; e.off < off + len; e.off += e.len) {
		bool first = e.off == off; /* a bad entry further on ends the answer, and fails when it is asked for */

		if (map_run(&w, x, map_grain, off + len - e.off, &e, first ? err : NULL) < 0)
			return first ? -1 : 0;
		if (extent_list_add(out, &e, err) < 0)
			return -1;
	}
	return 0;
}
