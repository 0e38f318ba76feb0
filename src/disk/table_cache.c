/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>

#include "disk/table_cache.h"

struct page_source {
	const struct backing *b;
	uint64_t off;
};

static int read_page(void *ctx, uint8_t *out, size_t len, struct error *err)
{
	const struct page_source *s = ctx;

	return backing_read(s->b, out, len, s->off, err);
}

struct lru_cache *table_cache_new(size_t max_pages, struct error *err)
{
	return lru_cache_new(max_pages, SIZE_MAX, err);
}

const struct cached *table_cache_get(struct lru_cache *c, const struct backing *b, uint32_t file, uint64_t off,
				     struct error *err)
{
	struct page_source source = { .b = b, .off = off - off % TABLE_PAGE_LEN };
	uint64_t left;

	if (off >= b->size) {
		error_set(err, ERR_CORRUPT, "table at %#" PRIx64 ": beyond end of file (%" PRIu64 " bytes)", off,
			  b->size);
		return NULL;
	}
	left = b->size - source.off;
	return lru_cache_get(c, file, source.off, left < TABLE_PAGE_LEN ? (size_t)left : TABLE_PAGE_LEN, read_page,
			     &source, err);
}
