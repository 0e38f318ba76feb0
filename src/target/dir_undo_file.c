/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/bytes.h"
#include "base/io.h"
#include "target/dir_undo_file.h"

#define FORMAT 1
#define HEADER_LEN 512
#define PAGE 4096
#define RECORD_LEN 16
#define GROUP_BLOCKS (PAGE / RECORD_LEN)
#define GROUP_LEN (PAGE + GROUP_BLOCKS * UNDO_BLOCK)
#define MARK_LEN 40
#define MARK_ROOM 512 /* a sector each: a torn write damages one of them */
#define ZERO_FLAG (UINT32_C(1) << 31)
#define BATCH_MAX (ZERO_FLAG - 1)
#define SIZE_MAX_BYTES (UINT64_C(1) << 62) /* so that no offset in the file overflows */

enum {
	OFF_FORMAT = 16,
	OFF_BLOCK_SIZE = 20,
	OFF_ID = 24,
	OFF_SIZE = 40,
	OFF_ORDER = 48,
	OFF_REPLICA = 56,
	OFF_PREVIOUS = 72,
	OFF_SUM = HEADER_LEN - 8,
};

static const uint8_t magic[16] = { 'l', 'i', 'f', 't', 'f', 's', ' ', 'u', 'n', 'd', 'o' };

struct mark {
	uint64_t count;
	uint32_t settled;
	bool closed;
	uint64_t covers;
	uint64_t entries;
};

enum record_kind { RECORD_NONE, RECORD_INTACT, RECORD_BROKEN };

struct record {
	enum record_kind kind;
	uint64_t sum;
	uint32_t batch;
	bool zero;
};

struct undo_file {
	int fd;
	struct guid id, replica;
	uint64_t seed, size, order, previous;
	uint64_t covers; /* for the next mark */
	/* The writer's. */
	struct mark mark;
	uint32_t batch;   /* of what is added now */
	uint64_t entries; /* of the batches before it */
	uint64_t added;   /* of this one */
	bool pending;     /* something was written since the last sync */
	bool failed;      /* a sync failed: a second one would report success for what the kernel has given up */
};

/* ---- layout ---- */

static uint64_t record_at(uint64_t block)
{
	return PAGE + block / GROUP_BLOCKS * GROUP_LEN + block % GROUP_BLOCKS * RECORD_LEN;
}

static uint64_t content_at(uint64_t block)
{
	return PAGE + block / GROUP_BLOCKS * GROUP_LEN + PAGE + block % GROUP_BLOCKS * UNDO_BLOCK;
}

size_t undo_file_block_len(const struct undo_file *u, uint64_t block)
{
	uint64_t off = block * UNDO_BLOCK;

	if (block > u->size / UNDO_BLOCK || off >= u->size)
		return 0;
	return u->size - off < UNDO_BLOCK ? (size_t)(u->size - off) : UNDO_BLOCK;
}

static uint64_t content_sum(const struct undo_file *u, uint64_t block, const uint8_t *content)
{
	return XXH3_64bits_withSeed(content, undo_file_block_len(u, block), u->seed ^ block);
}

static uint32_t record_check(const struct undo_file *u, uint64_t block, const uint8_t raw[RECORD_LEN])
{
	uint8_t text[20];

	memcpy(text, raw, 12);
	put_le64(text + 12, block);
	return (uint32_t)XXH3_64bits_withSeed(text, sizeof(text), u->seed);
}

static void record_encode(const struct undo_file *u, uint64_t block, const struct record *rec, uint8_t raw[RECORD_LEN])
{
	put_le64(raw, rec->sum);
	put_le32(raw + 8, rec->batch | (rec->zero ? ZERO_FLAG : 0));
	put_le32(raw + 12, record_check(u, block, raw));
}

static struct record record_decode(const struct undo_file *u, uint64_t block, const uint8_t raw[RECORD_LEN])
{
	struct record rec = { .kind = RECORD_NONE };

	if (io_is_zero(raw, RECORD_LEN))
		return rec;
	rec.kind = get_le32(raw + 12) == record_check(u, block, raw) ? RECORD_INTACT : RECORD_BROKEN;
	rec.sum = get_le64(raw);
	rec.batch = get_le32(raw + 8) & ~ZERO_FLAG;
	rec.zero = (get_le32(raw + 8) & ZERO_FLAG) != 0;
	return rec;
}

