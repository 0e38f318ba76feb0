/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that grows.  A failed allocation is remembered instead of reported at each call: build, then take the result with
 * strbuf_take(), which fails once.  Not thread-safe.
 */
#ifndef LIFTFS_BASE_STRBUF_H
#define LIFTFS_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"

struct strbuf {
	char *s; /* NUL-terminated once anything was added; NULL before */
	size_t len, cap;
	bool failed;
};

void strbuf_add(struct strbuf *b, const char *text, size_t len);
void strbuf_adds(struct strbuf *b, const char *text);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) PRINTF_FMT(2, 3);
/* The caller's to free; b is empty afterwards.  Never NULL on success ("" if nothing was added). */
char *strbuf_take(struct strbuf *b, struct error *err) MUST_CHECK;
void strbuf_fini(struct strbuf *b);

static inline void cleanup_strbuf(struct strbuf *b)
{
	strbuf_fini(b);
}

#endif
