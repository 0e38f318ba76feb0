/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VHD as a disk format (VHD 1.0 specification).  The footer at the end of the file decides what the image is: a fixed
 * disk has nothing at its beginning but the guest's own bytes.  A dynamic or differencing disk has a copy of the footer
 * at 0, which counts where the one at the end is lost, a header (vhd_header.h) and a table of blocks (vhd_bat.h); a
 * differencing one names its parent (vhd_locator.h).  The size is always the footer's current size.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "disk/format.h"
#include "disk/vhd_bat.h"
#include "disk/vhd_footer.h"
#include "disk/vhd_header.h"
#include "disk/vhd_locator.h"

#define SHORT_FOOTER_LEN 511 /* Virtual PC before 2004 left out the last byte, a zero */
#define VHD_MAGIC "conectix"
#define VHD_MAGIC_LEN 8

#define VHD_EPOCH INT64_C(946684800) /* 2000-01-01 in Unix time */
#define RUNS_PER_MAP 1024 /* a call of map() answers at most so many runs, so that its caller can bound its memory */

struct vhd {
	struct vhd_footer footer;
	bool has_bat;             /* not a fixed disk: what follows is set */
	struct vhd_header header; /* its parent's id and time stamp: of a differencing disk */
	struct vhd_bat bat;
};

/* How long is the footer that begins with the magic at the end of these last bytes of the file?  0: there is none. */
static size_t footer_len_of(const uint8_t *tail, size_t len)
{
	if (len >= VHD_FOOTER_LEN && memcmp(tail + len - VHD_FOOTER_LEN, VHD_MAGIC, VHD_MAGIC_LEN) == 0)
		return VHD_FOOTER_LEN;
	if (len >= SHORT_FOOTER_LEN && memcmp(tail + len - SHORT_FOOTER_LEN, VHD_MAGIC, VHD_MAGIC_LEN) == 0)
		return SHORT_FOOTER_LEN;
	return 0;
}

static int vhd_confirm(const struct disk_head *in, struct error *err)
{
	if (footer_len_of(in->tail, in->tail_len) != 0)
		return 0;
	if (in->head_len >= VHD_FOOTER_LEN && memcmp(in->head, VHD_MAGIC, VHD_MAGIC_LEN) == 0)
		return 0; /* the tail footer is lost: open() finds out whether the copy at 0 may stand for it */
	return error_set(err, ERR_CORRUPT, "not a VHD: no footer ('conectix') in the last 512 bytes of the file");
}

/* Do both footers describe one disk? */
static int check_copy(const struct vhd_footer *tail, const struct vhd_footer *copy, struct error *err)
{
	char tail_id[GUID_TEXT_LEN], copy_id[GUID_TEXT_LEN];

	if (tail->type != copy->type)
		return error_set(err, ERR_CORRUPT, "footer: disk type %d, its copy at 0 says %d", (int)tail->type,
				 (int)copy->type);
	if (tail->current_size != copy->current_size)
		return error_set(err, ERR_CORRUPT, "footer: current size %" PRIu64 ", its copy at 0 says %" PRIu64,
				 tail->current_size, copy->current_size);
	if (tail->data_offset != copy->data_offset)
		return error_set(err, ERR_CORRUPT, "footer: data offset %#" PRIx64 ", its copy at 0 says %#" PRIx64,
				 tail->data_offset, copy->data_offset);
	if (guid_equal(&tail->id, &copy->id))
		return 0;
	guid_format(&tail->id, tail_id);
	guid_format(&copy->id, copy_id);
	return error_set(err, ERR_CORRUPT, "footer: unique id %s, its copy at 0 says %s", tail_id, copy_id);
}

/* The copy at 0.  Its error goes to *why; another failure, such as a read's, to err. */
static int read_copy(const struct backing *file, struct vhd_footer *out, struct error *why, struct error *err)
{
	uint8_t raw[VHD_FOOTER_LEN];

	if (file->size < 2 * VHD_FOOTER_LEN)
		return error_set(why, ERR_CORRUPT, "file of %" PRIu64 " bytes", file->size);
	if (backing_read(file, raw, sizeof(raw), 0, err) < 0)
		return -1;
	return vhd_footer_decode(raw, out, why);
}

/*
 * Is what a fixed disk has at 0 not the guest's, since it is the copy of this very footer?  Only a damaged footer has a
 * data offset there, which no guest can write.
 */
static bool was_not_fixed(const struct vhd_footer *tail, const struct vhd_footer *copy)
{
	return copy->type != VHD_FIXED && tail->data_offset == copy->data_offset && guid_equal(&tail->id, &copy->id);
}

/*
 * Reads the footer at the end, or the copy at 0.  *end_out: where content must end.  At 0 a fixed disk has what the
 * guest wrote there, which may look like a footer: the copy never makes a disk a fixed one, and does not count if the
 * footer says that the disk is one, even if the footer is damaged.
 */
