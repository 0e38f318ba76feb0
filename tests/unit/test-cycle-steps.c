/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps 2 and 3 of a cycle as a table: what the state here says, what happened there meanwhile, who holds the lease, what a person
 * said; and what must come of it.  Whatever ends without a cycle must have changed nothing.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/cycle_world.h"

enum local { CLEAN, OPEN, DISTRUSTED, NONE };
enum event { NOTHING, WRITTEN, CLAIMED, REMADE }; /* by another tool; by another liftfs; deleted and made anew by it */
enum lease { FREE, HELD };
enum word { ADOPT = 1, REPLACE = 2, BREAK = 4 };
enum outcome_kind {
	BELIEVED, /* a cycle that reads nothing back and sends the change alone */
	READ,     /* one that reads what is there, and sends what differs */
	RESENT,   /* one that reads nothing and sends everything */
	BUSY,     /* 75 */
	ASKS,     /* 78 */
};

struct row {
	enum local local;
	enum event event;
	enum lease lease;
	unsigned words;
	enum outcome_kind want;
	const char *says; /* in the error, or in the warning */
};

#define FOREIGN "changed by something other than liftfs since the last cycle"
#define CUT_OFF "changed by somebody else after a cycle that was cut off"
#define LEASED "leased by somebody else after a cycle that was cut off"
#define ANOTHER "another liftfs wrote to it since the last cycle here"
#define VOID "its block map here is void since somebody else may have written"
#define MADE_ANEW "is not the replica that this state describes: it was made anew or replaced"
#define NO_MAP "there is no block map of it here"
#define HELD_BY "held by host1 pid "
#define BROKEN "the lease was broken that was held by host1 pid "

static const struct row remote_rows[] = {
	{ CLEAN, NOTHING, FREE, 0, BELIEVED, "" },
	{ CLEAN, NOTHING, FREE, BREAK | ADOPT | REPLACE, BELIEVED, "" },
	{ CLEAN, NOTHING, HELD, 0, BUSY, HELD_BY },
	{ CLEAN, NOTHING, HELD, ADOPT | REPLACE, BUSY, HELD_BY },
	{ CLEAN, NOTHING, HELD, BREAK, BELIEVED, BROKEN },
	{ CLEAN, WRITTEN, FREE, 0, ASKS, FOREIGN },
	{ CLEAN, WRITTEN, FREE, BREAK, ASKS, FOREIGN },
	{ CLEAN, WRITTEN, FREE, ADOPT, READ, FOREIGN },
	{ CLEAN, WRITTEN, FREE, REPLACE, RESENT, FOREIGN },
	{ CLEAN, WRITTEN, HELD, 0, BUSY, HELD_BY },
	{ CLEAN, WRITTEN, HELD, BREAK, ASKS, FOREIGN },
	{ CLEAN, WRITTEN, HELD, BREAK | ADOPT, READ, BROKEN },
	{ CLEAN, CLAIMED, FREE, 0, READ, ANOTHER },
	{ CLEAN, CLAIMED, FREE, ADOPT, READ, ANOTHER },
	{ CLEAN, CLAIMED, FREE, REPLACE, RESENT, ANOTHER },
	{ CLEAN, CLAIMED, HELD, BREAK, READ, BROKEN },
	{ CLEAN, REMADE, FREE, 0, ASKS, MADE_ANEW },
	{ CLEAN, REMADE, FREE, ADOPT, READ, MADE_ANEW },
	{ CLEAN, REMADE, FREE, REPLACE, RESENT, MADE_ANEW },
	{ OPEN, NOTHING, FREE, 0, BELIEVED, "" },
	{ OPEN, NOTHING, FREE, BREAK | ADOPT | REPLACE, BELIEVED, "" },
	{ OPEN, NOTHING, HELD, 0, BUSY, HELD_BY },
	{ OPEN, NOTHING, HELD, ADOPT, BUSY, HELD_BY },
	{ OPEN, NOTHING, HELD, BREAK, ASKS, LEASED },
	{ OPEN, NOTHING, HELD, BREAK | ADOPT, READ, BROKEN },
	{ OPEN, NOTHING, HELD, BREAK | REPLACE, RESENT, BROKEN },
	{ OPEN, WRITTEN, FREE, 0, ASKS, CUT_OFF },
	{ OPEN, WRITTEN, FREE, BREAK, ASKS, CUT_OFF },
	{ OPEN, WRITTEN, FREE, ADOPT, READ, VOID },
	{ OPEN, WRITTEN, FREE, REPLACE, RESENT, VOID },
	{ OPEN, CLAIMED, FREE, 0, READ, VOID },
	{ OPEN, CLAIMED, FREE, ADOPT, READ, VOID },
	{ OPEN, CLAIMED, FREE, REPLACE, RESENT, VOID },
	{ OPEN, CLAIMED, HELD, 0, BUSY, HELD_BY },
	{ OPEN, REMADE, FREE, 0, ASKS, MADE_ANEW },
	{ OPEN, REMADE, FREE, ADOPT, READ, MADE_ANEW },
	{ DISTRUSTED, NOTHING, FREE, 0, READ, VOID },
	{ DISTRUSTED, NOTHING, FREE, ADOPT, READ, VOID },
	{ DISTRUSTED, NOTHING, FREE, REPLACE, RESENT, VOID },
	{ DISTRUSTED, NOTHING, HELD, ADOPT, BUSY, HELD_BY },
	{ DISTRUSTED, NOTHING, HELD, BREAK, READ, BROKEN },
	{ DISTRUSTED, NOTHING, HELD, BREAK | ADOPT, READ, BROKEN },
	{ NONE, NOTHING, FREE, 0, READ, NO_MAP },
	{ NONE, NOTHING, FREE, ADOPT, READ, NO_MAP },
	{ NONE, NOTHING, FREE, REPLACE, RESENT, NO_MAP },
	{ NONE, NOTHING, HELD, ADOPT, BUSY, HELD_BY },
	{ NONE, NOTHING, HELD, BREAK, READ, BROKEN },
	{ NONE, NOTHING, HELD, BREAK | ADOPT, READ, BROKEN },
};

