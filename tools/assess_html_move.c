/* SPDX-License-Identifier: Apache-2.0 */
/* The section of the page about the move: what is to be sent, how long that takes, who goes when, what keeps the rest. */
#include <config.h>

#include <jansson.h>
#include <stdio.h>

#include "assess_html.h"
#include "base/cleanup.h"
#include "base/compiler.h"
#include "base/parse.h"
#include "inventory/disk_info.h"

#define HELD_SHOWN 100 /* the table of machines has all */
#define NAME_CHARS 120

static void write_cards(const struct move *m, FILE *f)
{
	char number[64], more[256];
	size_t left = m->n_not_ready + m->n_held;

	fputs("<dl class=\"cards\">\n", f);
	html_bytes_text(move_load_bytes(&m->load), number);
	if (m->load.unknown > 0)
		snprintf(more, sizeof(more), "on %zu disks; the size of %zu is not known", m->load.disks, m->load.unknown);
	else
		snprintf(more, sizeof(more), "on %zu disks", m->load.disks);
	html_card(f, "First transfer, all machines", number, more);
	html_seconds_text(m->time.longest_s, number);
	snprintf(more, sizeof(more), "limit: %s", move_limit_name(m->time.limit));
	html_card(f, "Time at best", number, m->time.longest_s > 0 ? more : "nothing to send");
	snprintf(number, sizeof(number), "%.0f %%", 100 * m->line_share);
	html_card(f, "Of the line for changes", number,
		  m->line_share < 1 ? "on average, if all were replicated at once" : "all at once outrun the line");
	snprintf(number, sizeof(number), "%zu", m->n_waves);
	if (left > 0)
		snprintf(more, sizeof(more), "%zu machines; in none: %zu not ready, %zu held by others", m->n_vms - left,
			 m->n_not_ready, m->n_held);
	else
		snprintf(more, sizeof(more), "all %zu machines are in one", m->n_vms);
	html_card(f, "Waves", number, more);
	fputs("</dl>\n", f);
}

/* ---- bars ---- */

static void source_bars(const struct move_load *l, FILE *f)
{
	static const char *const texts[MOVE_SOURCES] = { [MOVE_MEASURED] = "measured: without zeros",
							 [MOVE_ALLOCATED] = "allocated: what images take",
							 [MOVE_IN_USE] = "in use: of what machines have in use",
							 [MOVE_CAPACITY] = "capacity: whole disks" };
	double all = move_load_bytes(l), most = 0;
	char text[FORMAT_TEXT_LEN];

	for (size_t i = 0; i < MOVE_SOURCES; i++)
		most = l->bytes[i] > most ? l->bytes[i] : most;
	html_bars_begin(f, "move-sources", "To send, by how it is known", MOVE_SOURCES);
	for (size_t i = 0; i < MOVE_SOURCES; i++) {
		html_bytes_text(l->bytes[i], text);
		html_bars_label(f, i);
		html_text(f, texts[i]);
		html_bars_draw(f, i, &(struct html_bar){ .first = l->bytes[i], .text = text }, most);
	}
	html_bars_numbers(f, "Bytes to send, by how they are known",
			  "<th scope=\"col\">Known by</th><th scope=\"col\" class=\"num\">Bytes</th><th scope=\"col\" "
			  "class=\"num\">Share</th>");
	for (size_t i = 0; i < MOVE_SOURCES; i++)
		fprintf(f, "<tr><th scope=\"row\">%s</th><td class=\"num\">%.0f</td><td class=\"num\">%.0f %%</td></tr>\n",
			move_source_name((enum move_source)i), l->bytes[i], all > 0 ? 100 * l->bytes[i] / all : 0);
	html_bars_end(f);
}

static void limit_bars(const struct move *m, FILE *f)
{
	static const char *const texts[MOVE_LIMITS] = { [MOVE_BY_LINE] = "all bytes over the line",
							[MOVE_BY_ACCOUNT] = "all bytes into the storage account",
							[MOVE_BY_BLOB] = "the slowest disk into its blob",
							[MOVE_BY_DISKS_AT_ONCE] = "all disks, so many at once" };
	char text[FORMAT_TEXT_LEN];

	html_bars_begin(f, "move-limits", "Time at best, by each limit alone", MOVE_LIMITS);
	for (size_t i = 0; i < MOVE_LIMITS; i++) {
		html_seconds_text(m->time.s[i], text);
		html_bars_label(f, i);
		html_text(f, texts[i]);
		html_bars_draw(f, i, &(struct html_bar){ .first = m->time.s[i], .text = text }, m->time.longest_s);
	}
	html_bars_numbers(f, "Time by each limit alone; the longest counts",
			  "<th scope=\"col\">Limit</th><th scope=\"col\" class=\"num\">Seconds</th><th scope=\"col\" "
			  "class=\"num\">Days</th>");
	for (size_t i = 0; i < MOVE_LIMITS; i++)
		fprintf(f, "<tr><th scope=\"row\">%s</th><td class=\"num\">%.0f</td><td class=\"num\">%.2f</td></tr>\n",
			move_limit_name((enum move_limit)i), m->time.s[i], m->time.s[i] / 86400);
	html_bars_end(f);
}

/* ---- who does not go ---- */

