/* SPDX-License-Identifier: Apache-2.0 */
/* What may be skipped of a chain of which only some files changed: never a change. */
#include "unit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/cycle_world.h"
#include "support/model_disk.h"
#include "support/snapshot_chain.h"

#define S UINT64_C(1000000000)
#define DAYS (2 * 86400 * S)
#define CHAIN_SIZE SNAPSHOT_CHAIN_SIZE

struct tally {
	uint64_t cycles, with_less; /* with less read than everything that is data */
};

static uint64_t bytes_read(const struct outcome *o)
{
	return atomic_load(&o->disks[0].progress.bytes_read);
}

static uint64_t bytes_sent(const struct outcome *o)
{
	return atomic_load(&o->disks[0].progress.bytes_sent) + atomic_load(&o->disks[0].progress.bytes_cleared);
}

static bool replica_holds(struct world *w, const uint8_t *want, uint64_t size)
{
	static uint8_t have[CHAIN_SIZE];

	mem_peek(w->service, world_names[0], -1, have, size, 0);
	return memcmp(want, have, size) == 0;
}

static bool replica_is(struct world *w, const struct snapshot_chain *c)
{
	static uint8_t want[CHAIN_SIZE];

	snapshot_chain_guest(c, want);
	return replica_holds(w, want, snapshot_chain_size(c));
}

static void image_cycle_ok(struct world *w, struct host *h, const struct snapshot_chain *c, struct outcome *o)
{
	char leaf[16];

	snprintf(leaf, sizeof(leaf), "%s", snapshot_chain_leaf(c)); /* a step in the middle of the cycle may rename it */
	cycle_image(w, h, leaf, o);
	if (o->rc < 0)
		fail_msg("%s", o->err.msg);
}

/* When all that was written before has settled. */
static void next_cycle_ok(struct world *w, struct host *h, const struct snapshot_chain *c, struct outcome *o)
{
	world_pass_time(DAYS);
	image_cycle_ok(w, h, c, o);
}

static void chain_begin(struct world *w, struct host *h, struct snapshot_chain *c, uint64_t grain_sectors)
{
	snapshot_chain_init(c, w->dir, grain_sectors, 1);
	host_start(w, h, "state");
	h->opt.no_points = true;
}

/* ---- what is read of the common cases ---- */

static void a_new_snapshot_costs_nothing_but_its_own_data(void **state)
{
	struct world *w = *state;
	static struct snapshot_chain c;
	struct outcome o;
	struct host h;

	chain_begin(w, &h, &c, 8);
	next_cycle_ok(w, &h, &c, &o);
	assert_int_equal(bytes_read(&o), CHAIN_SIZE / 2);
	snapshot_chain_take(&c);
	snapshot_chain_write(&c, 1, 16, 1); /* 4 KiB in block 1 */
	next_cycle_ok(w, &h, &c, &o);
	assert_int_equal(bytes_read(&o), 65536);
	assert_int_equal(bytes_sent(&o), 65536);
	assert_null(o.disks[0].read_why);
	assert_true(replica_is(w, &c));
	/* Block 1, of both images, is what it was; the leaf is written elsewhere. */
	snapshot_chain_take(&c);
	next_cycle_ok(w, &h, &c, &o);
	assert_int_equal(bytes_read(&o), 0);
	snapshot_chain_write(&c, 2, 64, 16);
	next_cycle_ok(w, &h, &c, &o);
	assert_int_equal(bytes_read(&o), 65536);
	assert_true(replica_is(w, &c));
	host_stop(&h);
}

static void what_a_vanished_delta_covered_is_read(void **state)
{
	struct world *w = *state;
	static struct snapshot_chain c;
	struct outcome o;
	struct host h;

	chain_begin(w, &h, &c, 128);
	snapshot_chain_take(&c);
	snapshot_chain_write(&c, 1, 2, 3);
	next_cycle_ok(w, &h, &c, &o);
	snapshot_chain_revert(&c, 1);
	next_cycle_ok(w, &h, &c, &o);
	assert_int_equal(bytes_read(&o), 3 * 65536);
	assert_int_equal(bytes_sent(&o), 3 * 65536);
	assert_true(replica_is(w, &c));
	host_stop(&h);
}

