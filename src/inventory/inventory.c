/* SPDX-License-Identifier: Apache-2.0 */
/* Which reader an inventory is for. */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/escape.h"
#include "base/strbuf.h"
#include "inventory/azure_migrate.h"
#include "inventory/inventory.h"
#include "inventory/machines_of_folder.h"
#include "inventory/machines_repeated.h"
#include "inventory/rvtools.h"
#include "inventory/rvtools_workbook.h"

#define EXPORT_CSV "in RVTools choose \"Export all to csv\" and name the folder that it writes"
#define KINDS                                                                                                      \
	"an inventory is an RVTools export (.xlsx or .csv), an import of Azure Migrate (.csv), a VM's .vmx, .ovf, " \
	".ova, .vmcx or .xml, Hyper-V's .json, a folder of these, or https://VCENTER/sdk"
#define UNUSED_NAMED 8 /* CSV files that a notice lists */

/* ---- files ---- */

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), n = strlen(suffix);

	return len > n && strcasecmp(name + len - n, suffix) == 0;
}

enum container { NO_CONTAINER, ZIP, OLE };

/* By how it begins: a workbook is a ZIP archive; an old one (.xls), and one that is encrypted, an OLE file. */
static enum container container_of_file(const char *path)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char magic[4] = { 0 };

	if (fd < 0 || read(fd, magic, sizeof(magic)) != (ssize_t)sizeof(magic))
		return NO_CONTAINER;
	if (memcmp(magic, "PK\3\4", 4) == 0)
		return ZIP;
	return memcmp(magic, "\xd0\xcf\x11\xe0", 4) == 0 ? OLE : NO_CONTAINER;
}

/* What is no tab and no import: says what it lacks to be the one that it is most like. */
static int refuse(struct csv_table *t, struct machine_list *out, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf columns = { 0 };
	CLEANUP_FREE char *missing = NULL;
	unsigned has;

	if (csv_table_column(t, "server name") != CSV_TABLE_NO_COLUMN)
		return azure_migrate_read(t, NULL, out, err);
	missing = rvtools_missing(t, &has, err);
	if (!missing)
		return -1;
	if (has > 1)
		return error_set(err, ERR_CORRUPT, "%s: as the vInfo tab of RVTools it lacks the columns %s", t->path,
				 missing);
	for (size_t i = 0; i < t->n && i < 3; i++)
		strbuf_addf(&columns, "%s'%.*s'", i ? ", " : "", csv_table_shown(t->headers[i]), t->headers[i]);
	return error_set(err, ERR_CORRUPT,
			 "%s: no inventory that is known, with columns %s%s: " KINDS, t->path, columns.s ? columns.s : "",
			 t->n > 3 ? " ..." : "");
}

/* Whatever is no text is no inventory either. */
static struct csv_table *open_table(const char *path, struct error *err)
{
	struct error e = ERROR_INIT;
	struct csv_table *t = csv_table_open(path, &e);

	if (!t && e.code == ERR_CORRUPT)
		error_set(err, ERR_CORRUPT, "%s: " KINDS, e.msg);
	else if (!t && err)
		*err = e;
	return t;
}

static int read_file(const char *path, struct cancel *cancel, struct machine_list *out, struct error *err)
{
	CLEANUP(cleanup_csv_table) struct csv_table *t = NULL;
	struct csv_table *tabs[RVTOOLS_TABS] = { NULL };
	enum container container = container_of_file(path);
	enum rvtools_tab tab;

	if (container == ZIP)
		return rvtools_workbook_read(path, cancel, out, err);
	if (container == OLE)
		return error_set(err, ERR_UNSUPPORTED, "%s: an old or an encrypted workbook of Excel: " EXPORT_CSV, path);
	t = open_table(path, err);
	if (!t)
		return -1;
	if (azure_migrate_recognise(t))
		return azure_migrate_read(t, cancel, out, err);
	tab = rvtools_recognise(t);
	if (tab == RVTOOLS_TABS)
		return refuse(t, out, err);
	if (tab != RVTOOLS_INFO)
		return error_set(err, ERR_CORRUPT,
				 "%s: the %s tab of RVTools without vInfo: name the folder that has both", path,
				 rvtools_tab_name(tab));
	tabs[tab] = t;
	return rvtools_read(tabs, cancel, out, err);
}

/* ---- folders ---- */

struct folder {
	const char *path;
	struct dirent **files; /* CSV files and workbooks, in byte order */
	int n;
	struct csv_table *tabs[RVTOOLS_TABS];
	struct strbuf unused; /* names of CSV files of no tab */
	size_t n_unused;
	char *missing, *nearly; /* what a file lacks that is nearly a vInfo tab, and its path */
	unsigned has;
	bool import; /* there is one of Azure Migrate */
};

static void folder_fini(struct folder *f)
{
	for (int i = 0; i < f->n; i++)
		free(f->files[i]);
	free(f->files);
	for (size_t i = 0; i < RVTOOLS_TABS; i++)
		csv_table_close(f->tabs[i]);
	strbuf_fini(&f->unused);
	free(f->missing);
	free(f->nearly);
}

static int is_csv(const struct dirent *e)
{
	return e->d_name[0] != '.' && has_suffix(e->d_name, ".csv");
}

