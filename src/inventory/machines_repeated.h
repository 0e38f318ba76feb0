/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines that two configurations of one folder describe, each with disks of its own: a configuration that was copied
 * with its images, an export beside what it was made of.
 *
 * They are one if they have the same instance UUID; or the same BIOS UUID and name (a copy that was made by hand keeps the
 * BIOS UUID until it is started as a machine of its own, and is called otherwise by then); or the same name and folder, and
 * one of them is an export.  Never if their instance UUIDs differ, and an export never if the BIOS UUIDs do.
 */
#ifndef LIFTFS_INVENTORY_MACHINES_REPEATED_H
#define LIFTFS_INVENTORY_MACHINES_REPEATED_H

#include "inventory/machine.h"

/*
 * Of those from `first` on, whose disks are in order: the first stays, as inventory_absorb() has it, and a notice names each
 * that was merged into it.
 */
int machines_merge_repeated(struct machine_list *l, size_t first, struct error *err) MUST_CHECK;

#endif
