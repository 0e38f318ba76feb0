/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "map/blockmap_file.h"

static struct blockmap_header header;
static uint8_t bytes[BLOCKMAP_HEADER_LEN];

static int fill_header(void **state)
{
	(void)state;
	memset(&header, 0, sizeof(header));
	header.generation = 7;
	header.content_size = UINT64_C(5) << 20;
	header.virtual_size = (UINT64_C(5) << 20) - 512;
	header.block_size = BLOCK_SIZE_MIN;
	header.cycle = 3;
	header.number = UINT64_C(0x123456789abcdef0);
	header.clean = true;
	memset(header.liftfs_id.b, 0xa1, sizeof(header.liftfs_id.b));
	memset(header.lease_id.b, 0xb2, sizeof(header.lease_id.b));
	memset(header.token.b, 0xc3, sizeof(header.token.b));
	memset(header.secret, 0xd4, sizeof(header.secret));
	snprintf(header.version, sizeof(header.version), "\"0x8D4BCC2E4835CD0\"");
	snprintf(header.name, sizeof(header.name), "web01/disk0");
	snprintf(header.source_id, sizeof(header.source_id), "uuid 60 00");
	snprintf(header.source_path, sizeof(header.source_path), "web01/web01.vmdk");
	snprintf(header.born, sizeof(header.born), "machine 12 34");
	snprintf(header.writer, sizeof(header.writer), "liftfs 1.0");
	blockmap_header_encode(&header, 99, bytes);
	return 0;
}

static int decode(const uint8_t *buf, size_t len, struct blockmap_header *out, struct error *err)
{
	struct blockmap_layout l;
	uint64_t sum;

	return blockmap_header_decode(buf, len, out, &l, &sum, err);
}

static void header_comes_back(void **state)
{
	static struct blockmap_header back;
	struct blockmap_layout l;
	uint64_t sum = 0;

	(void)state;
	memset(&back, 0, sizeof(back));
	assert_int_equal(blockmap_header_decode(bytes, sizeof(bytes), &back, &l, &sum, NULL), 0);
	assert_int_equal(sum, 99);
	assert_int_equal(l.blocks, 81);
	assert_int_equal(l.pages, 1);
	assert_int_equal(l.table_len, 4096);
	assert_int_equal(l.data_off, 8192 + 4096);
	assert_int_equal(l.file_size, 8192 + 4096 + 4096);
	assert_int_equal(back.generation, 7);
	assert_int_equal(back.content_size, header.content_size);
	assert_int_equal(back.virtual_size, header.virtual_size);
	assert_int_equal(back.block_size, header.block_size);
	assert_int_equal(back.cycle, 3);
	assert_int_equal(back.number, header.number);
	assert_true(back.clean);
	assert_false(back.fuzzy);
	assert_memory_equal(&back.liftfs_id, &header.liftfs_id, 16);
	assert_memory_equal(&back.lease_id, &header.lease_id, 16);
	assert_memory_equal(&back.token, &header.token, 16);
	assert_memory_equal(back.secret, header.secret, sizeof(back.secret));
	assert_string_equal(back.version, header.version);
	assert_string_equal(back.name, header.name);
	assert_string_equal(back.source_id, header.source_id);
	assert_string_equal(back.source_path, header.source_path);
	assert_string_equal(back.born, header.born);
	assert_string_equal(back.writer, header.writer);
}

