/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assess_options.h"
#include "base/cleanup.h"
#include "base/parse.h"

/* ---- setters: ranges are the assessment's to check ---- */

/* "4", "0.25": no sign, no exponent, nothing after. */
static int set_number(void *dest, const char *value, struct error *err)
{
	size_t whole = strspn(value, "0123456789"), part = 0;

	if (value[whole] == '.')
		part = strspn(value + whole + 1, "0123456789");
	if (whole == 0 || whole > 12 || (value[whole] && (part == 0 || value[whole + 1 + part])))
		return error_set(err, ERR_USAGE, "'%s': not a number such as 1.5", value);
	*(double *)dest = strtod(value, NULL);
	return 0;
}

static int set_count_or_zero(void *dest, const char *value, struct error *err)
{
	uint64_t n;

	if (parse_u64(value, 100000, &n, err) < 0)
		return -1;
	*(unsigned *)dest = (unsigned)n;
	return 0;
}

static int set_setting_rate(void *dest, const char *value, struct error *err)
{
	uint64_t n;

	if (parse_rate(value, &n, err) < 0)
		return -1;
	*(struct move_setting *)dest = (struct move_setting){ .v = (double)n, .given = true };
	return 0;
}

static int set_setting_count(void *dest, const char *value, struct error *err)
{
	unsigned n;

	if (tool_set_count(&n, value, err) < 0)
		return -1;
	*(struct move_setting *)dest = (struct move_setting){ .v = n, .given = true };
	return 0;
}

/* "0.05", and the same as "5%". */
static int set_setting_share(void *dest, const char *value, struct error *err)
{
	size_t len = strlen(value);
	bool percent = len > 0 && value[len - 1] == '%';
	char text[32];
	double v;

	if (percent && len <= sizeof(text)) {
		memcpy(text, value, len - 1);
		text[len - 1] = '\0';
	}
	if (set_number(&v, percent && len <= sizeof(text) ? text : value, NULL) < 0)
		return error_set(err, ERR_USAGE, "'%s': not a share such as 0.05 or 5%%", value);
	*(struct move_setting *)dest = (struct move_setting){ .v = percent ? v / 100 : v, .given = true };
	return 0;
}

static int set_upload(void *dest, const char *value, struct error *err)
{
	(void)err;
	*(enum move_way *)dest = strcmp(value, "direct") == 0 ? MOVE_DIRECT_UPLOAD : MOVE_PAGE_BLOB;
	return 0;
}

static int set_sizing(void *dest, const char *value, struct error *err)
{
	(void)err;
	*(enum assess_sizing *)dest = strcmp(value, "performance") == 0 ? SIZING_PERFORMANCE
				      : strcmp(value, "as-is") == 0     ? SIZING_AS_IS
									: SIZING_AUTO;
	return 0;
}

static int set_disk_type(void *dest, const char *value, struct error *err)
{
	(void)err;
	*(enum assess_disk_choice *)dest = strcmp(value, "premium-ssd") == 0    ? CHOICE_PREMIUM_SSD
					   : strcmp(value, "standard-ssd") == 0 ? CHOICE_STANDARD_SSD
					   : strcmp(value, "standard-hdd") == 0 ? CHOICE_STANDARD_HDD
										: CHOICE_AUTO;
	return 0;
}

static int set_look(void *dest, const char *value, struct error *err)
{
	(void)err;
	*(enum assess_look_depth *)dest = strcmp(value, "none") == 0   ? ASSESS_LOOK_NONE
					  : strcmp(value, "full") == 0 ? ASSESS_LOOK_FULL
								       : ASSESS_LOOK_QUICK;
	return 0;
}

static int set_dedupe(void *dest, const char *value, struct error *err)
{
	struct assess_options *r = dest;

	r->avs_dedupe_from = ASSESS_GIVEN;
	return set_number(&r->avs_dedupe, value, err);
}

/* To assess, the last counts; to renew the catalogue, all of them. */
static int set_region(void *dest, const char *value, struct error *err)
{
	struct assess_options_of_tool *o = dest;

	if (o->n_regions == ASSESS_REGIONS_MAX)
		return error_set(err, ERR_USAGE, "more than %d of them", ASSESS_REGIONS_MAX);
	o->regions[o->n_regions++] = value;
	o->rules.region = value;
	return 0;
}

