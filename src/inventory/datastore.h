/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datastore export on disk: which files are images, which of them are disks of which VM, and what their replicas are
 * called.
 *
 * Images are found by suffix.  A file that some descriptor names as its extent is no image, whatever its name or first
 * bytes (they belong to the guest); nor are the datastore's other files (-ctk.vmdk, .vmsd, .vmsn, .vswp, .nvram, .log,
 * .lck).  Folders whose name begins with a dot and `~snapshot` are not entered; symlinks are not followed.
 *
 * Other datastores (backing_root_add_datastore) are not walked: an image there is one of ours if a configuration names it.
 *
 * An .ova is the image of its only disk, or a folder of its disks' images, called by their members' names (a.ova/disk1.vmdk);
 * one that cannot be read is an image that does not open.
 *
 * A folder with disk.raw, disk.vhd, blocks and info.json is a disk that a mount of ours shows: one image, disk.raw.
 *
 * VMs: a configuration names its disks (vm_config.h): .vmx, .ovf, or Hyper-V's .vmcx, .xml and .json (what is named by a GUID
 * is called by its label, in the VM's folder: datastore_hyperv.h).  Without one each leaf is a disk, and the images
 * NAME, NAME_1, NAME_2 ... of a folder are one VM.  Leaves on one parent in different folders are linked clones, each a
 * disk; in the same folder without a configuration they are branches of a snapshot tree: those disks carry an error that
 * names both.  What is, or by its name may be, the parent of an image that does not open carries an error too: what it holds
 * may be a snapshot's old state, and that is not the disk.  Folders that Hyper-V keeps one VM in count as one.
 *
 * Names: a replica's name is its root image's path with .vhd for the suffix; disks that share a root take the leaf's path,
 * without the suffix that a hypervisor's snapshot adds (-000001, _GUID) if it has a parent.  So do disks here whose root lies
 * in another datastore, unless it is called as they are: the base of linked clones, which others may have too.  Paths in
 * another datastore begin with the last component of its NAME: "[ds2] web/web_1.vmdk" gives ds2/web/web_1.vhd.  If two names are equal, also
 * without case, the later in byte order keeps its whole file name (web01.vhdx.vhd).
 */
#ifndef LIFTFS_INVENTORY_DATASTORE_H
#define LIFTFS_INVENTORY_DATASTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "disk/disk.h"
#include "inventory/vm.h"

/* An image's own file, whatever path it was reached by. */
struct datastore_file {
	uint64_t dev, inode;
	uint64_t off; /* where it begins in that file: not 0 in an archive */
};

struct datastore_image {
	char *path;        /* below the root, raw bytes of the file system */
	const char *format;
	bool configured;   /* some configuration names it (or a child of it) */
	bool named;        /* some configuration names it itself */
	size_t named_by;   /* which of the VMs that configurations describe picked it, if named */
	const char *configured_by; /* the first one: of `configs` */
	bool elsewhere;    /* in another datastore: here only because a configuration names it, a leaf of nobody else */
	/* Set by datastore_scan(). */
	bool leaf;         /* no other image here names it as its parent */
	bool changes_atime; /* reading it will change access times */
	struct error err;  /* why it does not open; ERR_NONE: it does.  Of one elsewhere perhaps set when it was found */
	char **chain;      /* paths, leaf first, normalised; NULL if it does not open */
	char *parent;      /* of one that does not open, if it is known: the last of its parents that was found */
	const char *root;  /* the last of the chain as far as it is known; its own path if nothing is */
	struct datastore_file *files; /* what they are on this host: as many */
	size_t chain_len;
	char *id;          /* the root's own id, or "" */
	uint64_t virtual_size, allocated;
};

struct datastore {
	struct backing_root *root;
	struct datastore_image *images; /* in byte order of paths */
	size_t n_images;
	char **configs;                 /* files that may be configurations (vm_config.h), and archives, in byte order */
	size_t n_configs;
	struct datastore_image **by_base; /* while VMs are looked for: sorted by base names without case, then by places */
	struct datastore_image **by_path; /* the same: sorted by paths without case */
	bool single;                    /* SOURCE is one image */
	size_t archive_len;             /* SOURCE is an archive of several: how far their paths name it, with the '/'; else 0 */
	struct vm_list vms;             /* filled by datastore_scan(); in byte order of names */
	bool left_out;                  /* filled by datastore_find(): a folder of another file system was not entered */
	bool changes_atime;             /* filled by datastore_scan(): reading will change access times */
};

struct datastore_options {
	bool one_file_system;
	const struct backing_datastore *datastores; /* where names lead that are absolute; added to the root */
	size_t n_datastores;
	struct cancel *cancel;
	/* A folder that lies inside SOURCE and must not be walked is a usage error of the program, not looked for here. */
};

/*
 * `path` is a folder, or an image (then its folder is the root, and only that image is a disk; a "/./" in the path sets where names
 * begin, as with rsync -R).  Finds the images by walking; opens none of them but text descriptors, to know their extents,
 * and archives, to know their disks.  Images of other datastores that configurations name are among them.  A path that begins as those of another
 * datastore do, "[NAME] ", is ERR_USAGE.
 */
int datastore_find(const char *path, const struct datastore_options *opt, struct datastore *out,
		   struct error *err) MUST_CHECK;
/*
 * `path` is a configuration: its folder is the root, its images are those that it names by relative paths and that are there.
 * No folder is walked.
 */
int datastore_find_named(const char *path, const struct datastore_options *opt, struct datastore *out,
			 struct error *err) MUST_CHECK;
/* Opens every image's metadata to know chains, ids and sizes, and fills vms and names. */
int datastore_scan(struct datastore *ds, const struct datastore_options *opt, struct error *err) MUST_CHECK;
void datastore_fini(struct datastore *ds);

/* By path below the root; NULL if there is no such image. */
struct datastore_image *datastore_image_at(const struct datastore *ds, const char *path);

static inline void cleanup_datastore(struct datastore *ds)
{
	datastore_fini(ds);
}

#endif
