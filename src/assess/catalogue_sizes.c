/* SPDX-License-Identifier: Apache-2.0 */
/* What is offered: sizes of virtual machines, managed disks, hosts of Azure VMware Solution and how they keep copies.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assess/catalogue_private.h"

/* ---- sizes ---- */

enum {
	S_NAME,
	S_SERIES,
	S_VCPUS,
	S_MEMORY,
	S_DISKS,
	S_NICS,
	S_IOPS,
	S_MBPS,
	S_PREMIUM,
	S_GEN1,
	S_GEN2,
	S_NVME,
	S_NETWORK,
	S_CANDIDATE,
	S_RETIRES
};
const char *const catalogue_size_columns[] = {
	[S_NAME] = "name",
	[S_SERIES] = "series",
	[S_VCPUS] = "vcpus",
	[S_MEMORY] = "memory_gib",
	[S_DISKS] = "max_data_disks",
	[S_NICS] = "max_nics",
	[S_IOPS] = "uncached_iops",
	[S_MBPS] = "uncached_mbps",
	[S_PREMIUM] = "premium_io",
	[S_GEN1] = "gen1",
	[S_GEN2] = "gen2",
	[S_NVME] = "nvme_only",
	[S_NETWORK] = "max_network_mbps",
	[S_CANDIDATE] = "default_candidate",
	[S_RETIRES] = "?retires",
	NULL,
};

static int read_size(const struct table *t, struct catalogue_size *s, struct error *err)
{
	if (table_copy(t, S_NAME, &s->name, err) < 0 || table_copy(t, S_SERIES, &s->series, err) < 0 ||
	    table_copy(t, S_RETIRES, &s->retires, err) < 0 || table_count(t, S_VCPUS, 1, &s->vcpus, err) < 0 ||
	    table_number(t, S_MEMORY, &s->memory_gib, err) < 0 ||
	    table_count(t, S_DISKS, 0, &s->max_data_disks, err) < 0 ||
	    table_count(t, S_NICS, 1, &s->max_nics, err) < 0 || table_number(t, S_IOPS, &s->uncached_iops, err) < 0 ||
	    table_number(t, S_MBPS, &s->uncached_mbps, err) < 0 || table_yes(t, S_PREMIUM, &s->premium_io, err) < 0 ||
	    table_yes(t, S_GEN1, &s->gen1, err) < 0 || table_yes(t, S_GEN2, &s->gen2, err) < 0 ||
	    table_yes(t, S_NVME, &s->nvme_only, err) < 0 || table_yes(t, S_CANDIDATE, &s->default_candidate, err) < 0)
		return -1;
	if (!*s->name)
		return table_bad(t, S_NAME, err, "empty");
	if (!*s->series)
		return table_bad(t, S_SERIES, err, "empty");
	s->max_network_mbps = -1;
	return *table_text(t, S_NETWORK) ? table_number(t, S_NETWORK, &s->max_network_mbps, err) : 0;
}

struct named {
	const char *name;
	size_t line;
};

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* A size that is there twice would be two answers. */
static int check_names(const struct table *t, struct named *v, size_t n, struct error *err)
{
	if (n > 0)
		qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 1; i < n; i++)
		if (strcmp(v[i].name, v[i - 1].name) == 0)
			return error_set(err, ERR_CORRUPT, "%s:%zu: name: '%s' is also in line %zu", t->path, v[i].line,
					 v[i].name, v[i - 1].line);
	return 0;
}

int catalogue_load_sizes(struct catalogue *c, struct table *t, struct error *err)
{
	CLEANUP_FREE struct named *names = NULL;
	size_t cap = 0;
	int rc;

	while ((rc = table_next(t, err)) > 0) {
		struct catalogue_size *s;

		if (table_grow(&c->sizes, sizeof(*c->sizes), c->n_sizes, &c->cap_sizes, err) < 0 ||
		    table_grow(&names, sizeof(*names), c->n_sizes, &cap, err) < 0)
			return -1;
		s = &c->sizes[c->n_sizes++];
		*s = (struct catalogue_size){ .name = NULL };
		if (read_size(t, s, err) < 0)
			return -1;
		names[c->n_sizes - 1] = (struct named){ .name = s->name, .line = t->row.line };
	}
	return rc < 0 ? -1 : check_names(t, names, c->n_sizes, err);
}

/* ---- managed disks ---- */

enum { T_TIER, T_TYPE, T_SIZE, T_IOPS, T_MBPS, T_UPLOAD };
const char *const catalogue_tier_columns[] = {
	[T_TIER] = "tier",
	[T_TYPE] = "disk_type",
	[T_SIZE] = "size_gib",
	[T_IOPS] = "iops",
	[T_MBPS] = "mbps",
	[T_UPLOAD] = "from_upload",
	NULL,
};

/* 1: a tier; 0: one that takes no upload, of whatever type. */
static int read_tier(const struct table *t, struct catalogue_tier *tier, struct error *err)
{
	static const char *const types[] = {
		[DISK_PREMIUM_SSD] = "premium-ssd",
		[DISK_STANDARD_SSD] = "standard-ssd",
		[DISK_STANDARD_HDD] = "standard-hdd",
		NULL,
	};
	unsigned type;
	bool upload;

	if (table_yes(t, T_UPLOAD, &upload, err) < 0)
		return -1;
	if (!upload)
		return 0;
	if (table_word(t, T_TYPE, types, &type, err) < 0 || table_count(t, T_SIZE, 1, &tier->size_gib, err) < 0 ||
	    table_number(t, T_IOPS, &tier->iops, err) < 0 || table_number(t, T_MBPS, &tier->mbps, err) < 0)
		return -1;
	if (!*table_text(t, T_TIER))
		return table_bad(t, T_TIER, err, "empty");
	tier->type = (enum disk_type)type;
	return table_copy(t, T_TIER, &tier->name, err) < 0 ? -1 : 1;
}

