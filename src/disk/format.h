/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a disk format implements.  A new format is one `const struct disk_format_ops` and a line in registry.c.
 *
 * A format answers one question: where are the bytes of this range?  disk.c does the rest: it reads host files, joins
 * neighbouring runs, fills zeros, and asks the parent for what is absent.
 */
#ifndef LIFTFS_DISK_FORMAT_H
#define LIFTFS_DISK_FORMAT_H

#include "disk/disk.h"

struct cached;       /* disk/lru_cache.h */
struct lru_cache;    /* the same */
struct inflate_pool; /* disk/inflate.h */

#define DISK_HEAD_LEN 4096 /* bytes of head and of tail that confirm() sees; less if the file is shorter */

struct disk_head {
	const uint8_t *head, *tail; /* tail: the file's last bytes, where some formats sign */
	size_t head_len, tail_len;
	uint64_t file_size;
};

/* One image of a chain.  Filled by its format's open(); read by disk.c. */
struct image {
	const struct disk_format_ops *ops;
	struct disk *disk; /* for image_add_file() */
	struct backing_root *root;
	struct disk_image_info info; /* path and format set before open; the format sets the rest */
	uint32_t first_file;         /* the image's own file: an index into the disk's files */
	uint64_t size;               /* bytes that this layer covers; beyond it a child sees zeros */
	uint32_t depth;
	bool ignore_log;
	bool sealed;                 /* lies inside an archive: it must not name any other file */
	uint64_t capacity;           /* bytes that the archive says the disk has; 0: nothing says */
	bool verbatim;               /* no tables: which byte lies where is decided by the open */
	char *subformat; /* owned; what info.subformat points to, if the format makes it up */
	/*
	 * The parent that the image names, or NULL: the format sets candidates in the order to try (a NULL ends the list).
	 * Each is a path below the root, or an absolute name of another host as the image writes it ("/x", "C:\x",
	 * "\\server\x"; "[x] y" only if backing_root_translate() knows it): that one is looked for in the datastore that it
	 * lies in, and passed over if none is known.  disk.c opens the first that exists, detects loops, and calls
	 * check_parent.
	 */
	char **parent_paths;
	bool parent_fold_case; /* names from Windows: where none exists as written, ASCII case does not count */
	void *priv; /* the format's own */
};

/*
 * Threads: open and close once, alone; the rest from any number of threads.
 * Errors: messages without the image's path, which disk.c puts before them.
 */
struct disk_format_ops {
	const char *name;            /* "vmdk" */
	const char *const *suffixes; /* with the dot, lower case; NULL ends the list */

	/* Is the magic there?  ERR_CORRUPT with what was found if not.  Never guesses another format. */
	int (*confirm)(const struct disk_head *in, struct error *err);

	/*
	 * Reads and checks the metadata, sets size, info, and parent_paths.  What it allocates hangs on priv, also when it
	 * fails: close() follows either way.
	 */
	int (*open)(struct image *img, struct error *err);

	/*
	 * May `parent` be the parent of img?  Compares CIDs or GUIDs, sector sizes, formats.  ERR_MISMATCH: it is another image
	 * than the child names, or was written since, which the user may choose to overlook (disk_options.unchecked_parents);
	 * else the caller makes it ERR_CORRUPT.  NULL: the format has none.
	 */
	int (*check_parent)(const struct image *img, const struct image *parent, struct error *err);

	/*
	 * Appends extents that cover [off, off + n), for some n with 0 < n <= len: it may stop early where that is convenient
	 * or where an entry is bad; it fails only if the entry at off itself is bad.  Extents with a file name bytes that lie
	 * there verbatim, inside that file (checked).  The range lies inside img->size.  depth is filled in by the caller.
	 */
	int (*map)(struct image *img, uint64_t len, uint64_t off, struct extent_list *out, struct error *err);

	/* Reads bytes of data extents without a file (compressed ones).  NULL if the format has none. */
	int (*read)(struct image *img, void *buf, size_t len, uint64_t off, struct error *err);

	/* Frees priv, which may be NULL or half made. */
	void (*close)(struct image *img);
};

/*
 * Opens a further host file of the image and returns its index in *index_out.  Only during open().  A missing one is
 * ERR_CORRUPT, which no other failure is.  A file that the chain named before, by this or another name, is open once: many
 * lines of text about few files take few descriptors.
 */
int image_add_file(struct image *img, const char *path, uint32_t *index_out, struct error *err) MUST_CHECK;
const struct backing *image_file(const struct image *img, uint32_t index);

/*
 * Says that the image is made of n extents, each of which takes memory.  ERR_UNSUPPORTED if the chain has too many: text of
 * 64 MiB could ask for a gigabyte.  Once, during open().
 */
#define CHAIN_EXTENTS_MAX 131072 /* 32 snapshots of 8 TiB in pieces of 2 GiB; 54 MiB if all of them are sparse */
int image_count_extents(struct image *img, size_t n, struct error *err) MUST_CHECK;

/*
 * Makes an absolute name, as the other host wrote it, candidate number `at` (at most as many as there are) of parent_paths,
 * which exist.  NULL and what is not absolute in any form add nothing.  Only during open().
 */
int image_name_parent(struct image *img, size_t at, const char *name, struct error *err) MUST_CHECK;

/*
 * The page that holds byte off of the image's file `index`, through the cache that all tables of a disk share; to be given
 * back with image_table_put().  From any number of threads.
 */
const struct cached *image_table_get(const struct image *img, uint32_t index, uint64_t off,
					 struct error *err) MUST_CHECK;
void image_table_put(const struct image *img, const struct cached *page); /* NULL is welcome */

/*
 * What compressed images of a disk share: their inflated grains, and decompressors with room for COMPRESSED_MAX bytes.
 * image_use_grains() comes first, during open(), as often as one likes.  The others: from any number of threads.
 */
#define COMPRESSED_MAX (((size_t)2 << 20) + 4096) /* twice the largest grain, 1 MiB, and a header */
int image_use_grains(struct image *img, struct error *err) MUST_CHECK;
struct lru_cache *image_grains(const struct image *img);
struct inflate_pool *image_inflaters(const struct image *img);

/* All formats; NULL ends the list. */
extern const struct disk_format_ops *const disk_formats[];

extern const struct disk_format_ops disk_raw_ops;
extern const struct disk_format_ops disk_vmdk_ops;
extern const struct disk_format_ops disk_vhdx_ops;
extern const struct disk_format_ops disk_vhd_ops;
extern const struct disk_format_ops disk_empty_ops; /* of an archive: no file, all zeros; not in the list */

#endif
