/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "support/pageblob_faults.h"
#include "support/pageblob_fields.h"
#include "support/pageblob_op.h"

static const struct {
	const char *name;
	enum pageblob_action action;
	int status;
	const char *code;
} actions[] = {
	{ "fail", FAULT_FAIL, 503, "ServerBusy" },
	{ "lost", FAULT_LOST, 500, "OperationTimedOut" },
	{ "late", FAULT_LATE, 500, "OperationTimedOut" },
	{ "drop", FAULT_DROP, 0, "" },
	{ "delay", FAULT_DELAY, 0, "" },
	{ "cut", FAULT_CUT, 0, "" },
	{ "drip", FAULT_DRIP, 0, "" },
	{ "badcrc", FAULT_BADCRC, 0, "" },
	{ "flip", FAULT_FLIP, 0, "" },
};

const char *pageblob_action_name(enum pageblob_action action)
{
	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (actions[i].action == action)
			return actions[i].name;
	return "";
}

/* 0.25 or 1: at most six digits after the point. */
static int parse_chance(const char *text, double *out)
{
	uint64_t whole = 0, part = 0, scale = 1;
	const char *point = strchr(text, '.');
	char head[24];

	snprintf(head, sizeof(head), "%.*s", point ? (int)(point - text) : 20, text);
	if (parse_u64(head, 1, &whole, NULL) < 0 ||
	    (point && (strlen(point + 1) > 6 || parse_u64(point + 1, 999999, &part, NULL) < 0)))
		return -1;
	for (const char *c = point ? point + 1 : ""; *c; c++)
		scale *= 10;
	*out = (double)whole + (double)part / (double)scale;
	return *out > 1 ? -1 : 0;
}

static int parse_option(struct pageblob_rule *rule, const char *key, const char *value)
{
	uint64_t n = 0;
	const struct {
		const char *key;
		uint64_t *out;
	} numbers[] = {
		{ "n", &rule->first },           { "count", &rule->count }, { "every", &rule->every },
		{ "after", &rule->fault.after }, { "at", &rule->fault.at }, { "ms", &rule->fault.ms },
	};

	if (strcmp(key, "p") == 0)
		return parse_chance(value, &rule->chance);
	if (strcmp(key, "blob") == 0) {
		free(rule->blob);
		rule->blob = pageblob_strdup(value);
		return 0;
	}
	if (strcmp(key, "code") == 0) {
		snprintf(rule->fault.code, sizeof(rule->fault.code), "%s", value);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (strcmp(key, numbers[i].key) == 0)
			return parse_u64(value, INT64_MAX, numbers[i].out, NULL);
	if (parse_u64(value, 100000, &n, NULL) < 0)
		return -1;
	if (strcmp(key, "status") == 0 && n >= 200 && n < 600)
		rule->fault.status = (int)n;
	else if (strcmp(key, "retry-after") == 0)
		rule->fault.retry_after_s = (int)n;
	else if (strcmp(key, "close") == 0 && n <= 1)
		rule->fault.close = n == 1;
	else
		return -1;
	return 0;
}

static int parse_operation(struct pageblob_rule *rule, const char *word)
{
	rule->any = strcmp(word, "*") == 0;
	rule->writes = strcmp(word, "write") == 0;
	if (rule->any || rule->writes)
		return 0;
	for (int op = 0; op < PAGEBLOB_OP_COUNT; op++) {
		if (strcmp(word, pageblob_op_name(op)) == 0) {
			rule->op = op;
			return 0;
		}
	}
	return -1;
}

static int parse_action(struct pageblob_rule *rule, const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (strcmp(word, actions[i].name) != 0)
			continue;
		rule->fault.action = actions[i].action;
		rule->fault.status = actions[i].status;
		snprintf(rule->fault.code, sizeof(rule->fault.code), "%s", actions[i].code);
		return 0;
	}
	return -1;
}