static int read_footer(const struct backing *file, struct vhd_footer *out, uint64_t *end_out, struct error *err)
{
	size_t len = file->size < VHD_FOOTER_LEN ? (size_t)file->size : VHD_FOOTER_LEN, found;
	struct error tail_err = ERROR_INIT, copy_err = ERROR_INIT, io_err = ERROR_INIT;
	uint8_t tail[VHD_FOOTER_LEN] = { 0 };
	struct vhd_footer copy;
	bool tail_ok, copy_ok;

	if (backing_read(file, tail, len, file->size - len, err) < 0)
		return -1;
	found = footer_len_of(tail, len);
	*end_out = file->size - found;
	if (found == SHORT_FOOTER_LEN) {
		memmove(tail, tail + len - SHORT_FOOTER_LEN, SHORT_FOOTER_LEN);
		tail[SHORT_FOOTER_LEN] = 0;
	}
	if (found == 0)
		error_set(&tail_err, ERR_CORRUPT, "footer: no 'conectix' in the last 512 bytes of the file");
	tail_ok = found != 0 && vhd_footer_decode(tail, out, &tail_err) == 0;
	if (tail_ok && out->type == VHD_FIXED && out->data_offset == UINT64_MAX)
		return 0; /* as it should be */
	copy_ok = read_copy(file, &copy, &copy_err, &io_err) == 0;
	if (io_err.code != ERR_NONE) {
		if (err)
			*err = io_err;
		return -1;
	}
	if (tail_ok && out->type == VHD_FIXED && !(copy_ok && was_not_fixed(out, &copy)))
		return 0;
	if (tail_ok && copy_ok)
		return check_copy(out, &copy, err);
	if (tail_ok) {
		log_warn("vhd", "%s: the footer's copy at 0 is damaged (%s); using the footer at the end", file->path,
			 copy_err.msg);
		return 0;
	}
	if (!copy_ok || copy.type == VHD_FIXED || (found != 0 && vhd_footer_claimed_type(tail) == VHD_FIXED))
		return error_set(err, tail_err.code, "%s", tail_err.msg);
	log_warn("vhd", "%s: %s; using the copy at 0", file->path, tail_err.msg);
	*out = copy;
	return 0;
}

static int open_fixed(struct image *img, const struct vhd_footer *f, uint64_t content_end, struct error *err)
{
	if (f->current_size > content_end)
		return error_set(err, ERR_CORRUPT,
				 "footer: disk of %" PRIu64 " bytes, only %" PRIu64 " lie before the footer",
				 f->current_size, content_end);
	img->info.subformat = "fixed";
	img->verbatim = true;
	return 0;
}

static int open_sparse(struct image *img, struct vhd *v, uint64_t content_end, struct error *err)
{
	const struct backing *file = image_file(img, img->first_file);
	bool has_parent = v->footer.type == VHD_DIFFERENCING;
	uint64_t size = v->footer.current_size, at = v->footer.data_offset;
	CLEANUP(vhd_locator_fini) struct vhd_locator locator = { 0 };
	uint8_t raw[VHD_HEADER_LEN];

	if (vhd_header_check_off(at, content_end, err) < 0 || backing_read(file, raw, sizeof(raw), at, err) < 0 ||
	    vhd_header_decode(raw, &v->header, err) < 0 ||
	    vhd_header_check_bat(&v->header, at, size, content_end, err) < 0)
		return -1;
	vhd_bat_init(&v->bat, img, &v->header, at, size, content_end, has_parent);
	v->has_bat = true;
	img->info.subformat = has_parent ? "differencing" : "dynamic";
	if (!has_parent)
		return 0;
	if (vhd_locator_read(file, &v->header, &locator, err) < 0)
		return -1;
	img->parent_paths = vhd_locator_candidates(&locator, img->info.path, err);
	if (!img->parent_paths)
		return -1;
	img->parent_fold_case = true;
	/* The relative path first: a chain that was copied as a whole stays together. */
	return image_name_parent(img, locator.relative ? 1 : 0, locator.absolute ? locator.absolute : locator.name, err);
}

/* What is harmless, but should be known. */
static void note_oddities(const struct image *img, const struct vhd_footer *f)
{
	if (f->saved_state)
		log_warn("vhd", "%s: written by a machine in saved state: its memory is not part of the disk",
			 img->info.path);
	/* Virtual PC and qemu before 10 take the geometry for the size of what they wrote themselves. */
	if ((strcmp(f->creator, "vpc ") == 0 || strcmp(f->creator, "qemu") == 0) && f->geometry_size != f->current_size)
		log_info("vhd",
			 "%s: creator '%s': some readers show the geometry's size instead of the current one "
			 "geometry_b=%" PRIu64 " current_b=%" PRIu64,
			 img->info.path, f->creator, f->geometry_size, f->current_size);
}

