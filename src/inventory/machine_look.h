/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the disks of machines show: each image that can be opened here is looked at (guest/look.h), or read whole, and
 * what is found stays with its disk.  Nothing of a guest is executed, nothing is mounted, nothing is written.
 *
 * A disk is looked at by itself: a volume that lies on several (LVM) is said to, and what is in it is not known.
 */
#ifndef LIFTFS_INVENTORY_MACHINE_LOOK_H
#define LIFTFS_INVENTORY_MACHINE_LOOK_H

#include <stdatomic.h>

#include "base/cancel.h"
#include "guest/block_stats.h"
#include "guest/look.h"
#include "inventory/machine.h"

struct datastore_file;

/* Holds a reference to the root; path is below it.  `leaf` tells whether two are the same. */
struct machine_image *machine_image_new(struct backing_root *root, const char *path, uint64_t size,
					const struct datastore_file *leaf, struct error *err) MUST_CHECK;
void machine_image_free(struct machine_image *image); /* NULL is welcome */
/* Where it lies, by the name that the user gave the inventory; the caller frees it. */
char *machine_image_file(const struct machine_image *image, struct error *err) MUST_CHECK;

struct machine_look {
	void (*release)(struct machine_look *l); /* so that who only holds machines need not link what looks */
	char *error; /* why the image could not be opened, or not be read to its end; or NULL */
	struct look found;
	struct machine_shares shares; /* within this disk; known if all of it was read */
};
void machine_look_free(struct machine_look *l); /* NULL is welcome */

#define MACHINE_LOOK_TIME_MS 60000 /* of a quick look at one disk: what is left then is said to be skipped */

struct machines_look_options {
	bool full;          /* read all that is allocated, for zeros and duplicates */
	uint64_t read_max;  /* of a quick look at one disk; 0: LOOK_READ_MAX */
	block_hash_fn hash; /* only if full; any number of threads */
	const void *hash_ctx;
	struct cancel *cancel;
};

/* Of all disks; the counters may be looked at while it goes on. */
struct machines_looked {
	_Atomic uint64_t done, total; /* bytes of disks; total 0: not known yet */
	_Atomic unsigned disks_done, disks;
	struct machine_shares fleet; /* each image counted once, whoever has it */
	double fleet_mib;            /* what it was measured on */
};

/*
 * Looks at each disk that is not raw and not looked at yet, several at a time, but for machines that are left out
 * (machine_left_out()).  That a disk cannot be read is no failure.  Fails when stopped (ERR_CANCELLED) or without
 * memory.
 */
int machines_look(struct machine_list *l, const struct machines_look_options *opt, struct machines_looked *out,
		  struct error *err) MUST_CHECK;

/* ---- what follows for the machine ---- */

struct machine_proof { /* both NULL: nothing shows it */
	const struct machine_disk *disk;
	const struct finding *finding;
};
/* "web01/web01.vmdk, partition 2: /etc/os-release, byte 1,048,576"; the caller frees it. */
char *machine_proof_text(const struct machine_proof *p, struct error *err) MUST_CHECK;

/*
 * Firmware is what the disk of the operating system shows; the system and its architecture too, or, if there is none on
 * it, what the only other disk shows that has one.  All else is true of the machine if any disk shows it.
 */
struct machine_facts {
	size_t disks;      /* that are not raw */
	size_t looked;     /* of these, those that could be opened */
	size_t whole;      /* of these, those where nothing had to be left out */
	size_t unreadable; /* of all, those that could not be opened, or not all of which could be read */
	enum look_firmware firmware;
	enum look_arch arch;
	enum look_drivers drivers;
	const char *os_text, *os_id, *os_version; /* "" if unknown */
	struct machine_proof firmware_by, arch_by, os_by, drivers_by, encrypted_by, dirty_by, hibernated_by, pending_by,
		fstab_by, dynamic_by;
	double used_mib; /* of the file systems that say it */
	bool used_known; /* any did */
	bool used_whole; /* all disks were looked at, and every file system said it */
};
/* Points into the machine. */
void machine_facts(const struct machine *m, struct machine_facts *out);

#endif
