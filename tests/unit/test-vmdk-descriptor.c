/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "disk/vmdk_descriptor.h"

#define HEAD "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
#define BODY "RW 100 FLAT \"a-flat.vmdk\" 0\n"
#define SECTORS_MAX_TEXT "18014398509481983"

static int parse(const char *text, struct vmdk_descriptor *d, struct error *err)
{
	return vmdk_descriptor_parse(text, strlen(text), d, err);
}

static void reads_what_vmware_writes(void **state)
{
	static const char text[] =
		"# Disk DescriptorFile\nversion=1\nencoding=\"windows-1252\"\nCID=fffffffe\nparentCID=ffffffff\n"
		"isNativeSnapshot=\"no\"\ncreateType=\"twoGbMaxExtentSparse\"\n\n# Extent description\n"
		"RW 8323072 SPARSE \"Win 7-s001.vmdk\"\nRW 20480 SPARSE \"Win 7-s002.vmdk\"\n\n"
		"# The Disk Data Base \n#DDB\n\nddb.adapterType = \"lsilogic\"\n"
		"ddb.longContentID = \"d22a3d0c0f8e8ba6fb4fba83fffffffe\"\n"
		"ddb.uuid = \"60 00 C2 90 15 93 6f b5-e8 7f 91 67 5f 1f 3d 0c\"\nddb.virtualHWVersion = \"7\"\n";
	CLEANUP(cleanup_vmdk_descriptor) struct vmdk_descriptor d = { 0 };

	(void)state;
	assert_int_equal(parse(text, &d, NULL), 0);
	assert_string_equal(d.create_type, "twoGbMaxExtentSparse");
	assert_true(d.has_cid);
	assert_int_equal(d.cid, 0xfffffffe);
	assert_int_equal(d.parent_cid, VMDK_CID_NONE);
	assert_null(d.parent_hint);
	assert_string_equal(d.uuid, "60 00 C2 90 15 93 6f b5-e8 7f 91 67 5f 1f 3d 0c");
	assert_int_equal(d.n_extents, 2);
	assert_int_equal(d.extents[0].type, VMDK_SPARSE);
	assert_int_equal(d.extents[0].sectors, 8323072);
	assert_string_equal(d.extents[0].name, "Win 7-s001.vmdk");
	assert_string_equal(d.extents[1].name, "Win 7-s002.vmdk");
	assert_int_equal(d.sectors, 8323072 + 20480);
}

static void any_case_crlf_blanks_and_padding(void **state)
{
	static const char text[] =
		"VERSION = 3\r\n\tcid= ab \r\nPARENTCID=\"1c\"\r\nParentFileNameHint=\"..\\base disk.vmdk\"\r\n"
		"CREATETYPE=MonolithicFlat\r\n  rw  100\tflat \"x=y.vmdk\"  7 \r\nrdonly 5 zero\r\n\0\0\0\0";
	CLEANUP(cleanup_vmdk_descriptor) struct vmdk_descriptor d = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(vmdk_descriptor_parse(text, sizeof(text), &d, &e), 0);
	assert_string_equal(d.create_type, "monolithicFlat");
	assert_int_equal(d.cid, 0xab);
	assert_int_equal(d.parent_cid, 0x1c);
	assert_string_equal(d.parent_hint, "..\\base disk.vmdk");
	assert_int_equal(d.n_extents, 2);
	assert_string_equal(d.extents[0].name, "x=y.vmdk");
	assert_int_equal(d.extents[0].offset_sectors, 7);
	assert_int_equal(d.extents[1].type, VMDK_ZERO);
	assert_null(d.extents[1].name);
	assert_int_equal(d.sectors, 105);
}

