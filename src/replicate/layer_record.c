/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "replicate/layer_record.h"

#define NAME "layers"
#define NEW_NAME "layers.new"
#define PAGE 4096
#define SUM 8
#define ENTRIES (PAGE - SUM) /* of a page */

enum {
	HEAD_MAGIC = 0,
	HEAD_TOKEN = 8,
	HEAD_NONCE = 24,
	HEAD_BLOCKS = 32,
	HEAD_BLOCK_SIZE = 40,
	HEAD_VIRTUAL_SIZE = 48,
	HEAD_N_IMAGES = 56,
	HEAD_IMAGES = 64,
};
static const char magic[8] = "LFTLAYR1";
_Static_assert(HEAD_IMAGES + DISK_CHAIN_MAX * 16 <= ENTRIES, "the images fit the head");
_Static_assert(DISK_CHAIN_MAX <= LAYER_DEPTH + 1, "every depth has an entry");

static void seal(uint8_t page[PAGE], uint64_t seed)
{
	put_le64(page + ENTRIES, hasher_checksum(page, ENTRIES, seed));
}

static bool is_sealed(const uint8_t page[PAGE], uint64_t seed)
{
	return get_le64(page + ENTRIES) == hasher_checksum(page, ENTRIES, seed);
}

static void encode_head(const struct layer_head *h, uint64_t nonce, uint8_t page[PAGE])
{
	memset(page, 0, PAGE);
	memcpy(page + HEAD_MAGIC, magic, sizeof(magic));
	memcpy(page + HEAD_TOKEN, h->token.b, sizeof(h->token.b));
	put_le64(page + HEAD_NONCE, nonce);
	put_le64(page + HEAD_BLOCKS, h->blocks);
	put_le64(page + HEAD_BLOCK_SIZE, h->block_size);
	put_le64(page + HEAD_VIRTUAL_SIZE, h->virtual_size);
	put_le64(page + HEAD_N_IMAGES, h->n_images);
	for (size_t i = 0; i < h->n_images; i++) {
		put_le64(page + HEAD_IMAGES + i * 16, h->images[i].lo);
		put_le64(page + HEAD_IMAGES + i * 16 + 8, h->images[i].hi);
	}
	seal(page, 0);
}

static int decode_head(const uint8_t page[PAGE], struct layer_head *h, uint64_t *nonce, struct error *err)
{
	uint64_t n = get_le64(page + HEAD_N_IMAGES);

	if (memcmp(page + HEAD_MAGIC, magic, sizeof(magic)) != 0 || !is_sealed(page, 0))
		return error_set(err, ERR_CORRUPT, "%s: head: magic or checksum is wrong", NAME);
	if (n == 0 || n > DISK_CHAIN_MAX)
		return error_set(err, ERR_CORRUPT, "%s: %" PRIu64 " images (1 to %d)", NAME, n, DISK_CHAIN_MAX);
	*h = (struct layer_head){ .n_images = (size_t)n };
	memcpy(h->token.b, page + HEAD_TOKEN, sizeof(h->token.b));
	*nonce = get_le64(page + HEAD_NONCE);
	h->blocks = get_le64(page + HEAD_BLOCKS);
	h->block_size = get_le64(page + HEAD_BLOCK_SIZE);
	h->virtual_size = get_le64(page + HEAD_VIRTUAL_SIZE);
	for (size_t i = 0; i < h->n_images; i++) {
		h->images[i].lo = get_le64(page + HEAD_IMAGES + i * 16);
		h->images[i].hi = get_le64(page + HEAD_IMAGES + i * 16 + 8);
	}
	return 0;
}

/* ---- writing ---- */

struct layer_writer {
	int dirfd, fd;
	struct layer_head head;
	uint64_t nonce, done; /* blocks */
	struct error err;     /* the first */
	bool committed;
	uint8_t page[PAGE];
};

struct layer_writer *layer_writer_new(int dirfd, const struct layer_head *head, struct error *err)
{
	struct layer_writer *w = calloc(1, sizeof(*w));

	if (!w) {
		error_errno(err, ENOMEM, "%s", NAME);
		return NULL;
	}
	w->dirfd = dirfd;
	w->head = *head;
	w->fd = openat(dirfd, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->fd < 0)
		error_errno(err, errno, "%s", NEW_NAME);
	if (w->fd < 0 || random_bytes(&w->nonce, sizeof(w->nonce), err) < 0) {
		layer_writer_free(w);
		return NULL;
	}
	return w;
}

static void write_page(struct layer_writer *w, uint64_t page)
{
	seal(w->page, w->nonce + page);
	if (w->err.code == ERR_NONE && io_pwrite(w->fd, w->page, PAGE, PAGE * (1 + page), &w->err) < 0)
		error_prefix(&w->err, "%s", NEW_NAME);
	memset(w->page, LAYER_NONE, ENTRIES);
}

