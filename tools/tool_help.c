/* SPDX-License-Identifier: Apache-2.0 */
/* The texts that are made from a table of options: --help, and the lists for completion and checks. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "tool.h"

#define HELP_COLUMN 26 /* where an option's text begins */
#define HELP_WIDTH 79

static void option_head(const struct tool_option *o, char *out, size_t len)
{
	char letter[8] = "    ";
	const char *arg = o->arg ? o->arg : "";

	if (o->letter)
		snprintf(letter, sizeof(letter), o->name ? "-%c, " : "-%c", o->letter);
	snprintf(out, len, "%s%s%s%s%s", letter, o->name ? "--" : "", o->name ? o->name : "", o->arg ? " " : "", arg);
}

/* Just what it is called; gives the column after it. */
static int print_word(const struct tool_option *o, int column)
{
	char word[64];
	int len;

	if (o->letter)
		len = snprintf(word, sizeof(word), "-%c", o->letter);
	else
		len = snprintf(word, sizeof(word), "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
	if (column + 1 + len > HELP_WIDTH)
		column = printf("\n          ") - 1;
	return column + printf(" %s", word);
}

/* The options of every verb, in as few lines as they need: what they do is in liftfs(1). */
static void print_common(void)
{
	struct tool_option common[TOOL_COMMON_MAX];
	struct tool_common unused;
	size_t n = tool_common_options(&unused, common);
	int column = printf("Every verb:");

	for (size_t i = 0; i < n; i++)
		column = print_word(&common[i], column);
	printf("\n");
}

/* Is the name one of the words? */
static bool is_brief(const char *words, const char *name)
{
	size_t len = name ? strlen(name) : 0;

	for (const char *w = words; w && len > 0; w = strchr(w, ' ') ? strchr(w, ' ') + 1 : NULL)
		if (strncmp(w, name, len) == 0 && (w[len] == ' ' || w[len] == '\0'))
			return true;
	return false;
}

static void print_brief(const struct tool *t)
{
	int column = printf("Also:");

	for (const struct tool_option *o = t->options; o && (o->name || o->letter); o++)
		if (is_brief(t->brief, o->name))
			column = print_word(o, column);
	printf("\n");
}

void tool_print_help(const struct tool *t)
{
	printf("usage: liftfs %s [options] %s\n%s\n\n", t->verb, t->arguments, t->summary);
	for (const struct tool_option *o = t->options; o && (o->name || o->letter); o++) {
		char head[64];

		if (is_brief(t->brief, o->name))
			continue;
		option_head(o, head, sizeof(head));
		printf("  %-*s %s\n", HELP_COLUMN - 3, head, o->help);
	}
	if (t->options && (t->options->name || t->options->letter))
		printf("\n");
	if (t->brief)
		print_brief(t);
	if (t->notes)
		printf("%s\n", t->notes);
	print_common();
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
