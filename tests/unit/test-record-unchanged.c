/* SPDX-License-Identifier: Apache-2.0 */
/* Disks that are as they were: two databases, of which one is written row by row and the other at once, hold the same. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "project/schema.h"
#include "support/project_rig.h"

#define VMS 8
#define NS UINT64_C(1000000000)

struct world {
	struct project_rig *alone, *together;
	struct cycle_vm vms[VMS];
	struct cycle_disk disks[VMS][2];
	struct project_found found[VMS];
	const char *whole[2];
	char names[VMS][16], replicas[VMS][2][24];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	void *alone = NULL, *together = NULL;

	assert_non_null(w);
	assert_int_equal(project_rig_setup(&alone), 0);
	assert_int_equal(project_rig_setup(&together), 0);
	w->alone = alone;
	w->together = together;
	project_rig_open(w->alone);
	project_rig_open(w->together);
	for (size_t i = 0; i < VMS; i++) {
		snprintf(w->names[i], sizeof(w->names[i]), "v%zu/v\n%zu", i, i);
		for (size_t k = 0; k < 2; k++)
			snprintf(w->replicas[i][k], sizeof(w->replicas[i][k]), "v%zu/%zu.vhd", i, k);
	}
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	void *alone = w->alone, *together = w->together;

	free(w);
	return project_rig_teardown(&alone) | project_rig_teardown(&together);
}

static void both(struct world *w, const char *sql)
{
	struct project_rig *rigs[] = { w->alone, w->together };
	struct error e = ERROR_INIT;

	for (size_t i = 0; i < 2; i++) {
		char path[160];

		snprintf(path, sizeof(path), "%s/liftfs.db", rigs[i]->path);
		CLEANUP(cleanup_sql) sqlite3 *db = sql_open(path, false, &e);
		if (!db || sql_script(db, sql, &e) < 0)
			fail_msg("%s", e.msg);
	}
}

static void add_rows(struct strbuf *b, sqlite3 *db, const char *sql)
{
	struct error e = ERROR_INIT;
	CLEANUP(cleanup_statement) sqlite3_stmt *st = sql_query(db, &e, sql, "");
	int more;

	assert_non_null(st);
	while ((more = sql_next(st, &e)) > 0) {
		for (int i = 0; i < sqlite3_column_count(st); i++) {
			const unsigned char *text = sqlite3_column_text(st, i);

			strbuf_addf(b, "%s=%s ", sqlite3_column_name(st, i), text ? (const char *)text : "NULL");
		}
		strbuf_addf(b, "\n");
	}
	assert_int_equal(more, 0);
}

/* Every column but the clock's of events, and when what was seen: of that there is a test of its own. */
static char *rows(struct project_rig *r)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	char path[160];

	snprintf(path, sizeof(path), "%s/liftfs.db", r->path);
	CLEANUP(cleanup_sql) sqlite3 *db = sql_open(path, false, NULL);
	add_rows(&b, db, "SELECT target, name, label, last_point FROM vms ORDER BY target, name");
	add_rows(&b, db, "SELECT key, target, name, vm, (SELECT s.path FROM sources AS s WHERE s.id = source_id) AS source,"
			 " path, virtual_size, vanished_ns, started_ns, finished_ns, result, kind,"
			 " cycle, consistency, status, code, message, success_ns, last_point, stalls, pointless, unverified, restored,"
			 " cycles, failures, bytes_read, bytes_sent, bytes_cleared, requests, retries, skips FROM disks ORDER BY key");
	add_rows(&b, db, "SELECT * FROM cycles ORDER BY disk, started_ns");
	add_rows(&b, db, "SELECT * FROM recovery_points ORDER BY disk, name");
	add_rows(&b, db, "SELECT seq, kind, vm, disk, code, status, message, times FROM events ORDER BY seq");
	add_rows(&b, db, "PRAGMA integrity_check");
	return strbuf_take(&b, NULL);
}

static void assert_same_rows(struct world *w)
{
	CLEANUP_FREE char *alone = rows(w->alone), *together = rows(w->together);

	assert_string_equal(together, alone);
}

/* ---- rounds ---- */

/* Four of /a and four of /b, a disk a VM. */
static void find_all(struct world *w)
{
	w->whole[0] = "/a\n";
	w->whole[1] = "/b";
	for (size_t i = 0; i < VMS; i++)
		w->found[i] = (struct project_found){ .vm = w->names[i], .label = "a \x01 label", .source = i < 4 ? "/a\n" : "/b",
						      .disk = w->replicas[i][0], .path = "v/x\n.vmdk", .virtual_size = 4096 };
}

