/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent locator of a differencing VHDX ([MS-VHDX] 2.2.4.2.7): which disk is the parent, and where it was last
 * seen. A pure function of bytes.
 *
 *    0 16 type GUID (of a VHDX parent), 18 2 entries, from 20 on 12 bytes each:
 *    0 4 key's offset, 4 4 value's offset (from the item's beginning), 8 2 key's and 10 2 value's length in bytes;
 * UTF-16LE
 */
#ifndef LIFTFS_DISK_VHDX_LOCATOR_H
#define LIFTFS_DISK_VHDX_LOCATOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/guid.h"

#define VHDX_LOCATOR_ENTRIES_MAX 256 /* Hyper-V writes 5; each may hold 128 KiB of text, which others may share */

struct vhdx_locator {
	struct guid linkage;                /* the parent's data write GUID */
	struct guid linkage2;               /* the one that it may have instead; zero: none */
	char *relative, *volume, *absolute; /* paths as Windows writes them, UTF-8; NULL: not there */
};

/* ERR_CORRUPT also for what lies outside the item.  On failure out holds nothing. */
int vhdx_locator_decode(const uint8_t *raw, size_t len, struct vhdx_locator *out, struct error *err) MUST_CHECK;
void vhdx_locator_fini(struct vhdx_locator *l);

/*
 * Where to look for the parent of `child` (its path below the root), best place first, NULL at the end: the relative
 * path from the child's folder, which may climb (who opens it sees to it that it stays beneath the root), then the base
 * name of each path in the child's folder.  Of a "relative" path that is none only the base name counts, as of the
 * others, which name places of another host.
 */
char **vhdx_locator_candidates(const struct vhdx_locator *l, const char *child, struct error *err) MUST_CHECK;

#endif
