/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "support/disk_reader.h"

struct disk *disk_open_in(const struct scratch_dir *s, const char *name, struct error *err)
{
	CLEANUP(cleanup_backing_root) struct backing_root *root = backing_root_open(s->path, NULL);

	assert_non_null(root);
	return disk_open(root, name, NULL, err);
}

struct disk *disk_open_ok(const struct scratch_dir *s, const char *name)
{
	struct error e = ERROR_INIT;
	struct disk *d = disk_open_in(s, name, &e);

	assert_string_equal(e.msg, "");
	assert_non_null(d);
	return d;
}

void assert_disk_refused(const struct scratch_dir *s, const char *name, enum error_code code, const char *msg)
{
	struct error e = ERROR_INIT;

	assert_null(disk_open_in(s, name, &e));
	assert_error(&e, code, msg);
}

void assert_disk_reads(struct disk *d, const uint8_t *model, size_t len, uint64_t off)
{
	CLEANUP_FREE uint8_t *got = malloc(len + 1);
	struct error e = ERROR_INIT;
	int rc;

	assert_true(d && got);
	memset(got, 0xa5, len + 1);
	rc = disk_read(d, got, len, off, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(rc, 0);
	assert_memory_equal(got, model + off, len);
	assert_int_equal(got[len], 0xa5);
}

void assert_disk_extents(struct disk *d, const uint8_t *model, uint64_t len, uint64_t off, bool holes)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP_FREE uint8_t *buf = malloc((size_t)len);
	uint64_t end = off;

	assert_non_null(buf);
	assert_int_equal(disk_extents(d, len, off, holes, &list, NULL), 0);
	for (size_t i = 0; i < list.n; i++) {
		const struct extent *x = &list.v[i];

		assert_true(x->off == end && x->len > 0);
		end += x->len;
		assert_true(end <= off + len);
		if (x->kind == EXTENT_ZERO) {
			assert_true(io_is_zero(model + x->off, (size_t)x->len));
		} else if (x->file != EXTENT_NO_FILE) {
			assert_int_equal(backing_read(disk_file(d, x->file), buf, (size_t)x->len, x->file_off, NULL), 0);
			assert_memory_equal(buf, model + x->off, (size_t)x->len);
		}
	}
	assert_true(end == off + len);
}
