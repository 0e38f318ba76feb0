/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs as PowerShell exports them on a Hyper-V host, any number in a file:
 *
 *	Get-VM | Get-VMHardDiskDrive | ConvertTo-Json          an array of drives, each with its VMName
 *	Get-VM | ConvertTo-Json -Depth 4                       an array of VMs, each with its HardDrives
 *	... | ForEach-Object { @{ VM = $_; HardDrives = ... } }   the same, with the VM's name in VM
 *
 * The last, which `liftfs assess` documents, has all that a machine is made of:
 *
 *	Get-VM | ForEach-Object { [pscustomobject]@{ VM = $_; HardDrives = @($_.HardDrives); NetworkAdapters = @($_.NetworkAdapters)
 *	  Vhd = @($_.HardDrives | Where-Object Path | ForEach-Object { Get-VHD -Path $_.Path })
 *	  SecureBoot = if ($_.Generation -eq 2) { (Get-VMFirmware $_).SecureBoot } } } | ConvertTo-Json -Depth 4
 *
 * One object stands for an array of one, as PowerShell writes it; an object with `value` and `Count` for its value.  Disks
 * come in the order of ControllerType (IDE, SCSI), ControllerNumber and ControllerLocation.  A drive with a DiskNumber is
 * a disk of the host: it is named "Disk N ...", which is no file.  A drive without a Path is empty.
 *
 * JSON without the words "HardDrives" or "ControllerLocation" is something else: no VM.  Each element of the array is parsed
 * by itself, duplicates of names refused, so that memory is bounded by one element's.
 */
#ifndef LIFTFS_INVENTORY_HYPERV_JSON_H
#define LIFTFS_INVENTORY_HYPERV_JSON_H

#include "inventory/vm_config.h"

#define HYPERV_JSON_VALUES_MAX ((size_t)1 << 18) /* in one element: some 50 MiB while it is looked at */
#define HYPERV_JSON_DEPTH_MAX 64
#define HYPERV_JSON_DRIVES_MAX 32768 /* in one file: a full cluster has half as many */

/* As vm_config.h has it; disks also have their capacity, where Vhd says it, and are raw if they are the host's. */
int hyperv_json_describe(const char *text, size_t len, struct machine_list *out, struct error *err);

extern const struct vm_config_format hyperv_json_format;

#endif
