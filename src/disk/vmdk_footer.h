/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a streamOptimized extent, which was written as a stream: markers fill a sector each, little-endian.
 *
 *   end - 1536  footer marker    0  8 sectors that follow    grain marker   0  8 first sector, of the disk
 *   end - 1024  footer           8  4 0                                     8  4 bytes of compressed data, not 0
 *   end - 512   end of stream   12  4 type                                 12  . the data
 *
 * The footer is a copy of the header that knows where the grain directory is.
 */
#ifndef LIFTFS_DISK_VMDK_FOOTER_H
#define LIFTFS_DISK_VMDK_FOOTER_H

#include "disk/backing.h"
#include "disk/vmdk_sparse.h"

enum vmdk_marker {
	VMDK_MARKER_END = 0,
	VMDK_MARKER_TABLE = 1,
	VMDK_MARKER_DIRECTORY = 2,
	VMDK_MARKER_FOOTER = 3,

	VMDK_MARKER_VALUE = 0, /* offsets */
	VMDK_MARKER_SIZE = 8,
	VMDK_MARKER_TYPE = 12,
	VMDK_MARKER_DATA = 12, /* of a grain */
};

/*
 * Finds the grain directory: sets h->dir_sector from the footer if the header does not know it; then a footer that is
 * missing, damaged or of another image is refused.  If both say where it is, they must agree.
 * *end_out: where the grains, tables and directories end in the file.
 */
int vmdk_footer_apply(const struct backing *b, struct vmdk_sparse_header *h, uint64_t *end_out,
		      struct error *err) MUST_CHECK;

#endif
