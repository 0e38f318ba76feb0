/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "output.h"
#include "paths.h"
#include "replicate/seed.h"
#include "verify_mark.h"

static int note(const struct tool *t, struct target *target, const char *name, bool *noted, struct error *err)
{
	CLEANUP_FREE char *path = paths_state(t, err);
	CLEANUP(cleanup_state) struct state *state = path ? state_open(path, false, err) : NULL;
	int rc = state ? seed_note_verified(state, target_name(target), name, err) : -1;

	if (rc == 1)
		return error_set(err, ERR_CONFLICT, "the state of its cycles is not here");
	*noted = rc == 0;
	return rc;
}

void verify_mark(const struct tool *t, struct target *target, const char *name)
{
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };
	CLEANUP(cleanup_replica) struct replica *r = target_replica(target, name, NULL);
	struct error why = ERROR_INIT;
	bool noted = false;

	if (!r || replica_look(r, &look, NULL) < 0 || !target_meta_get(&look.meta, SEED_UNVERIFIED))
		return;
	if (note(t, target, name, &noted, &why) < 0)
		output_line("%s: keeps the mark that it is unverified, which only a cycle of sync can take: %s", name, why.msg);
	else if (noted && !t->common.quiet)
		output_line("%s: the next cycle takes from it the mark that it is unverified", name);
}