static void fields_lie_where_the_man_page_says(void **state)
{
	(void)state;
	assert_memory_equal(bytes, "liftfs block map", 16);
	assert_int_equal(get_le32(bytes + 16), 1);
	assert_int_equal(get_le32(bytes + 20), 8192);
	assert_string_equal((char *)bytes + 24, "liftfs 1.0");
	assert_int_equal(bytes[128], 0xa1);
	assert_int_equal(get_le64(bytes + 144), 7);
	assert_int_equal(get_le64(bytes + 152), 5 << 20);
	assert_int_equal(get_le64(bytes + 160), (5 << 20) - 512);
	assert_int_equal(get_le64(bytes + 168), 65536);
	assert_int_equal(bytes[176], 0xb2);
	assert_int_equal(get_le64(bytes + 192), 3);
	assert_int_equal(get_le64(bytes + 200), header.number);
	assert_int_equal(bytes[208], 0xc3);
	assert_int_equal(get_le32(bytes + 224), 1);
	assert_int_equal(get_le64(bytes + 232), 99);
	assert_int_equal(bytes[256], 0xd4);
	assert_string_equal((char *)bytes + 512, header.version);
	assert_string_equal((char *)bytes + 1024, header.source_id);
	assert_string_equal((char *)bytes + 1536, header.born);
	assert_string_equal((char *)bytes + 2048, header.name);
	assert_string_equal((char *)bytes + 4096, header.source_path);
}

static void every_flipped_byte_of_the_header_is_noticed(void **state)
{
	static struct blockmap_header back;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		struct error e = ERROR_INIT;

		bytes[i] ^= 0x10;
		assert_int_equal(decode(bytes, sizeof(bytes), &back, &e), -1);
		assert_int_equal(e.code, ERR_CORRUPT);
		bytes[i] ^= 0x10;
	}
	for (size_t len = 0; len < sizeof(bytes); len += 61)
		assert_int_equal(decode(bytes, len, &back, NULL), -1);
	assert_int_equal(decode(bytes, sizeof(bytes), &back, NULL), 0);
}

static void seal(uint8_t *b)
{
	put_le64(b + 120, hasher_checksum(b, 120, 0));
	put_le64(b + 8184, hasher_checksum(b, 8184, 0));
}

static void a_newer_format_is_refused_by_its_writer(void **state)
{
	static struct blockmap_header back;
	static uint8_t newer[BLOCKMAP_HEADER_LEN];
	struct error e = ERROR_INIT;

	(void)state;
	memcpy(newer, bytes, sizeof(newer));
	put_le32(newer + 16, 2);
	seal(newer);
	memset(newer + 200, 0xff, 1000); /* whatever the newer one has there */
	assert_int_equal(decode(newer, sizeof(newer), &back, &e), -1);
	assert_error(&e, ERR_REFUSED, "block map: format 2, written by liftfs 1.0; this program reads up to 1");
}

static void hostile_fields_behind_right_checksums(void **state)
{
	static const struct {
		size_t off;
		uint64_t value;
		const char *msg;
	} cases[] = {
		{ 152, 5 << 19, "block map: content of 2621440 bytes: not a multiple of 1M" },
		{ 152, UINT64_C(1) << 62,
		  "block map: content of 4611686018427387904 bytes: more than 2^24 blocks of 65536" },
		{ 152, UINT64_MAX - 0xfffff,
		  "block map: content of 18446744073708503040 bytes: more than 2^24 blocks of 65536" },
		{ 160, 6 << 20, "block map: disk of 6291456 bytes in a content of 5242880" },
		{ 168, 0, "block map: block size 0: not a power of two from 64K to 4M" },
		{ 168, 98304, "block map: block size 98304: not a power of two from 64K to 4M" },
		{ 168, 8 << 20, "block map: block size 8388608: not a power of two from 64K to 4M" },
		{ 224, 4, "block map: flags 0x4: unknown ones among them" },
	};
	static struct blockmap_header back;
	static uint8_t bad[BLOCKMAP_HEADER_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error e = ERROR_INIT;

		memcpy(bad, bytes, sizeof(bad));
		put_le64(bad + cases[i].off, cases[i].value);
		seal(bad);
		assert_int_equal(decode(bad, sizeof(bad), &back, &e), -1);
		assert_error(&e, ERR_CORRUPT, cases[i].msg);
	}
	for (size_t off = 512; off < 6144; off += off < 2048 ? 512 : 2048) {
		struct error e = ERROR_INIT;

		memcpy(bad, bytes, sizeof(bad));
		memset(bad + off, 'x', off < 2048 ? 512 : 2048);
		seal(bad);
		assert_int_equal(decode(bad, sizeof(bad), &back, &e), -1);
		assert_non_null(strstr(e.msg, ": no end within "));
	}
}

