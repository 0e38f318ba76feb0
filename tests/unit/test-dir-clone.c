/* SPDX-License-Identifier: Apache-2.0 */
/* Work files, where files can be cloned: tests/integration/dir-reflink.sh names a folder where they can. */
#include "unit.h"

#include <dirent.h>

#include "../support/dir_fixture.h"
#include "target/dir_private.h"

static struct dir_fixture *clones(void **state)
{
	struct dir_fixture *f = *state;
	const struct dir_place *p = f->target->priv;

	if (!p->clones)
		skip();
	return f;
}

static int live_byte(const struct dir_fixture *f)
{
	char path[512];
	uint8_t byte;
	int fd;

	dir_fixture_file(f, DIR_NAME, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, 0), 1);
	close(fd);
	return byte;
}

static unsigned work_files(const struct dir_fixture *f)
{
	const struct dirent *e;
	unsigned n = 0;
	char path[512];
	DIR *dir;

	dir_fixture_file(f, ".liftfs/work/" DIR_NAME, path);
	dir = opendir(path);
	assert_non_null(dir);
	for (e = readdir(dir); e; e = readdir(dir))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void remove_work_files(const struct dir_fixture *f)
{
	char below[600], path[1200];
	const struct dir_replica *d = dir_of(f->r);

	snprintf(below, sizeof(below), ".liftfs/work/" DIR_NAME "/%s", d->now.meta.work);
	snprintf(path, sizeof(path), "%s/%s", f->path, below);
	assert_int_equal(unlink(path), 0);
}

static void reopen(struct dir_fixture *f)
{
	replica_close(f->r);
	f->r = target_replica(f->target, DIR_NAME, NULL);
}

static void the_file_changes_when_a_cycle_is_published_and_not_before(void **state)
{
	struct dir_fixture *f = clones(state);
	CLEANUP(cleanup_replica) struct replica *reader = target_replica(f->target, DIR_NAME, NULL);
	CLEANUP(cleanup_target_look) struct target_look before = dir_fixture_look(reader), after = { 0 };
	uint8_t byte = 9;

	dir_fixture_claim(f, 9);
	assert_int_equal(op_wait(f->r, f->ones, 4096, 0, NULL), 0);
	dir_fixture_version(f);
	assert_int_equal(live_byte(f), 0);
	assert_int_equal(replica_read(reader, &byte, 1, 0, before.version, NULL),
			 0); /* a reader's version holds meanwhile */
	assert_int_equal(byte, 0);
	assert_int_equal(replica_read(f->r, &byte, 1, 0, f->version, NULL), 0);
	assert_int_equal(byte, 1);
	assert_int_equal(replica_publish(f->r, f->version, NULL), 0);
	assert_int_equal(live_byte(f), 1);
	after = dir_fixture_look(reader);
	assert_string_equal(after.version, f->version); /* that of the fence, which a journal has */
	assert_int_equal(work_files(f), 0);
	assert_int_equal(replica_publish(f->r, f->version, NULL), 0); /* once more is no harm */
}

static void an_unpublished_cycle_is_gone_on_from(void **state)
{
	struct dir_fixture *f = clones(state);
	char version[TARGET_VERSION_LEN];
	uint8_t byte;

	dir_fixture_claim(f, 9);
	assert_int_equal(op_wait(f->r, f->ones, 4096, 0, NULL), 0);
	dir_fixture_version(f);
	memcpy(version, f->version, sizeof(version));
	reopen(f);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &dir_id_a, NULL), 0);
	dir_fixture_version(f);
	assert_string_equal(f->version, version);
	dir_fixture_claim(f, 10);
	assert_int_equal(replica_read(f->r, &byte, 1, 0, NULL, NULL), 0);
	assert_int_equal(byte, 1);
	assert_int_equal(live_byte(f), 0);
	assert_int_equal(work_files(f), 1);
}

static void without_its_work_file_the_version_is_that_of_what_was_published(void **state)
{
	struct dir_fixture *f = clones(state);
	struct error e = ERROR_INIT;
	char published[TARGET_VERSION_LEN];

	memcpy(published, f->version, sizeof(published));
	dir_fixture_claim(f, 9);
	assert_int_equal(op_wait(f->r, f->ones, 4096, 0, NULL), 0);
	remove_work_files(f);
	assert_int_equal(op_wait(f->r, f->ones, 4096, 4096, &e), -1);
	assert_int_equal(e.detail, TARGET_REFUSED_VERSION);
	reopen(f);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_RENEW, &dir_id_a, &(struct error){ 0 }), -1);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_ACQUIRE, &dir_id_a, NULL), 0);
	dir_fixture_version(f);
	assert_string_equal(f->version, published);
}