static int is_xlsx(const struct dirent *e)
{
	/* Excel's lock on one that is open begins with ~$ */
	return e->d_name[0] != '.' && e->d_name[0] != '~' && has_suffix(e->d_name, ".xlsx");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Remembers one that is nearest to a vInfo tab: if there is none, that may be what is wrong with it. */
static int keep_nearest(struct folder *f, const struct csv_table *t, struct error *err)
{
	unsigned has;
	CLEANUP_FREE char *missing = rvtools_missing(t, &has, err);

	if (!missing)
		return -1;
	if (has < 2 || has <= f->has)
		return 0;
	free(f->missing);
	free(f->nearly);
	f->has = has;
	f->missing = steal_ptr(&missing);
	f->nearly = strdup(t->path);
	return f->nearly ? 0 : error_errno(err, ENOMEM, "%s", t->path);
}

static int take_unused(struct folder *f, const struct csv_table *t, struct error *err)
{
	f->import = f->import || azure_migrate_recognise(t);
	if (f->n_unused++ < UNUSED_NAMED)
		strbuf_addf(&f->unused, "%s%s", f->n_unused > 1 ? ", " : "", t->name);
	return keep_nearest(f, t, err);
}

static int take_file(struct folder *f, const char *name, struct error *err)
{
	CLEANUP(cleanup_csv_table) struct csv_table *t = NULL;
	CLEANUP_FREE char *path = NULL;
	enum rvtools_tab tab;
	struct stat st;

	if (asprintf(&path, "%s/%s", f->path, name) < 0) {
		path = NULL;
		return error_errno(err, ENOMEM, "%s", f->path);
	}
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	t = csv_table_open(path, err);
	if (!t)
		return -1;
	tab = azure_migrate_recognise(t) ? RVTOOLS_TABS : rvtools_recognise(t);
	if (tab == RVTOOLS_TABS)
		return take_unused(f, t, err);
	if (f->tabs[tab])
		return error_set(err, ERR_CORRUPT, "%s: two exports: %s and %s are both a %s tab of RVTools", f->path,
				 f->tabs[tab]->name, t->name, rvtools_tab_name(tab));
	f->tabs[tab] = steal_ptr(&t);
	return 0;
}

static int refuse_folder(const struct folder *f, struct error *err)
{
	if (f->nearly)
		return error_set(err, ERR_CORRUPT, "%s: no vInfo tab of RVTools: %s lacks the columns %s", f->path,
				 f->nearly, f->missing);
	return error_set(err, ERR_CORRUPT, "%s: no vInfo tab of RVTools among its CSV files%s", f->path,
			 f->import ? "; name an import of Azure Migrate itself" : "");
}

static int read_export(struct folder *f, struct cancel *cancel, struct machine_list *out, struct error *err)
{
	for (int i = 0; i < f->n; i++)
		if (cancel_check(cancel, err) < 0 || take_file(f, f->files[i]->d_name, err) < 0)
			return -1;
	if (!f->tabs[RVTOOLS_INFO])
		return refuse_folder(f, err);
	if (f->n_unused > UNUSED_NAMED)
		machine_notice(&out->notices, "not used, being of no tab that is read: %s and %zu more", f->unused.s,
			       f->n_unused - UNUSED_NAMED);
	else if (f->n_unused > 0)
		machine_notice(&out->notices, "not used, being of no tab that is read: %s", f->unused.s);
	return rvtools_read(f->tabs, cancel, out, err);
}

static int order_disks(struct machine_list *l, size_t first, struct error *err)
{
	for (size_t i = first; i < l->n; i++)
		if (machine_order_disks(&l->v[i], err) < 0)
			return -1;
	return 0;
}

static int read_workbook(const struct folder *f, struct cancel *cancel, struct machine_list *out, struct error *err)
{
	CLEANUP_FREE char *path = NULL;

	if (f->n > 1)
		return error_set(err, ERR_CORRUPT, "%s: two exports: %s and %s are both a workbook", f->path,
				 f->files[0]->d_name, f->files[1]->d_name);
	if (asprintf(&path, "%s/%s", f->path, f->files[0]->d_name) < 0) {
		path = NULL;
		return error_errno(err, ENOMEM, "%s", f->path);
	}
	return read_file(path, cancel, out, err);
}

static int read_folder(const char *path, struct cancel *cancel, struct machine_list *out, struct error *err)
{
	CLEANUP(folder_fini) struct folder f = { .path = path };
	size_t first = out->n;

	f.n = scandir(path, &f.files, is_csv, by_name);
	if (f.n < 0)
		return error_errno(err, errno, "%s", path);
	if (f.n > 0)
		return read_export(&f, cancel, out, err);
	if (machines_of_folder(path, cancel, out, err) < 0 || order_disks(out, first, err) < 0 ||
	    machines_merge_repeated(out, first, err) < 0)
		return -1;
	if (out->n > first)
		return 0;
	free(steal_ptr(&f.files));
	f.n = scandir(path, &f.files, is_xlsx, by_name);
	if (f.n > 0)
		return read_workbook(&f, cancel, out, err);
	return error_set(err, ERR_CORRUPT, "%s: a folder without any inventory: " KINDS, path);
}

int inventory_read(const char *path, struct cancel *cancel, struct machine_list *out, struct error *err)
{
	size_t first = out->n;
	struct stat st;

	if (stat(path, &st) < 0)
		return error_errno(err, errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return read_folder(path, cancel, out, err);
	if (!machines_are_in_file(path))
		return read_file(path, cancel, out, err);
	return machines_of_file(path, cancel, out, err) < 0 ? -1 : order_disks(out, first, err);
}
