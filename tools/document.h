/* SPDX-License-Identifier: Apache-2.0 */
/* The one JSON document that a verb prints with --json. */
#ifndef LIFTFS_TOOLS_DOCUMENT_H
#define LIFTFS_TOOLS_DOCUMENT_H

#include <jansson.h>

#include "base/error.h"

/* To standard output. */
int document_print(const json_t *doc, struct error *err) MUST_CHECK;
/* The same of one whose text was made before, with its newline: when it may be made is not when it may be seen. */
void document_write(const char *text);

#endif
