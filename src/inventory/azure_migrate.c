/* SPDX-License-Identifier: Apache-2.0 */
/* Reading (azure_migrate.h). */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "base/strbuf.h"
#include "inventory/azure_migrate.h"
#include "inventory/rvtools_tabs.h"
#include "inventory/text_index.h"

#define MIB_PER_GB 1024

enum {
	NAME,
	CORES,
	MEMORY,
	OS_NAME,
	MANDATORY, /* how many are */
	OS_VERSION = MANDATORY,
	ARCHITECTURE,
	ADDRESSES,
	CPU_PCT,
	MEMORY_PCT,
	NICS,
	NETWORK_OUT,
	BOOT_TYPE,
	DISKS,
	IN_USE,
	READ_OPS,
	WRITE_OPS,
	READ_MBS,
	WRITE_MBS,
	FIELDS
};

static const struct csv_field fields[FIELDS] = {
	[NAME] = { { "server name" } },
	[CORES] = { { "cores" } },
	[MEMORY] = { { "memory (in mb)", "memory" } },
	[OS_NAME] = { { "os name" } },
	[OS_VERSION] = { { "os version" } },
	[ARCHITECTURE] = { { "os architecture" } },
	[ADDRESSES] = { { "ip addresses", "ip address" } },
	[CPU_PCT] = { { "cpu utilization percentage" } },
	[MEMORY_PCT] = { { "memory utilization percentage" } },
	[NICS] = { { "network adapters" } },
	[NETWORK_OUT] = { { "network out throughput" } },
	[BOOT_TYPE] = { { "boot type", "firmware type" } },
	[DISKS] = { { "number of disks" } },
	[IN_USE] = { { "storage in use (in gb)", "storage in use" } },
	[READ_OPS] = { { "total disks read ops" } },
	[WRITE_OPS] = { { "total disks write ops" } },
	[READ_MBS] = { { "total disks read throughput" } },
	[WRITE_MBS] = { { "total disks write throughput" } },
};
static const char *const mandatory[MANDATORY] = { "Server name", "Cores", "Memory (In MB)", "OS name" };

enum { SIZE, DISK_READ_MBS, DISK_WRITE_MBS, DISK_READ_OPS, DISK_WRITE_OPS, DISK_COLUMNS };
static const char *const disk_columns[DISK_COLUMNS] = {
	"size", "read throughput", "write throughput", "read ops", "write ops",
};

struct import {
	struct csv_table *t;
	struct machine_list *out;
	size_t begin;                  /* its first server in out */
	size_t (*disks)[DISK_COLUMNS]; /* columns, by the disk's number - 1 */
	size_t n_disks;
};

bool azure_migrate_recognise(const struct csv_table *t)
{
	return csv_table_has(t, &fields[NAME]) && csv_table_has(t, &fields[CORES]) && csv_table_has(t, &fields[MEMORY]);
}

/* ---- the header ---- */

/* "disk 3 read ops (operations per second)" -> 3 and which of a disk's columns it is; the unit may be missing. */
static bool is_disk_column(const char *header, uint64_t *number, size_t *which)
{
	CLEANUP_FREE char *digits = NULL;
	size_t len;

	if (strncmp(header, "disk ", 5) != 0)
		return false;
	len = strspn(header + 5, "0123456789");
	digits = strndup(header + 5, len);
	if (!digits || header[5 + len] != ' ' || parse_u64(digits, MACHINE_DISKS_MAX, number, NULL) < 0 || *number == 0)
		return false;
	header += 5 + len + 1;
	for (*which = 0; *which < DISK_COLUMNS; ++*which) {
		len = strlen(disk_columns[*which]);
		if (strncmp(header, disk_columns[*which], len) == 0 &&
		    (!header[len] || strncmp(header + len, " (", 2) == 0))
			return true;
	}
	return false;
}

