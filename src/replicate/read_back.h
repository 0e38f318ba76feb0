/* SPDX-License-Identifier: Apache-2.0 */
/* What is said before much is read back from a target that bills it. */
#ifndef LIFTFS_REPLICATE_READ_BACK_H
#define LIFTFS_REPLICATE_READ_BACK_H

#include <stdbool.h>
#include <stdint.h>

#include "target/target.h"

#define READ_BACK_MUCH (UINT64_C(10) << 30) /* bytes */

/* "a.vhd: 12 GiB are read back from https://..., which is billed" if `bytes` is more than READ_BACK_MUCH and the target is
 * remote; else false. */
#define READ_BACK_TEXT_LEN 2048
bool read_back_text(const struct target *t, const char *name, uint64_t bytes, char out[READ_BACK_TEXT_LEN]);

#endif
