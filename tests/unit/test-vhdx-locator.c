/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "disk/vhdx_locator.h"

static const struct guid type = { { 0xb0, 0x4a, 0xef, 0xb7, 0xd1, 0x9e, 0x4a, 0x81, 0xb7, 0x89, 0x25, 0xb8, 0xe9, 0x44,
				    0x59, 0x13 } };
static uint8_t item[2048];
static size_t item_len;

static uint16_t put_text(const char *text)
{
	size_t start = item_len;

	for (; *text; text++, item_len += 2)
		put_le16(item + item_len, (uint16_t)*text);
	return (uint16_t)(item_len - start);
}

/* Keys and values in turn, NULL at the end. */
static void build(const char *const *pairs)
{
	uint16_t n = 0;

	memset(item, 0, sizeof(item));
	guid_to_le(&type, item);
	for (item_len = 20 + 12 * 6; pairs[2 * n]; n++) {
		uint8_t *e = item + 20 + n * 12;

		put_le32(e, (uint32_t)item_len);
		put_le16(e + 8, put_text(pairs[2 * n]));
		put_le32(e + 4, (uint32_t)item_len);
		put_le16(e + 10, put_text(pairs[2 * n + 1]));
	}
	put_le16(item + 18, n);
}

/* What Hyper-V writes. */
static const char *const hyperv[] = { "parent_linkage",
				      "{FF34003B-11ed-4cf8-a166-b2be05e20b80}",
				      "parent_linkage2",
				      "{00000000-0000-0000-0000-000000000000}",
				      "relative_path",
				      ".\\base.avhdx",
				      "volume_path",
				      "\\\\?\\Volume{0}\\vm\\moved.avhdx",
				      "absolute_win32_path",
				      "C:\\vm\\base.avhdx",
				      NULL };

static void assert_refused(enum error_code code, const char *msg)
{
	struct vhdx_locator l = { 0 };
	struct error e = ERROR_INIT;

	assert_int_equal(vhdx_locator_decode(item, item_len, &l, &e), -1);
	assert_error(&e, code, msg);
	assert_null(l.relative);
}

static void assert_candidates(const char *const *pairs, const char *child, const char *const *want)
{
	struct vhdx_locator l;
	char **got;
	size_t i = 0;

	build(pairs);
	assert_int_equal(vhdx_locator_decode(item, item_len, &l, NULL), 0);
	got = vhdx_locator_candidates(&l, child, NULL);
	assert_non_null(got);
	for (; want[i]; i++) {
		assert_non_null(got[i]);
		assert_string_equal(got[i], want[i]);
		free(got[i]);
	}
	assert_null(got[i]);
	free(got);
	vhdx_locator_fini(&l);
}

static void decodes_what_hyper_v_writes(void **state)
{
	struct vhdx_locator l;
	char text[GUID_TEXT_LEN];

	(void)state;
	build(hyperv);
	assert_int_equal(vhdx_locator_decode(item, item_len, &l, NULL), 0);
	guid_format(&l.linkage, text);
	assert_string_equal(text, "ff34003b-11ed-4cf8-a166-b2be05e20b80");
	assert_true(guid_is_zero(&l.linkage2));
	assert_string_equal(l.relative, ".\\base.avhdx");
	assert_string_equal(l.absolute, "C:\\vm\\base.avhdx");
	vhdx_locator_fini(&l);
}

static void looks_in_the_childs_folder_only(void **state)
{
	const char *const both[] = { "vm/base.avhdx", "vm/moved.avhdx", NULL };
	const char *const deeper[] = { "parent_linkage", "{FF34003B-11ed-4cf8-a166-b2be05e20b80}", "relative_path",
				       ".\\old\\base.vhdx", NULL };
	const char *const deeper_want[] = { "old/base.vhdx", "base.vhdx", NULL };
	const char *const unc[] = { "parent_linkage", "{FF34003B-11ed-4cf8-a166-b2be05e20b80}", "absolute_win32_path",
				    "\\\\server\\share\\x.vhdx", NULL };
	const char *const unc_want[] = { "a/b/x.vhdx", NULL };

	(void)state;
	assert_candidates(hyperv, "vm/child.avhdx", both);
	assert_candidates(deeper, "child.avhdx", deeper_want);
	assert_candidates(unc, "a/b/child.avhdx", unc_want);
}

static void assert_relative(const char *path, const char *child, const char *const *want)
{
	const char *const pairs[] = { "parent_linkage", "{FF34003B-11ed-4cf8-a166-b2be05e20b80}", "relative_path", path,
				      NULL };

	assert_candidates(pairs, child, want);
}

static void a_relative_path_is_followed_whole_and_by_its_last_name(void **state)
{
	const char *const up[] = { "vm/snap/../disks/b.vhdx", "vm/snap/b.vhdx", NULL };
	const char *const out[] = { "../b.vhdx", "b.vhdx", NULL };
	const char *const dots[] = { "a/./../../b.vhdx", "b.vhdx", NULL };
	const char *const base[] = { "vm/b.vhdx", NULL };

	(void)state;
	/* Whether ".." stays beneath the root, who opens it finds out. */
	assert_relative("..\\disks\\b.vhdx", "vm/snap/child.avhdx", up);
	assert_relative(".\\..\\b.vhdx", "child.avhdx", out);
	assert_relative("a\\.\\..\\..\\b.vhdx", "child.avhdx", dots);
	/* Not relative at all: places of another host, of which the last name is looked for. */
	assert_relative("\\etc\\b.vhdx", "vm/child.avhdx", base);
	assert_relative("/etc/b.vhdx", "vm/child.avhdx", base);
	assert_relative("C:\\vm\\b.vhdx", "vm/child.avhdx", base);
	assert_relative("b.vhdx", "vm/child.avhdx", base);
	assert_relative(".\\.\\b.vhdx", "vm/child.avhdx", base);
}

