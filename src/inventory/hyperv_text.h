/* SPDX-License-Identifier: Apache-2.0 */
/* The text of files that Windows wrote: UTF-16 (`>` and Out-File of PowerShell 5, Hyper-V's XML) or UTF-8. */
#ifndef LIFTFS_INVENTORY_HYPERV_TEXT_H
#define LIFTFS_INVENTORY_HYPERV_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * A copy as UTF-8 without a byte order mark, NUL-terminated, which the caller frees; *was_utf16 may be NULL.  UTF-16 is told
 * by its mark or, without one, by an ASCII character at the beginning.  UTF-16 that is none, or holds a NUL: ERR_CORRUPT.
 * Bytes that are not UTF-16 are copied as they are, valid or not.
 */
char *hyperv_text(const char *raw, size_t len, size_t *len_out, bool *was_utf16, struct error *err) MUST_CHECK;

/* Does the text hold these ASCII bytes? */
bool hyperv_text_has(const char *text, size_t len, const char *ascii);

#endif
