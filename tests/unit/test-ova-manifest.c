/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "disk/ova_manifest.h"
#include "support/ova_writer.h"

/* Of "abc" (FIPS 180) */
#define ABC_SHA1 "a9993e364706816aba3e25717850c26c9cd0d89d"
#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_SHA512                                                       \
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" \
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static struct ova *open_with(const struct scratch_dir *s, const char *manifest)
{
	CLEANUP(cleanup_backing_root) struct backing_root *root = backing_root_open(s->path, NULL);
	struct ova_writer w = { 0 };
	char ovf[OVA_W_OVF_MAX];
	struct ova *o;

	ova_writer_ovf_one(ovf, "a (1)=b.raw", 512);
	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	if (manifest)
		ova_writer_add(&w, "x.mf", manifest, strlen(manifest));
	ova_writer_add(&w, "x.cert", "?", 1);
	ova_writer_add(&w, "a (1)=b.raw", "abc", 3);
	ova_writer_header(&w, "link", 0, '2');
	ova_writer_save(&w, s, "a.ova");
	ova_writer_fini(&w);
	o = ova_open(backing_open(root, "a.ova", true, NULL), NULL);
	assert_non_null(o);
	return o;
}

static void every_spelling_is_understood(void **state)
{
	static const struct {
		const char *line, *algorithm;
	} rows[] = {
		{ "SHA1(a (1)=b.raw)= " ABC_SHA1, "SHA1" },
		{ "SHA1 (a (1)=b.raw) = " ABC_SHA1 "\n", "SHA1" },
		{ "sha-1(a (1)=b.raw)=" ABC_SHA1 "\r\n", "SHA1" },
		{ "\n\r\n  SHA256(a (1)=b.raw)= " ABC_SHA256 " \t\r\n\n", "SHA256" },
		{ "Sha256\t(a (1)=b.raw)\t=\tBA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD\n", "SHA256" },
		{ "SHA-256(a (1)=b.raw)= " ABC_SHA256, "SHA256" },
		{ "SHA2-256(./a (1)=b.raw)= " ABC_SHA256, "SHA256" },
		{ "SHA512(a (1)=b.raw)= " ABC_SHA512, "SHA512" },
		{ "SHA-512(a (1)=b.raw)= " ABC_SHA512, "SHA512" },
		{ "SHA2-512(a (1)=b.raw)= " ABC_SHA512, "SHA512" },
	};
	const struct scratch_dir *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_ova) struct ova *o = open_with(s, rows[i].line);
		CLEANUP(cleanup_ova_manifest) struct ova_manifest m = { 0 };
		char expected[OVA_DIGEST_TEXT], found[OVA_DIGEST_TEXT];
		struct error e = ERROR_INIT;
		bool equal = false;

		if (ova_manifest_read(o, &m, &e) < 0)
			fail_msg("%s", e.msg);
		assert_string_equal(m.file->name, "x.mf");
		assert_int_equal(m.n, 1);
		assert_string_equal(m.lines[0].algorithm, rows[i].algorithm);
		assert_string_equal(m.lines[0].member->name, "a (1)=b.raw");
		assert_int_equal(ova_manifest_check(o, &m.lines[0], &equal, found, NULL), 0);
		assert_true(equal);
		ova_manifest_digest(&m.lines[0], expected);
		assert_string_equal(found, expected);
		assert_true(ova_manifest_covers(&m, ova_member(o, "a (1)=b.raw")));
		assert_true(ova_manifest_covers(&m, ova_member(o, "x.mf")));
		assert_true(ova_manifest_covers(&m, ova_member(o, "x.cert")));
		assert_false(ova_manifest_covers(&m, ova_member(o, "x.ovf")));
	}
}

static void a_wrong_digest_is_seen_whichever_digit_it_is(void **state)
{
	const struct scratch_dir *s = *state;

	for (size_t i = 0; i < 64; i += 9) {
		char line[] = "SHA256(a (1)=b.raw)= " ABC_SHA256, found[OVA_DIGEST_TEXT];
		CLEANUP(cleanup_ova_manifest) struct ova_manifest m = { 0 };
		CLEANUP(cleanup_ova) struct ova *o = NULL;
		bool equal = true;

		line[21 + i] = line[21 + i] == '0' ? '1' : '0';
		o = open_with(s, line);
		assert_int_equal(ova_manifest_read(o, &m, NULL), 0);
		assert_int_equal(ova_manifest_check(o, &m.lines[0], &equal, found, NULL), 0);
		assert_false(equal);
		assert_string_equal(found, ABC_SHA256);
	}
}

