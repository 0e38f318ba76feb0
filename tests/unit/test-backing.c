/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "disk/backing.h"
#include "support/scratch.h"

static struct backing_root *root_of(const struct scratch_dir *s, const char *sub)
{
	struct error e = ERROR_INIT;
	char path[128];
	struct backing_root *r;

	snprintf(path, sizeof(path), "%s%s", s->path, sub);
	r = backing_root_open(path, &e);
	assert_non_null(r);
	return r;
}

static void reads_exactly_and_names_the_file(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_backing_root) struct backing_root *r = root_of(s, "");
	struct error e = ERROR_INIT, e2 = ERROR_INIT;
	CLEANUP(cleanup_backing) struct backing *b = NULL;
	char buf[8];

	scratch_write(s, "a.raw", "abcdef", 6);
	b = backing_open(r, "a.raw", false, &e);
	assert_non_null(b);
	assert_int_equal(b->size, 6);
	assert_true(b->noatime); /* the file is ours */
	assert_string_equal(b->path, "a.raw");
	assert_int_equal(backing_read(b, buf, 4, 2, &e), 0);
	assert_memory_equal(buf, "cdef", 4);
	assert_int_equal(backing_read(b, buf, 4, 3, &e), -1);
	assert_error(&e, ERR_CORRUPT, "a.raw: read 4 bytes at 0x3: beyond end of file (6 bytes)");
	scratch_truncate(s, "a.raw", 3);
	assert_int_equal(backing_read(b, buf, 4, 2, &e2), -1);
	assert_error(&e2, ERR_CHANGED, "a.raw: shrank from 6 to 3 bytes");
}

static void a_root_lives_as_long_as_its_last_reference(void **state)
{
	const struct scratch_dir *s = *state;
	struct backing_root *r = root_of(s, "");
	struct backing_root *again = backing_root_get(r);
	CLEANUP(cleanup_backing) struct backing *b = NULL;

	scratch_write(s, "b.raw", "x", 1);
	backing_root_put(r);
	assert_string_equal(backing_root_path(again), s->path);
	b = backing_open(again, "b.raw", false, NULL);
	assert_non_null(b);
	backing_root_put(again);
	backing_root_put(NULL);
}

static void refuses_a_root_that_is_no_folder(void **state)
{
	const struct scratch_dir *s = *state;
	struct error e = ERROR_INIT;
	char path[128], msg[256];

	scratch_write(s, "file", "x", 1);
	snprintf(path, sizeof(path), "%s/file", s->path);
	snprintf(msg, sizeof(msg), "%s: Not a directory", path);
	assert_null(backing_root_open(path, &e));
	assert_error(&e, ERR_SYSTEM, msg);
}

static void names_do_not_lead_out(void **state)
{
	static const struct {
		const char *path;
		bool follow;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ "../outside.raw", true, ERR_REFUSED, "../outside.raw: leads out of " },
		{ "/etc/passwd", true, ERR_REFUSED, "/etc/passwd: leads out of " },
		{ "sub/../../outside.raw", true, ERR_REFUSED, "sub/../../outside.raw: leads out of " },
		{ "out.raw", true, ERR_REFUSED, "out.raw: leads out of " },
		{ "abs.raw", true, ERR_REFUSED, "abs.raw: leads out of " },
		{ "in.raw", false, ERR_REFUSED, "in.raw: a symbolic link, which is not followed here" },
		{ "loop.raw", true, ERR_SYSTEM, "loop.raw: Too many levels of symbolic links" },
		{ "missing.raw", true, ERR_SYSTEM, "missing.raw: No such file or directory" },
		{ "sub", true, ERR_UNSUPPORTED, "sub: a folder, not a regular file" },
		{ "fifo", true, ERR_UNSUPPORTED, "fifo: not a regular file" },
	};
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_backing_root) struct backing_root *r = NULL;
	CLEANUP(cleanup_backing) struct backing *b = NULL;

	assert_int_equal(mkdirat(s->fd, "d", 0700), 0);
	assert_int_equal(mkdirat(s->fd, "d/sub", 0700), 0);
	scratch_write(s, "outside.raw", "x", 1);
	scratch_write(s, "d/in-target.raw", "y", 1);
	assert_int_equal(mkfifoat(s->fd, "d/fifo", 0600), 0);
	assert_int_equal(symlinkat("../outside.raw", s->fd, "d/out.raw"), 0);
	assert_int_equal(symlinkat("/etc/passwd", s->fd, "d/abs.raw"), 0);
	assert_int_equal(symlinkat("in-target.raw", s->fd, "d/in.raw"), 0);
	assert_int_equal(symlinkat("loop.raw", s->fd, "d/loop.raw"), 0);
	r = root_of(s, "/d");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;

		assert_null(backing_open(r, rows[i].path, rows[i].follow, &e));
		e.msg[strlen(rows[i].msg)] = '\0'; /* the scratch folder's name follows */
		assert_error(&e, rows[i].code, rows[i].msg);
		if (strcmp(rows[i].path, "missing.raw") == 0)
			assert_int_equal(e.detail, ENOENT);
	}
	b = backing_open(r, "in.raw", true, NULL);
	assert_non_null(b);
	assert_int_equal(b->size, 1);
}

