/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "inventory/vsphere_session.h"

#define FIRST_VERSION "6.5" /* the oldest that has every property that is read */
#define FIRST_MAJOR 6
#define FIRST_MINOR 5
#define CALL_MS 600000 /* a page of machines over a slow line; a stall ends it long before */
#define LOGOUT_MS 10000

/* ---- what there is ---- */

static int take_id(const struct xml_element *content, const char *name, char **out, struct error *err)
{
	const char *id = xml_child_text(content, name);

	if (!id || !*id || id[strcspn(id, "<>&\"'")])
		return error_set(err, ERR_CORRUPT, "the server names no %s", name);
	free(*out);
	*out = strdup(id);
	return *out ? 0 : error_errno(err, ENOMEM, "%s", name);
}

/* "8.0.2.0": spoken as the server has it, if it is not older than what is needed. */
static int take_version(struct vsphere_session *s, const char *version, struct error *err)
{
	char number[4];
	uint64_t major, minor = 0;
	size_t dot = version ? strcspn(version, ".") : 0, rest;

	if (dot == 0 || dot >= sizeof(number) || strlen(version) >= VSPHERE_VERSION_LEN ||
	    version[strspn(version, "0123456789.")])
		return error_set(err, ERR_CORRUPT, "version of its API: '%.32s'", version ? version : "");
	memcpy(number, version, dot);
	number[dot] = '\0';
	if (parse_u64(number, 999, &major, err) < 0)
		return -1;
	rest = version[dot] ? strcspn(version + dot + 1, ".") : 0;
	if (rest > 0 && rest < sizeof(number)) {
		memcpy(number, version + dot + 1, rest);
		number[rest] = '\0';
		if (parse_u64(number, 999, &minor, err) < 0)
			return -1;
	}
	if (major < FIRST_MAJOR || (major == FIRST_MAJOR && minor < FIRST_MINOR))
		return error_set(err, ERR_UNSUPPORTED, "its API is of version %s, older than " FIRST_VERSION, version);
	memcpy(s->soap.version, version, strlen(version) + 1);
	return 0;
}

int vsphere_session_take_content(struct vsphere_session *s, const struct vsphere_reply *reply, struct error *err)
{
	const struct xml_element *content = xml_child(reply->response, "returnval"),
				 *about = xml_child(content, "about");
	const char *uuid = xml_child_text(about, "instanceUuid");

	if (take_version(s, xml_child_text(about, "apiVersion"), err) < 0 ||
	    take_id(content, "rootFolder", &s->root_folder, err) < 0 ||
	    take_id(content, "propertyCollector", &s->property_collector, err) < 0 ||
	    take_id(content, "viewManager", &s->view_manager, err) < 0 ||
	    take_id(content, "sessionManager", &s->session_manager, err) < 0)
		return error_prefix(err, "%s", s->soap.host);
	free(s->uuid);
	s->uuid = strdup(uuid && *uuid ? uuid : s->soap.host);
	return s->uuid ? 0 : error_errno(err, ENOMEM, "%s", s->soap.host);
}

static int ask_content(struct vsphere_session *s, struct error *err)
{
	CLEANUP(cleanup_vsphere_reply) struct vsphere_reply reply = { .doc = NULL };
	const struct vsphere_call call = { "RetrieveServiceContent", "ServiceInstance", "ServiceInstance", "", false };

	memcpy(s->soap.version, FIRST_VERSION, sizeof(FIRST_VERSION));
	if (vsphere_soap_call(&s->soap, &call, &reply, err) < 0)
		return -1;
	return vsphere_session_take_content(s, &reply, err);
}

/* ---- who asks ---- */

static int add_login(struct strbuf *b, const char *user, const struct secret *password, struct error *err)
{
	/* A character takes at most five bytes more. */
	vsphere_reserve(b, 6 * (strlen(user) + secret_len(password)) + 128);
	strbuf_adds(b, "<userName>");
	if (vsphere_add_text(b, user, err) < 0)
		return error_prefix(err, "user");
	strbuf_adds(b, "</userName><password>");
	if (vsphere_add_text(b, secret_reveal(password), NULL) < 0)
		return error_set(err, ERR_USAGE, "password: a control character, which XML cannot hold");
	strbuf_adds(b, "</password>");
	return b->failed ? error_errno(err, ENOMEM, "sign in") : 0;
}

/* Once only, unless it certainly was not done: a reply that is lost leaves a session, and a wrong password counts. */
static int sign_in(struct vsphere_session *s, struct error *err)
{
	CLEANUP(cleanup_vsphere_reply) struct vsphere_reply reply = { .doc = NULL };
	struct strbuf arguments = { .len = 0 };
	int rc = add_login(&arguments, s->user, s->password, err);

	if (rc == 0) {
		const struct vsphere_call call = {
			"Login", "SessionManager", s->session_manager, arguments.s, true,
		};

		s->signed_in = true; /* a reply that is lost may have been a yes */
		rc = vsphere_soap_call(&s->soap, &call, &reply, err);
	}
	if (arguments.s)
		secret_wipe(arguments.s, arguments.cap);
	strbuf_fini(&arguments);
	return rc < 0 ? error_prefix(err, "sign in as '%.100s'", s->user) : 0;
}

int vsphere_session_open(struct vsphere_session *s, const char *user, const struct secret *password, struct error *err)
{
	s->soap.timeout_ms = CALL_MS;
	s->user = user;
	s->password = password;
	return ask_content(s, err) < 0 || sign_in(s, err) < 0 ? -1 : 0;
}

int vsphere_session_renew(struct vsphere_session *s, struct error *err)
{
	log_info("vsphere", "%s: the session has ended: signing in again", s->soap.host);
	s->renewed = true;
	secret_free(steal_ptr(&s->soap.cookie));
	return sign_in(s, err);
}

void vsphere_session_close(struct vsphere_session *s)
{
	if (s->signed_in && s->soap.cookie) {
		CLEANUP(cleanup_vsphere_reply) struct vsphere_reply reply = { .doc = NULL };
		const struct vsphere_call call = { "Logout", "SessionManager", s->session_manager, "", false };

		s->soap.cancel = NULL;
		s->soap.timeout_ms = LOGOUT_MS;
		if (vsphere_soap_call(&s->soap, &call, &reply, NULL) < 0)
			log_debug("vsphere", "%s: the session stays until it times out", s->soap.host);
	}
	s->signed_in = false;
	secret_free(steal_ptr(&s->soap.cookie));
	free(steal_ptr(&s->uuid));
	free(steal_ptr(&s->root_folder));
	free(steal_ptr(&s->property_collector));
	free(steal_ptr(&s->view_manager));
	free(steal_ptr(&s->session_manager));
}
