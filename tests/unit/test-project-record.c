/* SPDX-License-Identifier: Apache-2.0 */
/* What cycles leave in the database: outcomes, streaks, points, events, and what has vanished. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "project/schema.h"
#include "support/project_rig.h"

static struct project_disks all; /* the last answer */

static const struct project_disk *disk(struct project_rig *r, size_t i)
{
	struct error e = ERROR_INIT;

	project_disks_fini(&all);
	if (project_disks(r->project, NULL, &all, &e) < 0)
		fail_msg("%s", e.msg);
	assert_true(i < all.n);
	return &all.v[i];
}

static int setup(void **state)
{
	int rc = project_rig_setup(state);

	if (rc == 0)
		project_rig_open(*state);
	return rc;
}

static int teardown(void **state)
{
	project_disks_fini(&all);
	return project_rig_teardown(state);
}

static void cycle(struct project_rig *r, uint64_t start_s, enum cycle_result result, enum error_code code)
{
	project_rig_cycle(r, start_s, result, code);
	project_rig_record(r);
}

static void pointed_cycle(struct project_rig *r, uint64_t start_s, const char *point)
{
	project_rig_cycle(r, start_s, CYCLE_OK, ERR_NONE);
	snprintf(r->vm.point, sizeof(r->vm.point), "%s", point);
	project_rig_record(r);
}

static void success_is_the_moment_of_the_last_good_cycle(void **state)
{
	struct project_rig *r = *state;

	pointed_cycle(r, 100, "P1");
	assert_int_equal(disk(r, 0)->success_ns, UINT64_C(100) * 1000000000);
	assert_string_equal(disk(r, 0)->last_point, "P1");
	cycle(r, 200, CYCLE_SKIPPED, ERR_NONE); /* unchanged: the replica holds this moment too */
	assert_int_equal(disk(r, 0)->success_ns, UINT64_C(200) * 1000000000);
	cycle(r, 300, CYCLE_FUZZY, ERR_NONE);
	cycle(r, 400, CYCLE_FAILED, ERR_SYSTEM);
	assert_int_equal(disk(r, 0)->success_ns, UINT64_C(200) * 1000000000);
	assert_int_equal(disk(r, 0)->finished_ns, UINT64_C(405) * 1000000000);
	assert_string_equal(disk(r, 0)->last_point, "P1");
	assert_string_equal(project_disk_word(disk(r, 0)), "failed");
	assert_string_equal(disk(r, 0)->code, "system");
	assert_int_equal(disk(r, 0)->status, 74);
	assert_string_equal(disk(r, 0)->message, "web01/a.vhd: it did not work");
}

static void a_cycle_that_is_recorded_twice_counts_once(void **state)
{
	struct project_rig *r = *state;

	cycle(r, 100, CYCLE_PARKED, ERR_NETWORK);
	project_rig_record(r);
	assert_int_equal(disk(r, 0)->cycles, 1);
	assert_int_equal(disk(r, 0)->stalls, 1);
	assert_int_equal(r->streaks[0].stalls, 1);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM cycles"), 2);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events WHERE kind = 'parked'"), 2);
}

static void cycles_that_failed_before_they_began_count_each(void **state)
{
	struct project_rig *r = *state;

	for (unsigned i = 0; i < 3; i++) {
		project_rig_cycle(r, 0, CYCLE_FAILED, ERR_BUSY);
		r->disks[0].started_ns = r->disks[0].finished_ns = r->disks[1].started_ns = r->disks[1].finished_ns = 0;
		project_rig_record(r);
	}
	assert_int_equal(r->streaks[0].stalls, 3);
	assert_true(disk(r, 0)->started_ns > 0 && disk(r, 0)->finished_ns >= disk(r, 0)->started_ns);
}

