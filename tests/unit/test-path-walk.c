/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "guest/path_walk.h"

/* Nodes by their index; 0 is the root. */
struct model_node {
	uint64_t folder;
	const char *name;
	enum path_kind kind;
	const char *target;
};

static const struct model_node nodes[] = {
	{ 0, "", PATH_FOLDER, NULL },
	{ 0, "etc", PATH_FOLDER, NULL },
	{ 0, "usr", PATH_FOLDER, NULL },
	{ 2, "lib", PATH_FOLDER, NULL },
	{ 3, "release", PATH_FILE, NULL },
	{ 1, "release", PATH_LINK, "../usr/lib/release" },
	{ 0, "lib", PATH_LINK, "usr/lib" },
	{ 3, "absolute", PATH_LINK, "/etc/release" },
	{ 1, "a", PATH_LINK, "b" },
	{ 1, "b", PATH_LINK, "a" },
	{ 1, "broken", PATH_LINK, "none/at/all" },
	{ 1, "pipe", PATH_OTHER, NULL },
	{ 1, "empty", PATH_LINK, "" },
	{ 3, "self", PATH_LINK, "." },
	{ 1, "damaged", PATH_LINK, NULL },
	{ 0, "down", PATH_FOLDER, NULL }, /* each folder of that name holds one more */
};
#define DOWN 15

static int lookup(void *ctx, uint64_t folder, const char *name, size_t len, struct path_node *out, struct error *err)
{
	unsigned *lookups = ctx;

	(void)err;
	++*lookups;
	for (size_t i = 1; i < ARRAY_LEN(nodes); i++)
		if ((nodes[i].folder == folder || (i == DOWN && folder == DOWN)) && strlen(nodes[i].name) == len &&
		    memcmp(nodes[i].name, name, len) == 0) {
			*out = (struct path_node){ .id = i, .kind = nodes[i].kind, .size = 7, .off = i * 100 };
			return 1;
		}
	return 0;
}

static int read_link(void *ctx, const struct path_node *link, char out[PATH_LINK_MAX + 1], struct error *err)
{
	(void)ctx;
	if (!nodes[link->id].target)
		return error_set(err, ERR_CORRUPT, "link %d: damaged", (int)link->id);
	memcpy(out, nodes[link->id].target, strlen(nodes[link->id].target) + 1);
	return 0;
}

static const struct path_ops ops = { .lookup = lookup, .read_link = read_link };
static const struct path_node root = { .kind = PATH_FOLDER };

/* The id of what is found, or -1. */
static int walk(const char *path)
{
	struct error e = ERROR_INIT;
	struct path_node n;
	unsigned lookups = 0;
	int rc = path_walk(&ops, &lookups, &root, path, &n, &e);

	assert_string_equal(e.msg, "");
	assert_true(rc == 0 || rc == 1);
	return rc ? (int)n.id : -1;
}

static void names_lead_from_folder_to_folder(void **state)
{
	(void)state;
	assert_int_equal(walk(""), 0);
	assert_int_equal(walk("usr/lib/release"), 4);
	assert_int_equal(walk("usr//./lib/"), 3);
	assert_int_equal(walk("usr/lib/nothing"), -1);
	assert_int_equal(walk("usr/lib/release/more"), -1);
	assert_int_equal(walk("etc/pipe"), -1);
}

static void links_are_followed_wherever_they_stand(void **state)
{
	(void)state;
	assert_int_equal(walk("etc/release"), 4);
	assert_int_equal(walk("lib/release"), 4);
	assert_int_equal(walk("lib/absolute"), 4);
	assert_int_equal(walk("lib"), 3);
	assert_int_equal(walk("lib/self/self/self/release"), 4);
}

static void nothing_lies_above_the_root(void **state)
{
	(void)state;
	assert_int_equal(walk(".."), 0);
	assert_int_equal(walk("../../etc/../usr/lib/../lib/release"), 4);
	assert_int_equal(walk("lib/.."), 2); /* of the link's target, not of the link */
}

static void links_that_lead_nowhere_are_no_files(void **state)
{
	(void)state;
	assert_int_equal(walk("etc/broken"), -1);
	assert_int_equal(walk("etc/empty"), -1);
	assert_int_equal(walk("etc/a"), -1);
}

static void a_circle_ends_after_so_many_links(void **state)
{
	struct path_node n;
	unsigned lookups = 0;

	(void)state;
	assert_int_equal(path_walk(&ops, &lookups, &root, "etc/a", &n, NULL), 0);
	assert_int_equal(lookups, 1 + PATH_LINKS_MAX + 1);
}

static void a_link_that_cannot_be_read_is_an_error(void **state)
{
	struct error e = ERROR_INIT;
	struct path_node n;
	unsigned lookups = 0;

	(void)state;
	assert_int_equal(path_walk(&ops, &lookups, &root, "etc/damaged", &n, &e), -1);
	assert_error(&e, ERR_CORRUPT, "link 14: damaged");
}

static void folders_within_folders_end_somewhere(void **state)
{
	char path[5 * (PATH_FOLDERS_MAX + 1) + 1];
	struct error e = ERROR_INIT;
	struct path_node n;
	unsigned lookups = 0;
	size_t len = 5 * (PATH_FOLDERS_MAX - 1);

	(void)state;
	for (size_t i = 0; i + 5 < sizeof(path); i += 5)
		memcpy(path + i, "down/", 5);
	path[len] = '\0';
	assert_int_equal(path_walk(&ops, &lookups, &root, path, &n, &e), 1);
	path[len] = 'd';
	path[len + 5] = '\0';
	assert_int_equal(path_walk(&ops, &lookups, &root, path, &n, &e), -1);
	assert_error(&e, ERR_UNSUPPORTED, "more than 128 folders within each other");
}

static void a_tree_gets_what_it_wants_to_know(void **state)
{
	unsigned lookups = 0;
	struct tree_node n;

	(void)state;
	assert_int_equal(path_find(&ops, &lookups, &root, "etc/release", &n, NULL), 1);
	assert_true(n.id == 4 && n.size == 7 && n.off == 400 && !n.folder);
	assert_int_equal(path_find(&ops, &lookups, &root, "lib", &n, NULL), 1);
	assert_true(n.id == 3 && n.size == 0 && n.off == 300 && n.folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_lead_from_folder_to_folder),
		cmocka_unit_test(links_are_followed_wherever_they_stand),
		cmocka_unit_test(nothing_lies_above_the_root),
		cmocka_unit_test(links_that_lead_nowhere_are_no_files),
		cmocka_unit_test(a_circle_ends_after_so_many_links),
		cmocka_unit_test(a_link_that_cannot_be_read_is_an_error),
		cmocka_unit_test(folders_within_folders_end_somewhere),
		cmocka_unit_test(a_tree_gets_what_it_wants_to_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
