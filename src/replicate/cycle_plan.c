/* SPDX-License-Identifier: Apache-2.0 */
/* What a cycle would do, without doing any of it: neither state nor target is changed or locked. */
#include <config.h>

#include "replicate/cycle_disk.h"

/* Extents are asked for this much of the disk at a time: memory stays small. */
#define PLAN_WINDOW (UINT64_C(256) << 20)

static int count_data(struct disk *source, uint64_t *out, struct error *err)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	uint64_t size = disk_size(source), len;

	*out = 0;
	for (uint64_t off = 0; off < size; off += len) {
		len = size - off < PLAN_WINDOW ? size - off : PLAN_WINDOW;
		extent_list_clear(&list);
		if (disk_extents(source, len, off, true, &list, err) < 0)
			return -1;
		*out += extent_list_bytes(&list, EXTENT_DATA);
	}
	return 0;
}

static int plan_disk(struct cycle_disk *d, const struct cycle_options *opt, struct error *err)
{
	CLEANUP(cleanup_disk) struct disk *source = disk_open(d->root, d->source_path, NULL, err);
	CLEANUP(cleanup_replica) struct replica *replica = NULL;
	struct target_look look = { 0 };

	if (!source)
		return -1;
	d->virtual_size = disk_size(source);
	if (target_check_name(opt->target, d->name, err) < 0 || count_data(source, &d->data_bytes, err) < 0)
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
