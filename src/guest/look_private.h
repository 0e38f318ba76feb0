/* SPDX-License-Identifier: Apache-2.0 */
/* What the rooms of a look share.  All functions that return int: -1 only to stop the look (cancelled, no memory). */
#ifndef LIFTFS_GUEST_LOOK_PRIVATE_H
#define LIFTFS_GUEST_LOOK_PRIVATE_H

#include "guest/look.h"
#include "guest/partitions.h"
#include "guest/superblock.h"
#include "guest/tree.h"

#define LOOK_KERNELS_MAX 32

enum { DRIVER_VMBUS = 1, DRIVER_STORVSC = 2, DRIVER_NETVSC = 4, DRIVER_ALL = 7 };

/* Its initial ramdisk and what is built in may lie in different file systems: put together at the end. */
struct look_kernel {
	char version[96];
	unsigned in_ramdisk, built_in; /* DRIVER_ */
	bool ramdisk_read, built_in_read;
	uint64_t off;                  /* of the ramdisk, else of the list */
	char where[256];
};

struct looker {
	struct disk *d;
	struct look *out;
	struct look_budget budget;
	struct look_kernel kernels[LOOK_KERNELS_MAX];
	size_t n_kernels;
	unsigned file_systems, used_known;
	bool boot_code, bios_boot, active; /* what a BIOS needs */
	bool spent_said;
};

/* The finding's value; `where` may be of the guest. */
int look_add(struct looker *lk, enum finding_kind kind, const char *where, uint64_t off, struct error *err, const char *fmt, ...)
	PRINTF_FMT(6, 7) MUST_CHECK;
/* What `why` says as a finding; -1 with it in err if the whole look has to stop. */
int look_gave_up(struct looker *lk, const char *where, uint64_t off, const struct error *why, struct error *err) MUST_CHECK;
/* "partition 2: /etc/fstab" */
#define LOOK_WHERE_LEN 512
void look_where(char out[LOOK_WHERE_LEN], const struct volume *v, const char *path);

int look_volume(struct looker *lk, struct volume *v, const char *fs, const char *label, bool esp, struct error *err) MUST_CHECK;

/* boot.c */
bool look_is_esp(const struct partition *p);
int look_boot_sector(struct looker *lk, const struct partitions *p, struct error *err) MUST_CHECK;
int look_esp(struct looker *lk, struct tree *t, struct error *err) MUST_CHECK;
/* lvm.c */
int look_lvm(struct looker *lk, struct volume *pv, struct error *err) MUST_CHECK;
/* linux.c, linux_boot.c: any tree that may hold (parts of) one. */
int look_linux(struct looker *lk, struct tree *t, struct error *err) MUST_CHECK;
int look_linux_boot(struct looker *lk, struct tree *t, struct error *err) MUST_CHECK;
int look_linux_drivers(struct looker *lk, struct error *err) MUST_CHECK; /* once, at the end */
/* windows.c */
int look_windows(struct looker *lk, struct tree *t, struct error *err) MUST_CHECK;
/* facts.c */
void look_facts_derive(const struct looker *lk);
void look_facts_system(struct look *l); /* of them the operating system and the architecture */

#endif
