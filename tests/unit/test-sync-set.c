/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "support/scratch.h"
#include "sync_set.h"

static void patterns_match_as_rsyncs_do(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} cases[] = {
		{ "web01.vhd", "web01/web01.vhd", true },	{ "web*", "web01/web01.vhd", true },
		{ "web01/*", "web01/web01.vhd", true },		{ "web01/*", "dc/web01/web01.vhd", false },
		{ "*", "web01/web01.vhd", true },		{ "*/web01.vhd", "web01/web01.vhd", true },
		{ "*/web01.vhd", "dc/web01/web01.vhd", false }, { "**/web01.vhd", "dc/web01/web01.vhd", true },
		{ "/web01.vhd", "web01/web01.vhd", false },	{ "/web01", "web01", true },
		{ "db", "web01/web01.vhd", false },		{ "**", "a/b/c.vhd", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (sync_pattern_matches(cases[i].pattern, cases[i].name) != cases[i].matches)
			fail_msg("'%s' and '%s': not %d", cases[i].pattern, cases[i].name, cases[i].matches);
}

static void make_store(const struct scratch_dir *s)
{
	static const char zeros[1 << 20];
	static const char *const folders[] = { "ds", "ds/web01", "ds/db", "other", "other/web01" };

	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		assert_int_equal(mkdirat(s->fd, folders[i], 0700), 0);
	scratch_write(s, "ds/web01/web01.raw", zeros, sizeof(zeros));
	scratch_write(s, "ds/web01/web01_1.raw", zeros, sizeof(zeros));
	scratch_write(s, "ds/db/db.raw", zeros, sizeof(zeros));
	scratch_write(s, "other/web01/web01.raw", zeros, sizeof(zeros));
	scratch_write(s, "ds/db/broken.vmdk", "KDMV", 4);
}

/* All names, in order, with blanks between. */
static void names(const struct sync_set *s, char *out, size_t len)
{
	out[0] = '\0';
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->runs[i].cycle.n; k++)
			snprintf(out + strlen(out), len - strlen(out), "%s%s", *out ? " " : "", s->runs[i].cycle.disks[k].name);
}

static void find(const struct scratch_dir *s, const struct sync_pattern *patterns, size_t n, char *out, size_t len)
{
	CLEANUP(cleanup_sync_set) struct sync_set set = { 0 };
	const struct sync_set_options opt = { .patterns = patterns, .n_patterns = n };
	struct error e = ERROR_INIT;
	char path[128];
	char *sources[] = { path };

	snprintf(path, sizeof(path), "%s/ds", s->path);
	if (sync_set_find(sources, 1, &opt, &set, &e) < 0)
		fail_msg("%s", e.msg);
	names(&set, out, len);
}

static void the_first_pattern_wins_and_what_none_matches_is_taken(void **state)
{
	const struct scratch_dir *s = *state;
	const struct sync_pattern picks[] = { { true, "web01_1.vhd" }, { false, "web01" } };
	const struct sync_pattern reversed[] = { { false, "web01" }, { true, "web01_1.vhd" } };
	const struct sync_pattern only[] = { { true, "db/**" }, { false, "*" } };
	const struct sync_pattern include[] = { { true, "db/**" } };
	char got[256];

	make_store(s);
	find(s, NULL, 0, got, sizeof(got));
	assert_string_equal(got, "db/db.vhd web01/web01.vhd web01/web01_1.vhd");
	find(s, picks, 2, got, sizeof(got));
	assert_string_equal(got, "db/db.vhd web01/web01_1.vhd");
	find(s, reversed, 2, got, sizeof(got));
	assert_string_equal(got, "db/db.vhd");
	find(s, only, 2, got, sizeof(got));
	assert_string_equal(got, "db/db.vhd");
	find(s, include, 1, got, sizeof(got));
	assert_string_equal(got, "db/db.vhd web01/web01.vhd web01/web01_1.vhd");
}

static bool wants_one(void *ctx, const char *vm, const char *disk)
{
	(void)disk;
	return strcmp(vm, ctx) == 0;
}

