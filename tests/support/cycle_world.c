/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/cycle_world.h"

static _Atomic uint64_t clock_shift_ns;

static uint64_t shifted(int which)
{
	static const clockid_t ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };
	struct timespec t;

	clock_gettime(ids[which], &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec + (which == 1 ? 0 : clock_shift_ns);
}

const char *const world_names[DISKS_MAX] = { "vm/a.vhd", "vm/b.vhd", "vm/c.vhd" };
const char *const world_files[DISKS_MAX] = { "a.raw", "b.raw", "c.raw" };

int world_setup(void **state)
{
	static struct world w;
	struct engine_config config = { .scan_threads = 2, .slots = 6 };
	struct error e = ERROR_INIT;
	void *dir = NULL;

	clock_shift_ns = 0;
	clock_set_for_test(shifted);
	if (scratch_setup(&dir) != 0)
		return -1;
	w.dir = dir;
	w.service = mem_service_new("test");
	w.engine = engine_new(&config, &e);
	w.root = backing_root_open(w.dir->path, &e);
	*state = &w;
	return w.engine && w.root ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void world_forget_states(struct world *w)
{
	DIR *dir = opendir(w->dir->path);
	struct dirent *e;
	char path[400];

	assert_non_null(dir);
	for (e = readdir(dir); e; e = readdir(dir)) {
		snprintf(path, sizeof(path), "%s/%s/format", w->dir->path, e->d_name);
		if (e->d_name[0] == '.' || access(path, F_OK) < 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", w->dir->path, e->d_name);
		nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	}
	closedir(dir);
}

void world_begin_again(struct world *w, size_t n)
{
	mem_service_advance(w->service, 120);
	for (size_t i = 0; i < n; i++)
		if (mem_exists(w->service, world_names[i]))
			assert_true(mem_foreign_delete(w->service, world_names[i]));
	world_forget_states(w);
}

int world_teardown(void **state)
{
	struct world *w = *state;
	void *dir = w->dir;

	backing_root_put(w->root);
	engine_free(w->engine);
	mem_service_free(w->service);
	world_forget_states(w);
	clock_set_for_test(NULL);
	return scratch_teardown(&dir);
}

void host_start(struct world *w, struct host *h, const char *state)
{
	struct target_config config = { .create = true, .host = "host1" };

	host_start_before(w, h, state, mem_target_open(w->service, &config, NULL));
}

void host_start_before(struct world *w, struct host *h, const char *state, struct target *inner)
{
	struct error e = ERROR_INIT;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", w->dir->path, state);
	h->fault = fault_new();
	h->target = fault_target_open(h->fault, inner, &e);
	h->state = state_open(path, true, &e);
	if (!h->target || !h->state)
		fail_msg("%s", e.msg);
	h->opt = (struct cycle_options){ .target = h->target, .state = h->state, .engine = w->engine, .host = "host1" };
}

void host_stop(struct host *h)
{
	state_close(h->state);
	target_close(h->target);
	fault_free(h->fault);
}

void host_start_disks(struct world *w, struct host *h, size_t n)
{
	for (size_t i = 0; i < n; i++)
		world_write_disk(w, i, i + 1);
	host_start(w, h, "state");
}

void host_start_replicated(struct world *w, struct host *h, size_t n, struct outcome *o)
{
	host_start_disks(w, h, n);
	cycle_ok(w, h, n, o);
}

void host_fault(struct host *h, unsigned kinds, uint64_t nth, enum fault_action action)
{
	fault_add(h->fault, &(struct fault_rule){ .kinds = kinds, .nth = nth, .action = action });
}

void host_call(struct host *h, unsigned kinds, uint64_t nth, void (*call)(void *ctx), void *ctx)
{
	fault_add(h->fault,
		  &(struct fault_rule){ .kinds = kinds, .nth = nth, .action = FAULT_CALL, .call = call, .ctx = ctx });
}

void world_damage(struct world *w, const char *state, const char *file, off_t off)
{
	char pattern[400];
	uint8_t byte;
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/%s/replicas/*/%s", w->dir->path, state, file);
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	assert_int_equal(g.gl_pathc, 1);
	CLEANUP_FD int fd = open(g.gl_pathv[0], O_RDWR | O_CLOEXEC);

	globfree(&g);
	assert_int_equal(pread(fd, &byte, 1, off), 1);
	byte = (uint8_t)~byte;
	assert_int_equal(pwrite(fd, &byte, 1, off), 1);
}

void world_write_disk(struct world *w, size_t i, uint64_t seed)
{
	CLEANUP_FREE uint8_t *buf = calloc(1, SIZE);

	assert_non_null(buf);
	pattern_fill(buf, MIB, 0, seed);
	pattern_fill(buf + 3 * MIB, MIB / 2, 3 * MIB, seed);
	scratch_write(w->dir, world_files[i], buf, SIZE);
}

void world_patch(struct world *w, size_t i, uint64_t off, size_t len, uint64_t seed)
{
	CLEANUP_FREE uint8_t *buf = malloc(len);

	assert_non_null(buf);
	pattern_fill(buf, len, off, seed);
	scratch_patch(w->dir, world_files[i], off, buf, len);
}

void cycle(struct world *w, struct host *h, size_t n, struct outcome *o)
{
	memset(o, 0, sizeof(*o));
	o->vm = (struct cycle_vm){ .name = "vm", .disks = o->disks, .n = n };
	for (size_t i = 0; i < n; i++) {
		o->disks[i].name = world_names[i];
		o->disks[i].source_path = world_files[i];
		o->disks[i].source_id = i == 0 ? "id-a" : "";
		o->disks[i].root = w->root;
	}
	clock_shift_ns += 3 * EVIDENCE_SETTLE_NS;
	mem_records_clear(w->service);
	o->rc = cycle_run(&o->vm, &h->opt, &o->err);
}

void cycle_image(struct world *w, struct host *h, const char *image, struct outcome *o)
{
	memset(o, 0, sizeof(*o));
	o->vm = (struct cycle_vm){ .name = "vm", .disks = o->disks, .n = 1 };
	o->disks[0].name = world_names[0];
	o->disks[0].source_path = image;
	o->disks[0].source_id = "";
	o->disks[0].root = w->root;
	mem_records_clear(w->service);
	o->rc = cycle_run(&o->vm, &h->opt, &o->err);
}

void world_pass_time(uint64_t ns)
{
	clock_shift_ns += ns;
}

void cycle_ok(struct world *w, struct host *h, size_t n, struct outcome *o)
{
	cycle(w, h, n, o);
	if (o->rc < 0)
		fail_msg("%s", o->err.msg);
}

void one_cycle(struct world *w, const char *state, size_t n)
{
	struct outcome o;
	struct host h;

	host_start(w, &h, state);
	cycle_ok(w, &h, n, &o);
	host_stop(&h);
}

void one_death(struct world *w, const char *state, unsigned kinds, uint64_t nth, size_t n)
{
	struct outcome o;
	struct host h;

	host_start(w, &h, state);
	host_fault(&h, kinds, nth, FAULT_DIE);
	cycle(w, &h, n, &o);
	assert_int_equal(o.rc, -1);
	host_stop(&h);
}

bool world_equals_len(struct world *w, size_t i, int point, size_t len)
{
	CLEANUP_FREE uint8_t *have = malloc(len), *want = malloc(len);
	CLEANUP_FD int fd = openat(w->dir->fd, world_files[i], O_RDONLY | O_CLOEXEC);

	assert_true(have && want && fd >= 0);
	assert_int_equal(pread(fd, want, len, 0), len);
	mem_peek(w->service, world_names[i], point, have, len, 0);
	return memcmp(have, want, len) == 0;
}

bool world_equals(struct world *w, size_t i, int point)
{
	return world_equals_len(w, i, point, SIZE);
}

void world_token(struct host *h, size_t i, size_t point, char out[64])
{
	CLEANUP(cleanup_replica) struct replica *r = target_replica(h->target, world_names[i], NULL);
	struct target_points p = { 0 };

	assert_int_equal(replica_points(r, &p, NULL), 0);
	assert_true(point < p.n);
	snprintf(out, 64, "%s", target_meta_get(&p.v[point].meta, "token"));
	target_points_fini(&p);
}

size_t world_writes(struct world *w)
{
	return mem_records_count(w->service, MEM_WRITE | MEM_CLEAR);
}
