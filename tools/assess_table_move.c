/* SPDX-License-Identifier: Apache-2.0 */
/* For people at a terminal: what the move comes to, its waves, and what must be fixed before there can be more of them.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "assess.h"
#include "base/compiler.h"

#define MIB 1048576.0
#define DAY_S 86400.0
#define WAVES_SHOWN 10
#define FIXES_SHOWN 10
#define LINE_WIDTH 79

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* ---- summary ---- */

void assess_print_move(const struct assess_report *r)
{
	const struct move *m = r->move;
	const struct move_load *l = &m->load;
	char size[FORMAT_TEXT_LEN], time[FORMAT_TEXT_LEN], rate[FORMAT_TEXT_LEN];

	assess_size(move_load_bytes(l) / MIB, size);
	format_duration((uint64_t)(m->time.longest_s * 1000), time);
	assess_size(r->moving->line_rate.v / MIB, rate);
	printf("Move:  %s to send, at least %s (limit: %s)\n", size, time, move_limit_name(m->time.limit));
	printf("       %zu wave%s over a line of %s/s%s\n", m->n_waves, plural(m->n_waves), rate,
	       r->moving->line_rate.given ? "" : " (assumed)");
	if (m->n_not_ready + m->n_held > 0)
		printf("       %zu VM%s in none: %zu not ready, %zu held by those\n", m->n_not_ready + m->n_held,
		       plural(m->n_not_ready + m->n_held), m->n_not_ready, m->n_held);
	if (l->direct > 0 && r->moving->way == MOVE_PAGE_BLOB)
		printf("       %zu disk%s of 8 TiB or more by direct upload: no page blob holds %s\n", l->direct,
		       plural(l->direct), l->direct == 1 ? "it" : "them");
	if (l->unknown > 0)
		printf("       without %zu disk%s whose size is not known\n", l->unknown, plural(l->unknown));
}

/* ---- waves ---- */

static int wave_row(struct table *table, const struct move *m, size_t at, struct error *err)
{
	const struct move_wave *w = &m->waves[at];
	char number[24], vms[24], size[FORMAT_TEXT_LEN], days[32], start[32];
	const char *cells[] = { number,
				vms,
				size,
				days,
				start,
				wave_level_name(w->confidence),
				wave_level_name(w->risk),
				w->reasons.n > 0 ? w->reasons.v[0] : "" };

	snprintf(number, sizeof(number), "%zu", at + 1);
	snprintf(vms, sizeof(vms), "%zu", w->n_vms);
	assess_size(move_load_bytes(&w->load) / MIB, size);
	snprintf(days, sizeof(days), "%.1f", w->time.longest_s / DAY_S);
	snprintf(start, sizeof(start), "%.1f", w->start_s / DAY_S);
	return table_row(table, cells, ARRAY_LEN(cells), err);
}

static int print_waves(const struct move *m, enum output_when color, struct error *err)
{
	static const struct {
		const char *text;
		enum table_fit fit;
	} headings[] = { { "WAVE", TABLE_RIGHT }, { "VMS", TABLE_RIGHT },  { "DATA", TABLE_RIGHT },
			 { "DAYS", TABLE_RIGHT }, { "FROM", TABLE_RIGHT }, { "SURE", TABLE_LEFT },
			 { "RISK", TABLE_LEFT },  { "BECAUSE", TABLE_CUT } };
	CLEANUP(cleanup_table) struct table *table = table_new(color, err);

	if (!table)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		if (table_column_fit(table, headings[i].text, headings[i].fit, err) < 0)
			return -1;
	for (size_t i = 0; i < m->n_waves && i < WAVES_SHOWN; i++)
		if (wave_row(table, m, i, err) < 0)
			return -1;
	printf("\n");
	fflush(stdout);
	if (table_print(table, err) < 0)
		return -1;
	if (m->n_waves > WAVES_SHOWN)
		printf("%zu more waves: --json, --csv and --html have them\n", m->n_waves - WAVES_SHOWN);
	return 0;
}

/* ---- what to fix ---- */

/* Words of a text that begins in column `at`; further lines begin in column `indent`. */
static void print_wrapped(const char *text, size_t at, size_t indent)
{
	while (*text) {
		size_t len = strcspn(text, " ");

		if (at > indent && at + 1 + len > LINE_WIDTH) {
			printf("\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			at += (size_t)printf(" ");
		}
		at += (size_t)printf("%.*s", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
	printf("\n");
}

static void print_fixes(const struct move *m)
{
	size_t indent = strlen("  ");

	if (m->n_fixes == 0)
		return;
	printf("\nFix first:\n");
	for (size_t i = 0; i < m->n_fixes && i < FIXES_SHOWN; i++) {
		const struct move_fix *fix = &m->fixes[i];
		int at = printf("  %s, %zu VM%s:", fix->code, fix->vms, plural(fix->vms));

		print_wrapped(assess_code_text(fix->code), at > 0 ? (size_t)at : indent, 2 * indent);
	}
	if (m->n_fixes > FIXES_SHOWN)
		printf("  and %zu more: --json has them\n", m->n_fixes - FIXES_SHOWN);
}

int assess_print_plan(const struct assess_report *r, enum output_when color, struct error *err)
{
	const struct move *m = r->move;

	if ((m->n_waves > 1 || (m->n_waves > 0 && r->moving->groups)) && print_waves(m, color, err) < 0)
		return -1;
	print_fixes(m);
	return 0;
}
