/* SPDX-License-Identifier: Apache-2.0 */
/* The VMs in an export of PowerShell's (hyperv_json.h), for those who want disks and those who want machines. */
#ifndef LIFTFS_INVENTORY_HYPERV_JSON_READ_H
#define LIFTFS_INVENTORY_HYPERV_JSON_READ_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct hyperv_json_drive {
	unsigned type, number, location; /* type: 0 IDE, 1 SCSI, 2 some other */
	char *path;                      /* "Disk N" of a disk of the host */
	bool host_disk, shared;
};

/* As long as the call lasts. */
struct hyperv_json_vm {
	const char *name, *id;                /* id: or NULL */
	const json_t *outer, *vm;             /* the object with HardDrives, and the one with Name; NULL: there are only drives */
	const struct hyperv_json_drive *drives; /* in the order of devices */
	size_t n_drives;
};

/* Those with their own drives as they come, then those whose drives name them, in the order of their ids. */
typedef int (*hyperv_json_fn)(void *ctx, const struct hyperv_json_vm *vm, struct error *err);
int hyperv_json_each(const char *raw, size_t len, hyperv_json_fn each, void *ctx, struct error *err) MUST_CHECK;

/* A string that is there and not empty; else NULL. */
const char *hyperv_json_text(const json_t *object, const char *key);
/* PowerShell 5 writes some arrays as { "value": [...], "Count": n }: the array.  Others as they are. */
const json_t *hyperv_json_unwrapped(const json_t *value);

#endif
