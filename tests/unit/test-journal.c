/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "fault.h"
#include "map/journal_record.h"
#include "room.h"

static const struct guid id = { { 0xaa, 0xbb } };
static const struct guid token = { { 0x77 } };

/* What a replay said, one line a record. */
struct story {
	char text[8192];
	size_t len;
	int stop_at; /* this record's callback fails; 0: none */
	int n;
};

static int tell(void *ctx, const struct journal_record *r, struct error *err)
{
	static const char *const names[] = { "?", "distrust", "claim", "intent", "ack", "clean", "point", "lease" };
	struct story *s = ctx;
	char line[256];
	int len;

	if (++s->n == s->stop_at)
		return error_set(err, ERR_CONFLICT, "enough");
	len = snprintf(
		line, sizeof(line), "%s n=%ju blk=%ju+%ju%s hash=%jx:%jx cycle=%ju/%ju tok=%02x %s%s%s lease=%02x %s\n",
		names[r->type], (uintmax_t)r->number, (uintmax_t)r->blk, (uintmax_t)r->count, r->zero ? "z" : "",
		(uintmax_t)r->hash.hi, (uintmax_t)r->hash.lo, (uintmax_t)r->clean.cycle, (uintmax_t)r->clean.number,
		r->clean.token.b[0], r->clean.fuzzy ? "fuzzy " : "", r->clean.version ? r->clean.version : "-",
		r->clean.fingerprint ? r->clean.fingerprint : "-", r->lease_id.b[0], r->snapshot ? r->snapshot : "-");
	assert_true(len < (int)sizeof(line) && s->len + (size_t)len < sizeof(s->text));
	memcpy(s->text + s->len, line, (size_t)len + 1);
	s->len += (size_t)len;
	return 0;
}

static int count(void *ctx, const struct journal_record *r, struct error *err)
{
	(void)r;
	++*(uint64_t *)ctx;
	(void)err;
	return 0;
}

static struct journal *open_journal(const struct room *room, uint64_t generation, struct story *s, struct error *err)
{
	memset(s, 0, sizeof(*s));
	return journal_open(room->fd, "j", &id, generation, tell, s, err);
}

static void write_some(struct journal *j)
{
	static const struct block_hash hashes[] = { { 1, 2 }, { 3, 4 }, { 5, 6 } };
	const struct journal_clean clean = {
		.cycle = 4, .number = 9, .token = token, .fuzzy = true, .version = "E1", .fingerprint = "F0 F1"
	};

	assert_int_equal(journal_distrust(j, NULL), 0);
	assert_int_equal(journal_claim(j, 1234567890123, NULL), 0);
	assert_int_equal(journal_sync(j, NULL), 0);
	assert_int_equal(journal_intent(j, 5, 3, NULL), 0);
	assert_int_equal(journal_sync(j, NULL), 0);
	assert_int_equal(journal_ack(j, 9, hashes, NULL), 0);
	assert_int_equal(journal_acks(j, 5, hashes, 3, NULL), 0);
	assert_int_equal(journal_ack_zero(j, 20, 16, NULL), 0);
	assert_int_equal(journal_clean(j, &clean, NULL), 0);
	assert_int_equal(journal_sync(j, NULL), 0);
	assert_int_equal(journal_point(j, "2026-11-21T22:00:00.0000000Z", NULL), 0);
	assert_int_equal(journal_lease(j, &token, NULL), 0);
	assert_int_equal(journal_sync(j, NULL), 0);
}

static const char story_of_some[] =
	"distrust n=0 blk=0+0 hash=0:0 cycle=0/0 tok=00 -- lease=00 -\n"
	"claim n=1234567890123 blk=0+0 hash=0:0 cycle=0/0 tok=00 -- lease=00 -\n"
	"intent n=0 blk=5+3 hash=0:0 cycle=0/0 tok=00 -- lease=00 -\n"
	"ack n=0 blk=9+1 hash=2:1 cycle=0/0 tok=00 -- lease=00 -\n"
	"ack n=0 blk=5+1 hash=2:1 cycle=0/0 tok=00 -- lease=00 -\n"
	"ack n=0 blk=6+1 hash=4:3 cycle=0/0 tok=00 -- lease=00 -\n"
	"ack n=0 blk=7+1 hash=6:5 cycle=0/0 tok=00 -- lease=00 -\n"
	"ack n=0 blk=20+16z hash=0:0 cycle=0/0 tok=00 -- lease=00 -\n"
	"clean n=0 blk=0+0 hash=0:0 cycle=4/9 tok=77 fuzzy E1F0 F1 lease=00 -\n"
	"point n=0 blk=0+0 hash=0:0 cycle=0/0 tok=00 -- lease=00 2026-11-21T22:00:00.0000000Z\n"
	"lease n=0 blk=0+0 hash=0:0 cycle=0/0 tok=00 -- lease=77 -\n";

