/* SPDX-License-Identifier: Apache-2.0 */
/* What a crash leaves of map and journal, and what copies of them and files put back are taken for. */
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "map/journal_record.h"
#include "support/state_fixture.h"

/* ---- crashes ---- */

static char *slurp(const struct fixture *f, const char *name, size_t *len)
{
	char *text = io_read_file(f->rs.dirfd, name, 16 << 20, len, NULL);

	assert_non_null(text);
	return text;
}

/* ACKs and INTENTs in no order, as an oracle of what may be believed after each of them. */
enum { STEPS = 60 };
static uint64_t random_state;

static uint64_t dice(uint64_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (random_state >> 33) % n;
}

static void a_journal_cut_at_any_length_is_what_was_there_before(void **state)
{
	struct fixture *f = *state;
	static char want[STEPS + 1][BLOCKS];
	static uint64_t hashes[STEPS + 1][BLOCKS], ends[STEPS + 1];
	CLEANUP_FREE char *journal = NULL;
	size_t len = 0, step = 0;

	first_cycle(f);
	OK(replica_state_commit(&f->rs, "snap", &ok_err));
	OK(replica_state_claim(&f->rs, 300, &ok_err));
	OK(replica_state_writable(&f->rs, &ok_err));
	random_state = 42;
	for (size_t s = 0; s <= STEPS; s++) {
		uint64_t blk = dice(BLOCKS), count = 1 + dice(BLOCKS - blk < 4 ? BLOCKS - blk : 4);
		struct block_hash h = hash_of(s);

		if (s > 0 && dice(2)) {
			OK(journal_intent(f->rs.journal, blk, count, &ok_err));
			for (uint64_t i = 0; i < count; i++)
				blockmap_set_unknown(f->rs.map, blk + i);
		} else if (s > 0 && dice(2)) {
			OK(journal_ack(f->rs.journal, blk, &h, &ok_err));
			blockmap_set_hash(f->rs.map, blk, &h);
		} else if (s > 0) {
			OK(journal_ack_zero(f->rs.journal, blk, count, &ok_err));
			for (uint64_t i = 0; i < count; i++)
				blockmap_set_zero(f->rs.map, blk + i);
		}
		ends[s] = journal_bytes(f->rs.journal);
		for (uint64_t b = 0; b < BLOCKS; b++)
			want[s][b] = entry(f, b, &hashes[s][b]);
	}
	replica_state_close(&f->rs);
	open_rs(f);
	journal = slurp(f, "journal", &len);
	assert_int_equal(len, ends[STEPS]);
	replica_state_close(&f->rs);
	for (size_t cut = ends[0]; cut <= len; cut++) {
		while (step < STEPS && ends[step + 1] <= cut)
			step++;
		put_file(f, "journal", journal, cut);
		open_rs(f);
		assert_null(f->rs.damage);
		assert_int_equal(f->rs.kind, STATE_OPEN);
		assert_false(f->rs.moved);
		for (uint64_t b = 0; b < BLOCKS; b++) {
			uint64_t n = 0;

			if (entry(f, b, &n) != want[step][b] || (want[step][b] == 'h' && n != hashes[step][b]))
				fail_msg("cut at %zu: block %" PRIu64 " is %c, should be %c", cut, b, entry(f, b, &n), want[step][b]);
		}
		replica_state_close(&f->rs);
	}
	/* Cut inside CLAIM, CLEAN and POINT: never more than a clean point that was whole. */
	for (size_t cut = JOURNAL_HEADER_LEN; cut < ends[0]; cut++) {
		put_file(f, "journal", journal, cut);
		open_rs(f);
		assert_null(f->rs.damage);
		assert_int_equal(f->rs.kind, STATE_CLEAN);
		assert_string_equal(f->rs.last.version, "E1");
		if (!f->rs.last.pointed) /* nothing is proven, and no point made, by the map's header alone */
			assert_true(f->rs.last.fuzzy || f->rs.last.evidence.n == 1);
		replica_state_close(&f->rs);
	}
}

static void keep(const struct fixture *f, const char *name)
{
	char path[300], old[310];

	in_folder(f, name, path);
	snprintf(old, sizeof(old), "%s.old", path);
	run_command("ln", path, old);
}

static void bring_back(const struct fixture *f, const char *name)
{
	char path[300], old[310];

	in_folder(f, name, path);
	snprintf(old, sizeof(old), "%s.old", path);
	run_command("mv", old, path);
}

static void a_crash_between_map_and_journal_leaves_the_new_map(void **state)
{
	struct fixture *f = *state;
	uint64_t n = 0;

	first_cycle(f);
	keep(f, "journal");
	OK(replica_state_commit(&f->rs, "snap", &ok_err)); /* folds */
	bring_back(f, "journal");
	reopen_rs(f);
	assert_null(f->rs.damage);
	assert_false(f->rs.moved);
	assert_int_equal(f->rs.kind, STATE_CLEAN);
	assert_string_equal(f->rs.last.version, "E1");
	assert_true(f->rs.last.fuzzy); /* without its fingerprint it proves nothing */
	assert_int_equal(entry(f, 1, &n), 'h');
	assert_int_equal(n, 1);
	assert_string_not_equal(journal_born(f->rs.journal), ""); /* the journal that was begun is marked */
}

