/* SPDX-License-Identifier: Apache-2.0 */
/* How a disk starts: code for a BIOS, loaders for UEFI. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "guest/look_private.h"

#define ESP_GUID "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define BIOS_BOOT_GUID "21686148-6449-6e6f-744e-656564454649"

enum { BOOT_CODE_LEN = 440, SIGNATURE = 510 };

bool look_is_esp(const struct partition *p)
{
	return strcmp(p->type, ESP_GUID) == 0 || strcmp(p->type, "0xef") == 0;
}

int look_boot_sector(struct looker *lk, const struct partitions *p, struct error *err)
{
	struct error why = ERROR_INIT;
	uint8_t sector[512];

	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->v[i].type, BIOS_BOOT_GUID) == 0) {
			lk->bios_boot = true;
			if (look_add(lk, FINDING_BOOT_CODE, "BIOS boot partition", p->v[i].off, err, "%u",
				     p->v[i].number) < 0)
				return -1;
		}
	if (disk_size(lk->d) < sizeof(sector) || !p->table[0])
		return 0;
	if (disk_read(lk->d, sector, sizeof(sector), 0, &why) < 0)
		return look_gave_up(lk, "first sector", 0, &why, err);
	lk->boot_code =
		sector[SIGNATURE] == 0x55 && sector[SIGNATURE + 1] == 0xaa && !io_is_zero(sector, BOOT_CODE_LEN);
	return lk->boot_code ? look_add(lk, FINDING_BOOT_CODE, "first sector", 0, err, "code for a BIOS") : 0;
}

static int find_loader(struct looker *lk, struct tree *t, const char *path, struct error *err)
{
	struct error why = ERROR_INIT;
	char where[LOOK_WHERE_LEN];
	struct tree_node n;
	int rc = tree_find(t, path, &n, &why);

	look_where(where, t->v, path);
	if (rc < 0)
		return look_gave_up(lk, where, volume_on_disk(t->v, 0), &why, err);
	return rc > 0 && !n.folder ? look_add(lk, FINDING_LOADER, where, n.off, err, "%s", path) : 0;
}

struct vendors {
	struct looker *lk;
	struct tree *t;
};

static int look_vendor(void *ctx, const char *name, struct error *err)
{
	static const char *const files[] = { "shimx64.efi", "grubx64.efi", "shimaa64.efi",       "grubaa64.efi",
					     "shim.efi",    "elilo.efi",   "systemd-bootx64.efi" };
	struct vendors *v = ctx;
	char path[LOOK_WHERE_LEN];

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof(path), "EFI/%s/%s", name, files[i]);
		if (find_loader(v->lk, v->t, path, err) < 0)
			return -1;
	}
	return 0;
}

int look_esp(struct looker *lk, struct tree *t, struct error *err)
{
	static const char *const files[] = { "EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/BOOTIA32.EFI", "EFI/BOOT/BOOTAA64.EFI",
					     "EFI/Microsoft/Boot/bootmgfw.efi" };
	struct vendors v = { .lk = lk, .t = t };
	struct error why = ERROR_INIT;
	struct tree_node efi;
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (find_loader(lk, t, files[i], err) < 0)
			return -1;
	rc = tree_find(t, "EFI", &efi, &why);
	if (rc > 0 && efi.folder)
		rc = tree_list(t, &efi, look_vendor, &v, &why);
	return rc < 0 ? look_gave_up(lk, t->v->name, volume_on_disk(t->v, 0), &why, err) : 0;
}
