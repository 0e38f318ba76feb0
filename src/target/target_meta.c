/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata, looks and lists of points: the values that cross the seam. */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "target/target.h"

static struct target_meta_item *find(const struct target_meta *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->v[i].key, key) == 0)
			return &m->v[i];
	return NULL;
}

int target_meta_set(struct target_meta *m, const char *key, const char *value, struct error *err)
{
	struct target_meta_item *item = find(m, key);
	CLEANUP_FREE char *copy = NULL;
	size_t len = strlen(key);

	if (len == 0 || len >= sizeof(item->key) || strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789") != len)
		return error_set(err, ERR_USAGE, "metadata key '%s': not 1 to %zu characters of a-z and 0-9", key,
				 sizeof(item->key) - 1);
	copy = strdup(value);
	if (!copy)
		return error_errno(err, ENOMEM, "metadata %s", key);
	if (!item) {
		struct target_meta_item *more = reallocarray(m->v, m->n + 1, sizeof(*more));

		if (!more)
			return error_errno(err, ENOMEM, "metadata %s", key);
		m->v = more;
		item = &more[m->n++];
		memcpy(item->key, key, len + 1);
		item->value = NULL;
	}
	free(item->value);
	item->value = steal_ptr(&copy);
	return 0;
}

const char *target_meta_get(const struct target_meta *m, const char *key)
{
	const struct target_meta_item *item = find(m, key);

	return item ? item->value : NULL;
}

int target_meta_copy(struct target_meta *out, const struct target_meta *in, struct error *err)
{
	CLEANUP(cleanup_target_meta) struct target_meta copy = { 0 };

	for (size_t i = 0; i < in->n; i++)
		if (target_meta_set(&copy, in->v[i].key, in->v[i].value, err) < 0)
			return -1;
	*out = copy;
	copy = (struct target_meta){ 0 };
	return 0;
}

void target_meta_fini(struct target_meta *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i].value);
	free(m->v);
	*m = (struct target_meta){ 0 };
}

void target_look_fini(struct target_look *look)
{
	target_meta_fini(&look->meta);
	*look = (struct target_look){ 0 };
}

void target_points_fini(struct target_points *p)
{
	for (size_t i = 0; i < p->n; i++)
		target_meta_fini(&p->v[i].meta);
	free(p->v);
	*p = (struct target_points){ 0 };
}
