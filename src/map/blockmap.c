/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "map/blockmap_priv.h"

#define DROP_STEP (UINT64_C(1) << 20) /* bytes of entries: a system call every 65536 blocks */

void blockmap_close(struct blockmap *m)
{
	if (!m)
		return;
	blockmap_forget_before(m);
	if (m->bytes)
		munmap(m->bytes, m->layout.file_size);
	if (m->fd >= 0)
		close(m->fd);
	if (m->writable)
		unlinkat(m->dirfd, m->work, 0); /* if that fails, the next open deletes it */
	pthread_mutex_destroy(&m->lock);
	free(m->states);
	free(m->sums);
	free(m->work);
	free(m->name);
	free(m);
}

int blockmap_unlink_work(int dirfd, const char *work, struct error *err)
{
	if (unlinkat(dirfd, work, 0) < 0 && errno != ENOENT)
		return error_errno(err, errno, "%s: delete", work);
	return 0;
}

/* An object without pages: layout and header are the caller's next steps. */
static struct blockmap *map_new(int dirfd, const char *name, struct error *err)
{
	CLEANUP(cleanup_blockmap) struct blockmap *m = calloc(1, sizeof(*m));

	if (!m) {
		error_errno(err, ENOMEM, "%s", name);
		return NULL;
	}
	m->dirfd = dirfd;
	m->fd = -1;
	pthread_mutex_init(&m->lock, NULL);
	m->name = strdup(name);
	if (!m->name || asprintf(&m->work, "%s.work", name) < 0) {
		m->work = NULL; /* asprintf leaves it undefined */
		error_errno(err, ENOMEM, "%s", name);
		return NULL;
	}
	if (blockmap_unlink_work(dirfd, m->work, err) < 0)
		return NULL;
	return steal_ptr(&m);
}

static int alloc_pages(struct blockmap *m, struct error *err)
{
	m->sums = calloc(m->layout.pages, sizeof(*m->sums));
	m->states = calloc(m->layout.pages, sizeof(*m->states));
	if (!m->sums || !m->states)
		return error_errno(err, ENOMEM, "%s: %" PRIu64 " pages", m->name, m->layout.pages);
	return 0;
}

struct blockmap *blockmap_create(int dirfd, const char *name, const struct blockmap_header *header, struct error *err)
{
	CLEANUP(cleanup_blockmap) struct blockmap *m = map_new(dirfd, name, err);

	if (!m)
		return NULL;
	if (blockmap_layout_init(&m->layout, header->content_size, header->virtual_size, header->block_size, err) < 0) {
		error_prefix(err, "%s", name);
		return NULL;
	}
	if (alloc_pages(m, err) < 0)
		return NULL;
	m->header = *header;
	blockmap_fill_unknown(m);
	return steal_ptr(&m);
}

uint8_t *blockmap_map(int fd, const struct blockmap_layout *layout, struct error *err)
{
	void *p = mmap(NULL, layout->file_size, PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		error_errno(err, errno, "map %" PRIu64 " bytes", layout->file_size);
		return NULL;
	}
	return p;
}

static int load_table(struct blockmap *m, uint64_t table_sum, struct error *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(m->layout.table_len);

	if (!buf)
		return error_errno(err, ENOMEM, "%" PRIu64 " pages", m->layout.pages);
	if (io_pread(m->fd, buf, m->layout.table_len, BLOCKMAP_HEADER_LEN, err) < 0 ||
	    blockmap_table_decode(&m->layout, buf, table_sum, m->sums, err) < 0)
		return -1;
	for (uint64_t p = 0; p < m->layout.pages; p++)
		m->states[p] = m->sums[p] == BLOCKMAP_SUM_UNKNOWN ? PAGE_UNKNOWN
			       : m->sums[p] == BLOCKMAP_SUM_ZERO  ? PAGE_ZERO
								  : PAGE_STORED;
	return 0;
}

