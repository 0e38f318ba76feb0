/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xml.h"
#include "inventory/hyperv_config.h"
#include "inventory/hyperv_text.h"
#include "inventory/hyperv_xml.h"

#define LEN_MAX ((size_t)16 << 20) /* real ones have some 100 KiB */

static int walk(struct hyperv_config *c, const struct xml_element *el, const char *above, unsigned depth,
		struct error *err)
{
	const struct xml_element *child = xml_child(el, NULL);
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
	CLEANUP_FREE char *path = NULL;

	if (!child && !hyperv_config_wants(c, xml_name(el)))
		return 0;
	strbuf_addf(&text, "%s%s%s", above, *above ? "/" : "", xml_name(el));
	path = strbuf_take(&text, err);
	if (!path)
		return -1;
	if (!child) {
		const char *value = xml_text(el);

		if (!value)
			return error_set(err, ERR_CORRUPT, "%.200s: not plain text", path);
		return hyperv_config_value(c, path, value, err);
	}
	for (; child && depth < HYPERV_DEPTH_MAX; child = xml_next(child, NULL))
		if (walk(c, child, path, depth + 1, err) < 0)
			return -1;
	return 0;
}

/* The declaration names the encoding that the file had. */
static const char *behind_declaration(const char *text)
{
	const char *end = strncmp(text, "<?xml", 5) == 0 ? strstr(text, "?>") : NULL;

	return end ? end + 2 : text;
}

/* *out NULL: it is something else. */
static int read_config(const char *raw, size_t len, bool facts, struct hyperv_config **out, struct error *err)
{
	CLEANUP(cleanup_hyperv_config) struct hyperv_config *c = NULL;
	CLEANUP(cleanup_xml) struct xml_doc *doc = NULL;
	CLEANUP_FREE char *text = NULL;
	const char *from;
	bool was_utf16;

	*out = NULL;
	text = hyperv_text(raw, len, &len, &was_utf16, err);
	if (!text)
		return -1;
	if (!hyperv_text_has(text, len, "<configuration") || !hyperv_text_has(text, len, "<pathname"))
		return 0;
	from = was_utf16 ? behind_declaration(text) : text;
	doc = xml_parse(from, len - (size_t)(from - text), NULL, err);
	if (!doc)
		return -1;
	if (strcmp(xml_name(xml_root(doc)), "configuration") != 0)
		return 0;
	c = hyperv_config_new(err);
	if (!c)
		return -1;
	if (facts)
		hyperv_config_want_facts(c);
	if (walk(c, xml_root(doc), "", 1, err) < 0)
		return -1;
	*out = steal_ptr(&c);
	return 0;
}

static int hyperv_xml_parse(const char *raw, size_t len, struct vm_config_list *out, struct error *err)
{
	CLEANUP(cleanup_hyperv_config) struct hyperv_config *c = NULL;

	if (read_config(raw, len, false, &c, err) < 0)
		return -1;
	return c ? hyperv_config_finish(c, out, err) : 0;
}

static int hyperv_xml_describe(const char *raw, size_t len, struct machine_list *out, struct error *err)
{
	CLEANUP(cleanup_hyperv_config) struct hyperv_config *c = NULL;

	if (read_config(raw, len, true, &c, err) < 0)
		return -1;
	return c ? hyperv_config_describe(c, out, err) : 0;
}

const struct vm_config_format hyperv_xml_format = {
	.suffix = ".xml",
	.len_max = LEN_MAX,
	.hyperv = true,
	.parse = hyperv_xml_parse,
	.describe = hyperv_xml_describe,
};