void layer_writer_put(struct layer_writer *w, const uint8_t *entries, size_t n)
{
	bool stored = w->head.n_images > 1;

	while (n > 0) {
		size_t at = (size_t)(w->done % ENTRIES), part = n < ENTRIES - at ? n : ENTRIES - at;

		memcpy(w->page + at, entries, part);
		entries += part;
		n -= part;
		w->done += part;
		if (stored && at + part == ENTRIES)
			write_page(w, w->done / ENTRIES - 1);
	}
}

int layer_writer_commit(struct layer_writer *w, struct error *err)
{
	if (w->done != w->head.blocks)
		return error_set(err, ERR_BUG, "%s: %" PRIu64 " blocks of %" PRIu64, NAME, w->done, w->head.blocks);
	if (w->head.n_images > 1 && w->done % ENTRIES != 0)
		write_page(w, w->done / ENTRIES);
	encode_head(&w->head, w->nonce, w->page);
	if (w->err.code != ERR_NONE) {
		if (err)
			*err = w->err;
		return -1;
	}
	if (io_pwrite(w->fd, w->page, PAGE, 0, err) < 0)
		return error_prefix(err, "%s", NEW_NAME);
	if (renameat(w->dirfd, NEW_NAME, w->dirfd, NAME) < 0)
		return error_errno(err, errno, "%s", NEW_NAME);
	w->committed = true;
	return 0;
}

void layer_writer_free(struct layer_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	if (!w->committed)
		unlinkat(w->dirfd, NEW_NAME, 0);
	free(w);
}

/* ---- reading ---- */

struct layer_reader {
	int fd;
	struct layer_head head;
	uint64_t nonce;
	uint64_t at; /* the page that is in `page`; UINT64_MAX: none */
	uint8_t page[PAGE];
};

struct layer_reader *layer_reader_open(int dirfd, struct error *err)
{
	CLEANUP(cleanup_layer_reader) struct layer_reader *r = calloc(1, sizeof(*r));

	if (!r) {
		error_errno(err, ENOMEM, "%s", NAME);
		return NULL;
	}
	r->at = UINT64_MAX;
	r->fd = openat(dirfd, NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (r->fd < 0) {
		error_errno(err, errno, "%s", NAME);
		return NULL;
	}
	if (io_pread(r->fd, r->page, PAGE, 0, err) < 0 || decode_head(r->page, &r->head, &r->nonce, err) < 0)
		return NULL;
	return steal_ptr(&r);
}

void layer_reader_close(struct layer_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

const struct layer_head *layer_reader_head(const struct layer_reader *r)
{
	return &r->head;
}

static void load(struct layer_reader *r, uint64_t page)
{
	if (r->at == page)
		return;
	if (io_pread(r->fd, r->page, PAGE, PAGE * (1 + page), NULL) < 0 || !is_sealed(r->page, r->nonce + page))
		memset(r->page, LAYER_NONE, PAGE);
	r->at = page;
}

void layer_reader_get(struct layer_reader *r, uint64_t blk, uint8_t *out, size_t n)
{
	size_t known = blk >= r->head.blocks ? 0 : r->head.blocks - blk < n ? (size_t)(r->head.blocks - blk) : n;

	memset(out + known, LAYER_NONE, n - known);
	if (r->head.n_images == 1) {
		memset(out, 0, known);
		return;
	}
	while (known > 0) {
		size_t at = (size_t)(blk % ENTRIES), part = known < ENTRIES - at ? known : ENTRIES - at;

		load(r, blk / ENTRIES);
		memcpy(out, r->page + at, part);
		out += part;
		blk += part;
		known -= part;
	}
}

/* ---- another token ---- */

int layer_record_carry(int dirfd, const struct guid *from, const struct guid *to, struct error *err)
{
	CLEANUP_FD int fd = openat(dirfd, NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct layer_head head;
	uint8_t page[PAGE];
	uint64_t nonce;

	if (fd < 0)
		return errno == ENOENT ? 0 : error_errno(err, errno, "%s", NAME);
	if (io_pread(fd, page, PAGE, 0, err) < 0 || decode_head(page, &head, &nonce, err) < 0)
		return -1;
	if (!guid_equal(&head.token, from))
		return 0;
	head.token = *to;
	encode_head(&head, nonce, page);
	if (io_pwrite(fd, page, PAGE, 0, err) < 0)
		return error_prefix(err, "%s", NAME);
	return fdatasync(fd) < 0 ? error_errno(err, errno, "%s", NAME) : 0;
}
