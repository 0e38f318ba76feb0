/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replicate/replica_disk.h"
#include "support/replica_rig.h"

#define MIB (UINT64_C(1) << 20)
#define SIZE (10 * MIB + 700)

struct fixture {
	struct model_disk *m;
	struct replica_rig *r;
};

static void set_vsize(struct fixture *f, const char *vsize)
{
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };
	CLEANUP(cleanup_target_meta) struct target_meta meta = { 0 };
	char version[TARGET_VERSION_LEN];

	if (vsize)
		assert_int_equal(target_meta_set(&meta, "vsize", vsize, NULL), 0);
	assert_int_equal(replica_look(f->r->replica, &look, NULL), 0);
	assert_int_equal(replica_set_meta(f->r->replica, look.version, &meta, version, NULL), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->m = model_disk_new(SIZE);
	model_disk_fill(f->m, MIB, 6 * MIB, 1);
	f->r = replica_rig_new(SIZE, BLOCK_SIZE_MIN, 1);
	f->r->pass.source = f->m->disk;
	assert_int_equal(serial_run(&f->r->pass, NULL), 0);
	set_vsize(f, "10486460");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	replica_rig_free(f->r);
	model_disk_free(f->m);
	free(f);
	return 0;
}

static struct disk *open_disk(struct fixture *f, struct error *err)
{
	struct replica *r = target_replica(f->r->target, RIG_NAME, NULL);

	assert_non_null(r);
	return replica_disk_open(r, err);
}

static void a_replica_reads_as_its_source(void **state)
{
	struct fixture *f = *state;
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = open_disk(f, NULL);
	uint8_t *buf = malloc(SIZE);

	assert_non_null(d);
	assert_int_equal(disk_size(d), SIZE);
	assert_string_equal(disk_chain_info(d, 0)->format, "replica");
	mem_records_clear(f->r->service);
	assert_int_equal(disk_read(d, buf, SIZE, 0, NULL), 0);
	assert_memory_equal(buf, f->m->bytes, SIZE);
	assert_int_equal(mem_records_count(f->r->service, MEM_READ), 3); /* at most 4 MiB each */
	assert_int_equal(disk_read(d, buf, 1000, 5 * MIB + 3, NULL), 0);
	assert_memory_equal(buf, f->m->bytes + 5 * MIB + 3, 1000);
	assert_int_equal(disk_extents(d, SIZE - 100, 100, true, &list, NULL), 0);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.v[0].off, 100);
	assert_int_equal(list.v[0].kind, EXTENT_ZERO);
	assert_int_equal(list.v[1].off, MIB);
	assert_int_equal(list.v[1].len, 6 * MIB);
	assert_int_equal(list.v[1].kind, EXTENT_DATA);
	assert_int_equal(list.v[2].off + list.v[2].len, SIZE);
	free(buf);
}

static void without_metadata_the_footer_gives_the_size(void **state)
{
	struct fixture *f = *state;
	struct disk *d;

	set_vsize(f, NULL);
	d = open_disk(f, NULL);
	assert_int_equal(disk_size(d), 11 * MIB);
	disk_close(d);
}

static void a_replica_that_changes_underneath_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	CLEANUP(cleanup_disk) struct disk *d = open_disk(f, NULL);
	struct error e = ERROR_INIT;
	uint8_t buf[512];

	assert_int_equal(disk_read(d, buf, 512, 0, NULL), 0);
	set_vsize(f, "1");
	assert_int_equal(disk_read(d, buf, 512, 0, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(e.detail, TARGET_REFUSED_VERSION);
}

static void assert_refused(struct fixture *f, enum error_code code, const char *message)
{
	struct error e = ERROR_INIT;

	assert_null(open_disk(f, &e));
	assert_error(&e, code, message);
}

static void a_size_that_cannot_be_is_refused(void **state)
{
	struct fixture *f = *state;

	set_vsize(f, "11534337");
	assert_refused(f, ERR_CORRUPT, RIG_NAME ": metadata: virtual size '11534337' in a disk of 11534336 bytes");
	set_vsize(f, "many");
	assert_refused(f, ERR_CORRUPT, RIG_NAME ": metadata: virtual size 'many' in a disk of 11534336 bytes");
}

static void a_replica_without_a_good_footer_is_refused(void **state)
{
	struct fixture *f = *state;
	struct error e = ERROR_INIT;
	uint8_t zeros[512] = { 0 };

	assert_int_equal(replica_lease(f->r->replica, TARGET_LEASE_BREAK, NULL, NULL), 0);
	assert_true(mem_foreign_write(f->r->service, RIG_NAME, zeros, 512, 11 * MIB));
	assert_null(open_disk(f, &e));
	assert_int_equal(e.code, ERR_CORRUPT);
	assert_true(mem_foreign_delete(f->r->service, RIG_NAME));
	e = (struct error)ERROR_INIT;
	assert_null(open_disk(f, &e));
	assert_error(&e, ERR_SYSTEM, RIG_NAME ": No such file or directory");
	assert_int_equal(e.detail, ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_replica_reads_as_its_source),
		TEST(without_metadata_the_footer_gives_the_size),
		TEST(a_replica_that_changes_underneath_is_a_conflict),
		TEST(a_size_that_cannot_be_is_refused),
		TEST(a_replica_without_a_good_footer_is_refused),
	};

	return cmocka_run_group_tests_name("replica-disk", tests, NULL, NULL);
}
