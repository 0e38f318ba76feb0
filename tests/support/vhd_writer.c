/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "support/vhd_writer.h"

enum { SECTOR = 512, FOOTER_LEN = 512, HEADER_LEN = 1024, LOCATORS = 8 };

static uint64_t round_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) / to * to;
}

uint64_t vhd_w_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * UINT64_C(0x2545f4914f6cdd1d) >> 8;
}

void vhd_w_random_states(uint8_t *states, uint64_t n, uint64_t *random)
{
	for (uint64_t i = 0; i < n; i++)
		states[i] = (uint8_t)(vhd_w_random(random) % 3);
}

static void seal(uint8_t *raw, size_t len, size_t field)
{
	uint32_t sum = 0;

	put_be32(raw + field, 0);
	for (size_t i = 0; i < len; i++)
		sum += raw[i];
	put_be32(raw + field, ~sum);
}

void vhd_seal_footer(uint8_t *raw)
{
	seal(raw, FOOTER_LEN, 64);
}

void vhd_seal_header(uint8_t *raw)
{
	seal(raw, HEADER_LEN, 36);
}

static void put(uint8_t *p, size_t width, uint64_t value)
{
	if (width == 8)
		put_be64(p, value);
	else
		put_be32(p, (uint32_t)value);
}

uint8_t *vhd_image_footer(struct vhd_image *img)
{
	return img->bytes + img->len - (img->short_footer ? FOOTER_LEN - 1 : FOOTER_LEN);
}

uint8_t *vhd_image_header(struct vhd_image *img)
{
	return img->bytes + img->header_off;
}

uint8_t *vhd_image_bat_entry(struct vhd_image *img, uint64_t block)
{
	return img->bytes + img->bat_off + block * 4;
}

uint8_t *vhd_image_bitmap(struct vhd_image *img, uint64_t block)
{
	return img->bytes + (uint64_t)get_be32(vhd_image_bat_entry(img, block)) * SECTOR;
}

uint64_t vhd_image_block_off(struct vhd_image *img, uint64_t block)
{
	return (uint64_t)get_be32(vhd_image_bat_entry(img, block)) * SECTOR + img->bitmap_len;
}

void vhd_image_set_footers(struct vhd_image *img, size_t field, size_t width, uint64_t value)
{
	put(img->bytes + field, width, value);
	vhd_seal_footer(img->bytes);
	memcpy(vhd_image_footer(img), img->bytes, img->short_footer ? FOOTER_LEN - 1 : FOOTER_LEN);
}

void vhd_image_set_header(struct vhd_image *img, size_t field, size_t width, uint64_t value)
{
	put(vhd_image_header(img) + field, width, value);
	vhd_seal_header(vhd_image_header(img));
}

static void write_footers(struct vhd_image *img)
{
	uint8_t *p = img->bytes;

	memcpy(p, "conectix", 8);
	put_be32(p + 8, 2);
	put_be32(p + 12, 0x00010000);
	put_be64(p + 16, img->header_off);
	put_be32(p + 24, 0x2a000000);
	memcpy(p + 28, img->creator, 4);
	put_be32(p + 32, 0x000a0000);
	memcpy(p + 36, "Wi2k", 4);
	put_be64(p + 40, img->size);
	put_be64(p + 48, img->size);
	put_be32(p + 56, 0x00010411); /* 1/4/17 */
	memset(p + 68, img->id, 16);
	vhd_image_set_footers(img, 60, 4, img->type);
}

static void write_header(struct vhd_image *img)
{
	uint8_t *p = vhd_image_header(img);

	memcpy(p, "cxsparse", 8);
	put_be64(p + 8, UINT64_MAX);
	put_be64(p + 16, img->bat_off);
	put_be32(p + 24, 0x00010000);
	put_be32(p + 28, (uint32_t)img->n_entries);
	put_be32(p + 32, img->block_size);
	vhd_seal_header(p);
}

