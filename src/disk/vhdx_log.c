/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/crc32c.h"
#include "disk/vhdx_log.h"

#define SECTOR VHDX_PAGE
#define FILE_OFF_MAX (UINT64_C(1) << 46) /* 64 TiB: no structure of a VHDX lies higher */
#define NO_ENTRY SIZE_MAX
#define CHECK_STEP 65536 /* divides the length of every log */

enum {
	ENTRY_CRC = 4,
	ENTRY_LENGTH = 8,
	ENTRY_TAIL = 12,
	ENTRY_SEQUENCE = 16,
	ENTRY_COUNT = 24,
	ENTRY_GUID = 32,
	ENTRY_FLUSHED = 48,
	ENTRY_HEADER_LEN = 64,

	DESC_LEN = 32,
	DESC_TRAILING = 4,
	DESC_LEADING = 8, /* of a zero descriptor: its length */
	DESC_OFF = 16,
	DESC_SEQUENCE = 24,

	DATA_SEQUENCE_HIGH = 4,
	DATA_BYTES = 8,
	DATA_BYTES_LEN = 4084,
	DATA_SEQUENCE_LOW = 4092,
};

struct entry {
	size_t n_sectors; /* 0: no valid entry begins here */
	size_t n_desc_sectors;
	uint64_t sequence;
	uint64_t flushed;
	uint32_t tail; /* bytes from the ring's beginning */
	uint32_t n_descs;
	size_t head; /* the sector of the last entry of the run that this one belongs to */
};

struct ring {
	const uint8_t *bytes;
	size_t n; /* sectors */
	const struct guid *log;
	struct entry *entries; /* one a sector */
	bool named;            /* an entry bears the log's GUID, valid or not */
};

static const uint8_t *sector_at(const struct ring *r, size_t i)
{
	return r->bytes + i % r->n * SECTOR;
}

static bool is_entry(const uint8_t *sector)
{
	return memcmp(sector, "loge", 4) == 0;
}

static const uint8_t *descriptor_at(const struct ring *r, size_t start, uint32_t i)
{
	size_t byte = ENTRY_HEADER_LEN + (size_t)i * DESC_LEN;

	return sector_at(r, start + byte / SECTOR) + byte % SECTOR;
}

/* Descriptors and data sectors: right signatures and sequence numbers, and as many as the entry has room for. */
static bool parts_valid(const struct ring *r, size_t start, const struct entry *e)
{
	size_t data = e->n_desc_sectors;

	for (size_t i = 1; i < e->n_sectors; i++)
		if (is_entry(sector_at(r, start + i))) /* also bounds the work: valid entries never overlap */
			return false;
	for (uint32_t i = 0; i < e->n_descs; i++) {
		const uint8_t *d = descriptor_at(r, start, i);

		if (get_le64(d + DESC_SEQUENCE) != e->sequence)
			return false;
		if (memcmp(d, "zero", 4) == 0)
			continue;
		if (memcmp(d, "desc", 4) != 0 || data >= e->n_sectors)
			return false;
		d = sector_at(r, start + data++);
		if (memcmp(d, "data", 4) != 0 || get_le32(d + DATA_SEQUENCE_HIGH) != e->sequence >> 32 ||
		    get_le32(d + DATA_SEQUENCE_LOW) != (uint32_t)e->sequence)
			return false;
	}
	return true;
}

static bool checksum_valid(const struct ring *r, size_t start, const struct entry *e)
{
	uint32_t crc = 0;

	for (size_t i = 0; i < e->n_sectors; i++) {
		const uint8_t *s = sector_at(r, start + i);

		if (i == 0) {
			static const uint8_t zeros[4];

			crc = crc32c(crc, s, ENTRY_CRC);
			crc = crc32c(crc, zeros, sizeof(zeros));
			crc = crc32c(crc, s + ENTRY_CRC + 4, SECTOR - ENTRY_CRC - 4);
		} else {
			crc = crc32c(crc, s, SECTOR);
		}
	}
	return crc == get_le32(sector_at(r, start) + ENTRY_CRC);
}

