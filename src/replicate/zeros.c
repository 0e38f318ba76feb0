/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "base/checked.h"
#include "replicate/zeros.h"

void zeros_init(struct zeros *z, struct disk *d)
{
	*z = (struct zeros){ .disk = d };
}

void zeros_fini(struct zeros *z)
{
	extent_list_fini(&z->list);
}

static int load(struct zeros *z, uint64_t off, struct error *err)
{
	uint64_t size = disk_size(z->disk), start = align_down(off, ZEROS_WINDOW);
	uint64_t len = size - start < ZEROS_WINDOW ? size - start : ZEROS_WINDOW;

	extent_list_clear(&z->list);
	z->start = z->end = 0; /* nothing, if asking fails */
	z->at = 0;
	if (disk_extents(z->disk, len, start, true, &z->list, err) < 0)
		return -1;
	if (z->list.n == 0 || z->list.v[0].off != start ||
	    z->list.v[z->list.n - 1].off + z->list.v[z->list.n - 1].len != start + len)
		return error_set(err, ERR_BUG, "extents of %#llx+%#llx do not cover it", (unsigned long long)start,
				 (unsigned long long)len);
	z->start = start;
	z->end = start + len;
	if (z->loaded)
		z->loaded(z->loaded_ctx, &z->list, z->start, z->end);
	return 0;
}

/* The extent at off, which lies inside the disk. */
static int find(struct zeros *z, uint64_t off, const struct extent **out, struct error *err)
{
	const struct extent *e;

	if ((off < z->start || off >= z->end) && load(z, off, err) < 0)
		return -1;
	e = &z->list.v[z->at];
	if (off < e->off) {
		e = extent_list_find(&z->list, off);
	} else {
		while (off - e->off >= e->len)
			e++;
	}
	z->at = (size_t)(e - z->list.v);
	*out = e;
	return 0;
}

int zeros_run(struct zeros *z, uint64_t off, uint64_t limit, bool *zero_out, uint64_t *end_out, struct error *err)
{
	uint64_t size = disk_size(z->disk), end = off;
	const struct extent *e;
	bool zero = true;

	while (end < limit) {
		if (end >= size) {
			if (zero || end == off)
				end = limit;
			break;
		}
		if (find(z, end, &e, err) < 0)
			return -1;
		if (end == off)
			zero = e->kind == EXTENT_ZERO;
		else if (zero != (e->kind == EXTENT_ZERO))
			break;
		end = e->off + e->len;
		if (!zero && end >= z->end)
			break;
	}
	*zero_out = zero;
	*end_out = end < limit ? end : limit;
	return 0;
}

int zeros_mask(struct zeros *z, uint64_t off, uint64_t limit, uint64_t size, unsigned n, uint64_t *mask_out,
	       struct error *err)
{
	uint64_t mask = 0, at = off, end;
	bool zero;

	if (limit - off > size * n)
		limit = off + size * n;
	for (; at < limit; at = end) {
		if (zeros_run(z, at, limit, &zero, &end, err) < 0)
			return -1;
		if (!zero)
			continue;
		for (unsigned i = (unsigned)((at - off + size - 1) / size); i < n; i++) {
			uint64_t block_end = limit - off - i * size < size ? limit : off + (i + 1) * size;

			if (off + i * size >= limit || block_end > end)
				break;
			mask |= UINT64_C(1) << i;
		}
	}
	*mask_out = mask;
	return 0;
}