static void only_what_is_wanted_is_taken(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_sync_set) struct sync_set all = { 0 }, set = { 0 };
	struct sync_set_options opt = { .wanted = NULL };
	struct error e = ERROR_INIT;
	char path[128], nobody[] = "nobody", want[256];
	char *sources[] = { path };

	make_store(s);
	snprintf(path, sizeof(path), "%s/ds", s->path);
	assert_int_equal(sync_set_find(sources, 1, &opt, &all, NULL), 0);
	opt.wanted = wants_one;
	opt.wanted_ctx = all.vms[all.n - 1].name;
	assert_int_equal(sync_set_find(sources, 1, &opt, &set, NULL), 0);
	assert_int_equal(set.n, all.n);
	assert_int_equal(set.n_broken, 0); /* those of other VMs are somebody else's, too */
	assert_int_equal(set.n_disks, 2);
	assert_int_equal(set.runs[set.n - 1].cycle.n, 2);
	for (size_t i = 0; i + 1 < set.n; i++)
		assert_int_equal(set.runs[i].cycle.n, 0);
	sync_set_fini(&set);
	opt.wanted_ctx = nobody;
	assert_int_equal(sync_set_find(sources, 1, &opt, &set, &e), -1);
	snprintf(want, sizeof(want), "%s: no disk to replicate there that the options do not leave out", path);
	assert_error(&e, ERR_USAGE, want);
}

static void a_broken_disk_is_told_and_the_others_go_on(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_sync_set) struct sync_set set = { 0 };
	const struct sync_set_options opt = { 0 };
	struct error e = ERROR_INIT;
	char path[128];
	char *sources[] = { path };

	make_store(s);
	snprintf(path, sizeof(path), "%s/ds", s->path);
	assert_int_equal(sync_set_find(sources, 1, &opt, &set, &e), 0);
	assert_int_equal(set.n_broken, 1);
	assert_string_equal(set.broken[0].name, "db/broken.vhd");
	assert_int_equal(set.broken[0].err.code, ERR_CORRUPT);
	assert_int_equal(set.n_disks, 4);
	assert_int_equal(set.virtual_bytes, 3 << 20);
	for (size_t i = 0; i < set.n; i++) /* a VM that is not whole has no recovery point */
		assert_int_equal(set.runs[i].no_points, strcmp(set.vms[i].name, "db/broken") == 0);
}

static void names_of_several_sources_begin_with_theirs(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_sync_set) struct sync_set set = { 0 };
	const struct sync_set_options opt = { 0 };
	struct error e = ERROR_INIT, twice = ERROR_INIT;
	char a[128], b[128], got[256];
	char *sources[] = { a, b };

	make_store(s);
	snprintf(a, sizeof(a), "%s/ds/db/", s->path);
	snprintf(b, sizeof(b), "%s/other", s->path);
	assert_int_equal(sync_set_find(sources, 2, &opt, &set, &e), 0);
	names(&set, got, sizeof(got));
	assert_string_equal(got, "db/db.vhd other/web01/web01.vhd");

	snprintf(a, sizeof(a), "%s/ds/web01", s->path);
	snprintf(b, sizeof(b), "%s/other/web01", s->path);
	assert_int_equal(sync_set_find(sources, 2, &opt, &(struct sync_set){ 0 }, &twice), -1);
	assert_error(&twice, ERR_USAGE,
		     "two disks would be called 'web01/web01.vhd': replicate these SOURCEs separately");
}

static void put_text(const struct scratch_dir *s, const char *name, const char *text)
{
	scratch_write(s, name, text, strlen(text));
}

/* ds1 has a VM with disks in both folders, and a clone of what lies in the other. */
static void make_two_datastores(const struct scratch_dir *s)
{
	static const char *const folders[] = { "ds1", "ds1/web", "ds1/clone", "ds2", "ds2/web", "ds2/base", "ds2/alone" };
	static const char zeros[4096];
	static const char base[] = "version=1\nCID=1\nparentCID=ffffffff\ncreateType=\"vmfs\"\nRW 8 VMFS \"b-flat.vmdk\"\n";
	static const char clone[] = "version=1\nCID=2\nparentCID=1\ncreateType=\"vmfs\"\n"
				    "parentFileNameHint=\"/vmfs/volumes/ds2/base/b.vmdk\"\nRW 8 VMFS \"c-flat.vmdk\"\n";

	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		assert_int_equal(mkdirat(s->fd, folders[i], 0700), 0);
	put_text(s, "ds1/web/web.vmx",
		 "scsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"web.raw\"\n"
		 "scsi0:1.present = \"TRUE\"\nscsi0:1.fileName = \"[ds2] web/web_1.raw\"\n");
	scratch_write(s, "ds1/web/web.raw", zeros, sizeof(zeros));
	scratch_write(s, "ds2/web/web_1.raw", zeros, sizeof(zeros));
	put_text(s, "ds2/base/b.vmdk", base);
	scratch_write(s, "ds2/base/b-flat.vmdk", zeros, sizeof(zeros));
	put_text(s, "ds1/clone/c.vmdk", clone);
	scratch_write(s, "ds1/clone/c-flat.vmdk", zeros, sizeof(zeros));
	scratch_write(s, "ds2/alone/alone.raw", zeros, sizeof(zeros));
}

