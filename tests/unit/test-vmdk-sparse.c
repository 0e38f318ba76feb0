/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "disk/disk.h"
#include "disk/vmdk_sparse.h"
#include "support/vmdk_writer.h"

#define GRAIN ((uint64_t)65536)
#define SECTORS ((uint64_t)10 * 128 + 5) /* ten grains and a bit */
#define DESCRIPTOR                                                      \
	"# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n" \
	"createType=\"monolithicSparse\"\nRW 1285 SPARSE \"old name.vmdk\"\n"

static void begin(struct vmdk_writer *w, uint32_t flags)
{
	vmdk_writer_init(w, SECTORS, 128, VMDK_SPARSE_NEWLINES | flags, DESCRIPTOR);
	vmdk_writer_add_grain(w, 0, 1);
	vmdk_writer_add_grain(w, 1, 1);
	vmdk_writer_add_grain(w, 3, 1);
	vmdk_writer_add_grain(w, 2, 1); /* not in the disk's order */
	vmdk_writer_add_grain(w, 10, 1);
}

static struct disk *open_saved(const struct vmdk_writer *w, const struct scratch_dir *s, struct error *err)
{
	char path[128];

	vmdk_writer_save(w, s, "s.vmdk");
	snprintf(path, sizeof(path), "%s/s.vmdk", s->path);
	return disk_open_path(path, NULL, err);
}

static void assert_grains(struct disk *d, const char *model) /* 'd' pattern, '0' zeros; the first grains of the disk */
{
	static uint8_t want[11 * 65536], got[11 * 65536];
	size_t len = strlen(model) * GRAIN;

	len = len < disk_size(d) ? len : disk_size(d);
	memset(want, 0, sizeof(want));
	for (size_t i = 0; model[i]; i++)
		if (model[i] == 'd')
			pattern_fill(want + i * GRAIN, GRAIN, i * GRAIN, 1);
	for (size_t off = 0; off < len; off += 30011) {
		memset(got, 0xa5, sizeof(got));
		assert_int_equal(disk_read(d, got, len - off, off, NULL), 0);
		assert_memory_equal(got, want + off, len - off);
	}
}

static void grains_are_found_wherever_they_lie(void **state)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct vmdk_writer w;

	begin(&w, 0);
	d = open_saved(&w, *state, NULL);
	assert_non_null(d);
	assert_int_equal(disk_size(d), SECTORS * 512);
	assert_string_equal(disk_chain_info(d, 0)->subformat, "monolithicSparse");
	assert_int_equal(disk_file_count(d), 1); /* the name in an embedded descriptor is not followed */
	assert_grains(d, "dddd000000d");
	assert_int_equal(disk_extents(d, SECTORS * 512, 0, false, &list, NULL), 0);
	assert_int_equal(list.n, 5); /* 0 and 1 are one run; 2; 3; zeros; 10 */
	assert_int_equal(list.v[0].len, 2 * GRAIN);
	assert_int_equal(list.v[0].file_off, 128 * 512);
	assert_int_equal(list.v[1].file_off, 128 * 512 + 3 * GRAIN);
	assert_int_equal(list.v[2].file_off, 128 * 512 + 2 * GRAIN);
	assert_int_equal(list.v[3].kind, EXTENT_ZERO);
	assert_int_equal(list.v[3].len, 6 * GRAIN);
	assert_int_equal(list.v[4].len, 5 * 512);
	vmdk_writer_fini(&w);
}

