/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text file that somebody else wrote, as UTF-8, a piece at a time; the whole is never in memory.
 *
 * UTF-16 is known by its byte order mark, which goes, as that of UTF-8 does.  A file that is not UTF-8 throughout is
 * taken for Windows-1252, in which every file has some meaning; bytes without one become U+FFFD.  To know which it is
 * the file is read to its end once: it must be a regular file.
 */
#ifndef LIFTFS_BASE_TEXT_FILE_H
#define LIFTFS_BASE_TEXT_FILE_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

struct text_file;

#define TEXT_FILE_PIECE ((size_t)64 << 10) /* bytes read at once; of UTF-8 at most three times as many come of them */

/* A folder, pipe or device: ERR_UNSUPPORTED.  Messages name the path. */
struct text_file *text_file_open(int dirfd, const char *path, struct error *err) MUST_CHECK;
void text_file_close(struct text_file *f);
DEFINE_CLEANUP(cleanup_text_file, struct text_file *, text_file_close);

/*
 * The next piece, in whole characters and not NUL-terminated, good until the next call; *len_out = 0 at the end. UTF-16
 * with half a character or half of a surrogate pair: ERR_CORRUPT.  The file is no longer the UTF-8 that it was:
 * ERR_CHANGED.
 */
int text_file_next(struct text_file *f, const char **out, size_t *len_out, struct error *err) MUST_CHECK;

#endif
