/* SPDX-License-Identifier: Apache-2.0 */
/* Map and journal of one replica, opened together: what every record says, and what every crash, copy and damage leaves. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "map/journal_record.h"
#include "replicate/state.h"
#include "support/scratch.h"

#define MIB (UINT64_C(1) << 20)
#define CONTENT (2 * MIB) /* 32 blocks and the footer */
#define BLOCKS 33

struct fixture {
	struct scratch_dir *dir;
	struct state *state;
	struct replica_state rs;
	char folder[256]; /* of the replica's map and journal */
};

static const struct guid replica_id = { .b = { 7, 7 } };

/* COMMAND 'A' 'B' */
static void run(const char *command, const char *a, const char *b)
{
	char line[1200];

	snprintf(line, sizeof(line), "%s '%s' '%s'", command, a, b);
	assert_int_equal(system(line), 0);
}

static void must(int rc, const struct error *e)
{
	if (rc < 0)
		fail_msg("%s", e->msg);
}

#define OK(call)                                   \
	do {                                       \
		struct error ok_err = ERROR_INIT;  \
		must(call, &ok_err);               \
	} while (0)

static void open_rs(struct fixture *f)
{
	OK(replica_state_open(f->state, "t", "a.vhd", &f->rs, &ok_err));
}

static void reopen(struct fixture *f)
{
	replica_state_close(&f->rs);
	open_rs(f);
}

static void create(struct fixture *f)
{
	static struct blockmap_header h;

	h = (struct blockmap_header){ .liftfs_id = replica_id, .content_size = CONTENT, .virtual_size = CONTENT - 512,
				      .block_size = 64 << 10, .name = "a.vhd" };
	memset(h.secret, 3, sizeof(h.secret));
	assert_int_equal(f->rs.kind, STATE_NEW);
	OK(replica_state_create(&f->rs, &h, &ok_err));
}

static int setup(void **state)
{
	static struct fixture f;
	struct error e = ERROR_INIT;
	char path[128];
	glob_t found;
	void *dir = NULL;

	if (scratch_setup(&dir) != 0)
		return -1;
	f = (struct fixture){ .dir = dir, .rs = REPLICA_STATE_INIT };
	snprintf(path, sizeof(path), "%s/state", f.dir->path);
	f.state = state_open(path, true, &e);
	assert_non_null(f.state);
	open_rs(&f);
	snprintf(path, sizeof(path), "%s/state/replicas/*", f.dir->path);
	assert_int_equal(glob(path, 0, NULL, &found), 0);
	snprintf(f.folder, sizeof(f.folder), "%s", found.gl_pathv[0]);
	globfree(&found);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;
	char path[128];

	replica_state_close(&f->rs);
	state_close(f->state);
	snprintf(path, sizeof(path), "%s/state", f->dir->path);
	run("rm -rf", path, "");
	return scratch_teardown(&dir);
}

static struct block_hash hash_of(uint64_t n)
{
	return (struct block_hash){ .lo = 1000 + n, .hi = 5 };
}

/* What the map says of a block: 'u', 'z', or 'h' with hash_of(n) in *n. */
static char entry(const struct fixture *f, uint64_t blk, uint64_t *n)
{
	struct block_hash h;

	switch (blockmap_get(f->rs.map, blk, &h)) {
	case BLOCK_UNKNOWN:
		return 'u';
	case BLOCK_ZERO:
		return 'z';
	case BLOCK_HASHED:
		break;
	}
	*n = h.lo - 1000;
	return 'h';
}

static struct clean_point clean_point(uint64_t cycle, uint64_t number, const char *version)
{
	struct clean_point p = { .cycle = cycle, .number = number, .token = { .b = { 9 } }, .moment = "20260101T000000.000Z",
				 .disks = 2 };

	snprintf(p.version, sizeof(p.version), "%s", version);
	p.evidence.v = calloc(1, sizeof(*p.evidence.v));
	p.evidence.n = 1;
	p.evidence.v[0] = (struct evidence_file){ .path = strdup("a.raw"), .stamp = { .inode = 4, .size = 5, .mtime_ns = 6, .ctime_ns = 7 },
						  .stamps_writes = true, .settled = true };
	return p;
}