static int load(struct blockmap *m, struct error *err)
{
	CLEANUP_FREE uint8_t *head = malloc(BLOCKMAP_HEADER_LEN);
	uint64_t size, table_sum;
	struct stat st;

	if (!head)
		return error_errno(err, ENOMEM, "header");
	if (fstat(m->fd, &st) < 0)
		return error_errno(err, errno, "size");
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_CORRUPT, "not a regular file");
	size = (uint64_t)st.st_size < BLOCKMAP_HEADER_LEN ? (uint64_t)st.st_size : BLOCKMAP_HEADER_LEN;
	if (io_pread(m->fd, head, size, 0, err) < 0 ||
	    blockmap_header_decode(head, size, &m->header, &m->layout, &table_sum, err) < 0)
		return -1;
	if ((uint64_t)st.st_size != m->layout.file_size)
		return error_set(err, ERR_CORRUPT, "file of %jd bytes, should have %" PRIu64, (intmax_t)st.st_size,
				 m->layout.file_size);
	if (alloc_pages(m, err) < 0 || load_table(m, table_sum, err) < 0)
		return -1;
	m->bytes = blockmap_map(m->fd, &m->layout, err);
	return m->bytes ? 0 : -1;
}

struct blockmap *blockmap_open(int dirfd, const char *name, struct error *err)
{
	CLEANUP(cleanup_blockmap) struct blockmap *m = map_new(dirfd, name, err);

	if (!m)
		return NULL;
	m->fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (m->fd < 0) {
		error_errno(err, errno, "%s", name);
		return NULL;
	}
	if (load(m, err) < 0) {
		error_prefix(err, "%s", name);
		return NULL;
	}
	return steal_ptr(&m);
}

const struct blockmap_header *blockmap_header(const struct blockmap *m)
{
	return &m->header;
}

void blockmap_set_header(struct blockmap *m, const struct blockmap_header *header)
{
	struct blockmap_header *h = &m->header;
	uint64_t generation = h->generation, content = h->content_size, virt = h->virtual_size, block = h->block_size;
	uint8_t secret[HASHER_SECRET_LEN];

	memcpy(secret, h->secret, sizeof(secret));
	if (header != h)
		*h = *header;
	h->generation = generation;
	h->content_size = content;
	h->virtual_size = virt;
	h->block_size = block;
	memcpy(h->secret, secret, sizeof(secret));
}

int blockmap_expect(const struct blockmap *m, const struct guid *liftfs_id, uint64_t content_size, struct error *err)
{
	char want[GUID_TEXT_LEN], found[GUID_TEXT_LEN];

	if (!guid_equal(&m->header.liftfs_id, liftfs_id)) {
		guid_format(liftfs_id, want);
		guid_format(&m->header.liftfs_id, found);
		return error_set(err, ERR_CONFLICT, "%s: map of replica %s, should be of %s", m->name, found, want);
	}
	if (m->header.content_size != content_size)
		return error_set(err, ERR_CONFLICT, "%s: map of %" PRIu64 " bytes, the replica has %" PRIu64, m->name,
				 m->header.content_size, content_size);
	return 0;
}

uint64_t blockmap_blocks(const struct blockmap *m)
{
	return m->layout.blocks;
}

uint64_t blockmap_bad_pages(const struct blockmap *m)
{
	return atomic_load_explicit(&m->bad_pages, memory_order_relaxed);
}

void blockmap_range(const struct blockmap *m, uint64_t blk, uint64_t *off_out, uint64_t *len_out)
{
	uint64_t off = blk * m->header.block_size, content = m->header.content_size;

	assert(blk < m->layout.blocks);
	if (blk == m->layout.blocks - 1) {
		*off_out = content;
		*len_out = 512;
		return;
	}
	*off_out = off;
	*len_out = content - off < m->header.block_size ? content - off : m->header.block_size;
}

void blockmap_fail(struct blockmap *m, const struct error *cause)
{
	LOCK_SCOPE(&m->lock);
	if (m->failure.code == ERR_NONE)
		m->failure = *cause;
	atomic_store_explicit(&m->failed, true, memory_order_release);
}

int blockmap_failed(const struct blockmap *m, struct error *err)
{
	LOCK_SCOPE(&((struct blockmap *)m)->lock);
	if (m->failure.code == ERR_NONE)
		return 0;
	if (err)
		*err = m->failure;
	return -1;
}

