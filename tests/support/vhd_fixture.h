/* SPDX-License-Identifier: Apache-2.0 */
/* Dynamic and differencing VHDs in a folder that lasts for the program, and what the log says of them. */
#ifndef LIFTFS_TESTS_VHD_FIXTURE_H
#define LIFTFS_TESTS_VHD_FIXTURE_H

#include "base/log.h"
#include "support/disk_reader.h"
#include "support/vhd_writer.h"

#define KIB VHD_W_KIB
#define SECTOR 512

extern struct scratch_dir *vhd_dir;

/* Fixtures of the group: makes and removes vhd_dir. */
int vhd_setup(void **state);
int vhd_teardown(void **state);

/* Of a test that hears what is logged, by the room "vhd" alone: the last line, and how many. */
extern char vhd_last_log[LOG_LINE_MAX];
extern unsigned vhd_logs;
int vhd_listen(void **state);
int vhd_stop_listening(void **state);
#define LISTENING(test) cmocka_unit_test_setup_teardown(test, vhd_listen, vhd_stop_listening)

void vhd_save(const struct vhd_image *img, const char *name);
/* As disk.vhd, which opens, or does not. */
struct disk *vhd_open_ok(const struct vhd_image *img);
void assert_vhd_refused(const struct vhd_image *img, enum error_code code, const char *msg);

/* The whole disk, and ranges by chance, by reads and by extents. */
void assert_vhd_content(struct disk *d, const uint8_t *guest, uint64_t *random);

#endif
