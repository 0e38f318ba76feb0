/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual machines as a configuration beside the images describes them: what they are called, and which disks they have.
 * A new kind of configuration is one `const struct vm_config_format` and a line in vm_config.c.
 *
 * Nothing here opens a file: names are as the configuration writes them, and datastore_named.c looks for them.
 */
#ifndef LIFTFS_INVENTORY_VM_CONFIG_H
#define LIFTFS_INVENTORY_VM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define VM_CONFIG_DISKS_MAX 256   /* of one VM: 4 controllers of 64 */
#define VM_CONFIG_VMS_MAX 100000  /* of one file */

struct vm_config {
	char *label;  /* what people call it, UTF-8; or NULL */
	char **disks; /* current disks as written, in the order of devices; never empty strings */
	size_t n_disks;
};

/* All zeros is empty. */
struct vm_config_list {
	struct vm_config *v;
	size_t n, cap;
};

struct machine_list;

struct vm_config_format {
	const char *suffix; /* ".vmx": with the dot, lower case */
	size_t len_max;     /* bytes; a longer file is refused unread */
	bool hyperv;        /* Hyper-V's: disks are named by paths of its host, files lie as datastore_hyperv.h says */
	bool many;          /* of any number of VMs: each is called by its label, also where it is the only one */
	const char *instead; /* what a user can do where one cannot be read, for after a ";"; or NULL */
	bool exported;      /* says what was once exported: where a VM's own configuration has a disk, that one counts */
	/*
	 * Appends the VMs of the text, which may hold any bytes and ends with a NUL that len does not count.  None, and no
	 * error: a file of this suffix that is something else.  What was appended stays after a failure.
	 */
	int (*parse)(const char *text, size_t len, struct vm_config_list *out, struct error *err);
	/*
	 * Appends a machine (inventory/machine.h) for each VM that parse() appends, in the same order, with all that the text
	 * says of it.  Its name is "" if the text has none, its origin "", and path NULL: who knows the file sets them.  A disk's
	 * path is what parse() calls it, or NULL where there is no file; `order` is its place among the devices; its label
	 * is "" if the text has none.  What makes no sense is left out with a notice.  NULL: nothing can be described.
	 */
	int (*describe)(const char *text, size_t len, struct machine_list *out, struct error *err);
};

/* The format that the path's suffix (any case) says; NULL: no configuration. */
const struct vm_config_format *vm_config_format_of_path(const char *path);

/* One VM more; label may be NULL.  What it returns is good until the next one is added. */
struct vm_config *vm_config_add(struct vm_config_list *l, const char *label, struct error *err) MUST_CHECK;
int vm_config_add_disk(struct vm_config *vm, const char *file, struct error *err) MUST_CHECK;
void vm_config_list_fini(struct vm_config_list *l);

static inline void cleanup_vm_config_list(struct vm_config_list *l)
{
	vm_config_list_fini(l);
}

#endif