/* As a first cycle does it up to its clean point: everything zero but block 1. */
static void first_cycle(struct fixture *f)
{
	struct block_hash h = hash_of(1);
	struct clean_point p = clean_point(1, 200, "E1");

	create(f);
	OK(replica_state_claim(&f->rs, 100, &ok_err));
	OK(replica_state_writable(&f->rs, &ok_err));
	blockmap_fill_zero(f->rs.map);
	OK(replica_state_checkpoint(&f->rs, 100, &ok_err));
	OK(replica_state_writable(&f->rs, &ok_err));
	OK(journal_intent(f->rs.journal, 1, 1, &ok_err));
	blockmap_set_unknown(f->rs.map, 1);
	OK(journal_ack(f->rs.journal, 1, &h, &ok_err));
	blockmap_set_hash(f->rs.map, 1, &h);
	OK(replica_state_claim(&f->rs, 200, &ok_err));
	OK(replica_state_clean(&f->rs, &p, &ok_err));
}

/* ---- records ---- */

static void each_record_says_what_it_means(void **state)
{
	struct fixture *f = *state;
	struct guid lease;
	uint64_t n = 0;

	create(f);
	assert_int_equal(f->rs.kind, STATE_CLEAN);
	assert_false(f->rs.has_clean);
	reopen(f);
	assert_int_equal(f->rs.kind, STATE_CLEAN);
	assert_int_equal(f->rs.n_own, 0);
	lease = f->rs.lease_id;
	assert_false(guid_is_zero(&lease));

	OK(replica_state_new_lease(&f->rs, &ok_err));
	assert_false(guid_equal(&lease, &f->rs.lease_id));
	lease = f->rs.lease_id;
	OK(replica_state_claim(&f->rs, 77, &ok_err));
	reopen(f);
	assert_true(guid_equal(&lease, &f->rs.lease_id));
	assert_int_equal(f->rs.kind, STATE_OPEN);
	assert_true(replica_state_owns(&f->rs, 77));
	assert_false(replica_state_owns(&f->rs, 78));
	assert_int_equal(f->rs.max_own, 77);
	assert_false(f->rs.touched);

	OK(replica_state_distrust(&f->rs, &ok_err));
	OK(replica_state_claim(&f->rs, 88, &ok_err));
	reopen(f);
	assert_int_equal(f->rs.kind, STATE_DISTRUSTED); /* a claim does not bring trust back */
	assert_true(f->rs.touched);
	OK(journal_ack_zero(f->rs.journal, 3, 2, &ok_err));
	OK(journal_intent(f->rs.journal, 4, 1, &ok_err));
	reopen(f);
	assert_int_equal(entry(f, 2, &n), 'u');
	assert_int_equal(entry(f, 3, &n), 'z');
	assert_int_equal(entry(f, 4, &n), 'u');
	assert_int_equal(f->rs.kind, STATE_DISTRUSTED);

	OK(replica_state_checkpoint(&f->rs, 88, &ok_err));
	reopen(f);
	assert_int_equal(f->rs.kind, STATE_OPEN);
	assert_int_equal(f->rs.n_own, 1);
	assert_true(replica_state_owns(&f->rs, 88));
	assert_true(guid_equal(&lease, &f->rs.lease_id));
	assert_int_equal(entry(f, 3, &n), 'z');
}

