/* SPDX-License-Identifier: Apache-2.0 */
/* Disks that grow, and disks that shrink: what their replicas and the points of before hold, also after a crash. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/cycle_world.h"

/* ---- growth ---- */

static void death_at_every_request_of_a_cycle_that_grows_the_replica_converges(void **state)
{
	static uint8_t want[4096], have[4096];
	struct world *w = *state;
	struct outcome o;
	struct host h;
	bool survived = false;

	for (uint64_t n = 1; !survived; n++) {
		char name[24];

		snprintf(name, sizeof(name), "state-%u", (unsigned)n);
		mem_service_advance(w->service, 120);
		if (mem_exists(w->service, world_names[0]))
			assert_true(mem_foreign_delete(w->service, world_names[0]));
		world_write_disk(w, 0, n);
		one_cycle(w, name, 1);
		world_patch(w, 0, SIZE + 2 * MIB - 4096, 4096, n);
		host_start(w, &h, name);
		host_fault(&h, MEM_ALL, n, FAULT_DIE);
		cycle(w, &h, 1, &o);
		survived = o.rc == 0;
		host_stop(&h);
		world_patch(w, 0, SIZE - 10, 10, n + 1); /* beside where the old footer lay */
		host_start(w, &h, name);
		cycle(w, &h, 1, &o);
		if (o.rc < 0)
			fail_msg("death at request %u: %s", (unsigned)n, o.err.msg);
		assert_true(world_equals(w, 0, -1));
		assert_int_equal(mem_size(w->service, world_names[0]), SIZE + 2 * MIB + 512);
		mem_peek(w->service, world_names[0], -1, have, sizeof(have), SIZE + 2 * MIB - 4096);
		pattern_fill(want, sizeof(want), SIZE + 2 * MIB - 4096, n);
		assert_memory_equal(have, want, sizeof(want));
		mem_peek(w->service, world_names[0], -1, have, 512, SIZE); /* the old footer is gone */
		assert_memory_equal(have, (uint8_t[512]){ 0 }, 512);
		host_stop(&h);
		assert_true(n < 100);
	}
}

/* The map in the new size is stored first; what is read back goes into it all the same. */
static void a_replica_that_is_read_back_may_have_to_grow(void **state)
{
	static const uint8_t page[512] = { 0xee };
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	assert_true(mem_foreign_write(w->service, world_names[0], page, sizeof(page), 2 * MIB));
	world_patch(w, 0, SIZE + 2 * MIB - 4096, 4096, 2);
	h.opt.adopt = true;
	cycle_ok(w, &h, 1, &o);
	assert_true(world_equals(w, 0, -1));
	assert_int_equal(mem_size(w->service, world_names[0]), SIZE + 2 * MIB + 512);
	host_stop(&h);
}

/* ---- shrinking ---- */

static void cut(struct world *w, uint64_t size)
{
	scratch_truncate(w->dir, world_files[0], size);
}

static void a_disk_that_became_shorter_needs_a_word(void **state)
{
	static const uint64_t sizes[] = { SIZE - 512, 3 * MIB + 512, MIB }; /* the first and second within the same whole MiB, too */
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		cut(w, sizes[i]);
		cycle(w, &h, 1, &o);
		assert_int_equal(o.err.code, ERR_CONFLICT);
		assert_non_null(strstr(o.err.msg, "the replica holds 4194304; nothing was written; if the disk is meant to be that short, "
						  "--shrink cuts the replica off"));
		assert_int_equal(mem_records_count(w->service, MEM_RAISE | MEM_META | MEM_RESIZE | MEM_WRITE | MEM_CLEAR), 0);
	}
	host_stop(&h);
	/* Nor without a state: the replica's metadata tell. */
	cut(w, SIZE - 512);
	host_start(w, &h, "state2");
	h.opt.adopt = true;
	cycle(w, &h, 1, &o);
	assert_int_equal(o.err.code, ERR_CONFLICT);
	assert_non_null(strstr(o.err.msg, "vm/a.vhd: the disk has 4193792 bytes, the replica holds 4194304"));
	host_stop(&h);
}

static void with_it_the_replica_is_cut_off_and_old_points_stay_as_they_are(void **state)
{
	static const uint64_t sizes[] = { SIZE - 512, 3 * MIB + 512, 3 * MIB, MIB, 512 };
	static uint8_t before[SIZE], point[SIZE], footer[512];
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	mem_peek(w->service, world_names[0], -1, before, SIZE, 0);
	h.opt.shrink = true;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint64_t content = (sizes[i] + MIB - 1) / MIB * MIB;

		cut(w, sizes[i]);
		cycle_ok(w, &h, 1, &o);
		assert_int_equal(mem_size(w->service, world_names[0]), content + 512);
		assert_true(world_equals_len(w, 0, -1, sizes[i]));
		mem_peek(w->service, world_names[0], -1, point, content, 0);
		for (uint64_t off = sizes[i]; off < content; off++)
			assert_int_equal(point[off], 0);
		mem_peek(w->service, world_names[0], -1, footer, 512, content);
		assert_memory_equal(footer, "conectix", 8);
		mem_peek(w->service, world_names[0], 0, point, SIZE, 0);
		assert_memory_equal(point, before, SIZE);
		assert_int_equal(mem_points_count(w->service, world_names[0]), i + 2);
	}
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_read), 512);
	/* And back: nothing of what was cut off is taken for known. */
	world_write_disk(w, 0, 1);
	h.opt.shrink = false;
	cycle_ok(w, &h, 1, &o);
	assert_true(world_equals(w, 0, -1));
	host_stop(&h);
}

