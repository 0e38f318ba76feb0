/* SPDX-License-Identifier: Apache-2.0 */
/* What a cycle would do, without doing any of it: neither state nor target is changed or locked. */
#include <config.h>

#include "replicate/cycle_disk.h"

static int plan_disk(struct cycle_disk *d, const struct cycle_options *opt, struct error *err)
{
	CLEANUP(cleanup_disk) struct disk *source = disk_open(d->root, d->source_path, NULL, err);
	CLEANUP(cleanup_replica) struct replica *replica = NULL;
	struct target_look look = { 0 };

	if (!source)
		return -1;
	d->virtual_size = disk_size(source);
	if (target_check_name(opt->target, d->name, err) < 0 || disk_data_bytes(source, &d->data_bytes, err) < 0)
		return -1;
	replica = target_replica(opt->target, d->name, err);
	if (!replica || replica_look(replica, &look, err) < 0)
		return -1;
	d->kind = look.exists ? CYCLE_DELTA : CYCLE_INITIAL;
	target_look_fini(&look);
	return 0;
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
