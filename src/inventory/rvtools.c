/* SPDX-License-Identifier: Apache-2.0 */
/* What each tab of an RVTools export is known by, and the export as a whole. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "inventory/rvtools.h"
#include "inventory/rvtools_tabs.h"

/* ---- which tab ---- */

static const struct csv_field vm = { { "vm", "vinfovmname", "vmemoryvmname", "vpartitionvmname" } };

/* Columns that a tab has, and one of which it has; a file is the first tab of this order that it can be. */
static const struct tab {
	const char *name;
	struct csv_field all[3];
	struct csv_field any[3];
} tabs_known[RVTOOLS_TABS] = {
	[RVTOOLS_INFO] = { "vInfo",
			   { { { "cpus", "vinfocpus" } }, { { "memory", "vinfomemory" } } },
			   { { { "os according to the configuration file", "vinfoos" } },
			     { { "os according to the vmware tools", "vinfoostools" } } } },
	[RVTOOLS_DISK] = { "vDisk", { { { "capacity" } } }, { { { "disk mode" } }, { { "raw" } } } },
	[RVTOOLS_PARTITION] = { "vPartition",
				{ { { "capacity", "vpartitioncapacitymib" } } },
				{ { { "consumed", "vpartitionconsumedmib" } } } },
	[RVTOOLS_CPU] = { "vCPU", { { { "sockets" } } }, { { { NULL } } } },
	[RVTOOLS_MEMORY] = { "vMemory",
			     { { { "size", "vmemorysizemib" } } },
			     { { { "ballooned" } }, { { "consumed", "vmemoryreservation" } }, { { "active" } } } },
	[RVTOOLS_NETWORK] = { "vNetwork",
			      { { { NULL } } },
			      { { { "adapter" } }, { { "mac address" } }, { { "nic label" } } } },
	[RVTOOLS_SNAPSHOT] = { "vSnapshot", { { { "date / time" } } }, { { { NULL } } } },
	[RVTOOLS_TOOLS] = { "vTools", { { { "tools" } }, { { "tools version" } } }, { { { NULL } } } },
};

const char *rvtools_tab_name(enum rvtools_tab tab)
{
	return tabs_known[tab].name;
}

static bool is_tab(const struct csv_table *t, const struct tab *tab)
{
	bool any = !tab->any[0].names[0];

	for (size_t i = 0; i < ARRAY_LEN(tab->all) && tab->all[i].names[0]; i++)
		if (!csv_table_has(t, &tab->all[i]))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(tab->any) && tab->any[i].names[0]; i++)
		any = any || csv_table_has(t, &tab->any[i]);
	return any;
}

enum rvtools_tab rvtools_recognise(const struct csv_table *t)
{
	enum rvtools_tab tab;

	if (!csv_table_has(t, &vm))
		return RVTOOLS_TABS;
	for (tab = RVTOOLS_INFO; tab < RVTOOLS_TABS && !is_tab(t, &tabs_known[tab]);)
		tab++;
	return tab;
}

static void name_missing(struct strbuf *b, bool there, const char *name, unsigned *has)
{
	if (there)
		++*has;
	else
		strbuf_addf(b, "%s%s", b->len ? ", " : "", name);
}

char *rvtools_missing(const struct csv_table *t, unsigned *has, struct error *err)
{
	const struct tab *info = &tabs_known[RVTOOLS_INFO];
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

	*has = 0;
	name_missing(&b, csv_table_has(t, &vm), "VM", has);
	name_missing(&b, csv_table_has(t, &info->all[0]), "CPUs", has);
	name_missing(&b, csv_table_has(t, &info->all[1]), "Memory", has);
	name_missing(&b, csv_table_has(t, &info->any[0]) || csv_table_has(t, &info->any[1]),
		     "OS according to the configuration file", has);
	return strbuf_take(&b, err);
}

/* ---- the export ---- */

static int finish(struct rvtools *r, struct error *err)
{
	for (size_t i = 0; i < r->n; i++) {
		struct machine *m = &r->out->v[r->begin + i];
		const struct rvtools_count *count = &r->counts[i];

		if (!m->nics.known && count->nics > 0)
			m->nics = (struct machine_number){ .known = true, .v = count->nics };
		if (r->disks_read && count->disks.known && count->disks.v != (double)m->n_disks)
			machine_notice(&r->out->notices, "%s: Disks: %.0f, but vDisk has %zu of this VM", m->origin,
				       count->disks.v, m->n_disks);
		if (machine_order_disks(m, err) < 0 || machine_collapse_disks(m, err) < 0)
			return -1;
	}
	return 0;
}

int rvtools_read(struct csv_table *const tabs[RVTOOLS_TABS], struct cancel *cancel, struct machine_list *out,
		 struct error *err)
{
	CLEANUP(rvtools_fini) struct rvtools r = { .out = out, .begin = out->n, .cancel = cancel };

	for (size_t i = 0; i < RVTOOLS_TABS; i++)
		if (tabs[i])
			tabs[i]->notices = &out->notices;
	if (rvtools_read_info(&r, tabs[RVTOOLS_INFO], err) < 0)
		return -1;
	if ((tabs[RVTOOLS_CPU] && rvtools_read_cpus(&r, tabs[RVTOOLS_CPU], err) < 0) ||
	    (tabs[RVTOOLS_MEMORY] && rvtools_read_memory(&r, tabs[RVTOOLS_MEMORY], err) < 0) ||
	    (tabs[RVTOOLS_DISK] && rvtools_read_disks(&r, tabs[RVTOOLS_DISK], err) < 0) ||
	    (tabs[RVTOOLS_NETWORK] && rvtools_read_networks(&r, tabs[RVTOOLS_NETWORK], err) < 0) ||
	    (tabs[RVTOOLS_PARTITION] && rvtools_read_partitions(&r, tabs[RVTOOLS_PARTITION], err) < 0) ||
	    (tabs[RVTOOLS_TOOLS] && rvtools_read_tools(&r, tabs[RVTOOLS_TOOLS], err) < 0) ||
	    (tabs[RVTOOLS_SNAPSHOT] && rvtools_read_snapshots(&r, tabs[RVTOOLS_SNAPSHOT], err) < 0))
		return -1;
	return finish(&r, err);
}

void rvtools_fini(struct rvtools *r)
{
	rvtools_join_fini(&r->join);
	free(r->counts);
}
