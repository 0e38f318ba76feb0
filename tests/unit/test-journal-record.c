/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "map/journal_record.h"

static uint8_t rec[JOURNAL_RECORD_MAX];

static int count(void *ctx, const struct journal_record *r, struct error *err)
{
	(void)r;
	(void)err;
	++*(int *)ctx;
	return 0;
}

static void header_comes_back_and_every_flipped_byte_is_noticed_or_clears_the_mark(void **state)
{
	uint8_t head[JOURNAL_HEADER_LEN];
	struct guid id = { { 1, 2, 3 } }, got;
	char born[JOURNAL_TEXT_MAX];
	uint64_t generation;

	(void)state;
	journal_header_encode(&id, 77, head);
	journal_born_encode("here", head + JOURNAL_BORN_OFF);
	assert_int_equal(journal_header_decode(head, sizeof(head), &got, &generation, born, NULL), 0);
	assert_true(guid_equal(&id, &got));
	assert_int_equal(generation, 77);
	assert_string_equal(born, "here");
	for (size_t i = 0; i < sizeof(head); i++) {
		struct error e = ERROR_INIT;
		int rc;

		head[i] ^= 4;
		rc = journal_header_decode(head, sizeof(head), &got, &generation, born, &e);
		if (i < JOURNAL_BORN_OFF) {
			assert_int_equal(rc, -1);
			assert_int_equal(e.code, ERR_CORRUPT);
		} else {
			assert_int_equal(rc, 0);
			assert_string_equal(born, "");
		}
		head[i] ^= 4;
	}
	assert_int_equal(journal_header_decode(head, sizeof(head) - 1, &got, &generation, born, NULL), -1);
}

static void a_newer_format_is_refused_by_its_writer(void **state)
{
	uint8_t head[JOURNAL_HEADER_LEN];
	struct guid id = { { 1 } };
	char born[JOURNAL_TEXT_MAX];
	struct error e = ERROR_INIT;
	uint64_t generation;

	(void)state;
	journal_header_encode(&id, 1, head);
	put_le32(head + 16, 3);
	memset(head + 24, 0, 64);
	memcpy(head + 24, "liftfs 9", 8);
	put_le64(head + 120, hasher_checksum(head, 120, 0));
	assert_int_equal(journal_header_decode(head, sizeof(head), &id, &generation, born, &e), -1);
	assert_error(&e, ERR_REFUSED, "journal: format 3, written by liftfs 9; this program reads up to 1");
}

static void a_record_holds_at_its_place_and_generation_only(void **state)
{
	struct journal_raw raw;
	size_t size;

	(void)state;
	put_le64(rec + JOURNAL_HEAD, 5);
	size = journal_record_seal(rec, JOURNAL_CLAIM, 8, 4096, 8192, 3);
	assert_int_equal(size, 24);
	assert_true(journal_record_open(rec, size, 8192, 3, &raw));
	assert_int_equal(raw.type, JOURNAL_CLAIM);
	assert_int_equal(raw.len, 8);
	assert_int_equal(raw.size, 24);
	assert_int_equal(raw.durable, 4096);
	assert_false(journal_record_open(rec, size, 8200, 3, &raw));
	assert_false(journal_record_open(rec, size, 8192, 4, &raw));
	assert_false(journal_record_open(rec, size - 1, 8192, 3, &raw));
	for (size_t i = 0; i < size; i++) {
		rec[i] ^= 2;
		assert_false(journal_record_open(rec, size, 8192, 3, &raw));
		rec[i] ^= 2;
	}
	journal_record_seal(rec, JOURNAL_CLAIM, 8, UINT64_MAX, 8192, 3);
	assert_true(journal_record_open(rec, size, 8192, 3, &raw));
	assert_int_equal(raw.durable, UINT64_C(0xffffffff) * 8);
}

static void payloads_that_break_the_format_behind_right_checksums(void **state)
{
	static const struct {
		unsigned type;
		size_t len;
		uint32_t at12; /* kind of an ACK */
	} cases[] = {
		{ JOURNAL_DISTRUST, 1, 0 }, { JOURNAL_CLAIM, 7, 0 },  { JOURNAL_CLAIM, 9, 0 },
		{ JOURNAL_INTENT, 8, 0 },   { JOURNAL_ACK, 15, 1 },   { JOURNAL_ACK, 16, 0 },
		{ JOURNAL_ACK, 32, 1 },     { JOURNAL_ACK, 33, 2 },   { JOURNAL_ACK, 64, 2 },
		{ JOURNAL_CLEAN, 39, 0 },   { JOURNAL_CLEAN, 60, 0 }, { JOURNAL_POINT, 0, 0 },
		{ JOURNAL_POINT, 5, 0 },    { JOURNAL_LEASE, 15, 0 }, { JOURNAL_LEASE + 1, 8, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error e = ERROR_INIT;
		struct journal_raw raw;
		char want[64];
		int n = 0;

		memset(rec + JOURNAL_HEAD, 'x', 80);
		put_le32(rec + JOURNAL_HEAD + 8, 1);
		put_le32(rec + JOURNAL_HEAD + 12, cases[i].at12);
		put_le32(rec + JOURNAL_HEAD + 32, 0); /* CLEAN: flags, then the version's length */
		put_le32(rec + JOURNAL_HEAD + 36, 10);
		journal_record_seal(rec, (enum journal_type)cases[i].type, cases[i].len, 0, 4096, 1);
		assert_true(journal_record_open(rec, sizeof(rec), 4096, 1, &raw));
		assert_int_equal(journal_record_replay(&raw, count, &n, &e), -1);
		snprintf(want, sizeof(want), "record of type %u with %zu bytes of payload", cases[i].type,
			 cases[i].len);
		assert_error(&e, ERR_CORRUPT, want);
		assert_int_equal(n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_comes_back_and_every_flipped_byte_is_noticed_or_clears_the_mark),
		cmocka_unit_test(a_newer_format_is_refused_by_its_writer),
		cmocka_unit_test(a_record_holds_at_its_place_and_generation_only),
		cmocka_unit_test(payloads_that_break_the_format_behind_right_checksums),
	};

	return cmocka_run_group_tests_name("journal-record", tests, NULL, NULL);
}
