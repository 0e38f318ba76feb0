/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/guid.h"
#include "base/strbuf.h"
#include "inventory/datastore_names.h"

#define SNAPSHOT_DIGITS 6 /* VMware: web01-000002.vmdk */

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

size_t datastore_stem_len(const char *path)
{
	const char *name = last_component(path);
	const char *dot = strrchr(name, '.');

	return dot && dot != name ? (size_t)(dot - path) : strlen(path);
}

static bool ends_in_digits(const char *path, size_t len, size_t digits, char before)
{
	if (len <= digits || path[len - digits - 1] != before)
		return false;
	for (size_t i = len - digits; i < len; i++)
		if (!isdigit((unsigned char)path[i]))
			return false;
	return true;
}

static bool ends_in_guid(const char *path, size_t len)
{
	char text[GUID_TEXT_LEN];
	struct guid g;

	if (len < GUID_TEXT_LEN || path[len - GUID_TEXT_LEN] != '_') /* the NUL's place is the underscore's */
		return false;
	memcpy(text, path + len - (GUID_TEXT_LEN - 1), GUID_TEXT_LEN - 1);
	text[GUID_TEXT_LEN - 1] = '\0';
	return guid_parse(text, &g, NULL) == 0;
}

size_t datastore_base_len(const char *path, size_t stem_len)
{
	size_t dir = (size_t)(last_component(path) - path), base = stem_len;

	if (ends_in_digits(path, stem_len, SNAPSHOT_DIGITS, '-'))
		base = stem_len - SNAPSHOT_DIGITS - 1;
	else if (ends_in_guid(path, stem_len))
		base = stem_len - GUID_TEXT_LEN;
	return base > dir ? base : stem_len;
}

size_t datastore_disk_number(const char *path, size_t len, unsigned *number)
{
	size_t dir = (size_t)(last_component(path) - path);

	*number = 0;
	for (size_t digits = 1; digits <= 3; digits++) {
		size_t base = len - digits - 1;

		if (!ends_in_digits(path, len, digits, '_') || base <= dir || path[len - digits] == '0')
			continue;
		for (size_t i = len - digits; i < len; i++)
			*number = *number * 10 + (unsigned)(path[i] - '0');
		return base;
	}
	return len;
}

bool datastore_is_extent_name(const char *path, size_t *owner_len)
{
	static const char *const kinds[] = { "-flat", "-delta", "-sesparse", "-ctk", "-rdm", "-rdmp" };
	size_t dir = (size_t)(last_component(path) - path), stem = datastore_stem_len(path);

	if (strcasecmp(path + stem, ".vmdk") != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t len = strlen(kinds[i]);

		if (stem > dir + len && strncasecmp(path + stem - len, kinds[i], len) == 0) {
			*owner_len = stem - len;
			return true;
		}
	}
	if (stem > dir + 5 && (ends_in_digits(path, stem, 3, 's') || ends_in_digits(path, stem, 3, 'f')) &&
	    path[stem - 5] == '-') {
		*owner_len = stem - 5;
		return true;
	}
	return false;
}

char *datastore_normalise(const char *path, struct error *err)
{
	CLEANUP_FREE char *out = malloc(strlen(path) + 2);
	size_t len = 0, kept = 0; /* kept: leading "../" that nothing takes back */

	if (!out) {
		error_errno(err, ENOMEM, "%s", path);
		return NULL;
	}
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && memcmp(p, "..", 2) == 0 && len > kept) {
			len--; /* the slash */
			while (len > kept && out[len - 1] != '/')
				len--;
		} else if (n > 0 && !(n == 1 && *p == '.')) {
			memcpy(out + len, p, n);
			len += n;
			out[len++] = '/';
			if (n == 2 && memcmp(p, "..", 2) == 0)
				kept = len;
		}
		p += n;
		while (*p == '/')
			p++;
	}
	out[len > 0 ? len - 1 : 0] = '\0';
	return steal_ptr(&out);
}

/* What a disk's name is made of: a path, and how much of it. */
struct basis {
	const char *path;
	size_t len;
	size_t index;
};

static int basis_order(const void *a, const void *b)
{
	const struct basis *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static struct basis basis_of(const struct datastore_name_in *in, size_t index)
{
	struct basis b = { .path = in->shares_root ? in->leaf : in->root, .index = index };

	b.len = datastore_stem_len(b.path);
	if (in->shares_root && in->has_parent)
		b.len = datastore_base_len(b.path, b.len);
	return b;
}

static char *make_name(const char *path, size_t len, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
	CLEANUP_FREE char *plain = NULL;

	strbuf_add(&text, path, len);
	strbuf_adds(&text, ".vhd");
	plain = strbuf_take(&text, err);
	return plain ? escape_name(plain, err) : NULL;
}

static int name_order(const void *a, const void *b)
{
	return strcasecmp(a, b);
}

static void keep_name(void *name)
{
	(void)name;
}

int datastore_names(const struct datastore_name_in *in, size_t n, char **out, struct error *err)
{
	CLEANUP_FREE struct basis *order = calloc(n ? n : 1, sizeof(*order));
	void *taken = NULL; /* tsearch(3); the names are out's */

	memset(out, 0, n * sizeof(*out));
	if (!order)
		return error_errno(err, ENOMEM, "names of %zu disks", n);
	for (size_t i = 0; i < n; i++)
		order[i] = basis_of(&in[i], i);
	qsort(order, n, sizeof(*order), basis_order);
	for (size_t i = 0; i < n; i++) {
		const struct basis *b = &order[i];
		char *name = make_name(b->path, b->len, err);

		if (name && tfind(name, &taken, name_order)) {
			free(name);
			name = make_name(b->path, strlen(b->path), err);
		}
		if (!name)
			goto failed;
		if (tfind(name, &taken, name_order)) {
			free(name);
			continue;
		}
		out[b->index] = name;
		if (!tsearch(name, &taken, name_order)) {
			error_errno(err, ENOMEM, "names of %zu disks", n);
			goto failed;
		}
	}
	tdestroy(taken, keep_name);
	return 0;
failed:
	tdestroy(taken, keep_name);
	for (size_t i = 0; i < n; i++) {
		free(out[i]);
		out[i] = NULL;
	}
	return -1;
}
