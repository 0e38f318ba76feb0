/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "inventory/text_index.h"
#include "inventory/vsphere_pages.h"

/* ---- of an object ---- */

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

const char *vsphere_object_id(const struct xml_element *object)
{
	return or_empty(xml_child_text(object, "obj"));
}

const char *vsphere_object_type(const struct xml_element *object)
{
	return vsphere_type(xml_child(object, "obj"));
}

const struct xml_element *vsphere_object_value(const struct xml_element *object, const char *path)
{
	for (const struct xml_element *p = xml_child(object, "propSet"); p; p = xml_next(p, "propSet"))
		if (strcmp(or_empty(xml_child_text(p, "name")), path) == 0)
			return xml_child(p, "val");
	return NULL;
}

const char *vsphere_object_text(const struct xml_element *object, const char *path)
{
	return xml_text(vsphere_object_value(object, path));
}

static const char *fault_of(const struct xml_element *missing)
{
	return vsphere_type(xml_child(xml_child(missing, "fault"), "fault"));
}

/* The paths that this fault keeps back, and each only once per fault: a notice for all of them. */
static void tell_missing(const struct vsphere_session *s, const struct xml_element *object, const char *fault,
			 struct machine_notices *notices)
{
	const char *name = vsphere_object_text(object, "name");
	CLEANUP(cleanup_strbuf) struct strbuf paths = { .len = 0 };

	for (const struct xml_element *m = xml_child(object, "missingSet"); m; m = xml_next(m, "missingSet"))
		if (strcmp(fault_of(m), fault) == 0)
			strbuf_addf(&paths, "%s%.64s", paths.len > 0 ? ", " : "", or_empty(xml_child_text(m, "path")));
	machine_notice(notices, "%s %s%s%.64s%s: cannot be read (%.64s): %.1024s", s->soap.host,
		       vsphere_object_id(object), name ? " '" : "", or_empty(name), name ? "'" : "", fault,
		       or_empty(paths.s));
}

void vsphere_object_tell_missing(const struct vsphere_session *s, const struct xml_element *object,
				 struct machine_notices *notices)
{
	const struct xml_element *first = xml_child(object, "missingSet");

	for (const struct xml_element *m = first; m; m = xml_next(m, "missingSet")) {
		const struct xml_element *before = first;

		while (before != m && strcmp(fault_of(before), fault_of(m)) != 0)
			before = xml_next(before, "missingSet");
		if (before == m)
			tell_missing(s, object, fault_of(m), notices);
	}
}

/* ---- calls ---- */

static int call(struct vsphere_session *s, const struct vsphere_call *c, const struct strbuf *arguments,
		struct vsphere_reply *out, struct error *err)
{
	struct vsphere_call whole = *c;

	if (arguments->failed)
		return error_errno(err, ENOMEM, "%s", c->method);
	whole.arguments = arguments->s ? arguments->s : "";
	return vsphere_soap_call(&s->soap, &whole, out, err);
}

static int create_view(struct vsphere_session *s, const char *const *types, char **out, struct error *err)
{
	CLEANUP(cleanup_vsphere_reply) struct vsphere_reply reply = { .doc = NULL };
	CLEANUP(cleanup_strbuf) struct strbuf arguments = { .len = 0 };
	const struct vsphere_call c = { .method = "CreateContainerView", .type = "ViewManager", .id = s->view_manager };
	const char *id;

	strbuf_addf(&arguments, "<container type=\"Folder\">%s</container>", s->root_folder);
	for (; *types; types++)
		strbuf_addf(&arguments, "<type>%s</type>", *types);
	strbuf_adds(&arguments, "<recursive>true</recursive>");
	if (call(s, &c, &arguments, &reply, err) < 0)
		return -1;
	id = xml_child_text(reply.response, "returnval");
	if (!id || !*id || id[strcspn(id, "<>&\"'")])
		return error_set(err, ERR_CORRUPT, "%s: CreateContainerView: the reply names no view", s->soap.host);
	*out = strdup(id);
	return *out ? 0 : error_errno(err, ENOMEM, "view");
}

/* The session's end takes it away, too; so it does not matter whether this works. */
static void destroy_view(struct vsphere_session *s, const char *view)
{
	CLEANUP(cleanup_vsphere_reply) struct vsphere_reply reply = { .doc = NULL };
	const struct vsphere_call c = { "DestroyView", "ContainerView", view, "", true };

	if (vsphere_soap_call(&s->soap, &c, &reply, NULL) < 0)
		return;
}

static int first_page(struct vsphere_session *s, const struct vsphere_question *q, const char *view,
		      struct vsphere_reply *out, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf arguments = { .len = 0 };
	const struct vsphere_call c = { .method = "RetrievePropertiesEx",
					.type = "PropertyCollector",
					.id = s->property_collector };

	strbuf_addf(&arguments, "<specSet><propSet><type>%s</type>", q->of);
	for (const char *const *p = q->paths; *p; p++)
		strbuf_addf(&arguments, "<pathSet>%s</pathSet>", *p);
	strbuf_addf(&arguments,
		    "</propSet><objectSet><obj type=\"ContainerView\">%s</obj><skip>true</skip>"
		    "<selectSet xsi:type=\"TraversalSpec\"><name>all</name><type>ContainerView</type><path>view</path>"
		    "<skip>false</skip></selectSet></objectSet></specSet>"
		    "<options><maxObjects>%d</maxObjects></options>",
		    view, VSPHERE_PAGE);
	if (call(s, &c, &arguments, out, err) < 0)
		return error_prefix(err, "asked for %d objects at most", VSPHERE_PAGE);
	return 0;
}

