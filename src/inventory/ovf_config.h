/* SPDX-License-Identifier: Apache-2.0 */
/* An OVF descriptor that lies beside its disks (.ovf): the VMs it describes, each with the files of its disks. */
#ifndef LIFTFS_INVENTORY_OVF_CONFIG_H
#define LIFTFS_INVENTORY_OVF_CONFIG_H

#include "inventory/vm_config.h"

/*
 * As vm_config.h has it: with a disk for each one that ovf_parse() finds of a machine, in that order, empty ones (path NULL) and
 * those of one file included, and with the capacity that the descriptor says.
 */
int ovf_describe(const char *text, size_t len, struct machine_list *out, struct error *err);

/* A disk without a file is left out, and a warning says so: there is nothing to replicate. */
extern const struct vm_config_format ovf_config_format;

#endif
