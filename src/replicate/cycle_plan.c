/* SPDX-License-Identifier: Apache-2.0 */
/* What a cycle would do, without doing any of it: neither state nor target is changed or locked. */
#include <config.h>

#include <string.h>

#include "replicate/cycle_disk.h"

/* As the cycle will, which also asks the state. */
static int check_identity(const struct cycle_disk *d, const struct target_look *look, const struct cycle_options *opt,
			  struct error *err)
{
	const char *id = target_meta_get(&look->meta, "sourceid");

	if (!id || !*id || !*d->source_id || strcmp(id, d->source_id) == 0 || opt->replace)
		return 0;
	return error_set(err, ERR_CONFLICT, "%s: is the replica of another disk (id %s; %s has %s); --replace gives it to this one",
			 d->name, id, d->source_path, d->source_id);
}

static int plan_disk(struct cycle_disk *d, const struct cycle_options *opt, struct error *err)
{
	CLEANUP(cleanup_disk) struct disk *source = disk_open(d->root, d->source_path, NULL, err);
	CLEANUP(cleanup_replica) struct replica *replica = NULL;
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };

	if (!source)
		return -1;
	d->virtual_size = disk_size(source);
	if (target_check_name(opt->target, d->name, err) < 0 || disk_data_bytes(source, &d->data_bytes, err) < 0)
		return -1;
	replica = target_replica(opt->target, d->name, err);
	if (!replica || replica_look(replica, &look, err) < 0)
		return -1;
	d->kind = look.exists ? CYCLE_DELTA : CYCLE_INITIAL;
	return look.exists ? check_identity(d, &look, opt, err) : 0;
}

int cycle_plan(struct cycle_vm *vm, const struct cycle_options *opt, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < vm->n; i++) {
		struct cycle_disk *d = &vm->disks[i];

		if (plan_disk(d, opt, &d->err) == 0)
			continue;
		d->result = CYCLE_FAILED;
		if (rc == 0 && err)
			*err = d->err;
		rc = -1;
	}
	return rc;
}
