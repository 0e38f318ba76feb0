/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/machine.h"
#include "inventory/machine_look.h"

#define UUID_DIGITS 32

/* ---- growing ---- */

static int room_for_one(void *vec, size_t size, size_t n, size_t *cap, size_t max, const char *what, struct error *err)
{
	size_t more = *cap ? 2 * *cap : 8;
	void *old, *v;

	if (n >= max)
		return error_set(err, ERR_UNSUPPORTED, "more than %zu %s", max, what);
	if (n < *cap)
		return 0;
	memcpy(&old, vec, sizeof(old));
	v = reallocarray(old, more, size);
	if (!v)
		return error_errno(err, ENOMEM, "%s", what);
	memcpy(vec, &v, sizeof(v));
	*cap = more;
	return 0;
}

struct machine *machine_add(struct machine_list *l, const char *name, const char *origin, struct error *err)
{
	struct machine m = { .name = strdup(name), .origin = strdup(origin) };

	if (!m.name || !m.origin) {
		error_errno(err, ENOMEM, "%s", origin);
		machine_fini(&m);
		return NULL;
	}
	if (room_for_one(&l->v, sizeof(*l->v), l->n, &l->cap, MACHINES_MAX, "machines", err) < 0) {
		error_prefix(err, "%s", origin);
		machine_fini(&m);
		return NULL;
	}
	l->v[l->n] = m;
	return &l->v[l->n++];
}

struct machine_disk *machine_add_disk(struct machine *m, const char *label, struct error *err)
{
	struct machine_disk d = { .label = strdup(label) };

	if (!d.label) {
		error_errno(err, ENOMEM, "%s", m->origin);
		return NULL;
	}
	if (room_for_one(&m->disks, sizeof(*m->disks), m->n_disks, &m->cap_disks, MACHINE_DISKS_MAX, "disks of one machine",
			 err) < 0) {
		error_prefix(err, "%s", m->origin);
		free(d.label);
		return NULL;
	}
	m->disks[m->n_disks] = d;
	return &m->disks[m->n_disks++];
}

/* ---- values ---- */

int machine_set(char **field, const char *text, struct error *err)
{
	char *copy = NULL;

	if (text && *text) {
		copy = strdup(text);
		if (!copy)
			return error_errno(err, ENOMEM, "machines");
	}
	free(*field);
	*field = copy;
	return 0;
}

int machine_set_uuid(char **field, const char *text, struct error *err)
{
	char uuid[UUID_DIGITS + 4 + 1];
	size_t digits = 0, at = 0;

	for (const char *p = text ? text : ""; *p; p++) {
		if (*p == '-' || *p == ' ' || *p == '{' || *p == '}')
			continue;
		if (!isxdigit((unsigned char)*p) || digits == UUID_DIGITS)
			return machine_set(field, NULL, err);
		if (digits == 8 || digits == 12 || digits == 16 || digits == 20)
			uuid[at++] = '-';
		uuid[at++] = (char)tolower((unsigned char)*p);
		digits++;
	}
	uuid[at] = '\0';
	return machine_set(field, digits == UUID_DIGITS ? uuid : NULL, err);
}

void machine_notice(struct machine_notices *n, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int len;

	if (room_for_one(&n->v, sizeof(*n->v), n->n, &n->cap, MACHINE_NOTICES_MAX, "notices", NULL) < 0) {
		n->beyond++;
		return;
	}
	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		n->beyond++;
	else
		n->v[n->n++] = text;
}

/* ---- disks ---- */

static bool last_number(const char *label, double *out)
{
	size_t end = strlen(label), start;

	while (end > 0 && !isdigit((unsigned char)label[end - 1]))
		end--;
	start = end;
	while (start > 0 && isdigit((unsigned char)label[start - 1]))
		start--;
	*out = 0;
	for (size_t i = start; i < end; i++)
		*out = *out * 10 + (label[i] - '0');
	return end > start;
}

