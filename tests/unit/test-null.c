/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "../support/op_wait.h"

static const struct guid id_a = { .b = { 1 } }, id_b = { .b = { 2 } };

static void it_takes_everything_and_reads_as_zeros(void **state)
{
	CLEANUP(cleanup_target) struct target *t = target_open("null:", NULL, NULL);
	CLEANUP(cleanup_replica) struct replica *r = target_replica(t, "a.vhd", NULL);
	CLEANUP(cleanup_target_look) struct target_look l = { 0 };
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	struct target_meta none = { 0 };
	uint8_t buf[512];
	uint64_t live;

	(void)state;
	assert_int_equal(target_prepare(t, false, NULL, NULL), 0);
	assert_int_equal(replica_create(r, 1 << 20, 5, &none, NULL), 0);
	assert_int_equal(replica_lease(r, TARGET_LEASE_ACQUIRE, &id_a, NULL), 0);
	assert_int_equal(replica_lease(r, TARGET_LEASE_ACQUIRE, &id_b, &(struct error){ 0 }), -1);
	assert_int_equal(replica_look(r, &l, NULL), 0);
	assert_true(l.exists && l.leased);
	assert_int_equal(replica_raise(r, 9, l.version, &live, l.version, NULL), 0);
	assert_int_equal(live, 9);
	memset(buf, 1, sizeof(buf));
	assert_int_equal(op_wait(r, buf, 512, 0, NULL), 0);
	assert_int_equal(replica_read(r, buf, 512, 0, l.version, NULL), 0);
	assert_int_equal(buf[0], 0);
	assert_int_equal(replica_extents(r, 1 << 20, 0, NULL, &list, NULL), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.v[0].kind, EXTENT_ZERO);
	assert_int_equal(replica_counters(r)->bytes_written, 512);
}

static void number_version_and_metadata_outlive_a_handle(void **state)
{
	CLEANUP(cleanup_target) struct target *t = target_open("null:", NULL, NULL);
	CLEANUP(cleanup_target_look) struct target_look l = { 0 };
	CLEANUP(cleanup_target_meta) struct target_meta meta = { 0 };
	struct replica *r = target_replica(t, "a.vhd", NULL);
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(target_meta_set(&meta, "liftfsid", "1", NULL), 0);
	assert_int_equal(replica_create(r, 512, 5, &meta, NULL), 0);
	replica_close(r);
	r = target_replica(t, "a.vhd", NULL);
	assert_int_equal(replica_look(r, &l, NULL), 0);
	assert_int_equal(l.number, 5);
	assert_string_equal(target_meta_get(&l.meta, "liftfsid"), "1");
	assert_int_equal(replica_set_meta(r, "77", &meta, l.version, &e), -1);
	assert_error(&e, ERR_CONFLICT, "a.vhd: version is 1, expected 77");
	assert_int_equal(e.detail, TARGET_REFUSED_VERSION);
	replica_close(r);
}

static void it_keeps_no_points(void **state)
{
	CLEANUP(cleanup_target) struct target *t = target_open("null:", NULL, NULL);
	CLEANUP(cleanup_replica) struct replica *r = target_replica(t, "a.vhd", NULL);
	char id[TARGET_POINT_LEN];
	struct target_meta none = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	assert_false(target_caps(t)->points);
	assert_int_equal(replica_snapshot(r, "1", "P", &none, id, &e), -1);
	assert_int_equal(e.code, ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_takes_everything_and_reads_as_zeros),
		cmocka_unit_test(number_version_and_metadata_outlive_a_handle),
		cmocka_unit_test(it_keeps_no_points),
	};

	return cmocka_run_group_tests_name("null", tests, NULL, NULL);
}
