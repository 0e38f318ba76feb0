/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/disk_info.h"

static int read_nothing(void *ctx, void *buf, size_t len, uint64_t off, struct error *err)
{
	(void)ctx;
	(void)off;
	(void)err;
	memset(buf, 0, len);
	return 0;
}

static const struct disk_foreign_ops ops = { .format = "replica", .read = read_nothing };

static void the_document_has_the_members_of_its_schema(void **state)
{
	struct error e = ERROR_INIT;
	struct disk *d = disk_new_foreign("web01.vhd", 1048576, &ops, NULL, &e);
	json_t *doc;
	char *text;

	(void)state;
	assert_non_null(d);
	doc = disk_info_json(d, "tgt/web01.vhd", &e);
	assert_non_null(doc);
	text = disk_info_text(doc, &e);
	assert_string_equal(text, "{\"schema\":1,\"path\":\"tgt/web01.vhd\",\"format\":\"replica\",\"subformat\":\"\","
				  "\"virtual_size\":1048576,\"sector_size\":512,\"allocated\":0,\"chain\":[{\"path\":"
				  "\"web01.vhd\",\"format\":\"replica\",\"id\":\"\"}],\"dirty_log\":false}\n");
	free(text);
	json_decref(doc);
	disk_close(d);
}

static void a_path_is_shown_escaped_and_its_dots_stay(void **state)
{
	static const struct {
		const char *path, *shown;
	} cases[] = {
		{ "./a/../b.vmdk", "./a/../b.vmdk" },
		{ "a\n\xff/100%.vmdk", "a%0A%FF/100%25.vmdk" },
		{ "folder./x", "folder%2E/x" },
		{ "/abs//x", "/abs//x" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *shown = disk_info_escape(cases[i].path, NULL);

		assert_string_equal(shown, cases[i].shown);
		free(shown);
	}
}

/* A path with "." goes another way. */
static void a_paths_names_are_escaped_one_by_one(void **state)
{
	static const char bytes[] = "a./%\\\x01\x7f\xc3\xbc\xe2\x82\xac\xff";

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		char path[9], below[16], want[64];
		char *whole, *shown;

		for (unsigned i = 0, r = round * 2654435761u; i < sizeof(path) - 1; i++, r = r * 1103515245u + 12345u)
			path[i] = bytes[(r >> 16) % (sizeof(bytes) - 1)];
		path[sizeof(path) - 1] = '\0';
		snprintf(below, sizeof(below), "./%s", path);
		whole = disk_info_escape(path, NULL);
		shown = disk_info_escape(below, NULL);
		snprintf(want, sizeof(want), "./%s", whole);
		assert_string_equal(shown, want);
		free(whole);
		free(shown);
	}
}

static void parts_make_a_text(void **state)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
	json_t *object = json_pack("{s:i, s:[f]}", "a", 1, "b", 0.1), *bad = json_pack("{}");
	struct error e = ERROR_INIT;

	(void)state;
	json_object_set_new(bad, "c", json_string_nocheck("\xff"));
	assert_int_equal(disk_info_add_text(&text, object, NULL), 0);
	assert_int_equal(disk_info_add_members(&text, object, NULL), 0);
	assert_string_equal(text.s, "{\"a\":1,\"b\":[0.1]}\"a\":1,\"b\":[0.1]");
	assert_int_equal(disk_info_add_text(&text, bad, &e), -1);
	assert_error(&e, ERR_NOMEM, "no memory for a JSON document");
	json_decref(object);
	json_decref(bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_document_has_the_members_of_its_schema),
		cmocka_unit_test(a_path_is_shown_escaped_and_its_dots_stay),
		cmocka_unit_test(a_paths_names_are_escaped_one_by_one),
		cmocka_unit_test(parts_make_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
