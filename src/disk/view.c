/* SPDX-License-Identifier: Apache-2.0 */
/* A range of a disk as its file's pages lie in the host's page cache, without a copy. */
#include <config.h>

#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "disk/chain.h"

bool disk_place_of(struct disk *d, size_t len, uint64_t off, struct disk_place *out)
{
	const struct backing *b = NULL;
	const struct extent *e;
	struct scratch *s;

	if (d->foreign || len == 0 || off > d->size || len > d->size - off)
		return false;
	s = scratch_get(d, NULL);
	if (!s)
		return false;
	extent_list_clear(&s->whole);
	if (resolve_range(d, s, len, off, &s->whole, NULL) == 0 && s->whole.n == 1) {
		e = s->whole.v;
		if (e->kind == EXTENT_DATA && e->file != EXTENT_NO_FILE && d->files[e->file]->coherent &&
		    range_ok(e->file_off, e->len, d->files[e->file]->size)) {
			b = d->files[e->file];
			*out = (struct disk_place){ .fd = b->fd, .off = b->base + e->file_off };
		}
	}
	scratch_put(d, s);
	return b;
}

bool disk_view_open(struct disk *d, size_t len, uint64_t off, struct disk_view *out)
{
	struct disk_place at;
	size_t skip;
	void *map;

	if (!disk_place_of(d, len, off, &at))
		return false;
	skip = (size_t)(at.off % (uint64_t)sysconf(_SC_PAGESIZE));
	map = mmap(NULL, len + skip, PROT_READ, MAP_SHARED, at.fd, (off_t)(at.off - skip));
	if (map == MAP_FAILED)
		return false;
	*out = (struct disk_view){ .map = map, .map_len = len + skip, .data = (const uint8_t *)map + skip };
	return true;
}

void disk_view_close(struct disk_view *v)
{
	munmap(v->map, v->map_len);
}
