/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>

#include "replicate/evidence.h"
#include "support/scratch.h"

#define S UINT64_C(1000000000)
#define DAY (86400 * S)

static uint64_t now[3];

static uint64_t test_clock(int which)
{
	return now[which];
}

struct fixture {
	struct scratch_dir *dir;
	struct disk *disk;
	struct evidence e;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[128];
	void *dir;

	assert_non_null(f);
	assert_int_equal(scratch_setup(&dir), 0);
	f->dir = dir;
	scratch_write(f->dir, "a disk\n.raw", "content of sector one", 21);
	scratch_truncate(f->dir, "a disk\n.raw", 4096);
	snprintf(path, sizeof(path), "%s/a disk\n.raw", f->dir->path);
	f->disk = disk_open_path(path, NULL, NULL);
	assert_non_null(f->disk);
	clock_set_for_test(test_clock);
	now[0] = 2000000000 * S;
	now[2] = 1000 * S;
	assert_int_equal(evidence_take(f->disk, &f->e, NULL), 0);
	assert_int_equal(f->e.n, 1);
	/* As if on a file system that stamps, and written just now by our clock. */
	f->e.v[0].stamps_writes = true;
	f->e.v[0].stamp.mtime_ns = f->e.v[0].stamp.ctime_ns = (int64_t)now[0];
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;

	clock_set_for_test(NULL);
	evidence_fini(&f->e);
	disk_close(f->disk);
	scratch_teardown(&dir);
	free(f);
	return 0;
}

static struct evidence copy(const struct evidence *e)
{
	char *text = evidence_format(e, NULL);
	struct evidence out = { 0 };

	assert_non_null(text);
	assert_int_equal(evidence_parse(text, &out, NULL), 0);
	free(text);
	return out;
}

