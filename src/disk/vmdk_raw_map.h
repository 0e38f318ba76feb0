/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of VMware disks that are devices: they cannot be read here, but what they say of the device can. */
#ifndef LIFTFS_DISK_VMDK_RAW_MAP_H
#define LIFTFS_DISK_VMDK_RAW_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VMDK_RAW_MAP_MAX ((size_t)64 << 10) /* bytes of such a text; real ones have some hundred */

struct vmdk_raw_map {
	const char *mode; /* "physicalMode", "virtualMode"; NULL: a device of another kind */
	uint64_t bytes;   /* 0: not known */
};

/* False: the text is no descriptor of a device. */
bool vmdk_raw_map(const char *text, size_t len, struct vmdk_raw_map *out);

#endif
