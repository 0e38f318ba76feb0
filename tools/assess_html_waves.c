/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waves on a time line, and the same as a table.  Each wave is a line of text and a drawing of one bar, so that a page
 * can break between them and a narrow screen wraps the text.  What the bar says by colour and hatching the text says too.
 */
#include <config.h>

#include <stdio.h>

#include "assess_html.h"
#include "base/compiler.h"
#include "base/parse.h"

#define HOUR 3600.0
#define DAY 86400.0
#define TICKS_MAX 5 /* of the time line: as many labels as a narrow screen has room for */

/* ---- words ---- */

static const char *environment(const struct move_wave *w)
{
	if (!w->production)
		return "development and test";
	return w->broken & 1U << 5 ? "production, development and test" : "production";
}

static const char *risk_class(const struct move_wave *w)
{
	static const char *const names[] = { [WAVE_LOW] = "r-low", [WAVE_MEDIUM] = "r-medium", [WAVE_HIGH] = "r-high" };

	return names[w->risk];
}

static void put_seconds(double s, FILE *f)
{
	char text[FORMAT_TEXT_LEN];

	html_seconds_text(s, text);
	fputs(s > 0 ? text : "0", f);
}

/* "4, 5": conditions that could not be kept. */
static void put_broken(unsigned broken, FILE *f)
{
	const char *before = "";

	if (!broken)
		fputs("-", f);
	for (unsigned i = 0; broken >> i; i++)
		if (broken >> i & 1) {
			fprintf(f, "%s%u", before, i);
			before = ", ";
		}
}

/* ---- the time line ---- */

/* The shortest round length of time that parts the whole into few enough. */
static double tick_length(double whole)
{
	static const double lengths[] = { 60,       300,      900,     HOUR,     3 * HOUR, 6 * HOUR, 12 * HOUR,
					  DAY,      2 * DAY,  5 * DAY, 10 * DAY, 20 * DAY, 50 * DAY };
	double length;

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
		if (whole / lengths[i] <= TICKS_MAX)
			return lengths[i];
	for (length = 100 * DAY; whole / length > TICKS_MAX; length *= 2)
		;
	return length;
}

static void put_moment(double s, double tick, FILE *f)
{
	if (tick >= DAY)
		fprintf(f, "day %.0f", s / DAY);
	else if (tick >= HOUR)
		fprintf(f, "%.0f h", s / HOUR);
	else
		fprintf(f, "%.0f min", s / 60);
}

static void draw_axis(double whole, FILE *f)
{
	double tick = tick_length(whole);

	fputs("<svg class=\"axis\" aria-hidden=\"true\" width=\"100%\" height=\"20\">\n", f);
	for (double t = 0; t < whole * 0.87 || t <= 0; t += tick) {
		fprintf(f, "<text x=\"%.3f%%\" y=\"15\">", whole > 0 ? 100 * t / whole : 0);
		put_moment(t, tick, f);
		fputs("</text>\n", f);
	}
	fputs("</svg>\n", f);
}

/* Hatching for risk: told apart without colour. */
static void define_hatching(FILE *f)
{
	fputs("<svg class=\"away\" aria-hidden=\"true\" width=\"0\" height=\"0\"><defs>\n"
	      "<pattern id=\"hatch-medium\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">"
	      "<circle class=\"hatch\" cx=\"4\" cy=\"4\" r=\"1.6\"/></pattern>\n"
	      "<pattern id=\"hatch-high\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">"
	      "<path class=\"hatch\" d=\"M-2 2L2 -2M-2 10L10 -2M6 10L10 6\"/></pattern>\n</defs></svg>\n",
	      f);
}

/* A wave that takes next to no time is seen by a mark of fixed width where it begins. */
static void draw_wave(const struct move_wave *w, double whole, FILE *f)
{
	double tick = tick_length(whole), at = whole > 0 ? 100 * w->start_s / whole : 0;
	double width = whole > 0 ? 100 * (w->end_s - w->start_s) / whole : 0;
	const char *part = w->production ? "part-1" : "part-2";

	fputs("<svg aria-hidden=\"true\" width=\"100%\" height=\"18\">"
	      "<rect class=\"track\" x=\"0\" y=\"0\" width=\"100%\" height=\"18\"/>",
	      f);
	for (double t = tick; t < whole; t += tick)
		fprintf(f, "<rect class=\"tick\" x=\"%.3f%%\" y=\"0\" width=\"1\" height=\"18\"/>", 100 * t / whole);
	fprintf(f,
		"<rect class=\"bar %s\" x=\"%.3f%%\" y=\"1\" width=\"%.3f%%\" height=\"16\"/>"
		"<rect class=\"%s\" x=\"%.3f%%\" y=\"1\" width=\"4\" height=\"16\"/>",
		part, at, width, part, at);
	if (w->risk != WAVE_LOW)
		fprintf(f, "<rect class=\"%s\" x=\"%.3f%%\" y=\"1\" width=\"%.3f%%\" height=\"16\"/>", risk_class(w), at, width);
	fputs("</svg>", f);
}

