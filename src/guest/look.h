/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a disk itself shows of its guest: firmware, operating system, architecture, encryption, what was not unmounted, whether it
 * has the drivers that Hyper-V and Azure want.  Read-only through the disk library: nothing is mounted, nothing of the guest
 * is executed, no journal is replayed.
 *
 * Each finding says what was found, in what, and at which byte of the disk, so that a person can look again.  What could not be read or
 * was not looked at is a finding too, of kind FINDING_UNREADABLE or FINDING_SKIPPED: then look.complete is false, and a fact that is
 * unknown means just that.  One thread a disk; several disks at once.
 */
#ifndef LIFTFS_GUEST_LOOK_H
#define LIFTFS_GUEST_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "disk/disk.h"

enum finding_kind {
	FINDING_TABLE,       /* "gpt", "dos", "none" */
	FINDING_PARTITION,   /* "1: type 0x83, 1024 bytes" */
	FINDING_ACTIVE,      /* the partition that a BIOS starts from */
	FINDING_BOOT_CODE,   /* in the first sector or a BIOS boot partition */
	FINDING_ESP,         /* an EFI system partition */
	FINDING_LOADER,      /* "EFI/BOOT/BOOTX64.EFI" */
	FINDING_FILE_SYSTEM, /* "ext4 'root'" */
	FINDING_UUID,
	FINDING_USED,        /* bytes in use, as the file system counts them */
	FINDING_DIRTY,       /* why it counts as not unmounted */
	FINDING_ENCRYPTION,  /* "BitLocker", "LUKS" */
	FINDING_SWAP,
	FINDING_VOLUMES,     /* "LVM", "LDM" (dynamic disks of Windows), "md" */
	FINDING_LOGICAL,     /* a logical volume */
	FINDING_OS,          /* "Debian GNU/Linux 12 (bookworm)" */
	FINDING_OS_ID,       /* "debian 12"; "windows 10.0.17763" */
	FINDING_ARCH,        /* "x86_64", "x86", "aarch64" */
	FINDING_KERNEL,      /* "6.1.0-18-amd64" */
	FINDING_DRIVERS,     /* "6.1.0-18-amd64: hv_vmbus hv_storvsc hv_netvsc" or "...: none of ..." */
	FINDING_FSTAB,       /* a line that names a disk by its place: "/dev/sda1 on /" */
	FINDING_AGENT,       /* "cloud-init", "waagent", "open-vm-tools", "VMware Tools", "Azure VM agent" */
	FINDING_HIBERNATED,
	FINDING_PENDING,     /* Windows has updates to finish */
	FINDING_UNREADABLE,  /* what, and why not */
	FINDING_SKIPPED,     /* what was not looked at, and why */
};
#define FINDING_KINDS (FINDING_SKIPPED + 1)
const char *finding_kind_name(enum finding_kind k); /* "partition-table": as documents have it */

#define LOOK_FINDINGS_MAX 1000 /* one of kind FINDING_SKIPPED says so where there would be more */

struct finding {
	enum finding_kind kind;
	char *value; /* as the guest has it: escape it before it is shown */
	char *where; /* "partition 2: /etc/os-release" */
	uint64_t off; /* byte of the disk */
};

#define LOOK_READ_MAX (UINT64_C(1) << 30) /* bytes of one disk, unless told otherwise */

struct look_options {
	uint64_t read_max; /* 0: LOOK_READ_MAX */
	uint64_t time_ms;  /* 0: as long as it takes */
	struct cancel *cancel;
};

/* BOTH: this disk starts either way, so that the machine's configuration decides. */
enum look_firmware { LOOK_FIRMWARE_UNKNOWN, LOOK_FIRMWARE_BIOS, LOOK_FIRMWARE_EFI, LOOK_FIRMWARE_BOTH };
enum look_arch { LOOK_ARCH_UNKNOWN, LOOK_ARCH_X64, LOOK_ARCH_X86, LOOK_ARCH_ARM64 };
/* SOME: kernels differ, and which one starts is not known. */
enum look_drivers { LOOK_DRIVERS_UNKNOWN, LOOK_DRIVERS_NONE, LOOK_DRIVERS_SOME, LOOK_DRIVERS_ALL };
#define LOOK_NOTHING SIZE_MAX

/* A fact that is known has the index of a finding that proves it; LOOK_NOTHING if it is unknown or false. */
struct look_facts {
	enum look_firmware firmware;
	enum look_arch arch;
	enum look_drivers drivers; /* hv_vmbus and hv_storvsc, for the first disk; Linux only */
	bool os, encrypted, dirty, hibernated, pending, fstab_devices, dynamic_disk;
	const char *os_text;    /* the finding's value; NULL if unknown */
	char os_id[32];         /* "debian", "windows"; "" if unknown */
	char os_version[32];    /* "12", "10.0.17763"; "" if unknown */
	uint64_t used;          /* sum of all file systems that say it */
	bool used_whole;        /* every file system said it, and the table was read */
	size_t firmware_by, arch_by, drivers_by, os_by, encrypted_by, dirty_by, hibernated_by, pending_by, fstab_by, dynamic_by;
};

struct look {
	struct finding *v;
	size_t n;
	struct look_facts facts;
	bool complete; /* no finding of kind UNREADABLE or SKIPPED */
};

/* Fails only when stopped (ERR_CANCELLED) or without memory; out is then empty.  A disk that cannot be read is a finding. */
int look_at_disk(struct disk *d, const struct look_options *opt, struct look *out, struct error *err) MUST_CHECK;
void look_fini(struct look *l);
static inline void cleanup_look(struct look *l)
{
	look_fini(l);
}

#endif