/* Where an image in the middle ends it says zero, whatever its parent has there. */
static void what_a_shorter_image_hid_is_read_when_it_is_gone(void **state)
{
	struct world *w = *state;
	static struct snapshot_chain c;
	struct outcome o;
	struct host h;

	snapshot_chain_init_format(&c, w->dir, SNAPSHOT_VHDX, 128, 1);
	snapshot_chain_write(&c, 0, 28, 2);
	host_start(w, &h, "state");
	h.opt.no_points = true;
	snapshot_chain_take(&c);
	snapshot_chain_resize(&c, 1, CHAIN_SIZE / 2);
	snapshot_chain_take(&c);
	snapshot_chain_resize(&c, 2, CHAIN_SIZE);
	next_cycle_ok(w, &h, &c, &o);
	assert_true(replica_is(w, &c));
	snapshot_chain_revert(&c, 1);
	next_cycle_ok(w, &h, &c, &o);
	assert_int_equal(bytes_sent(&o), 2 * 65536);
	assert_true(replica_is(w, &c));
	host_stop(&h);
}

static void a_leaf_that_is_written_to_costs_only_itself(void **state)
{
	struct world *w = *state;
	static struct snapshot_chain c;
	struct outcome o;
	struct host h;

	chain_begin(w, &h, &c, 128);
	snapshot_chain_take(&c);
	snapshot_chain_write(&c, 1, 0, 2);
	next_cycle_ok(w, &h, &c, &o);
	snapshot_chain_write(&c, 1, 1, 2);
	next_cycle_ok(w, &h, &c, &o);
	assert_int_equal(bytes_read(&o), 3 * 65536);
	assert_int_equal(bytes_sent(&o), 2 * 65536);
	assert_true(replica_is(w, &c));
	host_stop(&h);
}

static void with_full_everything_is_read(void **state)
{
	struct world *w = *state;
	static struct snapshot_chain c;
	struct outcome o;
	struct host h;

	chain_begin(w, &h, &c, 128);
	next_cycle_ok(w, &h, &c, &o);
	snapshot_chain_take(&c);
	world_pass_time(DAYS);
	h.opt.full = true;
	image_cycle_ok(w, &h, &c, &o);
	assert_int_equal(bytes_read(&o), CHAIN_SIZE / 2);
	host_stop(&h);
}

/* The last cycle might have read a table within the tick in which it was written. */
static void stamps_that_had_not_settled_prove_nothing(void **state)
{
	struct world *w = *state;
	static struct snapshot_chain c;
	struct outcome o;
	struct host h;

	chain_begin(w, &h, &c, 128);
	snapshot_chain_take(&c);
	image_cycle_ok(w, &h, &c, &o);
	world_pass_time(6 * S);
	snapshot_chain_take(&c);
	image_cycle_ok(w, &h, &c, &o);
	assert_int_equal(bytes_read(&o), CHAIN_SIZE / 2);
	assert_string_equal(o.disks[0].read_why, "the disk consists of other files than in the last cycle");
	/* The root and the first leaf have settled, the second has not: where blocks came from is not proven. */
	world_pass_time(6 * S);
	snapshot_chain_take(&c);
	image_cycle_ok(w, &h, &c, &o);
	assert_int_equal(bytes_read(&o), CHAIN_SIZE / 2);
	world_pass_time(6 * S);
	image_cycle_ok(w, &h, &c, &o);
	world_pass_time(6 * S);
	snapshot_chain_take(&c);
	image_cycle_ok(w, &h, &c, &o);
	assert_int_equal(bytes_read(&o), 0);
	host_stop(&h);
}

/* ---- the record ---- */

static char *record_path(struct world *w)
{
	CLEANUP_FREE char *command = NULL;
	char path[256] = "";
	FILE *p;

	assert_true(asprintf(&command, "ls %s/state/replicas/*/layers", w->dir->path) > 0);
	p = popen(command, "r");
	assert_non_null(p);
	assert_non_null(fgets(path, sizeof(path), p));
	assert_int_equal(pclose(p), 0);
	path[strcspn(path, "\n")] = '\0';
	return strdup(path);
}

