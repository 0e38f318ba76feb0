/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the VMDK format: a disk is a row of extents, each of a kind.  A new kind is one table of operations in
 * a file of its own and a line in vmdk.c's choice of kind.
 */
#ifndef LIFTFS_DISK_VMDK_H
#define LIFTFS_DISK_VMDK_H

#include "disk/format.h"
#include "disk/vmdk_descriptor.h"

struct vmdk_extent {
	const struct vmdk_extent_ops *ops;
	enum vmdk_extent_type type; /* as the descriptor calls it */
	uint64_t start, len;        /* bytes of the disk, multiples of 512 */
	uint64_t file_off;          /* flat: where in the file it begins */
	uint32_t file;              /* EXTENT_NO_FILE for ZERO */
	void *priv;                 /* the kind's own */
};

/*
 * Threads: open and close once, alone; map and read from any number.
 * Messages come without the file's name: vmdk.c puts it before them where it is not the image's own.
 */
struct vmdk_extent_ops {
	/* Checks the file against start, len and file_off.  NULL: nothing to check.  close() follows also after a
	 * failure. */
	int (*open)(struct image *img, struct vmdk_extent *x, struct error *err);

	/* As disk_format_ops.map; `off` is of the disk, and the range lies inside the extent. */
	int (*map)(struct image *img, struct vmdk_extent *x, uint64_t len, uint64_t off, struct extent_list *out,
		   struct error *err);

	/* As disk_format_ops.read; NULL: its data always lies verbatim in a file. */
	int (*read)(struct image *img, struct vmdk_extent *x, void *buf, size_t len, uint64_t off, struct error *err);

	void (*close)(struct vmdk_extent *x); /* frees priv, which may be NULL; or NULL */
};

extern const struct vmdk_extent_ops vmdk_flat_ops;     /* FLAT and VMFS */
extern const struct vmdk_extent_ops vmdk_zero_ops;     /* ZERO */
extern const struct vmdk_extent_ops vmdk_sparse_ops;   /* hosted sparse, not compressed */
extern const struct vmdk_extent_ops vmdk_stream_ops;   /* hosted sparse, compressed: streamOptimized */
extern const struct vmdk_extent_ops vmdk_cowd_ops;     /* VMFSSPARSE, and SPARSE of Workstation 3 */
extern const struct vmdk_extent_ops vmdk_sesparse_ops; /* SESPARSE */

#endif
