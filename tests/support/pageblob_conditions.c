/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/guid.h"
#include "support/pageblob_conditions.h"

#define NS_PER_S UINT64_C(1000000000)

/* Seconds, as far as HTTP dates go. */
static int date_header(const struct pageblob_request *req, const char *name, uint64_t *s_out, struct pageblob_reply *r)
{
	const char *text = pageblob_header(req, name);
	uint64_t ns;

	*s_out = 0;
	if (!text)
		return 0;
	if (clock_parse(text, &ns, NULL) < 0)
		return pageblob_refuse_value(r, name, text);
	*s_out = ns / NS_PER_S;
	return 0;
}

static bool matches(const char *wanted, const char *etag)
{
	size_t len = strlen(etag);

	if (!etag[0])
		return false;
	if (strcmp(wanted, "*") == 0 || strcmp(wanted, etag) == 0)
		return true;
	return strlen(wanted) == len - 2 && strncmp(wanted, etag + 1, len - 2) == 0; /* without quotes */
}

int pageblob_check_conditions(const struct pageblob_request *req, const char *etag, uint64_t modified_ns, bool write,
			      struct pageblob_reply *r)
{
	const char *match = pageblob_header(req, "If-Match"), *none = pageblob_header(req, "If-None-Match");
	uint64_t since, not_since, modified_s = modified_ns / NS_PER_S;
	bool has_since = pageblob_header(req, "If-Modified-Since") != NULL;
	bool has_not_since = pageblob_header(req, "If-Unmodified-Since") != NULL;
	int unchanged = write ? 412 : 304;

	if ((match && (none || has_since)) || (none && has_not_since) || (has_since && has_not_since) ||
	    (match && strchr(match, ',')) || (none && strchr(none, ',')))
		return pageblob_refuse(r, 400, "MultipleConditionHeadersNotSupported", "%s", "");
	if (date_header(req, "If-Modified-Since", &since, r) < 0 ||
	    date_header(req, "If-Unmodified-Since", &not_since, r) < 0)
		return -1;
	if (match && !matches(match, etag))
		return pageblob_refuse(r, 412, "ConditionNotMet", "If-Match: %s, and the blob has %s", match, etag);
	if (has_not_since && modified_s > not_since)
		return pageblob_refuse(r, 412, "ConditionNotMet", "%s", "If-Unmodified-Since");
	if (none && strcmp(none, "*") == 0 && !write)
		return pageblob_refuse(r, 400, "UnsatisfiableCondition", "%s", "If-None-Match: *");
	if (none && matches(none, etag))
		return pageblob_refuse(r, unchanged, "ConditionNotMet", "If-None-Match: %s", none);
	if (has_since && modified_s <= since)
		return pageblob_refuse(r, unchanged, "ConditionNotMet", "%s", "If-Modified-Since");
	return 0;
}

int pageblob_check_sequence(const struct pageblob_request *req, const struct pageblob_blob *b, struct pageblob_reply *r)
{
	static const char *const names[] = { "x-ms-if-sequence-number-le", "x-ms-if-sequence-number-lt",
					     "x-ms-if-sequence-number-eq" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		uint64_t n = 0;

		if (!pageblob_header(req, names[i]))
			continue;
		if (pageblob_number_header(req, r, names[i], INT64_MAX, &n) < 0)
			return -1;
		if (i == 0 ? b->sequence <= n : i == 1 ? b->sequence < n : b->sequence == n)
			continue;
		return pageblob_refuse(r, 412, "SequenceNumberConditionNotMet", "%s: %" PRIu64 ", and it is %" PRIu64,
				       names[i], n, b->sequence);
	}
	return 0;
}

int pageblob_check_lease(const struct pageblob_request *req, const struct pageblob_blob *b, bool write,
			 uint64_t lease_now_ns, struct pageblob_reply *r)
{
	const char *id = pageblob_header(req, "x-ms-lease-id");
	const struct pageblob_refusal *no;
	struct guid parsed;

	if (req->late)
		return 0;
	if (id && guid_parse(id, &parsed, NULL) < 0)
		return pageblob_refuse_value(r, "x-ms-lease-id", id);
	no = write ? pageblob_lease_check_write(&b->lease, id, lease_now_ns)
		   : pageblob_lease_check_read(&b->lease, id, lease_now_ns);
	return no ? pageblob_refuse(r, no->status, no->code, "%s", "") : 0;
}
