/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stops this process at the n-th call that changes a file or folder: as kill -9 does, or as a power loss does.
 *
 * After a power loss a sector of 512 bytes holds anything that was written to it since its file was last synced, or
 * what it held then; and of the changes of folders that were not synced a suffix is undone.  Calls of the program are
 * seen where the linker wraps them (-Wl,--wrap, in target.am).  In a child process only; what it changes is changed by
 * one thread at a time.
 */
#ifndef LIFTFS_TESTS_POWER_LOSS_H
#define LIFTFS_TESTS_POWER_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#define POWER_LOSS_STATUS 42 /* of the process that was stopped */

/* From now on: before the n-th call (from 1) the process ends; 0: never.  `power`: and what was not synced is decided
 * by `seed`. */
void power_loss_arm(unsigned n, bool power, uint64_t seed, const char *graveyard);

#endif
