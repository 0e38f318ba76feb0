/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VMware virtual machine's configuration (.vmx): which disks it has.
 *
 *	line = key " = " '"' value '"'      keys in any case; |XX in a value is the byte XX; "#" begins a comment
 *
 * A disk is a device scsiN:M, sataN:M, ideN:M or nvmeN:M that is present, has a fileName, and is no CD-ROM, in the order of
 * bus, controller and unit.  Later lines win over earlier ones with the same key, as VMware reads them.
 */
#ifndef LIFTFS_INVENTORY_VMX_H
#define LIFTFS_INVENTORY_VMX_H

#include <stddef.h>

#include "base/error.h"

#define VMX_LEN_MAX ((size_t)1 << 20) /* bytes; real ones have a few thousand */
#define VMX_DISKS_MAX 256             /* 4 controllers of 64 */

struct vmx {
	char *display_name;  /* or NULL */
	char **disks;        /* fileName as written, escapes undone */
	size_t n_disks;
};

/* What it allocates is there also after a failure: vmx_fini() follows either way. */
int vmx_parse(const char *text, size_t len, struct vmx *out, struct error *err) MUST_CHECK;
void vmx_fini(struct vmx *v);

static inline void cleanup_vmx(struct vmx *v)
{
	vmx_fini(v);
}

#endif
