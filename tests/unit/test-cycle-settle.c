/* SPDX-License-Identifier: Apache-2.0 */
/* First cycles over files whose times were first seen just now: what is sent while they settle, and that nothing is missed for it. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/cycle_world.h"

#define LARGE (24 * MIB) /* more than the engine has slots for: the first pass cannot take all of it */
#define PLACE 4100       /* a byte of what is sent first */

/* Somebody who writes through a mapping whose page is dirty already: such a write leaves no time behind. */
struct writer {
	struct world *w;
	uint8_t *map;
	size_t len;
	bool writes;
	uint64_t grow_to;
	struct cancel *cancel;
};

static void write_large(struct world *w, size_t i, uint64_t seed)
{
	CLEANUP_FREE uint8_t *buf = malloc(LARGE);

	assert_non_null(buf);
	pattern_fill(buf, LARGE, 0, seed);
	scratch_write(w->dir, world_files[i], buf, LARGE);
}

static void writer_begin(struct world *w, struct writer *x)
{
	CLEANUP_FD int fd = openat(w->dir->fd, world_files[0], O_RDWR | O_CLOEXEC);

	*x = (struct writer){ .w = w, .len = LARGE };
	x->map = mmap(NULL, x->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(x->map != MAP_FAILED);
	*(volatile uint8_t *)(x->map + PLACE) ^= 1;
}

static void writer_end(struct writer *x)
{
	munmap(x->map, x->len);
}

/* While the first pass sends: the write, and then the times have settled. */
static void in_the_window(void *ctx)
{
	struct writer *x = ctx;

	if (x->writes)
		*(volatile uint8_t *)(x->map + PLACE) ^= 0x80;
	if (x->grow_to > 0)
		scratch_truncate(x->w->dir, world_files[0], x->grow_to);
	if (x->cancel)
		cancel_set(x->cancel, CANCEL_GENTLE);
	else
		world_pass_time(2 * EVIDENCE_SETTLE_NS);
}

static void start(struct world *w, struct host *h, struct writer *x)
{
	write_large(w, 0, 1);
	host_start(w, h, "state");
	h->opt.settle_worth = 1;
	writer_begin(w, x);
	host_call(h, MEM_WRITE, 1, in_the_window, x);
}

static void a_write_that_leaves_no_time_behind_while_times_settle_is_not_missed(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct writer x;
	struct host h;

	start(w, &h, &x);
	x.writes = true;
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_OK);
	assert_true(world_equals_len(w, 0, -1, LARGE) && world_equals_len(w, 0, 0, LARGE));
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_sent), LARGE + (64 << 10)); /* its block once more */
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_SKIPPED);
	assert_true(world_equals_len(w, 0, -1, LARGE));
	writer_end(&x);
	host_stop(&h);
}

static void what_is_sent_while_times_settle_is_not_sent_again(void **state)
{
	struct world *w = *state;
	struct mem_record *writes, *raises;
	size_t n, n_raises, early = 0;
	struct outcome o;
	struct writer x;
	struct host h;

	start(w, &h, &x);
	cycle_ok(w, &h, 1, &o);
	writes = mem_records(w->service, MEM_WRITE, &n);
	raises = mem_records(w->service, MEM_RAISE, &n_raises);
	assert_int_equal(n_raises, 3); /* claim, claim once more, fence */
	assert_int_equal(n, LARGE / (4 * MIB) + 1);
	for (size_t i = 0; i < n; i++)
		early += writes[i].number == raises[0].number;
	assert_in_range(early, 1, n - 2);
	for (size_t i = early; i < n; i++)
		assert_int_equal(writes[i].number, raises[1].number);
	assert_int_equal(writes[n - 1].off, LARGE); /* the footer, which says that all is there */
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_sent), LARGE);
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_done), LARGE);
	assert_true(atomic_load(&o.disks[0].progress.bytes_read) > LARGE);
	assert_true(world_equals_len(w, 0, 0, LARGE));
	assert_int_equal(o.disks[0].consistency, CONSISTENCY_PROVEN);
	free(writes);
	free(raises);
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_SKIPPED);
	writer_end(&x);
	host_stop(&h);
}

/* Killed anywhere, in either pass or between them. */
static void a_crash_while_times_settle_or_after_is_gone_on_from(void **state)
{
	struct world *w = *state;
	bool died = true;
	struct outcome o;
	struct writer x;
	struct host h;

	for (uint64_t nth = 1; died; nth++) {
		write_large(w, 0, nth);
		host_start(w, &h, "state");
		h.opt.settle_worth = 1;
		writer_begin(w, &x);
		x.writes = true;
		host_call(&h, MEM_WRITE, 1, in_the_window, &x);
		host_fault(&h, MEM_ALL, nth, FAULT_DIE);
		cycle(w, &h, 1, &o);
		died = o.rc < 0;
		writer_end(&x);
		host_stop(&h);
		one_cycle(w, "state", 1);
		assert_true(world_equals_len(w, 0, -1, LARGE));
		world_begin_again(w, 1);
	}
}

static void a_disk_that_grows_while_times_settle_is_for_the_next_run(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct writer x;
	struct host h;

	start(w, &h, &x);
	x.grow_to = LARGE + 3 * MIB;
	cycle(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_FAILED);
	assert_error(&o.err, ERR_CHANGED, "a.raw: had 25165824 bytes when the cycle began, and has 28311552");
	assert_int_equal(mem_points_count(w->service, world_names[0]), 0);
	cycle_ok(w, &h, 1, &o);
	assert_true(world_equals_len(w, 0, -1, LARGE + 3 * MIB) && world_equals_len(w, 0, 0, LARGE + 3 * MIB));
	writer_end(&x);
	host_stop(&h);
}

static void stopped_while_times_settle_it_lets_go_of_the_replica(void **state)
{
	struct world *w = *state;
	struct cancel token;
	struct outcome o;
	struct writer x;
	struct host h;

	assert_int_equal(cancel_init(&token, NULL), 0);
	start(w, &h, &x);
	h.opt.cancel = x.cancel = &token;
	cycle(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_PARKED);
	assert_error(&o.err, ERR_CANCELLED, "stopped");
	writer_end(&x);
	host_stop(&h);
	host_start(w, &h, "elsewhere"); /* another host need not wait for the lease to end */
	cycle_ok(w, &h, 1, &o);
	assert_true(world_equals_len(w, 0, -1, LARGE));
	host_stop(&h);
	cancel_fini(&token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_write_that_leaves_no_time_behind_while_times_settle_is_not_missed),
		WORLD_TEST(what_is_sent_while_times_settle_is_not_sent_again),
		WORLD_TEST(a_crash_while_times_settle_or_after_is_gone_on_from),
		WORLD_TEST(a_disk_that_grows_while_times_settle_is_for_the_next_run),
		WORLD_TEST(stopped_while_times_settle_it_lets_go_of_the_replica),
	};

	return cmocka_run_group_tests_name("cycle-settle", tests, NULL, NULL);
}
