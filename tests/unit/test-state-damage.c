/* SPDX-License-Identifier: Apache-2.0 */
/* Maps and journals that are damaged or gone: what they know is void, and a new one believes nothing of it. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "map/journal_record.h"
#include "support/state_fixture.h"

static void flip(const struct fixture *f, const char *name, uint64_t off)
{
	char path[300];
	uint8_t byte;

	in_folder(f, name, path);
	CLEANUP_FD int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)off), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)off), 1);
}

static void remove_file(const struct fixture *f, const char *name)
{
	char path[300];

	in_folder(f, name, path);
	assert_int_equal(unlink(path), 0);
}

static void expect_damage(struct fixture *f, const char *phrase)
{
	open_rs(f);
	assert_int_equal(f->rs.kind, STATE_NEW);
	assert_null(f->rs.map);
	assert_null(f->rs.journal);
	assert_int_equal(f->rs.n_own, 0);
	if (!f->rs.damage || !strstr(f->rs.damage, phrase))
		fail_msg("damage: %s", f->rs.damage ? f->rs.damage : "none");
}

static void a_damaged_map_is_none(void **state)
{
	static const uint64_t places[] = { 0, 20, 130, 145, 201, 230, 300, 513, 1600, 8185, 8192 };
	struct fixture *f = *state;

	first_cycle(f);
	OK(replica_state_commit(&f->rs, "snap", &ok_err));
	replica_state_close(&f->rs);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		flip(f, "map", places[i]);
		expect_damage(f, "map: ");
		replica_state_close(&f->rs);
		flip(f, "map", places[i]);
	}
	open_rs(f);
	assert_null(f->rs.damage);
	assert_int_equal(f->rs.kind, STATE_CLEAN);
}

static void a_damaged_page_of_the_map_is_unknown(void **state)
{
	struct fixture *f = *state;

	first_cycle(f);
	OK(replica_state_commit(&f->rs, "snap", &ok_err));
	replica_state_close(&f->rs);
	flip(f, "map", 12288 + 16);
	open_rs(f);
	assert_null(f->rs.damage);
	assert_int_equal(blockmap_count(f->rs.map, BLOCK_UNKNOWN), BLOCKS);
}

static void a_damaged_or_missing_journal_makes_the_map_void(void **state)
{
	struct fixture *f = *state;

	first_cycle(f);
	OK(replica_state_commit(&f->rs, "snap", &ok_err));
	OK(replica_state_claim(&f->rs, 300, &ok_err));
	replica_state_close(&f->rs);
	flip(f, "journal", 130);
	expect_damage(f, "journal: header: wrong checksum");
	replica_state_close(&f->rs);
	flip(f, "journal", 130);
	flip(f, "journal", JOURNAL_HEADER_LEN + 20); /* the CLEAN, which the claim's record knows to have been durable */
	expect_damage(f, "damaged; the one at");
	replica_state_close(&f->rs);
	put_file(f, "journal", "", 0);
	expect_damage(f, "journal: missing or empty, beside a map of generation 3");
	replica_state_close(&f->rs);
	remove_file(f, "journal");
	expect_damage(f, "journal: missing or empty");
}

static void after_damage_a_new_map_can_be_made_and_believes_nothing_old(void **state)
{
	struct fixture *f = *state;

	/* A journal of the first generation with a zero in it, which another secret does not make void. */
	create_rs(f);
	OK(replica_state_distrust(&f->rs, &ok_err));
	OK(replica_state_claim(&f->rs, 5, &ok_err));
	OK(journal_ack_zero(f->rs.journal, 0, BLOCKS, &ok_err));
	replica_state_close(&f->rs);
	flip(f, "map", 300);
	expect_damage(f, "map: ");
	create_rs(f);
	reopen_rs(f);
	assert_null(f->rs.damage);
	assert_int_equal(blockmap_count(f->rs.map, BLOCK_UNKNOWN), BLOCKS);
	assert_int_equal(f->rs.kind, STATE_CLEAN);
	assert_int_equal(f->rs.n_own, 0);
	replica_state_close(&f->rs);

	flip(f, "journal", 0);
	expect_damage(f, "journal");
	create_rs(f);
	reopen_rs(f);
	assert_null(f->rs.damage);
	assert_int_equal(f->rs.kind, STATE_CLEAN);
}

static void a_journal_that_speaks_of_blocks_beyond_the_map_is_damage(void **state)
{
	struct fixture *f = *state;

	first_cycle(f);
	OK(journal_intent(f->rs.journal, BLOCKS - 1, 2, &ok_err));
	replica_state_close(&f->rs);
	expect_damage(f, "journal: blocks 32+2 of 33");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STATE_TEST(a_damaged_map_is_none),
		STATE_TEST(a_damaged_page_of_the_map_is_unknown),
		STATE_TEST(a_damaged_or_missing_journal_makes_the_map_void),
		STATE_TEST(after_damage_a_new_map_can_be_made_and_believes_nothing_old),
		STATE_TEST(a_journal_that_speaks_of_blocks_beyond_the_map_is_damage),
	};

	return cmocka_run_group_tests_name("state-damage", tests, NULL, NULL);
}