static void several_tables_and_pages_of_them(void **state)
{
	const uint64_t sectors = UINT64_C(26) * 512 * 128; /* the writer has room for 26 tables: 832 MiB */
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	static uint8_t want[65536], got[65536];
	struct vmdk_writer w;

	vmdk_writer_init(&w, sectors, 128, VMDK_SPARSE_NEWLINES,
			 "version=1\ncreateType=\"monolithicSparse\"\nRW 1703936 SPARSE \"x\"\n");
	for (uint64_t g = 511; g < 26 * 512; g += 512 + 1)
		vmdk_writer_add_grain(&w, g, 1);
	put_le32(w.bytes + VMDK_W_DIR_SECTOR * 512 + 3 * 4, 0); /* no fourth table: its grain is gone */
	d = open_saved(&w, *state, NULL);
	assert_non_null(d);
	for (uint64_t g = 511; g < 26 * 512; g += 512 + 1) {
		pattern_fill(want, GRAIN, g * GRAIN, 1);
		if (g / 512 == 3)
			memset(want, 0, sizeof(want));
		assert_int_equal(disk_read(d, got, GRAIN, g * GRAIN, NULL), 0);
		assert_memory_equal(got, want, GRAIN);
	}
	assert_int_equal(disk_extents(d, sectors * 512, 0, false, &list, NULL), 0);
	assert_int_equal(extent_list_bytes(&list, EXTENT_DATA) % GRAIN, 0);
	assert_int_equal(extent_list_bytes(&list, EXTENT_DATA) + extent_list_bytes(&list, EXTENT_ZERO), sectors * 512);
	vmdk_writer_fini(&w);
}

static void smallest_grains_and_shortest_tables(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	static uint8_t want[4 * 4096], got[4 * 4096];
	struct vmdk_writer w;

	vmdk_writer_init(&w, 32, 8, 0, "version=1\ncreateType=\"monolithicSparse\"\nRW 32 SPARSE \"x\"\n");
	put_le32(w.bytes + 44, 2); /* two entries a table, two tables */
	put_le32(w.bytes + VMDK_W_DIR_SECTOR * 512, VMDK_W_TABLES_SECTOR + 1);
	put_le32(w.bytes + VMDK_W_DIR_SECTOR * 512 + 4, VMDK_W_TABLES_SECTOR);
	vmdk_writer_add_grain(&w, 0, 1); /* by its place in the first table: disk grain 2 */
	vmdk_writer_add_grain(&w, 1, 1); /* disk grain 3 */
	pattern_fill(want + 2 * 4096, 2 * 4096, 0, 1);
	d = open_saved(&w, *state, NULL);
	assert_non_null(d);
	assert_int_equal(disk_read(d, got, sizeof(got), 0, NULL), 0);
	assert_memory_equal(got, want, sizeof(want));
	vmdk_writer_fini(&w);
}

