/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rebuilding a map by reading the replica: what holds data is read and hashed, the rest is zero.
 *
 * Every read is conditional on the version that the claim left, so that a foreign write ends it; and it comes after the
 * claim, because before that a write that is still under way could change a block already read.
 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/io.h"
#include "base/log.h"
#include "map/blockmap_file.h"
#include "replicate/cycle_disk.h"
#include "replicate/read_back.h"

#define READERS 4 /* requests at once: a page blob serves 60 MiB/s whatever one asks */
#define READ_MAX BLOCK_SIZE_MAX /* bytes of one request: what data lies together is read together */

struct rebuild {
	struct replica *replica;
	struct blockmap *map;
	const char *version;
	struct cancel *cancel;
	struct extent_list data;
	struct hasher hasher;
	_Atomic uint64_t next; /* page of the map to claim */
	pthread_mutex_t lock;  /* guards err */
	struct error err;
	atomic_bool failed;
};

static void fail(struct rebuild *b, const struct error *err)
{
	LOCK_SCOPE(&b->lock);
	if (b->err.code == ERR_NONE)
		b->err = *err;
	atomic_store(&b->failed, true);
}

/* A part of a page: blocks [from, to), all of which hold data, in one read. */
static int rebuild_run(struct rebuild *b, uint64_t first, unsigned from, unsigned to, uint8_t *buf, uint8_t *page,
		       struct error *err)
{
	uint64_t off, len, start, end;

	blockmap_range(b->map, first + from, &start, &len);
	blockmap_range(b->map, first + to - 1, &off, &len);
	end = off + len;
	if (cancel_check(b->cancel, err) < 0 || replica_read(b->replica, buf, (size_t)(end - start), start, b->version, err) < 0)
		return -1;
	for (unsigned i = from; i < to; i++) {
		struct block_hash hash;

		blockmap_range(b->map, first + i, &off, &len);
		if (io_is_zero(buf + (off - start), (size_t)len))
			continue; /* as the page was filled */
		hasher_hash(&b->hasher, buf + (off - start), (size_t)len, &hash);
		blockmap_entry_encode(BLOCK_HASHED, &hash, page + i * BLOCKMAP_ENTRY_LEN);
	}
	return 0;
}

static int rebuild_page(struct rebuild *b, uint64_t p, uint8_t *buf, struct error *err)
{
	uint64_t first = p * BLOCKMAP_PAGE_BLOCKS, blocks = blockmap_blocks(b->map), off, len;
	unsigned n = blocks - first < BLOCKMAP_PAGE_BLOCKS ? (unsigned)(blocks - first) : BLOCKMAP_PAGE_BLOCKS, to;
	unsigned at_once = (unsigned)(READ_MAX / blockmap_header(b->map)->block_size);
	uint8_t page[BLOCKMAP_PAGE_LEN];

	for (unsigned i = 0; i < BLOCKMAP_PAGE_BLOCKS; i++)
		blockmap_entry_encode(BLOCK_ZERO, NULL, page + i * BLOCKMAP_ENTRY_LEN);
	for (unsigned from = 0; from < n; from = to + (to == from)) {
		for (to = from; to < n && to - from < at_once; to++) {
			blockmap_range(b->map, first + to, &off, &len);
			if (!extent_list_has_data(&b->data, off, len))
				break;
		}
		if (to > from && rebuild_run(b, first, from, to, buf, page, err) < 0)
			return -1;
	}
	blockmap_set_page(b->map, p, page);
	return 0;
}

static void *rebuild_some(void *arg)
{
	struct rebuild *b = arg;
	struct error err = ERROR_INIT;
	CLEANUP_FREE uint8_t *buf = malloc(READ_MAX);
	uint64_t pages = blockmap_pages(b->map), p;

	if (!buf) {
		error_errno(&err, ENOMEM, "rebuild");
		fail(b, &err);
		return NULL;
	}
	while (!atomic_load(&b->failed)) {
		p = atomic_fetch_add(&b->next, 1);
		if (p >= pages)
			break;
		if (rebuild_page(b, p, buf, &err) < 0) {
			fail(b, &err);
			break;
		}
	}
	return NULL;
}

int replica_data_bytes(struct replica *replica, uint64_t content, uint64_t *out, struct error *err)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };

	if (replica_extents(replica, content, 0, NULL, &list, err) < 0)
		return -1;
	*out = extent_list_bytes(&list, EXTENT_DATA);
	return 0;
}

int replica_rebuild(struct replica *replica, struct blockmap *map, const char *version, struct cancel *cancel,
		    struct error *err)
{
	struct rebuild b = { .replica = replica, .map = map, .version = version, .cancel = cancel };
	uint64_t size = blockmap_header(map)->content_size + VHD_FOOTER_LEN;
	pthread_t threads[READERS - 1];
	char text[READ_BACK_TEXT_LEN];
	size_t n = 0;

	hasher_init(&b.hasher, blockmap_header(map)->secret);
	pthread_mutex_init(&b.lock, NULL);
	if (replica_extents(replica, size, 0, version, &b.data, &b.err) == 0) {
		if (read_back_text(replica_target(replica), replica_name(replica), extent_list_bytes(&b.data, EXTENT_DATA),
				   text))
			log_warn("cycle", "%s", text);
		while (n < READERS - 1 && pthread_create(&threads[n], NULL, rebuild_some, &b) == 0)
			n++;
		rebuild_some(&b);
	}
	while (n > 0)
		pthread_join(threads[--n], NULL);
	pthread_mutex_destroy(&b.lock);
	extent_list_fini(&b.data);
	if (b.err.code != ERR_NONE) {
		if (err)
			*err = b.err;
		return error_prefix(err, "rebuilding the map");
	}
	return blockmap_failed(map, err);
}
