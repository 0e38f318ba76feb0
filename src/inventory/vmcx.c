/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/strbuf.h"
#include "disk/utf16.h"
#include "inventory/hyperv_config.h"
#include "inventory/vmcx.h"

#define LEN_MAX ((size_t)16 << 20) /* real ones have some 100 KiB */

#define HEADER_LEN 46
#define HEADER_OTHER 4096 /* offset of the second copy */
#define HEADER_SIGNATURE 0x01282014u
#define VERSION_4_0 0x0400u

#define LOG_HEADER_LEN 34
#define LOG_SIGNATURE 0x01110003u

#define OBJECTS_OFF 8192
#define OBJECTS_HEADER_LEN 8
#define OBJECTS_SIGNATURE 0x01110001u
#define OBJECT_LEN 18
enum object_type { OBJECT_EMPTY, OBJECT_TABLE, OBJECT_KEYS, OBJECT_FILE, OBJECT_FREE };
#define OBJECT_REQUIRED 1 /* flag */

#define KEYS_HEADER_LEN 10
#define KEYS_SIGNATURE 0x0002u
#define KEY_HEADER_LEN 21
#define KEY_CRC_OFF 12
enum key_type { KEY_FREE = 1, KEY_INT = 3, KEY_UINT, KEY_DOUBLE, KEY_STRING, KEY_ARRAY, KEY_BOOL, KEY_NODE };
#define KEY_IN_FILE 1 /* flag: the value is the length and offset of a file object */

struct object {
	uint64_t off;
	uint32_t len;
};

/* A key, as its place in the file. */
struct key {
	uint16_t table;
	uint32_t off; /* from the table's beginning */
	const uint8_t *p;
};

struct vmcx {
	const uint8_t *file;
	size_t len;
	struct object *tables, *files;
	size_t n_tables, n_files;
	uint64_t tables_len; /* of all key tables: they do not overlap */
	uint64_t text_len;   /* of all strings that were looked at: nor do they */
	struct key *keys; /* that are not free, sorted by table and offset */
	size_t n_keys;
	size_t keys_cap;
};

static void vmcx_fini(struct vmcx *v)
{
	free(v->tables);
	free(v->files);
	free(v->keys);
}

static int no_memory(struct error *err)
{
	return error_errno(err, ENOMEM, "configuration");
}

/* Of len bytes at p, four of them at crc_off taken for zeros. */
static bool crc_ok(const uint8_t *p, size_t len, size_t crc_off)
{
	static const uint8_t zeros[4];
	uint32_t crc = libdeflate_crc32(0, p, crc_off);

	crc = libdeflate_crc32(crc, zeros, sizeof(zeros));
	return libdeflate_crc32(crc, p + crc_off + 4, len - crc_off - 4) == get_le32(p + crc_off);
}

