/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in a cell, read and written (csv.h). */
#include <config.h>

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/csv.h"

#define NUMBER_MAX 64 /* characters */

/* How many bytes at p mean nothing in a number: a blank, U+00A0, U+202F (both without a break), ' and U+2019. */
static size_t filler(const char *p)
{
	if (isspace((unsigned char)*p) || *p == '\'')
		return 1;
	if (strncmp(p, "\xc2\xa0", 2) == 0)
		return 2;
	return strncmp(p, "\xe2\x80\xaf", 3) == 0 || strncmp(p, "\xe2\x80\x99", 3) == 0 ? 3 : 0;
}

/* As a C number in out: digits, at most one dot, and a sign or an exponent where such stand. */
static bool normalise(const char *text, char delimiter, char out[NUMBER_MAX])
{
	char decimal = delimiter == ';' ? ',' : '.', thousands = delimiter == ';' ? '.' : ',';
	size_t n = 0, skip;

	for (const char *p = text; *p; p += skip ? skip : 1) {
		skip = filler(p);
		if (skip > 0 || *p == thousands)
			continue;
		if (n == NUMBER_MAX - 1)
			return false;
		out[n++] = *p == decimal ? '.' : *p;
	}
	if (n > 0 && out[n - 1] == '%')
		n--;
	out[n] = '\0';
	return n > 0;
}

bool csv_number(const char *text, char delimiter, double *out)
{
	char buf[NUMBER_MAX], *end;
	double v;

	/* strtod() knows more than numbers of people: hexadecimal ones, "inf" and "nan" */
	if (!normalise(text, delimiter, buf) || buf[strspn(buf, "0123456789+-.eE")] != '\0')
		return false;
	v = strtod(buf, &end);
	if (*end || end == buf || !isfinite(v))
		return false;
	*out = v;
	return true;
}

bool csv_truth(const char *text)
{
	return strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcasecmp(text, "yes") == 0 ||
	       strcasecmp(text, "y") == 0;
}

/* ---- writing ---- */

static void begin_cell(struct csv_writer *w)
{
	if (w->begun)
		strbuf_adds(&w->out, ",");
	w->begun = true;
}

void csv_put(struct csv_writer *w, const char *text)
{
	const char *quote;
	bool quoted, formula;

	begin_cell(w);
	if (!text || !*text)
		return;
	formula = strchr("=+-@\t", *text) != NULL;
	quoted = strpbrk(text, "\",\r\n") || isspace((unsigned char)text[0]) ||
		 isspace((unsigned char)text[strlen(text) - 1]);
	strbuf_adds(&w->out, quoted && formula ? "\"'" : quoted ? "\"" : formula ? "'" : "");
	while ((quote = strchr(text, '"')) != NULL) {
		strbuf_add(&w->out, text, (size_t)(quote - text));
		strbuf_adds(&w->out, "\"\"");
		text = quote + 1;
	}
	strbuf_adds(&w->out, text);
	if (quoted)
		strbuf_adds(&w->out, "\"");
}

void csv_put_number(struct csv_writer *w, double number)
{
	char text[64];
	int decimals = 0;

	begin_cell(w);
	do {
		snprintf(text, sizeof(text), "%.*f", decimals, number);
	} while (strtod(text, NULL) != number && ++decimals <= 17);
	if (decimals > 17)
		snprintf(text, sizeof(text), "%.17g", number);
	strbuf_adds(&w->out, text);
}

void csv_end_row(struct csv_writer *w)
{
	strbuf_adds(&w->out, "\n");
	w->begun = false;
}