static void headers_are_refused(void **state)
{
	static const struct {
		unsigned off, len;
		uint64_t value;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ 4, 4, 4, ERR_UNSUPPORTED, "sparse header: version 4 (1 to 3)" },
		{ 4, 4, 0, ERR_UNSUPPORTED, "sparse header: version 0 (1 to 3)" },
		{ 8, 4, 0x100001, ERR_UNSUPPORTED, "sparse header: unknown incompatible flags 0x100000" },
		{ 73, 4, 0x0a0a200a, ERR_CORRUPT,
		  "sparse header: the newlines at 73 are changed: the file was copied as text" },
		{ 77, 2, 2, ERR_UNSUPPORTED, "sparse header: compression 2 (0, or 1 deflate)" },
		{ 77, 2, 1, ERR_CORRUPT, "sparse header: compression 1, but flags 0x1" },
		{ 8, 4, 0x10001, ERR_CORRUPT, "sparse header: compression 0, but flags 0x10001" },
		{ 8, 4, 0x20001, ERR_UNSUPPORTED,
		  "sparse header: flags 0x20001: only grains that are compressed and have markers are supported "
		  "(both of 0x30000)" },
		{ 12, 8, 0, ERR_CORRUPT, "sparse header: capacity of 0 sectors" },
		{ 12, 8, UINT64_C(1) << 54, ERR_CORRUPT, "sparse header: capacity of 18014398509481984 sectors" },
		{ 12, 8, 1286, ERR_CORRUPT, "sparse header: 1286 sectors, but the descriptor says 1285" },
		{ 20, 8, 0, ERR_CORRUPT, "sparse header: grain of 0 sectors (a power of two from 8 to 2048)" },
		{ 20, 8, 4, ERR_CORRUPT, "sparse header: grain of 4 sectors (a power of two from 8 to 2048)" },
		{ 20, 8, 100, ERR_CORRUPT, "sparse header: grain of 100 sectors (a power of two from 8 to 2048)" },
		{ 20, 8, 4096, ERR_CORRUPT, "sparse header: grain of 4096 sectors (a power of two from 8 to 2048)" },
		{ 20, 8, UINT64_C(1) << 63, ERR_CORRUPT,
		  "sparse header: grain of 9223372036854775808 sectors (a power of two from 8 to 2048)" },
		{ 28, 8, 0, ERR_UNSUPPORTED, "a sparse extent without a descriptor: open the .vmdk that names it" },
		{ 28, 8, 10000, ERR_CORRUPT,
		  "sparse header: descriptor of 20 sectors at 10000: beyond end of file (768 sectors)" },
		{ 36, 8, UINT64_MAX, ERR_CORRUPT,
		  "sparse header: descriptor of 18446744073709551615 sectors at 1: beyond end of file (768 sectors)" },
		{ 44, 4, 0, ERR_CORRUPT, "sparse header: 0 entries a grain table (a power of two up to 512)" },
		{ 44, 4, 500, ERR_CORRUPT, "sparse header: 500 entries a grain table (a power of two up to 512)" },
		{ 44, 4, 0x80000000, ERR_CORRUPT,
		  "sparse header: 2147483648 entries a grain table (a power of two up to 512)" },
		{ 56, 8, 0, ERR_CORRUPT, "grain directory of 4 bytes at sector 0: beyond end of file (768 sectors)" },
		{ 56, 8, 768, ERR_CORRUPT,
		  "grain directory of 4 bytes at sector 768: beyond end of file (768 sectors)" },
		{ 56, 8, UINT64_C(1) << 55, ERR_CORRUPT,
		  "grain directory of 4 bytes at sector 36028797018963968: beyond end of file (768 sectors)" },
		{ 56, 8, UINT64_MAX, ERR_UNSUPPORTED,
		  "sparse header: flags 0x1: only grains that are compressed and have markers are supported "
		  "(both of 0x30000)" },
		{ 64, 8, 769, ERR_CORRUPT, "sparse header: metadata of 769 sectors: beyond end of file (768 sectors)" },
		{ 64, 8, UINT64_MAX, ERR_CORRUPT,
		  "sparse header: metadata of 18446744073709551615 sectors: beyond end of file (768 sectors)" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;
		struct vmdk_writer w;
		uint8_t le[8];
		char msg[256];

		begin(&w, 0);
		put_le64(le, rows[i].value);
		memcpy(w.bytes + rows[i].off, le, rows[i].len);
		snprintf(msg, sizeof(msg), "s.vmdk: %s", rows[i].msg);
		assert_null(open_saved(&w, *state, &e));
		assert_error(&e, rows[i].code, msg);
		vmdk_writer_fini(&w);
	}
}

static void a_directory_that_covers_more_than_the_file_is_refused(void **state)
{
	struct error e = ERROR_INIT;
	struct vmdk_writer w;

	begin(&w, 0);
	put_le64(w.bytes + 12, UINT64_C(1) << 41); /* a directory of 128 MiB */
	memset(w.bytes + 512, 0, 20 * 512);
	snprintf((char *)w.bytes + 512, 20 * 512,
		 "version=1\ncreateType=\"monolithicSparse\"\nRW 2199023255552 SPARSE \"x\"\n");
	assert_null(open_saved(&w, *state, &e));
	assert_error(&e, ERR_CORRUPT,
		     "s.vmdk: grain directory of 134217728 bytes at sector 21: beyond end of file (768 sectors)");
	vmdk_writer_fini(&w);
}

static void a_short_file_is_no_header(void **state)
{
	struct error e = ERROR_INIT;
	struct vmdk_writer w;

	begin(&w, 0);
	w.len = 100;
	assert_null(open_saved(&w, *state, &e));
	assert_error(&e, ERR_CORRUPT, "s.vmdk: sparse header: the file has only 100 bytes");
	vmdk_writer_fini(&w);
}

