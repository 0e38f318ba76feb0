/* SPDX-License-Identifier: Apache-2.0 */
/* Guests: what Azure makes of each, and how identifiers and texts lead to them. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assess/catalogue_private.h"
#include "base/compiler.h"

static const char *const archs[] = {
	[ARCH_UNKNOWN] = "", [ARCH_X64] = "x64", [ARCH_X86] = "x86", [ARCH_ARM64] = "arm64", NULL,
};

const char *catalogue_arch_name(enum os_arch a)
{
	return archs[a];
}

/* ---- os-keys.csv ---- */

enum { K_KEY, K_NAME, K_FAMILY, K_ARCH, K_STATE, K_CODE, K_GEN2, K_NVME, K_AVS };
const char *const catalogue_os_key_columns[] = {
	[K_KEY] = "os_key",        [K_NAME] = "?os_name",
	[K_FAMILY] = "family",     [K_ARCH] = "default_arch",
	[K_STATE] = "azure_state", [K_CODE] = "azure_code",
	[K_GEN2] = "gen2",         [K_NVME] = "nvme",
	[K_AVS] = "avs_state",     NULL,
};

static const struct catalogue_os *find_os(const struct catalogue *c, const char *key)
{
	for (size_t i = 0; i < c->n_os; i++)
		if (strcmp(c->os[i].key, key) == 0)
			return &c->os[i];
	return NULL;
}

static int read_os(const struct table *t, struct catalogue_os *os, struct error *err)
{
	static const char *const states[] = {
		[OS_SUPPORTED] = "supported",
		[OS_CONDITIONAL] = "conditional",
		[OS_END_OF_SUPPORT] = "end-of-support",
		[OS_UNSUPPORTED] = "unsupported",
		[OS_NO_BOOT] = "no-boot",
		[OS_UNKNOWN] = "unknown",
		NULL,
	};
	static const char *const answers[] = { [OS_MAYBE] = "unknown", [OS_YES] = "yes", [OS_NO] = "no", NULL };
	static const char *const avs_states[] = { "supported", "deprecated", NULL };
	unsigned arch, state, gen2, nvme, avs;

	if (table_copy(t, K_KEY, &os->key, err) < 0 || table_copy(t, K_NAME, &os->name, err) < 0 ||
	    table_copy(t, K_CODE, &os->azure_code, err) < 0 || table_word(t, K_ARCH, archs, &arch, err) < 0 ||
	    table_word(t, K_STATE, states, &state, err) < 0 || table_word(t, K_GEN2, answers, &gen2, err) < 0 ||
	    table_word(t, K_NVME, answers, &nvme, err) < 0 || table_word(t, K_AVS, avs_states, &avs, err) < 0)
		return -1;
	if (!*os->key)
		return table_bad(t, K_KEY, err, "empty");
	if (state != OS_SUPPORTED && state != OS_UNKNOWN && !*os->azure_code)
		return table_bad(t, K_CODE, err, "empty, where azure_state is %s", states[state]);
	os->windows = strcmp(table_text(t, K_FAMILY), "windows") == 0;
	os->default_arch = (enum os_arch)arch;
	os->azure_state = (enum os_azure_state)state;
	os->gen2 = (enum os_answer)gen2;
	os->nvme = (enum os_answer)nvme;
	os->avs_deprecated = avs == 1;
	return 0;
}

int catalogue_load_os_keys(struct catalogue *c, struct table *t, struct error *err)
{
	int rc;

	while ((rc = table_next(t, err)) > 0) {
		struct catalogue_os *os;

		if (find_os(c, table_text(t, K_KEY)))
			return table_bad(t, K_KEY, err, "'%s' is there already", table_text(t, K_KEY));
		if (table_grow(&c->os, sizeof(*c->os), c->n_os, &c->cap_os, err) < 0)
			return -1;
		os = &c->os[c->n_os++];
		*os = (struct catalogue_os){ .key = NULL };
		if (read_os(t, os, err) < 0)
			return -1;
	}
	if (rc == 0 && !find_os(c, "unknown"))
		return error_set(err, ERR_CORRUPT, "%s: os_key: no row 'unknown'", t->path);
	return rc;
}

static int read_os_key(const struct catalogue *c, const struct table *t, size_t column, const struct catalogue_os **out,
		       struct error *err)
{
	*out = find_os(c, table_text(t, column));
	return *out ? 0 : table_bad(t, column, err, "'%s' is not in os-keys.csv", table_text(t, column));
}

/* ---- guest-os.csv ---- */

enum { G_VIM, G_VMX, G_KEY, G_ARCH };
const char *const catalogue_guest_os_columns[] = {
	[G_VIM] = "vim_id", [G_VMX] = "vmx_id", [G_KEY] = "os_key", [G_ARCH] = "arch", NULL,
};