static void stalls_count_75_without_progress_and_survive_a_restart(void **state)
{
	struct project_rig *r = *state;

	for (uint64_t i = 1; i <= 9; i++)
		cycle(r, 100 * i, CYCLE_PARKED, ERR_NETWORK);
	project_rig_open(r);
	cycle(r, 1000, CYCLE_FAILED, ERR_BUSY);
	assert_int_equal(r->streaks[0].stalls, 10);
	assert_int_equal(r->streaks[1].stalls, 10);
	cycle(r, 1100, CYCLE_FAILED, ERR_CANCELLED); /* told to stop: says nothing about the target */
	cycle(r, 1200, CYCLE_FAILED, ERR_CORRUPT);   /* not one that trying again mends */
	assert_int_equal(r->streaks[0].stalls, 10);

	project_rig_cycle(r, 1250, CYCLE_FAILED, ERR_BUSY);
	r->disks[0].err.detail = r->disks[1].err.detail = STATE_IN_USE; /* by a cycle that takes its time */
	project_rig_record(r);
	assert_int_equal(r->streaks[0].stalls, 10);

	project_rig_cycle(r, 1300, CYCLE_FAILED, ERR_NETWORK);
	atomic_store(&r->disks[0].progress.bytes_sent, 4096); /* something was acknowledged */
	project_rig_record(r);
	assert_int_equal(r->streaks[0].stalls, 0);
	assert_int_equal(r->streaks[1].stalls, 11);
	cycle(r, 1400, CYCLE_FUZZY, ERR_NONE); /* a clean point */
	assert_int_equal(r->streaks[1].stalls, 0);
}

static void cycles_without_a_point_are_counted_where_one_was_wanted(void **state)
{
	struct project_rig *r = *state;

	cycle(r, 100, CYCLE_FUZZY, ERR_NONE);
	cycle(r, 200, CYCLE_OK, ERR_NONE); /* the snapshot could not be made */
	assert_int_equal(r->streaks[0].pointless, 2);
	cycle(r, 300, CYCLE_FAILED, ERR_NETWORK); /* did not come that far */
	assert_int_equal(r->streaks[0].pointless, 2);
	project_rig_cycle(r, 400, CYCLE_OK, ERR_NONE); /* the other disk is why there is none */
	error_set(&r->disks[1].err, ERR_CORRUPT, "broken");
	project_rig_record(r);
	assert_int_equal(r->streaks[0].pointless, 0);
	cycle(r, 500, CYCLE_FUZZY, ERR_NONE);
	pointed_cycle(r, 600, "P1");
	assert_int_equal(r->streaks[0].pointless, 0);

	const struct project_cycle c = { .target = RIG_TARGET, .vm = &r->vm, .points = false };
	project_rig_cycle(r, 700, CYCLE_OK, ERR_NONE);
	assert_int_equal(project_record_vm(r->project, &c, r->streaks, NULL), 0);
	assert_int_equal(r->streaks[0].pointless, 0);
}

static void points_are_counted_until_they_are_deleted(void **state)
{
	struct project_rig *r = *state;

	pointed_cycle(r, 100, "P1");
	pointed_cycle(r, 200, "P2");
	assert_int_equal(disk(r, 0)->points, 2);
	assert_int_equal(project_record_deleted(r->project, RIG_TARGET, "web01/a.vhd", "P1", NULL), 0);
	assert_int_equal(disk(r, 0)->points, 1);
	assert_int_equal(disk(r, 1)->points, 2);
	assert_int_equal(project_record_deleted(r->project, RIG_TARGET, "nobody.vhd", "P1", NULL), 0);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events WHERE kind = 'point-made'"), 2);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events WHERE kind = 'point-deleted'"), 2);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM vms"), 0); /* no round found any */
}

static void a_disk_that_a_whole_round_misses_has_vanished(void **state)
{
	struct project_rig *r = *state;

	project_rig_round(r, "/ds1", 2, 100);
	project_rig_round(r, "/ds2", 0, 150); /* another SOURCE says nothing about it */
	assert_int_equal(disk(r, 1)->vanished_ns, 0);
	project_rig_round(r, "/ds1", 1, 50); /* an older round that ends late */
	assert_int_equal(disk(r, 1)->vanished_ns, 0);
	project_rig_round(r, "/ds1", 2, 40); /* and one that is written down late: b was seen at 100 all the same */
	project_rig_round(r, "/ds1", 1, 60);
	assert_int_equal(disk(r, 1)->vanished_ns, 0);
	project_rig_round(r, "/ds1", 1, 200);
	assert_int_equal(disk(r, 0)->vanished_ns, 0);
	assert_int_equal(disk(r, 1)->vanished_ns, UINT64_C(200) * 1000000000);
	assert_string_equal(project_disk_word(disk(r, 1)), "vanished");
	project_rig_round(r, "/ds1", 1, 300); /* told once */
	assert_int_equal(disk(r, 1)->vanished_ns, UINT64_C(200) * 1000000000);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events WHERE kind = 'vanished' AND disk = 'web01/b.vhd'"), 1);
	project_rig_round(r, "/ds1", 2, 400);
	assert_int_equal(disk(r, 1)->vanished_ns, 0);
}

