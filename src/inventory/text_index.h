/* SPDX-License-Identifier: Apache-2.0 */
/* Which entry has this text: filled, sorted once, then searched.  A text that nobody can make collide with others. */
#ifndef LIFTFS_INVENTORY_TEXT_INDEX_H
#define LIFTFS_INVENTORY_TEXT_INDEX_H

#include <stddef.h>

#include "base/error.h"

#define TEXT_INDEX_NONE ((size_t)-1)

struct text_index {
	struct text_index_entry {
		char *text;
		size_t value;
	} * v;
	size_t n, cap;
};

int text_index_add(struct text_index *x, const char *text, size_t value, struct error *err) MUST_CHECK;
void text_index_sort(struct text_index *x);
/* The least and the greatest value under that text; TEXT_INDEX_NONE if there is none.  Sorted since the last text was
 * added. */
size_t text_index_first(const struct text_index *x, const char *text);
size_t text_index_last(const struct text_index *x, const char *text);
void text_index_fini(struct text_index *x);

#endif
