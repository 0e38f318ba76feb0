/* SPDX-License-Identifier: Apache-2.0 */
/* Points with undo files, and their deletion: what is read, and when it is refused. */
#include "unit.h"

#include "../support/dir_fixture.h"
#include "base/io.h"
#include "target/dir_private.h"

#define BLOCK (64 << 10)

static int setup(void **state)
{
	int rc = dir_setup(state);
	struct dir_fixture *f = *state;
	struct dir_place *p = f->target->priv;

	p->clones = false;
	p->undo = true;
	dir_fixture_claim(f, 9);
	return rc;
}

static void write_byte(struct dir_fixture *f, int byte, uint64_t len, uint64_t off)
{
	CLEANUP_FREE uint8_t *buf = malloc(len);

	memset(buf, byte, len);
	assert_int_equal(op_wait(f->r, buf, len, off, NULL), 0);
	dir_fixture_version(f);
}

static void snapshot(struct dir_fixture *f, const char *name)
{
	struct target_meta none = { 0 };
	char id_out[TARGET_POINT_LEN];

	assert_int_equal(replica_snapshot(f->r, f->version, name, &none, id_out, NULL), 0);
}

static uint64_t size_of(struct dir_fixture *f, const char *name)
{
	CLEANUP(cleanup_replica) struct replica *at = replica_at_point(f->r, name, NULL);
	CLEANUP(cleanup_target_look) struct target_look l = dir_fixture_look(at);

	return l.size;
}

static int byte_at(struct dir_fixture *f, const char *name, uint64_t off)
{
	CLEANUP(cleanup_replica) struct replica *at = replica_at_point(f->r, name, NULL);
	uint8_t byte;

	assert_non_null(at);
	assert_int_equal(replica_read(at, &byte, 1, off, NULL, NULL), 0);
	return byte;
}

static void resize(struct dir_fixture *f, uint64_t size)
{
	assert_int_equal(replica_resize(f->r, size, f->version, f->version, NULL), 0);
}

static uint64_t stored(struct dir_fixture *f, const char *name)
{
	char path[512], file[100];
	struct stat st;

	snprintf(file, sizeof(file), ".liftfs/points/" DIR_NAME "/%s/undo", name);
	dir_fixture_file(f, file, path);
	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void lose_lease(struct dir_fixture *f)
{
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RELEASE, &dir_id_a, NULL), 0);
}

static void a_point_of_an_unchanged_disk_costs_nothing_and_a_block_is_saved_once(void **state)
{
	struct dir_fixture *f = *state;

	write_byte(f, 1, 8 * BLOCK, 0);
	snapshot(f, "P1");
	snapshot(f, "P2");
	assert_true(stored(f, "P1") <= 8192);
	for (int i = 2; i < 10; i++)
		write_byte(f, i, 512, BLOCK + 512); /* in one block */
	assert_true(stored(f, "P1") <= 8192);
	assert_true(stored(f, "P2") <= 8192 + BLOCK + 4096);
	assert_int_equal(byte_at(f, "P1", BLOCK + 512), 1);
	assert_int_equal(byte_at(f, "P2", BLOCK + 512), 1);
}

static void a_point_keeps_the_size_it_had_while_the_disk_grows_and_shrinks(void **state)
{
	struct dir_fixture *f = *state;

	write_byte(f, 1, DIR_SIZE, 0);
	snapshot(f, "whole");
	resize(f, DIR_SIZE - 3 * BLOCK - 512);
	snapshot(f, "short");
	resize(f, DIR_SIZE + 5 * BLOCK);
	write_byte(f, 2, 6 * BLOCK, DIR_SIZE - 4 * BLOCK);
	snapshot(f, "long");
	resize(f, DIR_SIZE);
	write_byte(f, 3, DIR_SIZE, 0);

	assert_int_equal(size_of(f, "whole"), DIR_SIZE);
	assert_int_equal(size_of(f, "short"), DIR_SIZE - 3 * BLOCK - 512);
	assert_int_equal(size_of(f, "long"), DIR_SIZE + 5 * BLOCK);
	for (uint64_t at = 0; at < DIR_SIZE; at += 512)
		if (byte_at(f, "whole", at) != 1)
			fail_msg("at %ju", (uintmax_t)at);
	assert_int_equal(byte_at(f, "short", DIR_SIZE - 3 * BLOCK - 1024), 1);
	assert_int_equal(byte_at(f, "long", DIR_SIZE - 4 * BLOCK - 512), 1);
	assert_int_equal(byte_at(f, "long", DIR_SIZE - 4 * BLOCK), 2);
	assert_int_equal(byte_at(f, "long", DIR_SIZE + 3 * BLOCK), 0);
}

