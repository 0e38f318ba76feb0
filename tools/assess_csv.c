/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV files, one row a VM: for spreadsheets, and the import file of Azure Migrate.
 * How cells are written is base/csv.h's.
 */
#include <config.h>

#include <math.h>
#include <string.h>

#include "assess.h"
#include "assess_evidence.h"
#include "base/cleanup.h"
#include "base/csv.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "inventory/azure_migrate.h"
#include "inventory/disk_info.h"

static void put_number(struct csv_writer *w, struct machine_number n)
{
	if (n.known)
		csv_put_number(w, n.v);
	else
		csv_put(w, NULL);
}

static void put_count(struct csv_writer *w, size_t n)
{
	csv_put_number(w, (double)n);
}

static void put_cents(struct csv_writer *w, struct machine_number n)
{
	n.v = assess_cents(n.v);
	put_number(w, n);
}

static int put_name(struct csv_writer *w, const char *name, struct error *err)
{
	CLEANUP_FREE char *escaped = disk_info_escape(name, err);

	if (!escaped)
		return -1;
	csv_put(w, escaped);
	return 0;
}

static int put_codes(struct csv_writer *w, const struct assess_codes *codes, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf all = { 0 };
	CLEANUP_FREE char *text = NULL;

	for (size_t i = 0; i < codes->n; i++) {
		strbuf_adds(&all, i > 0 ? " " : "");
		strbuf_adds(&all, codes->v[i]);
	}
	text = strbuf_take(&all, err);
	if (!text)
		return -1;
	csv_put(w, text);
	return 0;
}

/* Ends the row, and empties the writer into the file. */
static int write_row(struct csv_writer *w, FILE *f, struct error *err)
{
	CLEANUP_FREE char *text = NULL;

	csv_end_row(w);
	text = strbuf_take(&w->out, err);
	if (!text)
		return -1;
	fputs(text, f);
	return 0;
}

/* Of each disk that replicates, in their order: "P10 P30 none". */
static int put_tiers(struct csv_writer *w, const struct assess_vm *vm, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf all = { 0 };
	CLEANUP_FREE char *text = NULL;

	for (size_t i = 0; i < vm->machine->n_disks; i++) {
		const struct catalogue_tier *tier = vm->disks[i].tier;

		if (vm->disks[i].replicate)
			strbuf_addf(&all, "%s%s", all.len > 0 ? " " : "", tier ? tier->name : "none");
	}
	text = strbuf_take(&all, err);
	if (!text)
		return -1;
	csv_put(w, text);
	return 0;
}

static const char csv_header[] =
	"Name,UUID,Power,OS,OS key,Architecture,Firmware,vCPUs,Memory MiB,Disks,Replicated disks,Replicated MiB,Azure "
	"readiness,"
	"Azure codes,Azure notes,Proposed name,Generation,Security type,Sizing,Needed vCPUs,Needed memory GiB,VM "
	"size,Hourly USD,"
	"Disk tiers,Compute USD a month,Disks USD a month,Total USD a month,AVS readiness,AVS codes,Source,OS from,"
	"Firmware from,Used MiB,Zero share,Duplicate share,Confidence,Wave,Held by,Bytes to send,Bytes from,"
	"Hours to send,Slowest limit,Disks uploaded directly,Cycle hours,Hours from cycle to cycle,Lag hours,Complexity,"
	"Criticality,Priority\n";

static int add_machine(struct csv_writer *w, const struct assess_vm *vm, struct error *err)
{
	const struct machine *m = vm->machine;
	size_t replicated = 0;

	for (size_t i = 0; i < m->n_disks; i++)
		replicated += vm->disks[i].replicate;
	if (put_name(w, m->name, err) < 0)
		return -1;
	csv_put(w, m->uuid);
	csv_put(w, assess_power_name(m->power));
	csv_put(w, vm->os->name);
	csv_put(w, vm->os->key);
	csv_put(w, assess_arch_name(vm->arch));
	csv_put(w, assess_firmware_name(vm->firmware));
	put_number(w, m->vcpus);
	put_number(w, m->memory_mib);
	put_count(w, m->n_disks);
	put_count(w, replicated);
	csv_put_number(w, ceil(assess_vm_mib(vm)));
	return 0;
}

