/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block map file of hostile bytes.  The first byte of the input chooses what the rest is:
 *   even  the file itself
 *   odd   changes to a good file of 4 pages: 2 bytes offset, 1 byte value each
 * and bit 1 that all checksums are made right again, so that what lies behind them is reached.
 *
 * What must hold: no crash; and without corrected checksums no entry that was never written.
 */
#include <config.h>

#include <fcntl.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "fuzz.h"
#include "map/blockmap_file.h"

enum { BLOCKS = 769, PAGES = 4, TABLE = BLOCKMAP_HEADER_LEN, DATA = TABLE + 4096, FILE_LEN = DATA + PAGES * 4096 };

static char folder[] = "/tmp/fuzz-blockmap-XXXXXX";
static int dirfd_ = -1;

static void leave(void)
{
	unlinkat(dirfd_, "map", 0);
	unlinkat(dirfd_, "map.work", 0);
	rmdir(folder);
}

static struct block_hash hash_of(uint64_t blk)
{
	return (struct block_hash){ .lo = blk + 1000, .hi = ~blk };
}

static void make_good(uint8_t *file)
{
	static struct blockmap_header h;
	struct blockmap_layout l;
	uint64_t sums[PAGES] = { 0, 0, BLOCKMAP_SUM_ZERO, BLOCKMAP_SUM_UNKNOWN };

	h.content_size = h.virtual_size = UINT64_C(48) << 20;
	h.block_size = BLOCK_SIZE_MIN;
	FUZZ_MUST(blockmap_layout_init(&l, h.content_size, h.virtual_size, h.block_size, NULL) == 0);
	FUZZ_MUST(l.blocks == BLOCKS && l.pages == PAGES && l.file_size == FILE_LEN);
	memset(file, 0, FILE_LEN);
	for (uint64_t b = 0; b < 512; b++) {
		struct block_hash hash = hash_of(b);

		blockmap_entry_encode(b % 3 == 0   ? BLOCK_UNKNOWN
				      : b % 3 == 1 ? BLOCK_HASHED
						   : BLOCK_ZERO,
				      &hash, file + blockmap_entry_off(&l, b));
	}
	for (uint64_t p = 0; p < 2; p++)
		sums[p] = blockmap_page_sum(file + l.data_off + p * BLOCKMAP_PAGE_LEN);
	blockmap_header_encode(&h, blockmap_table_encode(&l, sums, file + TABLE), file);
}

/* As a writer with bad intentions would: table and header to whatever the bytes are now. */
static void fix_checksums(uint8_t *file, size_t len)
{
	uint64_t content, block, pages;

	if (len < DATA)
		return;
	content = get_le64(file + 152);
	block = get_le64(file + 168);
	pages = block ? (blockmap_block_count(content, block) + 255) / 256 : 0;
	if (pages <= 512) {
		for (uint64_t p = 0; p < pages && DATA + (p + 1) * 4096 <= len; p++)
			if (get_le64(file + TABLE + p * 8) > BLOCKMAP_SUM_ZERO)
				put_le64(file + TABLE + p * 8, blockmap_page_sum(file + DATA + p * 4096));
		put_le64(file + 232, hasher_checksum(file + TABLE, 4096, 0));
	}
	put_le64(file + 120, hasher_checksum(file, 120, 0));
	put_le64(file + 8184, hasher_checksum(file, 8184, 0));
}

static void check_entries(const struct blockmap *m)
{
	FUZZ_MUST(blockmap_blocks(m) == BLOCKS);
	for (uint64_t b = 0; b < BLOCKS; b++) {
		struct block_hash got, want = hash_of(b);
		enum block_state s = blockmap_get(m, b, &got);

		if (s == BLOCK_ZERO)
			FUZZ_MUST(b < 512 ? b % 3 == 2 : b < 768);
		else if (s == BLOCK_HASHED)
			FUZZ_MUST(b < 512 && b % 3 == 1 && block_hash_equal(&got, &want));
	}
}

static void use(struct blockmap *m)
{
	uint64_t unknown = blockmap_count(m, BLOCK_UNKNOWN), zero = blockmap_count(m, BLOCK_ZERO);
	uint64_t blocks = blockmap_blocks(m), off, len;
	struct block_hash h = { .lo = 7, .hi = 8 };

	FUZZ_MUST(unknown + zero + blockmap_count(m, BLOCK_HASHED) == blocks);
	blockmap_range(m, blocks - 1, &off, &len);
	if (blocks > 100000) /* a commit of a large file for each input would take long */
		return;
	FUZZ_MUST(blockmap_make_writable(m, NULL) == 0);
	blockmap_set_hash(m, blocks / 2, &h);
	FUZZ_MUST(blockmap_commit(m, NULL, NULL) == 0);
	FUZZ_MUST(blockmap_get(m, blocks / 2, NULL) == BLOCK_HASHED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP(cleanup_blockmap) struct blockmap *m = NULL;
	static uint8_t file[FILE_LEN];
	size_t file_len = FILE_LEN;
	struct error e = ERROR_INIT;
	uint8_t mode;
	int fd;

	if (len == 0)
		return 0;
	if (dirfd_ < 0) {
		FUZZ_MUST(mkdtemp(folder) && atexit(leave) == 0);
		dirfd_ = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		FUZZ_MUST(dirfd_ >= 0);
	}
	mode = *data++;
	len--;
	if (mode & 1) {
		make_good(file);
		for (; len >= 3; data += 3, len -= 3)
			file[get_le16(data) % FILE_LEN] = data[2];
	} else {
		file_len = len < FILE_LEN ? len : FILE_LEN;
		memcpy(file, data, file_len);
	}
	if (mode & 2)
		fix_checksums(file, file_len);
	fd = openat(dirfd_, "map", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_MUST(fd >= 0 && io_pwrite(fd, file, file_len, 0, NULL) == 0);
	close(fd);
	m = blockmap_open(dirfd_, "map", &e);
	if (!m) {
		FUZZ_MUST(e.code == ERR_CORRUPT || e.code == ERR_REFUSED);
		return 0;
	}
	if ((mode & 3) == 1)
		check_entries(m);
	use(m);
	return 0;
}