static void extents_tell_the_data_of_the_point_and_not_that_of_the_live_file(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_replica) struct replica *at = NULL;
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };

	write_byte(f, 1, BLOCK, 2 * BLOCK);
	snapshot(f, "P");
	assert_int_equal(op_wait(f->r, NULL, BLOCK, 2 * BLOCK, NULL), 0);
	write_byte(f, 1, BLOCK, 5 * BLOCK);
	at = replica_at_point(f->r, "P", NULL);
	assert_int_equal(replica_extents(at, DIR_SIZE, 0, NULL, &list, NULL), 0);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.v[1].kind, EXTENT_DATA);
	assert_int_equal(list.v[1].off, 2 * BLOCK);
	assert_int_equal(list.v[1].len, BLOCK);
	assert_int_equal(list.v[0].kind, EXTENT_ZERO);
	assert_int_equal(list.v[2].kind, EXTENT_ZERO);
}

/* An open handle, as a mount has one. */
static void a_point_that_is_open_reads_on_through_writes_new_points_and_deletions(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_replica) struct replica *at = NULL;
	uint8_t byte;

	write_byte(f, 1, 4 * BLOCK, 0);
	snapshot(f, "P1");
	at = replica_at_point(f->r, "P1", NULL);
	for (int i = 2; i < 6; i++) {
		char name[16];

		assert_int_equal(replica_read(at, &byte, 1, 0, NULL, NULL), 0);
		assert_int_equal(byte, 1);
		write_byte(f, i, 512, 0);
		assert_int_equal(replica_read(at, &byte, 1, 0, NULL, NULL), 0);
		assert_int_equal(byte, 1);
		snprintf(name, sizeof(name), "P%d", i);
		snapshot(f, name);
		write_byte(f, i, 512, (uint64_t)(i - 2) * BLOCK);
	}
	assert_int_equal(replica_delete_point(f->r, "P3", NULL), 0);
	assert_int_equal(replica_delete_point(f->r, "P2", NULL), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(replica_read(at, &byte, 1, (uint64_t)i * BLOCK, NULL, NULL), 0);
		assert_int_equal(byte, 1);
	}
}

/* Called once before the next read of a whole block of the live file; the linker wraps pread. */
static void (*before_live_read)(struct dir_fixture *f);
static struct dir_fixture *reading;

ssize_t __real_pread(int fd, void *buf, size_t n, off_t off);
ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t off);

ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t off)
{
	void (*hook)(struct dir_fixture *f) = before_live_read;
	struct stat live, st;
	char path[512];

	if (!hook || n != BLOCK)
		return __real_pread(fd, buf, n, off);
	dir_fixture_file(reading, DIR_NAME, path);
	if (fstat(fd, &st) == 0 && stat(path, &live) == 0 && st.st_ino == live.st_ino) {
		before_live_read = NULL;
		hook(reading);
	}
	return __real_pread(fd, buf, n, off);
}

static void overwrite(struct dir_fixture *f)
{
	write_byte(f, 2, BLOCK, 0);
}

static void overwrite_after_a_new_point(struct dir_fixture *f)
{
	snapshot(f, "P2");
	write_byte(f, 3, BLOCK, BLOCK);
}

/* A block may be overwritten between the look for an entry and the read of the live file. */
static void a_block_that_is_overwritten_while_it_is_read_reads_as_the_point_had_it(void **state)
{
	struct dir_fixture *f = *state;

	write_byte(f, 1, 2 * BLOCK, 0);
	snapshot(f, "P1");
	reading = f;
	before_live_read = overwrite;
	assert_int_equal(byte_at(f, "P1", 0), 1);
	assert_null(before_live_read);
	before_live_read = overwrite_after_a_new_point;
	assert_int_equal(byte_at(f, "P1", BLOCK), 1);
	assert_null(before_live_read);
	assert_int_equal(byte_at(f, "P2", BLOCK), 1);
}

