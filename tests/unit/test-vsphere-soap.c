/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "inventory/vsphere_session.h"

#define ENVELOPE(body)                                                       \
	"<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\" " \
	"xmlns:q=\"http://www.w3.org/2001/XMLSchema-instance\">"             \
	"<S:Body>" body "</S:Body></S:Envelope>"
#define FAULT(text, detail)                                                                                          \
	ENVELOPE("<S:Fault><faultcode>ServerFaultCode</faultcode><faultstring>" text "</faultstring><detail>" detail \
		 "</detail></S:Fault>")

static void check_refused(const char *text, long status, enum error_code code, const char *msg)
{
	CLEANUP(cleanup_vsphere_reply) struct vsphere_reply reply = { .doc = NULL };
	struct error err = ERROR_INIT;

	assert_int_equal(vsphere_soap_parse(text, strlen(text), status, "Login", &reply, &err), -1);
	assert_error(&err, code, msg);
	assert_null(reply.doc);
}

static void a_reply_gives_what_the_method_returned(void **state)
{
	CLEANUP(cleanup_vsphere_reply) struct vsphere_reply reply = { .doc = NULL };
	const char *text =
		ENVELOPE("<LoginResponse xmlns=\"urn:vim25\"><returnval><key>k</key></returnval></LoginResponse>");

	(void)state;
	assert_int_equal(vsphere_soap_parse(text, strlen(text), 200, "Login", &reply, NULL), 0);
	assert_string_equal(xml_child_text(xml_child(reply.response, "returnval"), "key"), "k");
}

static void a_fault_says_who_can_do_something_about_it(void **state)
{
	(void)state;
	check_refused(FAULT("wrong password", "<InvalidLoginFault q:type=\"InvalidLogin\"/>"), 500, ERR_REFUSED,
		      "InvalidLogin: wrong password");
	check_refused(FAULT("", "<NoPermissionFault/>"), 500, ERR_REFUSED, "NoPermission");
	check_refused(FAULT("what?", "<f q:type=\"vim:MethodNotFound\"/>"), 500, ERR_UNSUPPORTED,
		      "MethodNotFound: what?");
	check_refused(FAULT("busy", "<f q:type=\"HostCommunication\"/>"), 500, ERR_NETWORK, "HostCommunication: busy");
	check_refused(FAULT("busy", ""), 500, ERR_NETWORK, "fault: busy");
	check_refused(FAULT("busy", "<f q:type=\"InvalidLogin\"/>"), 200, ERR_REFUSED, "InvalidLogin: busy");
}

static void what_is_no_reply_is_refused(void **state)
{
	(void)state;
	check_refused("", 503, ERR_NETWORK, "HTTP status 503");
	check_refused("gone", 500, ERR_NETWORK, "HTTP status 500");
	check_refused("", 401, ERR_REFUSED, "HTTP status 401");
	check_refused("", 404, ERR_UNSUPPORTED, "HTTP status 404: there is no vSphere API");
	check_refused("<html/>", 200, ERR_CORRUPT, "not a reply of a vCenter: XML: <html>, not <Envelope>");
	check_refused("", 200, ERR_CORRUPT, "not a reply of a vCenter: XML: 0 bytes, of 1 to 67108864");
	check_refused(ENVELOPE("<LogoutResponse/>"), 200, ERR_CORRUPT,
		      "the reply holds <LogoutResponse>, not <LoginResponse>");
	check_refused(ENVELOPE(""), 200, ERR_CORRUPT, "the reply holds <>, not <LoginResponse>");
	check_refused(ENVELOPE("<LoginResponse/>"), 500, ERR_NETWORK, "HTTP status 500");
}

static void text_is_written_so_that_it_stays_text(void **state)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { .len = 0 };
	struct error err = ERROR_INIT;

	(void)state;
	vsphere_reserve(&b, 100);
	assert_true(b.cap > 100 && b.len == 0);
	assert_int_equal(vsphere_add_text(&b, "a<b>&\"c\"\r\n\xc3\xa9", NULL), 0);
	assert_string_equal(b.s, "a&lt;b&gt;&amp;\"c\"&#13;&#10;\xc3\xa9");
	assert_int_equal(vsphere_add_text(&b, "\x1b", &err), -1);
	assert_error(&err, ERR_USAGE, "a control character (0x1b), which XML cannot hold");
}

