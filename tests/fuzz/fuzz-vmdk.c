/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VMDK of hostile bytes.  The first byte of the input chooses what the rest is:
 *   0  a descriptor file, beside which lie a flat and a sparse extent and a parent
 *   1  a file with everything in it: header, descriptor, tables, grains
 *   2  changes to a good sparse extent with a descriptor: a byte 0xWS (width 1 << W % 4), 2 bytes offset, the value, each;
 *      S 1 and 2 count the offset from the grain directory and from the text
 *   3  the same for an extent that a descriptor file names
 */
#include <config.h>

#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "fuzz_disk.h"

enum { SECTORS = 1024, GRAIN = 16, DIR = 5, TABLE = 6, GRAINS = 16, GOOD_LEN = (GRAINS + 4 * GRAIN) * 512 };
enum { FILE_MAX = 1 << 18 };

static const char embedded[] = "# Disk DescriptorFile\nversion=1\nCID=11223344\nparentCID=ffffffff\n"
			       "createType=\"monolithicSparse\"\nRW 1024 SPARSE \"x.vmdk\"\n";
static const char outside[] = "version=1\nCID=11223344\nparentCID=55667788\nparentFileNameHint=\"parent.vmdk\"\n"
			      "createType=\"twoGbMaxExtentSparse\"\nRW 1024 SPARSE \"s.vmdk\"\nRW 64 FLAT \"f.vmdk\" 3\n";
static const char parent[] = "version=1\nCID=55667788\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
			     "RW 64 FLAT \"f.vmdk\" 0\n";

static void make_good(uint8_t *file)
{
	memset(file, 0, GOOD_LEN);
	memcpy(file, "KDMV", 4);
	put_le32(file + 4, 1);
	put_le32(file + 8, 5); /* newlines, zeroed grains */
	put_le64(file + 12, SECTORS);
	put_le64(file + 20, GRAIN);
	put_le64(file + 28, 1);
	put_le64(file + 36, 3);
	put_le32(file + 44, 32);
	put_le64(file + 56, DIR);
	put_le64(file + 64, GRAINS);
	memcpy(file + 73, "\n \r\n", 4);
	memcpy(file + 512, embedded, sizeof(embedded) - 1);
	put_le32(file + DIR * 512, TABLE);
	put_le32(file + DIR * 512 + 4, TABLE + 1);
	for (uint32_t i = 0; i < 4; i++) {
		put_le32(file + TABLE * 512 + (i < 2 ? i : i * 16) * 4, GRAINS + i * GRAIN);
		memset(file + (GRAINS + i * GRAIN) * 512, (int)(0x41 + i), GRAIN * 512);
	}
	put_le32(file + TABLE * 512 + 12, 1);
}

static void change(uint8_t *file, const uint8_t *data, size_t len)
{
	static const size_t starts[] = { 0, DIR * 512, 512, TABLE * 512 };

	while (len >= 3) {
		size_t n = (size_t)1 << (data[0] >> 4) % 4, off = starts[data[0] % 4] + get_le16(data + 1);

		data += 3;
		len -= 3;
		for (size_t i = 0; i < n && len > 0; i++, len--)
			file[(off + i) % GOOD_LEN] = *data++;
	}
}

static void check_good(struct disk *d)
{
	uint8_t b[3];

	FUZZ_MUST(d && disk_size(d) == SECTORS * 512 && disk_read(d, b, 3, 2 * GRAIN * 512 - 2, NULL) == 0);
	FUZZ_MUST(memcmp(b, "BB\0", 3) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	static uint8_t file[FILE_MAX];
	uint8_t mode;

	if (len == 0 || len > FILE_MAX)
		return 0;
	mode = *data++ % 4;
	len--;
	make_good(file);
	if (mode != 3) {
		fuzz_write("s.vmdk", file, GOOD_LEN);
		fuzz_write("f.vmdk", file + 512, 128 * 512);
		fuzz_write("parent.vmdk", parent, sizeof(parent) - 1);
	}
	if (mode < 2) {
		fuzz_write("d.vmdk", data, len);
	} else {
		change(file, data, len);
		fuzz_write(mode == 2 ? "d.vmdk" : "s.vmdk", file, GOOD_LEN);
		if (mode == 3)
			fuzz_write("d.vmdk", outside, sizeof(outside) - 1);
	}
	d = fuzz_use_disk("d.vmdk", NULL);
	if (mode == 2 && len < 4)
		check_good(d);
	return 0;
}
