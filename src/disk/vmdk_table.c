/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/table_cache.h"
#include "disk/vmdk_table.h"

/* The page that the last entry came from: neighbours need no lock. */
struct cursor {
	const struct image *img;
	uint32_t file;
	unsigned entry_len;
	const struct table_page *page;
};

/* off is a multiple of the entry's length and was checked against the file: no entry straddles pages or the end. */
static int cursor_get(struct cursor *c, uint64_t off, uint64_t *out, struct error *err)
{
	const uint8_t *at;

	if (!c->page || off - c->page->off >= c->page->len) {
		image_table_put(c->img, c->page);
		c->page = image_table_get(c->img, c->file, off, err);
		if (!c->page)
			return -1;
	}
	at = c->page->data + (off - c->page->off);
	*out = c->entry_len == 4 ? get_le32(at) : get_le64(at);
	return 0;
}

/* How many entries from off on, which is in the page at hand and 0, are 0: at most max > 0, and not beyond the page. */
static uint64_t cursor_zeros(const struct cursor *c, uint64_t off, uint64_t max)
{
	const uint8_t *at = c->page->data + (off - c->page->off);
	uint64_t n = 1, here = (c->page->len - (off - c->page->off)) / c->entry_len;

	max = max < here ? max : here;
	while (n < max && (c->entry_len == 4 ? get_le32(at + n * 4) : get_le64(at + n * 8)) == 0)
		n++;
	return n;
}

struct walk {
	const struct vmdk_tables *t;
	const struct vmdk_extent *x;
	uint64_t file_size;
	struct cursor dir, table;
	uint64_t table_at, table_off; /* the table that was found last, and where; 0: there is none */
};

static void walk_fini(struct walk *w)
{
	image_table_put(w->dir.img, w->dir.page);
	image_table_put(w->table.img, w->table.page);
}

static int check_place(const struct walk *w, const char *what, uint64_t index, uint64_t off, uint64_t len,
		       struct error *err)
{
	if (!range_ok(off, len, w->file_size))
		return error_set(err, ERR_CORRUPT,
				 "%s %" PRIu64 " at sector %" PRIu64 ": beyond end of file (%" PRIu64 " sectors)", what,
				 index, off / 512, w->file_size / 512);
	for (size_t i = 0; i < ARRAY_LEN(w->t->metadata); i++)
		if (ranges_overlap(off, len, w->t->metadata[i].off, w->t->metadata[i].len))
			return error_set(err, ERR_CORRUPT, "%s %" PRIu64 " at sector %" PRIu64 ": inside the metadata",
					 what, index, off / 512);
	return 0;
}

static int find_table(struct walk *w, uint64_t index, struct error *err)
{
	uint64_t entry, off = 0;

	if (index == w->table_at)
		return 0;
	if (cursor_get(&w->dir, w->t->dir_off + index * w->t->entry_len, &entry, err) < 0)
		return -1;
	if (entry != 0 &&
	    (w->t->table(w->t, index, entry, &off, err) < 0 ||
	     check_place(w, "grain table", index, off, (uint64_t)w->t->table_entries * w->t->entry_len, err) < 0))
		return -1;
	w->table_at = index;
	w->table_off = off;
	return 0;
}

/* The grain that e->off lies in: what it is, and where in the file. */
static int map_grain(struct walk *w, uint64_t g, uint64_t entry, struct extent *e, struct error *err)
{
	uint64_t first = g * w->t->grain_len, off = 0;
	/* The last grain may end where the disk does: no byte beyond is anybody's. */
	uint64_t valid = w->x->len - first < w->t->grain_len ? w->x->len - first : w->t->grain_len;

	if (w->t->grain(w->t, g, entry, &e->kind, &off, err) < 0)
		return -1;
	if (e->kind != EXTENT_DATA)
		return 0;
	if (check_place(w, "grain", g, off, valid, err) < 0)
		return -1;
	if (ranges_overlap(off, valid, w->table_off, (uint64_t)w->t->table_entries * w->t->entry_len))
		return error_set(err, ERR_CORRUPT,
				 "grain %" PRIu64 " at sector %" PRIu64 ": inside its own grain table", g, off / 512);
	e->file = w->x->file;
	e->file_off = off + (e->off - w->x->start - first);
	return 0;
}

/* Fills e, which begins at e->off, up to where another answer may begin; len > 0 bytes are wanted. */
static int map_run(struct walk *w, uint64_t len, struct extent *e, struct error *err)
{
	const struct vmdk_tables *t = w->t;
	uint64_t pos = e->off - w->x->start, g = pos / t->grain_len, last = (pos + len - 1) / t->grain_len;
	uint64_t index = g / t->table_entries, i = g % t->table_entries, at, n = 1, entry;

	*e = (struct extent){ .off = e->off, .kind = EXTENT_ABSENT, .file = EXTENT_NO_FILE };
	if (find_table(w, index, err) < 0)
		return -1;
	if (w->table_off == 0) {
		at = t->dir_off + index * t->entry_len;
		n = cursor_zeros(&w->dir, at, last / t->table_entries - index + 1) * t->table_entries - i;
	} else {
		at = w->table_off + i * t->entry_len;
		if (cursor_get(&w->table, at, &entry, err) < 0)
			return -1;
		if (entry == 0)
			n = cursor_zeros(&w->table, at,
					 last - g < t->table_entries - i ? last - g + 1 : t->table_entries - i);
		else if (map_grain(w, g, entry, e, err) < 0)
			return -1;
	}
	e->len = (g + n) * t->grain_len - pos;
	if (e->len > len)
		e->len = len;
	return 0;
}

int vmdk_table_map(const struct image *img, const struct vmdk_extent *x, const struct vmdk_tables *t, uint64_t len,
		   uint64_t off, struct extent_list *out, struct error *err)
{
	CLEANUP(walk_fini)
	struct walk w = {
		.t = t,
		.x = x,
		.file_size = image_file(img, x->file)->size,
		.dir = { .img = img, .file = x->file, .entry_len = t->entry_len },
		.table = { .img = img, .file = x->file, .entry_len = t->entry_len },
		.table_at = UINT64_MAX,
	};
	struct extent e = { .off = off };
	size_t max = out->n + VMDK_MAP_EXTENTS_MAX;

	for (; e.off - off < len && out->n < max; e.off += e.len) {
		bool first = e.off == off; /* a bad entry further on ends the answer, and fails when it is asked for */

		if (map_run(&w, len - (e.off - off), &e, first ? err : NULL) < 0)
			return first ? -1 : 0;
		if (extent_list_add(out, &e, err) < 0)
			return -1;
	}
	return 0;
}