static void what_was_cut_off_is_said(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	cut(w, MIB);
	h.opt.shrink = true;
	cycle_ok(w, &h, 1, &o);
	assert_string_equal(o.disks[0].warning, "cut off from 4194304 to 1048576 bytes");
	cycle_ok(w, &h, 1, &o);
	assert_string_equal(o.disks[0].warning, "");
	host_stop(&h);
}

/* The word was given: once the map has the new size nobody is asked again, and until then everybody is. */
static void death_at_every_request_of_a_cycle_that_cuts_off_is_seen(void **state)
{
	struct world *w = *state;
	bool survived = false;
	struct outcome o;
	struct host h;

	for (uint64_t n = 1; !survived; n++) {
		size_t resizes;
		bool asked;

		world_begin_again(w, 1);
		world_write_disk(w, 0, n);
		one_cycle(w, "state", 1);
		cut(w, 3 * MIB + 4096);
		cut(w, MIB);
		host_start(w, &h, "state");
		h.opt.shrink = true;
		host_fault(&h, MEM_ALL, n, FAULT_DIE);
		cycle(w, &h, 1, &o);
		survived = o.rc == 0;
		resizes = mem_records_count(w->service, MEM_RESIZE);
		host_stop(&h);
		world_patch(w, 0, MIB - 10, 10, n + 1); /* beside where the footer lies now */
		host_start(w, &h, "state");
		cycle(w, &h, 1, &o);
		asked = o.rc < 0;
		if (asked) {
			assert_int_equal(resizes, 0);
			assert_non_null(strstr(o.err.msg, "--shrink cuts the replica off"));
			h.opt.shrink = true;
			cycle_ok(w, &h, 1, &o);
		}
		assert_true(world_equals_len(w, 0, -1, MIB));
		assert_int_equal(mem_size(w->service, world_names[0]), MIB + 512);
		host_stop(&h);
		assert_true(n < 100);
	}
}

static void a_crash_between_map_and_replica_is_gone_on_from_without_a_word(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	one_cycle(w, "state", 1);
	cut(w, MIB);
	host_start(w, &h, "state");
	h.opt.shrink = true;
	host_fault(&h, MEM_RESIZE, 1, FAULT_DIE);
	cycle(w, &h, 1, &o);
	assert_int_equal(o.rc, -1);
	assert_int_equal(mem_size(w->service, world_names[0]), SIZE + 512);
	host_stop(&h);
	host_start(w, &h, "state");
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(mem_size(w->service, world_names[0]), MIB + 512);
	assert_true(world_equals_len(w, 0, -1, MIB));
	host_stop(&h);
}

/* The map was cut, the replica was not, and then the disk is long again: what was to be cut off is still there. */
static void a_disk_that_is_long_again_before_its_replica_was_cut_off_keeps_nothing_of_before(void **state)
{
	static const uint64_t sizes[] = { SIZE, 3 * MIB, SIZE + MIB };
	struct world *w = *state;
	struct outcome o;
	struct host h;

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		world_begin_again(w, 1);
		world_write_disk(w, 0, 1);
		cut(w, SIZE);
		world_patch(w, 0, 2 * MIB, MIB, 2);
		one_cycle(w, "state", 1);
		cut(w, MIB);
		host_start(w, &h, "state");
		h.opt.shrink = true;
		host_fault(&h, MEM_RESIZE, 1, FAULT_BEFORE);
		cycle(w, &h, 1, &o);
		assert_int_equal(o.rc, -1);
		assert_int_equal(mem_size(w->service, world_names[0]), SIZE + 512);
		fault_clear(h.fault);
		cut(w, sizes[i]); /* a hole where data was */
		cycle_ok(w, &h, 1, &o);
		assert_int_equal(mem_size(w->service, world_names[0]), sizes[i] + 512);
		assert_true(world_equals_len(w, 0, -1, sizes[i] < SIZE ? sizes[i] : SIZE));
		host_stop(&h);
	}
}

static void a_replica_that_somebody_made_longer_is_not_cut_off_unasked(void **state)
{
	char version[TARGET_VERSION_LEN];
	struct target_look l = { 0 };
	struct world *w = *state;
	struct outcome o;
	struct host h;

	host_start_replicated(w, &h, 1, &o);
	CLEANUP(cleanup_replica) struct replica *r = target_replica(h.target, world_names[0], NULL);

	assert_int_equal(replica_look(r, &l, NULL), 0);
	assert_int_equal(replica_resize(r, SIZE + MIB + 512, l.version, version, NULL), 0);
	target_look_fini(&l);
	h.opt.adopt = true;
	cycle(w, &h, 1, &o);
	assert_int_equal(o.err.code, ERR_CONFLICT);
	assert_non_null(strstr(o.err.msg, "the replica holds 5242880"));
	h.opt.shrink = true;
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(mem_size(w->service, world_names[0]), SIZE + 512);
	assert_true(world_equals(w, 0, -1));
	replica_close(steal_ptr(&r));
	host_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(death_at_every_request_of_a_cycle_that_grows_the_replica_converges),
		WORLD_TEST(a_replica_that_is_read_back_may_have_to_grow),
		WORLD_TEST(a_disk_that_became_shorter_needs_a_word),
		WORLD_TEST(with_it_the_replica_is_cut_off_and_old_points_stay_as_they_are),
		WORLD_TEST(what_was_cut_off_is_said),
		WORLD_TEST(death_at_every_request_of_a_cycle_that_cuts_off_is_seen),
		WORLD_TEST(a_crash_between_map_and_replica_is_gone_on_from_without_a_word),
		WORLD_TEST(a_disk_that_is_long_again_before_its_replica_was_cut_off_keeps_nothing_of_before),
		WORLD_TEST(a_replica_that_somebody_made_longer_is_not_cut_off_unasked),
	};

	return cmocka_run_group_tests_name("cycle-size", tests, NULL, NULL);
}
