/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drawings of an assessment, as SVG within the page.  Lengths are shares of the width, so that text keeps its size on
 * any screen; what a drawing says is its title as well, and a table below it.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "assess_html.h"
#include "base/compiler.h"
#include "base/parse.h"

#define ROW 40 /* pixels of a bar with its label */
#define BAR 14 /* of the bar alone */
#define LABEL_CHARS 34

const enum assess_verdict html_verdicts[ASSESS_VERDICTS] = { VERDICT_READY, VERDICT_CONDITIONAL, VERDICT_UNKNOWN,
							     VERDICT_NOT_READY };

const char *html_verdict_class(enum assess_verdict v)
{
	static const char *const names[ASSESS_VERDICTS] = { [VERDICT_READY] = "ready",
							    [VERDICT_CONDITIONAL] = "conditional",
							    [VERDICT_NOT_READY] = "not-ready",
							    [VERDICT_UNKNOWN] = "unknown" };

	return names[v];
}

/* ---- readiness ---- */

static void verdict_segments(FILE *f, const size_t counts[ASSESS_VERDICTS], size_t all)
{
	double at = 0;

	for (size_t i = 0; i < ASSESS_VERDICTS; i++) {
		enum assess_verdict v = html_verdicts[i];
		double share = all > 0 ? 100.0 * (double)counts[v] / (double)all : 0;

		if (share > 0)
			fprintf(f, "<rect class=\"v-%s\" x=\"%.3f%%\" y=\"0\" width=\"%.3f%%\" height=\"28\"/>\n",
				html_verdict_class(v), at, share);
		at += share;
	}
}

static void readiness_chart(FILE *f, const char *id, const char *target, const size_t counts[ASSESS_VERDICTS],
			    size_t all, const char *(*name)(enum assess_verdict))
{
	fprintf(f,
		"<figure>\n<figcaption id=\"%s\">%s</figcaption>\n"
		"<svg role=\"img\" aria-labelledby=\"%s %s-text\" width=\"100%%\" height=\"28\">\n<title "
		"id=\"%s-text\">",
		id, target, id, id, id);
	for (size_t i = 0; i < ASSESS_VERDICTS; i++)
		fprintf(f, "%s%zu %s", i > 0 ? ", " : "", counts[html_verdicts[i]], name(html_verdicts[i]));
	fputs("</title>\n", f);
	verdict_segments(f, counts, all);
	fprintf(f,
		"</svg>\n<table>\n<caption class=\"away\">%s: machines by readiness</caption>\n<thead><tr><th "
		"scope=\"col\">Readiness</th>"
		"<th scope=\"col\" class=\"num\">Machines</th><th scope=\"col\" "
		"class=\"num\">Share</th></tr></thead>\n<tbody>\n",
		target);
	for (size_t i = 0; i < ASSESS_VERDICTS; i++) {
		enum assess_verdict v = html_verdicts[i];

		fprintf(f,
			"<tr><th scope=\"row\"><span class=\"mark v-%s\" aria-hidden=\"true\"></span>%s</th><td "
			"class=\"num\">%zu</td>"
			"<td class=\"num\">%.0f %%</td></tr>\n",
			html_verdict_class(v), name(v), counts[v],
			all > 0 ? 100.0 * (double)counts[v] / (double)all : 0);
	}
	fputs("</tbody>\n</table>\n</figure>\n", f);
}

void html_readiness(const struct assess_report *r, FILE *f)
{
	fputs("<section aria-labelledby=\"readiness\">\n<h2 id=\"readiness\">Readiness</h2>\n<div class=\"pair\">\n",
	      f);
	readiness_chart(f, "readiness-azure", "Azure virtual machines", r->totals->azure, r->result->n_vms,
			assess_azure_verdict);
	readiness_chart(f, "readiness-avs", "Azure VMware Solution", r->totals->avs, r->result->n_vms,
			assess_avs_verdict);
	fputs("</div>\n</section>\n", f);
}