static void a_map_put_back_alone_is_judged_by_its_own_version(void **state)
{
	struct fixture *f = *state;
	struct clean_point p = clean_point(2, 400, "E2");
	struct block_hash h = hash_of(2);
	uint64_t n = 0;

	first_cycle(f);
	OK(replica_state_commit(&f->rs, "snap", &ok_err));
	keep(f, "map");
	OK(replica_state_claim(&f->rs, 300, &ok_err));
	OK(replica_state_writable(&f->rs, &ok_err));
	OK(journal_ack(f->rs.journal, 1, &h, &ok_err));
	blockmap_set_hash(f->rs.map, 1, &h);
	OK(replica_state_claim(&f->rs, 400, &ok_err));
	OK(replica_state_clean(&f->rs, &p, &ok_err));
	OK(replica_state_commit(&f->rs, "snap2", &ok_err));
	bring_back(f, "map");
	reopen_rs(f);
	assert_int_equal(f->rs.kind, STATE_CLEAN);
	assert_string_equal(f->rs.last.version, "E1");
	assert_false(replica_state_owns(&f->rs, 400));
	assert_int_equal(entry(f, 1, &n), 'h');
	assert_int_equal(n, 1);
}

/* ---- copies ---- */

static void copy_in_place(struct fixture *f, const char *what)
{
	char path[300], copy[310];

	in_folder(f, what, path);
	snprintf(copy, sizeof(copy), "%s.copy", path);
	replica_state_close(&f->rs);
	run_command("cp -a", path, copy);
	run_command("mv", copy, path);
}

static void a_clean_copy_draws_a_lease_once(void **state)
{
	struct fixture *f = *state;
	struct guid lease;

	first_cycle(f);
	OK(replica_state_commit(&f->rs, "snap", &ok_err));
	lease = f->rs.lease_id;
	copy_in_place(f, "map");
	copy_in_place(f, "journal");
	open_rs(f);
	assert_true(f->rs.moved);
	assert_int_equal(f->rs.kind, STATE_CLEAN);
	assert_false(guid_equal(&lease, &f->rs.lease_id));
	lease = f->rs.lease_id;
	/* A crash in the next cycle is an ordinary one. */
	OK(replica_state_claim(&f->rs, 300, &ok_err));
	reopen_rs(f);
	assert_false(f->rs.moved);
	assert_int_equal(f->rs.kind, STATE_OPEN);
	assert_true(guid_equal(&lease, &f->rs.lease_id));
}

static void an_open_copy_distrusts_itself(void **state)
{
	struct fixture *f = *state;
	uint64_t n = 0;

	first_cycle(f);
	OK(replica_state_commit(&f->rs, "snap", &ok_err));
	OK(replica_state_claim(&f->rs, 300, &ok_err));
	copy_in_place(f, "map");
	copy_in_place(f, "journal");
	open_rs(f);
	assert_true(f->rs.moved);
	assert_int_equal(f->rs.kind, STATE_DISTRUSTED);
	assert_int_equal(blockmap_count(f->rs.map, BLOCK_UNKNOWN), BLOCKS);
	reopen_rs(f);
	assert_false(f->rs.moved);
	assert_int_equal(f->rs.kind, STATE_DISTRUSTED);
	assert_int_equal(entry(f, 1, &n), 'u');
}

/* Its mark must outlive what begins new journals: a commit in a later run than the one that made the state. */
static void a_journal_put_back_alone_is_noticed_in_later_runs_too(void **state)
{
	struct fixture *f = *state;

	first_cycle(f);
	reopen_rs(f);
	OK(replica_state_commit(&f->rs, "snap", &ok_err));
	OK(replica_state_claim(&f->rs, 300, &ok_err));
	copy_in_place(f, "journal");
	open_rs(f);
	assert_true(f->rs.moved);
	assert_int_equal(f->rs.kind, STATE_DISTRUSTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STATE_TEST(a_journal_cut_at_any_length_is_what_was_there_before),
		STATE_TEST(a_crash_between_map_and_journal_leaves_the_new_map),
		STATE_TEST(a_map_put_back_alone_is_judged_by_its_own_version),
		STATE_TEST(a_clean_copy_draws_a_lease_once),
		STATE_TEST(an_open_copy_distrusts_itself),
		STATE_TEST(a_journal_put_back_alone_is_noticed_in_later_runs_too),
	};

	return cmocka_run_group_tests_name("state-crash", tests, NULL, NULL);
}
