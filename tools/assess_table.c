/* SPDX-License-Identifier: Apache-2.0 */
/* For people at a terminal: what it comes to in all, then one row a VM. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "assess.h"
#include "base/cleanup.h"
#include "inventory/disk_info.h"

#define NAME_CHARS 60 /* shown of a name, on whatever */
#define OS_CHARS 40

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* ---- summary ---- */

static void print_skipped(const struct assessment *a)
{
	static const char *const reasons[] = { "template", "srm-placeholder", "vcls" };
	const char *before = " (";

	if (a->n_skipped == 0)
		return;
	printf("; %zu left out", a->n_skipped);
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		size_t n = 0;

		for (size_t k = 0; k < a->n_skipped; k++)
			n += strcmp(a->skipped[k].reason, reasons[i]) == 0;
		if (n == 0)
			continue;
		printf("%s%zu %s", before, n, reasons[i]);
		before = ", ";
	}
	printf(")");
}

static void print_verdicts(const char *target, const size_t counts[ASSESS_VERDICTS])
{
	printf("%-6s %zu ready, %zu conditionally, %zu not ready, %zu unknown\n", target, counts[VERDICT_READY],
	       counts[VERDICT_CONDITIONAL], counts[VERDICT_NOT_READY], counts[VERDICT_UNKNOWN]);
}

static void print_cost(const struct assess_report *r)
{
	const struct assess_totals *t = r->totals;
	char total[ASSESS_MONEY_LEN], compute[ASSESS_MONEY_LEN], disks[ASSESS_MONEY_LEN];
	const char *as_of = assess_prices_as_of(r->catalogue);

	assess_money(t->total_usd, total);
	assess_money(t->compute_usd, compute);
	assess_money(t->disks_usd, disks);
	if (t->priced > 0)
		printf("Cost:  USD %s a month for %zu VM%s: compute %s, disks %s\n", total, t->priced,
		       plural(t->priced), compute, disks);
	else
		printf("Cost:  not known\n");
	if (t->unpriced > 0) {
		assess_money(t->compute_only_usd, compute);
		printf("       no price for %zu more VM%s", t->unpriced, plural(t->unpriced));
		if (t->compute_only > 0)
			printf(" (of %zu the disks', their compute is USD %s)", t->compute_only, compute);
		printf("\n");
	}
	if (t->unsized > 0)
		printf("       no size for %zu VM%s, and so no cost\n", t->unsized, plural(t->unsized));
	printf("       list prices of %s%s%s, pay as you go, %g hours a month%s\n       without " ASSESS_NOT_IN_COST
	       "\n",
	       r->options->region, *as_of ? " to " : "", as_of, r->options->uptime_hours,
	       r->options->ahb ? ", Azure Hybrid Benefit" : "");
}

static void print_avs(const struct assess_avs *a)
{
	printf("Hosts: %" PRIu64 " x %s of Azure VMware Solution (%s), %" PRIu64 " cores to license\n", a->nodes,
	       a->host->name, a->limiting == LIMIT_MINIMUM ? "the least there can be" : assess_limit_name(a->limiting),
	       a->physical_cores);
	if (a->several_clusters)
		printf("       %" PRIu64 " clusters: what each further one needs for itself is not in it\n",
		       a->clusters);
}

static void print_looked(const struct assess_report *r)
{
	const struct machine_shares *s = &r->looked->fleet;
	size_t disks = 0, looked = 0, unreadable = 0;

	for (size_t i = 0; i < r->result->n_vms; i++) {
		disks += r->result->vms[i].facts.disks;
		looked += r->result->vms[i].facts.looked;
		unreadable += r->result->vms[i].facts.unreadable;
	}
	if (looked + unreadable == 0)
		return;
	printf("Disks: %zu of %zu looked at; %zu could not be read, or not all of it\n", looked, disks, unreadable);
	if (s->known)
		printf("       %.1f %% zeros; of the rest %.1f %% more than once; deduplication %.12g, %s\n",
		       s->blocks > 0 ? 100 * (double)s->zero / (double)s->blocks : 0, 100 * s->duplicate,
		       r->options->avs_dedupe, assess_from_name(r->options->avs_dedupe_from));
}

