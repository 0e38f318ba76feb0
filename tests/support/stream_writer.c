/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "support/stream_writer.h"

enum { ZERO_GRAINS = 4, REDUNDANT = 2, OVERHEAD_ALIGN = 128 };

static uint8_t *append(struct stream_writer *w, size_t len)
{
	size_t at = w->len;

	w->len = (at + len + 511) / 512 * 512;
	if (w->len > w->cap) {
		w->cap = w->len * 2;
		w->bytes = realloc(w->bytes, w->cap);
		assert_non_null(w->bytes);
	}
	memset(w->bytes + at, 0, w->len - at);
	return w->bytes + at;
}

static uint32_t marker(struct stream_writer *w, uint64_t sectors, uint32_t type)
{
	uint8_t *p = append(w, 512);

	put_le64(p, sectors);
	put_le32(p + 12, type);
	return (uint32_t)(w->len / 512);
}

static size_t table_len(const struct stream_writer *w)
{
	return ((size_t)w->layout.table_entries * 4 + 511) / 512 * 512;
}

static size_t dir_len(const struct stream_writer *w)
{
	return ((size_t)w->n_tables * 4 + 511) / 512 * 512;
}

static void put_header(struct stream_writer *w, uint8_t *p, uint64_t dir, uint64_t rgd, uint64_t overhead)
{
	const struct stream_layout *l = &w->layout;

	memset(p, 0, 512);
	memcpy(p, "KDMV", 4);
	put_le32(p + 4, l->version);
	put_le32(p + 8, 0x30001 | l->flags);
	put_le64(p + 12, l->sectors);
	put_le64(p + 20, l->grain_sectors);
	put_le64(p + 28, 1);
	put_le64(p + 36, l->descriptor_sectors);
	put_le32(p + 44, l->table_entries);
	put_le64(p + 48, rgd);
	put_le64(p + 56, dir);
	put_le64(p + 64, overhead);
	memcpy(p + 73, "\n \r\n", 4);
	put_le16(p + 77, 1);
}

static void put_descriptor(struct stream_writer *w)
{
	const struct stream_layout *l = &w->layout;
	uint8_t *p = append(w, (size_t)l->descriptor_sectors * 512);
	char text[512];
	size_t len;

	snprintf(text, sizeof(text),
		 "# Disk DescriptorFile\nversion=1\nCID=7e57da7a\n# a comment\nparentCID=ffffffff\n"
		 "createType=\"streamOptimized\"\n\nRDONLY %llu SPARSE \"generated-stream.vmdk\"\n#DDB\n"
		 "ddb.adapterType = \"lsilogic\"\n",
		 (unsigned long long)l->sectors);
	len = strlen(l->descriptor ? l->descriptor : text);
	assert_true(len <= l->descriptor_sectors * 512);
	memcpy(p, l->descriptor ? l->descriptor : text, len);
}

/* A directory and all its tables, one after the other; entries are put in by stream_writer_end(). */
static uint64_t reserve_tables(struct stream_writer *w)
{
	uint64_t dir = w->len / 512;

	append(w, dir_len(w));
	for (uint32_t t = 0; t < w->n_tables; t++) {
		w->tables[t] = (uint32_t)(w->len / 512);
		put_le32(w->bytes + dir * 512 + t * 4, w->tables[t]);
		append(w, table_len(w));
	}
	return dir;
}

void stream_writer_init(struct stream_writer *w, const struct stream_layout *layout)
{
	uint64_t rgd = 0;
	struct stream_layout *l = &w->layout;

	*w = (struct stream_writer){ .layout = *layout };
	l->grain_sectors = l->grain_sectors ? l->grain_sectors : 128;
	l->table_entries = l->table_entries ? l->table_entries : 512;
	l->version = l->version ? l->version : 3;
	l->descriptor_sectors = l->descriptor_sectors ? l->descriptor_sectors : 1;
	w->n_grains = (uint32_t)((l->sectors + l->grain_sectors - 1) / l->grain_sectors);
	w->n_tables = (w->n_grains + l->table_entries - 1) / l->table_entries;
	w->model = calloc(w->n_grains, (size_t)l->grain_sectors * 512);
	w->entries = calloc(w->n_grains, sizeof(*w->entries));
	w->tables = calloc(w->n_tables, sizeof(*w->tables));
	assert_true(w->model && w->entries && w->tables);
	append(w, 512);
	put_descriptor(w);
	if (l->tables_first && (l->flags & REDUNDANT))
		rgd = reserve_tables(w);
	if (l->tables_first)
		w->dir_sector = reserve_tables(w);
	if (w->len / 512 % OVERHEAD_ALIGN != 0)
		stream_writer_gap(w, (uint32_t)(OVERHEAD_ALIGN - w->len / 512 % OVERHEAD_ALIGN));
	put_header(w, w->bytes, l->tables_first ? w->dir_sector : UINT64_MAX, rgd, w->len / 512);
}

void stream_writer_fini(struct stream_writer *w)
{
	free(w->bytes);
	free(w->model);
	free(w->entries);
	free(w->tables);
	*w = (struct stream_writer){ 0 };
}

