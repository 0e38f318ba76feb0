/* SPDX-License-Identifier: Apache-2.0 */
/* A map read back from replicas in memory. */
#include "unit.h"

#include <fcntl.h>
#include <string.h>

#include "replicate/cycle_disk.h"
#include "support/op_wait.h"
#include "support/scratch.h"
#include "support/target_fault.h"

#define BLOCK (UINT64_C(64) << 10)
#define CONTENT (UINT64_C(4) << 20)
#define FOOTER 64 /* the footer's block */

struct rig {
	struct scratch_dir *dir;
	struct mem_service *service;
	struct fault *fault;
	struct target *target;
	struct replica *r;
	struct blockmap *map;
	char version[TARGET_VERSION_LEN];
};

static const struct guid ours = { .b = { 1 } };

static int setup(void **state)
{
	static struct rig rig;
	struct blockmap_header h = { .content_size = CONTENT, .virtual_size = CONTENT, .block_size = BLOCK };
	struct target_meta none = { 0 };
	uint64_t live;
	void *dir = NULL;

	assert_int_equal(scratch_setup(&dir), 0);
	rig = (struct rig){ .dir = dir, .service = mem_service_new("rebuild"), .fault = fault_new() };
	rig.target = fault_target_open(rig.fault, mem_target_open(rig.service, NULL, NULL), NULL);
	rig.r = target_replica(rig.target, "a.vhd", NULL);
	memset(h.secret, 5, sizeof(h.secret));
	rig.map = blockmap_create(rig.dir->fd, "map", &h, NULL);
	assert_true(rig.target && rig.r && rig.map);
	assert_int_equal(blockmap_make_writable(rig.map, NULL), 0);
	assert_int_equal(replica_create(rig.r, CONTENT + 512, 5, &none, NULL), 0);
	assert_int_equal(replica_lease(rig.r, TARGET_LEASE_ACQUIRE, &ours, NULL), 0);
	struct target_look l = { 0 };

	assert_int_equal(replica_look(rig.r, &l, NULL), 0);
	assert_int_equal(replica_raise(rig.r, 9, l.version, &live, rig.version, NULL), 0);
	target_look_fini(&l);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	void *dir = rig->dir;

	blockmap_close(rig->map);
	replica_close(rig->r);
	target_close(rig->target);
	fault_free(rig->fault);
	mem_service_free(rig->service);
	return scratch_teardown(&dir);
}

static void fill(struct rig *rig, uint64_t off, size_t len, uint64_t seed)
{
	CLEANUP_FREE uint8_t *buf = malloc(len);

	pattern_fill(buf, len, off, seed);
	assert_int_equal(op_wait(rig->r, buf, len, off, NULL), 0);
}

static void look(struct rig *rig)
{
	struct target_look l = { 0 };

	assert_int_equal(replica_look(rig->r, &l, NULL), 0);
	memcpy(rig->version, l.version, sizeof(rig->version));
	target_look_fini(&l);
}

static void the_map_is_what_the_replica_holds(void **state)
{
	static const uint8_t zeros[1024];
	struct rig *rig = *state;
	CLEANUP_FREE uint8_t *content = malloc(CONTENT + 512);
	struct error e = ERROR_INIT;
	struct hasher hasher;
	uint64_t bytes;

	fill(rig, 0, BLOCK, 1);
	fill(rig, 5 * BLOCK + 512, 1024, 2);     /* a part of a block */
	fill(rig, 9 * BLOCK - 512, 1024, 3);     /* both sides of a border */
	fill(rig, CONTENT, 512, 4);              /* the footer */
	assert_int_equal(op_wait(rig->r, zeros, sizeof(zeros), 20 * BLOCK, NULL), 0); /* data that is zero */
	look(rig);
	/* What was in the map before does not stay. */
	for (uint64_t b = 0; b <= FOOTER; b += 3)
		blockmap_set_hash(rig->map, b, &(struct block_hash){ .lo = 99, .hi = 99 });
	if (replica_rebuild(rig->r, rig->map, rig->version, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	mem_peek(rig->service, "a.vhd", -1, content, CONTENT + 512, 0);
	hasher_init(&hasher, blockmap_header(rig->map)->secret);
	for (uint64_t b = 0; b <= FOOTER; b++) {
		static const bool data[FOOTER + 1] = { [0] = true, [5] = true, [8] = true, [9] = true, [FOOTER] = true };
		struct block_hash want, have;
		enum block_state s = blockmap_get(rig->map, b, &have);

		assert_int_equal(s, data[b] ? BLOCK_HASHED : BLOCK_ZERO);
		hasher_hash(&hasher, content + b * BLOCK, b == FOOTER ? 512 : BLOCK, &want);
		if (data[b])
			assert_true(block_hash_equal(&want, &have));
	}
	assert_int_equal(mem_records_count(rig->service, MEM_READ), 5); /* what lies together in one; and nothing else */
	assert_int_equal(replica_data_bytes(rig->r, CONTENT, &bytes, NULL), 0);
	assert_int_equal(bytes, BLOCK + 1024 * 3);
}

static void a_foreign_write_ends_it(void **state)
{
	struct rig *rig = *state;
	struct error e = ERROR_INIT;

	fill(rig, 0, BLOCK, 1);
	look(rig);
	fill(rig, BLOCK, 512, 1);
	assert_int_equal(replica_rebuild(rig->r, rig->map, rig->version, NULL, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(e.detail, TARGET_REFUSED_VERSION);
	assert_memory_equal(e.msg, "rebuilding the map: ", 20);
}

static void what_could_not_be_read_is_unknown(void **state)
{
	struct rig *rig = *state;
	struct error e = ERROR_INIT;

	for (unsigned i = 0; i < 3; i++)
		fill(rig, 20 * i * BLOCK, BLOCK, 1);
	look(rig);
	fault_add(rig->fault, &(struct fault_rule){ .kinds = MEM_READ, .nth = 3, .action = FAULT_BEFORE });
	assert_int_equal(replica_rebuild(rig->r, rig->map, rig->version, NULL, &e), -1);
	assert_error(&e, ERR_NETWORK, "rebuilding the map: injected fault");
	assert_true(blockmap_count(rig->map, BLOCK_UNKNOWN) > 0);
}

static void a_cancel_ends_it(void **state)
{
	struct rig *rig = *state;
	struct error e = ERROR_INIT;
	struct cancel stop;

	fill(rig, 0, 16 * BLOCK, 1);
	look(rig);
	mem_records_clear(rig->service);
	assert_int_equal(cancel_init(&stop, NULL), 0);
	cancel_set(&stop, CANCEL_GENTLE);
	assert_int_equal(replica_rebuild(rig->r, rig->map, rig->version, &stop, &e), -1);
	assert_error(&e, ERR_CANCELLED, "rebuilding the map: stopped");
	assert_int_equal(mem_records_count(rig->service, MEM_READ), 0);
	cancel_fini(&stop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_map_is_what_the_replica_holds),
		TEST(a_foreign_write_ends_it),
		TEST(what_could_not_be_read_is_unknown),
		TEST(a_cancel_ends_it),
	};

	return cmocka_run_group_tests_name("rebuild", tests, NULL, NULL);
}