int assess_print_summary(const struct assess_report *r, struct error *err)
{
	const struct assess_totals *t = r->totals;
	char size[FORMAT_TEXT_LEN];

	(void)err;
	assess_size(t->mib, size);
	printf("%zu VM%s, %zu disk%s to replicate, %s", r->result->n_vms, plural(r->result->n_vms), t->disks,
	       plural(t->disks), size);
	print_skipped(r->result);
	printf("\n");
	if (r->result->n_vms > 0) {
		print_verdicts("Azure:", t->azure);
		print_verdicts("AVS:", t->avs);
		print_looked(r);
		print_cost(r);
		print_avs(&r->result->avs);
		assess_print_move(r);
	}
	return 0;
}

/* ---- table ---- */

static const char *verdict_word(enum assess_verdict v)
{
	static const char *const words[ASSESS_VERDICTS] = { [VERDICT_READY] = "ready",
							    [VERDICT_CONDITIONAL] = "conditional",
							    [VERDICT_NOT_READY] = "not ready",
							    [VERDICT_UNKNOWN] = "unknown" };

	return words[v];
}

/* "Standard_" says nothing that a column of sizes does not. */
static const char *size_word(const struct catalogue_size *size)
{
	if (!size)
		return "-";
	return strncmp(size->name, "Standard_", 9) == 0 ? size->name + 9 : size->name;
}

static void number_text(struct machine_number n, char *out, size_t len)
{
	if (n.known)
		snprintf(out, len, "%.0f", n.v);
	else
		snprintf(out, len, "?");
}

static int vm_row(struct table *table, const struct assess_report *r, size_t at, struct error *err)
{
	const struct assess_vm *vm = &r->result->vms[at];
	size_t in_wave = r->move->vms[at].wave;
	const struct machine *m = vm->machine;
	CLEANUP_FREE char *escaped = disk_info_escape(m->name, err);
	CLEANUP_FREE char *name = escaped ? assess_cut(escaped, NAME_CHARS, err) : NULL;
	CLEANUP_FREE char *os = name ? assess_cut(vm->os->name, OS_CHARS, err) : NULL;
	char vcpus[32], memory[FORMAT_TEXT_LEN] = "?", disks[24], size[FORMAT_TEXT_LEN],
			monthly[ASSESS_MONEY_LEN] = "-", wave[24] = "-";
	const char *cells[] = { name,
				os,
				vcpus,
				memory,
				disks,
				size,
				verdict_word(vm->azure.verdict),
				verdict_word(vm->avs.verdict),
				size_word(vm->azure.size),
				monthly,
				wave };

	if (!os)
		return -1;
	number_text(m->vcpus, vcpus, sizeof(vcpus));
	if (m->memory_mib.known)
		assess_size(m->memory_mib.v, memory);
	snprintf(disks, sizeof(disks), "%zu", m->n_disks);
	assess_size(assess_vm_mib(vm), size);
	if (vm->azure.total_usd.known)
		assess_money(vm->azure.total_usd.v, monthly);
	else if (vm->azure.size)
		snprintf(monthly, sizeof(monthly), "no price");
	if (in_wave != MOVE_NO_WAVE)
		snprintf(wave, sizeof(wave), "%zu", in_wave + 1);
	if (table_row(table, cells, ARRAY_LEN(cells), err) < 0)
		return -1;
	return vm->azure.verdict == VERDICT_NOT_READY ? table_mark(table, err) : 0;
}

int assess_print_table(const struct assess_report *r, enum output_when color, struct error *err)
{
	static const struct {
		const char *text;
		enum table_fit fit;
	} headings[] = { { "VM", TABLE_CUT },          { "OS", TABLE_CUT },      { "VCPU", TABLE_RIGHT },
			 { "MEMORY", TABLE_RIGHT },    { "DISKS", TABLE_RIGHT }, { "DATA", TABLE_RIGHT },
			 { "AZURE", TABLE_LEFT },      { "AVS", TABLE_LEFT },    { "SIZE", TABLE_LEFT },
			 { "USD/MONTH", TABLE_RIGHT }, { "WAVE", TABLE_RIGHT } };
	static const unsigned least[] = { 1, 4, 3, 2, 7 }; /* OS, disks, memory, vCPUs, AVS */
	CLEANUP(cleanup_table) struct table *table = table_new(color, err);

	if (!table)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		if (table_column_fit(table, headings[i].text, headings[i].fit, err) < 0)
			return -1;
	for (size_t i = 0; i < r->result->n_vms; i++)
		if (vm_row(table, r, i, err) < 0)
			return -1;
	if (table_give_up(table, least, ARRAY_LEN(least), err) < 0)
		return -1;
	printf("\n");
	fflush(stdout);
	return r->result->n_vms > 0 ? table_print(table, err) : 0;
}
