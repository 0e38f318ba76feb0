/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "support/pageblob_fields.h"

static void *checked(void *p)
{
	if (!p) {
		fputs("pageblob-server: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *pageblob_alloc(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size));
}

void *pageblob_grow(void *p, size_t n, size_t size)
{
	return checked(reallocarray(p, n, size));
}

char *pageblob_strndup(const char *text, size_t len)
{
	return checked(strndup(text, len));
}

char *pageblob_strdup(const char *text)
{
	return checked(strdup(text));
}

void pageblob_fields_add(struct pageblob_fields *f, const char *name, const char *value)
{
	f->v = pageblob_grow(f->v, f->n + 1, sizeof(*f->v));
	f->v[f->n++] = (struct pageblob_field){ .name = pageblob_strdup(name), .value = pageblob_strdup(value) };
}

const char *pageblob_fields_get(const struct pageblob_fields *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcasecmp(f->v[i].name, name) == 0)
			return f->v[i].value;
	return NULL;
}

void pageblob_fields_copy(struct pageblob_fields *to, const struct pageblob_fields *from)
{
	for (size_t i = 0; i < from->n; i++)
		pageblob_fields_add(to, from->v[i].name, from->v[i].value);
}

void pageblob_fields_fini(struct pageblob_fields *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->v[i].name);
		free(f->v[i].value);
	}
	free(f->v);
	*f = (struct pageblob_fields){ 0 };
}