static void reads_these(void **state)
{
	static const char *const texts[] = {
		HEAD BODY,
		HEAD "RW 100 FLAT \"a\"\n", /* no offset: 0 */
		HEAD "RW 100 VMFS \"a-flat.vmdk\"\n",
		HEAD "RW 100 VMFS \"a-flat.vmdk\" 0\n",
		HEAD "RW 100 FLAT \"a\" 0 1234-5678 disk0\n",
		HEAD "RW 100 VMFSSPARSE \"a-delta.vmdk\"\n",
		HEAD "RW 100 SESPARSE \"a-sesparse.vmdk\"\n",
		HEAD "RW " SECTORS_MAX_TEXT " ZERO",
		HEAD BODY "encryptionKeys=\"\"\nddb.iofilters = \"vmwarelwd\"\n", /* replication leaves the bytes as they are */
		HEAD BODY "CID=12345678\nddb.comment = \"he said \"no\"\"\nchangeTrackPath=\"a-ctk.vmdk\"\n",
		"version=1\ncreateType=\"custom\"\n" BODY, /* no CIDs in a base disk */
		"\n\n   # comment\nversion=2\ncreateType=custom\n" BODY,
		"version=1\nparentCID=0\nCID=00000001\ncreateType=\"vmfs\"\n" BODY,
		"version=1\nencoding=\"no-such-code\"\ncreateType=\"vmfs\"\n" BODY, /* ASCII is the same in all */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(cleanup_vmdk_descriptor) struct vmdk_descriptor d = { 0 };
		struct error e = ERROR_INIT;

		parse(texts[i], &d, &e);
		assert_error(&e, ERR_NONE, "");
		assert_int_equal(d.n_extents, 1);
	}
}

