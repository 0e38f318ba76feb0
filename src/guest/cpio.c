/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "guest/cpio.h"

enum {
	HEADER_LEN = 110,
	HEADER_SIZE = 54,
	HEADER_NAME_LEN = 94,
	NAME_MAX_LEN = 4096,
	PIECE = 256 << 10,
};

DEFINE_CLEANUP(cleanup_archive, struct archive *, archive_read_free);

struct walk {
	struct tree *t;
	const struct tree_node *n;
	uint64_t off;
	unsigned entries;
	cpio_name_fn fn;
	void *ctx;
	uint8_t *piece;
	struct error err; /* of the tree: libarchive knows only that there was one */
};

static bool get_hex(const uint8_t *p, uint32_t *out)
{
	*out = 0;
	for (int i = 0; i < 8; i++) {
		unsigned c = p[i] | 32U, digit = c - '0' < 10 ? c - '0' : c - 'a' < 6 ? c - 'a' + 10 : 16;

		if (digit > 15)
			return false;
		*out = *out << 4 | digit;
	}
	return true;
}

static int count_entry(struct walk *w, struct error *err)
{
	if (++w->entries > CPIO_ENTRIES_MAX)
		return error_set(err, ERR_UNSUPPORTED, "more than %d files", CPIO_ENTRIES_MAX);
	return look_budget_check(w->t->v->budget, err);
}

/* One uncompressed archive from w->off on, to behind its trailer.  1: fn stopped. */
static int walk_plain(struct walk *w, struct error *err)
{
	for (;;) {
		uint8_t h[HEADER_LEN];
		uint32_t size, name_len;
		char name[NAME_MAX_LEN + 1];
		uint64_t next;
		int rc;

		if (!range_ok(w->off, sizeof(h), w->n->size))
			return error_set(err, ERR_CORRUPT, "an archive without an end");
		if (tree_read(w->t, w->n, h, sizeof(h), w->off, err) < 0)
			return -1;
		if ((memcmp(h, "070701", 6) != 0 && memcmp(h, "070702", 6) != 0) || !get_hex(h + HEADER_SIZE, &size) ||
		    !get_hex(h + HEADER_NAME_LEN, &name_len) || name_len == 0 || name_len > NAME_MAX_LEN ||
		    !range_ok(w->off + sizeof(h), name_len, w->n->size))
			return error_set(err, ERR_CORRUPT, "no header at byte %" PRIu64, w->off);
		if (tree_read(w->t, w->n, name, name_len, w->off + sizeof(h), err) < 0 || count_entry(w, err) < 0)
			return -1;
		name[name_len] = '\0';
		next = align_down(w->off + sizeof(h) + name_len + 3, 4);
		next = align_down(next + size + 3, 4);
		w->off = next < w->n->size ? next : w->n->size;
		if (strcmp(name, "TRAILER!!!") == 0)
			return 0;
		rc = w->fn(w->ctx, name, err);
		if (rc != 0)
			return rc;
	}
}

static la_ssize_t give_piece(struct archive *a, void *ctx, const void **out)
{
	struct walk *w = ctx;
	uint64_t left = w->n->size - w->off;
	size_t len = left < PIECE ? (size_t)left : PIECE;

	if (tree_read(w->t, w->n, w->piece, len, w->off, &w->err) < 0) {
		archive_set_error(a, EIO, "%s", w->err.msg);
		return -1;
	}
	*out = w->piece;
	w->off += len;
	return (la_ssize_t)len;
}

/* A filter without its library would be a program. */
static void allow_filters(struct archive *a)
{
	if (archive_zlib_version())
		archive_read_support_filter_gzip(a);
	if (archive_bzlib_version())
		archive_read_support_filter_bzip2(a);
	if (archive_liblzma_version()) {
		archive_read_support_filter_xz(a);
		archive_read_support_filter_lzma(a);
	}
	if (archive_liblz4_version())
		archive_read_support_filter_lz4(a);
	if (archive_libzstd_version())
		archive_read_support_filter_zstd(a);
	archive_read_support_format_cpio(a);
}

static int archive_failed(struct walk *w, struct archive *a, struct error *err)
{
	const char *why = archive_error_string(a);

	if (w->err.code != ERR_NONE) {
		if (err)
			*err = w->err;
		return -1;
	}
	if (archive_errno(a) == ENOMEM)
		return error_errno(err, ENOMEM, "ramdisk");
	return error_set(err, ERR_UNSUPPORTED, "not an archive that can be read: %s", why ? why : "no reason given");
}

static int walk_packed(struct walk *w, struct error *err)
{
	CLEANUP(cleanup_archive) struct archive *a = archive_read_new();
	uint64_t unpacked = 0;

	if (!a)
		return error_errno(err, ENOMEM, "ramdisk");
	allow_filters(a);
	if (archive_read_open(a, w, NULL, give_piece, NULL) != ARCHIVE_OK)
		return archive_failed(w, a, err);
	for (;;) {
		struct archive_entry *entry;
		const char *name;
		int rc = archive_read_next_header(a, &entry);

		if (rc == ARCHIVE_EOF)
			return 0;
		if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
			return archive_failed(w, a, err);
		/* The next header is behind so much more: looked at before it is unpacked. */
		if (archive_entry_size(entry) < 0 || (uint64_t)archive_entry_size(entry) > CPIO_BYTES_MAX - unpacked)
			return error_set(err, ERR_UNSUPPORTED, "more than %" PRIu64 " bytes unpacked", CPIO_BYTES_MAX);
		unpacked += (uint64_t)archive_entry_size(entry);
		if (count_entry(w, err) < 0)
			return -1;
		name = archive_entry_pathname(entry);
		rc = name ? w->fn(w->ctx, name, err) : 0;
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
}

/* Past the zeros that fill up to where the next archive begins. */
static int skip_zeros(struct walk *w, struct error *err)
{
	while (w->off < w->n->size) {
		uint64_t left = w->n->size - w->off;
		size_t len = left < PIECE ? (size_t)left : PIECE, i = 0;

		if (tree_read(w->t, w->n, w->piece, len, w->off, err) < 0)
			return -1;
		while (i < len && w->piece[i] == 0)
			i++;
		w->off += i;
		if (i < len)
			return 0;
	}
	return 0;
}

int cpio_names(struct tree *t, const struct tree_node *n, cpio_name_fn fn, void *fn_ctx, struct error *err)
{
	CLEANUP_FREE uint8_t *piece = malloc(PIECE);
	struct walk w = { .t = t, .n = n, .fn = fn, .ctx = fn_ctx, .piece = piece };

	if (!piece)
		return error_errno(err, ENOMEM, "ramdisk");
	for (;;) {
		char magic[6] = { 0 };
		uint64_t left;
		int rc;

		if (skip_zeros(&w, err) < 0)
			return -1;
		left = n->size - w.off;
		if (left == 0)
			return 0;
		if (tree_read(t, n, magic, left < sizeof(magic) ? (size_t)left : sizeof(magic), w.off, err) < 0)
			return -1;
		if (memcmp(magic, "07070", 5) != 0)
			return walk_packed(&w, err);
		rc = walk_plain(&w, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
}