static void a_record_that_is_damaged_old_or_gone_proves_nothing(void **state)
{
	struct world *w = *state;
	static struct snapshot_chain c;
	struct outcome o;
	struct host h;

	chain_begin(w, &h, &c, 128);
	snapshot_chain_take(&c);
	snapshot_chain_write(&c, 1, 0, 1);
	for (int round = 0; round < 5; round++) {
		CLEANUP_FREE char *path = NULL;
		CLEANUP_FREE char *aside = NULL;

		next_cycle_ok(w, &h, &c, &o);
		path = record_path(w);
		assert_true(asprintf(&aside, "%s.old", path) > 0);
		switch (round) {
		case 0: /* gone */
			assert_int_equal(unlink(path), 0);
			break;
		case 1: /* its head, its entries */
		case 2: {
			CLEANUP_FD int fd = open(path, O_WRONLY);

			assert_int_equal(pwrite(fd, "x", 1, round == 1 ? 40 : 4100), 1);
			break;
		}
		case 3: /* that of the cycle before */
			assert_int_equal(link(path, aside), 0);
			snapshot_chain_write(&c, 1, 0, 1);
			next_cycle_ok(w, &h, &c, &o);
			assert_int_equal(bytes_read(&o), 65536);
			assert_int_equal(rename(aside, path), 0);
			break;
		default: /* cut */
			assert_int_equal(truncate(path, 4100), 0);
		}
		snapshot_chain_write(&c, 1, 0, 1);
		next_cycle_ok(w, &h, &c, &o);
		assert_int_equal(bytes_read(&o), CHAIN_SIZE / 2);
		assert_int_equal(bytes_sent(&o), 65536);
		snapshot_chain_write(&c, 1, 0, 1);
		next_cycle_ok(w, &h, &c, &o);
		assert_int_equal(bytes_read(&o), 65536); /* it was made anew */
	}
	host_stop(&h);
}

/* A pass over the disk as the engine makes it, its windows from last to first if `backwards`; how many blocks were proven. */
static size_t walk(struct world *w, struct disk *d, const struct evidence *e, const struct guid *last, bool backwards)
{
	struct blockmap_header header = { .content_size = CHAIN_SIZE, .virtual_size = CHAIN_SIZE, .block_size = 65536 };
	CLEANUP(cleanup_blockmap) struct blockmap *map = blockmap_create(w->dir->fd, "map", &header, NULL);
	const struct guid token = { { 1 } };
	const struct layers_config config = { .dirfd = w->dir->fd, .disk = d, .now = e, .map = map, .token = &token,
					      .last = last };
	CLEANUP(cleanup_layers) struct layers *l = NULL;
	size_t proven = 0;

	assert_non_null(map);
	l = layers_begin(&config, NULL);
	assert_non_null(l);
	for (uint64_t off = 0; off < CHAIN_SIZE; off += MIB) {
		CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
		uint64_t at = backwards ? CHAIN_SIZE - MIB - off : off;

		assert_int_equal(disk_extents(d, MIB, at, true, &list, NULL), 0);
		layers_window(l, &list, at, at + MIB);
		for (uint64_t blk = 0; blk < CHAIN_SIZE / 65536; blk++)
			proven += layers_prove(l, blk);
	}
	layers_commit(l);
	return proven;
}

static struct disk *open_chain(struct world *w, const struct snapshot_chain *c, struct evidence *e)
{
	struct disk *d = disk_open(w->root, snapshot_chain_leaf(c), NULL, NULL);

	assert_non_null(d);
	assert_int_equal(evidence_at_open(d, e, NULL), 0);
	return d;
}

static void only_files_that_tell_of_writes_prove_anything(void **state)
{
	struct world *w = *state;
	static struct snapshot_chain c;
	const struct guid token = { { 1 } }, other = { { 2 } };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct evidence e = { 0 };

	snapshot_chain_init(&c, w->dir, 128, 1);
	snapshot_chain_take(&c);
	snapshot_chain_write(&c, 1, 0, 10);
	d = open_chain(w, &c, &e);
	assert_int_equal(walk(w, d, &e, NULL, false), 0);
	assert_int_equal(walk(w, d, &e, &other, false), 0);
	assert_int_equal(walk(w, d, &e, &token, false), 32);
	e.v[0].stamps_writes = false; /* the leaf's: as if it lay on SMB */
	assert_int_equal(walk(w, d, &e, &token, false), 22);
	e.v[0].stamps_writes = true;
	e.v[1].stamps_writes = false;
	assert_int_equal(walk(w, d, &e, &token, false), 10);
	e.v[1].stamps_writes = true;
	e.v[1].stamp.ctime_ns++;
	assert_int_equal(walk(w, d, &e, &token, false), 10);
	evidence_fini(&e);
}

/* Else a block could be told of by the entry of another. */
static void windows_that_do_not_join_leave_no_record(void **state)
{
	struct world *w = *state;
	static struct snapshot_chain c;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct evidence e = { 0 };

	snapshot_chain_init(&c, w->dir, 128, 1);
	snapshot_chain_take(&c);
	d = open_chain(w, &c, &e);
	walk(w, d, &e, NULL, true);
	assert_int_equal(unlinkat(w->dir->fd, "layers", 0), -1);
	walk(w, d, &e, NULL, false);
	assert_int_equal(unlinkat(w->dir->fd, "layers", 0), 0);
	evidence_fini(&e);
}

