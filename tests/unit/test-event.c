/* SPDX-License-Identifier: Apache-2.0 */
/* The log of events: what goes on is one event, what is old goes, and what goes on comes last. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "project/schema.h"
#include "support/project_rig.h"

static int setup(void **state)
{
	int rc = project_rig_setup(state);

	if (rc == 0)
		project_rig_open(*state);
	return rc;
}

/* A cycle of one disk, now. */
static void cycle(struct project_rig *r, enum cycle_result result, enum error_code code, const char *message)
{
	r->vm.n = 1;
	project_rig_cycle(r, 1, result, ERR_NONE);
	r->disks[0].started_ns = r->disks[0].finished_ns = clock_realtime_ns();
	if (code != ERR_NONE)
		error_set(&r->disks[0].err, code, "%s", message);
	project_rig_record(r);
}

static void broken_round(struct project_rig *r, const char *message)
{
	struct error why = ERROR_INIT;
	const struct project_found found = { .vm = "x/x", .label = "X", .source = "/ds1", .disk = "x/x.vhd", .path = "x/x.vmdk",
					     .broken = &why };
	const struct project_round round = { .target = RIG_TARGET, .found = &found, .n = 1, .started_ns = clock_realtime_ns() };

	error_set(&why, ERR_CORRUPT, "%s", message);
	assert_int_equal(project_record_round(r->project, &round, NULL), 0);
}

static int64_t failures(struct project_rig *r)
{
	return project_rig_number(r, "SELECT count(*) FROM events WHERE kind IN ('failed', 'parked')");
}

static void a_disk_that_stays_broken_is_one_event(void **state)
{
	struct project_rig *r = *state;

	for (unsigned i = 0; i < 20; i++)
		broken_round(r, "x.vmdk: grain table 7 lies behind the end");
	assert_int_equal(failures(r), 1);
	assert_int_equal(project_rig_number(r, "SELECT times FROM events WHERE kind = 'failed' AND last_ns > time_ns"), 20);
	broken_round(r, "x.vmdk: no magic");
	assert_int_equal(failures(r), 2);
}

static void so_is_one_whose_message_differs_in_numbers_only(void **state)
{
	struct project_rig *r = *state;

	cycle(r, CYCLE_PARKED, ERR_NETWORK, "PutPage: connect: refused after 3 ms (request 1f-aa0)");
	cycle(r, CYCLE_PARKED, ERR_NETWORK, "PutPage: connect: refused after 12 ms (request 22-b7c)");
	assert_int_equal(failures(r), 1);
	cycle(r, CYCLE_PARKED, ERR_NETWORK, "PutPage: connect: no route");
	cycle(r, CYCLE_PARKED, ERR_NETWORK, "PutPage: connect: refused after 7 ms (request 3-d)"); /* one of this outage */
	assert_int_equal(failures(r), 2);
	assert_int_equal(project_rig_number(r, "SELECT max(times) FROM events"), 3);
	cycle(r, CYCLE_FAILED, ERR_SYSTEM, "PutPage: connect: no route");
	assert_int_equal(failures(r), 3);
}

static void after_a_cycle_that_went_well_it_is_another(void **state)
{
	struct project_rig *r = *state;

	cycle(r, CYCLE_PARKED, ERR_NETWORK, "no answer");
	cycle(r, CYCLE_PARKED, ERR_NETWORK, "no answer");
	cycle(r, CYCLE_SKIPPED, ERR_NONE, NULL);
	cycle(r, CYCLE_PARKED, ERR_NETWORK, "no answer");
	assert_int_equal(failures(r), 2);
	assert_int_equal(project_rig_number(r, "SELECT times FROM events ORDER BY seq LIMIT 1"), 2);
}

static void a_run_that_fails_as_the_last_one_did_is_one_event(void **state)
{
	struct project_rig *r = *state;
	struct error why = ERROR_INIT;
	const struct project_event failed = { .kind = PROJECT_RUN_ENDED, .err = &why, .text = "no answer" };
	const struct project_event ended = { .kind = PROJECT_RUN_ENDED, .text = "status=0" };

	error_set(&why, ERR_NETWORK, "no answer");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(project_event(r->project, &failed, NULL), 0);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events"), 1);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(project_event(r->project, &ended, NULL), 0);
	assert_int_equal(project_event(r->project, &failed, NULL), 0);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events"), 4);
}

