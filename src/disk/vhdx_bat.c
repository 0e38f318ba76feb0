/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/log.h"
#include "disk/table_cache.h"
#include "disk/vhdx_bat.h"

#define ENTRY_LEN 8
#define PAGE_ENTRIES (TABLE_PAGE_LEN / ENTRY_LEN) /* 8192: with blocks of 1 MiB, 8 GiB of the disk */
#define ENTRY_STATE UINT64_C(0x7)
#define ENTRY_RESERVED UINT64_C(0xffff8)
#define ENTRY_OFF (~UINT64_C(0xfffff))
#define BITMAP_LEN VHDX_MIB
#define CHUNK_SECTORS_SHIFT 23 /* 2^23 bits in a bitmap block of 1 MiB */

enum {
	STATE_NOT_PRESENT = 0,
	STATE_UNDEFINED = 1,
	STATE_ZERO = 2,
	STATE_UNMAPPED = 3,
	STATE_UNMAPPED_OLD = 5, /* as qemu before 1.0 wrote it */
	STATE_PRESENT = 6,
	STATE_PARTIAL = 7,
};

static uint32_t log2_of(uint64_t pow2)
{
	return (uint32_t)__builtin_ctzll(pow2);
}

uint64_t vhdx_bat_entries(uint64_t n_blocks, uint32_t chunk_shift, bool has_parent)
{
	uint64_t chunk = UINT64_C(1) << chunk_shift;

	if (has_parent) /* each chunk whole, its bitmap's entry at the end */
		return (((n_blocks - 1) >> chunk_shift) + 1) * (chunk + 1);
	return n_blocks + ((n_blocks - 1) >> chunk_shift);
}

int vhdx_bat_init(struct vhdx_bat *bat, struct image *img, const struct vhdx_view *view,
		  const struct vhdx_regions *regions, const struct vhdx_header *header, const struct vhdx_metadata *m,
		  struct error *err)
{
	uint64_t entries;

	memset(bat, 0, sizeof(*bat));
	bat->img = img;
	bat->view = *view;
	bat->regions = *regions;
	bat->log_off = header->log_off;
	bat->log_len = header->log_len;
	bat->virtual_size = m->virtual_size;
	bat->has_parent = m->has_parent;
	bat->block_shift = log2_of(m->block_size);
	bat->sector_shift = log2_of(m->logical_sector);
	bat->chunk_shift = CHUNK_SECTORS_SHIFT + bat->sector_shift - bat->block_shift;
	bat->n_blocks = ((m->virtual_size - 1) >> bat->block_shift) + 1;
	entries = vhdx_bat_entries(bat->n_blocks, bat->chunk_shift, bat->has_parent); /* at most 2^26 + 2^14 */
	if (entries * ENTRY_LEN > regions->bat_len)
		return error_set(err, ERR_CORRUPT,
				 "BAT: %" PRIu64 " entries needed, its region of %" PRIu32 " bytes holds %" PRIu32,
				 entries, regions->bat_len, regions->bat_len / ENTRY_LEN);
	return 0;
}

static uint64_t entry_of_block(const struct vhdx_bat *bat, uint64_t block)
{
	return block + (block >> bat->chunk_shift);
}

/* What stands where an entry points to, of `len` bytes of which the file must have `needed`; NULL if nothing is wrong.
 */
static const char *place_fault(const struct vhdx_bat *bat, uint64_t off, uint64_t len, uint64_t needed)
{
	if (off < VHDX_MIB)
		return "inside the headers";
	if (!range_ok(off, needed, bat->view.file->size))
		return "beyond end of file";
	if (ranges_overlap(off, len, bat->log_off, bat->log_len))
		return "overlaps the log";
	if (ranges_overlap(off, len, bat->regions.meta_off, bat->regions.meta_len))
		return "overlaps the metadata region";
	if (ranges_overlap(off, len, bat->regions.bat_off, bat->regions.bat_len))
		return "overlaps the BAT region";
	return NULL;
}

