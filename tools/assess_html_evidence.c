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

static void draw(FILE *f, const char *id, const char *title, const char *const *labels, const size_t *v, size_t n, size_t all)
{
	html_bars_begin(f, id, title, n);
	for (size_t i = 0; i < n; i++) {
		char text[24];

		snprintf(text, sizeof(text), "%zu", v[i]);
		html_bars_label(f, i);
		html_text(f, labels[i]);
		html_bars_draw(f, i, &(struct html_bar){ .first = (double)v[i], .text = text }, (double)all);
	}
	html_bars_numbers(f, title,
			  "<th scope=\"col\">Machines</th><th scope=\"col\" class=\"num\">Number</th><th scope=\"col\" "
			  "class=\"num\">Share</th>");
	for (size_t i = 0; i < n; i++)
		fprintf(f,
			"<tr><th scope=\"row\">%s</th><td class=\"num\">%zu</td><td class=\"num\">%.0f %%</td></tr>\n",
			labels[i], v[i], all > 0 ? 100.0 * (double)v[i] / (double)all : 0);
	html_bars_end(f);
}

void assess_html_evidence(const struct assess_report *r, FILE *f)
{
	static const char *const systems[] = { "shown by a disk", "as VMware Tools say", "as entered", "not known" };
	static const char *const levels[] = { "1: hardly anything is known", "2", "3", "4",
					      "5: a disk shows it, nothing is missing" };
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
	fputs("<div class=\"pair\">\n", f);
	draw(f, "known-system", "Where the system is known from", systems, c.os, ARRAY_LEN(systems), r->result->n_vms);
	draw(f, "known-sure", "Confidence, of 5", levels, c.levels + 1, ARRAY_LEN(levels), r->result->n_vms);
	fputs("</div>\n</section>\n", f);
}
