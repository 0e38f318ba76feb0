/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <pthread.h>
#include <string.h>

#include "base/parse.h"
#include "base/xml.h"

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

/* Of an encoding that breaks off libxml2 says so whatever the options are. */
static PRINTF_FMT(2, 3) void say_nothing(void *ctx, const char *fmt, ...)
{
	(void)ctx;
	(void)fmt;
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
	xmlSetGenericErrorFunc(NULL, say_nothing); /* of this thread */
	doc = calloc(1, sizeof(*doc));
	if (!doc) {
		error_errno(err, ENOMEM, "XML");
		return NULL;
	}
	doc->doc = xmlReadMemory(buf, (int)len, "document.xml", NULL,
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

const char *xml_attribute(const struct xml_element *el, const char *name)
{
	const xmlAttr *a = el ? node_of(el)->properties : NULL;

	for (; a; a = a->next) {
		if (strcmp((const char *)a->name, name) != 0)
			continue;
		if (!a->children)
			return "";
		return a->children->next ? NULL : (const char *)a->children->content;
	}
	return NULL;
}
