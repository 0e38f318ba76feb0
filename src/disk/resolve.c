/* SPDX-License-Identifier: Apache-2.0 */
/* A range of a disk through its chain: each image says what it has, and what it has not is asked of its parent. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "base/checked.h"
#include "disk/chain.h"

/* What one image is asked at a time.  How long its list gets is the format's affair: some thousand extents. */
#define MAP_STEP (UINT64_C(256) << 20)

struct scratch *scratch_get(struct disk *d, struct error *err)
{
	struct scratch *s;

	pthread_mutex_lock(&d->lock);
	s = d->idle;
	if (s)
		d->idle = s->next;
	pthread_mutex_unlock(&d->lock);
	if (!s)
		s = calloc(1, sizeof(*s));
	if (!s)
		error_errno(err, ENOMEM, "list of extents");
	return s;
}

void scratch_put(struct disk *d, struct scratch *s)
{
	LOCK_SCOPE(&d->lock);
	s->next = d->idle;
	d->idle = s;
}

static int check_answer(const struct image *img, const struct extent_list *list, uint64_t len, uint64_t off,
			struct error *err)
{
	const struct extent *last = list->n > 0 ? &list->v[list->n - 1] : NULL;

	if (last && list->v[0].off == off && range_ok(last->off - off, last->len, len))
		return 0;
	return error_set(err, ERR_BUG, "%s: map of %#" PRIx64 "+%#" PRIx64 " answers another range", img->ops->name,
			 off, len);
}

static int resolve_layer(struct disk *d, struct scratch *s, uint32_t depth, uint64_t len, uint64_t off,
			 struct extent_list *out, struct error *err)
{
	struct extent_list *list = &s->layer[depth];
	struct image *img = d->images[depth];
	uint64_t here;
	struct extent e;

	while (len > 0 && off < img->size) {
		here = img->size - off < len ? img->size - off : len;
		here = here < MAP_STEP ? here : MAP_STEP;
		extent_list_clear(list);
		if (img->ops->map(img, here, off, list, err) < 0)
			return chain_prefix(img, err);
		if (check_answer(img, list, here, off, err) < 0)
			return -1;
		for (size_t i = 0; i < list->n; i++) {
			e = list->v[i];
			e.depth = depth;
			off += e.len;
			len -= e.len;
			if (e.kind == EXTENT_ABSENT && depth + 1 < d->n_images) {
				if (resolve_layer(d, s, depth + 1, e.len, e.off, out, err) < 0)
					return -1;
				continue;
			}
			if (e.kind == EXTENT_ABSENT)
				e.kind = EXTENT_ZERO;
			if (extent_list_add(out, &e, err) < 0)
				return -1;
		}
	}
	/* A child that is larger than its parent sees zeros there. */
	return len > 0 ? extent_list_add_run(out, off, len, EXTENT_ZERO, depth, err) : 0;
}

int resolve_range(struct disk *d, struct scratch *s, uint64_t len, uint64_t off, struct extent_list *out,
		  struct error *err)
{
	return resolve_layer(d, s, 0, len, off, out, err);
}
