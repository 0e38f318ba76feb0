/* SPDX-License-Identifier: Apache-2.0 */
/* info.json: the document of `info --json`, and the ranges that failed since the disk was opened. */
#include <config.h>

#include <errno.h>

#include "base/escape.h"
#include "file.h"
#include "inventory/disk_info.h"

static int set_new(json_t *object, const char *key, json_t *value, struct error *err)
{
	if (!value || json_object_set_new(object, key, value) < 0)
		return error_errno(err, ENOMEM, "info.json");
	return 0;
}

static json_t *failed_range(const struct view_failed *f, struct error *err)
{
	CLEANUP(cleanup_json) json_t *o = json_object();
	char msg[4 * ERROR_MSG_MAX];

	escape_visible(f->msg, msg, sizeof(msg)); /* it may hold the bytes of a file's name */
	if (!o) {
		error_errno(err, ENOMEM, "info.json");
		return NULL;
	}
	if (set_new(o, "offset", json_integer((json_int_t)f->off), err) < 0 ||
	    set_new(o, "length", json_integer((json_int_t)f->len), err) < 0 ||
	    set_new(o, "message", json_string(msg), err) < 0)
		return NULL;
	return steal_ptr(&o);
}

static int add_failures(struct view *v, json_t *doc, struct error *err)
{
	CLEANUP(cleanup_json) json_t *list = json_array();
	json_t *o;

	if (!list)
		return error_errno(err, ENOMEM, "info.json");
	LOCK_SCOPE(&v->lock);
	for (size_t i = 0; i < v->n_failed; i++) {
		o = failed_range(&v->failed[i], err);
		if (!o)
			return -1;
		if (json_array_append_new(list, o) < 0)
			return error_errno(err, ENOMEM, "info.json");
	}
	if (set_new(doc, "failed", steal_ptr(&list), err) < 0)
		return -1;
	return set_new(doc, "failed_more", json_integer((json_int_t)v->failed_more), err);
}

static char *info_text(struct view *v, struct error *err)
{
	CLEANUP(cleanup_json) json_t *doc = disk_info_json(v->disk, disk_chain_info(v->disk, 0)->path, err);

	if (!doc || add_failures(v, doc, err) < 0)
		return NULL;
	return disk_info_text(doc, err);
}

const struct file_kind file_info_kind = {
	.name = "info.json",
	.uncached = true,
	.text = info_text,
};
