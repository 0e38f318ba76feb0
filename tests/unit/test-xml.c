/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/xml.h"

static struct xml_doc *parse(const char *text, const char *root, struct error *err)
{
	return xml_parse(text, strlen(text), root, err);
}

static void what_is_dangerous_or_broken_is_refused(void **state)
{
	CLEANUP_FREE char *deep = calloc(1, 20000);
	struct error e[6] = { ERROR_INIT, ERROR_INIT, ERROR_INIT, ERROR_INIT, ERROR_INIT, ERROR_INIT };

	(void)state;
	assert_null(parse("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>", NULL, &e[0]));
	assert_error(&e[0], ERR_CORRUPT, "XML: it brings a DTD");
	assert_null(parse("<a><b></a>", NULL, &e[1]));
	assert_error(&e[1], ERR_CORRUPT, "XML: not well-formed");
	assert_null(parse("<a>&undefined;</a>", NULL, &e[2]));
	assert_error(&e[2], ERR_CORRUPT, "XML: not well-formed");
	assert_null(parse("", NULL, &e[3]));
	assert_error(&e[3], ERR_CORRUPT, "XML: 0 bytes, of 1 to 67108864");
	assert_null(parse("<a/>", "PageList", &e[4]));
	assert_error(&e[4], ERR_CORRUPT, "XML: <a>, not <PageList>");
	for (int i = 0; i < 2000; i++) { /* well-formed, but too deep */
		memcpy(deep + 3 * i, "<a>", 3);
		memcpy(deep + 6000 + 4 * i, "</a>", 4);
	}
	assert_null(parse(deep, NULL, &e[5]));
	assert_error(&e[5], ERR_CORRUPT, "XML: not well-formed");
}

static void elements_and_attributes_by_their_local_names(void **state)
{
	static const char text[] = "<a xmlns:o='urn:x' o:n='1' e='' two='x&amp;y'><o:b>t</o:b><c/><b>u</b><n>18</n></a>";
	CLEANUP(cleanup_xml) struct xml_doc *doc = parse(text, "a", NULL);
	const struct xml_element *root = xml_root(doc);
	uint64_t n;

	(void)state;
	assert_string_equal(xml_attribute(root, "n"), "1");
	assert_string_equal(xml_attribute(root, "e"), "");
	assert_string_equal(xml_attribute(root, "two"), "x&y");
	assert_null(xml_attribute(root, "none"));
	assert_null(xml_attribute(NULL, "n"));
	assert_string_equal(xml_child_text(root, "b"), "t");
	assert_string_equal(xml_text(xml_next(xml_child(root, "b"), "b")), "u");
	assert_string_equal(xml_child_text(root, "c"), "");
	assert_int_equal(xml_child_u64(root, "n", &n, NULL), 0);
	assert_int_equal(n, 18);
	assert_int_equal(xml_child_u64(root, "b", &n, NULL), -1);
}

/* libxml2 has things to say that no option silences; standard error belongs to the programs. */
static void broken_encodings_say_nothing(void **state)
{
	static const char text[] = "\xff\xfe<\0?\0x\0m\0l\0?\0>\0<\0a\0>\0\xda\xdb<\0/\0a\0>";
	static const char declared[] = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a>\xda</a>";
	FILE *sink = tmpfile();
	int saved = dup(STDERR_FILENO);

	(void)state;
	assert_non_null(sink);
	assert_true(dup2(fileno(sink), STDERR_FILENO) >= 0);
	assert_null(xml_parse(text, sizeof(text), NULL, NULL));
	xml_free(xml_parse(declared, sizeof(declared) - 1, NULL, NULL));
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	assert_int_equal(lseek(fileno(sink), 0, SEEK_END), 0);
	fclose(sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_dangerous_or_broken_is_refused),
		cmocka_unit_test(elements_and_attributes_by_their_local_names),
		cmocka_unit_test(broken_encodings_say_nothing),
	};
	return cmocka_run_group_tests_name("xml", tests, NULL, NULL);
}
