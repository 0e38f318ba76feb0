/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "disk/vhd_locator.h"

enum { W2RU = 0x57327275, W2KU = 0x57326b75, MACX = 0x4d616358, TEXTS = 4096, ROOM = 1024, FILE_LEN = 200000 };

static struct backing file;
static struct vhd_header h;

static int start(void **state)
{
	static char path[] = "child.vhd";

	(void)state;
	memset(&h, 0, sizeof(h));
	file = (struct backing){ .path = path, .fd = memfd_create("locator", MFD_CLOEXEC), .size = FILE_LEN };
	return file.fd >= 0 && ftruncate(file.fd, FILE_LEN) == 0 ? 0 : -1;
}

static int finish(void **state)
{
	(void)state;
	close(file.fd);
	return 0;
}

static void put_raw(unsigned i, uint32_t code, const void *text, size_t len)
{
	h.locators[i] = (struct vhd_locator_entry){ .code = code, .len = (uint32_t)len, .off = TEXTS + i * ROOM };
	assert_int_equal(io_pwrite(file.fd, text, len, TEXTS + i * ROOM, NULL), 0);
}

static void put_text(unsigned i, uint32_t code, const char *text)
{
	uint8_t raw[ROOM];
	size_t len = strlen(text);

	for (size_t k = 0; k < len; k++)
		put_le16(raw + k * 2, (uint8_t)text[k]);
	put_raw(i, code, raw, len * 2);
}

static void put_name(const char *text)
{
	for (size_t i = 0; text[i]; i++)
		put_be16(h.parent_name + i * 2, (uint8_t)text[i]);
}

static void assert_unreadable(const char *msg)
{
	struct vhd_locator l = { 0 };
	struct error e = ERROR_INIT;

	assert_int_equal(vhd_locator_read(&file, &h, &l, &e), -1);
	assert_error(&e, ERR_CORRUPT, msg);
	assert_null(l.relative);
}

/* Expects the candidates, of a child at "vms/web/child.vhd", NULL at the end. */
static void assert_candidates(const char *const *want)
{
	CLEANUP(vhd_locator_fini) struct vhd_locator l = { 0 };
	struct error e = ERROR_INIT;
	char **list;
	size_t i;

	assert_int_equal(vhd_locator_read(&file, &h, &l, &e), 0);
	list = vhd_locator_candidates(&l, "vms/web/child.vhd", &e);
	assert_string_equal(e.msg, "");
	assert_non_null(list);
	for (i = 0; want[i]; i++) {
		assert_non_null(list[i]);
		assert_string_equal(list[i], want[i]);
		free(list[i]);
	}
	assert_null(list[i]);
	free(list);
}

static void assert_no_candidates(enum error_code code, const char *msg)
{
	CLEANUP(vhd_locator_fini) struct vhd_locator l = { 0 };
	struct error e = ERROR_INIT;

	assert_int_equal(vhd_locator_read(&file, &h, &l, NULL), 0);
	assert_null(vhd_locator_candidates(&l, "child.vhd", &e));
	assert_error(&e, code, msg);
}

static void windows_names_the_parent_three_times(void **state)
{
	(void)state;
	put_text(0, W2KU, "C:\\vm\\base.vhd");
	put_text(1, W2RU, ".\\base.vhd");
	put_name("C:\\vm\\base.vhd");
	assert_candidates((const char *const[]){ "vms/web/base.vhd", NULL });
}

static void candidates_come_in_order_of_trust(void **state)
{
	(void)state;
	put_raw(0, MACX, "file://localhost/d.vhd", 22);
	put_name("\\\\server\\share\\c.vhd");
	put_text(5, W2KU, "D:\\vm\\b.vhd");
	put_text(7, W2RU, "..\\parents\\a.vhd");
	assert_candidates((const char *const[]){ "vms/web/../parents/a.vhd", "vms/web/a.vhd", "vms/web/b.vhd",
						 "vms/web/c.vhd", "vms/web/d.vhd", NULL });
}