/* Bytes that the file does not have read as zeros: what was never written, or not before a power loss. */
static int read_padded(int fd, uint8_t *buf, size_t len, uint64_t off, struct error *err)
{
	size_t done = 0;
	ssize_t n = 1;

	while (done < len && n != 0) {
		n = pread(fd, buf + done, len - done, (off_t)(off + done));
		if (n < 0 && errno != EINTR)
			return error_errno(err, errno, "undo: read %zu bytes at %#" PRIx64, len, off);
		if (n > 0)
			done += (size_t)n;
	}
	memset(buf + done, 0, len - done);
	return 0;
}

/* ---- marks ---- */

static int read_mark(const struct undo_file *u, struct mark *out, struct error *err)
{
	bool found = false;
	uint8_t raw[2 * MARK_ROOM];

	if (read_padded(u->fd, raw, sizeof(raw), HEADER_LEN, err) < 0)
		return -1;
	for (const uint8_t *p = raw; p < raw + sizeof(raw); p += MARK_ROOM) {
		struct mark m = { .count = get_le64(p),
				  .settled = get_le32(p + 8),
				  .closed = get_le32(p + 12) != 0,
				  .covers = get_le64(p + 16),
				  .entries = get_le64(p + 24) };

		if (get_le64(p + MARK_LEN - 8) != XXH3_64bits_withSeed(p, MARK_LEN - 8, u->seed) ||
		    (found && m.count <= out->count))
			continue;
		*out = m;
		found = true;
	}
	return found ? 0 : error_set(err, ERR_CORRUPT, "undo: both marks are damaged");
}

static int write_mark(struct undo_file *u, uint32_t settled, bool closed, struct error *err)
{
	struct mark m = { .count = u->mark.count + 1,
			  .settled = settled,
			  .closed = closed,
			  .covers = closed ? u->covers : u->mark.covers,
			  .entries = u->entries };
	uint8_t raw[MARK_LEN];

	put_le64(raw, m.count);
	put_le32(raw + 8, m.settled);
	put_le32(raw + 12, m.closed);
	put_le64(raw + 16, m.covers);
	put_le64(raw + 24, m.entries);
	put_le64(raw + MARK_LEN - 8, XXH3_64bits_withSeed(raw, MARK_LEN - 8, u->seed));
	if (io_pwrite(u->fd, raw, sizeof(raw), HEADER_LEN + m.count % 2 * MARK_ROOM, err) < 0)
		return error_prefix(err, "undo");
	u->mark = m;
	return 0;
}

static int sync_file(struct undo_file *u, struct error *err)
{
	if (u->failed)
		return error_set(err, ERR_SYSTEM, "undo: an earlier sync failed");
	if (fdatasync(u->fd) == 0)
		return 0;
	u->failed = true;
	return error_errno(err, errno, "undo: sync");
}

int undo_file_count(const struct undo_file *u, uint64_t *out, struct error *err)
{
	struct mark m;

	if (read_mark(u, &m, err) < 0)
		return -1;
	*out = m.count;
	return 0;
}

/* ---- records ---- */

/* The first group from `group` on whose records are not in a hole; UINT64_MAX beyond the last. */
static uint64_t next_group(const struct undo_file *u, uint64_t group)
{
	uint64_t groups = (u->size - 1) / (GROUP_BLOCKS * UNDO_BLOCK) + 1, found;
	off_t at;

	while (group < groups) {
		at = lseek(u->fd, (off_t)(PAGE + group * GROUP_LEN), SEEK_DATA);
		if (at < 0)
			return errno == ENXIO ? UINT64_MAX : group;
		found = ((uint64_t)at - PAGE) / GROUP_LEN;
		if ((uint64_t)at - PAGE - found * GROUP_LEN < PAGE)
			return found < groups ? found : UINT64_MAX;
		group = found + 1; /* content only: what no record speaks of */
	}
	return UINT64_MAX;
}