static void a_clean_point_is_read_back_whole_before_and_after_the_fold(void **state)
{
	struct fixture *f = *state;
	uint64_t n = 0;

	first_cycle(f);
	for (int pass = 0; pass < 3; pass++) {
		if (pass == 1)
			OK(replica_state_commit(&f->rs, "snap", &ok_err));
		reopen(f);
		assert_int_equal(f->rs.kind, STATE_CLEAN);
		assert_true(f->rs.has_clean);
		assert_int_equal(f->rs.last.cycle, 1);
		assert_int_equal(f->rs.last.number, 200);
		assert_int_equal(f->rs.last.token.b[0], 9);
		assert_string_equal(f->rs.last.version, "E1");
		assert_string_equal(f->rs.last.moment, "20260101T000000.000Z");
		assert_int_equal(f->rs.last.disks, 2);
		assert_false(f->rs.last.fuzzy);
		assert_int_equal(f->rs.last.pointed, pass > 0);
		assert_int_equal(f->rs.last.kept, pass > 0);
		assert_false(f->rs.touched);
		assert_int_equal(f->rs.last.evidence.n, 1);
		assert_string_equal(f->rs.last.evidence.v[0].path, "a.raw");
		assert_true(f->rs.last.evidence.v[0].settled);
		assert_int_equal(entry(f, 0, &n), 'z');
		assert_int_equal(entry(f, 1, &n), 'h');
		assert_int_equal(n, 1);
		assert_true(replica_state_owns(&f->rs, 200));
	}
	OK(replica_state_claim(&f->rs, 300, &ok_err));
	reopen(f);
	assert_int_equal(f->rs.kind, STATE_OPEN);
	assert_true(f->rs.has_clean);
	assert_true(replica_state_owns(&f->rs, 200) && replica_state_owns(&f->rs, 300));
}

static void a_cycle_without_a_point_is_pointed_and_keeps_none(void **state)
{
	struct fixture *f = *state;

	first_cycle(f);
	OK(replica_state_commit(&f->rs, "", &ok_err));
	assert_true(f->rs.last.pointed && !f->rs.last.kept);
	reopen(f);
	assert_true(f->rs.last.pointed && !f->rs.last.kept);
}

/* ---- crashes ---- */

static char *slurp(const struct fixture *f, const char *name, size_t *len)
{
	char *text = io_read_file(f->rs.dirfd, name, 16 << 20, len, NULL);

	assert_non_null(text);
	return text;
}

/* Into the same inode, so that it stays where it was born. */
static void put(const struct fixture *f, const char *name, const void *buf, size_t len)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, buf, len, 0), (ssize_t)len);
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
		put(f, "journal", journal, cut);
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
		put(f, "journal", journal, cut);
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

	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	snprintf(old, sizeof(old), "%s.old", path);
	run("ln", path, old);
}

static void bring_back(const struct fixture *f, const char *name)
{
	char path[300], old[310];

	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	snprintf(old, sizeof(old), "%s.old", path);
	run("mv", old, path);
}

static void a_crash_between_map_and_journal_leaves_the_new_map(void **state)
{
	struct fixture *f = *state;
	uint64_t n = 0;

	first_cycle(f);
	keep(f, "journal");
	OK(replica_state_commit(&f->rs, "snap", &ok_err)); /* folds */
	bring_back(f, "journal");
	reopen(f);
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
	reopen(f);
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

	snprintf(path, sizeof(path), "%s/%s", f->folder, what);
	snprintf(copy, sizeof(copy), "%s.copy", path);
	replica_state_close(&f->rs);
	run("cp -a", path, copy);
	run("mv", copy, path);
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
	reopen(f);
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
	reopen(f);
	assert_false(f->rs.moved);
	assert_int_equal(f->rs.kind, STATE_DISTRUSTED);
	assert_int_equal(entry(f, 1, &n), 'u');
}

/* Its mark must outlive what begins new journals: a commit in a later run than the one that made the state. */
static void a_journal_put_back_alone_is_noticed_in_later_runs_too(void **state)
{
	struct fixture *f = *state;

	first_cycle(f);
	reopen(f);
	OK(replica_state_commit(&f->rs, "snap", &ok_err));
	OK(replica_state_claim(&f->rs, 300, &ok_err));
	copy_in_place(f, "journal");
	open_rs(f);
	assert_true(f->rs.moved);
	assert_int_equal(f->rs.kind, STATE_DISTRUSTED);
}

/* ---- damage ---- */

static void flip(const struct fixture *f, const char *name, uint64_t off)
{
	char path[300];
	uint8_t byte;

	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	CLEANUP_FD int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)off), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)off), 1);
}

static void remove_file(const struct fixture *f, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
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
	put(f, "journal", "", 0);
	expect_damage(f, "journal: missing or empty, beside a map of generation 3");
	replica_state_close(&f->rs);
	remove_file(f, "journal");
	expect_damage(f, "journal: missing or empty");
}

