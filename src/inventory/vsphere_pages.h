/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties of many objects, a page at a time: a container view of the whole inventory, RetrievePropertiesEx and, as
 * long as a reply brings a token, ContinueRetrievePropertiesEx.
 *
 * A page is in memory while its objects are told, and no reply may be above XML_MAX: a server that does not split what
 * it has into pages (the simulator does not) fails there once it has too many machines.
 */
#ifndef LIFTFS_INVENTORY_VSPHERE_PAGES_H
#define LIFTFS_INVENTORY_VSPHERE_PAGES_H

#include "inventory/machine.h"
#include "inventory/vsphere_session.h"

#define VSPHERE_PAGE 500 /* objects: 3 to 15 MiB of machines */

struct vsphere_question {
	const char *const *types; /* of the objects; NULL at the end */
	const char *of;           /* the type whose properties these are: that of the objects, or one above it */
	const char *const *paths; /* of the properties; NULL at the end */
};

typedef int vsphere_object_fn(void *ctx, const struct xml_element *object, struct error *err);

/*
 * Calls fn for each object, in the server's order; an error of fn ends it.  Where a page was lost, or the session ended,
 * it begins again, signed in anew once a session; fn is called for no object twice.
 */
int vsphere_pages_read(struct vsphere_session *s, const struct vsphere_question *q, vsphere_object_fn *fn, void *ctx,
		       struct error *err) MUST_CHECK;

/* ---- of an object ---- */

const char *vsphere_object_id(const struct xml_element *object);   /* "vm-42"; "" */
const char *vsphere_object_type(const struct xml_element *object); /* "VirtualMachine"; "" */
/* The value of a property; NULL where it is unset. */
const struct xml_element *vsphere_object_value(const struct xml_element *object, const char *path);
const char *vsphere_object_text(const struct xml_element *object, const char *path);

/* Notices of what the user may not read of it, or could not: a fault and all the properties that it kept back in each. */
void vsphere_object_tell_missing(const struct vsphere_session *s, const struct xml_element *object,
				 struct machine_notices *notices);

#endif
