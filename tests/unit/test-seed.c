/* SPDX-License-Identifier: Apache-2.0 */
/* Replicas that were made elsewhere and carried to the target by other means. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk/vhd_footer.h"
#include "replicate/seed.h"
#include "support/cycle_world.h"

#define BLOCK (UINT64_C(64) << 10)
#define WHOLE (SIZE + VHD_FOOTER_LEN)

/* Where replicas are made: another service of its own. */
struct origin {
	struct mem_service *service;
	struct target *target;
};

static void origin_cycle(struct world *w, struct origin *o, const char *state)
{
	struct outcome out;
	struct host h;

	host_start_before(w, &h, state, mem_target_open(o->service, NULL, NULL));
	cycle_ok(w, &h, 1, &out);
	host_stop(&h);
}

static void origin_open(struct world *w, struct origin *o)
{
	o->service = mem_service_new("origin");
	mem_service_set_map_copies(o->service, true);
	world_write_disk(w, 0, 1);
	origin_cycle(w, o, "state");
	o->target = mem_target_open(o->service, NULL, NULL);
	assert_non_null(o->target);
}

static void origin_close(struct origin *o)
{
	target_close(o->target);
	mem_service_free(o->service);
}

/* As a tool that knows nothing of liftfs carries it: content without metadata, blocks of zeros left out. */
static void carry(struct world *w, struct origin *o, uint64_t size)
{
	CLEANUP(cleanup_target) struct target *t = mem_target_open(w->service, NULL, NULL);
	CLEANUP(cleanup_replica) struct replica *r = target_replica(t, world_names[0], NULL);
	CLEANUP_FREE uint8_t *bytes = calloc(1, WHOLE);
	struct target_meta none = { 0 };

	mem_peek(o->service, world_names[0], -1, bytes, WHOLE, 0);
	assert_int_equal(replica_create(r, size, 0, &none, NULL), 0);
	for (uint64_t off = 0; off < WHOLE && off < size; off += BLOCK) {
		uint64_t len = WHOLE - off < BLOCK ? WHOLE - off : BLOCK;

		for (uint64_t i = 0; i < len; i++)
			if (bytes[off + i]) {
				assert_true(mem_foreign_write(w->service, world_names[0], bytes + off, len, off));
				break;
			}
	}
}

static void seeded_cycle(struct world *w, struct origin *o, const char *state, struct outcome *out)
{
	struct host h;

	host_start(w, &h, state);
	h.opt.seed = o->target;
	cycle(w, &h, 1, out);
	host_stop(&h);
}

static bool is_marked(struct world *w)
{
	CLEANUP(cleanup_target) struct target *t = mem_target_open(w->service, NULL, NULL);
	CLEANUP(cleanup_replica) struct replica *r = target_replica(t, world_names[0], NULL);
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };

	assert_int_equal(replica_look(r, &look, NULL), 0);
	assert_non_null(target_meta_get(&look.meta, "liftfsid"));
	return target_meta_get(&look.meta, SEED_UNVERIFIED) != NULL;
}

static void taken(struct world *w, const struct outcome *o)
{
	if (o->rc < 0)
		fail_msg("%s", o->err.msg);
	assert_int_equal(o->disks[0].kind, CYCLE_DELTA);
	assert_int_equal(o->disks[0].cycle, 2);
	assert_true(world_equals(w, 0, -1));
}

static void refused(struct world *w, const struct outcome *o, const char *message)
{
	assert_int_equal(o->rc, -1);
	assert_error(&o->err, ERR_CONFLICT, message);
	assert_int_equal(mem_records_count(w->service, MEM_ALL & ~(MEM_LOOK | MEM_READ | MEM_EXTENTS)), 0);
}

