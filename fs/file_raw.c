/* SPDX-License-Identifier: Apache-2.0 */
/* disk.raw: the flat disk. */
#include <config.h>

#include "file.h"

/*
 * How far one look for extents goes.  It grows while a disk says the same over and over; even at the most, in grains of
 * 64 KiB that alternate, a list of 2^18 extents is 10 MiB.
 */
#define LOOK_MIN (UINT64_C(64) << 20)
#define LOOK_MAX (UINT64_C(16) << 30)
#define BAD_STEP (UINT64_C(1) << 20)

static uint64_t raw_size(const struct view *v)
{
	return v->size;
}

static int raw_read(struct view *v, void *buf, size_t len, uint64_t off, const struct file_stop *stop,
		    struct error *err)
{
	(void)stop;
	return view_read(v, buf, len, off, err);
}

static bool raw_place(struct view *v, size_t len, uint64_t off, struct disk_place *out)
{
	return disk_place_of(v->disk, len, off, out);
}

/*
 * A range whose place is not known is data: who reads it is told why.  The next look is taken BAD_STEP further on.
 * Fails where looking further would not help either: the source is gone, or changed.
 */
static int raw_run(struct view *v, uint64_t off, bool *hole_out, uint64_t *end_out, struct error *err)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	uint64_t at = off, len = LOOK_MIN;
	struct error why = ERROR_INIT;
	bool is_hole = false;

	while (at < v->size && why.code == ERR_NONE) {
		if (len > v->size - at)
			len = v->size - at;
		extent_list_clear(&list);
		if (disk_extents(v->disk, len, at, true, &list, &why) < 0 && list.n == 0 && at == off)
			break;
		for (size_t i = 0; i < list.n; i++) {
			bool zero = list.v[i].kind == EXTENT_ZERO;

			if (at > off && zero != is_hole)
				goto found;
			is_hole = zero;
			at += list.v[i].len;
		}
		len = len < LOOK_MAX ? 2 * len : LOOK_MAX;
	}
	if (at == off) {
		if (why.code != ERR_CORRUPT) {
			view_note_stale(v, &why);
			if (err)
				*err = why;
			return -1;
		}
		at = v->size - off < BAD_STEP ? v->size : off + BAD_STEP;
	}
found:
	*hole_out = is_hole;
	*end_out = at;
	return 0;
}

const struct file_kind file_raw_kind = {
	.name = "disk.raw",
	.size = raw_size,
	.read = raw_read,
	.place = raw_place,
	.run = raw_run,
};
