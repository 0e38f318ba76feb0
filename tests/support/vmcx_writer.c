/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "support/vmcx_writer.h"

#define FILE_MAX ((size_t)1 << 20)
#define PAGE 4096
#define OBJECTS_OFF ((size_t)2 * PAGE)
#define HEADER_LEN 46
#define LOG_LEN 34
#define TABLE_HEAD 10
#define KEY_HEAD 21
#define NODES_MAX 256

struct node {
	char path[200];
	uint16_t table;
	uint32_t off;
};

struct writer {
	struct vmcx_image *img;
	size_t end; /* of what is written */
	size_t table, used; /* the key table that is being filled, and how far */
	struct node nodes[NODES_MAX];
	size_t n_nodes;
	size_t object; /* the next entry of the object tables */
	size_t object_table;
};

void vmcx_image_seal(uint8_t *p, size_t len, size_t crc_off)
{
	put_le32(p + crc_off, 0);
	put_le32(p + crc_off, libdeflate_crc32(0, p, len));
}

static size_t value_len(const uint8_t *key)
{
	if (key[1] & 1)
		return 12;
	return key[0] == 9 ? 12 : (size_t)4 + get_le32(key + KEY_HEAD + key[20]);
}

void vmcx_image_seal_key(uint8_t *key)
{
	vmcx_image_seal(key, KEY_HEAD + key[20] + value_len(key), VMCX_W_KEY_CRC);
}

static uint8_t *take(struct writer *w, size_t len)
{
	uint8_t *p = w->img->bytes + w->end;

	w->end += (len + PAGE - 1) / PAGE * PAGE;
	assert_true(w->end <= FILE_MAX);
	return p;
}

static void begin_objects(struct writer *w, size_t off)
{
	uint8_t *p = w->img->bytes + off;

	put_le32(p, 0x01110001);
	put_le32(p + 4, w->img->objects);
	for (uint32_t i = 0; i < w->img->objects; i++)
		vmcx_image_seal(p + 8 + (size_t)i * 18, 18, 1);
	w->object_table = off;
	w->object = 0;
}

static void write_object(struct writer *w, uint8_t type, size_t off, size_t len)
{
	uint8_t *p = w->img->bytes + w->object_table + 8 + w->object * 18;

	p[0] = type;
	put_le64(p + 5, off);
	put_le32(p + 13, (uint32_t)len);
	p[17] = type == 2;
	vmcx_image_seal(p, 18, 1);
	w->object++;
}

static void put_object(struct writer *w, uint8_t type, size_t off, size_t len)
{
	if (w->object == w->img->objects - 1) {
		size_t next = (size_t)(take(w, 8 + (size_t)w->img->objects * 18) - w->img->bytes);

		write_object(w, 1, next, 8 + (size_t)w->img->objects * 18);
		begin_objects(w, next);
	}
	write_object(w, type, off, len);
}

static void close_table(struct writer *w)
{
	uint8_t *p = w->img->bytes + w->table + w->used;
	size_t left = w->img->table_len - w->used;

	if (left == 0)
		return;
	p[0] = 1;
	put_le32(p + 2, (uint32_t)left);
}

static void begin_table(struct writer *w)
{
	uint8_t *p = take(w, w->img->table_len);

	w->table = (size_t)(p - w->img->bytes);
	w->used = TABLE_HEAD;
	put_le16(p, 2);
	put_le16(p + 2, (uint16_t)++w->img->n_tables);
	put_le16(p + 4, 1);
	vmcx_image_seal(p, TABLE_HEAD, 6);
	put_object(w, 2, w->table, w->img->table_len);
	if (w->img->n_tables == 1)
		w->img->tables_off = w->table;
}

static uint8_t *put_key(struct writer *w, uint8_t type, uint8_t flags, const struct node *parent, const char *name,
			const uint8_t *value, size_t len)
{
	size_t name_len = strlen(name) + 1, size = KEY_HEAD + name_len + len;
	size_t left = w->img->table_len - w->used;
	uint8_t *p;

	assert_true(size + KEY_HEAD + TABLE_HEAD < w->img->table_len);
	if (left < size) {
		close_table(w);
		begin_table(w);
		left = w->img->table_len - w->used;
	}
	if (left - size <= KEY_HEAD)
		size = left; /* no room for a free key: slack */
	p = w->img->bytes + w->table + w->used;
	p[0] = type;
	p[1] = flags;
	put_le32(p + 2, (uint32_t)size);
	put_le16(p + 6, parent ? parent->table : 0);
	put_le32(p + 8, parent ? parent->off : 0);
	put_le32(p + 16, 1);
	p[20] = (uint8_t)name_len;
	memcpy(p + KEY_HEAD, name, name_len);
	memcpy(p + KEY_HEAD + name_len, value, len);
	vmcx_image_seal_key(p);
	if (type == 6 && !flags && w->img->short_crc)
		vmcx_image_seal(p, KEY_HEAD + name_len + len - 4, VMCX_W_KEY_CRC);
	w->used += size;
	return p;
}