static void the_first_cycle_after_seeding_is_a_delta(void **state)
{
	struct world *w = *state;
	struct origin org;
	struct outcome o;
	struct error e = ERROR_INIT;

	origin_open(w, &org);
	carry(w, &org, WHOLE);
	world_patch(w, 0, 3 * MIB + 5, 10, 2);
	seeded_cycle(w, &org, "state", &o);
	taken(w, &o);
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_sent), BLOCK);
	assert_string_equal(o.disks[0].warning,
			    "taken over as it was carried here, on samples: unverified until liftfs verify has compared it");
	assert_true(is_marked(w));
	/* The next ones know it; the mark stays until it was compared. */
	world_patch(w, 0, 5, 10, 3);
	seeded_cycle(w, &org, "state", &o);
	assert_int_equal(o.rc, 0);
	assert_int_equal(mem_records_count(w->service, MEM_READ), 0);
	assert_true(is_marked(w));
	CLEANUP_FREE char *path = NULL;

	assert_true(asprintf(&path, "%s/state", w->dir->path) > 0);
	CLEANUP(cleanup_state) struct state *s = state_open(path, false, &e);

	assert_int_equal(seed_note_verified(s, "mem:test", "vm/b.vhd", &e), 1);
	assert_int_equal(seed_note_verified(s, "mem:test", world_names[0], &e), 0);
	assert_true(is_marked(w));
	world_patch(w, 0, 5, 10, 4);
	seeded_cycle(w, &org, "state", &o);
	assert_int_equal(o.rc, 0);
	assert_false(is_marked(w));
	assert_true(world_equals(w, 0, -1));
	origin_close(&org);
}

static void without_the_state_the_copy_in_the_seed_will_do(void **state)
{
	struct world *w = *state;
	struct origin org;
	struct outcome o;

	origin_open(w, &org);
	carry(w, &org, WHOLE);
	world_patch(w, 0, 5, 10, 2);
	seeded_cycle(w, &org, "state-other", &o);
	taken(w, &o);
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_sent), BLOCK);
	origin_close(&org);
}

static void zeros_that_were_written_are_zeros(void **state)
{
	static const uint8_t zeros[512];
	struct world *w = *state;
	struct origin org;
	struct outcome o;

	origin_open(w, &org);
	carry(w, &org, WHOLE);
	assert_true(mem_foreign_write(w->service, world_names[0], zeros, sizeof(zeros), 2 * MIB));
	seeded_cycle(w, &org, "state", &o);
	taken(w, &o);
	origin_close(&org);
}

static void what_differs_is_named_and_nothing_written(void **state)
{
	static const uint8_t bytes[512] = { 9 };
	struct world *w = *state;
	struct origin org;
	struct outcome o;

	origin_open(w, &org);
	/* Not there yet. */
	seeded_cycle(w, &org, "state", &o);
	refused(w, &o, "vm/a.vhd: the seed has it, and it is not on the target yet: carry it there, or send it by running without "
		       "--seed");
	/* Another size. */
	carry(w, &org, WHOLE + MIB);
	seeded_cycle(w, &org, "state", &o);
	refused(w, &o, "vm/a.vhd: has 5243392 bytes, and its seed's replica 4194816 with the footer; nothing was written");
	assert_true(mem_foreign_delete(w->service, world_names[0]));
	/* Another footer. */
	carry(w, &org, WHOLE);
	assert_true(mem_foreign_write(w->service, world_names[0], bytes, sizeof(bytes), SIZE));
	seeded_cycle(w, &org, "state", &o);
	refused(w, &o, "vm/a.vhd: is not what the seed's block map says: block 64, at byte 4194304, has other content; nothing was "
		       "written");
	assert_true(mem_foreign_delete(w->service, world_names[0]));
	/* A part that did not arrive. */
	{
		CLEANUP(cleanup_target) struct target *t = mem_target_open(w->service, NULL, NULL);
		CLEANUP(cleanup_replica) struct replica *r = target_replica(t, world_names[0], NULL);
		CLEANUP_FREE uint8_t *copy = malloc(WHOLE);
		struct target_meta none = { 0 };

		mem_peek(org.service, world_names[0], -1, copy, WHOLE, 0);
		assert_int_equal(replica_create(r, WHOLE, 0, &none, NULL), 0);
		assert_true(mem_foreign_write(w->service, world_names[0], copy, 3 * BLOCK, 0));
		assert_true(mem_foreign_write(w->service, world_names[0], copy + SIZE, 512, SIZE));
	}
	seeded_cycle(w, &org, "state", &o);
	refused(w, &o, "vm/a.vhd: is not what the seed's block map says: block 3, at byte 196608, holds no data; nothing was written");
	assert_true(mem_foreign_delete(w->service, world_names[0]));
	/* Data where none should be. */
	carry(w, &org, WHOLE);
	assert_true(mem_foreign_write(w->service, world_names[0], bytes, sizeof(bytes), 2 * MIB));
	seeded_cycle(w, &org, "state", &o);
	refused(w, &o, "vm/a.vhd: is not what the seed's block map says: block 32, at byte 2097152, holds data and should be zero; "
		       "nothing was written");
	assert_true(mem_foreign_delete(w->service, world_names[0]));
	/* Other content in one block: with fewer than a thousand each is read. */
	carry(w, &org, WHOLE);
	assert_true(mem_foreign_write(w->service, world_names[0], bytes, sizeof(bytes), 7 * BLOCK + 512));
	seeded_cycle(w, &org, "state", &o);
	refused(w, &o, "vm/a.vhd: is not what the seed's block map says: block 7, at byte 458752, has other content; nothing was "
		       "written");
	origin_close(&org);
}

