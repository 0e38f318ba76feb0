/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMDK: finds the descriptor (the file itself, or embedded in a sparse extent), opens its extents, and asks the one
 * that holds a range.  What is in an extent is the business of its kind (vmdk_flat.c, vmdk_sparse.c, vmdk_stream.c).
 *
 * createType is advisory: which kind reads an extent is decided by the extent's type and its file's magic.
 */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/vmdk.h"
#include "disk/vmdk_sparse.h"

#define CTK_MAGIC 0xf61972a2      /* changed block tracking, x-ctk.vmdk */
#define SESPARSE_MAGIC 0xcafebabe /* 64 bits */

struct vmdk {
	struct vmdk_extent *extents;
	size_t n_extents;
	bool has_cid;
	uint32_t cid, parent_cid;
};

enum magic { MAGIC_TEXT, MAGIC_SPARSE, MAGIC_COWD, MAGIC_SESPARSE, MAGIC_CTK, MAGIC_OTHER };

static enum magic magic_of(const uint8_t *p, size_t len)
{
	if (len >= 4 && memcmp(p, "KDMV", 4) == 0)
		return MAGIC_SPARSE;
	if (len >= 4 && memcmp(p, "COWD", 4) == 0)
		return MAGIC_COWD;
	if (len >= 8 && get_le64(p) == SESPARSE_MAGIC)
		return MAGIC_SESPARSE;
	if (len >= 4 && get_le32(p) == CTK_MAGIC)
		return MAGIC_CTK;
	for (size_t i = 0; i < len && p[i] != '\n'; i++)
		if (!isprint(p[i]) && !isspace(p[i]) && p[i] < 0x80) /* a comment may be in any encoding */
			return MAGIC_OTHER;
	return len > 0 && p[0] < 0x80 ? MAGIC_TEXT : MAGIC_OTHER;
}

static int vmdk_confirm(const struct disk_head *in, struct error *err)
{
	switch (magic_of(in->head, in->head_len)) {
	case MAGIC_TEXT:
	case MAGIC_SPARSE:
		return 0;
	case MAGIC_COWD:
		return error_set(err, ERR_UNSUPPORTED, "a COWD extent (ESX redo log): open the .vmdk that names it");
	case MAGIC_SESPARSE:
		return error_set(err, ERR_UNSUPPORTED, "a seSparse extent: open the .vmdk that names it");
	case MAGIC_CTK:
		return error_set(err, ERR_UNSUPPORTED, "a change tracking file (CTK), not a disk");
	case MAGIC_OTHER:
		break;
	}
	if (in->head_len < 8)
		return error_set(err, ERR_CORRUPT, "neither a descriptor nor a sparse extent: %zu bytes", in->head_len);
	return error_set(err, ERR_CORRUPT,
			 "neither a descriptor nor a sparse extent: begins with %016" PRIx64
			 " (a flat extent is opened by the "
			 ".vmdk that names it)",
			 get_be64(in->head));
}

/* Which kind reads a SPARSE extent: its file's magic and flags say. */
static int sparse_kind(const struct image *img, struct vmdk_extent *x, struct error *err)
{
	const struct backing *b = image_file(img, x->file);
	uint8_t raw[VMDK_SPARSE_HEADER_LEN];
	size_t len = b->size < sizeof(raw) ? (size_t)b->size : sizeof(raw);
	struct vmdk_sparse_header h;

	if (backing_read(b, raw, len, 0, err) < 0)
		return -1;
	if (magic_of(raw, len) == MAGIC_COWD) {
		x->ops = &vmdk_cowd_ops;
		return 0;
	}
	if (vmdk_sparse_decode(raw, len, b->size, &h, err) < 0)
		return -1;
	x->ops = &vmdk_sparse_ops;
	if (h.flags & (VMDK_SPARSE_COMPRESSED | VMDK_SPARSE_MARKERS) || h.dir_sector == VMDK_SPARSE_GD_AT_END)
		x->ops = &vmdk_stream_ops;
	return 0;
}

static int choose_kind(const struct image *img, struct vmdk_extent *x, struct error *err)
{
	switch (x->type) {
	case VMDK_FLAT:
	case VMDK_VMFS:
		x->ops = &vmdk_flat_ops;
		return 0;
	case VMDK_ZERO:
		x->ops = &vmdk_zero_ops;
		return 0;
	case VMDK_SPARSE:
		return sparse_kind(img, x, err);
	case VMDK_VMFSSPARSE:
		x->ops = &vmdk_cowd_ops;
		return 0;
	case VMDK_SESPARSE:
		x->ops = &vmdk_sesparse_ops;
		return 0;
	case VMDK_VMFSRDM:
	case VMDK_VMFSRAW:
		break;
	}
	return error_set(err, ERR_UNSUPPORTED, "%s extents are not supported", vmdk_extent_type_name(x->type));
}