static int keep_last(void *ctx, const struct project_event_row *e, struct error *err)
{
	(void)err;
	snprintf(ctx, 64, "%s %u", e->kind, (unsigned)e->times);
	assert_true(e->last_ns >= e->time_ns);
	return 0;
}

static void what_goes_on_comes_last(void **state)
{
	struct project_rig *r = *state;
	char last[64] = "";

	broken_round(r, "bad");
	cycle(r, CYCLE_OK, ERR_NONE, NULL);
	broken_round(r, "bad");
	assert_int_equal(project_events(r->project, 1, keep_last, last, NULL), 0);
	assert_string_equal(last, "failed 2");
}

static void add_many(struct project_rig *r, const char *kind, unsigned n)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/liftfs.db", r->path);
	CLEANUP(cleanup_sql) sqlite3 *db = sql_open(path, false, NULL);
	assert_int_equal(sql_run(db, NULL, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)"
				 " INSERT INTO events (time_ns, host, pid, version, kind, status, message) SELECT i, 'h', 1, 'v', ?1, 0, ''"
				 " FROM n", "ti", kind, (int64_t)n), 0);
}

static void the_log_has_a_limit_and_runs_do_not_crowd_out_decisions(void **state)
{
	const struct project_event decision = { .kind = PROJECT_DECISION, .text = "--adopt" };
	struct project_rig *r = *state;

	assert_int_equal(project_event(r->project, &decision, NULL), 0);
	add_many(r, "run-started", EVENTS_KEPT + 1000);
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(project_event(r->project, &(struct project_event){ .kind = PROJECT_RELOADED, .text = "x" }, NULL), 0);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events WHERE kind = 'run-started'"), EVENTS_KEPT);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events WHERE kind = 'decision'"), 1);
	add_many(r, "decision", EVENTS_KEPT);
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(project_event(r->project, &(struct project_event){ .kind = PROJECT_RUN_STARTED, .text = "x" }, NULL), 0);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events WHERE kind IN ('decision', 'reloaded')"), EVENTS_KEPT);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events WHERE message = '--adopt'"), 0);
}

static void points_that_were_deleted_are_not_kept_for_ever(void **state)
{
	struct project_rig *r = *state;
	char name[32];

	cycle(r, CYCLE_OK, ERR_NONE, NULL);
	for (unsigned i = 0; i < CYCLES_KEPT + 3; i++) {
		cycle(r, CYCLE_OK, ERR_NONE, NULL);
		snprintf(name, sizeof(name), "P%06u", i);
		snprintf(r->vm.point, sizeof(r->vm.point), "%s", name);
		r->disks[0].started_ns++;
		project_rig_record(r);
		assert_int_equal(project_record_deleted(r->project, RIG_TARGET, "web01/a.vhd", name, NULL), 0);
	}
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM recovery_points"), CYCLES_KEPT);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM recovery_points WHERE name = 'P000002'"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_disk_that_stays_broken_is_one_event, setup, project_rig_teardown),
		cmocka_unit_test_setup_teardown(so_is_one_whose_message_differs_in_numbers_only, setup, project_rig_teardown),
		cmocka_unit_test_setup_teardown(after_a_cycle_that_went_well_it_is_another, setup, project_rig_teardown),
		cmocka_unit_test_setup_teardown(a_run_that_fails_as_the_last_one_did_is_one_event, setup, project_rig_teardown),
		cmocka_unit_test_setup_teardown(what_goes_on_comes_last, setup, project_rig_teardown),
		cmocka_unit_test_setup_teardown(the_log_has_a_limit_and_runs_do_not_crowd_out_decisions, setup, project_rig_teardown),
		cmocka_unit_test_setup_teardown(points_that_were_deleted_are_not_kept_for_ever, setup, project_rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
