/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "support/sesparse_writer.h"

static void grow(struct sesparse_writer *w, size_t len)
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

/* Puts the place of the next region at *header, and moves both on. */
static uint64_t region(uint8_t **header, uint64_t *sector, uint64_t len)
{
	uint64_t at = *sector;

	put_le64(*header, at);
	put_le64(*header + 8, len);
	*header += 16;
	*sector += len;
	return at;
}

void sesparse_writer_init(struct sesparse_writer *w, uint64_t sectors, uint64_t max_tables, uint64_t max_grains)
{
	uint64_t dir_sectors = ((sectors + 32767) / 32768 + 63) / 64, at = 1;
	uint8_t *p;

	*w = (struct sesparse_writer){ .sectors = sectors, .max_tables = max_tables, .max_grains = max_grains };
	grow(w, (SESPARSE_W_DIR_SECTOR + dir_sectors) * 512);
	put_le64(w->bytes, 0xcafebabe);
	put_le64(w->bytes + 8, UINT64_C(0x200000001));
	put_le64(w->bytes + 16, sectors);
	put_le64(w->bytes + 24, 8);
	put_le64(w->bytes + 32, 64);
	p = w->bytes + 80;
	region(&p, &at, 1); /* volatile header */
	region(&p, &at, 2); /* journal header */
	region(&p, &at, 4); /* journal */
	assert_int_equal(region(&p, &at, dir_sectors), SESPARSE_W_DIR_SECTOR);
	w->tables_sector = region(&p, &at, max_tables * 64);
	region(&p, &at, 1 + max_grains / 4096); /* free bitmap */
	region(&p, &at, 1 + max_grains / 64);   /* backmap */
	w->grains_sector = region(&p, &at, max_grains * 8);
	put_le64(w->bytes + 512, 0xcafecafe);
	put_le64(w->bytes + 512 + 16, 7); /* transactions so far */
	put_le64(w->bytes + 1024, 0xdeafc0de);
	grow(w, w->grains_sector * 512);
}

void sesparse_writer_fini(struct sesparse_writer *w)
{
	free(w->bytes);
	*w = (struct sesparse_writer){ 0 };
}

uint64_t sesparse_writer_encode(unsigned type, uint64_t n)
{
	return (uint64_t)type << 60 | n % 4096 << 48 | n / 4096;
}

size_t sesparse_writer_entry(struct sesparse_writer *w, uint64_t grain)
{
	uint8_t *dir = w->bytes + SESPARSE_W_DIR_SECTOR * 512 + grain / 4096 * 8;

	assert_true(grain * 8 < w->sectors);
	if (get_le64(dir) == 0) {
		assert_true(w->n_tables < w->max_tables);
		put_le64(dir, UINT64_C(0x1000000000000000) | w->n_tables++);
		put_le64(w->bytes + 512 + 8, w->n_tables); /* next free */
	}
	return (w->tables_sector + get_le32(dir) * UINT64_C(64)) * 512 + grain % 4096 * 8;
}

void sesparse_writer_set_entry(struct sesparse_writer *w, uint64_t grain, uint64_t value)
{
	size_t at = sesparse_writer_entry(w, grain);

	put_le64(w->bytes + at, value);
}

void sesparse_writer_add_grain(struct sesparse_writer *w, uint64_t grain, uint64_t seed)
{
	size_t at = (w->grains_sector + w->n_grains * 8) * 512;

	assert_true(w->n_grains < w->max_grains);
	grow(w, at + SESPARSE_W_GRAIN_LEN);
	pattern_fill(w->bytes + at, SESPARSE_W_GRAIN_LEN, grain * SESPARSE_W_GRAIN_LEN, seed);
	sesparse_writer_set_entry(w, grain, sesparse_writer_encode(SESPARSE_W_GRAIN, w->n_grains++));
}

void sesparse_writer_save(const struct sesparse_writer *w, const struct scratch_dir *s, const char *name)
{
	scratch_write(s, name, w->bytes, w->len);
}