/* Messages of the image's own file get its name from disk.c. */
static int extent_prefix(const struct image *img, const struct vmdk_extent *x, struct error *err)
{
	const char *path;
	size_t len;

	if (!err || x->file == EXTENT_NO_FILE || x->file == img->first_file)
		return -1;
	path = image_file(img, x->file)->path;
	len = strlen(path);
	if (strncmp(err->msg, path, len) == 0 && err->msg[len] == ':') /* reading it failed: it is there already */
		return -1;
	return error_prefix(err, "%s", path);
}

static int open_extent(struct image *img, struct vmdk_extent *x, struct error *err)
{
	if (choose_kind(img, x, err) < 0 || (x->ops->open && x->ops->open(img, x, err) < 0))
		return extent_prefix(img, x, err);
	return 0;
}

/* Beside the descriptor: what looks like a path in another datastore, at the top of the root, is a name there. */
static char *beside(const struct image *img, const char *own, const char *name, struct error *err)
{
	CLEANUP_FREE char *path = backing_sibling(own, name, err);

	if (!path || backing_root_datastore_len(img->root, path, NULL) == backing_root_datastore_len(img->root, own, NULL))
		return steal_ptr(&path);
	return backing_sibling("./", path, err);
}

/* Beside the descriptor, or, if the name is absolute, in the datastore that it names. */
static char *extent_path(const struct image *img, const char *own, const char *name, struct error *err)
{
	bool absolute = name[0] != '[' && backing_name_is_foreign(name);
	struct error why = ERROR_INIT;
	char *path;

	if (!absolute && backing_name_stays(name))
		return beside(img, own, name, err);
	path = absolute ? backing_root_translate(img->root, name, &why) : NULL;
	if (!path && why.code == ERR_NONE)
		error_set(&why, ERR_REFUSED, "extent '%.200s' leads out of the image's folder%s", name,
			  absolute && !img->sealed ? "; --datastore NAME=DIR says where it lies" : "");
	if (!path && err)
		*err = why;
	return path;
}

static int add_extent_file(struct image *img, const char *name, uint32_t *out, struct error *err)
{
	CLEANUP_FREE char *path = NULL;

	path = extent_path(img, image_file(img, img->first_file)->path, name, err);
	if (!path)
		return -1;
	return image_add_file(img, path, out, err) < 0 ? error_prefix(err, "extent") : 0;
}

/*
 * Opens the file of an extent line, unless it is the one of the line before.  A copy of the datastore may have its
 * names as UTF-8 or as the bytes that the descriptor was written in.
 */
static int extent_file(struct image *img, const struct vmdk_extent_line *line, const struct vmdk_extent_line *before,
		       uint32_t before_file, uint32_t *out, struct error *err)
{
	struct error why = ERROR_INIT;

	if (before && before->name && strcmp(before->name, line->name) == 0) {
		*out = before_file;
		return 0;
	}
	if (add_extent_file(img, line->name, out, &why) < 0 &&
	    (why.code != ERR_CORRUPT || !line->raw_name || add_extent_file(img, line->raw_name, out, NULL) < 0)) {
		if (err)
			*err = why;
		return -1;
	}
	if (backing_same(image_file(img, *out), image_file(img, img->first_file)))
		return error_set(err, ERR_CORRUPT, "extent '%.200s' is the descriptor itself", line->name);
	return 0;
}

static int open_extents(struct image *img, const struct vmdk_descriptor *d, bool embedded, struct error *err)
{
	struct vmdk *v = img->priv;
	uint64_t start = 0;

	if (image_count_extents(img, d->n_extents, err) < 0)
		return -1;
	v->extents = calloc(d->n_extents, sizeof(*v->extents));
	if (!v->extents)
		return error_errno(err, ENOMEM, "extents");
	img->verbatim = true;
	for (size_t i = 0; i < d->n_extents; i++) {
		const struct vmdk_extent_line *line = &d->extents[i];
		struct vmdk_extent *x = &v->extents[v->n_extents++];

		x->type = line->type;
		x->start = start;
		x->len = line->sectors * 512;
		x->file_off = line->offset_sectors * 512;
		x->file = embedded ? img->first_file : EXTENT_NO_FILE;
		start += x->len;
		if (line->name && !embedded &&
		    extent_file(img, line, i > 0 ? line - 1 : NULL, i > 0 ? x[-1].file : 0, &x->file, err) < 0)
			return -1;
		if (open_extent(img, x, err) < 0)
			return -1;
		img->verbatim = img->verbatim && (x->ops == &vmdk_flat_ops || x->ops == &vmdk_zero_ops);
	}
	img->size = start;
	return 0;
}

