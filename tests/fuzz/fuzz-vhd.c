/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VHD of hostile bytes.  The first byte of the input chooses what the rest is:
 *   even  the file itself
 *   odd   changes to a good file of 1 MiB and a footer: 2 bytes offset before the end, 1 byte value each
 * and bit 1 that the footer's checksum is made right again.
 */
#include <config.h>

#include <string.h>

#include "base/bytes.h"
#include "disk/vhd_footer.h"
#include "fuzz.h"
#include "fuzz_disk.h"

enum { CONTENT = 1 << 20, FILE_MAX = CONTENT + VHD_FOOTER_LEN };

static void seal(uint8_t *footer)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < VHD_FOOTER_LEN; i++)
		sum += i >= 64 && i < 68 ? 0 : footer[i];
	put_be32(footer + 64, ~sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct guid id = { { 1, 2, 3 } };
	static uint8_t file[FILE_MAX];
	size_t file_len;
	uint8_t mode;

	if (len == 0 || len > FILE_MAX)
		return 0;
	mode = *data++;
	file_len = --len;
	if (mode & 1) {
		file_len = CONTENT + VHD_FOOTER_LEN;
		memset(file, 'x', CONTENT);
		vhd_footer_encode(CONTENT, &id, file + CONTENT);
		for (; len >= 3; data += 3, len -= 3)
			file[file_len - 1 - get_le16(data) % file_len] = data[2];
	} else {
		memcpy(file, data, len);
	}
	if ((mode & 2) && file_len >= VHD_FOOTER_LEN)
		seal(file + file_len - VHD_FOOTER_LEN);
	fuzz_write("d.vhd", file, file_len);
	d = fuzz_use_disk("d.vhd", NULL);
	if (d)
		FUZZ_MUST(disk_size(d) <= file_len);
	return 0;
}
