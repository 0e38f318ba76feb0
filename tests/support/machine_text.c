/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include "base/strbuf.h"
#include "support/machine_text.h"

static void add_text(struct strbuf *b, const char *name, const char *text)
{
	if (text)
		strbuf_addf(b, " %s=%s", name, text);
}

static void add_number(struct strbuf *b, const char *name, struct machine_number number)
{
	if (number.known)
		strbuf_addf(b, " %s=%.15g", name, number.v);
}

static void add_flag(struct strbuf *b, const char *name, bool flag)
{
	if (flag)
		strbuf_addf(b, " %s", name);
}

static void add_disk(struct strbuf *b, const struct machine_disk *d)
{
	strbuf_addf(b, "  %s:", d->label);
	add_text(b, "path", d->path);
	add_text(b, "error", d->error);
	add_number(b, "mib", d->capacity_mib);
	add_number(b, "order", d->order);
	add_number(b, "read_ops", d->read_ops);
	add_number(b, "write_ops", d->write_ops);
	add_number(b, "read_mbs", d->read_mbs);
	add_number(b, "write_mbs", d->write_mbs);
	add_number(b, "allocated", d->allocated_mib);
	if (d->chain > 0)
		strbuf_addf(b, " chain=%u", d->chain);
	add_text(b, "mode", d->mode);
	add_text(b, "raw_mode", d->raw_mode);
	add_flag(b, "raw", d->raw);
	add_flag(b, "independent", d->independent);
	add_flag(b, "shared", d->shared);
	add_flag(b, "os", d->os);
	strbuf_adds(b, "\n");
}

static void add_machine(struct strbuf *b, const struct machine *m)
{
	static const char *const powers[] = { "?", "on", "off", "suspended" };
	static const char *const firmwares[] = { "?", "bios", "efi" };

	strbuf_addf(b, "%s: %s %s", m->name, powers[m->power], firmwares[m->firmware]);
	add_text(b, "uuid", m->uuid);
	add_text(b, "bios", m->bios_uuid);
	add_text(b, "id", m->vm_id);
	add_text(b, "vcenter", m->vcenter);
	add_text(b, "path", m->path);
	add_text(b, "datacenter", m->datacenter);
	add_text(b, "cluster", m->cluster);
	add_text(b, "host", m->host);
	add_text(b, "folder", m->folder);
	add_text(b, "annotation", m->annotation);
	add_text(b, "guest_id", m->guest_id);
	add_text(b, "os_tools", m->os_tools);
	add_text(b, "os_config", m->os_config);
	add_text(b, "os_name", m->os_name);
	add_text(b, "os_version", m->os_version);
	add_text(b, "architecture", m->architecture);
	add_text(b, "tools", m->tools);
	add_text(b, "hardware", m->hardware);
	add_flag(b, "secure_boot", m->secure_boot);
	add_flag(b, "template", m->template);
	add_flag(b, "srm_placeholder", m->srm_placeholder);
	add_flag(b, "snapshot", m->snapshot);
	add_flag(b, "consolidation_needed", m->consolidation_needed);
	add_flag(b, "ipv6", m->ipv6);
	add_flag(b, "encrypted", m->encrypted);
	add_flag(b, "tpm", m->tpm);
	add_flag(b, "passthrough", m->passthrough);
	add_flag(b, m->cbt ? "cbt" : "no-cbt", m->cbt_known);
	add_number(b, "vcpus", m->vcpus);
	add_number(b, "memory", m->memory_mib);
	add_number(b, "nics", m->nics);
	add_number(b, "cpu_pct", m->cpu_pct);
	add_number(b, "memory_pct", m->memory_pct);
	add_number(b, "network_out", m->network_out_mbs);
	add_number(b, "in_use", m->storage_in_use_mib);
	add_number(b, "guest_used", m->guest_used_mib);
	add_number(b, "capacity", m->capacity_mib);
	add_number(b, "read_ops", m->read_ops);
	add_number(b, "write_ops", m->write_ops);
	add_number(b, "read_mbs", m->read_mbs);
	add_number(b, "write_mbs", m->write_mbs);
	add_flag(b, "collapsed", m->disks_collapsed);
	strbuf_adds(b, "\n");
	for (size_t i = 0; i < m->n_disks; i++)
		add_disk(b, &m->disks[i]);
	for (size_t i = 0; i < m->n_conflicts; i++)
		strbuf_addf(b, "  ! %s: %s (%s), %s (%s)\n", m->conflicts[i].field, m->conflicts[i].kept,
			    m->conflicts[i].kept_from, m->conflicts[i].other, m->conflicts[i].other_from);
}

static char *take(struct strbuf *b)
{
	char *text = strbuf_take(b, NULL);

	assert_non_null(text);
	return text;
}

char *machine_text(const struct machine *m)
{
	struct strbuf b = { .len = 0 };

	add_machine(&b, m);
	return take(&b);
}

char *machine_list_text(const struct machine_list *l)
{
	struct strbuf b = { .len = 0 };

	for (size_t i = 0; i < l->n; i++)
		add_machine(&b, &l->v[i]);
	return take(&b);
}

char *machine_notices_text(const struct machine_notices *n)
{
	struct strbuf b = { .len = 0 };

	for (size_t i = 0; i < n->n; i++)
		strbuf_addf(&b, "%s\n", n->v[i]);
	return take(&b);
}
