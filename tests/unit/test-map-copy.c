/* SPDX-License-Identifier: Apache-2.0 */
/* The copy of a block map of several pages, before a target in memory. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map/blockmap_file.h"
#include "replicate/map_copy.h"
#include "support/scratch.h"
#include "support/target_fault.h"

#define MIB (UINT64_C(1) << 20)
#define CONTENT (2048 * MIB) /* 128 pages of 256 blocks of 64 KiB, and the footer's */
#define PAGES 129
#define NAME "vm/a.vhd"
#define COPY ".liftfs/maps/vm/a.blockmap"
#define ID_TEXT "04050600-0000-0000-0000-000000000000"

struct rig {
	struct scratch_dir *dir;
	struct mem_service *service;
	struct fault *fault;
	struct target *target;
	struct replica *copy;
	struct state *states[2];
	struct replica_state rs, other; /* two hosts */
	struct map_copy_live live;
	char version[TARGET_VERSION_LEN];
};

static const struct guid id = { .b = { 4, 5, 6 } };

static void open_state(struct rig *rig, unsigned i, uint8_t secret, struct replica_state *out)
{
	struct blockmap_header h = { .liftfs_id = id, .content_size = CONTENT, .virtual_size = CONTENT, .block_size = 64 << 10,
				     .name = NAME };
	struct error e = ERROR_INIT;
	char path[128];

	snprintf(path, sizeof(path), "%s/state%u", rig->dir->path, i);
	memset(h.secret, secret, sizeof(h.secret));
	rig->states[i] = state_open(path, true, &e);
	assert_non_null(rig->states[i]);
	*out = (struct replica_state)REPLICA_STATE_INIT;
	assert_int_equal(replica_state_open(rig->states[i], "mem:copy", NAME, out, &e), 0);
	assert_int_equal(replica_state_create(out, &h, &e), 0);
}

static int setup(void **state)
{
	static struct rig rig;
	void *dir = NULL;

	assert_int_equal(scratch_setup(&dir), 0);
	rig = (struct rig){ .dir = dir, .service = mem_service_new("copy"), .fault = fault_new() };
	mem_service_set_map_copies(rig.service, true);
	rig.target = fault_target_open(rig.fault, mem_target_open(rig.service, NULL, NULL), NULL);
	rig.copy = target_map_copy(rig.target, NAME, NULL);
	assert_non_null(rig.copy);
	open_state(&rig, 0, 1, &rig.rs);
	open_state(&rig, 1, 2, &rig.other);
	rig.live = (struct map_copy_live){ .version = rig.version, .liftfs_id = ID_TEXT, .size = CONTENT + 512 };
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	char command[160];
	void *dir = rig->dir;

	replica_close(rig->copy);
	target_close(rig->target);
	fault_free(rig->fault);
	replica_state_close(&rig->rs);
	replica_state_close(&rig->other);
	state_close(rig->states[0]);
	state_close(rig->states[1]);
	mem_service_free(rig->service);
	snprintf(command, sizeof(command), "rm -rf '%s'/state*", rig->dir->path);
	return system(command) == 0 ? scratch_teardown(&dir) : -1;
}

static void set(struct rig *rig, uint64_t blk, uint64_t value)
{
	assert_int_equal(replica_state_writable(&rig->rs, NULL), 0);
	blockmap_set_hash(rig->rs.map, blk, &(struct block_hash){ .lo = value, .hi = blk });
}

/* A cycle ends: the state is clean at "vN". */
static void commit(struct rig *rig, unsigned n)
{
	struct clean_point p = { .cycle = n, .number = 1000 + n };
	struct error e = ERROR_INIT;

	snprintf(p.version, sizeof(p.version), "v%u", n);
	snprintf(p.moment, sizeof(p.moment), "-");
	memcpy(rig->version, p.version, sizeof(rig->version));
	if (replica_state_claim(&rig->rs, 1000 + n, &e) < 0 || replica_state_clean(&rig->rs, &p, &e) < 0 ||
	    replica_state_commit(&rig->rs, "", &e) < 0)
		fail_msg("%s", e.msg);
	mem_records_clear(rig->service);
}

static void update(struct rig *rig)
{
	struct error e = ERROR_INIT;

	if (map_copy_update(rig->copy, &rig->rs, &e) < 0)
		fail_msg("%s", e.msg);
}

static void update_fails(struct rig *rig, const char *message)
{
	struct error e = ERROR_INIT;

	assert_int_equal(map_copy_update(rig->copy, &rig->rs, &e), -1);
	assert_string_equal(e.msg, message);
	fault_clear(rig->fault);
}

