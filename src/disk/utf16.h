/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-16, in which VHD and VHDX write names. */
#ifndef LIFTFS_DISK_UTF16_H
#define LIFTFS_DISK_UTF16_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Little-endian UTF-16 of len bytes as UTF-8, which the caller frees.  An odd length, an unpaired surrogate or a NUL is
 * ERR_CORRUPT: a name that can be read in two ways is none.
 */
char *utf16le_to_utf8(const uint8_t *raw, size_t len, struct error *err) MUST_CHECK;
/* The same for big-endian text. */
char *utf16be_to_utf8(const uint8_t *raw, size_t len, struct error *err) MUST_CHECK;

#endif
