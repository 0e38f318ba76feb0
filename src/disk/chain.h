/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a disk: its images, leaf first, their host files, and how a range is resolved through them.  For
 * disk.c, chain.c and resolve.c only.
 */
#ifndef LIFTFS_DISK_CHAIN_H
#define LIFTFS_DISK_CHAIN_H

#include "disk/format.h"
#include "disk/inflate.h"
#include "disk/lru_cache.h"
#include "disk/table_cache.h"

/* 10 MiB: the tables of 160 GiB of 64 KiB grains at once.  With grains and lists, what one more disk may cost: 16 MiB. */
#define DISK_TABLE_PAGES 160

/* 4 MiB of inflated grains, for reads that are smaller: 64 of 64 KiB. */
#define DISK_GRAINS_LEN ((size_t)4 << 20)

/*
 * Lists for one read at a time, reused, so that a read allocates nothing once it is warm.  As many exist as threads
 * were ever reading at once.
 */
struct scratch {
	struct scratch *next;
	struct extent_list whole;                 /* data and zero, through the chain */
	struct extent_list layer[DISK_CHAIN_MAX]; /* what one image said */
};

struct disk {
	struct backing_root *root;
	struct image *images[DISK_CHAIN_MAX]; /* leaf first; none for a foreign disk */
	size_t n_images;
	struct backing **files;
	size_t n_files, cap_files;
	size_t n_extents;  /* of all images */
	void *named_files; /* of image_add_file(), by device and inode: tsearch(3) */
	bool files_shared; /* one of them is named by two images */
	struct lru_cache *tables;       /* disk/table_cache.h */
	struct lru_cache *grains;       /* NULL: no image is compressed */
	struct inflate_pool *inflaters; /* the same */

	const struct disk_foreign_ops *foreign; /* NULL: images */
	void *foreign_ctx;
	char *foreign_name;
	struct disk_image_info foreign_info;

	uint64_t size;
	pthread_mutex_t lock; /* guards idle */
	struct scratch *idle;
};

/* Of the leaf; see struct image. */
struct chain_options {
	bool ignore_log, sealed;
	bool unchecked_parents; /* of the whole chain: as in struct disk_options */
	uint64_t capacity;
	void (*on_parent)(void *ctx, const char *path); /* the same; may be NULL */
	void *on_parent_ctx;
};

/* Opens the image in `own`, which is taken in any case, and its parents into d, which is empty. */
int chain_open(struct disk *d, struct backing *own, const struct disk_format_ops *ops, const struct chain_options *opt,
	       struct error *err) MUST_CHECK;
void chain_close(struct disk *d);

/* Puts the image's path before a message that does not begin with it yet (errors of its own file do). */
int chain_prefix(const struct image *img, struct error *err);

struct scratch *scratch_get(struct disk *d, struct error *err) MUST_CHECK;
void scratch_put(struct disk *d, struct scratch *s);

/*
 * Appends data and zero extents that cover [off, off + len) to out, which may be s->whole.  The range lies inside the
 * disk.  On failure out holds what came before the bad place.
 */
int resolve_range(struct disk *d, struct scratch *s, uint64_t len, uint64_t off, struct extent_list *out,
		  struct error *err) MUST_CHECK;

#endif
