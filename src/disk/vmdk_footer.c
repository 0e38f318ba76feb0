/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "disk/vmdk_footer.h"

enum { TAIL_MARKER = 0, TAIL_FOOTER = 512, TAIL_EOS = 1024, TAIL_LEN = 1536 };

static bool is_marker(const uint8_t *p, uint32_t type)
{
	return get_le32(p + VMDK_MARKER_SIZE) == 0 && get_le32(p + VMDK_MARKER_TYPE) == type;
}

static int check_tail(const uint8_t *tail, uint64_t at, struct error *err)
{
	static const char why[] = "the file was cut, or something was appended to it";

	if (!is_marker(tail + TAIL_MARKER, VMDK_MARKER_FOOTER))
		return error_set(err, ERR_CORRUPT, "no footer marker at %#" PRIx64 ": %s", at + TAIL_MARKER, why);
	if (memcmp(tail + TAIL_FOOTER, "KDMV", 4) != 0)
		return error_set(err, ERR_CORRUPT, "no footer at %#" PRIx64 ": %s", at + TAIL_FOOTER, why);
	if (!is_marker(tail + TAIL_EOS, VMDK_MARKER_END) || get_le64(tail + TAIL_EOS + VMDK_MARKER_VALUE) != 0)
		return error_set(err, ERR_CORRUPT, "no end-of-stream marker at %#" PRIx64 ": %s", at + TAIL_EOS, why);
	return 0;
}

static int check_same(const struct vmdk_sparse_header *h, const struct vmdk_sparse_header *f, struct error *err)
{
	const struct {
		const char *name;
		uint64_t header, footer;
	} fields[] = {
		{ "version", h->version, f->version },
		{ "flags", h->flags, f->flags },
		{ "capacity", h->capacity_sectors, f->capacity_sectors },
		{ "grain size", h->grain_sectors, f->grain_sectors },
		{ "entries a grain table", h->table_entries, f->table_entries },
	};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].header != fields[i].footer)
			return error_set(err, ERR_CORRUPT, "%s %" PRIu64 ", but the header says %" PRIu64,
					 fields[i].name, fields[i].footer, fields[i].header);
	return 0;
}

static int decode_footer(const uint8_t *tail, uint64_t file_size, const struct vmdk_sparse_header *h, uint64_t *dir_out,
			 struct error *err)
{
	uint64_t at = file_size - TAIL_LEN;
	struct vmdk_sparse_header f;

	if (check_tail(tail, at, err) < 0)
		return -1;
	if (vmdk_sparse_decode(tail + TAIL_FOOTER, VMDK_SPARSE_HEADER_LEN, file_size, &f, err) < 0 ||
	    check_same(h, &f, err) < 0)
		return error_prefix(err, "footer at %#" PRIx64, at + TAIL_FOOTER);
	if (f.dir_sector == VMDK_SPARSE_GD_AT_END)
		return error_set(err, ERR_CORRUPT,
				 "footer at %#" PRIx64
				 ": does not say where the grain directory is, nor does the header",
				 at + TAIL_FOOTER);
	*dir_out = f.dir_sector;
	return 0;
}

int vmdk_footer_apply(const struct backing *b, struct vmdk_sparse_header *h, uint64_t *end_out, struct error *err)
{
	bool needed = h->dir_sector == VMDK_SPARSE_GD_AT_END;
	uint8_t tail[TAIL_LEN];
	uint64_t dir = 0;

	*end_out = b->size;
	if (b->size < VMDK_SPARSE_HEADER_LEN + TAIL_LEN) {
		if (!needed)
			return 0;
		return error_set(err, ERR_CORRUPT, "no footer in %" PRIu64 " bytes: the file was cut", b->size);
	}
	if (backing_read(b, tail, sizeof(tail), b->size - TAIL_LEN, err) < 0)
		return -1;
	/*
	 * Where the header knows, no footer need be there, and what looks like a broken one may be a guest's data; even
	 * a good one must not lead elsewhere.
	 */
	if (decode_footer(tail, b->size, h, &dir, needed ? err : NULL) < 0)
		return needed ? -1 : 0;
	if (!needed && dir != h->dir_sector)
		return error_set(err, ERR_CORRUPT,
				 "footer at %#" PRIx64 ": grain directory at sector %" PRIu64
				 ", but the header says %" PRIu64,
				 b->size - TAIL_LEN + TAIL_FOOTER, dir, h->dir_sector);
	h->dir_sector = dir;
	*end_out = needed ? b->size - TAIL_LEN : b->size;
	return 0;
}