static void put_table(struct stream_writer *w, uint64_t t)
{
	uint32_t first = (uint32_t)t * w->layout.table_entries;

	for (uint32_t i = 0; i < w->layout.table_entries && first + i < w->n_grains; i++)
		put_le32(w->bytes + (size_t)w->tables[t] * 512 + i * 4, w->entries[first + i]);
}

static void append_table(struct stream_writer *w, uint64_t t)
{
	uint32_t first = (uint32_t)t * w->layout.table_entries, used = 0;

	for (uint32_t i = first; i < w->n_grains && i - first < w->layout.table_entries; i++)
		used |= w->entries[i];
	if (w->layout.omit_empty && used == 0)
		return;
	w->tables[t] = marker(w, table_len(w) / 512, 1);
	append(w, table_len(w));
	put_table(w, t);
}

static void next_table(struct stream_writer *w, uint32_t grain)
{
	uint64_t t = grain / w->layout.table_entries;

	assert_true(grain < w->n_grains);
	if (w->layout.tables_between && t != w->last_table) {
		assert_true(t > w->last_table);
		append_table(w, w->last_table);
	}
	w->last_table = t;
}

void stream_writer_raw(struct stream_writer *w, uint32_t grain, uint64_t lba, uint32_t size, const void *buf,
		       size_t len)
{
	uint8_t *p;

	next_table(w, grain);
	w->entries[grain] = (uint32_t)(w->len / 512);
	p = append(w, 12 + len);
	put_le64(p, lba);
	put_le32(p + 8, size);
	if (len > 0)
		memcpy(p + 12, buf, len);
}

void stream_writer_grain(struct stream_writer *w, uint32_t grain, unsigned level, uint64_t seed)
{
	size_t grain_len = (size_t)w->layout.grain_sectors * 512, disk_len = (size_t)w->layout.sectors * 512, len, n;
	struct libdeflate_compressor *c = libdeflate_alloc_compressor((int)level);
	uint8_t *at = w->model + grain * grain_len, *out;

	assert_non_null(c);
	pattern_fill(at, grain_len / 2, grain * grain_len, seed);
	memset(at + grain_len / 2, (int)(seed & 0xff), grain_len - grain_len / 2);
	put_le64(at + grain_len - 8, grain + seed * 1000003);
	len = disk_len - grain * grain_len < grain_len ? disk_len - grain * grain_len : grain_len;
	len = w->layout.cut_last ? len : grain_len;
	out = malloc(libdeflate_zlib_compress_bound(c, len));
	assert_non_null(out);
	n = libdeflate_zlib_compress(c, at, len, out, libdeflate_zlib_compress_bound(c, len));
	assert_true(n > 0);
	stream_writer_raw(w, grain, grain * w->layout.grain_sectors, (uint32_t)n, out, n);
	free(out);
	libdeflate_free_compressor(c);
}

void stream_writer_zero(struct stream_writer *w, uint32_t grain)
{
	assert_true(w->layout.flags & ZERO_GRAINS);
	next_table(w, grain);
	w->entries[grain] = 1;
}

void stream_writer_gap(struct stream_writer *w, uint32_t sectors)
{
	memset(append(w, (size_t)sectors * 512), 0xdb, (size_t)sectors * 512);
}

static void append_dir(struct stream_writer *w)
{
	for (uint64_t t = 0; t < w->n_tables; t++)
		if (w->tables[t] == 0)
			append_table(w, t);
	w->dir_sector = marker(w, dir_len(w) / 512, 2);
	append(w, dir_len(w));
	for (uint32_t t = 0; t < w->n_tables; t++)
		put_le32(w->bytes + w->dir_sector * 512 + t * 4, w->tables[t]);
}

void stream_writer_end(struct stream_writer *w)
{
	if (!w->layout.tables_first)
		append_dir(w);
	else
		for (uint64_t t = 0; t < w->n_tables; t++)
			put_table(w, t);
	if (w->layout.dir_in_header)
		put_le64(w->bytes + 56, w->dir_sector);
	if (!w->layout.footer)
		return;
	marker(w, 1, 3);
	w->footer_off = w->len;
	append(w, 512);
	memcpy(w->bytes + w->footer_off, w->bytes, 512);
	put_le64(w->bytes + w->footer_off + 56, w->dir_sector);
	marker(w, 0, 0);
}

size_t stream_writer_entry_off(const struct stream_writer *w, uint32_t grain)
{
	uint32_t n = w->layout.table_entries;

	assert_true(grain < w->n_grains && w->tables[grain / n] != 0);
	return (size_t)w->tables[grain / n] * 512 + grain % n * 4;
}

size_t stream_writer_marker_off(const struct stream_writer *w, uint32_t grain)
{
	assert_true(w->entries[grain] > 1);
	return (size_t)w->entries[grain] * 512;
}

void stream_writer_save(const struct stream_writer *w, const struct scratch_dir *s, const char *name)
{
	scratch_write(s, name, w->bytes, w->len);
}
