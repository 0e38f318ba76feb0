/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "guest/ntfs.h"

enum {
	BOOT_LEN = 512,
	BOOT_SECTOR = 11,
	BOOT_PER_CLUSTER = 13,
	BOOT_SECTORS = 40,
	BOOT_MFT = 48,
	BOOT_PER_RECORD = 64,
	BOOT_PER_INDEX = 68,

	RECORD_FIXUPS = 4,
	RECORD_N_FIXUPS = 6,
	RECORD_ATTRIBUTES = 20,
	RECORD_FLAGS = 22,
	RECORD_USED = 24,
	RECORD_BASE = 32,
	RECORD_HEADER = 48,
	RECORD_IN_USE = 1,
	RECORD_FOLDER = 2,
	FIXUP_STRIDE = 512,

	ATTR_LEN = 4,
	ATTR_NON_RESIDENT = 8,
	ATTR_NAME_LEN = 9,
	ATTR_NAME = 10,
	ATTR_FLAGS = 12,
	ATTR_VALUE_LEN = 16,
	ATTR_VALUE = 20,
	ATTR_FIRST_VCN = 16,
	ATTR_RUNS = 32,
	ATTR_SIZE = 48,
	ATTR_VALID = 56,
	ATTR_HEADER = 24,
	ATTR_HEADER_NON_RESIDENT = 64,

	LIST_LEN = 4,
	LIST_NAME_LEN = 6,
	LIST_NAME = 7,
	LIST_VCN = 8,
	LIST_RECORD = 16,
	LIST_HEADER = 26,
	LIST_MAX = 256 << 10, /* what Windows allows */

	FLAG_COMPRESSED = 0x00ff,
	FLAG_ENCRYPTED = 0x4000,
};

/* A count of clusters or, negative, a power of two of bytes; 0 if it is neither. */
static uint64_t record_len(int8_t v, uint32_t cluster)
{
	if (v > 0)
		return (uint64_t)v * cluster;
	return v <= -9 && v >= -16 ? UINT64_C(1) << -v : 0;
}

int ntfs_init(struct ntfs *n, struct volume *v, struct error *err)
{
	uint32_t sector, per_cluster;
	uint64_t record, index;
	uint8_t b[BOOT_LEN];
	int found;

	*n = (struct ntfs){ .v = v };
	if (volume_read(v, b, sizeof(b), 0, err) < 0)
		return -1;
	sector = get_le16(b + BOOT_SECTOR);
	per_cluster = b[BOOT_PER_CLUSTER] > 0x80 ? 1U << (0x100 - b[BOOT_PER_CLUSTER]) % 32 : b[BOOT_PER_CLUSTER];
	if (!is_pow2(sector) || sector < 512 || sector > 4096 || !is_pow2(per_cluster) ||
	    per_cluster > (2U << 20) / sector)
		return error_set(err, ERR_CORRUPT, "boot sector: %u-byte sectors, %u a cluster", sector, per_cluster);
	n->cluster = sector * per_cluster;
	n->clusters = get_le64(b + BOOT_SECTORS) / per_cluster;
	record = record_len((int8_t)b[BOOT_PER_RECORD], n->cluster);
	index = record_len((int8_t)b[BOOT_PER_INDEX], n->cluster);
	if (!is_pow2(record) || record < 512 || record > 65536 || !is_pow2(index) || index < 512 || index > 65536)
		return error_set(err, ERR_CORRUPT,
				 "boot sector: records of %" PRIu64 ", index blocks of %" PRIu64 " bytes", record,
				 index);
	if (n->clusters == 0 || n->clusters > v->size / n->cluster || get_le64(b + BOOT_MFT) >= n->clusters)
		return error_set(err, ERR_CORRUPT, "boot sector: %" PRIu64 " clusters of %" PRIu32 " bytes in %" PRIu64,
				 n->clusters, n->cluster, v->size);
	n->record = (uint32_t)record;
	n->index = (uint32_t)index;
	n->mft_off = get_le64(b + BOOT_MFT) * n->cluster;
	found = ntfs_stream_open(n, NTFS_MFT, NTFS_DATA, "", &n->mft, err);
	if (found == 0)
		error_set(err, ERR_CORRUPT, "MFT: without data");
	if (found <= 0) {
		ntfs_fini(n);
		return -1;
	}
	return 0;
}

