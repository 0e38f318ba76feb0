/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of the vSphere API: SOAP by POST to https://HOST/sdk, and what comes back.
 *
 *	request   Envelope > Body > METHOD > _this and the method's arguments
 *	reply     Envelope > Body > METHODResponse > returnval ...
 *	fault     Envelope > Body > Fault > faultstring, detail > NAMEFault; HTTP 500
 *
 * A fault becomes an error: ERR_REFUSED if a person must change who asks or what he may see, ERR_UNSUPPORTED if the
 * server does not know the call, else ERR_NETWORK.  Names are compared without their namespaces: servers choose
 * prefixes as they like.  One thread.
 *
 * A call that found the server busy or the line cut is made again, VSPHERE_TRIES times at most, with the waits of
 * net/retry.h and as long as one call may take; not a fault, not one whose reply is too long, and not the first one of
 * all to a server that cannot be reached, whose name may be wrong.
 */
#ifndef LIFTFS_INVENTORY_VSPHERE_SOAP_H
#define LIFTFS_INVENTORY_VSPHERE_SOAP_H

#include "base/cancel.h"
#include "base/secret.h"
#include "base/strbuf.h"
#include "base/xml.h"
#include "net/http.h"

#define VSPHERE_VERSION_LEN 24
#define VSPHERE_FAULT_LEN 64
#define VSPHERE_TRIES 4

struct vsphere_soap {
	struct http *http;
	const char *url;                   /* https://HOST[:PORT]/sdk */
	const char *host;                  /* for messages: HOST[:PORT] */
	char version[VSPHERE_VERSION_LEN]; /* of the API that is spoken: "6.5" */
	struct secret *cookie;             /* the session's; NULL: none yet */
	unsigned timeout_ms;               /* of one call, and of all of its tries */
	struct cancel *cancel;             /* NULL: none */
	uint64_t (*below)(uint64_t n);     /* dice for the waits; NULL: random_below() */
	bool answered;                     /* it has, once */
	bool signed_out;                   /* the last call failed because the session has ended (NotAuthenticated) */
};

struct vsphere_call {
	const char *method;
	const char *type, *id; /* of the object that it is called on */
	const char *arguments; /* XML; "" for none */
	bool once;             /* means something else the second time: not made again if it may have arrived */
};

/* What a call gave.  All zeros is an empty one. */
struct vsphere_reply {
	struct xml_doc *doc;
	const struct xml_element *response; /* <METHODResponse>, as long as doc lives */
	char fault[VSPHERE_FAULT_LEN];      /* the name of the fault that it was instead: "InvalidLogin"; "" */
};

/* The bytes of the call are wiped when it is sent. */
int vsphere_soap_call(struct vsphere_soap *s, const struct vsphere_call *call, struct vsphere_reply *out,
		      struct error *err) MUST_CHECK;
void vsphere_reply_fini(struct vsphere_reply *r);
static inline void cleanup_vsphere_reply(struct vsphere_reply *r)
{
	vsphere_reply_fini(r);
}

/* The same without a network: an answer of that HTTP status.  After a failure out holds the fault's name alone. */
int vsphere_soap_parse(const char *buf, size_t len, long status, const char *method, struct vsphere_reply *out,
		       struct error *err) MUST_CHECK;

/* The call as the body of a request. */
void vsphere_add_envelope(struct strbuf *b, const struct vsphere_call *call);

/* The type that an element says to have (xsi:type), without prefix; "" if none. */
const char *vsphere_type(const struct xml_element *el);

/* Text as the content of an element.  ERR_USAGE: a character that XML cannot hold. */
int vsphere_add_text(struct strbuf *b, const char *text, struct error *err) MUST_CHECK;
/* Room for so many bytes more, so that no copy of a secret is left where the text was before it grew. */
void vsphere_reserve(struct strbuf *b, size_t len);

#endif
