/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "inventory/datastore_names.h"

struct one {
	const char *leaf, *root;
	bool shares;
	const char *want; /* NULL: no name is left */
};

static void check(const struct one *cases, size_t n)
{
	struct datastore_name_in in[8];
	struct error e = ERROR_INIT;
	char *out[8];

	assert_true(n <= ARRAY_LEN(in));
	for (size_t i = 0; i < n; i++)
		in[i] = (struct datastore_name_in){
			.leaf = cases[i].leaf, .root = cases[i].root, .shares_root = cases[i].shares,
			.has_parent = strcmp(cases[i].leaf, cases[i].root) != 0,
		};
	assert_int_equal(datastore_names(in, n, out, &e), 0);
	for (size_t i = 0; i < n; i++) {
		if (cases[i].want)
			assert_string_equal(out[i], cases[i].want);
		else
			assert_null(out[i]);
		free(out[i]);
	}
}

static void a_replica_is_named_after_its_root(void **state)
{
	static const struct one cases[] = {
		{ "web01/web01-000002.vmdk", "web01/web01.vmdk", false, "web01/web01.vhd" },
		{ "a.b/x", "a.b/x", false, "a.b/x.vhd" },
		{ "db/.vhdx", "db/.vhdx", false, "db/.vhdx.vhd" },
		{ "odd/50%\\\x01.raw", "odd/50%\\\x01.raw", false, "odd/50%25%5C%01.vhd" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void linked_clones_are_named_after_their_leaves(void **state)
{
	static const struct one cases[] = {
		{ "c1/c1-000001.vmdk", "base/base.vmdk", true, "c1/c1.vhd" },
		{ "c2/d_49C4BAF3-4B25-4406-8C4B-D39E65C32385.avhdx", "base/base.vmdk", true, "c2/d.vhd" },
		{ "c3/-000001.vmdk", "base/base.vmdk", true, "c3/-000001.vhd" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void the_later_of_two_equal_names_keeps_its_whole_file_name(void **state)
{
	static const struct one cases[] = {
		{ "w/web01.vmdk", "w/web01.vmdk", false, "w/web01.vmdk.vhd" },
		{ "w/web01.vhdx", "w/web01.vhdx", false, "w/web01.vhd" },
		{ "w/WEB01.vmdk", "w/WEB01.vmdk", false, "w/WEB01.vhd" }, /* first in byte order */
	};
	static const struct one exhausted[] = {
		{ "a.raw", "a.raw", false, "a.vhd" },
		{ "a.vmdk", "a.vmdk", false, "a.vmdk.vhd" },
		{ "A.VMDK.raw", "A.VMDK.raw", false, "A.VMDK.vhd" },
	};

	(void)state;
	check((const struct one[]){ cases[1], cases[0] }, 2);
	check((const struct one[]){ cases[2], { "w/web01.vhdx", "w/web01.vhdx", false, "w/web01.vhdx.vhd" } }, 2);
	/* A.VMDK.raw takes "A.VMDK.vhd"; a.vmdk finds both of its names taken */
	check((const struct one[]){ exhausted[0], { "a.vmdk", "a.vmdk", false, NULL }, exhausted[2] }, 3);
}

static void extents_are_known_by_their_names(void **state)
{
	static const struct {
		const char *path;
		size_t owner; /* 0: no extent */
	} cases[] = {
		{ "w/web01-flat.vmdk", 7 },	{ "w/web01-000001-delta.vmdk", 14 }, { "w/web01-000001-sesparse.vmdk", 14 },
		{ "w/web01-ctk.vmdk", 7 },	{ "w/web01-s001.vmdk", 7 },	     { "w/web01-f013.VMDK", 7 },
		{ "w/web01.vmdk", 0 },		{ "w/-flat.vmdk", 0 },		     { "w/web01-s01.vmdk", 0 },
		{ "w/web01-000001.vmdk", 0 },	{ "w/web01-flat.raw", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = 0;

		assert_int_equal(datastore_is_extent_name(cases[i].path, &len), cases[i].owner != 0);
		assert_int_equal(len, cases[i].owner);
	}
}

static void numbers_of_further_disks_are_found(void **state)
{
	static const struct {
		const char *path;
		size_t len;
		unsigned number;
	} cases[] = {
		{ "w/web01_1", 7, 1 }, { "w/web01_12", 7, 12 }, { "w/web01_0", 9, 0 },
		{ "w/_1", 4, 0 },      { "w/web01", 7, 0 },	{ "w_1/web01", 9, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned number = 99;

		assert_int_equal(datastore_disk_number(cases[i].path, strlen(cases[i].path), &number), cases[i].len);
		assert_int_equal(number, cases[i].number);
	}
}

static void paths_are_normalised(void **state)
{
	static const char *const cases[][2] = {
		{ "a/../b/./c", "b/c" }, { "./a//b/", "a/b" }, { "../a", "../a" }, { "a/../../b", "../b" },
		{ "..", ".." },		 { "a/..", "" },       { "../../x/..", "../.." }, { "a/b/../../c", "c" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *got = datastore_normalise(cases[i][0], NULL);

		assert_string_equal(got, cases[i][1]);
		free(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_replica_is_named_after_its_root),
		cmocka_unit_test(linked_clones_are_named_after_their_leaves),
		cmocka_unit_test(the_later_of_two_equal_names_keeps_its_whole_file_name),
		cmocka_unit_test(extents_are_known_by_their_names),
		cmocka_unit_test(numbers_of_further_disks_are_found),
		cmocka_unit_test(paths_are_normalised),
	};

	return cmocka_run_group_tests_name("datastore_names", tests, NULL, NULL);
}
