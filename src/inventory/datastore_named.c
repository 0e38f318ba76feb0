/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "disk/backing.h"
#include "inventory/datastore_hyperv.h"
#include "inventory/datastore_named.h"
#include "inventory/datastore_names.h"
#include "inventory/vm_config.h"

char *datastore_path(const struct backing_root *root, const char *path, struct error *err)
{
	size_t n = backing_root_datastore_len(root, path, NULL);
	CLEANUP_FREE char *rest = datastore_normalise(path + n, err);
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };

	if (!rest || n == 0)
		return steal_ptr(&rest);
	strbuf_add(&text, path, n);
	strbuf_adds(&text, strchr(rest, '/') ? "" : "./");
	strbuf_adds(&text, rest);
	return strbuf_take(&text, err);
}

char *datastore_name_path(const struct backing_root *root, const char *path, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
	const char *shortened = NULL;
	size_t n = backing_root_datastore_len(root, path, &shortened);

	if (n > 0) {
		strbuf_add(&text, shortened, strcspn(shortened, "/\\]"));
		strbuf_adds(&text, "/");
		n += strncmp(path + n, "./", 2) == 0 ? 2 : 0;
	}
	strbuf_adds(&text, path + n);
	return strbuf_take(&text, err);
}

/* A path beside the configuration, in the separators of whoever wrote it. */
static char *sibling(const struct datastore *ds, const char *config, const char *file, struct error *why)
{
	CLEANUP_FREE char *joined = backing_sibling(config, file, why);
	CLEANUP_FREE char *path = joined ? datastore_normalise(joined, why) : NULL;

	if (!path || datastore_image_at(ds, path) || !strchr(file, '\\'))
		return steal_ptr(&path);
	for (char *c = joined; *c; c++)
		if (*c == '\\')
			*c = '/';
	return datastore_normalise(joined, why);
}

/* The path as it is spelled here, if nothing has it as it is written. */
static char *spelled(const struct datastore *ds, char *path, struct error *why)
{
	CLEANUP_FREE char *own = path;
	CLEANUP_FREE char *found = NULL;

	if (datastore_image_at(ds, path))
		return steal_ptr(&own);
	found = backing_fold_case(ds->root, path, why);
	if (found)
		return datastore_path(ds->root, found, why);
	return why->code == ERR_NONE ? steal_ptr(&own) : NULL;
}

char *datastore_named_path(const struct datastore *ds, const char *config, const char *file, bool *translated,
			   struct error *why)
{
	CLEANUP_FREE char *path = backing_root_translate(ds->root, file, why);
	bool absolute = !path && backing_name_is_foreign(file);

	*translated = path != NULL;
	if (!path && why->code == ERR_NONE)
		path = sibling(ds, config, file, why);
	/* "[x] web.vmdk" may be a name of a file beside the configuration. */
	if (why->code == ERR_NONE && absolute && (file[0] != '[' || !datastore_image_at(ds, path)))
		error_set(why, ERR_REFUSED, "names the disk '%s', which lies outside SOURCE: --datastore NAME=DIR says where",
			  file);
	else if (why->code == ERR_NONE && strncmp(path, "../", 3) == 0)
		error_set(why, ERR_REFUSED, "names the disk '%s', which lies outside SOURCE", file);
	if (why->code != ERR_NONE)
		return NULL;
	return strchr(file, '\\') ? spelled(ds, steal_ptr(&path), why) : steal_ptr(&path);
}

/* Does the configuration name files by paths of its host, and no datastore says where this one lies? */
static bool is_hyperv(const struct datastore *ds, const struct vm_config_format *format, const char *file,
		      struct error *why)
{
	CLEANUP_FREE char *path = NULL;

	if (!format || !format->hyperv)
		return false;
	path = backing_root_translate(ds->root, file, why);
	return !path && why->code == ERR_NONE;
}

struct datastore_image *datastore_named(const struct datastore *ds, const char *config, const char *file, char **path_out,
					struct error *why)
{
	const struct vm_config_format *format = vm_config_format_of_path(config);
	CLEANUP_FREE char *path = NULL;
	struct datastore_image *image;
	bool translated;

	if (is_hyperv(ds, format, file, why))
		return datastore_hyperv_named(ds, config, format, file, path_out, why);
	path = why->code == ERR_NONE ? datastore_named_path(ds, config, file, &translated, why) : NULL;
	image = path ? datastore_image_at(ds, path) : NULL;
	if (path && !image)
		error_set(why, ERR_CORRUPT, "names the disk '%s': no such image in %s", path,
			  backing_root_datastore_len(ds->root, path, NULL) > 0 ? "that datastore" : "SOURCE");
	*path_out = path ? steal_ptr(&path) : strdup(file);
	if (!*path_out)
		error_errno(why, ENOMEM, "%s", file);
	if (!image)
		error_prefix(why, "%s", config);
	return image;
}
