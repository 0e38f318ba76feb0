/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The number and the metadata of a replica or of a recovery point, as a small JSON file:
 *   {"format":1,"writer":"liftfs 1.0","name":"web01/web01.vhd","number":17,"meta":{"liftfsid":"..."}}
 * Values are bytes: what JSON cannot hold is %XX in them.  A replica's may have, as dir_private.h says of them:
 *   "order":3,"work":"0123456789abcdef",
 *   "named":{"file":"...","version":"..."},"publishing":{"file":"...","version":"..."}
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/io.h"
#include "target/dir_private.h"

#define META_MAX (1 << 20) /* bytes: a service allows 8 KiB */

DEFINE_CLEANUP(cleanup_json, json_t *, json_decref);

void dir_meta_fini(struct dir_meta *m)
{
	target_meta_fini(&m->meta);
}

static int decode_values(const json_t *object, struct target_meta *out, struct error *err)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		CLEANUP_FREE char *text = NULL;

		if (!json_is_string(value))
			return error_set(err, ERR_CORRUPT, "'%s' is not text", key);
		text = unescape_percent(json_string_value(value), err);
		if (!text || target_meta_set(out, key, text, err) < 0)
			return -1;
	}
	return 0;
}

static int decode_text(const json_t *root, const char *key, char *out, size_t len, struct error *err)
{
	const json_t *value = json_object_get(root, key);
	const char *text = json_string_value(value);

	if (value && (!text || strlen(text) >= len))
		return error_set(err, ERR_CORRUPT, "'%s' is not a text of less than %zu bytes", key, len);
	snprintf(out, len, "%s", text ? text : "");
	return 0;
}

static int decode_left(const json_t *root, const char *key, struct dir_left *out, struct error *err)
{
	const json_t *object = json_object_get(root, key);

	if (decode_text(object, "file", out->file, sizeof(out->file), err) < 0 ||
	    decode_text(object, "version", out->version, sizeof(out->version), err) < 0)
		return error_prefix(err, "'%s'", key);
	return 0;
}

static int decode(const json_t *root, const char *name, struct dir_meta *out, struct error *err)
{
	const json_t *number = json_object_get(root, "number"), *meta = json_object_get(root, "meta");
	const char *whose = json_string_value(json_object_get(root, "name"));
	const char *writer = json_string_value(json_object_get(root, "writer"));
	json_int_t format = json_integer_value(json_object_get(root, "format"));

	if (format > DIR_FORMAT)
		return error_set(err, ERR_REFUSED, "format %d, written by %s, is newer than this liftfs (%d)",
				 (int)format, writer ? writer : "?", DIR_FORMAT);
	if (format < 1 || !whose || !json_is_integer(number) || json_integer_value(number) < 0 || !json_is_object(meta))
		return error_set(err, ERR_CORRUPT, "not a replica's metadata");
	if (strcmp(whose, name) != 0)
		return error_set(err, ERR_CONFLICT, "belongs to '%s': the file system takes both names for one", whose);
	out->number = (uint64_t)json_integer_value(number);
	out->order = (uint64_t)json_integer_value(json_object_get(root, "order")); /* 0 without */
	if (decode_text(root, "work", out->work, sizeof(out->work), err) < 0 ||
	    decode_left(root, "named", &out->named, err) < 0 ||
	    decode_left(root, "publishing", &out->publishing, err) < 0)
		return -1;
	if (strchr(out->work, '/') || *out->work == '.')
		return error_set(err, ERR_CORRUPT, "'work' is not a file's name");
	return decode_values(meta, &out->meta, err);
}

int dir_meta_read(int dirfd, const char *file, const char *name, struct dir_meta *out, struct error *err)
{
	CLEANUP_FD int fd = openat(dirfd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	CLEANUP(cleanup_dir_meta) struct dir_meta m = { 0 };
	CLEANUP(cleanup_json) json_t *root = NULL;
	CLEANUP_FREE char *text = NULL;
	json_error_t why;
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "%s", file);
	if (!S_ISREG(st.st_mode) || st.st_size > META_MAX)
		return error_set(err, ERR_CORRUPT, "%s: not a replica's metadata", file);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return error_errno(err, ENOMEM, "%s", file);
	if (io_pread(fd, text, (size_t)st.st_size, 0, err) < 0)
		return error_prefix(err, "%s", file);
	root = json_loadb(text, (size_t)st.st_size, JSON_REJECT_DUPLICATES, &why);
	if (!root)
		return error_set(err, ERR_CORRUPT, "%s: %s at line %d", file, why.text, why.line);
	if (decode(root, name, &m, err) < 0)
		return error_prefix(err, "%s", file);
	*out = m;
	m = (struct dir_meta){ 0 };
	return 0;
}

static int encode_left(json_t *root, const char *key, const struct dir_left *left)
{
	if (!*left->file)
		return 0;
	return json_object_set_new(root, key, json_pack("{s:s, s:s}", "file", left->file, "version", left->version));
}

static json_t *encode(const char *name, const struct dir_meta *m, struct error *err)
{
	CLEANUP(cleanup_json)
	json_t *root =
		json_pack("{s:i, s:s, s:s, s:I, s:{}}", "format", DIR_FORMAT, "writer",
			  PACKAGE_NAME " " PACKAGE_VERSION, "name", name, "number", (json_int_t)m->number, "meta");
	json_t *values = json_object_get(root, "meta");

	for (size_t i = 0; root && i < m->meta.n; i++) {
		CLEANUP_FREE char *text = escape_name(m->meta.v[i].value, err);

		if (!text)
			return NULL;
		if (json_object_set_new(values, m->meta.v[i].key, json_string(text)) < 0)
			json_decref(steal_ptr(&root));
	}
	if (root && m->order > 0 && json_object_set_new(root, "order", json_integer((json_int_t)m->order)) < 0)
		json_decref(steal_ptr(&root));
	if (root && ((*m->work && json_object_set_new(root, "work", json_string(m->work)) < 0) ||
		     encode_left(root, "named", &m->named) < 0 || encode_left(root, "publishing", &m->publishing) < 0))
		json_decref(steal_ptr(&root));
	if (!root)
		error_errno(err, ENOMEM, "metadata");
	return steal_ptr(&root);
}

int dir_meta_write(int dirfd, const char *file, const char *name, const struct dir_meta *m, unsigned mode,
		   struct error *err)
{
	CLEANUP(cleanup_json) json_t *root = encode(name, m, err);
	CLEANUP_FREE char *text = NULL;

	if (!root)
		return -1;
	text = json_dumps(root, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
	if (!text)
		return error_errno(err, ENOMEM, "metadata");
	return io_replace_file(dirfd, file, text, strlen(text), mode, err);
}
