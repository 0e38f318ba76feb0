/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of real VMDK descriptors: how long, in which circles, and what of their files is opened once. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "disk/disk.h"
#include "support/scratch.h"

#define SECTOR 512

static struct disk *open_in(const struct scratch_dir *s, const char *name, struct error *err)
{
	CLEANUP(cleanup_backing_root) struct backing_root *root = backing_root_open(s->path, NULL);

	assert_non_null(root);
	return disk_open(root, name, NULL, err);
}

/* One link of a chain whose CIDs are all 1; parent NULL: the end. */
static void write_link(const struct scratch_dir *s, const char *name, const char *parent, const char *extent)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
			   "version=1\nCID=1\nparentCID=%s\nparentFileNameHint=\"%s\"\ncreateType=\"custom\"\n%s\n",
			   parent ? "1" : "ffffffff", parent ? parent : "", extent);

	scratch_write(s, name, text, (size_t)len);
}

static void write_chain(const struct scratch_dir *s, int n)
{
	char name[24], parent[24];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "c%d.vmdk", i);
		snprintf(parent, sizeof(parent), "c%d.vmdk", i + 1);
		write_link(s, name, i + 1 < n ? parent : NULL, "RW 8 ZERO");
	}
}

static void sixty_four_images_are_a_chain_and_one_more_is_none(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT;
	uint8_t got[SECTOR];

	write_chain(s, 65);
	d = open_in(s, "c1.vmdk", NULL);
	assert_non_null(d);
	assert_int_equal(disk_chain_len(d), 64);
	assert_int_equal(disk_read(d, got, sizeof(got), 0, NULL), 0);
	assert_null(open_in(s, "c0.vmdk", &e));
	assert_error(&e, ERR_CORRUPT, "c63.vmdk: parent: c64.vmdk: chain of more than 64 images");
}

/* Three descriptors of nearly as much text as one may have: each is fine, all together are too much. */
static void the_extents_of_a_chain_are_counted(void **state)
{
	static const char line[] = "\nRW 1 ZERO";
	const size_t n = 50000, len = sizeof(line) - 1;
	CLEANUP_FREE char *extents = malloc(n * len + 1);
	CLEANUP_FREE char *text = malloc(n * len + 256);
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT;
	char name[24];
	int used;

	assert_true(extents && text);
	for (size_t i = 0; i < n; i++)
		memcpy(extents + i * len, line, len);
	extents[n * len] = '\0';
	for (int i = 0; i < 3; i++) {
		used = snprintf(text, n * len + 256,
				"version=1\nCID=1\nparentCID=%s\nparentFileNameHint=\"x%d.vmdk\"\ncreateType=custom%s\n",
				i < 2 ? "1" : "ffffffff", i + 1, extents);
		snprintf(name, sizeof(name), "x%d.vmdk", i);
		scratch_write(s, name, text, (size_t)used);
	}
	d = open_in(s, "x1.vmdk", NULL);
	assert_non_null(d);
	assert_int_equal(disk_size(d), 50000 * SECTOR);
	assert_null(open_in(s, "x0.vmdk", &e));
	assert_error(&e, ERR_UNSUPPORTED,
		     "x1.vmdk: parent: x2.vmdk: 50000 extents, where the chain has 100000 before it (at most 131072 together)");
}

static void assert_circle(const struct scratch_dir *s, const char *name, const char *msg)
{
	struct error e = ERROR_INIT;

	assert_null(open_in(s, name, &e));
	assert_error(&e, ERR_CORRUPT, msg);
}

/* A file is who its inode says, by whatever name it comes. */
static void circles_are_found_by_inode(void **state)
{
	const struct scratch_dir *s = *state;

	write_link(s, "self.vmdk", "./self.vmdk", "RW 8 ZERO");
	assert_circle(s, "self.vmdk", "self.vmdk: parent: ./self.vmdk: is in its own chain of parents");
	write_link(s, "one.vmdk", "one-too.vmdk", "RW 8 ZERO");
	assert_int_equal(linkat(s->fd, "one.vmdk", s->fd, "one-too.vmdk", 0), 0);
	assert_circle(s, "one.vmdk", "one.vmdk: parent: one-too.vmdk: is in its own chain of parents");
	write_link(s, "a.vmdk", "b.vmdk", "RW 8 ZERO");
	write_link(s, "b.vmdk", "c.vmdk", "RW 8 ZERO");
	write_link(s, "c.vmdk", "a-too.vmdk", "RW 8 ZERO");
	assert_int_equal(linkat(s->fd, "a.vmdk", s->fd, "a-too.vmdk", 0), 0);
	assert_circle(s, "a.vmdk", "c.vmdk: parent: a-too.vmdk: is in its own chain of parents");
	assert_circle(s, "a-too.vmdk", "c.vmdk: parent: a-too.vmdk: is in its own chain of parents");
}

static void a_descriptor_is_not_its_own_extent_by_another_name(void **state)
{
	const struct scratch_dir *s = *state;

	write_link(s, "own.vmdk", NULL, "RW 1 FLAT \"own-too.bin\" 0");
	assert_int_equal(linkat(s->fd, "own.vmdk", s->fd, "own-too.bin", 0), 0);
	assert_circle(s, "own.vmdk", "own.vmdk: extent 'own-too.bin' is the descriptor itself");
}

