/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named strings in order (headers, query parameters, metadata), and the memory of the page-blob server.
 *
 * The server is test equipment: without memory it aborts with a message instead of answering something that no test
 * asks for.  Nothing here locks.
 */
#ifndef LIFTFS_TESTS_PAGEBLOB_FIELDS_H
#define LIFTFS_TESTS_PAGEBLOB_FIELDS_H

#include <stddef.h>
#include <stdint.h>

void *pageblob_alloc(size_t n, size_t size); /* zeroed; never NULL */
void *pageblob_grow(void *p, size_t n, size_t size);
char *pageblob_strndup(const char *text, size_t len);
char *pageblob_strdup(const char *text);

struct pageblob_field {
	char *name, *value;
};

struct pageblob_fields {
	struct pageblob_field *v;
	size_t n;
};

void pageblob_fields_add(struct pageblob_fields *f, const char *name, const char *value); /* copies both */
/* The first value under that name, any case; NULL if there is none. */
const char *pageblob_fields_get(const struct pageblob_fields *f, const char *name);
void pageblob_fields_copy(struct pageblob_fields *to, const struct pageblob_fields *from); /* to is empty */
void pageblob_fields_fini(struct pageblob_fields *f); /* empties, ready for use again */

#endif
