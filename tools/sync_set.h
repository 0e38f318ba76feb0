/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which disks a sync is about: from SOURCEs, patterns and what was found there to the VMs of a run.
 *
 * Patterns are of replicas' names, the first that matches wins, and a name that none matches is taken, as with rsync.
 * '*' does not match '/', '**' does.  A pattern with a '/' is of the whole name, another of its last component.
 */
#ifndef LIFTFS_TOOLS_SYNC_SET_H
#define LIFTFS_TOOLS_SYNC_SET_H

#include "inventory/datastore.h"
#include "replicate/run.h"

struct sync_pattern {
	bool include;
	const char *text; /* the caller's */
};

#define SYNC_PATTERNS_MAX 256

struct sync_patterns {
	struct sync_pattern v[SYNC_PATTERNS_MAX];
	size_t n;
};

/* The options --include and --exclude; dest is a struct sync_patterns, value the caller's. */
int sync_patterns_include(void *dest, const char *value, struct error *err);
int sync_patterns_exclude(void *dest, const char *value, struct error *err);

/* What a VM of the run is in the inventory; disks[i] of the cycle is the i-th of the disks that are not broken. */
struct sync_vm {
	const struct vm *vm;
	const struct datastore *store;
	char *name; /* with the SOURCE's name before it if there are several */
};

/* A disk that cannot be replicated: it is reported, the others go on. */
struct sync_broken {
	const struct sync_vm *vm;
	const char *image; /* path of the leaf below SOURCE */
	char *name;
	uint64_t virtual_size;
	struct error err;
};

struct sync_set {
	struct datastore *stores;
	char **prefixes; /* of the names of each store's disks: "", or the SOURCE's own name and '/' */
	size_t n_stores;
	struct sync_vm *vms;
	struct run_vm *runs; /* in step with vms */
	size_t n;
	struct sync_broken *broken;
	size_t n_broken;
	uint64_t data_bytes, virtual_bytes; /* of all disks, as far as the images' files tell */
	size_t n_disks;
	bool narrowed; /* the options left something out, or might have: what is not here may be in the sources all the same */
};

struct sync_set_options {
	const struct sync_pattern *patterns;
	size_t n_patterns;
	bool only_configured, one_file_system;
	const struct backing_datastore *datastores; /* given to every SOURCE */
	size_t n_datastores;
	struct cancel *cancel;
	/* Of those that patterns take only the disks that it wants; vm and disk as sync_vm and the replica are called.  NULL: all. */
	bool (*wanted)(void *ctx, const char *vm, const char *disk);
	void *wanted_ctx;
};

/*
 * Two replicas that would have the same name, also without case: ERR_USAGE.  No disk at all: too.  A file of one SOURCE that
 * is a disk of another's VM, or a parent there, is replicated with that VM and not again as a leaf of its own.
 */
int sync_set_find(char *const *sources, size_t n, const struct sync_set_options *opt, struct sync_set *out,
		  struct error *err) MUST_CHECK;
void sync_set_fini(struct sync_set *s);

/* Disk k of run i is replicated under another name. */
int sync_set_rename(struct sync_set *s, size_t i, size_t k, const char *name, struct error *err) MUST_CHECK;
/* Disk k of run i is not replicated: those behind it move up. */
int sync_set_refuse(struct sync_set *s, size_t i, size_t k, const struct error *why, struct error *err) MUST_CHECK;

/* Does the pattern match the name?  Pure. */
bool sync_pattern_matches(const char *pattern, const char *name);

static inline void cleanup_sync_set(struct sync_set *s)
{
	sync_set_fini(s);
}

#endif