static void a_seed_that_is_not_as_its_cycle_left_it_is_refused(void **state)
{
	static const uint8_t bytes[512] = { 9 };
	struct world *w = *state;
	struct origin org;
	struct outcome o;
	struct host h;

	origin_open(w, &org);
	carry(w, &org, WHOLE);
	/* The replica of another disk. */
	host_start(w, &h, "state");
	h.opt.seed = org.target;
	memset(&o, 0, sizeof(o));
	o.vm = (struct cycle_vm){ .name = "vm", .disks = o.disks, .n = 1 };
	o.disks[0] = (struct cycle_disk){ .name = world_names[0], .source_path = world_files[0], .source_id = "id-z", .root = w->root };
	mem_records_clear(w->service);
	o.rc = cycle_run(&o.vm, &h.opt, &o.err);
	host_stop(&h);
	refused(w, &o, "vm/a.vhd: the seed's is the replica of another disk (id id-a; a.raw has id-z)");
	assert_true(mem_foreign_write(org.service, world_names[0], bytes, sizeof(bytes), 0));
	seeded_cycle(w, &org, "state", &o);
	refused(w, &o, "seed: mem:origin/vm/a.vhd: is not as its last cycle left it: what was carried from there may have another "
		       "block map");
	origin_close(&org);
	/* Its last cycle was cut off. */
	org.service = mem_service_new("origin");
	host_start_before(w, &h, "state3", mem_target_open(org.service, NULL, NULL));
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_WRITE, .nth = 1, .action = FAULT_DIE });
	cycle(w, &h, 1, &o);
	assert_int_equal(o.rc, -1);
	host_stop(&h);
	org.target = mem_target_open(org.service, NULL, NULL);
	seeded_cycle(w, &org, "state3", &o);
	refused(w, &o, "seed: mem:origin/vm/a.vhd: its last cycle was cut off: run it once more, and carry it anew");
	origin_close(&org);
}

static void patch_source(void *world)
{
	world_patch(world, 0, 3 * MIB + 5, 10, 7);
}

/* A directory that clones files keeps such a cycle's writes beside the file that is carried. */
static void a_seed_whose_source_moved_is_refused_where_the_file_cannot_tell(void **state)
{
	struct world *w = *state;
	struct origin org;
	struct outcome o;
	struct host h;

	origin_open(w, &org);
	world_patch(w, 0, 5, 10, 6);
	host_start_before(w, &h, "state", mem_target_open(org.service, NULL, NULL));
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_WRITE, .nth = 1, .action = FAULT_CALL, .call = patch_source, .ctx = w });
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_FUZZY);
	host_stop(&h);
	carry(w, &org, WHOLE);
	seeded_cycle(w, &org, "state-other", &o);
	refused(w, &o, "seed: mem:origin/vm/a.vhd: its last cycle did not end with a state of the source: run it once more, and carry "
		       "it anew");
	assert_true(mem_foreign_delete(org.service, world_names[0]));
	seeded_cycle(w, &org, "state", &o);
	refused(w, &o, "seed: mem:origin/vm/a.vhd: its last cycle did not end with a state of the source: run it once more, and carry "
		       "it anew");
	origin_close(&org);
}

