/* SPDX-License-Identifier: Apache-2.0 */
/* The option --datastore NAME=DIR, given any number of times. */
#ifndef LIFTFS_TOOLS_DATASTORES_H
#define LIFTFS_TOOLS_DATASTORES_H

#include "disk/backing.h"

/* All zeros is none. */
struct datastores {
	struct backing_datastore *v; /* owned, as are the texts */
	size_t n;
};

/* `text` is NAME=DIR, cut at the first '='; what NAME may be is for backing_root_add_datastore() to say. */
int datastores_add(struct datastores *d, const char *text, struct error *err) MUST_CHECK;
void datastores_fini(struct datastores *d);

/* A tool_setter; dest is a struct datastores. */
int datastores_set(void *dest, const char *value, struct error *err);

static inline void cleanup_datastores(struct datastores *d)
{
	datastores_fini(d);
}

#endif