static void every_record_is_replayed_in_order(void **state)
{
	static struct story s;
	struct journal *j = open_journal(*state, 3, &s, NULL);

	assert_non_null(j);
	assert_int_equal(journal_bytes(j), JOURNAL_HEADER_LEN);
	write_some(j);
	journal_close(j);
	j = open_journal(*state, 3, &s, NULL);
	assert_string_equal(s.text, story_of_some);
	assert_int_equal(journal_claim(j, 5, NULL), 0); /* appended behind what was replayed */
	journal_close(j);
	j = open_journal(*state, 3, &s, NULL);
	assert_int_equal(s.n, 12);
	journal_close(j);
}

static void another_generation_or_replica_is_started_anew(void **state)
{
	const struct room *room = *state;
	static struct story s;
	struct guid other = { { 1 } };
	struct journal *j;

	for (int i = 0; i < 2; i++) {
		j = open_journal(room, 3, &s, NULL);
		write_some(j);
		journal_close(j);
		memset(&s, 0, sizeof(s));
		j = journal_open(room->fd, "j", i ? &other : &id, i ? 3 : 4, tell, &s, NULL);
		assert_non_null(j);
		assert_int_equal(s.n, 0);
		assert_int_equal(journal_bytes(j), JOURNAL_HEADER_LEN);
		journal_close(j);
	}
	room_write(room, "j", "", 0);
	j = open_journal(room, 3, &s, NULL);
	assert_non_null(j);
	journal_close(j);
}

static void restart_begins_an_empty_one_for_the_new_map(void **state)
{
	static struct story s;
	struct journal *j = open_journal(*state, 3, &s, NULL);

	write_some(j);
	assert_int_equal(journal_restart(j, 4, NULL), 0);
	assert_int_equal(journal_bytes(j), JOURNAL_HEADER_LEN);
	assert_int_equal(journal_claim(j, 8, NULL), 0);
	assert_int_equal(journal_sync(j, NULL), 0);
	journal_close(j);
	j = open_journal(*state, 4, &s, NULL);
	assert_string_equal(s.text, "claim n=8 blk=0+0 hash=0:0 cycle=0/0 tok=00 -- lease=00 -\n");
	assert_false(room_has(*state, "j.new"));
	journal_close(j);
}

static void a_restarted_one_is_the_journal_from_its_first_sync_on(void **state)
{
	const struct room *room = *state;
	static struct story s;
	struct journal *j = open_journal(room, 3, &s, NULL), *other;

	write_some(j);
	assert_int_equal(journal_restart(j, 4, NULL), 0);
	assert_int_equal(journal_claim(j, 8, NULL), 0);
	assert_true(room_has(room, "j.new"));
	other = open_journal(room, 3, &s, NULL); /* what a run finds that begins after a kill: the one of before, whole */
	assert_int_equal(s.n, 11);
	journal_close(other);
	assert_int_equal(journal_sync(j, NULL), 0);
	assert_false(room_has(room, "j.new"));
	assert_int_equal(journal_claim(j, 9, NULL), 0);
	assert_int_equal(journal_sync(j, NULL), 0);
	journal_close(j);
	journal_close(open_journal(room, 4, &s, NULL));
	assert_int_equal(s.n, 2);
}

static void a_failing_callback_ends_the_opening(void **state)
{
	const struct room *room = *state;
	static struct story s;
	struct error e = ERROR_INIT;
	struct journal *j = open_journal(room, 3, &s, NULL);

	write_some(j);
	journal_close(j);
	memset(&s, 0, sizeof(s));
	s.stop_at = 2;
	assert_null(journal_open(room->fd, "j", &id, 3, tell, &s, &e));
	assert_error(&e, ERR_CONFLICT, "j: record at 0x1010: enough");
}