static void a_write_in_place_changes_the_fingerprint(void **state)
{
	struct fixture *f = *state;
	struct evidence a = { 0 }, b = { 0 };
	struct timespec past[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	assert_int_equal(evidence_take(f->disk, &a, NULL), 0);
	assert_string_equal(a.v[0].path, "a disk\n.raw");
	assert_int_equal(a.v[0].stamp.size, 4096);
	assert_int_equal(a.v[0].seen_boottime_ns, 1000 * S);
	assert_false(a.v[0].settled);
	assert_true(evidence_equal(&a, &a));
	assert_int_equal(utimensat(f->dir->fd, "a disk\n.raw", past, 0), 0);
	assert_int_equal(evidence_take(f->disk, &b, NULL), 0);
	assert_int_equal(b.v[0].stamp.mtime_ns, 1000 * (int64_t)S);
	assert_false(evidence_equal(&a, &b));
	evidence_fini(&a);
	evidence_fini(&b);
}

static void a_stamp_settles_two_seconds_after_it_was_first_seen(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(evidence_settle_wait_ns(&f->e), 2 * S);
	now[2] += 2 * S - 1;
	assert_int_equal(evidence_settle_wait_ns(&f->e), 1);
	evidence_settle(&f->e, now[2]);
	assert_false(f->e.v[0].settled);
	now[2] += 1;
	assert_int_equal(evidence_settle_wait_ns(&f->e), 0);
	evidence_settle(&f->e, now[2]);
	assert_true(f->e.v[0].settled);
}

/* Its tables were read when the disk was opened: what was written in that tick may not be in them. */
static void a_stamp_that_settled_after_the_open_has_not_settled(void **state)
{
	struct fixture *f = *state;

	now[2] += 5 * S;
	assert_int_equal(evidence_settle_wait_ns(&f->e), 0);
	evidence_settle(&f->e, 1000 * S);
	assert_false(f->e.v[0].settled);
	evidence_settle(&f->e, 1002 * S - 1);
	assert_false(f->e.v[0].settled);
	evidence_settle(&f->e, 1002 * S);
	assert_true(f->e.v[0].settled);
}

static void what_is_written_after_the_open_is_a_change_during_the_scan(void **state)
{
	struct fixture *f = *state;
	struct timespec past[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct evidence f0 = { 0 }, f1 = { 0 };

	assert_int_equal(utimensat(f->dir->fd, "a disk\n.raw", past, 0), 0);
	assert_int_equal(evidence_at_open(f->disk, &f0, NULL), 0);
	assert_true(f0.v[0].stamp.mtime_ns != 1000 * (int64_t)S);
	assert_int_equal(evidence_take(f->disk, &f1, NULL), 0);
	assert_int_equal(f1.v[0].stamp.mtime_ns, 1000 * S);
	assert_false(evidence_equal(&f0, &f1));
	evidence_fini(&f0);
	evidence_fini(&f1);
}

static void a_fingerprint_is_settled_if_each_of_its_files_is(void **state)
{
	struct fixture *f = *state;
	struct evidence none = { 0 };

	assert_false(evidence_is_settled(&none));
	assert_false(evidence_is_settled(&f->e));
	f->e.v[0].settled = true;
	assert_true(evidence_is_settled(&f->e));
	f->e.v[0].stamps_writes = false;
	assert_false(evidence_is_settled(&f->e));
}

static void a_stamp_of_more_than_a_day_ago_is_settled_at_once(void **state)
{
	struct fixture *f = *state;

	f->e.v[0].stamp.mtime_ns -= (int64_t)DAY + 1;
	evidence_settle(&f->e, now[2]);
	assert_false(f->e.v[0].settled); /* mtime alone can be set by anybody */
	f->e.v[0].stamp.ctime_ns -= (int64_t)DAY;
	evidence_settle(&f->e, now[2]);
	assert_false(f->e.v[0].settled); /* a day is not more than a day */
	f->e.v[0].stamp.ctime_ns -= 1;
	assert_int_equal(evidence_settle_wait_ns(&f->e), 0);
	evidence_settle(&f->e, now[2]);
	assert_true(f->e.v[0].settled);
}

static void another_boot_counts_as_first_seen_now(void **state)
{
	struct fixture *f = *state;
	struct evidence older = copy(&f->e);

	now[2] += 10 * S;
	f->e.v[0].seen_boottime_ns = now[2];
	memcpy(older.v[0].seen_boot, "another", sizeof("another"));
	evidence_inherit(&f->e, &older);
	assert_int_equal(f->e.v[0].seen_boottime_ns, now[2]);
	assert_int_equal(evidence_settle_wait_ns(&f->e), 2 * S);
	/* A fingerprint of another boot itself: waiting does not help. */
	memcpy(f->e.v[0].seen_boot, "other", sizeof("other"));
	assert_int_equal(evidence_settle_wait_ns(&f->e), 0);
	evidence_settle(&f->e, now[2]);
	assert_false(f->e.v[0].settled);
	evidence_fini(&older);
}

static void what_was_seen_before_is_inherited_with_the_same_stamp_only(void **state)
{
	struct fixture *f = *state;
	struct evidence older = copy(&f->e);

	now[2] += 10 * S;
	f->e.v[0].seen_boottime_ns = now[2];
	older.v[0].stamp.ctime_ns++;
	older.v[0].settled = true;
	evidence_inherit(&f->e, &older);
	assert_int_equal(f->e.v[0].seen_boottime_ns, now[2]);
	assert_false(f->e.v[0].settled);
	older.v[0].stamp.ctime_ns--;
	older.v[0].settled = false;
	evidence_inherit(&f->e, &older);
	assert_int_equal(f->e.v[0].seen_boottime_ns, 1000 * S);
	assert_false(f->e.v[0].settled);
	evidence_settle(&f->e, now[2]);
	assert_true(f->e.v[0].settled);
	evidence_fini(&older);
}

/* Else every reboot of this host would cost a full read of every disk. */
static void a_settled_stamp_stays_settled_over_a_boot(void **state)
{
	struct fixture *f = *state;
	struct evidence older = copy(&f->e);

	older.v[0].settled = true;
	memcpy(older.v[0].seen_boot, "another", sizeof("another"));
	evidence_inherit(&f->e, &older);
	evidence_settle(&f->e, now[2]);
	assert_true(f->e.v[0].settled);
	evidence_fini(&older);
}

static void assert_not_proven(const struct evidence *e, const struct evidence *last, const char *want)
{
	const char *why = NULL;

	assert_false(evidence_proves_unchanged(e, last, &why));
	assert_string_equal(why, want);
}

static void a_disk_is_proven_unchanged_or_it_is_said_why_not(void **state)
{
	struct fixture *f = *state;
	struct evidence last = copy(&f->e), none = { 0 };
	const char *why = "untouched";

	last.v[0].settled = true;
	assert_true(evidence_proves_unchanged(&f->e, &last, &why));
	assert_string_equal(why, "untouched");
	assert_not_proven(&none, &none, "the disk has no files to judge by");
	assert_not_proven(&f->e, &none, "no file times are known from the last cycle");
	last.v[0].settled = false;
	assert_not_proven(&f->e, &last, "its files had just been written when the last cycle read them, and times that are so new prove "
				       "nothing; the next cycle can go by them");
	assert_false(evidence_proves_unchanged(&f->e, &last, &why));
	assert_true(evidence_why_passes(why));
	last.v[0].settled = true;
	last.v[0].stamp.mtime_ns++;
	assert_not_proven(&f->e, &last, "a file of the disk has changed");
	assert_false(evidence_proves_unchanged(&f->e, &last, &why) || evidence_why_passes(why));
	last.v[0].stamps_writes = false;
	assert_not_proven(&f->e, &last, "this file system's times do not prove that a file is unchanged");
	last.v[0].path[0] = 'b';
	assert_not_proven(&f->e, &last, "the disk consists of other files than in the last cycle");
	evidence_fini(&last);
}

static void the_text_form_loses_nothing(void **state)
{
	struct fixture *f = *state;
	struct evidence back;
	char *text, want[256];

	f->e.v[0].stamp.mtime_ns = -5;
	f->e.v[0].settled = true;
	text = evidence_format(&f->e, NULL);
	snprintf(want, sizeof(want), "%llu 4096 -5 2000000000000000000 %s 1000000000000 ws a disk%%0A.raw\n",
		 (unsigned long long)f->e.v[0].stamp.inode, f->e.v[0].seen_boot);
	assert_string_equal(text, want);
	free(text);
	back = copy(&f->e);
	assert_true(evidence_equal(&f->e, &back));
	assert_true(back.v[0].settled && back.v[0].stamps_writes);
	assert_string_equal(back.v[0].seen_boot, f->e.v[0].seen_boot);
	assert_int_equal(back.v[0].seen_boottime_ns, 1000 * S);
	back.v[0].settled = back.v[0].stamps_writes = false;
	back.v[0].seen_boot[0] = '\0';
	text = evidence_format(&back, NULL);
	evidence_fini(&back);
	assert_int_equal(evidence_parse(text, &back, NULL), 0);
	assert_false(back.v[0].settled || back.v[0].stamps_writes || back.v[0].seen_boot[0]);
	evidence_fini(&back);
	free(text);
}

static void a_fingerprint_too_large_for_the_journal_proves_nothing(void **state)
{
	struct fixture *f = *state;
	struct evidence many = { 0 };
	char *text;

	many.n = 600;
	many.v = calloc(many.n, sizeof(*many.v));
	for (size_t i = 0; i < many.n; i++) {
		many.v[i] = f->e.v[0];
		many.v[i].path = strdup("some/folder/a-disk-000001-s001.vmdk");
	}
	text = evidence_format(&many, NULL);
	assert_string_equal(text, "");
	free(text);
	evidence_fini(&many);
	assert_int_equal(evidence_parse("", &many, NULL), 0);
	assert_int_equal(many.n, 0);
	evidence_fini(&many);
}

static void other_texts_are_refused(void **state)
{
	static const char *const texts[] = {
		"1 2 3 4 boot 5 w path",        /* no newline */
		"1 2 3 4 boot 5 w\n",
		"1 2 3 4 boot 5 w \n",
		"1 2 3 4 boot 5 x path\n",
		"-1 2 3 4 boot 5 w path\n",
		"1 2 3 --4 boot 5 w path\n",
		"1 2 3 4  5 w path\n",
		"1 2 3 4 boot 5 w p%0\n",
		"1 2 3 9223372036854775808 boot 5 w path\n",
		"1 2 3 4 0123456789012345678901234567890123456 5 w path\n",
	};
	struct evidence e = { .n = 7 };
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(evidence_parse(texts[i], &e, NULL), -1);
	assert_int_equal(e.n, 7);
	assert_int_equal(evidence_parse("1 2 3 4 - 5 w path\n\n", &e, &err), -1);
	assert_error(&err, ERR_CORRUPT, "fingerprint, line 2: not a file's size and times");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_write_in_place_changes_the_fingerprint),
		TEST(a_stamp_settles_two_seconds_after_it_was_first_seen),
		TEST(a_stamp_that_settled_after_the_open_has_not_settled),
		TEST(what_is_written_after_the_open_is_a_change_during_the_scan),
		TEST(a_fingerprint_is_settled_if_each_of_its_files_is),
		TEST(a_stamp_of_more_than_a_day_ago_is_settled_at_once),
		TEST(another_boot_counts_as_first_seen_now),
		TEST(what_was_seen_before_is_inherited_with_the_same_stamp_only),
		TEST(a_settled_stamp_stays_settled_over_a_boot),
		TEST(a_disk_is_proven_unchanged_or_it_is_said_why_not),
		TEST(the_text_form_loses_nothing),
		TEST(a_fingerprint_too_large_for_the_journal_proves_nothing),
		TEST(other_texts_are_refused),
	};

	return cmocka_run_group_tests_name("evidence", tests, NULL, NULL);
}
