/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "disk/vhdx_overlay.h"

struct page {
	uint64_t off;
	uint64_t order; /* of adding, counted over pages and zeros */
	uint8_t *bytes;
};

struct zeros {
	uint64_t off, len;
	uint64_t order;
};

struct vhdx_overlay {
	struct page *pages; /* sealed: ascending, each offset once */
	size_t n_pages, cap_pages;
	struct zeros *zeros;
	size_t n_zeros, cap_zeros;
	uint64_t next_order;
	bool sealed;
};

struct vhdx_overlay *vhdx_overlay_new(struct error *err)
{
	struct vhdx_overlay *o = calloc(1, sizeof(*o));

	if (!o)
		error_errno(err, ENOMEM, "log");
	return o;
}

void vhdx_overlay_free(struct vhdx_overlay *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n_pages; i++)
		free(o->pages[i].bytes);
	free(o->pages);
	free(o->zeros);
	free(o);
}

int vhdx_overlay_add_page(struct vhdx_overlay *o, uint64_t off, const uint8_t bytes[VHDX_PAGE], struct error *err)
{
	struct page page = { .off = off, .order = o->next_order };

	assert(!o->sealed && off % VHDX_PAGE == 0);
	if (o->n_pages == o->cap_pages) {
		size_t cap = o->cap_pages ? 2 * o->cap_pages : 64;
		struct page *grown = reallocarray(o->pages, cap, sizeof(*grown));

		if (!grown)
			return error_errno(err, ENOMEM, "log of %zu pages", cap);
		o->pages = grown;
		o->cap_pages = cap;
	}
	page.bytes = malloc(VHDX_PAGE);
	if (!page.bytes)
		return error_errno(err, ENOMEM, "log of %zu pages", o->n_pages + 1);
	memcpy(page.bytes, bytes, VHDX_PAGE);
	o->pages[o->n_pages++] = page;
	o->next_order++;
	return 0;
}

int vhdx_overlay_add_zeros(struct vhdx_overlay *o, uint64_t off, uint64_t len, struct error *err)
{
	struct zeros *last = o->n_zeros > 0 ? &o->zeros[o->n_zeros - 1] : NULL;

	assert(!o->sealed && off % VHDX_PAGE == 0 && len % VHDX_PAGE == 0);
	if (last && last->order + 1 == o->next_order && last->off + last->len == off) {
		last->len += len; /* nothing was added in between, so one range says the same */
		return 0;
	}
	if (o->n_zeros == VHDX_OVERLAY_ZEROS_MAX)
		return error_set(err, ERR_UNSUPPORTED, "log: more than %d ranges of zeros", VHDX_OVERLAY_ZEROS_MAX);
	if (o->n_zeros == o->cap_zeros) {
		size_t cap = o->cap_zeros ? 2 * o->cap_zeros : 16;
		struct zeros *grown = reallocarray(o->zeros, cap, sizeof(*grown));

		if (!grown)
			return error_errno(err, ENOMEM, "log of %zu ranges", cap);
		o->zeros = grown;
		o->cap_zeros = cap;
	}
	o->zeros[o->n_zeros++] = (struct zeros){ .off = off, .len = len, .order = o->next_order++ };
	return 0;
}

