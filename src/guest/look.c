/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "guest/look_private.h"

static const char *const kind_names[] = {
	[FINDING_TABLE] = "partition-table",
	[FINDING_PARTITION] = "partition",
	[FINDING_ACTIVE] = "active-partition",
	[FINDING_BOOT_CODE] = "boot-code",
	[FINDING_ESP] = "esp",
	[FINDING_LOADER] = "loader",
	[FINDING_FILE_SYSTEM] = "file-system",
	[FINDING_UUID] = "uuid",
	[FINDING_USED] = "used",
	[FINDING_DIRTY] = "dirty",
	[FINDING_ENCRYPTION] = "encryption",
	[FINDING_SWAP] = "swap",
	[FINDING_VOLUMES] = "volume-manager",
	[FINDING_LOGICAL] = "logical-volume",
	[FINDING_OS] = "os",
	[FINDING_OS_ID] = "os-id",
	[FINDING_ARCH] = "arch",
	[FINDING_KERNEL] = "kernel",
	[FINDING_DRIVERS] = "drivers",
	[FINDING_FSTAB] = "fstab-device",
	[FINDING_AGENT] = "agent",
	[FINDING_HIBERNATED] = "hibernated",
	[FINDING_PENDING] = "pending",
	[FINDING_UNREADABLE] = "unreadable",
	[FINDING_SKIPPED] = "skipped",
};
_Static_assert(ARRAY_LEN(kind_names) == FINDING_KINDS, "a name for each kind");

const char *finding_kind_name(enum finding_kind k)
{
	return kind_names[k];
}

#define FINDINGS_STEP 32 /* most disks have fewer */

static bool has_room(struct look *l)
{
	struct finding *v;

	if (l->n % FINDINGS_STEP != 0)
		return true;
	v = reallocarray(l->v, l->n + FINDINGS_STEP, sizeof(*v));
	if (v)
		l->v = v;
	return v != NULL;
}

static int add_text(struct look *l, enum finding_kind kind, const char *where, uint64_t off, const char *value,
		    struct error *err)
{
	struct finding f = { .kind = kind, .value = strdup(value), .where = strdup(where), .off = off };

	if (!f.value || !f.where || !has_room(l)) {
		free(f.value);
		free(f.where);
		return error_errno(err, ENOMEM, "findings");
	}
	if (kind == FINDING_UNREADABLE || kind == FINDING_SKIPPED)
		l->complete = false;
	l->v[l->n++] = f;
	return 0;
}

int look_add(struct looker *lk, enum finding_kind kind, const char *where, uint64_t off, struct error *err,
	     const char *fmt, ...)
{
	char value[1024];
	va_list ap;

	if (lk->out->n >= LOOK_FINDINGS_MAX - 1) {
		if (lk->out->n == LOOK_FINDINGS_MAX)
			return 0;
		return add_text(lk->out, FINDING_SKIPPED, where, off, "more findings than are kept", err);
	}
	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	return add_text(lk->out, kind, where, off, value, err);
}

int look_gave_up(struct looker *lk, const char *where, uint64_t off, const struct error *why, struct error *err)
{
	if (why->code == ERR_CANCELLED || why->code == ERR_NOMEM) {
		if (err)
			*err = *why;
		return -1;
	}
	if (lk->budget.spent) { /* everything from here on says the same */
		if (lk->spent_said)
			return 0;
		lk->spent_said = true;
	}
	return look_add(lk, why->code == ERR_UNSUPPORTED ? FINDING_SKIPPED : FINDING_UNREADABLE, where, off, err, "%s",
			why->msg);
}

void look_where(char out[LOOK_WHERE_LEN], const struct volume *v, const char *path)
{
	snprintf(out, LOOK_WHERE_LEN, "%s: /%s", v->name, path);
}

static int add_superblock(struct looker *lk, struct volume *v, const char *fs, struct error *err)
{
	struct error why = ERROR_INIT;
	struct superblock sb;

	if (superblock_read(v, fs, &sb, &why) < 0)
		return look_gave_up(lk, v->name, volume_on_disk(v, 0), &why, err);
	if (sb.uuid[0] && look_add(lk, FINDING_UUID, v->name, volume_on_disk(v, sb.off), err, "%s", sb.uuid) < 0)
		return -1;
	if (sb.used_known) {
		lk->used_known++;
		lk->out->facts.used += sb.used;
		if (look_add(lk, FINDING_USED, v->name, volume_on_disk(v, sb.off), err, "%" PRIu64, sb.used) < 0)
			return -1;
	}
	if (sb.dirty[0])
		return look_add(lk, FINDING_DIRTY, v->name, volume_on_disk(v, sb.dirty_off), err, "%s", sb.dirty);
	if (sb.dirty_unknown)
		return look_add(lk, FINDING_SKIPPED, v->name, volume_on_disk(v, sb.off), err,
				"whether %s was unmounted", fs);
	return 0;
}

static int look_tree(struct looker *lk, struct volume *v, const char *fs, bool esp, struct error *err)
{
	CLEANUP(cleanup_tree) struct tree t = { 0 };
	struct error why = ERROR_INIT;

	if (tree_open(&t, v, fs, &why) < 0)
		return look_gave_up(lk, v->name, volume_on_disk(v, 0), &why, err);
	if (!t.ops)
		return look_add(lk, FINDING_SKIPPED, v->name, volume_on_disk(v, 0), err, "files in %s", fs);
	if (t.ops == &tree_fat_ops)
		return esp ? look_esp(lk, &t, err) : 0;
	if (t.ops == &tree_ntfs_ops)
		return look_windows(lk, &t, err);
	if (look_linux(lk, &t, err) < 0)
		return -1;
	return look_linux_boot(lk, &t, err);
}

