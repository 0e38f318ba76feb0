/* SPDX-License-Identifier: Apache-2.0 */
/* seSparse extents: what their entries point to, and that it lies in the region where it belongs. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "disk/vmdk_sesparse.h"
#include "disk/vmdk_table.h"

struct sesparse {
	struct vmdk_tables tables; /* first: what the callbacks get */
	struct vmdk_sesparse_header h;
};

static const struct sesparse *sesparse_of(const struct vmdk_tables *t)
{
	return (const struct sesparse *)(const void *)t;
}

/* Where the nth piece of `sectors` lies in its region, which holds len sectors; n is anything. */
static int place_in(const struct sesparse *s, enum vmdk_sesparse_region r, uint64_t n, unsigned sectors,
		    uint64_t *off_out, struct error *err)
{
	uint64_t pieces = s->h.region[r].len / sectors;

	if (n >= pieces)
		return error_set(err, ERR_CORRUPT, "number %" PRIu64 ": the region has only %" PRIu64, n, pieces);
	*off_out = (s->h.region[r].off + n * sectors) * 512;
	return 0;
}

static int sesparse_table(const struct vmdk_tables *t, uint64_t index, uint64_t entry, uint64_t *off_out,
			  struct error *err)
{
	uint64_t n;

	if (vmdk_sesparse_decode_dir(entry, &n, err) < 0 ||
	    place_in(sesparse_of(t), SESPARSE_TABLES, n, VMDK_SESPARSE_TABLE_SECTORS, off_out, err) < 0)
		return error_prefix(err, "grain table %" PRIu64, index);
	return 0;
}

static int sesparse_grain(const struct vmdk_tables *t, uint64_t index, uint64_t entry, enum extent_kind *kind_out,
			  uint64_t *off_out, struct error *err)
{
	uint64_t n = 0;

	if (vmdk_sesparse_decode_grain(entry, kind_out, &n, err) < 0 ||
	    (*kind_out == EXTENT_DATA &&
	     place_in(sesparse_of(t), SESPARSE_GRAINS, n, VMDK_SESPARSE_GRAIN_SECTORS, off_out, err) < 0))
		return error_prefix(err, "grain %" PRIu64, index);
	return 0;
}

static int read_volatile(const struct backing *b, const struct vmdk_sesparse_header *h, struct error *err)
{
	uint8_t raw[VMDK_SESPARSE_HEADER_LEN];

	if (backing_read(b, raw, sizeof(raw), h->region[SESPARSE_VOLATILE].off * 512, err) < 0)
		return -1;
	return vmdk_sesparse_check_volatile(raw, sizeof(raw), err);
}

static int sesparse_open(struct image *img, struct vmdk_extent *x, struct error *err)
{
	const struct backing *b = image_file(img, x->file);
	struct sesparse *s = calloc(1, sizeof(*s));
	struct vmdk_tables *t;
	uint8_t raw[VMDK_SESPARSE_HEADER_LEN];
	size_t len = b->size < sizeof(raw) ? (size_t)b->size : sizeof(raw);

	x->priv = s;
	if (!s)
		return error_errno(err, ENOMEM, "seSparse extent");
	if (backing_read(b, raw, len, 0, err) < 0 || vmdk_sesparse_decode(raw, len, b->size, &s->h, err) < 0)
		return -1;
	if (s->h.capacity_sectors != x->len / 512)
		return error_set(err, ERR_CORRUPT,
				 "seSparse header: %" PRIu64 " sectors, but the descriptor says %" PRIu64,
				 s->h.capacity_sectors, x->len / 512);
	t = &s->tables;
	t->grain_len = VMDK_SESPARSE_GRAIN_SECTORS * 512;
	t->table_entries = VMDK_SESPARSE_TABLE_ENTRIES;
	t->verbatim = true;
	t->entry_len = 8;
	t->dir_off = s->h.region[SESPARSE_DIRECTORY].off * 512;
	t->table = sesparse_table; /* regions do not overlap: a pointer inside its own is in nobody else's */
	t->grain = sesparse_grain;
	return read_volatile(b, &s->h, err);
}

static int sesparse_map(struct image *img, struct vmdk_extent *x, uint64_t len, uint64_t off, struct extent_list *out,
			struct error *err)
{
	const struct sesparse *s = x->priv;

	return vmdk_table_map(img, x, &s->tables, len, off, out, err);
}

static void sesparse_close(struct vmdk_extent *x)
{
	free(x->priv);
}

const struct vmdk_extent_ops vmdk_sesparse_ops = {
	.open = sesparse_open,
	.map = sesparse_map,
	.close = sesparse_close,
};