/* NULL: taken, and the other host has the same map; else why it is void. */
static void take(struct rig *rig, const char *expected)
{
	struct error e = ERROR_INIT;
	struct block_hash a, b;
	char why[128];

	if (map_copy_take(rig->copy, &rig->live, &rig->other, why, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(why, expected ? expected : "");
	if (expected)
		return;
	for (uint64_t blk = 0; blk < blockmap_blocks(rig->rs.map); blk++) {
		assert_int_equal(blockmap_get(rig->rs.map, blk, &a), blockmap_get(rig->other.map, blk, &b));
		if (blockmap_get(rig->rs.map, blk, NULL) == BLOCK_HASHED)
			assert_true(block_hash_equal(&a, &b));
	}
	assert_memory_equal(blockmap_header(rig->rs.map)->secret, blockmap_header(rig->other.map)->secret, HASHER_SECRET_LEN);
	assert_int_equal(rig->other.kind, STATE_CLEAN);
	assert_string_equal(rig->other.last.version, rig->version);
}

static uint64_t bytes_written(struct rig *rig, size_t *n_out)
{
	struct mem_record *r = mem_records(rig->service, MEM_WRITE, n_out);
	uint64_t bytes = 0;

	assert_true(*n_out > 0 && r[*n_out - 1].off == 0); /* header and page table come last */
	for (size_t i = 0; i < *n_out; i++)
		bytes += r[i].len;
	free(r);
	return bytes;
}

#define HEAD (8192 + 4096) /* header and the page table of 129 pages */

static void it_holds_what_another_host_needs_and_no_more(void **state)
{
	struct rig *rig = *state;
	struct blockmap_header h;
	struct blockmap_layout l;
	uint8_t head[BLOCKMAP_HEADER_LEN];
	uint64_t sum;

	blockmap_fill_zero(rig->rs.map);
	for (uint64_t blk = 0; blk < 3000; blk += 7)
		set(rig, blk, 5);
	commit(rig, 3);
	update(rig);
	mem_peek(rig->service, COPY, -1, head, sizeof(head), 0);
	assert_int_equal(blockmap_header_decode(head, sizeof(head), &h, &l, &sum, NULL), 0);
	assert_true(guid_is_zero(&h.lease_id));
	assert_string_equal(h.born, "");
	assert_string_equal(h.version, "v3");
	assert_int_equal(h.cycle, 3);
	assert_int_equal(h.number, 1003);
	assert_int_equal(mem_size(rig->service, COPY), l.file_size);
	take(rig, NULL);
	assert_int_equal(rig->other.last.cycle, 3);
	assert_true(replica_state_owns(&rig->other, 1003));
	assert_false(guid_equal(&rig->other.lease_id, &rig->rs.lease_id));
}

/* After a restart, too: what was taken is durable, and a journal of before is no part of it. */
static void what_was_taken_outlives_the_process(void **state)
{
	struct rig *rig = *state;
	struct error e = ERROR_INIT;
	struct block_hash h;

	set(rig, 700, 5);
	commit(rig, 1);
	update(rig);
	assert_int_equal(replica_state_distrust(&rig->other, &e), 0);
	take(rig, NULL);
	replica_state_close(&rig->other);
	assert_int_equal(replica_state_open(rig->states[1], "mem:copy", NAME, &rig->other, &e), 0);
	assert_int_equal(rig->other.kind, STATE_CLEAN);
	assert_string_equal(rig->other.last.version, "v1");
	assert_int_equal(blockmap_get(rig->other.map, 700, &h), BLOCK_HASHED);
	assert_int_equal(h.lo, 5);
}

static void only_pages_that_changed_are_sent(void **state)
{
	struct rig *rig = *state;
	size_t n;

	blockmap_fill_zero(rig->rs.map);
	for (uint64_t p = 0; p < 100; p++)
		set(rig, p * 256, 5);
	commit(rig, 1);
	update(rig);
	assert_int_equal(bytes_written(rig, &n), 100 * 4096 + HEAD);
	assert_int_equal(n, 2);
	set(rig, 256 * 3 + 9, 6);
	set(rig, 256 * 90, 6);
	commit(rig, 2);
	update(rig);
	assert_int_equal(bytes_written(rig, &n), 2 * 4096 + HEAD);
	assert_int_equal(n, 3);
	take(rig, NULL);
	/* Neighbours go together. */
	set(rig, 256 * 40, 7);
	set(rig, 256 * 44, 7);
	commit(rig, 3);
	update(rig);
	assert_int_equal(bytes_written(rig, &n), 5 * 4096 + HEAD);
	assert_int_equal(n, 2);
	update(rig); /* once more for the same clean point */
	assert_int_equal(mem_records_count(rig->service, MEM_ALL), 4);
	take(rig, NULL);
}

static void after_an_update_that_did_not_end_all_pages_are_sent(void **state)
{
	struct rig *rig = *state;
	size_t n;

	for (uint64_t p = 0; p < 100; p++)
		set(rig, p * 256, 5);
	commit(rig, 1);
	update(rig);
	set(rig, 0, 6);
	commit(rig, 2);
	fault_add(rig->fault, &(struct fault_rule){ .kinds = MEM_WRITE, .nth = 1, .action = FAULT_BEFORE });
	update_fails(rig, "copy of the block map: injected fault");
	set(rig, 256 * 50, 6);
	commit(rig, 3);
	update(rig);
	assert_int_equal(bytes_written(rig, &n), 100 * 4096 + HEAD);
	take(rig, NULL);
}

static void after_another_host_wrote_it_all_pages_are_sent(void **state)
{
	struct rig *rig = *state;
	struct error e = ERROR_INIT;
	struct clean_point p = { .cycle = 2, .number = 5000, .version = "w2", .moment = "-" };
	size_t n;

	for (uint64_t q = 0; q < 100; q++)
		set(rig, q * 256, 5);
	commit(rig, 1);
	update(rig);
	take(rig, NULL);
	/* The other one goes on from there, sending little. */
	assert_int_equal(replica_state_writable(&rig->other, &e), 0);
	blockmap_set_zero(rig->other.map, 256 * 50);
	blockmap_set_hash(rig->other.map, 256 * 51, &(struct block_hash){ .lo = 8, .hi = 8 });
	assert_int_equal(replica_state_claim(&rig->other, 5000, &e), 0);
	assert_int_equal(replica_state_clean(&rig->other, &p, &e), 0);
	assert_int_equal(replica_state_commit(&rig->other, "", &e), 0);
	mem_records_clear(rig->service);
	assert_int_equal(map_copy_update(rig->copy, &rig->other, &e), 0);
	assert_int_equal(bytes_written(rig, &n), 2 * 4096 + HEAD);
	/* And the first, which has not heard of it, must not build upon it. */
	set(rig, 0, 6);
	commit(rig, 3);
	update(rig);
	assert_int_equal(bytes_written(rig, &n), 100 * 4096 + HEAD);
	take(rig, NULL);
}

static void a_late_write_of_an_older_update_dies(void **state)
{
	struct rig *rig = *state;

	set(rig, 0, 5);
	set(rig, 256 * 50, 5);
	commit(rig, 1);
	fault_add(rig->fault, &(struct fault_rule){ .kinds = MEM_WRITE, .nth = 1, .action = FAULT_LATE });
	update_fails(rig, "copy of the block map: injected: will arrive later");
	set(rig, 0, 6);
	commit(rig, 2);
	update(rig);
	assert_int_equal(fault_release_late(rig->fault), 1);
	take(rig, NULL);
}

/* The bytes of an older page under a checksum that is good for them. */
static void an_old_page_is_not_believed(void **state)
{
	struct rig *rig = *state;
	uint8_t old[4096];

	set(rig, 0, 5);
	commit(rig, 1);
	update(rig);
	mem_peek(rig->service, COPY, -1, old, sizeof(old), HEAD);
	set(rig, 0, 6);
	commit(rig, 2);
	update(rig);
	assert_true(mem_foreign_write(rig->service, COPY, old, sizeof(old), HEAD));
	take(rig, "page 0 is not the one of its header");
	assert_int_equal(rig->other.kind, STATE_CLEAN); /* as it was */
	assert_int_equal(blockmap_get(rig->other.map, 0, NULL), BLOCK_UNKNOWN);
	assert_int_equal(blockmap_header(rig->other.map)->secret[0], 2);
}

/* A table that fits the header's checksum of it, but not the digest: 64 bits are against damage only. */
static void an_old_page_table_is_not_believed(void **state)
{
	struct rig *rig = *state;
	CLEANUP_FREE uint8_t *head = malloc(HEAD);
	struct blockmap_header h;
	struct blockmap_layout l;
	uint64_t sum;

	set(rig, 0, 5);
	commit(rig, 1);
	update(rig);
	mem_peek(rig->service, COPY, -1, head, HEAD, 0);
	head[8192]++;
	assert_true(mem_foreign_write(rig->service, COPY, head, HEAD, 0));
	take(rig, "block map: page table: wrong checksum");
	assert_int_equal(blockmap_header_decode(head, 8192, &h, &l, &sum, NULL), 0);
	blockmap_header_encode(&h, hasher_checksum(head + 8192, 4096, 0), head);
	assert_true(mem_foreign_write(rig->service, COPY, head, HEAD, 0));
	take(rig, "its digest is wrong: an update did not end");
}

static void what_names_another_replica_version_or_size_is_void(void **state)
{
	struct rig *rig = *state;

	take(rig, "there is none");
	set(rig, 0, 5);
	commit(rig, 1);
	update(rig);
	rig->live.version = "v2";
	take(rig, "it is older than the replica");
	rig->live.version = rig->version;
	rig->live.liftfs_id = "04050600-0000-0000-0000-000000000001";
	take(rig, "it is of another replica");
	rig->live.liftfs_id = ID_TEXT;
	rig->live.size = CONTENT + MIB + 512;
	take(rig, "it is of another size");
	rig->live.size = CONTENT + 512;
	take(rig, NULL);
}

/* It might be there and right: a rebuild would cost more, and fail as well. */
static void what_cannot_be_reached_is_no_reason_to_rebuild(void **state)
{
	struct rig *rig = *state;
	struct error e = ERROR_INIT;
	char why[128];

	set(rig, 0, 5);
	commit(rig, 1);
	update(rig);
	for (unsigned n = 1; n <= 2; n++) {
		fault_add(rig->fault, &(struct fault_rule){ .kinds = MEM_READ, .nth = n, .action = FAULT_BEFORE });
		e = (struct error)ERROR_INIT;
		assert_int_equal(map_copy_take(rig->copy, &rig->live, &rig->other, why, &e), -1);
		assert_error(&e, ERR_NETWORK, "copy of the block map: injected fault");
		fault_clear(rig->fault);
	}
	take(rig, NULL);
}

static void a_disk_that_grew_has_a_larger_copy(void **state)
{
	struct rig *rig = *state;
	struct error e = ERROR_INIT;

	set(rig, 256 * 100, 5);
	commit(rig, 1);
	update(rig);
	assert_int_equal(replica_state_writable(&rig->rs, &e), 0);
	assert_int_equal(blockmap_resize(rig->rs.map, 5 * CONTENT, 5 * CONTENT, &e), 0); /* the page table is longer, too */
	set(rig, 256 * 600, 6);
	commit(rig, 2);
	update(rig);
	rig->live.size = 5 * CONTENT + 512;
	take(rig, NULL);
}

static void an_update_that_was_cut_at_any_request_is_right_or_void(void **state)
{
	struct rig *rig = *state;
	struct error e = ERROR_INIT;
	char why[128];
	unsigned version = 1;
	bool fired = true;

	set(rig, 0, 5);
	set(rig, 256 * 60, 5);
	set(rig, 256 * 120, 5);
	commit(rig, version);
	update(rig);
	for (unsigned n = 1; fired; n++) {
		uint64_t before = fault_fired(rig->fault);
		int rc;

		set(rig, 0, 100 + n);
		set(rig, 256 * 60, 100 + n);
		set(rig, 256 * 120, 100 + n);
		commit(rig, ++version);
		fault_add(rig->fault, &(struct fault_rule){ .kinds = MEM_ALL, .nth = n,
							    .action = n % 2 ? FAULT_DIE : FAULT_AFTER });
		rc = map_copy_update(rig->copy, &rig->rs, NULL);
		fired = fault_fired(rig->fault) > before;
		assert_true(fired == (rc < 0));
		fault_clear(rig->fault);
		assert_int_equal(map_copy_take(rig->copy, &rig->live, &rig->other, why, &e), 0);
		if (why[0] == '\0')
			take(rig, NULL);
		else
			assert_true(fired);
		/* The next one that ends makes it right, whatever was left. */
		set(rig, 256 * 60, 200 + n);
		commit(rig, ++version);
		update(rig);
		take(rig, NULL);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_holds_what_another_host_needs_and_no_more),
		TEST(what_was_taken_outlives_the_process),
		TEST(only_pages_that_changed_are_sent),
		TEST(after_an_update_that_did_not_end_all_pages_are_sent),
		TEST(after_another_host_wrote_it_all_pages_are_sent),
		TEST(a_late_write_of_an_older_update_dies),
		TEST(an_old_page_is_not_believed),
		TEST(an_old_page_table_is_not_believed),
		TEST(what_names_another_replica_version_or_size_is_void),
		TEST(what_cannot_be_reached_is_no_reason_to_rebuild),
		TEST(a_disk_that_grew_has_a_larger_copy),
		TEST(an_update_that_was_cut_at_any_request_is_right_or_void),
	};

	return cmocka_run_group_tests_name("map-copy", tests, NULL, NULL);
}