static void record_round(struct project_rig *r, const struct world *w, size_t n, size_t n_whole, uint64_t at_s)
{
	const struct project_round round = { .target = RIG_TARGET, .found = w->found, .n = n, .whole = w->whole, .n_whole = n_whole,
					     .started_ns = at_s * NS };
	struct error e = ERROR_INIT;

	if (project_record_round(r->project, &round, &e) < 0)
		fail_msg("%s", e.msg);
}

/* A round of which something may have been left out is recorded disk by disk, and one that found nothing row by row. */
static void round_both(struct world *w, size_t n, uint64_t at_s)
{
	record_round(w->alone, w, n, 0, at_s);
	record_round(w->alone, w, 0, 2, at_s);
	record_round(w->together, w, n, 2, at_s);
	assert_same_rows(w);
}

static void a_round_that_found_what_is_known_leaves_the_rows_that_each_disk_by_itself_does(void **state)
{
	struct world *w = *state;

	find_all(w);
	round_both(w, VMS, 100);
	round_both(w, VMS, 200);
	round_both(w, VMS, 150); /* one that ends late */
	round_both(w, VMS - 2, 160); /* what a later one saw is there */
	w->found[0].virtual_size = 0; /* not known this time */
	round_both(w, VMS, 300);
	round_both(w, VMS - 2, 400); /* two vanish */
	assert_int_equal(project_rig_number(w->together, "SELECT count(*) FROM disks WHERE vanished_ns IS NOT NULL"), 2);
	round_both(w, VMS - 2, 500); /* stay away */
	round_both(w, VMS, 600);     /* and come back */
	assert_int_equal(project_rig_number(w->together, "SELECT count(*) FROM disks WHERE vanished_ns IS NULL"), VMS);
}

static void what_a_round_found_otherwise_is_written(void **state)
{
	struct world *w = *state;
	struct error broken = ERROR_INIT;

	error_set(&broken, ERR_CORRUPT, "a descriptor that nobody can read");
	find_all(w);
	round_both(w, VMS, 100);
	w->found[1].path = "elsewhere.vmdk";
	round_both(w, VMS, 200);
	w->found[2].label = "another";
	round_both(w, VMS, 300);
	w->found[3].virtual_size = 8192;
	round_both(w, VMS, 400);
	w->found[4].vm = "another";
	round_both(w, VMS, 500);
	w->found[4].source = "/a\n";
	round_both(w, VMS, 600);
	w->found[5].disk = "new.vhd";
	round_both(w, VMS, 700);
	both(w, "UPDATE disks SET restored = 1 WHERE name = 'v6/0.vhd'");
	round_both(w, VMS, 800);
	both(w, "DELETE FROM vms WHERE name LIKE 'v7/%'");
	round_both(w, VMS, 900);
	both(w, "UPDATE disks SET source_id = 0 WHERE source_id = (SELECT id FROM sources WHERE path = '/b')"); /* no round knew them */
	round_both(w, VMS, 950);
	w->found[7].broken = &broken;
	round_both(w, VMS, 1000);
	assert_int_equal(project_rig_number(w->together, "SELECT count(*) FROM disks WHERE seen_ns = 1000000000000"), VMS);
}

/* The disks from first to behind, found in another place. */
static void find_in(struct world *w, size_t first, size_t behind, const char *source)
{
	for (size_t i = first; i < behind; i++)
		w->found[i].source = source;
}

static void move_a(struct world *w, const char *source, size_t n, uint64_t at_s)
{
	w->whole[0] = source;
	find_in(w, 0, 4, source);
	round_both(w, n, at_s);
}

static void a_source_of_another_name_takes_its_disks_along(void **state)
{
	struct world *w = *state;

	find_all(w);
	round_both(w, VMS, 100);
	both(w, "CREATE TABLE switch (quick INTEGER); INSERT INTO switch VALUES (0);"
		"CREATE TRIGGER disks_stay BEFORE UPDATE OF source_id ON disks WHEN (SELECT quick FROM switch)"
		"	AND OLD.vanished_ns IS NULL AND OLD.source_id <> NEW.source_id BEGIN SELECT RAISE(ABORT, 'disk by disk'); END");
	w->whole[0] = "/c";
	find_in(w, 0, 4, "/c");
	record_round(w->alone, w, VMS, 0, 200);
	record_round(w->alone, w, 0, 2, 200);
	assert_int_equal(project_rig_number(w->together, "UPDATE switch SET quick = 1 RETURNING 1"), 1);
	record_round(w->together, w, VMS, 2, 200);
	assert_same_rows(w);
	assert_int_equal(project_rig_number(w->together, "SELECT count(*) FROM sources"), 2);
	assert_int_equal(project_rig_number(w->together, "UPDATE switch SET quick = 0 RETURNING 1"), 1);
	round_both(w, VMS, 300);
	move_a(w, "/a\n", VMS, 400);
	move_a(w, "/d", VMS, 500);
	assert_int_equal(project_rig_number(w->together, "SELECT count(*) FROM sources"), 2);
}