static int by_id(const void *a, const void *b)
{
	const struct os_id *x = a, *y = b;
	int order = strcasecmp(x->id, y->id);

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

static int add_id(struct catalogue *c, const struct table *t, size_t column, struct error *err)
{
	struct os_id id = { .line = t->row.line };
	unsigned arch;

	if (read_os_key(c, t, G_KEY, &id.os, err) < 0 || table_word(t, G_ARCH, archs, &arch, err) < 0)
		return -1;
	if (!*table_text(t, column))
		return 0; /* only names lead to this one */
	id.arch = (enum os_arch)arch;
	if (table_grow(&c->ids, sizeof(*c->ids), c->n_ids, &c->cap_ids, err) < 0 ||
	    table_copy(t, column, &id.id, err) < 0)
		return -1;
	c->ids[c->n_ids++] = id;
	return 0;
}

int catalogue_load_guest_os(struct catalogue *c, struct table *t, struct error *err)
{
	int rc;

	while ((rc = table_next(t, err)) > 0)
		if (add_id(c, t, G_VIM, err) < 0 || add_id(c, t, G_VMX, err) < 0)
			return -1;
	if (rc < 0 || c->n_ids == 0)
		return rc;
	qsort(c->ids, c->n_ids, sizeof(*c->ids), by_id);
	for (size_t i = 1; i < c->n_ids; i++) {
		const struct os_id *a = &c->ids[i - 1], *b = &c->ids[i];

		/* several keys of VMware's have one identifier, and mean the same */
		if (strcasecmp(a->id, b->id) == 0 && (a->os != b->os || a->arch != b->arch))
			return error_set(err, ERR_CORRUPT,
					 "%s:%zu: vim_id, vmx_id: '%s' means something else in line %zu", t->path,
					 b->line, b->id, a->line);
	}
	return 0;
}

/* ---- guest-os-names.csv ---- */

enum { N_ORDER, N_PATTERN, N_KEY };
const char *const catalogue_guest_os_name_columns[] = {
	[N_ORDER] = "order",
	[N_PATTERN] = "pattern",
	[N_KEY] = "os_key",
	NULL,
};

static int add_pattern(struct catalogue *c, const struct table *t, unsigned *order, struct error *err)
{
	struct os_pattern p = { .pattern = NULL };
	unsigned own;

	if (table_count(t, N_ORDER, 0, &own, err) < 0 || read_os_key(c, t, N_KEY, &p.os, err) < 0)
		return -1;
	if (c->n_patterns > 0 && own <= *order)
		return table_bad(t, N_ORDER, err, "%u after %u; rows are in their order", own, *order);
	*order = own;
	for (const char *s = table_text(t, N_PATTERN); *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			return table_bad(t, N_PATTERN, err, "'%s' would never match; patterns are in lower case",
					 table_text(t, N_PATTERN));
	if (table_grow(&c->patterns, sizeof(*c->patterns), c->n_patterns, &c->cap_patterns, err) < 0 ||
	    table_copy(t, N_PATTERN, &p.pattern, err) < 0)
		return -1;
	c->patterns[c->n_patterns++] = p;
	return 0;
}

int catalogue_load_guest_os_names(struct catalogue *c, struct table *t, struct error *err)
{
	unsigned order = 0;
	int rc;

	while ((rc = table_next(t, err)) > 0)
		if (add_pattern(c, t, &order, err) < 0)
			return -1;
	return rc;
}

void catalogue_free_os(struct catalogue *c)
{
	for (size_t i = 0; i < c->n_os; i++) {
		free(c->os[i].key);
		free(c->os[i].name);
		free(c->os[i].azure_code);
	}
	free(c->os);
	for (size_t i = 0; i < c->n_ids; i++)
		free(c->ids[i].id);
	free(c->ids);
	for (size_t i = 0; i < c->n_patterns; i++)
		free(c->patterns[i].pattern);
	free(c->patterns);
}

/* ---- looking up ---- */

const struct catalogue_os *catalogue_os(const struct catalogue *c, const char *key)
{
	const struct catalogue_os *os = find_os(c, key);

	return os ? os : find_os(c, "unknown");
}

const struct catalogue_os *catalogue_os_by_id(const struct catalogue *c, const char *id, enum os_arch *arch_out)
{
	size_t low = 0, high = c->n_ids;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcasecmp(c->ids[mid].id, id);

		if (order == 0) {
			*arch_out = c->ids[mid].arch;
			return c->ids[mid].os;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* Bytes of what counts as white space at p; 0: it is none. */
static size_t white_space(const char *p)
{
	static const char *const wide[] = { "\xc2\xa0", "\xe2\x80\xaf",
					    "\xe2\x80\x87" }; /* no-break: plain, narrow, figure */

	if (*p == ' ' || (*p >= '\t' && *p <= '\r'))
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(wide); i++)
		if (strncmp(p, wide[i], strlen(wide[i])) == 0)
			return strlen(wide[i]);
	return 0;
}

/* Bytes of a mark that says nothing; 0: it is none. */
static size_t mark(const char *p)
{
	static const char *const marks[] = { "(r)", "(tm)", "\xc2\xae", "\xe2\x84\xa2" };

	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (strncasecmp(p, marks[i], strlen(marks[i])) == 0)
			return strlen(marks[i]);
	return 0;
}

static char *normalise(const char *text, struct error *err)
{
	static const char maker[] = "microsoft ";
	char *out = malloc(strlen(text) + 1);
	size_t n = 0, skip;

	if (!out) {
		error_errno(err, ENOMEM, "operating system");
		return NULL;
	}
	for (const char *p = text; *p; p += skip) {
		skip = mark(p);
		if (skip > 0)
			continue;
		skip = white_space(p);
		if (skip > 0 && n > 0 && out[n - 1] != ' ')
			out[n++] = ' ';
		if (skip > 0)
			continue;
		out[n++] = (char)(*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p);
		skip = 1;
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	if (strncmp(out, maker, sizeof(maker) - 1) == 0)
		memmove(out, out + sizeof(maker) - 1, n + 1 - (sizeof(maker) - 1));
	return out;
}

/* All of the text; '*' is any run of characters.  Goes back to the last '*' only, which is enough. */
static bool matches(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

const struct catalogue_os *catalogue_os_by_text(const struct catalogue *c, const char *text, struct error *err)
{
	CLEANUP_FREE char *own = normalise(text, err);

	if (!own)
		return NULL;
	for (size_t i = 0; i < c->n_patterns; i++)
		if (matches(c->patterns[i].pattern, own))
			return c->patterns[i].os;
	return find_os(c, "unknown");
}
