/* SPDX-License-Identifier: Apache-2.0 */
/* What the storage service's XML replies say.  What is returned lives as long as the document. */
#ifndef LIFTFS_NET_XML_REPLY_H
#define LIFTFS_NET_XML_REPLY_H

#include "base/xml.h"

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