/* The answer of one entry, n_blocks 1; or what is wrong with it. */
static const char *decode_payload(struct vhdx_bat *bat, uint64_t block, uint64_t entry, struct vhdx_run *out)
{
	uint64_t block_len = UINT64_C(1) << bat->block_shift;
	uint64_t left = bat->virtual_size - (block << bat->block_shift);
	struct vhdx_run run = { .n_blocks = 1, .kind = EXTENT_ZERO };
	const char *fault;

	if (entry & ENTRY_RESERVED && !atomic_exchange(&bat->warned_reserved, true))
		log_warn("vhdx", "%s: reserved bits are set in the BAT entry of block %" PRIu64 " (and perhaps others)",
			 bat->view.file->path, block);
	switch (entry & ENTRY_STATE) {
	case STATE_NOT_PRESENT:
		if (bat->has_parent)
			run.kind = EXTENT_ABSENT;
		break;
	case STATE_UNDEFINED:
	case STATE_ZERO:
	case STATE_UNMAPPED:
	case STATE_UNMAPPED_OLD:
		break;
	case STATE_PARTIAL:
		if (!bat->has_parent)
			return "partly present in a disk without parent";
		run.partial = true;
		/* fall through */
	case STATE_PRESENT:
		run.kind = EXTENT_DATA;
		run.file_off = entry & ENTRY_OFF;
		fault = place_fault(bat, run.file_off, block_len, left < block_len ? left : block_len);
		if (fault)
			return fault;
		break;
	default:
		return "state 4 is reserved";
	}
	*out = run;
	return NULL;
}

/* Does the answer of the next entry continue the run? */
static bool continues(const struct vhdx_bat *bat, const struct vhdx_run *run, const struct vhdx_run *next)
{
	if (next->kind != run->kind || next->partial || run->partial)
		return false;
	return run->kind != EXTENT_DATA || next->file_off == run->file_off + (run->n_blocks << bat->block_shift);
}

/* The 64 KiB of the table that hold an entry. */
static const struct cached *page_get(const struct vhdx_bat *bat, uint64_t index, struct error *err)
{
	uint64_t off = bat->regions.bat_off + align_down(index, PAGE_ENTRIES) * ENTRY_LEN;
	const struct cached *page = image_table_get(bat->img, bat->img->first_file, off, err);

	if (!page || (page->at == off && page->len == TABLE_PAGE_LEN))
		return page;
	/* The region begins at a MiB and lies inside the file, so its pages are whole. */
	image_table_put(bat->img, page);
	error_set(err, ERR_BUG, "BAT: page of %zu bytes at %#" PRIx64, page->len, off);
	return NULL;
}

/* Where the byte at off, which the page holds, stands: there, or in the log that rewrites that part of the file. */
static const uint8_t *byte_at(const struct vhdx_bat *bat, const struct cached *page, uint64_t off)
{
	static const uint8_t zeros[VHDX_PAGE];
	const uint8_t *logged;

	if (bat->view.log && vhdx_overlay_page(bat->view.log, align_down(off, VHDX_PAGE), &logged))
		return (logged ? logged : zeros) + off % VHDX_PAGE;
	return page->data + (off - page->at);
}

static const uint8_t *entry_at(const struct vhdx_bat *bat, const struct cached *page, uint64_t index)
{
	return byte_at(bat, page, bat->regions.bat_off + index * ENTRY_LEN);
}

static int run_in_page(struct vhdx_bat *bat, const struct cached *page, uint64_t block, uint64_t max,
		       struct vhdx_run *out, struct error *err)
{
	uint64_t index = entry_of_block(bat, block), end = align_down(index, PAGE_ENTRIES) + PAGE_ENTRIES;
	const uint8_t *p = entry_at(bat, page, index);
	const char *fault = decode_payload(bat, block, get_le64(p), out);
	struct vhdx_run next;
	uint64_t before;