uint64_t blockmap_page_entries(const struct blockmap_layout *l, uint64_t p)
{
	uint64_t left = l->blocks - p * BLOCKMAP_PAGE_BLOCKS;

	return left < BLOCKMAP_PAGE_BLOCKS ? left : BLOCKMAP_PAGE_BLOCKS;
}

static enum page_state page_state(const struct blockmap *m, uint64_t p)
{
	return atomic_load_explicit(&m->states[p], memory_order_acquire);
}

static void set_page_state(struct blockmap *m, uint64_t p, enum page_state s)
{
	atomic_store_explicit(&m->states[p], (uint8_t)s, memory_order_release);
}

/*
 * First touch of a stored page, once, under the lock, hence before anybody writes to it.  What the disk returns when
 * the kernel reads the page once more under memory pressure is the same page, and is not looked at again.
 */
static void verify_page_locked(struct blockmap *m, uint64_t p)
{
	if (page_state(m, p) != PAGE_STORED)
		return;
	if (blockmap_page_sum(m->bytes + m->layout.data_off + p * BLOCKMAP_PAGE_LEN) == m->sums[p]) {
		set_page_state(m, p, PAGE_GOOD);
		return;
	}
	atomic_fetch_add_explicit(&m->bad_pages, 1, memory_order_relaxed);
	set_page_state(m, p, PAGE_UNKNOWN);
}

static enum page_state touch_page(const struct blockmap *m, uint64_t p)
{
	struct blockmap *self = (struct blockmap *)m; /* looking at a page for the first time changes no entry */
	enum page_state s = page_state(m, p);

	if (s != PAGE_STORED)
		return s;
	LOCK_SCOPE(&self->lock);
	verify_page_locked(self, p);
	return page_state(m, p);
}

enum block_state blockmap_get(const struct blockmap *m, uint64_t blk, struct block_hash *hash_out)
{
	assert(blk < m->layout.blocks);
	if (blk >= m->layout.blocks || atomic_load_explicit(&m->failed, memory_order_acquire))
		return BLOCK_UNKNOWN;
	switch (touch_page(m, blk / BLOCKMAP_PAGE_BLOCKS)) {
	case PAGE_ZERO:
		return BLOCK_ZERO;
	case PAGE_GOOD:
	case PAGE_DIRTY:
		return blockmap_entry_decode(m->bytes + blockmap_entry_off(&m->layout, blk), hash_out);
	case PAGE_UNKNOWN:
	case PAGE_STORED:
		break;
	}
	return BLOCK_UNKNOWN;
}

/* Makes page p part of the working copy, with the content that its state stands for. */
static int dirty_page(struct blockmap *m, uint64_t p, struct error *err)
{
	uint8_t page[BLOCKMAP_PAGE_LEN] = { 0 };
	enum page_state s;

	LOCK_SCOPE(&m->lock);
	verify_page_locked(m, p);
	s = page_state(m, p);
	if (s == PAGE_ZERO)
		for (uint64_t i = 0; i < blockmap_page_entries(&m->layout, p); i++)
			blockmap_entry_encode(BLOCK_ZERO, NULL, page + i * BLOCKMAP_ENTRY_LEN);
	if ((s == PAGE_ZERO || s == PAGE_UNKNOWN) &&
	    io_pwrite(m->fd, page, sizeof(page), m->layout.data_off + p * BLOCKMAP_PAGE_LEN, err) < 0)
		return -1;
	set_page_state(m, p, PAGE_DIRTY);
	return 0;
}

static void set_entry(struct blockmap *m, uint64_t blk, enum block_state state, const struct block_hash *hash)
{
	uint64_t p = blk / BLOCKMAP_PAGE_BLOCKS;
	uint8_t entry[BLOCKMAP_ENTRY_LEN];
	struct error e = ERROR_INIT;

	assert(m->writable && blk < m->layout.blocks);
	if (atomic_load_explicit(&m->failed, memory_order_acquire))
		return;
	if (!m->writable || blk >= m->layout.blocks) {
		error_set(&e, ERR_BUG, "%s: set of block %" PRIu64 " of %" PRIu64 "%s", m->name, blk, m->layout.blocks,
			  m->writable ? "" : " without a working copy");
		blockmap_fail(m, &e);
		return;
	}
	blockmap_entry_encode(state, hash, entry);
	if ((page_state(m, p) != PAGE_DIRTY && dirty_page(m, p, &e) < 0) ||
	    io_pwrite(m->fd, entry, sizeof(entry), blockmap_entry_off(&m->layout, blk), &e) < 0) {
		error_prefix(&e, "%s", m->work);
		blockmap_fail(m, &e);
	}
}

