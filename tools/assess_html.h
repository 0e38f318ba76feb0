/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the page that --html writes. */
#ifndef LIFTFS_TOOLS_ASSESS_HTML_H
#define LIFTFS_TOOLS_ASSESS_HTML_H

#include "assess.h"

/* Text between tags and in attributes: whatever it holds, it is text there; control characters are shown as \xXX. */
void html_text(FILE *f, const char *text);
/* A name in its escaped form, cut to so many characters, that cannot turn the direction of the text around it. */
int html_name(FILE *f, const char *name, size_t chars, struct error *err) MUST_CHECK;

/* The names of verdicts as classes and in the page's address: "ready", "conditional", "not-ready", "unknown". */
const char *html_verdict_class(enum assess_verdict v);
/* In the order in which the page has verdicts: from good to bad. */
extern const enum assess_verdict html_verdicts[ASSESS_VERDICTS];

/* Sections with drawings; each has its data as a table, too. */
void html_readiness(const struct assess_report *r, FILE *f);
int html_bytes(const struct assess_report *r, FILE *f, struct error *err) MUST_CHECK;
void html_families(const struct assess_report *r, FILE *f);

#endif
