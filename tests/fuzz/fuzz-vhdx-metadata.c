/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata region of a VHDX with hostile changes to a good one: 1 byte (0 to 127: the list of items, else their
 * values), 1 byte offset in units of 2 bytes from there, 2 bytes value.
 */
#include <config.h>

#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/io.h"
#include "disk/vhdx_header.h"
#include "disk/vhdx_metadata.h"
#include "fuzz.h"

enum { TABLE_LEN = 65536, PART_LEN = 1024, ITEMS = 6 };

static struct backing file;
static uint8_t good[2][PART_LEN], now[2][PART_LEN]; /* the list's beginning, the values' */

static void build(void)
{
	static const struct {
		const char *guid;
		uint32_t len, flags, value;
	} items[ITEMS] = {
		{ "CAA16737-FA36-4D43-B3B6-33F0AA44E76B", 8, 4, 1 << 20 },
		{ "2FA54224-CD1B-4876-B211-5DBED83BF4B8", 8, 6, 5 << 20 },
		{ "BECA12AB-B2E6-4523-93EF-C309E000C746", 16, 6, 7 },
		{ "8141BF1D-A96F-4709-BA47-F233A8FAAB5F", 4, 6, 512 },
		{ "CDA348C7-445D-4471-9CC9-E9885251C556", 4, 6, 4096 },
		{ "A8D35F2D-B30B-454D-ABF7-D3D84834AB0C", 64, 4, 0 },
	};
	static char path[] = "disk.vhdx";

	file = (struct backing){ .path = path, .fd = memfd_create("metadata", MFD_CLOEXEC), .size = 2 * VHDX_MIB };
	FUZZ_MUST(file.fd >= 0 && ftruncate(file.fd, (off_t)file.size) == 0);
	memcpy(good[0], "metadata", 8);
	put_le16(good[0] + 10, ITEMS);
	for (size_t i = 0; i < ITEMS; i++) {
		uint8_t *entry = good[0] + 32 + i * 32;
		struct guid id;

		FUZZ_MUST(guid_parse(items[i].guid, &id, NULL) == 0);
		guid_to_le(&id, entry);
		put_le32(entry + 16, (uint32_t)(TABLE_LEN + i * 16));
		put_le32(entry + 20, items[i].len);
		put_le32(entry + 24, items[i].flags);
		put_le32(good[1] + i * 16, items[i].value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct vhdx_view view = { .file = &file };
	struct error e = ERROR_INIT;
	struct vhdx_metadata m;
	int rc;

	if (!file.path)
		build();
	memcpy(now, good, sizeof(now));
	for (; len >= 4; data += 4, len -= 4)
		memcpy(now[data[0] >> 7] + data[1] * 2, data + 2, 2);
	for (size_t i = 0; i < 2; i++)
		FUZZ_MUST(io_pwrite(file.fd, now[i], PART_LEN, VHDX_MIB + i * TABLE_LEN, NULL) == 0);
	rc = vhdx_metadata_read(&view, VHDX_MIB, VHDX_MIB, &m, &e);
	FUZZ_MUST((rc < 0) == (e.code != ERR_NONE) && e.code != ERR_BUG);
	if (rc < 0)
		return 0;
	FUZZ_MUST(is_pow2(m.block_size) && m.block_size >= VHDX_MIB && m.block_size <= 256 * VHDX_MIB);
	FUZZ_MUST(m.logical_sector == 512 || m.logical_sector == 4096);
	FUZZ_MUST(m.virtual_size > 0 && m.virtual_size <= VHDX_SIZE_MAX && m.virtual_size % m.logical_sector == 0);
	FUZZ_MUST(!m.has_parent || (m.locator_len > 0 && m.locator_len <= VHDX_MIB));
	FUZZ_MUST(m.locator_len == 0 || range_ok(m.locator_off, m.locator_len, file.size));
	return 0;
}