static void refuses_these(void **state)
{
	static const struct {
		const char *text, *msg;
		enum error_code code;
	} rows[] = {
		{ "", "descriptor: empty", ERR_CORRUPT },
		{ "# only a comment\n\n", "descriptor: empty", ERR_CORRUPT },
		{ "CID=1\n" HEAD BODY, "descriptor line 1: 'CID=1' where 'version=' must be", ERR_CORRUPT },
		{ BODY, "descriptor line 1: 'RW 100 FLAT \"a-flat.vmdk\" 0' where 'version=' must be", ERR_CORRUPT },
		{ "version=0\ncreateType=vmfs\n" BODY, "descriptor: version '0' (1 to 3)", ERR_CORRUPT },
		{ "version=4\ncreateType=vmfs\n" BODY, "descriptor: version '4' (1 to 3)", ERR_CORRUPT },
		{ "version=1x\ncreateType=vmfs\n" BODY, "descriptor: version '1x' (1 to 3)", ERR_CORRUPT },
		{ "version=1\n" BODY, "descriptor: no createType", ERR_CORRUPT },
		{ "version=1\ncreateType=\"qcow2\"\n" BODY, "descriptor: createType 'qcow2' is unknown", ERR_CORRUPT },
		{ "version=1\ncreateType=\"fullDevice\"\nRW 9 FLAT \"/dev/sda\" 0\n",
		  "descriptor: createType fullDevice: disks that are devices are not supported", ERR_UNSUPPORTED },
		{ "version=1\ncreateType=\"vmfsRawDeviceMap\"\nRW 9 VMFSRDM \"x-rdm.vmdk\"\n",
		  "descriptor line 3: VMFSRDM extent: raw device maps are not supported", ERR_UNSUPPORTED },
		{ "version=1\ncreateType=\"vmfsPassthroughRawDeviceMap\"\nRW 9 FLAT \"x-rdmp.vmdk\"\n",
		  "descriptor: createType vmfsPassthroughRawDeviceMap: disks that are devices are not supported",
		  ERR_UNSUPPORTED },
		{ HEAD, "descriptor: no extents", ERR_CORRUPT },
		{ HEAD "RX 100 FLAT \"a\" 0\n",
		  "descriptor line 6: neither an option nor an extent: 'RX 100 FLAT \"a\" 0'", ERR_CORRUPT },
		{ HEAD "RX 100 FLAT \"a=b\" 0\n",
		  "descriptor line 6: neither an option nor an extent: 'RX 100 FLAT \"a=b\" 0'", ERR_CORRUPT },
		{ HEAD BODY "garbage\n", "descriptor line 7: neither an option nor an extent: 'garbage'", ERR_CORRUPT },
		{ HEAD "NOACCESS 100 FLAT \"a\" 0\n", "descriptor line 6: an extent that may not be read (NOACCESS)",
		  ERR_UNSUPPORTED },
		{ HEAD "RW -5 FLAT \"a\" 0\n",
		  "descriptor line 6: extent size '-5': not a number of sectors from 1 to " SECTORS_MAX_TEXT,
		  ERR_CORRUPT },
		{ HEAD "RW 0 FLAT \"a\" 0\n",
		  "descriptor line 6: extent size '0': not a number of sectors from 1 to " SECTORS_MAX_TEXT,
		  ERR_CORRUPT },
		{ HEAD "RW 0x10 FLAT \"a\" 0\n",
		  "descriptor line 6: extent size '0x10': not a number of sectors from 1 to " SECTORS_MAX_TEXT,
		  ERR_CORRUPT },
		{ HEAD "RW\n", "descriptor line 6: extent size '': not a number of sectors from 1 to " SECTORS_MAX_TEXT,
		  ERR_CORRUPT },
		{ HEAD "RW 18014398509481984 ZERO\n",
		  "descriptor line 6: extent size '18014398509481984': not a number of sectors from 1 "
		  "to " SECTORS_MAX_TEXT,
		  ERR_CORRUPT },
		{ HEAD "RW 99999999999999999999999999 ZERO\n",
		  "descriptor line 6: extent size '99999999999999999999999999': not a number of sectors from 1 "
		  "to " SECTORS_MAX_TEXT,
		  ERR_CORRUPT },
		{ HEAD "RW " SECTORS_MAX_TEXT " ZERO\nRW 1 ZERO\n", "descriptor line 7: the disk's size overflows",
		  ERR_CORRUPT },
		{ HEAD "RW 100 THIN \"a\"\n", "descriptor line 6: extent type 'THIN'", ERR_CORRUPT },
		{ HEAD "RW 100\n", "descriptor line 6: extent type ''", ERR_CORRUPT },
		{ HEAD "RW 100 FLAT\n", "descriptor line 6: FLAT extent without a file name", ERR_CORRUPT },
		{ HEAD "RW 100 FLAT a.vmdk 0\n", "descriptor line 6: FLAT extent without a file name", ERR_CORRUPT },
		{ HEAD "RW 100 FLAT \"\" 0\n", "descriptor line 6: empty file name", ERR_CORRUPT },
		{ HEAD "RW 100 FLAT \"a 0\n", "descriptor line 6: unterminated quote: \"a 0", ERR_CORRUPT },
		{ HEAD "RW 100 FLAT \"a\"0\n", "descriptor line 6: '0' right after the extent's file name",
		  ERR_CORRUPT },
		{ HEAD "RW 100 FLAT \"a\" -1\n", "descriptor line 6: extent offset '-1': not a number of sectors",
		  ERR_CORRUPT },
		{ HEAD "RW 100 FLAT \"a\" 36028797018963968\n",
		  "descriptor line 6: extent offset '36028797018963968': not a number of sectors", ERR_CORRUPT },
		{ HEAD "RW 100 FLAT \"a\" 0 u d more\n", "descriptor line 6: 'more' after the extent", ERR_CORRUPT },
		{ HEAD "RW 100 VMFS \"a\" 8\n", "descriptor line 6: VMFS extent with an offset", ERR_CORRUPT },
		{ HEAD "RW 100 SPARSE \"a\" 8\n", "descriptor line 6: SPARSE extent with an offset", ERR_CORRUPT },
		{ HEAD "RW 100 ZERO \"a\"\n", "descriptor line 6: '\"a\"' after a ZERO extent", ERR_CORRUPT },
		{ HEAD BODY "ddb.uuid = \"60\n", "descriptor line 7: unterminated quote: ddb.uuid = \"60",
		  ERR_CORRUPT },
		{ HEAD BODY "ddb.uuid = \"\n", "descriptor line 7: unterminated quote: ddb.uuid = \"", ERR_CORRUPT },
		{ HEAD BODY "parentFileNameHint=\"a\" b\"\n",
		  "descriptor line 7: parentFileNameHint: a quote inside the value", ERR_CORRUPT },
		{ HEAD BODY "CID=87654321\n", "descriptor line 7: CID comes twice: '12345678' and '87654321'",
		  ERR_CORRUPT },
		{ "version=1\nCID=123456789\ncreateType=vmfs\n" BODY,
		  "descriptor: CID '123456789': not up to 8 hexadecimal digits", ERR_CORRUPT },
		{ "version=1\nCID=\ncreateType=vmfs\n" BODY, "descriptor: CID '': not up to 8 hexadecimal digits",
		  ERR_CORRUPT },
		{ "version=1\nCID=1\nparentCIE=1\nparentFileNameHint=\"p.vmdk\"\ncreateType=vmfs\n" BODY,
		  "descriptor: parentFileNameHint, but no parentCID", ERR_CORRUPT },
		{ "version=1\nCID=1\nparentCID=xyz\ncreateType=vmfs\n" BODY,
		  "descriptor: parentCID 'xyz': not up to 8 hexadecimal digits", ERR_CORRUPT },
		{ HEAD "RW 100 FLAT \"\xe4.vmdk\" 0\n", "descriptor: file name '\xe4.vmdk' is not valid UTF-8",
		  ERR_CORRUPT },
		{ HEAD BODY "encoding=\"Shift_JIS\"\nparentFileNameHint=\"\x81.vmdk\"\n",
		  "descriptor: file name '\x81.vmdk' is not valid Shift_JIS", ERR_CORRUPT },
		{ HEAD BODY "encoding=\"GBK\"\nparentFileNameHint=\"\xff\xff.vmdk\"\n",
		  "descriptor: file name '\xff\xff.vmdk' is not valid GBK", ERR_CORRUPT },
		{ HEAD "encoding=\"Big5\"\nRW 100 FLAT \"x\xb3\" 0\n",
		  "descriptor: file name 'x\xb3' is not valid Big5", ERR_CORRUPT },
		{ HEAD "encoding=\"windows-1252\"\nRW 100 FLAT \"\x81.vmdk\" 0\n",
		  "descriptor: file name '\x81.vmdk' is not valid windows-1252", ERR_CORRUPT },
		{ HEAD "encoding=\"windows-99999999999999999999\"\nRW 9 FLAT \"\xe4\"\n",
		  "descriptor: encoding 'windows-99999999999999999999' is unknown", ERR_UNSUPPORTED },
		{ HEAD BODY "ddb.iofilters = \"vmwarevmcrypt\"\n",
		  "descriptor: the disk is encrypted by its host (ddb.iofilters)", ERR_UNSUPPORTED },
		{ HEAD BODY "DDB.IOFilters=\"vmwarelwd,VMW_vmwareVMcrypt_1.0.0\"\n",
		  "descriptor: the disk is encrypted by its host (ddb.iofilters)", ERR_UNSUPPORTED },
		{ HEAD "encryptionKeys=\"vmware:key/list/(pair/(fqid/x,HMAC-SHA-256,y))\"\n" BODY,
		  "descriptor: the disk is encrypted by its host (encryptionKeys)", ERR_UNSUPPORTED },
		{ "version=5\nencryptionKeys=\"x\"\n" BODY,
		  "descriptor: the disk is encrypted by its host (encryptionKeys)", ERR_UNSUPPORTED },
		{ HEAD "encoding=\"\"\nRW 100 FLAT \"\xe4.vmdk\" 0\n", "descriptor: encoding '' is unknown",
		  ERR_UNSUPPORTED },
		{ HEAD "encoding=\"EBCDIC//IGNORE\"\nRW 100 FLAT \"\xe4.vmdk\" 0\n",
		  "descriptor: encoding 'EBCDIC//IGNORE' is unknown", ERR_UNSUPPORTED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_vmdk_descriptor) struct vmdk_descriptor d = { 0 };
		struct error e = ERROR_INIT;

		assert_int_equal(parse(rows[i].text, &d, &e), -1);
		assert_error(&e, rows[i].code, rows[i].msg);
	}
}

