/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "inventory/vsphere_soap.h"

#define COOKIE "vmware_soap_session="
#define ENVELOPE_LEN 1024 /* more than the envelope, the method and its object take */

void vsphere_reply_fini(struct vsphere_reply *r)
{
	xml_free(r->doc);
	*r = (struct vsphere_reply){ .doc = NULL };
}

const char *vsphere_type(const struct xml_element *el)
{
	const char *type = xml_attribute(el, "type"), *colon;

	if (!type)
		return "";
	colon = strchr(type, ':');
	return colon ? colon + 1 : type;
}

/* ---- the request ---- */

void vsphere_reserve(struct strbuf *b, size_t len)
{
	size_t before = b->len;

	if (len < 1 << 20)
		strbuf_addf(b, "%*s", (int)len, "");
	if (b->failed)
		return;
	b->len = before;
}

int vsphere_add_text(struct strbuf *b, const char *text, struct error *err)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '&')
			strbuf_adds(b, "&amp;");
		else if (c == '<')
			strbuf_adds(b, "&lt;");
		else if (c == '>')
			strbuf_adds(b, "&gt;");
		else if (c == '\t' || c == '\n' || c == '\r')
			strbuf_addf(b, "&#%u;", c);
		else if (c < ' ')
			return error_set(err, ERR_USAGE, "a control character (%#x), which XML cannot hold", c);
		else
			strbuf_add(b, text, 1);
	}
	return 0;
}

static void add_envelope(struct strbuf *b, const struct vsphere_call *call)
{
	vsphere_reserve(b, ENVELOPE_LEN + strlen(call->arguments));
	strbuf_addf(b,
		    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		    "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\""
		    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body><%s xmlns=\"urn:vim25\">"
		    "<_this type=\"%s\">",
		    call->method, call->type);
	strbuf_adds(b, call->id);
	strbuf_adds(b, "</_this>");
	strbuf_adds(b, call->arguments);
	strbuf_addf(b, "</%s></soapenv:Body></soapenv:Envelope>\n", call->method);
}

/* ---- the reply ---- */

static enum error_code code_of(const char *fault)
{
	static const char *const refused[] = { "InvalidLogin",    "NoPermission",  "NotAuthenticated",
					       "PasswordExpired", "AccountLocked", "NoClientCertificate" };
	static const char *const unknown[] = { "MethodNotFound", "InvalidRequest", "InvalidProperty", "InvalidType",
					       "NotSupported" };

	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (strcmp(fault, refused[i]) == 0)
			return ERR_REFUSED;
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		if (strcmp(fault, unknown[i]) == 0)
			return ERR_UNSUPPORTED;
	return ERR_NETWORK;
}

/* <detail><InvalidLoginFault xsi:type="InvalidLogin"/></detail>: the type, or the name without its end. */
static int take_fault(const struct xml_element *fault, struct error *err)
{
	const struct xml_element *detail = xml_child(xml_child(fault, "detail"), NULL);
	const char *said = xml_child_text(fault, "faultstring"), *type = vsphere_type(detail);
	size_t len = 0;
	char name[64];

	if (*type)
		len = strlen(type);
	else if (detail) {
		type = xml_name(detail);
		len = strlen(type);
		if (len > 5 && strcmp(type + len - 5, "Fault") == 0)
			len -= 5;
	}
	if (len >= sizeof(name))
		len = sizeof(name) - 1;
	memcpy(name, type, len);
	name[len] = '\0';
	return error_set(err, code_of(name), "%s%s%.200s", len ? name : "fault", said && *said ? ": " : "",
			 said ? said : "");
}

static int refuse_status(long status, struct error *err)
{
	if (status == 401 || status == 403)
		return error_set(err, ERR_REFUSED, "HTTP status %ld", status);
	if (status == 404)
		return error_set(err, ERR_UNSUPPORTED, "HTTP status 404: there is no vSphere API");
	return error_set(err, ERR_NETWORK, "HTTP status %ld", status);
}

