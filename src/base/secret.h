/* SPDX-License-Identifier: Apache-2.0 */
/* A string that nobody prints and that is wiped when it is freed. */
#ifndef LIFTFS_BASE_SECRET_H
#define LIFTFS_BASE_SECRET_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

struct secret; /* opaque: no format string can take it by mistake */

struct secret *secret_new(const char *text, struct error *err) MUST_CHECK; /* a copy; the caller wipes its own */
struct secret *secret_new_len(const void *text, size_t len, struct error *err) MUST_CHECK;
const char *secret_reveal(const struct secret *s); /* NUL-terminated, valid until secret_free */
size_t secret_len(const struct secret *s);
void secret_free(struct secret *s); /* NULL is welcome */
void secret_wipe(void *buf, size_t len); /* explicit_bzero */
DEFINE_CLEANUP(cleanup_secret, struct secret *, secret_free);

#endif
