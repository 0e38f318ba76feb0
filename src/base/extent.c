/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#include "base/checked.h"
#include "base/extent.h"

/* Does e say of its bytes what last says of those just before? */
static bool continues(const struct extent *last, const struct extent *e)
{
	if (last->kind != e->kind || last->depth != e->depth || last->file != e->file)
		return false;
	return e->file == EXTENT_NO_FILE || e->file_off - last->file_off == last->len;
}

static int grow(struct extent_list *list, struct error *err)
{
	size_t cap = list->cap ? list->cap * 2 : 16;
	struct extent *v = reallocarray(list->v, cap, sizeof(*v));

	if (!v)
		return error_errno(err, ENOMEM, "list of %zu extents", cap);
	list->v = v;
	list->cap = cap;
	return 0;
}

int extent_list_add(struct extent_list *list, const struct extent *e, struct error *err)
{
	struct extent *last = list->n ? &list->v[list->n - 1] : NULL;

	if (e->len == 0 || !range_ok(e->off, e->len, UINT64_MAX))
		return error_set(err, ERR_BUG, "extent %#" PRIx64 "+%#" PRIx64 ": not a range of bytes", e->off,
				 e->len);
	if (last && e->off != last->off + last->len)
		return error_set(err, ERR_BUG, "extent at %#" PRIx64 ": the list ends at %#" PRIx64, e->off,
				 last->off + last->len);
	if (last && continues(last, e)) {
		last->len += e->len;
		return 0;
	}
	if (list->n == list->cap && grow(list, err) < 0)
		return -1;
	last = &list->v[list->n++];
	*last = *e;
	if (last->file == EXTENT_NO_FILE)
		last->file_off = 0;
	return 0;
}

int extent_list_add_run(struct extent_list *list, uint64_t off, uint64_t len, enum extent_kind kind, uint32_t depth,
			struct error *err)
{
	struct extent e = { .off = off, .len = len, .kind = kind, .depth = depth, .file = EXTENT_NO_FILE };

	return extent_list_add(list, &e, err);
}

const struct extent *extent_list_find(const struct extent_list *list, uint64_t off)
{
	size_t lo = 0, hi = list->n; /* the last extent that begins at or before off is in [lo - 1, hi) */
	const struct extent *e;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (list->v[mid].off <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return NULL;
	e = &list->v[lo - 1];
	return off - e->off < e->len ? e : NULL;
}

bool extent_list_has_data(const struct extent_list *list, uint64_t off, uint64_t len)
{
	for (uint64_t at = off; at < off + len;) {
		const struct extent *e = extent_list_find(list, at);

		if (!e || e->kind != EXTENT_ZERO)
			return true;
		at = e->off + e->len;
	}
	return false;
}

uint64_t extent_list_bytes(const struct extent_list *list, enum extent_kind kind)
{
	uint64_t sum = 0; /* cannot wrap: the extents share no byte of one address space */

	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].kind == kind)
			sum += list->v[i].len;
	return sum;
}

void extent_list_clear(struct extent_list *list)
{
	list->n = 0;
}

void extent_list_fini(struct extent_list *list)
{
	free(list->v);
	*list = (struct extent_list){ 0 };
}