static void a_stamp_tells_writes_and_only_them(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_backing_root) struct backing_root *r = root_of(s, "");
	CLEANUP(cleanup_backing) struct backing *b = NULL;
	struct backing_stamp now;

	scratch_write(s, "c.raw", "0123", 4);
	b = backing_open(r, "c.raw", false, NULL);
	assert_non_null(b);
	assert_int_equal(backing_restat(b, &now, NULL), 0);
	assert_true(backing_stamp_equal(&b->stamp, &now));
	usleep(20000); /* beyond the kernel's clock tick, in which a second write has the same stamp */
	scratch_patch(s, "c.raw", 1, "x", 1);
	assert_int_equal(backing_restat(b, &now, NULL), 0);
	assert_false(backing_stamp_equal(&b->stamp, &now));
	assert_int_equal(b->stamp.inode, now.inode);
	assert_int_equal(b->stamp.size, now.size);
	assert_true(now.mtime_ns > b->stamp.mtime_ns);
}

static unsigned asked_anew, asked_of_caches;

/* Instead of libc's. */
int statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *out)
{
	if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_FORCE_SYNC)
		asked_anew++;
	else
		asked_of_caches++;
	return (int)syscall(SYS_statx, dirfd, path, flags, mask, out);
}

/* An NFS client answers for up to a minute out of what it knows, which is not what another host has written since. */
static void a_stamp_is_the_file_servers_and_no_caches(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_backing_root) struct backing_root *r = root_of(s, "");
	CLEANUP(cleanup_backing) struct backing *b = NULL;
	struct backing_stamp now;

	scratch_write(s, "nfs.raw", "0123", 4);
	asked_anew = asked_of_caches = 0;
	b = backing_open(r, "nfs.raw", false, NULL);
	assert_non_null(b);
	assert_int_equal(asked_anew, 1);
	assert_int_equal(backing_restat(b, &now, NULL), 0);
	assert_int_equal(asked_anew, 2);
	assert_int_equal(asked_of_caches, 0);
}

static void runs_alternate_between_data_and_holes(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_backing_root) struct backing_root *r = root_of(s, "");
	CLEANUP(cleanup_backing) struct backing *b = NULL;
	struct error e = ERROR_INIT, e2 = ERROR_INIT;
	uint64_t off = 0, end, data = 0, runs = 0;
	bool is_hole, was_hole = false;

	scratch_write(s, "h.raw", "x", 1);
	scratch_patch(s, "h.raw", 1 << 20, "y", 1);
	scratch_truncate(s, "h.raw", 4 << 20);
	b = backing_open(r, "h.raw", false, NULL);
	assert_non_null(b);
	for (; off < b->size; off = end, runs++) {
		assert_int_equal(backing_run(b, off, &is_hole, &end, &e), 0);
		assert_true(end > off && end <= b->size);
		assert_true(runs == 0 || is_hole != was_hole);
		assert_true(!is_hole || (off != 0 && off != 1 << 20));
		data += is_hole ? 0 : end - off;
		was_hole = is_hole;
	}
	assert_true(data >= 2 && data <= b->size);
	assert_int_equal(backing_run(b, b->size, &is_hole, &end, &e), -1);
	assert_error(&e, ERR_USAGE, "h.raw: no byte at 0x400000: the file has 4194304");
	scratch_truncate(s, "h.raw", 100);
	assert_int_equal(backing_run(b, 2 << 20, &is_hole, &end, &e2), -1);
	assert_error(&e2, ERR_CHANGED, "h.raw: shrank from 4194304 to 100 bytes");
}