static void each_place_alone_is_enough(void **state)
{
	(void)state;
	put_name("base.vhd");
	assert_candidates((const char *const[]){ "vms/web/base.vhd", NULL });
	memset(h.parent_name, 0, sizeof(h.parent_name));
	put_text(3, W2KU, "base.vhd");
	assert_candidates((const char *const[]){ "vms/web/base.vhd", NULL });
	put_text(3, W2RU, ".\\.\\sub\\base.vhd");
	assert_candidates((const char *const[]){ "vms/web/sub/base.vhd", "vms/web/base.vhd", NULL });
	put_raw(3, MACX, "FILE:///vm/b%C3%a9%20se.vhd", 27);
	assert_candidates((const char *const[]){ "vms/web/b\xc3\xa9 se.vhd", NULL });
}

static void a_name_may_fill_its_field(void **state)
{
	char text[257], want[300];

	(void)state;
	memset(text, 'x', 256);
	text[256] = '\0';
	put_name(text);
	snprintf(want, sizeof(want), "vms/web/%s", text);
	assert_candidates((const char *const[]){ want, NULL });
}

static void nuls_behind_a_text_are_padding(void **state)
{
	(void)state;
	put_raw(0, W2RU, "a\0\0\0\0\0", 6);
	put_raw(1, MACX, "file:b\0\0", 8);
	assert_candidates((const char *const[]){ "vms/web/a", "vms/web/b", NULL });
	put_raw(0, W2RU, "a\0\0\0b\0", 6);
	assert_unreadable("parent locator 0 (W2ru): UTF-16 text: NUL at byte 2");
}

static void other_codes_are_passed_over(void **state)
{
	(void)state;
	put_raw(0, 0, "x", 1);
	put_raw(1, 0x4d616320, "alias", 5); /* "Mac " */
	put_raw(2, 0x57693272, "x", 1);     /* "Wi2r" */
	h.locators[2].off = UINT64_MAX;
	put_raw(3, UINT32_MAX, "x", 1);
	put_name("base.vhd");
	assert_candidates((const char *const[]){ "vms/web/base.vhd", NULL });
}

static void a_text_must_lie_in_the_file(void **state)
{
	(void)state;
	put_text(2, W2KU, "base.vhd");
	h.locators[2].off = FILE_LEN - 16;
	h.locators[2].len = 16;
	assert_no_candidates(ERR_CORRUPT,
			     "differencing, but neither a locator nor a name says where the parent is"); /* all NULs */
	h.locators[2].off = FILE_LEN - 15;
	assert_unreadable("parent locator 2 (W2ku): text at 0x30d31+0x10: beyond end of file (200000 bytes)");
	h.locators[2].off = UINT64_MAX - 15;
	assert_unreadable(
		"parent locator 2 (W2ku): text at 0xfffffffffffffff0+0x10: beyond end of file (200000 bytes)");
	h.locators[2].off = 0;
	h.locators[2].len = 0;
	assert_unreadable("parent locator 2 (W2ku): text of 0 bytes (1 to 65536)");
	h.locators[2].len = 65537;
	assert_unreadable("parent locator 2 (W2ku): text of 65537 bytes (1 to 65536)");
	h.locators[2].len = UINT32_MAX;
	assert_unreadable("parent locator 2 (W2ku): text of 4294967295 bytes (1 to 65536)");
	h.locators[2].len = 65536;
	h.locators[2].off = FILE_LEN - 65536;
	assert_no_candidates(ERR_CORRUPT, "differencing, but neither a locator nor a name says where the parent is");
}