void blockmap_set_unknown(struct blockmap *m, uint64_t blk)
{
	if (blockmap_get(m, blk, NULL) != BLOCK_UNKNOWN)
		set_entry(m, blk, BLOCK_UNKNOWN, NULL);
}

void blockmap_set_zero(struct blockmap *m, uint64_t blk)
{
	if (blockmap_get(m, blk, NULL) != BLOCK_ZERO)
		set_entry(m, blk, BLOCK_ZERO, NULL);
}

void blockmap_set_hash(struct blockmap *m, uint64_t blk, const struct block_hash *hash)
{
	struct block_hash old;

	if (blockmap_get(m, blk, &old) != BLOCK_HASHED || !block_hash_equal(&old, hash))
		set_entry(m, blk, BLOCK_HASHED, hash);
}

/* Neighbours within a page, in one write. */
static void set_part(struct blockmap *m, uint64_t blk, uint64_t n, enum block_state state, const struct block_hash *hashes)
{
	uint8_t part[BLOCKMAP_PAGE_LEN];
	uint64_t p = blk / BLOCKMAP_PAGE_BLOCKS;
	struct error e = ERROR_INIT;

	for (uint64_t i = 0; i < n; i++)
		blockmap_entry_encode(state, hashes ? &hashes[i] : NULL, part + i * BLOCKMAP_ENTRY_LEN);
	if ((page_state(m, p) != PAGE_DIRTY && dirty_page(m, p, &e) < 0) ||
	    io_pwrite(m->fd, part, n * BLOCKMAP_ENTRY_LEN, blockmap_entry_off(&m->layout, blk), &e) < 0) {
		error_prefix(&e, "%s", m->work);
		blockmap_fail(m, &e);
	}
}

static bool has_part(const struct blockmap *m, uint64_t blk, uint64_t n, enum block_state state, const struct block_hash *hashes)
{
	struct block_hash old;

	for (uint64_t i = 0; i < n; i++)
		if (blockmap_get(m, blk + i, &old) != state || (hashes && !block_hash_equal(&old, &hashes[i])))
			return false;
	return true;
}

void blockmap_set_run(struct blockmap *m, uint64_t blk, uint64_t count, enum block_state state, const struct block_hash *hashes)
{
	struct error e = ERROR_INIT;
	uint64_t n;

	assert((state == BLOCK_HASHED) == (hashes != NULL));
	if (!m->writable || blk > m->layout.blocks || count > m->layout.blocks - blk) {
		error_set(&e, ERR_BUG, "%s: set of blocks %" PRIu64 "+%" PRIu64 " of %" PRIu64 "%s", m->name, blk, count,
			  m->layout.blocks, m->writable ? "" : " without a working copy");
		blockmap_fail(m, &e);
		return;
	}
	for (uint64_t done = 0; done < count; done += n) {
		const struct block_hash *h = hashes ? hashes + done : NULL;
		uint64_t in_page = BLOCKMAP_PAGE_BLOCKS - (blk + done) % BLOCKMAP_PAGE_BLOCKS;

		n = count - done < in_page ? count - done : in_page;
		if (!atomic_load_explicit(&m->failed, memory_order_acquire) && !has_part(m, blk + done, n, state, h))
			set_part(m, blk + done, n, state, h);
	}
}

uint64_t blockmap_pages(const struct blockmap *m)
{
	return m->layout.pages;
}