static int find_disks(struct import *m, struct error *err)
{
	uint64_t number;
	size_t which;

	m->disks = calloc(MACHINE_DISKS_MAX, sizeof(*m->disks));
	if (!m->disks)
		return error_errno(err, ENOMEM, "%s", m->t->path);
	for (size_t i = 0; i < MACHINE_DISKS_MAX; i++)
		for (size_t k = 0; k < DISK_COLUMNS; k++)
			m->disks[i][k] = CSV_TABLE_NO_COLUMN;
	for (size_t i = m->t->n; i-- > 0;) { /* of two columns of one name the first stays */
		if (!is_disk_column(m->t->compared[i], &number, &which))
			continue;
		m->disks[number - 1][which] = i;
		if (number > m->n_disks)
			m->n_disks = number;
	}
	return 0;
}

static int check_header(const struct csv_table *t, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf missing = { 0 };

	for (size_t i = 0; i < MANDATORY; i++)
		if (!csv_table_has(t, &fields[i]))
			strbuf_addf(&missing, "%s%s", missing.len ? ", " : "", mandatory[i]);
	if (missing.failed)
		return error_errno(err, ENOMEM, "%s", t->path);
	if (missing.len > 0)
		return error_set(err, ERR_CORRUPT, "%s: as an import of Azure Migrate it lacks the columns %s", t->path,
				 missing.s);
	return 0;
}

/* ---- rows ---- */

static struct machine_number to_mib(struct machine_number gb)
{
	gb.v *= MIB_PER_GB;
	return gb;
}

static int take_disk(struct import *i, struct machine *m, size_t number, struct error *err)
{
	const size_t *columns = i->disks[number];
	char label[32];
	struct machine_disk *d;
	bool there = false;

	for (size_t k = 0; k < DISK_COLUMNS; k++)
		there = there || *csv_table_cell(i->t, columns[k]);
	if (!there)
		return 0;
	snprintf(label, sizeof(label), "Disk %zu", number + 1);
	d = machine_add_disk(m, label, err);
	if (!d)
		return -1;
	d->capacity_mib = to_mib(csv_table_cell_number(i->t, columns[SIZE]));
	d->read_mbs = csv_table_cell_number(i->t, columns[DISK_READ_MBS]);
	d->write_mbs = csv_table_cell_number(i->t, columns[DISK_WRITE_MBS]);
	d->read_ops = csv_table_cell_number(i->t, columns[DISK_READ_OPS]);
	d->write_ops = csv_table_cell_number(i->t, columns[DISK_WRITE_OPS]);
	if (!d->capacity_mib.known)
		machine_notice(i->t->notices, "%s: %s: no size", m->origin, label);
	return 0;
}

static int take_disks(struct import *i, struct machine *m, struct error *err)
{
	struct machine_number told = csv_table_number(i->t, DISKS);
	bool measured = false;

	for (size_t k = 0; k < i->n_disks; k++)
		if (take_disk(i, m, k, err) < 0)
			return -1;
	if (m->n_disks > AZURE_MIGRATE_DISKS)
		machine_notice(i->t->notices, "%s: %zu disks: Azure Migrate takes %d of one server", m->origin,
			       m->n_disks, AZURE_MIGRATE_DISKS);
	if (told.known && m->n_disks > 0 && told.v != (double)m->n_disks)
		machine_notice(i->t->notices, "%s: Number of disks: %.0f, but there are columns of %zu", m->origin,
			       told.v, m->n_disks);
	for (size_t k = 0; k < m->n_disks; k++)
		measured = measured || m->disks[k].read_ops.known || m->disks[k].write_ops.known ||
			   m->disks[k].read_mbs.known || m->disks[k].write_mbs.known;
	if (measured)
		return 0;
	m->read_ops = csv_table_number(i->t, READ_OPS);
	m->write_ops = csv_table_number(i->t, WRITE_OPS);
	m->read_mbs = csv_table_number(i->t, READ_MBS);
	m->write_mbs = csv_table_number(i->t, WRITE_MBS);
	return 0;
}

static enum machine_firmware firmware_of(struct csv_table *t)
{
	const char *text = csv_table_text(t, BOOT_TYPE);

	if (strcasecmp(text, "bios") == 0)
		return MACHINE_BIOS;
	if (strcasecmp(text, "uefi") == 0 || strcasecmp(text, "efi") == 0)
		return MACHINE_EFI;
	if (*text)
		csv_table_refuse(t, BOOT_TYPE, "BIOS or UEFI");
	return MACHINE_FIRMWARE_UNKNOWN;
}