/* ---- texts ---- */

static uint64_t within_64_bits(double v)
{
	return v < 1.8e19 ? (uint64_t)v : UINT64_MAX;
}

void html_bytes_text(double bytes, char out[FORMAT_TEXT_LEN])
{
	format_size(within_64_bits(bytes), out);
}

void html_seconds_text(double s, char out[FORMAT_TEXT_LEN])
{
	format_duration(within_64_bits(s * 1000), out);
}

const char *html_plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* ---- bars ---- */

void html_bars_draw(FILE *f, size_t row, const struct html_bar *b, double most)
{
	size_t y = row * ROW;
	double first = most > 0 ? 100 * b->first / most : 0, second = most > 0 ? 100 * b->second / most : 0;

	fprintf(f, "</text>\n<text class=\"value\" x=\"100%%\" y=\"%zu\">", y + 15);
	html_text(f, b->text);
	fprintf(f,
		"</text>\n<rect class=\"track\" x=\"0\" y=\"%zu\" width=\"100%%\" height=\"%d\"/>\n"
		"<rect class=\"part-1\" x=\"0\" y=\"%zu\" width=\"%.3f%%\" height=\"%d\"/>\n",
		y + 20, BAR, y + 20, first, BAR);
	if (second > 0)
		fprintf(f, "<rect class=\"part-2\" x=\"%.3f%%\" y=\"%zu\" width=\"%.3f%%\" height=\"%d\"/>\n", first,
			y + 20, second, BAR);
}

void html_bars_begin(FILE *f, const char *id, const char *title, size_t rows)
{
	fprintf(f,
		"<figure>\n<figcaption id=\"%s\">%s</figcaption>\n"
		"<svg role=\"img\" aria-labelledby=\"%s %s-text\" width=\"100%%\" height=\"%zu\">\n"
		"<title id=\"%s-text\">%zu bars; the table below has the numbers</title>\n",
		id, title, id, id, rows * ROW, id, rows);
}

void html_bars_label(FILE *f, size_t row)
{
	fprintf(f, "<text x=\"0\" y=\"%zu\">", row * ROW + 15);
}

void html_bars_numbers(FILE *f, const char *caption, const char *heads)
{
	fprintf(f,
		"</svg>\n<details>\n<summary>Numbers</summary>\n<div class=\"wide\" role=\"region\" aria-label=\"%s: numbers\" "
		"tabindex=\"0\">\n<table>\n<caption class=\"away\">%s</caption>\n"
		"<thead><tr>%s</tr></thead>\n<tbody>\n",
		caption, caption, heads);
}

void html_bars_end(FILE *f)
{
	fputs("</tbody>\n</table>\n</div>\n</details>\n</figure>\n", f);
}

/* ---- bytes ---- */

static int large_label(FILE *f, const struct assess_large *l, size_t chars, struct error *err)
{
	if (html_name(f, l->vm->machine->name, chars, err) < 0)
		return -1;
	if (!l->disk)
		return 0;
	fputs(", ", f);
	return html_name(f, l->disk->label, chars / 2, err);
}

static int large_chart(FILE *f, const char *id, const char *title, const struct assess_large *v, size_t n, double all,
		       struct error *err)
{
	char text[FORMAT_TEXT_LEN];

	html_bars_begin(f, id, title, n);
	for (size_t i = 0; i < n; i++) {
		html_bytes_text(v[i].mib * 1048576, text);
		html_bars_label(f, i);
		if (large_label(f, &v[i], v[i].disk ? LABEL_CHARS * 2 / 3 : LABEL_CHARS, err) < 0)
			return -1;
		html_bars_draw(f, i, &(struct html_bar){ .first = v[i].mib, .text = text }, v[0].mib);
	}
	html_bars_numbers(f, title,
		   "<th scope=\"col\">Name</th><th scope=\"col\" class=\"num\">Size</th><th scope=\"col\" "
		   "class=\"num\">Share of all</th>");
	for (size_t i = 0; i < n; i++) {
		html_bytes_text(v[i].mib * 1048576, text);
		fputs("<tr><th scope=\"row\">", f);
		if (large_label(f, &v[i], 4L * LABEL_CHARS, err) < 0)
			return -1;
		fprintf(f, "</th><td class=\"num\">%s</td><td class=\"num\">%.1f %%</td></tr>\n", text,
			100 * v[i].mib / all);
	}
	html_bars_end(f);
	return 0;
}