/* What is near is read without a word, as long as nobody has to decide. */
static const struct row near_rows[] = {
	{ CLEAN, NOTHING, FREE, 0, BELIEVED, "" },
	{ CLEAN, WRITTEN, FREE, 0, ASKS, FOREIGN },
	{ CLEAN, WRITTEN, HELD, BREAK, ASKS, FOREIGN },
	{ CLEAN, CLAIMED, FREE, 0, READ, ANOTHER },
	{ CLEAN, CLAIMED, HELD, 0, BUSY, HELD_BY },
	{ CLEAN, CLAIMED, HELD, BREAK, READ, BROKEN },
	{ CLEAN, REMADE, FREE, 0, ASKS, MADE_ANEW },
	{ OPEN, WRITTEN, FREE, 0, ASKS, CUT_OFF },
	{ OPEN, CLAIMED, FREE, 0, READ, VOID },
	{ DISTRUSTED, NOTHING, FREE, 0, READ, VOID },
	{ NONE, NOTHING, FREE, 0, READ, NO_MAP },
	{ NONE, NOTHING, HELD, BREAK, READ, BROKEN },
};

static const struct guid thief = { .b = { 8 } };

static void die_at(struct world *w, const char *state, bool adopt, unsigned kind, uint64_t nth)
{
	struct outcome o;
	struct host h;

	host_start(w, &h, state);
	h.opt.adopt = adopt;
	host_fault(&h, kind, nth, FAULT_DIE);
	cycle(w, &h, 1, &o);
	assert_int_equal(o.rc, -1);
	host_stop(&h);
}

static void adopt_from(struct world *w, const char *state)
{
	struct outcome o;
	struct host h;

	host_start(w, &h, state);
	h.opt.adopt = true;
	cycle_ok(w, &h, 1, &o);
	host_stop(&h);
}

static void write_foreign(struct world *w)
{
	static const uint8_t page[512] = { 0xee };

	assert_true(mem_foreign_write(w->service, world_names[0], page, sizeof(page), 2 * MIB));
}

/* The states are of one host, `state`; another one's are `other` and `third`. */
static void make_local(struct world *w, enum local local)
{
	one_cycle(w, local == NONE ? "other" : "state", 1);
	world_patch(w, 0, 0, 100, 2);
	world_patch(w, 0, 3 * MIB, 100, 2);
	if (local == OPEN || local == DISTRUSTED)
		die_at(w, "state", false, MEM_WRITE, 2);
	mem_service_advance(w->service, 120);
	if (local == DISTRUSTED) {
		write_foreign(w);
		die_at(w, "state", true, MEM_RAISE, 1);
		mem_service_advance(w->service, 120);
	}
}

