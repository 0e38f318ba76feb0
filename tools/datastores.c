/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datastores.h"

int datastores_add(struct datastores *d, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	struct backing_datastore *v;

	if (!equals || equals == text || !equals[1])
		return error_set(err, ERR_USAGE, "'%.200s': not NAME=DIR", text);
	v = reallocarray(d->v, d->n + 1, sizeof(*v));
	if (!v)
		return error_errno(err, ENOMEM, "datastores");
	d->v = v;
	v += d->n;
	v->name = strndup(text, (size_t)(equals - text));
	v->dir = strdup(equals + 1);
	if (!v->name || !v->dir) {
		free((char *)v->name);
		free((char *)v->dir);
		return error_errno(err, ENOMEM, "datastores");
	}
	d->n++;
	return 0;
}

void datastores_fini(struct datastores *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free((char *)d->v[i].name);
		free((char *)d->v[i].dir);
	}
	free(d->v);
	*d = (struct datastores){ 0 };
}

int datastores_set(void *dest, const char *value, struct error *err)
{
	return datastores_add(dest, value, err);
}
