/* SPDX-License-Identifier: Apache-2.0 */
/* Names in the encoding of the host that wrote a descriptor: UTF-8, windows-1252, GBK, Big5, Shift_JIS ... */
#ifndef LIFTFS_DISK_VMDK_ENCODING_H
#define LIFTFS_DISK_VMDK_ENCODING_H

#include "base/error.h"

/*
 * Makes *name, from malloc, UTF-8; then *raw_out gets the bytes as they were, if they were others.  encoding is what the
 * descriptor says, or NULL for UTF-8.  Bytes that it does not know are ERR_CORRUPT, an unknown encoding ERR_UNSUPPORTED;
 * of names in pure ASCII, which is the same in all of them, it is not asked.
 */
int vmdk_name_to_utf8(char **name, char **raw_out, const char *encoding, struct error *err) MUST_CHECK;

/* The last component of such bytes: a byte that looks like a separator may be a part of a character.  Points into raw. */
const char *vmdk_name_base(const char *raw, const char *encoding);

#endif
