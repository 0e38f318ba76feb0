/* SPDX-License-Identifier: Apache-2.0 */
/* The folder: which files, in which order; and what is small enough to be looked up one by one. */
#include <config.h>

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "assess/catalogue_private.h"
#include "base/compiler.h"
#include "base/strbuf.h"

static const struct {
	const char *name;
	const char *const *columns;
	int (*load)(struct catalogue *c, struct table *t, struct error *err);
	bool optional; /* a folder of before this file was thought of is a catalogue too */
} files[CATALOGUE_FILES] = {
	{ "azure-vm-sizes.csv", catalogue_size_columns, catalogue_load_sizes, false },
	{ "azure-managed-disks.csv", catalogue_tier_columns, catalogue_load_tiers, false },
	{ "azure-prices.csv", catalogue_price_columns, catalogue_load_prices, false },
	{ "os-keys.csv", catalogue_os_key_columns, catalogue_load_os_keys, false },
	{ "guest-os.csv", catalogue_guest_os_columns, catalogue_load_guest_os, false },
	{ "guest-os-names.csv", catalogue_guest_os_name_columns, catalogue_load_guest_os_names, false },
	{ "avs-hosts.csv", catalogue_host_columns, catalogue_load_hosts, false },
	{ "avs-ftt.csv", catalogue_ftt_columns, catalogue_load_ftts, false },
	{ "guest-os-releases.csv", catalogue_release_columns, catalogue_load_releases, true },
};

const char *catalogue_file_name(size_t i)
{
	return i < CATALOGUE_FILES ? files[i].name : NULL;
}

static int load(struct catalogue *c, size_t i, struct error *err)
{
	struct error why = ERROR_INIT;
	struct table t;
	int rc;

	c->files[i] = (struct catalogue_file){ .name = files[i].name };
	if (table_open(&t, c->dir, files[i].name, files[i].columns, &why) < 0) {
		if (files[i].optional && why.code == ERR_SYSTEM && why.detail == ENOENT)
			return 0;
		*err = why;
		return -1;
	}
	rc = files[i].load(c, &t, err);
	c->files[i].rows = t.rows;
	memcpy(c->files[i].as_of, t.as_of, sizeof(t.as_of));
	table_close(&t);
	return rc;
}

struct catalogue *catalogue_open(const char *dir, struct error *err)
{
	CLEANUP(cleanup_catalogue) struct catalogue *c = calloc(1, sizeof(*c));

	if (c)
		c->dir = strdup(dir);
	if (!c || !c->dir) {
		error_errno(err, ENOMEM, "%s", dir);
		return NULL;
	}
	for (c->n_files = 0; c->n_files < CATALOGUE_FILES; c->n_files++)
		if (load(c, c->n_files, err) < 0)
			return NULL;
	return steal_ptr(&c);
}

void catalogue_close(struct catalogue *c)
{
	if (!c)
		return;
	catalogue_free_os(c);
	catalogue_free_releases(c);
	catalogue_free_prices(c);
	for (size_t i = 0; i < c->n_sizes; i++) {
		free(c->sizes[i].name);
		free(c->sizes[i].series);
		free(c->sizes[i].retires);
	}
	free(c->sizes);
	for (size_t type = 0; type < DISK_TYPES; type++) {
		for (size_t i = 0; i < c->n_tiers[type]; i++)
			free(c->tiers[type][i].name);
		free(c->tiers[type]);
	}
	for (size_t i = 0; i < c->n_hosts; i++)
		free(c->hosts[i].name);
	free(c->hosts);
	free(c->ftts);
	free(c->dir);
	free(c);
}

const char *catalogue_dir(const struct catalogue *c)
{
	return c->dir;
}

const struct catalogue_file *catalogue_files(const struct catalogue *c, size_t *n_out)
{
	*n_out = c->n_files;
	return c->files;
}

const struct catalogue_size *catalogue_sizes(const struct catalogue *c, size_t *n_out)
{
	*n_out = c->n_sizes;
	return c->sizes;
}

const struct catalogue_tier *catalogue_tiers(const struct catalogue *c, enum disk_type type, size_t *n_out)
{
	*n_out = c->n_tiers[type];
	return c->tiers[type];
}

const struct catalogue_host *catalogue_host(const struct catalogue *c, const char *name)
{
	for (size_t i = 0; i < c->n_hosts; i++)
		if (strcasecmp(c->hosts[i].name, name) == 0)
			return &c->hosts[i];
	return NULL;
}

const struct catalogue_ftt *catalogue_ftt(const struct catalogue *c, unsigned ftt, unsigned raid)
{
	for (size_t i = 0; i < c->n_ftts; i++)
		if (c->ftts[i].ftt == ftt && c->ftts[i].raid == raid)
			return &c->ftts[i];
	return NULL;
}

bool catalogue_has_series(const struct catalogue *c, const char *series)
{
	for (size_t i = 0; i < c->n_sizes; i++)
		if (strcmp(c->sizes[i].series, series) == 0)
			return true;
	return false;
}

/* ---- what there is, for messages ---- */

char *catalogue_host_names(const struct catalogue *c, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { .s = NULL };

	for (size_t i = 0; i < c->n_hosts; i++)
		strbuf_addf(&b, "%s%s", i ? ", " : "", c->hosts[i].name);
	return strbuf_take(&b, err);
}

char *catalogue_ftt_names(const struct catalogue *c, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { .s = NULL };

	for (size_t i = 0; i < c->n_ftts; i++)
		strbuf_addf(&b, "%s%u with %u", i ? ", " : "", c->ftts[i].ftt, c->ftts[i].raid);
	return strbuf_take(&b, err);
}

char *catalogue_region_names(const struct catalogue *c, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { .s = NULL };

	for (size_t i = 0; i < c->n_regions; i++)
		strbuf_addf(&b, "%s%s", i ? ", " : "", c->regions[i]);
	return strbuf_take(&b, err);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *catalogue_series_names(const struct catalogue *c, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { .s = NULL };
	CLEANUP_FREE const char **names = calloc(c->n_sizes + 1, sizeof(*names));

	if (!names) {
		error_errno(err, ENOMEM, "series");
		return NULL;
	}
	for (size_t i = 0; i < c->n_sizes; i++)
		names[i] = c->sizes[i].series;
	qsort(names, c->n_sizes, sizeof(*names), by_text);
	for (size_t i = 0; i < c->n_sizes; i++)
		if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
			strbuf_addf(&b, "%s%s", i ? ", " : "", names[i]);
	return strbuf_take(&b, err);
}
