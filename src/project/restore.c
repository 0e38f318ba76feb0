/* SPDX-License-Identifier: Apache-2.0 */
/* Rows from what the block maps say: enough to know which replicas there are, and what they held when. */
#include <config.h>

#include "project/project_priv.h"
#include "replicate/state_survey.h"

static int restore_disk(void *ctx, const struct state_replica *r, struct error *err)
{
	struct project *p = ctx;
	const struct blockmap_header *h = &r->header;
	CLEANUP_FREE char *name = NULL, *path = NULL;
	/* A clean commit that was not fuzzy is a moment of the source: not later than when the map was written. */
	uint64_t success = h->clean && !h->fuzzy && h->cycle > 0 ? r->committed_ns : 0;

	if (!r->has_map)
		return 0;
	name = project_message_text(h->name, err);
	path = name ? project_name_text(h->source_path, err) : NULL;
	if (!path)
		return -1;
	return sql_run(p->db, err,
		       "INSERT INTO disks (key, target, name, vm, path, virtual_size, cycle, kind, finished_ns,"
		       " success_ns, restored) VALUES (?, '', ?, '', ?, ?, ?, '', ?, nullif(?, 0), 1)"
		       " ON CONFLICT (key) DO NOTHING",
		       "ttt" "uuuu", r->key, name, path, h->virtual_size, h->cycle, r->committed_ns, success);
}

int project_restore(struct project *p, struct error *err)
{
	if (sql_begin(p->db, err) < 0)
		return -1;
	return sql_end(p->db, state_survey(p->state, restore_disk, p, err), err);
}
