/* SPDX-License-Identifier: Apache-2.0 */
/* The machines as a plain table, within <noscript>: a browser that runs the script does not make elements of it. */
#include <config.h>

#include <stdio.h>

#include "assess_html.h"

#define NAME_CHARS 120

static void put_number(struct machine_number n, double unit, FILE *f)
{
	if (n.known)
		fprintf(f, "<td class=\"num\">%.10g</td>", n.v / unit);
	else
		fputs("<td class=\"num\">?</td>", f);
}

static void put_wave(const struct move_vm *v, FILE *f)
{
	if (v->wave != MOVE_NO_WAVE)
		fprintf(f, "<td>%zu</td>", v->wave + 1);
	else
		fprintf(f, "<td>%s</td>", v->held_by ? "held" : "not ready");
}

static int put_row(const struct assess_vm *vm, const struct move_vm *move, FILE *f, struct error *err)
{
	char money[ASSESS_MONEY_LEN];

	fputs("<tr><th scope=\"row\">", f);
	if (html_name(f, vm->machine->name, NAME_CHARS, err) < 0)
		return -1;
	fputs("</th><td>", f);
	html_text(f, vm->os->name);
	fputs("</td>", f);
	put_number(vm->machine->vcpus, 1, f);
	put_number(vm->machine->memory_mib, 1024, f);
	fprintf(f, "<td class=\"num\">%.1f</td><td>%s</td><td>%s</td><td>", assess_vm_mib(vm) / 1024,
		assess_azure_verdict(vm->azure.verdict), assess_avs_verdict(vm->avs.verdict));
	html_text(f, vm->azure.size ? vm->azure.size->name : "-");
	assess_money(vm->azure.total_usd.v, money);
	fprintf(f, "</td><td class=\"num\">%s</td>",
		vm->azure.total_usd.known ? money
		: vm->azure.size          ? "no price"
					  : "-");
	put_wave(move, f);
	fputs("</tr>\n", f);
	return 0;
}

int html_plain(const struct assess_report *r, FILE *f, struct error *err)
{
	static const char *const heads[] = { "<th scope=\"col\">Machine",
					     "<th scope=\"col\">System",
					     "<th scope=\"col\" class=\"num\">vCPUs",
					     "<th scope=\"col\" class=\"num\">Memory GiB",
					     "<th scope=\"col\" class=\"num\">Data GiB",
					     "<th scope=\"col\">Azure",
					     "<th scope=\"col\">AVS",
					     "<th scope=\"col\">Size",
					     "<th scope=\"col\" class=\"num\">USD a month",
					     "<th scope=\"col\">Wave" };
	size_t n = r->result->n_vms < HTML_PLAIN_ROWS ? r->result->n_vms : HTML_PLAIN_ROWS;

	fputs("<noscript>\n<p>This browser runs no script: nothing here sorts or searches.", f);
	if (n < r->result->n_vms)
		fprintf(f, " The first %zu of %zu machines; <code>liftfs assess --csv</code> has all.", n,
			r->result->n_vms);
	fputs("</p>\n<div class=\"wide\" role=\"region\" aria-label=\"Plain table of machines\" tabindex=\"0\">\n<table id=\"plain\">\n<caption class=\"away\">Machines</caption>\n<thead><tr>", f);
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		fprintf(f, "%s</th>", heads[i]);
	fputs("</tr></thead>\n<tbody>\n", f);
	for (size_t i = 0; i < n; i++)
		if (put_row(&r->result->vms[i], &r->move->vms[i], f, err) < 0)
			return -1;
	fputs("</tbody>\n</table>\n</div>\n</noscript>\n", f);
	return 0;
}
