/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "support/vmdk_writer.h"

static void grow(struct vmdk_writer *w, size_t len)
{
	if (len > w->cap) {
		w->cap = len * 2;
		w->bytes = realloc(w->bytes, w->cap);
		assert_non_null(w->bytes);
	}
	if (len > w->len) {
		memset(w->bytes + w->len, 0, len - w->len);
		w->len = len;
	}
}

void vmdk_writer_init(struct vmdk_writer *w, uint64_t sectors, uint64_t grain_sectors, uint32_t flags,
		      const char *descriptor)
{
	uint64_t tables = (sectors + grain_sectors * 512 - 1) / (grain_sectors * 512);

	*w = (struct vmdk_writer){ .sectors = sectors, .grain_sectors = grain_sectors };
	assert_true(VMDK_W_TABLES_SECTOR + tables * 4 <= VMDK_W_GRAINS_SECTOR);
	grow(w, VMDK_W_GRAINS_SECTOR * 512);
	memcpy(w->bytes, "KDMV", 4);
	put_le32(w->bytes + 4, 1);
	put_le32(w->bytes + 8, flags);
	put_le64(w->bytes + 12, sectors);
	put_le64(w->bytes + 20, grain_sectors);
	if (descriptor) {
		assert_true(strlen(descriptor) <= 20 * 512);
		put_le64(w->bytes + 28, 1);
		put_le64(w->bytes + 36, 20);
		memcpy(w->bytes + 512, descriptor, strlen(descriptor));
	}
	put_le32(w->bytes + 44, 512);
	put_le64(w->bytes + 56, VMDK_W_DIR_SECTOR);
	put_le64(w->bytes + 64, VMDK_W_GRAINS_SECTOR);
	memcpy(w->bytes + 73, "\n \r\n", 4);
	for (uint64_t i = 0; i < tables; i++)
		put_le32(w->bytes + VMDK_W_DIR_SECTOR * 512 + i * 4, (uint32_t)(VMDK_W_TABLES_SECTOR + i * 4));
}

void vmdk_writer_fini(struct vmdk_writer *w)
{
	free(w->bytes);
	*w = (struct vmdk_writer){ 0 };
}

size_t vmdk_writer_entry(const struct vmdk_writer *w, uint64_t grain)
{
	size_t at = VMDK_W_TABLES_SECTOR * 512 + grain * 4;

	assert_true(grain * w->grain_sectors < w->sectors);
	return at;
}

void vmdk_writer_set_entry(struct vmdk_writer *w, uint64_t grain, uint32_t value)
{
	put_le32(w->bytes + vmdk_writer_entry(w, grain), value);
}

void vmdk_writer_add_grain(struct vmdk_writer *w, uint64_t grain, uint64_t seed)
{
	size_t at = w->len, len = w->grain_sectors * 512;

	assert_int_equal(at % 512, 0);
	grow(w, at + len);
	pattern_fill(w->bytes + at, len, grain * len, seed);
	vmdk_writer_set_entry(w, grain, (uint32_t)(at / 512));
}

void vmdk_writer_save(const struct vmdk_writer *w, const struct scratch_dir *s, const char *name)
{
	scratch_write(s, name, w->bytes, w->len);
}
