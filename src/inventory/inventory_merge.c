/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines of several inventories that are one (inventory.h).
 *
 * Each is found under the first of these that it and the other have both, which is why a text says what else its
 *machine has:
 *
 *	u UUID
 *	b HAS_UUID BIOS_UUID
 *	p HAS_UUID HAS_BIOS_UUID PATH 0x1f NAME     without a path: an empty one, so such machines go by their names
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "inventory/inventory.h"
#include "inventory/text_index.h"

/* ---- who is who ---- */

struct merge {
	struct machine_list *l;
	struct text_index keys;
	struct strbuf key;
	size_t *roots; /* of each machine: which one it became; itself if none */
	size_t *last;  /* of each: the last inventory that it has a machine of */
};

static const char *path_head(bool has_uuid, bool has_bios)
{
	if (has_uuid)
		return has_bios ? "p11" : "p10";
	return has_bios ? "p01" : "p00";
}

static int make_key(struct merge *x, const char *head, const char *a, const char *b, struct error *err)
{
	x->key.len = 0;
	strbuf_adds(&x->key, head);
	strbuf_adds(&x->key, a ? a : "");
	if (b) {
		strbuf_adds(&x->key, "\x1f");
		strbuf_adds(&x->key, b);
	}
	return x->key.failed ? error_errno(err, ENOMEM, "%zu machines", x->l->n) : 0;
}

static int add_keys(struct merge *x, size_t i, struct error *err)
{
	const struct machine *m = &x->l->v[i];

	if (m->uuid && (make_key(x, "u", m->uuid, NULL, err) < 0 || text_index_add(&x->keys, x->key.s, i, err) < 0))
		return -1;
	if (m->bios_uuid && (make_key(x, m->uuid ? "b1" : "b0", m->bios_uuid, NULL, err) < 0 ||
			     text_index_add(&x->keys, x->key.s, i, err) < 0))
		return -1;
	if (make_key(x, path_head(m->uuid, m->bios_uuid), m->path, m->name, err) < 0)
		return -1;
	return text_index_add(&x->keys, x->key.s, i, err);
}

/* The first machine before `end` under the key just made, if it is earlier than *found. */
static void look(const struct merge *x, size_t end, size_t *found)
{
	size_t first = text_index_first(&x->keys, x->key.s);

	if (first < end && first < *found)
		*found = first;
}

/* Which machine of an earlier inventory is machine i?  TEXT_INDEX_NONE if none is. */
static int find(struct merge *x, size_t i, size_t end, size_t *found, struct error *err)
{
	const struct machine *m = &x->l->v[i];

	*found = TEXT_INDEX_NONE;
	if (m->uuid) {
		if (make_key(x, "u", m->uuid, NULL, err) < 0)
			return -1;
		look(x, end, found);
	}
	for (int uuid = 0; *found == TEXT_INDEX_NONE && m->bios_uuid && uuid <= !m->uuid; uuid++) {
		if (make_key(x, uuid ? "b1" : "b0", m->bios_uuid, NULL, err) < 0)
			return -1;
		look(x, end, found);
	}
	if (*found != TEXT_INDEX_NONE)
		return 0;
	for (int uuid = 0; uuid <= !m->uuid; uuid++) {
		for (int bios = 0; bios <= !m->bios_uuid; bios++) {
			if (make_key(x, path_head(uuid, bios), m->path, m->name, err) < 0)
				return -1;
			look(x, end, found);
		}
	}
	return 0;
}

static bool differ(const char *a, const char *b)
{
	return a && b && strcmp(a, b) != 0;
}

/* ---- one of two ---- */

struct pair {
	struct machine *kept;
	const struct machine *other;
};

static int add_conflict(struct pair *p, const char *field, const char *kept, const char *other, struct error *err)
{
	struct machine *m = p->kept;
	struct machine_conflict *v = reallocarray(m->conflicts, m->n_conflicts + 1, sizeof(*v));
	struct machine_conflict *c;

	if (!v)
		return error_errno(err, ENOMEM, "%s", m->origin);
	m->conflicts = v;
	c = &v[m->n_conflicts++];
	*c = (struct machine_conflict){ .field = strdup(field),
					.kept = strdup(kept),
					.kept_from = strdup(m->origin),
					.other = strdup(other),
					.other_from = strdup(p->other->origin) };
	return c->field && c->kept && c->kept_from && c->other && c->other_from
		       ? 0
		       : error_errno(err, ENOMEM, "%s", m->origin);
}

static int merge_text(struct pair *p, const char *field, char **kept, const char *other, struct error *err)
{
	if (!*kept)
		return machine_set(kept, other, err);
	return differ(*kept, other) ? add_conflict(p, field, *kept, other, err) : 0;
}

static int merge_number(struct pair *p, const char *field, struct machine_number *kept, struct machine_number other,
			struct error *err)
{
	char a[32], b[32];

	if (!kept->known)
		*kept = other;
	if (!other.known || kept->v == other.v)
		return 0;
	snprintf(a, sizeof(a), "%.15g", kept->v);
	snprintf(b, sizeof(b), "%.15g", other.v);
	return add_conflict(p, field, a, b, err);
}