/* A good text elsewhere does not help: the bad one may have named another file. */
static void a_text_that_cannot_be_read_ends_the_search(void **state)
{
	(void)state;
	put_text(0, W2RU, "base.vhd");
	put_raw(1, W2KU, "a\0b", 3);
	assert_unreadable("parent locator 1 (W2ku): UTF-16 text of 3 bytes");
	put_raw(1, W2KU, "a\0\x3d\xd8", 4);
	assert_unreadable("parent locator 1 (W2ku): UTF-16 text: unpaired surrogate at byte 2");
	put_text(1, W2RU, "other.vhd");
	assert_unreadable("parent locator 1 (W2ru): is there twice");
	put_raw(1, MACX, "http://x/base.vhd", 17);
	assert_unreadable("parent locator 1 (MacX): no file URL");
	put_raw(1, MACX, "fil", 3);
	assert_unreadable("parent locator 1 (MacX): no file URL");
	put_raw(1, MACX, "file:/a%2", 9);
	assert_unreadable("parent locator 1 (MacX): file URL: '%' without two digits at byte 7");
	put_raw(1, MACX, "file:/a%g0", 10);
	assert_unreadable("parent locator 1 (MacX): file URL: '%' without two digits at byte 7");
	put_raw(1, MACX, "file:/a%00b", 11);
	assert_unreadable("parent locator 1 (MacX): file URL: NUL before byte 10");
	put_raw(1, 0, "", 0);
	put_be16(h.parent_name, 0xdc00);
	assert_unreadable("parent name: UTF-16 text: unpaired surrogate at byte 0");
	put_be16(h.parent_name + 508, 'x');
	put_be16(h.parent_name, 'x');
	for (size_t i = 2; i < 510; i += 2)
		put_be16(h.parent_name + i, 'x');
	put_be16(h.parent_name + 510, 0xd83d);
	assert_unreadable("parent name: UTF-16 text: unpaired surrogate at byte 510");
}

static void a_relative_path_that_is_absolute_is_refused(void **state)
{
	(void)state;
	put_name("base.vhd");
	put_text(0, W2RU, "\\base.vhd");
	assert_no_candidates(ERR_REFUSED, "parent locator: relative path '\\base.vhd' is absolute");
	put_text(0, W2RU, ".\\\\server\\base.vhd");
	assert_no_candidates(ERR_REFUSED, "parent locator: relative path '.\\\\server\\base.vhd' is absolute");
	put_text(0, W2RU, "C:base.vhd");
	assert_no_candidates(ERR_REFUSED, "parent locator: relative path 'C:base.vhd' is absolute");
	put_text(0, W2RU, "/etc/passwd");
	assert_no_candidates(ERR_REFUSED, "parent locator: relative path '/etc/passwd' is absolute");
}

static void what_names_no_file_is_no_candidate(void **state)
{
	static const char nowhere[] = "differencing, but neither a locator nor a name says where the parent is";

	(void)state;
	assert_no_candidates(ERR_CORRUPT, nowhere);
	put_text(0, W2KU, "C:\\vm\\");
	assert_no_candidates(ERR_CORRUPT, nowhere);
	put_text(0, W2KU, "C:\\vm\\..");
	assert_no_candidates(ERR_CORRUPT, nowhere);
	put_text(0, W2KU, "C:\\vm\\.");
	assert_no_candidates(ERR_CORRUPT, nowhere);
	put_text(0, W2RU, ".\\");
	assert_no_candidates(ERR_CORRUPT, nowhere);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(windows_names_the_parent_three_times),
		TEST(candidates_come_in_order_of_trust),
		TEST(each_place_alone_is_enough),
		TEST(a_name_may_fill_its_field),
		TEST(nuls_behind_a_text_are_padding),
		TEST(other_codes_are_passed_over),
		TEST(a_text_must_lie_in_the_file),
		TEST(a_text_that_cannot_be_read_ends_the_search),
		TEST(a_relative_path_that_is_absolute_is_refused),
		TEST(what_names_no_file_is_no_candidate),
	};

	return cmocka_run_group_tests_name("vhd-locator", tests, NULL, NULL);
}
