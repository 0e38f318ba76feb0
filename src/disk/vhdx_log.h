/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of a VHDX ([MS-VHDX] 2.3): a ring of entries that say what to write where.  A file that was not closed
 * cleanly is only right once its active sequence has been applied; here it is applied to an overlay in memory.
 *
 * Entry, in sectors of 4 KiB: a header of 64 bytes, then descriptors of 32 bytes (126 in the first sector, 128 in each
 * further one), then a sector of data for each data descriptor.
 *    0 4 "loge"  4 4 CRC-32C of the entry    16 8 sequence     32 16 log GUID
 *    8 4 length 12 4 tail of its sequence    24 4 descriptors  48 8 flushed file size, 56 8 last file size
 * Descriptor:  0 4 "desc", 4 4 last bytes, 8 8 first bytes, 16 8 file offset, 24 8 sequence
 *         or:  0 4 "zero", 8 8 length,                      16 8 file offset, 24 8 sequence
 * Data sector: 0 4 "data", 4 4 sequence high, 8 4084 the bytes in between, 4092 4 sequence low
 *
 * The active sequence: entries that follow each other in the ring with ascending sequence numbers, up to a head whose
 * tail is one of them; of several the one with the highest number.
 */
#ifndef LIFTFS_DISK_VHDX_LOG_H
#define LIFTFS_DISK_VHDX_LOG_H

#include "disk/vhdx_header.h"
#include "disk/vhdx_overlay.h"

#define VHDX_LOG_MAX (UINT64_C(64) << 20) /* bytes of a log that we replay: Hyper-V writes 1 MiB, qemu up to 64 */

/* What a refused log leaves to do. */
#define VHDX_LOG_ADVICE "'liftfs mount -o log=ignore' shows the disk without it"

/*
 * Replays the pending log of h (its place checked) into a new overlay, or sets *out to NULL where nothing was ever
 * logged: no entry bears the log's GUID, which a crash between naming a log and writing to it leaves behind.
 * Entries that bear it but form no valid sequence are ERR_CORRUPT: what they would have written is lost.
 * *sum_out is a checksum of the ring's bytes, for vhdx_log_check_unchanged().
 */
int vhdx_log_replay(const struct backing *file, const struct vhdx_header *h, struct vhdx_overlay **out,
		    uint32_t *sum_out, struct error *err) MUST_CHECK;

/* ERR_CHANGED if the ring is not what it was when it was replayed. */
int vhdx_log_check_unchanged(const struct backing *file, const struct vhdx_header *h, uint32_t sum,
			     struct error *err) MUST_CHECK;

/* The same over the ring's bytes; `file_size` is what the log's flushed size is compared with. */
int vhdx_log_decode(const uint8_t *ring, size_t len, const struct guid *log, uint64_t file_size,
		    struct vhdx_overlay **out, struct error *err) MUST_CHECK;

#endif
