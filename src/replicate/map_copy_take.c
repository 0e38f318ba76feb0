/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the copy, and taking it over. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/checked.h"
#include "map/blockmap_file.h"
#include "replicate/map_copy_private.h"

#define FIRST_READ (64 << 10) /* header and the page table of a disk of 112 GiB in one request */
#define READ_PAGES 1024       /* 4 MiB at once */

int map_copy_digest(const void *table, size_t len, uint8_t out[MAP_COPY_DIGEST_LEN], struct error *err)
{
	unsigned n = MAP_COPY_DIGEST_LEN;

	if (EVP_Digest(table, len, out, &n, EVP_sha256(), NULL) != 1)
		return error_set(err, ERR_UNSUPPORTED, "SHA-256: the crypto library does not give it");
	return 0;
}

static int check_digest(const struct blockmap_header *h, const void *table, size_t len, struct error *err)
{
	uint8_t digest[MAP_COPY_DIGEST_LEN];

	if (map_copy_digest(table, len, digest, err) < 0)
		return -1;
	if (memcmp(digest, h->digest, sizeof(digest)) != 0)
		return error_set(err, ERR_CORRUPT, "its digest is wrong: an update did not end");
	return 0;
}

static int load(struct map_copy *c, const struct target_look *look, struct error *err)
{
	uint64_t first = look->size < FIRST_READ ? look->size : FIRST_READ, table_sum;
	CLEANUP_FREE uint8_t *head = malloc(first);
	CLEANUP_FREE uint8_t *whole = NULL;
	struct blockmap_layout l;

	if (!head)
		return error_errno(err, ENOMEM, "copy of the map");
	if (replica_read(c->replica, head, first, 0, c->version, err) < 0 ||
	    blockmap_header_decode(head, first, &c->header, &l, &table_sum, err) < 0)
		return -1;
	if (l.file_size != look->size)
		return error_set(err, ERR_CORRUPT, "%" PRIu64 " bytes, should have %" PRIu64, look->size, l.file_size);
	whole = malloc(l.data_off);
	c->sums = calloc(l.pages, sizeof(*c->sums));
	if (!whole || !c->sums)
		return error_errno(err, ENOMEM, "copy of the map");
	if (first > l.data_off)
		first = l.data_off;
	memcpy(whole, head, first);
	if (first < l.data_off && replica_read(c->replica, whole + first, l.data_off - first, first, c->version, err) < 0)
		return -1;
	if (blockmap_table_decode(&l, whole + BLOCKMAP_HEADER_LEN, table_sum, c->sums, err) < 0 ||
	    check_digest(&c->header, whole + BLOCKMAP_HEADER_LEN, l.table_len, err) < 0)
		return -1;
	c->pages = l.pages;
	c->data_off = l.data_off;
	return 0;
}

int map_copy_open(struct replica *copy, struct map_copy *out, struct error *err)
{
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };

	*out = (struct map_copy){ .replica = copy };
	if (replica_look(copy, &look, err) < 0)
		return -1;
	if (!look.exists)
		return error_set(err, ERR_CONFLICT, "there is none");
	if (look.size < BLOCKMAP_HEADER_LEN)
		return error_set(err, ERR_CORRUPT, "%" PRIu64 " bytes", look.size);
	memcpy(out->version, look.version, sizeof(out->version));
	out->number = look.number;
	if (load(out, &look, err) == 0)
		return 0;
	map_copy_fini(out);
	return -1;
}

void map_copy_fini(struct map_copy *c)
{
	free(c->sums);
	c->sums = NULL;
}

static bool stored(const struct map_copy *c, uint64_t p)
{
	return c->sums[p] != BLOCKMAP_SUM_UNKNOWN && c->sums[p] != BLOCKMAP_SUM_ZERO;
}

/* A page whose entries are all zero. */
static void set_zero_page(struct blockmap *m, uint64_t p)
{
	uint8_t page[BLOCKMAP_PAGE_LEN];

	for (size_t i = 0; i < BLOCKMAP_PAGE_BLOCKS; i++)
		blockmap_entry_encode(BLOCK_ZERO, NULL, page + i * BLOCKMAP_ENTRY_LEN);
	blockmap_set_page(m, p, page);
}

