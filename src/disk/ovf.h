/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OVF descriptor: which files its package has, which disks they hold, and which virtual machine uses which disk.
 * Pure text; no file is touched.
 *
 *	<References> <File ovf:id= ovf:href= ovf:size= ovf:compression= ovf:chunkSize=/>
 *	<DiskSection> <Disk ovf:diskId= ovf:fileRef= ovf:capacity= ovf:capacityAllocationUnits= ovf:parentRef=/>
 *	<VirtualSystem ovf:id=> <Name/> <VirtualHardwareSection> <Item> <rasd:HostResource>ovf:/disk/ID
 *
 * What one disk asks for and is not supported is that disk's error; the others go on.
 */
#ifndef LIFTFS_DISK_OVF_H
#define LIFTFS_DISK_OVF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define OVF_MAX ((size_t)1 << 20) /* bytes; real ones have 5 to 20 thousand */
#define OVF_DEPTH_MAX 64          /* elements inside each other; real ones have 6 */
#define OVF_DISKS_MAX 256         /* of a package, and of one of its virtual machines: 4 controllers of 64 */

#define OVF_FILES_MAX 4096        /* they are looked for one by one */
#define OVF_SYSTEMS_MAX 1024      /* 2 KiB each */

struct ovf_disk {
	char *id;
	char *href;         /* as written: a relative name; NULL: an empty disk */
	bool has_size;
	uint64_t file_size; /* bytes of the file, if the descriptor says */
	uint64_t capacity;  /* bytes that the guest sees */
	struct error err;   /* why it cannot be used; ERR_NONE: it can.  Then only id counts, and href if not NULL */
};

struct ovf_system {
	char *name; /* as people call it, or its id, or NULL */
	size_t disks[OVF_DISKS_MAX];
	size_t n_disks; /* indices of disks, in the order of its devices */
};

/* All zeros is empty. */
struct ovf {
	struct ovf_disk *disks;
	size_t n_disks;
	struct ovf_system *systems;
	size_t n_systems;
};

/* The parts of a descriptor, for those who want more of it than disks: an element lives as long as its document. */
struct xml_doc;
struct xml_element;
/* Of at most OVF_MAX bytes, an Envelope, its elements not too deep. */
struct xml_doc *ovf_document(const char *text, size_t len, struct error *err) MUST_CHECK;
int ovf_of_document(const struct xml_doc *doc, struct ovf *out, struct error *err) MUST_CHECK;
/* Each virtual machine, in the order of ovf.systems. */
typedef int (*ovf_system_fn)(void *ctx, const struct xml_element *system, struct error *err);
int ovf_each_system(const struct xml_element *envelope, ovf_system_fn each, void *ctx, struct error *err) MUST_CHECK;
/* The ID in a HostResource "ovf:/disk/ID" or, as VirtualBox writes it, "/disk/ID"; NULL: something else. */
const char *ovf_disk_of_resource(const char *text, size_t *len);
/* "byte", "byte * 2^30", "byte * 1024" (DSP0004's programmatic units, as far as they multiply): in bytes. */
bool ovf_units(const char *text, uint64_t *out);
/* Bytes that the guest sees of a <Disk>. */
int ovf_capacity(const struct xml_element *disk, uint64_t *out, struct error *err) MUST_CHECK;

int ovf_parse(const char *text, size_t len, struct ovf *out, struct error *err) MUST_CHECK;
void ovf_fini(struct ovf *o);

static inline void cleanup_ovf(struct ovf *o)
{
	ovf_fini(o);
}

#endif
