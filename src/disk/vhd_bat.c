/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/log.h"
#include "disk/table_cache.h"
#include "disk/vhd_bat.h"
#include "disk/vhd_footer.h"

#define SECTOR (UINT64_C(1) << VHD_SECTOR_SHIFT)
#define ENTRY_ABSENT UINT32_MAX

void vhd_bat_init(struct vhd_bat *bat, struct image *img, const struct vhd_header *h, uint64_t header_off,
		  uint64_t disk_size, uint64_t content_end, bool has_parent)
{
	uint32_t bitmap = h->block_size >> VHD_SECTOR_SHIFT >> 3; /* at most 64 KiB */

	memset(bat, 0, sizeof(*bat));
	bat->img = img;
	bat->bat_off = h->bat_off;
	bat->bat_len = (uint64_t)h->n_entries * VHD_BAT_ENTRY_LEN;
	bat->header_off = header_off;
	bat->content_end = content_end;
	bat->disk_size = disk_size;
	bat->block_shift = (uint32_t)__builtin_ctz(h->block_size);
	bat->n_blocks = ((disk_size - 1) >> bat->block_shift) + 1;
	bat->bitmap_len = (bitmap + (uint32_t)SECTOR - 1) & ~((uint32_t)SECTOR - 1);
	bat->has_parent = has_parent;
}

/* What is wrong with a block (bitmap and bytes) at off; NULL if nothing. */
static const char *place_fault(const struct vhd_bat *bat, uint64_t block, uint64_t off)
{
	uint64_t block_len = UINT64_C(1) << bat->block_shift, left = bat->disk_size - (block << bat->block_shift);
	uint64_t len = bat->bitmap_len + block_len;

	if (off < VHD_FOOTER_LEN)
		return "on the footer's copy at 0";
	if (!range_ok(off, bat->bitmap_len + (left < block_len ? left : block_len), bat->content_end))
		return "beyond end of content";
	if (ranges_overlap(off, len, bat->header_off, VHD_HEADER_LEN))
		return "overlaps the dynamic header";
	if (ranges_overlap(off, len, bat->bat_off, bat->bat_len))
		return "overlaps the BAT";
	return NULL;
}

/* The answer of one entry, n_blocks 1. */
static int decode_entry(const struct vhd_bat *bat, uint64_t block, uint32_t entry, struct vhd_run *out,
			struct error *err)
{
	uint64_t off = (uint64_t)entry << VHD_SECTOR_SHIFT;
	struct vhd_run run = { .n_blocks = 1 };
	const char *fault;

	if (entry != ENTRY_ABSENT) {
		fault = place_fault(bat, block, off);
		if (fault)
			return error_set(err, ERR_CORRUPT,
					 "block %" PRIu64 ": BAT entry %#" PRIx32 " at %#" PRIx64
					 ": %s (content ends at %#" PRIx64 ")",
					 block, entry, bat->bat_off + block * VHD_BAT_ENTRY_LEN, fault,
					 bat->content_end);
		run.present = true;
		run.bitmap_off = off;
		run.data_off = off + bat->bitmap_len;
	}
	*out = run;
	return 0;
}

/* An entry whose bytes two pages share, which a table at an odd place can have. */
static int split_entry(const struct vhd_bat *bat, uint64_t off, uint32_t *out, struct error *err)
{
	uint8_t raw[VHD_BAT_ENTRY_LEN];
	const struct cached *page;

	for (size_t i = 0; i < sizeof(raw); i++) {
		page = image_table_get(bat->img, bat->img->first_file, off + i, err);
		if (!page)
			return -1;
		raw[i] = page->data[off + i - page->at];
		image_table_put(bat->img, page);
	}
	*out = get_be32(raw);
	return 0;
}

int vhd_bat_run(struct vhd_bat *bat, uint64_t block, uint64_t max, struct vhd_run *out, struct error *err)
{
	uint64_t off = bat->bat_off + block * VHD_BAT_ENTRY_LEN, at;
	const struct cached *page;
	uint64_t whole; /* entries from this one on that the page holds to the end */
	uint32_t entry;

	assert(block < bat->n_blocks && max > 0);
	if (max > bat->n_blocks - block)
		max = bat->n_blocks - block;
	page = image_table_get(bat->img, bat->img->first_file, off, err);
	if (!page)
		return -1;
	at = off - page->at;
	whole = (page->len - at) / VHD_BAT_ENTRY_LEN;
	if (whole == 0) {
		image_table_put(bat->img, page);
		return split_entry(bat, off, &entry, err) < 0 ? -1 : decode_entry(bat, block, entry, out, err);
	}
	entry = get_be32(page->data + at);
	if (entry == ENTRY_ABSENT) {
		*out = (struct vhd_run){ .n_blocks = 1 };
		max = max < whole ? max : whole;
		while (out->n_blocks < max &&
		       get_be32(page->data + at + out->n_blocks * VHD_BAT_ENTRY_LEN) == ENTRY_ABSENT)
			out->n_blocks++;
	}
	image_table_put(bat->img, page);
	return entry == ENTRY_ABSENT ? 0 : decode_entry(bat, block, entry, out, err);
}

static bool bit_of(const uint8_t *bits, uint64_t i)
{
	return bits[i / 8] >> (7 - i % 8) & 1;
}

int vhd_bat_sectors(struct vhd_bat *bat, const struct vhd_run *run, uint64_t first, uint64_t max, bool *here_out,
		    uint64_t *n_out, struct error *err)
{
	uint64_t off = run->bitmap_off + first / 8, bit = first % 8, n = 1, left;
	const struct cached *page;
	const uint8_t *bits;
	bool here;

	assert(run->present && max > 0);
	page = image_table_get(bat->img, bat->img->first_file, off, err);
	if (!page)
		return -1;
	bits = page->data + (off - page->at);
	left = (page->len - (off - page->at)) * 8 - bit;
	left = left < max ? left : max;
	here = bit_of(bits, bit);
	while (n < left && bit_of(bits, bit + n) == here) {
		if ((bit + n) % 8 == 0 && left - n >= 8 && bits[(bit + n) / 8] == (here ? 0xff : 0))
			n += 8;
		else
			n++;
	}
	image_table_put(bat->img, page);
	if (!here && !bat->has_parent && !atomic_exchange(&bat->warned_clear, true))
		log_warn("vhd",
			 "%s: sectors that were never written lie in an allocated block, at %#" PRIx64
			 " (and perhaps others): they read as zeros, which not every reader of this format says",
			 bat->img->info.path, run->data_off + (first << VHD_SECTOR_SHIFT));
	*here_out = here;
	*n_out = n;
	return 0;
}