uint64_t blockmap_page_entry(const struct blockmap *m, uint64_t p)
{
	assert(p < m->layout.pages);
	switch (touch_page(m, p)) {
	case PAGE_ZERO:
		return BLOCKMAP_SUM_ZERO;
	case PAGE_GOOD:
		return m->sums[p];
	case PAGE_DIRTY:
		return blockmap_page_sum(m->bytes + m->layout.data_off + p * BLOCKMAP_PAGE_LEN);
	case PAGE_UNKNOWN:
	case PAGE_STORED:
		break;
	}
	return BLOCKMAP_SUM_UNKNOWN;
}

void blockmap_get_page(const struct blockmap *m, uint64_t p, uint8_t *page)
{
	uint64_t entry = blockmap_page_entry(m, p);

	if (entry == BLOCKMAP_SUM_UNKNOWN || entry == BLOCKMAP_SUM_ZERO)
		memset(page, 0, BLOCKMAP_PAGE_LEN);
	else
		memcpy(page, m->bytes + m->layout.data_off + p * BLOCKMAP_PAGE_LEN, BLOCKMAP_PAGE_LEN);
}

void blockmap_set_page(struct blockmap *m, uint64_t p, const uint8_t *page)
{
	uint64_t entries = blockmap_page_entries(&m->layout, p), unknown = 0, zero = 0;
	uint8_t whole[BLOCKMAP_PAGE_LEN] = { 0 }; /* what is no block stays 0 */
	struct error e = ERROR_INIT;

	assert(m->writable && p < m->layout.pages);
	if (atomic_load_explicit(&m->failed, memory_order_acquire))
		return;
	memcpy(whole, page, entries * BLOCKMAP_ENTRY_LEN);
	for (uint64_t i = 0; i < entries; i++) {
		enum block_state s = blockmap_entry_decode(whole + i * BLOCKMAP_ENTRY_LEN, NULL);

		unknown += s == BLOCK_UNKNOWN;
		zero += s == BLOCK_ZERO;
	}
	LOCK_SCOPE(&m->lock);
	if (unknown == entries) {
		set_page_state(m, p, PAGE_UNKNOWN);
	} else if (zero == entries) {
		set_page_state(m, p, PAGE_ZERO);
	} else if (io_pwrite(m->fd, whole, sizeof(whole), m->layout.data_off + p * BLOCKMAP_PAGE_LEN, &e) == 0) {
		set_page_state(m, p, PAGE_DIRTY);
	} else {
		error_prefix(&e, "%s", m->work);
		if (m->failure.code == ERR_NONE)
			m->failure = e;
		atomic_store_explicit(&m->failed, true, memory_order_release);
	}
}

void blockmap_fill_unknown(struct blockmap *m)
{
	for (uint64_t p = 0; p < m->layout.pages; p++)
		set_page_state(m, p, PAGE_UNKNOWN);
}

void blockmap_fill_zero(struct blockmap *m)
{
	for (uint64_t p = 0; p < m->layout.pages; p++)
		set_page_state(m, p, PAGE_ZERO);
}

uint64_t blockmap_count(const struct blockmap *m, enum block_state state)
{
	uint64_t n = 0;

	for (uint64_t p = 0; p < m->layout.pages; p++) {
		uint64_t first = p * BLOCKMAP_PAGE_BLOCKS, entries = blockmap_page_entries(&m->layout, p);

		if (touch_page(m, p) == PAGE_UNKNOWN) {
			n += state == BLOCK_UNKNOWN ? entries : 0;
			continue;
		}
		for (uint64_t i = 0; i < entries; i++)
			n += blockmap_get(m, first + i, NULL) == state;
		blockmap_drop_before((struct blockmap *)m, first);
	}
	return n;
}

void blockmap_drop_before(struct blockmap *m, uint64_t blk)
{
	uint64_t end = blockmap_entry_off(&m->layout, blk < m->layout.blocks ? blk : m->layout.blocks);
	uint64_t from = atomic_load_explicit(&m->dropped, memory_order_relaxed);

	end = end / DROP_STEP * DROP_STEP;
	if (end < from) /* a new scan */
		from = 0;
	if (!m->bytes || end == from)
		return;
	/* Without effect on content: the pages stay in the page cache, and are mapped again when touched. */
	madvise(m->bytes + from, end - from, MADV_DONTNEED);
	atomic_store_explicit(&m->dropped, end, memory_order_relaxed);
}
