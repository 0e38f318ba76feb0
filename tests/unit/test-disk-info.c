/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_document_has_the_members_of_its_schema),
		cmocka_unit_test(a_path_is_shown_escaped_and_its_dots_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
