/* SPDX-License-Identifier: Apache-2.0 */
/* The tabs whose rows add to the VMs of vInfo. */
#include <config.h>

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "inventory/rvtools_tabs.h"

typedef int (*take_row_fn)(struct rvtools *r, struct csv_table *t, size_t vm, struct error *err);

static int read_rows(struct rvtools *r, struct csv_table *t, const struct csv_field *fields, size_t n, take_row_fn take,
		     struct error *err)
{
	int rc;

	csv_table_bind(t, fields, n);
	while ((rc = csv_table_next(t, err)) > 0) {
		const char *name = csv_table_text(t, RVTOOLS_NAME);
		size_t vm;

		if (cancel_check(r->cancel, err) < 0 || rvtools_join_row(&r->join, t, &vm, err) < 0)
			return -1;
		if (vm == TEXT_INDEX_NONE)
			machine_notice(t->notices, "%s:%zu: left out: vInfo has no such VM as '%.*s'", t->name,
				       t->row.line, csv_table_shown(name), name);
		else if (take(r, t, vm, err) < 0)
			return -1;
	}
	return rc;
}

static struct machine *machine_of(const struct rvtools *r, size_t vm)
{
	return &r->out->v[r->begin + vm];
}

/* ---- vDisk ---- */

enum { LABEL = RVTOOLS_KEYS, KEY, FILE_PATH, CAPACITY, RAW, RAW_MODE, MODE, SHARING, BUS, DISK_FIELDS };

static const struct csv_field disk_fields[DISK_FIELDS] = {
	RVTOOLS_KEY_FIELDS,
	[LABEL] = { { "disk", "label" } },
	[KEY] = { { "disk key" } },
	[FILE_PATH] = { { "disk path", "path" } },
	[CAPACITY] = { { "capacity" } },
	[RAW] = { { "raw" } },
	[RAW_MODE] = { { "raw com. mode", "raw comp. mode" } },
	[MODE] = { { "disk mode" } },
	[SHARING] = { { "sharing mode" } },
	[BUS] = { { "shared bus" } },
};

static bool has_disk(const struct machine *m, struct machine_number key)
{
	for (size_t i = 0; key.known && i < m->n_disks; i++)
		if (m->disks[i].order.known && m->disks[i].order.v == key.v)
			return true;
	return false;
}

static int take_disk(struct rvtools *r, struct csv_table *t, size_t vm, struct error *err)
{
	const char *sharing = csv_table_text(t, SHARING), *bus = csv_table_text(t, BUS);
	struct machine *m = machine_of(r, vm);
	struct machine_number key = csv_table_number(t, KEY);
	CLEANUP_FREE char *label = NULL, *path = NULL;
	struct machine_disk *d;

	if (has_disk(m, key)) {
		machine_notice(t->notices, "%s:%zu: left out: another disk of %.*s has Disk Key %.0f", t->name,
			       t->row.line, csv_table_shown(m->name), m->name, key.v);
		return 0;
	}
	if (csv_table_set(t, LABEL, &label, err) < 0 || csv_table_set(t, FILE_PATH, &path, err) < 0)
		return -1;
	d = machine_add_disk(m, label ? label : path ? path : "", err);
	if (!d || csv_table_set(t, MODE, &d->mode, err) < 0 || csv_table_set(t, RAW_MODE, &d->raw_mode, err) < 0)
		return -1;
	d->path = steal_ptr(&path);
	d->order = key;
	d->capacity_mib = csv_table_number(t, CAPACITY);
	d->raw = csv_table_truth(t, RAW);
	d->independent = strncasecmp(csv_table_text(t, MODE), "independent", strlen("independent")) == 0;
	d->shared = strcasecmp(sharing, "sharingMultiWriter") == 0 || strcasecmp(bus, "virtualSharing") == 0 ||
		    strcasecmp(bus, "physicalSharing") == 0;
	return 0;
}

int rvtools_read_disks(struct rvtools *r, struct csv_table *t, struct error *err)
{
	r->disks_read = true;
	return read_rows(r, t, disk_fields, DISK_FIELDS, take_disk, err);
}

/* ---- vNetwork ---- */

enum { IPV6 = RVTOOLS_KEYS, NETWORK_FIELDS };

static const struct csv_field network_fields[NETWORK_FIELDS] = { RVTOOLS_KEY_FIELDS, [IPV6] = { { "ipv6 address" } } };

static bool is_reachable(const struct in6_addr *a)
{
	return !IN6_IS_ADDR_LINKLOCAL(a) && !IN6_IS_ADDR_LOOPBACK(a) && !IN6_IS_ADDR_UNSPECIFIED(a);
}

