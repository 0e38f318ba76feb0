/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <stdio.h>

#include "support/vhd_fixture.h"

struct scratch_dir *vhd_dir;
char vhd_last_log[LOG_LINE_MAX];
unsigned vhd_logs;

int vhd_setup(void **state)
{
	int rc = scratch_setup(state);

	vhd_dir = *state;
	return rc;
}

int vhd_teardown(void **state)
{
	return scratch_teardown(state);
}

static void keep_line(void *ctx, enum log_level level, const char *module, const char *line)
{
	(void)ctx;
	(void)level;
	assert_string_equal(module, "vhd");
	snprintf(vhd_last_log, sizeof(vhd_last_log), "%s", line);
	vhd_logs++;
}

int vhd_listen(void **state)
{
	(void)state;
	vhd_logs = 0;
	log_set_sink(keep_line, NULL);
	log_set_level(LOG_INFO);
	return 0;
}

int vhd_stop_listening(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	log_set_level(LOG_WARN);
	return 0;
}

void vhd_save(const struct vhd_image *img, const char *name)
{
	scratch_write(vhd_dir, name, img->bytes, img->len);
}

struct disk *vhd_open_ok(const struct vhd_image *img)
{
	struct disk *d;

	vhd_save(img, "disk.vhd");
	d = disk_open_ok(vhd_dir, "disk.vhd");
	assert_int_equal(disk_size(d), img->size);
	return d;
}

void assert_vhd_refused(const struct vhd_image *img, enum error_code code, const char *msg)
{
	vhd_save(img, "disk.vhd");
	assert_disk_refused(vhd_dir, "disk.vhd", code, msg);
}

void assert_vhd_content(struct disk *d, const uint8_t *guest, uint64_t *random)
{
	uint64_t size = disk_size(d), off, len;

	assert_disk_reads(d, guest, (size_t)size, 0);
	assert_disk_extents(d, guest, size, 0, false);
	for (int i = 0; i < 40; i++) {
		off = vhd_w_random(random) % size;
		len = 1 + vhd_w_random(random) % (i % 2 ? 3000 : 300000);
		len = len < size - off ? len : size - off;
		assert_disk_reads(d, guest, (size_t)len, off);
		assert_disk_extents(d, guest, len, off, false);
	}
	assert_disk_reads(d, guest, 1, size - 1);
}
