/* SPDX-License-Identifier: Apache-2.0 */
/* The file behind a block map: the working copy, other sizes, commit. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "map/blockmap_priv.h"

#define COPY_PAGES 256 /* 1 MiB at a time */

/* Does the current file hold content of page p that counts? */
static bool page_in_file(const struct blockmap *m, uint64_t p)
{
	uint8_t s = m->states[p];

	return s == PAGE_STORED || s == PAGE_GOOD || s == PAGE_DIRTY;
}

/* The pages that count, to where the new layout has them; checksums are not looked at: they move along. */
static int copy_pages(const struct blockmap *m, int to, const struct blockmap_layout *layout, struct error *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(COPY_PAGES * BLOCKMAP_PAGE_LEN);
	uint64_t n, pages = layout->pages < m->layout.pages ? layout->pages : m->layout.pages;

	if (!buf)
		return error_errno(err, ENOMEM, "copy of the map");
	for (uint64_t p = 0; p < pages; p += n ? n : 1) {
		for (n = 0; n < COPY_PAGES && p + n < pages && page_in_file(m, p + n); n++)
			;
		if (n == 0)
			continue;
		if (io_pread(m->fd, buf, n * BLOCKMAP_PAGE_LEN, m->layout.data_off + p * BLOCKMAP_PAGE_LEN, err) < 0 ||
		    io_pwrite(to, buf, n * BLOCKMAP_PAGE_LEN, layout->data_off + p * BLOCKMAP_PAGE_LEN, err) < 0)
			return -1;
	}
	return 0;
}

void blockmap_forget_before(struct blockmap *m)
{
	if (m->before.at)
		munmap(m->before.at, m->before.len);
	m->before = (struct blockmap_bytes){ 0 };
}

/*
 * Makes a working copy in the given layout the current file.  A failure leaves the map with the file it had.  Gets go on
 * meanwhile: what they read is the same in both.
 */
