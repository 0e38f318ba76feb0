/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "inventory/inventory.h"
#include "inventory/machines_repeated.h"
#include "inventory/text_index.h"
#include "inventory/vm_config.h"

static bool is_export(const struct machine *m)
{
	const struct vm_config_format *format = vm_config_format_of_path(m->path);

	return !format || format->exported; /* none: an archive */
}

static bool differ(const char *a, const char *b)
{
	return a && b && strcmp(a, b) != 0;
}

enum kind { BY_UUID, BY_BIOS_UUID, BY_FOLDER, KINDS };

/* What machines of a kind have in common; false: this one has it not. */
static bool make_key(const struct machine *m, enum kind kind, struct strbuf *key)
{
	const char *slash = m->path ? strrchr(m->path, '/') : NULL;

	key->len = 0;
	if (!m->path)
		return false;
	if (kind == BY_UUID && m->uuid)
		strbuf_addf(key, "u%s", m->uuid);
	else if (kind == BY_BIOS_UUID && m->bios_uuid && *m->name)
		strbuf_addf(key, "b%s/%s", m->bios_uuid, m->name);
	else if (kind == BY_FOLDER && *m->name)
		strbuf_addf(key, "f%.*s\x1f%s", slash ? (int)(slash - m->path) : 0, m->path, m->name);
	return key->len > 0 || key->failed;
}

static bool is_one(const struct machine *a, const struct machine *b, enum kind kind)
{
	if (differ(a->uuid, b->uuid))
		return false;
	return kind != BY_FOLDER || ((is_export(a) || is_export(b)) && !differ(a->bios_uuid, b->bios_uuid) &&
				     strcmp(a->path, b->path) != 0);
}

static int add_keys(const struct machine_list *l, size_t first, struct text_index *keys, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf key = { 0 };

	for (size_t i = first; i < l->n; i++) {
		for (enum kind kind = BY_UUID; kind < KINDS; kind++) {
			if (!make_key(&l->v[i], kind, &key))
				continue;
			if (key.failed)
				return error_errno(err, ENOMEM, "%zu machines", l->n);
			if (text_index_add(keys, key.s, i, err) < 0)
				return -1;
		}
	}
	text_index_sort(keys);
	return 0;
}

/* The machine before i that it is; i if none. */
static int find(const struct machine_list *l, size_t i, const struct text_index *keys, size_t *out, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf key = { 0 };

	*out = i;
	for (enum kind kind = BY_UUID; kind < KINDS && *out == i; kind++) {
		size_t at;

		if (!make_key(&l->v[i], kind, &key))
			continue;
		if (key.failed)
			return error_errno(err, ENOMEM, "%zu machines", l->n);
		at = text_index_first(keys, key.s);
		if (at < i && is_one(&l->v[at], &l->v[i], kind))
			*out = at;
	}
	return 0;
}

static int merge(struct machine_list *l, size_t first, const struct text_index *keys, size_t *roots, struct error *err)
{
	for (size_t i = first; i < l->n; i++) {
		struct machine *m = &l->v[i], *kept;
		size_t found;

		if (find(l, i, keys, &found, err) < 0)
			return -1;
		roots[i - first] = found == i ? i : roots[found - first];
		if (found == i)
			continue;
		kept = &l->v[roots[i - first]];
		if (differ(kept->uuid, m->uuid)) { /* it has become somebody else's by what it took over */
			roots[i - first] = i;
			continue;
		}
		machine_notice(&l->notices, "%s: taken for the same machine as %s", m->origin, kept->origin);
		if (machine_set(&m->path, NULL, err) < 0 || inventory_absorb(kept, m, err) < 0)
			return -1;
	}
	return 0;
}

int machines_merge_repeated(struct machine_list *l, size_t first, struct error *err)
{
	struct text_index keys = { .n = 0 };
	size_t *roots = calloc(l->n - first + 1, sizeof(*roots)), kept = first;
	int rc;

	rc = !roots ? error_errno(err, ENOMEM, "%zu machines", l->n) : add_keys(l, first, &keys, err);
	if (rc == 0)
		rc = merge(l, first, &keys, roots, err);
	for (size_t i = first; rc == 0 && i < l->n; i++) {
		struct machine m = l->v[i];

		l->v[i] = (struct machine){ .name = NULL };
		if (roots[i - first] == i)
			l->v[kept++] = m;
		else
			machine_fini(&m);
	}
	l->n = rc == 0 ? kept : l->n;
	text_index_fini(&keys);
	free(roots);
	return rc;
}