/* A later list replaces an earlier one. */
static int set_series(void *dest, const char *value, struct error *err)
{
	struct assess_options_of_tool *o = dest;
	CLEANUP_FREE char *list = strdup(value);
	CLEANUP_FREE const char **names = NULL;
	size_t n = 1;

	for (const char *p = value; *p; p++)
		n += *p == ',';
	names = calloc(n, sizeof(*names));
	if (!list || !names)
		return error_errno(err, ENOMEM, "series");
	n = 0;
	for (char *p = list, *end; p; p = end ? end + 1 : NULL) {
		end = strchr(p, ',');
		if (end)
			*end = '\0';
		if (!*p)
			return error_set(err, ERR_USAGE, "'%s': an empty name", value);
		names[n++] = p;
	}
	assess_options_of_tool_fini(o);
	o->series = steal_ptr(&list);
	o->rules.series = steal_ptr(&names);
	o->rules.n_series = n;
	return 0;
}

void assess_options_of_tool_fini(struct assess_options_of_tool *o)
{
	free((void *)o->rules.series);
	free(o->series);
	o->rules.series = NULL;
	o->rules.n_series = 0;
	o->series = NULL;
}

/* ---- the table ---- */

void assess_options_table(struct assess_options_of_tool *o, struct tool_option out[ASSESS_TOOL_OPTIONS])
{
	struct assess_options *r = &o->rules;
	const struct tool_option all[] = {
		{ "explain", 0, "VM", "why each number of this machine is what it is", tool_set_text, &o->explain,
		  NULL },
		{ "html", 0, "FILE", "a page to read, sort, search and print; - prints it", tool_set_text, &o->html,
		  NULL },
		{ "csv", 0, "FILE", "one row a machine; - prints it", tool_set_text, &o->csv, NULL },
		{ "look", 0, "HOW", "what disks show; full reads all of them", set_look, &o->look, "none quick full" },
		{ "groups", 0, "FILE", "which machine belongs to which application: a CSV file", tool_set_text,
		  &o->groups, NULL },
		{ "region", 0, "NAME", "where prices are looked up: westeurope", set_region, o, NULL },
		{ "sizing", 0, "HOW", "by load where it is known, or by what is allocated", set_sizing, &r->sizing,
		  "auto performance as-is" },
		{ "comfort", 0, "X", "multiplies every need: 1.3 adds 30 %", set_number, &r->comfort, NULL },
		{ "disk-type", 0, "TYPE", "of managed disks", set_disk_type, &r->disk_type,
		  "auto premium-ssd standard-ssd standard-hdd" },
		{ "series", 0, "LIST", "only sizes of these: Dsv5,Esv5", set_series, o, NULL },
		{ "ahb", 0, NULL, "Azure Hybrid Benefit: Windows at the Linux price", tool_set_flag, &r->ahb, NULL },
		{ "uptime-hours", 0, "N", "hours a month that machines run: 730", set_number, &r->uptime_hours, NULL },
		{ "avs-host", 0, "NAME", "host of Azure VMware Solution: AV36P", tool_set_text, &r->avs_host, NULL },
		{ "line-rate", 0, "RATE", "of the line to Azure: 20M (bytes a second), 1000mbit", set_setting_rate,
		  &o->moving.line_rate, NULL },
		{ "account-rate", 0, "RATE", "of the storage account: 25000mbit", set_setting_rate,
		  &o->moving.account_rate, NULL },
		{ "upload", 0, "WAY", "where disks are sent to: page-blob", set_upload, &o->moving.way,
		  "page-blob direct" },
		{ "churn", 0, "X", "share of a disk that changes in a day: 5%", set_setting_share,
		  &o->moving.churn_share, NULL },
		{ "wave-max", 0, "N", "machines a wave, at most: 50", set_setting_count, &o->moving.wave_max, NULL },
		{ "disks-at-once", 0, "N", "disks that are copied at the same time: 52", set_setting_count,
		  &o->moving.disks_at_once, NULL },
		{ "virt-inspector", 0, NULL, "ask it what runs where disks do not say", tool_set_flag, &o->inspect,
		  NULL },
		{ "catalogue", 0, "DIR", "sizes, prices, guests: CSV files", tool_set_text, &o->catalogue, NULL },
		{ "thumbprint", 0, "HEX", "trust the vCenter's certificate of this SHA-256", tool_set_text, &o->thumbprint,
		  NULL },
		{ "azure-migrate-csv", 0, "FILE", "the import file of Azure Migrate", tool_set_text, &o->migrate_csv,
		  NULL },
		{ "catalog", 0, "DIR", "the same", tool_set_text, &o->catalogue, NULL },
		{ "update-catalogue", 0, NULL, "fetch today's prices into the catalogue", tool_set_flag, &o->update,
		  NULL },
		{ "subscription", 0, "ID", "fetch sizes too, as this one sees them", tool_set_text, &o->subscription,
		  NULL },
		{ "prices-url", 0, "URL", "https://prices.azure.com", tool_set_text, &o->prices_url, NULL },
		{ "management-url", 0, "URL", "https://management.azure.com", tool_set_text, &o->management_url, NULL },
		{ "avs-ftt", 0, "N", "failures to tolerate: 1", tool_set_count, &r->avs_ftt, NULL },
		{ "avs-raid", 0, "N", "RAID of vSAN: 1", tool_set_count, &r->avs_raid, NULL },
		{ "avs-oversubscription", 0, "N", "vCPUs a core: 4", tool_set_count, &r->avs_oversubscription, NULL },
		{ "avs-cpu-limit", 0, "X", "share of the cores that is used: 1.0", set_number, &r->avs_cpu_limit,
		  NULL },
		{ "avs-memory-overcommit", 0, "X", "1.0", set_number, &r->avs_memory_overcommit, NULL },
		{ "avs-dedupe", 0, "X", "deduplication and compression: 1.0", set_dedupe, r, NULL },
		{ "avs-growth", 0, "X", "of storage: 1.0", set_number, &r->avs_growth, NULL },
		{ "avs-mgmt-vcpu", 0, "N", "of the management plane: 77", set_number, &r->avs_mgmt_vcpu, NULL },
		{ "avs-mgmt-memory-gb", 0, "X", "269.3", set_number, &r->avs_mgmt_memory_gb, NULL },
		{ "avs-mgmt-storage-gb", 0, "X", "2385", set_number, &r->avs_mgmt_storage_gb, NULL },
		{ "avs-slack", 0, "X", "share of vSAN that stays free: 0.25", set_number, &r->avs_slack, NULL },
		{ "avs-spare-nodes", 0, "N", "hosts on top: 0", set_count_or_zero, &r->avs_spare_nodes, NULL },
		{ 0 },
	};

	_Static_assert(ARRAY_LEN(all) <= ASSESS_TOOL_OPTIONS, "room for the table");
	assess_options_init(r);
	move_options_init(&o->moving);
	memcpy(out, all, sizeof(all));
}

/* ---- what goes together ---- */

static bool is_stdout(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

bool assess_options_take_stdout(const struct assess_options_of_tool *o)
{
	return is_stdout(o->csv) || is_stdout(o->html) || is_stdout(o->migrate_csv);
}

int assess_options_exclude(const struct assess_options_of_tool *o, bool json, struct error *err)
{
	const struct {
		const char *name;
		bool asked;
	} outputs[] = { { "--json", json },
			{ "--explain", o->explain != NULL },
			{ "--csv -", is_stdout(o->csv) },
			{ "--html -", is_stdout(o->html) },
			{ "--azure-migrate-csv -", is_stdout(o->migrate_csv) } };
	const char *first = NULL;

	if (o->inspect && o->look == ASSESS_LOOK_NONE)
		return error_set(err, ERR_USAGE, "--virt-inspector and --look none exclude each other");
	for (size_t i = 0; i < ARRAY_LEN(outputs); i++) {
		if (outputs[i].asked && first)
			return error_set(err, ERR_USAGE, "%s and %s exclude each other: both print", first,
					 outputs[i].name);
		if (outputs[i].asked)
			first = outputs[i].name;
	}
	return 0;
}
