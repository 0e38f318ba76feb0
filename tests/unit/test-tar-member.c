/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "disk/tar_member.h"
#include "support/ova_writer.h"

static int read_at(const struct scratch_dir *s, uint64_t pos, struct tar_member *out, struct error *err)
{
	CLEANUP(cleanup_backing_root) struct backing_root *root = backing_root_open(s->path, NULL);
	CLEANUP(cleanup_backing) struct backing *b = backing_open(root, "a.tar", true, NULL);

	assert_non_null(b);
	return tar_member_read(b, pos, out, err);
}

static int read_saved(const struct scratch_dir *s, const struct ova_writer *w, struct tar_member *out, struct error *err)
{
	ova_writer_save(w, s, "a.tar");
	return read_at(s, 0, out, err);
}

static void assert_member(struct tar_member *m, enum tar_kind kind, const char *name, uint64_t off, uint64_t size,
			  uint64_t next)
{
	assert_int_equal(m->kind, kind);
	if (name)
		assert_string_equal(m->name, name);
	else
		assert_null(m->name);
	assert_int_equal(m->off, off);
	assert_int_equal(m->size, size);
	assert_int_equal(m->next, next);
	free(m->name);
	*m = (struct tar_member){ 0 };
}

static void members_follow_each_other_to_the_end(void **state)
{
	static const uint8_t block[512] = "whole";
	const struct scratch_dir *s = *state;
	struct ova_writer w = { 0 };
	struct tar_member m = { 0 };

	ova_writer_add(&w, "a.ovf", "x", 1);
	ova_writer_header(&w, "sub/", 0, '5');
	ova_writer_add(&w, "./sub/b", "", 0);
	ova_writer_header(&w, "link", 0, '2');
	ova_writer_header(&w, "old/", 0, '\0');
	ova_writer_header(&w, "./", 0, '5');
	ova_writer_header(&w, "tape", 0, '6');
	ova_writer_add(&w, "c", block, sizeof(block));
	ova_writer_save(&w, s, "a.tar");
	assert_int_equal(read_at(s, 0, &m, NULL), 0);
	assert_member(&m, TAR_FILE, "a.ovf", 512, 1, 1024);
	assert_int_equal(read_at(s, 1024, &m, NULL), 0);
	assert_member(&m, TAR_FOLDER, "sub", 1536, 0, 1536);
	assert_int_equal(read_at(s, 1536, &m, NULL), 0);
	assert_member(&m, TAR_FILE, "sub/b", 2048, 0, 2048);
	assert_int_equal(read_at(s, 2048, &m, NULL), 0);
	assert_member(&m, TAR_LINK, "link", 2560, 0, 2560);
	assert_int_equal(read_at(s, 2560, &m, NULL), 0);
	assert_member(&m, TAR_FOLDER, "old", 3072, 0, 3072);
	assert_int_equal(read_at(s, 3072, &m, NULL), 0);
	assert_member(&m, TAR_FOLDER, "", 3584, 0, 3584);
	assert_int_equal(read_at(s, 3584, &m, NULL), 0);
	assert_member(&m, TAR_OTHER, "tape", 4096, 0, 4096);
	assert_int_equal(read_at(s, 4096, &m, NULL), 0);
	assert_member(&m, TAR_FILE, "c", 4608, 512, 5120);
	assert_int_equal(read_at(s, 5120, &m, NULL), 0); /* nothing behind it */
	assert_member(&m, TAR_END, NULL, 0, 0, 0);
	ova_writer_end(&w);
	ova_writer_save(&w, s, "a.tar");
	assert_int_equal(read_at(s, 5120, &m, NULL), 0);
	assert_member(&m, TAR_END, NULL, 0, 0, 0);
	ova_writer_fini(&w);
}

