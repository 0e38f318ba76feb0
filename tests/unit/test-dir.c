/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <limits.h>

#include "../support/dir_fixture.h"

static void the_name_is_the_same_however_it_is_written(void **state)
{
	struct dir_fixture *f = *state;
	static const char *const forms[] = { "%s", "%s/", "dir:%s", "%s//.", "%s/.liftfs/.." };
	char text[256], want[256];

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		CLEANUP(cleanup_target) struct target *t = NULL;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), forms[i], f->path);
#pragma GCC diagnostic pop
		t = target_open(text, NULL, NULL);
		assert_non_null(t);
		assert_string_equal(target_name(t), f->path);
	}
	snprintf(text, sizeof(text), "%s/new/er/", f->path);
	snprintf(want, sizeof(want), "%s/new/er", f->path);
	CLEANUP(cleanup_target) struct target *t = target_open(text, NULL, NULL);

	assert_string_equal(target_name(t), want);
	snprintf(text, sizeof(text), "%s/new/../er", f->path);
	assert_null(target_open(text, NULL, &(struct error){ 0 }));
}

static void names_that_a_directory_cannot_hold_are_refused(void **state)
{
	struct dir_fixture *f = *state;
	struct error e = ERROR_INIT, e2 = ERROR_INIT, e3 = ERROR_INIT;
	char name[600];

	assert_int_equal(target_check_name(f->target, ".LiftFS/x.vhd", &e), -1);
	assert_error(&e, ERR_USAGE, "replica name '.LiftFS/x.vhd': '.liftfs' is liftfs's own folder");
	assert_int_equal(target_check_name(f->target, "a/.liftfs/x.vhd", NULL), 0);
	memset(name, 'a', sizeof(name));
	snprintf(name + 246, 5, ".vhd");
	assert_int_equal(target_check_name(f->target, name, NULL), 0);
	memset(name, 'a', 250);
	snprintf(name + 247, 5, ".vhd");
	assert_int_equal(target_check_name(f->target, name, &e2), -1);
	assert_non_null(strstr(e2.msg, "...': 251 bytes, more than 250"));
	memset(name, 'a', 260);
	snprintf(name + 256, 8, "/b.vhd");
	assert_int_equal(target_check_name(f->target, name, &e3), -1);
	assert_non_null(strstr(e3.msg, "a folder of 256 bytes, more than 255"));
}

static void a_name_of_the_greatest_length_works(void **state)
{
	struct dir_fixture *f = *state;
	char name[NAME_MAX + 1];
	struct target_meta none = { 0 };
	CLEANUP(cleanup_replica) struct replica *r = NULL;

	memset(name, 'a', sizeof(name));
	snprintf(name + 246, 5, ".vhd");
	r = target_replica(f->target, name, NULL);
	assert_int_equal(replica_create(r, 512, 1, &none, NULL), 0);
	assert_int_equal(replica_lease(r, TARGET_LEASE_ACQUIRE, &dir_id_a, NULL), 0);
}

static void a_planted_link_leads_nowhere(void **state)
{
	struct dir_fixture *f = *state;
	struct target_meta none = { 0 };
	static const char *const names[] = { "evil/x.vhd", "link.vhd" };
	char path[512], want[700];
	struct error e = ERROR_INIT;

	dir_fixture_file(f, "evil", path);
	assert_int_equal(symlink("/tmp", path), 0);
	dir_fixture_file(f, "link.vhd", path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(cleanup_replica) struct replica *r = target_replica(f->target, names[i], NULL);
		struct target_look l = { 0 };

		assert_int_equal(replica_create(r, 512, 1, &none, &(struct error){ 0 }), -1);
		assert_int_equal(replica_look(r, &l, &(struct error){ 0 }), -1);
		assert_int_equal(replica_lease(r, TARGET_LEASE_ACQUIRE, &dir_id_a, i ? &(struct error){ 0 } : &e), -1);
	}
	snprintf(want, sizeof(want),
		 "%s/evil/x.vhd: evil: a symbolic link: it may lead out of the target, and is not followed", f->path);
	assert_error(&e, ERR_REFUSED, want);
	assert_int_equal(access("/tmp/x.vhd", F_OK), -1);
}

struct seen {
	unsigned n;
	char names[8][64];
};

static int note_name(void *ctx, const char *name, const struct target_look *look, struct error *err)
{
	struct seen *s = ctx;

	(void)err;
	assert_true(look->exists);
	snprintf(s->names[s->n++], sizeof(s->names[0]), "%s", name);
	return 0;
}

static int fail_at_first(void *ctx, const char *name, const struct target_look *look, struct error *err)
{
	(void)ctx;
	(void)look;
	return error_set(err, ERR_MISMATCH, "not %s", name);
}

static void replicas_are_listed_in_order_and_others_files_are_not(void **state)
{
	struct dir_fixture *f = *state;
	static const char *const names[] = { "b.vhd", "a/z/deep.vhd", "a.vhd" };
	struct target_meta none = { 0 };
	struct seen seen = { 0 };
	struct error e = ERROR_INIT;
	char path[512];
	FILE *file;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(cleanup_replica) struct replica *r = target_replica(f->target, names[i], NULL);

		assert_int_equal(replica_create(r, 512, 1, &none, NULL), 0);
	}
	dir_fixture_file(f, "foreign.vhd", path);
	file = fopen(path, "w");
	fclose(file);
	dir_fixture_file(f, "b.vhd", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(target_list(f->target, note_name, &seen, NULL), 0);
	assert_int_equal(seen.n, 3);
	assert_string_equal(seen.names[0], "a.vhd");
	assert_string_equal(seen.names[1], "a/z/deep.vhd");
	assert_string_equal(seen.names[2], DIR_NAME);
	assert_int_equal(target_list(f->target, fail_at_first, NULL, &e), -1);
	assert_error(&e, ERR_MISMATCH, "not a.vhd");
}

static void a_dry_run_changes_nothing(void **state)
{
	struct dir_fixture *f = *state;
	CLEANUP_FREE char *note = NULL;
	struct error e = ERROR_INIT;
	struct target_config config = { .create = true };
	char path[512], want[600];
	struct target *t;

	dir_fixture_file(f, "new/er", path);
	t = target_open(path, &config, NULL);
	assert_int_equal(target_prepare(t, true, &note, NULL), 0);
	snprintf(want, sizeof(want), "%s: would be created", path);
	assert_string_equal(note, want);
	assert_int_equal(access(path, F_OK), -1);
	target_close(t);
	config.create = false;
	t = target_open(path, &config, NULL);
	assert_int_equal(target_prepare(t, false, NULL, &e), -1);
	snprintf(want, sizeof(want), "%s: no such folder", path);
	assert_error(&e, ERR_REFUSED, want);
	target_close(t);
	dir_fixture_file(f, "bare", path);
	assert_int_equal(mkdir(path, 0755), 0);
	t = target_open(path, &config, NULL);
	assert_int_equal(target_prepare(t, true, NULL, NULL), 0);
	assert_int_equal(rmdir(path), 0); /* it is still empty */
	target_close(t);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_setup, dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_name_is_the_same_however_it_is_written),
		TEST(names_that_a_directory_cannot_hold_are_refused),
		TEST(a_name_of_the_greatest_length_works),
		TEST(a_planted_link_leads_nowhere),
		TEST(replicas_are_listed_in_order_and_others_files_are_not),
		TEST(a_dry_run_changes_nothing),
	};

	return cmocka_run_group_tests_name("dir", tests, NULL, NULL);
}
