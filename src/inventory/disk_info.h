/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON document that says what a disk is: `liftfs info --json` and the mount's info.json.
 *
 *	{"schema":1,"path":"","format":"vmdk","subformat":"monolithicSparse","virtual_size":0,"sector_size":512,
 *	 "allocated":0,"chain":[{"path":"","format":"","id":""}],"dirty_log":false}
 *
 * Names are escaped as replicas' names are (base/escape.h), so that the document is UTF-8 whatever a file is called.
 */
#ifndef LIFTFS_INVENTORY_DISK_INFO_H
#define LIFTFS_INVENTORY_DISK_INFO_H

#include <jansson.h>

#include "base/strbuf.h"
#include "disk/disk.h"

/* `path` is the image as its user knows it; the chain's paths lie below the disk's root.  The caller drops the reference. */
json_t *disk_info_json(const struct disk *d, const char *path, struct error *err) MUST_CHECK;

/* A path as documents and tables show it: escaped but for "." and "..".  The caller frees it. */
char *disk_info_escape(const char *path, struct error *err) MUST_CHECK;
/* The same as a JSON string. */
json_t *disk_info_name(const char *name, struct error *err) MUST_CHECK;

/* The text of a document, with a newline at its end; the caller frees it.  Keys stay in the order they were set. */
char *disk_info_text(const json_t *document, struct error *err) MUST_CHECK;
/*
 * The same added to a text, without the newline: a document of many parts needs no tree of them all.  Of an object the members
 * alone, without braces.
 */
int disk_info_add_text(struct strbuf *text, const json_t *part, struct error *err) MUST_CHECK;
int disk_info_add_members(struct strbuf *text, const json_t *object, struct error *err) MUST_CHECK;

static inline void cleanup_json(json_t **j)
{
	json_decref(*j);
}

#endif
