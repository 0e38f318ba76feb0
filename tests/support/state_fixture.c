/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "support/state_fixture.h"

static const struct guid replica_id = { .b = { 7, 7 } };

void run_command(const char *command, const char *a, const char *b)
{
	char line[1200];

	snprintf(line, sizeof(line), "%s '%s' '%s'", command, a, b);
	assert_int_equal(system(line), 0);
}

void open_rs(struct fixture *f)
{
	OK(replica_state_open(f->state, "t", "a.vhd", &f->rs, &ok_err));
}

void reopen_rs(struct fixture *f)
{
	replica_state_close(&f->rs);
	open_rs(f);
}

void in_folder(const struct fixture *f, const char *name, char path[300])
{
	snprintf(path, 300, "%s/%s", f->folder, name);
}

void put_file(const struct fixture *f, const char *name, const void *buf, size_t len)
{
	char path[300];

	in_folder(f, name, path);
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, buf, len, 0), (ssize_t)len);
}

void create_rs(struct fixture *f)
{
	static struct blockmap_header h;

	h = (struct blockmap_header){ .liftfs_id = replica_id, .content_size = CONTENT, .virtual_size = CONTENT - 512,
				      .block_size = 64 << 10, .name = "a.vhd" };
	memset(h.secret, 3, sizeof(h.secret));
	assert_int_equal(f->rs.kind, STATE_NEW);
	OK(replica_state_create(&f->rs, &h, &ok_err));
}

int state_fixture_setup(void **state)
{
	static struct fixture f;
	struct error e = ERROR_INIT;
	char path[128];
	glob_t found;
	void *dir = NULL;

	if (scratch_setup(&dir) != 0)
		return -1;
	f = (struct fixture){ .dir = dir, .rs = REPLICA_STATE_INIT };
	snprintf(path, sizeof(path), "%s/state", f.dir->path);
	f.state = state_open(path, true, &e);
	assert_non_null(f.state);
	open_rs(&f);
	snprintf(path, sizeof(path), "%s/state/replicas/*", f.dir->path);
	assert_int_equal(glob(path, 0, NULL, &found), 0);
	snprintf(f.folder, sizeof(f.folder), "%s", found.gl_pathv[0]);
	globfree(&found);
	*state = &f;
	return 0;
}

int state_fixture_teardown(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;
	char path[128];

	replica_state_close(&f->rs);
	state_close(f->state);
	snprintf(path, sizeof(path), "%s/state", f->dir->path);
	run_command("rm -rf", path, "");
	return scratch_teardown(&dir);
}

struct block_hash hash_of(uint64_t n)
{
	return (struct block_hash){ .lo = 1000 + n, .hi = 5 };
}

char entry(const struct fixture *f, uint64_t blk, uint64_t *n)
{
	struct block_hash h;

	switch (blockmap_get(f->rs.map, blk, &h)) {
	case BLOCK_UNKNOWN:
		return 'u';
	case BLOCK_ZERO:
		return 'z';
	case BLOCK_HASHED:
		break;
	}
	*n = h.lo - 1000;
	return 'h';
}

struct clean_point clean_point(uint64_t cycle, uint64_t number, const char *version)
{
	struct clean_point p = { .cycle = cycle, .number = number, .token = { .b = { 9 } }, .moment = "20260101T000000.000Z",
				 .disks = 2 };

	snprintf(p.version, sizeof(p.version), "%s", version);
	p.evidence.v = calloc(1, sizeof(*p.evidence.v));
	p.evidence.n = 1;
	p.evidence.v[0] = (struct evidence_file){ .path = strdup("a.raw"),
						  .stamp = { .inode = 4, .size = 5, .mtime_ns = 6, .ctime_ns = 7 },
						  .stamps_writes = true,
						  .settled = true };
	return p;
}

void first_cycle(struct fixture *f)
{
	struct block_hash h = hash_of(1);
	struct clean_point p = clean_point(1, 200, "E1");

	create_rs(f);
	OK(replica_state_claim(&f->rs, 100, &ok_err));
	OK(replica_state_writable(&f->rs, &ok_err));
	blockmap_fill_zero(f->rs.map);
	OK(replica_state_checkpoint(&f->rs, 100, &ok_err));
	OK(replica_state_writable(&f->rs, &ok_err));
	OK(journal_intent(f->rs.journal, 1, 1, &ok_err));
	blockmap_set_unknown(f->rs.map, 1);
	OK(journal_ack(f->rs.journal, 1, &h, &ok_err));
	blockmap_set_hash(f->rs.map, 1, &h);
	OK(replica_state_claim(&f->rs, 200, &ok_err));
	OK(replica_state_clean(&f->rs, &p, &ok_err));
}
