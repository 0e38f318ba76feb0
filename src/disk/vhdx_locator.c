/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/backing.h"
#include "disk/utf16.h"
#include "disk/vhdx_locator.h"

enum {
	LOCATOR_COUNT = 18,
	LOCATOR_ENTRIES = 20,
	ENTRY_LEN = 12,
	ENTRY_VALUE_OFF = 4,
	ENTRY_KEY_LEN = 8,
	ENTRY_VALUE_LEN = 10,
};

static const struct guid vhdx_type = { { 0xb0, 0x4a, 0xef, 0xb7, 0xd1, 0x9e, 0x4a, 0x81, 0xb7, 0x89, 0x25, 0xb8, 0xe9,
					 0x44, 0x59, 0x13 } };

static char *text_at(const uint8_t *raw, size_t len, uint32_t off, uint16_t n, struct error *err)
{
	if (n == 0 || !range_ok(off, n, len)) {
		error_set(err, ERR_CORRUPT, "text at %#" PRIx32 "+%#x: outside the item of %zu bytes", off, n, len);
		return NULL;
	}
	return utf16le_to_utf8(raw + off, n, err);
}

static int take_text(char **slot, const char *key, char **value, struct error *err)
{
	if (*slot)
		return error_set(err, ERR_CORRUPT, "%s is there twice", key);
	*slot = steal_ptr(value);
	return 0;
}

static int take_entry(const uint8_t *raw, size_t len, const uint8_t *entry, struct vhdx_locator *l, bool *linked,
		      struct error *err)
{
	CLEANUP_FREE char *key = text_at(raw, len, get_le32(entry), get_le16(entry + ENTRY_KEY_LEN), err);
	CLEANUP_FREE char *value = NULL;

	if (!key)
		return -1;
	value = text_at(raw, len, get_le32(entry + ENTRY_VALUE_OFF), get_le16(entry + ENTRY_VALUE_LEN), err);
	if (!value)
		return -1;
	if (strcmp(key, "relative_path") == 0)
		return take_text(&l->relative, key, &value, err);
	if (strcmp(key, "volume_path") == 0)
		return take_text(&l->volume, key, &value, err);
	if (strcmp(key, "absolute_win32_path") == 0)
		return take_text(&l->absolute, key, &value, err);
	if (strcmp(key, "parent_linkage2") == 0)
		return guid_parse(value, &l->linkage2, NULL) < 0
			       ? error_set(err, ERR_CORRUPT, "parent_linkage2 is no GUID")
			       : 0;
	if (strcmp(key, "parent_linkage") != 0)
		return 0;
	if (*linked)
		return error_set(err, ERR_CORRUPT, "%s is there twice", key);
	*linked = true;
	return guid_parse(value, &l->linkage, NULL) < 0 ? error_set(err, ERR_CORRUPT, "parent_linkage is no GUID") : 0;
}

int vhdx_locator_decode(const uint8_t *raw, size_t len, struct vhdx_locator *out, struct error *err)
{
	struct vhdx_locator l = { 0 };
	bool linked = false;
	struct guid type;
	size_t count;

	if (len < LOCATOR_ENTRIES)
		return error_set(err, ERR_CORRUPT, "parent locator: %zu bytes, at least 20 needed", len);
	guid_from_le(raw, &type);
	if (!guid_equal(&type, &vhdx_type))
		return error_set(err, ERR_UNSUPPORTED, "parent locator: its type is not that of a VHDX parent");
	count = get_le16(raw + LOCATOR_COUNT);
	if (!range_ok(LOCATOR_ENTRIES, count * ENTRY_LEN, len))
		return error_set(err, ERR_CORRUPT, "parent locator: %zu entries in an item of %zu bytes", count, len);
	for (size_t i = 0; i < count; i++) {
		if (take_entry(raw, len, raw + LOCATOR_ENTRIES + i * ENTRY_LEN, &l, &linked, err) < 0) {
			vhdx_locator_fini(&l);
			return error_prefix(err, "parent locator: entry %zu", i);
		}
	}
	if (!linked || (!l.relative && !l.volume && !l.absolute)) {
		vhdx_locator_fini(&l);
		return error_set(err, ERR_CORRUPT, "parent locator: no %s", linked ? "path" : "parent_linkage");
	}
	*out = l;
	return 0;
}

void vhdx_locator_fini(struct vhdx_locator *l)
{
	free(l->relative);
	free(l->volume);
	free(l->absolute);
	memset(l, 0, sizeof(*l));
}

static void free_list(char **list)
{
	for (char **p = list; *p; p++)
		free(*p);
	free(list);
}
DEFINE_CLEANUP(cleanup_list, char **, free_list);

static int add_candidate(char **list, const char *child, const char *name, struct error *err)
{
	char *path = backing_sibling(child, name, err);
	size_t n = 0;

	if (!path)
		return -1;
	for (; list[n]; n++) {
		if (strcmp(list[n], path) == 0) {
			free(path);
			return 0;
		}
	}
	list[n] = path;
	return 0;
}

char **vhdx_locator_candidates(const struct vhdx_locator *l, const char *child, struct error *err)
{
	const char *const paths[] = { l->relative, l->absolute, l->volume };
	CLEANUP(cleanup_list)
	char **list = calloc(ARRAY_LEN(paths) + 2, sizeof(*list)); /* base names, the relative path, NULL */

	if (!list) {
		error_errno(err, ENOMEM, "parent locator");
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		CLEANUP_FREE char *path = strdup(paths[i] ? paths[i] : "");
		const char *start = path, *base;

		if (!path) {
			error_errno(err, ENOMEM, "parent locator");
			return NULL;
		}
		if (!paths[i])
			continue;
		for (char *p = path; *p; p++)
			if (*p == '\\')
				*p = '/';
		while (start[0] == '.' && start[1] == '/')
			start += 2;
		if (i == 0 && !backing_name_stays(start)) {
			error_set(err, ERR_REFUSED, "parent locator: relative path '%.200s' leads out of the folder",
				  paths[i]);
			return NULL;
		}
		if (i == 0 && add_candidate(list, child, start, err) < 0)
			return NULL;
		base = strrchr(start, '/');
		base = base ? base + 1 : start;
		if (backing_name_stays(base) && add_candidate(list, child, base, err) < 0)
			return NULL;
	}
	if (!list[0]) {
		error_set(err, ERR_CORRUPT, "parent locator: no path names a file");
		return NULL;
	}
	return steal_ptr(&list);
}
