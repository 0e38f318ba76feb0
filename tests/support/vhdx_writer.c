/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "support/scratch.h"
#include "support/vhdx_writer.h"

#define KIB ((uint64_t)1 << 10)
#define SECTOR 4096
#define META_TABLE (64 * KIB)
#define ITEM_STEP 16

/* Bit by bit, so that it shares nothing with what it tests. */
static uint32_t crc_bits(const uint8_t *p, size_t len, uint32_t crc)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return crc;
}

static void seal(uint8_t *p, size_t len)
{
	put_le32(p + 4, 0);
	put_le32(p + 4, ~crc_bits(p, len, UINT32_MAX));
}

static void put_guid(uint8_t *p, const char *text)
{
	struct guid g;

	if (guid_parse(text, &g, NULL) < 0)
		abort();
	guid_to_le(&g, p);
}

uint8_t *vhdx_image_header(struct vhdx_image *img, int which)
{
	return img->bytes + (which == 1 ? 64 : 128) * KIB;
}

uint8_t *vhdx_image_region(struct vhdx_image *img, int which)
{
	return img->bytes + (which == 1 ? 192 : 256) * KIB;
}

uint8_t *vhdx_image_region_entry(struct vhdx_image *img, int which, int i)
{
	return vhdx_image_region(img, which) + 16 + (size_t)i * 32;
}

uint8_t *vhdx_image_item_entry(struct vhdx_image *img, int item)
{
	return img->bytes + img->meta_off + 32 + (size_t)item * 32;
}

uint8_t *vhdx_image_item(struct vhdx_image *img, enum vhdx_w_item item)
{
	return img->bytes + img->meta_off + META_TABLE + (size_t)item * ITEM_STEP;
}

static uint64_t chunk_of(const struct vhdx_image *img)
{
	return ((uint64_t)1 << 23) * img->sector_size / img->block_size;
}

uint8_t *vhdx_image_bat_entry(struct vhdx_image *img, uint64_t block)
{
	return img->bytes + img->bat_off + (block + block / chunk_of(img)) * 8;
}

uint8_t *vhdx_image_block(struct vhdx_image *img, uint64_t block)
{
	return img->bytes + (get_le64(vhdx_image_bat_entry(img, block)) & ~UINT64_C(0xfffff));
}

void vhdx_image_seal_headers(struct vhdx_image *img)
{
	seal(vhdx_image_header(img, 1), SECTOR);
	seal(vhdx_image_header(img, 2), SECTOR);
}

void vhdx_image_seal_regions(struct vhdx_image *img)
{
	seal(vhdx_image_region(img, 1), 64 * KIB);
	seal(vhdx_image_region(img, 2), 64 * KIB);
}

