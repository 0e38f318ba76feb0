/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A streamOptimized VMDK of hostile bytes: opened, and everything read through its extents.  The first byte of the
 * input chooses what the rest is:
 *
 *   0  the file
 *   1  changes to a good file: a byte 0xWS (width 1 << W % 4), 2 bytes offset, the value, each; S % 4 of 1, 2 and 3
 *      counts the offset from the file's tables, its end (backwards) and its first grain
 *   2  the zlib stream of one grain, the rest good
 */
#include <config.h>

#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "fuzz_disk.h"

/*
 *	0 header | 1 descriptor | 2 grain 0 | 3 grain 1 | 4 ... grain 5, whose stream an input may be | after it: table
 *	marker, table, directory marker, directory, footer marker, footer, end of stream
 */
enum { SECTORS = 85, GRAIN = 16, GRAIN_LEN = GRAIN * 512, FIRST = 2, STREAM_MAX = 1 << 16, TAIL = 7 };

static const char descriptor[] = "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n"
				 "createType=\"streamOptimized\"\n\nRDONLY 85 SPARSE \"x\"\n";

/* A stored block of zeros and its Adler-32: what no compressor need be linked for. */
static size_t stored_zeros(uint8_t *out, size_t len)
{
	static const uint8_t head[] = { 0x78, 0x01, 0x01 };

	memcpy(out, head, 3);
	put_le16(out + 3, (uint16_t)len);
	put_le16(out + 5, (uint16_t)~len);
	memset(out + 7, 0, len);
	put_be32(out + 7 + len, (uint32_t)(len % 65521) << 16 | 1);
	return len + 11;
}

/* Returns the sector behind it. */
static uint32_t put_grain(uint8_t *file, uint32_t sector, uint32_t grain, const uint8_t *stream, size_t len)
{
	uint8_t *p = file + sector * 512;

	put_le64(p, grain * GRAIN);
	put_le32(p + 8, (uint32_t)len);
	memcpy(p + 12, stream, len);
	return sector + (uint32_t)((12 + len + 511) / 512);
}

static uint8_t *put_marker(uint8_t *p, uint64_t sectors, uint32_t type)
{
	put_le64(p, sectors);
	put_le32(p + 12, type);
	return p + 512;
}

/* A good file around the stream of grain 5; returns its length. */
static size_t make_good(uint8_t *file, const uint8_t *stream, size_t len, uint32_t *table_sector)
{
	static uint8_t zeros[GRAIN_LEN + 11];
	uint8_t *p;
	uint32_t at[3], end;

	memset(file, 0, 512 * (FIRST + 2 * (GRAIN + 1) + TAIL + 1) + STREAM_MAX + 512);
	memcpy(file, "KDMV", 4);
	put_le32(file + 4, 3);
	put_le32(file + 8, 0x30005); /* newlines, zeroed grains */
	put_le64(file + 12, SECTORS);
	put_le64(file + 20, GRAIN);
	put_le64(file + 28, 1);
	put_le64(file + 36, 1);
	put_le32(file + 44, 32);
	put_le64(file + 56, UINT64_MAX);
	put_le64(file + 64, FIRST);
	memcpy(file + 73, "\n \r\n", 4);
	put_le16(file + 77, 1);
	memcpy(file + 512, descriptor, sizeof(descriptor) - 1);
	at[0] = FIRST;
	at[1] = put_grain(file, at[0], 0, zeros, stored_zeros(zeros, GRAIN_LEN));
	at[2] = put_grain(file, at[1], 1, zeros, stored_zeros(zeros, GRAIN_LEN));
	end = put_grain(file, at[2], 5, stream, len);
	p = put_marker(file + end * 512, 1, 1);
	*table_sector = end + 1;
	put_le32(p, at[0]);
	put_le32(p + 4, at[1]);
	put_le32(p + 12, 1);
	put_le32(p + 20, at[2]);
	p = put_marker(p + 512, 1, 2);
	put_le32(p, end + 1);
	p = put_marker(p + 512, 1, 3);
	memcpy(p, file, 512);
	put_le64(p + 56, end + 3);
	return (size_t)(p + 1024 - file);
}

static void change(uint8_t *file, size_t file_len, size_t tables, const uint8_t *data, size_t len)
{
	const size_t starts[] = { 0, tables, file_len, FIRST * 512 };

	while (len >= 3) {
		size_t n = (size_t)1 << (data[0] >> 4) % 4, off = get_le16(data + 1) % file_len;

		off = data[0] % 4 == 2 ? file_len - 1 - off : starts[data[0] % 4] + off;
		data += 3;
		len -= 3;
		for (size_t i = 0; i < n && len > 0; i++, len--)
			file[(off + i) % file_len] = *data++;
	}
}

/* Grains 0 and 1 are zeros, stored as data; 3 is zeros by its entry. */
static void check_good(struct disk *d)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	uint8_t b[2];

	FUZZ_MUST(d && disk_size(d) == SECTORS * 512 && disk_extents(d, SECTORS * 512, 0, false, &list, NULL) == 0);
	FUZZ_MUST(list.n == 3 && list.v[0].kind == EXTENT_DATA && list.v[0].len == 2 * GRAIN_LEN);
	FUZZ_MUST(list.v[1].kind == EXTENT_ZERO && list.v[2].kind == EXTENT_DATA && list.v[2].len == 5 * 512);
	FUZZ_MUST(disk_read(d, b, 2, GRAIN_LEN - 1, NULL) == 0 && b[0] == 0 && b[1] == 0);
}

/* Grains that are inflated where they are wanted hold what those in the cache hold. */
static void check_pieces(struct disk *d)
{
	static uint8_t whole[4 * GRAIN_LEN], piece[3000];
	size_t len = disk_size(d) < sizeof(whole) ? (size_t)disk_size(d) : sizeof(whole), n;
	bool good = disk_read(d, whole, len, 0, NULL) == 0, all = true;

	for (size_t off = 0; off < len; off += n) {
		n = len - off < sizeof(piece) ? len - off : sizeof(piece);
		if (disk_read(d, piece, n, off, NULL) < 0)
			all = false;
		else
			FUZZ_MUST(!good || memcmp(piece, whole + off, n) == 0);
	}
	FUZZ_MUST(all == good);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t file[512 * (FIRST + 2 * (GRAIN + 1) + TAIL + 1) + STREAM_MAX + 512];
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	static uint8_t last[5 * 512 + 11];
	size_t n, file_len;
	uint32_t table;
	uint8_t mode;

	if (len == 0 || len > STREAM_MAX)
		return 0;
	mode = *data++ % 3;
	len--;
	if (mode == 0) {
		fuzz_write("d.vmdk", data, len);
	} else {
		n = stored_zeros(last, 5 * 512);
		file_len = make_good(file, mode == 2 ? data : last, mode == 2 ? len : n, &table);
		if (mode == 1)
			change(file, file_len, table * 512, data, len);
		fuzz_write("d.vmdk", file, file_len);
	}
	d = fuzz_use_disk("d.vmdk", NULL);
	if (d)
		check_pieces(d);
	if (mode == 2 || (mode == 1 && len < 4))
		check_good(d);
	return 0;
}
