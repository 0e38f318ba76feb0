/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "target/azure_reply.h"

static void expect(long status, const char *code, enum error_code want_code, int want_detail)
{
	struct azure_reply r;
	struct error err = ERROR_INIT;

	azure_reply_read(status, code, NULL, NULL, 0, &r);
	assert_int_equal(azure_reply_error(&r, "write", "key", "rcwl", &err), -1);
	if (err.code != want_code || err.detail != want_detail)
		fail_msg("%ld %s: code %d, detail %d", status, code ? code : "", (int)err.code, err.detail);
}

static void each_condition_has_its_refusal(void **state)
{
	(void)state;
	expect(412, "ConditionNotMet", ERR_CONFLICT, TARGET_REFUSED_VERSION);
	expect(412, NULL, ERR_CONFLICT, TARGET_REFUSED_VERSION);
	expect(412, "SequenceNumberConditionNotMet", ERR_CONFLICT, TARGET_REFUSED_NUMBER);
	expect(409, "BlobAlreadyExists", ERR_CONFLICT, TARGET_REFUSED_EXISTS);
	expect(404, "BlobNotFound", ERR_CONFLICT, TARGET_REFUSED_MISSING);
	expect(404, NULL, ERR_CONFLICT, TARGET_REFUSED_MISSING);
}

static void lease_codes_count_under_any_status(void **state)
{
	static const char *const codes[] = { "LeaseIdMissing",
					     "LeaseIdMismatchWithBlobOperation",
					     "LeaseLost",
					     "LeaseNotPresentWithBlobOperation",
					     "LeaseAlreadyPresent",
					     "LeaseIdMismatchWithLeaseOperation",
					     "LeaseNotPresentWithLeaseOperation",
					     "LeaseIsBreakingAndCannotBeAcquired" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		expect(409, codes[i], ERR_BUSY, TARGET_REFUSED_LEASE);
		expect(412, codes[i], ERR_BUSY, TARGET_REFUSED_LEASE);
	}
}

static void others_say_who_must_act(void **state)
{
	(void)state;
	expect(403, "AuthorizationFailure", ERR_REFUSED, 403);
	expect(401, NULL, ERR_REFUSED, 401);
	expect(404, "ContainerNotFound", ERR_REFUSED, 404);
	expect(409, "SnapshotCountExceeded", ERR_REFUSED, 409);
	expect(409, "InvalidBlobType", ERR_UNSUPPORTED, 409);
	expect(409, "FeatureNotYetSupportedForHierarchicalNamespaceAccounts", ERR_UNSUPPORTED, 409);
	expect(416, "InvalidPageRange", ERR_BUG, 416);
	expect(413, "RequestBodyTooLarge", ERR_BUG, 413);
	expect(400, "Crc64Mismatch", ERR_NETWORK, 400);
	expect(503, "ServerBusy", ERR_NETWORK, 503);
	expect(500, "InternalError", ERR_NETWORK, 500);
	expect(302, NULL, ERR_UNSUPPORTED, 302);
}

static void a_body_tells_code_and_message(void **state)
{
	static const char body[] =
		"<?xml version=\"1.0\"?><Error><Code>AuthorizationPermissionMismatch</Code><Message>This request "
		"is not authorized.\nRequestId:11\nTime:2026</Message></Error>";
	struct azure_reply r;
	struct error err = ERROR_INIT;

	(void)state;
	azure_reply_read(403, NULL, "req-1", body, sizeof(body) - 1, &r);
	assert_string_equal(r.code, "AuthorizationPermissionMismatch");
	assert_string_equal(r.message, "This request is not authorized");
	azure_reply_error(&r, "list of blobs", "SAS of the URL", "rcwld", &err);
	assert_error(&err, ERR_REFUSED,
		     "list of blobs: HTTP status 403 AuthorizationPermissionMismatch: This request is not authorized; "
		     "asked as SAS "
		     "of the URL; needed: Storage Blob Data Contributor on the container, or a SAS with sp=rcwld (a role "
		     "given just now takes up to 10 minutes)");
	assert_int_equal(err.detail, 403);
}

static void a_key_that_is_not_accepted_is_not_a_matter_of_rights(void **state)
{
	struct azure_reply r;
	struct error err = ERROR_INIT;

	(void)state;
	azure_reply_read(403, "AuthenticationFailed", "req-1", NULL, 0, &r);
	azure_reply_error(&r, "list of blobs", "key of account a", "rcwl", &err);
	assert_error(&err, ERR_REFUSED,
		     "list of blobs: HTTP status 403 AuthenticationFailed; asked as key of account a: this account does not "
		     "accept it; a key, or the key that signed a SAS, may have been replaced, or the text was cut short");
	assert_int_equal(err.detail, 403);
}

static void the_header_wins_over_the_body(void **state)
{
	static const char body[] = "<Error><Code>Other</Code><Message>said</Message></Error>";
	struct azure_reply r;
	struct error err = ERROR_INIT;

	(void)state;
	azure_reply_read(412, "SequenceNumberConditionNotMet", "req-1", body, sizeof(body) - 1, &r);
	azure_reply_error(&r, "write of 512 bytes at 0", "key", "rcwl", &err);
	assert_error(&err, ERR_CONFLICT,
		     "write of 512 bytes at 0: HTTP status 412 SequenceNumberConditionNotMet: said (request req-1)");
}

static void rubbish_is_cut_and_made_visible(void **state)
{
	struct azure_reply r;
	char code[300];

	(void)state;
	memset(code, 'c', sizeof(code));
	code[sizeof(code) - 1] = '\0';
	code[0] = '\033';
	azure_reply_read(400, code, NULL, "<html>", 6, &r);
	assert_true(strlen(r.code) < sizeof(r.code));
	assert_null(strchr(r.code, '\033'));
	assert_string_equal(r.message, "");
}

static void not_found_is_of_blob_or_container(void **state)
{
	struct azure_reply r;

	(void)state;
	azure_reply_read(404, "BlobNotFound", NULL, NULL, 0, &r);
	assert_true(azure_reply_missing(&r));
	assert_false(azure_reply_no_container(&r));
	azure_reply_read(404, "ContainerNotFound", NULL, NULL, 0, &r);
	assert_true(azure_reply_missing(&r));
	assert_true(azure_reply_no_container(&r));
	azure_reply_read(403, "AuthorizationFailure", NULL, NULL, 0, &r);
	assert_false(azure_reply_missing(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_condition_has_its_refusal),
		cmocka_unit_test(lease_codes_count_under_any_status),
		cmocka_unit_test(others_say_who_must_act),
		cmocka_unit_test(a_body_tells_code_and_message),
		cmocka_unit_test(a_key_that_is_not_accepted_is_not_a_matter_of_rights),
		cmocka_unit_test(the_header_wins_over_the_body),
		cmocka_unit_test(rubbish_is_cut_and_made_visible),
		cmocka_unit_test(not_found_is_of_blob_or_container),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