static void a_deleted_point_is_gone_and_the_others_read_as_before(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };
	static const char *const order[] = { "P2", "P4", "P1" };
	char name[16];

	for (int i = 1; i <= 4; i++) {
		write_byte(f, 10 + i, (uint64_t)i * BLOCK, 0);
		snprintf(name, sizeof(name), "P%d", i);
		snapshot(f, name);
	}
	write_byte(f, 99, 5 * BLOCK, 0);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		assert_int_equal(replica_delete_point(f->r, order[i], NULL), 0);
		assert_int_equal(replica_delete_point(f->r, order[i], NULL), 0); /* it is gone: fine */
		write_byte(f, 100 + (int)i, 2 * BLOCK, BLOCK);
		assert_int_equal(byte_at(f, "P3", 0), 13);
		assert_int_equal(byte_at(f, "P3", 3 * BLOCK - 1), 13);
		assert_int_equal(byte_at(f, "P3", 3 * BLOCK), 0);
		if (i < 2)
			assert_int_equal(byte_at(f, "P1", BLOCK), 0);
	}
	assert_int_equal(replica_points(f->r, &points, NULL), 0);
	assert_int_equal(points.n, 1);
	assert_int_equal(points.v[0].size, DIR_SIZE);
}

static void a_deletion_needs_nobody_to_hold_the_replica(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_replica) struct replica *other = target_replica(f->target, DIR_NAME, NULL);
	struct error e = ERROR_INIT, name = ERROR_INIT;

	snapshot(f, "P");
	assert_int_equal(replica_delete_point(other, "P", &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	assert_int_equal(e.detail, TARGET_REFUSED_LEASE);
	lose_lease(f);
	assert_int_equal(replica_delete_point(other, "P", NULL), 0);
	assert_int_equal(replica_delete_point(other, "../P", &name), -1);
	assert_error(&name, ERR_USAGE, "recovery point '../P': not a name");
}

static void expect_lost(struct dir_fixture *f, const char *point, const char *why)
{
	CLEANUP(cleanup_replica) struct replica *at = NULL;
	struct error e = ERROR_INIT;
	char want[700];

	at = replica_at_point(f->r, point, &e);
	assert_null(at);
	snprintf(want, sizeof(want), "%s/" DIR_NAME "@%s: %s: what it held is not known any more", f->path, point, why);
	assert_error(&e, ERR_CORRUPT, want);
}

static void a_foreign_change_of_the_live_file_is_no_part_of_a_point(void **state)
{
	struct dir_fixture *f = *state;

	snapshot(f, "P");
	write_byte(f, 1, 512, 0);
	lose_lease(f);
	dir_fixture_foreign_write(f);
	expect_lost(f, "P", "the replica was changed by something other than liftfs");
	dir_fixture_claim(f, 20); /* as --adopt goes on */
	write_byte(f, 1, 512, 0);
	snapshot(f, "Q");
	expect_lost(f, "P", "the replica was changed by something other than liftfs");
	assert_int_equal(byte_at(f, "Q", 0), 1);
}

static void another_mode_or_link_of_the_live_file_harms_no_point(void **state)
{
	struct dir_fixture *f = *state;
	char path[512], link_path[512];

	snapshot(f, "P");
	write_byte(f, 1, 512, 0);
	lose_lease(f);
	dir_fixture_file(f, DIR_NAME, path);
	dir_fixture_file(f, "linked", link_path);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(link(path, link_path), 0);
	assert_int_equal(byte_at(f, "P", 0), 0);
	dir_fixture_claim(f, 20);
	assert_int_equal(byte_at(f, "P", 0), 0);
}

static void remove_by_hand(struct dir_fixture *f, const char *point)
{
	static const char *const files[] = { "/undo", "/meta.json", "" };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char below[100], path[512];

		snprintf(below, sizeof(below), ".liftfs/points/" DIR_NAME "/%s%s", point, files[i]);
		dir_fixture_file(f, below, path);
		assert_int_equal(remove(path), 0);
	}
}