static int next_page(struct vsphere_session *s, const char *token, struct vsphere_reply *out, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf arguments = { .len = 0 };
	const struct vsphere_call c = { .method = "ContinueRetrievePropertiesEx",
					.type = "PropertyCollector",
					.id = s->property_collector,
					.once = true };

	strbuf_adds(&arguments, "<token>");
	if (vsphere_add_text(&arguments, token, err) < 0)
		return error_prefix(err, "token");
	strbuf_adds(&arguments, "</token>");
	return call(s, &c, &arguments, out, err);
}

/* ---- all of them ---- */

struct reading {
	struct vsphere_session *s;
	const struct vsphere_question *q;
	vsphere_object_fn *fn;
	void *ctx;
	struct text_index told;  /* the objects of earlier tries; sorted */
	struct text_index fresh; /* those of this one */
	bool lost;               /* a page did not come; its token may be used up */
};

static void reading_fini(struct reading *r)
{
	text_index_fini(&r->told);
	text_index_fini(&r->fresh);
}

/* A session that is gone answers with objects that have nothing but that to say; no other machine of the page counts. */
static bool is_signed_out(const struct xml_element *page)
{
	for (const struct xml_element *o = xml_child(page, "objects"); o; o = xml_next(o, "objects"))
		for (const struct xml_element *m = xml_child(o, "missingSet"); m; m = xml_next(m, "missingSet"))
			if (strcmp(fault_of(m), "NotAuthenticated") == 0)
				return true;
	return false;
}

static int tell_object(struct reading *r, const struct xml_element *object, struct error *err)
{
	const char *id = vsphere_object_id(object);

	if (text_index_first(&r->told, id) != TEXT_INDEX_NONE)
		return 0;
	if (text_index_add(&r->fresh, id, 0, err) < 0)
		return -1;
	return r->fn(r->ctx, object, err);
}

/* *token_out: NULL after the last page. */
static int tell_page(struct reading *r, const struct vsphere_reply *reply, char **token_out, struct error *err)
{
	const struct xml_element *page = xml_child(reply->response, "returnval"); /* none at all: no objects */
	const char *token = xml_child_text(page, "token");
	size_t n = 0;

	*token_out = NULL;
	if (is_signed_out(page)) {
		r->s->soap.signed_out = true;
		return error_set(err, ERR_REFUSED, "%s: not signed in any more (NotAuthenticated)", r->s->soap.host);
	}
	for (const struct xml_element *o = xml_child(page, "objects"); o; o = xml_next(o, "objects"), n++)
		if (tell_object(r, o, err) < 0)
			return -1;
	if (!token || !*token)
		return 0;
	if (n == 0) /* or it could go on for ever */
		return error_set(err, ERR_CORRUPT, "%s: a page without objects that announces another",
				 r->s->soap.host);
	*token_out = strdup(token);
	return *token_out ? 0 : error_errno(err, ENOMEM, "token");
}

static int read_page(struct reading *r, const char *view, const char *token, struct vsphere_reply *out,
		     struct error *err)
{
	struct error e = ERROR_INIT;

	if (!token)
		return first_page(r->s, r->q, view, out, err);
	if (next_page(r->s, token, out, &e) == 0)
		return 0;
	r->lost = e.code == ERR_NETWORK;
	if (err)
		*err = e;
	return -1;
}

static int read_pages(struct reading *r, const char *view, struct error *err)
{
	char *token = NULL;
	int rc;

	do {
		CLEANUP(cleanup_vsphere_reply) struct vsphere_reply reply = { .doc = NULL };
		CLEANUP_FREE char *present = steal_ptr(&token);

		rc = cancel_check(r->s->soap.cancel, err);
		if (rc == 0)
			rc = read_page(r, view, present, &reply, err);
		if (rc == 0)
			rc = tell_page(r, &reply, &token, err);
	} while (rc == 0 && token);
	return rc;
}

static int read_all(struct reading *r, struct error *err)
{
	CLEANUP_FREE char *view = NULL;

	r->lost = false;
	if (create_view(r->s, r->q->types, &view, err) < 0)
		return -1;
	if (read_pages(r, view, err) < 0)
		return -1;
	destroy_view(r->s, view);
	return 0;
}

/* What was told stays told: another try passes over it. */
static int keep_told(struct reading *r, struct error *err)
{
	for (size_t i = 0; i < r->fresh.n; i++)
		if (text_index_add(&r->told, r->fresh.v[i].text, 0, err) < 0)
			return -1;
	text_index_fini(&r->fresh);
	text_index_sort(&r->told);
	return 0;
}

int vsphere_pages_read(struct vsphere_session *s, const struct vsphere_question *q, vsphere_object_fn *fn, void *ctx,
		       struct error *err)
{
	CLEANUP(reading_fini) struct reading r = { .s = s, .q = q, .fn = fn, .ctx = ctx };

	for (unsigned tries = 1;; tries++) {
		struct error e = ERROR_INIT;
		bool renew;

		if (read_all(&r, &e) == 0)
			return 0;
		renew = s->soap.signed_out && !s->renewed;
		if (!renew && (!r.lost || tries >= VSPHERE_TRIES)) {
			if (err)
				*err = e;
			return -1;
		}
		if (keep_told(&r, err) < 0 || (renew && vsphere_session_renew(s, err) < 0))
			return -1;
		log_info("vsphere", "%s: reading the %ss once more: %s", s->soap.host, q->of, e.msg);
	}
}