static int vhd_open(struct image *img, struct error *err)
{
	struct vhd *v = calloc(1, sizeof(*v));
	char id[GUID_TEXT_LEN];
	uint64_t content_end;
	int rc;

	if (!v)
		return error_errno(err, ENOMEM, "VHD");
	img->priv = v;
	if (read_footer(image_file(img, img->first_file), &v->footer, &content_end, err) < 0)
		return -1;
	if (v->footer.type == VHD_FIXED)
		rc = open_fixed(img, &v->footer, content_end, err);
	else
		rc = open_sparse(img, v, content_end, err);
	if (rc < 0)
		return -1;
	note_oddities(img, &v->footer);
	img->size = v->footer.current_size;
	img->info.virtual_size = v->footer.current_size;
	img->info.sector_size = 1 << VHD_SECTOR_SHIFT;
	guid_format(&v->footer.id, id);
	memcpy(img->info.id, id, sizeof(id));
	return 0;
}

/* Seconds since 2000, as time stamps of the format. */
static int64_t vhd_time_of(int64_t ns)
{
	return ns / INT64_C(1000000000) - VHD_EPOCH;
}

static int vhd_check_parent(const struct image *img, const struct image *parent, struct error *err)
{
	const struct vhd *v = img->priv, *p = parent->priv;
	char have[GUID_TEXT_LEN], want[GUID_TEXT_LEN];
	uint32_t stamp = v->header.parent_timestamp;

	if (!guid_equal(&p->footer.id, &v->header.parent_id)) {
		guid_format(&p->footer.id, have);
		guid_format(&v->header.parent_id, want);
		return error_set(err, ERR_MISMATCH, "parent %s has the unique id %s, %s is expected", parent->info.path,
				 have, want);
	}
	/* Windows records when the parent's file was last written, others what the parent's footer says. */
	if (stamp != p->footer.timestamp &&
	    stamp != vhd_time_of(image_file(parent, parent->first_file)->stamp.mtime_ns))
		log_warn("vhd",
			 "%s: expects its parent %s with the time stamp %" PRIu32
			 ", it has another: if it was written to since, the disk is not consistent",
			 img->info.path, parent->info.path, stamp);
	return 0;
}

/* The extent that begins at `at`, at most len bytes. */
static int map_one(struct image *img, uint64_t len, uint64_t at, struct extent *out, struct error *err)
{
	struct vhd *v = img->priv;
	struct vhd_bat *bat = &v->bat;
	uint64_t block = at >> bat->block_shift, last = (at + len - 1) >> bat->block_shift, n;
	uint64_t skip = at & ((UINT64_C(1) << bat->block_shift) - 1);
	uint64_t in_sector = at & ((UINT64_C(1) << VHD_SECTOR_SHIFT) - 1);
	enum extent_kind nothing = bat->has_parent ? EXTENT_ABSENT : EXTENT_ZERO;
	struct extent e = { .off = at, .kind = nothing, .file = EXTENT_NO_FILE };
	struct vhd_run run;
	bool here = false;

	if (vhd_bat_run(bat, block, last - block + 1, &run, err) < 0)
		return -1;
	e.len = (run.n_blocks << bat->block_shift) - skip;
	e.len = e.len < len ? e.len : len;
	if (run.present) {
		n = (in_sector + e.len - 1) >> VHD_SECTOR_SHIFT;
		if (vhd_bat_sectors(bat, &run, skip >> VHD_SECTOR_SHIFT, n + 1, &here, &n, err) < 0)
			return -1;
		n = (n << VHD_SECTOR_SHIFT) - in_sector;
		e.len = n < e.len ? n : e.len;
	}
	if (here) {
		e.kind = EXTENT_DATA;
		e.file = img->first_file;
		e.file_off = run.data_off + skip;
	}
	*out = e;
	return 0;
}

static int vhd_map(struct image *img, uint64_t len, uint64_t off, struct extent_list *out, struct error *err)
{
	struct extent e = { .off = off, .len = len, .kind = EXTENT_DATA, .file = img->first_file, .file_off = off };
	const struct vhd *v = img->priv;
	uint64_t done = 0;

	if (!v->has_bat)
		return extent_list_add(out, &e, err);
	for (int i = 0; i < RUNS_PER_MAP && done < len; i++, done += e.len) {
		if (map_one(img, len - done, off + done, &e, done == 0 ? err : NULL) < 0)
			return done == 0 ? -1 : 0; /* what is wrong there is said when somebody asks for it */
		if (extent_list_add(out, &e, err) < 0)
			return -1;
	}
	return 0;
}

static void vhd_close(struct image *img)
{
	free(img->priv);
	img->priv = NULL;
}

static const char *const suffixes[] = { ".vhd", ".avhd", NULL };

const struct disk_format_ops disk_vhd_ops = {
	.name = "vhd",
	.suffixes = suffixes,
	.confirm = vhd_confirm,
	.open = vhd_open,
	.check_parent = vhd_check_parent,
	.map = vhd_map,
	.close = vhd_close,
};