static void write_fixes(const struct move *m, FILE *f)
{
	if (m->n_fixes == 0)
		return;
	fputs("<h3>Fix first</h3>\n<div class=\"wide\" role=\"region\" aria-labelledby=\"fixes-table\" tabindex=\"0\">\n"
	      "<table id=\"fixes\">\n"
	      "<caption id=\"fixes-table\">What keeps machines out of the waves, that of most machines first</caption>\n"
	      "<thead><tr><th scope=\"col\" class=\"num\">Machines</th><th scope=\"col\">What to do</th></tr></thead>\n<tbody>\n",
	      f);
	for (size_t i = 0; i < m->n_fixes; i++) {
		const struct move_fix *x = &m->fixes[i];

		fputs("<tr><td class=\"num\"><a href=\"#fix=", f);
		html_text(f, x->code);
		fprintf(f, "\">%zu<span class=\"away\"> machine%s</span></a></td><td>", x->vms, html_plural(x->vms));
		html_text(f, assess_code_text(x->code));
		fputs(" <code>", f);
		html_text(f, x->code);
		fputs("</code></td></tr>\n", f);
	}
	fputs("</tbody>\n</table>\n</div>\n", f);
}

static int write_held(const struct move *m, FILE *f, struct error *err)
{
	size_t shown = 0;

	if (m->n_held == 0)
		return 0;
	fprintf(f,
		"<h3>Held by others</h3>\n<p><a href=\"#wave=held\">%zu machine%s</a> cannot go before a machine is fixed "
		"that it goes with or depends on.</p>\n<details id=\"held\">\n<summary>Which, and by whom</summary>\n<ul>\n",
		m->n_held, html_plural(m->n_held));
	for (size_t i = 0; i < m->n_vms && shown < HELD_SHOWN; i++) {
		const struct move_vm *v = &m->vms[i];

		if (!v->held_by)
			continue;
		fputs("<li>", f);
		if (html_name(f, v->vm->machine->name, NAME_CHARS, err) < 0)
			return -1;
		fputs(" is held by ", f);
		if (html_name(f, v->held_by->machine->name, NAME_CHARS, err) < 0)
			return -1;
		fputs("</li>\n", f);
		shown++;
	}
	if (shown < m->n_held)
		fprintf(f, "<li>and %zu more: the table of machines has them</li>\n", m->n_held - shown);
	fputs("</ul>\n</details>\n", f);
	return 0;
}

/* ---- what it rests on ---- */

static void put_notices(const struct machine_notices *n, FILE *f)
{
	for (size_t i = 0; i < n->n; i++) {
		fputs("<li>", f);
		html_text(f, n->v[i]);
		fputs("</li>\n", f);
	}
	if (n->beyond > 0)
		fprintf(f, "<li>and %zu more</li>\n", n->beyond);
}

static void write_assumptions(const struct move *m, FILE *f)
{
	if (m->assumptions.n == 0)
		return;
	fputs("<h3>Assumptions</h3>\n<ul id=\"assumptions\" class=\"small\">\n", f);
	put_notices(&m->assumptions, f);
	fputs("</ul>\n", f);
}

static void write_remarks(const struct assess_report *r, FILE *f)
{
	static const struct machine_notices none;
	const struct machine_notices *groups = r->moving->groups ? &r->moving->groups->notices : &none;
	size_t n = groups->n + groups->beyond + r->move->notices.n + r->move->notices.beyond;

	if (n == 0)
		return;
	fprintf(f, "<h3>Remarks on the groups</h3>\n<details id=\"remarks\">\n<summary>%zu remark%s</summary>\n<ul>\n", n,
		html_plural(n));
	put_notices(groups, f);
	put_notices(&r->move->notices, f);
	fputs("</ul>\n</details>\n", f);
}

int html_move(const struct assess_report *r, FILE *f, struct error *err)
{
	const struct move *m = r->move;

	if (m->n_vms == 0)
		return 0;
	fputs("<section aria-labelledby=\"move\">\n<h2 id=\"move\" tabindex=\"-1\">The move</h2>\n", f);
	write_cards(m, f);
	fputs("<div class=\"pair\">\n", f);
	source_bars(&m->load, f);
	limit_bars(m, f);
	fputs("</div>\n", f);
	html_waves(m, f);
	write_fixes(m, f);
	if (write_held(m, f, err) < 0)
		return -1;
	write_assumptions(m, f);
	write_remarks(r, f);
	fputs("</section>\n", f);
	return 0;
}

/* ---- data for the script ---- */

static void add_codes(const struct assess_codes *codes, json_t *list)
{
	for (size_t i = 0; i < codes->n; i++)
		if (codes->of[i] == VERDICT_NOT_READY || codes->of[i] == VERDICT_UNKNOWN)
			json_array_append_new(list, json_string(codes->v[i]));
}

/* The codes by which the list of fixes counts this machine; one may be there twice. */
static json_t *fix_json(const struct move_vm *v)
{
	json_t *list = json_array();

	add_codes(&v->vm->azure.codes, list);
	for (size_t i = 0; list && i < v->vm->machine->n_disks; i++)
		add_codes(&v->vm->disks[i].codes, list);
	return list;
}

int html_fixes_data(const struct assess_report *r, FILE *f, struct error *err)
{
	const char *before = "";

	fputs("{", f);
	for (size_t i = 0; i < r->move->n_vms; i++) {
		const struct move_vm *v = &r->move->vms[i];

		if (v->wave != MOVE_NO_WAVE || v->held_by)
			continue;
		CLEANUP(cleanup_json) json_t *codes = fix_json(v);
		CLEANUP_FREE char *s = codes ? json_dumps(codes, JSON_COMPACT) : NULL;

		if (!s)
			return error_set(err, ERR_NOMEM, "no memory for the page's data");
		fprintf(f, "%s\"%zu\":", before, i);
		assess_put_json(s, f);
		before = ",\n";
	}
	fputs("}", f);
	return 0;
}
