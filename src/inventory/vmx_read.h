/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of a .vmx, for those who want its disks (vmx.c) and those who want all of the machine (vmx_machine.c). */
#ifndef LIFTFS_INVENTORY_VMX_READ_H
#define LIFTFS_INVENTORY_VMX_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define VMX_BUSES 4
#define VMX_CONTROLLERS 4
#define VMX_UNITS 64

extern const char *const vmx_buses[VMX_BUSES]; /* in the order of devices */

/* The value is unescaped.  Later lines win over earlier ones with the same key: what is set last stays. */
typedef int (*vmx_each_fn)(void *ctx, const char *key, const char *value, struct error *err);
int vmx_each(const char *text, size_t len, vmx_each_fn each, void *ctx, struct error *err) MUST_CHECK;

struct vmx_place {
	unsigned bus, controller, unit;
};

/* "scsi0:1.fileName" -> the place, and "fileName"; NULL if it is no key of a device. */
const char *vmx_place(const char *key, struct vmx_place *out);
/* "scsi0.sharedBus" -> bus 3, controller 0, and "sharedBus"; NULL if it is no key of a controller. */
const char *vmx_controller(const char *key, unsigned *bus, unsigned *controller);
/* "ethernet3.present" -> "present" for the word "ethernet"; NULL if it is no such key.  At most two digits. */
const char *vmx_numbered(const char *key, const char *word);

/* What tells whether there is a disk in a place. */
struct vmx_device {
	bool present;
	bool optical;
	char *file;
};
int vmx_device_set(struct vmx_device *d, const char *field, const char *value, struct error *err) MUST_CHECK;
bool vmx_device_is_disk(const struct vmx_device *d);

#endif