static void a_seed_that_was_carried_away_will_do_if_its_last_cycle_was_whole(void **state)
{
	struct world *w = *state;
	struct origin org;
	struct outcome o;

	origin_open(w, &org);
	world_patch(w, 0, 5, 10, 2);
	origin_cycle(w, &org, "state");
	carry(w, &org, WHOLE);
	assert_true(mem_foreign_delete(org.service, world_names[0]));
	world_patch(w, 0, 5, 10, 3);
	seeded_cycle(w, &org, "state", &o);
	assert_int_equal(o.rc, 0);
	assert_int_equal(o.disks[0].cycle, 3);
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_sent), BLOCK);
	assert_true(world_equals(w, 0, -1));
	origin_close(&org);
}

/* ---- with more blocks than are chosen ---- */

#define MANY UINT64_C(2000)
#define CONTENT (MANY * BLOCK)

/* Each block has its number in its first page, in the replica and in the map. */
static struct blockmap *make_many(struct world *w, struct replica *r, const struct guid *id)
{
	struct blockmap_header h = { .liftfs_id = *id, .content_size = CONTENT, .virtual_size = CONTENT, .block_size = BLOCK };
	CLEANUP_FREE uint8_t *buf = calloc(1, BLOCK);
	struct target_meta none = { 0 };
	struct block_hash hash;
	struct hasher hasher;
	struct blockmap *m;

	assert_non_null(buf);
	assert_int_equal(replica_create(r, CONTENT + VHD_FOOTER_LEN, 0, &none, NULL), 0);
	m = blockmap_create(w->dir->fd, "many", &h, NULL);
	assert_non_null(m);
	assert_int_equal(blockmap_make_writable(m, NULL), 0);
	hasher_init(&hasher, h.secret);
	for (uint64_t i = 0; i < MANY; i++) {
		memset(buf, (int)(1 + i % 255), 512);
		hasher_hash(&hasher, buf, BLOCK, &hash);
		blockmap_set_hash(m, i, &hash);
		assert_true(mem_foreign_write(w->service, world_names[0], buf, 512, i * BLOCK));
	}
	vhd_footer_encode(CONTENT, id, buf);
	hasher_hash(&hasher, buf, VHD_FOOTER_LEN, &hash);
	blockmap_set_hash(m, MANY, &hash);
	assert_true(mem_foreign_write(w->service, world_names[0], buf, VHD_FOOTER_LEN, CONTENT));
	return m;
}

static int check_many(struct replica *r, const struct seed_map *s, struct error *err)
{
	struct target_look look = { 0 };
	struct seed_live live = { .name = "a.vhd" };
	int rc;

	assert_int_equal(replica_look(r, &look, NULL), 0);
	live.version = look.version;
	live.number = look.number;
	live.size = look.size;
	rc = seed_check(s, r, &live, NULL, err);
	target_look_fini(&look);
	return rc;
}

/* Chosen like any other block it would be missed in every second try. */
static void the_footer_is_read_whatever_is_chosen(void **state)
{
	static const struct guid id = { .b = { 1 } }, other = { .b = { 2 } };
	struct world *w = *state;
	CLEANUP(cleanup_target) struct target *t = mem_target_open(w->service, NULL, NULL);
	CLEANUP(cleanup_replica) struct replica *r = target_replica(t, world_names[0], NULL);
	CLEANUP(cleanup_blockmap) struct blockmap *m = make_many(w, r, &id);
	struct seed_map s = { .rs = REPLICA_STATE_INIT, .map = m };
	uint8_t footer[VHD_FOOTER_LEN];
	struct error e = ERROR_INIT;

	if (check_many(r, &s, &e) < 0)
		fail_msg("%s", e.msg);
	vhd_footer_encode(CONTENT, &other, footer);
	assert_true(mem_foreign_write(w->service, world_names[0], footer, sizeof(footer), CONTENT));
	for (int i = 0; i < 30; i++) {
		e = (struct error)ERROR_INIT;
		assert_int_equal(check_many(r, &s, &e), -1);
		assert_error(&e, ERR_CONFLICT, "a.vhd: is not what the seed's block map says: block 2000, at byte 131072000, has other "
					       "content; nothing was written");
	}
}

