/* SPDX-License-Identifier: Apache-2.0 */
/* What the metadata text of an LVM2 volume group says of where its logical volumes lie.  Pure; input is hostile. */
#ifndef LIFTFS_GUEST_LVM_H
#define LIFTFS_GUEST_LVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define LVM_TEXT_MAX ((size_t)4 << 20)
#define LVM_NAME_LEN 128
#define LVM_PVS_MAX 1024
#define LVM_LVS_MAX 1024
#define LVM_SEGMENTS_MAX 65536 /* of all volumes */

struct lvm_pv {
	char name[LVM_NAME_LEN]; /* "pv0": as segments refer to it */
	char id[40];             /* as in a label, without hyphens */
	uint64_t first_sector, extents;
};
struct lvm_segment { /* extents of the volume */
	uint64_t first, n;
	char type[32];      /* "striped" is linear with one stripe */
	uint64_t stripes;
	char pv[LVM_NAME_LEN];
	uint64_t pv_extent;
};
struct lvm_lv {
	char name[LVM_NAME_LEN];
	bool visible;
	struct lvm_segment *segments; /* by their first extent */
	size_t n_segments;
};
struct lvm_vg {
	char name[LVM_NAME_LEN];
	uint64_t extent_sectors;
	struct lvm_pv *pvs;
	size_t n_pvs;
	struct lvm_lv *lvs;
	size_t n_lvs;
	size_t n_segments; /* of all volumes */
};

/* Of a NUL-terminated text, which is changed. */
int lvm_parse(char *text, struct lvm_vg *out, struct error *err) MUST_CHECK;
void lvm_vg_fini(struct lvm_vg *vg);
static inline void cleanup_lvm_vg(struct lvm_vg *vg)
{
	lvm_vg_fini(vg);
}

#endif
