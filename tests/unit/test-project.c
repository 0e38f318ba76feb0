/* SPDX-License-Identifier: Apache-2.0 */
/* The database is derived: missing, damaged, newer, or in use by others, it is made, remade, refused or shared. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "project/project_priv.h"
#include "support/project_rig.h"

#define WRITERS 6
#define CYCLES_EACH 15

static char warned[LOG_LINE_MAX];

static void keep_warning(void *ctx, enum log_level level, const char *module, const char *line)
{
	(void)ctx;
	(void)module;
	if (level == LOG_WARN)
		snprintf(warned, sizeof(warned), "%s", line);
}

static int setup(void **state)
{
	warned[0] = '\0';
	log_set_sink(keep_warning, NULL);
	return project_rig_setup(state);
}

static int teardown(void **state)
{
	log_set_sink(NULL, NULL);
	return project_rig_teardown(state);
}

/* A replica's map as the first commit leaves it, which is what a database is made from. */
static void make_replica(struct project_rig *r, const char *name, uint64_t cycle)
{
	static struct blockmap_header h;
	struct replica_state rs = REPLICA_STATE_INIT;
	struct error e = ERROR_INIT;

	h = (struct blockmap_header){ .liftfs_id = { .b = { 7 } }, .content_size = 2 << 20, .virtual_size = 1500000,
				      .block_size = 64 << 10, .clean = cycle > 0, .cycle = cycle };
	snprintf(h.name, sizeof(h.name), "%s", name);
	snprintf(h.source_path, sizeof(h.source_path), "web01/a.vmdk");
	if (replica_state_open(r->state, RIG_TARGET, name, &rs, &e) < 0 || replica_state_create(&rs, &h, &e) < 0)
		fail_msg("%s", e.msg);
	replica_state_close(&rs);
}

static struct project_disks disks_of(struct project *p)
{
	struct project_disks all = { 0 };
	struct error e = ERROR_INIT;

	if (project_disks(p, NULL, &all, &e) < 0)
		fail_msg("%s", e.msg);
	return all;
}

static struct project *open_read(struct project_rig *r)
{
	struct error e = ERROR_INIT;
	struct project *p = project_open(r->state, PROJECT_READ, &e);

	if (!p)
		fail_msg("%s", e.msg);
	return p;
}

static bool exists(struct project_rig *r, const char *name)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/%s", r->path, name);
	return access(path, F_OK) == 0;
}

static void a_new_one_knows_what_the_maps_know(void **state)
{
	struct project_rig *r = *state;

	make_replica(r, "web01/a.vhd", 3);
	make_replica(r, "web01/new.vhd", 0);
	project_rig_open(r);
	CLEANUP(cleanup_project_disks) struct project_disks all = disks_of(r->project);
	assert_int_equal(all.n, 2);
	assert_string_equal(all.v[0].name, "web01/a.vhd");
	assert_string_equal(all.v[0].path, "web01/a.vmdk");
	assert_int_equal(all.v[0].virtual_size, 1500000);
	assert_int_equal(all.v[0].cycle, 3);
	assert_true(all.v[0].restored && all.v[0].success_ns > 0);
	assert_string_equal(project_disk_word(&all.v[0]), "unknown");
	assert_true(all.v[1].success_ns == 0); /* never committed: it holds no moment of its source */
	assert_string_equal(warned, "");
}

static void the_next_run_fills_in_what_maps_do_not_know(void **state)
{
	struct project_rig *r = *state;

	make_replica(r, "web01/a.vhd", 3);
	project_rig_open(r);
	project_rig_round(r, "/ds1", RIG_DISKS, 100);
	project_rig_cycle(r, 100, CYCLE_OK, ERR_NONE);
	project_rig_record(r);
	CLEANUP(cleanup_project_disks) struct project_disks all = disks_of(r->project);
	assert_int_equal(all.n, 2);
	assert_string_equal(all.v[0].target, RIG_TARGET);
	assert_string_equal(all.v[0].vm, "web01/web01");
	assert_false(all.v[0].restored);
	assert_string_equal(project_disk_word(&all.v[0]), "current");
}

static void reading_makes_and_changes_nothing(void **state)
{
	struct project_rig *r = *state;

	make_replica(r, "web01/a.vhd", 3);
	CLEANUP(cleanup_project) struct project *p = open_read(r);
	CLEANUP(cleanup_project_disks) struct project_disks all = disks_of(p);
	assert_int_equal(all.n, 1);
	assert_false(exists(r, "liftfs.db"));
	assert_false(exists(r, "liftfs.db.lock"));

	project_rig_open(r);
	project_close(p);
	p = open_read(r);
	struct error e = ERROR_INIT;
	assert_int_equal(project_event(p, &(struct project_event){ .kind = PROJECT_RELOADED, .text = "x" }, &e), -1);
	assert_error(&e, ERR_SYSTEM, "attempt to write a readonly database");
}