static void after_damage_a_new_map_can_be_made_and_believes_nothing_old(void **state)
{
	struct fixture *f = *state;

	/* A journal of the first generation with a zero in it, which another secret does not make void. */
	create(f);
	OK(replica_state_distrust(&f->rs, &ok_err));
	OK(replica_state_claim(&f->rs, 5, &ok_err));
	OK(journal_ack_zero(f->rs.journal, 0, BLOCKS, &ok_err));
	replica_state_close(&f->rs);
	flip(f, "map", 300);
	expect_damage(f, "map: ");
	create(f);
	reopen(f);
	assert_null(f->rs.damage);
	assert_int_equal(blockmap_count(f->rs.map, BLOCK_UNKNOWN), BLOCKS);
	assert_int_equal(f->rs.kind, STATE_CLEAN);
	assert_int_equal(f->rs.n_own, 0);
	replica_state_close(&f->rs);

	flip(f, "journal", 0);
	expect_damage(f, "journal");
	create(f);
	reopen(f);
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

/* ---- formats and locks ---- */

static void make_newer(const struct fixture *f, const char *name)
{
	char path[300];
	uint8_t head[128];

	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	CLEANUP_FD int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_int_equal(pread(fd, head, sizeof(head), 0), sizeof(head));
	put_le32(head + 16, 2);
	snprintf((char *)head + 24, 64, "liftfs 9.9");
	put_le64(head + 120, hasher_checksum(head, 120, 0));
	assert_int_equal(pwrite(fd, head, sizeof(head), 0), sizeof(head));
}

static void newer_files_are_refused_and_left_alone(void **state)
{
	static const char *const files[] = { "journal", "map" };
	struct fixture *f = *state;

	first_cycle(f);
	replica_state_close(&f->rs);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct error e = ERROR_INIT;

		make_newer(f, files[i]);
		assert_int_equal(replica_state_open(f->state, "t", "a.vhd", &f->rs, &e), -1);
		assert_int_equal(e.code, ERR_REFUSED);
		assert_non_null(strstr(e.msg, "liftfs 9.9"));
		assert_non_null(strstr(e.msg, files[i]));
	}
}

static void a_newer_folder_is_refused_whoever_opens_it(void **state)
{
	struct fixture *f = *state;
	struct error e = ERROR_INIT;
	char path[128], want[512];

	scratch_write(f->dir, "state/format", "liftfs state 2\nwritten by liftfs 7.1\n", 36);
	snprintf(path, sizeof(path), "%s/state", f->dir->path);
	snprintf(want, sizeof(want), "state: %s: state of format 2, written by liftfs 7.1; this is liftfs %s, which reads up to 1",
		 path, PACKAGE_VERSION);
	for (int create = 0; create < 2; create++) {
		e = (struct error)ERROR_INIT;
		assert_null(state_open(path, create, &e));
		assert_error(&e, ERR_REFUSED, want);
	}
	scratch_write(f->dir, "state/format", "liftfs state x\n", 15);
	e = (struct error)ERROR_INIT;
	assert_null(state_open(path, true, &e));
	assert_int_equal(e.code, ERR_CORRUPT);
}

/* Nobody makes folders in sysfs, root included, whether it is mounted read-only or not. */
static void a_folder_that_cannot_be_written_to_says_what_to_do(void **state)
{
	static const char *const paths[] = { "/sys/liftfs-state", "/sys/class" };
	char want[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct error e = ERROR_INIT;

		assert_null(state_open(paths[i], true, &e));
		snprintf(want, sizeof(want), "state %s: cannot be written to; choose another folder with --state: ", paths[i]);
		if (strncmp(e.msg, want, strlen(want)) != 0)
			fail_msg("%s", e.msg);
		assert_true(e.detail == EROFS || e.detail == EACCES || e.detail == EPERM);
	}
}