static void names_become_utf8(void **state)
{
	static const struct {
		const char *encoding, *stored, *want, *base; /* base: as written */
	} rows[] = {
		{ "UTF-8", "caf\xc3\xa9.vmdk", "caf\xc3\xa9.vmdk", NULL },
		{ "utf-8", "C:\\caf\xc3\xa9\\b.vmdk", "C:\\caf\xc3\xa9\\b.vmdk", NULL },
		{ "windows-1252", "caf\xe9.vmdk", "caf\xc3\xa9.vmdk", "caf\xe9.vmdk" },
		{ "windows-1252", "caf\xe9\\b.vmdk", "caf\xc3\xa9\\b.vmdk", "b.vmdk" },
		{ "ISO-8859-15", "..\\\xa4/\xa4.vmdk", "..\\\xe2\x82\xac/\xe2\x82\xac.vmdk", "\xa4.vmdk" },
		{ "GBK", "\xd6\xd0.vmdk", "\xe4\xb8\xad.vmdk", "\xd6\xd0.vmdk" },
		{ "GB18030", "\x81\x30\x89\x37.vmdk", "\xc3\x9e.vmdk", "\x81\x30\x89\x37.vmdk" },
		{ "Big5", "\xb3\x5c.vmdk", "\xe8\xa8\xb1.vmdk", "\xb3\x5c.vmdk" }, /* the second byte is a backslash */
		{ "Big5", "D:\\\xa5\x5c\\\xb3\x5c.vmdk", "D:\\\xe5\x8a\x9f\\\xe8\xa8\xb1.vmdk", "\xb3\x5c.vmdk" },
		{ "Shift_JIS", "\x83\x5c.vmdk", "\xe3\x82\xbd.vmdk", "\x83\x5c.vmdk" },
		{ "Shift_JIS", "a\\~\x87\x40.vmdk", "a\\~\xe2\x91\xa0.vmdk", "~\x87\x40.vmdk" }, /* as Windows has it */
		{ "EUC-KR", "\xc7\xd1.vmdk", "\xed\x95\x9c.vmdk", "\xc7\xd1.vmdk" },
		/* a letter is kept back until it is sure that no accent follows it */
		{ "windows-1258", "\xf0.vmdk", "\xc4\x91.vmdk", "\xf0.vmdk" },
		{ "windows-1258", "\xf0i\\da/a\xcc", "\xc4\x91i\\da/\xc3\xa0", "a\xcc" },
		{ "windows-949", "\xc7\xd1.vmdk", "\xed\x95\x9c.vmdk", "\xc7\xd1.vmdk" }, /* a code page by number */
		{ "Windows-932", "a\\\x83\x5c.vmdk", "a\\\xe3\x82\xbd.vmdk", "\x83\x5c.vmdk" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int ddb = 0; ddb < 2; ddb++) {
			CLEANUP(cleanup_vmdk_descriptor) struct vmdk_descriptor d = { 0 };
			struct error e = ERROR_INIT;

			/* The encoding counts for names before it as well. */
			snprintf(text, sizeof(text),
				 HEAD "RW 9 FLAT \"%s\" 0\n%sencoding=\"%s\"\nparentFileNameHint=\"%s\"\n",
				 rows[i].stored, ddb ? "ddb." : "", rows[i].encoding, rows[i].stored);
			parse(text, &d, &e);
			assert_error(&e, ERR_NONE, "");
			assert_string_equal(d.extents[0].name, rows[i].want);
			assert_string_equal(d.parent_hint, rows[i].want);
			if (rows[i].base) {
				assert_string_equal(d.extents[0].raw_name, rows[i].stored);
				assert_string_equal(d.parent_base_raw, rows[i].base);
			} else {
				assert_null(d.extents[0].raw_name);
				assert_null(d.parent_base_raw);
			}
		}
	}
}