static void a_point_removed_by_hand_is_missed_by_those_before_it_alone(void **state)
{
	struct dir_fixture *f = *state;
	char name[16];

	for (int i = 1; i <= 5; i++) {
		write_byte(f, i, 512, 0);
		snprintf(name, sizeof(name), "P%d", i);
		snapshot(f, name);
	}
	write_byte(f, 9, 512, 0);
	lose_lease(f);
	remove_by_hand(f, "P1");
	assert_int_equal(byte_at(f, "P2", 0), 2);
	remove_by_hand(f, "P3");
	expect_lost(f, "P2", "a recovery point after it was removed by something other than liftfs");
	assert_int_equal(byte_at(f, "P4", 0), 4);
	remove_by_hand(f, "P5");
	expect_lost(f, "P4", "a recovery point after it was removed by something other than liftfs");
	dir_fixture_claim(f, 20);
	snapshot(f, "P6");
	expect_lost(f, "P4", "a recovery point after it was removed by something other than liftfs");
	assert_int_equal(byte_at(f, "P6", 0), 9);
}

static void points_of_a_replica_that_was_made_anew_are_not_read_from_it(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP(cleanup_target_meta) struct target_meta meta = { 0 };
	struct guid g = { .b = { 5 } };
	char path[512], id[GUID_TEXT_LEN];

	guid_format(&g, id);
	snapshot(f, "P");
	lose_lease(f);
	dir_fixture_file(f, DIR_NAME, path);
	assert_int_equal(unlink(path), 0);
	expect_lost(f, "P", "the replica is gone");
	assert_int_equal(target_meta_set(&meta, "liftfsid", id, NULL), 0);
	assert_int_equal(replica_create(f->r, DIR_SIZE, 1, &meta, NULL), 0);
	expect_lost(f, "P", "the replica was made anew");
}

/* Until its newest point is whole, what it shares must be saved, whatever the file system can do. */
static void a_replica_with_undo_files_is_written_in_place_where_files_can_be_cloned_too(void **state)
{
	struct dir_fixture *f = *state;
	struct dir_place *p = f->target->priv;

	snapshot(f, "P");
	lose_lease(f);
	p->clones = true; /* which the file system need not be able to: nothing is cloned */
	dir_fixture_claim(f, 20);
	write_byte(f, 1, 512, 0);
	assert_false(dir_of(f->r)->now.in_work);
	assert_int_equal(byte_at(f, "P", 0), 0);
}

/* What cannot be saved is not overwritten. */
static void a_write_whose_old_content_cannot_be_saved_fails_and_changes_nothing(void **state)
{
	struct dir_fixture *f = *state;
	struct error e = ERROR_INIT;
	char path[512], want[700];
	uint8_t byte = 77;
	int fd;

	write_byte(f, 1, 512, 0);
	snapshot(f, "P");
	dir_fixture_file(f, ".liftfs/points/" DIR_NAME "/P/undo", path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "damage", 6, 0), 6);
	close(fd);
	assert_int_equal(op_wait(f->r, f->ones, 512, 0, &e), -1);
	snprintf(want, sizeof(want), "%s/" DIR_NAME "@P: undo: not an undo file, or its header is damaged", f->path);
	assert_error(&e, ERR_CORRUPT, want);
	assert_int_equal(replica_read(f->r, &byte, 1, 0, NULL, NULL), 0);
	assert_int_equal(byte, 1);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_point_of_an_unchanged_disk_costs_nothing_and_a_block_is_saved_once),
		TEST(a_point_keeps_the_size_it_had_while_the_disk_grows_and_shrinks),
		TEST(extents_tell_the_data_of_the_point_and_not_that_of_the_live_file),
		TEST(a_point_that_is_open_reads_on_through_writes_new_points_and_deletions),
		TEST(a_block_that_is_overwritten_while_it_is_read_reads_as_the_point_had_it),
		TEST(a_deleted_point_is_gone_and_the_others_read_as_before),
		TEST(a_deletion_needs_nobody_to_hold_the_replica),
		TEST(a_foreign_change_of_the_live_file_is_no_part_of_a_point),
		TEST(another_mode_or_link_of_the_live_file_harms_no_point),
		TEST(a_point_removed_by_hand_is_missed_by_those_before_it_alone),
		TEST(points_of_a_replica_that_was_made_anew_are_not_read_from_it),
		TEST(a_replica_with_undo_files_is_written_in_place_where_files_can_be_cloned_too),
		TEST(a_write_whose_old_content_cannot_be_saved_fails_and_changes_nothing),
	};

	return cmocka_run_group_tests_name("dir-undo", tests, NULL, NULL);
}
