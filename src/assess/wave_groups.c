/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assess/wave_groups.h"
#include "base/compiler.h"
#include "inventory/csv_table.h"

enum { VM, APPLICATION, ENVIRONMENT, CRITICALITY, DEPENDS, FIELDS };

static const struct csv_field fields[FIELDS] = {
	[VM] = { { "vm", "name", "server name" } },
	[APPLICATION] = { { "application" } },
	[ENVIRONMENT] = { { "environment" } },
	[CRITICALITY] = { { "criticality" } },
	[DEPENDS] = { { "depends on", "depends-on", "depends_on", "dependencies" } },
};

static const char *const levels[] = { [WAVE_LOW] = "low", [WAVE_MEDIUM] = "medium", [WAVE_HIGH] = "high" };

const char *wave_level_name(enum wave_level l)
{
	return levels[l];
}

/* ---- cells ---- */

static bool read_devtest(struct csv_table *t)
{
	static const struct {
		const char *name;
		bool devtest;
	} environments[] = {
		{ "", false },    { "prod", false },       { "production", false }, { "dev", true },
		{ "test", true }, { "development", true }, { "testing", true },
	};
	const char *text = csv_table_text(t, ENVIRONMENT);

	for (size_t i = 0; i < ARRAY_LEN(environments); i++)
		if (strcasecmp(text, environments[i].name) == 0)
			return environments[i].devtest;
	csv_table_refuse(t, ENVIRONMENT, "an environment (prod, dev or test); production is taken");
	return false;
}

static enum wave_level read_criticality(struct csv_table *t)
{
	const char *text = csv_table_text(t, CRITICALITY);

	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		if (strcasecmp(text, levels[i]) == 0)
			return (enum wave_level)i;
	if (*text)
		csv_table_refuse(t, CRITICALITY, "a criticality (low, medium or high); medium is taken");
	return WAVE_MEDIUM;
}

static int add_dependency(struct wave_row *r, const char *name, size_t len, struct error *err)
{
	char **more = reallocarray(r->depends, r->n_depends + 1, sizeof(*more));

	if (!more)
		return error_errno(err, ENOMEM, "dependencies");
	r->depends = more;
	more[r->n_depends] = strndup(name, len);
	if (!more[r->n_depends])
		return error_errno(err, ENOMEM, "dependencies");
	r->n_depends++;
	return 0;
}

static int read_depends(const struct csv_table *t, struct wave_row *r, struct error *err)
{
	const char *p = csv_table_text(t, DEPENDS);

	while (*p) {
		size_t len = strcspn(p, ";,|"), kept = len, blank = strspn(p, " \t\r\n");

		while (kept > blank && strchr(" \t\r\n", p[kept - 1]))
			kept--;
		if (kept > blank && add_dependency(r, p + blank, kept - blank, err) < 0)
			return -1;
		p += len + (p[len] != '\0');
	}
	return 0;
}

/* ---- rows ---- */

static int add_row(struct csv_table *t, struct wave_groups *out, struct error *err)
{
	char place[CSV_TABLE_PLACE_MAX];
	struct wave_row *r;

	csv_table_place(t, place);
	if (!*csv_table_text(t, VM)) {
		machine_notice(&out->notices, "%s: no machine is named", place);
		return 0;
	}
	if (out->n == out->cap) {
		size_t cap = out->cap ? 2 * out->cap : 64;
		struct wave_row *v = cap > MACHINES_MAX * 2 ? NULL : reallocarray(out->v, cap, sizeof(*v));

		if (!v)
			return error_errno(err, ENOMEM, "%s", place);
		out->v = v;
		out->cap = cap;
	}
	r = &out->v[out->n++];
	*r = (struct wave_row){ .place = strdup(place),
				.devtest = read_devtest(t),
				.criticality = read_criticality(t) };
	if (!r->place)
		return error_errno(err, ENOMEM, "%s", place);
	if (csv_table_set(t, VM, &r->vm, err) < 0 || csv_table_set(t, APPLICATION, &r->application, err) < 0)
		return -1;
	return read_depends(t, r, err);
}

static void row_fini(struct wave_row *r)
{
	for (size_t i = 0; i < r->n_depends; i++)
		free(r->depends[i]);
	free(r->depends);
	free(r->place);
	free(r->vm);
	free(r->application);
}

struct numbered {
	struct wave_row row;
	size_t at;
};

static int by_name(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;
	int diff = strcasecmp(x->row.vm, y->row.vm);

	return diff ? diff : (x->at > y->at) - (x->at < y->at);
}

static int sort_rows(struct wave_groups *g, struct error *err)
{
	CLEANUP_FREE struct numbered *all = calloc(g->n + 1, sizeof(*all));
	size_t kept = 0;

	if (!all)
		return error_errno(err, ENOMEM, "groups");
	for (size_t i = 0; i < g->n; i++)
		all[i] = (struct numbered){ .row = g->v[i], .at = i };
	qsort(all, g->n, sizeof(*all), by_name);
	for (size_t i = 0; i < g->n; i++) {
		struct wave_row *r = &all[i].row;

		if (kept > 0 && strcasecmp(g->v[kept - 1].vm, r->vm) == 0) {
			machine_notice(&g->notices, "%s: machine '%.*s' is in %s already, which counts", r->place,
				       csv_table_shown(r->vm), r->vm, g->v[kept - 1].place);
			row_fini(r);
		} else {
			g->v[kept++] = *r;
		}
	}
	g->n = kept;
	return 0;
}

static int read_all(const char *path, struct wave_groups *out, struct error *err)
{
	CLEANUP(cleanup_csv_table) struct csv_table *t = csv_table_open(path, err);
	int rc;

	if (!t)
		return -1;
	t->notices = &out->notices;
	if (!csv_table_has(t, &fields[VM]))
		return error_set(err, ERR_CORRUPT, "%s: no column 'VM' for the machine's name", path);
	csv_table_bind(t, fields, FIELDS);
	while ((rc = csv_table_next(t, err)) > 0)
		if (add_row(t, out, err) < 0)
			return -1;
	return rc < 0 ? -1 : sort_rows(out, err);
}

int wave_groups_read(const char *path, struct wave_groups *out, struct error *err)
{
	*out = (struct wave_groups){ .n = 0 };
	if (read_all(path, out, err) < 0) {
		wave_groups_fini(out);
		return -1;
	}
	return 0;
}

const struct wave_row *wave_groups_find(const struct wave_groups *g, const char *vm)
{
	size_t low = 0, high = g->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int diff = strcasecmp(vm, g->v[mid].vm);

		if (diff == 0)
			return &g->v[mid];
		if (diff < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

void wave_groups_fini(struct wave_groups *g)
{
	for (size_t i = 0; i < g->n; i++)
		row_fini(&g->v[i]);
	free(g->v);
	for (size_t i = 0; i < g->notices.n; i++)
		free(g->notices.v[i]);
	free(g->notices.v);
	*g = (struct wave_groups){ .n = 0 };
}
