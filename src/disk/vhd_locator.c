/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/utf16.h"
#include "disk/vhd_locator.h"

#define URL_SCHEME "file:"

enum {
	CODE_W2RU = 0x57327275,
	CODE_W2KU = 0x57326b75,
	CODE_MACX = 0x4d616358,
};

/* NULs behind a text of 2-byte units are padding. */
static size_t trim_units(const uint8_t *raw, size_t len)
{
	while (len >= 2 && raw[len - 1] == 0 && raw[len - 2] == 0)
		len -= 2;
	return len;
}

static char *decode_utf16(const uint8_t *raw, size_t len, struct error *err)
{
	/* An odd length is refused with the text as it is. */
	return utf16le_to_utf8(raw, len % 2 == 0 ? trim_units(raw, len) : len, err);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What follows the scheme of a file URL, without its escapes. */
static char *decode_url(const uint8_t *raw, size_t len, struct error *err)
{
	CLEANUP_FREE char *out = NULL;
	const char *p = (const char *)raw;
	size_t used = 0;
	int hi, lo;

	while (len > 0 && raw[len - 1] == 0)
		len--;
	out = malloc(len + 1);
	if (!out) {
		error_errno(err, ENOMEM, "URL");
		return NULL;
	}
	if (len < strlen(URL_SCHEME) || strncasecmp(p, URL_SCHEME, strlen(URL_SCHEME)) != 0) {
		error_set(err, ERR_CORRUPT, "no file URL");
		return NULL;
	}
	for (size_t i = strlen(URL_SCHEME); i < len; i++) {
		char c = p[i];

		if (c == '%') {
			hi = i + 2 < len ? hex_digit(p[i + 1]) : -1;
			lo = i + 2 < len ? hex_digit(p[i + 2]) : -1;
			if (hi < 0 || lo < 0) {
				error_set(err, ERR_CORRUPT, "file URL: '%%' without two digits at byte %zu", i);
				return NULL;
			}
			c = (char)(hi << 4 | lo);
			i += 2;
		}
		if (c == '\0') {
			error_set(err, ERR_CORRUPT, "file URL: NUL before byte %zu", i + 1);
			return NULL;
		}
		out[used++] = c;
	}
	out[used] = '\0';
	return steal_ptr(&out);
}

static char **slot_of(struct vhd_locator *l, uint32_t code, const char **name_out)
{
	switch (code) {
	case CODE_W2RU:
		*name_out = "W2ru";
		return &l->relative;
	case CODE_W2KU:
		*name_out = "W2ku";
		return &l->absolute;
	case CODE_MACX:
		*name_out = "MacX";
		return &l->url;
	default:
		return NULL;
	}
}

static int read_text(const struct backing *file, const struct vhd_locator_entry *e, char **out, struct error *err)
{
	CLEANUP_FREE uint8_t *raw = NULL;

	if (*out)
		return error_set(err, ERR_CORRUPT, "is there twice");
	if (e->len == 0 || e->len > VHD_LOCATOR_TEXT_MAX)
		return error_set(err, ERR_CORRUPT, "text of %" PRIu32 " bytes (1 to %" PRIu32 ")", e->len,
				 VHD_LOCATOR_TEXT_MAX);
	if (!range_ok(e->off, e->len, file->size))
		return error_set(err, ERR_CORRUPT,
				 "text at %#" PRIx64 "+%#" PRIx32 ": beyond end of file (%" PRIu64 " bytes)", e->off,
				 e->len, file->size);
	raw = malloc(e->len);
	if (!raw)
		return error_errno(err, ENOMEM, "text");
	if (backing_read(file, raw, e->len, e->off, err) < 0)
		return -1;
	*out = e->code == CODE_MACX ? decode_url(raw, e->len, err) : decode_utf16(raw, e->len, err);
	return *out ? 0 : -1;
}

static int read_name(const struct vhd_header *h, char **out, struct error *err)
{
	size_t len = 0;

	while (len < VHD_PARENT_NAME_LEN && get_be16(h->parent_name + len) != 0)
		len += 2;
	if (len == 0)
		return 0;
	*out = utf16be_to_utf8(h->parent_name, len, err);
	return *out ? 0 : error_prefix(err, "parent name");
}

int vhd_locator_read(const struct backing *file, const struct vhd_header *h, struct vhd_locator *out, struct error *err)
{
	struct vhd_locator l = { 0 };
	const char *name = NULL;
	char **slot;

	for (size_t i = 0; i < VHD_LOCATORS; i++) {
		slot = slot_of(&l, h->locators[i].code, &name);
		if (slot && read_text(file, &h->locators[i], slot, err) < 0) {
			vhd_locator_fini(&l);
			return error_prefix(err, "parent locator %zu (%s)", i, name);
		}
	}
	if (read_name(h, &l.name, err) < 0) {
		vhd_locator_fini(&l);
		return -1;
	}
	*out = l;
	return 0;
}

void vhd_locator_fini(struct vhd_locator *l)
{
	free(l->relative);
	free(l->absolute);
	free(l->url);
	free(l->name);
	memset(l, 0, sizeof(*l));
}

static void free_list(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}
DEFINE_CLEANUP(cleanup_list, char **, free_list);

static int add_candidate(char **list, const char *child, const char *name, struct error *err)
{
	CLEANUP_FREE char *path = backing_sibling(child, name, err);
	size_t n = 0;

	if (!path)
		return -1;
	for (; list[n]; n++)
		if (strcmp(list[n], path) == 0)
			return 0;
	list[n] = steal_ptr(&path);
	return 0;
}

static char *with_slashes(const char *text, struct error *err)
{
	char *path = strdup(text);

	if (!path) {
		error_errno(err, ENOMEM, "parent locator");
		return NULL;
	}
	for (char *p = path; *p; p++)
		if (*p == '\\')
			*p = '/';
	return path;
}

/* Adds the path as it is. */
static int add_relative(char **list, const char *child, const char *text, struct error *err)
{
	CLEANUP_FREE char *path = with_slashes(text, err);
	const char *start = path;

	if (!path)
		return -1;
	while (start[0] == '.' && start[1] == '/')
		start += 2;
	if (*start == '/' || (isalpha((unsigned char)start[0]) && start[1] == ':'))
		return error_set(err, ERR_REFUSED, "parent locator: relative path '%.200s' is absolute", text);
	return *start ? add_candidate(list, child, start, err) : 0;
}

/* Adds what stands behind the last separator, if that is a file's name. */
static int add_base(char **list, const char *child, const char *text, struct error *err)
{
	CLEANUP_FREE char *path = with_slashes(text, err);
	const char *base;

	if (!path)
		return -1;
	base = strrchr(path, '/');
	base = base ? base + 1 : path;
	if (strcmp(base, ".") == 0 || !backing_name_stays(base))
		return 0;
	return add_candidate(list, child, base, err);
}

char **vhd_locator_candidates(const struct vhd_locator *l, const char *child, struct error *err)
{
	const char *const texts[] = { l->relative, l->absolute, l->name, l->url };
	CLEANUP(cleanup_list)
	char **list = calloc(ARRAY_LEN(texts) + 2, sizeof(*list)); /* base names, the relative path, NULL */

	if (!list) {
		error_errno(err, ENOMEM, "parent locator");
		return NULL;
	}
	if (l->relative && add_relative(list, child, l->relative, err) < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i] && add_base(list, child, texts[i], err) < 0)
			return NULL;
	if (!list[0]) {
		error_set(err, ERR_CORRUPT, "differencing, but neither a locator nor a name says where the parent is");
		return NULL;
	}
	return steal_ptr(&list);
}
