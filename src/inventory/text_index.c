/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/text_index.h"

int text_index_add(struct text_index *x, const char *text, size_t value, struct error *err)
{
	char *copy;

	if (x->n == x->cap) {
		size_t cap = x->cap ? 2 * x->cap : 64;
		struct text_index_entry *v = reallocarray(x->v, cap, sizeof(*v));

		if (!v)
			return error_errno(err, ENOMEM, "%zu machines", x->n);
		x->v = v;
		x->cap = cap;
	}
	copy = strdup(text);
	if (!copy)
		return error_errno(err, ENOMEM, "%zu machines", x->n);
	x->v[x->n++] = (struct text_index_entry){ .text = copy, .value = value };
	return 0;
}

static int by_text(const void *a, const void *b)
{
	const struct text_index_entry *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	return order ? order : (x->value > y->value) - (x->value < y->value);
}

void text_index_sort(struct text_index *x)
{
	if (x->n > 0)
		qsort(x->v, x->n, sizeof(*x->v), by_text);
}

/* How many entries come before (text, value). */
static size_t count_before(const struct text_index *x, const char *text, size_t value)
{
	const struct text_index_entry want = { .text = (char *)text, .value = value };
	size_t low = 0, high = x->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_text(&x->v[middle], &want) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t text_index_first(const struct text_index *x, const char *text)
{
	size_t at = count_before(x, text, 0);

	return at < x->n && strcmp(x->v[at].text, text) == 0 ? x->v[at].value : TEXT_INDEX_NONE;
}

size_t text_index_last(const struct text_index *x, const char *text)
{
	size_t at = count_before(x, text, TEXT_INDEX_NONE);

	return at > 0 && strcmp(x->v[at - 1].text, text) == 0 ? x->v[at - 1].value : TEXT_INDEX_NONE;
}

void text_index_fini(struct text_index *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->v[i].text);
	free(x->v);
	*x = (struct text_index){ .n = 0 };
}