static void bad_manifests_are_refused(void **state)
{
	static const struct {
		const char *text;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ "SHA3-256(x.ovf)= " ABC_SHA256, ERR_UNSUPPORTED,
		  "a.ova: x.mf: line 1: digest 'SHA3-256': SHA1, SHA256 and SHA512 are known" },
		{ "MD5(x.ovf)= 00000000000000000000000000000000", ERR_UNSUPPORTED,
		  "a.ova: x.mf: line 1: digest 'MD5': SHA1, SHA256 and SHA512 are known" },
		{ "(x.ovf)= " ABC_SHA1, ERR_UNSUPPORTED, "a.ova: x.mf: line 1: digest '': SHA1, SHA256 and SHA512 are known" },
		{ "\nSHA1(no.vmdk)= " ABC_SHA1, ERR_CORRUPT, "a.ova: x.mf: line 2: 'no.vmdk' is not a file of the archive" },
		{ "SHA1(../x.ovf)= " ABC_SHA1, ERR_CORRUPT, "a.ova: x.mf: line 1: '../x.ovf' is not a file of the archive" },
		{ "SHA1(link)= " ABC_SHA1, ERR_CORRUPT, "a.ova: x.mf: line 1: 'link' is not a file of the archive" },
		{ "SHA1()= " ABC_SHA1, ERR_CORRUPT, "a.ova: x.mf: line 1: not as in SHA256(NAME)= DIGEST" },
		{ "SHA1 x.ovf = " ABC_SHA1, ERR_CORRUPT, "a.ova: x.mf: line 1: not as in SHA256(NAME)= DIGEST" },
		{ "SHA1(x.ovf = " ABC_SHA1, ERR_CORRUPT, "a.ova: x.mf: line 1: not as in SHA256(NAME)= DIGEST" },
		{ "SHA1(x.ovf) " ABC_SHA1, ERR_CORRUPT, "a.ova: x.mf: line 1: not as in SHA256(NAME)= DIGEST" },
		{ "= SHA1(x.ovf)", ERR_CORRUPT, "a.ova: x.mf: line 1: not as in SHA256(NAME)= DIGEST" },
		{ "SHA1(x.ovf)=", ERR_CORRUPT, "a.ova: x.mf: line 1: not the 40 hexadecimal digits of a SHA1 digest" },
		{ "SHA1(x.ovf)= " ABC_SHA1 "0", ERR_CORRUPT,
		  "a.ova: x.mf: line 1: not the 40 hexadecimal digits of a SHA1 digest" },
		{ "SHA256(x.ovf)= " ABC_SHA1, ERR_CORRUPT,
		  "a.ova: x.mf: line 1: not the 64 hexadecimal digits of a SHA256 digest" },
		{ "SHA1(x.ovf)= g9993e364706816aba3e25717850c26c9cd0d89d", ERR_CORRUPT,
		  "a.ova: x.mf: line 1: not the 40 hexadecimal digits of a SHA1 digest" },
	};
	const struct scratch_dir *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_ova) struct ova *o = open_with(s, rows[i].text);
		CLEANUP(cleanup_ova_manifest) struct ova_manifest m = { 0 };
		struct error e = ERROR_INIT;

		assert_int_equal(ova_manifest_read(o, &m, &e), -1);
		assert_error(&e, rows[i].code, rows[i].msg);
	}
}

static void there_may_be_none_but_not_two(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_backing_root) struct backing_root *root = backing_root_open(s->path, NULL);
	CLEANUP(cleanup_ova) struct ova *o = open_with(s, NULL);
	CLEANUP(cleanup_ova) struct ova *two = NULL;
	CLEANUP(cleanup_ova_manifest) struct ova_manifest m = { 0 };
	struct error e = ERROR_INIT;
	struct ova_writer w = { 0 };
	char ovf[OVA_W_OVF_MAX];

	assert_int_equal(ova_manifest_read(o, &m, NULL), 0);
	assert_null(m.file);
	ova_writer_ovf_one(ovf, "a.raw", 512);
	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	ova_writer_add(&w, "x.mf", "", 0);
	ova_writer_add(&w, "y.MF", "", 0);
	ova_writer_save(&w, s, "a.ova");
	ova_writer_fini(&w);
	two = ova_open(backing_open(root, "a.ova", true, NULL), NULL);
	assert_int_equal(ova_manifest_read(two, &m, &e), -1);
	assert_error(&e, ERR_CORRUPT, "a.ova: two manifests, 'x.mf' and 'y.MF'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_is_understood),
		cmocka_unit_test(a_wrong_digest_is_seen_whichever_digit_it_is),
		cmocka_unit_test(bad_manifests_are_refused),
		cmocka_unit_test(there_may_be_none_but_not_two),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