static void reading_makes_nothing(void **state)
{
	struct fixture *f = *state;
	struct error e = ERROR_INIT;
	char path[128];

	snprintf(path, sizeof(path), "%s/state/none", f->dir->path);
	assert_null(state_open(path, false, &e));
	assert_int_equal(e.code, ERR_SYSTEM);
	assert_int_equal(e.detail, ENOENT);
	assert_int_equal(mkdir(path, 0700), 0);
	CLEANUP(cleanup_state) struct state *s = state_open(path, false, NULL);

	assert_non_null(s);
	assert_string_equal(state_path(s), path);
	assert_int_equal(faccessat(state_fd(s), "format", F_OK, 0), -1);
}

static void a_replica_in_use_is_busy_and_names_the_process(void **state)
{
	struct fixture *f = *state;
	struct replica_state rs = REPLICA_STATE_INIT;
	struct error e = ERROR_INIT;
	int ready[2], status;
	char want[64], byte;
	pid_t pid;

	replica_state_close(&f->rs);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		bool opened = replica_state_open(f->state, "t", "a.vhd", &rs, NULL) == 0;

		_exit(opened && write(ready[1], "x", 1) == 1 && pause() ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(replica_state_open(f->state, "t", "a.vhd", &rs, &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	assert_int_equal(e.detail, STATE_IN_USE);
	snprintf(want, sizeof(want), "held by pid %ld since ", (long)pid);
	assert_non_null(strstr(e.msg, want));
	assert_memory_equal(e.msg, "a.vhd: ", 7); /* a person knows the disk, not the folder */
	OK(replica_state_open(f->state, "t", "b.vhd", &rs, &ok_err)); /* another replica is not in use */
	replica_state_close(&rs);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	open_rs(f); /* the lock ends with its process */
	close(ready[0]);
	close(ready[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

struct opener {
	pthread_t thread;
	pthread_barrier_t *all_here;
	const char *path;
	struct error err;
};

static void *open_state(void *arg)
{
	struct opener *o = arg;

	pthread_barrier_wait(o->all_here);
	state_close(state_open(o->path, true, &o->err));
	return NULL;
}

static void runs_that_begin_at_once_make_a_new_folder_together(void **state)
{
	struct fixture *f = *state;
	pthread_barrier_t all_here;
	char path[128];

	for (int i = 0; i < 20; i++) {
		struct opener o[4] = { 0 };

		snprintf(path, sizeof(path), "%s/new%d", f->dir->path, i);
		pthread_barrier_init(&all_here, NULL, ARRAY_LEN(o));
		for (size_t k = 0; k < ARRAY_LEN(o); k++) {
			o[k].path = path;
			o[k].all_here = &all_here;
			assert_int_equal(pthread_create(&o[k].thread, NULL, open_state, &o[k]), 0);
		}
		for (size_t k = 0; k < ARRAY_LEN(o); k++) {
			pthread_join(o[k].thread, NULL);
			assert_error(&o[k].err, ERR_NONE, "");
		}
		pthread_barrier_destroy(&all_here);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_record_says_what_it_means),
		TEST(runs_that_begin_at_once_make_a_new_folder_together),
		TEST(a_clean_point_is_read_back_whole_before_and_after_the_fold),
		TEST(a_cycle_without_a_point_is_pointed_and_keeps_none),
		TEST(a_journal_cut_at_any_length_is_what_was_there_before),
		TEST(a_crash_between_map_and_journal_leaves_the_new_map),
		TEST(a_map_put_back_alone_is_judged_by_its_own_version),
		TEST(a_clean_copy_draws_a_lease_once),
		TEST(an_open_copy_distrusts_itself),
		TEST(a_journal_put_back_alone_is_noticed_in_later_runs_too),
		TEST(a_damaged_map_is_none),
		TEST(a_damaged_page_of_the_map_is_unknown),
		TEST(a_damaged_or_missing_journal_makes_the_map_void),
		TEST(after_damage_a_new_map_can_be_made_and_believes_nothing_old),
		TEST(a_journal_that_speaks_of_blocks_beyond_the_map_is_damage),
		TEST(newer_files_are_refused_and_left_alone),
		TEST(a_newer_folder_is_refused_whoever_opens_it),
		TEST(reading_makes_nothing),
		TEST(a_folder_that_cannot_be_written_to_says_what_to_do),
		TEST(a_replica_in_use_is_busy_and_names_the_process),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
