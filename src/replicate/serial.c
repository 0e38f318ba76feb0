/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle: what the engine does, one block at a time.  Nothing is shared with the engine but the seams, nothing is
 * clever: every block is read whatever the extents say, and sent whole.
 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/io.h"
#include "replicate/engine.h"

struct waited {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool done;
};

static void wake(struct target_op *op)
{
	struct waited *w = op->ctx;

	LOCK_SCOPE(&w->lock);
	w->done = true;
	pthread_cond_signal(&w->ended);
}

static int send_once(struct replica *r, const void *data, uint64_t len, uint64_t off, struct error *err)
{
	struct waited w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
	struct target_op op = { .off = off, .len = len, .data = data, .done = wake, .ctx = &w };

	replica_submit(r, &op);
	pthread_mutex_lock(&w.lock);
	while (!w.done)
		pthread_cond_wait(&w.ended, &w.lock);
	pthread_mutex_unlock(&w.lock);
	replica_barrier(r); /* wake() has returned: w is ours alone */
	if (op.err.code == ERR_NONE)
		return 0;
	if (err)
		*err = op.err;
	return -1;
}

/* Once more after each renewal of a lease that had run out. */
static int send_and_wait(struct pass *p, const void *data, uint64_t len, uint64_t off, struct error *err)
{
	struct error why = ERROR_INIT;
	int rc = send_once(p->replica, data, len, off, &why);

	for (unsigned n = 0; rc < 0 && target_refused_lease(&why) && p->renew && n < PASS_RESENDS; n++) {
		why = (struct error)ERROR_INIT;
		rc = p->renew(p->renew_ctx, &why);
		if (rc == 0)
			rc = send_once(p->replica, data, len, off, &why);
	}
	p->target_failed = rc < 0;
	if (rc < 0 && err)
		*err = why;
	return rc;
}

static int read_block(struct pass *p, uint64_t blk, uint8_t *buf, uint64_t len, uint64_t off, struct error *err)
{
	uint64_t size = disk_size(p->source), n = 0;

	if (blk == blockmap_blocks(p->map) - 1) {
		memcpy(buf, p->footer, VHD_FOOTER_LEN);
		return 0;
	}
	if (off < size)
		n = size - off < len ? size - off : len;
	memset(buf, 0, (size_t)len);
	if (n > 0 && disk_read(p->source, buf, (size_t)n, off, err) < 0)
		return -1;
	p->progress->bytes_read += n;
	return 0;
}

static int send_block(struct pass *p, uint64_t blk, const void *data, const struct block_hash *hash, struct error *err)
{
	bool footer = blk == blockmap_blocks(p->map) - 1;
	uint64_t off, len;

	blockmap_range(p->map, blk, &off, &len);
	p->progress->blocks_changed++;
	if (rate_limit_take(p->rate, data ? len : RATE_CLEAR_BYTES, p->cancel, NULL, err) < 0 || blockmap_make_writable(p->map, err) < 0 ||
	    journal_intent(p->journal, blk, 1, err) < 0 || journal_sync(p->journal, err) < 0)
		return -1;
	blockmap_set_unknown(p->map, blk);
	if (send_and_wait(p, data, len, off, err) < 0)
		return -1;
	if (!data) {
		p->progress->bytes_cleared += len;
		blockmap_set_zero(p->map, blk);
		return journal_ack_zero(p->journal, blk, 1, err);
	}
	p->progress->bytes_sent += footer ? 0 : len;
	blockmap_set_hash(p->map, blk, hash);
	return journal_ack(p->journal, blk, hash, err);
}

static int do_block(struct pass *p, const struct hasher *h, uint64_t blk, uint8_t *buf, struct error *err)
{
	bool footer = blk == blockmap_blocks(p->map) - 1;
	struct block_hash known, hash;
	enum block_state state = blockmap_get(p->map, blk, &known);
	uint64_t off, len;

	blockmap_range(p->map, blk, &off, &len);
	p->progress->bytes_done += footer ? 0 : len;
	if (p->unchanged && !footer && state != BLOCK_UNKNOWN)
		return 0;
	if (read_block(p, blk, buf, len, off, err) < 0)
		return -1;
	if (io_is_zero(buf, (size_t)len))
		return state == BLOCK_ZERO ? 0 : send_block(p, blk, NULL, NULL, err);
	hasher_hash(h, buf, (size_t)len, &hash);
	p->progress->blocks_hashed++;
	if (state == BLOCK_HASHED && block_hash_equal(&known, &hash))
		return 0;
	return send_block(p, blk, buf, &hash, err);
}

int serial_run(struct pass *p, struct error *err)
{
	const struct blockmap_header *head = blockmap_header(p->map);
	CLEANUP_FREE uint8_t *buf = malloc((size_t)head->block_size);
	struct hasher h;
	struct error late = ERROR_INIT;
	int rc = 0, rc_sync;

	if (!buf)
		return error_errno(err, ENOMEM, "block of %llu bytes", (unsigned long long)head->block_size);
	hasher_init(&h, head->secret);
	for (uint64_t blk = 0; blk < blockmap_blocks(p->map) && rc == 0; blk++) {
		rc = cancel_check(p->cancel, err);
		if (rc == 0)
			rc = do_block(p, &h, blk, buf, err);
	}
	if (rc == 0)
		rc = blockmap_failed(p->map, err);
	rc_sync = journal_sync(p->journal, &late); /* what was acknowledged before a failure is durable, too */
	if (rc == 0 && rc_sync < 0 && err)
		*err = late;
	return rc < 0 ? rc : rc_sync;
}