static void decode_entry(struct ring *r, size_t start)
{
	const uint8_t *s = sector_at(r, start);
	uint32_t len = get_le32(s + ENTRY_LENGTH);
	struct guid log;
	struct entry e = {
		.n_sectors = len / SECTOR,
		.sequence = get_le64(s + ENTRY_SEQUENCE),
		.flushed = get_le64(s + ENTRY_FLUSHED),
		.tail = get_le32(s + ENTRY_TAIL),
		.n_descs = get_le32(s + ENTRY_COUNT),
		.head = NO_ENTRY,
	};

	guid_from_le(s + ENTRY_GUID, &log);
	if (!guid_equal(&log, r->log))
		return;
	r->named = true; /* also where the signature is damaged: this log was written to */
	if (!is_entry(s))
		return;
	e.n_desc_sectors = (size_t)((ENTRY_HEADER_LEN + (uint64_t)e.n_descs * DESC_LEN + SECTOR - 1) / SECTOR);
	if (len == 0 || len % SECTOR != 0 || e.n_sectors > r->n || e.n_desc_sectors > e.n_sectors || e.sequence == 0 ||
	    e.tail % SECTOR != 0 || e.tail / SECTOR >= r->n)
		return;
	if (parts_valid(r, start, &e) && checksum_valid(r, start, &e))
		r->entries[start] = e;
}

/* The entry that follows in the ring and in the sequence, or NO_ENTRY. */
static size_t next_entry(const struct ring *r, size_t i)
{
	const struct entry *e = &r->entries[i];
	size_t next = (i + e->n_sectors) % r->n;

	if (r->entries[next].n_sectors == 0 || r->entries[next].sequence != e->sequence + 1)
		return NO_ENTRY;
	return next;
}

/* Tells each entry of the run that begins at `first` (nothing leads to it) where the run ends. */
static size_t mark_run(struct ring *r, size_t first)
{
	size_t head = first, next;

	for (next = next_entry(r, head); next != NO_ENTRY; next = next_entry(r, head))
		head = next;
	for (next = first; next != NO_ENTRY; next = next_entry(r, next))
		r->entries[next].head = head;
	return head;
}

static int find_head(struct ring *r, bool *led_to, size_t *out, struct error *err)
{
	size_t best = NO_ENTRY;
	bool twice = false;

	for (size_t i = 0; i < r->n; i++)
		if (r->entries[i].n_sectors != 0 && next_entry(r, i) != NO_ENTRY)
			led_to[next_entry(r, i)] = true;
	for (size_t i = 0; i < r->n; i++) {
		const struct entry *e, *tail;
		size_t head;

		if (r->entries[i].n_sectors == 0 || led_to[i])
			continue;
		head = mark_run(r, i);
		e = &r->entries[head];
		tail = &r->entries[e->tail / SECTOR];
		if (tail->n_sectors == 0 || tail->head != head) /* not in the run: no sequence */
			continue;
		if (best == NO_ENTRY || e->sequence > r->entries[best].sequence) {
			best = head;
			twice = false;
		} else if (e->sequence == r->entries[best].sequence) {
			twice = true;
		}
	}
	if (best == NO_ENTRY)
		return error_set(err, ERR_CORRUPT,
				 "log: damaged: no valid sequence of entries; what it held is lost; " VHDX_LOG_ADVICE);
	if (twice)
		return error_set(err, ERR_CORRUPT, "log: two sequences end with number %" PRIu64 "; " VHDX_LOG_ADVICE,
				 r->entries[best].sequence);
	*out = best;
	return 0;
}

