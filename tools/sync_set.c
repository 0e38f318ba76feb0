/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/escape.h"
#include "base/log.h"
#include "sync_set.h"

static int no_memory(struct error *err)
{
	return error_errno(err, ENOMEM, "list of disks");
}

/* ---- patterns ---- */

static int add_pattern(struct sync_patterns *p, bool include, const char *text, struct error *err)
{
	if (!*text)
		return error_set(err, ERR_USAGE, "is empty");
	if (p->n == SYNC_PATTERNS_MAX)
		return error_set(err, ERR_USAGE, "more than %d patterns", SYNC_PATTERNS_MAX);
	p->v[p->n++] = (struct sync_pattern){ .include = include, .text = text };
	return 0;
}

int sync_patterns_include(void *dest, const char *value, struct error *err)
{
	return add_pattern(dest, true, value, err);
}

int sync_patterns_exclude(void *dest, const char *value, struct error *err)
{
	return add_pattern(dest, false, value, err);
}

bool sync_pattern_matches(const char *pattern, const char *name)
{
	const char *slash = strrchr(name, '/');
	bool across = strstr(pattern, "**") != NULL; /* as rsync: '**' matches '/' too */

	if (*pattern == '/')
		pattern++;
	else if (!strchr(pattern, '/'))
		name = slash && !across ? slash + 1 : name;
	return fnmatch(pattern, name, across ? 0 : FNM_PATHNAME) == 0;
}

enum verdict { TAKEN, PICKED, LEFT }; /* picked: an --include says so */

/* A folder's name takes or leaves all that is below it. */
static bool matches_any_part(const char *pattern, const char *name)
{
	CLEANUP_FREE char *part = strdup(name);

	for (char *slash = NULL; part; *slash = '\0') {
		if (sync_pattern_matches(pattern, part))
			return true;
		slash = strrchr(part, '/');
		if (!slash)
			break;
	}
	return false;
}

static enum verdict judge(const struct sync_set_options *opt, const char *name)
{
	for (size_t i = 0; i < opt->n_patterns; i++)
		if (matches_any_part(opt->patterns[i].text, name))
			return opt->patterns[i].include ? PICKED : LEFT;
	return TAKEN;
}

static enum verdict judge_all(const struct sync_set_options *opt, const char *vm, const char *disk)
{
	enum verdict v = judge(opt, disk);

	return v != LEFT && opt->wanted && !opt->wanted(opt->wanted_ctx, vm, disk) ? LEFT : v;
}

/* ---- one VM ---- */

/* A branch of a snapshot tree: it opens, and only a person knows which branch is the disk. */
static bool is_branch(const struct vm_disk *d)
{
	return d->err.code == ERR_CORRUPT && d->virtual_size > 0;
}

struct choice {
	char *name; /* with the source's prefix; owned until given away */
	enum verdict verdict;
};

static char *full_name(const char *prefix, const char *name, struct error *err)
{
	char *full;

	if (asprintf(&full, "%s%s", prefix, name) < 0) {
		no_memory(err);
		return NULL;
	}
	return full;
}

/* Branches that were not picked are left once another one of their disk was. */
static void settle_branches(const struct vm *vm, struct choice *choices)
{
	for (size_t i = 0; i < vm->n_disks; i++) {
		for (size_t k = 0; k < vm->n_disks; k++) {
			if (choices[k].verdict == PICKED && choices[i].verdict == TAKEN && is_branch(&vm->disks[i]) &&
			    is_branch(&vm->disks[k]) && strcmp(vm->disks[i].root, vm->disks[k].root) == 0)
				choices[i].verdict = LEFT;
		}
	}
}

static bool only_pick(const struct vm *vm, const struct choice *choices, size_t at)
{
	size_t picked = 0;

	for (size_t i = 0; i < vm->n_disks; i++)
		picked += choices[i].verdict == PICKED && is_branch(&vm->disks[i]) &&
			  strcmp(vm->disks[i].root, vm->disks[at].root) == 0;
	return choices[at].verdict == PICKED && picked == 1;
}

/* ---- one disk in two SOURCEs ---- */

/* The image's place in the chain that the other image is the leaf of; its length if it is not in it. */
static size_t depth_in(const struct datastore_image *image, const struct datastore_image *leaf)
{
	const struct datastore_file *f = &image->files[0];
	size_t depth = 0;

	while (depth < leaf->chain_len && (leaf->files[depth].dev != f->dev || leaf->files[depth].inode != f->inode ||
					   leaf->files[depth].off != f->off))
		depth++;
	return depth;
}

/*
 * The VM of another SOURCE that the disk is replicated with: one whose configuration names it, or that has it for a parent.
 * What two configurations name stays with the first.
 */