static int compare_pages(const void *va, const void *vb)
{
	const struct page *a = va, *b = vb;

	if (a->off != b->off)
		return a->off < b->off ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

void vhdx_overlay_seal(struct vhdx_overlay *o)
{
	size_t kept = 0;

	if (o->n_pages > 0)
		qsort(o->pages, o->n_pages, sizeof(*o->pages), compare_pages);
	for (size_t i = 0; i < o->n_pages; i++) {
		if (kept > 0 && o->pages[kept - 1].off == o->pages[i].off) {
			free(o->pages[kept - 1].bytes);
			kept--;
		}
		o->pages[kept++] = o->pages[i];
	}
	o->n_pages = kept;
	o->sealed = true;
}

size_t vhdx_overlay_pages(const struct vhdx_overlay *o)
{
	assert(o->sealed);
	return o->n_pages;
}

/* The first page at or behind off: an index, n_pages if there is none. */
static size_t first_page_from(const struct vhdx_overlay *o, uint64_t off)
{
	size_t lo = 0, hi = o->n_pages;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (o->pages[mid].off < off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool vhdx_overlay_page(const struct vhdx_overlay *o, uint64_t off, const uint8_t **bytes_out)
{
	size_t i = first_page_from(o, off);
	bool found = i < o->n_pages && o->pages[i].off == off;
	uint64_t order = found ? o->pages[i].order : 0;

	*bytes_out = found ? o->pages[i].bytes : NULL;
	for (size_t z = 0; z < o->n_zeros; z++) {
		const struct zeros *r = &o->zeros[z];

		if (off >= r->off && off - r->off < r->len && (!found || r->order > order)) {
			found = true;
			order = r->order;
			*bytes_out = NULL;
		}
	}
	return found;
}

enum vhdx_overlay_says vhdx_overlay_run(const struct vhdx_overlay *o, uint64_t off, uint64_t len, uint64_t *n_out)
{
	uint64_t page = align_down(off, VHDX_PAGE), end = off + len, stop = page + VHDX_PAGE;
	const uint8_t *bytes;
	bool said = vhdx_overlay_page(o, page, &bytes);
	size_t next;

	if (!said || !bytes) { /* up to the next page, and as far as these zeros go, or up to the next ones */
		next = first_page_from(o, stop);
		stop = next < o->n_pages ? o->pages[next].off : end;
		for (size_t z = 0; z < o->n_zeros; z++) {
			const struct zeros *r = &o->zeros[z];
			uint64_t edge = said ? r->off + r->len : r->off;

			if ((said ? r->off <= page && page < edge : r->off > page) && edge < stop)
				stop = edge;
		}
	}
	*n_out = (stop < end ? stop : end) - off;
	if (!said)
		return VHDX_OVERLAY_NOTHING;
	return bytes ? VHDX_OVERLAY_DATA : VHDX_OVERLAY_ZEROS;
}

static bool log_touches(const struct vhdx_overlay *o, uint64_t off, size_t len)
{
	uint64_t from = align_down(off, VHDX_PAGE);
	size_t i = first_page_from(o, from);

	if (i < o->n_pages && ranges_overlap(o->pages[i].off, VHDX_PAGE, off, len))
		return true;
	for (size_t z = 0; z < o->n_zeros; z++)
		if (ranges_overlap(o->zeros[z].off, o->zeros[z].len, off, len))
			return true;
	return false;
}

int vhdx_view_read(const struct vhdx_view *view, void *buf, size_t len, uint64_t off, struct error *err)
{
	uint64_t size = view->file->size;
	uint8_t *out = buf;
	size_t there;

	if (!view->log || !log_touches(view->log, off, len))
		return backing_read(view->file, buf, len, off, err);
	there = off >= size ? 0 : len < size - off ? len : (size_t)(size - off);
	if (there > 0 && backing_read(view->file, buf, there, off, err) < 0)
		return -1;
	for (size_t done = 0; done < len;) {
		uint64_t page_off = align_down(off + done, VHDX_PAGE);
		size_t skip = (size_t)(off + done - page_off);
		size_t n = len - done < VHDX_PAGE - skip ? len - done : VHDX_PAGE - skip;
		const uint8_t *bytes;

		if (vhdx_overlay_page(view->log, page_off, &bytes)) {
			if (bytes)
				memcpy(out + done, bytes + skip, n);
			else
				memset(out + done, 0, n);
		} else if (done + n > there) {
			return error_set(err, ERR_CORRUPT,
					 "%s: read %zu bytes at %#" PRIx64 ": beyond end of file (%" PRIu64 " bytes)",
					 view->file->path, len, off, size);
		}
		done += n;
	}
	return 0;
}
