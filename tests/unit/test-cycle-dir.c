/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cycles to a real directory below $LIFTFS_TEST_DIR (else /tmp).  The program starts itself as the host that is killed:
 * --child SOURCE TARGET STATE NTH.
 */
#include "unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/parse.h"
#include "support/cycle_world.h"
#include "support/power_loss.h"

static char targets[128]; /* the folder of all of this run's targets */
static const char *program;

static struct target *dir_target(const char *path, struct fault *fault)
{
	struct target_config config = { .create = true, .host = "host1" };
	struct target *t = target_open(path, &config, NULL);

	if (t && target_prepare(t, false, NULL, NULL) < 0) {
		target_close(t);
		return NULL;
	}
	return t && fault ? fault_target_open(fault, t, NULL) : t;
}

static void start(struct world *w, struct host *h, const char *state, const char *target)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", targets, target);
	host_start_before(w, h, state, dir_target(path, NULL));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static int setup(void **state)
{
	const char *below = getenv("LIFTFS_TEST_DIR");

	snprintf(targets, sizeof(targets), "%s/liftfs-cycle.XXXXXX", below ? below : "/tmp");
	return mkdtemp(targets) ? world_setup(state) : -1;
}

static int teardown(void **state)
{
	nftw(targets, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return world_teardown(state);
}

static void read_file(const char *path, uint8_t *buf, size_t len)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, buf, len, 0) != (ssize_t)len)
		fail_msg("%s: %zu bytes cannot be read", path, len);
}

/* Is the file, below the folder of targets, the source? */
static bool same(struct world *w, const char *file)
{
	CLEANUP_FREE uint8_t *have = malloc(SIZE), *want = malloc(SIZE);
	char path[400];

	assert_true(have && want);
	snprintf(path, sizeof(path), "%s/%s", targets, file);
	read_file(path, have, SIZE);
	snprintf(path, sizeof(path), "%s/%s", w->dir->path, world_files[0]);
	read_file(path, want, SIZE);
	return memcmp(have, want, SIZE) == 0;
}

/* Is the recovery point of vm/a.vhd the source as it was when this was patched as told? */
static bool point_same(struct host *h, const char *point, const uint8_t *want)
{
	CLEANUP(cleanup_replica) struct replica *r = target_replica(h->target, world_names[0], NULL);
	CLEANUP(cleanup_replica) struct replica *at = replica_at_point(r, point, NULL);
	CLEANUP_FREE uint8_t *have = malloc(SIZE);

	assert_non_null(at);
	assert_int_equal(replica_read(at, have, SIZE, 0, NULL, NULL), 0);
	return memcmp(have, want, SIZE) == 0;
}

static uint8_t *source(struct world *w)
{
	uint8_t *buf = malloc(SIZE);
	char path[400];

	snprintf(path, sizeof(path), "%s/%s", w->dir->path, world_files[0]);
	read_file(path, buf, SIZE);
	return buf;
}

static void foreign_write(const char *file, uint64_t off)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/%s", targets, file);
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "foreign", 7, (off_t)off), 7);
}

static void first_everything_then_the_change_then_nothing(void **state)
{
	struct world *w = *state;
	CLEANUP_FREE uint8_t *one = NULL, *two = NULL;
	char first[CLOCK_TEXT_LEN];
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	start(w, &h, "state", "t");
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].kind, CYCLE_INITIAL);
	assert_true(same(w, "t/vm/a.vhd"));
	memcpy(first, o.vm.point, sizeof(first));
	one = source(w);
	assert_true(point_same(&h, first, one));

	world_patch(w, 0, 3 * MIB + 100, 10, 2);
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].kind, CYCLE_DELTA);
	assert_int_equal(atomic_load(&o.disks[0].progress.bytes_sent), 64 << 10);
	assert_true(same(w, "t/vm/a.vhd"));
	two = source(w);
	assert_true(point_same(&h, o.vm.point, two) && point_same(&h, first, one) && !point_same(&h, first, two));
	host_stop(&h);

	start(w, &h, "state", "t");
	cycle_ok(w, &h, 1, &o); /* hashed under stamps that were not settled: read once more */
	assert_int_equal(o.disks[0].result, CYCLE_OK);
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_SKIPPED);
	host_stop(&h);
}

