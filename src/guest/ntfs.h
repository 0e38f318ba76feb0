/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NTFS: records of the MFT, attributes, runs.  Read-only, $LogFile not replayed.  Compressed and encrypted streams are recognised
 * and not read.  Layouts as the Linux-NTFS project documents them; offsets in ntfs.c.
 */
#ifndef LIFTFS_GUEST_NTFS_H
#define LIFTFS_GUEST_NTFS_H

#include "guest/volume.h"

enum { /* records with a fixed number */
	NTFS_MFT = 0,
	NTFS_VOLUME = 3,
	NTFS_ROOT = 5,
	NTFS_BITMAP = 6,
};

enum { /* attributes */
	NTFS_ATTRIBUTE_LIST = 0x20,
	NTFS_FILE_NAME = 0x30,
	NTFS_VOLUME_INFORMATION = 0x70,
	NTFS_DATA = 0x80,
	NTFS_INDEX_ROOT = 0x90,
	NTFS_INDEX_ALLOCATION = 0xa0,
	NTFS_REPARSE_POINT = 0xc0,
};

#define NTFS_RUNS_MAX (1U << 18)          /* of a stream: 6 MiB of memory */
#define NTFS_PIECES_MAX 4096              /* records that one stream's runs are spread over */
#define NTFS_REFERENCE_MASK 0xffffffffffffU /* a reference's number; above it a sequence */

struct ntfs_run {
	uint64_t vcn, n, lcn; /* clusters */
	bool hole;
};

struct ntfs_stream {
	uint8_t *data;        /* resident: `size` bytes; else NULL */
	struct ntfs_run *runs;
	size_t n_runs, cap;
	uint64_t size, valid; /* bytes; what lies behind `valid` reads as zeros */
	uint16_t flags;
	uint64_t off;         /* byte of the volume where it begins, or where its record lies */
};

struct ntfs {
	struct volume *v;
	uint32_t cluster, record, index; /* bytes: at most 2 MiB, 64 KiB, 64 KiB */
	uint64_t clusters;
	uint64_t mft_off;                /* of its first record, byte of the volume */
	struct ntfs_stream mft;
};

int ntfs_init(struct ntfs *n, struct volume *v, struct error *err) MUST_CHECK;
void ntfs_fini(struct ntfs *n);

/* Reads the n->record bytes of a record that is in use, its fixups undone. */
int ntfs_record(struct ntfs *n, uint64_t number, uint8_t *buf, struct error *err) MUST_CHECK;
bool ntfs_record_is_folder(const uint8_t *record);
/* Undoes the fixups of a record or an index block of len bytes that begins with `magic`. */
int ntfs_unprotect(uint8_t *buf, uint32_t len, const char *magic, struct error *err) MUST_CHECK;

/* The attribute of this type and (ASCII) name, wherever its parts are.  1, 0: it has none, -1. */
int ntfs_stream_open(struct ntfs *n, uint64_t number, uint32_t type, const char *name, struct ntfs_stream *out,
		     struct error *err) MUST_CHECK;
void ntfs_stream_fini(struct ntfs_stream *s);
static inline void cleanup_ntfs_stream(struct ntfs_stream *s)
{
	ntfs_stream_fini(s);
}
/* [off, off + len), which lies within the stream.  ERR_UNSUPPORTED if it is compressed or encrypted. */
int ntfs_stream_read(struct ntfs *n, const struct ntfs_stream *s, void *buf, size_t len, uint64_t off,
		     struct error *err) MUST_CHECK;

#endif
