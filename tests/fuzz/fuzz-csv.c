/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile bytes as an inventory in CSV: machines within the limits, which can be written as an import of Azure Migrate, or an
 * error.  A tab that is not vInfo is read once more beside one. */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/io.h"
#include "fuzz.h"
#include "inventory/azure_migrate.h"
#include "inventory/inventory.h"
#include "inventory/rvtools.h"

static const char info[] = "VM,VM ID,VM UUID,CPUs,Memory,OS according to the configuration file\n"
			   "web,vm-1,1e2feb89-414c-443c-9027-c4d1c386bbc4,,,\n"
			   "db,vm-2,,1,2,\n";

#define PATH_MAX_LEN 40

static int as_file(const void *data, size_t len, char path[PATH_MAX_LEN])
{
	int fd = memfd_create("inventory", MFD_CLOEXEC);

	FUZZ_MUST(fd >= 0 && io_pwrite(fd, data, len, 0, NULL) == 0);
	snprintf(path, PATH_MAX_LEN, "/proc/self/fd/%d", fd);
	return fd;
}

static void check_text(const char *text)
{
	FUZZ_MUST(!text || (strlen(text) <= MACHINE_TEXT_MAX && utf8_valid(text, strlen(text))));
}

static void check_number(struct machine_number number)
{
	FUZZ_MUST(!number.known || (isfinite(number.v) && number.v >= 0));
}

static void check_machine(const struct machine *m)
{
	size_t os = 0;

	FUZZ_MUST(m->name && m->origin && m->n_disks <= MACHINE_DISKS_MAX);
	check_text(m->name);
	check_text(m->annotation);
	check_text(m->os_config);
	check_text(m->os_name);
	check_number(m->vcpus);
	check_number(m->memory_mib);
	check_number(m->capacity_mib);
	for (size_t i = 0; i < m->n_disks; i++) {
		FUZZ_MUST(m->disks[i].label);
		check_text(m->disks[i].label);
		check_number(m->disks[i].capacity_mib);
		os += m->disks[i].os;
	}
	FUZZ_MUST(os <= 1);
}

static void check_list(struct machine_list *l)
{
	struct machine_list again = { .n = 0 };
	struct error e = ERROR_INIT;
	char path[PATH_MAX_LEN];
	char *text;
	int fd;

	for (size_t i = 0; i < l->n; i++)
		check_machine(&l->v[i]);
	for (size_t i = 0; i < l->notices.n; i++)
		FUZZ_MUST(utf8_valid(l->notices.v[i], strlen(l->notices.v[i])));
	text = azure_migrate_write(l, &l->notices, &e);
	FUZZ_MUST(text);
	fd = as_file(text, strlen(text), path);
	FUZZ_MUST(inventory_read(path, NULL, &again, &e) == 0 && again.n <= l->n);
	close(fd);
	free(text);
	machine_list_fini(&again);
}

static void read_beside_info(const char *path)
{
	CLEANUP(cleanup_csv_table) struct csv_table *t = csv_table_open(path, NULL), *other = NULL;
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct csv_table *tabs[RVTOOLS_TABS] = { NULL };
	struct error e = ERROR_INIT;
	char other_path[PATH_MAX_LEN];
	enum rvtools_tab tab;
	int fd;

	tab = t ? rvtools_recognise(t) : RVTOOLS_TABS;
	if (tab == RVTOOLS_TABS || tab == RVTOOLS_INFO)
		return;
	fd = as_file(info, strlen(info), other_path);
	other = csv_table_open(other_path, &e);
	FUZZ_MUST(other);
	tabs[RVTOOLS_INFO] = other;
	tabs[tab] = t;
	if (rvtools_read(tabs, NULL, &l, &e) == 0)
		check_list(&l);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct error e = ERROR_INIT;
	char path[PATH_MAX_LEN];
	int fd = as_file(data, len, path);

	if (inventory_read(path, NULL, &l, &e) == 0)
		check_list(&l);
	else
		FUZZ_MUST(*e.msg && (e.code == ERR_CORRUPT || e.code == ERR_UNSUPPORTED));
	read_beside_info(path);
	close(fd);
	return 0;
}
