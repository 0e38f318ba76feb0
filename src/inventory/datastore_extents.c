/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/parallel.h"
#include "disk/vmdk_descriptor.h"
#include "inventory/datastore_extents.h"
#include "inventory/datastore_named.h"
#include "inventory/datastore_names.h"

#define TEXTS_AT_ONCE 512
#define TEXT_HEAD_LEN 4 /* enough to tell KDMV and COWD from text */

static int path_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **find(const struct path_list *l, const char *path)
{
	return bsearch(&path, l->v, l->n, sizeof(*l->v), path_order);
}

/* Does the descriptor lie there that an extent of this name belongs to? */
static bool owner_exists(const struct path_list *l, const char *path, size_t owner_len)
{
	char **after;
	CLEANUP_FREE char *owner = malloc(owner_len + sizeof(".vmdk"));

	if (!owner)
		return false;
	memcpy(owner, path, owner_len);
	memcpy(owner + owner_len, ".vmdk", sizeof(".vmdk"));
	after = find(l, owner);
	return after != NULL;
}

static bool is_vmdk(const char *path)
{
	return strcasecmp(path + datastore_stem_len(path), ".vmdk") == 0;
}

/* The descriptor's text, or NULL if the file is none that could be parsed as one: then it says nothing here. */
static char *read_text(struct backing_root *root, const char *path, size_t *len)
{
	CLEANUP(cleanup_backing) struct backing *b = backing_open(root, path, false, NULL);
	CLEANUP_FREE char *text = NULL;

	if (!b || b->size < TEXT_HEAD_LEN || b->size > VMDK_DESCRIPTOR_MAX)
		return NULL;
	text = malloc((size_t)b->size);
	if (!text || backing_read(b, text, (size_t)b->size, 0, NULL) < 0)
		return NULL;
	if (memcmp(text, "KDMV", 4) == 0 || memcmp(text, "COWD", 4) == 0)
		return NULL;
	*len = (size_t)b->size;
	return steal_ptr(&text);
}

/*
 * An absolute name may mean a file here too, if the user says where its datastore lies (vmdk.c follows it then).  Another
 * that leads out of its folder is no extent's (vmdk.c refuses it): one VM's text does not hide another's disk.
 */
static bool claim(const struct backing_root *root, const struct path_list *l, bool *dropped, const char *descriptor,
		  const char *name)
{
	CLEANUP_FREE char *elsewhere = name[0] != '[' ? backing_root_translate(root, name, NULL) : NULL;
	CLEANUP_FREE char *joined = elsewhere		     ? strdup(elsewhere) :
				    backing_name_stays(name) ? backing_sibling(descriptor, name, NULL) :
							       NULL;
	CLEANUP_FREE char *path = joined ? datastore_path(root, joined, NULL) : NULL;
	char **at = path ? find(l, path) : NULL;

	if (at && strcmp(*at, descriptor) != 0)
		dropped[at - l->v] = true;
	return at != NULL;
}

static void claim_extents(struct backing_root *root, const struct path_list *l, bool *dropped, const char *path,
			  const struct vmdk_descriptor *d)
{
	for (size_t i = 0; i < d->n_extents; i++)
		if (d->extents[i].name && !claim(root, l, dropped, path, d->extents[i].name) && d->extents[i].raw_name)
			claim(root, l, dropped, path, d->extents[i].raw_name);
}

/* What some of the images say, which may be read in any order; whose extents they are is decided in the order of paths. */
struct texts {
	struct backing_root *root;
	const struct path_list *images;
	const bool *dropped; /* nothing writes to it meanwhile */
	size_t first;
	struct vmdk_descriptor v[TEXTS_AT_ONCE]; /* without extents: says nothing */
};

static int parse_one(void *ctx, size_t k, struct error *err)
{
	struct texts *t = ctx;
	const char *path = t->images->v[t->first + k];
	CLEANUP_FREE char *text = NULL;
	size_t len = 0;

	(void)err;
	t->v[k] = (struct vmdk_descriptor){ 0 };
	if (t->dropped[t->first + k] || !is_vmdk(path))
		return 0;
	text = read_text(t->root, path, &len);
	if (!text || vmdk_descriptor_parse(text, len, &t->v[k], NULL) == 0)
		return 0;
	vmdk_descriptor_fini(&t->v[k]);
	t->v[k] = (struct vmdk_descriptor){ 0 };
	return 0;
}

static int claim_some(struct texts *t, bool *dropped, struct error *err)
{
	size_t n = t->images->n - t->first < TEXTS_AT_ONCE ? t->images->n - t->first : TEXTS_AT_ONCE;

	if (parallel_each(n, parse_one, t, err) < 0)
		return -1;
	for (size_t k = 0; k < n; k++) {
		if (!dropped[t->first + k])
			claim_extents(t->root, t->images, dropped, t->images->v[t->first + k], &t->v[k]);
		vmdk_descriptor_fini(&t->v[k]);
	}
	t->first += n;
	return 0;
}

int datastore_drop_extents(struct backing_root *root, struct path_list *images, struct error *err)
{
	CLEANUP_FREE bool *dropped = calloc(images->n ? images->n : 1, sizeof(*dropped));
	CLEANUP_FREE struct texts *texts = malloc(sizeof(*texts));
	size_t kept = 0, owner_len;

	if (!dropped || !texts)
		return error_errno(err, ENOMEM, "%zu images", images->n);
	for (size_t i = 0; i < images->n; i++)
		if (datastore_is_extent_name(images->v[i], &owner_len) && owner_exists(images, images->v[i], owner_len))
			dropped[i] = true;
	texts->root = root;
	texts->images = images;
	texts->dropped = dropped;
	for (texts->first = 0; texts->first < images->n;)
		if (claim_some(texts, dropped, err) < 0)
			return -1;
	for (size_t i = 0; i < images->n; i++) {
		if (dropped[i])
			free(images->v[i]);
		else
			images->v[kept++] = images->v[i];
	}
	images->n = kept;
	return 0;
}