static int add_candidate(struct image *img, size_t i, const char *name, struct error *err)
{
	img->parent_paths[i] = backing_sibling(img->info.path, name, err);
	return img->parent_paths[i] ? 0 : -1;
}

/* Is this an absolute name that is looked for in other datastores?  "[x] y" may as well be a name beside the child. */
static bool is_elsewhere(const struct image *img, const char *name)
{
	struct error why = ERROR_INIT;
	CLEANUP_FREE char *path = NULL;

	if (name[0] != '[')
		return backing_name_is_foreign(name);
	path = backing_root_translate(img->root, name, &why);
	return path || why.code != ERR_NONE;
}

/*
 * The hint may be a path of another host, in its separators: a relative one is followed from the child's folder (a
 * linked clone's base lies in another), and refused if it leads out of the root; an absolute one is looked for in the
 * datastore that it names.  If nothing is there, or nothing says where that datastore lies, only the base name is looked
 * for beside the child, as UTF-8 and as the bytes that the descriptor was written in.
 */
static int set_parent(struct image *img, const struct vmdk_descriptor *d, struct error *err)
{
	CLEANUP_FREE char *hint = NULL;
	const char *base;
	size_t n = 0;

	if (d->parent_cid == VMDK_CID_NONE)
		return 0;
	if (!d->parent_hint)
		return error_set(err, ERR_CORRUPT, "descriptor: parentCID %08" PRIx32 ", but no parentFileNameHint",
				 d->parent_cid);
	hint = strdup(d->parent_hint);
	img->parent_paths = calloc(4, sizeof(*img->parent_paths));
	if (!hint || !img->parent_paths)
		return error_errno(err, ENOMEM, "parent");
	for (char *p = hint; *p; p++)
		if (*p == '\\')
			*p = '/';
	img->parent_fold_case = strchr(d->parent_hint, '\\') != NULL;
	base = strrchr(hint, '/');
	base = base ? base + 1 : hint;
	if (*base == '\0' || !backing_name_stays(base))
		return error_set(err, ERR_REFUSED, "parent '%.200s' is no file's name", d->parent_hint);
	if (is_elsewhere(img, d->parent_hint)) {
		img->parent_paths[n] = strdup(d->parent_hint);
		if (!img->parent_paths[n++])
			return error_errno(err, ENOMEM, "parent");
	} else if (base != hint && *hint != '/' && !strchr(hint, ':') && add_candidate(img, n++, hint, err) < 0) {
		return -1;
	}
	if (add_candidate(img, n++, base, err) < 0)
		return -1;
	if (d->parent_base_raw && backing_name_stays(d->parent_base_raw) && !strchr(d->parent_base_raw, '/'))
		return add_candidate(img, n, d->parent_base_raw, err);
	return 0;
}

/* An embedded descriptor names its own file, perhaps by an old name: whatever it says, the extent is this file. */
static int check_embedded(const struct vmdk_descriptor *d, struct error *err)
{
	if (d->n_extents != 1 || d->extents[0].type != VMDK_SPARSE)
		return error_set(
			err, ERR_CORRUPT,
			"descriptor inside a sparse extent: %zu extents, the first %s, where one SPARSE must be",
			d->n_extents, vmdk_extent_type_name(d->extents[0].type));
	return 0;
}

/* Finds the descriptor's text: at [*off, *off + *len) of the image's own file. */
static int find_descriptor(const struct image *img, uint64_t *off, uint64_t *len, bool *embedded, struct error *err)
{
	const struct backing *b = image_file(img, img->first_file);
	size_t n = b->size < VMDK_SPARSE_HEADER_LEN ? (size_t)b->size : VMDK_SPARSE_HEADER_LEN;
	uint8_t raw[VMDK_SPARSE_HEADER_LEN];
	struct vmdk_sparse_header h;

	*off = 0;
	*len = b->size;
	if (backing_read(b, raw, n, 0, err) < 0)
		return -1;
	*embedded = magic_of(raw, n) == MAGIC_SPARSE;
	if (*embedded) {
		if (vmdk_sparse_decode(raw, n, b->size, &h, err) < 0)
			return -1;
		if (h.desc_off == 0 || h.desc_len == 0)
			return error_set(err, ERR_UNSUPPORTED,
					 "a sparse extent without a descriptor: open the .vmdk that names it");
		*off = h.desc_off;
		*len = h.desc_len;
	}
	if (*len > VMDK_DESCRIPTOR_MAX)
		return error_set(err, ERR_CORRUPT, "descriptor of %" PRIu64 " bytes (at most %" PRIu64 ")", *len,
				 VMDK_DESCRIPTOR_MAX);
	return 0;
}

