/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "guest/partitions.h"

/* A disk of which only the sectors that tests write are not zero. */
struct model {
	uint8_t bytes[4 << 20];
	uint64_t bad_from;
};

static int model_read(void *ctx, void *buf, size_t len, uint64_t off, struct error *err)
{
	const struct model *m = ctx;

	if (off + len > m->bad_from)
		return error_set(err, ERR_CORRUPT, "damaged");
	memcpy(buf, m->bytes + off, len);
	return 0;
}

static const struct disk_foreign_ops model_ops = { .format = "model", .read = model_read };

static struct model *model_new(void)
{
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->bad_from = UINT64_MAX;
	return m;
}

static void put_entry(uint8_t *sector, unsigned i, uint8_t type, uint32_t start, uint32_t sectors)
{
	uint8_t *e = sector + 446 + 16 * i;

	e[4] = type;
	put_le32(e + 8, start);
	put_le32(e + 12, sectors);
	put_le16(sector + 510, 0xaa55);
}

/* What libblkid looks for in ext2: magic, a revision, plausible counts. */
static void put_ext2(uint8_t *fs, const char *label)
{
	uint8_t *sb = fs + 1024;

	put_le32(sb + 0, 16);   /* inodes */
	put_le32(sb + 4, 512);  /* blocks */
	put_le32(sb + 20, 1);   /* first data block */
	put_le32(sb + 32, 8192);
	put_le32(sb + 40, 16);
	put_le16(sb + 56, 0xef53);
	put_le32(sb + 76, 1);
	put_le16(sb + 88, 128);
	memcpy(sb + 120, label, strlen(label));
	sb[104] = 1; /* a UUID that is not zero */
}

static void mbr_with_logical_partitions_and_a_file_system(void **state)
{
	CLEANUP_FREE struct model *m = model_new();
	CLEANUP(cleanup_disk) struct disk *d = disk_new_foreign("model", sizeof(m->bytes), &model_ops, m, NULL);
	struct partitions p = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	put_entry(m->bytes, 0, 0x83, 2048, 1024);
	put_entry(m->bytes, 1, 0x05, 4096, 4096);
	put_entry(m->bytes + 4096 * 512, 0, 0x83, 512, 512);
	put_entry(m->bytes + 4096 * 512, 1, 0x05, 2048, 2048);
	put_entry(m->bytes + (4096 + 2048) * 512, 0, 0x07, 512, 512);
	put_ext2(m->bytes + 2048 * 512, "root");
	if (partitions_find(d, &p, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(p.table, "dos");
	assert_int_equal(p.n, 4);
	assert_int_equal(p.v[0].number, 1);
	assert_int_equal(p.v[0].off, 2048 * 512);
	assert_int_equal(p.v[0].len, 1024 * 512);
	assert_string_equal(p.v[0].fs, "ext2");
	assert_string_equal(p.v[0].label, "root");
	assert_string_equal(p.v[1].type, "0x5");
	assert_int_equal(p.v[2].number, 5);
	assert_int_equal(p.v[2].off, (4096 + 512) * 512);
	assert_int_equal(p.v[3].number, 6);
	assert_int_equal(p.v[3].off, (4096 + 2048 + 512) * 512);
	partitions_fini(&p);
}

static void a_list_that_runs_in_a_circle_ends(void **state)
{
	CLEANUP_FREE struct model *m = model_new();
	CLEANUP(cleanup_disk) struct disk *d = disk_new_foreign("model", sizeof(m->bytes), &model_ops, m, NULL);
	struct partitions p = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	put_entry(m->bytes, 0, 0x05, 2048, 4096);
	put_entry(m->bytes + 2048 * 512, 0, 0x83, 16, 16);
	put_entry(m->bytes + 2048 * 512, 1, 0x05, 0, 4096); /* itself */
	assert_int_equal(partitions_find(d, &p, &e), 0);
	partitions_fini(&p);
}

static void a_file_system_without_a_table(void **state)
{
	CLEANUP_FREE struct model *m = model_new();
	CLEANUP(cleanup_disk) struct disk *d = disk_new_foreign("model", sizeof(m->bytes), &model_ops, m, NULL);
	struct partitions p = { 0 }, none = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(partitions_find(d, &none, &e), 0);
	assert_int_equal(none.n, 0);
	partitions_fini(&none);
	put_ext2(m->bytes, "whole");
	assert_int_equal(partitions_find(d, &p, &e), 0);
	assert_string_equal(p.table, "");
	assert_int_equal(p.n, 1);
	assert_int_equal(p.v[0].number, 0);
	assert_string_equal(p.v[0].label, "whole");
	partitions_fini(&p);
}

static void partitions_beyond_the_disk_are_cut_or_left_out(void **state)
{
	CLEANUP_FREE struct model *m = model_new();
	CLEANUP(cleanup_disk) struct disk *d = disk_new_foreign("model", sizeof(m->bytes), &model_ops, m, NULL);
	struct partitions p = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	put_entry(m->bytes, 0, 0x83, 8000, 0xffffffff);
	put_entry(m->bytes, 1, 0x83, 0xfffffff0, 16);
	assert_int_equal(partitions_find(d, &p, &e), 0);
	for (size_t i = 0; i < p.n; i++)
		assert_true(p.v[i].off < sizeof(m->bytes) && p.v[i].len <= sizeof(m->bytes) - p.v[i].off);
	partitions_fini(&p);
}

static void a_disk_that_cannot_be_read_is_an_error(void **state)
{
	CLEANUP_FREE struct model *m = model_new();
	CLEANUP(cleanup_disk) struct disk *d = disk_new_foreign("model", sizeof(m->bytes), &model_ops, m, NULL);
	struct partitions p = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	m->bad_from = 3 << 20;
	assert_int_equal(partitions_find(d, &p, &e), -1);
	assert_int_equal(e.code, ERR_CORRUPT);
	partitions_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mbr_with_logical_partitions_and_a_file_system),
		cmocka_unit_test(a_list_that_runs_in_a_circle_ends),
		cmocka_unit_test(a_file_system_without_a_table),
		cmocka_unit_test(partitions_beyond_the_disk_are_cut_or_left_out),
		cmocka_unit_test(a_disk_that_cannot_be_read_is_an_error),
	};

	return cmocka_run_group_tests_name("partitions", tests, NULL, NULL);
}