static void a_name_in_the_event_of_a_disk_that_vanished_or_is_forgotten_is_escaped_once(void **state)
{
	struct project_rig *r = *state;

	r->vm.name = "a\n%";
	project_rig_round(r, "/ds1", 2, 100);
	project_rig_round(r, "/ds1", 1, 200);
	assert_int_equal(project_forget(r->project, NULL, "web01/b.vhd", NULL), 0);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events WHERE vm = 'a%0A%25' AND disk = 'web01/b.vhd'"), 2);
}

static void a_disk_that_is_forgotten_leaves_its_events(void **state)
{
	struct project_rig *r = *state;
	struct error e = ERROR_INIT;

	project_rig_round(r, "/ds1", 2, 100);
	pointed_cycle(r, 100, "P1");
	assert_int_equal(project_forget(r->project, "/elsewhere", "web01/b.vhd", &e), -1);
	assert_error(&e, ERR_USAGE, "'web01/b.vhd': no disk of that name is known");
	e = (struct error)ERROR_INIT;
	assert_int_equal(project_forget(r->project, RIG_TARGET, "web01/b.vhd", &e), 0);
	assert_string_equal(disk(r, 0)->name, "web01/a.vhd");
	assert_int_equal(all.n, 1);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM cycles"), 1);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM recovery_points"), 1);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM vms"), 1);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events WHERE disk = 'web01/b.vhd' AND kind = 'committed'"), 1);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events WHERE disk = 'web01/b.vhd' AND kind = 'decision'"
					       " AND vm = 'web01/web01' AND message = '--forget, on " RIG_TARGET "'"), 1);
	assert_int_equal(project_forget(r->project, NULL, "web01/a.vhd", &e), 0); /* the VM's last */
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM vms"), 0);
	cycle(r, 300, CYCLE_OK, ERR_NONE);
	assert_string_equal(project_disk_word(disk(r, 1)), "current");
}

static void a_disk_that_is_being_worked_on_is_not_forgotten(void **state)
{
	CLEANUP(cleanup_project_disks) struct project_disks before = { 0 };
	struct project_rig *r = *state;
	struct replica_state rs = REPLICA_STATE_INIT;
	struct error e = ERROR_INIT;
	char want[96];

	cycle(r, 100, CYCLE_OK, ERR_NONE);
	assert_int_equal(replica_state_open(r->state, RIG_TARGET, "web01/a.vhd", &rs, &e), 0);
	snprintf(want, sizeof(want), "web01/a.vhd: process %ld is at work on it", (long)getpid());
	assert_int_equal(project_forget(r->project, NULL, "web01/a.vhd", &e), -1);
	assert_error(&e, ERR_BUSY, want);
	replica_state_close(&rs);
	assert_int_equal(project_disks(r->project, NULL, &before, NULL), 0);
	assert_int_equal(before.n, 2);
}

static void a_broken_disk_has_failed(void **state)
{
	struct project_rig *r = *state;
	struct error why = ERROR_INIT;
	const struct project_found found = { .vm = "x/\xff", .label = "X", .source = "/ds\n1", .disk = "x/x.vhd", .path = "x/\x01.vmdk",
					     .broken = &why };
	const struct project_round round = { .target = RIG_TARGET, .found = &found, .n = 1, .started_ns = 5000000000 };

	error_set(&why, ERR_CORRUPT, "x.vmdk: \x1b[31m sig=c2VjcmV0 is bad");
	assert_int_equal(project_record_round(r->project, &round, NULL), 0);
	assert_string_equal(project_disk_word(disk(r, 0)), "failed");
	assert_int_equal(disk(r, 0)->status, 65);
	/* What came from an image is stored in a form that is safe to show. */
	assert_string_equal(disk(r, 0)->vm, "x/%FF");
	assert_string_equal(disk(r, 0)->source, "/ds%0A1");
	assert_string_equal(disk(r, 0)->path, "x/%01.vmdk");
	assert_non_null(strstr(disk(r, 0)->message, "\\x1B[31m"));
	assert_null(strstr(disk(r, 0)->message, "c2VjcmV0"));
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events WHERE message LIKE '%c2VjcmV0%'"), 0);
}

