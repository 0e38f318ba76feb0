/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes user.liftfs.*: the essentials of info.json, for getfattr and scripts. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/strbuf.h"
#include "file.h"

static void put_format(const struct view *v, struct strbuf *b)
{
	strbuf_adds(b, disk_chain_info(v->disk, 0)->format);
}

static void put_subformat(const struct view *v, struct strbuf *b)
{
	strbuf_adds(b, disk_chain_info(v->disk, 0)->subformat);
}

static void put_id(const struct view *v, struct strbuf *b)
{
	strbuf_adds(b, disk_chain_info(v->disk, 0)->id);
}

static void put_path(const struct view *v, struct strbuf *b)
{
	strbuf_adds(b, disk_chain_info(v->disk, 0)->path);
}

static void put_virtual_size(const struct view *v, struct strbuf *b)
{
	strbuf_addf(b, "%" PRIu64, v->size);
}

static void put_sector_size(const struct view *v, struct strbuf *b)
{
	strbuf_addf(b, "%" PRIu32, disk_chain_info(v->disk, 0)->sector_size);
}

static void put_allocated(const struct view *v, struct strbuf *b)
{
	strbuf_addf(b, "%" PRIu64, v->allocated);
}

static void put_block_size(const struct view *v, struct strbuf *b)
{
	strbuf_addf(b, "%" PRIu64, v->block_size);
}

static void put_chain_length(const struct view *v, struct strbuf *b)
{
	strbuf_addf(b, "%zu", disk_chain_len(v->disk));
}

static void put_dirty_log(const struct view *v, struct strbuf *b)
{
	bool dirty = false;

	for (size_t i = 0; i < disk_chain_len(v->disk); i++)
		dirty |= disk_chain_info(v->disk, i)->dirty_log;
	strbuf_adds(b, dirty ? "true" : "false");
}

static const struct {
	const char *name; /* behind XATTR_PREFIX */
	void (*put)(const struct view *v, struct strbuf *b);
} attributes[] = {
	{ "format", put_format },
	{ "subformat", put_subformat },
	{ "id", put_id },
	{ "path", put_path },
	{ "virtual_size", put_virtual_size },
	{ "sector_size", put_sector_size },
	{ "allocated", put_allocated },
	{ "block_size", put_block_size },
	{ "chain_length", put_chain_length },
	{ "dirty_log", put_dirty_log },
};

char *xattr_get(struct view *v, const char *name, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
	size_t prefix = strlen(XATTR_PREFIX);

	for (size_t i = 0; strncmp(name, XATTR_PREFIX, prefix) == 0 && i < ARRAY_LEN(attributes); i++) {
		if (strcmp(name + prefix, attributes[i].name) != 0)
			continue;
		attributes[i].put(v, &text);
		return strbuf_take(&text, err);
	}
	error_errno(err, ENODATA, "%s: attribute %s", v->label, name);
	return NULL;
}

char *xattr_list(struct view *v, size_t *len_out, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf names = { 0 };
	char *list;
	size_t len;

	(void)v;
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		strbuf_addf(&names, XATTR_PREFIX "%s", attributes[i].name);
		strbuf_add(&names, "", 1);
	}
	len = names.len;
	list = strbuf_take(&names, err);
	if (list)
		*len_out = len;
	return list;
}
