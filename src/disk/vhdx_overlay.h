/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pending log would write into a VHDX, kept in memory over the file: the source is never written.  Pages of 4
 * KiB and ranges of zeros; of two that touch the same page, the one added later counts.
 *
 * Built by one thread and then sealed; after that any number of threads may read.
 */
#ifndef LIFTFS_DISK_VHDX_OVERLAY_H
#define LIFTFS_DISK_VHDX_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "disk/backing.h"

#define VHDX_PAGE 4096
#define VHDX_OVERLAY_ZEROS_MAX 4096 /* ranges; each is looked at for every page read, and a real log has a handful */

struct vhdx_overlay;

struct vhdx_overlay *vhdx_overlay_new(struct error *err) MUST_CHECK;
void vhdx_overlay_free(struct vhdx_overlay *o); /* NULL is welcome */
DEFINE_CLEANUP(cleanup_vhdx_overlay, struct vhdx_overlay *, vhdx_overlay_free);

/* off and len are multiples of VHDX_PAGE; the page's bytes are copied. */
int vhdx_overlay_add_page(struct vhdx_overlay *o, uint64_t off, const uint8_t page[VHDX_PAGE],
			  struct error *err) MUST_CHECK;
int vhdx_overlay_add_zeros(struct vhdx_overlay *o, uint64_t off, uint64_t len, struct error *err) MUST_CHECK;
void vhdx_overlay_seal(struct vhdx_overlay *o);
size_t vhdx_overlay_pages(const struct vhdx_overlay *o); /* after sealing: different pages of data */

/*
 * Does the log say something about the page at off (a multiple of VHDX_PAGE)?  *bytes_out: its content, NULL: zeros.
 */
bool vhdx_overlay_page(const struct vhdx_overlay *o, uint64_t off, const uint8_t **bytes_out);

enum vhdx_overlay_says { VHDX_OVERLAY_NOTHING, VHDX_OVERLAY_ZEROS, VHDX_OVERLAY_DATA };

/*
 * What the log says of the byte at off, and in *n_out for how many bytes from there on, at most len (> 0), it says the same.
 * It may end early.
 */
enum vhdx_overlay_says vhdx_overlay_run(const struct vhdx_overlay *o, uint64_t off, uint64_t len, uint64_t *n_out);

/* A file as its log makes it; without a log as it lies there. */
struct vhdx_view {
	const struct backing *file;
	const struct vhdx_overlay *log; /* sealed; NULL: none */
};

/* Exactly len bytes.  Where the file ends before, every byte must come from the log. */
int vhdx_view_read(const struct vhdx_view *view, void *buf, size_t len, uint64_t off, struct error *err) MUST_CHECK;

#endif