int vsphere_soap_parse(const char *buf, size_t len, long status, const char *method, struct vsphere_reply *out,
		       struct error *err)
{
	CLEANUP(cleanup_xml) struct xml_doc *doc = NULL;
	const struct xml_element *response;

	if (status != 200 && status != 500)
		return refuse_status(status, err);
	doc = xml_parse(buf ? buf : "", len, "Envelope", status == 200 ? err : NULL);
	if (!doc && status != 200)
		return refuse_status(status, err);
	if (!doc)
		return error_prefix(err, "not a reply of a vCenter");
	response = xml_child(xml_child(xml_root(doc), "Body"), NULL);
	if (response && strcmp(xml_name(response), "Fault") == 0)
		return take_fault(response, err);
	if (status != 200)
		return refuse_status(status, err);
	if (!response || strncmp(xml_name(response), method, strlen(method)) != 0 ||
	    strcmp(xml_name(response) + strlen(method), "Response") != 0)
		return error_set(err, ERR_CORRUPT, "the reply holds <%.64s>, not <%sResponse>",
				 response ? xml_name(response) : "", method);
	out->doc = steal_ptr(&doc);
	out->response = response;
	return 0;
}

/* ---- the call ---- */

static bool is_stopped(void *cancel)
{
	return cancel_level(cancel) != CANCEL_NONE;
}

static void never(struct http_request *req)
{
	(void)req;
}

static int keep_cookie(struct vsphere_soap *s, const struct http_request *req, struct error *err)
{
	const char *name, *value;

	for (size_t i = 0; http_reply_header_at(req, i, &name, &value); i++) {
		struct secret *cookie;

		if (strcasecmp(name, "Set-Cookie") != 0 || strncmp(value, COOKIE, strlen(COOKIE)) != 0)
			continue;
		cookie = secret_new_len(value, strcspn(value, ";"), err);
		if (!cookie)
			return -1;
		secret_free(s->cookie);
		s->cookie = cookie;
	}
	return 0;
}

static int exchange(struct vsphere_soap *s, const struct vsphere_call *call, const struct strbuf *body,
		    struct vsphere_reply *out, struct error *err)
{
	char action[sizeof("\"urn:vim25/\"") + VSPHERE_VERSION_LEN];
	const struct http_header headers[] = {
		{ "Content-Type", "text/xml; charset=\"utf-8\"" },
		{ "SOAPAction", action },
		{ "Cookie", s->cookie ? secret_reveal(s->cookie) : "" },
	};
	struct http_request req = { .method = "POST",
				    .url = s->url,
				    .headers = headers,
				    .n_headers = s->cookie ? 3 : 2,
				    .body = body->s,
				    .body_len = body->len,
				    .reply_max = XML_MAX,
				    .timeout_ms = s->timeout_ms,
				    .done = never };
	int rc;

	snprintf(action, sizeof(action), "\"urn:vim25/%s\"", s->version);
	rc = http_perform_unless(s->http, &req, is_stopped, s->cancel, err);
	if (rc == 0)
		rc = keep_cookie(s, &req, err);
	if (rc == 0)
		rc = vsphere_soap_parse(req.reply, req.reply_len, req.status, call->method, out, err);
	http_request_fini(&req);
	return rc;
}

int vsphere_soap_call(struct vsphere_soap *s, const struct vsphere_call *call, struct vsphere_reply *out,
		      struct error *err)
{
	struct strbuf body = { .len = 0 };
	int rc;

	add_envelope(&body, call);
	if (body.failed)
		rc = error_errno(err, ENOMEM, "%s", call->method);
	else
		rc = exchange(s, call, &body, out, err);
	if (body.s)
		secret_wipe(body.s, body.cap);
	strbuf_fini(&body);
	return rc < 0 ? error_prefix(err, "%s: %s", s->host, call->method) : 0;
}