/* The leaf has a part of the block, and is what it was; the parent has the rest, and is not. */
static void a_block_of_two_images_is_read_if_either_changed(void **state)
{
	struct world *w = *state;
	static struct snapshot_chain c;
	struct outcome o;
	struct host h;

	chain_begin(w, &h, &c, 8);
	snapshot_chain_take(&c);
	snapshot_chain_write(&c, 1, 0, 1);
	next_cycle_ok(w, &h, &c, &o);
	snapshot_chain_write(&c, 0, 1, 1);
	next_cycle_ok(w, &h, &c, &o);
	assert_int_equal(bytes_sent(&o), 65536);
	assert_true(replica_is(w, &c));
	snapshot_chain_take(&c);
	next_cycle_ok(w, &h, &c, &o);
	assert_int_equal(bytes_read(&o), 0); /* neither did */
	host_stop(&h);
}

static void snapshot_and_write(void *ctx)
{
	struct snapshot_chain *c = ctx;

	snapshot_chain_write(c, c->n - 1, 0, 1);
	snapshot_chain_take(c);
	snapshot_chain_write(c, c->n - 1, 4, 2);
}

/* Changed in the middle of a pass: no recovery point, and what that pass recorded is not believed. */
static void after_a_fuzzy_cycle_everything_is_read(void **state)
{
	struct world *w = *state;
	static struct snapshot_chain c;
	struct fault_rule rule = { .kinds = MEM_WRITE, .nth = 1, .action = FAULT_CALL, .call = snapshot_and_write, .ctx = &c };
	struct outcome o;
	struct host h;

	chain_begin(w, &h, &c, 128);
	h.opt.no_points = false;
	next_cycle_ok(w, &h, &c, &o);
	snapshot_chain_take(&c);
	snapshot_chain_write(&c, 1, 9, 1);
	world_pass_time(DAYS);
	fault_add(h.fault, &rule);
	image_cycle_ok(w, &h, &c, &o);
	fault_clear(h.fault);
	assert_int_equal(o.disks[0].result, CYCLE_FUZZY);
	assert_string_equal(o.vm.point, "");
	next_cycle_ok(w, &h, &c, &o);
	assert_int_equal(o.disks[0].result, CYCLE_OK);
	assert_int_equal(bytes_read(&o), CHAIN_SIZE / 2);
	assert_true(replica_is(w, &c));
	host_stop(&h);
}

/* ---- the property ---- */

static void one_step(void *ctx)
{
	snapshot_chain_step(ctx);
}

static void start(struct world *w, struct host *h)
{
	host_start(w, h, "state");
	h->opt.no_points = h->opt.shrink = true;
}

/*
 * A cycle, under faults if the dice say so.  One that ends well and is not fuzzy leaves what the guest read when it began, though
 * a snapshot may have been taken since.
 */
static bool random_cycle(struct world *w, struct host *h, struct snapshot_chain *c, uint64_t *rnd, struct tally *t)
{
	uint64_t dice = model_random(rnd) % 16;
	struct fault_rule rule = { .kinds = MEM_WRITE, .nth = 1 + model_random(rnd) % 4 };
	static uint8_t began[CHAIN_SIZE];
	uint64_t size = snapshot_chain_size(c);
	struct outcome o;
	char leaf[16];

	snapshot_chain_guest(c, began);
	if (dice == 0) { /* cut short */
		rule.action = FAULT_BEFORE;
		rule.code = ERR_SYSTEM;
		fault_add(h->fault, &rule);
	} else if (dice == 1) { /* the source moves meanwhile */
		rule.action = FAULT_CALL;
		rule.call = one_step;
		rule.ctx = c;
		fault_add(h->fault, &rule);
	} else if (dice == 2) { /* the process ends between cycles */
		host_stop(h);
		start(w, h);
	} else if (dice == 3) { /* the process ends in the middle */
		rule.kinds = MEM_ALL;
		rule.nth = 1 + model_random(rnd) % 20;
		rule.action = FAULT_DIE;
		fault_add(h->fault, &rule);
	}
	h->opt.serial = dice == 4;
	snprintf(leaf, sizeof(leaf), "%s", snapshot_chain_leaf(c));
	world_pass_time(model_random(rnd) % 8 ? DAYS : 6 * S);
	cycle_image(w, h, leaf, &o);
	fault_clear(h->fault);
	if (dice == 3) {
		host_stop(h);
		start(w, h);
	}
	if (o.rc < 0) {
		if (dice != 0 && dice != 1 && dice != 3)
			fail_msg("%s", o.err.msg);
		return true;
	}
	t->cycles++;
	t->with_less += atomic_load(&o.disks[0].progress.blocks_proven) > 0;
	return o.disks[0].result == CYCLE_FUZZY || replica_holds(w, began, size);
}

