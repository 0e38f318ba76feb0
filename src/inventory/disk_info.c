/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <string.h>

#include "base/escape.h"
#include "base/strbuf.h"
#include "inventory/disk_info.h"

static int no_memory(struct error *err)
{
	return error_set(err, ERR_NOMEM, "no memory for a JSON document");
}

/* The components "." and ".." are no names: their dots stay. */
static int add_component(struct strbuf *b, const char *component, size_t len, struct error *err)
{
	CLEANUP_FREE char *raw = strndup(component, len);
	CLEANUP_FREE char *escaped = NULL;

	if (!raw)
		return no_memory(err);
	if (strcmp(raw, ".") != 0 && strcmp(raw, "..") != 0) {
		escaped = escape_name(raw, err);
		if (!escaped)
			return -1;
	}
	strbuf_adds(b, escaped ? escaped : raw);
	return 0;
}

char *disk_info_escape(const char *path, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

	if (*path != '.' && !strstr(path, "/."))
		return escape_name(path, err);
	for (const char *p = path;; p++) {
		size_t len = strcspn(p, "/");

		if (add_component(&b, p, len, err) < 0)
			return NULL;
		p += len;
		if (!*p)
			break;
		strbuf_adds(&b, "/");
	}
	return strbuf_take(&b, err);
}

json_t *disk_info_name(const char *name, struct error *err)
{
	CLEANUP_FREE char *escaped = disk_info_escape(name, err);
	json_t *j;

	if (!escaped)
		return NULL;
	j = json_string(escaped);
	if (!j)
		no_memory(err);
	return j;
}

/* A format's own words (ids, subformats) come from the image: they are escaped too. */
static int set_name(json_t *object, const char *key, const char *name, struct error *err)
{
	json_t *value = disk_info_name(name, err);

	if (!value)
		return -1;
	return json_object_set_new(object, key, value) == 0 ? 0 : no_memory(err);
}

static int set_new(json_t *object, const char *key, json_t *value, struct error *err)
{
	return value && json_object_set_new(object, key, value) == 0 ? 0 : no_memory(err);
}

static json_t *chain_json(const struct disk *d, bool *dirty_out, struct error *err)
{
	CLEANUP(cleanup_json) json_t *chain = json_array();

	if (!chain) {
		no_memory(err);
		return NULL;
	}
	*dirty_out = false;
	for (size_t i = 0; i < disk_chain_len(d); i++) {
		const struct disk_image_info *info = disk_chain_info(d, i);
		CLEANUP(cleanup_json) json_t *image = json_object();

		if (!image) {
			no_memory(err);
			return NULL;
		}
		if (set_name(image, "path", info->path, err) < 0 || set_name(image, "format", info->format, err) < 0 ||
		    set_name(image, "id", info->id, err) < 0)
			return NULL;
		if (json_array_append_new(chain, steal_ptr(&image)) != 0) {
			no_memory(err);
			return NULL;
		}
		if (info->dirty_log)
			*dirty_out = true;
	}
	return steal_ptr(&chain);
}

json_t *disk_info_json(const struct disk *d, const char *path, struct error *err)
{
	const struct disk_image_info *leaf = disk_chain_info(d, 0);
	CLEANUP(cleanup_json) json_t *doc = json_object();
	CLEANUP(cleanup_json) json_t *chain = NULL;
	bool dirty;

	if (!doc) {
		no_memory(err);
		return NULL;
	}
	chain = chain_json(d, &dirty, err);
	if (!chain)
		return NULL;
	if (set_new(doc, "schema", json_integer(1), err) < 0 || set_name(doc, "path", path, err) < 0 ||
	    set_name(doc, "format", leaf->format, err) < 0 || set_name(doc, "subformat", leaf->subformat, err) < 0 ||
	    set_new(doc, "virtual_size", json_integer((json_int_t)disk_size(d)), err) < 0 ||
	    set_new(doc, "sector_size", json_integer(leaf->sector_size), err) < 0 ||
	    set_new(doc, "allocated", json_integer((json_int_t)disk_allocated(d)), err) < 0 ||
	    set_new(doc, "chain", steal_ptr(&chain), err) < 0 ||
	    set_new(doc, "dirty_log", json_boolean(dirty), err) < 0)
		return NULL;
	return steal_ptr(&doc);
}

static int add_bytes(const char *bytes, size_t len, void *ctx)
{
	struct strbuf *text = ctx;

	strbuf_add(text, bytes, len);
	return text->failed ? -1 : 0;
}

static int add_text(struct strbuf *text, const json_t *part, size_t more_flags, struct error *err)
{
	size_t flags = JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(12) | more_flags;

	if (!part || json_dump_callback(part, add_bytes, text, flags) < 0)
		return no_memory(err);
	return 0;
}

int disk_info_add_text(struct strbuf *text, const json_t *part, struct error *err)
{
	return add_text(text, part, 0, err);
}

int disk_info_add_members(struct strbuf *text, const json_t *object, struct error *err)
{
	return add_text(text, object, JSON_EMBED, err);
}

char *disk_info_text(const json_t *document, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };

	if (disk_info_add_text(&text, document, err) < 0)
		return NULL;
	strbuf_adds(&text, "\n");
	return strbuf_take(&text, err);
}
