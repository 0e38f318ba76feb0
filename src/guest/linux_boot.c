/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels of a Linux: which there are, and whether each has the drivers of Hyper-V, in its initial ramdisk or built in.
 * /boot may be a file system of its own: then it is the root of that one.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/cpio.h"
#include "guest/look_private.h"

#define LIST_MAX ((size_t)4 << 20)
#define RAMDISKS_MAX 8 /* of one folder: each is unpacked */
#define RAMDISK_NAME_LEN 128

static const struct {
	const char *name;
	unsigned bit;
} drivers[] = { { "hv_vmbus", DRIVER_VMBUS }, { "hv_storvsc", DRIVER_STORVSC }, { "hv_netvsc", DRIVER_NETVSC } };

/* "…/hv_vmbus.ko", ".ko.xz": which driver is it?  0: none. */
static unsigned driver_of_path(const char *path, size_t len)
{
	const char *name = path;

	for (size_t i = 0; i < len; i++)
		if (path[i] == '/')
			name = path + i + 1;
	len -= (size_t)(name - path);
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
		size_t n = strlen(drivers[i].name);

		if (len >= n + 3 && memcmp(name, drivers[i].name, n) == 0 && memcmp(name + n, ".ko", 3) == 0 &&
		    (len == n + 3 || name[n + 3] == '.'))
			return drivers[i].bit;
	}
	return 0;
}

static struct look_kernel *kernel_of(struct looker *lk, const char *version)
{
	struct look_kernel *k;

	for (size_t i = 0; i < lk->n_kernels; i++)
		if (strcmp(lk->kernels[i].version, version) == 0)
			return &lk->kernels[i];
	if (lk->n_kernels == LOOK_KERNELS_MAX || strlen(version) >= sizeof(k->version))
		return NULL;
	k = &lk->kernels[lk->n_kernels++];
	*k = (struct look_kernel){ 0 };
	snprintf(k->version, sizeof(k->version), "%s", version);
	return k;
}

/* "initrd.img-6.1.0-18-amd64", "initramfs-5.14.0.x86_64.img", "initrd-6.4.0-default"; not those for rescue and crash
 * dumps. */
static bool ramdisk_version(const char *name, char *out, size_t out_len)
{
	static const char *const heads[] = { "initrd.img-", "initramfs-", "initrd-" };
	static const char *const others[] = { "rescue", "kdump", ".bak", ".old", "fallback" };
	size_t len;

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (strstr(name, others[i]))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		size_t n = strlen(heads[i]);

		if (strncmp(name, heads[i], n) != 0)
			continue;
		len = strlen(name + n);
		if (len > 4 && strcmp(name + n + len - 4, ".img") == 0)
			len -= 4;
		if (len == 0 || len >= out_len)
			return false;
		memcpy(out, name + n, len);
		out[len] = '\0';
		return true;
	}
	return false;
}

static int take_name(void *ctx, const char *name, struct error *err)
{
	unsigned *found = ctx;

	(void)err;
	*found |= driver_of_path(name, strlen(name));
	return *found == DRIVER_ALL;
}

struct folder {
	struct looker *lk;
	struct tree *t;
	const char *path;
	uint64_t off;
	char (*names)[RAMDISK_NAME_LEN];
	size_t n;
};

static int take_entry(void *ctx, const char *name, struct error *err)
{
	struct folder *f = ctx;
	char version[96], where[LOOK_WHERE_LEN];

	look_where(where, f->t->v, f->path);
	if (strncmp(name, "vmlinuz-", 8) == 0 && !strstr(name, "rescue"))
		return look_add(f->lk, FINDING_KERNEL, where, f->off, err, "%s", name + 8);
	if (!ramdisk_version(name, version, sizeof(version)) || strlen(name) >= sizeof(f->names[0]))
		return 0;
	if (f->n == RAMDISKS_MAX)
		return look_add(f->lk, FINDING_SKIPPED, where, f->off, err, "%s: there are %d others", name,
				RAMDISKS_MAX);
	snprintf(f->names[f->n++], sizeof(f->names[0]), "%s", name);
	return 0;
}

static int look_ramdisk(struct looker *lk, struct tree *t, const char *folder, const char *name, struct error *err)
{
	char path[LOOK_WHERE_LEN / 2], where[LOOK_WHERE_LEN], version[96];
	struct error why = ERROR_INIT;
	struct look_kernel *k;
	struct tree_node n;
	unsigned found = 0;
	int rc;

	snprintf(path, sizeof(path), "%s%s%.*s", folder, *folder ? "/" : "", RAMDISK_NAME_LEN, name);
	look_where(where, t->v, path);
	k = ramdisk_version(name, version, sizeof(version)) ? kernel_of(lk, version) : NULL;
	if (!k)
		return look_add(lk, FINDING_SKIPPED, where, volume_on_disk(t->v, 0), err, "more kernels than are kept");
	rc = tree_find(t, path, &n, &why);
	if (rc > 0 && n.folder)
		rc = 0;
	if (rc > 0)
		rc = cpio_names(t, &n, take_name, &found, &why) < 0 ? -1 : 1;
	if (rc > 0) {
		k->ramdisk_read = true;
		k->off = n.off;
		snprintf(k->where, sizeof(k->where), "%.250s", where);
	}
	k->in_ramdisk |= found;
	return rc < 0 ? look_gave_up(lk, where, volume_on_disk(t->v, 0), &why, err) : 0;
}

