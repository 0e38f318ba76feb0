/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "map/journal_record.h"

enum {
	OFF_MAGIC = 0,
	OFF_FORMAT = 16,
	OFF_HEADER_LEN = 20,
	OFF_WRITER = 24,
	OFF_HEAD_SUM = 120,
	OFF_LIFTFS_ID = 128,
	OFF_GENERATION = 144,
	OFF_SUM = JOURNAL_BORN_OFF - 8,
	OFF_BORN_SUM = JOURNAL_BORN_LEN - 8, /* in the second half */
};

enum { REC_TYPE = 0, REC_FLAGS = 1, REC_LEN = 2, REC_DURABLE = 4 };

enum { CLEAN_FUZZY = 1 };

static const char this_writer[64] = "liftfs " PACKAGE_VERSION;
static const uint8_t magic[16] = { 'l', 'i', 'f', 't', 'f', 's', ' ', 'j', 'o', 'u', 'r', 'n', 'a', 'l', 0, 0 };

#define FORMAT 1

void journal_header_encode(const struct guid *liftfs_id, uint64_t generation, uint8_t out[JOURNAL_HEADER_LEN])
{
	memset(out, 0, JOURNAL_HEADER_LEN);
	memcpy(out + OFF_MAGIC, magic, sizeof(magic));
	put_le32(out + OFF_FORMAT, FORMAT);
	put_le32(out + OFF_HEADER_LEN, JOURNAL_HEADER_LEN);
	memcpy(out + OFF_WRITER, this_writer, sizeof(this_writer) - 1);
	put_le64(out + OFF_HEAD_SUM, hasher_checksum(out, OFF_HEAD_SUM, 0));
	memcpy(out + OFF_LIFTFS_ID, liftfs_id->b, sizeof(liftfs_id->b));
	put_le64(out + OFF_GENERATION, generation);
	put_le64(out + OFF_SUM, hasher_checksum(out, OFF_SUM, 0));
	journal_born_encode("", out + JOURNAL_BORN_OFF);
}

void journal_born_encode(const char *born, uint8_t out[JOURNAL_BORN_LEN])
{
	memset(out, 0, JOURNAL_BORN_LEN);
	memcpy(out, born, strnlen(born, JOURNAL_TEXT_MAX - 1));
	put_le64(out + OFF_BORN_SUM, hasher_checksum(out, OFF_BORN_SUM, 0));
}

int journal_header_decode(const uint8_t *buf, size_t len, struct guid *id_out, uint64_t *generation_out,
			  char born_out[JOURNAL_TEXT_MAX], struct error *err)
{
	const uint8_t *born = buf + JOURNAL_BORN_OFF;

	if (len < JOURNAL_HEADER_LEN || memcmp(buf, magic, sizeof(magic)) != 0)
		return error_set(err, ERR_CORRUPT, "journal: no 'liftfs journal' and header of %d bytes at its start",
				 JOURNAL_HEADER_LEN);
	if (get_le64(buf + OFF_HEAD_SUM) != hasher_checksum(buf, OFF_HEAD_SUM, 0))
		return error_set(err, ERR_CORRUPT, "journal: first 128 bytes: wrong checksum");
	if (get_le32(buf + OFF_FORMAT) > FORMAT)
		return error_set(err, ERR_REFUSED,
				 "journal: format %" PRIu32 ", written by %.63s; this program reads up to %d",
				 get_le32(buf + OFF_FORMAT), (const char *)buf + OFF_WRITER, FORMAT);
	if (get_le32(buf + OFF_FORMAT) != FORMAT || get_le32(buf + OFF_HEADER_LEN) != JOURNAL_HEADER_LEN)
		return error_set(err, ERR_CORRUPT, "journal: format %" PRIu32 ", header of %" PRIu32 " bytes",
				 get_le32(buf + OFF_FORMAT), get_le32(buf + OFF_HEADER_LEN));
	if (get_le64(buf + OFF_SUM) != hasher_checksum(buf, OFF_SUM, 0))
		return error_set(err, ERR_CORRUPT, "journal: header: wrong checksum");
	memcpy(id_out->b, buf + OFF_LIFTFS_ID, sizeof(id_out->b));
	*generation_out = get_le64(buf + OFF_GENERATION);
	memset(born_out, 0, JOURNAL_TEXT_MAX);
	if (get_le64(born + OFF_BORN_SUM) == hasher_checksum(born, OFF_BORN_SUM, 0))
		memcpy(born_out, born, JOURNAL_TEXT_MAX - 1);
	return 0;
}

static uint64_t record_seed(uint64_t off, uint64_t generation)
{
	return off + generation * UINT64_C(0x9e3779b97f4a7c15);
}