void ntfs_fini(struct ntfs *n)
{
	ntfs_stream_fini(&n->mft);
}

int ntfs_unprotect(uint8_t *buf, uint32_t len, const char *magic, struct error *err)
{
	uint32_t at = get_le16(buf + RECORD_FIXUPS), count = get_le16(buf + RECORD_N_FIXUPS);

	if (memcmp(buf, magic, 4) != 0)
		return error_set(err, ERR_CORRUPT, "no '%s'", magic);
	if (count != len / FIXUP_STRIDE + 1 || at % 2 != 0 || !range_ok(at, count * 2, FIXUP_STRIDE - 2))
		return error_set(err, ERR_CORRUPT, "%" PRIu32 " fixups at %" PRIu32, count, at);
	for (uint32_t i = 1; i < count; i++) {
		uint8_t *end = buf + i * FIXUP_STRIDE - 2;

		if (memcmp(end, buf + at, 2) != 0)
			return error_set(err, ERR_CORRUPT, "sector %" PRIu32 " was not written with the others", i - 1);
		memcpy(end, buf + at + i * 2, 2);
	}
	return 0;
}

static uint64_t stream_on_volume(const struct ntfs *n, const struct ntfs_stream *s, uint64_t off)
{
	size_t low = 0, high = s->n_runs;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (s->runs[mid].vcn <= off / n->cluster)
			low = mid;
		else
			high = mid;
	}
	return s->n_runs ? s->runs[low].lcn * n->cluster + (off - s->runs[low].vcn * n->cluster) : 0;
}

int ntfs_record(struct ntfs *n, uint64_t number, uint8_t *buf, struct error *err)
{
	uint64_t off = number * n->record; /* below 2^48 * 2^16 */

	if (n->mft.n_runs == 0 && number == NTFS_MFT) {
		if (volume_read(n->v, buf, n->record, n->mft_off, err) < 0)
			return -1;
	} else if (number > NTFS_REFERENCE_MASK || !range_ok(off, n->record, n->mft.size)) {
		return error_set(err, ERR_CORRUPT, "MFT record %" PRIu64 " of %" PRIu64, number,
				 n->mft.size / n->record);
	} else if (ntfs_stream_read(n, &n->mft, buf, n->record, off, err) < 0) {
		return error_prefix(err, "MFT record %" PRIu64, number);
	}
	if (ntfs_unprotect(buf, n->record, "FILE", err) < 0)
		return error_prefix(err, "MFT record %" PRIu64, number);
	if (!(get_le16(buf + RECORD_FLAGS) & RECORD_IN_USE))
		return error_set(err, ERR_CORRUPT, "MFT record %" PRIu64 ": not in use", number);
	return 0;
}

bool ntfs_record_is_folder(const uint8_t *record)
{
	return get_le16(record + RECORD_FLAGS) & RECORD_FOLDER;
}

