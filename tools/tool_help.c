/* SPDX-License-Identifier: Apache-2.0 */
/* The texts that are made from a table of options: --help, and the lists for completion and checks. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "tool.h"

#define HELP_COLUMN 26 /* where an option's text begins */
#define HELP_WIDTH 79
#define HELP_LINES 24
#define HELP_INDENT 11 /* of lines that go on */
#define HELP_COMMON "Every verb:"
#define HELP_MORE "  More:"

static void option_head(const struct tool_option *o, char *out, size_t len)
{
	char letter[8] = "    ";
	const char *arg = o->arg ? o->arg : "";

	if (o->letter)
		snprintf(letter, sizeof(letter), o->name ? "-%c, " : "-%c", o->letter);
	if (*arg == '[') /* "--watch[=INTERVAL]" */
		snprintf(out, len, "%s--%s[=%s", letter, o->name, arg + 1);
	else
		snprintf(out, len, "%s%s%s%s%s", letter, o->name ? "--" : "", o->name ? o->name : "", o->arg ? " " : "", arg);
}

/* "-n" or, if it has no letter or `whole` is set, "--dry-run", with its argument. */
static void option_word(const struct tool_option *o, bool whole, char *out, size_t len)
{
	const char *arg = o->arg ? o->arg : "";

	if (o->letter && (!whole || !o->name))
		snprintf(out, len, "-%c%s%s", o->letter, o->arg ? " " : "", arg);
	else if (*arg == '[')
		snprintf(out, len, "--%s[=%s", o->name, arg + 1);
	else
		snprintf(out, len, "--%s%s%s", o->name, o->arg ? " " : "", arg);
}

/* A heading and words after it, in as few lines as they need; how many that is.  Nothing is printed if not `show`. */
static unsigned print_words(const char *heading, const struct tool_option *o, size_t n, bool whole, bool show)
{
	int column = (int)strlen(heading);
	unsigned lines = 1;

	if (show)
		printf("%s", heading);
	for (size_t i = 0; i < n; i++) {
		char word[64];
		int len;

		option_word(&o[i], whole, word, sizeof(word));
		len = (int)strlen(word);
		if (column + 1 + len > HELP_WIDTH) {
			lines++;
			column = HELP_INDENT - 1;
			if (show)
				printf("\n%*s", column, "");
		}
		if (show)
			printf(" %s", word);
		column += 1 + len;
	}
	if (show)
		printf("\n");
	return lines;
}

/* How many of a verb's n options have a line of their own if all that follows them shall fit, too. */
static size_t lines_for(const struct tool *t, size_t n, unsigned rest)
{
	size_t own = n;

	while (own > 0 && own + (own < n ? print_words(HELP_MORE, t->options + own, n - own, true, false) : 0) + rest > HELP_LINES)
		own--;
	return own;
}

static unsigned count_lines(const char *text)
{
	unsigned n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

void tool_print_help(const struct tool *t)
{
	struct tool_option common[TOOL_COMMON_MAX];
	struct tool_common unused;
	size_t n_common = tool_common_options(&unused, common), n = 0, own;
	unsigned rest = 3 + 1; /* usage, summary, a blank line; See */

	while (t->options && (t->options[n].name || t->options[n].letter))
		n++;
	rest += (n > 0) + (t->notes ? count_lines(t->notes) : 0) + print_words(HELP_COMMON, common, n_common, false, false);
	own = lines_for(t, n, rest);
	printf("usage: liftfs %s [options] %s\n%s\n\n", t->verb, t->arguments, t->summary);
	for (size_t i = 0; i < own; i++) {
		char head[64];

		option_head(&t->options[i], head, sizeof(head));
		printf("  %-*s %s\n", HELP_COLUMN - 3, head, t->options[i].help);
	}
	if (own < n)
		print_words(HELP_MORE, t->options + own, n - own, true, true);
	if (n > 0)
		printf("\n");
	if (t->notes)
		printf("%s\n", t->notes);
	print_words(HELP_COMMON, common, n_common, false, true);
	printf("See liftfs-%s(1).\n", t->verb);
}

static void print_option(const struct tool_option *o)
{
	printf("%s\t%c\t%s\t%s\t%s\n", o->name ? o->name : "-", o->letter ? o->letter : '-', o->arg ? o->arg : "-",
	       o->values ? o->values : "-", o->help);
}

void tool_print_options(const struct tool *t)
{
	struct tool_option common[TOOL_COMMON_MAX];
	struct tool_common unused;
	size_t n = tool_common_options(&unused, common);

	for (const struct tool_option *o = t->options; o && (o->name || o->letter); o++)
		print_option(o);
	for (size_t i = 0; i < n; i++)
		print_option(&common[i]);
}