/* Intact ones of batches that a mark calls settled; it must have been read before. */
static int count_settled(const struct undo_file *u, uint32_t settled, uint64_t *out, struct error *err)
{
	uint8_t page[PAGE];

	*out = 0;
	for (uint64_t g = next_group(u, 0); g != UINT64_MAX; g = next_group(u, g + 1)) {
		uint64_t first = g * GROUP_BLOCKS;

		if (read_padded(u->fd, page, sizeof(page), record_at(first), err) < 0)
			return -1;
		for (uint64_t b = first; b < first + GROUP_BLOCKS && undo_file_block_len(u, b) > 0; b++) {
			struct record rec = record_decode(u, b, page + (b - first) * RECORD_LEN);

			*out += rec.kind == RECORD_INTACT && rec.batch <= settled;
		}
	}
	return 0;
}

static int read_raw(const struct undo_file *u, uint64_t block, struct record *out, struct error *err)
{
	uint8_t raw[RECORD_LEN];

	*out = (struct record){ .kind = RECORD_NONE };
	if (undo_file_block_len(u, block) == 0)
		return 0;
	if (read_padded(u->fd, raw, sizeof(raw), record_at(block), err) < 0)
		return -1;
	*out = record_decode(u, block, raw);
	return 0;
}

/* A broken one is none if all settled ones are intact: it was being written when that ended, or still is. */
static int read_record(const struct undo_file *u, uint64_t block, struct record *out, struct error *err)
{
	struct mark m;
	uint64_t settled;

	if (read_raw(u, block, out, err) < 0)
		return -1;
	if (out->kind != RECORD_BROKEN)
		return 0;
	if (read_mark(u, &m, err) < 0 || count_settled(u, m.settled, &settled, err) < 0)
		return -1;
	if (settled != m.entries)
		return error_set(err, ERR_CORRUPT, "undo: the record of block %" PRIu64 " is damaged", block);
	if (read_raw(u, block, out, err) < 0)
		return -1;
	if (out->kind == RECORD_BROKEN)
		out->kind = RECORD_NONE;
	return 0;
}

/* ---- opening ---- */

int undo_file_create(int dirfd, const char *name, uint64_t size, uint64_t order, uint64_t previous,
		     const struct guid *replica, struct error *err)
{
	CLEANUP_FD int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	struct undo_file u = { .fd = fd, .size = size, .order = order, .covers = order };
	uint8_t raw[HEADER_LEN] = { 0 };

	if (fd < 0)
		return error_errno(err, errno, "%s", name);
	if (guid_random(&u.id, err) < 0)
		return -1;
	u.seed = get_le64(u.id.b);
	memcpy(raw, magic, sizeof(magic));
	put_le32(raw + OFF_FORMAT, FORMAT);
	put_le32(raw + OFF_BLOCK_SIZE, UNDO_BLOCK);
	memcpy(raw + OFF_ID, u.id.b, sizeof(u.id.b));
	put_le64(raw + OFF_SIZE, size);
	put_le64(raw + OFF_ORDER, order);
	memcpy(raw + OFF_REPLICA, replica->b, sizeof(replica->b));
	put_le64(raw + OFF_PREVIOUS, previous);
	put_le64(raw + OFF_SUM, XXH3_64bits_withSeed(raw, OFF_SUM, 0));
	if (io_pwrite(fd, raw, sizeof(raw), 0, err) < 0 || write_mark(&u, 0, true, err) < 0)
		return error_prefix(err, "%s", name);
	return fsync(fd) < 0 ? error_errno(err, errno, "%s: sync", name) : 0;
}

static int decode_header(struct undo_file *u, const uint8_t raw[HEADER_LEN], struct error *err)
{
	if (memcmp(raw, magic, sizeof(magic)) != 0 || get_le64(raw + OFF_SUM) != XXH3_64bits_withSeed(raw, OFF_SUM, 0))
		return error_set(err, ERR_CORRUPT, "not an undo file, or its header is damaged");
	if (get_le32(raw + OFF_FORMAT) > FORMAT)
		return error_set(err, ERR_REFUSED, "format %" PRIu32 " is newer than this liftfs (%d)",
				 get_le32(raw + OFF_FORMAT), FORMAT);
	u->size = get_le64(raw + OFF_SIZE);
	u->order = get_le64(raw + OFF_ORDER);
	u->previous = get_le64(raw + OFF_PREVIOUS);
	if (get_le32(raw + OFF_BLOCK_SIZE) != UNDO_BLOCK || u->size == 0 || u->size > SIZE_MAX_BYTES)
		return error_set(err, ERR_CORRUPT, "blocks of %" PRIu32 " bytes of a disk of %" PRIu64,
				 get_le32(raw + OFF_BLOCK_SIZE), u->size);
	memcpy(u->id.b, raw + OFF_ID, sizeof(u->id.b));
	memcpy(u->replica.b, raw + OFF_REPLICA, sizeof(u->replica.b));
	u->seed = get_le64(u->id.b);
	return 0;
}