/* One part of several has room for a descriptor, too, as some programs write it, and none there. */
static int refuse_blank(const char *text, size_t len, struct error *err)
{
	for (size_t i = 0; i < len; i++)
		if (text[i])
			return 0;
	return error_set(err, ERR_UNSUPPORTED, "a sparse extent whose descriptor is blank: open the .vmdk that names it");
}

static int vmdk_open(struct image *img, struct error *err)
{
	CLEANUP(cleanup_vmdk_descriptor) struct vmdk_descriptor d = { 0 };
	CLEANUP_FREE char *text = NULL;
	struct vmdk *v = calloc(1, sizeof(*v));
	bool embedded = false;
	uint64_t off, len;

	img->priv = v;
	if (!v)
		return error_errno(err, ENOMEM, "image");
	if (find_descriptor(img, &off, &len, &embedded, err) < 0)
		return -1;
	text = malloc((size_t)len);
	if (!text)
		return error_errno(err, ENOMEM, "descriptor");
	if (backing_read(image_file(img, img->first_file), text, (size_t)len, off, err) < 0 ||
	    (embedded && refuse_blank(text, (size_t)len, err) < 0) || vmdk_descriptor_parse(text, (size_t)len, &d, err) < 0)
		return -1;
	if (embedded && check_embedded(&d, err) < 0)
		return -1;
	v->has_cid = d.has_cid;
	v->cid = d.cid;
	v->parent_cid = d.parent_cid;
	img->info.subformat = d.create_type;
	memcpy(img->info.id, d.uuid, sizeof(img->info.id));
	if (open_extents(img, &d, embedded, err) < 0)
		return -1;
	return set_parent(img, &d, err);
}

static int vmdk_check_parent(const struct image *img, const struct image *parent, struct error *err)
{
	const struct vmdk *v = img->priv, *p = parent->priv;

	if (!p->has_cid)
		return error_set(err, ERR_MISMATCH, "parent %s has no CID, where %08" PRIx32 " is expected",
				 parent->info.path, v->parent_cid);
	if (p->cid != v->parent_cid)
		return error_set(err, ERR_MISMATCH, "parent %s has CID %08" PRIx32 ", where %08" PRIx32 " is expected",
				 parent->info.path, p->cid, v->parent_cid);
	return 0;
}

static struct vmdk_extent *find_extent(const struct vmdk *v, uint64_t off)
{
	size_t lo = 0, hi = v->n_extents; /* the extent sought is in [lo, hi) */

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (v->extents[mid].start <= off)
			lo = mid;
		else
			hi = mid;
	}
	return &v->extents[lo];
}

static int vmdk_map(struct image *img, uint64_t len, uint64_t off, struct extent_list *out, struct error *err)
{
	struct vmdk_extent *x = find_extent(img->priv, off);
	uint64_t left = x->len - (off - x->start);

	if (x->ops->map(img, x, left < len ? left : len, off, out, err) < 0)
		return extent_prefix(img, x, err);
	return 0;
}

static int vmdk_read(struct image *img, void *buf, size_t len, uint64_t off, struct error *err)
{
	uint8_t *at = buf;
	size_t n;

	for (; len > 0; at += n, off += n, len -= n) {
		struct vmdk_extent *x = find_extent(img->priv, off);
		uint64_t left = x->len - (off - x->start);

		n = left < len ? (size_t)left : len;
		assert(x->ops->read);
		if (x->ops->read(img, x, at, n, off, err) < 0)
			return extent_prefix(img, x, err);
	}
	return 0;
}

static void vmdk_close(struct image *img)
{
	struct vmdk *v = img->priv;

	for (size_t i = 0; v && i < v->n_extents; i++)
		if (v->extents[i].ops && v->extents[i].ops->close)
			v->extents[i].ops->close(&v->extents[i]);
	if (v)
		free(v->extents);
	free(v);
}

static const char *const suffixes[] = { ".vmdk", NULL };

const struct disk_format_ops disk_vmdk_ops = {
	.name = "vmdk",
	.suffixes = suffixes,
	.confirm = vmdk_confirm,
	.open = vmdk_open,
	.check_parent = vmdk_check_parent,
	.map = vmdk_map,
	.read = vmdk_read,
	.close = vmdk_close,
};
