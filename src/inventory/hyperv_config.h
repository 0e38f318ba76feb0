/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Hyper-V configuration says, be it XML (.xml, to 2012 R2) or binary (.vmcx, since 2016): both hold the same tree of
 * values, which a reader hands over one by one.
 *
 *	configuration/properties/name                         what people call the VM
 *	configuration/properties/type_id                      "Virtual Machines"; a checkpoint's is another
 *	configuration/manifest/vdevNNN/device, .../instance   GUIDs of a device's kind and of the device itself
 *	configuration/_INSTANCE_/controllerN/driveM/type      VHD; ISO, VFD, NONE: no disk
 *	configuration/_INSTANCE_/controllerN/driveM/pathname  as the host names the file: C:\VMs\web01\disk.vhdx
 *
 * Disks come in the order of IDE before SCSI, of the devices in the manifest, of controllers, of drives.  Types that are
 * not known are taken for disks: what cannot be replicated is then reported, not missed.
 */
#ifndef LIFTFS_INVENTORY_HYPERV_CONFIG_H
#define LIFTFS_INVENTORY_HYPERV_CONFIG_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "inventory/vm_config.h"

#define HYPERV_DEVICES_MAX 1024 /* of a manifest; real ones have some 50 */
#define HYPERV_DRIVES_MAX 1024  /* with those that are empty; 4 IDE and 4 * 64 SCSI are possible */
#define HYPERV_DEPTH_MAX 5      /* components of a path that says something */

struct hyperv_config; /* being collected */

struct hyperv_config *hyperv_config_new(struct error *err) MUST_CHECK;
void hyperv_config_free(struct hyperv_config *c);
DEFINE_CLEANUP(cleanup_hyperv_config, struct hyperv_config *, hyperv_config_free);

/*
 * For a machine (vm_config.h: describe()) more values count, the first of those that come twice:
 *
 *	configuration/properties/global_id, .../subtype, .../notes     the VM's GUID; 0: generation 1, 1: generation 2
 *	configuration/settings/processors/count
 *	configuration/settings/memory/bank/size, .../limit, .../dynamic_memory_enabled     MiB
 */
enum hyperv_fact { HYPERV_ID, HYPERV_SUBTYPE, HYPERV_NOTES, HYPERV_PROCESSORS, HYPERV_MEMORY, HYPERV_LIMIT, HYPERV_DYNAMIC,
		   HYPERV_FACTS };
void hyperv_config_want_facts(struct hyperv_config *c);
/* A value that is no text but a number or "True": only facts are such. */
int hyperv_config_fact_value(struct hyperv_config *c, const char *path, const char *text, struct error *err) MUST_CHECK;
const char *hyperv_config_fact(const struct hyperv_config *c, enum hyperv_fact fact); /* NULL: there is none */
/* As hyperv_config_finish(), of one that wants facts: a machine. */
int hyperv_config_describe(struct hyperv_config *c, struct machine_list *out, struct error *err) MUST_CHECK;

/* Could a value whose last component is this say something? */
bool hyperv_config_wants(const struct hyperv_config *c, const char *last);
/* One value; components of the path are separated by '/'.  Paths that say nothing here are ignored. */
int hyperv_config_value(struct hyperv_config *c, const char *path, const char *text, struct error *err) MUST_CHECK;
/* Appends the VM, if this is one's configuration. */
int hyperv_config_finish(struct hyperv_config *c, struct vm_config_list *out, struct error *err) MUST_CHECK;

#endif