	if (fault)
		return error_set(err, ERR_CORRUPT, "block %" PRIu64 ": BAT entry %#" PRIx64 " at %#" PRIx64 ": %s",
				 block, get_le64(p), bat->regions.bat_off + index * ENTRY_LEN, fault);
	while (out->n_blocks < max && !out->partial) {
		before = index;
		index = entry_of_block(bat, block + out->n_blocks);
		if (index >= end)
			break;
		if (index / (VHDX_PAGE / ENTRY_LEN) == before / (VHDX_PAGE / ENTRY_LEN))
			p += (index - before) * ENTRY_LEN;
		else
			p = entry_at(bat, page, index);
		if (decode_payload(bat, block + out->n_blocks, get_le64(p), &next) || !continues(bat, out, &next))
			break;
		out->n_blocks++;
	}
	return 0;
}

int vhdx_bat_run(struct vhdx_bat *bat, uint64_t block, uint64_t max, struct vhdx_run *out, struct error *err)
{
	const struct cached *page;
	int rc;

	assert(block < bat->n_blocks && max > 0);
	if (max > bat->n_blocks - block)
		max = bat->n_blocks - block;
	page = page_get(bat, entry_of_block(bat, block), err);
	if (!page)
		return -1;
	rc = run_in_page(bat, page, block, max, out, err);
	image_table_put(bat->img, page);
	return rc;
}

/* Where the sector bitmap of a chunk lies in the file: 1 MiB, inside it. */
static int find_bitmap(struct vhdx_bat *bat, uint64_t chunk, uint64_t *off_out, struct error *err)
{
	uint64_t index = (chunk << bat->chunk_shift) + chunk + (UINT64_C(1) << bat->chunk_shift), entry, off;
	const struct cached *page;
	const char *fault;

	page = page_get(bat, index, err);
	if (!page)
		return -1;
	entry = get_le64(entry_at(bat, page, index));
	image_table_put(bat->img, page);
	off = entry & ENTRY_OFF;
	fault = (entry & ENTRY_STATE) != STATE_PRESENT ? "no sector bitmap"
						       : place_fault(bat, off, BITMAP_LEN, BITMAP_LEN);
	if (fault)
		return error_set(err, ERR_CORRUPT, "chunk %" PRIu64 ": BAT entry %#" PRIx64 " at %#" PRIx64 ": %s",
				 chunk, entry, bat->regions.bat_off + index * ENTRY_LEN, fault);
	*off_out = off;
	return 0;
}

int vhdx_bat_sectors(struct vhdx_bat *bat, uint64_t block, uint64_t first, uint64_t max, bool *present_out,
		     uint64_t *n_out, struct error *err)
{
	uint64_t chunk = block >> bat->chunk_shift, in_chunk = block - (chunk << bat->chunk_shift);
	uint64_t bit = (in_chunk << (bat->block_shift - bat->sector_shift)) + first, n = 0, off = 0, left;
	const struct cached *page;
	const uint8_t *bits;
	bool present;

	assert(bat->has_parent && block < bat->n_blocks && max > 0);
	if (find_bitmap(bat, chunk, &off, err) < 0)
		return -1;
	page = image_table_get(bat->img, bat->img->first_file, off + bit / 8, err);
	if (!page)
		return -1;
	/* As far as one page of a log reaches, whose bytes may stand elsewhere than those behind it. */
	left = VHDX_PAGE * 8 - bit % (VHDX_PAGE * 8);
	left = left < max ? left : max;
	bits = byte_at(bat, page, off + bit / 8);
	bit %= 8;
	present = bits[0] >> bit & 1;
	while (n < left && (bits[(bit + n) / 8] >> (bit + n) % 8 & 1) == present) {
		if ((bit + n) % 8 == 0 && left - n >= 8 && bits[(bit + n) / 8] == (present ? 0xff : 0))
			n += 8;
		else
			n++;
	}
	image_table_put(bat->img, page);
	*present_out = present;
	*n_out = n;
	return 0;
}
