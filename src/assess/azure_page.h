/* SPDX-License-Identifier: Apache-2.0 */
/* A page of a list as Azure's services give it: {"LIST": [...], "LINK": "https://..." | null, ...}.  Pure. */
#ifndef LIFTFS_ASSESS_AZURE_PAGE_H
#define LIFTFS_ASSESS_AZURE_PAGE_H

#include <jansson.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Some 100 bytes of memory each; the largest page that is known, all sizes of a region, has 300,000. */
#define AZURE_PAGE_VALUES_MAX ((size_t)1 << 21)

/*
 * The page, which the caller gives back with json_decref(), and in *list_out what it lists.  *next_out: the link to the next
 * page, the caller's; NULL: there is none.  ERR_CORRUPT: it is no such page, or has too many values.
 */
json_t *azure_page_parse(const char *body, size_t len, const char *list, const char *link, const json_t **list_out,
			 char **next_out, struct error *err) MUST_CHECK;

DEFINE_CLEANUP(cleanup_azure_page, json_t *, json_decref);

#endif
