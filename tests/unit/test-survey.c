/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "map/hasher.h"
#include "project/survey.h"
#include "support/scratch.h"

#define SECOND_NS UINT64_C(1000000000)
#define DAY_NS (24 * 3600 * SECOND_NS)
#define HEAD_LEN 32

static struct glance_entry entries[] = {
	{ .path = 0, .kind = GLANCE_FOLDER },
	{ .path = 2, .kind = GLANCE_FILE, .stamp = { .inode = 7, .size = 512, .mtime_ns = -5, .ctime_ns = 6 } },
};
static char paths[] = "a\0a/x.vmdk";
static uint64_t seen[] = { 1, 2 };

/* Two disks of one VM, and a VM of which none is replicated. */
static struct survey survey_of_two(void)
{
	static struct survey_source source;
	static struct survey_vm vms[] = {
		{ .name = "a/x", .label = "x", .n = 2 },
		{ .name = "b", .label = "B", .first = 2 },
	};
	static struct survey_disk disks[] = {
		{ .name = "a/x.vhd", .source_path = "a/x.vmdk", .source_id = "id", .virtual_size = 512, .data_bytes = 3,
		  .left = { .cycle = 9, .version = "v 1", .glance = "g", .unverified = true }, .state = { .map = { .dev = 1, .inode = 2, .size = 3, .mtime_ns = 4, .ctime_ns = 5, .btime_ns = 6 },
					 .journal = { .dev = 11, .inode = 12, .size = 13, .mtime_ns = 14, .ctime_ns = 15, .btime_ns = 16 } } },
		{ .name = "a/y.vhd", .source_path = "a/y.vmdk", .source_id = "", .left = { .version = "v 2", .glance = "" } },
	};

	source = (struct survey_source){
		.glance = { .v = entries, .n = 2, .text = paths, .text_len = sizeof(paths), .inode = 42 },
		.seen_ns = seen,
	};
	return (struct survey){ .conditions = "boot 1\n", .realtime_ns = 100 * SECOND_NS, .boottime_ns = 10 * SECOND_NS, .whole = true,
				.sources = &source, .n_sources = 1, .vms = vms, .n_vms = 2, .disks = disks, .n_disks = 2 };
}

static char *encoded(size_t *len)
{
	const struct survey s = survey_of_two();
	char *bytes = survey_encode(&s, len, NULL);

	assert_non_null(bytes);
	return bytes;
}

static void what_was_written_is_read(void **state)
{
	const struct survey want = survey_of_two();
	CLEANUP(cleanup_survey) struct survey got = { 0 };
	size_t len;
	CLEANUP_FREE char *bytes = encoded(&len);

	(void)state;
	assert_int_equal(survey_decode(bytes, len, &got, NULL), 0);
	assert_string_equal(got.conditions, want.conditions);
	assert_true(got.whole);
	assert_int_equal(got.realtime_ns, want.realtime_ns);
	assert_int_equal(got.boottime_ns, want.boottime_ns);
	assert_int_equal(got.n_sources, 1);
	assert_int_equal(got.sources[0].glance.inode, 42);
	assert_true(datastore_glance_equal(&got.sources[0].glance, &want.sources[0].glance));
	assert_int_equal(got.sources[0].seen_ns[1], 2);
	assert_int_equal(got.n_vms, 2);
	assert_string_equal(got.vms[1].label, "B");
	assert_int_equal(got.vms[1].first, 2);
	assert_int_equal(got.n_disks, 2);
	assert_string_equal(got.disks[0].left.version, "v 1");
	assert_string_equal(got.disks[0].source_id, "id");
	assert_int_equal(got.disks[0].left.cycle, 9);
	assert_string_equal(got.disks[0].left.glance, "g");
	assert_true(got.disks[0].left.unverified);
	assert_true(state_stamp_equal(&got.disks[0].state, &want.disks[0].state));
	assert_string_equal(got.disks[1].name, "a/y.vhd");
}

