/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VHDX as a disk format ([MS-VHDX]).  Each structure has its room: headers, log, region table, metadata, BAT; here they
 * are opened in that order and asked where a range lies.
 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "disk/format.h"
#include "disk/vhdx_bat.h"
#include "disk/vhdx_header.h"
#include "disk/vhdx_locator.h"
#include "disk/vhdx_log.h"
#include "disk/vhdx_metadata.h"
#include "disk/vhdx_region.h"

/* Bytes of all logs of a chain, replayed into memory at once. */
#define CHAIN_LOGS_MAX (UINT64_C(256) << 20)

#define RUNS_PER_MAP 1024 /* a call of map() answers at most so many runs, so that its caller can bound its memory */

struct vhdx {
	struct vhdx_header header;
	struct vhdx_overlay *log; /* NULL: none */
	bool log_read;            /* its ring was read, and had this checksum */
	uint32_t log_sum;
	uint64_t chain_logs; /* bytes that the logs of this image and its children hold in memory */
	struct vhdx_view view;
	struct vhdx_regions regions;
	struct vhdx_metadata meta;
	struct vhdx_locator locator; /* empty without a parent */
	struct vhdx_bat bat;
};

static int vhdx_confirm(const struct disk_head *in, struct error *err)
{
	return vhdx_file_id_check(in->head, in->head_len, err);
}

static int read_header(const struct backing *file, struct vhdx_header *out, struct error *err)
{
	CLEANUP_FREE uint8_t *both = malloc(2 * VHDX_HEADER_LEN);

	if (!both)
		return error_errno(err, ENOMEM, "headers");
	if (backing_read(file, both, VHDX_HEADER_LEN, VHDX_HEADER_1, err) < 0 ||
	    backing_read(file, both + VHDX_HEADER_LEN, VHDX_HEADER_LEN, VHDX_HEADER_2, err) < 0)
		return -1;
	return vhdx_header_choose(both, both + VHDX_HEADER_LEN, file->size, out, err);
}

static int read_log(struct image *img, struct vhdx *v, struct error *err)
{
	if (guid_is_zero(&v->header.log))
		return 0;
	if (img->ignore_log) {
		img->info.dirty_log = true;
		log_warn("vhdx", "%s: log not empty, and ignored on request: the disk may be inconsistent",
			 img->info.path);
		return 0;
	}
	if (vhdx_log_replay(v->view.file, &v->header, &v->log, &v->log_sum, err) < 0)
		return -1;
	v->log_read = true;
	v->chain_logs = v->log ? v->header.log_len : 0;
	v->view.log = v->log;
	if (v->log) {
		img->info.dirty_log = true;
		log_info("vhdx", "%s: not closed cleanly, log replayed in memory pages=%zu", img->info.path,
			 vhdx_overlay_pages(v->log));
	} else {
		log_warn("vhdx", "%s: not closed cleanly, but nothing was logged", img->info.path);
	}
	return 0;
}

static int read_regions(struct vhdx *v, struct error *err)
{
	CLEANUP_FREE uint8_t *copies = malloc(2 * VHDX_REGION_LEN);
	bool second;

	if (!copies)
		return error_errno(err, ENOMEM, "region table");
	if (vhdx_view_read(&v->view, copies, 2 * VHDX_REGION_LEN, VHDX_REGION_1, err) < 0)
		return -1;
	if (vhdx_region_choose(copies, copies + VHDX_REGION_LEN, &v->regions, &second, err) < 0)
		return -1;
	if (second)
		log_warn("vhdx", "%s: region table at 0x30000 is damaged; using its copy at 0x40000",
			 v->view.file->path);
	return vhdx_region_check_place(&v->regions, v->header.log_off, v->header.log_len, v->view.file->size, err);
}

/*
 * Whoever has the disk open for writing renews a header whenever it begins or ends, and logs each change of a table:
 * tables read across either do not match.
 */
static int check_unchanged(const struct vhdx *v, struct error *err)
{
	struct vhdx_header now;

	if (read_header(v->view.file, &now, err) < 0)
		return -1;
	if (now.sequence != v->header.sequence || !guid_equal(&now.log, &v->header.log))
		return error_set(err, ERR_CHANGED, "the image was written to while it was opened");
	return v->log_read ? vhdx_log_check_unchanged(v->view.file, &v->header, v->log_sum, err) : 0;
}

