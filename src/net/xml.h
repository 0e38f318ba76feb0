/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The storage service's XML replies, read without network, entities or DTD, by libxml2 with its limits on depth and
 * sizes on.  What is returned lives as long as the document.  A document belongs to one thread at a time.
 */
#ifndef LIFTFS_NET_XML_H
#define LIFTFS_NET_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

struct xml_doc;
struct xml_element; /* opaque; never freed by the caller */

#define XML_MAX ((size_t)64 << 20) /* bytes of a reply: 5,000 blobs or 10,000 ranges need a tenth */

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
int xml_child_u64(const struct xml_element *el, const char *name, uint64_t *out, struct error *err) MUST_CHECK;

/* <Error><Code/><Message/></Error>: "" for what is absent, also if it is no XML at all.  Control bytes become blanks.
 */
struct xml_service_error {
	char code[64];
	char message[256];
};
void xml_service_error(const char *buf, size_t len, struct xml_service_error *out);

/* <PageList>: start and end as bytes, [off, off + len). */
struct xml_range {
	uint64_t off, len;
	bool clear; /* a ClearRange */
};
/* *at: NULL at first.  1: *out holds the next one; 0: that was the last; -1: ERR_CORRUPT. */
int xml_next_range(const struct xml_doc *doc, const struct xml_element **at, struct xml_range *out,
		   struct error *err) MUST_CHECK;

/* <EnumerationResults><Blobs><Blob>. */
struct xml_blob {
	const char *name;
	bool name_encoded;                               /* percent-encoded: it holds characters that XML cannot */
	const char *snapshot;                            /* NULL: the blob itself */
	const struct xml_element *properties, *metadata; /* NULL if absent; see xml_child_text */
};
int xml_next_blob(const struct xml_doc *doc, const struct xml_element **at, struct xml_blob *out,
		  struct error *err) MUST_CHECK;

/* *out is NULL when the list ends here, and lives as long as the document. */
int xml_next_marker(const struct xml_doc *doc, const char **out, struct error *err) MUST_CHECK;

#endif