/* The node of a path, made if need be; NULL: the root. */
static const struct node *node_of(struct writer *w, const char *path, size_t len)
{
	const uint8_t value[12] = { 0 };
	const struct node *parent = NULL;
	struct node *n = NULL;
	size_t slash = len;
	char name[100];
	uint8_t *key;

	if (len == 0)
		return NULL;
	for (size_t i = 0; i < w->n_nodes; i++)
		if (strlen(w->nodes[i].path) == len && memcmp(w->nodes[i].path, path, len) == 0)
			return &w->nodes[i];
	while (slash > 0 && path[slash - 1] != '/')
		slash--;
	if (slash > 0)
		parent = node_of(w, path, slash - 1);
	snprintf(name, sizeof(name), "%.*s", (int)(len - slash), path + slash);
	key = put_key(w, 9, 0, parent, name, value, sizeof(value));
	assert_true(w->n_nodes < NODES_MAX);
	n = &w->nodes[w->n_nodes++];
	snprintf(n->path, sizeof(n->path), "%.*s", (int)len, path);
	n->table = (uint16_t)w->img->n_tables;
	n->off = (uint32_t)(key - (w->img->bytes + w->table));
	return n;
}

static void put_value(struct writer *w, const struct vmcx_w_value *v)
{
	const char *slash = strrchr(v->path, '/');
	const struct node *parent = slash ? node_of(w, v->path, (size_t)(slash - v->path)) : NULL;
	const char *name = slash ? slash + 1 : v->path;
	size_t units = strlen(v->text) + !w->img->without_nul, len = 2 * units;
	uint8_t *value = calloc(1, 4 + len + 12);

	assert_non_null(value);
	for (size_t i = 0; i < strlen(v->text); i++)
		value[4 + 2 * i] = (uint8_t)v->text[i];
	put_le32(value, (uint32_t)len);
	if (len >= w->img->file_object) {
		uint8_t *file = take(w, len);

		memcpy(file, value + 4, len);
		put_le64(value + 4, (uint64_t)(file - w->img->bytes));
		put_object(w, 3, (size_t)(file - w->img->bytes), (len + PAGE - 1) / PAGE * PAGE);
		put_key(w, 6, 1, parent, name, value, 12);
	} else {
		put_key(w, 6, 0, parent, name, value, 4 + len);
	}
	free(value);
}

static void put_header(struct vmcx_image *img, size_t off, uint16_t sequence)
{
	uint8_t *p = img->bytes + off;

	put_le32(p, 0x01282014);
	put_le16(p + 8, sequence);
	put_le32(p + 10, 0x0400);
	put_le32(p + 22, PAGE);
	put_le64(p + 26, img->log_off);
	put_le64(p + 34, PAGE);
	put_le32(p + 42, PAGE);
	vmcx_image_seal(p, HEADER_LEN, 4);
}

void vmcx_image_build(struct vmcx_image *img, const struct vmcx_w_value *values, size_t n)
{
	struct writer *w = calloc(1, sizeof(*w));
	uint8_t *log;

	assert_non_null(w);
	img->table_len = img->table_len ? img->table_len : PAGE;
	img->objects = img->objects ? img->objects : 16;
	img->file_object = img->file_object ? img->file_object : 2048;
	img->bytes = calloc(1, FILE_MAX);
	assert_non_null(img->bytes);
	w->img = img;
	w->end = OBJECTS_OFF + PAGE;
	img->objects_off = OBJECTS_OFF;
	begin_objects(w, OBJECTS_OFF);
	begin_table(w);
	for (size_t i = 0; i < n; i++)
		put_value(w, &values[i]);
	close_table(w);
	log = take(w, PAGE);
	img->log_off = (size_t)(log - img->bytes);
	put_le32(log, 0x01110003);
	put_le32(log + 13, 145);
	vmcx_image_seal(log, LOG_LEN, 4);
	put_header(img, 0, 7);
	put_header(img, PAGE, 6);
	img->len = w->end;
	free(w);
}

void vmcx_image_fini(struct vmcx_image *img)
{
	free(img->bytes);
	*img = (struct vmcx_image){ 0 };
}

uint8_t *vmcx_image_key(const struct vmcx_image *img, const char *name)
{
	for (size_t off = img->tables_off; off + KEY_HEAD < img->len; off++)
		if (img->bytes[off + 20] == strlen(name) + 1 && strcmp((char *)img->bytes + off + KEY_HEAD, name) == 0)
			return img->bytes + off;
	fail_msg("no key '%s'", name);
	return NULL;
}

static void seal_table(const struct vmcx_image *img, size_t off, size_t len)
{
	if (len < TABLE_HEAD)
		return;
	vmcx_image_seal(img->bytes + off, TABLE_HEAD, 6);
	for (size_t at = TABLE_HEAD; len - at >= KEY_HEAD + 4;) {
		uint8_t *key = img->bytes + off + at;
		size_t size = get_le32(key + 2), head = KEY_HEAD + (size_t)key[20];

		if (size < KEY_HEAD || size > len - at)
			return;
		if (head + 4 <= size && value_len(key) <= size - head)
			vmcx_image_seal_key(key);
		at += size;
	}
}

void vmcx_image_seal_all(struct vmcx_image *img)
{
	for (size_t i = 0; i < img->objects; i++) {
		uint8_t *p = img->bytes + img->objects_off + 8 + i * 18;
		uint64_t off = get_le64(p + 5), len = get_le32(p + 13);

		vmcx_image_seal(p, 18, 1);
		if (p[0] == 2 && off <= img->len && len <= img->len - off)
			seal_table(img, (size_t)off, (size_t)len);
	}
	vmcx_image_seal(img->bytes + img->log_off, LOG_LEN, 4);
	vmcx_image_seal(img->bytes, HEADER_LEN, 4);
	vmcx_image_seal(img->bytes + PAGE, HEADER_LEN, 4);
}