static void names_come_from_prefix_pax_and_gnu_headers(void **state)
{
	const struct scratch_dir *s = *state;
	struct ova_writer w = { 0 };
	struct tar_member m = { 0 };
	char longname[300], record[320], pax[640] = "";
	size_t h;

	memset(longname, 'n', sizeof(longname));
	memcpy(longname + 293, ".vmdk", 6);
	h = ova_writer_header(&w, "file", 0, '0');
	memcpy(w.bytes + h + 345, "folder/in", 9);
	ova_writer_checksum(&w, h);
	assert_int_equal(read_saved(s, &w, &m, NULL), 0);
	assert_member(&m, TAR_FILE, "folder/in/file", 512, 0, 512);
	memcpy(w.bytes + h + 257, "ustar  ", 8); /* GNU keeps times there */
	ova_writer_checksum(&w, h);
	assert_int_equal(read_saved(s, &w, &m, NULL), 0);
	assert_member(&m, TAR_FILE, "file", 512, 0, 512);
	memset(w.bytes + h, 'f', 100); /* no NUL behind it */
	ova_writer_checksum(&w, h);
	assert_int_equal(read_saved(s, &w, &m, NULL), 0);
	assert_int_equal(strlen(m.name), 100);
	free(m.name);
	ova_writer_fini(&w);

	ova_writer_extra(&w, 'L', longname);
	ova_writer_extra(&w, 'K', "where to");
	ova_writer_add(&w, "cut", "x", 1);
	assert_int_equal(read_saved(s, &w, &m, NULL), 0);
	assert_member(&m, TAR_FILE, longname, 2560, 1, 3072);
	ova_writer_fini(&w);

	ova_writer_pax_record(pax, sizeof(pax), "mtime=1.5");
	snprintf(record, sizeof(record), "path=%s", longname);
	ova_writer_pax_record(pax, sizeof(pax), record);
	ova_writer_pax_record(pax, sizeof(pax), "size=700");
	ova_writer_extra(&w, 'g', "13 comment=y\n");
	ova_writer_extra(&w, 'x', pax);
	ova_writer_header(&w, "cut", 0, '0');
	ova_writer_content(&w, longname, 300);
	ova_writer_content(&w, longname, 300);
	assert_int_equal(read_saved(s, &w, &m, NULL), 0);
	assert_member(&m, TAR_FILE, longname, 2560, 700, 3584);
	ova_writer_fini(&w);
}

static void sizes_are_octal_or_base_256(void **state)
{
	static const struct {
		const char *field; /* 12 bytes */
		int64_t size;      /* -1: refused */
	} rows[] = {
		{ "00000000010\0", 8 },  { "         10 ", 8 },   { "10\0\0\0\0\0\0\0\0\0\0", 8 }, { "000000000010", 8 },
		{ "0\0\0\0\0\0\0\0\0\0\0\0", 0 }, { "00000000018\0", -1 }, { "\0\0\0\0\0\0\0\0\0\0\0\0", -1 },
		{ "            ", -1 },  { "-0000000010\0", -1 }, { "0000000001x\0", -1 }, { "10\0" "00000000\0", -1 },
		{ "\x80\0\0\0\0\0\0\0\0\0\0\x08", 8 },
	};
	const struct scratch_dir *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ova_writer w = { 0 };
		struct error e = ERROR_INIT;
		struct tar_member m = { 0 };
		size_t h = ova_writer_header(&w, "a", 8, '0');

		ova_writer_content(&w, "12345678", 8);
		memcpy(w.bytes + h + 124, rows[i].field, 12);
		ova_writer_checksum(&w, h);
		if (rows[i].size < 0) {
			assert_int_equal(read_saved(s, &w, &m, &e), -1);
			assert_error(&e, ERR_CORRUPT, "tar header at 0: its size is not an octal number");
		} else {
			assert_int_equal(read_saved(s, &w, &m, &e), 0);
			assert_int_equal(m.size, rows[i].size);
			free(m.name);
		}
		ova_writer_fini(&w);
	}
}