static void a_damaged_one_is_moved_aside_and_made_anew(void **state)
{
	struct project_rig *r = *state;

	make_replica(r, "web01/a.vhd", 3);
	project_rig_open(r);
	project_rig_round(r, "/ds1", RIG_DISKS, 100);
	project_rig_close(r);
	scratch_patch(r->dir, "state/liftfs.db", 0, "this is no database at all", 26);

	{ /* who only reads looks past it and leaves it where it is */
		CLEANUP(cleanup_project) struct project *p = open_read(r);
		CLEANUP(cleanup_project_disks) struct project_disks all = disks_of(p);

		assert_int_equal(all.n, 1);
		assert_non_null(strstr(warned, "made up from the block maps"));
		assert_false(exists(r, "liftfs.db.damaged"));
	}
	project_rig_open(r);
	assert_non_null(strstr(warned, "/state/liftfs.db: file is not a database: it is moved to liftfs.db.damaged and made anew"));
	assert_true(exists(r, "liftfs.db.damaged"));
	CLEANUP(cleanup_project_disks) struct project_disks all = disks_of(r->project);
	assert_int_equal(all.n, 1);
	assert_string_equal(all.v[0].name, "web01/a.vhd");
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events WHERE kind = 'rebuilt'"), 1);
}

/* The header is sound; a page of a table is not. */
static void damage_inside_is_found_at_the_next_start(void **state)
{
	struct project_rig *r = *state;
	uint8_t rubbish[4096];
	struct stat st;
	char path[192];

	project_rig_open(r);
	project_rig_round(r, "/ds1", RIG_DISKS, 100);
	project_rig_close(r);
	project_rig_open(r);
	project_rig_close(r); /* the pages were looked at, and that is noted */
	snprintf(path, sizeof(path), "%s/liftfs.db", r->path);
	assert_int_equal(stat(path, &st), 0);
	pattern_fill(rubbish, sizeof(rubbish), 0, 1);
	for (uint64_t off = 4 * sizeof(rubbish); off + sizeof(rubbish) <= (uint64_t)st.st_size; off += sizeof(rubbish))
		scratch_patch(r->dir, "state/liftfs.db", off, rubbish, sizeof(rubbish));
	project_rig_open(r);
	assert_non_null(strstr(warned, "made anew from the block maps"));
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM disks"), 0);
}

/* What says that every page was looked at, as it lies in the lock file: its length. */
static off_t mark_len(struct project_rig *r)
{
	char path[192];
	struct stat st;

	snprintf(path, sizeof(path), "%s/liftfs.db.lock", r->path);
	return stat(path, &st) == 0 ? st.st_size : -1;
}

static void only_a_run_that_ended_without_trouble_vouches_for_the_pages(void **state)
{
	struct project_rig *r = *state;
	const struct project_event event = { .kind = PROJECT_RELOADED, .text = "x" };

	project_rig_open(r); /* makes it */
	project_rig_close(r);
	project_rig_open(r); /* looks at it */
	project_rig_close(r);
	assert_true(mark_len(r) > 0);
	project_rig_open(r);
	assert_int_equal(mark_len(r), 0); /* of what a run that is killed leaves nobody knows */
	struct project *other = project_open(r->state, PROJECT_WRITE, NULL);
	assert_non_null(other);
	project_rig_close(r); /* another has it open still */
	assert_int_equal(mark_len(r), 0);
	project_close(other); /* who did not look at it */
	assert_int_equal(mark_len(r), 0);

	project_rig_open(r);
	assert_int_equal(project_event(r->project, &event, NULL), 0);
	(void)project_rig_number(r, "ALTER TABLE events RENAME TO gone");
	assert_int_equal(project_event(r->project, &event, NULL), -1);
	project_rig_close(r);
	assert_int_equal(mark_len(r), 0);
}

/* The time of the look is the mark's first word: one that is too old, or to come, vouches for nothing. */
static void a_look_at_the_pages_holds_for_hours_and_no_longer(void **state)
{
	struct project_rig *r = *state;
	static const char *const times[] = { "1000000000000000000 ", "4000000000000000000 " };

	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		struct project p = { .state = r->state, .lock_fd = -1 };
		char path[192];

		project_rig_open(r);
		project_rig_close(r);
		project_rig_open(r);
		project_rig_close(r);
		snprintf(path, sizeof(path), "%s/liftfs.db.lock", r->path);
		CLEANUP_FD int fd = open(path, O_RDWR | O_CLOEXEC);

		project_checked_read(&p, fd);
		assert_true(p.checked_ns > 0);
		scratch_patch(r->dir, "state/liftfs.db.lock", 0, times[i], strlen(times[i]));
		project_checked_read(&p, fd);
		assert_int_equal(p.checked_ns, 0);
	}
}

