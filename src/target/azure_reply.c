/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "target/azure_reply.h"

#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "net/xml_reply.h"

/* "The lease ID ... RequestId:... Time:..." to what comes before. */
static void cut_message(char *text)
{
	char *end = strstr(text, "RequestId:");
	size_t len = end ? (size_t)(end - text) : strlen(text);

	while (len > 0 && strchr(" .\r\n", text[len - 1]))
		len--;
	text[len] = '\0';
}

void azure_reply_read(long status, const char *code, const char *request_id, const char *body, size_t len,
		      struct azure_reply *out)
{
	struct xml_service_error said = { .code = "" };

	memset(out, 0, sizeof(*out));
	out->status = status;
	if (body && len > 0)
		xml_service_error(body, len, &said);
	cut_message(said.message);
	escape_visible(code ? code : said.code, out->code, sizeof(out->code));
	escape_visible(said.message, out->message, sizeof(out->message));
	escape_visible(request_id ? request_id : "", out->request_id, sizeof(out->request_id));
}

/* ---- what the codes mean ---- */

enum meaning {
	MEANS_OTHER = 0,
	MEANS_VERSION,
	MEANS_NUMBER,
	MEANS_LEASE,
	MEANS_EXISTS,
	MEANS_MISSING,
	MEANS_CONTAINER,
	MEANS_RIGHTS,
	MEANS_IDENTITY,
	MEANS_SUM,
	MEANS_FEATURE,
	MEANS_LIMIT,
	MEANS_MOMENT
};

static const struct {
	const char *code;
	enum meaning means;
} codes[] = {
	{ "ConditionNotMet", MEANS_VERSION },
	{ "TargetConditionNotMet", MEANS_VERSION },
	{ "SequenceNumberConditionNotMet", MEANS_NUMBER },
	{ "BlobAlreadyExists", MEANS_EXISTS },
	{ "BlobNotFound", MEANS_MISSING },
	{ "ResourceNotFound", MEANS_MISSING },
	{ "ContainerNotFound", MEANS_CONTAINER },
	{ "ContainerBeingDeleted", MEANS_MOMENT },
	{ "ContainerDisabled", MEANS_RIGHTS },
	{ "AccountIsDisabled", MEANS_RIGHTS },
	{ "AuthenticationFailed", MEANS_IDENTITY },
	{ "Md5Mismatch", MEANS_SUM },
	{ "Crc64Mismatch", MEANS_SUM },
	{ "FeatureNotSupported", MEANS_FEATURE },
	{ "FeatureNotYetSupportedForHierarchicalNamespaceAccounts", MEANS_FEATURE },
	{ "InvalidBlobType", MEANS_FEATURE },
	{ "BlobTypeNotSupported", MEANS_FEATURE },
	{ "AccessTierNotSupportedForBlobType", MEANS_FEATURE },
	{ "UnsupportedHeader", MEANS_FEATURE },
	{ "APINotImplemented", MEANS_FEATURE },
	{ "SnapshotCountExceeded", MEANS_LIMIT },
	{ "SnapshotOperationRateExceeded", MEANS_LIMIT },
	{ "PendingCopyOperation", MEANS_MOMENT },
};

static enum meaning meaning_of(const struct azure_reply *r)
{
	if (strncmp(r->code, "Lease", 5) == 0)
		return MEANS_LEASE;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (strcmp(r->code, codes[i].code) == 0)
			return codes[i].means;
	if (r->status == 401 || r->status == 403)
		return MEANS_RIGHTS;
	if (r->code[0] != '\0')
		return MEANS_OTHER;
	/* An answer to HEAD, or from something between here and the service. */
	return r->status == 404 ? MEANS_MISSING : r->status == 412 ? MEANS_VERSION : MEANS_OTHER;
}

bool azure_reply_missing(const struct azure_reply *r)
{
	enum meaning means = meaning_of(r);

	return means == MEANS_MISSING || means == MEANS_CONTAINER;
}

bool azure_reply_no_container(const struct azure_reply *r)
{
	return meaning_of(r) == MEANS_CONTAINER;
}

/* ---- errors ---- */

int azure_reply_error(const struct azure_reply *r, const char *doing, const char *who, const char *sp, struct error *err)
{
	char said[ERROR_MSG_MAX / 2];
	enum error_code code = ERR_BUG;
	int detail = (int)r->status;

	snprintf(said, sizeof(said), "%s: HTTP status %ld%s%s%s%s", doing, r->status, r->code[0] ? " " : "", r->code,
		 r->message[0] ? ": " : "", r->message);
	switch (meaning_of(r)) {
	case MEANS_VERSION:
		code = ERR_CONFLICT;
		detail = TARGET_REFUSED_VERSION;
		break;
	case MEANS_NUMBER:
		code = ERR_CONFLICT;
		detail = TARGET_REFUSED_NUMBER;
		break;
	case MEANS_LEASE:
		code = ERR_BUSY;
		detail = TARGET_REFUSED_LEASE;
		break;
	case MEANS_EXISTS:
		code = ERR_CONFLICT;
		detail = TARGET_REFUSED_EXISTS;
		break;
	case MEANS_MISSING:
		code = ERR_CONFLICT;
		detail = TARGET_REFUSED_MISSING;
		break;
	case MEANS_CONTAINER:
		error_set(err, ERR_REFUSED, "%s; create the container, or name one that exists", said);
		goto out;
	case MEANS_RIGHTS:
		error_set(err, ERR_REFUSED,
			  "%s; asked as %.192s; needed: Storage Blob Data Contributor on the container, or a "
			  "SAS with sp=%s%s",
			  said, who, sp,
			  strcmp(r->code, "AuthorizationPermissionMismatch") == 0 ?
				  " (a role given just now takes up to 10 minutes)" :
				  "");
		goto out;
	case MEANS_IDENTITY:
		error_set(err, ERR_REFUSED,
			  "%s; asked as %.192s: this account does not accept it; a key, or the key that signed a SAS, may have been "
			  "replaced, or the text was cut short",
			  said, who);
		goto out;
	case MEANS_LIMIT:
		code = ERR_REFUSED;
		break;
	case MEANS_FEATURE:
		code = ERR_UNSUPPORTED;
		break;
	case MEANS_SUM:
		error_set(err, ERR_NETWORK, "%s; the bytes were damaged on their way: memory or network is at fault",
			  said);
		goto out;
	case MEANS_MOMENT:
		code = ERR_NETWORK;
		break;
	case MEANS_OTHER:
		if (r->status >= 500 || r->status == 408 || r->status == 429)
			code = ERR_NETWORK;
		else if (r->status < 400)
			code = ERR_UNSUPPORTED; /* a redirection, or a success of another kind: not this service */
		break;
	}
	error_set(err, code, "%s%s%s%s", said, r->request_id[0] ? " (request " : "", r->request_id,
		  r->request_id[0] ? ")" : "");
out:
	if (err)
		err->detail = detail;
	return -1;
}
