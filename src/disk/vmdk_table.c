/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/table_cache.h"
#include "disk/vmdk_table.h"

bool vmdk_table_in_metadata(const struct vmdk_tables *t, uint64_t off, uint64_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(t->metadata); i++)
		if (ranges_overlap(off, len, t->metadata[i].off, t->metadata[i].len))
			return true;
	return false;
}

uint64_t vmdk_table_valid(const struct vmdk_tables *t, const struct vmdk_extent *x, uint64_t n)
{
	uint64_t left = x->len - n * t->grain_len;

	return left < t->grain_len ? left : t->grain_len;
}

struct vmdk_walk vmdk_walk_init(const struct image *img, const struct vmdk_extent *x, const struct vmdk_tables *t)
{
	return (struct vmdk_walk){ .img = img, .x = x, .t = t, .table_at = UINT64_MAX };
}

void vmdk_walk_fini(struct vmdk_walk *w)
{
	image_table_put(w->img, w->dir);
	image_table_put(w->img, w->table);
}

static uint64_t entry_at(const struct vmdk_walk *w, const struct cached *page, uint64_t off)
{
	const uint8_t *at = page->data + (off - page->at);

	return w->t->entry_len == 4 ? get_le32(at) : get_le64(at);
}

/* off is a multiple of the entry's length and was checked against the file: no entry straddles pages or the end. */
static int get_entry(const struct vmdk_walk *w, const struct cached **page, uint64_t off, uint64_t *out,
		     struct error *err)
{
	if (!*page || off - (*page)->at >= (*page)->len) {
		image_table_put(w->img, *page);
		*page = image_table_get(w->img, w->x->file, off, err);
		if (!*page)
			return -1;
	}
	*out = entry_at(w, *page, off);
	return 0;
}

/* How many entries from off on, which is in the page and 0, are 0: at most max > 0, and not beyond the page. */
static uint64_t count_zeros(const struct vmdk_walk *w, const struct cached *page, uint64_t off, uint64_t max)
{
	uint64_t n = 1, here = (page->len - (off - page->at)) / w->t->entry_len;

	max = max < here ? max : here;
	while (n < max && entry_at(w, page, off + n * w->t->entry_len) == 0)
		n++;
	return n;
}

static int check_place(const struct vmdk_walk *w, const char *what, uint64_t index, uint64_t off, uint64_t len,
		       uint64_t from, struct error *err)
{
	uint64_t file_size = image_file(w->img, w->x->file)->size;

	if (off < from || vmdk_table_in_metadata(w->t, off, len))
		return error_set(err, ERR_CORRUPT, "%s %" PRIu64 " at sector %" PRIu64 ": inside the metadata", what,
				 index, off / 512);
	if (!range_ok(off, len, file_size))
		return error_set(err, ERR_CORRUPT,
				 "%s %" PRIu64 " at sector %" PRIu64 ": beyond end of file (%" PRIu64 " sectors)", what,
				 index, off / 512, file_size / 512);
	return 0;
}

static int find_table(struct vmdk_walk *w, uint64_t index, struct error *err)
{
	uint64_t entry, off = 0, len = (uint64_t)w->t->table_entries * w->t->entry_len;

	if (index == w->table_at)
		return 0;
	if (get_entry(w, &w->dir, w->t->dir_off + index * w->t->entry_len, &entry, err) < 0)
		return -1;
	if (entry != 0 && (w->t->table(w->t, index, entry, &off, err) < 0 ||
			   check_place(w, "grain table", index, off, len, 0, err) < 0))
		return -1;
	w->table_at = index;
	w->table_off = off;
	return 0;
}

int vmdk_walk_entry(struct vmdk_walk *w, uint64_t n, uint64_t max, uint64_t *entry_out, uint64_t *run_out,
		    struct error *err)
{
	const struct vmdk_tables *t = w->t;
	uint64_t index = n / t->table_entries, i = n % t->table_entries, left = t->table_entries - i, at;

	if (find_table(w, index, err) < 0)
		return -1;
	*run_out = 1;
	if (w->table_off != 0) {
		at = w->table_off + i * t->entry_len;
		if (get_entry(w, &w->table, at, entry_out, err) < 0)
			return -1;
		if (*entry_out == 0)
			*run_out = count_zeros(w, w->table, at, max < left ? max : left);
		return 0;
	}
	*entry_out = 0;
	at = (n + max - 1) / t->table_entries - index + 1; /* entries of the directory that are asked for */
	left += (count_zeros(w, w->dir, t->dir_off + index * t->entry_len, at) - 1) * t->table_entries;
	*run_out = left < max ? left : max;
	return 0;
}

/* What grain n is, whose entry is not 0, and where it lies. */
static int map_grain(const struct vmdk_walk *w, uint64_t n, uint64_t entry, struct extent *e, struct error *err)
{
	const struct vmdk_tables *t = w->t;
	uint64_t valid = vmdk_table_valid(t, w->x, n), off = 0;

	if (t->grain(t, n, entry, &e->kind, &off, err) < 0)
		return -1;
	if (e->kind != EXTENT_DATA || !t->verbatim)
		return 0;
	if (check_place(w, "grain", n, off, valid, t->grains_from, err) < 0)
		return -1;
	if (ranges_overlap(off, valid, w->table_off, (uint64_t)t->table_entries * t->entry_len))
		return error_set(err, ERR_CORRUPT,
				 "grain %" PRIu64 " at sector %" PRIu64 ": inside its own grain table", n, off / 512);
	e->file = w->x->file;
	e->file_off = off + (e->off - w->x->start - n * t->grain_len);
	return 0;
}

/* Fills e, which begins at e->off, up to where another answer may begin; len > 0 bytes are wanted. */
static int map_run(struct vmdk_walk *w, uint64_t len, struct extent *e, struct error *err)
{
	uint64_t grain_len = w->t->grain_len, pos = e->off - w->x->start, n = pos / grain_len, run, entry;

	*e = (struct extent){ .off = e->off, .kind = EXTENT_ABSENT, .file = EXTENT_NO_FILE };
	if (vmdk_walk_entry(w, n, (pos + len - 1) / grain_len - n + 1, &entry, &run, err) < 0 ||
	    (entry != 0 && map_grain(w, n, entry, e, err) < 0))
		return -1;
	e->len = (n + run) * grain_len - pos;
	if (e->len > len)
		e->len = len;
	return 0;
}

int vmdk_table_map(const struct image *img, const struct vmdk_extent *x, const struct vmdk_tables *t, uint64_t len,
		   uint64_t off, struct extent_list *out, struct error *err)
{
	CLEANUP(vmdk_walk_fini) struct vmdk_walk w = vmdk_walk_init(img, x, t);
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
