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
	if (n == 0) {
		error_set(err, ERR_CORRUPT, "empty text");
		return NULL;
	}
	if (!range_ok(off, n, len)) {
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

static int take_guid(struct guid *slot, bool *is_there, const char *key, const char *value, struct error *err)
{
	if (*is_there)
		return error_set(err, ERR_CORRUPT, "%s is there twice", key);
	*is_there = true;
	return guid_parse(value, slot, NULL) < 0 ? error_set(err, ERR_CORRUPT, "%s is no GUID", key) : 0;
}

static int take_entry(const uint8_t *raw, size_t len, const uint8_t *entry, struct vhdx_locator *l, bool *linked,
		      bool *linked2, struct error *err)
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
	if (strcmp(key, "parent_linkage") == 0)
		return take_guid(&l->linkage, linked, key, value, err);
	if (strcmp(key, "parent_linkage2") == 0)
		return take_guid(&l->linkage2, linked2, key, value, err);
	return 0;
}

int vhdx_locator_decode(const uint8_t *raw, size_t len, struct vhdx_locator *out, struct error *err)
{
	struct vhdx_locator l = { 0 };
	bool linked = false, linked2 = false;
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
	if (count > VHDX_LOCATOR_ENTRIES_MAX)
		return error_set(err, ERR_UNSUPPORTED, "parent locator: %zu entries, at most %d", count,
				 VHDX_LOCATOR_ENTRIES_MAX);
	for (size_t i = 0; i < count; i++) {
		if (take_entry(raw, len, raw + LOCATOR_ENTRIES + i * ENTRY_LEN, &l, &linked, &linked2, err) < 0) {
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

/* A path of Windows as the pieces that are looked for here; `followed`: from the child's folder as a whole too. */
static int add_path(char **list, const char *child, const char *windows, bool followed, struct error *err)
{
	CLEANUP_FREE char *path = strdup(windows);
	const char *start = path, *base;

	if (!path)
		return error_errno(err, ENOMEM, "parent locator");
	for (char *p = path; *p; p++)
		if (*p == '\\')
			*p = '/';
	while (start[0] == '.' && start[1] == '/')
		start += 2;
	base = strrchr(start, '/');
	base = base ? base + 1 : start;
	if (!backing_name_stays(base))
		return 0;
	if (followed && *start != '/' && !strchr(start, ':') && add_candidate(list, child, start, err) < 0)
		return -1;
	return add_candidate(list, child, base, err);
}

char **vhdx_locator_candidates(const struct vhdx_locator *l, const char *child, struct error *err)
{
	CLEANUP(cleanup_list) char **list = calloc(5, sizeof(*list)); /* relative path, three base names, NULL */

	if (!list) {
		error_errno(err, ENOMEM, "parent locator");
		return NULL;
	}
	if ((l->relative && add_path(list, child, l->relative, true, err) < 0) ||
	    (l->absolute && add_path(list, child, l->absolute, false, err) < 0) ||
	    (l->volume && add_path(list, child, l->volume, false, err) < 0))
		return NULL;
	if (!list[0]) {
		error_set(err, ERR_CORRUPT, "parent locator: no path names a file");
		return NULL;
	}
	return steal_ptr(&list);
}