static void bad_sizes_in_base_256_are_refused(void **state)
{
	static const struct {
		uint8_t first;
		uint64_t size;
		const char *msg;
	} rows[] = {
		{ 0xff, UINT64_MAX, "tar header at 0: its size is negative" },
		{ 0xc0, 8, "tar header at 0: its size is negative" },
		{ 0x81, 8, "tar header at 0: its size is 2^63 bytes or more" },
		{ 0x80, UINT64_C(1) << 63, "tar header at 0: its size is 2^63 bytes or more" },
		{ 0x80, UINT64_C(1) << 62,
		  "cut inside 'a': 4611686018427387904 bytes at 0x200, where the file ends at 1024" },
		{ 0x80, 513, "cut inside 'a': 513 bytes at 0x200, where the file ends at 1024" },
	};
	const struct scratch_dir *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ova_writer w = { 0 };
		struct error e = ERROR_INIT;
		struct tar_member m = { 0 };

		ova_writer_add(&w, "a", "12345678", 8);
		ova_writer_base256(&w, 0, rows[i].first, rows[i].size);
		assert_int_equal(read_saved(s, &w, &m, &e), -1);
		assert_error(&e, ERR_CORRUPT, rows[i].msg);
		ova_writer_fini(&w);
	}
}

static void names_that_lead_out_are_refused(void **state)
{
	static const struct {
		const char *name;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ "../d.vmdk", ERR_REFUSED, "tar header at 0: member '../d.vmdk' leads out of the archive" },
		{ "../../d.vmdk", ERR_REFUSED, "tar header at 0: member '../../d.vmdk' leads out of the archive" },
		{ "a/../d.vmdk", ERR_REFUSED, "tar header at 0: member 'a/../d.vmdk' leads out of the archive" },
		{ "a/..", ERR_REFUSED, "tar header at 0: member 'a/..' leads out of the archive" },
		{ "./../d.vmdk", ERR_REFUSED, "tar header at 0: member '../d.vmdk' leads out of the archive" },
		{ "/etc/passwd", ERR_REFUSED, "tar header at 0: member '/etc/passwd' leads out of the archive" },
		{ "a//b", ERR_CORRUPT, "tar header at 0: member 'a//b' is no file's name" },
		{ "a/./b", ERR_CORRUPT, "tar header at 0: member 'a/./b' is no file's name" },
		{ ".", ERR_CORRUPT, "tar header at 0: member '.' is no file's name" },
		{ "a/.", ERR_CORRUPT, "tar header at 0: member 'a/.' is no file's name" },
		{ "", ERR_CORRUPT, "tar header at 0: a member without a name" },
		{ "a/", ERR_CORRUPT, "tar header at 0: a name that ends in '/', and no folder" },
	};
	const struct scratch_dir *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ova_writer w = { 0 };
		struct error e = ERROR_INIT;
		struct tar_member m = { 0 };

		ova_writer_add(&w, rows[i].name, "12345678", 8);
		assert_int_equal(read_saved(s, &w, &m, &e), -1);
		assert_error(&e, rows[i].code, rows[i].msg);
		ova_writer_fini(&w);
	}
}