static int look_ramdisks(struct looker *lk, struct tree *t, const char *path, struct error *err)
{
	char names[RAMDISKS_MAX][RAMDISK_NAME_LEN], where[LOOK_WHERE_LEN];
	struct folder f = { .lk = lk, .t = t, .path = path, .names = names };
	struct error why = ERROR_INIT;
	struct tree_node n;
	int rc = tree_find(t, path, &n, &why);

	look_where(where, t->v, path);
	if (rc > 0 && n.folder) {
		f.off = n.off;
		rc = tree_list(t, &n, take_entry, &f, &why);
	}
	if (rc < 0 && look_gave_up(lk, where, volume_on_disk(t->v, 0), &why, err) < 0)
		return -1;
	for (size_t i = 0; i < f.n; i++)
		if (look_ramdisk(lk, t, path, names[i], err) < 0)
			return -1;
	return 0;
}

struct versions {
	char (*names)[96];
	size_t n;
};

static int take_version(void *ctx, const char *name, struct error *err)
{
	struct versions *v = ctx;

	(void)err;
	if (v->n < LOOK_KERNELS_MAX && strlen(name) < sizeof(v->names[0]))
		snprintf(v->names[v->n++], sizeof(v->names[0]), "%s", name);
	return 0;
}

static int look_builtin(struct looker *lk, struct tree *t, const char *root, const char *version, struct error *err)
{
	CLEANUP_FREE char *text = NULL;
	char path[LOOK_WHERE_LEN / 2], where[LOOK_WHERE_LEN];
	struct error why = ERROR_INIT;
	struct look_kernel *k;
	uint64_t off;

	snprintf(path, sizeof(path), "%s/%.95s/modules.builtin", root, version);
	look_where(where, t->v, path);
	if (tree_text(t, path, LIST_MAX, &text, &off, &why) < 0)
		return look_gave_up(lk, where, volume_on_disk(t->v, 0), &why, err);
	if (!text)
		return 0;
	k = kernel_of(lk, version);
	if (!k)
		return look_add(lk, FINDING_SKIPPED, where, off, err, "more kernels than are kept");
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		k->built_in |= driver_of_path(line, len);
		line += len + (line[len] == '\n');
	}
	k->built_in_read = true;
	if (!k->ramdisk_read) {
		k->off = off;
		snprintf(k->where, sizeof(k->where), "%.250s", where);
	}
	return 0;
}

static int look_modules(struct looker *lk, struct tree *t, const char *root, struct error *err)
{
	char names[LOOK_KERNELS_MAX][96], where[LOOK_WHERE_LEN];
	struct versions v = { .names = names };
	struct error why = ERROR_INIT;
	struct tree_node n;
	int rc = tree_find(t, root, &n, &why);

	look_where(where, t->v, root);
	if (rc > 0 && n.folder)
		rc = tree_list(t, &n, take_version, &v, &why);
	if (rc < 0)
		return look_gave_up(lk, where, volume_on_disk(t->v, 0), &why, err);
	for (size_t i = 0; i < v.n; i++)
		if (look_builtin(lk, t, root, names[i], err) < 0)
			return -1;
	return 0;
}

int look_linux_boot(struct looker *lk, struct tree *t, struct error *err)
{
	struct error why = ERROR_INIT;
	struct tree_node n;
	int rc = tree_find(t, "usr/lib/modules", &n, &why);

	if (rc < 0)
		return look_gave_up(lk, t->v->name, volume_on_disk(t->v, 0), &why, err);
	if (look_ramdisks(lk, t, "", err) < 0 || look_ramdisks(lk, t, "boot", err) < 0)
		return -1;
	return look_modules(lk, t, rc > 0 ? "usr/lib/modules" : "lib/modules", err);
}

int look_linux_drivers(struct looker *lk, struct error *err)
{
	for (size_t i = 0; i < lk->n_kernels; i++) {
		const struct look_kernel *k = &lk->kernels[i];
		unsigned have = k->in_ramdisk | k->built_in;
		char list[64] = "";
		size_t n = 0;

		if (!k->ramdisk_read && have != DRIVER_ALL) /* what a ramdisk has that was not read, nobody knows */
			continue;
		for (size_t d = 0; d < ARRAY_LEN(drivers); d++)
			if (have & drivers[d].bit)
				n += (size_t)snprintf(list + n, sizeof(list) - n, " %s", drivers[d].name);
		if (look_add(lk, FINDING_DRIVERS, k->where, k->off, err, "%s:%s", k->version,
			     n ? list : " none of hv_vmbus hv_storvsc hv_netvsc") < 0)
			return -1;
	}
	return 0;
}