/* The cycle that the replica's map was committed in. */
static uint64_t committed(const struct host *h)
{
	static struct blockmap_header header;

	assert_int_equal(replica_state_peek(h->opt.state, target_name(h->opt.target), "vm/a.vhd", &header, NULL), 0);
	return header.cycle;
}

static void a_cycle_that_finds_nothing_writes_no_map_and_is_the_last_one_all_the_same(void **state)
{
	struct world *w = *state;
	struct replica_state rs = REPLICA_STATE_INIT;
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	start(w, &h, "state", "t");
	cycle_ok(w, &h, 1, &o);
	h.opt.full = true;
	assert_int_equal(committed(&h), 1);
	for (uint64_t n = 2; n < 5; n++) {
		cycle_ok(w, &h, 1, &o);
		assert_int_equal(o.disks[0].result, CYCLE_OK);
		assert_int_equal(o.disks[0].cycle, n);
		assert_int_equal(committed(&h), 1);
		assert_int_equal(replica_state_open(h.opt.state, target_name(h.opt.target), "vm/a.vhd", &rs, NULL), 0);
		assert_int_equal(rs.last.cycle, n);
		assert_true(rs.kind == STATE_CLEAN && rs.last.pointed && rs.last.kept && !rs.last.fuzzy && rs.last.evidence.n == 1);
		replica_state_close(&rs);
	}
	world_patch(w, 0, 3 * MIB + 100, 10, 2);
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(committed(&h), 5);
	assert_true(same(w, "t/vm/a.vhd"));
	host_stop(&h);
}

static void a_foreign_write_between_cycles_is_noticed_until_adopt(void **state)
{
	struct world *w = *state;
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	start(w, &h, "state", "t");
	cycle_ok(w, &h, 1, &o);
	foreign_write("t/vm/a.vhd", 2 * MIB);
	for (int i = 0; i < 2; i++) {
		cycle(w, &h, 1, &o);
		assert_int_equal(o.err.code, ERR_CONFLICT);
		assert_non_null(strstr(o.err.msg, "changed by something other than liftfs"));
	}
	h.opt.adopt = true;
	cycle_ok(w, &h, 1, &o);
	assert_true(same(w, "t/vm/a.vhd"));
	host_stop(&h);
}

static void write_now(void *unused)
{
	(void)unused;
	usleep(20000); /* two ticks of the file system's clock */
	foreign_write("t/vm/a.vhd", 2 * MIB);
}

/* Nothing holds other tools off while a cycle runs: what they do before its end must not be committed. */
static void a_foreign_write_during_the_cycle_is_never_committed(void **state)
{
	static const struct fault_rule moments[] = {
		{ .kinds = MEM_LOOK, .nth = 3, .action = FAULT_CALL, .call = write_now },  /* after the last write, before the fence looks */
		{ .kinds = MEM_RAISE, .nth = 1, .action = FAULT_CALL, .call = write_now }, /* after the decision, before the claim */
		{ .kinds = MEM_RAISE, .nth = 2, .action = FAULT_CALL, .call = write_now }, /* while fencing */
	};
	struct world *w = *state;
	struct outcome o;
	struct host h;

	world_write_disk(w, 0, 1);
	start(w, &h, "state", "t");
	cycle_ok(w, &h, 1, &o);
	for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
		world_patch(w, 0, 0, 100, 10 + i);
		fault_add(h.fault, &moments[i]);
		cycle(w, &h, 1, &o);
		fault_clear(h.fault);
		if (o.rc == 0)
			fail_msg("moment %zu: committed", i);
		assert_int_equal(o.err.code, ERR_CONFLICT);
		cycle(w, &h, 1, &o);
		assert_int_equal(o.err.code, ERR_CONFLICT);
		h.opt.adopt = true;
		cycle_ok(w, &h, 1, &o);
		h.opt.adopt = false;
		assert_true(same(w, "t/vm/a.vhd"));
	}
	host_stop(&h);
}

static void change_source(void *world)
{
	world_patch(world, 0, MIB, 4096, 77);
}