/* It does not know yet that its lease was broken. */
static void a_zombie_writes_into_its_own_file_and_publishes_nothing(void **state)
{
	struct dir_fixture *f = clones(state);
	CLEANUP(cleanup_replica) struct replica *zombie = f->r;
	struct dir_replica *z = dir_of(zombie);
	struct error e = ERROR_INIT;
	uint8_t byte;

	dir_fixture_claim(f, 9);
	f->r = target_replica(f->target, DIR_NAME, NULL);
	assert_int_equal(replica_lease(f->r, TARGET_LEASE_BREAK, NULL, NULL), 0);
	dir_fixture_claim(f, 20);
	assert_int_equal(pwrite(z->data, "zombie", 6, 0), 6); /* past every look */
	assert_int_equal(replica_read(f->r, &byte, 1, 0, NULL, NULL), 0);
	assert_int_equal(byte, 0);
	z->lock = dup(dir_of(f->r)->lock); /* and believes in its lease */
	assert_int_equal(replica_publish(zombie, z->now.version, &e), -1);
	assert_int_equal(e.detail, TARGET_REFUSED_VERSION);
	assert_int_equal(live_byte(f), 0);
}

static void a_foreign_change_of_the_file_during_a_cycle_is_not_overwritten(void **state)
{
	struct dir_fixture *f = clones(state);
	CLEANUP(cleanup_target_look) struct target_look l = { 0 };
	struct error batch = ERROR_INIT, publish = ERROR_INIT;

	dir_fixture_claim(f, 9);
	assert_int_equal(op_wait(f->r, f->ones, 512, 0, NULL), 0);
	dir_fixture_version(f);
	dir_fixture_foreign_write(f);
	assert_int_equal(op_wait(f->r, f->ones, 512, 0, &batch), -1);
	assert_int_equal(batch.detail, TARGET_REFUSED_VERSION);
	assert_int_equal(replica_publish(f->r, f->version, &publish), -1);
	assert_int_equal(publish.detail, TARGET_REFUSED_VERSION);
	assert_int_equal(live_byte(f), 'x');
	l = dir_fixture_look(f->r);
	assert_memory_equal(l.version, "foreign ", 8);
}

static void what_a_person_gave_the_file_stays_with_it(void **state)
{
	struct dir_fixture *f = clones(state);
	char path[512];
	struct stat st;

	dir_fixture_file(f, DIR_NAME, path);
	assert_int_equal(chmod(path, 0640), 0);
	dir_fixture_claim(f, 9);
	assert_int_equal(replica_publish(f->r, f->version, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void a_whole_point_is_deleted_and_nothing_else(void **state)
{
	struct dir_fixture *f = clones(state);
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };
	struct target_meta none = { 0 };
	char id[TARGET_POINT_LEN];

	for (uint64_t i = 0; i < 3; i++) {
		char name[3] = { 'P', (char)('0' + i), '\0' };

		dir_fixture_claim(f, 10 + i);
		assert_int_equal(op_wait(f->r, f->ones, 4096, i * 4096, NULL), 0);
		dir_fixture_version(f);
		assert_int_equal(replica_snapshot(f->r, f->version, name, &none, id, NULL), 0);
	}
	assert_int_equal(replica_delete_point(f->r, "P1", NULL), 0);
	assert_int_equal(replica_delete_point(f->r, "P1", NULL), 0);
	assert_int_equal(replica_points(f->r, &points, NULL), 0);
	assert_int_equal(points.n, 2);
	assert_string_equal(points.v[0].id, "P0");
	assert_string_equal(points.v[1].id, "P2");
	assert_int_equal(live_byte(f), 1);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_setup, dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_file_changes_when_a_cycle_is_published_and_not_before),
		TEST(an_unpublished_cycle_is_gone_on_from),
		TEST(without_its_work_file_the_version_is_that_of_what_was_published),
		TEST(a_zombie_writes_into_its_own_file_and_publishes_nothing),
		TEST(a_foreign_change_of_the_file_during_a_cycle_is_not_overwritten),
		TEST(what_a_person_gave_the_file_stays_with_it),
		TEST(a_whole_point_is_deleted_and_nothing_else),
	};

	return cmocka_run_group_tests_name("dir-clone", tests, NULL, NULL);
}
