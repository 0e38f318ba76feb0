/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "file.h"

static const struct file_kind *const kinds[FILE_IDS] = {
	[FILE_RAW] = &file_raw_kind,
	[FILE_VHD] = &file_vhd_kind,
	[FILE_BLOCKS] = &file_blocks_kind,
	[FILE_INFO] = &file_info_kind,
};

const struct file_kind *file_kind(enum file_id id)
{
	return id > FILE_NONE && id < FILE_IDS ? kinds[id] : NULL;
}

const char *file_name(enum file_id id)
{
	return id == FILE_ERROR ? "error" : file_kind(id)->name;
}

enum file_id file_id_of_name(const char *name)
{
	for (enum file_id id = FILE_NONE + 1; id < FILE_IDS; id++)
		if (strcmp(name, file_name(id)) == 0)
			return id;
	return FILE_NONE;
}

int file_seek(struct view *v, const struct file_kind *kind, uint64_t off, bool hole, uint64_t *out, struct error *err)
{
	uint64_t size = kind->size(v), end = size;
	bool is_hole = false;

	if (off >= size)
		return error_errno(err, ENXIO, "%s/%s: seek beyond the end", v->label, kind->name);
	for (; off < size; off = end) {
		if (kind->run && kind->run(v, off, &is_hole, &end, err) < 0)
			return -1;
		if (is_hole == hole) {
			*out = off;
			return 0;
		}
	}
	if (!hole)
		return error_errno(err, ENXIO, "%s/%s: no data behind here", v->label, kind->name);
	*out = size; /* every file ends in a hole */
	return 0;
}
