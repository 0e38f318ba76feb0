/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VHD as a disk format (VHD 1.0 specification).  The footer at the end of the file decides what the image is: a fixed
 * disk has nothing at its beginning but the guest's own bytes.  A dynamic or differencing disk has a copy of the footer
 * at 0, which counts where the one at the end is lost.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "disk/format.h"
#include "disk/vhd_footer.h"

#define SHORT_FOOTER_LEN 511 /* Virtual PC before 2004 left out the last byte, a zero */
#define VHD_MAGIC "conectix"
#define VHD_MAGIC_LEN 8

struct vhd {
	struct vhd_footer footer;
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

/* Reads the footer at the end, or the copy at 0.  *end_out: where content must end. */
static int read_footer(const struct backing *file, struct vhd_footer *out, uint64_t *end_out, struct error *err)
{
	uint8_t tail[VHD_FOOTER_LEN] = { 0 }, head[VHD_FOOTER_LEN] = { 0 };
	size_t len = file->size < VHD_FOOTER_LEN ? (size_t)file->size : VHD_FOOTER_LEN, found;
	struct error tail_err = ERROR_INIT;
	struct vhd_footer copy;

	if (backing_read(file, tail, len, file->size - len, err) < 0)
		return -1;
	found = footer_len_of(tail, len);
	if (found == SHORT_FOOTER_LEN) {
		memmove(tail, tail + len - SHORT_FOOTER_LEN, SHORT_FOOTER_LEN);
		tail[SHORT_FOOTER_LEN] = 0;
	}
	if (found != 0 && vhd_footer_decode(tail, out, &tail_err) == 0) {
		*end_out = file->size - found;
		return 0;
	}
	if (found == 0)
		error_set(&tail_err, ERR_CORRUPT, "footer: no 'conectix' in the last 512 bytes of the file");
	/* At 0 a fixed disk has what the guest wrote there, which may look like a footer: it never describes one. */
	if (file->size >= 2 * VHD_FOOTER_LEN && backing_read(file, head, sizeof(head), 0, NULL) == 0 &&
	    vhd_footer_decode(head, &copy, NULL) == 0 && copy.type != VHD_FIXED) {
		log_warn("vhd", "%s: %s; using the copy at 0", file->path, tail_err.msg);
		*out = copy;
		*end_out = file->size;
		return 0;
	}
	return error_set(err, tail_err.code, "%s", tail_err.msg);
}

static int open_fixed(struct image *img, const struct vhd_footer *f, uint64_t content_end, struct error *err)
{
	if (f->current_size > content_end)
		return error_set(err, ERR_CORRUPT,
				 "footer: disk of %" PRIu64 " bytes, only %" PRIu64 " lie before the footer",
				 f->current_size, content_end);
	img->info.subformat = "fixed";
	return 0;
}

static int vhd_open(struct image *img, struct error *err)
{
	const struct backing *file = image_file(img, img->first_file);
	char id[GUID_TEXT_LEN];
	uint64_t content_end;
	struct vhd *v;

	v = calloc(1, sizeof(*v));
	if (!v)
		return error_errno(err, ENOMEM, "VHD");
	img->priv = v;
	if (read_footer(file, &v->footer, &content_end, err) < 0)
		return -1;
	switch (v->footer.type) {
	case VHD_FIXED:
		if (open_fixed(img, &v->footer, content_end, err) < 0)
			return -1;
		break;
	case VHD_DYNAMIC:
		return error_set(err, ERR_UNSUPPORTED,
				 "dynamic VHD: only fixed ones can be read; convert it to a fixed VHD");
	case VHD_DIFFERENCING:
		return error_set(
			err, ERR_UNSUPPORTED,
			"differencing VHD: only fixed ones can be read; merge it and convert it to a fixed VHD");
	default:
		return error_set(err, ERR_CORRUPT, "footer: disk type %d", (int)v->footer.type);
	}
	if (v->footer.saved_state)
		log_warn("vhd", "%s: written by a machine in saved state: its memory is not part of the disk",
			 file->path);
	img->size = v->footer.current_size;
	img->info.virtual_size = v->footer.current_size;
	img->info.sector_size = 512;
	guid_format(&v->footer.id, id);
	memcpy(img->info.id, id, sizeof(id));
	return 0;
}

static int vhd_map(struct image *img, uint64_t len, uint64_t off, struct extent_list *out, struct error *err)
{
	struct extent e = { .off = off, .len = len, .kind = EXTENT_DATA, .file = img->first_file, .file_off = off };

	return extent_list_add(out, &e, err);
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
	.map = vhd_map,
	.close = vhd_close,
};
