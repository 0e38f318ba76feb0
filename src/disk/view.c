/* SPDX-License-Identifier: Apache-2.0 */
/* A range of a disk as its file's pages lie in the host's page cache, without a copy. */
#include <config.h>

#include <sys/mman.h>
#include <unistd.h>

#include "disk/chain.h"

static bool map_extent(struct disk *d, const struct extent *e, struct disk_view *out)
{
	const struct backing *b = d->files[e->file];
	uint64_t off = b->base + e->file_off, skip = off % (uint64_t)sysconf(_SC_PAGESIZE);
	void *at;

	if (!b->coherent)
		return false;
	at = mmap(NULL, (size_t)(e->len + skip), PROT_READ, MAP_SHARED, b->fd, (off_t)(off - skip));
	if (at == MAP_FAILED)
		return false;
	*out = (struct disk_view){ .map = at, .map_len = (size_t)(e->len + skip), .data = (const uint8_t *)at + skip };
	return true;
}

bool disk_view_open(struct disk *d, size_t len, uint64_t off, struct disk_view *out)
{
	struct scratch *s;
	bool done = false;

	if (d->foreign || len == 0 || off > d->size || len > d->size - off)
		return false;
	s = scratch_get(d, NULL);
	if (!s)
		return false;
	extent_list_clear(&s->whole);
	if (resolve_range(d, s, len, off, &s->whole, NULL) == 0 && s->whole.n == 1 &&
	    s->whole.v[0].kind == EXTENT_DATA && s->whole.v[0].file != EXTENT_NO_FILE)
		done = map_extent(d, &s->whole.v[0], out);
	scratch_put(d, s);
	return done;
}

void disk_view_close(struct disk_view *v)
{
	munmap(v->map, v->map_len);
}