/* A cycle whose source moves between F0 and F1. */
static void fuzzy_cycle(struct world *w, struct host *h, struct outcome *o)
{
	const struct fault_rule claim = { .kinds = MEM_RAISE, .nth = 1, .action = FAULT_CALL, .call = change_source, .ctx = w };

	world_patch(w, 0, 3 * MIB, 4096, 76);
	fault_add(h->fault, &claim);
	cycle(w, h, 1, o);
	fault_clear(h->fault);
	assert_int_equal(o->disks[0].result, CYCLE_FUZZY);
}

static int remove_work(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)at;
	return type == FTW_F && strstr(path, "/.liftfs/work/") ? remove(path) : 0;
}

/* What was committed last stays readable; written by clones, it stays the file, and what has arrived is in another. */
static void a_fuzzy_cycle_is_gone_on_from_and_without_its_work_file_nothing_is_believed(void **state)
{
	struct world *w = *state;
	CLEANUP_FREE uint8_t *one = NULL, *now = malloc(SIZE);
	char first[CLOCK_TEXT_LEN], file[200];
	struct outcome o;
	struct host h;
	bool clones;

	world_write_disk(w, 0, 1);
	start(w, &h, "state", "t");
	cycle_ok(w, &h, 1, &o);
	memcpy(first, o.vm.point, sizeof(first));
	one = source(w);
	fuzzy_cycle(w, &h, &o);
	assert_true(point_same(&h, first, one));
	snprintf(file, sizeof(file), "%s/t/vm/a.vhd", targets);
	read_file(file, now, SIZE);
	clones = memcmp(now, one, SIZE) == 0;
	cycle_ok(w, &h, 1, &o);
	assert_int_equal(o.disks[0].result, CYCLE_OK);
	assert_string_equal(o.disks[0].warning, "");
	assert_true(same(w, "t/vm/a.vhd") && point_same(&h, first, one));

	if (clones) {
		fuzzy_cycle(w, &h, &o);
		assert_int_equal(nftw(targets, remove_work, 8, FTW_DEPTH | FTW_PHYS), 0);
		cycle(w, &h, 1, &o);
		assert_int_equal(o.err.code, ERR_CONFLICT);
		assert_non_null(strstr(o.err.msg, "changed by something other than liftfs"));
		h.opt.adopt = true;
		cycle_ok(w, &h, 1, &o);
		assert_true(same(w, "t/vm/a.vhd"));
	}
	host_stop(&h);
}

/* ---- killed ---- */

static void *kill_self(void *fault)
{
	while (fault_fired(fault) == 0)
		usleep(500);
	kill(getpid(), SIGKILL);
	return NULL;
}

static int child(char **argv)
{
	struct engine_config config = { .scan_threads = 2, .slots = 6 };
	struct cycle_disk disk = { .name = world_names[0], .source_path = world_files[0], .source_id = "id-a" };
	struct cycle_vm vm = { .name = "vm", .disks = &disk, .n = 1 };
	struct fault *fault = fault_new();
	struct cycle_options opt = { .target = dir_target(argv[3], fault), .state = state_open(argv[4], true, NULL),
				     .engine = engine_new(&config, NULL), .host = "host1" };
	struct fault_rule rule = { .kinds = MEM_ALL, .action = FAULT_DELAY, .ms = 60000 };
	struct error e = ERROR_INIT;
	pthread_t killer;

	disk.root = backing_root_open(argv[2], NULL);
	if (!opt.target || !opt.state || !opt.engine || !disk.root || parse_u64(argv[5], 1000, &rule.nth, NULL) < 0)
		return 2;
	if (strcmp(argv[1], "--call") == 0) {
		power_loss_arm((unsigned)rule.nth, false, 0, "/");
		_exit(cycle_run(&vm, &opt, &e) == 0 ? 0 : 1);
	}
	fault_add(fault, &rule);
	if (pthread_create(&killer, NULL, kill_self, fault) != 0)
		return 2;
	if (cycle_run(&vm, &opt, &e) == 0)
		_exit(0);
	fprintf(stderr, "%s\n", e.msg);
	_exit(1);
}

