/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a differencing VHD says that its parent lies: up to eight locators in the dynamic header, whose text stands
 * elsewhere in the file, and a name in the header itself.
 *
 *   W2ru  UTF-16LE, relative to the child's folder: ".\base.vhd"
 *   W2ku  UTF-16LE, absolute: "C:\vm\base.vhd"
 *   MacX  UTF-8, a file URL: "file://localhost/vm/base.vhd"
 *
 * Other codes (aliases of old Mac OS, deprecated ones) are passed over.  A text that cannot be read is an error: the
 * next one might name another file.
 */
#ifndef LIFTFS_DISK_VHD_LOCATOR_H
#define LIFTFS_DISK_VHD_LOCATOR_H

#include "base/cleanup.h"
#include "base/error.h"
#include "disk/backing.h"
#include "disk/vhd_header.h"

/* A Windows path has at most 32767 units of UTF-16, and URLs no more than some bytes a unit. */
#define VHD_LOCATOR_TEXT_MAX (UINT32_C(64) << 10)

struct vhd_locator {
	char *relative, *absolute, *url, *name; /* as stored, UTF-8; NULL: not there */
};

/* Reads the texts from the image's file.  ERR_CORRUPT for what is no text.  On failure out holds nothing. */
int vhd_locator_read(const struct backing *file, const struct vhd_header *h, struct vhd_locator *out,
		     struct error *err) MUST_CHECK;
void vhd_locator_fini(struct vhd_locator *l);

/*
 * Where to look beneath the root for the parent of `child` (its path below the root), best place first, NULL at the end: the relative
 * path, then the base name of each in the child's folder.  ".." in the relative path is left to the root, out of which
 * nothing leads; one that is absolute is ERR_REFUSED.
 */
char **vhd_locator_candidates(const struct vhd_locator *l, const char *child, struct error *err) MUST_CHECK;

#endif