static int fill_run(const struct map_copy *c, struct blockmap *m, uint64_t first, uint64_t n, uint8_t *buf,
		    struct error *err)
{
	if (replica_read(c->replica, buf, n * BLOCKMAP_PAGE_LEN, c->data_off + first * BLOCKMAP_PAGE_LEN, c->version, err) < 0)
		return -1;
	for (uint64_t i = 0; i < n; i++) {
		const uint8_t *page = buf + i * BLOCKMAP_PAGE_LEN;

		if (blockmap_page_sum(page) != c->sums[first + i])
			return error_set(err, ERR_CORRUPT, "page %" PRIu64 " is not the one of its header", first + i);
		blockmap_set_page(m, first + i, page);
	}
	return 0;
}

int map_copy_fill(const struct map_copy *c, struct blockmap *m, struct error *err)
{
	CLEANUP_FREE uint8_t *buf = malloc((size_t)READ_PAGES * BLOCKMAP_PAGE_LEN);
	uint64_t n;

	if (!buf)
		return error_errno(err, ENOMEM, "copy of the map");
	for (uint64_t p = 0; p < c->pages; p += n) {
		for (n = 0; n < READ_PAGES && p + n < c->pages && stored(c, p + n); n++)
			;
		if (n > 0 && fill_run(c, m, p, n, buf, err) < 0)
			return -1;
		if (n == 0) {
			if (c->sums[p] == BLOCKMAP_SUM_ZERO)
				set_zero_page(m, p);
			n = 1; /* unknown is what a new map is */
		}
	}
	return blockmap_failed(m, err);
}

/* ---- taking it over ---- */

/* NULL, or why it is void. */
static const char *mismatch(const struct map_copy *c, const struct map_copy_live *live)
{
	char id[GUID_TEXT_LEN];

	guid_format(&c->header.liftfs_id, id);
	if (strcmp(id, live->liftfs_id) != 0)
		return "it is of another replica";
	if (!c->header.clean || strcmp(c->header.version, live->version) != 0)
		return "it is older than the replica";
	if (c->header.content_size + 512 != live->size)
		return "it is of another size";
	return NULL;
}

/* Void, or a failure that a rebuild would meet too? */
static bool is_void(const struct error *why)
{
	switch (why->code) {
	case ERR_CONFLICT:
	case ERR_CORRUPT:
	case ERR_REFUSED: /* of a newer format; rights that are missing for it are missing for the replica too */
	case ERR_UNSUPPORTED:
		return true;
	default:
		return false;
	}
}

static int set_void(char why[128], const char *text)
{
	snprintf(why, 128, "%.127s", text);
	return 0;
}

struct staged {
	const struct map_copy *copy;
	struct blockmap *map; /* filled, in memory of a file of its own */
};

static int move_pages(void *ctx, struct blockmap *m, struct error *err)
{
	const struct staged *s = ctx;
	uint8_t page[BLOCKMAP_PAGE_LEN];

	for (uint64_t p = 0; p < s->copy->pages; p++) {
		if (blockmap_page_entry(s->map, p) == BLOCKMAP_SUM_ZERO) {
			set_zero_page(m, p);
			continue;
		}
		blockmap_get_page(s->map, p, page);
		blockmap_set_page(m, p, page);
	}
	return blockmap_failed(m, err);
}

/* All of it is read and checked before the state is touched. */
static int take(const struct map_copy *c, struct replica_state *rs, char why[128], struct error *err)
{
	struct error failed = ERROR_INIT;
	CLEANUP(cleanup_blockmap) struct blockmap *m = blockmap_create(rs->dirfd, "copied", &c->header, err);
	struct staged s = { .copy = c, .map = m };

	if (!m || blockmap_make_writable(m, err) < 0)
		return -1;
	if (map_copy_fill(c, m, &failed) < 0) {
		if (is_void(&failed))
			return set_void(why, failed.msg);
		if (err)
			*err = failed;
		return -1;
	}
	if (replica_state_import(rs, &c->header, move_pages, &s, err) < 0)
		return -1;
	/* From here on the copy's next update sends what changes; without the note, everything. */
	return map_copy_write_note(rs, c->number, c->header.version, c->sums, err);
}

int map_copy_take(struct replica *copy, const struct map_copy_live *live, struct replica_state *rs, char why[128],
		  struct error *err)
{
	struct error failed = ERROR_INIT;
	struct map_copy c;
	int rc;

	why[0] = '\0';
	if (map_copy_open(copy, &c, &failed) < 0) {
		if (is_void(&failed))
			return set_void(why, failed.msg);
		if (err)
			*err = failed;
		return error_prefix(err, "copy of the block map");
	}
	rc = mismatch(&c, live) ? set_void(why, mismatch(&c, live)) : take(&c, rs, why, err);
	map_copy_fini(&c);
	return rc < 0 ? error_prefix(err, "copy of the block map") : 0;
}
