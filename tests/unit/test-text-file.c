/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/strbuf.h"
#include "base/text_file.h"
#include "support/scratch.h"

static int read_all(struct text_file *f, struct strbuf *out, struct error *err)
{
	const char *text;
	size_t len;

	do {
		if (text_file_next(f, &text, &len, err) < 0)
			return -1;
		strbuf_add(out, text, len);
	} while (len > 0);
	return 0;
}

/* The file's text, or NULL with the error. */
static char *text_of(const struct scratch_dir *dir, const void *bytes, size_t len, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf out = { 0 };
	CLEANUP(cleanup_text_file) struct text_file *f = NULL;

	scratch_write(dir, "f", bytes, len);
	f = text_file_open(dir->fd, "f", err);
	if (!f || read_all(f, &out, err) < 0)
		return NULL;
	return strbuf_take(&out, err);
}

static void each_encoding_becomes_utf_8(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *text;
	} cases[] = {
		{ "", 0, "" },
		{ "abc", 3, "abc" },
		{ "\xef\xbb\xbf" "abc", 6, "abc" },
		{ "B\xc3\xbcro \xe2\x82\xac \xf0\x9f\x92\xbe", 14, "B\xc3\xbcro \xe2\x82\xac \xf0\x9f\x92\xbe" },
		{ "\xff\xfe" "B\0\xfc\0\xac\x20\x3d\xd8\xbe\xdc", 12, "B\xc3\xbc\xe2\x82\xac\xf0\x9f\x92\xbe" },
		{ "\xfe\xff" "\0B\0\xfc\x20\xac\xd8\x3d\xdc\xbe", 12, "B\xc3\xbc\xe2\x82\xac\xf0\x9f\x92\xbe" },
		{ "B\xfcro \x80 \x96", 8, "B\xc3\xbcro \xe2\x82\xac \xe2\x80\x93" },
		{ "a\x81z", 3, "a\xef\xbf\xbdz" }, /* of no character in Windows-1252 */
		{ "abc\xc3", 4, "abc\xc3\x83" },   /* UTF-8 would go on: so it is none */
		{ "\xef\xbb\xbf\xfc", 4, "\xc3\xaf\xc2\xbb\xc2\xbf\xc3\xbc" },
		{ "\xff\xfe", 2, "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = ERROR_INIT;
		CLEANUP_FREE char *text = text_of(*state, cases[i].bytes, cases[i].len, &err);

		assert_string_equal(err.msg, "");
		assert_string_equal(text, cases[i].text);
	}
}

/* A character that lies across two pieces, at each place that it can. */
static void a_character_across_pieces_stays_whole(void **state)
{
	static const char *const characters[] = { "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x92\xbe" };

	for (size_t i = 0; i < ARRAY_LEN(characters); i++) {
		for (size_t before = TEXT_FILE_PIECE - 4; before <= TEXT_FILE_PIECE; before++) {
			CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
			CLEANUP_FREE char *text = NULL;
			struct error err = ERROR_INIT;

			while (b.len < before)
				strbuf_adds(&b, "x");
			strbuf_adds(&b, characters[i]);
			strbuf_adds(&b, "end");
			text = text_of(*state, b.s, b.len, &err);
			assert_string_equal(err.msg, "");
			assert_string_equal(text, b.s);
		}
	}
}

static void utf_16_that_is_cut_is_told_with_its_place(void **state)
{
	struct error err = ERROR_INIT;

	assert_null(text_of(*state, "\xff\xfe" "a\0b", 5, &err));
	assert_error(&err, ERR_CORRUPT, "f: at byte 4: half a character of UTF-16");
	err = (struct error)ERROR_INIT;
	assert_null(text_of(*state, "\xff\xfe" "a\0\x3d\xd8", 6, &err));
	assert_error(&err, ERR_CORRUPT, "f: at byte 4: half a character of UTF-16");
	err = (struct error)ERROR_INIT;
	assert_null(text_of(*state, "\xff\xfe\xbe\xdc" "a\0", 6, &err));
	assert_error(&err, ERR_CORRUPT, "f: at byte 2: half a character of UTF-16");
}

static void a_file_that_is_no_longer_utf_8_has_changed(void **state)
{
	CLEANUP(cleanup_text_file) struct text_file *f = NULL;
	const struct scratch_dir *dir = *state;
	struct error err = ERROR_INIT;
	const char *text;
	size_t len;

	scratch_write(dir, "f", "abc", 3);
	f = text_file_open(dir->fd, "f", &err);
	assert_non_null(f);
	scratch_write(dir, "f", "a\xfc\xfc", 3);
	assert_int_equal(text_file_next(f, &text, &len, &err), -1);
	assert_error(&err, ERR_CHANGED, "f: changed while it was read: it was UTF-8");
}

static void what_cannot_be_read_twice_is_refused(void **state)
{
	const struct scratch_dir *dir = *state;
	struct error err = ERROR_INIT;

	assert_int_equal(mkfifoat(dir->fd, "pipe", 0600), 0);
	assert_null(text_file_open(dir->fd, "pipe", &err));
	assert_error(&err, ERR_UNSUPPORTED, "pipe: not a regular file");
	err = (struct error)ERROR_INIT;
	assert_null(text_file_open(dir->fd, "none", &err));
	assert_error(&err, ERR_SYSTEM, "none: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_encoding_becomes_utf_8),
		cmocka_unit_test(a_character_across_pieces_stays_whole),
		cmocka_unit_test(utf_16_that_is_cut_is_told_with_its_place),
		cmocka_unit_test(a_file_that_is_no_longer_utf_8_has_changed),
		cmocka_unit_test(what_cannot_be_read_twice_is_refused),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
