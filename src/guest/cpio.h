/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names in an initial ramdisk: one or more cpio archives (newc) behind each other, the last usually compressed.  Uncompressed
 * ones are walked from header to header without reading what lies between; a compressed one goes through libarchive (gzip, bzip2,
 * xz, lzma, lz4, zstd), and never through a program.
 */
#ifndef LIFTFS_GUEST_CPIO_H
#define LIFTFS_GUEST_CPIO_H

#include "guest/tree.h"

#define CPIO_BYTES_MAX (UINT64_C(768) << 20) /* decompressed: several times what distributions ship */
#define CPIO_ENTRIES_MAX 200000

/* Returns 1 to stop, 0, or -1. */
typedef int (*cpio_name_fn)(void *ctx, const char *name, struct error *err);

/* ERR_UNSUPPORTED: longer than the limits, or in another compression. */
int cpio_names(struct tree *t, const struct tree_node *n, cpio_name_fn fn, void *fn_ctx, struct error *err) MUST_CHECK;

#endif