static void a_damaged_or_short_one_is_none(void **state)
{
	size_t len;
	CLEANUP_FREE char *bytes = encoded(&len);
	struct survey got;
	struct error e = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		bytes[i] ^= 1;
		assert_int_equal(survey_decode(bytes, len, &got, NULL), -1);
		bytes[i] ^= 1;
		assert_int_equal(survey_decode(bytes, i, &got, NULL), -1);
	}
	assert_int_equal(survey_decode(bytes, 0, &got, &e), -1);
	assert_error(&e, ERR_CORRUPT, "survey: damaged, or of another format");
}

/* Whatever the numbers say: bounds are not the checksum's to keep. */
static void numbers_that_lead_out_are_refused(void **state)
{
	size_t len;
	CLEANUP_FREE char *bytes = encoded(&len);

	(void)state;
	for (size_t i = HEAD_LEN; i + 8 <= len; i++) {
		static const uint64_t values[] = { 0, 1, 2, 255, UINT32_MAX, UINT64_MAX, UINT64_MAX - 7 };
		char kept[8];

		memcpy(kept, bytes + i, 8);
		for (size_t k = 0; k < ARRAY_LEN(values); k++) {
			struct survey got = { 0 };

			put_le64((uint8_t *)bytes + i, values[k]);
			put_le64((uint8_t *)bytes + 16, hasher_checksum(bytes + HEAD_LEN, len - HEAD_LEN, len));
			if (survey_decode(bytes, len, &got, NULL) == 0) { /* a stamp, say: what it holds is there */
				for (size_t d = 0; d < got.n_disks; d++)
					assert_true(strlen(got.disks[d].name) < len);
				for (size_t v = 0; v < got.n_vms; v++)
					assert_true(got.vms[v].first + got.vms[v].n <= got.n_disks);
				survey_fini(&got);
			}
		}
		memcpy(bytes + i, kept, 8);
	}
}