struct ordered_disk {
	struct machine_disk disk;
	double key;
	size_t read; /* equal keys stay as read */
};

static int by_key(const void *a, const void *b)
{
	const struct ordered_disk *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->read < y->read ? -1 : x->read > y->read;
}

static bool find_keys(const struct machine *m, struct ordered_disk *v)
{
	bool by_order = true, by_label = true;
	double ignored;

	for (size_t i = 0; i < m->n_disks; i++) {
		by_order = by_order && m->disks[i].order.known;
		by_label = by_label && last_number(m->disks[i].label, &ignored);
	}
	for (size_t i = 0; i < m->n_disks; i++) {
		v[i] = (struct ordered_disk){ .disk = m->disks[i], .read = i };
		if (by_order)
			v[i].key = m->disks[i].order.v;
		else if (by_label)
			last_number(m->disks[i].label, &v[i].key);
	}
	return by_order || by_label;
}

int machine_order_disks(struct machine *m, struct error *err)
{
	CLEANUP_FREE struct ordered_disk *v = calloc(m->n_disks + 1, sizeof(*v));

	if (!v)
		return error_errno(err, ENOMEM, "%s", m->origin);
	if (find_keys(m, v))
		qsort(v, m->n_disks, sizeof(*v), by_key);
	for (size_t i = 0, os = SIZE_MAX; i < m->n_disks; i++) {
		if (os == SIZE_MAX && !v[i].disk.raw)
			os = i;
		m->disks[i] = v[i].disk;
		m->disks[i].os = os == i;
	}
	return 0;
}

int machine_collapse_disks(struct machine *m, struct error *err)
{
	struct machine_disk *d;

	if (m->n_disks > 0 || !m->capacity_mib.known)
		return 0;
	d = machine_add_disk(m, "all disks", err);
	if (!d)
		return -1;
	d->capacity_mib = m->capacity_mib;
	d->os = true;
	m->disks_collapsed = true;
	return 0;
}

/* ---- machines that are none ---- */

/* vSphere's own cluster services: "vCLS", "vCLS-...", "vCLS (3)". */
static bool is_cluster_service(const char *name)
{
	return strncmp(name, "vCLS", 4) == 0 && (name[4] == '\0' || name[4] == '-' || name[4] == ' ' || name[4] == '(');
}

const char *machine_left_out(const struct machine *m)
{
	if (m->template)
		return "template";
	if (m->srm_placeholder)
		return "srm-placeholder";
	return is_cluster_service(m->name) ? "vcls" : NULL;
}

/* ---- the end ---- */

static void disk_fini(struct machine_disk *d)
{
	free(d->label);
	free(d->path);
	free(d->error);
	free(d->raw_mode);
	free(d->mode);
	machine_image_free(d->image);
	machine_look_free(d->look);
}

void machine_fini(struct machine *m)
{
	char *texts[] = { m->name, m->origin, m->uuid, m->bios_uuid, m->vm_id, m->vcenter, m->path, m->datacenter, m->cluster,
			  m->host, m->folder, m->annotation, m->guest_id, m->os_tools, m->os_config, m->os_name,
			  m->os_version, m->architecture, m->tools, m->hardware };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(texts[i]);
	for (size_t i = 0; i < m->n_disks; i++)
		disk_fini(&m->disks[i]);
	free(m->disks);
	for (size_t i = 0; i < m->n_conflicts; i++) {
		free(m->conflicts[i].field);
		free(m->conflicts[i].kept);
		free(m->conflicts[i].kept_from);
		free(m->conflicts[i].other);
		free(m->conflicts[i].other_from);
	}
	free(m->conflicts);
	*m = (struct machine){ .name = NULL };
}

void machine_list_fini(struct machine_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		machine_fini(&l->v[i]);
	free(l->v);
	for (size_t i = 0; i < l->notices.n; i++)
		free(l->notices.v[i]);
	free(l->notices.v);
	*l = (struct machine_list){ .n = 0 };
}
