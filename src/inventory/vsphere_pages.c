/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int vsphere_object_check(const struct vsphere_session *s, const struct xml_element *object,
			 struct machine_notices *notices, struct error *err)
{
	const struct xml_element *first = xml_child(object, "missingSet");
	char others[32] = "";
	size_t more = 0;

	for (const struct xml_element *m = first; m; m = xml_next(m, "missingSet")) {
		if (strcmp(vsphere_type(xml_child(xml_child(m, "fault"), "fault")), "NotAuthenticated") == 0)
			return error_set(err, ERR_REFUSED, "%s: not signed in any more (NotAuthenticated)",
					 s->soap.host);
		more += m != first;
	}
	if (more > 0)
		snprintf(others, sizeof(others), " and %zu more", more);
	if (first)
		machine_notice(notices, "%s %s: cannot be read (%.64s): %.64s%s", s->soap.host, vsphere_object_id(object),
			       vsphere_type(xml_child(xml_child(first, "fault"), "fault")),
			       or_empty(xml_child_text(first, "path")), others);
	return 0;
}

/* ---- calls ---- */

static int call(struct vsphere_session *s, const char *method, const char *type, const char *id,
		struct strbuf *arguments, struct vsphere_reply *out, struct error *err)
{
	const struct vsphere_call c = { method, type, id, arguments->s ? arguments->s : "" };

	if (arguments->failed)
		return error_errno(err, ENOMEM, "%s", method);
	return vsphere_soap_call(&s->soap, &c, out, err);
}

static int create_view(struct vsphere_session *s, const char *const *types, char **out, struct error *err)
{
	CLEANUP(cleanup_vsphere_reply) struct vsphere_reply reply = { .doc = NULL };
	CLEANUP(cleanup_strbuf) struct strbuf arguments = { .len = 0 };
	const char *id;

	strbuf_addf(&arguments, "<container type=\"Folder\">%s</container>", s->root_folder);
	for (; *types; types++)
		strbuf_addf(&arguments, "<type>%s</type>", *types);
	strbuf_adds(&arguments, "<recursive>true</recursive>");
	if (call(s, "CreateContainerView", "ViewManager", s->view_manager, &arguments, &reply, err) < 0)
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
	CLEANUP(cleanup_strbuf) struct strbuf none = { .len = 0 };

	if (call(s, "DestroyView", "ContainerView", view, &none, &reply, NULL) < 0)
		return;
}

static int first_page(struct vsphere_session *s, const struct vsphere_question *q, const char *view,
		      struct vsphere_reply *out, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf arguments = { .len = 0 };

	strbuf_addf(&arguments, "<specSet><propSet><type>%s</type>", q->of);
	for (const char *const *p = q->paths; *p; p++)
		strbuf_addf(&arguments, "<pathSet>%s</pathSet>", *p);
	strbuf_addf(&arguments,
		    "</propSet><objectSet><obj type=\"ContainerView\">%s</obj><skip>true</skip>"
		    "<selectSet xsi:type=\"TraversalSpec\"><name>all</name><type>ContainerView</type><path>view</path>"
		    "<skip>false</skip></selectSet></objectSet></specSet>"
		    "<options><maxObjects>%d</maxObjects></options>",
		    view, VSPHERE_PAGE);
	if (call(s, "RetrievePropertiesEx", "PropertyCollector", s->property_collector, &arguments, out, err) < 0)
		return error_prefix(err, "asked for %d objects at most", VSPHERE_PAGE);
	return 0;
}

static int next_page(struct vsphere_session *s, const char *token, struct vsphere_reply *out, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf arguments = { .len = 0 };

	strbuf_adds(&arguments, "<token>");
	if (vsphere_add_text(&arguments, token, err) < 0)
		return error_prefix(err, "token");
	strbuf_adds(&arguments, "</token>");
	return call(s, "ContinueRetrievePropertiesEx", "PropertyCollector", s->property_collector, &arguments, out,
		    err);
}

/* ---- all of them ---- */

/* *token_out: NULL after the last page. */
static int tell_page(struct vsphere_session *s, const struct vsphere_reply *reply, vsphere_object_fn *fn, void *ctx,
		     char **token_out, struct error *err)
{
	const struct xml_element *page = xml_child(reply->response, "returnval"); /* none at all: no objects */
	const char *token = xml_child_text(page, "token");
	size_t n = 0;

	for (const struct xml_element *o = xml_child(page, "objects"); o; o = xml_next(o, "objects"), n++)
		if (fn(ctx, o, err) < 0)
			return -1;
	*token_out = NULL;
	if (!token || !*token)
		return 0;
	if (n == 0) /* or it could go on for ever */
		return error_set(err, ERR_CORRUPT, "%s: a page without objects that announces another", s->soap.host);
	*token_out = strdup(token);
	return *token_out ? 0 : error_errno(err, ENOMEM, "token");
}

static int read_pages(struct vsphere_session *s, const struct vsphere_question *q, const char *view,
		      vsphere_object_fn *fn, void *ctx, struct error *err)
{
	char *token = NULL;
	int rc;

	do {
		CLEANUP(cleanup_vsphere_reply) struct vsphere_reply reply = { .doc = NULL };
		CLEANUP_FREE char *present = steal_ptr(&token);

		rc = cancel_check(s->soap.cancel, err);
		if (rc == 0)
			rc = present ? next_page(s, present, &reply, err) : first_page(s, q, view, &reply, err);
		if (rc == 0)
			rc = tell_page(s, &reply, fn, ctx, &token, err);
	} while (rc == 0 && token);
	return rc;
}

int vsphere_pages_read(struct vsphere_session *s, const struct vsphere_question *q, vsphere_object_fn *fn, void *ctx,
		       struct error *err)
{
	CLEANUP_FREE char *view = NULL;

	if (create_view(s, q->types, &view, err) < 0)
		return -1;
	if (read_pages(s, q, view, fn, ctx, err) < 0)
		return -1;
	destroy_view(s, view);
	return 0;
}