static void names_with_quotes_are_values_and_no_sql(void **state)
{
	struct project_rig *r = *state;

	r->vm.name = "x'); DROP TABLE disks; --";
	project_rig_round(r, "/ds'1", 2, 100);
	cycle(r, 100, CYCLE_OK, ERR_NONE);
	assert_string_equal(disk(r, 0)->vm, "x'); DROP TABLE disks; --");
}

static void events_are_not_changed_and_new_ones_not_deleted(void **state)
{
	struct project_rig *r = *state;
	struct error e = ERROR_INIT;
	char path[192];

	assert_int_equal(project_event(r->project, &(struct project_event){ .kind = PROJECT_DECISION, .text = "--adopt" }, NULL), 0);
	snprintf(path, sizeof(path), "%s/liftfs.db", r->path);
	CLEANUP(cleanup_sql) sqlite3 *db = sql_open(path, false, NULL);
	assert_int_equal(sql_run(db, &e, "UPDATE events SET message = ''", ""), -1);
	assert_error(&e, ERR_CONFLICT, "events are never changed");
	e = (struct error)ERROR_INIT;
	assert_int_equal(sql_run(db, &e, "DELETE FROM events", ""), -1);
	assert_error(&e, ERR_CONFLICT, "events are kept");
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events WHERE kind = 'decision' AND message = '--adopt'"), 1);
}

struct seen {
	unsigned n;
	char kinds[128];
};

static int see(void *ctx, const struct project_event_row *e, struct error *err)
{
	struct seen *s = ctx;

	(void)err;
	assert_true(e->seq > 0 && e->time_ns > 0 && e->pid > 0);
	assert_string_equal(e->version, PACKAGE_VERSION);
	s->n++;
	strncat(s->kinds, e->kind, sizeof(s->kinds) - strlen(s->kinds) - 2);
	strncat(s->kinds, " ", 2);
	return 0;
}

static void the_last_events_come_oldest_first(void **state)
{
	struct project_rig *r = *state;
	struct seen seen = { 0 };

	pointed_cycle(r, 100, "P1");
	cycle(r, 200, CYCLE_FAILED, ERR_CONFLICT);
	assert_int_equal(project_events(r->project, 3, see, &seen, NULL), 0);
	assert_string_equal(seen.kinds, "point-made foreign-write foreign-write ");
}

static void an_unchanged_disk_is_no_event(void **state)
{
	struct project_rig *r = *state;

	cycle(r, 100, CYCLE_SKIPPED, ERR_NONE);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events"), 0);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM cycles"), 0);
	assert_int_equal(disk(r, 0)->cycles, 1);
	assert_string_equal(disk(r, 0)->result, "skipped");
	project_rig_record(r); /* told twice */
	assert_int_equal(disk(r, 0)->cycles, 1);
	assert_int_equal(project_rig_number(r, "SELECT sum(skips) FROM disks"), 2);
}

