/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocks: one line of BLOCKS_LINE_LEN bytes for each block of the disk, hashed when it is read.
 *
 *	              offset   length state hash
 *	                   0    65536 data  1f0c...   plain XXH3-128, as xxhsum -H128 prints it
 *	               65536    65536 zero  b2b4...   all zeros, stored or not
 *	              131072    65536 error ----...   cannot be read: the log and info.json say why
 *
 * Line i begins at byte i * BLOCKS_LINE_LEN.  The last block may be shorter.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "file.h"
#include "map/hasher.h"

#define BATCH (UINT64_C(1) << 20) /* bytes of the disk at a time: what the scanner found best */

_Static_assert(20 + 1 + 8 + 1 + 5 + 1 + 32 + 1 == BLOCKS_LINE_LEN, "the columns below");

void file_blocks_format(uint64_t off, uint64_t len, const char *state, const char *hash, char out[BLOCKS_LINE_LEN + 1])
{
	snprintf(out, BLOCKS_LINE_LEN + 1, "%20" PRIu64 " %8" PRIu64 " %-5.5s %32.32s\n", off, len, state, hash);
}

static uint64_t blocks_size(const struct view *v)
{
	uint64_t n = v->size / v->block_size + (v->size % v->block_size != 0);

	return n * BLOCKS_LINE_LEN; /* at most 2^48 blocks of 64 KiB */
}

static const char no_hash[] = "--------------------------------";

/* One request's memory. */
struct batch {
	uint8_t *data;
	char *lines;
	char zero_hash[33]; /* of a whole block of zeros; "" until it is asked for */
};

static bool known_zero(struct view *v, uint64_t len, uint64_t off)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };

	return disk_extents(v->disk, len, off, true, &list, NULL) == 0 && list.n == 1 && list.v[0].kind == EXTENT_ZERO;
}

static void format_block(struct view *v, struct batch *b, const uint8_t *data, size_t len, uint64_t off, char *line)
{
	bool zero = io_is_zero(data, len);
	char hash[33];

	if (zero && len == v->block_size) {
		if (!*b->zero_hash)
			hasher_plain_hex(data, len, b->zero_hash);
		file_blocks_format(off, len, "zero", b->zero_hash, line);
		return;
	}
	hasher_plain_hex(data, len, hash);
	file_blocks_format(off, len, zero ? "zero" : "data", hash, line);
}

/* The lines of the blocks in [off, off + len) to b->lines. */
static int make_lines(struct view *v, struct batch *b, size_t len, uint64_t off, struct error *err)
{
	char line[BLOCKS_LINE_LEN + 1], *out = b->lines;
	struct error why;
	bool whole = true;
	size_t n;

	if (known_zero(v, len, off))
		memset(b->data, 0, len);
	else
		whole = disk_read(v->disk, b->data, len, off, NULL) == 0; /* else block by block, to know which ones are bad */
	for (size_t done = 0; done < len; done += n, out += BLOCKS_LINE_LEN) {
		n = len - done < v->block_size ? len - done : (size_t)v->block_size;
		why = (struct error)ERROR_INIT;
		if (whole || view_read(v, b->data + done, n, off + done, &why) == 0)
			format_block(v, b, b->data + done, n, off + done, line);
		else if (why.code == ERR_NOMEM)
			return error_errno(err, ENOMEM, "%s/blocks", v->label);
		else
			file_blocks_format(off + done, n, "error", no_hash, line);
		memcpy(out, line, BLOCKS_LINE_LEN);
	}
	return 0;
}

static int read_lines(struct view *v, struct batch *b, uint64_t batch_lines, uint8_t *buf, size_t len, uint64_t off,
		      const struct file_stop *stop, struct error *err)
{
	uint64_t lines, at, bytes;
	size_t skip, n;

	for (size_t done = 0; done < len; done += n) {
		if (stop && stop->asked(stop->ctx))
			return error_set(err, ERR_CANCELLED, "%s/blocks: interrupted", v->label);
		skip = (size_t)((off + done) % BLOCKS_LINE_LEN);
		lines = (skip + (len - done) + BLOCKS_LINE_LEN - 1) / BLOCKS_LINE_LEN;
		if (lines > batch_lines)
			lines = batch_lines;
		at = (off + done) / BLOCKS_LINE_LEN * v->block_size;
		bytes = lines * v->block_size < v->size - at ? lines * v->block_size : v->size - at;
		if (make_lines(v, b, (size_t)bytes, at, err) < 0)
			return -1;
		n = (size_t)lines * BLOCKS_LINE_LEN - skip;
		if (n > len - done)
			n = len - done;
		memcpy(buf + done, b->lines + skip, n);
	}
	return 0;
}

static int blocks_read(struct view *v, void *buf, size_t len, uint64_t off, const struct file_stop *stop,
		       struct error *err)
{
	uint64_t lines = BATCH > v->block_size ? BATCH / v->block_size : 1;
	CLEANUP_FREE uint8_t *data = malloc((size_t)(lines * v->block_size)); /* at most BLOCK_SIZE_MAX */
	CLEANUP_FREE char *text = malloc((size_t)lines * BLOCKS_LINE_LEN);
	struct batch b = { .data = data, .lines = text };

	if (!data || !text)
		return error_errno(err, ENOMEM, "%s/blocks", v->label);
	return read_lines(v, &b, lines, buf, len, off, stop, err);
}

const struct file_kind file_blocks_kind = {
	.name = "blocks",
	.uncached = true,
	.size = blocks_size,
	.read = blocks_read,
};