static int add_azure(struct csv_writer *w, const struct assess_vm *vm, struct error *err)
{
	const struct assess_azure *a = &vm->azure;
	struct machine_number vcpus = { .known = a->tried, .v = a->need_vcpus };
	struct machine_number memory = { .known = a->tried, .v = a->need_memory_gib };

	csv_put(w, assess_azure_verdict(a->verdict));
	if (put_codes(w, &a->codes, err) < 0 || put_codes(w, &a->notes, err) < 0)
		return -1;
	csv_put(w, a->proposed_name);
	csv_put(w, a->gen2 ? "V2" : "V1");
	csv_put(w, a->trusted_launch ? "TrustedLaunch" : "Standard");
	csv_put(w, a->by_performance ? "performance" : "as-is");
	put_number(w, vcpus);
	put_number(w, memory);
	csv_put(w, a->size ? a->size->name : "");
	put_number(w, a->hourly_usd);
	if (put_tiers(w, vm, err) < 0)
		return -1;
	put_cents(w, a->compute_usd);
	put_cents(w, a->disks_usd);
	put_cents(w, a->total_usd);
	return 0;
}

static void add_evidence(struct csv_writer *w, const struct assess_vm *vm)
{
	const struct machine_shares *s = &vm->machine->shares;

	csv_put(w, vm->os_from);
	csv_put(w, vm->firmware_from);
	put_number(w, (struct machine_number){ .known = vm->facts.used_known, .v = ceil(vm->facts.used_mib) });
	put_number(w, (struct machine_number){ .known = s->known, .v = assess_zero_share(s) });
	put_number(w, (struct machine_number){ .known = s->known, .v = s->duplicate });
	csv_put_number(w, vm->confidence.level);
}

static struct machine_number hundredths(bool known, double v)
{
	return (struct machine_number){ .known = known, .v = round(v * 100) / 100 };
}

/* Of a machine whose cycles never catch up the three columns of the cycle are empty. */
static int add_move(struct csv_writer *w, const struct move_vm *v, struct error *err)
{
	bool known = move_load_known(&v->load), settles = known && v->converges;
	struct machine_number wave = { .known = v->wave != MOVE_NO_WAVE, .v = (double)v->wave + 1 };
	struct machine_number bytes = { .known = known || v->load.elsewhere > 0,
					.v = round(move_load_bytes(&v->load)) };

	put_number(w, wave);
	if (!v->held_by)
		csv_put(w, NULL);
	else if (put_name(w, v->held_by->machine->name, err) < 0)
		return -1;
	put_number(w, bytes);
	csv_put(w, known ? move_source_name(move_load_source(&v->load)) : NULL);
	put_number(w, hundredths(known, v->time.longest_s / 3600));
	csv_put(w, known && v->time.longest_s > 0 ? move_limit_name(v->time.limit) : NULL);
	put_count(w, v->load.direct);
	put_number(w, hundredths(settles, v->cadence.cycle_s / 3600));
	put_number(w, hundredths(settles, v->cadence.interval_s / 3600));
	put_number(w, hundredths(settles, v->cadence.lag_s / 3600));
	csv_put(w, wave_level_name(v->complexity));
	csv_put(w, wave_level_name(v->criticality));
	put_number(w, hundredths(true, v->priority));
	return 0;
}

int assess_write_csv(const struct assess_report *r, FILE *f, struct error *err)
{
	fputs(csv_header, f);
	for (size_t i = 0; i < r->result->n_vms; i++) {
		const struct assess_vm *vm = &r->result->vms[i];
		CLEANUP(cleanup_csv_writer) struct csv_writer w = { 0 };

		if (add_machine(&w, vm, err) < 0 || add_azure(&w, vm, err) < 0)
			return -1;
		csv_put(&w, assess_avs_verdict(vm->avs.verdict));
		if (put_codes(&w, &vm->avs.codes, err) < 0 || put_name(&w, vm->machine->origin, err) < 0)
			return -1;
		add_evidence(&w, vm);
		if (add_move(&w, &r->move->vms[i], err) < 0 || write_row(&w, f, err) < 0)
			return -1;
	}
	return 0;
}

int assess_write_migrate_csv(const struct assess_report *r, FILE *f, struct error *err)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { 0 }; /* for its notices */
	CLEANUP_FREE char *text = azure_migrate_write(r->machines, &l.notices, err);

	if (!text)
		return -1;
	fputs(text, f);
	for (size_t i = 0; i < l.notices.n; i++)
		log_warn("assess", "%s", l.notices.v[i]);
	return 0;
}