static bool all_zero(const uint8_t *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* ---- header and log ---- */

static bool header_ok(const struct vmcx *v, size_t off)
{
	return range_ok(off, HEADER_LEN, v->len) && get_le32(v->file + off) == HEADER_SIGNATURE &&
	       crc_ok(v->file + off, HEADER_LEN, 4);
}

static const uint8_t *find_header(const struct vmcx *v, struct error *err)
{
	const uint8_t *a = header_ok(v, 0) ? v->file : NULL, *b = header_ok(v, HEADER_OTHER) ? v->file + HEADER_OTHER : NULL;

	if (!a && !b) {
		error_set(err, ERR_CORRUPT, "neither header, at 0 or %d, is valid", HEADER_OTHER);
		return NULL;
	}
	if (a && b && get_le16(a + 8) == get_le16(b + 8)) {
		error_set(err, ERR_CORRUPT, "both headers have the sequence number %u", get_le16(a + 8));
		return NULL;
	}
	if (!a || !b)
		return a ? a : b;
	return get_le16(a + 8) > get_le16(b + 8) ? a : b;
}

static int check_log(const struct vmcx *v, uint64_t off, uint64_t len, struct error *err)
{
	const uint8_t *p;

	if (len < LOG_HEADER_LEN || !range_ok(off, len, v->len))
		return error_set(err, ERR_CORRUPT, "log of %" PRIu64 " bytes at %" PRIu64 ": outside the file (%zu bytes)", len,
				 off, v->len);
	p = v->file + off;
	if (get_le32(p) != LOG_SIGNATURE || !crc_ok(p, LOG_HEADER_LEN, 4))
		return error_set(err, ERR_CORRUPT, "log at %" PRIu64 ": wrong signature or checksum", off);
	if (get_le32(p + 8) != 0)
		return error_set(err, ERR_UNSUPPORTED, "%" PRIu32 " changes are pending in its log: shut the VM down, or export it",
				 get_le32(p + 8));
	return 0;
}

static int check_header(const struct vmcx *v, struct error *err)
{
	const uint8_t *p = find_header(v, err);

	if (!p)
		return -1;
	if (get_le32(p + 10) != VERSION_4_0)
		return error_set(err, ERR_UNSUPPORTED, "format version 0x%04" PRIx32 "; 0x0400 is read", get_le32(p + 10));
	return check_log(v, get_le64(p + 26), get_le64(p + 34), err);
}

/* ---- objects ---- */

static int add_object(struct object **v, size_t *n, const struct object *o, struct error *err)
{
	struct object *grown = reallocarray(*v, *n + 1, sizeof(*grown));

	if (!grown)
		return no_memory(err);
	*v = grown;
	grown[(*n)++] = *o;
	return 0;
}

static int take_object(struct vmcx *v, const uint8_t *p, bool last, uint64_t *next, struct error *err)
{
	const struct object o = { .off = get_le64(p + 5), .len = get_le32(p + 13) };
	size_t at = (size_t)(p - v->file);
	uint8_t type = p[0];

	if (all_zero(p, OBJECT_LEN))
		return 0;
	if (!crc_ok(p, OBJECT_LEN, 1))
		return error_set(err, ERR_CORRUPT, "object at %zu: wrong checksum", at);
	if (type != OBJECT_TABLE && type != OBJECT_KEYS && type != OBJECT_FILE)
		return 0; /* unused, or nothing that keys lie in */
	if (o.off < OBJECTS_OFF || !range_ok(o.off, o.len, v->len))
		return error_set(err, ERR_CORRUPT, "object at %zu: %" PRIu32 " bytes at %" PRIu64 ", outside of 8192 to %zu", at,
				 o.len, o.off, v->len);
	if (last != (type == OBJECT_TABLE))
		return error_set(err, ERR_CORRUPT, "object at %zu: type %u %s", at, type,
				 last ? "in the place of the next table" : "before the last place");
	if (type == OBJECT_TABLE) {
		*next = o.off;
		return 0;
	}
	if (type == OBJECT_FILE)
		return add_object(&v->files, &v->n_files, &o, err);
	if (!(p[17] & OBJECT_REQUIRED))
		return error_set(err, ERR_CORRUPT, "object at %zu: a key table that is not marked as required", at);
	v->tables_len += o.len;
	if (v->tables_len > v->len)
		return error_set(err, ERR_CORRUPT, "object at %zu: key tables of more bytes than the file has", at);
	return add_object(&v->tables, &v->n_tables, &o, err);
}

static int object_order(const void *a, const void *b)
{
	const struct object *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

static int read_objects(struct vmcx *v, struct error *err)
{
	uint64_t off = OBJECTS_OFF, next, seen = 0;

	for (; off; off = next) {
		uint32_t n;

		next = 0;
		if (!range_ok(off, OBJECTS_HEADER_LEN, v->len) || get_le32(v->file + off) != OBJECTS_SIGNATURE)
			return error_set(err, ERR_CORRUPT, "object table at %" PRIu64 ": wrong signature, or beyond the end", off);
		n = get_le32(v->file + off + 4);
		if (n == 0 || n > (v->len - off - OBJECTS_HEADER_LEN) / OBJECT_LEN)
			return error_set(err, ERR_CORRUPT, "object table at %" PRIu64 ": %" PRIu32 " entries do not fit", off, n);
		seen += n;
		if (seen > v->len / OBJECT_LEN)
			return error_set(err, ERR_CORRUPT, "object table at %" PRIu64 ": tables overlap, or form a circle", off);
		for (uint32_t i = 0; i < n; i++)
			if (take_object(v, v->file + off + OBJECTS_HEADER_LEN + (size_t)i * OBJECT_LEN, i == n - 1, &next,
					err) < 0)
				return -1;
	}
	if (v->n_files > 0)
		qsort(v->files, v->n_files, sizeof(*v->files), object_order);
	return 0;
}

/* ---- keys ---- */

/* The value of a key: behind its name. */
static size_t value_off(const uint8_t *key)
{
	return (size_t)KEY_HEADER_LEN + key[20];
}

/* Bytes of a key that say something, without the slack behind; 0: they do not fit, or the type is unknown. */
static size_t key_used(const uint8_t *key, uint32_t size)
{
	size_t off = value_off(key), value = 0;

	if (off > size)
		return 0;
	if (key[1] & KEY_IN_FILE)
		value = 12;
	else if (key[0] == KEY_STRING || key[0] == KEY_ARRAY)
		value = size - off < 4 ? SIZE_MAX : (size_t)4 + get_le32(key + off);
	else if (key[0] == KEY_INT || key[0] == KEY_UINT || key[0] == KEY_DOUBLE)
		value = 8;
	else if (key[0] == KEY_BOOL)
		value = 4;
	else if (key[0] == KEY_NODE)
		value = 12;
	else
		return 0;
	return value <= size - off ? off + value : 0;
}

static bool key_crc_ok(const uint8_t *key, size_t used)
{
	bool counted = !(key[1] & KEY_IN_FILE) && (key[0] == KEY_STRING || key[0] == KEY_ARRAY);

	return crc_ok(key, used, KEY_CRC_OFF) || (counted && crc_ok(key, used - 4, KEY_CRC_OFF));
}

static int check_key(const uint8_t *key, uint32_t size, size_t at, struct error *err)
{
	size_t name = key[20], used;

	used = key_used(key, size);
	if (used == 0)
		return error_set(err, ERR_CORRUPT, "key at %zu: type %u, name of %zu bytes and value do not fit %" PRIu32 " bytes",
				 at, key[0], name, size);
	if (!key_crc_ok(key, used))
		return error_set(err, ERR_CORRUPT, "key at %zu: wrong checksum", at);
	if (name < 2 || memchr(key + KEY_HEADER_LEN, '\0', name) != key + KEY_HEADER_LEN + name - 1 ||
	    memchr(key + KEY_HEADER_LEN, '/', name))
		return error_set(err, ERR_CORRUPT, "key at %zu: no proper name", at);
	return 0;
}

static int add_key(struct vmcx *v, const struct key *key, struct error *err)
{
	if (v->n_keys == v->keys_cap) {
		size_t cap = v->keys_cap ? 2 * v->keys_cap : 256;
		struct key *keys = reallocarray(v->keys, cap, sizeof(*keys));

		if (!keys)
			return no_memory(err);
		v->keys = keys;
		v->keys_cap = cap;
	}
	v->keys[v->n_keys++] = *key;
	return 0;
}

static int read_table(struct vmcx *v, const struct object *o, struct error *err)
{
	const uint8_t *p = v->file + o->off;
	uint16_t index;
	uint32_t off = KEYS_HEADER_LEN;

	if (o->len < KEYS_HEADER_LEN || get_le16(p) != KEYS_SIGNATURE || !crc_ok(p, KEYS_HEADER_LEN, 6))
		return error_set(err, ERR_CORRUPT, "key table at %" PRIu64 ": wrong signature or checksum", o->off);
	index = get_le16(p + 2);
	if (index == 0)
		return error_set(err, ERR_CORRUPT, "key table at %" PRIu64 ": number 0, which is the root's", o->off);
	while (o->len - off >= KEY_HEADER_LEN) {
		const struct key key = { .table = index, .off = off, .p = p + off };
		size_t at = (size_t)(key.p - v->file);
		uint32_t size = get_le32(key.p + 2);

		if (size == 0)
			break;
		if (size < KEY_HEADER_LEN || size > o->len - off)
			return error_set(err, ERR_CORRUPT, "key at %zu: %" PRIu32 " bytes long, of 21 to %" PRIu32, at, size,
					 o->len - off);
		if (key.p[0] != KEY_FREE && (check_key(key.p, size, at, err) < 0 || add_key(v, &key, err) < 0))
			return -1;
		off += size;
	}
	if (!all_zero(p + off, o->len - off))
		return error_set(err, ERR_CORRUPT, "key table at %" PRIu64 ": %" PRIu32 " bytes at its end belong to no key",
				 o->off, o->len - off);
	return 0;
}

static int key_order(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	return x->off < y->off ? -1 : x->off > y->off;
}

static int read_keys(struct vmcx *v, struct error *err)
{
	for (size_t i = 0; i < v->n_tables; i++)
		if (read_table(v, &v->tables[i], err) < 0)
			return -1;
	if (v->n_keys == 0)
		return error_set(err, ERR_CORRUPT, "no keys");
	qsort(v->keys, v->n_keys, sizeof(*v->keys), key_order);
	for (size_t i = 1; i < v->n_keys; i++)
		if (key_order(&v->keys[i - 1], &v->keys[i]) == 0)
			return error_set(err, ERR_CORRUPT, "two key tables are number %u", v->keys[i].table);
	return 0;
}

/* ---- values ---- */

static const char *key_name(const struct key *key)
{
	return (const char *)key->p + KEY_HEADER_LEN;
}

/* *parent: NULL for a child of the root. */
static int find_parent(const struct vmcx *v, const struct key *key, const struct key **parent, struct error *err)
{
	const struct key want = { .table = get_le16(key->p + 6), .off = get_le32(key->p + 8) };

	*parent = NULL;
	if (want.table == 0 && want.off == 0)
		return 0;
	*parent = bsearch(&want, v->keys, v->n_keys, sizeof(*v->keys), key_order);
	if (!*parent || (*parent)->p[0] != KEY_NODE)
		return error_set(err, ERR_CORRUPT, "key at %zu: its parent, %" PRIu32 " in table %u, is no node",
				 (size_t)(key->p - v->file), want.off, want.table);
	return 0;
}

/* "configuration/properties/name"; NULL with err untouched: too deep to say anything here. */
static int key_path(const struct vmcx *v, const struct key *key, char **out, struct error *err)
{
	const struct key *up[HYPERV_DEPTH_MAX];
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
	size_t n = 0;

	*out = NULL;
	for (; key; n++) {
		if (n == HYPERV_DEPTH_MAX)
			return 0; /* a circle ends here too */
		up[n] = key;
		if (find_parent(v, key, &key, err) < 0)
			return -1;
	}
	while (n-- > 0)
		strbuf_addf(&text, "%s%s", key_name(up[n]), n > 0 ? "/" : "");
	*out = strbuf_take(&text, err);
	return *out ? 0 : -1;
}

static const struct object *file_at(const struct vmcx *v, uint64_t off)
{
	const struct object want = { .off = off };

	return v->n_files > 0 ? bsearch(&want, v->files, v->n_files, sizeof(*v->files), object_order) : NULL;
}

/* The bytes of a string, wherever they lie. */
static int find_string(const struct vmcx *v, const struct key *key, const uint8_t **p, size_t *len, struct error *err)
{
	const uint8_t *value = key->p + value_off(key->p);
	const struct object *file;

	*len = get_le32(value);
	*p = value + 4;
	if (!(key->p[1] & KEY_IN_FILE))
		return 0;
	file = file_at(v, get_le64(value + 4));
	if (!file || *len > file->len)
		return error_set(err, ERR_CORRUPT, "key at %zu: no file object has its %zu bytes at %" PRIu64,
				 (size_t)(key->p - v->file), *len, get_le64(value + 4));
	*p = v->file + file->off;
	return 0;
}

/* A number or truth, as XML would have it. */
static int take_fact(const struct vmcx *v, const struct key *key, struct hyperv_config *c, struct error *err)
{
	const uint8_t *value = key->p + value_off(key->p);
	CLEANUP_FREE char *path = NULL;
	char text[32];

	if (key->p[1] & KEY_IN_FILE)
		return 0;
	if (key->p[0] == KEY_BOOL)
		snprintf(text, sizeof(text), "%s", get_le32(value) ? "True" : "False");
	else if (key->p[0] == KEY_INT)
		snprintf(text, sizeof(text), "%" PRId64, (int64_t)get_le64(value));
	else
		snprintf(text, sizeof(text), "%" PRIu64, get_le64(value));
	if (key_path(v, key, &path, err) < 0)
		return -1;
	return path ? hyperv_config_fact_value(c, path, text, err) : 0;
}

static int take_value(struct vmcx *v, const struct key *key, struct hyperv_config *c, struct error *err)
{
	CLEANUP_FREE char *path = NULL;
	CLEANUP_FREE char *text = NULL;
	const uint8_t *p;
	size_t len;

	if (!hyperv_config_wants(c, key_name(key)))
		return 0;
	if (key->p[0] == KEY_INT || key->p[0] == KEY_UINT || key->p[0] == KEY_BOOL)
		return take_fact(v, key, c, err);
	if (key->p[0] != KEY_STRING)
		return 0;
	if (key_path(v, key, &path, err) < 0)
		return -1;
	if (!path)
		return 0;
	if (find_string(v, key, &p, &len, err) < 0)
		return -1;
	v->text_len += len;
	if (v->text_len > v->len)
		return error_set(err, ERR_CORRUPT, "%.200s: strings of more bytes than the file has", path);
	if (len >= 2 && len % 2 == 0 && get_le16(p + len - 2) == 0)
		len -= 2;
	text = utf16le_to_utf8(p, len, err);
	if (!text)
		return error_prefix(err, "%.200s", path);
	return hyperv_config_value(c, path, text, err);
}

static int read_all(struct vmcx *v, struct hyperv_config *c, struct error *err)
{
	if (check_header(v, err) < 0 || read_objects(v, err) < 0 || read_keys(v, err) < 0)
		return -1;
	for (size_t i = 0; i < v->n_keys; i++)
		if (take_value(v, &v->keys[i], c, err) < 0)
			return -1;
	return 0;
}

static int vmcx_parse(const char *raw, size_t len, struct vm_config_list *out, struct error *err)
{
	CLEANUP(cleanup_hyperv_config) struct hyperv_config *c = hyperv_config_new(err);
	CLEANUP(vmcx_fini) struct vmcx v = { .file = (const uint8_t *)raw, .len = len };

	if (!c || read_all(&v, c, err) < 0)
		return -1;
	return hyperv_config_finish(c, out, err);
}

static int vmcx_describe(const char *raw, size_t len, struct machine_list *out, struct error *err)
{
	CLEANUP(cleanup_hyperv_config) struct hyperv_config *c = hyperv_config_new(err);
	CLEANUP(vmcx_fini) struct vmcx v = { .file = (const uint8_t *)raw, .len = len };

	if (!c)
		return -1;
	hyperv_config_want_facts(c);
	return read_all(&v, c, err) < 0 ? -1 : hyperv_config_describe(c, out, err);
}

const struct vm_config_format vmcx_format = {
	.suffix = ".vmcx",
	.len_max = LEN_MAX,
	.hyperv = true,
	.instead = "what Get-VM | Get-VMHardDiskDrive | ConvertTo-Json wrote into a .json beside it would be",
	.parse = vmcx_parse,
	.describe = vmcx_describe,
};