/* Each case: headers in `extra` of that type before a file "a" of 8 bytes. */
static void bad_pax_and_gnu_headers_are_refused(void **state)
{
	static const struct {
		char type;
		const char *text;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ 'x', "", ERR_CORRUPT, "tar header at 0: a pax or GNU header of 0 bytes, of 1 to 1048576" },
		{ 'x', "path=x\n", ERR_CORRUPT, "tar header at 0: a pax record has a wrong length" },
		{ 'x', "9 path=x", ERR_CORRUPT, "tar header at 0: a pax record has a wrong length" },
		{ 'x', "8 path=x\n", ERR_CORRUPT, "tar header at 0: a pax record has a wrong length" },
		{ 'x', "11 path=x\n", ERR_CORRUPT, "tar header at 0: a pax record has a wrong length" },
		{ 'x', "0 path=x\n", ERR_CORRUPT, "tar header at 0: a pax record has a wrong length" },
		{ 'x', "4 =\n", ERR_CORRUPT, "tar header at 0: a pax record has a wrong length" },
		{ 'x', "99999999999999999999 path=x\n", ERR_CORRUPT, "tar header at 0: a pax record has a wrong length" },
		{ 'x', "9 path\tx\n", ERR_CORRUPT, "tar header at 0: a pax record without '='" },
		{ 'x', "9 size=x\n", ERR_CORRUPT, "tar header at 0: pax size is not a number below 2^63" },
		{ 'x', "10 size=-1\n", ERR_CORRUPT, "tar header at 0: a pax record has a wrong length" },
		{ 'x', "11 size=-1\n", ERR_CORRUPT, "tar header at 0: pax size is not a number below 2^63" },
		{ 'x', "8 size=\n", ERR_CORRUPT, "tar header at 0: pax size is not a number below 2^63" },
		{ 'x', "28 size=9223372036854775808\n", ERR_CORRUPT, "tar header at 0: pax size is not a number below 2^63" },
		{ 'x', "30 size=184467440737095516160\n", ERR_CORRUPT, "tar header at 0: pax size is not a number below 2^63" },
		{ 'x', "12 size=600\n", ERR_CORRUPT, "cut inside 'a': 600 bytes at 0x600, where the file ends at 2048" },
		{ 'x', "16 path=../evil\n", ERR_REFUSED, "tar header at 0x400: member '../evil' leads out of the archive" },
		{ 'x', "8 path=\n", ERR_CORRUPT, "tar header at 0x400: a member without a name" },
		{ 'x', "23 GNU.sparse.major=1\n", ERR_CORRUPT, "tar header at 0: a pax record has a wrong length" },
		{ 'x', "22 GNU.sparse.major=1\n", ERR_UNSUPPORTED,
		  "tar header at 0: sparse and split members are not supported" },
		{ 'x', "21 SCHILY.realsize=9\n", ERR_UNSUPPORTED,
		  "tar header at 0: sparse and split members are not supported" },
		{ 'g', "9 path=x\n", ERR_CORRUPT, "tar header at 0: a pax header for the whole archive gives a name or a size" },
		{ 'g', "9 size=1\n", ERR_CORRUPT, "tar header at 0: a pax header for the whole archive gives a name or a size" },
		{ 'L', "../evil", ERR_REFUSED, "tar header at 0x400: member '../evil' leads out of the archive" },
		{ 'S', "x", ERR_UNSUPPORTED, "tar header at 0: sparse and split members are not supported" },
		{ 'M', "x", ERR_UNSUPPORTED, "tar header at 0: sparse and split members are not supported" },
		{ 'V', "x", ERR_UNSUPPORTED, "tar header at 0: member of type 0x56" },
		{ '2', "x", ERR_CORRUPT, "tar header at 0: a link, folder or device with content" },
		{ '5', "x", ERR_CORRUPT, "tar header at 0: a link, folder or device with content" },
	};
	const struct scratch_dir *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ova_writer w = { 0 };
		struct error e = ERROR_INIT;
		struct tar_member m = { 0 };

		ova_writer_extra(&w, rows[i].type, rows[i].text);
		ova_writer_add(&w, "a", "12345678", 8);
		if (read_saved(s, &w, &m, &e) == 0)
			fail_msg("'%s' is read", rows[i].text);
		assert_error(&e, rows[i].code, rows[i].msg);
		ova_writer_fini(&w);
	}
}

static void a_nul_in_a_name_is_refused(void **state)
{
	const struct scratch_dir *s = *state;
	struct ova_writer w = { 0 };
	struct error e = ERROR_INIT;
	struct tar_member m = { 0 };

	ova_writer_extra(&w, 'x', "11 path=x_y\n");
	w.bytes[512] = '1';
	w.bytes[512 + 9] = '\0';
	ova_writer_add(&w, "a", "", 0);
	assert_int_equal(read_saved(s, &w, &m, &e), -1);
	ova_writer_fini(&w);
	e = (struct error)ERROR_INIT;
	ova_writer_extra(&w, 'x', "12 path=xxy\n");
	w.bytes[512 + 9] = '\0';
	ova_writer_add(&w, "a", "", 0);
	assert_int_equal(read_saved(s, &w, &m, &e), -1);
	assert_error(&e, ERR_CORRUPT, "tar header at 0: a NUL byte in the name");
	ova_writer_fini(&w);
	e = (struct error)ERROR_INIT;
	ova_writer_extra(&w, 'L', "abcdef");
	w.bytes[512 + 2] = '\0';
	ova_writer_add(&w, "a", "", 0);
	assert_int_equal(read_saved(s, &w, &m, &e), -1);
	assert_error(&e, ERR_CORRUPT, "tar header at 0: a NUL byte in the name");
	ova_writer_fini(&w);
}