static void a_clock_that_was_set_back_ends_it(void **state)
{
	const struct survey s = survey_of_two();
	static const struct {
		uint64_t real, boot; /* seconds after the survey's */
		bool held;
	} cases[] = {
		{ 0, 0, true },	     { 60, 60, true },	   { 7200, 60, true },	/* forward: no stamp comes again */
		{ 59, 60, true },    { 57, 60, false },	   { 0, 3, false },
		{ 99899, 100000, true }, { 99898, 100000, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (survey_clock_held(&s, s.realtime_ns + cases[i].real * SECOND_NS, s.boottime_ns + cases[i].boot * SECOND_NS) !=
		    cases[i].held)
			fail_msg("case %zu: not %d", i, cases[i].held);
	assert_false(survey_clock_held(&s, s.realtime_ns - 1, s.boottime_ns));
	assert_false(survey_clock_held(&s, s.realtime_ns, s.boottime_ns - 1));
}

static void it_holds_under_its_conditions_alone(void **state)
{
	const struct scratch_dir *dir = *state;
	CLEANUP(cleanup_survey) struct survey got = { 0 };
	CLEANUP(cleanup_state) struct state *st = state_open(dir->path, true, NULL);
	const struct survey s = survey_of_two();
	static const char key[] = "0123456789abcdef0123456789abcdef";
	struct error e = ERROR_INIT;

	assert_non_null(st);
	assert_int_equal(survey_load(st, key, s.conditions, &got, NULL), -1);
	assert_int_equal(survey_store(st, key, &s, NULL), 0);
	assert_int_equal(survey_load(st, key, "boot 2\n", &got, &e), -1);
	assert_error(&e, ERR_CHANGED, "survey: of other conditions");
	assert_int_equal(survey_load(st, key, s.conditions, &got, NULL), 0);
}

static void the_oldest_go(void **state)
{
	const struct scratch_dir *dir = *state;
	CLEANUP(cleanup_state) struct state *st = state_open(dir->path, true, NULL);
	const struct survey s = survey_of_two();
	size_t there = 0;
	char key[STATE_KEY_LEN], path[64];

	for (unsigned i = 0; i < SURVEYS_KEPT + 3; i++) {
		const struct timespec when[] = { { .tv_sec = 1000 + i }, { .tv_sec = 1000 + i } };

		snprintf(key, sizeof(key), "%032x", i);
		assert_int_equal(survey_store(st, key, &s, NULL), 0);
		snprintf(path, sizeof(path), "surveys/%s", key);
		assert_int_equal(utimensat(dir->fd, path, when, 0), 0);
	}
	for (unsigned i = 0; i < SURVEYS_KEPT + 3; i++) {
		snprintf(path, sizeof(path), "surveys/%032x", i);
		there += faccessat(dir->fd, path, F_OK, 0) == 0;
		assert_int_equal(faccessat(dir->fd, path, F_OK, 0), i < 3 ? -1 : 0);
	}
	assert_int_equal(there, SURVEYS_KEPT);
}

static void state_files_settle_by_age(void **state)
{
	struct state_stamp s = { .map = { .mtime_ns = 100, .ctime_ns = 100 }, .journal = { .mtime_ns = 200, .ctime_ns = 200 } };

	(void)state;
	assert_false(state_stamp_settled(&s, 200 + EVIDENCE_SETTLE_NS));
	assert_true(state_stamp_settled(&s, 201 + EVIDENCE_SETTLE_NS));
	assert_false(state_stamp_settled(&s, 100)); /* times that are still to come */
	s.map.ctime_ns = 201;
	assert_false(state_stamp_settled(&s, 201 + EVIDENCE_SETTLE_NS));
}

static void each_part_of_a_state_files_stamp_counts(void **state)
{
	const struct survey s = survey_of_two();
	const struct state_stamp a = s.disks[0].state;

	(void)state;
	for (size_t i = 0; i < sizeof(a); i += 8) {
		struct state_stamp b = a;

		((uint8_t *)&b)[i] ^= 1;
		assert_false(state_stamp_equal(&a, &b));
	}
	assert_true(state_stamp_equal(&a, &s.disks[0].state));
}

static uint64_t clock_at[3];

static uint64_t fixed_clock(int which)
{
	return clock_at[which];
}

/* The rule of evidence, of one stamp. */
static void a_stamp_settles_two_seconds_after_it_was_seen_or_in_a_day(void **state)
{
	const struct backing_stamp stamp = { .inode = 1, .size = 1, .mtime_ns = 1000, .ctime_ns = 1000 };
	const struct backing_stamp changed = { .inode = 1, .size = 1, .mtime_ns = 1000, .ctime_ns = 2000 };

	(void)state;
	clock_at[0] = 1000 + DAY_NS; /* not more than a day */
	clock_set_for_test(fixed_clock);
	assert_false(evidence_stamp_settled(&stamp, 10, 9 + EVIDENCE_SETTLE_NS));
	assert_true(evidence_stamp_settled(&stamp, 10, 10 + EVIDENCE_SETTLE_NS));
	assert_false(evidence_stamp_settled(&stamp, 11 + EVIDENCE_SETTLE_NS, 10)); /* seen after it was read */
	clock_at[0]++;
	assert_true(evidence_stamp_settled(&stamp, 10, 10));
	assert_false(evidence_stamp_settled(&changed, 10, 10));
	clock_set_for_test(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(a_damaged_or_short_one_is_none),
		cmocka_unit_test(numbers_that_lead_out_are_refused),
		cmocka_unit_test(a_clock_that_was_set_back_ends_it),
		cmocka_unit_test_setup_teardown(it_holds_under_its_conditions_alone, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(the_oldest_go, scratch_setup, scratch_teardown),
		cmocka_unit_test(state_files_settle_by_age),
		cmocka_unit_test(a_stamp_settles_two_seconds_after_it_was_seen_or_in_a_day),
		cmocka_unit_test(each_part_of_a_state_files_stamp_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