static void the_descriptors_encoding_comes_before_the_data_bases(void **state)
{
	CLEANUP(cleanup_vmdk_descriptor) struct vmdk_descriptor d = { 0 };

	(void)state;
	assert_int_equal(
		parse(HEAD "RW 9 FLAT \"\xd6\xd0\" 0\nddb.encoding=\"windows-1252\"\nencoding=\"GBK\"\n", &d, NULL), 0);
	assert_string_equal(d.extents[0].name, "\xe4\xb8\xad");
}

static void nothing_follows_a_nul(void **state)
{
	static const char text[] = HEAD BODY "\0RW 1 ZERO\n";
	struct vmdk_descriptor d = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(vmdk_descriptor_parse(text, sizeof(text) - 1, &d, &e), -1);
	assert_error(&e, ERR_CORRUPT, "descriptor: a NUL at byte 120 with text after it");
	vmdk_descriptor_fini(&d);
}

/* What is left of a text that was up to 7 bytes longer, since its CID was. */
static void the_last_bytes_of_a_longer_text_may_follow_a_nul(void **state)
{
	static const struct {
		const char *rest; /* without the NUL that ends every string: that one is padding */
		size_t len;
		bool ok;
	} rows[] = {
		{ "\0\n", 2, true },
		{ "\0\n\0\0\0", 5, true },
		{ "\0ZERO\n", 6, true },
		{ "\0 ZERO\n", 7, true },
		{ "\0ERO\n\0\n\0", 8, true }, /* twice */
		{ "\0" "1 ZERO\n", 8, false }, /* longer than any CID makes it */
		{ "\0\0\0\0\0\0\0\n", 8, false },
		{ "\0ZERo\n", 6, false },
		{ "\0ZER", 4, false },
		{ "\0#\n", 3, false },
	};
	static const char text[] = HEAD "RW 1 ZERO\n";
	const size_t len = sizeof(text) - 1;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_vmdk_descriptor) struct vmdk_descriptor d = { 0 };
		struct error e = ERROR_INIT;
		char buf[256], msg[80];

		memcpy(buf, text, len);
		memcpy(buf + len, rows[i].rest, rows[i].len);
		snprintf(msg, sizeof(msg), "descriptor: a NUL at byte %zu with text after it", len);
		assert_int_equal(vmdk_descriptor_parse(buf, len + rows[i].len, &d, &e), rows[i].ok ? 0 : -1);
		assert_error(&e, rows[i].ok ? ERR_NONE : ERR_CORRUPT, rows[i].ok ? "" : msg);
		assert_int_equal(d.n_extents, rows[i].ok);
	}
}

