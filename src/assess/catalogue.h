/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Azure offers and costs, and what guests are called: a folder of CSV files, which users may replace.  Nothing of what
 * they say is repeated in the program.
 *
 *	azure-vm-sizes.csv  azure-managed-disks.csv  azure-prices.csv  guest-os.csv  os-keys.csv  guest-os-names.csv
 *	guest-os-releases.csv  avs-hosts.csv  avs-ftt.csv
 *
 * Each is UTF-8, comma, with one header line; columns are found by name, further ones are ignored.  A missing file, column
 * or a value that makes no sense is ERR_CORRUPT or what opening it says, with file, line and column: a catalogue is right or it
 * is not used.  guest-os-releases.csv may be missing: guests are then known by their long names alone.  Read-only after catalogue_open(): any number of threads.
 */
#ifndef LIFTFS_ASSESS_CATALOGUE_H
#define LIFTFS_ASSESS_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

enum os_arch { ARCH_UNKNOWN, ARCH_X64, ARCH_X86, ARCH_ARM64 };
const char *catalogue_arch_name(enum os_arch a); /* "x64"; "" if unknown */
enum os_azure_state { OS_SUPPORTED, OS_CONDITIONAL, OS_END_OF_SUPPORT, OS_UNSUPPORTED, OS_NO_BOOT, OS_UNKNOWN };
enum os_answer { OS_MAYBE, OS_YES, OS_NO }; /* "unknown" in the file: never blocks, never allows */
enum disk_type { DISK_PREMIUM_SSD, DISK_STANDARD_SSD, DISK_STANDARD_HDD };
#define DISK_TYPES 3

struct catalogue_os {
	char *key, *name, *azure_code; /* code: "" where there is none */
	bool windows;
	enum os_arch default_arch;
	enum os_azure_state azure_state;
	enum os_answer gen2, nvme;
	bool avs_deprecated;
};

struct catalogue_size {
	char *name, *series, *retires; /* retires: a date, or "" */
	unsigned vcpus, max_data_disks, max_nics;
	double memory_gib, uncached_iops, uncached_mbps;
	double max_network_mbps; /* < 0: not known, passes */
	bool premium_io, gen1, gen2, nvme_only, default_candidate;
};

struct catalogue_tier { /* of a managed disk */
	char *name;
	enum disk_type type;
	unsigned size_gib;
	double iops, mbps;
};

struct catalogue_host { /* of Azure VMware Solution */
	char *name;
	unsigned cores;
	double ram_gb, capacity_tb;
};

struct catalogue_ftt {
	unsigned ftt, raid, numerator, denominator, min_hosts;
};

/* Where a file came from, for whoever reads a result. */
struct catalogue_file {
	const char *name;
	char as_of[sizeof("2026-08-20")]; /* the newest date that a row names for itself or its source, or month; "": none */
	size_t rows;
};

struct catalogue;

/* The files that a catalogue is made of; NULL behind the last. */
#define CATALOGUE_FILES 9
const char *catalogue_file_name(size_t i);

struct catalogue *catalogue_open(const char *dir, struct error *err) MUST_CHECK;
void catalogue_close(struct catalogue *c);
DEFINE_CLEANUP(cleanup_catalogue, struct catalogue *, catalogue_close);

const char *catalogue_dir(const struct catalogue *c);
const struct catalogue_file *catalogue_files(const struct catalogue *c, size_t *n_out);

/* In the file's order. */
const struct catalogue_size *catalogue_sizes(const struct catalogue *c, size_t *n_out);
/* By type, then ascending size: what a type offers for upload. */
const struct catalogue_tier *catalogue_tiers(const struct catalogue *c, enum disk_type type, size_t *n_out);
const struct catalogue_host *catalogue_host(const struct catalogue *c, const char *name); /* ignoring case; NULL: none */
const struct catalogue_ftt *catalogue_ftt(const struct catalogue *c, unsigned ftt, unsigned raid); /* NULL: none */
/* What there is, for messages: "AV36, AV36P, ..."; of FTT and RAID "1 with 1, 1 with 5, ...".  The caller frees them. */
char *catalogue_host_names(const struct catalogue *c, struct error *err) MUST_CHECK;
char *catalogue_ftt_names(const struct catalogue *c, struct error *err) MUST_CHECK;
char *catalogue_region_names(const struct catalogue *c, struct error *err) MUST_CHECK;
char *catalogue_series_names(const struct catalogue *c, struct error *err) MUST_CHECK;

bool catalogue_has_series(const struct catalogue *c, const char *series);
bool catalogue_has_region(const struct catalogue *c, const char *region); /* any price at all */
bool catalogue_prices_sizes(const struct catalogue *c, const char *region); /* any of a size */
/* USD; false: no price. */
bool catalogue_size_price(const struct catalogue *c, const char *region, const char *size, bool windows, double *hourly_out);
bool catalogue_tier_price(const struct catalogue *c, const char *region, const char *tier, double *monthly_out);

/* Always one: what is not known is the key "unknown". */
const struct catalogue_os *catalogue_os(const struct catalogue *c, const char *key);
/* A vim_id or vmx_id, ignoring case; arch_out as that table says it.  NULL: no such identifier. */
const struct catalogue_os *catalogue_os_by_id(const struct catalogue *c, const char *id, enum os_arch *arch_out);
/* What an os-release(5) says, its ID and VERSION_ID ("" if it has none).  NULL: no row is for that. */
const struct catalogue_os *catalogue_os_by_release(const struct catalogue *c, const char *id, const char *version);
/*
 * What people and tools write: letters in lower case; "(r)", "(tm)" and the signs for them gone; runs of white space, no-break
 * spaces included, one space, none at the ends; without "microsoft " at the start.  The first pattern that matches all of it
 * counts, "unknown" if none does.  NULL: no memory.
 */
const struct catalogue_os *catalogue_os_by_text(const struct catalogue *c, const char *text, struct error *err) MUST_CHECK;

#endif