/* 0 is what is not known. */
static int merge_word(struct pair *p, const char *field, unsigned *kept, unsigned other, const char *const *words,
		      struct error *err)
{
	if (!*kept)
		*kept = other;
	return !other || *kept == other ? 0 : add_conflict(p, field, words[*kept], words[other], err);
}

static int merge_texts(struct pair *p, struct error *err)
{
	struct machine *m = p->kept;
	const struct machine *o = p->other;
	const struct {
		const char *field;
		char **kept;
		const char *other;
	} texts[] = {
		{ "name", &m->name, *o->name ? o->name : NULL },
		{ "uuid", &m->uuid, o->uuid },
		{ "bios_uuid", &m->bios_uuid, o->bios_uuid },
		{ "vm_id", &m->vm_id, o->vm_id },
		{ "vcenter", &m->vcenter, o->vcenter },
		{ "path", &m->path, o->path },
		{ "datacenter", &m->datacenter, o->datacenter },
		{ "cluster", &m->cluster, o->cluster },
		{ "host", &m->host, o->host },
		{ "folder", &m->folder, o->folder },
		{ "annotation", &m->annotation, o->annotation },
		{ "guest_id", &m->guest_id, o->guest_id },
		{ "os_tools", &m->os_tools, o->os_tools },
		{ "os_config", &m->os_config, o->os_config },
		{ "os_name", &m->os_name, o->os_name },
		{ "os_version", &m->os_version, o->os_version },
		{ "architecture", &m->architecture, o->architecture },
		{ "tools", &m->tools, o->tools },
		{ "hardware", &m->hardware, o->hardware },
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (merge_text(p, texts[i].field, texts[i].kept, texts[i].other, err) < 0)
			return -1;
	return 0;
}

static int merge_numbers(struct pair *p, struct error *err)
{
	struct machine *m = p->kept;
	const struct machine *o = p->other;
	const struct {
		const char *field;
		struct machine_number *kept, other;
	} numbers[] = {
		{ "vcpus", &m->vcpus, o->vcpus },
		{ "memory_mib", &m->memory_mib, o->memory_mib },
		{ "nics", &m->nics, o->nics },
		{ "cpu_pct", &m->cpu_pct, o->cpu_pct },
		{ "memory_pct", &m->memory_pct, o->memory_pct },
		{ "network_out_mbs", &m->network_out_mbs, o->network_out_mbs },
		{ "storage_in_use_mib", &m->storage_in_use_mib, o->storage_in_use_mib },
		{ "guest_used_mib", &m->guest_used_mib, o->guest_used_mib },
		{ "capacity_mib", &m->capacity_mib, o->capacity_mib },
		{ "read_ops", &m->read_ops, o->read_ops },
		{ "write_ops", &m->write_ops, o->write_ops },
		{ "read_mbs", &m->read_mbs, o->read_mbs },
		{ "write_mbs", &m->write_mbs, o->write_mbs },
	};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (merge_number(p, numbers[i].field, numbers[i].kept, numbers[i].other, err) < 0)
			return -1;
	return 0;
}

static int merge_words(struct pair *p, struct error *err)
{
	static const char *const powers[] = { "unknown", "on", "off", "suspended" };
	static const char *const firmwares[] = { "unknown", "bios", "efi" };
	static const char *const answers[] = { "unknown", "no", "yes" };
	struct machine *m = p->kept;
	const struct machine *o = p->other;
	unsigned power = m->power, firmware = m->firmware, cbt = m->cbt_known ? 1U + m->cbt : 0;

	if (merge_word(p, "power", &power, o->power, powers, err) < 0 ||
	    merge_word(p, "firmware", &firmware, o->firmware, firmwares, err) < 0 ||
	    merge_word(p, "cbt", &cbt, o->cbt_known ? 1U + o->cbt : 0, answers, err) < 0)
		return -1;
	m->power = power;
	m->firmware = firmware;
	m->cbt_known = cbt > 0;
	m->cbt = cbt == 2;
	/* these are true where somebody saw it */
	m->secure_boot = m->secure_boot || o->secure_boot;
	m->template = m->template || o->template;
	m->srm_placeholder = m->srm_placeholder || o->srm_placeholder;
	m->snapshot = m->snapshot || o->snapshot;
	m->consolidation_needed = m->consolidation_needed || o->consolidation_needed;
	m->ipv6 = m->ipv6 || o->ipv6;
	m->encrypted = m->encrypted || o->encrypted;
	m->tpm = m->tpm || o->tpm;
	m->passthrough = m->passthrough || o->passthrough;
	return 0;
}

int inventory_complete(struct machine *kept, const struct machine *other, struct error *err)
{
	struct pair p = { .kept = kept, .other = other };

	if (merge_texts(&p, err) < 0 || merge_numbers(&p, err) < 0)
		return -1;
	return merge_words(&p, err);
}

/* ---- disks ---- */

static int merge_disk(struct pair *p, struct machine *other, size_t i, struct error *err)
{
	struct machine_disk *d = &p->kept->disks[i];
	struct machine_disk *o = &other->disks[i];
	char field[64];

	snprintf(field, sizeof(field), "disks[%zu].capacity_mib", i);
	if (merge_number(p, field, &d->capacity_mib, o->capacity_mib, err) < 0 ||
	    (!d->path && machine_set(&d->path, o->path, err) < 0) ||
	    (!d->mode && machine_set(&d->mode, o->mode, err) < 0) ||
	    (!d->raw_mode && machine_set(&d->raw_mode, o->raw_mode, err) < 0))
		return -1;
	d->read_ops = d->read_ops.known ? d->read_ops : o->read_ops;
	d->write_ops = d->write_ops.known ? d->write_ops : o->write_ops;
	d->read_mbs = d->read_mbs.known ? d->read_mbs : o->read_mbs;
	d->write_mbs = d->write_mbs.known ? d->write_mbs : o->write_mbs;
	d->allocated_mib = d->allocated_mib.known ? d->allocated_mib : o->allocated_mib;
	d->raw = d->raw || o->raw;
	d->independent = d->independent || o->independent;
	d->shared = d->shared || o->shared;
	d->chain = d->chain ? d->chain : o->chain;
	if (!d->image && !d->raw)
		d->image = steal_ptr(&o->image);
	return 0;
}

/* Which disk is which is known by their order alone: so only of machines that have as many. */
static int merge_disks(struct pair *p, struct machine *other, struct error *err)
{
	struct machine *m = p->kept, was = *m;
	char a[32], b[32];

	if (other->n_disks == 0 || (other->disks_collapsed && m->n_disks > 0))
		return 0;
	if (m->n_disks == 0 || m->disks_collapsed) {
		m->disks = other->disks;
		m->n_disks = other->n_disks;
		m->cap_disks = other->cap_disks;
		m->disks_collapsed = other->disks_collapsed;
		other->disks = was.disks;
		other->n_disks = was.n_disks;
		other->cap_disks = was.cap_disks;
		return 0;
	}
	if (m->n_disks != other->n_disks) {
		snprintf(a, sizeof(a), "%zu", m->n_disks);
		snprintf(b, sizeof(b), "%zu", other->n_disks);
		return add_conflict(p, "disks", a, b, err);
	}
	for (size_t i = 0; i < m->n_disks; i++)
		if (merge_disk(p, other, i, err) < 0)
			return -1;
	return machine_order_disks(m, err); /* one may be known as raw now */
}

int inventory_absorb(struct machine *kept, struct machine *other, struct error *err)
{
	struct pair p = { .kept = kept, .other = other };

	return merge_disks(&p, other, err) < 0 || inventory_complete(kept, other, err) < 0 ? -1 : 0;
}

/* ---- all ---- */

static int merge_one(struct merge *x, size_t i, size_t begin, size_t inventory, struct error *err)
{
	struct machine *m = &x->l->v[i];
	struct machine *kept;
	size_t found;

	x->roots[i] = i;
	x->last[i] = inventory;
	if (find(x, i, begin, &found, err) < 0)
		return -1;
	if (found == TEXT_INDEX_NONE)
		return 0;
	found = x->roots[found];
	kept = &x->l->v[found];
	/* it may have become somebody else's by what it took over */
	if (differ(kept->uuid, m->uuid))
		return 0;
	if (x->last[found] == inventory) {
		machine_notice(&x->l->notices, "%s: not taken for %s, as another machine of this inventory is",
			       m->origin, kept->origin);
		return 0;
	}
	if (inventory_absorb(kept, m, err) < 0)
		return -1;
	x->roots[i] = found;
	x->last[found] = inventory;
	return 0;
}

static void close_gaps(struct merge *x)
{
	size_t kept = 0;

	for (size_t i = 0; i < x->l->n; i++) {
		struct machine m = x->l->v[i];

		x->l->v[i] = (struct machine){ .name = NULL };
		if (x->roots[i] == i)
			x->l->v[kept++] = m;
		else
			machine_fini(&m);
	}
	x->l->n = kept;
}

static int merge_all(struct merge *x, const size_t *starts, size_t n, struct error *err)
{
	for (size_t i = 0; i < x->l->n; i++)
		if (add_keys(x, i, err) < 0)
			return -1;
	text_index_sort(&x->keys);
	for (size_t k = 0; k < n; k++) {
		size_t end = k + 1 < n ? starts[k + 1] : x->l->n;

		for (size_t i = starts[k]; i < end; i++)
			if (merge_one(x, i, starts[k], k, err) < 0)
				return -1;
	}
	close_gaps(x);
	return 0;
}

int inventory_merge(struct machine_list *l, const size_t *starts, size_t n, struct error *err)
{
	struct merge x = { .l = l };
	int rc;

	if (n < 2)
		return 0;
	x.roots = calloc(l->n + 1, sizeof(*x.roots));
	x.last = calloc(l->n + 1, sizeof(*x.last));
	rc = x.roots && x.last ? merge_all(&x, starts, n, err) : error_errno(err, ENOMEM, "%zu machines", l->n);
	free(x.roots);
	free(x.last);
	text_index_fini(&x.keys);
	strbuf_fini(&x.key);
	return rc;
}
