/* SPDX-License-Identifier: Apache-2.0 */
/* A look at all replicas of a state that takes no lock and changes nothing. */
#include "unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replicate/state_survey.h"
#include "support/scratch.h"

struct world {
	struct scratch_dir *dir;
	struct state *state;
	struct replica_state rs;
	unsigned n, running;
	struct state_replica seen;
};

static int setup(void **state)
{
	static struct world w;
	struct error e = ERROR_INIT;
	char path[128];
	void *dir = NULL;

	if (scratch_setup(&dir) != 0)
		return -1;
	w = (struct world){ .dir = dir, .rs = REPLICA_STATE_INIT };
	snprintf(path, sizeof(path), "%s/state", w.dir->path);
	w.state = state_open(path, true, &e);
	assert_non_null(w.state);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	void *dir = w->dir;

	replica_state_close(&w->rs);
	state_close(w->state);
	return scratch_teardown(&dir);
}

static int keep(void *ctx, const struct state_replica *r, struct error *err)
{
	struct world *w = ctx;

	(void)err;
	w->n++;
	w->running += r->pid > 0;
	w->seen = *r;
	return 0;
}

static void survey(struct world *w)
{
	struct error e = ERROR_INIT;

	w->n = w->running = 0;
	if (state_survey(w->state, keep, w, &e) < 0)
		fail_msg("%s", e.msg);
}

static void open_replica(struct world *w)
{
	struct error e = ERROR_INIT;

	if (replica_state_open(w->state, "t", "a.vhd", &w->rs, &e) < 0)
		fail_msg("%s", e.msg);
}

static void create(struct world *w)
{
	static struct blockmap_header h;
	struct error e = ERROR_INIT;

	h = (struct blockmap_header){ .liftfs_id = { .b = { 7 } }, .content_size = 2 << 20, .virtual_size = 2 << 20,
				      .block_size = 64 << 10, .name = "a.vhd", .cycle = 5, .clean = true };
	open_replica(w);
	if (replica_state_create(&w->rs, &h, &e) < 0)
		fail_msg("%s", e.msg);
}

static void a_state_without_replicas_has_none(void **state)
{
	struct world *w = *state;

	survey(w);
	assert_int_equal(w->n, 0);
}

static void a_map_is_read_while_a_run_holds_it_and_the_run_is_named(void **state)
{
	struct world *w = *state;
	struct error e = ERROR_INIT;
	char key[STATE_KEY_LEN], work[192];

	create(w);
	assert_int_equal(replica_state_writable(&w->rs, &e), 0); /* the working copy must survive the look */
	state_replica_key("t", "a.vhd", key);
	snprintf(work, sizeof(work), "%s/state/replicas/%s/map.work", w->dir->path, key);
	assert_int_equal(access(work, F_OK), 0);
	survey(w);
	assert_int_equal(w->n, 1);
	assert_string_equal(w->seen.key, key);
	assert_true(w->seen.has_map && w->seen.committed_ns > 0);
	assert_string_equal(w->seen.header.name, "a.vhd");
	assert_int_equal(w->seen.header.cycle, 5);
	assert_int_equal(w->seen.pid, getpid());
	assert_int_equal(access(work, F_OK), 0);

	replica_state_close(&w->rs);
	survey(w);
	assert_int_equal(w->seen.pid, 0); /* the lock file still names it */
	open_replica(w);                  /* and nothing stands in the way of the next */
}

/* The lock file of the one still names this process, which holds the other's. */
static void a_lock_is_that_of_its_own_replica(void **state)
{
	struct world *w = *state;
	struct error e = ERROR_INIT;

	create(w);
	replica_state_close(&w->rs);
	assert_int_equal(replica_state_open(w->state, "t", "b.vhd", &w->rs, &e), 0);
	survey(w);
	assert_int_equal(w->n, 2);
	assert_int_equal(w->running, 1);
}

static void a_damaged_map_is_a_replica_of_which_little_is_known(void **state)
{
	struct world *w = *state;
	char key[STATE_KEY_LEN], name[96];

	create(w);
	replica_state_close(&w->rs);
	state_replica_key("t", "a.vhd", key);
	snprintf(name, sizeof(name), "state/replicas/%s/map", key);
	scratch_patch(w->dir, name, 200, "X", 1);
	survey(w);
	assert_int_equal(w->n, 1);
	assert_string_equal(w->seen.key, key);
	assert_false(w->seen.has_map);
	scratch_truncate(w->dir, name, 100);
	survey(w);
	assert_false(w->seen.has_map);
}

static void what_is_no_replica_is_passed_over(void **state)
{
	struct world *w = *state;
	char path[192];

	create(w);
	scratch_write(w->dir, "state/replicas/00112233445566778899aabbccddeeff", "x", 1);
	snprintf(path, sizeof(path), "%s/state/replicas/lost+found", w->dir->path);
	assert_int_equal(mkdir(path, 0700), 0);
	survey(w);
	assert_int_equal(w->n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_state_without_replicas_has_none, setup, teardown),
		cmocka_unit_test_setup_teardown(a_map_is_read_while_a_run_holds_it_and_the_run_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lock_is_that_of_its_own_replica, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_map_is_a_replica_of_which_little_is_known, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_replica_is_passed_over, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
