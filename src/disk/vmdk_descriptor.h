/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a VMDK: what the disk is made of, and whose child it is.
 *
 *	file   = line*          LF or CRLF; blanks around; keywords in any case; NULs at the end are padding
 *	line   = "#" text | "" | key "=" value | extent
 *	value  = bare | '"' text '"'
 *	extent = ("RW" | "RDONLY" | "NOACCESS") sectors type ['"' name '"' [offset [partition-uuid [device-id]]]]
 *
 * A line that cannot be read refuses the whole: one that was skipped could be a part of the disk.
 */
#ifndef LIFTFS_DISK_VMDK_DESCRIPTOR_H
#define LIFTFS_DISK_VMDK_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define VMDK_DESCRIPTOR_MAX ((uint64_t)1 << 20) /* bytes of text; real ones have some hundred, or 60 an extent */
#define VMDK_EXTENTS_MAX 65536                  /* 128 TiB in pieces of 2 GiB */
#define VMDK_NAME_MAX 4095                      /* PATH_MAX without its NUL */
#define VMDK_CID_NONE UINT32_C(0xffffffff)      /* as parentCID: no parent */

enum vmdk_extent_type {
	VMDK_FLAT,
	VMDK_SPARSE,
	VMDK_ZERO,
	VMDK_VMFS,
	VMDK_VMFSSPARSE,
	VMDK_VMFSRDM,
	VMDK_VMFSRAW,
	VMDK_SESPARSE,
};

struct vmdk_extent_line {
	enum vmdk_extent_type type;
	uint64_t sectors;        /* > 0; times 512 fits 63 bits, and so does the sum of all */
	uint64_t offset_sectors; /* FLAT only; times 512 fits 63 bits */
	char *name;              /* UTF-8, not empty; NULL for ZERO */
	char *raw_name;          /* its bytes as they are written, if the encoding is another one; else NULL */
};

struct vmdk_descriptor {
	const char *create_type; /* in VMware's spelling; not owned */
	bool has_cid;
	uint32_t cid, parent_cid;
	char *parent_hint;     /* UTF-8, or NULL */
	char *parent_base_raw; /* its last component as it is written, if the encoding is another one; else NULL */
	char uuid[64];         /* ddb.uuid, or "" */
	struct vmdk_extent_line *extents;
	size_t n_extents, cap_extents;
	uint64_t sectors; /* of all extents */
};

/*
 * Fills *out; what it allocates is there also after a failure: vmdk_descriptor_fini() follows either way.
 * ERR_CORRUPT for what the grammar refuses, ERR_UNSUPPORTED for disks that are devices, for
 * encrypted ones and for unknown encodings.
 */
int vmdk_descriptor_parse(const char *text, size_t len, struct vmdk_descriptor *out, struct error *err) MUST_CHECK;
void vmdk_descriptor_fini(struct vmdk_descriptor *d);

static inline void cleanup_vmdk_descriptor(struct vmdk_descriptor *d)
{
	vmdk_descriptor_fini(d);
}

/* "FLAT" and so on, for messages. */
const char *vmdk_extent_type_name(enum vmdk_extent_type type);

#endif
