/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and messages in forms that are safe to store and to show.
 *
 * A replica's name is made of bytes from a source, and must be UTF-8 in a blob's name: bytes that are not UTF-8, control
 * characters, '\', '%', and a dot at the end of a segment become %XX (upper case).  JSON, tables and logs show that form.
 */
#ifndef LIFTFS_BASE_ESCAPE_H
#define LIFTFS_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* All return a string that the caller frees, NULL only without memory. */
char *escape_name(const char *name, struct error *err) MUST_CHECK;    /* as above; '/' separates segments and stays */
char *unescape_percent(const char *text, struct error *err) MUST_CHECK; /* ERR_CORRUPT on a bad or NUL %XX */
char *escape_url_path(const char *text, struct error *err) MUST_CHECK;  /* all but unreserved and '/' to %XX */
char *escape_url_component(const char *text, struct error *err) MUST_CHECK; /* '/' too */

/*
 * For a terminal, a log or a page: control characters, bytes that are not UTF-8, and characters that show nothing or turn
 * the direction of the text around them (U+202E: "exe.gpj" looks like "jpg.exe") as \xXX, in place of at most len - 1 bytes.
 */
void escape_visible(const char *text, char *out, size_t len);
/* The same as %XX, as names are escaped already ('%' stays), of any length; the caller frees it, NULL only without memory. */
char *escape_shown(const char *text, struct error *err) MUST_CHECK;

bool utf8_valid(const char *text, size_t len);

#endif
