/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "guest/fat.h"
#include "guest/look.h"
#include "guest/ntfs.h"
#include "guest/tree.h"

#define SIZE ((size_t)2 << 20)

struct model {
	uint8_t bytes[SIZE];
	uint64_t bad_off, bad_len;
};

static int model_read(void *ctx, void *buf, size_t len, uint64_t off, struct error *err)
{
	const struct model *m = ctx;

	if (off < m->bad_off + m->bad_len && off + len > m->bad_off)
		return error_set(err, ERR_CORRUPT, "grain 7: damaged");
	memcpy(buf, m->bytes + off, len);
	return 0;
}

static const struct disk_foreign_ops model_ops = { .format = "model", .read = model_read };

static struct model *model_new(void)
{
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
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

/* 1 MiB in clusters of 512 bytes, two tables of 8 sectors, a root of 16 entries; data from sector 18 on. */
static void put_fat16(uint8_t *b)
{
	memcpy(b, "\xeb\x3c\x90MSDOS5.0", 11);
	put_le16(b + 11, 512);
	b[13] = 1;
	put_le16(b + 14, 1);
	b[16] = 2;
	put_le16(b + 17, 16);
	put_le16(b + 19, 2048);
	b[21] = 0xf8;
	put_le16(b + 22, 8);
	b[38] = 0x29;
	memcpy(b + 43, "NO NAME    FAT12   ", 19);
	put_le16(b + 510, 0xaa55);
}

static void put_name(uint8_t *entry, const char *name, uint8_t attr, uint16_t cluster, uint32_t size)
{
	memcpy(entry, name, 11);
	entry[11] = attr;
	put_le16(entry + 26, cluster);
	put_le32(entry + 28, size);
}

static const struct finding *find(const struct look *l, enum finding_kind kind)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].kind == kind)
			return &l->v[i];
	return NULL;
}

static void an_empty_disk_shows_nothing_and_is_complete(void **state)
{
	CLEANUP_FREE struct model *m = model_new();
	CLEANUP(cleanup_disk) struct disk *d = disk_new_foreign("model", SIZE, &model_ops, m, NULL);
	CLEANUP(cleanup_look) struct look l = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(look_at_disk(d, NULL, &l, &e), 0);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.v[0].value, "none");
	assert_true(l.complete && !l.facts.encrypted && l.facts.used == 0);
	assert_int_equal(l.facts.firmware, LOOK_FIRMWARE_UNKNOWN);
	assert_true(l.facts.firmware_by == LOOK_NOTHING && l.facts.os_by == LOOK_NOTHING);
}

static void what_cannot_be_read_is_a_finding(void **state)
{
	CLEANUP_FREE struct model *m = model_new();
	CLEANUP(cleanup_disk) struct disk *d = disk_new_foreign("model", SIZE, &model_ops, m, NULL);
	CLEANUP(cleanup_look) struct look l = { 0 };
	const struct finding *f;
	struct error e = ERROR_INIT;

	(void)state;
	m->bad_len = 512;
	assert_int_equal(look_at_disk(d, NULL, &l, &e), 0);
	f = find(&l, FINDING_UNREADABLE);
	assert_non_null(f);
	assert_string_equal(f->value, "grain 7: damaged");
	assert_string_equal(f->where, "partition table");
	assert_false(l.complete);
	assert_false(l.facts.used_whole);
}

static void who_is_stopped_says_so_and_leaves_nothing(void **state)
{
	CLEANUP_FREE struct model *m = model_new();
	CLEANUP(cleanup_disk) struct disk *d = disk_new_foreign("model", SIZE, &model_ops, m, NULL);
	struct look_options opt = { 0 };
	struct error e = ERROR_INIT;
	struct cancel c;
	struct look l;

	(void)state;
	assert_int_equal(cancel_init(&c, NULL), 0);
	cancel_set(&c, CANCEL_GENTLE);
	opt.cancel = &c;
	assert_int_equal(look_at_disk(d, &opt, &l, &e), -1);
	assert_error(&e, ERR_CANCELLED, "stopped");
	assert_true(l.n == 0 && l.v == NULL);
	cancel_fini(&c);
}

static void a_dynamic_disk_is_named_and_not_looked_into(void **state)
{
	CLEANUP_FREE struct model *m = model_new();
	CLEANUP(cleanup_disk) struct disk *d = disk_new_foreign("model", SIZE, &model_ops, m, NULL);
	CLEANUP(cleanup_look) struct look l = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	put_entry(m->bytes, 0, 0x42, 63, 1000);
	assert_int_equal(look_at_disk(d, NULL, &l, &e), 0);
	assert_true(l.facts.dynamic_disk && !l.complete);
	assert_string_equal(l.v[l.facts.dynamic_by].value, "LDM");
	assert_int_equal(l.v[l.facts.dynamic_by].off, 63 * 512);
}

static void boot_code_alone_proves_no_bios(void **state)
{
	CLEANUP_FREE struct model *m = model_new();
	CLEANUP(cleanup_disk) struct disk *d = disk_new_foreign("model", SIZE, &model_ops, m, NULL);
	CLEANUP(cleanup_look) struct look data = { 0 }, system = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	put_entry(m->bytes, 0, 0x07, 63, 1000);
	m->bytes[0] = 0x33;
	assert_int_equal(look_at_disk(d, NULL, &data, &e), 0);
	assert_non_null(find(&data, FINDING_BOOT_CODE));
	assert_int_equal(data.facts.firmware, LOOK_FIRMWARE_UNKNOWN);
	m->bytes[446] = 0x80;
	assert_int_equal(look_at_disk(d, NULL, &system, &e), 0);
	assert_int_equal(system.facts.firmware, LOOK_FIRMWARE_BIOS);
	assert_int_equal(system.v[system.facts.firmware_by].kind, FINDING_BOOT_CODE);
}