/* True if it was killed in the middle. */
static bool run_child(struct world *w, const char *how, const char *target, const char *state, unsigned nth)
{
	char target_path[200], state_path[200], number[16];
	char *argv[] = { (char *)program, (char *)how, w->dir->path, target_path, state_path, number, NULL };
	extern char **environ;
	int status;
	pid_t pid;

	snprintf(target_path, sizeof(target_path), "%s/%s", targets, target);
	snprintf(state_path, sizeof(state_path), "%s/%s", w->dir->path, state);
	snprintf(number, sizeof(number), "%u", nth);
	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if ((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
	    (WIFEXITED(status) && WEXITSTATUS(status) == POWER_LOSS_STATUS))
		return true;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("child %u: status %#x", nth, status);
	return false;
}

static void a_host_that_is_killed_at_any_request_is_gone_on_from(void **state)
{
	struct world *w = *state;
	unsigned killed = 0;
	struct outcome o;
	struct host h;

	for (int delta = 0; delta < 2; delta++) {
		bool again = true;

		for (unsigned n = 1; again; n++) {
			char target[24], name[24], file[64];

			snprintf(target, sizeof(target), "t%d-%u", delta, n);
			snprintf(name, sizeof(name), "state%d-%u", delta, n);
			snprintf(file, sizeof(file), "%s/vm/a.vhd", target);
			world_write_disk(w, 0, n);
			start(w, &h, name, target);
			if (delta) {
				cycle_ok(w, &h, 1, &o);
				world_patch(w, 0, MIB / 2, 4096, n);
				world_patch(w, 0, 2 * MIB, 4096, n);
			}
			host_stop(&h);
			again = run_child(w, "--child", target, name, n);
			killed += again;
			world_patch(w, 0, 2 * MIB, 4096, n + 1); /* the source goes on */
			start(w, &h, name, target);
			cycle(w, &h, 1, &o);
			if (o.rc < 0)
				fail_msg("killed at %d/%u: %s", delta, n, o.err.msg);
			assert_true(same(w, file));
			if (delta)
				assert_true(atomic_load(&o.disks[0].progress.bytes_sent) <= 2 * 64 << 10);
			host_stop(&h);
			assert_true(n < 100);
		}
	}
	assert_true(killed > 15);
}

/*
 * Before a call that changes something, of target and state alike: nothing of what was sent before is sent again
 * without need, and nothing that liftfs did itself is taken for a foreign change.  Every CALL_STEP-th call, a cycle
 * after another.
 */
#define CALL_STEP 11
static void a_host_that_is_killed_at_any_call_is_gone_on_from_without_an_alarm(void **state)
{
	struct world *w = *state;
	bool again = true;
	struct outcome o;
	struct host h;
	unsigned n;

	world_write_disk(w, 0, 1);
	start(w, &h, "state", "t");
	cycle_ok(w, &h, 1, &o);
	host_stop(&h);

	for (n = 1; again; n += CALL_STEP) {
		world_patch(w, 0, MIB / 2, 4096, n);
		world_patch(w, 0, 2 * MIB, 4096, n);
		again = run_child(w, "--call", "t", "state", n);
		start(w, &h, "state", "t");
		cycle(w, &h, 1, &o);
		if (o.rc < 0)
			fail_msg("killed at call %u: %s", n, o.err.msg);
		if (o.disks[0].warning[0] || atomic_load(&o.disks[0].progress.bytes_sent) > 2 * 64 << 10)
			fail_msg("killed at call %u: %s; sent %ju", n, o.disks[0].warning,
				 (uintmax_t)atomic_load(&o.disks[0].progress.bytes_sent));
		assert_true(same(w, "t/vm/a.vhd"));
		host_stop(&h);
		assert_true(n < 2000);
	}
	assert_true(n > 80); /* the calls are seen */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(first_everything_then_the_change_then_nothing),
		TEST(a_cycle_that_finds_nothing_writes_no_map_and_is_the_last_one_all_the_same),
		TEST(a_foreign_write_between_cycles_is_noticed_until_adopt),
		TEST(a_foreign_write_during_the_cycle_is_never_committed),
		TEST(a_fuzzy_cycle_is_gone_on_from_and_without_its_work_file_nothing_is_believed),
		TEST(a_host_that_is_killed_at_any_request_is_gone_on_from),
		TEST(a_host_that_is_killed_at_any_call_is_gone_on_from_without_an_alarm),
	};

	program = argv[0];
	if (argc == 6)
		return child(argv);
	return cmocka_run_group_tests_name("cycle-dir", tests, NULL, NULL);
}
