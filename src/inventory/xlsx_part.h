/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One part of a workbook of Excel (a member of the ZIP archive that it is) as XML, read a node at a time by libxml2
 * without network, entities or DTD: what a part takes of memory does not depend on its size.  One thread.
 */
#ifndef LIFTFS_INVENTORY_XLSX_PART_H
#define LIFTFS_INVENTORY_XLSX_PART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"

#define XLSX_PART_MAX (UINT64_C(1) << 30) /* bytes, unpacked: 20 times the largest tab of 20,000 VMs; then it is a bomb */

struct xlsx_part;

/* NULL, and no error, if the archive has no such member.  Messages name path and part. */
struct xlsx_part *xlsx_part_open(const char *path, const char *name, bool *absent_out, struct error *err) MUST_CHECK;
void xlsx_part_close(struct xlsx_part *p);
DEFINE_CLEANUP(cleanup_xlsx_part, struct xlsx_part *, xlsx_part_close);

/* Goes to the next node.  1: there is one; 0: the end; -1: an error (ERR_CORRUPT: no XML, a DTD, above XLSX_PART_MAX). */
int xlsx_part_next(struct xlsx_part *p, struct error *err) MUST_CHECK;

/* Of the present node: is it the beginning (the end) of an element of that name?  An empty element has both in one. */
bool xlsx_part_begins(const struct xlsx_part *p, const char *name);
bool xlsx_part_ends(const struct xlsx_part *p, const char *name);
bool xlsx_part_is_empty(const struct xlsx_part *p);
/* An attribute of the element that begins, whatever its namespace: good until the next call; NULL if there is none. */
const char *xlsx_part_attribute(struct xlsx_part *p, const char *name);

/*
 * Text as cells hold it: <t> (of any number of runs; not that of <rPh>, how a text is pronounced) and <v>.  To be called for
 * every node; appends what the present one adds.  All zeros before the first.
 */
struct xlsx_text {
	bool inside, phonetic;
};
void xlsx_text_take(struct xlsx_text *t, const struct xlsx_part *p, struct strbuf *out);

#endif