static void one_sequence(struct world *w, enum snapshot_format format, uint64_t seed, struct tally *t)
{
	bool small = seed % 2 || format == SNAPSHOT_SESPARSE;
	uint64_t rnd = seed * 1000 + 7;
	char trace[512] = "";
	static struct snapshot_chain c;
	struct outcome o;
	struct host h;

	snapshot_chain_init_format(&c, w->dir, format, small ? 8 : 128, seed);
	start(w, &h);
	for (unsigned round = 0; round < 7; round++) {
		for (uint64_t n = model_random(&rnd) % 3; n > 0; n--)
			snprintf(trace + strlen(trace), sizeof(trace) - strlen(trace), " %s,", snapshot_chain_step(&c));
		snprintf(trace + strlen(trace), sizeof(trace) - strlen(trace), " cycle;");
		if (!random_cycle(w, &h, &c, &rnd, t))
			fail_msg("seed %" PRIu64 ": a change was missed:%s", seed, trace);
	}
	h.opt.serial = false;
	/* What the map says is true: a full scan finds the same. */
	next_cycle_ok(w, &h, &c, &o);
	h.opt.full = true;
	image_cycle_ok(w, &h, &c, &o);
	if (bytes_sent(&o) != 0 || !replica_is(w, &c))
		fail_msg("seed %" PRIu64 ": a full scan finds a change that was missed:%s", seed, trace);
	host_stop(&h);
}

static void random_histories(enum snapshot_format format, uint64_t usual)
{
	const char *only = getenv("LIFTFS_LAYERS_SEED"), *many = getenv("LIFTFS_LAYERS_SEEDS");
	uint64_t from = only ? strtoul(only, NULL, 10) : 0, to = only ? from + 1 : many ? strtoul(many, NULL, 10) : usual;
	struct tally t = { 0 };

	for (uint64_t seed = from; seed < to; seed++) {
		void *world;

		assert_int_equal(world_setup(&world), 0);
		one_sequence(world, format, seed, &t);
		assert_int_equal(world_teardown(&world), 0);
	}
	print_message("%" PRIu64 " cycles, %" PRIu64 " of them with evidence\n", t.cycles, t.with_less);
	if (!only && t.with_less * 5 < t.cycles)
		fail_msg("of %" PRIu64 " cycles only %" PRIu64 " used evidence", t.cycles, t.with_less);
}

static void random_histories_miss_no_change(void **state)
{
	(void)state;
	random_histories(SNAPSHOT_SPARSE, 40);
}

static void random_histories_of_two_files_an_image_miss_no_change(void **state)
{
	(void)state;
	random_histories(SNAPSHOT_SESPARSE, 12);
}

static void random_histories_of_vhdx_of_any_sizes_miss_no_change(void **state)
{
	(void)state;
	random_histories(SNAPSHOT_VHDX, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_new_snapshot_costs_nothing_but_its_own_data),
		WORLD_TEST(what_a_vanished_delta_covered_is_read),
		WORLD_TEST(what_a_shorter_image_hid_is_read_when_it_is_gone),
		WORLD_TEST(a_leaf_that_is_written_to_costs_only_itself),
		WORLD_TEST(with_full_everything_is_read),
		WORLD_TEST(stamps_that_had_not_settled_prove_nothing),
		WORLD_TEST(a_record_that_is_damaged_old_or_gone_proves_nothing),
		WORLD_TEST(only_files_that_tell_of_writes_prove_anything),
		WORLD_TEST(a_block_of_two_images_is_read_if_either_changed),
		WORLD_TEST(windows_that_do_not_join_leave_no_record),
		WORLD_TEST(after_a_fuzzy_cycle_everything_is_read),
		cmocka_unit_test(random_histories_miss_no_change),
		cmocka_unit_test(random_histories_of_two_files_an_image_miss_no_change),
		cmocka_unit_test(random_histories_of_vhdx_of_any_sizes_miss_no_change),
	};

	scratch_set_place("/dev/shm"); /* some thousand fsyncs */
	return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