static void damaged_and_cut_headers_are_refused(void **state)
{
	const struct scratch_dir *s = *state;
	struct ova_writer w = { 0 };
	struct error e = ERROR_INIT;
	struct tar_member m = { 0 };

	ova_writer_add(&w, "a", "12345678", 8);
	w.bytes[3] ^= 1;
	assert_int_equal(read_saved(s, &w, &m, &e), -1);
	assert_error(&e, ERR_CORRUPT, "tar header at 0: checksum 04637, where 04640 is expected");
	w.bytes[3] ^= 1;
	w.bytes[148] = 'x';
	e = (struct error)ERROR_INIT;
	assert_int_equal(read_saved(s, &w, &m, &e), -1);
	assert_error(&e, ERR_CORRUPT,
		     "tar header at 0: no tar header, or a damaged one: its checksum is not an octal number");
	w.bytes[0] = 0x1f;
	w.bytes[1] = (uint8_t)0x8b;
	e = (struct error)ERROR_INIT;
	assert_int_equal(read_saved(s, &w, &m, &e), -1);
	assert_error(&e, ERR_UNSUPPORTED, "the archive is compressed as a whole (gzip): unpack it first");
	e = (struct error)ERROR_INIT;
	scratch_write(s, "a.tar", "short", 5);
	assert_int_equal(read_at(s, 0, &m, &e), -1);
	assert_error(&e, ERR_CORRUPT, "tar header at 0: cut: the file ends before or inside it");
	ova_writer_fini(&w);
	e = (struct error)ERROR_INIT;
	ova_writer_extra(&w, 'L', "name"); /* and nothing behind it */
	assert_int_equal(read_saved(s, &w, &m, &e), -1);
	assert_error(&e, ERR_CORRUPT, "tar header at 0x400: cut: the file ends before or inside it");
	e = (struct error)ERROR_INIT;
	w.len = 514;
	assert_int_equal(read_saved(s, &w, &m, &e), -1);
	assert_error(&e, ERR_CORRUPT, "tar header at 0: cut inside a pax or GNU header");
	w.len = 1024;
	for (int i = 0; i < 8; i++)
		ova_writer_extra(&w, 'L', "name");
	ova_writer_add(&w, "a", "", 0);
	e = (struct error)ERROR_INIT;
	assert_int_equal(read_saved(s, &w, &m, &e), -1);
	assert_error(&e, ERR_CORRUPT, "tar header at 0x2000: too many pax and GNU headers before a member");
	ova_writer_fini(&w);
	e = (struct error)ERROR_INIT;
	ova_writer_header(&w, "x", 1048577, 'x');
	ova_writer_save(&w, s, "a.tar");
	scratch_truncate(s, "a.tar", 4 << 20);
	assert_int_equal(read_at(s, 0, &m, &e), -1);
	assert_error(&e, ERR_CORRUPT, "tar header at 0: a pax or GNU header of 1048577 bytes, of 1 to 1048576");
	ova_writer_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_follow_each_other_to_the_end),
		cmocka_unit_test(names_come_from_prefix_pax_and_gnu_headers),
		cmocka_unit_test(sizes_are_octal_or_base_256),
		cmocka_unit_test(bad_sizes_in_base_256_are_refused),
		cmocka_unit_test(names_that_lead_out_are_refused),
		cmocka_unit_test(bad_pax_and_gnu_headers_are_refused),
		cmocka_unit_test(a_nul_in_a_name_is_refused),
		cmocka_unit_test(damaged_and_cut_headers_are_refused),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
