/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "inventory/vsphere_soap.h"

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

void vsphere_add_envelope(struct strbuf *b, const struct vsphere_call *call)
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
static int take_fault(const struct xml_element *fault, char name[VSPHERE_FAULT_LEN], struct error *err)
{
	const struct xml_element *detail = xml_child(xml_child(fault, "detail"), NULL);
	const char *said = xml_child_text(fault, "faultstring"), *type = vsphere_type(detail);
	size_t len = 0;

	if (*type)
		len = strlen(type);
	else if (detail) {
		type = xml_name(detail);
		len = strlen(type);
		if (len > 5 && strcmp(type + len - 5, "Fault") == 0)
			len -= 5;
	}
	if (len >= VSPHERE_FAULT_LEN)
		len = VSPHERE_FAULT_LEN - 1;
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
		return take_fault(response, out->fault, err);
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
