/* SPDX-License-Identifier: Apache-2.0 */
/* From what each disk shows to what is known of the machine. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/strbuf.h"
#include "inventory/machine_look.h"

#define MIB 1048576.0

static const struct look *look_of(const struct machine_disk *d)
{
	return d->look && d->look->found.n > 0 ? &d->look->found : NULL;
}

static bool has_kind(const struct look *l, enum finding_kind kind)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].kind == kind)
			return true;
	return false;
}

static struct machine_proof proof(const struct machine_disk *d, size_t by)
{
	const struct look *l = look_of(d);

	if (!l || by >= l->n)
		return (struct machine_proof){ .disk = NULL };
	return (struct machine_proof){ .disk = d, .finding = &l->v[by] };
}

static void take_first(struct machine_proof *p, const struct machine_disk *d, bool is, size_t by)
{
	if (is && !p->disk)
		*p = proof(d, by);
}

static void take_drivers(struct machine_facts *f, const struct machine_disk *d, const struct look_facts *of)
{
	/* a disk whose guest lacks them is the one to be told of */
	static const int order[] = {
		[LOOK_DRIVERS_UNKNOWN] = 0, [LOOK_DRIVERS_ALL] = 1, [LOOK_DRIVERS_SOME] = 2, [LOOK_DRIVERS_NONE] = 3
	};

	if (order[of->drivers] <= order[f->drivers])
		return;
	f->drivers = of->drivers;
	f->drivers_by = proof(d, of->drivers_by);
}

static void take_disk(struct machine_facts *f, const struct machine_disk *d)
{
	const struct look_facts *of;

	f->disks++;
	f->unreadable += d->look && (d->look->error || has_kind(&d->look->found, FINDING_UNREADABLE));
	if (!look_of(d)) {
		f->used_whole = false;
		return;
	}
	of = &d->look->found.facts;
	f->looked++;
	f->whole += d->look->found.complete && !d->look->error;
	take_first(&f->encrypted_by, d, of->encrypted, of->encrypted_by);
	take_first(&f->dirty_by, d, of->dirty, of->dirty_by);
	take_first(&f->hibernated_by, d, of->hibernated, of->hibernated_by);
	take_first(&f->pending_by, d, of->pending, of->pending_by);
	take_first(&f->fstab_by, d, of->fstab_devices, of->fstab_by);
	take_first(&f->dynamic_by, d, of->dynamic_disk, of->dynamic_by);
	take_drivers(f, d, of);
	f->used_mib += (double)of->used / MIB;
	f->used_known |= of->used > 0;
	f->used_whole &= of->used_whole;
}

static bool has_os(const struct machine_disk *d)
{
	return !d->raw && look_of(d) && (d->look->found.facts.os || d->look->found.facts.os_id[0]);
}

/* Of several beside the first disk none says which one starts. */
static const struct machine_disk *find_os(const struct machine *m)
{
	const struct machine_disk *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < m->n_disks; i++) {
		if (!has_os(&m->disks[i]))
			continue;
		if (m->disks[i].os)
			return &m->disks[i];
		found = &m->disks[i];
		n++;
	}
	return n == 1 ? found : NULL;
}

void machine_facts(const struct machine *m, struct machine_facts *out)
{
	const struct machine_disk *os = find_os(m);

	*out = (struct machine_facts){ .os_text = "", .os_id = "", .os_version = "", .used_whole = true };
	for (size_t i = 0; i < m->n_disks; i++) {
		const struct machine_disk *d = &m->disks[i];

		if (d->raw)
			continue;
		take_disk(out, d);
		if (d->os && look_of(d)) {
			out->firmware = d->look->found.facts.firmware;
			out->firmware_by = proof(d, d->look->found.facts.firmware_by);
		}
	}
	out->used_whole &= out->used_known;
	if (!os)
		return;
	out->os_text = os->look->found.facts.os_text ? os->look->found.facts.os_text : "";
	out->os_id = os->look->found.facts.os_id;
	out->os_version = os->look->found.facts.os_version;
	out->os_by = proof(os, os->look->found.facts.os_by);
	out->arch = os->look->found.facts.arch;
	out->arch_by = proof(os, os->look->found.facts.arch_by);
}

static void add_thousands(struct strbuf *b, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (int i = 0; i < len; i++)
		strbuf_addf(b, "%s%c", i > 0 && (len - i) % 3 == 0 ? "," : "", digits[i]);
}

char *machine_proof_text(const struct machine_proof *p, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

	if (p->finding) {
		strbuf_adds(&b, p->disk->path ? p->disk->path : p->disk->label);
		strbuf_addf(&b, ", %s, byte ", p->finding->where);
		add_thousands(&b, p->finding->off);
	}
	return strbuf_take(&b, err);
}