/* A byte that no other place, block or seed has; never zero. */
static uint8_t pattern(uint64_t off, uint64_t seed)
{
	uint64_t word = (off / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ seed * UINT64_C(0xd1342543de82ef95);

	return (uint8_t)((word ^ word >> 29) >> off % 8 * 8) | 1;
}

/* One sector at `off` of the disk, which lies at file_off. */
static void write_sector(struct vhd_image *img, uint64_t off, uint64_t file_off, bool here)
{
	for (uint64_t i = 0; i < SECTOR; i++)
		img->bytes[file_off + i] = pattern(off + i, img->seed);
	if (here)
		memcpy(img->guest + off, img->bytes + file_off, SECTOR);
}

/* Block n into the file at `at`.  Bits of sectors beyond the disk's end are random. */
static void write_block(struct vhd_image *img, uint64_t n, uint64_t at, bool partial, uint64_t *random)
{
	uint64_t sectors = img->block_size / SECTOR, run = 0;
	bool here = true;

	for (uint64_t i = 0; i < sectors; i++) {
		uint64_t off = n * img->block_size + i * SECTOR, file_off = at + img->bitmap_len + i * SECTOR;

		if (partial && run-- == 0) {
			here = !here;
			run = vhd_w_random(random) % (i % 2 ? 3 : 20);
		}
		if (here)
			img->bytes[at + i / 8] |= (uint8_t)(0x80 >> i % 8);
		if (off < img->size)
			write_sector(img, off, file_off, here);
	}
	put_be32(vhd_image_bat_entry(img, n), (uint32_t)(at / SECTOR));
}

static void write_blocks(struct vhd_image *img)
{
	uint64_t random = img->seed + 88172645463325252, step = img->bitmap_len + img->block_size, at = img->data_off;

	memset(img->bytes + img->bat_off, 0xff, img->n_entries * 4);
	for (uint64_t i = 0; i < img->n_blocks; i++) {
		uint64_t n = img->ascending ? i : img->n_blocks - 1 - i;
		uint8_t state = img->states ? img->states[n] : VHD_W_FULL;

		if (state == VHD_W_ABSENT)
			continue;
		write_block(img, n, at, state == VHD_W_PARTIAL, &random);
		at += step;
	}
	if (img->cut_last && img->ascending && (!img->states || img->states[img->n_blocks - 1] != VHD_W_ABSENT))
		at -= img->n_blocks * img->block_size - img->size;
	img->len = (size_t)at + FOOTER_LEN - (img->short_footer ? 1 : 0);
}

void vhd_image_build(struct vhd_image *img)
{
	uint64_t end;

	img->size = img->size ? img->size : 320 * VHD_W_KIB;
	img->block_size = img->block_size ? img->block_size : (uint32_t)(64 * VHD_W_KIB);
	img->type = img->type ? img->type : 3;
	img->header_off = img->header_off ? img->header_off : FOOTER_LEN;
	img->bat_off = img->bat_off ? img->bat_off : FOOTER_LEN + HEADER_LEN;
	img->creator = img->creator ? img->creator : "win ";
	img->n_blocks = (img->size + img->block_size - 1) / img->block_size;
	img->n_entries = img->n_blocks + img->more_entries;
	img->bitmap_len = (uint32_t)round_up(img->block_size / SECTOR / 8, SECTOR);
	end = img->bat_off + img->n_entries * 4;
	end = end > img->header_off + HEADER_LEN ? end : img->header_off + HEADER_LEN;
	img->text_off = round_up(end, SECTOR);
	img->data_off = img->text_off + (uint64_t)LOCATORS * VHD_W_TEXT_ROOM;
	img->bytes =
		calloc(1, (size_t)(img->data_off + img->n_blocks * (img->bitmap_len + img->block_size) + FOOTER_LEN));
	img->guest = calloc(1, (size_t)img->size);
	if (!img->bytes || !img->guest)
		abort();
	if (img->parent)
		memcpy(img->guest, img->parent, img->parent_size < img->size ? img->parent_size : img->size);
	write_blocks(img);
	write_header(img);
	write_footers(img);
}

void vhd_image_fini(struct vhd_image *img)
{
	free(img->bytes);
	free(img->guest);
	memset(img, 0, sizeof(*img));
}

void vhd_image_set_parent(struct vhd_image *img, uint8_t id, const char *name)
{
	uint8_t *h = vhd_image_header(img);

	memset(h + 40, id, 16);
	memset(h + 64, 0, 512);
	for (size_t i = 0; name && name[i]; i++)
		put_be16(h + 64 + i * 2, (uint16_t)name[i]);
	vhd_image_set_header(img, 56, 4, 0x2a000000);
}

uint8_t *vhd_image_locator(struct vhd_image *img, unsigned i)
{
	return vhd_image_header(img) + 576 + (size_t)i * 24;
}

uint8_t *vhd_image_text(struct vhd_image *img, unsigned i)
{
	return img->bytes + img->text_off + (size_t)i * VHD_W_TEXT_ROOM;
}

void vhd_image_set_locator(struct vhd_image *img, unsigned i, uint32_t code, const char *text)
{
	uint8_t *entry = vhd_image_locator(img, i), *to = vhd_image_text(img, i);
	size_t len = strlen(text);

	memset(to, 0, VHD_W_TEXT_ROOM);
	for (size_t k = 0; k < len && code != VHD_W_MACX; k++)
		put_le16(to + k * 2, (uint16_t)text[k]);
	if (code == VHD_W_MACX)
		memcpy(to, text, len);
	else
		len *= 2;
	put_be32(entry, code);
	put_be32(entry + 4, VHD_W_TEXT_ROOM / SECTOR);
	put_be32(entry + 8, (uint32_t)len);
	put_be64(entry + 16, img->text_off + (uint64_t)i * VHD_W_TEXT_ROOM);
	vhd_seal_header(vhd_image_header(img));
}