static int make_work(struct blockmap *m, const struct blockmap_layout *layout, struct error *err)
{
	CLEANUP_FD int fd = -1;
	uint8_t *bytes;

	if (blockmap_unlink_work(m->dirfd, m->work, err) < 0)
		return -1;
	fd = openat(m->dirfd, m->work, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(err, errno, "%s", m->work);
	if (m->fd < 0 || layout->file_size != m->layout.file_size || ioctl(fd, FICLONE, m->fd) < 0) {
		if (ftruncate(fd, (off_t)layout->file_size) < 0) {
			error_errno(err, errno, "%s: make %" PRIu64 " bytes", m->work, layout->file_size);
			goto fail;
		}
		if (m->fd >= 0 && copy_pages(m, fd, layout, err) < 0) {
			error_prefix(err, "%s", m->work);
			goto fail;
		}
	}
	bytes = blockmap_map(fd, layout, err);
	if (!bytes) {
		error_prefix(err, "%s", m->work);
		goto fail;
	}
	blockmap_forget_before(m);
	m->before = (struct blockmap_bytes){ m->bytes, m->layout.file_size };
	if (m->fd >= 0)
		close(m->fd);
	m->fd = steal_fd(&fd);
	m->bytes = bytes;
	m->writable = true;
	m->dropped = 0;
	return 0;
fail:
	unlinkat(m->dirfd, m->work, 0);
	return -1;
}

bool blockmap_is_writable(const struct blockmap *m)
{
	return m->writable;
}

int blockmap_make_writable(struct blockmap *m, struct error *err)
{
	if (blockmap_failed(m, err) < 0)
		return -1;
	return m->writable ? 0 : make_work(m, &m->layout, err);
}

static int resize_pages(struct blockmap *m, uint64_t pages, struct error *err)
{
	uint64_t *sums = calloc(pages, sizeof(*sums));
	_Atomic uint8_t *states = calloc(pages, sizeof(*states));

	if (!sums || !states) {
		free(sums);
		free(states);
		return error_errno(err, ENOMEM, "%" PRIu64 " pages", pages);
	}
	for (uint64_t p = 0; p < pages; p++) {
		sums[p] = p < m->layout.pages ? m->sums[p] : BLOCKMAP_SUM_UNKNOWN;
		states[p] = p < m->layout.pages ? m->states[p] : PAGE_UNKNOWN;
	}
	free(m->sums);
	free(m->states);
	m->sums = sums;
	m->states = states;
	return 0;
}

static int lay_out(struct blockmap *m, const struct blockmap_layout *layout, struct error *err)
{
	if (m->writable && layout->file_size == m->layout.file_size)
		return 0;
	if (resize_pages(m, layout->pages, err) < 0)
		return -1;
	return make_work(m, layout, err);
}

int blockmap_resize(struct blockmap *m, uint64_t content_size, uint64_t virtual_size, struct error *err)
{
	uint64_t old_blocks = m->layout.blocks, kept, page_end;
	struct error cause = ERROR_INIT;
	struct blockmap_layout layout;

	if (blockmap_layout_init(&layout, content_size, virtual_size, m->header.block_size, err) < 0)
		return error_prefix(err, "%s", m->name);
	if (blockmap_failed(m, err) < 0)
		return -1;
	if (lay_out(m, &layout, &cause) < 0) {
		blockmap_fail(m, &cause);
		return blockmap_failed(m, err);
	}
	m->layout = layout;
	m->header.content_size = content_size;
	m->header.virtual_size = virtual_size;
	kept = old_blocks < layout.blocks ? old_blocks : layout.blocks;
	/* The old last page may have been uniformly zero, which then covers new blocks too. */
	page_end = (old_blocks + BLOCKMAP_PAGE_BLOCKS - 1) / BLOCKMAP_PAGE_BLOCKS * BLOCKMAP_PAGE_BLOCKS;
	for (uint64_t blk = kept > 1 ? kept - 2 : 0; blk < page_end && blk < layout.blocks; blk++)
		blockmap_set_unknown(m, blk);
	blockmap_set_unknown(m, layout.blocks - 1);
	return blockmap_failed(m, err);
}

/* The page's checksum, or what it says in the table if all its entries are alike. */
static uint64_t seal_page(const struct blockmap *m, uint64_t p)
{
	const uint8_t *page = m->bytes + m->layout.data_off + p * BLOCKMAP_PAGE_LEN;
	uint64_t entries = blockmap_page_entries(&m->layout, p), unknown = 0, zero = 0;

	for (uint64_t i = 0; i < entries; i++) {
		enum block_state s = blockmap_entry_decode(page + i * BLOCKMAP_ENTRY_LEN, NULL);

		if (s == BLOCK_HASHED)
			return blockmap_page_sum(page);
		unknown += s == BLOCK_UNKNOWN;
		zero += s == BLOCK_ZERO;
	}
	if (unknown == entries)
		return BLOCKMAP_SUM_UNKNOWN;
	return zero == entries ? BLOCKMAP_SUM_ZERO : blockmap_page_sum(page);
}

static void seal_pages(struct blockmap *m)
{
	for (uint64_t p = 0; p < m->layout.pages; p++) {
		switch ((enum page_state)m->states[p]) {
		case PAGE_UNKNOWN:
			m->sums[p] = BLOCKMAP_SUM_UNKNOWN;
			break;
		case PAGE_ZERO:
			m->sums[p] = BLOCKMAP_SUM_ZERO;
			break;
		case PAGE_DIRTY:
			m->sums[p] = seal_page(m, p);
			blockmap_drop_before(m, p * BLOCKMAP_PAGE_BLOCKS);
			break;
		case PAGE_STORED:
		case PAGE_GOOD:
			break;
		}
	}
}

static int write_head(struct blockmap *m, struct error *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(m->layout.data_off);
	uint64_t table_sum;

	if (!buf)
		return error_errno(err, ENOMEM, "header and page table");
	table_sum = blockmap_table_encode(&m->layout, m->sums, buf + BLOCKMAP_HEADER_LEN);
	blockmap_header_encode(&m->header, table_sum, buf);
	return io_pwrite(m->fd, buf, m->layout.data_off, 0, err);
}

/* Up to the rename; *fatal: the disk may hold less than the page cache shows. */
static int write_work(struct blockmap *m, int (*make_born)(int fd, char *out, size_t len, struct error *err),
		      bool *fatal, struct error *err)
{
	memset(m->header.born, 0, sizeof(m->header.born));
	if (make_born && make_born(m->fd, m->header.born, sizeof(m->header.born), err) < 0)
		return -1;
	if (write_head(m, err) < 0)
		return -1;
	if (fsync(m->fd) < 0) {
		*fatal = true;
		return error_errno(err, errno, "fsync");
	}
	if (renameat(m->dirfd, m->work, m->dirfd, m->name) < 0)
		return error_errno(err, errno, "rename to %s", m->name);
	return 0;
}

static void settle_pages(struct blockmap *m)
{
	for (uint64_t p = 0; p < m->layout.pages; p++)
		if (m->states[p] == PAGE_DIRTY)
			m->states[p] = m->sums[p] == BLOCKMAP_SUM_UNKNOWN ? PAGE_UNKNOWN
				       : m->sums[p] == BLOCKMAP_SUM_ZERO  ? PAGE_ZERO
									  : PAGE_GOOD;
}

int blockmap_commit(struct blockmap *m, int (*make_born)(int fd, char *out, size_t len, struct error *err),
		    struct error *err)
{
	char born[BLOCKMAP_TEXT_MAX];
	struct error cause = ERROR_INIT;
	bool fatal = false;

	if (blockmap_make_writable(m, err) < 0)
		return -1;
	seal_pages(m);
	memcpy(born, m->header.born, sizeof(born));
	m->header.generation++;
	if (write_work(m, make_born, &fatal, &cause) < 0) {
		m->header.generation--;
		memcpy(m->header.born, born, sizeof(born));
	} else {
		m->writable = false; /* no working copy any more, whatever the folder says */
		settle_pages(m);
		m->bad_pages = 0;
		if (io_fsync_dir(m->dirfd, &cause) == 0)
			return 0;
		fatal = true;
	}
	error_prefix(&cause, "%s", m->work);
	if (fatal)
		blockmap_fail(m, &cause);
	if (err)
		*err = cause;
	return -1;
}
