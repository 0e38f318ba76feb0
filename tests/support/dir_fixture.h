/* SPDX-License-Identifier: Apache-2.0 */
/* A directory target in a fresh folder below $LIFTFS_TEST_DIR (else /tmp), with one replica of 1 MiB and a footer's
 * sector; removed afterwards. */
#ifndef LIFTFS_TESTS_DIR_FIXTURE_H
#define LIFTFS_TESTS_DIR_FIXTURE_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "op_wait.h"
#include "target/ops.h"

#define DIR_NAME "web01/web01.vhd"
#define DIR_SIZE ((UINT64_C(1) << 20) + 512)

struct dir_fixture {
	char path[128];
	struct target *target;
	struct replica *r;
	char version[TARGET_VERSION_LEN];
	uint8_t ones[8192];
};

static const struct guid dir_id_a = { .b = { 1 } }, dir_id_b = { .b = { 2 } };

static inline int dir_fixture_remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline void dir_fixture_file(const struct dir_fixture *f, const char *below, char out[512])
{
	snprintf(out, 512, "%s/%s", f->path, below);
}

static inline struct target_look dir_fixture_look(struct replica *r)
{
	struct target_look out = { 0 };

	assert_int_equal(replica_look(r, &out, NULL), 0);
	return out;
}

static inline void dir_fixture_version(struct dir_fixture *f)
{
	CLEANUP(cleanup_target_look) struct target_look l = dir_fixture_look(f->r);

	memcpy(f->version, l.version, sizeof(f->version));
}

static inline struct target *dir_fixture_target(struct dir_fixture *f)
{
	const struct target_config config = { .host = "unit", .create = true };

	return target_open(f->path, &config, NULL);
}

static inline int dir_setup(void **state)
{
	struct dir_fixture *f = calloc(1, sizeof(*f));
	const char *below = getenv("LIFTFS_TEST_DIR");
	struct target_meta meta = { 0 };

	snprintf(f->path, sizeof(f->path), "%s/liftfs-unit.XXXXXX", below ? below : "/tmp");
	assert_non_null(mkdtemp(f->path));
	f->target = dir_fixture_target(f);
	assert_int_equal(target_prepare(f->target, false, NULL, NULL), 0);
	f->r = target_replica(f->target, DIR_NAME, NULL);
	memset(f->ones, 1, sizeof(f->ones));
	assert_int_equal(target_meta_set(&meta, "liftfsid", "42", NULL), 0);
	assert_int_equal(replica_create(f->r, DIR_SIZE, 7, &meta, NULL), 0);
	target_meta_fini(&meta);
	dir_fixture_version(f);
	*state = f;
	return 0;
}

static inline int dir_teardown(void **state)
{
	struct dir_fixture *f = *state;

	replica_close(f->r);
	target_close(f->target);
	nftw(f->path, dir_fixture_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

/* Lease and epoch, as a cycle has them before it writes. */
static inline void dir_fixture_claim(struct dir_fixture *f, uint64_t number)
{
	uint64_t live;

	assert_int_equal(replica_lease(f->r, TARGET_LEASE_ACQUIRE, &dir_id_a, NULL), 0);
	dir_fixture_version(f);
	assert_int_equal(replica_raise(f->r, number, f->version, &live, f->version, NULL), 0);
}

/* Another tool's write of one byte, at once. */
static inline void dir_fixture_foreign_write(const struct dir_fixture *f)
{
	char path[512];
	int fd;

	dir_fixture_file(f, DIR_NAME, path);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	close(fd);
}

#endif
