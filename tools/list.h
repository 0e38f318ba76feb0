/* SPDX-License-Identifier: Apache-2.0 */
/* The two things that liftfs list lists. */
#ifndef LIFTFS_TOOLS_LIST_H
#define LIFTFS_TOOLS_LIST_H

#include "connect.h"
#include "datastores.h"
#include "tool.h"

struct list_options {
	bool points, plain, one_file_system, insecure_http;
	struct datastores datastores;
	struct cancel *cancel;
};

/* Both print to standard output: a table, with `plain` one name a line, with --json one document. */
int list_source(const struct tool *t, const struct list_options *o, const char *path, struct error *err) MUST_CHECK;
int list_target(const struct tool *t, const struct list_options *o, const char *url, struct error *err) MUST_CHECK;

#endif
