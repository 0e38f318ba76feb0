/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML that others wrote, read by libxml2 without network, entities or DTD and with its limits on depth (256) and sizes on.
 * Names come without their namespace.  What is returned lives as long as the document.  A document belongs to one thread
 * at a time.
 */
#ifndef LIFTFS_BASE_XML_H
#define LIFTFS_BASE_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

struct xml_doc;
struct xml_element; /* opaque; never freed by the caller */

#define XML_MAX ((size_t)64 << 20) /* bytes; a service's reply of 5,000 blobs or 10,000 ranges needs a tenth */

/* ERR_CORRUPT if it is not well-formed, brings a DTD, or its root is not called `root` (NULL: any). */
struct xml_doc *xml_parse(const char *buf, size_t len, const char *root, struct error *err) MUST_CHECK;
void xml_free(struct xml_doc *doc);
DEFINE_CLEANUP(cleanup_xml, struct xml_doc *, xml_free);

const struct xml_element *xml_root(const struct xml_doc *doc);
/* The first child, the next sibling, of that name; NULL for any name; NULL if there is none (or el is NULL). */
const struct xml_element *xml_child(const struct xml_element *el, const char *name);
const struct xml_element *xml_next(const struct xml_element *el, const char *name);
const char *xml_name(const struct xml_element *el);
/* The text of an element, "" if empty; NULL if el is NULL or holds elements. */
const char *xml_text(const struct xml_element *el);
/* The same of a child; NULL if there is none. */
const char *xml_child_text(const struct xml_element *el, const char *name);
/* An attribute's value, "" if empty; NULL if there is none. */
const char *xml_attribute(const struct xml_element *el, const char *name);
int xml_child_u64(const struct xml_element *el, const char *name, uint64_t *out, struct error *err) MUST_CHECK;

#endif
