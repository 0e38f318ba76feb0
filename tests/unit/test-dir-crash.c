/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory target whose process is killed, or whose machine loses its power, before every single call that changes
 * something: every recovery point still reads as it was made, what was acknowledged is there, and the next run makes
 * the point.
 */
#include "unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/op_wait.h"
#include "../support/power_loss.h"
#include "base/io.h"
#include "target/dir_private.h"

#define NAME "vm/c.vhd"
#define SMALL ((UINT64_C(192) << 10) + 512)
#define BIG ((UINT64_C(256) << 10) + 512)
#define OPS 5
#define KEPT 4
#define STEP 512

static const struct guid id = { .b = { 1 } };

struct content {
	uint64_t size;
	uint8_t b[BIG];
};

/* What is expected of one recovery point. */
struct expected {
	char name[24];
	struct content c;
};

struct world {
	const char *phase; /* of the test, for messages */
	char path[200], target[240], graveyard[240];
	bool undo;
	unsigned cycle;
	struct content now; /* of the source */
	struct expected *points[64];
	size_t n;
	_Atomic uint8_t *acked; /* a sector's last acknowledged byte is now.b's; shared with the child */
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static struct target *open_target(const struct world *w)
{
	const struct target_config config = { .host = "unit", .create = true };
	struct target *t = target_open(w->target, &config, NULL);
	struct dir_place *p = t->priv;
	struct error e = ERROR_INIT;

	if (target_prepare(t, false, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	if (w->undo) {
		p->clones = false;
		p->undo = true;
	}
	return t;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const char *below = getenv("LIFTFS_TEST_DIR");
	CLEANUP(cleanup_target_meta) struct target_meta meta = { 0 };

	if (!below) /* syncs cost nothing there */
		below = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(w->path, sizeof(w->path), "%s/liftfs-crash.XXXXXX", below);
	assert_non_null(mkdtemp(w->path));
	snprintf(w->target, sizeof(w->target), "%s/t", w->path);
	snprintf(w->graveyard, sizeof(w->graveyard), "%s/graveyard", w->path);
	assert_int_equal(mkdir(w->graveyard, 0700), 0);
	w->undo = true;
	w->acked = mmap(NULL, BIG / STEP, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	w->now.size = SMALL;
	assert_int_equal(target_meta_set(&meta, "liftfsid", "42", NULL), 0);
	*state = w;
	return 0;
}

static void create(struct world *w)
{
	CLEANUP(cleanup_target) struct target *t = open_target(w);
	CLEANUP(cleanup_replica) struct replica *r = target_replica(t, NAME, NULL);
	struct target_meta none = { 0 };

	assert_int_equal(replica_create(r, w->now.size, 7, &none, NULL), 0);
}

static int teardown(void **state)
{
	struct world *w = *state;

	nftw(w->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	for (size_t i = 0; i < w->n; i++)
		free(w->points[i]);
	munmap((void *)w->acked, BIG / STEP);
	free(w);
	return 0;
}

/* ---- what a cycle does, a function of its number ---- */

static uint64_t mix(uint64_t a)
{
	a = (a ^ (a >> 31)) * UINT64_C(0x9e3779b97f4a7c15);
	return a ^ (a >> 29);
}

struct change {
	uint64_t off, len;
	int byte; /* 0: zeroes */
};

static void next_change(const struct world *w, unsigned i, struct change *out)
{
	uint64_t r = mix(w->cycle * 100 + i + 1), sectors = w->now.size / STEP;

	out->off = r % sectors * STEP;
	out->len = (1 + (r >> 20) % 200) * STEP;
	if (out->len > w->now.size - out->off)
		out->len = w->now.size - out->off;
	out->byte = (r >> 40) % 4 == 0 ? 0 : 1 + (int)((r >> 44) % 255);
}

static uint64_t size_of_cycle(unsigned cycle)
{
	return cycle % 6 < 3 ? SMALL : BIG;
}

/* The source moves on. */
static void advance(struct world *w)
{
	struct change c;
	uint64_t size = size_of_cycle(++w->cycle);

	if (size < w->now.size)
		memset(w->now.b + size, 0, sizeof(w->now.b) - size);
	w->now.size = size;
	for (unsigned i = 0; i < OPS; i++) {
		next_change(w, i, &c);
		memset(w->now.b + c.off, c.byte, c.len);
	}
	for (size_t i = 0; i < BIG / STEP; i++)
		atomic_store(&w->acked[i], 0);
}

static int claim(struct replica *r, char version[TARGET_VERSION_LEN])
{
	CLEANUP(cleanup_target_look) struct target_look l = { 0 };
	uint64_t live;

	if (replica_look(r, &l, NULL) < 0)
		return -1;
	return replica_raise(r, l.number + 1, l.version, &live, version, NULL);
}

static int snapshot(const struct world *w, struct replica *r, const char *version)
{
	struct target_meta none = { 0 };
	char name[24], id_out[TARGET_POINT_LEN];
	struct error e = ERROR_INIT;

	snprintf(name, sizeof(name), "P%04u", w->cycle);
	if (replica_snapshot(r, version, name, &none, id_out, &e) == 0)
		return 0;
	return e.detail == TARGET_REFUSED_EXISTS ? 0 : -1;
}

static int send_op(struct world *w, struct replica *r, const struct change *c)
{
	/* The last of those that overlap is what counts: nothing but that is ever sent. */
	if (op_wait(r, c->byte ? w->now.b + c->off : NULL, c->len, c->off, NULL) < 0)
		return -1;
	for (uint64_t at = c->off; at < c->off + c->len; at += STEP)
		atomic_store(&w->acked[at / STEP], 1);
	return 0;
}

static bool is_last(const struct world *w, const struct change *c)
{
	for (uint64_t at = c->off; at < c->off + c->len; at++)
		if (w->now.b[at] != c->byte)
			return false;
	return true;
}

/* All of a cycle.  Sends what the source has, in pieces; those with a change over them in one. */
static int run_cycle(struct world *w)
{
	w->phase = "after the next cycle";
	CLEANUP(cleanup_target) struct target *t = open_target(w);
	CLEANUP(cleanup_replica) struct replica *r = t ? target_replica(t, NAME, NULL) : NULL;
	CLEANUP_FREE uint8_t *have = malloc(BIG);
	char version[TARGET_VERSION_LEN];
	struct change c;

	if (!r || replica_lease(r, TARGET_LEASE_ACQUIRE, &id, NULL) < 0 || claim(r, version) < 0 ||
	    replica_resize(r, w->now.size, version, version, NULL) < 0)
		return -1;
	for (unsigned i = 0; i < OPS; i++) {
		next_change(w, i, &c);
		if (is_last(w, &c) && send_op(w, r, &c) < 0)
			return -1;
	}
	/* What is left: found by reading, as after a crash that leaves no map. */
	if (replica_read(r, have, w->now.size, 0, NULL, NULL) < 0)
		return -1;
	for (uint64_t at = 0; at < w->now.size; at += STEP) {
		c = (struct change){ .off = at, .len = STEP, .byte = 1 };
		if (memcmp(have + at, w->now.b + at, STEP) == 0)
			continue;
		while (at + c.len < w->now.size && memcmp(have + at + c.len, w->now.b + at + c.len, STEP) != 0)
			c.len += STEP;
		if (send_op(w, r, &c) < 0)
			return -1;
		at += c.len - STEP;
	}
	replica_barrier(r);
	if (claim(r, version) < 0 || snapshot(w, r, version) < 0)
		return -1;
	return replica_lease(r, TARGET_LEASE_RELEASE, &id, NULL);
}

static int delete_point(struct world *w, const char *name)
{
	w->phase = "after the next deletion";
	CLEANUP(cleanup_target) struct target *t = open_target(w);
	CLEANUP(cleanup_replica) struct replica *r = t ? target_replica(t, NAME, NULL) : NULL;

	return r ? replica_delete_point(r, name, NULL) : -1;
}

/* ---- what is there ---- */

static void expect(struct world *w)
{
	struct expected *e = malloc(sizeof(*e));

	snprintf(e->name, sizeof(e->name), "P%04u", w->cycle);
	e->c = w->now;
	w->points[w->n++] = e;
}

static void forget(struct world *w, size_t i)
{
	free(w->points[i]);
	memmove(&w->points[i], &w->points[i + 1], (--w->n - i) * sizeof(w->points[0]));
}

static bool point_is(struct replica *r, const char *name, const struct content *c, unsigned n)
{
	CLEANUP(cleanup_replica) struct replica *at = NULL;
	CLEANUP(cleanup_target_look) struct target_look l = { 0 };
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP_FREE uint8_t *have = malloc(BIG);
	struct error e = ERROR_INIT;

	at = replica_at_point(r, name, &e);
	if (!at || replica_look(at, &l, &e) < 0 || l.size != c->size ||
	    replica_read(at, have, c->size, 0, l.version, &e) < 0 ||
	    replica_extents(at, c->size, 0, l.version, &list, &e) < 0) {
		print_message("stopped at call %u: %s: size %ju: %s\n", n, name, (uintmax_t)l.size, e.msg);
		return false;
	}
	for (size_t i = 0; i < list.n; i++)
		if (list.v[i].kind == EXTENT_ZERO && !io_is_zero(c->b + list.v[i].off, list.v[i].len))
			return false;
	for (uint64_t b = 0; b < c->size; b++)
		if (have[b] != c->b[b]) {
			print_message("stopped at call %u: %s: byte %ju is %d, was %d\n", n, name, (uintmax_t)b,
				      have[b], c->b[b]);
			return false;
		}
	return true;
}

static bool has(const struct target_points *points, const char *name)
{
	for (size_t i = 0; i < points->n; i++)
		if (strcmp(points->v[i].id, name) == 0)
			return true;
	return false;
}

/* `maybe`: a point that need not be there. */
static void check_points(const struct world *w, const char *maybe, unsigned n)
{
	CLEANUP(cleanup_target) struct target *t = open_target(w);
	CLEANUP(cleanup_replica) struct replica *r = target_replica(t, NAME, NULL);
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };

	assert_int_equal(replica_points(r, &points, NULL), 0);
	for (size_t i = 0; i < w->n; i++) {
		const struct expected *e = w->points[i];
		bool there = has(&points, e->name);

		if (!there && strcmp(e->name, maybe) != 0)
			fail_msg("stopped at call %u: %s: %s is gone", n, w->phase, e->name);
		if (there && !point_is(r, e->name, &e->c, n))
			fail_msg("stopped at call %u: %s: %s is not what it was", n, w->phase, e->name);
	}
}

static void check_acked(const struct world *w, unsigned n)
{
	CLEANUP(cleanup_target) struct target *t = open_target(w);
	CLEANUP(cleanup_replica) struct replica *r = target_replica(t, NAME, NULL);
	CLEANUP(cleanup_target_look) struct target_look l = { 0 };
	CLEANUP_FREE uint8_t *have = calloc(1, BIG);

	assert_int_equal(replica_lease(r, TARGET_LEASE_ACQUIRE, &id, NULL), 0); /* sees the work file */
	assert_int_equal(replica_look(r, &l, NULL), 0);
	assert_int_equal(replica_read(r, have, l.size, 0, NULL, NULL), 0);
	/* Undoing a rename here, unlike a journal that was not written, changes the ctime of what was replaced. */
	for (size_t i = 0; i < BIG / STEP && strncmp(l.version, "foreign", 7) != 0; i++)
		if (atomic_load(&w->acked[i]) && memcmp(have + i * STEP, w->now.b + i * STEP, STEP) != 0)
			fail_msg("stopped at call %u: sector %zu was acknowledged and is not there", n, i);
	assert_int_equal(replica_lease(r, TARGET_LEASE_RELEASE, &id, NULL), 0);
}

/* What others open: whole, and of this cycle or the one before. */
static void check_named(const struct world *w, const struct content *before, unsigned n)
{
	CLEANUP_FREE uint8_t *have = malloc(BIG);
	char path[300];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/" NAME, w->target);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = pread(fd, have, BIG, 0);
	close(fd);
	if (before && len == (ssize_t)before->size && memcmp(have, before->b, before->size) == 0)
		return;
	if (len != (ssize_t)w->now.size || memcmp(have, w->now.b, w->now.size) != 0)
		fail_msg("stopped at call %u: " NAME " is no committed state", n);
}

/* ---- stopped ---- */

static bool stopped(struct world *w, unsigned n, bool power, const char *deletes)
{
	int status;
	pid_t pid = fork();

	w->phase = "then";
	if (pid == 0) {
		power_loss_arm(n, power, n, w->graveyard);
		_exit((deletes ? delete_point(w, deletes) : run_cycle(w)) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != POWER_LOSS_STATUS))
		fail_msg("stopped at call %u: status %#x", n, status);
	return WEXITSTATUS(status) == POWER_LOSS_STATUS;
}

static void cycles_stopped_everywhere(struct world *w, bool power)
{
	struct content *before = malloc(sizeof(*before));
	bool again = true;
	unsigned n;

	create(w);
	for (n = 1; again; n++) {
		*before = w->now;
		advance(w);
		again = stopped(w, n, power, NULL);
		expect(w);
		check_points(w, again ? w->points[w->n - 1]->name : "", n);
		if (!w->undo && !power)
			check_named(w, before, n);
		if (w->n > 1)
			check_acked(w, n);
		assert_int_equal(run_cycle(w), 0);
		check_points(w, "", n);
		check_named(w, NULL, n);
		if (w->n > KEPT) {
			size_t i = n % (KEPT - 1);

			assert_int_equal(delete_point(w, w->points[i]->name), 0);
			forget(w, i);
			check_points(w, "", n);
		}
	}
	free(before);
	assert_true(n > 40); /* the calls are seen */
}

static void deletions_stopped_everywhere(struct world *w, bool power)
{
	static const size_t which[] = { 0, 1, KEPT - 1 }; /* the oldest, one in the middle, the newest */
	bool again = true;
	unsigned n;

	create(w);
	for (n = 1; again; n++) {
		again = false;
		for (size_t k = 0; k < ARRAY_LEN(which); k++) {
			size_t i = which[k];

			while (w->n < KEPT) {
				advance(w);
				assert_int_equal(run_cycle(w), 0);
				expect(w);
			}
			again |= stopped(w, n, power, w->points[i]->name);
			check_points(w, w->points[i]->name, n);
			assert_int_equal(delete_point(w, w->points[i]->name), 0);
			forget(w, i);
			check_points(w, "", n);
		}
	}
	assert_true(n > 15);
}

static void with_undo_a_kill_at_any_call_of_a_cycle_changes_no_point(void **state)
{
	cycles_stopped_everywhere(*state, false);
}

static void with_undo_a_power_loss_at_any_call_of_a_cycle_changes_no_point(void **state)
{
	cycles_stopped_everywhere(*state, true);
}

static void with_undo_a_kill_at_any_call_of_a_deletion_changes_no_other_point(void **state)
{
	deletions_stopped_everywhere(*state, false);
}

static void with_undo_a_power_loss_at_any_call_of_a_deletion_changes_no_other_point(void **state)
{
	deletions_stopped_everywhere(*state, true);
}

static bool has_clones(struct world *w)
{
	CLEANUP(cleanup_target) struct target *t = NULL;
	const struct dir_place *p;

	w->undo = false;
	t = open_target(w);
	p = t->priv;
	return p->clones;
}

static void need_clones(struct world *w)
{
	if (!has_clones(w))
		skip();
}

static void with_clones_a_kill_at_any_call_of_a_cycle_changes_no_point_and_publishes_no_half(void **state)
{
	need_clones(*state);
	cycles_stopped_everywhere(*state, false);
}

static void with_clones_a_power_loss_at_any_call_of_a_cycle_changes_no_point(void **state)
{
	need_clones(*state);
	cycles_stopped_everywhere(*state, true);
}

int main(int argc, char **argv)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(with_undo_a_kill_at_any_call_of_a_cycle_changes_no_point),
		TEST(with_undo_a_power_loss_at_any_call_of_a_cycle_changes_no_point),
		TEST(with_undo_a_kill_at_any_call_of_a_deletion_changes_no_other_point),
		TEST(with_undo_a_power_loss_at_any_call_of_a_deletion_changes_no_other_point),
		TEST(with_clones_a_kill_at_any_call_of_a_cycle_changes_no_point_and_publishes_no_half),
		TEST(with_clones_a_power_loss_at_any_call_of_a_cycle_changes_no_point),
	};

	if (argc > 1) /* some of them, on a file system where syncs cost */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("dir-crash", tests, NULL, NULL);
}
