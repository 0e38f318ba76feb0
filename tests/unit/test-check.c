/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "disk/check.h"
#include "disk/vmdk_sparse.h"
#include "support/cowd_writer.h"
#include "support/stream_writer.h"
#include "support/vmdk_writer.h"

#define GRAIN ((uint64_t)65536)
#define DESCRIPTOR                                                      \
	"# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n" \
	"createType=\"monolithicSparse\"\nRW 1285 SPARSE \"c.vmdk\"\n"

struct findings {
	struct disk_check_finding v[8];
	size_t n;
};

static void take(void *ctx, const struct disk_check_finding *f)
{
	struct findings *all = ctx;

	assert_true(all->n < ARRAY_LEN(all->v));
	all->v[all->n++] = *f;
}

static void check(void **state, const struct vmdk_writer *w, struct findings *all, struct disk_check_result *out)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	char path[128];

	vmdk_writer_save(w, s, "c.vmdk");
	snprintf(path, sizeof(path), "%s/c.vmdk", s->path);
	d = disk_open_path(path, NULL, NULL);
	assert_non_null(d);
	assert_int_equal(disk_check(d, NULL, take, all, out, NULL), 0);
}

static void a_sound_disk_has_no_findings(void **state)
{
	struct disk_check_result out;
	struct findings all = { 0 };
	struct vmdk_writer w;

	vmdk_writer_init(&w, 1285, 128, VMDK_SPARSE_NEWLINES, DESCRIPTOR);
	vmdk_writer_add_grain(&w, 3, 1);
	vmdk_writer_add_grain(&w, 1, 1);
	check(state, &w, &all, &out);
	assert_int_equal(all.n, 0);
	assert_int_equal(out.data, 2 * GRAIN);
	assert_int_equal(out.data + out.zero, 1285 * 512);
	assert_int_equal(out.damaged, 0);
	assert_false(out.ended_early || out.sharing_partly);
	vmdk_writer_fini(&w);
}

static void damage_is_exactly_what_cannot_be_read(void **state)
{
	struct disk_check_result out;
	struct findings all = { 0 };
	struct vmdk_writer w;

	vmdk_writer_init(&w, 1285, 128, VMDK_SPARSE_NEWLINES, DESCRIPTOR);
	vmdk_writer_add_grain(&w, 0, 1);
	vmdk_writer_set_entry(&w, 2, 0x7fffffff);
	vmdk_writer_set_entry(&w, 3, 0x7ffffff0);
	vmdk_writer_add_grain(&w, 4, 1);
	vmdk_writer_set_entry(&w, 10, 1); /* five sectors of the disk */
	check(state, &w, &all, &out);
	assert_int_equal(all.n, 2);
	assert_int_equal(all.v[0].kind, DISK_CHECK_DAMAGED);
	assert_int_equal(all.v[0].off, 2 * GRAIN);
	assert_int_equal(all.v[0].len, 2 * GRAIN);
	assert_string_equal(all.v[0].msg,
			    "c.vmdk: grain 2 at sector 2147483647: beyond end of file (384 sectors)");
	assert_int_equal(all.v[1].off, 10 * GRAIN);
	assert_int_equal(all.v[1].len, 5 * 512);
	assert_int_equal(out.damaged, 2 * GRAIN + 5 * 512);
	assert_int_equal(out.data, 2 * GRAIN);
	assert_int_equal(out.data + out.zero + out.damaged, 1285 * 512);
	vmdk_writer_fini(&w);
}