/* ---- crashes ---- */

/* A death at any request: with the same option again it is taken over, checked. */
static void death_at_every_request_ends_in_a_replica_that_is_right(void **state)
{
	bool fired = true;

	for (uint64_t n = 1; fired; n++) {
		struct origin org;
		struct outcome o;
		struct world *w;
		struct host h;
		void *fresh = *state;

		if (n > 1) {
			world_teardown(&fresh);
			assert_int_equal(world_setup(&fresh), 0);
		}
		w = fresh;
		origin_open(w, &org);
		carry(w, &org, WHOLE);
		world_patch(w, 0, 5, 10, 2);
		host_start(w, &h, "state");
		h.opt.seed = org.target;
		fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_ALL & ~MEM_READ, .nth = n, .action = FAULT_DIE });
		cycle(w, &h, 1, &o);
		fired = fault_fired(h.fault) > 0;
		host_stop(&h);
		mem_service_advance(w->service, 2 * TARGET_LEASE_SECONDS);
		seeded_cycle(w, &org, "state", &o);
		if (o.rc < 0)
			fail_msg("after request %ju: %s", (uintmax_t)n, o.err.msg);
		assert_true(world_equals(w, 0, -1));
		assert_true(is_marked(w));
		origin_close(&org);
	}
}

static void a_write_after_the_comparison_is_noticed(void **state)
{
	static const uint8_t bytes[512] = { 9 };
	struct world *w = *state;
	struct origin org;
	struct outcome o;
	struct host h;

	origin_open(w, &org);
	carry(w, &org, WHOLE);
	host_start(w, &h, "state");
	h.opt.seed = org.target;
	fault_add(h.fault, &(struct fault_rule){ .kinds = MEM_LEASE, .nth = 1, .action = FAULT_DIE });
	cycle(w, &h, 1, &o);
	host_stop(&h);
	assert_true(mem_foreign_write(w->service, world_names[0], bytes, sizeof(bytes), 0));
	seeded_cycle(w, &org, "state", &o);
	assert_int_equal(o.err.code, ERR_CONFLICT);
	assert_non_null(strstr(o.err.msg, "was changed by somebody else since it was compared with its seed; nothing was written"));
	assert_int_equal(mem_records_count(w->service, MEM_WRITE | MEM_RAISE | MEM_META), 0);
	/* A person's word: what is there is read. */
	host_start(w, &h, "state");
	h.opt.seed = org.target;
	h.opt.adopt = true;
	cycle_ok(w, &h, 1, &o);
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
	origin_close(&org);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(the_first_cycle_after_seeding_is_a_delta),
		WORLD_TEST(without_the_state_the_copy_in_the_seed_will_do),
		WORLD_TEST(zeros_that_were_written_are_zeros),
		WORLD_TEST(what_differs_is_named_and_nothing_written),
		WORLD_TEST(a_seed_that_is_not_as_its_cycle_left_it_is_refused),
		WORLD_TEST(a_seed_whose_source_moved_is_refused_where_the_file_cannot_tell),
		WORLD_TEST(a_seed_that_was_carried_away_will_do_if_its_last_cycle_was_whole),
		WORLD_TEST(the_footer_is_read_whatever_is_chosen),
		WORLD_TEST(death_at_every_request_ends_in_a_replica_that_is_right),
		WORLD_TEST(a_write_after_the_comparison_is_noticed),
	};

	return cmocka_run_group_tests_name("seed", tests, NULL, NULL);
}