/* By name, the last two being of /b. */
static void what_vanished_stays_where_it_was_seen(void **state)
{
	struct world *w = *state;

	find_all(w);
	find_in(w, 2, 4, "/b");
	find_in(w, 6, 8, "/a\n");
	round_both(w, VMS, 100);
	round_both(w, VMS - 2, 200); /* two of /a vanish */
	w->whole[0] = "/c";
	find_in(w, 0, 2, "/c");
	round_both(w, VMS - 2, 300);
	assert_int_equal(project_rig_number(w->together, "SELECT count(*) FROM disks JOIN sources ON id = source_id"
							 " WHERE vanished_ns IS NOT NULL AND sources.path = '/a%0A'"), 2);
	w->whole[0] = "/a\n"; /* and back, where they still are missed */
	find_in(w, 0, 2, "/a\n");
	round_both(w, VMS - 2, 400);
	w->whole[0] = "/c";
	find_in(w, 0, 2, "/c");
	round_both(w, VMS - 2, 500);
	find_in(w, 6, 8, "/c"); /* there they are again */
	round_both(w, VMS, 600);
	round_both(w, VMS, 700);
}

static void disks_that_change_places_are_no_source_of_another_name(void **state)
{
	struct world *w = *state;

	find_all(w);
	round_both(w, VMS, 100);
	find_in(w, 0, 4, "/b");
	find_in(w, 4, 8, "/a\n");
	round_both(w, VMS, 200); /* all of them */
	find_in(w, 0, 2, "/a\n");
	round_both(w, VMS, 300); /* some */
	w->whole[0] = "/c"; /* /a is not looked at, and what is found of it elsewhere moves alone */
	find_in(w, 0, 2, "/c");
	find_in(w, 4, 8, "/b");
	round_both(w, VMS, 400);
	find_in(w, 0, 8, "/b"); /* nothing is in /c */
	round_both(w, VMS, 500);
	w->whole[1] = "/a\n";
	find_in(w, 0, 8, "/a\n");
	w->found[3].path = "elsewhere.vmdk";
	round_both(w, VMS, 600);
	w->whole[0] = "/b";
	find_in(w, 0, 4, "/b");
	round_both(w, VMS, 700);
}

/* ---- cycles ---- */

static void skip_all(struct world *w, uint64_t at_s)
{
	for (size_t i = 0; i < VMS; i++) {
		w->vms[i] = (struct cycle_vm){ .name = w->names[i], .disks = w->disks[i], .n = 1 + i % 2 };
		for (size_t k = 0; k < 2; k++)
			w->disks[i][k] = (struct cycle_disk){
				.name = w->replicas[i][k], .source_path = "v/x.vmdk", .result = CYCLE_SKIPPED, .kind = CYCLE_DELTA,
				.consistency = CONSISTENCY_PROVEN, .cycle = 3 + i, .virtual_size = 4096, .retries = i,
				.requests = { .reads = 1, .others = 2 + k, .writes = i, .clears = 5 }, .unverified = i == 3,
				.started_ns = at_s * NS + i, .finished_ns = at_s * NS + 10 + i,
			};
	}
}

static void record_alone(struct project_rig *r, const struct world *w)
{
	struct project_streak streaks[2];
	struct error e = ERROR_INIT;

	for (size_t i = 0; i < VMS; i++) {
		const struct project_cycle c = { .target = RIG_TARGET, .vm = &w->vms[i], .points = true };

		if (project_record_vm(r->project, &c, streaks, &e) < 0)
			fail_msg("%s", e.msg);
	}
}

static void record_together(struct project_rig *r, const struct world *w)
{
	struct project_cycle cycles[VMS];
	struct error e = ERROR_INIT;

	for (size_t i = 0; i < VMS; i++)
		cycles[i] = (struct project_cycle){ .target = RIG_TARGET, .vm = &w->vms[i], .points = true };
	if (project_record_vms(r->project, cycles, VMS, &e) < 0)
		fail_msg("%s", e.msg);
}

static void cycle_both(struct world *w)
{
	record_alone(w->alone, w);
	record_together(w->together, w);
	assert_same_rows(w);
}