static const struct vm *owner_elsewhere(const struct sync_set *s, const struct datastore *own, const struct vm *vm,
					const struct vm_disk *disk)
{
	const struct datastore_image *image = own->single ? NULL : datastore_image_at(own, disk->image);

	for (size_t i = 0; image && image->files && i < s->n_stores; i++) {
		const struct datastore *store = &s->stores[i];

		for (size_t k = 0; store != own && k < store->vms.n; k++) {
			const struct vm *other = &store->vms.v[k];

			for (size_t n = 0; n < other->n_disks; n++) {
				const struct datastore_image *leaf = datastore_image_at(store, other->disks[n].image);
				size_t depth = leaf && leaf->files ? depth_in(image, leaf) : SIZE_MAX;

				if (depth >= (leaf ? leaf->chain_len : 0))
					continue;
				if (vm->config ? depth == 0 && other->config && store < own : depth > 0 || other->config)
					return other;
			}
		}
	}
	return NULL;
}

static int add_broken(struct sync_set *s, const struct sync_vm *vm, const struct vm_disk *disk, char **name,
		      struct error *err)
{
	struct sync_broken *v = reallocarray(s->broken, s->n_broken + 1, sizeof(*v));

	if (!v)
		return no_memory(err);
	s->broken = v;
	v[s->n_broken++] = (struct sync_broken){ .vm = vm, .image = disk->image, .name = steal_ptr(name),
						 .virtual_size = disk->virtual_size, .err = disk->err };
	return 0;
}

static int add_disks(struct sync_set *s, struct sync_vm *svm, struct run_vm *run, struct choice *choices,
		     struct error *err)
{
	const struct vm *vm = svm->vm;

	run->cycle.name = svm->name;
	run->cycle.disks = calloc(vm->n_disks ? vm->n_disks : 1, sizeof(*run->cycle.disks));
	if (!run->cycle.disks)
		return no_memory(err);
	for (size_t i = 0; i < vm->n_disks; i++) {
		const struct vm_disk *from = &vm->disks[i];
		struct cycle_disk *d = &run->cycle.disks[run->cycle.n];

		if (choices[i].verdict == LEFT)
			continue;
		s->n_disks++;
		if (from->err.code != ERR_NONE && !(is_branch(from) && only_pick(vm, choices, i))) {
			run->no_points = true;
			if (add_broken(s, svm, from, &choices[i].name, err) < 0)
				return -1;
			continue;
		}
		d->name = steal_ptr(&choices[i].name); /* freed by sync_set_fini() */
		d->source_path = from->image;
		d->source_id = from->id;
		d->root = svm->store->root;
		d->virtual_size = from->virtual_size;
		d->data_bytes = from->allocated < from->virtual_size ? from->allocated : from->virtual_size;
		s->virtual_bytes += d->virtual_size;
		s->data_bytes += d->data_bytes;
		run->cycle.n++;
	}
	return 0;
}

static int add_vm(struct sync_set *s, const struct datastore *store, const struct vm *vm, const char *prefix,
		  const struct sync_set_options *opt, struct error *err)
{
	CLEANUP_FREE struct choice *choices = calloc(vm->n_disks ? vm->n_disks : 1, sizeof(*choices));
	struct sync_vm *svm = &s->vms[s->n];
	const struct vm *owner;
	int rc = choices ? 0 : no_memory(err);

	if (rc == 0) {
		svm->name = full_name(prefix, vm->name, err);
		rc = svm->name ? 0 : -1;
	}
	for (size_t i = 0; rc == 0 && i < vm->n_disks; i++) {
		choices[i].name = full_name(prefix, vm->disks[i].replica_name, err);
		if (!choices[i].name)
			rc = -1;
		else
			choices[i].verdict = judge_all(opt, svm->name, choices[i].name);
		owner = rc == 0 && s->n_stores > 1 ? owner_elsewhere(s, store, vm, &vm->disks[i]) : NULL;
		if (owner) {
			log_info("sync", "%s: replicated with %s, whose disk or parent it is", choices[i].name, owner->name);
			choices[i].verdict = LEFT;
		}
	}
	if (rc == 0) {
		settle_branches(vm, choices);
		svm->vm = vm;
		svm->store = store;
		rc = add_disks(s, svm, &s->runs[s->n], choices, err);
		s->n++;
	} else {
		free(svm->name); /* not among those that sync_set_fini() frees */
		svm->name = NULL;
	}
	for (size_t i = 0; choices && i < vm->n_disks; i++)
		free(choices[i].name);
	return rc;
}

/* ---- all sources ---- */

/* The last component of a folder's path and '/'; "" for an image, whose name begins at its folder anyway. */
static char *source_prefix(const char *path, const struct datastore *store, struct error *err)
{
	CLEANUP_FREE char *real = NULL;
	CLEANUP_FREE char *name = NULL;
	const char *slash;

	if (store->single || store->archive_len > 0)
		return full_name("", "", err);
	real = realpath(path, NULL);
	if (!real) {
		error_errno(err, errno, "%s", path);
		return NULL;
	}
	slash = strrchr(real, '/');
	name = escape_name(slash + 1, err);
	return name ? full_name(name, "/", err) : NULL;
}

