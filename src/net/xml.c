/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "net/xml.h"

struct xml_doc {
	xmlDocPtr doc;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static const xmlNode *node_of(const struct xml_element *el)
{
	return (const xmlNode *)(const void *)el;
}

static const struct xml_element *element_of(const xmlNode *node)
{
	return (const struct xml_element *)(const void *)node;
}

struct xml_doc *xml_parse(const char *buf, size_t len, const char *root, struct error *err)
{
	CLEANUP(cleanup_xml) struct xml_doc *doc = NULL;
	const char *found;

	if (len == 0 || len > XML_MAX) {
		error_set(err, ERR_CORRUPT, "XML: %zu bytes, of 1 to %zu", len, XML_MAX);
		return NULL;
	}
	if (memmem(buf, len, "<!DOCTYPE", 9)) { /* refused before its entities are looked at */
		error_set(err, ERR_CORRUPT, "XML: it brings a DTD");
		return NULL;
	}
	pthread_once(&once, xmlInitParser);
	doc = calloc(1, sizeof(*doc));
	if (!doc) {
		error_errno(err, ENOMEM, "XML");
		return NULL;
	}
	doc->doc = xmlReadMemory(buf, (int)len, "reply.xml", NULL,
				 XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (!doc->doc || !xmlDocGetRootElement(doc->doc)) {
		error_set(err, ERR_CORRUPT, "XML: not well-formed");
		return NULL;
	}
	if (doc->doc->intSubset) { /* in an encoding in which the search above does not see it */
		error_set(err, ERR_CORRUPT, "XML: it brings a DTD");
		return NULL;
	}
	found = xml_name(xml_root(doc));
	if (root && strcmp(found, root) != 0) {
		error_set(err, ERR_CORRUPT, "XML: <%.64s>, not <%s>", found, root);
		return NULL;
	}
	return steal_ptr(&doc);
}

void xml_free(struct xml_doc *doc)
{
	if (!doc)
		return;
	xmlFreeDoc(doc->doc);
	free(doc);
}

const struct xml_element *xml_root(const struct xml_doc *doc)
{
	return element_of(xmlDocGetRootElement(doc->doc));
}

static const struct xml_element *from(const xmlNode *node, const char *name)
{
	for (; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE && (!name || strcmp((const char *)node->name, name) == 0))
			return element_of(node);
	return NULL;
}

const struct xml_element *xml_child(const struct xml_element *el, const char *name)
{
	return el ? from(node_of(el)->children, name) : NULL;
}

const struct xml_element *xml_next(const struct xml_element *el, const char *name)
{
	return el ? from(node_of(el)->next, name) : NULL;
}

const char *xml_name(const struct xml_element *el)
{
	return (const char *)node_of(el)->name;
}

const char *xml_text(const struct xml_element *el)
{
	const xmlNode *node = el ? node_of(el)->children : NULL;

	if (!el)
		return NULL;
	if (!node)
		return "";
	if (node->next || node->type != XML_TEXT_NODE)
		return NULL;
	return (const char *)node->content;
}

const char *xml_child_text(const struct xml_element *el, const char *name)
{
	return xml_text(xml_child(el, name));
}

int xml_child_u64(const struct xml_element *el, const char *name, uint64_t *out, struct error *err)
{
	const char *text = xml_child_text(el, name);

	if (!text || parse_u64(text, UINT64_MAX, out, NULL) < 0)
		return error_set(err, ERR_CORRUPT, "XML: <%s> in <%s> is '%.32s', not a number", name, xml_name(el),
				 text ? text : "");
	return 0;
}

static void copy_line(char *out, size_t size, const char *text)
{
	size_t n = 0;

	for (; text && *text && n < size - 1; text++)
		out[n++] = (char)((unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text);
	if (text && ((unsigned char)*text & 0xc0) == 0x80) { /* cut inside a character: all of it goes */
		while (n > 0 && ((unsigned char)out[n - 1] & 0xc0) == 0x80)
			n--;
		if (n > 0)
			n--;
	}
	out[n] = '\0';
}

void xml_service_error(const char *buf, size_t len, struct xml_service_error *out)
{
	CLEANUP(cleanup_xml) struct xml_doc *doc = len > 0 ? xml_parse(buf, len, "Error", NULL) : NULL;

	out->code[0] = out->message[0] = '\0';
	if (!doc)
		return;
	copy_line(out->code, sizeof(out->code), xml_child_text(xml_root(doc), "Code"));
	copy_line(out->message, sizeof(out->message), xml_child_text(xml_root(doc), "Message"));
}

static bool is_range(const struct xml_element *el)
{
	return strcmp(xml_name(el), "PageRange") == 0 || strcmp(xml_name(el), "ClearRange") == 0;
}

int xml_next_range(const struct xml_doc *doc, const struct xml_element **at, struct xml_range *out, struct error *err)
{
	const struct xml_element *el = *at ? xml_next(*at, NULL) : xml_child(xml_root(doc), NULL);
	uint64_t start, end;

	while (el && !is_range(el))
		el = xml_next(el, NULL);
	if (!el)
		return 0;
	if (xml_child_u64(el, "Start", &start, err) < 0 || xml_child_u64(el, "End", &end, err) < 0)
		return -1;
	if (end < start || end == UINT64_MAX)
		return error_set(err, ERR_CORRUPT, "XML: <%s> from %" PRIu64 " to %" PRIu64, xml_name(el), start, end);
	out->off = start;
	out->len = end - start + 1;
	out->clear = strcmp(xml_name(el), "ClearRange") == 0;
	*at = el;
	return 1;
}

static bool is_encoded(const struct xml_element *name)
{
	const xmlAttr *a = name ? node_of(name)->properties : NULL;

	for (; a; a = a->next)
		if (strcmp((const char *)a->name, "Encoded") == 0 && a->children && a->children->content)
			return strcasecmp((const char *)a->children->content, "true") == 0;
	return false;
}

int xml_next_blob(const struct xml_doc *doc, const struct xml_element **at, struct xml_blob *out, struct error *err)
{
	const struct xml_element *el =
		*at ? xml_next(*at, "Blob") : xml_child(xml_child(xml_root(doc), "Blobs"), "Blob");
	const char *name;

	if (!el)
		return 0;
	name = xml_child_text(el, "Name");
	if (!name || !name[0])
		return error_set(err, ERR_CORRUPT, "XML: <Blob> without <Name>");
	out->name = name;
	out->name_encoded = is_encoded(xml_child(el, "Name"));
	out->snapshot = xml_child_text(el, "Snapshot");
	out->properties = xml_child(el, "Properties");
	out->metadata = xml_child(el, "Metadata");
	*at = el;
	return 1;
}

int xml_next_marker(const struct xml_doc *doc, const char **out, struct error *err)
{
	const struct xml_element *el = xml_child(xml_root(doc), "NextMarker");
	const char *marker = xml_text(el);

	if (el && !marker) /* not the end: the rest of the list would be missed */
		return error_set(err, ERR_CORRUPT, "XML: <NextMarker> is not a text");
	*out = marker && marker[0] ? marker : NULL;
	return 0;
}