/* The next word of *at, which moves behind it; "" at the end. */
static void next_word(const char **at, char *out, size_t cap)
{
	size_t len;

	*at += strspn(*at, " \t\r");
	len = strcspn(*at, " \t\r");
	snprintf(out, cap, "%.*s", (int)len, *at);
	*at += len;
}

static int parse_line(struct pageblob_faults *f, const char *line, struct error *err)
{
	struct pageblob_rule rule = { .chance = 1, .fault.retry_after_s = -1 };
	char word[320], *eq;

	next_word(&line, word, sizeof(word));
	if (!*word)
		return 0;
	if (strcmp(word, "seed") == 0) {
		next_word(&line, word, sizeof(word));
		return parse_u64(word, UINT64_MAX, &f->seed, err);
	}
	if (parse_operation(&rule, word) < 0)
		return error_set(err, ERR_USAGE, "'%s': not an operation", word);
	next_word(&line, word, sizeof(word));
	if (parse_action(&rule, word) < 0)
		return error_set(err, ERR_USAGE, "'%s': not an action", word);
	for (next_word(&line, word, sizeof(word)); *word; next_word(&line, word, sizeof(word))) {
		eq = strchr(word, '=');
		if (eq)
			*eq = '\0';
		if (!eq || parse_option(&rule, word, eq + 1) < 0) {
			free(rule.blob);
			return error_set(err, ERR_USAGE, "'%s%s%s': not an option, or not its value", word,
					 eq ? "=" : "", eq ? eq + 1 : "");
		}
	}
	if (rule.first && !rule.count)
		rule.count = 1;
	f->v = pageblob_grow(f->v, f->n + 1, sizeof(*f->v));
	f->v[f->n++] = rule;
	return 0;
}

int pageblob_faults_parse(struct pageblob_faults *f, const char *text, uint64_t seed, struct error *err)
{
	struct pageblob_faults made = { .seed = seed };
	unsigned number = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");
		char *line = pageblob_strndup(text, len), *comment = strchr(line, '#');
		int rc;

		number++;
		if (comment)
			*comment = '\0';
		rc = parse_line(&made, line, err);
		free(line);
		if (rc < 0) {
			pageblob_faults_fini(&made);
			return error_prefix(err, "fault rules, line %u", number);
		}
		text += len + (text[len] == '\n');
	}
	pageblob_faults_fini(f);
	*f = made;
	return 0;
}

void pageblob_faults_fini(struct pageblob_faults *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].blob);
	free(f->v);
	f->v = NULL;
	f->n = 0;
}

static uint64_t mix(uint64_t v)
{
	v += UINT64_C(0x9e3779b97f4a7c15);
	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

static bool fits(const struct pageblob_rule *rule, uint64_t seed, size_t index)
{
	uint64_t nth = rule->seen;

	if (rule->first && (nth < rule->first || nth >= rule->first + rule->count))
		return false;
	if (!rule->first && rule->count && nth > rule->count)
		return false;
	if (rule->every && nth % rule->every != 0)
		return false;
	return rule->chance >= 1 || (double)(mix(mix(seed ^ index << 48) ^ nth) >> 11) * 0x1p-53 < rule->chance;
}

void pageblob_faults_match(struct pageblob_faults *f, enum pageblob_op op, const char *blob, struct pageblob_fault *out,
			   uint64_t *delay_ms_out)
{
	*out = (struct pageblob_fault){ .action = FAULT_NONE };
	*delay_ms_out = 0;
	for (size_t i = 0; i < f->n; i++) {
		struct pageblob_rule *rule = &f->v[i];

		if (!rule->any && (rule->writes ? !pageblob_op_writes(op) : rule->op != op))
			continue;
		if (rule->blob && (!blob || strcmp(rule->blob, blob) != 0))
			continue;
		rule->seen++;
		if (!fits(rule, f->seed, i))
			continue;
		if (rule->fault.action == FAULT_DELAY)
			*delay_ms_out += rule->fault.ms;
		else if (out->action == FAULT_NONE)
			*out = rule->fault;
	}
}