static int name_order(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

/* The target might fold case; two names that differ in nothing else are one there. */
static int check_names(const struct sync_set *s, struct error *err)
{
	CLEANUP_FREE const char **names = calloc(s->n_disks ? s->n_disks : 1, sizeof(*names));
	size_t n = 0;

	if (!names)
		return no_memory(err);
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->runs[i].cycle.n; k++)
			names[n++] = s->runs[i].cycle.disks[k].name;
	qsort(names, n, sizeof(*names), name_order);
	for (size_t i = 1; i < n; i++)
		if (name_order(&names[i - 1], &names[i]) == 0)
			return error_set(err, ERR_USAGE, "two disks would be called '%s': replicate these SOURCEs separately",
					 names[i]);
	return 0;
}

static size_t count_vms(const struct sync_set *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_stores; i++)
		n += s->stores[i].vms.n;
	return n;
}

static int find_all(char *const *sources, size_t n, const struct sync_set_options *opt, struct sync_set *s,
		    struct error *err)
{
	const struct datastore_options dopt = {
		.one_file_system = opt->one_file_system,
		.datastores = opt->datastores,
		.n_datastores = opt->n_datastores,
		.cancel = opt->cancel,
	};

	s->stores = calloc(n, sizeof(*s->stores));
	s->prefixes = calloc(n, sizeof(*s->prefixes));
	if (!s->stores || !s->prefixes)
		return no_memory(err);
	for (s->n_stores = 0; s->n_stores < n; s->n_stores++) {
		struct datastore *store = &s->stores[s->n_stores];

		if (datastore_find(sources[s->n_stores], &dopt, store, err) < 0)
			return -1;
		if (datastore_scan(store, &dopt, err) < 0) {
			s->n_stores++; /* for sync_set_fini() */
			return -1;
		}
	}
	return 0;
}

int sync_set_find(char *const *sources, size_t n, const struct sync_set_options *opt, struct sync_set *out,
		  struct error *err)
{
	CLEANUP(cleanup_sync_set) struct sync_set s = { 0 };
	size_t most;

	s.narrowed = opt->n_patterns > 0 || opt->only_configured || opt->wanted;
	if (find_all(sources, n, opt, &s, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		s.narrowed = s.narrowed || s.stores[i].left_out;
	most = count_vms(&s);
	s.vms = calloc(most ? most : 1, sizeof(*s.vms));
	s.runs = calloc(most ? most : 1, sizeof(*s.runs));
	if (!s.vms || !s.runs)
		return no_memory(err);
	for (size_t i = 0; i < n; i++) {
		s.prefixes[i] = n > 1 ? source_prefix(sources[i], &s.stores[i], err) : full_name("", "", err);
		if (!s.prefixes[i])
			return -1;
		for (size_t k = 0; k < s.stores[i].vms.n; k++) {
			const struct vm *vm = &s.stores[i].vms.v[k];

			if ((vm->config || !opt->only_configured) &&
			    add_vm(&s, &s.stores[i], vm, s.prefixes[i], opt, err) < 0)
				return -1;
		}
	}
	if (s.n_disks == 0)
		return error_set(err, ERR_USAGE, "%s%s: no disk to replicate there%s", sources[0], n > 1 ? " and others" : "",
				 s.narrowed ? " that the options do not leave out" : "");
	if (check_names(&s, err) < 0)
		return -1;
	*out = s;
	s = (struct sync_set){ 0 };
	return 0;
}

int sync_set_rename(struct sync_set *s, size_t i, size_t k, const char *name, struct error *err)
{
	struct cycle_disk *d = &s->runs[i].cycle.disks[k];
	char *copy = full_name("", name, err);

	if (!copy)
		return -1;
	free((char *)d->name);
	d->name = copy;
	return 0;
}

int sync_set_refuse(struct sync_set *s, size_t i, size_t k, const struct error *why, struct error *err)
{
	struct sync_broken *v = reallocarray(s->broken, s->n_broken + 1, sizeof(*v));
	struct run_vm *run = &s->runs[i];
	struct cycle_disk *d = &run->cycle.disks[k];

	if (!v)
		return no_memory(err);
	s->broken = v;
	v[s->n_broken++] = (struct sync_broken){ .vm = &s->vms[i], .image = d->source_path, .name = (char *)d->name,
						 .virtual_size = d->virtual_size, .err = *why };
	s->virtual_bytes -= d->virtual_size;
	s->data_bytes -= d->data_bytes;
	run->no_points = true;
	run->cycle.n--;
	for (; k < run->cycle.n; k++)
		run->cycle.disks[k] = run->cycle.disks[k + 1];
	return 0;
}

void sync_set_fini(struct sync_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < s->runs[i].cycle.n; k++)
			free((char *)s->runs[i].cycle.disks[k].name);
		free(s->runs[i].cycle.disks);
		free(s->vms[i].name);
	}
	for (size_t i = 0; i < s->n_broken; i++)
		free(s->broken[i].name);
	for (size_t i = 0; i < s->n_stores; i++) {
		datastore_fini(&s->stores[i]);
		free(s->prefixes[i]);
	}
	free(s->prefixes);
	free(s->broken);
	free(s->runs);
	free(s->vms);
	free(s->stores);
	*s = (struct sync_set){ 0 };
}