static int read_locator(struct image *img, struct vhdx *v, struct error *err)
{
	CLEANUP_FREE uint8_t *raw = malloc(v->meta.locator_len); /* at most 1 MiB */
	size_t first;

	if (!raw)
		return error_errno(err, ENOMEM, "parent locator");
	if (vhdx_view_read(&v->view, raw, v->meta.locator_len, v->meta.locator_off, err) < 0 ||
	    vhdx_locator_decode(raw, v->meta.locator_len, &v->locator, err) < 0)
		return -1;
	img->parent_paths = vhdx_locator_candidates(&v->locator, img->info.path, err);
	if (!img->parent_paths)
		return -1;
	img->parent_fold_case = true;
	/* The relative path first: a chain that was copied as a whole stays together. */
	first = v->locator.relative ? 1 : 0;
	return image_name_parent(img, first, v->locator.volume, err) < 0 ||
			       image_name_parent(img, first, v->locator.absolute, err) < 0 ?
		       -1 :
		       0;
}

static const char *subformat(const struct vhdx_metadata *m)
{
	if (m->has_parent)
		return "differencing";
	return m->fixed ? "fixed" : "dynamic";
}

static int vhdx_open(struct image *img, struct error *err)
{
	struct vhdx *v = calloc(1, sizeof(*v));
	char id[GUID_TEXT_LEN];

	if (!v)
		return error_errno(err, ENOMEM, "VHDX");
	img->priv = v;
	v->view.file = image_file(img, img->first_file);
	if (read_header(v->view.file, &v->header, err) < 0)
		return -1;
	if (v->header.other_fault)
		log_warn("vhdx", "%s: one of its two headers is damaged (%s); using the other", img->info.path,
			 v->header.other_fault);
	if (read_log(img, v, err) < 0 || read_regions(v, err) < 0 ||
	    vhdx_metadata_read(&v->view, v->regions.meta_off, v->regions.meta_len, &v->meta, err) < 0)
		return -1;
	if (v->meta.has_parent && read_locator(img, v, err) < 0)
		return -1;
	if (vhdx_bat_init(&v->bat, img, &v->view, &v->regions, &v->header, &v->meta, err) < 0 ||
	    check_unchanged(v, err) < 0)
		return -1;
	img->size = v->meta.virtual_size;
	img->info.virtual_size = v->meta.virtual_size;
	img->info.sector_size = v->meta.logical_sector;
	img->info.subformat = subformat(&v->meta);
	guid_format(&v->meta.disk_id, id);
	memcpy(img->info.id, id, sizeof(id));
	return 0;
}

static int vhdx_check_parent(const struct image *img, const struct image *parent, struct error *err)
{
	const struct vhdx *v = img->priv;
	struct vhdx *p = parent->priv;
	char have[GUID_TEXT_LEN], want[GUID_TEXT_LEN];

	if (p->meta.logical_sector != v->meta.logical_sector)
		return error_set(err, ERR_CORRUPT,
				 "parent %s has sectors of %" PRIu32 " bytes, this image of %" PRIu32,
				 parent->info.path, p->meta.logical_sector, v->meta.logical_sector);
	p->chain_logs += v->chain_logs;
	if (p->chain_logs > CHAIN_LOGS_MAX)
		return error_set(err, ERR_UNSUPPORTED,
				 "the logs of the chain up to %s have %" PRIu64 " bytes, at most 256 MiB are replayed",
				 parent->info.path, p->chain_logs);
	if (guid_equal(&p->header.data_write, &v->locator.linkage) ||
	    (!guid_is_zero(&v->locator.linkage2) && guid_equal(&p->header.data_write, &v->locator.linkage2)))
		return 0;
	guid_format(&p->header.data_write, have);
	guid_format(&v->locator.linkage, want);
	return error_set(err, ERR_MISMATCH,
			 "parent %s has the data write GUID %s, %s is expected: it was written to, or is another",
			 parent->info.path, have, want);
}