bool rvtools_has_ipv6(const char *text)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr a;

	for (size_t len; *text; text += len) {
		size_t bare = strcspn(text, " \t\r\n,;/%");

		if (bare > 0 && bare < sizeof(address)) {
			memcpy(address, text, bare);
			address[bare] = '\0';
			if (inet_pton(AF_INET6, address, &a) == 1 && is_reachable(&a))
				return true;
		}
		len = strcspn(text, " \t\r\n,;");
		len += len == 0;
	}
	return false;
}

static int take_network(struct rvtools *r, struct csv_table *t, size_t vm, struct error *err)
{
	struct machine *m = machine_of(r, vm);

	(void)err;
	r->counts[vm].nics++;
	m->ipv6 = m->ipv6 || rvtools_has_ipv6(csv_table_text(t, IPV6));
	return 0;
}

int rvtools_read_networks(struct rvtools *r, struct csv_table *t, struct error *err)
{
	return read_rows(r, t, network_fields, NETWORK_FIELDS, take_network, err);
}

/* ---- vSnapshot ---- */

static const struct csv_field key_fields[RVTOOLS_KEYS] = { RVTOOLS_KEY_FIELDS };

static int take_snapshot(struct rvtools *r, struct csv_table *t, size_t vm, struct error *err)
{
	(void)t;
	(void)err;
	machine_of(r, vm)->snapshot = true;
	return 0;
}

int rvtools_read_snapshots(struct rvtools *r, struct csv_table *t, struct error *err)
{
	return read_rows(r, t, key_fields, RVTOOLS_KEYS, take_snapshot, err);
}

/* ---- vPartition ---- */

enum { CONSUMED = RVTOOLS_KEYS, PARTITION_FIELDS };

static const struct csv_field partition_fields[PARTITION_FIELDS] = {
	RVTOOLS_KEY_FIELDS,
	[CONSUMED] = { { "consumed", "vpartitionconsumedmib" } },
};

static int take_partition(struct rvtools *r, struct csv_table *t, size_t vm, struct error *err)
{
	struct machine_number consumed = csv_table_number(t, CONSUMED);
	struct machine *m = machine_of(r, vm);

	(void)err;
	if (consumed.known)
		m->guest_used_mib = (struct machine_number){ true, m->guest_used_mib.v + consumed.v };
	return 0;
}

int rvtools_read_partitions(struct rvtools *r, struct csv_table *t, struct error *err)
{
	return read_rows(r, t, partition_fields, PARTITION_FIELDS, take_partition, err);
}

/* ---- vTools ---- */

enum { TOOLS = RVTOOLS_KEYS, TOOLS_FIELDS };

static const struct csv_field tools_fields[TOOLS_FIELDS] = { RVTOOLS_KEY_FIELDS, [TOOLS] = { { "tools" } } };

static int take_tools(struct rvtools *r, struct csv_table *t, size_t vm, struct error *err)
{
	struct machine *m = machine_of(r, vm);

	return m->tools ? 0 : csv_table_set(t, TOOLS, &m->tools, err);
}

int rvtools_read_tools(struct rvtools *r, struct csv_table *t, struct error *err)
{
	return read_rows(r, t, tools_fields, TOOLS_FIELDS, take_tools, err);
}

/* ---- vCPU and vMemory ---- */

enum { VALUE = RVTOOLS_KEYS, VALUE_FIELDS };

static const struct csv_field cpu_fields[VALUE_FIELDS] = { RVTOOLS_KEY_FIELDS, [VALUE] = { { "cpus" } } };
static const struct csv_field memory_fields[VALUE_FIELDS] = { RVTOOLS_KEY_FIELDS, [VALUE] = { { "size",
												"vmemorysizemib" } } };

static int take_cpus(struct rvtools *r, struct csv_table *t, size_t vm, struct error *err)
{
	struct machine *m = machine_of(r, vm);

	(void)err;
	if (!m->vcpus.known)
		m->vcpus = csv_table_number(t, VALUE);
	return 0;
}

static int take_memory(struct rvtools *r, struct csv_table *t, size_t vm, struct error *err)
{
	struct machine *m = machine_of(r, vm);

	(void)err;
	if (!m->memory_mib.known)
		m->memory_mib = csv_table_number(t, VALUE);
	return 0;
}

int rvtools_read_cpus(struct rvtools *r, struct csv_table *t, struct error *err)
{
	for (size_t i = 0; i < r->n; i++)
		if (!machine_of(r, i)->vcpus.known)
			return read_rows(r, t, cpu_fields, VALUE_FIELDS, take_cpus, err);
	return 0;
}

int rvtools_read_memory(struct rvtools *r, struct csv_table *t, struct error *err)
{
	for (size_t i = 0; i < r->n; i++)
		if (!machine_of(r, i)->memory_mib.known)
			return read_rows(r, t, memory_fields, VALUE_FIELDS, take_memory, err);
	return 0;
}
