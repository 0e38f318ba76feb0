/* SPDX-License-Identifier: Apache-2.0 */
/* The page's section on what is known from where. */
#include <config.h>

#include <string.h>

#include "assess_evidence.h"
#include "assess_html.h"

struct counts {
	size_t os[4];     /* by a disk, by Tools, entered, not known */
	size_t levels[6]; /* of confidence; 0 is none */
	size_t disks, looked, whole, unreadable, contradicted;
};

static void count(const struct assess_report *r, struct counts *c)
{
	*c = (struct counts){ .disks = 0 };
	for (size_t i = 0; i < r->result->n_vms; i++) {
		const struct assess_vm *vm = &r->result->vms[i];

		c->os[!*vm->os_from                          ? 3
		      : strcmp(vm->os_from, "disk") == 0     ? 0
		      : strcmp(vm->os_from, "os_tools") == 0 ? 1
							     : 2]++;
		c->levels[vm->confidence.level]++;
		c->disks += vm->facts.disks;
		c->looked += vm->facts.looked;
		c->whole += vm->facts.whole;
		c->unreadable += vm->facts.unreadable;
		c->contradicted += vm->n_conflicts > 0;
	}
}

static void row(FILE *f, const char *what, size_t n)
{
	fprintf(f, "<tr><th scope=\"row\">%s</th><td class=\"num\">%zu</td></tr>\n", what, n);
}

void assess_html_evidence(const struct assess_report *r, FILE *f)
{
	static const char *const systems[] = { "System shown by a disk", "System as VMware Tools say",
					       "System as entered", "System not known" };
	static const char *const levels[] = { NULL,
					      "Confidence 1 of 5",
					      "Confidence 2 of 5",
					      "Confidence 3 of 5",
					      "Confidence 4 of 5",
					      "Confidence 5 of 5" };
	const struct machine_shares *s = &r->looked->fleet;
	struct counts c;

	count(r, &c);
	fputs("<section aria-labelledby=\"evidence\">\n<h2 id=\"evidence\">What is known from where</h2>\n", f);
	if (c.looked + c.unreadable > 0) {
		fprintf(f,
			"<p>Of %zu disks %zu were looked at, %zu of them completely; %zu could not be read, or not all "
			"of it. ",
			c.disks, c.looked, c.whole, c.unreadable);
		fprintf(f,
			"Of %zu machines a disk shows something else than the inventory says; the disk counts.</p>\n",
			c.contradicted);
	}
	if (s->known)
		fprintf(f,
			"<p>Measured on %.0f MiB: %.1f %% zeros; of the rest %.1f %% is there more than once. Factor "
			"of "
			"deduplication: %.12g, %s.</p>\n",
			r->looked->fleet_mib, 100 * assess_zero_share(s), 100 * s->duplicate, r->options->avs_dedupe,
			assess_from_name(r->options->avs_dedupe_from));
	fputs("<div class=\"wide\" role=\"region\" aria-label=\"Machines by source\" tabindex=\"0\">\n<table>\n<caption class=\"away\">Machines by source</caption>\n<thead><tr><th "
	      "scope=\"col\">Machines"
	      "</th><th scope=\"col\" class=\"num\">Number</th></tr></thead>\n<tbody>\n",
	      f);
	for (size_t i = 0; i < 4; i++)
		row(f, systems[i], c.os[i]);
	for (size_t i = 1; i < 6; i++)
		row(f, levels[i], c.levels[i]);
	fputs("</tbody>\n</table>\n</div>\n</section>\n", f);
}