static void between_two_cycles_it_is_known_how_many_found_nothing(void **state)
{
	struct project_rig *r = *state;

	cycle(r, 50, CYCLE_SKIPPED, ERR_NONE); /* before the first: only the sum knows of it */
	cycle(r, 100, CYCLE_OK, ERR_NONE);
	cycle(r, 200, CYCLE_SKIPPED, ERR_NONE);
	cycle(r, 300, CYCLE_SKIPPED, ERR_NONE);
	assert_int_equal(project_rig_number(r, "SELECT sum(skips) FROM cycles"), 0);
	assert_int_equal(project_rig_number(r, "SELECT min(skips) FROM disks"), 2);
	cycle(r, 400, CYCLE_FAILED, ERR_NETWORK);
	project_rig_record(r);
	cycle(r, 500, CYCLE_SKIPPED, ERR_NONE);
	cycle(r, 600, CYCLE_OK, ERR_NONE);
	cycle(r, 700, CYCLE_OK, ERR_NONE);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM cycles WHERE started_ns = 100000000000 AND skips = 2"
					       " AND skipped_ns = 300000000000"), 2);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM cycles WHERE started_ns = 400000000000 AND skips = 1"
					       " AND skipped_ns = 500000000000"), 2);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM cycles WHERE skips = 0 AND skipped_ns IS NULL"), 4);
	assert_int_equal(project_rig_number(r, "SELECT sum(skips) FROM disks"), 0);
	assert_int_equal(disk(r, 0)->cycles, 8);
}

static void an_unchanged_disk_with_a_point_or_that_was_read_is_a_row(void **state)
{
	struct project_rig *r = *state;

	project_rig_cycle(r, 100, CYCLE_SKIPPED, ERR_NONE);
	atomic_store(&r->disks[0].progress.bytes_read, 65536);
	project_rig_record(r);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM cycles"), 1);
	project_rig_cycle(r, 200, CYCLE_SKIPPED, ERR_NONE);
	snprintf(r->vm.point, sizeof(r->vm.point), "P1"); /* the VM's other disk had changed */
	project_rig_record(r);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM cycles WHERE point = 'P1' AND result = 'skipped'"), 2);
}

static void old_cycles_are_forgotten_and_their_sums_kept(void **state)
{
	struct project_rig *r = *state;
	const struct project_cycle c = { .target = RIG_TARGET, .vm = &r->vm };

	r->vm.n = 1;
	for (uint64_t i = 1; i <= CYCLES_KEPT + 3; i++) {
		project_rig_cycle(r, i, CYCLE_OK, ERR_NONE);
		assert_int_equal(project_record_vm(r->project, &c, r->streaks, NULL), 0);
	}
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM cycles"), CYCLES_KEPT);
	assert_int_equal(project_rig_number(r, "SELECT min(started_ns) FROM cycles"), INT64_C(4) * 1000000000);
	assert_int_equal(disk(r, 0)->cycles, CYCLES_KEPT + 3);
}

static void a_replica_that_is_being_worked_on_has_a_pid(void **state)
{
	struct project_rig *r = *state;
	struct replica_state rs = REPLICA_STATE_INIT;
	struct error e = ERROR_INIT;

	cycle(r, 100, CYCLE_OK, ERR_NONE);
	assert_int_equal(disk(r, 0)->pid, 0);
	assert_int_equal(replica_state_open(r->state, RIG_TARGET, "web01/a.vhd", &rs, &e), 0);
	assert_int_equal(disk(r, 0)->pid, getpid());
	assert_int_equal(disk(r, 1)->pid, 0);
	replica_state_close(&rs);
	assert_int_equal(disk(r, 0)->pid, 0);
}

/* What a number of the two disks' rows comes to, whichever way they were written. */
static int64_t sum(struct project_rig *r)
{
	return project_rig_number(r, "SELECT sum(cycles * 1000000 + stalls * 10000 + pointless * 100 + failures + cycle + requests)"
				     " + count(*) + (SELECT count(*) FROM cycles) * 7 FROM disks WHERE result = 'skipped'");
}

static void record_together(struct project_rig *r)
{
	const struct project_cycle c = { .target = RIG_TARGET, .vm = &r->vm, .points = true };
	struct error e = ERROR_INIT;

	if (project_record_vms(r->project, &c, 1, &e) < 0)
		fail_msg("%s", e.msg);
}

