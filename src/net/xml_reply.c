/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "net/xml_reply.h"

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
	const char *text = xml_attribute(name, "Encoded");

	return text && strcasecmp(text, "true") == 0;
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