static int clear_record(struct undo_file *u, uint64_t block, struct error *err)
{
	static const uint8_t none[RECORD_LEN];

	return io_pwrite(u->fd, none, sizeof(none), record_at(block), err);
}

/* Does the entry of a batch that was not settled count? */
static int is_whole(const struct undo_file *u, uint64_t block, const struct record *rec, uint8_t *buf, bool *out,
		    struct error *err)
{
	*out = rec->zero; /* the record is all there is of it, and is intact */
	if (rec->zero)
		return 0;
	if (read_padded(u->fd, buf, undo_file_block_len(u, block), content_at(block), err) < 0)
		return -1;
	*out = rec->sum == content_sum(u, block, buf);
	return 0;
}

/* Clears what does not count; *last: the last batch of what does. */
static int clear_unfinished(struct undo_file *u, uint32_t *last, struct error *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(UNDO_BLOCK);
	uint64_t block;

	if (!buf)
		return error_errno(err, ENOMEM, "undo");
	for (int rc = undo_file_next(u, 0, &block, err);; rc = undo_file_next(u, block + 1, &block, err)) {
		struct record rec;
		bool whole = false;

		if (rc < 0)
			return -1;
		if (block == UINT64_MAX)
			return 0;
		if (read_raw(u, block, &rec, err) < 0)
			return -1;
		if (rec.kind == RECORD_INTACT && rec.batch <= u->mark.settled)
			continue;
		if (rec.kind == RECORD_INTACT && is_whole(u, block, &rec, buf, &whole, err) < 0)
			return -1;
		if (!whole && clear_record(u, block, err) < 0)
			return -1;
		u->entries += whole;
		*last = whole && rec.batch > *last ? rec.batch : *last;
	}
}

/* After a crash: entries whose sync never ended go, durably, before a mark calls the others settled. */
static int recover(struct undo_file *u, struct error *err)
{
	uint32_t last = u->mark.settled;
	uint64_t settled;

	if (count_settled(u, u->mark.settled, &settled, err) < 0)
		return -1;
	if (settled != u->mark.entries)
		return error_set(err, ERR_CORRUPT, "undo: %" PRIu64 " records are there of %" PRIu64, settled,
				 u->mark.entries);
	if (clear_unfinished(u, &last, err) < 0)
		return -1;
	u->batch = last + 1;
	return sync_file(u, err) < 0 || write_mark(u, last, true, err) < 0 ? -1 : sync_file(u, err);
}

struct undo_file *undo_file_open(int dirfd, const char *name, bool writable, struct error *err)
{
	CLEANUP(cleanup_undo_file) struct undo_file *u = calloc(1, sizeof(*u));
	uint8_t raw[HEADER_LEN];