static void a_path_must_end_in_a_name(void **state)
{
	static const char *const paths[] = { "..", "..\\..", "a\\", "\\", ".\\" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		const char *const pairs[] = { "parent_linkage", "{FF34003B-11ed-4cf8-a166-b2be05e20b80}",
					      "relative_path", paths[i], NULL };
		struct error e = ERROR_INIT;
		struct vhdx_locator l;

		build(pairs);
		assert_int_equal(vhdx_locator_decode(item, item_len, &l, NULL), 0);
		assert_null(vhdx_locator_candidates(&l, "child.avhdx", &e));
		assert_error(&e, ERR_CORRUPT, "parent locator: no path names a file");
		vhdx_locator_fini(&l);
	}
}

static void refuses_what_is_damaged(void **state)
{
	(void)state;
	build(hyperv);
	item[0] ^= 1;
	assert_refused(ERR_UNSUPPORTED, "parent locator: its type is not that of a VHDX parent");
	build(hyperv);
	put_le16(item + 18, 65535);
	assert_refused(ERR_CORRUPT, "parent locator: 65535 entries in an item of 500 bytes");
	build(hyperv);
	put_le32(item + 20, 0xfffffff0);
	assert_refused(ERR_CORRUPT, "parent locator: entry 0: text at 0xfffffff0+0x1c: outside the item of 500 bytes");
	build(hyperv);
	put_le16(item + 20 + 10, 65535);
	assert_refused(ERR_CORRUPT, "parent locator: entry 0: text at 0x78+0xffff: outside the item of 500 bytes");
	build(hyperv);
	put_le16(item + 20 + 8, 27);
	assert_refused(ERR_CORRUPT, "parent locator: entry 0: UTF-16 text of 27 bytes");
	build(hyperv);
	item_len = 19;
	assert_refused(ERR_CORRUPT, "parent locator: 19 bytes, at least 20 needed");
	build(hyperv + 2);
	assert_refused(ERR_CORRUPT, "parent locator: no parent_linkage");
	build(hyperv);
	put_le16(item + 18, 2);
	assert_refused(ERR_CORRUPT, "parent locator: no path");
	build(hyperv);
	item[20 + 12 * 6 + 28] = 'x';
	assert_refused(ERR_CORRUPT, "parent locator: entry 0: parent_linkage is no GUID");
	build(hyperv);
	memcpy(item + 20 + 12, item + 20, 12);
	assert_refused(ERR_CORRUPT, "parent locator: entry 1: parent_linkage is there twice");
	build(hyperv);
	memcpy(item + 20, item + 20 + 12, 12);
	assert_refused(ERR_CORRUPT, "parent locator: entry 1: parent_linkage2 is there twice");
	build(hyperv);
	memcpy(item + 20 + 3 * 12, item + 20 + 2 * 12, 12);
	assert_refused(ERR_CORRUPT, "parent locator: entry 3: relative_path is there twice");
	build(hyperv);
	put_le16(item + 20 + 10, 0);
	assert_refused(ERR_CORRUPT, "parent locator: entry 0: empty text");
	build(hyperv);
	put_le32(item + 20 + 4, (uint32_t)item_len - 75);
	assert_refused(ERR_CORRUPT, "parent locator: entry 0: text at 0x1a9+0x4c: outside the item of 500 bytes");
	build(hyperv);
	put_le16(item + get_le32(item + 20 + 2 * 12 + 4), 0xd800);
	assert_refused(ERR_CORRUPT, "parent locator: entry 2: UTF-16 text: unpaired surrogate at byte 0");
	build(hyperv);
	put_le16(item + get_le32(item + 20 + 2 * 12 + 4) + 4, 0);
	assert_refused(ERR_CORRUPT, "parent locator: entry 2: UTF-16 text: NUL at byte 4");
}

static void any_order_of_keys_and_unknown_ones_do(void **state)
{
	const char *const pairs[] = { "absolute_win32_path", "D:\\x\\b.vhdx", "unknown", "?", "parent_linkage2",
				      "{00000000-0000-0000-0000-000000000001}", "parent_linkage",
				      "{FF34003B-11ED-4CF8-A166-B2BE05E20B80}", NULL };
	const char *const want[] = { "b.vhdx", NULL };

	(void)state;
	assert_candidates(pairs, "child.avhdx", want);
}

static void refuses_many_entries_that_share_a_text(void **state)
{
	static uint8_t many[20 + 12 * (VHDX_LOCATOR_ENTRIES_MAX + 1)];
	struct vhdx_locator l = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	guid_to_le(&type, many);
	put_le16(many + 18, VHDX_LOCATOR_ENTRIES_MAX + 1);
	assert_int_equal(vhdx_locator_decode(many, sizeof(many), &l, &e), -1);
	assert_error(&e, ERR_UNSUPPORTED, "parent locator: 257 entries, at most 256");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_what_hyper_v_writes),
		cmocka_unit_test(looks_in_the_childs_folder_only),
		cmocka_unit_test(a_relative_path_is_followed_whole_and_by_its_last_name),
		cmocka_unit_test(a_path_must_end_in_a_name),
		cmocka_unit_test(any_order_of_keys_and_unknown_ones_do),
		cmocka_unit_test(refuses_many_entries_that_share_a_text),
		cmocka_unit_test(refuses_what_is_damaged),
	};

	return cmocka_run_group_tests_name("vhdx-locator", tests, NULL, NULL);
}