static void a_damaged_one_that_others_have_open_stays(void **state)
{
	struct project_rig *r = *state;
	struct error e = ERROR_INIT;

	project_rig_open(r);
	(void)project_rig_number(r, "PRAGMA wal_checkpoint(TRUNCATE)"); /* from here on the file itself is read */
	scratch_patch(r->dir, "state/liftfs.db", 0, "this is no database at all", 26);
	assert_null(project_open(r->state, PROJECT_WRITE, &e));
	assert_int_equal(e.code, ERR_BUSY);
	assert_non_null(strstr(e.msg, "another process has it open: a later run makes it anew"));
	assert_false(exists(r, "liftfs.db.damaged"));
}

static void a_newer_one_is_refused_and_left_alone(void **state)
{
	struct project_rig *r = *state;
	struct error e = ERROR_INIT;
	char path[192], want[320];

	project_rig_open(r);
	project_rig_close(r);
	snprintf(path, sizeof(path), "%s/liftfs.db", r->path);
	sqlite3 *db = sql_open(path, false, NULL);
	assert_int_equal(sql_script(db, "UPDATE meta SET value = 'liftfs 9.1'; PRAGMA user_version = 9", NULL), 0);
	sql_close(db);
	snprintf(want, sizeof(want),
		 "%s: database of format 9, written by liftfs 9.1; this is liftfs " PACKAGE_VERSION ", which reads up to %u", path,
		 project_schema.n);
	assert_null(project_open(r->state, PROJECT_WRITE, &e));
	assert_error(&e, ERR_REFUSED, want);
	e = (struct error)ERROR_INIT;
	assert_null(project_open(r->state, PROJECT_READ, &e));
	assert_error(&e, ERR_REFUSED, want);
	assert_int_equal(project_rig_number(r, "PRAGMA user_version"), 9);
	assert_string_equal(warned, "");
}

/* Format 2 had a row of cycles for each that found nothing. */
static void an_older_one_is_read_as_it_is_and_upgraded_by_who_writes(void **state)
{
	struct project_rig *r = *state;
	const struct schema two = { .steps = project_schema.steps, .n = 2 };
	struct project_disks all;
	char path[192];

	snprintf(path, sizeof(path), "%s/liftfs.db", r->path);
	scratch_write(r->dir, "state/liftfs.db", "", 0);
	sqlite3 *db = sql_open(path, false, NULL);
	assert_int_equal(schema_upgrade(db, path, &two, NULL), 0);
	assert_int_equal(sql_script(db, "INSERT INTO disks (key, target, name, vm, source, path, virtual_size, cycles)"
					" VALUES ('k', '" RIG_TARGET "', 'web01/a.vhd', 'web01', '/s', 'p', 1, 2);"
					"INSERT INTO cycles VALUES ('k', 1, 2, 'skipped', 'delta', 1, 'proven', 0, NULL, NULL, NULL,"
					" 0, 0, 0, 0, 0, 0, 0, 0)", NULL), 0);
	sql_close(db);
	struct project *reader = open_read(r);
	all = disks_of(reader);
	assert_int_equal(all.n, 1);
	project_disks_fini(&all);
	project_close(reader);
	assert_int_equal(project_rig_number(r, "PRAGMA user_version"), 2);
	project_rig_open(r);
	assert_int_equal(project_rig_number(r, "PRAGMA user_version"), project_schema.n);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM cycles WHERE skips = 0 AND skipped_ns IS NULL"), 1);
	assert_int_equal(project_rig_number(r, "SELECT cycles FROM disks WHERE skips = 0"), 2);
	assert_true(exists(r, "liftfs.db.2"));
	assert_string_equal(warned, "");
}

static void one_that_a_crash_left_empty_is_made(void **state)
{
	struct project_rig *r = *state;

	scratch_write(r->dir, "state/liftfs.db", "", 0);
	CLEANUP(cleanup_project) struct project *p = open_read(r);
	project_rig_open(r);
	assert_int_equal(project_rig_number(r, "PRAGMA user_version"), project_schema.n);
	assert_string_equal(warned, "");
}

