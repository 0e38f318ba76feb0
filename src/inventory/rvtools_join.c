/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each VM is found under up to four texts, which also say what else it has, since a UUID that both have decides alone,
 *and an ID after it:
 *
 *	u UUID
 *	i HAS_UUID ID                   for a row without a vCenter
 *	v HAS_UUID ID 0x1f VCENTER      for a row with one; VCENTER empty: the VM has none, and is any row's with that
 *ID n HAS_UUID HAS_ID NAME
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "inventory/rvtools_join.h"

static int make_key(struct rvtools_join *j, const char *head, const char *text, struct error *err)
{
	j->key.len = 0;
	strbuf_adds(&j->key, head);
	strbuf_adds(&j->key, text);
	return j->key.failed ? error_errno(err, ENOMEM, "machines") : 0;
}

static int make_vcenter_key(struct rvtools_join *j, bool has_uuid, const char *id, const char *vcenter,
			    struct error *err)
{
	if (make_key(j, has_uuid ? "v1" : "v0", id, err) < 0)
		return -1;
	strbuf_adds(&j->key, "\x1f");
	strbuf_adds(&j->key, vcenter);
	return j->key.failed ? error_errno(err, ENOMEM, "machines") : 0;
}

static const char *name_head(bool has_uuid, bool has_id)
{
	if (has_uuid)
		return has_id ? "n11" : "n10";
	return has_id ? "n01" : "n00";
}

int rvtools_join_add(struct rvtools_join *j, const struct csv_table *t, const char *uuid, size_t vm, struct error *err)
{
	const char *name = csv_table_text(t, RVTOOLS_NAME), *id = csv_table_text(t, RVTOOLS_ID);

	if (uuid && (make_key(j, "u", uuid, err) < 0 || text_index_add(&j->keys, j->key.s, vm, err) < 0))
		return -1;
	if (*id && (make_key(j, uuid ? "i1" : "i0", id, err) < 0 || text_index_add(&j->keys, j->key.s, vm, err) < 0 ||
		    make_vcenter_key(j, uuid, id, csv_table_text(t, RVTOOLS_VCENTER), err) < 0 ||
		    text_index_add(&j->keys, j->key.s, vm, err) < 0))
		return -1;
	if (*name &&
	    (make_key(j, name_head(uuid, *id), name, err) < 0 || text_index_add(&j->keys, j->key.s, vm, err) < 0))
		return -1;
	return 0;
}

void rvtools_join_sort(struct rvtools_join *j)
{
	text_index_sort(&j->keys);
}

/* Lowers *vm to what is under the key just made. */
static void look(const struct rvtools_join *j, size_t *vm)
{
	size_t found = text_index_first(&j->keys, j->key.s);

	if (found < *vm) /* TEXT_INDEX_NONE is the greatest */
		*vm = found;
}

int rvtools_join_uuid(struct rvtools_join *j, const char *uuid, size_t *vm_out, struct error *err)
{
	*vm_out = TEXT_INDEX_NONE;
	if (make_key(j, "u", uuid, err) < 0)
		return -1;
	look(j, vm_out);
	return 0;
}

/* VMs that have a UUID are looked at only for a row without one. */
static int look_for_id(struct rvtools_join *j, const struct csv_table *t, bool has_uuid, size_t *vm, struct error *err)
{
	const char *id = csv_table_text(t, RVTOOLS_ID), *vcenter = csv_table_text(t, RVTOOLS_VCENTER);

	for (int with = 0; *id && with <= !has_uuid; with++) {
		if (!*vcenter) {
			if (make_key(j, with ? "i1" : "i0", id, err) < 0)
				return -1;
			look(j, vm);
			continue;
		}
		if (make_vcenter_key(j, with, id, vcenter, err) < 0)
			return -1;
		look(j, vm);
		if (make_vcenter_key(j, with, id, "", err) < 0)
			return -1;
		look(j, vm);
	}
	return 0;
}

static int look_for_name(struct rvtools_join *j, const struct csv_table *t, bool has_uuid, size_t *vm,
			 struct error *err)
{
	const char *name = csv_table_text(t, RVTOOLS_NAME);
	bool has_id = *csv_table_text(t, RVTOOLS_ID);

	for (int uuid = 0; *name && uuid <= !has_uuid; uuid++) {
		for (int id = 0; id <= !has_id; id++) {
			if (make_key(j, name_head(uuid, id), name, err) < 0)
				return -1;
			look(j, vm);
		}
	}
	return 0;
}

int rvtools_join_row(struct rvtools_join *j, const struct csv_table *t, size_t *vm_out, struct error *err)
{
	*vm_out = TEXT_INDEX_NONE;
	if (machine_set_uuid(&j->uuid, csv_table_text(t, RVTOOLS_UUID), err) < 0)
		return -1;
	if (j->uuid && rvtools_join_uuid(j, j->uuid, vm_out, err) < 0)
		return -1;
	if (*vm_out == TEXT_INDEX_NONE && look_for_id(j, t, j->uuid, vm_out, err) < 0)
		return -1;
	if (*vm_out == TEXT_INDEX_NONE && look_for_name(j, t, j->uuid, vm_out, err) < 0)
		return -1;
	return 0;
}

void rvtools_join_fini(struct rvtools_join *j)
{
	text_index_fini(&j->keys);
	strbuf_fini(&j->key);
	free(j->uuid);
	*j = (struct rvtools_join){ .uuid = NULL };
}