static void a_run_of_hashes_longer_than_a_record_is_split(void **state)
{
	enum { N = JOURNAL_HASHES_MAX + 10 };
	static struct block_hash hashes[N];
	const struct room *room = *state;
	struct error e = ERROR_INIT;
	static struct story s;
	struct journal *j = open_journal(room, 1, &s, NULL);
	uint64_t n = 0;

	for (uint64_t i = 0; i < N; i++)
		hashes[i] = (struct block_hash){ .lo = i + 2, .hi = 0 };
	assert_int_equal(journal_acks(j, 100, hashes, N, NULL), 0);
	assert_int_equal(journal_bytes(j), JOURNAL_HEADER_LEN + 2 * (8 + 16 + 8) + N * 16);
	assert_int_equal(journal_acks(j, 100, hashes, 0, NULL), 0);
	journal_close(j);
	memset(&s, 0, sizeof(s));
	s.stop_at = 40; /* in the middle of the first record */
	assert_null(journal_open(room->fd, "j", &id, 1, tell, &s, &e));
	assert_error(&e, ERR_CONFLICT, "j: record at 0x1000: enough");
	assert_non_null(strstr(s.text, "ack n=0 blk=138+1 hash=0:28 "));
	j = journal_open(room->fd, "j", &id, 1, count, &n, NULL);
	journal_close(j);
	assert_int_equal(n, N);
}

static void limits_are_ours_to_keep(void **state)
{
	static struct story s;
	static char longest[JOURNAL_FINGERPRINT_MAX + 1];
	struct journal *j = open_journal(*state, 1, &s, NULL);
	struct journal_clean clean = { .version = "E", .fingerprint = longest };
	struct error e = ERROR_INIT, e2 = ERROR_INIT, e3 = ERROR_INIT;

	memset(longest, 'f', sizeof(longest) - 1);
	assert_int_equal(journal_clean(j, &clean, &e), -1);
	assert_error(&e, ERR_BUG, "j: version of 1 bytes, fingerprint of 32769");
	longest[JOURNAL_FINGERPRINT_MAX - 1] = '\0';
	assert_int_equal(journal_clean(j, &clean, NULL), 0);
	assert_int_equal(journal_point(j, longest, &e2), -1);
	assert_error(&e2, ERR_BUG, "j: snapshot's name of 32768 bytes");
	assert_int_equal(journal_ack_zero(j, 0, UINT64_C(1) << 32, &e3), -1);
	assert_error(&e3, ERR_BUG, "j: acknowledgement of 4294967296 blocks");
	assert_int_equal(journal_sync(j, NULL), 0); /* none of these poisons */
	journal_close(j);
}

/* A crash at any length leaves the records that were whole, and what is appended next stays readable. */
static void a_journal_cut_at_any_byte_replays_a_prefix(void **state)
{
	const struct room *room = *state;
	static struct story s, all;
	struct journal *j = open_journal(room, 3, &s, NULL);
	CLEANUP_FREE uint8_t *bytes = NULL;
	size_t len, seen = 0;

	write_some(j);
	journal_close(j);
	bytes = room_read(room, "j", &len);
	journal_close(open_journal(room, 3, &all, NULL));
	for (size_t cut = JOURNAL_HEADER_LEN; cut <= len; cut++) {
		room_write(room, "j", bytes, cut);
		j = open_journal(room, 3, &s, NULL);
		assert_non_null(j);
		assert_memory_equal(s.text, all.text, s.len);
		assert_true(s.len >= seen);
		seen = s.len;
		assert_true(s.len == 0 || s.text[s.len - 1] == '\n');
		assert_int_equal(journal_claim(j, 42, NULL), 0);
		journal_close(j);
		j = open_journal(room, 3, &s, NULL);
		assert_int_equal(s.len > seen, 1);
		assert_non_null(strstr(s.text + seen, "claim n=42 "));
		journal_close(j);
	}
	assert_int_equal(seen, all.len);
	for (size_t cut = 1; cut < JOURNAL_HEADER_LEN; cut += 13) {
		struct error e = ERROR_INIT;

		room_write(room, "j", bytes, cut);
		assert_null(open_journal(room, 3, &s, &e));
		assert_error(&e, ERR_CORRUPT, "j: journal: no 'liftfs journal' and header of 4096 bytes at its start");
	}
}

