/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/parse.h"
#include "disk/vhd_footer.h"
#include "replicate/replica_disk.h"

struct replica_disk {
	struct replica *replica;
	char version[TARGET_VERSION_LEN];
};

static void free_ctx(void *ctx)
{
	struct replica_disk *rd = ctx;

	replica_close(rd->replica);
	free(rd);
}
DEFINE_CLEANUP(cleanup_replica_disk, struct replica_disk *, free_ctx);

static int read_range(void *ctx, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct replica_disk *rd = ctx;
	size_t n;

	for (size_t done = 0; done < len; done += n) {
		n = len - done < TARGET_WRITE_MAX ? len - done : TARGET_WRITE_MAX;
		if (replica_read(rd->replica, (uint8_t *)buf + done, n, off + done, rd->version, err) < 0)
			return -1;
	}
	return 0;
}

static int list_extents(void *ctx, uint64_t len, uint64_t off, struct extent_list *out, struct error *err)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	struct replica_disk *rd = ctx;
	uint64_t end;

	/* A target answers in whole sectors; a disk may end inside one. */
	uint64_t from = off & ~UINT64_C(511), to = (off + len + 511) & ~UINT64_C(511);

	if (replica_extents(rd->replica, to - from, from, rd->version, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) {
		struct extent e = list.v[i];

		end = e.off + e.len < off + len ? e.off + e.len : off + len;
		if (e.off < off)
			e.off = off;
		if (end > e.off && extent_list_add_run(out, e.off, end - e.off, e.kind, 0, err) < 0)
			return -1;
	}
	return 0;
}

static const struct disk_foreign_ops foreign_ops = {
	.format = "replica",
	.read = read_range,
	.extents = list_extents,
	.free_ctx = free_ctx,
};

static int read_footer(struct replica_disk *rd, uint64_t size, struct vhd_footer *out, struct error *err)
{
	uint8_t raw[VHD_FOOTER_LEN];

	if (size < VHD_FOOTER_LEN)
		return error_set(err, ERR_CORRUPT, "%" PRIu64 " bytes: too small for a VHD", size);
	if (replica_read(rd->replica, raw, sizeof(raw), size - VHD_FOOTER_LEN, rd->version, err) < 0 ||
	    vhd_footer_decode(raw, out, err) < 0)
		return -1;
	if (out->type != VHD_FIXED)
		return error_set(err, ERR_CORRUPT, "VHD of type %d, should be fixed (%d)", (int)out->type,
				 (int)VHD_FIXED);
	if (out->current_size > size - VHD_FOOTER_LEN)
		return error_set(err, ERR_CORRUPT, "footer: disk of %" PRIu64 " bytes in a replica of %" PRIu64,
				 out->current_size, size);
	return 0;
}

/* The source's size: the footer knows only the padded one. */
static int find_size(const struct target_look *look, const struct vhd_footer *footer, uint64_t *out,
		     struct error *err)
{
	const char *text = target_meta_get(&look->meta, "vsize");
	uint64_t v;

	if (!text) {
		*out = footer->current_size;
		return 0;
	}
	if (parse_u64(text, UINT64_MAX, &v, NULL) < 0 || v > footer->current_size)
		return error_set(err, ERR_CORRUPT, "metadata: virtual size '%s' in a disk of %" PRIu64 " bytes", text,
				 footer->current_size);
	*out = v;
	return 0;
}

static int look_at(struct replica_disk *rd, uint64_t *size_out, struct error *err)
{
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };
	struct vhd_footer footer;

	if (replica_look(rd->replica, &look, err) < 0)
		return -1;
	if (!look.exists)
		return error_errno(err, ENOENT, "%s", replica_name(rd->replica));
	memcpy(rd->version, look.version, sizeof(rd->version));
	if (read_footer(rd, look.size, &footer, err) < 0 || find_size(&look, &footer, size_out, err) < 0)
		return error_prefix(err, "%s", replica_name(rd->replica));
	return 0;
}

struct disk *replica_disk_open(struct replica *r, struct error *err)
{
	CLEANUP(cleanup_replica_disk) struct replica_disk *rd = calloc(1, sizeof(*rd));
	struct disk *d;
	uint64_t size;

	if (!rd) {
		error_errno(err, ENOMEM, "%s", replica_name(r));
		replica_close(r);
		return NULL;
	}
	rd->replica = r;
	if (look_at(rd, &size, err) < 0)
		return NULL;
	d = disk_new_foreign(replica_name(r), size, &foreign_ops, rd, err);
	if (d)
		rd = NULL; /* disk_close() frees it now */
	return d;
}
