/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of --explain share. */
#ifndef LIFTFS_TOOLS_ASSESS_EXPLAIN_H
#define LIFTFS_TOOLS_ASSESS_EXPLAIN_H

#include "assess.h"

/* "  what           text": control characters made visible. */
void assess_explain_line(const char *what, const char *fmt, ...) PRINTF_FMT(2, 3);
/* The same of a name, in the form of base/escape.h. */
int assess_explain_name(const char *what, const char *name, struct error *err) MUST_CHECK;

/* Why machine i of the result goes when it goes, and how long that takes. */
int assess_explain_move(const struct assess_report *r, size_t i, struct error *err) MUST_CHECK;

#endif