static void write_headers(struct vhdx_image *img)
{
	memcpy(img->bytes, "vhdxfile", 8);
	for (int i = 1; i <= 2; i++) {
		uint8_t *h = vhdx_image_header(img, i);

		memcpy(h, "head", 4);
		put_le64(h + 8, (uint64_t)i + 6);
		put_guid(h + 16, img->data_write ? img->data_write : "11111111-2222-3333-4444-555555555555");
		put_guid(h + 32, img->data_write ? img->data_write : "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
		put_le16(h + 66, 1);
		put_le32(h + 68, img->log_len);
		put_le64(h + 72, img->log_off);
	}
	vhdx_image_seal_headers(img);
}

static void write_regions(struct vhdx_image *img)
{
	for (int i = 1; i <= 2; i++) {
		uint8_t *bat = vhdx_image_region_entry(img, i, 0), *meta = vhdx_image_region_entry(img, i, 1);

		memcpy(vhdx_image_region(img, i), "regi", 4);
		put_le32(vhdx_image_region(img, i) + 8, 2);
		put_guid(bat, "2DC27766-F623-4200-9D64-115E9BFD4A08");
		put_le64(bat + 16, img->bat_off);
		put_le32(bat + 24, (uint32_t)img->bat_len);
		put_le32(bat + 28, 1);
		put_guid(meta, "8B7CA206-4790-4B9A-B8FE-575F050F886E");
		put_le64(meta + 16, img->meta_off);
		put_le32(meta + 24, VHDX_W_MIB);
		put_le32(meta + 28, 1);
	}
	vhdx_image_seal_regions(img);
}

static void write_metadata(struct vhdx_image *img)
{
	static const struct {
		const char *guid;
		uint32_t len, flags;
	} items[VHDX_W_ITEMS] = {
		[VHDX_W_PARAMETERS] = { "CAA16737-FA36-4D43-B3B6-33F0AA44E76B", 8, 4 },
		[VHDX_W_SIZE] = { "2FA54224-CD1B-4876-B211-5DBED83BF4B8", 8, 6 },
		[VHDX_W_DISK_ID] = { "BECA12AB-B2E6-4523-93EF-C309E000C746", 16, 6 },
		[VHDX_W_LOGICAL] = { "8141BF1D-A96F-4709-BA47-F233A8FAAB5F", 4, 6 },
		[VHDX_W_PHYSICAL] = { "CDA348C7-445D-4471-9CC9-E9885251C556", 4, 6 },
	};
	uint8_t *table = img->bytes + img->meta_off;

	memcpy(table, "metadata", 8);
	put_le16(table + 10, VHDX_W_ITEMS);
	for (int i = 0; i < VHDX_W_ITEMS; i++) {
		uint8_t *entry = vhdx_image_item_entry(img, i);

		put_guid(entry, items[i].guid);
		put_le32(entry + 16, (uint32_t)(META_TABLE + (uint64_t)i * ITEM_STEP));
		put_le32(entry + 20, items[i].len);
		put_le32(entry + 24, items[i].flags);
	}
	put_le32(vhdx_image_item(img, VHDX_W_PARAMETERS), img->block_size);
	put_le32(vhdx_image_item(img, VHDX_W_PARAMETERS) + 4, (img->fixed ? 1 : 0) | (img->has_parent ? 2 : 0));
	put_le64(vhdx_image_item(img, VHDX_W_SIZE), img->size);
	put_guid(vhdx_image_item(img, VHDX_W_DISK_ID), "00112233-4455-6677-8899-aabbccddeeff");
	put_le32(vhdx_image_item(img, VHDX_W_LOGICAL), img->sector_size);
	put_le32(vhdx_image_item(img, VHDX_W_PHYSICAL), 4096);
}

uint8_t *vhdx_image_bitmap_entry(struct vhdx_image *img)
{
	return img->bytes + img->bat_off + chunk_of(img) * 8;
}

static uint64_t slot_of(const struct vhdx_image *img, uint64_t block)
{
	if (img->order)
		return img->order[block];
	return img->ascending ? block : img->n_blocks - 1 - block;
}

static uint8_t state_of(const struct vhdx_image *img, uint64_t block)
{
	return img->states ? img->states[block] : 6;
}

static bool is_own(const struct vhdx_image *img, uint64_t sector)
{
	return img->bits ? img->bits[sector / 8] >> sector % 8 & 1 : sector % 3 != 0;
}

static void parent_sector(const struct vhdx_image *img, uint8_t *buf, uint64_t off)
{
	if (img->parent)
		memcpy(buf, img->parent + off, img->sector_size);
	else if (img->below && off < img->below->size)
		vhdx_image_guest(img->below, buf, img->sector_size, off);
	else
		memset(buf, 0, img->sector_size);
}

static void model_sector(const struct vhdx_image *img, uint8_t *buf, uint64_t off)
{
	uint64_t block = off / img->block_size, in = off % img->block_size;
	uint8_t state = state_of(img, block);

	if (state == 6 || (state == 7 && is_own(img, off / img->sector_size))) {
		memset(buf, 0, img->sector_size);
		if (!img->sparse || in < VHDX_W_WINDOW || in >= img->block_size - VHDX_W_WINDOW)
			pattern_fill(buf, img->sector_size, off, img->seed);
	} else if (state == 0 || state == 7) {
		parent_sector(img, buf, off);
	} else {
		memset(buf, 0, img->sector_size);
	}
}

void vhdx_image_guest(const struct vhdx_image *img, uint8_t *buf, size_t len, uint64_t off)
{
	if (img->guest)
		memcpy(buf, img->guest + off, len);
	for (size_t done = 0; !img->guest && done < len; done += img->sector_size)
		model_sector(img, buf + done, off + done);
}

static uint64_t n_bitmaps(const struct vhdx_image *img)
{
	return img->parent || img->below ? (img->n_blocks - 1) / chunk_of(img) + 1 : 0;
}

static void write_bitmaps(struct vhdx_image *img)
{
	uint8_t *bits = img->bytes + img->bitmap_off; /* of neighbouring chunks side by side, so of the whole disk */

	for (uint64_t c = 0; c < n_bitmaps(img); c++)
		put_le64(img->bytes + img->bat_off + (c * (chunk_of(img) + 1) + chunk_of(img)) * 8,
			 (img->bitmap_off + c * VHDX_W_MIB) | 6);
	for (uint64_t off = 0; n_bitmaps(img) && off < img->size; off += img->sector_size) {
		uint64_t sector = off / img->sector_size;

		if (state_of(img, off / img->block_size) == 7 && is_own(img, sector))
			bits[sector / 8] |= (uint8_t)(1 << sector % 8);
	}
}

static void write_blocks(struct vhdx_image *img)
{
	for (uint64_t n = 0; n < img->n_blocks; n++) {
		uint64_t at = img->data_off + slot_of(img, n) * img->block_size;

		/* The bytes are there whatever the state is: one that says zeros must not show them. */
		if (!img->sparse)
			pattern_fill(img->bytes + at, img->block_size, n * img->block_size, img->seed);
		put_le64(vhdx_image_bat_entry(img, n), at | state_of(img, n));
	}
	for (uint64_t off = 0; !img->sparse && off < img->size; off += img->sector_size)
		model_sector(img, img->guest + off, off);
}

#define LOCATOR_OFF (META_TABLE + 4096)

uint8_t *vhdx_image_locator(struct vhdx_image *img)
{
	return img->bytes + img->meta_off + LOCATOR_OFF;
}

static uint16_t put_utf16(uint8_t *p, const char *text)
{
	uint16_t n = 0;

	for (; *text; text++, n = (uint16_t)(n + 2))
		put_le16(p + n, (uint16_t)*text);
	return n;
}

void vhdx_image_set_locator(struct vhdx_image *img, const char *const (*pairs)[2], size_t n)
{
	uint8_t *item = vhdx_image_locator(img), *entry = vhdx_image_item_entry(img, VHDX_W_ITEMS);
	uint32_t at = (uint32_t)(20 + n * 12 + 3) / 4 * 4;

	put_guid(item, "B04AEFB7-D19E-4A81-B789-25B8E9445913");
	put_le16(item + 18, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		uint8_t *e = item + 20 + i * 12;

		put_le32(e, at);
		put_le16(e + 8, put_utf16(item + at, pairs[i][0]));
		at += get_le16(e + 8);
		put_le32(e + 4, at);
		put_le16(e + 10, put_utf16(item + at, pairs[i][1]));
		at += get_le16(e + 10);
	}
	put_guid(entry, "A8D35F2D-B30B-454D-ABF7-D3D84834AB0C");
	put_le32(entry + 16, LOCATOR_OFF);
	put_le32(entry + 20, at);
	put_le32(entry + 24, 4);
	put_le16(img->bytes + img->meta_off + 10, VHDX_W_ITEMS + 1);
}

void vhdx_image_set_parent(struct vhdx_image *img, const char *linkage, const char *relative)
{
	const char *const pairs[][2] = { { "parent_linkage", linkage }, { "relative_path", relative } };

	vhdx_image_set_locator(img, pairs, 2);
}

void vhdx_image_build(struct vhdx_image *img)
{
	uint64_t entries;

	img->size = img->size ? img->size : 5 * VHDX_W_MIB;
	img->block_size = img->block_size ? img->block_size : (uint32_t)VHDX_W_MIB;
	img->sector_size = img->sector_size ? img->sector_size : 512;
	img->log_len = img->log_len ? img->log_len : (uint32_t)VHDX_W_MIB;
	img->n_blocks = (img->size + img->block_size - 1) / img->block_size;
	entries = (img->n_blocks / chunk_of(img) + 1) * (chunk_of(img) + 1);
	img->log_off = VHDX_W_MIB;
	img->meta_off = img->log_off + img->log_len;
	img->bat_off = img->meta_off + VHDX_W_MIB;
	img->bat_len = (entries * 8 + VHDX_W_MIB - 1) / VHDX_W_MIB * VHDX_W_MIB;
	img->bitmap_off = img->bat_off + img->bat_len;
	img->data_off = img->bitmap_off + n_bitmaps(img) * VHDX_W_MIB;
	img->file_len = img->data_off + img->n_blocks * img->block_size;
	img->len = (size_t)(img->sparse ? img->data_off : img->file_len);
	img->bytes = calloc(1, img->len);
	img->guest = img->sparse ? NULL : calloc(1, (size_t)img->size);
	if (!img->bytes || (!img->guest && !img->sparse))
		abort();
	write_headers(img);
	write_regions(img);
	write_metadata(img);
	write_bitmaps(img);
	write_blocks(img);
}

void vhdx_image_fini(struct vhdx_image *img)
{
	free(img->bytes);
	free(img->guest);
	memset(img, 0, sizeof(*img));
}

void vhdx_image_set_log(struct vhdx_image *img, const struct guid *log)
{
	guid_to_le(log, vhdx_image_header(img, 1) + 48);
	guid_to_le(log, vhdx_image_header(img, 2) + 48);
	vhdx_image_seal_headers(img);
}

static uint8_t *log_sector(struct vhdx_image *img, size_t i)
{
	return img->bytes + img->log_off + i % (img->log_len / SECTOR) * SECTOR;
}

void vhdx_image_seal_entry(struct vhdx_image *img, size_t sector)
{
	uint8_t *first = log_sector(img, sector);
	uint32_t crc = UINT32_MAX;

	put_le32(first + 4, 0);
	for (size_t i = 0; i < get_le32(first + 8) / SECTOR; i++)
		crc = crc_bits(log_sector(img, sector + i), SECTOR, crc);
	put_le32(first + 4, ~crc);
}

size_t vhdx_image_log_entry(struct vhdx_image *img, size_t sector, size_t tail, uint64_t sequence,
			    const struct guid *log, const struct vhdx_log_write *writes, size_t n)
{
	size_t desc_sectors = (64 + n * 32 + SECTOR - 1) / SECTOR, data = sector + desc_sectors;
	uint8_t *head = log_sector(img, sector);

	for (size_t i = 0; i < desc_sectors; i++)
		memset(log_sector(img, sector + i), 0, SECTOR);
	memcpy(head, "loge", 4);
	put_le32(head + 12, (uint32_t)(tail * SECTOR));
	put_le64(head + 16, sequence);
	put_le32(head + 24, (uint32_t)n);
	guid_to_le(log, head + 32);
	put_le64(head + 48, img->len);
	put_le64(head + 56, img->len);
	for (size_t i = 0; i < n; i++) {
		size_t at = 64 + i * 32;
		uint8_t *d = log_sector(img, sector + at / SECTOR) + at % SECTOR;

		put_le64(d + 16, writes[i].off);
		put_le64(d + 24, sequence);
		if (!writes[i].page) {
			memcpy(d, "zero", 4);
			put_le64(d + 8, writes[i].len);
			continue;
		}
		memcpy(d, "desc", 4);
		memcpy(d + 4, writes[i].page + 4092, 4);
		memcpy(d + 8, writes[i].page, 8);
		memcpy(log_sector(img, data), "data", 4);
		put_le32(log_sector(img, data) + 4, (uint32_t)(sequence >> 32));
		memcpy(log_sector(img, data) + 8, writes[i].page + 8, 4084);
		put_le32(log_sector(img, data) + 4092, (uint32_t)sequence);
		data++;
	}
	put_le32(head + 8, (uint32_t)((data - sector) * SECTOR));
	vhdx_image_seal_entry(img, sector);
	return data;
}

static void write_sparsely(int fd, const uint8_t *bytes, size_t len, uint64_t off)
{
	for (size_t n; len > 0; bytes += n, off += n, len -= n) {
		n = len < VHDX_W_WINDOW ? len : VHDX_W_WINDOW;
		if (!io_is_zero(bytes, n) && io_pwrite(fd, bytes, n, off, NULL) < 0)
			abort();
	}
}

void vhdx_image_write(struct vhdx_image *img, int fd)
{
	uint64_t end = img->sparse ? img->file_len : img->len;
	static uint8_t window[VHDX_W_WINDOW];

	if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)end) < 0)
		abort();
	write_sparsely(fd, img->bytes, img->len, 0);
	for (uint64_t n = 0; img->sparse && n < img->n_blocks; n++) {
		uint64_t at = img->data_off + slot_of(img, n) * img->block_size;
		uint64_t last = img->block_size - VHDX_W_WINDOW;

		pattern_fill(window, sizeof(window), n * img->block_size, img->seed);
		write_sparsely(fd, window, sizeof(window), at);
		pattern_fill(window, sizeof(window), n * img->block_size + last, img->seed);
		write_sparsely(fd, window, sizeof(window), at + last);
	}
}

struct backing vhdx_image_backing(const struct vhdx_image *img)
{
	static char path[] = "disk.vhdx";
	struct backing b = { .path = path, .fd = memfd_create("vhdx", MFD_CLOEXEC), .size = img->len };

	if (b.fd < 0 || ftruncate(b.fd, (off_t)img->len) < 0)
		abort();
	write_sparsely(b.fd, img->bytes, img->len, 0);
	return b;
}