/* Of one block that is partly here, the run of sectors at `at`: e is the whole block's answer from there on. */
static int map_sectors(struct vhdx *v, uint64_t block, uint64_t at, struct extent *e, struct error *err)
{
	uint64_t sector = UINT64_C(1) << v->bat.sector_shift, skip = at & (sector - 1);
	uint64_t first = (at & ((UINT64_C(1) << v->bat.block_shift) - 1)) >> v->bat.sector_shift, n;
	bool present;

	if (vhdx_bat_sectors(&v->bat, block, first, (skip + e->len + sector - 1) >> v->bat.sector_shift, &present, &n,
			     err) < 0)
		return -1;
	n = (n << v->bat.sector_shift) - skip;
	e->len = n < e->len ? n : e->len;
	if (!present) {
		e->kind = EXTENT_ABSENT;
		e->file = EXTENT_NO_FILE;
		e->file_off = 0;
	}
	return 0;
}

/*
 * Payload blocks are not logged by anybody known, but what a log says is what a hypervisor would write before it reads:
 * cuts e, data at file_off, to what the log has one answer for.  What stands in the log is read from there.
 */
static void map_logged(const struct vhdx *v, struct extent *e)
{
	enum vhdx_overlay_says says = vhdx_overlay_run(v->log, e->file_off, e->len, &e->len);

	if (says == VHDX_OVERLAY_NOTHING)
		return;
	e->kind = says == VHDX_OVERLAY_ZEROS ? EXTENT_ZERO : EXTENT_DATA;
	e->file = EXTENT_NO_FILE;
}

/* The extent that begins at `at`, at most len bytes.  file_off is also set of data that stands in the log. */
static int map_one(struct image *img, uint64_t len, uint64_t at, struct extent *out, struct error *err)
{
	struct vhdx *v = img->priv;
	uint64_t block = at >> v->bat.block_shift, last = (at + len - 1) >> v->bat.block_shift;
	uint64_t skip = at & ((UINT64_C(1) << v->bat.block_shift) - 1);
	struct extent e = { .off = at, .file = EXTENT_NO_FILE };
	struct vhdx_run run;

	if (vhdx_bat_run(&v->bat, block, last - block + 1, &run, err) < 0)
		return -1;
	e.kind = run.kind;
	e.len = (run.n_blocks << v->bat.block_shift) - skip;
	e.len = e.len < len ? e.len : len;
	if (run.kind == EXTENT_DATA) {
		e.file = img->first_file;
		e.file_off = run.file_off + skip;
	}
	if (run.partial && map_sectors(v, block, at, &e, err) < 0)
		return -1;
	if (e.kind == EXTENT_DATA && v->log)
		map_logged(v, &e);
	*out = e;
	return 0;
}

static int vhdx_map(struct image *img, uint64_t len, uint64_t off, struct extent_list *out, struct error *err)
{
	struct extent e;
	uint64_t done = 0;

	for (int i = 0; i < RUNS_PER_MAP && done < len; i++, done += e.len) {
		if (map_one(img, len - done, off + done, &e, done == 0 ? err : NULL) < 0)
			return done == 0 ? -1 : 0; /* what is wrong there is said when somebody asks for it */
		if (e.file == EXTENT_NO_FILE)
			e.file_off = 0;
		if (extent_list_add(out, &e, err) < 0)
			return -1;
	}
	return 0;
}

/* Of data that stands in the log. */
static int vhdx_read(struct image *img, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct vhdx *v = img->priv;
	uint8_t *at = buf;
	struct extent e;

	for (; len > 0; at += e.len, off += e.len, len -= (size_t)e.len) {
		if (map_one(img, len, off, &e, err) < 0)
			return -1;
		assert(e.kind == EXTENT_DATA);
		if (vhdx_view_read(&v->view, at, (size_t)e.len, e.file_off, err) < 0)
			return -1;
	}
	return 0;
}

static void vhdx_close(struct image *img)
{
	struct vhdx *v = img->priv;

	if (!v)
		return;
	vhdx_locator_fini(&v->locator);
	vhdx_overlay_free(v->log);
	free(v);
	img->priv = NULL;
}

static const char *const suffixes[] = { ".vhdx", ".avhdx", NULL };

const struct disk_format_ops disk_vhdx_ops = {
	.name = "vhdx",
	.suffixes = suffixes,
	.confirm = vhdx_confirm,
	.open = vhdx_open,
	.check_parent = vhdx_check_parent,
	.map = vhdx_map,
	.read = vhdx_read,
	.close = vhdx_close,
};
