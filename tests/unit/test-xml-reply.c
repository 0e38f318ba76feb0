/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "net/xml_reply.h"

static struct xml_doc *parse(const char *text, const char *root, struct error *err)
{
	return xml_parse(text, strlen(text), root, err);
}

static void the_services_error(void **state)
{
	static const struct {
		const char *text, *code, *message;
	} rows[] = {
		{ "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>LeaseLost</Code>"
		  "<Message>a &lt;b&gt; &amp; c\nTime:1</Message></Error>",
		  "LeaseLost", "a <b> & c Time:1" },
		{ "<Error><Message><![CDATA[x]]></Message></Error>", "", "x" },
		{ "<Other><Code>a</Code></Other>", "", "" },
		{ "<html><p>Bad gateway", "", "" },
		{ "", "", "" },
		{ "<Error><Code>a<b/></Code></Error>", "", "" },
	};
	struct xml_service_error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		xml_service_error(rows[i].text, strlen(rows[i].text), &e);
		assert_string_equal(e.code, rows[i].code);
		assert_string_equal(e.message, rows[i].message);
	}
}

static void a_long_message_is_cut_between_characters(void **state)
{
	struct xml_service_error e;
	CLEANUP(cleanup_strbuf) struct strbuf text = { .len = 0 };

	(void)state;
	strbuf_adds(&text, "<Error><Code>x</Code><Message>");
	for (int i = 0; i < 200; i++)
		strbuf_adds(&text, "\xc3\xa4");
	strbuf_adds(&text, "</Message></Error>");
	xml_service_error(text.s, text.len, &e);
	assert_int_equal(strlen(e.message), 254);
	assert_int_equal((unsigned char)e.message[253], 0xa4);
}

static void page_and_clear_ranges_in_their_order(void **state)
{
	CLEANUP(cleanup_xml)
	struct xml_doc *doc = parse("<PageList>\n <PageRange><Start>0</Start><End>511</End></PageRange>\n"
				    " <ClearRange><Start>1024</Start><End>2047</End></ClearRange>"
				    "<PageRange><Start>8796093022208</Start><End>8796093022719</End></PageRange>"
				    "<NextMarker>m1</NextMarker></PageList>",
				    "PageList", NULL);
	static const struct xml_range want[] = { { 0, 512, false },
						 { 1024, 1024, true },
						 { UINT64_C(8796093022208), 512, false } };
	const struct xml_element *at = NULL;
	const char *marker = NULL;
	struct xml_range r;

	(void)state;
	assert_non_null(doc);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(xml_next_range(doc, &at, &r, NULL), 1);
		assert_true(r.off == want[i].off && r.len == want[i].len && r.clear == want[i].clear);
	}
	assert_int_equal(xml_next_range(doc, &at, &r, NULL), 0);
	assert_int_equal(xml_next_marker(doc, &marker, NULL), 0);
	assert_string_equal(marker, "m1");
}

static void ranges_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *text, *msg;
	} rows[] = {
		{ "<PageList><PageRange><Start>5</Start></PageRange></PageList>",
		  "XML: <End> in <PageRange> is '', not a number" },
		{ "<PageList><PageRange><Start>-5</Start><End>6</End></PageRange></PageList>",
		  "XML: <Start> in <PageRange> is '-5', not a number" },
		{ "<PageList><ClearRange><Start>7</Start><End>6</End></ClearRange></PageList>",
		  "XML: <ClearRange> from 7 to 6" },
		{ "<PageList><PageRange><Start>0</Start><End>18446744073709551615</End></PageRange></PageList>",
		  "XML: <PageRange> from 0 to 18446744073709551615" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_xml) struct xml_doc *doc = parse(rows[i].text, "PageList", NULL);
		const struct xml_element *at = NULL;
		struct error e = ERROR_INIT;
		struct xml_range r;

		assert_non_null(doc);
		assert_int_equal(xml_next_range(doc, &at, &r, &e), -1);
		assert_error(&e, ERR_CORRUPT, rows[i].msg);
	}
}

static void blobs_of_a_list(void **state)
{
	CLEANUP(cleanup_xml)
	struct xml_doc *doc = parse(
		"<EnumerationResults ServiceEndpoint=\"https://a/\"><Prefix>p</Prefix><Blobs>"
		"<Blob><Name>a&amp;b/c.vhd</Name><Properties><Content-Length>512</Content-Length></Properties></Blob>"
		"<BlobPrefix><Name>dir/</Name></BlobPrefix>"
		"<Blob><Name Encoded=\"true\">a%01</Name><Snapshot>2026-11-21T22:00:03.1234567Z</Snapshot>"
		"<Metadata><liftfscycle>7</liftfscycle></Metadata></Blob>"
		"</Blobs><NextMarker /></EnumerationResults>",
		"EnumerationResults", NULL);
	const struct xml_element *at = NULL;
	const char *marker = "";
	struct xml_blob b;
	uint64_t n = 0;

	(void)state;
	assert_non_null(doc);
	assert_int_equal(xml_next_blob(doc, &at, &b, NULL), 1);
	assert_string_equal(b.name, "a&b/c.vhd");
	assert_false(b.name_encoded);
	assert_null(b.snapshot);
	assert_null(b.metadata);
	assert_null(xml_child_text(b.metadata, "x"));
	assert_int_equal(xml_child_u64(b.properties, "Content-Length", &n, NULL), 0);
	assert_int_equal(n, 512);
	assert_int_equal(xml_next_blob(doc, &at, &b, NULL), 1);
	assert_string_equal(b.name, "a%01");
	assert_true(b.name_encoded);
	assert_string_equal(b.snapshot, "2026-11-21T22:00:03.1234567Z");
	assert_string_equal(xml_child_text(b.metadata, "liftfscycle"), "7");
	assert_int_equal(xml_next_blob(doc, &at, &b, NULL), 0);
	assert_int_equal(xml_next_marker(doc, &marker, NULL), 0);
	assert_null(marker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_services_error),
		cmocka_unit_test(a_long_message_is_cut_between_characters),
		cmocka_unit_test(page_and_clear_ranges_in_their_order),
		cmocka_unit_test(ranges_that_are_none_are_refused),
		cmocka_unit_test(blobs_of_a_list),
	};

	return cmocka_run_group_tests_name("xml reply", tests, NULL, NULL);
}