/* Two grains of one sector in a table of many. */
static void a_single_sector_can_be_damaged(void **state)
{
	static const char text[] = "version=1\nCID=1\nparentCID=ffffffff\ncreateType=\"vmfsSparse\"\n"
				   "RW 100 VMFSSPARSE \"c-delta.vmdk\"\n";
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct disk_check_result out;
	struct findings all = { 0 };
	struct cowd_writer w;
	char path[128];

	cowd_writer_init(&w, 100, 1);
	cowd_writer_add_grain(&w, 2, 1);
	cowd_writer_set_entry(&w, 3, 0x7fffffff);
	cowd_writer_add_grain(&w, 4, 1);
	cowd_writer_save(&w, s, "c-delta.vmdk");
	cowd_writer_fini(&w);
	scratch_write(s, "c.vmdk", text, strlen(text));
	snprintf(path, sizeof(path), "%s/c.vmdk", s->path);
	d = disk_open_path(path, NULL, NULL);
	assert_non_null(d);
	assert_int_equal(disk_check(d, NULL, take, &all, &out, NULL), 0);
	assert_int_equal(all.n, 1);
	assert_int_equal(all.v[0].off, 3 * 512);
	assert_int_equal(all.v[0].len, 512);
	assert_int_equal(out.data, 2 * 512);
}

/* Of small compressed grains one is bad; the read of several together is not the damage. */
static void a_single_compressed_grain_can_be_damaged(void **state)
{
	const struct stream_layout layout = { .sectors = 64, .grain_sectors = 8, .footer = true };
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct disk_check_result out;
	struct findings all = { 0 };
	struct stream_writer w;
	char path[128];

	stream_writer_init(&w, &layout);
	for (uint32_t g = 0; g < 8; g++)
		stream_writer_grain(&w, g, 6, 1);
	stream_writer_end(&w);
	w.bytes[stream_writer_marker_off(&w, 5) + 40] ^= 0xff;
	stream_writer_save(&w, s, "c.vmdk");
	stream_writer_fini(&w);
	snprintf(path, sizeof(path), "%s/c.vmdk", s->path);
	d = disk_open_path(path, NULL, NULL);
	assert_non_null(d);
	assert_int_equal(disk_check(d, NULL, take, &all, &out, NULL), 0);
	assert_int_equal(all.n, 1);
	assert_int_equal(all.v[0].off, 5 * 4096);
	assert_int_equal(all.v[0].len, 4096);
	assert_int_equal(out.data, 7 * 4096);
}

/* A directory without one good entry: the walk of it ends, and says so. */
static void much_damage_ends_the_walk(void **state)
{
	static const char text[] = "version=1\nCID=1\nparentCID=ffffffff\ncreateType=\"monolithicSparse\"\n"
				   "RW 16777216 SPARSE \"c.vmdk\"\n";
	struct disk_check_result out;
	struct findings all = { 0 };
	struct vmdk_writer w;

	vmdk_writer_init(&w, 16777216, 2048, VMDK_SPARSE_NEWLINES, text);
	for (size_t i = 0; i < 16; i++)
		put_le32(w.bytes + VMDK_W_DIR_SECTOR * 512 + i * 4, 0x7fffffff);
	check(state, &w, &all, &out);
	assert_true(out.ended_early);
	assert_int_equal(all.n, 1);
	assert_int_equal(all.v[0].len, DISK_CHECK_DAMAGE_MAX);
	assert_int_equal(out.damaged, DISK_CHECK_DAMAGE_MAX);
	vmdk_writer_fini(&w);
}

static void shared_bytes_are_found(void **state)
{
	struct disk_check_result out;
	struct findings all = { 0 };
	struct vmdk_writer w;

	vmdk_writer_init(&w, 1285, 128, VMDK_SPARSE_NEWLINES, DESCRIPTOR);
	vmdk_writer_add_grain(&w, 5, 1);
	vmdk_writer_add_grain(&w, 6, 1);
	vmdk_writer_set_entry(&w, 1, VMDK_W_GRAINS_SECTOR + 64); /* half of either */
	check(state, &w, &all, &out);
	assert_int_equal(all.n, 1);
	assert_int_equal(all.v[0].kind, DISK_CHECK_SHARED);
	assert_int_equal(all.v[0].off, GRAIN);
	assert_int_equal(all.v[0].len, GRAIN);
	assert_string_equal(all.v[0].msg, "c.vmdk: bytes at 98304 stand for the disk's 360448 and for 65536");
	vmdk_writer_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_sound_disk_has_no_findings, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(damage_is_exactly_what_cannot_be_read, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(a_single_sector_can_be_damaged, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(a_single_compressed_grain_can_be_damaged, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(much_damage_ends_the_walk, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(shared_bytes_are_found, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
