/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "replicate/layer_record.h"
#include "replicate/layers.h"
#include "replicate/zeros.h"

#define WINDOW_BLOCKS (ZEROS_WINDOW / BLOCK_SIZE_MIN)
#define NOT_THERE UINT8_MAX /* no image of the other chain is the same */

struct layers {
	struct layer_writer *writer; /* NULL: no record is made */
	struct layer_reader *last;   /* NULL: nothing is proven */
	uint64_t block_size, blocks; /* of the disk: its padding has no layers */
	uint64_t next;               /* block that the next window begins with */

	uint8_t same[DISK_CHAIN_MAX]; /* of each image of the last chain: its depth now */
	size_t n_last, n_now, n_tail; /* images; those at the lower end that are the same */

	uint64_t first; /* block of the window */
	size_t n;
	uint8_t now[WINDOW_BLOCKS], then[WINDOW_BLOCKS];
};

/* What identifies the image, and the state of its files, keyed with the map's secret; false: its times prove nothing. */
static bool identify(const struct layers_config *c, size_t depth, struct block_hash *out, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
	const struct disk_image_info *info = disk_chain_info(c->disk, depth);
	size_t first, n;
	struct hasher h;
	bool stamped;

	disk_chain_files(c->disk, depth, &first, &n);
	stamped = n > 0;
	strbuf_addf(&text, "%s %" PRIu64, info->format, info->virtual_size);
	strbuf_add(&text, "", 1);
	for (size_t i = first; i < first + n; i++) {
		const struct evidence_file *f = &c->now->v[i];

		stamped = stamped && f->stamps_writes;
		strbuf_addf(&text, "%" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %s", f->stamp.inode, f->stamp.size,
			    f->stamp.mtime_ns, f->stamp.ctime_ns, f->path);
		strbuf_add(&text, "", 1);
	}
	if (text.failed) {
		error_errno(err, ENOMEM, "layers");
		return false;
	}
	hasher_init(&h, blockmap_header(c->map)->secret);
	hasher_hash(&h, text.s, text.len, out);
	return stamped;
}

/* Which images are the same as in the last clean cycle. */
static void compare(struct layers *l, const struct layer_head *now, const bool *stamped)
{
	const struct layer_head *last = layer_reader_head(l->last);

	l->n_last = last->n_images;
	l->n_now = now->n_images;
	for (size_t i = 0; i < l->n_last; i++) {
		l->same[i] = NOT_THERE;
		for (size_t k = 0; k < l->n_now; k++)
			if (stamped[k] && block_hash_equal(&last->images[i], &now->images[k]))
				l->same[i] = (uint8_t)k;
	}
	while (l->n_tail < l->n_last && l->n_tail < l->n_now &&
	       l->same[l->n_last - 1 - l->n_tail] == l->n_now - 1 - l->n_tail)
		l->n_tail++;
}

static void open_last(struct layers *l, const struct layers_config *c, const struct layer_head *now, const bool *stamped)
{
	const struct layer_head *head;
	struct error why = ERROR_INIT;

	if (!c->last)
		return;
	l->last = layer_reader_open(c->dirfd, &why);
	if (!l->last) {
		log_info("layers", "nothing is known of the parts of this chain: %s", why.msg);
		return;
	}
	head = layer_reader_head(l->last);
	if (guid_equal(&head->token, c->last) && head->blocks == now->blocks && head->block_size == now->block_size &&
	    head->virtual_size == now->virtual_size) {
		compare(l, now, stamped);
		return;
	}
	layer_reader_close(l->last);
	l->last = NULL;
}

struct layers *layers_begin(const struct layers_config *c, struct error *err)
{
	CLEANUP(cleanup_layers) struct layers *l = calloc(1, sizeof(*l));
	struct layer_head head = { .token = *c->token, .virtual_size = disk_size(c->disk) };
	struct error why = ERROR_INIT;
	bool stamped[DISK_CHAIN_MAX];

	if (!l) {
		error_errno(err, ENOMEM, "layers");
		return NULL;
	}
	head.block_size = l->block_size = blockmap_header(c->map)->block_size;
	head.blocks = l->blocks = (head.virtual_size - 1) / l->block_size + 1;
	head.n_images = disk_chain_len(c->disk);
	for (size_t i = 0; i < head.n_images; i++)
		stamped[i] = identify(c, i, &head.images[i], &why);
	if (why.code == ERR_NONE) {
		open_last(l, c, &head, stamped);
		l->writer = layer_writer_new(c->dirfd, &head, &why);
	}
	if (!l->writer)
		log_info("layers", "no record of where blocks come from is made: %s", why.msg);
	return steal_ptr(&l);
}

void layers_free(struct layers *l)
{
	if (!l)
		return;
	layer_writer_free(l->writer);
	layer_reader_close(l->last);
	free(l);
}

static void stop_writing(struct layers *l)
{
	layer_writer_free(l->writer);
	l->writer = NULL;
}

static void add_extent(struct layers *l, const struct extent *e)
{
	uint64_t from = e->off / l->block_size - l->first, to = (e->off + e->len - 1) / l->block_size - l->first;

	for (uint64_t i = from; i <= to; i++) {
		uint8_t *entry = &l->now[i], depth = (uint8_t)e->depth;

		if (*entry == LAYER_NONE)
			*entry = depth;
		else if ((*entry & LAYER_DEPTH) > depth)
			*entry = depth | LAYER_MIXED;
		else if ((*entry & LAYER_DEPTH) < depth)
			*entry |= LAYER_MIXED;
	}
}

void layers_window(struct layers *l, const struct extent_list *list, uint64_t start, uint64_t end)
{
	l->first = start / l->block_size;
	l->n = (size_t)((end - 1) / l->block_size + 1 - l->first);
	memset(l->now, LAYER_NONE, l->n);
	for (size_t i = 0; i < list->n; i++)
		add_extent(l, &list->v[i]);
	if (l->last)
		layer_reader_get(l->last, l->first, l->then, l->n);
	if (l->first != l->next)
		stop_writing(l); /* blocks were passed over, or are told twice */
	if (l->writer)
		layer_writer_put(l->writer, l->now, l->n);
	l->next = l->first + l->n;
}

bool layers_prove(const struct layers *l, uint64_t blk)
{
	uint8_t then, now;

	if (!l->last || blk < l->first || blk - l->first >= l->n)
		return false;
	then = l->then[blk - l->first];
	now = l->now[blk - l->first];
	if (then == LAYER_NONE || now == LAYER_NONE)
		return false;
	if (then < l->n_last && l->same[then] == now) /* neither is mixed: no depth has that bit */
		return true;
	return (then & LAYER_DEPTH) + l->n_tail >= l->n_last && (now & LAYER_DEPTH) + l->n_tail >= l->n_now;
}

void layers_commit(struct layers *l)
{
	struct error why = ERROR_INIT;

	if (l->writer && layer_writer_commit(l->writer, &why) < 0)
		log_info("layers", "no record of where blocks come from is made: %s", why.msg);
	stop_writing(l);
}

void layers_carry(int dirfd, const struct guid *last, const struct guid *token)
{
	struct error why = ERROR_INIT;

	if (layer_record_carry(dirfd, last, token, &why) < 0)
		log_info("layers", "the record of where blocks come from is lost: %s", why.msg);
}