static void a_window_shows_its_part_and_no_more(void **state)
{
	const struct scratch_dir *dir = *state;
	CLEANUP(cleanup_backing_root) struct backing_root *root = backing_root_open(dir->path, NULL);
	CLEANUP(cleanup_backing) struct backing *whole = NULL;
	CLEANUP(cleanup_backing) struct backing *w = NULL;
	CLEANUP(cleanup_backing) struct backing *inner = NULL;
	uint8_t data[4096], buf[100];
	struct error e = ERROR_INIT;
	uint64_t end;
	bool hole;

	pattern_fill(data, sizeof(data), 0, 7);
	scratch_write(dir, "archive", data, sizeof(data));
	scratch_patch(dir, "archive", 1 << 20, data, sizeof(data));
	whole = backing_open(root, "archive", false, NULL);
	w = backing_window(whole, "archive/member", 1024, (1 << 20), &e);
	assert_non_null(w);
	inner = backing_window(w, "archive/member/part", 512, 1000, &e);
	assert_non_null(inner);
	assert_true(backing_same(whole, whole));
	assert_false(backing_same(whole, w));
	assert_int_equal(backing_read(inner, buf, sizeof(buf), 900, &e), 0);
	assert_memory_equal(buf, data + 1024 + 512 + 900, sizeof(buf));
	assert_int_equal(backing_read(inner, buf, sizeof(buf), 901, &e), -1);
	assert_error(&e, ERR_CORRUPT, "archive/member/part: read 100 bytes at 0x385: beyond end of file (1000 bytes)");
	assert_int_equal(backing_run(w, 0, &hole, &end, NULL), 0);
	assert_false(hole);
	assert_true(end > 0 && end < (1 << 20));
	assert_int_equal(backing_run(w, end, &hole, &end, NULL), 0);
	assert_true(hole);
	assert_int_equal(end, (1 << 20) - 1024);
	assert_int_equal(backing_run(w, end, &hole, &end, NULL), 0);
	assert_false(hole);
	assert_int_equal(end, 1 << 20);
	assert_int_equal(backing_run(w, end, &hole, &end, NULL), -1);
}

static void siblings_and_names_that_stay(void **state)
{
	static const char *const stay[] = { "a", "a/b", "./a", "..a", "a..", "a/..b/c", ".", "a//b" };
	static const char *const leave[] = { "", "/a", "..", "../a", "a/..", "a/../b", "a/b/../c" };
	CLEANUP_FREE char *deep = backing_sibling("a/b.vmdk", "b-flat.vmdk", NULL);
	CLEANUP_FREE char *flat = backing_sibling("b.vmdk", "b-flat.vmdk", NULL);

	(void)state;
	assert_string_equal(deep, "a/b-flat.vmdk");
	assert_string_equal(flat, "b-flat.vmdk");
	for (size_t i = 0; i < ARRAY_LEN(stay); i++)
		assert_true(backing_name_stays(stay[i]));
	for (size_t i = 0; i < ARRAY_LEN(leave); i++)
		assert_false(backing_name_stays(leave[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_exactly_and_names_the_file),
		cmocka_unit_test(a_root_lives_as_long_as_its_last_reference),
		cmocka_unit_test(refuses_a_root_that_is_no_folder),
		cmocka_unit_test(names_do_not_lead_out),
		cmocka_unit_test(a_stamp_tells_writes_and_only_them),
		cmocka_unit_test(a_stamp_is_the_file_servers_and_no_caches),
		cmocka_unit_test(runs_alternate_between_data_and_holes),
		cmocka_unit_test(a_window_shows_its_part_and_no_more),
		cmocka_unit_test(siblings_and_names_that_stay),
	};

	return cmocka_run_group_tests_name("backing", tests, scratch_setup, scratch_teardown);
}