	if (!u) {
		error_errno(err, ENOMEM, "%s", name);
		return NULL;
	}
	u->fd = openat(dirfd, name, (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (u->fd < 0) {
		error_errno(err, errno, "%s", name);
		return NULL;
	}
	if (read_padded(u->fd, raw, sizeof(raw), 0, err) < 0 || decode_header(u, raw, err) < 0 ||
	    read_mark(u, &u->mark, err) < 0) {
		error_prefix(err, "%s", name);
		return NULL;
	}
	u->batch = u->mark.settled + 1;
	u->covers = u->mark.covers;
	u->entries = u->mark.entries;
	if (writable && !u->mark.closed && recover(u, err) < 0) {
		error_prefix(err, "%s", name);
		return NULL;
	}
	return steal_ptr(&u);
}

void undo_file_close(struct undo_file *u)
{
	if (!u)
		return;
	if (u->fd >= 0)
		close(u->fd);
	free(u);
}

uint64_t undo_file_size(const struct undo_file *u)
{
	return u->size;
}

uint64_t undo_file_order(const struct undo_file *u)
{
	return u->order;
}

uint64_t undo_file_previous(const struct undo_file *u)
{
	return u->previous;
}

uint64_t undo_file_covers(const struct undo_file *u)
{
	return u->covers;
}

void undo_file_cover(struct undo_file *u, uint64_t order)
{
	u->covers = order;
}

const struct guid *undo_file_id(const struct undo_file *u)
{
	return &u->id;
}

const struct guid *undo_file_replica(const struct undo_file *u)
{
	return &u->replica;
}

/* ---- reading ---- */

int undo_file_has(const struct undo_file *u, uint64_t block, enum undo_entry *out, struct error *err)
{
	struct record rec;

	if (read_record(u, block, &rec, err) < 0)
		return -1;
	*out = rec.kind == RECORD_NONE ? UNDO_NONE : rec.zero ? UNDO_ZERO : UNDO_DATA;
	return 0;
}

int undo_file_read(const struct undo_file *u, uint64_t block, uint8_t *buf, enum undo_entry *out, struct error *err)
{
	struct record rec;
	struct mark m;
	bool whole;

	*out = UNDO_NONE;
	if (read_record(u, block, &rec, err) < 0)
		return -1;
	if (rec.kind == RECORD_NONE)
		return 0;
	if (is_whole(u, block, &rec, buf, &whole, err) < 0)
		return -1;
	if (whole) {
		*out = rec.zero ? UNDO_ZERO : UNDO_DATA;
		return 0;
	}
	if (read_mark(u, &m, err) < 0)
		return -1;
	return rec.batch > m.settled ? 0 : error_set(err, ERR_CORRUPT, "undo: block %" PRIu64 " is damaged", block);
}

int undo_file_next(const struct undo_file *u, uint64_t from, uint64_t *block_out, struct error *err)
{
	uint8_t page[PAGE];

	*block_out = UINT64_MAX;
	if (from > u->size / UNDO_BLOCK)
		return 0;
	for (uint64_t g = next_group(u, from / GROUP_BLOCKS); g != UINT64_MAX; g = next_group(u, g + 1)) {
		uint64_t first = g * GROUP_BLOCKS;

		if (read_padded(u->fd, page, sizeof(page), record_at(first), err) < 0)
			return -1;
		for (uint64_t b = from > first ? from : first; b < first + GROUP_BLOCKS; b++) {
			if (undo_file_block_len(u, b) == 0)
				return 0;
			if (!io_is_zero(page + (b - first) * RECORD_LEN, RECORD_LEN)) {
				*block_out = b;
				return 0;
			}
		}
	}
	return 0;
}

/* ---- writing ---- */

int undo_file_add(struct undo_file *u, uint64_t block, const uint8_t *content, struct error *err)
{
	size_t len = undo_file_block_len(u, block);
	struct record rec = { .batch = u->batch, .zero = io_is_zero(content, len) };
	uint8_t raw[RECORD_LEN];

	if (len == 0 || u->batch > BATCH_MAX)
		return error_set(err, len ? ERR_UNSUPPORTED : ERR_BUG, "undo: block %" PRIu64 ", batch %" PRIu32, block,
				 u->batch);
	if (u->failed)
		return sync_file(u, err);
	/* Durably not closed, before there is anything that is not settled. */
	if (u->mark.closed && (write_mark(u, u->mark.settled, false, err) < 0 || sync_file(u, err) < 0))
		return -1;
	if (!rec.zero) {
		rec.sum = content_sum(u, block, content);
		if (io_pwrite(u->fd, content, len, content_at(block), err) < 0)
			return error_prefix(err, "undo");
	}
	record_encode(u, block, &rec, raw);
	u->pending = true;
	if (io_pwrite(u->fd, raw, sizeof(raw), record_at(block), err) < 0)
		return error_prefix(err, "undo");
	u->added++;
	return 0;
}

int undo_file_sync(struct undo_file *u, struct error *err)
{
	if (!u->pending)
		return 0;
	if (write_mark(u, u->batch - 1, false, err) < 0 || sync_file(u, err) < 0)
		return -1;
	u->pending = false;
	u->entries += u->added;
	u->added = 0;
	u->batch++;
	return 0;
}

int undo_file_settle(struct undo_file *u, struct error *err)
{
	if (undo_file_sync(u, err) < 0)
		return -1;
	if (u->mark.closed && u->mark.covers == u->covers)
		return 0;
	return write_mark(u, u->batch - 1, true, err) < 0 ? -1 : sync_file(u, err);
}