static int apply_entry(const struct ring *r, size_t start, struct vhdx_overlay *o, struct error *err)
{
	const struct entry *e = &r->entries[start];
	size_t data = e->n_desc_sectors;
	uint8_t page[VHDX_PAGE];

	for (uint32_t i = 0; i < e->n_descs; i++) {
		const uint8_t *d = descriptor_at(r, start, i), *s;
		uint64_t off = get_le64(d + DESC_OFF), len = VHDX_PAGE;
		bool zero = memcmp(d, "zero", 4) == 0;

		if (zero)
			len = get_le64(d + DESC_LEADING);
		if (off % VHDX_PAGE != 0 || len % VHDX_PAGE != 0 || off < VHDX_REGION_1 ||
		    !range_ok(off, len, FILE_OFF_MAX))
			return error_set(err, ERR_CORRUPT,
					 "log: entry %" PRIu64 " writes to %#" PRIx64 "+%#" PRIx64
					 ", where it must not; " VHDX_LOG_ADVICE,
					 e->sequence, off, len);
		if (zero) {
			if (len > 0 && vhdx_overlay_add_zeros(o, off, len, err) < 0)
				return -1;
			continue;
		}
		s = sector_at(r, start + data++);
		memcpy(page, d + DESC_LEADING, 8);
		memcpy(page + 8, s + DATA_BYTES, DATA_BYTES_LEN);
		memcpy(page + 8 + DATA_BYTES_LEN, d + DESC_TRAILING, 4);
		if (vhdx_overlay_add_page(o, off, page, err) < 0)
			return -1;
	}
	return 0;
}

int vhdx_log_decode(const uint8_t *ring, size_t len, const struct guid *log, uint64_t file_size,
		    struct vhdx_overlay **out, struct error *err)
{
	struct ring r = { .bytes = ring, .n = len / SECTOR, .log = log };
	CLEANUP(cleanup_vhdx_overlay) struct vhdx_overlay *o = NULL;
	CLEANUP_FREE struct entry *entries = calloc(r.n, sizeof(*entries));
	CLEANUP_FREE bool *led_to = calloc(r.n, sizeof(*led_to));
	size_t head = NO_ENTRY;

	if (!entries || !led_to)
		return error_errno(err, ENOMEM, "log of %zu bytes", len);
	r.entries = entries;
	for (size_t i = 0; i < r.n; i++)
		decode_entry(&r, i);
	if (!r.named) {
		*out = NULL;
		return 0;
	}
	if (find_head(&r, led_to, &head, err) < 0)
		return -1;
	if (file_size < entries[head].flushed)
		return error_set(err, ERR_CORRUPT,
				 "file cut off: its log was written when it had %" PRIu64 " bytes, it has %" PRIu64,
				 entries[head].flushed, file_size);
	o = vhdx_overlay_new(err);
	if (!o)
		return -1;
	for (size_t i = entries[head].tail / SECTOR; i != NO_ENTRY; i = i == head ? NO_ENTRY : next_entry(&r, i))
		if (apply_entry(&r, i, o, err) < 0)
			return -1;
	vhdx_overlay_seal(o);
	*out = steal_ptr(&o);
	return 0;
}

int vhdx_log_replay(const struct backing *file, const struct vhdx_header *h, struct vhdx_overlay **out,
		    uint32_t *sum_out, struct error *err)
{
	CLEANUP_FREE uint8_t *ring = NULL;

	if (h->log_len > VHDX_LOG_MAX)
		return error_set(err, ERR_UNSUPPORTED,
				 "log not empty: the image was not closed cleanly, and its log of %" PRIu32
				 " bytes is larger than the 64 MiB that are replayed; attach it to Hyper-V once, or "
				 "check it with 'qemu-img check -r all' on a copy; " VHDX_LOG_ADVICE,
				 h->log_len);
	ring = malloc(h->log_len);
	if (!ring)
		return error_errno(err, ENOMEM, "log of %" PRIu32 " bytes", h->log_len);
	if (backing_read(file, ring, h->log_len, h->log_off, err) < 0)
		return -1;
	*sum_out = crc32c(0, ring, h->log_len);
	return vhdx_log_decode(ring, h->log_len, &h->log, file->size, out, err);
}

int vhdx_log_check_unchanged(const struct backing *file, const struct vhdx_header *h, uint32_t sum, struct error *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(CHECK_STEP);
	uint32_t now = 0;

	if (!buf)
		return error_errno(err, ENOMEM, "log");
	for (uint32_t off = 0; off < h->log_len; off += CHECK_STEP) {
		if (backing_read(file, buf, CHECK_STEP, h->log_off + off, err) < 0)
			return -1;
		now = crc32c(now, buf, CHECK_STEP);
	}
	if (now != sum)
		return error_set(err, ERR_CHANGED, "the image's log was written to while it was opened");
	return 0;
}
