/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outputs of liftfs assess: each shows one report in its own way and decides nothing.
 *
 * Names of machines, disks and files are shown in the form that base/escape.h gives them, in every output but the
 * import file of Azure Migrate, where they are what the inventory has.  Money is USD, rounded to cents here and nowhere
 * before.
 */
#ifndef LIFTFS_TOOLS_ASSESS_H
#define LIFTFS_TOOLS_ASSESS_H

#include <stdio.h>

#include "assess/assessment.h"
#include "assess/move.h"
#include "assess_look.h"
#include "assess_totals.h"
#include "base/parse.h"
#include "output.h"

struct assess_report {                  /* all of it outlives the output */
	const char *const *inventories; /* as the command line has them */
	size_t n_inventories;
	const struct machine_list *machines;
	const struct catalogue *catalogue;
	const struct assess_options *options;
	const struct assessment *result;
	const struct assess_totals *totals;
	const struct move_options *moving;
	const struct move *move; /* vms in step with the result's */
	enum assess_look_depth look;
	const struct machines_looked *looked;
	bool brief; /* the document is within a page: without the findings of disks */
	uint64_t now_ns; /* realtime */
};

/* The lines above the tables. */
int assess_print_summary(const struct assess_report *r, struct error *err) MUST_CHECK;
/* Of the move the lines of the summary; then its waves, if there are groups or several waves, and what to fix first. */
void assess_print_move(const struct assess_report *r);
int assess_print_plan(const struct assess_report *r, enum output_when color, struct error *err) MUST_CHECK;
/* One row a VM, to standard output. */
int assess_print_table(const struct assess_report *r, enum output_when color, struct error *err) MUST_CHECK;
/* Of all VMs of that name (else: in any case of letters; else of that UUID), why each number is what it is.  ERR_USAGE:
 * none. */
int assess_explain(const struct assess_report *r, const char *name, struct error *err) MUST_CHECK;

/* To f, whose errors are the caller's to look for. */
int assess_write_json(const struct assess_report *r, FILE *f, struct error *err) MUST_CHECK;
int assess_write_csv(const struct assess_report *r, FILE *f, struct error *err) MUST_CHECK;
int assess_write_migrate_csv(const struct assess_report *r, FILE *f, struct error *err) MUST_CHECK;
int assess_write_html(const struct assess_report *r, FILE *f, struct error *err) MUST_CHECK;

/*
 * Calls write with the file: a new one beside path, which takes its place when all of it is on the disk; "-" is
 * standard output, and what is there and is no regular file (a pipe, a device) is written in place.
 */
typedef int assess_writer(const struct assess_report *r, FILE *f, struct error *err);
int assess_write_file(const struct assess_report *r, const char *path, assess_writer *write,
		      struct error *err) MUST_CHECK;

/* ---- words that several outputs share ---- */

#define ASSESS_NOT_IN_COST "transactions, snapshots, bandwidth, page blobs while replicating"

const char *assess_power_name(enum machine_power p);       /* "on" */
const char *assess_firmware_name(enum machine_firmware f); /* "efi" */
const char *assess_arch_name(enum os_arch a);              /* "x64" */
const char *assess_disk_type_name(enum disk_type t);       /* "premium-ssd" */
const char *assess_sizing_name(enum assess_sizing s);      /* "auto" */
const char *assess_choice_name(enum assess_disk_choice c); /* "auto" */

/* Writes JSON text so that it can stand within an HTML element: "<", which it has in strings only, as \u003c. */
void assess_put_json(const char *text, FILE *f);

/* The date of the prices, as their file has it; "" if it has none. */
const char *assess_prices_as_of(const struct catalogue *c);

/* Cents, as the nearest number that JSON and people are shown. */
double assess_cents(double usd);
/* "1,234.50" */
#define ASSESS_MONEY_LEN 40
void assess_money(double usd, char out[ASSESS_MONEY_LEN]);

/* "1.5 GiB" of so many MiB; what no disk has is as much as there is. */
void assess_size(double mib, char out[FORMAT_TEXT_LEN]);

/* Up to max characters of UTF-8 text, "..." at the end of one that was cut.  The caller frees it. */
char *assess_cut(const char *text, size_t max, struct error *err) MUST_CHECK;

#endif
