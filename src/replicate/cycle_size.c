/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks that grow, and disks that shrink if a person says so.
 *
 * After the claim, and before anything is sent, in this order, so that a crash in between is seen by the next run:
 *
 *   1. the map in the new size, durably: the footer of before and what the new one will lie on are unknown blocks
 *   2. the replica, on condition of the version that the claim left
 *
 *   after a crash between them     the next run, if it trusts the map
 *   grown                          finds a replica that is too short, and makes it longer
 *   shrunk                         finds one that is too long for a map that has the disk's size: cuts it off
 *
 * Growth: the old footer lies in content from then on, under a block that is unknown.  Recovery points keep their size.
 */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "base/parse.h"
#include "replicate/cycle_disk.h"

int disk_run_check_size(const struct disk_run *r, uint64_t known, bool our_size, struct error *err)
{
	uint64_t live = r->live_size > VHD_FOOTER_LEN ? r->live_size - VHD_FOOTER_LEN : 0;

	if ((r->d->virtual_size >= known && (live <= r->content || our_size)) || r->opt->shrink)
		return 0;
	return error_set(err, ERR_CONFLICT,
			 "%s: the disk has %" PRIu64 " bytes, the replica holds %" PRIu64 "; nothing was written; if the disk is meant "
			 "to be that short, --shrink cuts the replica off", r->d->name, r->d->virtual_size,
			 r->d->virtual_size < known ? known : live);
}

uint64_t disk_run_told_size(const struct disk_run *r)
{
	uint64_t told;

	return parse_u64(disk_run_meta(r, "vsize"), UINT64_MAX, &told, NULL) == 0 ? told : 0;
}

int disk_run_resize(struct disk_run *r, struct error *err)
{
	const struct blockmap_header *h = blockmap_header(r->rs.map);
	uint64_t whole = r->content + VHD_FOOTER_LEN, before = r->live_size;
	char version[TARGET_VERSION_LEN];
	struct error why = ERROR_INIT;
	unsigned tries = 0;

	if (h->virtual_size != r->d->virtual_size || h->content_size != r->content) {
		r->proof = PROOF_NONE;
		if (replica_state_writable(&r->rs, err) < 0 ||
		    blockmap_resize(r->rs.map, r->content, r->d->virtual_size, err) < 0 ||
		    replica_state_checkpoint(&r->rs, r->number, err) < 0)
			return -1;
	}
	if (before == whole)
		return 0;
	while (replica_resize(r->replica, whole, r->version, version, &why) < 0) {
		if (tries++ < LEASE_TRIES && disk_run_renewed(r, &why))
			continue;
		if (err)
			*err = why;
		return error_prefix(err, "%s: resize", r->d->name);
	}
	memcpy(r->version, version, sizeof(r->version));
	r->live_size = whole;
	if (before > whole)
		disk_run_warn(r, "cut off from %" PRIu64 " to %" PRIu64 " bytes", before - VHD_FOOTER_LEN, r->content);
	return 0;
}