static void a_bad_entry_fails_its_grain_and_the_rest_reads(void **state)
{
	static const struct {
		uint32_t value;
		const char *msg;
	} rows[] = {
		{ 768, "s.vmdk: grain 1 at sector 768: beyond end of file (768 sectors)" },
		{ 641, "s.vmdk: grain 1 at sector 641: beyond end of file (768 sectors)" },
		{ 0xffffffff, "s.vmdk: grain 1 at sector 4294967295: beyond end of file (768 sectors)" },
		{ 1, "s.vmdk: grain 1 is marked as zeros, which the header's flags rule out" },
		{ 2, "s.vmdk: grain 1 at sector 2: inside the metadata" },
		{ 127, "s.vmdk: grain 1 at sector 127: inside the metadata" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		struct error e = ERROR_INIT, e2 = ERROR_INIT, e3 = ERROR_INIT;
		static uint8_t buf[4 * 65536], want[65536];
		struct vmdk_writer w;

		begin(&w, 0);
		vmdk_writer_set_entry(&w, 1, rows[i].value);
		d = open_saved(&w, *state, NULL);
		assert_non_null(d);
		assert_int_equal(disk_read(d, buf, 4 * GRAIN, 0, &e), -1);
		assert_error(&e, ERR_CORRUPT, rows[i].msg);
		assert_int_equal(disk_read(d, buf, 1, 2 * GRAIN - 1, &e2), -1);
		assert_error(&e2, ERR_CORRUPT, rows[i].msg);
		assert_int_equal(disk_extents(d, 4 * GRAIN, 0, false, &list, &e3), -1);
		assert_error(&e3, ERR_CORRUPT, rows[i].msg);
		assert_int_equal(extent_list_bytes(&list, EXTENT_DATA), GRAIN);
		assert_int_equal(disk_read(d, buf, GRAIN, 0, NULL), 0);
		pattern_fill(want, GRAIN, 0, 1);
		assert_memory_equal(buf, want, GRAIN);
		assert_int_equal(disk_read(d, buf, GRAIN, 2 * GRAIN, NULL), 0);
		pattern_fill(want, GRAIN, 2 * GRAIN, 1);
		assert_memory_equal(buf, want, GRAIN);
		vmdk_writer_fini(&w);
	}
}

/* A header may say that grains begin right behind the first sector: the tables are still none. */
static void no_grain_lies_where_tables_do(void **state)
{
	static const struct {
		uint32_t value;
		const char *msg;
	} rows[] = {
		{ 2, "s.vmdk: grain 1 at sector 2: inside the metadata" },
		{ 20, "s.vmdk: grain 1 at sector 20: inside the metadata" },
		{ 21, "s.vmdk: grain 1 at sector 21: inside the metadata" },
		{ 22, "s.vmdk: grain 1 at sector 22: inside its own grain table" },
		{ 25, "s.vmdk: grain 1 at sector 25: inside its own grain table" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		struct error e = ERROR_INIT;
		struct vmdk_writer w;
		uint8_t buf[1];

		begin(&w, 0);
		put_le64(w.bytes + 64, 1);
		vmdk_writer_set_entry(&w, 1, rows[i].value);
		d = open_saved(&w, *state, NULL);
		assert_non_null(d);
		assert_int_equal(disk_read(d, buf, 1, GRAIN, &e), -1);
		assert_error(&e, ERR_CORRUPT, rows[i].msg);
		vmdk_writer_fini(&w);
	}
}

static void a_bad_table_fails_what_it_covers(void **state)
{
	static const struct {
		uint32_t value;
		const char *msg;
	} rows[] = {
		{ 768, "s.vmdk: grain table 0 at sector 768: beyond end of file (768 sectors)" },
		{ 765, "s.vmdk: grain table 0 at sector 765: beyond end of file (768 sectors)" },
		{ 0xffffffff, "s.vmdk: grain table 0 at sector 4294967295: beyond end of file (768 sectors)" },
		{ 21, "s.vmdk: grain table 0 at sector 21: inside the metadata" },
		{ 20, "s.vmdk: grain table 0 at sector 20: inside the metadata" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		struct error e = ERROR_INIT;
		struct vmdk_writer w;
		uint8_t buf[1];

		begin(&w, 0);
		put_le32(w.bytes + VMDK_W_DIR_SECTOR * 512, rows[i].value);
		d = open_saved(&w, *state, NULL);
		assert_non_null(d);
		assert_int_equal(disk_read(d, buf, 1, 5 * GRAIN, &e), -1);
		assert_error(&e, ERR_CORRUPT, rows[i].msg);
		vmdk_writer_fini(&w);
	}
}

static void the_last_grain_may_be_cut_to_the_capacity_but_not_below(void **state)
{
	CLEANUP(cleanup_disk) struct disk *cut = NULL, *lost = NULL;
	struct error e = ERROR_INIT;
	struct vmdk_writer w;
	static uint8_t buf[65536];

	begin(&w, 0);
	w.len = w.len - GRAIN + 5 * 512; /* grain 10 was written last, and holds 5 sectors of the disk */
	cut = open_saved(&w, *state, NULL);
	assert_non_null(cut);
	assert_grains(cut, "dddd000000d");
	w.len--;
	lost = open_saved(&w, *state, NULL);
	assert_non_null(lost);
	assert_int_equal(disk_read(lost, buf, 512, 10 * GRAIN, &e), -1);
	assert_error(&e, ERR_CORRUPT, "s.vmdk: grain 10 at sector 640: beyond end of file (644 sectors)");
	assert_int_equal(disk_read(lost, buf, GRAIN, 3 * GRAIN, NULL), 0);
	vmdk_writer_fini(&w);
}

static void entry_1_is_zeros_where_the_flag_allows_it(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct vmdk_writer w;

	begin(&w, VMDK_SPARSE_ZERO_GRAINS);
	put_le32(w.bytes + 4, 2);
	vmdk_writer_set_entry(&w, 1, 1);
	d = open_saved(&w, *state, NULL);
	assert_non_null(d);
	assert_grains(d, "d0dd000000d");
	vmdk_writer_fini(&w);
}

static void the_redundant_directory_is_not_looked_at(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct vmdk_writer w;

	begin(&w, VMDK_SPARSE_REDUNDANT);
	put_le64(w.bytes + 48, 9999999);
	put_le32(w.bytes + 4, 3);
	w.bytes[72] = 1; /* not closed cleanly: readable */
	d = open_saved(&w, *state, NULL);
	assert_non_null(d);
	assert_grains(d, "dddd000000d");
	vmdk_writer_fini(&w);
}

static void two_entries_may_share_a_grain(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	static uint8_t a[65536], b[65536];
	struct vmdk_writer w;

	begin(&w, 0);
	vmdk_writer_set_entry(&w, 7, 128);
	d = open_saved(&w, *state, NULL);
	assert_non_null(d);
	assert_int_equal(disk_read(d, a, GRAIN, 0, NULL), 0);
	assert_int_equal(disk_read(d, b, GRAIN, 7 * GRAIN, NULL), 0);
	assert_memory_equal(a, b, GRAIN);
	vmdk_writer_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grains_are_found_wherever_they_lie),
		cmocka_unit_test(several_tables_and_pages_of_them),
		cmocka_unit_test(smallest_grains_and_shortest_tables),
		cmocka_unit_test(headers_are_refused),
		cmocka_unit_test(a_directory_that_covers_more_than_the_file_is_refused),
		cmocka_unit_test(a_short_file_is_no_header),
		cmocka_unit_test(a_bad_entry_fails_its_grain_and_the_rest_reads),
		cmocka_unit_test(no_grain_lies_where_tables_do),
		cmocka_unit_test(a_bad_table_fails_what_it_covers),
		cmocka_unit_test(the_last_grain_may_be_cut_to_the_capacity_but_not_below),
		cmocka_unit_test(entry_1_is_zeros_where_the_flag_allows_it),
		cmocka_unit_test(the_redundant_directory_is_not_looked_at),
		cmocka_unit_test(two_entries_may_share_a_grain),
	};

	return cmocka_run_group_tests_name("vmdk_sparse", tests, scratch_setup, scratch_teardown);
}
