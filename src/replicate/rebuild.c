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
#include "replicate/cycle_disk.h"
#include "replicate/read_back.h"

#define READERS 4 /* requests at once: a page blob serves 60 MiB/s whatever one asks */

struct rebuild {
	struct replica *replica;
	struct blockmap *map;
	const char *version;
	struct cancel *cancel;
	struct extent_list data;
	struct hasher hasher;
	_Atomic uint64_t next; /* block to claim */
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

/* Anything but a range that is known to be zero. */
static bool holds_data(const struct extent_list *list, uint64_t off, uint64_t len)
{
	for (uint64_t at = off; at < off + len;) {
		const struct extent *e = extent_list_find(list, at);

		if (!e || e->kind != EXTENT_ZERO)
			return true;
		at = e->off + e->len;
	}
	return false;
}

static int rebuild_block(struct rebuild *b, uint64_t blk, uint8_t *buf, struct error *err)
{
	struct block_hash hash;
	uint64_t off, len;

	blockmap_range(b->map, blk, &off, &len);
	if (!holds_data(&b->data, off, len)) {
		blockmap_set_zero(b->map, blk);
		return 0;
	}
	if (cancel_check(b->cancel, err) < 0 || replica_read(b->replica, buf, (size_t)len, off, b->version, err) < 0)
		return -1;
	if (io_is_zero(buf, (size_t)len)) {
		blockmap_set_zero(b->map, blk);
		return 0;
	}
	hasher_hash(&b->hasher, buf, (size_t)len, &hash);
	blockmap_set_hash(b->map, blk, &hash);
	return 0;
}

static void *rebuild_some(void *arg)
{
	struct rebuild *b = arg;
	struct error err = ERROR_INIT;
	CLEANUP_FREE uint8_t *buf = malloc(BLOCK_SIZE_MAX);
	uint64_t blocks = blockmap_blocks(b->map), blk;

	if (!buf) {
		error_errno(&err, ENOMEM, "rebuild");
		fail(b, &err);
		return NULL;
	}
	while (!atomic_load(&b->failed)) {
		blk = atomic_fetch_add(&b->next, 1);
		if (blk >= blocks)
			break;
		if (rebuild_block(b, blk, buf, &err) < 0) {
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