static void blocks_of_a_replica(void **state)
{
	(void)state;
	assert_int_equal(blockmap_block_count(0, 65536), 1);
	assert_int_equal(blockmap_block_count(1 << 20, 65536), 17);
	assert_int_equal(blockmap_block_count(5 << 20, 4 << 20), 3);
	assert_int_equal(blockmap_default_block_size(UINT64_C(1) << 40), 64 << 10);
	assert_int_equal(blockmap_default_block_size((UINT64_C(1) << 40) + (1 << 20)), 128 << 10);
	assert_int_equal(blockmap_default_block_size(UINT64_C(64) << 40), 4 << 20);
	assert_int_equal(blockmap_default_block_size(UINT64_MAX), 4 << 20);
}

static void entries_and_their_reserved_values(void **state)
{
	struct block_hash h = { .lo = 5, .hi = 6 }, zero = { 0, 0 }, got = { 0, 0 };
	uint8_t entry[BLOCKMAP_ENTRY_LEN];

	(void)state;
	blockmap_entry_encode(BLOCK_HASHED, &h, entry);
	assert_int_equal(blockmap_entry_decode(entry, &got), BLOCK_HASHED);
	assert_true(block_hash_equal(&got, &h));
	blockmap_entry_encode(BLOCK_ZERO, NULL, entry);
	assert_int_equal(blockmap_entry_decode(entry, NULL), BLOCK_ZERO);
	blockmap_entry_encode(BLOCK_UNKNOWN, NULL, entry);
	assert_int_equal(blockmap_entry_decode(entry, NULL), BLOCK_UNKNOWN);
	blockmap_entry_encode(BLOCK_HASHED, &zero, entry);
	assert_int_equal(blockmap_entry_decode(entry, &got), BLOCK_HASHED);
	assert_int_equal(got.lo, 2);
}

static void every_flipped_byte_of_the_page_table_is_noticed(void **state)
{
	struct blockmap_layout l;
	uint64_t sums[3] = { 0, 1, UINT64_C(0x1122334455667788) }, back[3];
	uint8_t table[4096];
	struct error e = ERROR_INIT;
	uint64_t sum;

	(void)state;
	assert_int_equal(blockmap_layout_init(&l, UINT64_C(40) << 20, 0, BLOCK_SIZE_MIN, NULL), 0);
	assert_int_equal(l.pages, 3);
	sum = blockmap_table_encode(&l, sums, table);
	assert_int_equal(blockmap_table_decode(&l, table, sum, back, NULL), 0);
	assert_memory_equal(back, sums, sizeof(sums));
	for (size_t i = 0; i < sizeof(table); i++) {
		table[i] ^= 1;
		assert_int_equal(blockmap_table_decode(&l, table, sum, back, NULL), -1);
		table[i] ^= 1;
	}
	assert_int_equal(blockmap_table_decode(&l, table, sum + 1, back, &e), -1);
	assert_error(&e, ERR_CORRUPT, "block map: page table: wrong checksum");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_comes_back),
		cmocka_unit_test(fields_lie_where_the_man_page_says),
		cmocka_unit_test(every_flipped_byte_of_the_header_is_noticed),
		cmocka_unit_test(a_newer_format_is_refused_by_its_writer),
		cmocka_unit_test(hostile_fields_behind_right_checksums),
		cmocka_unit_test(blocks_of_a_replica),
		cmocka_unit_test(entries_and_their_reserved_values),
		cmocka_unit_test(every_flipped_byte_of_the_page_table_is_noticed),
	};

	return cmocka_run_group_tests_name("blockmap-file", tests, fill_header, NULL);
}
