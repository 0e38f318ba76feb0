/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/strbuf.h"
#include "inventory/rvtools.h"
#include "inventory/rvtools_workbook.h"

#define SHEETS_NAMED 8 /* in a message */

static enum rvtools_tab tab_of(const char *sheet)
{
	enum rvtools_tab tab = 0;

	if (strncasecmp(sheet, "tab", 3) == 0)
		sheet += 3;
	while (tab < RVTOOLS_TABS && strcasecmp(sheet, rvtools_tab_name(tab)) != 0)
		tab++;
	return tab;
}

static int refuse_info(const struct csv_table *t, struct error *err)
{
	unsigned has;
	CLEANUP_FREE char *missing = rvtools_missing(t, &has, err);

	if (!missing)
		return -1;
	return error_set(err, ERR_CORRUPT, "%s: as the vInfo tab of RVTools it lacks the columns %s", t->path, missing);
}

static int refuse(const struct xlsx *x, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf names = { 0 };
	const char *name;

	for (size_t i = 0; i < SHEETS_NAMED && (name = xlsx_sheet_name(x, i)) != NULL; i++)
		strbuf_addf(&names, "%s'%.*s'", i ? ", " : "", csv_table_shown(name), name);
	return error_set(err, ERR_CORRUPT, "%s: no RVTools export: a workbook without a sheet vInfo, with %s%s",
			 xlsx_path(x), names.s ? names.s : "none", xlsx_sheet_name(x, SHEETS_NAMED) ? " ..." : "");
}

static int take_sheet(const struct xlsx *x, size_t i, enum rvtools_tab tab, struct csv_table **tabs,
		      struct machine_list *out, struct error *err)
{
	CLEANUP(cleanup_csv_table) struct csv_table *t = csv_table_open_sheet(x, i, err);

	if (!t)
		return -1;
	if (tabs[tab])
		return error_set(err, ERR_CORRUPT, "%s: two sheets are a %s tab of RVTools", xlsx_path(x),
				 rvtools_tab_name(tab));
	if (rvtools_recognise(t) == tab)
		tabs[tab] = steal_ptr(&t);
	else if (tab == RVTOOLS_INFO)
		return refuse_info(t, err);
	else
		machine_notice(&out->notices, "%s: not used: it has not the columns of one", t->name);
	return 0;
}

static int read_tabs(const struct xlsx *x, struct csv_table **tabs, struct cancel *cancel, struct machine_list *out,
		     struct error *err)
{
	const char *name;

	for (size_t i = 0; (name = xlsx_sheet_name(x, i)) != NULL; i++) {
		enum rvtools_tab tab = tab_of(name);

		if (cancel_check(cancel, err) < 0)
			return -1;
		if (tab != RVTOOLS_TABS && take_sheet(x, i, tab, tabs, out, err) < 0)
			return -1;
	}
	if (!tabs[RVTOOLS_INFO])
		return refuse(x, err);
	return rvtools_read(tabs, cancel, out, err);
}

int rvtools_workbook_read(const char *path, struct cancel *cancel, struct machine_list *out, struct error *err)
{
	CLEANUP(cleanup_xlsx) struct xlsx *x = xlsx_open(path, err);
	struct csv_table *tabs[RVTOOLS_TABS] = { NULL };
	int rc;

	if (!x)
		return -1;
	rc = read_tabs(x, tabs, cancel, out, err);
	for (size_t i = 0; i < RVTOOLS_TABS; i++)
		csv_table_close(tabs[i]);
	return rc;
}