static void every_single_damaged_byte_is_noticed_or_cuts_the_last_batch(void **state)
{
	const struct room *room = *state;
	static struct story s, all;
	struct journal *j = open_journal(room, 3, &s, NULL);
	CLEANUP_FREE uint8_t *bytes = NULL;
	uint64_t noticed = 0, cut = 0, durable;
	size_t len;

	write_some(j);
	journal_close(j);
	bytes = room_read(room, "j", &len);
	durable = len - (8 + 32 + 8) - (8 + 16 + 8); /* POINT and LEASE: no record behind them knows of their sync */
	journal_close(open_journal(room, 3, &all, NULL));
	assert_string_equal(all.text, story_of_some);
	for (size_t i = 0; i < len; i++) {
		struct error e = ERROR_INIT;

		bytes[i] ^= (uint8_t)(1 << i % 8);
		room_write(room, "j", bytes, len);
		bytes[i] ^= (uint8_t)(1 << i % 8);
		j = open_journal(room, 3, &s, &e);
		assert_memory_equal(s.text, all.text, s.len);
		if (!j) {
			assert_int_equal(e.code, ERR_CORRUPT);
			noticed++;
		} else if (i < JOURNAL_BORN_OFF || i >= JOURNAL_HEADER_LEN) {
			assert_true(i >= durable); /* behind this nothing says that it was durable */
			assert_true(s.len < all.len);
			cut++;
		} else {
			assert_string_equal(journal_born(j), "");
		}
		journal_close(j);
	}
	assert_int_equal(noticed, JOURNAL_BORN_OFF + durable - JOURNAL_HEADER_LEN);
	assert_int_equal(cut, len - durable);
}

static void a_torn_batch_behind_a_hole_is_cut(void **state)
{
	const struct room *room = *state;
	static struct story s;
	struct journal *j = open_journal(room, 3, &s, NULL);
	CLEANUP_FREE uint8_t *bytes = NULL;
	size_t len;

	assert_int_equal(journal_claim(j, 1, NULL), 0);
	assert_int_equal(journal_sync(j, NULL), 0);
	for (uint64_t i = 0; i < 5; i++)
		assert_int_equal(journal_intent(j, i, 1, NULL), 0);
	journal_close(j);
	bytes = room_read(room, "j", &len);
	memset(bytes + JOURNAL_HEADER_LEN + 24 + 32, 0, 32); /* the disk wrote later sectors first */
	room_write(room, "j", bytes, len);
	j = open_journal(room, 3, &s, NULL);
	assert_non_null(j);
	assert_int_equal(s.n, 2);
	assert_int_equal(journal_bytes(j), JOURNAL_HEADER_LEN + 24 + 32);
	journal_close(j);
}

static int born_of_inode(int fd, char *out, size_t len, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "born");
	snprintf(out, len, "inode %ju", (uintmax_t)st.st_ino);
	return 0;
}

