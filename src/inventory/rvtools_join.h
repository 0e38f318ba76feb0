/* SPDX-License-Identifier: Apache-2.0 */
/* Which VM of an RVTools export a row is about (rvtools.h). */
#ifndef LIFTFS_INVENTORY_RVTOOLS_JOIN_H
#define LIFTFS_INVENTORY_RVTOOLS_JOIN_H

#include "base/strbuf.h"
#include "inventory/csv_table.h"
#include "inventory/text_index.h"

/* The fields that each tab begins with; a tab's own ones follow from RVTOOLS_KEYS on. */
enum { RVTOOLS_NAME, RVTOOLS_ID, RVTOOLS_UUID, RVTOOLS_VCENTER, RVTOOLS_KEYS };
#define RVTOOLS_KEY_FIELDS                                                                 \
	{ { "vm", "vinfovmname", "vmemoryvmname", "vpartitionvmname" } }, { { "vm id" } }, \
		{ { "vm uuid", "vinfouuid", "vmemoryuuid", "vpartitionuuid" } },           \
	{                                                                                  \
		{                                                                          \
			"vi sdk uuid", "vcenter uuid"                                      \
		}                                                                          \
	}

struct rvtools_join {
	struct text_index keys;
	struct strbuf key; /* the one being made */
	char *uuid;        /* of the row */
};

/* The present row of vInfo is VM number `vm`; uuid may be NULL. */
int rvtools_join_add(struct rvtools_join *j, const struct csv_table *t, const char *uuid, size_t vm,
		     struct error *err) MUST_CHECK;
/* After the last one. */
void rvtools_join_sort(struct rvtools_join *j);
/* The first VM with that UUID. */
int rvtools_join_uuid(struct rvtools_join *j, const char *uuid, size_t *vm_out, struct error *err) MUST_CHECK;
/* The VM of the present row of a bound table; TEXT_INDEX_NONE if there is none. */
int rvtools_join_row(struct rvtools_join *j, const struct csv_table *t, size_t *vm_out, struct error *err) MUST_CHECK;
void rvtools_join_fini(struct rvtools_join *j);
static inline void cleanup_rvtools_join(struct rvtools_join *j)
{
	rvtools_join_fini(j);
}

#endif
