/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COWD and seSparse extents of hostile bytes, over a flat parent.  The first byte of the input chooses what the rest
 * is: 0, 1  changes to a good COWD, a good seSparse extent: a byte 0xWS (width 1 << W % 4), 2 bytes offset, the value,
 * each; S 1, 2 and 3 count the offset from the second sector, the directory, and the first table 2, 3  the whole extent
 */
#include <config.h>

#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "fuzz_disk.h"

enum {
	SECTORS = 9000, /* COWD: three tables of one-sector grains */
	COWD_DIR = 4,
	COWD_TABLE = 5,
	COWD_GRAINS = COWD_TABLE + 2 * 32,
	COWD_LEN = (COWD_GRAINS + 8) * 512,
	SE_DIR = 8,
	SE_TABLE = 9,
	SE_GRAINS = SE_TABLE + 2 * 64 + 2,
	SE_LEN = (SE_GRAINS + 4 * 8) * 512,
	FILE_MAX = 1 << 18,
};

static const char parent[] = "version=1\nCID=55667788\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
			     "RW 64 FLAT \"f.vmdk\" 0\n";
static const char cowd[] = "version=1\nCID=11223344\nparentCID=55667788\nparentFileNameHint=\"parent.vmdk\"\n"
			   "createType=\"vmfsSparse\"\nRW 9000 VMFSSPARSE \"e.vmdk\"\n";
static const char sesparse[] = "version=1\nCID=11223344\nparentCID=55667788\nparentFileNameHint=\"parent.vmdk\"\n"
			       "createType=\"seSparse\"\nRW 9000 SESPARSE \"e.vmdk\"\n";

static uint8_t file[FILE_MAX];

static size_t make_cowd(void)
{
	static const unsigned grains[] = { 0, 1, 3, 4095, 4096, 4098, 8191, 2 };

	memset(file, 0, COWD_LEN);
	memcpy(file, "COWD", 4);
	put_le32(file + 4, 1);
	put_le32(file + 8, 3);
	put_le32(file + 12, SECTORS);
	put_le32(file + 16, 1);
	put_le32(file + 20, COWD_DIR);
	put_le32(file + 24, 3);
	put_le32(file + COWD_DIR * 512, COWD_TABLE);
	put_le32(file + COWD_DIR * 512 + 4, COWD_TABLE + 32);
	for (unsigned i = 0; i < 8; i++) {
		put_le32(file + COWD_TABLE * 512 + grains[i] * 4, COWD_GRAINS + i);
		memset(file + (COWD_GRAINS + i) * 512, (int)(0x41 + i), 512);
	}
	return COWD_LEN;
}

static size_t make_sesparse(void)
{
	static const uint64_t lens[] = { 1, 2, 4, 1, 128, 1, 1, 4096 };
	uint64_t at = 1;

	memset(file, 0, SE_LEN);
	put_le64(file, 0xcafebabe);
	put_le64(file + 8, UINT64_C(0x200000001));
	put_le64(file + 16, SECTORS);
	put_le64(file + 24, 8);
	put_le64(file + 32, 64);
	for (unsigned i = 0; i < 8; at += lens[i++]) {
		put_le64(file + 80 + i * 16, at);
		put_le64(file + 88 + i * 16, lens[i]);
	}
	FUZZ_MUST(at == SE_GRAINS + 4096);
	put_le64(file + 512, 0xcafecafe);
	put_le64(file + SE_DIR * 512, UINT64_C(0x1000000000000001)); /* the second table of the region */
	for (uint64_t i = 0; i < 4; i++) {
		put_le64(file + (SE_TABLE + 64) * 512 + i * 8, UINT64_C(3) << 60 | (3 - i) << 48);
		memset(file + (SE_GRAINS + i * 8) * 512, (int)(0x41 + i), 4096);
	}
	put_le64(file + (SE_TABLE + 64) * 512 + 4 * 8, UINT64_C(1) << 60);
	put_le64(file + (SE_TABLE + 64) * 512 + 5 * 8, UINT64_C(2) << 60);
	return SE_LEN;
}

static void change(bool is_cowd, size_t good_len, const uint8_t *data, size_t len)
{
	const size_t starts[] = { 0, 512, is_cowd ? COWD_DIR * 512 : SE_DIR * 512,
				  is_cowd ? COWD_TABLE * 512 : (SE_TABLE + 64) * 512 };

	while (len >= 3) {
		size_t n = (size_t)1 << (data[0] >> 4) % 4, off = starts[data[0] % 4] + get_le16(data + 1);

		data += 3;
		len -= 3;
		for (size_t i = 0; i < n && len > 0; i++, len--)
			file[(off + i) % good_len] = *data++;
	}
}

static void check_good(struct disk *d, bool is_cowd)
{
	uint8_t b[2];

	FUZZ_MUST(d && disk_size(d) == SECTORS * 512 && disk_chain_len(d) == 2);
	FUZZ_MUST(disk_read(d, b, 2, is_cowd ? 1023 : 8191, NULL) == 0);
	FUZZ_MUST(memcmp(b, is_cowd ? "BH" : "CB", 2) == 0);
	FUZZ_MUST(disk_read(d, b, 1, is_cowd ? 4 * 512 : 6 * 4096, NULL) == 0 && b[0] == 0xcc);
	FUZZ_MUST(disk_read(d, b, 1, 64 * 512, NULL) == 0 && b[0] == 0); /* where the parent ends */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	size_t good_len;
	bool is_cowd;
	uint8_t mode;

	if (len == 0 || len > FILE_MAX)
		return 0;
	mode = *data++ % 4;
	len--;
	is_cowd = mode % 2 == 0;
	memset(file, 0xcc, 64 * 512);
	fuzz_write("f.vmdk", file, 64 * 512);
	fuzz_write("parent.vmdk", parent, sizeof(parent) - 1);
	fuzz_write("d.vmdk", is_cowd ? cowd : sesparse, is_cowd ? sizeof(cowd) - 1 : sizeof(sesparse) - 1);
	if (mode < 2) {
		good_len = is_cowd ? make_cowd() : make_sesparse();
		change(is_cowd, good_len, data, len);
		fuzz_write("e.vmdk", file, good_len);
	} else {
		fuzz_write("e.vmdk", data, len);
	}
	d = fuzz_use_disk("d.vmdk", NULL);
	if (mode < 2 && len < 4)
		check_good(d, is_cowd);
	return 0;
}
