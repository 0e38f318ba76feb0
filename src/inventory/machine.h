/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines as inventories describe them, for an assessment.  (What a folder holds for replication is in vm.h.)
 *
 * An absent value stays absent: 0 is a value, and nothing here is guessed.  A reader fills what its inventory says, in the
 * units below; what follows from it (which operating system a text means, whether a machine is fit) is the assessment's.
 *
 * MiB and GiB are binary; MB/s is 10^6 bytes a second.  Texts are UTF-8, as the inventory has them, control characters
 * and HTML included: whoever prints them escapes them.  All zeros is an empty record.
 */
#ifndef LIFTFS_INVENTORY_MACHINE_H
#define LIFTFS_INVENTORY_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

#define MACHINES_MAX 1000000     /* of all inventories of one assessment */
#define MACHINE_DISKS_MAX 1024   /* of one machine; more is an error of its inventory */
#define MACHINE_TEXT_MAX 32768   /* bytes of one text; a longer one is cut there at a character's end, with a notice */
#define MACHINE_NOTICES_MAX 1000 /* kept; further ones are counted */

struct machine_number {
	bool known;
	double v;
};

enum machine_power { MACHINE_POWER_UNKNOWN, MACHINE_ON, MACHINE_OFF, MACHINE_SUSPENDED };
enum machine_firmware { MACHINE_FIRMWARE_UNKNOWN, MACHINE_BIOS, MACHINE_EFI };

struct machine_image; /* machine_look.h: where the image can be opened */
struct machine_look;  /* machine_look.h: what the disk itself shows */

/* How much of a machine is zeros, and how much it has more than once, by the hashes of its blocks. */
struct machine_shares {
	bool known;
	uint64_t blocks, zero; /* exact */
	double duplicate;      /* share of the blocks that are not zero: 0 to 1 */
	double error;          /* its standard error; 0: it is exact */
};

struct machine_disk {
	char *label; /* "Hard disk 1"; the image's path where there is none */
	char *path;  /* the image: below the inventory's folder, or as the inventory names it ("[ds1] web/web.vmdk"); or NULL */
	char *error; /* why the image could not be read, one phrase; or NULL.  What is not known of it stays absent */
	struct machine_number capacity_mib, order; /* order: RVTools' Disk Key; absent: machine_order_disks() takes the label's */
	struct machine_number read_ops, write_ops, read_mbs, write_mbs; /* a second */
	struct machine_number allocated_mib; /* what the image takes on its datastore, its chain included */
	bool raw;         /* RDM, pass-through: is not replicated */
	char *raw_mode;   /* "physicalMode", "virtualMode"; or NULL */
	char *mode;       /* "persistent", "independent_persistent", ...; or NULL */
	bool independent, shared;
	bool os;          /* set by machine_order_disks() */
	unsigned chain;   /* images in the chain, where it is known; 0: not */
	struct machine_image *image; /* NULL: the disk cannot be reached here, or does not open */
	struct machine_look *look;   /* NULL: nobody looked */
};

/* Two inventories, or two places of one, that do not agree: what was kept, what was not, and who said it. */
struct machine_conflict {
	char *field; /* "vcpus", "firmware": the name as in JSON */
	char *kept, *kept_from, *other, *other_from;
};

struct machine {
	char *name;          /* never NULL in a list; may be "" */
	char *origin;        /* where it was read, for messages: "RVTools_tabvInfo.csv:7", "web01/web01.vmx", "vcenter.example.org vm-42" */
	char *uuid;          /* the instance's (RVTools "VM UUID", vc.uuid), lower case with hyphens; or NULL */
	char *bios_uuid;     /* SMBIOS; or NULL */
	char *vm_id, *vcenter; /* the inventory's own id of it ("vm-42"), and the vCenter that it is unique in; or NULL */
	char *path;          /* its configuration: "web01/web01.vmx", "[ds1] web/web.vmx"; or NULL */
	char *datacenter, *cluster, *host, *folder, *annotation; /* or NULL */
	char *guest_id;      /* an identifier: vmx_id or vim_id of guest-os.csv; or NULL */
	char *os_tools, *os_config; /* texts: what VMware Tools say, what was configured; or NULL */
	char *os_name, *os_version; /* texts of the CSV import; or NULL */
	char *architecture;  /* the text of a column of its own; or NULL */
	char *tools;         /* the state of VMware Tools: "toolsOk", ...; or NULL */
	char *hardware;      /* "vmx-13"; or NULL */
	enum machine_power power;
	enum machine_firmware firmware;
	bool secure_boot, template, srm_placeholder, snapshot, consolidation_needed, ipv6, encrypted, tpm, passthrough;
	bool cbt_known, cbt; /* changed block tracking */
	struct machine_number vcpus, memory_mib, nics;
	struct machine_number cpu_pct, memory_pct, network_out_mbs; /* of a history, not of one instant */
	struct machine_number storage_in_use_mib;
	struct machine_number guest_used_mib; /* of all its file systems, as VMware Tools saw them */
	struct machine_number capacity_mib; /* of all disks, where rows of disks are missing */
	struct machine_number read_ops, write_ops, read_mbs, write_mbs; /* of all disks, where no disk has its own */
	struct machine_disk *disks;
	size_t n_disks, cap_disks;
	bool disks_collapsed; /* its one disk stands for all of them */
	struct machine_conflict *conflicts;
	size_t n_conflicts;
	struct machine_shares shares; /* of all its disks that are not raw, if every one was read */
};

/* Something that was left out or not understood: "RVTools_tabvInfo.csv:7: CPUs: 'four' is not a number". */
struct machine_notices {
	char **v;
	size_t n, cap, beyond; /* beyond: counted only */
};

struct machine_list {
	struct machine *v; /* in the order read */
	size_t n, cap;
	struct machine_notices notices;
};

/* What these return is good until the next one is added. */
struct machine *machine_add(struct machine_list *l, const char *name, const char *origin, struct error *err) MUST_CHECK;
struct machine_disk *machine_add_disk(struct machine *m, const char *label, struct error *err) MUST_CHECK;

/* *field = a copy of text, what was there is freed; "" and NULL: NULL. */
int machine_set(char **field, const char *text, struct error *err) MUST_CHECK;

/* The same as a UUID: 32 hexadecimal digits in whatever grouping, with or without braces; anything else leaves NULL.
 * VMware's "56 4d 54 59 5d 0c 51 8d-d3 40 38 4f fe bf e4 5d" is in the text's own order. */
int machine_set_uuid(char **field, const char *text, struct error *err) MUST_CHECK;

void machine_notice(struct machine_notices *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Puts the disks in their order (by `order` if all have one; else by the last number in the label if all have one; else as
 * read) and marks the first that is not raw as that of the operating system.
 */
int machine_order_disks(struct machine *m, struct error *err) MUST_CHECK;

/* One disk of that size for all of them, if there is no disk and a capacity is known. */
int machine_collapse_disks(struct machine *m, struct error *err) MUST_CHECK;

/* Why a machine is no machine to assess: "template", "srm-placeholder", "vcls"; NULL: it is one. */
const char *machine_left_out(const struct machine *m);

void machine_fini(struct machine *m);
void machine_list_fini(struct machine_list *l);
static inline void cleanup_machine_list(struct machine_list *l)
{
	machine_list_fini(l);
}

#endif