static void vms_that_are_recorded_together_are_recorded_as_alone(void **state)
{
	struct project_rig *r = *state;
	int64_t alone;

	cycle(r, 50, CYCLE_FAILED, ERR_NETWORK);
	cycle(r, 100, CYCLE_SKIPPED, ERR_NONE);
	cycle(r, 200, CYCLE_SKIPPED, ERR_NONE);
	alone = sum(r);
	assert_true(alone > 0);
	assert_int_equal(project_forget(r->project, NULL, "web01/a.vhd", NULL), 0);
	assert_int_equal(project_forget(r->project, NULL, "web01/b.vhd", NULL), 0);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM disks"), 0);

	cycle(r, 50, CYCLE_FAILED, ERR_NETWORK);
	project_rig_cycle(r, 100, CYCLE_SKIPPED, ERR_NONE);
	record_together(r);
	project_rig_cycle(r, 200, CYCLE_SKIPPED, ERR_NONE);
	record_together(r);
	record_together(r); /* told twice it counts once */
	assert_int_equal(sum(r), alone);
	assert_int_equal(disk(r, 1)->success_ns, UINT64_C(200) * 1000000000);
}

static void disks_that_no_round_recorded_get_their_rows_also_together(void **state)
{
	struct project_rig *r = *state;

	project_rig_cycle(r, 100, CYCLE_SKIPPED, ERR_NONE);
	record_together(r);
	assert_string_equal(disk(r, 0)->name, "web01/a.vhd");
	assert_string_equal(disk(r, 0)->result, "skipped");
	assert_int_equal(disk(r, 1)->cycles, 1);
}

static int keep_names(void *ctx, const char *name, struct error *err)
{
	char *names = ctx;

	(void)err;
	snprintf(names + strlen(names), 128 - strlen(names), "%s;", name);
	return 0;
}

static void the_disks_with_a_streak_are_told_of(void **state)
{
	struct project_rig *r = *state;
	char names[128] = "";

	cycle(r, 100, CYCLE_OK, ERR_NONE);
	pointed_cycle(r, 150, "P1");
	assert_int_equal(project_streaks(r->project, RIG_TARGET, keep_names, names, NULL), 0);
	assert_string_equal(names, "");
	project_rig_cycle(r, 200, CYCLE_SKIPPED, ERR_NONE);
	error_set(&r->disks[1].err, ERR_NETWORK, "no answer");
	project_rig_record(r);
	assert_int_equal(project_streaks(r->project, RIG_TARGET, keep_names, names, NULL), 0);
	assert_string_equal(names, "web01/b.vhd;");
	assert_int_equal(project_streaks(r->project, "/elsewhere", keep_names, names, NULL), 0);
	assert_string_equal(names, "web01/b.vhd;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(success_is_the_moment_of_the_last_good_cycle, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cycle_that_is_recorded_twice_counts_once, setup, teardown),
		cmocka_unit_test_setup_teardown(cycles_that_failed_before_they_began_count_each, setup, teardown),
		cmocka_unit_test_setup_teardown(stalls_count_75_without_progress_and_survive_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(cycles_without_a_point_are_counted_where_one_was_wanted, setup, teardown),
		cmocka_unit_test_setup_teardown(points_are_counted_until_they_are_deleted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_disk_that_a_whole_round_misses_has_vanished, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_in_the_event_of_a_disk_that_vanished_or_is_forgotten_is_escaped_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_disk_that_is_forgotten_leaves_its_events, setup, teardown),
		cmocka_unit_test_setup_teardown(a_disk_that_is_being_worked_on_is_not_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(a_broken_disk_has_failed, setup, teardown),
		cmocka_unit_test_setup_teardown(names_with_quotes_are_values_and_no_sql, setup, teardown),
		cmocka_unit_test_setup_teardown(events_are_not_changed_and_new_ones_not_deleted, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_events_come_oldest_first, setup, teardown),
		cmocka_unit_test_setup_teardown(an_unchanged_disk_is_no_event, setup, teardown),
		cmocka_unit_test_setup_teardown(between_two_cycles_it_is_known_how_many_found_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(an_unchanged_disk_with_a_point_or_that_was_read_is_a_row, setup, teardown),
		cmocka_unit_test_setup_teardown(old_cycles_are_forgotten_and_their_sums_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(a_replica_that_is_being_worked_on_has_a_pid, setup, teardown),
		cmocka_unit_test_setup_teardown(vms_that_are_recorded_together_are_recorded_as_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(disks_that_no_round_recorded_get_their_rows_also_together, setup, teardown),
		cmocka_unit_test_setup_teardown(the_disks_with_a_streak_are_told_of, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