static int take_row(struct import *i, struct error *err)
{
	struct csv_table *t = i->t;
	char place[CSV_TABLE_PLACE_MAX];
	CLEANUP_FREE char *name = NULL;
	struct machine *m;

	csv_table_place(t, place);
	if (csv_table_set(t, NAME, &name, err) < 0)
		return -1;
	if (!name) {
		machine_notice(t->notices, "%s: left out: no server name", place);
		return 0;
	}
	for (size_t k = NAME + 1; k < MANDATORY; k++)
		if (!*csv_table_text(t, k))
			machine_notice(t->notices, "%s: %s: empty", place, mandatory[k]);
	m = machine_add(i->out, name, place, err);
	if (!m || csv_table_set(t, OS_NAME, &m->os_name, err) < 0 ||
	    csv_table_set(t, OS_VERSION, &m->os_version, err) < 0 ||
	    csv_table_set(t, ARCHITECTURE, &m->architecture, err) < 0)
		return -1;
	m->firmware = firmware_of(t);
	m->ipv6 = rvtools_has_ipv6(csv_table_text(t, ADDRESSES));
	m->vcpus = csv_table_number(t, CORES);
	m->memory_mib = csv_table_number(t, MEMORY);
	m->nics = csv_table_number(t, NICS);
	m->cpu_pct = csv_table_number(t, CPU_PCT);
	m->memory_pct = csv_table_number(t, MEMORY_PCT);
	m->network_out_mbs = csv_table_number(t, NETWORK_OUT);
	m->storage_in_use_mib = to_mib(csv_table_number(t, IN_USE));
	m->capacity_mib = m->storage_in_use_mib;
	if (take_disks(i, m, err) < 0 || machine_order_disks(m, err) < 0)
		return -1;
	return machine_collapse_disks(m, err);
}

/* A server's last row counts, at the place of its first. */
static int drop_repeated(struct import *i, struct error *err)
{
	CLEANUP(text_index_fini) struct text_index names = { .n = 0 };
	size_t n = i->out->n - i->begin, kept = 0;
	struct machine *v = n > 0 ? i->out->v + i->begin : NULL;

	for (size_t k = 0; k < n; k++)
		if (text_index_add(&names, v[k].name, k, err) < 0)
			return -1;
	text_index_sort(&names);
	for (size_t k = 0; k < n; k++) {
		size_t first = text_index_first(&names, v[k].name), last = text_index_last(&names, v[k].name);
		struct machine m;

		if (first < k)
			continue; /* it is at its first row's place, or was replaced */
		if (last > k)
			machine_notice(i->t->notices, "%s: replaced by %s, a later row of the same server", v[k].origin,
				       v[last].origin);
		m = v[last];
		v[last] = v[k];
		v[k] = m;
	}
	for (size_t k = 0; k < n; k++) {
		if (text_index_first(&names, v[k].name) < k) {
			machine_fini(&v[k]);
			continue;
		}
		if (kept < k) {
			v[kept] = v[k];
			v[k] = (struct machine){ .name = NULL };
		}
		kept++;
	}
	i->out->n = i->begin + kept;
	return 0;
}

static int read_rows(struct import *i, struct cancel *cancel, struct error *err)
{
	int rc;

	csv_table_bind(i->t, fields, FIELDS);
	if (find_disks(i, err) < 0)
		return -1;
	while ((rc = csv_table_next(i->t, err)) > 0)
		if (cancel_check(cancel, err) < 0 || take_row(i, err) < 0)
			return -1;
	if (rc < 0)
		return -1;
	if (i->out->n - i->begin > AZURE_MIGRATE_ROWS)
		machine_notice(i->t->notices, "%s: %zu rows: Azure Migrate takes %d of one file", i->t->name,
			       i->out->n - i->begin, AZURE_MIGRATE_ROWS);
	return drop_repeated(i, err);
}

int azure_migrate_read(struct csv_table *t, struct cancel *cancel, struct machine_list *out, struct error *err)
{
	struct import i = { .t = t, .out = out, .begin = out->n };
	int rc;

	t->notices = &out->notices;
	if (check_header(t, err) < 0)
		return -1;
	rc = read_rows(&i, cancel, err);
	free(i.disks);
	return rc;
}