static void a_disk_in_another_source_is_replicated_once_with_its_vm(void **state)
{
	const struct scratch_dir *s = *state;
	char a[128], b[128], path[128], got[256];
	char *sources[] = { a, b }, *reversed[] = { b, a }, *image[] = { a, path };
	const struct backing_datastore ds2 = { "ds2", b };
	const struct sync_set_options opt = { .datastores = &ds2, .n_datastores = 1 };
	struct error e = ERROR_INIT;

	make_two_datastores(s);
	snprintf(a, sizeof(a), "%s/ds1", s->path);
	snprintf(b, sizeof(b), "%s/ds2", s->path);
	snprintf(path, sizeof(path), "%s/ds2/web/web_1.raw", s->path);
	for (int i = 0; i < 2; i++) {
		CLEANUP(cleanup_sync_set) struct sync_set set = { 0 };

		if (sync_set_find(i ? reversed : sources, 2, &opt, &set, &e) < 0)
			fail_msg("%s", e.msg);
		names(&set, got, sizeof(got));
		assert_string_equal(got, i ? "ds2/alone/alone.vhd ds1/clone/c.vhd ds1/web/web.vhd ds1/ds2/web/web_1.vhd" :
					     "ds1/clone/c.vhd ds1/web/web.vhd ds1/ds2/web/web_1.vhd ds2/alone/alone.vhd");
	}
	/* Without the other source the same disks; alone, that one has them for its own. */
	CLEANUP(cleanup_sync_set) struct sync_set one = { 0 };
	CLEANUP(cleanup_sync_set) struct sync_set other = { 0 };
	CLEANUP(cleanup_sync_set) struct sync_set named = { 0 };

	assert_int_equal(sync_set_find(sources, 1, &opt, &one, &e), 0);
	names(&one, got, sizeof(got));
	assert_string_equal(got, "clone/c.vhd web/web.vhd ds2/web/web_1.vhd");
	assert_int_equal(sync_set_find(sources + 1, 1, &opt, &other, &e), 0);
	names(&other, got, sizeof(got));
	assert_string_equal(got, "alone/alone.vhd base/b.vhd web/web_1.vhd");
	/* What the user names himself is not left. */
	assert_int_equal(sync_set_find(image, 2, &opt, &named, &e), 0);
	names(&named, got, sizeof(got));
	assert_string_equal(got, "ds1/clone/c.vhd ds1/web/web.vhd ds1/ds2/web/web_1.vhd web_1.vhd");
}

static void a_disk_of_two_configurations_stays_with_the_first(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_sync_set) struct sync_set set = { 0 };
	char a[128], b[128], got[256];
	char *sources[] = { a, b };
	const struct backing_datastore ds2 = { "ds2", b };
	const struct sync_set_options opt = { .datastores = &ds2, .n_datastores = 1 };
	struct error e = ERROR_INIT;

	make_two_datastores(s);
	put_text(s, "ds2/web/node2.vmx", "scsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"web_1.raw\"\n");
	snprintf(a, sizeof(a), "%s/ds1", s->path);
	snprintf(b, sizeof(b), "%s/ds2", s->path);
	assert_int_equal(sync_set_find(sources, 2, &opt, &set, &e), 0);
	names(&set, got, sizeof(got));
	assert_string_equal(got, "ds1/clone/c.vhd ds1/web/web.vhd ds1/ds2/web/web_1.vhd ds2/alone/alone.vhd");
}

static void no_disk_is_a_usage_error(void **state)
{
	const struct scratch_dir *s = *state;
	const struct sync_set_options opt = { .only_configured = true };
	struct error e = ERROR_INIT;
	char path[128], want[256];
	char *sources[] = { path };

	make_store(s);
	snprintf(path, sizeof(path), "%s/ds", s->path);
	snprintf(want, sizeof(want), "%s: no disk to replicate there that the options do not leave out", path);
	assert_int_equal(sync_set_find(sources, 1, &opt, &(struct sync_set){ 0 }, &e), -1);
	assert_error(&e, ERR_USAGE, want);
}

#define WITH_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_as_rsyncs_do),
		WITH_SCRATCH(the_first_pattern_wins_and_what_none_matches_is_taken),
		WITH_SCRATCH(only_what_is_wanted_is_taken),
		WITH_SCRATCH(a_broken_disk_is_told_and_the_others_go_on),
		WITH_SCRATCH(names_of_several_sources_begin_with_theirs),
		WITH_SCRATCH(a_disk_in_another_source_is_replicated_once_with_its_vm),
		WITH_SCRATCH(a_disk_of_two_configurations_stays_with_the_first),
		WITH_SCRATCH(no_disk_is_a_usage_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