/* Behind those that are smaller; a name or a size that its type has already is an error. */
static int insert_tier(struct catalogue *c, const struct table *t, struct catalogue_tier *tier, struct error *err)
{
	enum disk_type type = tier->type;
	size_t at = 0, n = c->n_tiers[type];

	for (size_t k = 0; k < DISK_TYPES; k++)
		for (size_t i = 0; i < c->n_tiers[k]; i++)
			if (strcmp(c->tiers[k][i].name, tier->name) == 0)
				return table_bad(t, T_TIER, err, "'%s' is there already", tier->name);
	while (at < n && c->tiers[type][at].size_gib < tier->size_gib)
		at++;
	if (at < n && c->tiers[type][at].size_gib == tier->size_gib)
		return table_bad(t, T_SIZE, err, "%u is the size of %s already", tier->size_gib,
				 c->tiers[type][at].name);
	if (table_grow(&c->tiers[type], sizeof(*tier), n, &c->cap_tiers[type], err) < 0)
		return -1;
	memmove(c->tiers[type] + at + 1, c->tiers[type] + at, (n - at) * sizeof(*tier));
	c->tiers[type][at] = *tier;
	c->n_tiers[type]++;
	return 0;
}

int catalogue_load_tiers(struct catalogue *c, struct table *t, struct error *err)
{
	int rc;

	while ((rc = table_next(t, err)) > 0) {
		struct catalogue_tier tier = { .name = NULL };
		int got = read_tier(t, &tier, err);

		if (got < 0 || (got > 0 && insert_tier(c, t, &tier, err) < 0)) {
			free(tier.name);
			return -1;
		}
	}
	return rc;
}

/* ---- Azure VMware Solution ---- */

enum { H_HOST, H_CORES, H_RAM, H_CAPACITY };
const char *const catalogue_host_columns[] = {
	[H_HOST] = "host", [H_CORES] = "cores", [H_RAM] = "ram_gb", [H_CAPACITY] = "capacity_tb", NULL,
};

static int read_host(const struct table *t, struct catalogue_host *h, struct error *err)
{
	if (table_copy(t, H_HOST, &h->name, err) < 0 || table_count(t, H_CORES, 1, &h->cores, err) < 0 ||
	    table_number(t, H_RAM, &h->ram_gb, err) < 0 || table_number(t, H_CAPACITY, &h->capacity_tb, err) < 0)
		return -1;
	if (!*h->name)
		return table_bad(t, H_HOST, err, "empty");
	if (h->ram_gb <= 0)
		return table_bad(t, H_RAM, err, "nothing to divide by");
	return h->capacity_tb <= 0 ? table_bad(t, H_CAPACITY, err, "nothing to divide by") : 0;
}

int catalogue_load_hosts(struct catalogue *c, struct table *t, struct error *err)
{
	int rc;

	while ((rc = table_next(t, err)) > 0) {
		struct catalogue_host *h;

		if (catalogue_host(c, table_text(t, H_HOST)))
			return table_bad(t, H_HOST, err, "'%s' is there already", table_text(t, H_HOST));
		if (table_grow(&c->hosts, sizeof(*c->hosts), c->n_hosts, &c->cap_hosts, err) < 0)
			return -1;
		h = &c->hosts[c->n_hosts++];
		*h = (struct catalogue_host){ .name = NULL };
		if (read_host(t, h, err) < 0)
			return -1;
	}
	return rc;
}

enum { F_FTT, F_RAID, F_NUMERATOR, F_DENOMINATOR, F_HOSTS };
const char *const catalogue_ftt_columns[] = {
	[F_FTT] = "ftt",
	[F_RAID] = "raid",
	[F_NUMERATOR] = "numerator",
	[F_DENOMINATOR] = "denominator",
	[F_HOSTS] = "min_hosts",
	NULL,
};

int catalogue_load_ftts(struct catalogue *c, struct table *t, struct error *err)
{
	int rc;

	while ((rc = table_next(t, err)) > 0) {
		struct catalogue_ftt f;

		if (table_count(t, F_FTT, 0, &f.ftt, err) < 0 || table_count(t, F_RAID, 0, &f.raid, err) < 0 ||
		    table_count(t, F_NUMERATOR, 1, &f.numerator, err) < 0 ||
		    table_count(t, F_DENOMINATOR, 1, &f.denominator, err) < 0 ||
		    table_count(t, F_HOSTS, 0, &f.min_hosts, err) < 0)
			return -1;
		if (catalogue_ftt(c, f.ftt, f.raid))
			return table_bad(t, F_FTT, err, "%u with RAID %u is there already", f.ftt, f.raid);
		if (table_grow(&c->ftts, sizeof(*c->ftts), c->n_ftts, &c->cap_ftts, err) < 0)
			return -1;
		c->ftts[c->n_ftts++] = f;
	}
	return rc;
}