/* A text of n extents of one sector each. */
static char *many(size_t n, size_t *len)
{
	static const char line[] = "RW 1 ZERO\n";
	char *text = malloc(sizeof(HEAD) + n * sizeof(line));
	size_t at = sizeof(HEAD) - 1;

	assert_non_null(text);
	memcpy(text, HEAD, at);
	for (size_t i = 0; i < n; i++, at += sizeof(line) - 1)
		memcpy(text + at, line, sizeof(line) - 1);
	*len = at;
	return text;
}

static void the_caps_hold(void **state)
{
	CLEANUP(cleanup_vmdk_descriptor) struct vmdk_descriptor d = { 0 }, d2 = { 0 }, d3 = { 0 }, d4 = { 0 };
	struct error e = ERROR_INIT, e2 = ERROR_INIT, e3 = ERROR_INIT;
	char *text, name[5000];
	size_t len;

	(void)state;
	text = many(VMDK_EXTENTS_MAX, &len);
	assert_int_equal(vmdk_descriptor_parse(text, len, &d, NULL), 0);
	assert_int_equal(d.sectors, VMDK_EXTENTS_MAX);
	free(text);
	text = many(100000, &len);
	assert_int_equal(vmdk_descriptor_parse(text, len, &d2, &e), -1);
	assert_error(&e, ERR_CORRUPT, "descriptor line 65542: more than 65536 extents");
	free(text);
	text = calloc(1, VMDK_DESCRIPTOR_MAX + 1);
	assert_int_equal(vmdk_descriptor_parse(text, VMDK_DESCRIPTOR_MAX + 1, &d3, &e2), -1);
	assert_error(&e2, ERR_CORRUPT, "descriptor of 1048577 bytes (at most 1048576)");
	free(text);
	snprintf(name, sizeof(name), "%sRW 1 FLAT \"%04096d\" 0\n", HEAD, 1);
	assert_int_equal(parse(name, &d4, &e3), -1);
	assert_error(&e3, ERR_CORRUPT, "descriptor line 6: file name of 4096 bytes (at most 4095)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_vmware_writes),
		cmocka_unit_test(any_case_crlf_blanks_and_padding),
		cmocka_unit_test(reads_these),
		cmocka_unit_test(refuses_these),
		cmocka_unit_test(names_become_utf8),
		cmocka_unit_test(the_descriptors_encoding_comes_before_the_data_bases),
		cmocka_unit_test(nothing_follows_a_nul),
		cmocka_unit_test(the_last_bytes_of_a_longer_text_may_follow_a_nul),
		cmocka_unit_test(the_caps_hold),
	};

	return cmocka_run_group_tests_name("vmdk_descriptor", tests, NULL, NULL);
}