/* ---- what a server says of itself ---- */

#define CONTENT(about, folder)                                                                \
	ENVELOPE("<LoginResponse><returnval>" folder                                          \
		 "<propertyCollector type=\"PropertyCollector\">pc</propertyCollector>"       \
		 "<viewManager type=\"ViewManager\">vm</viewManager><about>" about "</about>" \
		 "<sessionManager type=\"SessionManager\">sm</sessionManager></returnval></LoginResponse>")
#define FOLDER "<rootFolder type=\"Folder\">group-d1</rootFolder>"

static int take_content(const char *text, struct vsphere_session *s, struct error *err)
{
	CLEANUP(cleanup_vsphere_reply) struct vsphere_reply reply = { .doc = NULL };

	assert_int_equal(vsphere_soap_parse(text, strlen(text), 200, "Login", &reply, NULL), 0);
	return vsphere_session_take_content(s, &reply, err);
}

static void the_api_is_spoken_as_the_server_has_it(void **state)
{
	CLEANUP(cleanup_vsphere_session) struct vsphere_session s = { .soap = { .host = "vc" } };

	(void)state;
	assert_int_equal(
		take_content(CONTENT("<apiVersion>8.0.2.0</apiVersion><instanceUuid>u-1</instanceUuid>", FOLDER), &s,
			     NULL),
		0);
	assert_string_equal(s.soap.version, "8.0.2.0");
	assert_string_equal(s.uuid, "u-1");
	assert_string_equal(s.root_folder, "group-d1");
	assert_string_equal(s.session_manager, "sm");
	assert_int_equal(take_content(CONTENT("<apiVersion>6.5</apiVersion>", FOLDER), &s, NULL), 0);
	assert_string_equal(s.soap.version, "6.5");
	assert_string_equal(s.uuid, "vc");
}

static void check_content_refused(const char *text, enum error_code code, const char *msg)
{
	CLEANUP(cleanup_vsphere_session) struct vsphere_session s = { .soap = { .host = "vc" } };
	struct error err = ERROR_INIT;

	assert_int_equal(take_content(text, &s, &err), -1);
	assert_error(&err, code, msg);
}

static void a_server_that_cannot_be_read_is_refused(void **state)
{
	(void)state;
	check_content_refused(CONTENT("<apiVersion>6.0</apiVersion>", FOLDER), ERR_UNSUPPORTED,
			      "vc: its API is of version 6.0, older than 6.5");
	check_content_refused(CONTENT("<apiVersion>5</apiVersion>", FOLDER), ERR_UNSUPPORTED,
			      "vc: its API is of version 5, older than 6.5");
	check_content_refused(CONTENT("<apiVersion>8\n.0</apiVersion>", FOLDER), ERR_CORRUPT,
			      "vc: version of its API: '8\n.0'");
	check_content_refused(CONTENT("", FOLDER), ERR_CORRUPT, "vc: version of its API: ''");
	check_content_refused(CONTENT("<apiVersion>7.0</apiVersion>", ""), ERR_CORRUPT,
			      "vc: the server names no rootFolder");
	check_content_refused(CONTENT("<apiVersion>7.0</apiVersion>", "<rootFolder>&lt;x</rootFolder>"), ERR_CORRUPT,
			      "vc: the server names no rootFolder");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_gives_what_the_method_returned),
		cmocka_unit_test(a_fault_says_who_can_do_something_about_it),
		cmocka_unit_test(what_is_no_reply_is_refused),
		cmocka_unit_test(text_is_written_so_that_it_stays_text),
		cmocka_unit_test(the_api_is_spoken_as_the_server_has_it),
		cmocka_unit_test(a_server_that_cannot_be_read_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