/* Of each sort one, alike in both. */
static void have_a_past(struct world *w)
{
	find_all(w);
	round_both(w, VMS, 10);
	round_both(w, VMS - 1, 20); /* the last has vanished */
	skip_all(w, 30);
	error_set(&w->disks[0][0].err, ERR_NETWORK, "no answer");
	w->disks[1][0].result = w->disks[1][1].result = CYCLE_FUZZY;
	w->disks[2][0].result = CYCLE_OK;
	snprintf(w->vms[2].point, sizeof(w->vms[2].point), "P1");
	w->disks[3][1].unverified = false;
	error_set(&w->disks[3][0].err, ERR_CORRUPT, "damaged");
	record_alone(w->alone, w);
	record_alone(w->together, w);
	both(w, "UPDATE disks SET restored = 1, target = '' WHERE name = 'v4/0.vhd';"
		"UPDATE disks SET restored = 1 WHERE name = 'v2/0.vhd';"
		"UPDATE disks SET vm = 'another' WHERE name = 'v5/1.vhd';"
		"DELETE FROM disks WHERE name = 'v6/0.vhd'");
	assert_same_rows(w);
}

static void unchanged_disks_leave_the_rows_that_each_by_itself_does(void **state)
{
	struct world *w = *state;

	have_a_past(w);
	skip_all(w, 100);
	cycle_both(w);
	cycle_both(w); /* told twice it counts once */
	skip_all(w, 200);
	w->disks[0][0].cycle = 0; /* not known */
	w->disks[2][0].virtual_size = 8192;
	w->disks[4][0].virtual_size = 0;
	cycle_both(w);
	assert_int_equal(project_rig_number(w->together, "SELECT count(*) FROM cycles WHERE started_ns >= 100000000000"), 0);
	assert_int_equal(project_rig_number(w->together, "SELECT sum(skips) FROM disks"), 2 * 12 + 6); /* six in the past */
	assert_int_equal(project_rig_number(w->together, "SELECT sum(stalls) + sum(pointless) FROM disks"), 0);
}

static void a_disk_of_which_there_is_more_to_say_is_recorded_with_all_of_it(void **state)
{
	struct world *w = *state;

	have_a_past(w);
	skip_all(w, 100);
	cycle_both(w);
	skip_all(w, 200);
	error_set(&w->disks[0][0].err, ERR_NETWORK, "no answer");
	atomic_store(&w->disks[1][1].progress.bytes_read, 512);
	w->disks[2][0].result = CYCLE_OK;
	snprintf(w->vms[2].point, sizeof(w->vms[2].point), "P2");
	w->disks[3][1].result = CYCLE_FUZZY;
	snprintf(w->vms[4].point, sizeof(w->vms[4].point), "P3");
	w->disks[5][0].consistency = CONSISTENCY_DECLARED;
	w->disks[5][1].kind = CYCLE_INITIAL;
	w->disks[7][0].finished_ns = 1; /* the clock was set back */
	cycle_both(w);
}

static void what_has_not_changed_is_not_written_again(void **state)
{
	struct world *w = *state;

	find_all(w);
	round_both(w, VMS, 10);
	skip_all(w, 20);
	for (size_t i = 0; i < VMS; i++)
		w->vms[i].n = 1;
	cycle_both(w);
	both(w, "CREATE TRIGGER names_stay BEFORE UPDATE OF key, target, vm, source_id, path ON disks"
		"	BEGIN SELECT RAISE(ABORT, 'written again'); END;"
		"CREATE TRIGGER labels_stay BEFORE UPDATE OF target, name, label ON vms"
		"	BEGIN SELECT RAISE(ABORT, 'written again'); END");
	record_round(w->together, w, VMS, 2, 30);
	for (size_t i = 0; i < VMS; i++)
		w->disks[i][0].started_ns = w->disks[i][0].finished_ns = 40 * NS;
	record_together(w->together, w);
	assert_int_equal(project_rig_number(w->together, "SELECT count(*) FROM disks WHERE success_ns = 40000000000"), VMS);
	assert_int_equal(project_rig_number(w->together, "SELECT count(*) FROM sources WHERE seen_ns = 30000000000"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_round_that_found_what_is_known_leaves_the_rows_that_each_disk_by_itself_does, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_a_round_found_otherwise_is_written, setup, teardown),
		cmocka_unit_test_setup_teardown(a_source_of_another_name_takes_its_disks_along, setup, teardown),
		cmocka_unit_test_setup_teardown(what_vanished_stays_where_it_was_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(disks_that_change_places_are_no_source_of_another_name, setup, teardown),
		cmocka_unit_test_setup_teardown(unchanged_disks_leave_the_rows_that_each_by_itself_does, setup, teardown),
		cmocka_unit_test_setup_teardown(a_disk_of_which_there_is_more_to_say_is_recorded_with_all_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(what_has_not_changed_is_not_written_again, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