static void a_mark_that_is_there_is_not_written_again(void **state)
{
	const struct timespec long_ago[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	static struct story s;
	struct journal *j = open_journal(*state, 3, &s, NULL);
	struct stat st;

	assert_int_equal(journal_mark_born(j, born_of_inode, NULL), 0);
	journal_close(j);
	j = open_journal(*state, 3, &s, NULL);
	assert_int_equal(futimens(journal_fd(j), long_ago), 0);
	assert_int_equal(journal_mark_born(j, born_of_inode, NULL), 0);
	assert_int_equal(fstat(journal_fd(j), &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 1);
	journal_close(j);
}

static uint64_t said_to_be_durable(int fd, uint64_t off)
{
	static uint8_t rec[JOURNAL_RECORD_MAX];
	ssize_t n = pread(fd, rec, sizeof(rec), (off_t)off);
	struct journal_raw raw;

	assert_true(n > 0 && journal_record_open(rec, (size_t)n, off, 3, &raw));
	return raw.durable;
}

/* A killed process may have left them in the page cache alone. */
static void replayed_records_count_as_durable_after_a_sync_only(void **state)
{
	static struct story s;

	for (int synced = 0; synced < 2; synced++) {
		struct journal *j = open_journal(*state, 3, &s, NULL);
		uint64_t end;

		assert_int_equal(journal_claim(j, 1, NULL), 0);
		journal_close(j);
		j = open_journal(*state, 3, &s, NULL);
		end = journal_bytes(j);
		if (synced)
			assert_int_equal(journal_sync(j, NULL), 0);
		assert_int_equal(journal_claim(j, 2, NULL), 0);
		assert_int_equal(said_to_be_durable(journal_fd(j), end), synced ? end : JOURNAL_HEADER_LEN);
		journal_close(j);
	}
}

static void the_birth_mark_follows_the_file(void **state)
{
	const struct room *room = *state;
	static struct story s;
	struct journal *j = open_journal(room, 3, &s, NULL);
	char want[JOURNAL_TEXT_MAX];

	assert_string_equal(journal_born(j), "");
	assert_int_equal(journal_claim(j, 1, NULL), 0);
	assert_int_equal(journal_mark_born(j, born_of_inode, NULL), 0);
	assert_int_equal(born_of_inode(journal_fd(j), want, sizeof(want), NULL), 0);
	assert_string_equal(journal_born(j), want);
	journal_close(j);
	j = open_journal(room, 3, &s, NULL);
	assert_int_equal(s.n, 1);
	assert_string_equal(journal_born(j), want);
	assert_int_equal(journal_mark_born(j, born_of_inode, NULL), 0);
	assert_int_equal(journal_restart(j, 4, NULL), 0);
	assert_int_equal(journal_sync(j, NULL), 0);
	assert_int_equal(born_of_inode(journal_fd(j), want, sizeof(want), NULL), 0);
	assert_string_equal(journal_born(j), want);
	journal_close(j);
	j = open_journal(room, 4, &s, NULL);
	assert_string_equal(journal_born(j), want);
	journal_close(j);
}

enum { OK = 0, NOT_OPENED = 10, WENT_THROUGH, OTHER_ERROR, STILL_WORKS };

struct broken {
	const struct room *room;
	long nr;
	int errnum;
	int (*act)(struct journal *j, struct error *err);
	const char *msg;
};

static int act_append(struct journal *j, struct error *err)
{
	return journal_intent(j, 1, 1, err);
}

static int act_sync(struct journal *j, struct error *err)
{
	return journal_sync(j, err);
}

static int act_restart(struct journal *j, struct error *err)
{
	return journal_restart(j, 4, err) < 0 ? -1 : journal_sync(j, err);
}

/* After the fault every call fails with the same error, also one that needs no system call that fails. */
static int break_and_go_on(void *ctx)
{
	const struct broken *b = ctx;
	static struct story s;
	struct error e = ERROR_INIT, e2 = ERROR_INIT, e3 = ERROR_INIT;
	struct journal *j = open_journal(b->room, 3, &s, NULL);

	if (!j || journal_claim(j, 1, NULL) < 0)
		return NOT_OPENED;
	if (!fault_arm(b->nr, -1, 0, b->errnum))
		return FAULT_SKIP;
	if (b->act(j, &e) == 0)
		return WENT_THROUGH;
	if (e.code != ERR_SYSTEM || e.detail != b->errnum || strcmp(e.msg, b->msg) != 0)
		return OTHER_ERROR;
	if (journal_distrust(j, &e2) == 0 || journal_sync(j, &e3) == 0 || journal_restart(j, 4, NULL) == 0 ||
	    strcmp(e2.msg, e.msg) != 0 || strcmp(e3.msg, e.msg) != 0)
		return STILL_WORKS;
	return OK;
}

static void a_failed_write_or_sync_poisons(void **state)
{
	const struct room *room = *state;
	const struct broken cases[] = {
		{ room, SYS_pwrite64, ENOSPC, act_append, "j: write 32 bytes at 0x1018: No space left on device" },
		{ room, SYS_fdatasync, EIO, act_sync, "j: fdatasync: Input/output error" },
		{ room, SYS_fsync, EIO, act_restart, "j: j.new: fsync: Input/output error" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		static struct story s;
		int rc = fault_child(break_and_go_on, (void *)&cases[i]);

		if (rc == FAULT_SKIP) {
			print_message("no seccomp filters here\n");
			skip();
		}
		assert_int_equal(rc, OK);
		journal_close(open_journal(room, 3, &s, NULL)); /* the old file is intact */
		assert_int_equal(s.n, 1 + (int)i);
	}
}

enum { WRITERS = 4, EACH = 300 };

struct writer {
	struct journal *j;
	uint64_t id;
};

static void *append_and_sync(void *arg)
{
	const struct writer *w = arg;

	for (uint64_t i = 0; i < EACH; i++)
		if (journal_intent(w->j, w->id << 32 | i, 1, NULL) < 0 || (i % 8 == 0 && journal_sync(w->j, NULL) < 0))
			return "failed";
	return journal_sync(w->j, NULL) < 0 ? "failed" : NULL;
}

static int check_order(void *ctx, const struct journal_record *r, struct error *err)
{
	uint64_t *next = ctx, who = r->blk >> 32;

	if (who >= WRITERS || (r->blk & UINT32_MAX) != next[who])
		return error_set(err, ERR_BUG, "order");
	next[who]++;
	return 0;
}

static void threads_share_the_file_and_keep_their_order(void **state)
{
	const struct room *room = *state;
	static struct story s;
	struct journal *j = open_journal(room, 3, &s, NULL);
	uint64_t next[WRITERS] = { 0 };
	struct writer w[WRITERS];
	pthread_t t[WRITERS];

	for (unsigned i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){ .j = j, .id = i };
		assert_int_equal(pthread_create(&t[i], NULL, append_and_sync, &w[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		void *wrong;

		pthread_join(t[i], &wrong);
		assert_null(wrong);
	}
	journal_close(j);
	j = journal_open(room->fd, "j", &id, 3, check_order, next, NULL);
	assert_non_null(j);
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(next[i], EACH);
	journal_close(j);
}

static void a_journal_of_many_windows_is_replayed(void **state)
{
	enum { RECORDS = 60 };
	static struct block_hash hashes[JOURNAL_HASHES_MAX];
	const struct room *room = *state;
	static struct story s;
	struct journal *j = open_journal(room, 3, &s, NULL);
	uint64_t n = 0;

	for (size_t i = 0; i < JOURNAL_HASHES_MAX; i++)
		hashes[i].hi = i + 1;
	for (uint64_t i = 0; i < RECORDS; i++)
		assert_int_equal(journal_acks(j, i * 5000, hashes, JOURNAL_HASHES_MAX - i, NULL), 0);
	assert_true(journal_bytes(j) > 3 << 20);
	journal_close(j);
	j = journal_open(room->fd, "j", &id, 3, count, &n, NULL);
	assert_non_null(j);
	assert_int_equal(n, RECORDS * JOURNAL_HASHES_MAX - RECORDS * (RECORDS - 1) / 2);
	journal_close(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_record_is_replayed_in_order, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(another_generation_or_replica_is_started_anew, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(restart_begins_an_empty_one_for_the_new_map, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(a_restarted_one_is_the_journal_from_its_first_sync_on, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(a_failing_callback_ends_the_opening, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(a_run_of_hashes_longer_than_a_record_is_split, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(limits_are_ours_to_keep, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(a_journal_cut_at_any_byte_replays_a_prefix, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(every_single_damaged_byte_is_noticed_or_cuts_the_last_batch, enter_room,
						leave_room),
		cmocka_unit_test_setup_teardown(a_torn_batch_behind_a_hole_is_cut, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(a_mark_that_is_there_is_not_written_again, enter_room,
						leave_room),
		cmocka_unit_test_setup_teardown(replayed_records_count_as_durable_after_a_sync_only, enter_room,
						leave_room),
		cmocka_unit_test_setup_teardown(the_birth_mark_follows_the_file, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(a_failed_write_or_sync_poisons, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(threads_share_the_file_and_keep_their_order, enter_room, leave_room),
		cmocka_unit_test_setup_teardown(a_journal_of_many_windows_is_replayed, enter_room, leave_room),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