int html_bytes(const struct assess_report *r, FILE *f, struct error *err)
{
	const struct assess_totals *t = r->totals;

	if (t->n_vms_by_size == 0)
		return 0;
	fputs("<section aria-labelledby=\"bytes\">\n<h2 id=\"bytes\">Where the bytes are</h2>\n<div class=\"pair\">\n",
	      f);
	if (large_chart(f, "bytes-vms", "The largest machines", t->vms_by_size, t->n_vms_by_size, t->mib, err) < 0 ||
	    large_chart(f, "bytes-disks", "The largest disks", t->disks_by_size, t->n_disks_by_size, t->mib, err) < 0)
		return -1;
	fputs("</div>\n</section>\n", f);
	return 0;
}

/* ---- cost ---- */

static double family_usd(const struct assess_family *a)
{
	return a->compute_usd + a->disks_usd;
}

static void family_rows(const struct assess_report *r, FILE *f)
{
	char compute[ASSESS_MONEY_LEN], disks[ASSESS_MONEY_LEN], total[ASSESS_MONEY_LEN];

	for (size_t i = 0; i < r->totals->n_families; i++) {
		const struct assess_family *a = &r->totals->families[i];

		assess_money(a->compute_usd, compute);
		assess_money(a->disks_usd, disks);
		assess_money(family_usd(a), total);
		fputs("<tr><th scope=\"row\">", f);
		html_text(f, a->series);
		fprintf(f,
			"</th><td class=\"num\">%zu</td><td class=\"num\">%s</td><td class=\"num\">%s</td><td "
			"class=\"num\">%s</td>"
			"<td class=\"num\">%zu</td></tr>\n",
			a->vms, compute, disks, total, a->unpriced);
	}
}

void html_families(const struct assess_report *r, FILE *f)
{
	const struct assess_totals *t = r->totals;
	size_t n = 0;
	char total[ASSESS_MONEY_LEN];

	while (n < t->n_families && family_usd(&t->families[n]) > 0)
		n++;
	if (n == 0)
		return;
	fputs("<section aria-labelledby=\"cost\">\n<h2 id=\"cost\">Monthly cost by size family</h2>\n", f);
	html_bars_begin(f, "cost-chart",
		   "USD a month of the machines whose price is known: <span class=\"key part-1\" "
		   "aria-hidden=\"true\"></span>compute, then "
		   "<span class=\"key part-2\" aria-hidden=\"true\"></span>disks",
		   n);
	for (size_t i = 0; i < n; i++) {
		const struct assess_family *a = &t->families[i];

		assess_money(family_usd(a), total);
		html_bars_label(f, i);
		html_text(f, a->series);
		fprintf(f, ", %zu machine%s", a->vms, a->vms == 1 ? "" : "s");
		html_bars_draw(f, i, &(struct html_bar){ .first = a->compute_usd, .second = a->disks_usd, .text = total },
			 family_usd(&t->families[0]));
	}
	html_bars_numbers(f, "USD a month by size family",
		   "<th scope=\"col\">Family</th><th scope=\"col\" class=\"num\">Machines</th><th scope=\"col\" "
		   "class=\"num\">Compute</th>"
		   "<th scope=\"col\" class=\"num\">Disks</th><th scope=\"col\" class=\"num\">Total</th>"
		   "<th scope=\"col\" class=\"num\">Without price</th>");
	family_rows(r, f);
	html_bars_end(f);
	fputs("</section>\n", f);
}