static void time_line(const struct move *m, FILE *f)
{
	double whole = m->waves[m->n_waves - 1].end_s;

	fputs("<figure>\n<figcaption id=\"waves-line\">First transfer, one wave after the other: "
	      "<span class=\"key part-1\" aria-hidden=\"true\"></span>production, "
	      "<span class=\"key part-2\" aria-hidden=\"true\"></span>development and test; dotted: medium risk, hatched: high "
	      "risk</figcaption>\n",
	      f);
	define_hatching(f);
	fputs("<div class=\"long\" role=\"region\" aria-labelledby=\"waves-line\" tabindex=\"0\">\n", f);
	draw_axis(whole, f);
	fputs("<ol id=\"time-line\">\n", f);
	for (size_t i = 0; i < m->n_waves; i++) {
		const struct move_wave *w = &m->waves[i];

		fprintf(f,
			"<li><p><a href=\"#wave=%zu\">Wave %zu</a> <span>%zu machine%s, %s</span> <span>risk "
			"%s<span class=\"mark %s\" aria-hidden=\"true\"></span></span> <span class=\"when\">",
			i + 1, i + 1, w->n_vms, html_plural(w->n_vms), environment(w), wave_level_name(w->risk),
			risk_class(w));
		put_seconds(w->start_s, f);
		fputs(" to ", f);
		put_seconds(w->end_s, f);
		fputs("</span></p>\n", f);
		draw_wave(w, whole, f);
		fputs("</li>\n", f);
	}
	fputs("</ol>\n</div>\n</figure>\n", f);
}

/* ---- the table ---- */

static void put_reasons(const struct machine_notices *n, FILE *f)
{
	if (n->n == 0) {
		fputs("<td>-</td>", f);
		return;
	}
	fputs("<td><ul>", f);
	for (size_t i = 0; i < n->n; i++) {
		fputs("<li>", f);
		html_text(f, n->v[i]);
		fputs("</li>", f);
	}
	fputs("</ul></td>", f);
}

static void wave_row(const struct move_wave *w, size_t number, FILE *f)
{
	char bytes[FORMAT_TEXT_LEN];

	html_bytes_text(move_load_bytes(&w->load), bytes);
	fprintf(f,
		"<tr><th scope=\"row\"><a href=\"#wave=%zu\">%zu</a></th><td class=\"num\">%zu</td><td>%s</td><td "
		"class=\"num\">%s</td><td>%s</td>",
		number, number, w->n_vms, environment(w), bytes, move_source_name(move_load_source(&w->load)));
	fprintf(f,
		"<td class=\"num\">%.2f</td><td class=\"num\">%.2f</td><td class=\"num\">%.2f</td><td>%s</td><td "
		"class=\"num\">%.0f %%</td><td>%s</td>",
		w->start_s / DAY, w->end_s / DAY, w->time.longest_s / DAY, move_limit_name(w->time.limit),
		100 * w->line_share, wave_level_name(w->confidence));
	fprintf(f, "<td class=\"weight\"><span class=\"mark %s\" aria-hidden=\"true\"></span>%s</td><td>", risk_class(w),
		wave_level_name(w->risk));
	put_broken(w->broken, f);
	fputs("</td>", f);
	put_reasons(&w->reasons, f);
	fputs("</tr>\n", f);
}

static void wave_table(const struct move *m, FILE *f)
{
	static const struct {
		const char *text;
		bool number;
	} heads[] = { { "Wave", false },      { "Machines", true },      { "For", false },        { "To send", true },
		      { "Known by", false },  { "From day", true },      { "To day", true },        { "Days", true },
		      { "Limit", false },     { "Line for changes", true }, { "Confidence", false }, { "Risk", false },
		      { "Not kept", false },  { "Reasons", false } };

	fputs("<div class=\"wide\" role=\"region\" aria-labelledby=\"waves-table\" tabindex=\"0\">\n<table id=\"waves\">\n"
	      "<caption id=\"waves-table\">Waves; what is not kept is one of the conditions in liftfs-assess(1)</caption>\n"
	      "<thead><tr>",
	      f);
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		fprintf(f, "<th scope=\"col\"%s>%s</th>", heads[i].number ? " class=\"num\"" : "", heads[i].text);
	fputs("</tr></thead>\n<tbody>\n", f);
	for (size_t i = 0; i < m->n_waves; i++)
		wave_row(&m->waves[i], i + 1, f);
	fputs("</tbody>\n</table>\n</div>\n", f);
}

void html_waves(const struct move *m, FILE *f)
{
	fputs("<h3>Waves</h3>\n", f);
	if (m->n_waves == 0) {
		fputs("<p>None: no machine is ready.</p>\n", f);
		return;
	}
	time_line(m, f);
	wave_table(m, f);
}