static bool is_one_of(const char *text, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(text, v[i]) == 0)
			return true;
	return false;
}

int look_volume(struct looker *lk, struct volume *v, const char *fs, const char *label, bool esp, struct error *err)
{
	static const char *const raids[] = { "linux_raid_member",  "isw_raid_member", "ddf_raid_member",
					     "zfs_member",         "bcache",          "drbd",
					     "VMFS_volume_member", "stratis" };
	uint64_t off = volume_on_disk(v, 0);

	if (strcmp(fs, "BitLocker") == 0)
		return look_add(lk, FINDING_ENCRYPTION, v->name, off, err, "BitLocker");
	if (strcmp(fs, "crypto_LUKS") == 0)
		return look_add(lk, FINDING_ENCRYPTION, v->name, off, err, "LUKS");
	if (strcmp(fs, "swap") == 0 || strcmp(fs, "swsuspend") == 0) {
		if (strcmp(fs, "swsuspend") == 0 &&
		    look_add(lk, FINDING_HIBERNATED, v->name, off, err, "Linux, in its swap space") < 0)
			return -1;
		return look_add(lk, FINDING_SWAP, v->name, off, err, "%s", fs);
	}
	if (strcmp(fs, "LVM2_member") == 0)
		return look_lvm(lk, v, err);
	if (is_one_of(fs, raids, ARRAY_LEN(raids))) {
		if (look_add(lk, FINDING_VOLUMES, v->name, off, err, "%s", fs) < 0)
			return -1;
		return look_add(lk, FINDING_SKIPPED, v->name, off, err, "what is in %s", fs);
	}
	if (fs[0] == '\0')
		return 0;
	lk->file_systems++;
	if (look_add(lk, FINDING_FILE_SYSTEM, v->name, off, err, label[0] ? "%s '%s'" : "%s", fs, label) < 0 ||
	    add_superblock(lk, v, fs, err) < 0)
		return -1;
	return look_tree(lk, v, fs, esp, err);
}

static bool is_dynamic(const struct partition *p)
{
	static const char *const types[] = { "0x42", "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3",
					     "af9b60a0-1431-4f62-bc68-3311714a69ad" };

	return is_one_of(p->type, types, ARRAY_LEN(types));
}

static int look_partition(struct looker *lk, const struct partition *p, struct error *err)
{
	CLEANUP(cleanup_volume) struct volume v = { 0 };
	struct error why = ERROR_INIT;
	char name[32];

	snprintf(name, sizeof(name), p->number ? "partition %u" : "the whole disk", p->number);
	if (p->number && look_add(lk, FINDING_PARTITION, name, p->off, err, "%u: type %s, %" PRIu64 " bytes", p->number,
				  p->type, p->len) < 0)
		return -1;
	if (p->active && look_add(lk, FINDING_ACTIVE, name, p->off, err, "%u", p->number) < 0)
		return -1;
	lk->active |= p->active;
	if (look_is_esp(p) && look_add(lk, FINDING_ESP, name, p->off, err, "%u", p->number) < 0)
		return -1;
	if (is_dynamic(p) && (look_add(lk, FINDING_VOLUMES, name, p->off, err, "LDM") < 0 ||
			      look_add(lk, FINDING_SKIPPED, name, p->off, err, "volumes of a dynamic disk") < 0))
		return -1;
	if (volume_init(&v, lk->d, &lk->budget, p->off, p->len, &why) < 0)
		return look_gave_up(lk, name, p->off, &why, err);
	snprintf(v.name, sizeof(v.name), "%s", name);
	return look_volume(lk, &v, p->fs, p->label, look_is_esp(p), err);
}

static int look_all(struct looker *lk, struct error *err)
{
	CLEANUP(cleanup_partitions) struct partitions p = { 0 };
	struct error why = ERROR_INIT;

	if (cancel_check(lk->budget.cancel, err) < 0)
		return -1;
	if (partitions_find(lk->d, &p, &why) < 0)
		return look_gave_up(lk, "partition table", 0, &why, err);
	lk->out->facts.used_whole = true;
	if (look_add(lk, FINDING_TABLE, "partition table", 0, err, "%s", p.table[0] ? p.table : "none") < 0 ||
	    look_boot_sector(lk, &p, err) < 0)
		return -1;
	for (size_t i = 0; i < p.n; i++)
		if (look_partition(lk, &p.v[i], err) < 0)
			return -1;
	return look_linux_drivers(lk, err);
}

int look_at_disk(struct disk *d, const struct look_options *opt, struct look *out, struct error *err)
{
	static const struct look_options defaults;
	CLEANUP_FREE struct looker *lk = calloc(1, sizeof(*lk));

	*out = (struct look){ .complete = true };
	if (!lk)
		return error_errno(err, ENOMEM, "look");
	if (!opt)
		opt = &defaults;
	*lk = (struct looker){ .d = d, .out = out };
	lk->budget = (struct look_budget){ .bytes_left = opt->read_max ? opt->read_max : LOOK_READ_MAX,
					   .cancel = opt->cancel };
	if (opt->time_ms)
		lk->budget.deadline_ns = clock_monotonic_ns() + opt->time_ms * 1000000;
	if (look_all(lk, err) < 0) {
		look_fini(out);
		return -1;
	}
	look_facts_derive(lk);
	return 0;
}

void look_fini(struct look *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].value);
		free(l->v[i].where);
	}
	free(l->v);
	*l = (struct look){ 0 };
}