static void a_file_of_many_names_is_open_once(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	uint8_t want[2 * SECTOR], got[6 * SECTOR];

	pattern_fill(want, sizeof(want), 0, 5);
	scratch_write(s, "f.bin", want, SECTOR);
	scratch_write(s, "g.bin", want + SECTOR, SECTOR);
	assert_int_equal(linkat(s->fd, "f.bin", s->fd, "f-too.bin", 0), 0);
	write_link(s, "base.vmdk", NULL, "RW 1 FLAT \"f.bin\" 0\nRW 1 FLAT \"g.bin\" 0");
	write_link(s, "names.vmdk", "base.vmdk",
		   "RW 1 FLAT \"f.bin\" 0\nRW 1 FLAT \"g.bin\" 0\nRW 1 FLAT \"./f.bin\" 0\nRW 1 FLAT \"g.bin\" 0\n"
		   "RW 1 FLAT \"f-too.bin\" 0\nRW 1 FLAT \".//g.bin\" 0");
	d = open_in(s, "names.vmdk", NULL);
	assert_non_null(d);
	assert_int_equal(disk_file_count(d), 4); /* two descriptors, two extents */
	assert_int_equal(disk_read(d, got, sizeof(got), 0, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_memory_equal(got + (size_t)i * 2 * SECTOR, want, 2 * SECTOR);
}

/* Whatever datastores the user gives: an extent's name is looked for beside its descriptor, at the top of the root too. */
static void an_extent_called_like_a_datastore_is_beside_its_descriptor(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_backing_root) struct backing_root *root = backing_root_open(s->path, NULL);
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct scratch_dir other = { 0 };
	struct error e = ERROR_INIT;
	uint8_t bytes[SECTOR] = { 1 };
	void *more = NULL;

	assert_int_equal(scratch_setup(&more), 0);
	other = *(struct scratch_dir *)more;
	assert_int_equal(backing_root_add_datastore(root, "ds2", other.path, NULL), 0);
	scratch_write(&other, "f.bin", bytes, sizeof(bytes));
	write_link(s, "d.vmdk", NULL, "RW 1 FLAT \"[ds2] f.bin\" 0");
	assert_null(disk_open(root, "d.vmdk", NULL, &e));
	assert_error(&e, ERR_CORRUPT, "d.vmdk: extent: ./[ds2] f.bin: no such file");
	scratch_write(s, "[ds2] f.bin", bytes, sizeof(bytes));
	d = disk_open(root, "d.vmdk", NULL, NULL);
	assert_non_null(d);
	assert_string_equal(disk_file(d, 1)->path, "./[ds2] f.bin");
	scratch_teardown(&more);
}

/* What a scan found is no link, and stays none; what the user names may be one. */
static void a_link_is_followed_only_for_its_user(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT;
	char path[96];

	write_link(s, "real.vmdk", NULL, "RW 8 ZERO");
	assert_int_equal(symlinkat("real.vmdk", s->fd, "link.vmdk"), 0);
	assert_null(open_in(s, "link.vmdk", &e));
	assert_error(&e, ERR_REFUSED, "link.vmdk: a symbolic link, which is not followed here");
	snprintf(path, sizeof(path), "%s/link.vmdk", s->path);
	d = disk_open_path(path, NULL, NULL);
	assert_non_null(d);
}

static void what_a_link_leads_to_is_opened_where_it_lies(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	CLEANUP(cleanup_disk) struct disk *child = NULL;
	struct error e = ERROR_INIT;
	char path[96];

	assert_int_equal(mkdirat(s->fd, "far", 0700), 0);
	write_link(s, "far/base.vmdk", NULL, "RW 8 ZERO");
	write_link(s, "far/child.vmdk", "base.vmdk", "RW 8 ZERO");
	assert_int_equal(symlinkat("far/child.vmdk", s->fd, "here.vmdk"), 0);
	snprintf(path, sizeof(path), "%s/here.vmdk", s->path);
	child = disk_open_path(path, NULL, &e);
	assert_string_equal(e.msg, "");
	assert_non_null(child);
	assert_int_equal(symlinkat("nowhere.vmdk", s->fd, "dangling.vmdk"), 0);
	snprintf(path, sizeof(path), "%s/dangling.vmdk", s->path);
	d = disk_open_path(path, NULL, &e);
	assert_null(d);
	assert_int_equal(e.code, ERR_SYSTEM);
	assert_non_null(strstr(e.msg, "dangling.vmdk: No such file or directory"));
}

static void too_many_open_files_say_what_to_do(void **state)
{
	const struct scratch_dir *s = *state;
	struct error e = ERROR_INIT;
	struct rlimit before, low;

	write_chain(s, 20);
	getrlimit(RLIMIT_NOFILE, &before);
	low = (struct rlimit){ .rlim_cur = (rlim_t)dup(0) + 10, .rlim_max = before.rlim_max };
	close((int)low.rlim_cur - 10);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_null(open_in(s, "c0.vmdk", &e));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(e.code, ERR_SYSTEM);
	assert_int_equal(e.detail, EMFILE);
	assert_non_null(strstr(e.msg, ".vmdk: Too many open files: raise the limit (ulimit -n)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sixty_four_images_are_a_chain_and_one_more_is_none),
		cmocka_unit_test(the_extents_of_a_chain_are_counted),
		cmocka_unit_test(circles_are_found_by_inode),
		cmocka_unit_test(a_descriptor_is_not_its_own_extent_by_another_name),
		cmocka_unit_test(a_file_of_many_names_is_open_once),
		cmocka_unit_test(an_extent_called_like_a_datastore_is_beside_its_descriptor),
		cmocka_unit_test(a_link_is_followed_only_for_its_user),
		cmocka_unit_test(what_a_link_leads_to_is_opened_where_it_lies),
		cmocka_unit_test(too_many_open_files_say_what_to_do),
	};

	return cmocka_run_group_tests_name("chain", tests, scratch_setup, scratch_teardown);
}