static size_t padded(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

size_t journal_record_seal(uint8_t *rec, enum journal_type type, size_t len, uint64_t durable, uint64_t off,
			   uint64_t generation)
{
	size_t body = JOURNAL_HEAD + padded(len);

	assert(len <= JOURNAL_PAYLOAD_MAX);
	rec[REC_TYPE] = (uint8_t)type;
	rec[REC_FLAGS] = 0;
	put_le16(rec + REC_LEN, (uint16_t)len);
	put_le32(rec + REC_DURABLE, durable / 8 < UINT32_MAX ? (uint32_t)(durable / 8) : UINT32_MAX);
	memset(rec + JOURNAL_HEAD + len, 0, body - JOURNAL_HEAD - len);
	put_le64(rec + body, hasher_checksum(rec, body, record_seed(off, generation)));
	return body + 8;
}

bool journal_record_open(const uint8_t *buf, size_t len, uint64_t off, uint64_t generation, struct journal_raw *out)
{
	size_t body, payload;

	if (len < JOURNAL_HEAD + 8 || buf[REC_TYPE] == 0 || buf[REC_FLAGS] != 0)
		return false;
	payload = get_le16(buf + REC_LEN);
	body = JOURNAL_HEAD + padded(payload);
	if (len < body + 8 || get_le64(buf + body) != hasher_checksum(buf, body, record_seed(off, generation)))
		return false;
	*out = (struct journal_raw){
		.type = buf[REC_TYPE],
		.payload = buf + JOURNAL_HEAD,
		.len = payload,
		.size = body + 8,
		.durable = (uint64_t)get_le32(buf + REC_DURABLE) * 8,
	};
	return true;
}

static int bad(const struct journal_raw *raw, struct error *err)
{
	return error_set(err, ERR_CORRUPT, "record of type %u with %zu bytes of payload", raw->type, raw->len);
}

/* A text that fills p exactly, its NUL included. */
static bool is_text(const uint8_t *p, size_t len)
{
	return len > 0 && memchr(p, '\0', len) == p + len - 1;
}

static int replay_ack(const struct journal_raw *raw, journal_replay_fn replay, void *ctx, struct error *err)
{
	struct journal_record r = { .type = JOURNAL_ACK };
	const uint8_t *p = raw->payload;
	uint32_t kind;

	if (raw->len < 16)
		return bad(raw, err);
	r.blk = get_le64(p);
	r.count = get_le32(p + 8);
	kind = get_le32(p + 12);
	if (kind == JOURNAL_ACK_ZERO && raw->len == 16) {
		r.zero = true;
		return replay(ctx, &r, err);
	}
	if (kind != JOURNAL_ACK_HASHED || r.count > JOURNAL_HASHES_MAX || raw->len != 16 + r.count * 16)
		return bad(raw, err);
	r.count = 1;
	for (p += 16; p < raw->payload + raw->len; p += 16, r.blk++) {
		r.hash = (struct block_hash){ .lo = get_le64(p), .hi = get_le64(p + 8) };
		if (replay(ctx, &r, err) < 0)
			return -1;
	}
	return 0;
}

static int decode_clean(const struct journal_raw *raw, struct journal_clean *out, struct error *err)
{
	const uint8_t *p = raw->payload;
	uint32_t version_len;

	if (raw->len < JOURNAL_CLEAN_HEAD || get_le32(p + 32) & ~(uint32_t)CLEAN_FUZZY)
		return bad(raw, err);
	version_len = get_le32(p + 36);
	if (version_len > JOURNAL_VERSION_MAX || version_len > raw->len - JOURNAL_CLEAN_HEAD ||
	    !is_text(p + JOURNAL_CLEAN_HEAD, version_len) ||
	    !is_text(p + JOURNAL_CLEAN_HEAD + version_len, raw->len - JOURNAL_CLEAN_HEAD - version_len))
		return bad(raw, err);
	out->cycle = get_le64(p);
	out->number = get_le64(p + 8);
	memcpy(out->token.b, p + 16, sizeof(out->token.b));
	out->fuzzy = get_le32(p + 32) & CLEAN_FUZZY;
	out->version = (const char *)p + JOURNAL_CLEAN_HEAD;
	out->fingerprint = (const char *)p + JOURNAL_CLEAN_HEAD + version_len;
	return 0;
}

int journal_record_replay(const struct journal_raw *raw, journal_replay_fn replay, void *ctx, struct error *err)
{
	struct journal_record r = { .type = (enum journal_type)raw->type };
	const uint8_t *p = raw->payload;

	switch (raw->type) {
	case JOURNAL_DISTRUST:
		if (raw->len != 0)
			return bad(raw, err);
		break;
	case JOURNAL_CLAIM:
		if (raw->len != 8)
			return bad(raw, err);
		r.number = get_le64(p);
		break;
	case JOURNAL_INTENT:
		if (raw->len != 16)
			return bad(raw, err);
		r.blk = get_le64(p);
		r.count = get_le64(p + 8);
		break;
	case JOURNAL_ACK:
		return replay_ack(raw, replay, ctx, err);
	case JOURNAL_CLEAN:
		if (decode_clean(raw, &r.clean, err) < 0)
			return -1;
		break;
	case JOURNAL_POINT:
		if (!is_text(p, raw->len))
			return bad(raw, err);
		r.snapshot = (const char *)p;
		break;
	case JOURNAL_LEASE:
		if (raw->len != sizeof(r.lease_id.b))
			return bad(raw, err);
		memcpy(r.lease_id.b, p, sizeof(r.lease_id.b));
		break;
	default:
		return bad(raw, err);
	}
	return replay(ctx, &r, err);
}