static void chains_that_run_in_a_circle_end(void **state)
{
	CLEANUP_FREE struct model *m = model_new();
	CLEANUP(cleanup_disk) struct disk *d = disk_new_foreign("model", SIZE, &model_ops, m, NULL);
	CLEANUP(cleanup_volume) struct volume v = { 0 };
	CLEANUP(cleanup_tree) struct tree t = { 0 };
	struct look_budget budget = { .bytes_left = UINT64_MAX };
	uint8_t *root = m->bytes + 17 * 512, *folder = root + 512, buf[2000];
	struct error e = ERROR_INIT;
	struct tree_node n;

	(void)state;
	put_fat16(m->bytes);
	put_name(root, "EFI        ", 0x10, 2, 0);
	put_name(root + 32, "SHORT   TXT", 0x20, 3, 2000);
	memset(folder, 0xe5, 512); /* deleted entries: the folder has no end */
	m->bytes[512 + 3] = 0x02;  /* table: cluster 2 leads to 2, 3 is the last */
	m->bytes[512 + 4] = 0xf0;
	m->bytes[512 + 5] = 0xff;
	assert_int_equal(volume_init(&v, d, &budget, 0, 1 << 20, &e), 0);
	if (tree_open(&t, &v, "vfat", &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(tree_find(&t, "efi/boot", &n, &e), -1);
	assert_error(&e, ERR_CORRUPT, "a folder of more than 65536 entries");
	e = (struct error)ERROR_INIT;
	assert_int_equal(tree_find(&t, "short.txt", &n, &e), 1);
	assert_int_equal(tree_read(&t, &n, buf, 2000, 0, &e), -1);
	assert_error(&e, ERR_CORRUPT, "a file of 2000 bytes ends after 512");
}

static void pieces_of_ntfs_records_that_do_not_belong_together_are_refused(void **state)
{
	uint8_t b[1024] = "FILE";
	struct error e = ERROR_INIT;

	(void)state;
	put_le16(b + 4, 48);
	put_le16(b + 6, 3);
	put_le16(b + 48, 0x1234);
	put_le16(b + 50, 0xaaaa);
	put_le16(b + 52, 0xbbbb);
	put_le16(b + 510, 0x1234);
	put_le16(b + 1022, 0x1234);
	assert_int_equal(ntfs_unprotect(b, sizeof(b), "FILE", &e), 0);
	assert_int_equal(get_le16(b + 510), 0xaaaa);
	assert_int_equal(get_le16(b + 1022), 0xbbbb);
	put_le16(b + 510, 0x1234);
	put_le16(b + 1022, 0x1233);
	assert_int_equal(ntfs_unprotect(b, sizeof(b), "FILE", &e), -1);
	assert_error(&e, ERR_CORRUPT, "sector 1 was not written with the others");
	e = (struct error)ERROR_INIT;
	put_le16(b + 6, 200);
	assert_int_equal(ntfs_unprotect(b, sizeof(b), "FILE", &e), -1);
	assert_error(&e, ERR_CORRUPT, "200 fixups at 48");
}

static void a_volume_of_pieces_reads_across_them(void **state)
{
	CLEANUP_FREE struct model *m = model_new();
	CLEANUP(cleanup_disk) struct disk *d = disk_new_foreign("model", SIZE, &model_ops, m, NULL);
	CLEANUP(cleanup_volume) struct volume v = { 0 };
	struct look_budget budget = { .bytes_left = 20 };
	struct error e = ERROR_INIT;
	uint8_t buf[8];

	(void)state;
	memcpy(m->bytes + 100, "later", 5);
	memcpy(m->bytes + 50, "first", 5);
	assert_int_equal(volume_init(&v, d, &budget, 50, 5, &e), 0);
	assert_int_equal(volume_add(&v, 100, 5, &e), 0);
	assert_int_equal(volume_read(&v, buf, 8, 1, &e), 0);
	assert_memory_equal(buf, "irstlate", 8);
	assert_int_equal(volume_on_disk(&v, 4), 54);
	assert_int_equal(volume_on_disk(&v, 5), 100);
	assert_int_equal(volume_read(&v, buf, 3, 8, &e), -1);
	assert_error(&e, ERR_CORRUPT, "3 bytes at byte 8: beyond its end (10 bytes)");
	e = (struct error)ERROR_INIT;
	assert_int_equal(volume_add(&v, SIZE - 4, 5, &e), -1);
	assert_error(&e, ERR_CORRUPT, "a piece of 5 bytes at byte 2097148 of the disk: it has 2097152");
	e = (struct error)ERROR_INIT;
	assert_int_equal(volume_read(&v, buf, 8, 0, &e), 0);
	assert_int_equal(volume_read(&v, buf, 8, 0, &e), -1);
	assert_error(&e, ERR_UNSUPPORTED, "as much as may be read of one disk was read");
	assert_true(budget.spent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_disk_shows_nothing_and_is_complete),
		cmocka_unit_test(what_cannot_be_read_is_a_finding),
		cmocka_unit_test(who_is_stopped_says_so_and_leaves_nothing),
		cmocka_unit_test(a_dynamic_disk_is_named_and_not_looked_into),
		cmocka_unit_test(boot_code_alone_proves_no_bios),
		cmocka_unit_test(chains_that_run_in_a_circle_end),
		cmocka_unit_test(pieces_of_ntfs_records_that_do_not_belong_together_are_refused),
		cmocka_unit_test(a_volume_of_pieces_reads_across_them),
	};

	return cmocka_run_group_tests_name("look", tests, NULL, NULL);
}
