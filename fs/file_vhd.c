/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.vhd: what a target holds, or would hold.  A replica's own bytes; of an image its disk, zeros up to a whole number
 * of MiB, and the footer.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "disk/vhd_footer.h"
#include "file.h"

static uint64_t vhd_size(const struct view *v)
{
	if (v->replica)
		return v->replica_size;
	return v->content ? v->content + VHD_FOOTER_LEN : 0;
}

/* Whole sectors, a piece of at most TARGET_WRITE_MAX at a time: what a target reads. */
static int replica_bytes(struct view *v, uint8_t *buf, size_t len, uint64_t off, struct error *err)
{
	uint8_t sector[VHD_FOOTER_LEN];
	size_t skip, n;

	for (size_t done = 0; done < len; done += n) {
		skip = (size_t)((off + done) % sizeof(sector));
		n = len - done;
		if (skip || n < sizeof(sector)) {
			n = sizeof(sector) - skip < n ? sizeof(sector) - skip : n;
			if (replica_read(v->replica, sector, sizeof(sector), off + done - skip, v->version, err) < 0)
				return -1;
			memcpy(buf + done, sector + skip, n);
			continue;
		}
		n = n < TARGET_WRITE_MAX ? (size_t)align_down(n, sizeof(sector)) : TARGET_WRITE_MAX;
		if (replica_read(v->replica, buf + done, n, off + done, v->version, err) < 0)
			return -1;
	}
	return 0;
}

static int replica_range(struct view *v, uint8_t *buf, size_t len, uint64_t off, struct error *err)
{
	struct error why = ERROR_INIT;

	if (replica_bytes(v, buf, len, off, &why) == 0)
		return 0;
	view_note_stale(v, &why);
	if (view_note_failure(v, off, len, &why))
		log_warn("mount", "%s/disk.vhd: %zu bytes at %#" PRIx64 ": %s", v->label, len, off, why.msg);
	if (err)
		*err = why;
	return -1;
}

static int vhd_read(struct view *v, void *buf, size_t len, uint64_t off, const struct file_stop *stop,
		    struct error *err)
{
	uint8_t footer[VHD_FOOTER_LEN], *p = buf;
	size_t n;

	(void)stop;
	if (v->replica)
		return replica_range(v, p, len, off, err);
	if (len > 0 && off < v->size) {
		n = v->size - off < len ? (size_t)(v->size - off) : len;
		if (view_read(v, p, n, off, err) < 0)
			return -1;
		p += n;
		off += n;
		len -= n;
	}
	if (len > 0 && off < v->content) {
		n = v->content - off < len ? (size_t)(v->content - off) : len;
		memset(p, 0, n);
		p += n;
		off += n;
		len -= n;
	}
	if (len > 0) {
		vhd_footer_encode(v->content, &v->vhd_id, footer);
		memcpy(p, footer + (off - v->content), len);
	}
	return 0;
}

/* A replica's bytes are its target's, an image's padding and footer are nowhere. */
static bool vhd_place(struct view *v, size_t len, uint64_t off, struct disk_place *out)
{
	return !v->replica && disk_place_of(v->disk, len, off, out);
}

static int vhd_run(struct view *v, uint64_t off, bool *hole_out, uint64_t *end_out, struct error *err)
{
	uint64_t content = vhd_size(v) - VHD_FOOTER_LEN;

	if (off < v->size)
		return file_raw_kind.run(v, off, hole_out, end_out, err);
	/* What a replica has between the disk's end and its footer is zero too, but its bytes are its own. */
	*hole_out = off < content && !v->replica;
	*end_out = off < content ? content : vhd_size(v);
	return 0;
}

const struct file_kind file_vhd_kind = {
	.name = "disk.vhd",
	.size = vhd_size,
	.read = vhd_read,
	.place = vhd_place,
	.run = vhd_run,
};