static void who_reads_stands_in_nobodys_way(void **state)
{
	struct project_rig *r = *state;
	struct project *reader;

	make_replica(r, "web01/a.vhd", 3);
	project_rig_open(r);
	project_rig_close(r);
	reader = open_read(r);
	scratch_patch(r->dir, "state/liftfs.db", 0, "this is no database at all", 26);
	project_rig_open(r); /* moved aside and made anew, with the reader still there */
	assert_true(exists(r, "liftfs.db.damaged"));
	project_rig_cycle(r, 100, CYCLE_OK, ERR_NONE);
	project_rig_record(r);
	project_close(reader);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM cycles"), RIG_DISKS);
	project_rig_open(r);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM cycles"), RIG_DISKS);
}

/* What a worker of a fleet, a process of its own, does with the database that it opened. */
_Noreturn static void work(struct project_rig *r, unsigned n)
{
	char name[32];
	struct error e = ERROR_INIT;

	snprintf(name, sizeof(name), "vm%u", n);
	r->vm.name = name;
	for (unsigned i = 0; i < CYCLES_EACH; i++) {
		const struct project_cycle c = { .target = RIG_TARGET, .vm = &r->vm };

		project_rig_cycle(r, n * 1000 + i, CYCLE_OK, ERR_NONE);
		if (project_record_vm(r->project, &c, r->streaks, &e) < 0)
			_exit(2);
	}
	project_close(r->project);
	_exit(0);
}

static void many_processes_write_at_once(void **state)
{
	struct project_rig *r = *state;
	int status;

	for (unsigned n = 1; n <= WRITERS; n++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			/* all of them find no database and make it at once */
			r->project = project_open(r->state, PROJECT_WRITE, NULL);
			if (!r->project)
				_exit(1);
			work(r, n);
		}
	}
	for (unsigned n = 1; n <= WRITERS; n++) {
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM cycles"), WRITERS * CYCLES_EACH * RIG_DISKS);
	assert_int_equal(project_rig_number(r, "SELECT sum(cycles) FROM disks"), WRITERS * CYCLES_EACH * RIG_DISKS);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM events WHERE kind = 'committed'"),
			 WRITERS * CYCLES_EACH * RIG_DISKS);
}

/* Its maker goes on writing while others open and close it: what holds SQLite's log in place is the maker's, too. */
static void who_made_it_writes_on_when_others_have_closed_it(void **state)
{
	struct project_rig *r = *state;
	int made[2], go_on[2], status;
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(made), 0);
	assert_int_equal(pipe(go_on), 0);
	pid = fork(); /* before SQLite is used here: it does not survive a fork */
	assert_true(pid >= 0);
	if (pid == 0) {
		struct error e = ERROR_INIT;

		r->project = project_open(r->state, PROJECT_WRITE, &e);
		if (!r->project || write(made[1], &byte, 1) != 1 || read(go_on[0], &byte, 1) != 1)
			_exit(1);
		work(r, 1);
	}
	assert_int_equal(read(made[0], &byte, 1), 1);
	project_rig_open(r);
	project_rig_cycle(r, 100, CYCLE_OK, ERR_NONE);
	project_rig_record(r);
	project_rig_close(r);
	project_rig_open(r);
	project_rig_cycle(r, 200, CYCLE_OK, ERR_NONE);
	project_rig_record(r);
	assert_int_equal(write(go_on[1], &byte, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	project_rig_close(r);
	assert_int_equal(project_rig_number(r, "SELECT count(*) FROM cycles"), (CYCLES_EACH + 2) * RIG_DISKS);
	close(made[0]);
	close(made[1]);
	close(go_on[0]);
	close(go_on[1]);
}

static void only_its_owner_may_read_it(void **state)
{
	struct project_rig *r = *state;
	char path[192];
	struct stat st;

	project_rig_open(r);
	snprintf(path, sizeof(path), "%s/liftfs.db", r->path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_new_one_knows_what_the_maps_know, setup, teardown),
		cmocka_unit_test_setup_teardown(the_next_run_fills_in_what_maps_do_not_know, setup, teardown),
		cmocka_unit_test_setup_teardown(reading_makes_and_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_one_is_moved_aside_and_made_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_inside_is_found_at_the_next_start, setup, teardown),
		cmocka_unit_test_setup_teardown(only_a_run_that_ended_without_trouble_vouches_for_the_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(a_look_at_the_pages_holds_for_hours_and_no_longer, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_one_that_others_have_open_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(a_newer_one_is_refused_and_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(an_older_one_is_read_as_it_is_and_upgraded_by_who_writes, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_a_crash_left_empty_is_made, setup, teardown),
		cmocka_unit_test_setup_teardown(who_reads_stands_in_nobodys_way, setup, teardown),
		cmocka_unit_test_setup_teardown(many_processes_write_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(who_made_it_writes_on_when_others_have_closed_it, setup, teardown),
		cmocka_unit_test_setup_teardown(only_its_owner_may_read_it, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