static bool is_named(const uint8_t *units, size_t n, const char *name)
{
	if (strlen(name) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (get_le16(units + i * 2) != (unsigned char)name[i])
			return false;
	return true;
}

/* The next attribute behind *at that lies whole in the record; NULL at the end.  *len_out bytes. */
static const uint8_t *next_attribute(const struct ntfs *n, const uint8_t *record, uint32_t *at, uint32_t *len_out)
{
	uint32_t used = get_le32(record + RECORD_USED), len;
	const uint8_t *a = record + *at;

	if (used > n->record)
		used = n->record;
	if (!range_ok(*at, ATTR_HEADER, used) || get_le32(a) == UINT32_MAX)
		return NULL;
	len = get_le32(a + ATTR_LEN);
	if (len < ATTR_HEADER || !range_ok(*at, len, used) || (a[ATTR_NON_RESIDENT] && len < ATTR_HEADER_NON_RESIDENT))
		return NULL;
	*at += len;
	*len_out = len;
	return a;
}

static const uint8_t *find_attribute(const struct ntfs *n, const uint8_t *record, uint32_t type, const char *name,
				     uint64_t vcn, uint32_t *len_out)
{
	uint32_t at = get_le16(record + RECORD_ATTRIBUTES), len;

	for (const uint8_t *a = next_attribute(n, record, &at, &len); a; a = next_attribute(n, record, &at, &len)) {
		uint32_t name_at = get_le16(a + ATTR_NAME);

		if (get_le32(a) != type || !range_ok(name_at, a[ATTR_NAME_LEN] * 2U, len) ||
		    !is_named(a + name_at, a[ATTR_NAME_LEN], name))
			continue;
		if (a[ATTR_NON_RESIDENT] ? get_le64(a + ATTR_FIRST_VCN) != vcn : vcn != 0)
			continue;
		*len_out = len;
		return a;
	}
	return NULL;
}

static int add_run(struct ntfs_stream *s, const struct ntfs_run *run, struct error *err)
{
	struct ntfs_run *runs;
	size_t cap = s->cap ? s->cap * 2 : 16;

	if (s->n_runs == s->cap) {
		if (s->cap >= NTFS_RUNS_MAX)
			return error_set(err, ERR_UNSUPPORTED, "more than %u runs", NTFS_RUNS_MAX);
		runs = reallocarray(s->runs, cap, sizeof(*runs));
		if (!runs)
			return error_errno(err, ENOMEM, "ntfs");
		s->runs = runs;
		s->cap = cap;
	}
	s->runs[s->n_runs++] = *run;
	return 0;
}

static uint64_t get_le(const uint8_t *p, unsigned bytes, bool is_signed)
{
	uint64_t v = is_signed && bytes > 0 && p[bytes - 1] & 0x80 ? UINT64_MAX : 0;

	for (unsigned i = bytes; i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

/* Pairs of a length and a step from the place before, each as wide as a header says; a zero ends them. */
static int add_runs(const struct ntfs *n, const uint8_t *p, size_t len, struct ntfs_stream *s, uint64_t vcn,
		    struct error *err)
{
	uint64_t lcn = 0;

	while (len > 0 && *p != 0) {
		unsigned len_bytes = *p & 15, step_bytes = *p >> 4;
		struct ntfs_run run = { .vcn = vcn, .hole = step_bytes == 0 };

		if (len_bytes == 0 || len_bytes > 8 || step_bytes > 8 || len_bytes + step_bytes + 1U > len)
			return error_set(err, ERR_CORRUPT, "a run with a header %#x", *p);
		run.n = get_le(p + 1, len_bytes, false);
		lcn += get_le(p + 1 + len_bytes, step_bytes, true);
		run.lcn = run.hole ? 0 : lcn;
		if (run.n == 0 || run.n > UINT64_MAX / n->cluster / 2 - vcn ||
		    (!run.hole && !range_ok(lcn, run.n, n->clusters)))
			return error_set(err, ERR_CORRUPT, "a run of %" PRIu64 " clusters at %" PRIu64 " of %" PRIu64,
					 run.n, lcn, n->clusters);
		if (add_run(s, &run, err) < 0)
			return -1;
		vcn += run.n;
		p += 1 + len_bytes + step_bytes;
		len -= 1 + len_bytes + step_bytes;
	}
	return 0;
}

/* One attribute's part of a stream; the one with VCN 0 says how long it is. */
static int take_attribute(struct ntfs *n, const uint8_t *a, uint32_t len, uint64_t record_off, struct ntfs_stream *s,
			  struct error *err)
{
	uint64_t vcn;
	uint32_t at;

	if (!a[ATTR_NON_RESIDENT]) {
		at = get_le16(a + ATTR_VALUE);
		s->size = get_le32(a + ATTR_VALUE_LEN);
		if (s->data || s->n_runs > 0 || !range_ok(at, s->size, len))
			return error_set(err, ERR_CORRUPT, "a value of %" PRIu64 " bytes in an attribute of %" PRIu32,
					 s->size, len);
		s->data = malloc(s->size ? s->size : 1);
		if (!s->data)
			return error_errno(err, ENOMEM, "ntfs");
		memcpy(s->data, a + at, s->size);
		s->valid = s->size;
		s->off = record_off;
		return 0;
	}
	at = get_le16(a + ATTR_RUNS);
	vcn = get_le64(a + ATTR_FIRST_VCN);
	if (vcn == 0) {
		s->size = get_le64(a + ATTR_SIZE);
		s->valid = get_le64(a + ATTR_VALID);
		s->flags = get_le16(a + ATTR_FLAGS);
		s->off = record_off;
	}
	if (s->data || at >= len || vcn != (s->n_runs ? s->runs[s->n_runs - 1].vcn + s->runs[s->n_runs - 1].n : 0))
		return error_set(err, ERR_CORRUPT, "runs from cluster %" PRIu64 " on: there is a gap", vcn);
	if (add_runs(n, a + at, len - at, s, vcn, err) < 0)
		return -1;
	if (vcn == 0 && s->n_runs > 0 && !s->runs[0].hole)
		s->off = s->runs[0].lcn * n->cluster;
	return 0;
}

static uint64_t record_on_volume(const struct ntfs *n, uint64_t number)
{
	return n->mft.n_runs ? stream_on_volume(n, &n->mft, number * n->record) : n->mft_off;
}

/* The parts that a list names, in its order, which is that of their clusters. */
static int take_list(struct ntfs *n, uint64_t number, const uint8_t *list, size_t list_len, uint32_t type,
		     const char *name, struct ntfs_stream *s, struct error *err)
{
	CLEANUP_FREE uint8_t *record = malloc(n->record);
	unsigned pieces = 0;
	uint32_t len;

	if (!record)
		return error_errno(err, ENOMEM, "ntfs");
	for (size_t at = 0; range_ok(at, LIST_HEADER, list_len);) {
		const uint8_t *e = list + at, *a;
		size_t entry = get_le16(e + LIST_LEN);
		uint64_t where = get_le64(e + LIST_RECORD) & NTFS_REFERENCE_MASK;

		if (entry < LIST_HEADER || !range_ok(at, entry, list_len) ||
		    !range_ok(e[LIST_NAME], e[LIST_NAME_LEN] * 2U, entry))
			return error_set(err, ERR_CORRUPT, "attribute list: an entry of %zu bytes", entry);
		at += entry;
		if (get_le32(e) != type || !is_named(e + e[LIST_NAME], e[LIST_NAME_LEN], name))
			continue;
		if (++pieces > NTFS_PIECES_MAX)
			return error_set(err, ERR_UNSUPPORTED, "attribute list: more than %d pieces", NTFS_PIECES_MAX);
		if (ntfs_record(n, where, record, err) < 0)
			return -1;
		if (where != number && (get_le64(record + RECORD_BASE) & NTFS_REFERENCE_MASK) != number)
			return error_set(err, ERR_CORRUPT, "attribute list: record %" PRIu64 " belongs to another file",
					 where);
		a = find_attribute(n, record, type, name, get_le64(e + LIST_VCN), &len);
		if (!a)
			return error_set(err, ERR_CORRUPT, "attribute list: record %" PRIu64 " has no such part",
					 where);
		if (take_attribute(n, a, len, record_on_volume(n, where), s, err) < 0)
			return -1;
	}
	return pieces > 0;
}

/* s may be n->mft itself: it then grows while its own later records are read through it. */
static int open_parts(struct ntfs *n, uint64_t number, uint32_t type, const char *name, struct ntfs_stream *s,
		      struct error *err)
{
	CLEANUP_FREE uint8_t *record = malloc(n->record), *text = NULL;
	CLEANUP(cleanup_ntfs_stream) struct ntfs_stream list = { 0 };
	const uint8_t *a;
	uint32_t len;

	if (!record)
		return error_errno(err, ENOMEM, "ntfs");
	if (ntfs_record(n, number, record, err) < 0)
		return -1;
	a = find_attribute(n, record, NTFS_ATTRIBUTE_LIST, "", 0, &len);
	if (!a) {
		a = find_attribute(n, record, type, name, 0, &len);
		return !a ? 0 : take_attribute(n, a, len, record_on_volume(n, number), s, err) < 0 ? -1 : 1;
	}
	if (take_attribute(n, a, len, record_on_volume(n, number), &list, err) < 0)
		return -1;
	if (list.size > LIST_MAX)
		return error_set(err, ERR_CORRUPT, "attribute list of %" PRIu64 " bytes", list.size);
	text = malloc(list.size ? list.size : 1);
	if (!text)
		return error_errno(err, ENOMEM, "ntfs");
	if (ntfs_stream_read(n, &list, text, list.size, 0, err) < 0)
		return -1;
	return take_list(n, number, text, list.size, type, name, s, err);
}

int ntfs_stream_open(struct ntfs *n, uint64_t number, uint32_t type, const char *name, struct ntfs_stream *out,
		     struct error *err)
{
	int found;

	*out = (struct ntfs_stream){ 0 };
	found = open_parts(n, number, type, name, out, err);
	if (found > 0 && !out->data && out->valid > out->size)
		found = error_set(err, ERR_CORRUPT, "%" PRIu64 " valid bytes of %" PRIu64, out->valid, out->size);
	if (found <= 0)
		ntfs_stream_fini(out);
	return found < 0 ? error_prefix(err, "MFT record %" PRIu64, number) : found;
}

void ntfs_stream_fini(struct ntfs_stream *s)
{
	free(s->data);
	free(s->runs);
	*s = (struct ntfs_stream){ 0 };
}

static const struct ntfs_run *find_run(const struct ntfs_stream *s, uint64_t vcn)
{
	size_t low = 0, high = s->n_runs;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->runs[mid].vcn + s->runs[mid].n <= vcn)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n_runs ? &s->runs[low] : NULL;
}

int ntfs_stream_read(struct ntfs *n, const struct ntfs_stream *s, void *buf, size_t len, uint64_t off,
		     struct error *err)
{
	uint8_t *p = buf;

	if (!range_ok(off, len, s->size))
		return error_set(err, ERR_CORRUPT, "%zu bytes at byte %" PRIu64 " of %" PRIu64, len, off, s->size);
	if (s->data) {
		memcpy(buf, s->data + off, len);
		return 0;
	}
	if (s->flags & (FLAG_COMPRESSED | FLAG_ENCRYPTED))
		return error_set(err, ERR_UNSUPPORTED, "%s by NTFS",
				 s->flags & FLAG_ENCRYPTED ? "encrypted" : "compressed");
	while (len > 0) {
		const struct ntfs_run *run = find_run(s, off / n->cluster);
		uint64_t within, left;
		size_t part;

		if (!run)
			return error_set(err, ERR_CORRUPT, "no run for byte %" PRIu64 " of %" PRIu64, off, s->size);
		within = off - run->vcn * n->cluster;
		left = run->n * n->cluster - within;
		if (off < s->valid && left > s->valid - off)
			left = s->valid - off;
		part = len < left ? len : (size_t)left;
		if (run->hole || off >= s->valid) {
			if (look_budget_take(n->v->budget, part, err) < 0)
				return -1;
			memset(p, 0, part);
		} else if (volume_read(n->v, p, part, run->lcn * n->cluster + within, err) < 0) {
			return -1;
		}
		p += part;
		off += part;
		len -= part;
	}
	return 0;
}
