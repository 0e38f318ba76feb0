/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "support/cowd_writer.h"

/* Room for len more bytes, zeroed, from the next sector on; where they are. */
static size_t append(struct cowd_writer *w, size_t len)
{
	size_t at = (w->len + 511) / 512 * 512;

	if (at + len > w->cap) {
		w->cap = (at + len) * 2;
		w->bytes = realloc(w->bytes, w->cap);
		assert_non_null(w->bytes);
	}
	memset(w->bytes + w->len, 0, at + len - w->len);
	w->len = at + len;
	return at;
}

static void set_free_sector(struct cowd_writer *w)
{
	put_le32(w->bytes + 28, (uint32_t)((w->len + 511) / 512));
}

void cowd_writer_init(struct cowd_writer *w, uint32_t sectors, uint32_t grain_sectors)
{
	uint64_t cover = (uint64_t)grain_sectors * 4096, tables = (sectors + cover - 1) / cover;

	*w = (struct cowd_writer){ .sectors = sectors, .grain_sectors = grain_sectors };
	append(w, COWD_W_DIR_SECTOR * 512 + (tables * 4 + 511) / 512 * 512);
	memcpy(w->bytes, "COWD", 4);
	put_le32(w->bytes + 4, 1);
	put_le32(w->bytes + 8, 3);
	put_le32(w->bytes + 12, sectors);
	put_le32(w->bytes + 16, grain_sectors);
	put_le32(w->bytes + 20, COWD_W_DIR_SECTOR);
	put_le32(w->bytes + 24, (uint32_t)tables);
	set_free_sector(w);
}

void cowd_writer_fini(struct cowd_writer *w)
{
	free(w->bytes);
	*w = (struct cowd_writer){ 0 };
}

size_t cowd_writer_entry(struct cowd_writer *w, uint32_t grain)
{
	size_t dir = COWD_W_DIR_SECTOR * 512 + grain / 4096 * 4, table;

	assert_true((uint64_t)grain * w->grain_sectors < w->sectors);
	if (get_le32(w->bytes + dir) == 0) {
		table = append(w, COWD_W_TABLE_LEN);
		put_le32(w->bytes + dir, (uint32_t)(table / 512));
		set_free_sector(w);
	}
	return (size_t)get_le32(w->bytes + dir) * 512 + grain % 4096 * 4;
}

void cowd_writer_set_entry(struct cowd_writer *w, uint32_t grain, uint32_t value)
{
	size_t at = cowd_writer_entry(w, grain);

	put_le32(w->bytes + at, value);
}

void cowd_writer_add_grain(struct cowd_writer *w, uint32_t grain, uint64_t seed)
{
	size_t entry = cowd_writer_entry(w, grain), len = (size_t)w->grain_sectors * 512, at = append(w, len);

	pattern_fill(w->bytes + at, len, grain * (uint64_t)len, seed);
	put_le32(w->bytes + entry, (uint32_t)(at / 512));
	set_free_sector(w);
}

void cowd_writer_save(const struct cowd_writer *w, const struct scratch_dir *s, const char *name)
{
	scratch_write(s, name, w->bytes, w->len);
}