static void make_event(struct world *w, enum event event)
{
	switch (event) {
	case NOTHING:
		break;
	case WRITTEN:
		write_foreign(w);
		break;
	case CLAIMED:
		adopt_from(w, "third");
		break;
	case REMADE:
		assert_true(mem_foreign_delete(w->service, world_names[0]));
		one_cycle(w, "third", 1);
		break;
	}
	world_patch(w, 0, MIB / 2, 100, 3); /* so that there is something to be sent in any case */
}

static size_t changes(struct world *w)
{
	size_t n, found = 0;
	struct mem_record *rec = mem_records(w->service, MEM_LEASE, &n);

	for (size_t i = 0; i < n; i++)
		found += rec[i].action == TARGET_LEASE_BREAK;
	free(rec);
	return found + mem_records_count(w->service, MEM_CREATE | MEM_RAISE | MEM_META | MEM_RESIZE | MEM_WRITE | MEM_CLEAR |
							     MEM_SNAPSHOT);
}

static enum outcome_kind kind_of(struct world *w, const struct outcome *o)
{
	if (o->rc < 0)
		return error_exit_status(&o->err) == 75 ? BUSY : ASKS;
	if (mem_records_count(w->service, MEM_READ) > 0)
		return READ;
	return atomic_load(&o->disks[0].progress.bytes_sent) > MIB ? RESENT : BELIEVED;
}

static void check(struct world *w, struct host *h, const struct row *row, size_t i)
{
	CLEANUP(cleanup_replica) struct replica *r = target_replica(h->target, world_names[0], NULL);
	struct outcome o;
	const char *said;

	assert_non_null(r);
	if (row->lease == HELD)
		assert_int_equal(replica_lease(r, TARGET_LEASE_ACQUIRE, &thief, NULL), 0);
	h->opt.adopt = row->words & ADOPT;
	h->opt.replace = row->words & REPLACE;
	h->opt.break_lease = row->words & BREAK;
	for (int twice = 0; twice < 2; twice++) { /* what ends without a cycle ends so once more */
		cycle(w, h, 1, &o);
		said = o.rc < 0 ? o.err.msg : o.disks[0].warning;
		if (kind_of(w, &o) != row->want || (*row->says ? !strstr(said, row->says) : *said))
			fail_msg("row %zu: outcome %d: %s", i, (int)kind_of(w, &o), said);
		if (o.rc == 0) {
			if (!world_equals(w, 0, -1))
				fail_msg("row %zu: the replica is not the source", i);
			return;
		}
		if (changes(w) > 0)
			fail_msg("row %zu: changed something and ended with: %s", i, said);
		if (row->lease == FREE && replica_lease(r, TARGET_LEASE_ACQUIRE, &thief, NULL) < 0)
			fail_msg("row %zu: kept the lease", i);
		if (row->lease == FREE)
			assert_int_equal(replica_lease(r, TARGET_LEASE_RELEASE, &thief, NULL), 0);
		if (row->event == CLAIMED && row->local == OPEN)
			return; /* another number: it is distrusted from here on, and says so */
	}
}

static void run_rows(struct world *w, const struct row *rows, size_t n, bool remote)
{
	for (size_t i = 0; i < n; i++) {
		struct host h;

		mem_service_set_caps(w->service, remote, remote, UINT64_C(1) << 40);
		world_begin_again(w, 1);
		world_write_disk(w, 0, i + 10);
		make_local(w, rows[i].local);
		make_event(w, rows[i].event);
		mem_service_advance(w->service, 120);
		host_start(w, &h, "state");
		check(w, &h, &rows[i], i);
		host_stop(&h);
	}
}

static void before_a_target_that_bills_what_is_read(void **state)
{
	run_rows(*state, remote_rows, ARRAY_LEN(remote_rows), true);
}

static void before_a_target_that_is_near(void **state)
{
	run_rows(*state, near_rows, ARRAY_LEN(near_rows), false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(before_a_target_that_bills_what_is_read),
		WORLD_TEST(before_a_target_that_is_near),
	};

	return cmocka_run_group_tests_name("cycle-steps", tests, NULL, NULL);
}
