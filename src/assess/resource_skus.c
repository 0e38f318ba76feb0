/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "assess/resource_skus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assess/azure_page.h"
#include "assess/catalogue_rows.h"
#include "assess/catalogue_table.h"
#include "base/compiler.h"
#include "base/csv.h"
#include "base/escape.h"

#define VALUE_MAX 64
#define COUNT_MAX 1000000 /* as the catalogue's */

const char *const sku_columns[SKU_CELLS] = {
	[SKU_VCPUS] = "vcpus",
	[SKU_MEMORY_GIB] = "memory_gib",
	[SKU_MAX_DATA_DISKS] = "max_data_disks",
	[SKU_MAX_NICS] = "max_nics",
	[SKU_UNCACHED_IOPS] = "uncached_iops",
	[SKU_UNCACHED_MBPS] = "uncached_mbps",
	[SKU_PREMIUM_IO] = "premium_io",
	[SKU_GEN1] = "gen1",
	[SKU_GEN2] = "gen2",
	[SKU_NVME_ONLY] = "nvme_only",
	[SKU_ACCELERATED_NETWORK] = "accelerated_network",
	[SKU_LOCAL_TEMP_DISK] = "local_temp_disk",
};

void resource_skus_fini(struct resource_skus *s)
{
	free(s->v);
	*s = (struct resource_skus){ .v = NULL };
}

/* ---- values: false is one that makes no sense ---- */

/* "2", "0.5": no sign, no exponent. */
static bool number(const char *text, double *out)
{
	size_t whole = strspn(text, "0123456789"), len = whole;

	if (text[len] == '.')
		len += 1 + strspn(text + len + 1, "0123456789");
	return whole > 0 && whole <= 15 && !text[len] && text[len - 1] != '.' && csv_number(text, ',', out);
}

static bool put_count(struct resource_sku *sku, enum sku_cell cell, const char *text)
{
	double v;

	if (strchr(text, '.') || !number(text, &v) || v > COUNT_MAX)
		return false;
	snprintf(sku->cells[cell], SKU_CELL_MAX, "%.0f", v);
	return true;
}

static bool put_number(struct resource_sku *sku, enum sku_cell cell, const char *text, double divisor)
{
	double v;

	if (!number(text, &v) || v / divisor > COUNT_MAX)
		return false;
	if (divisor > 1)
		v = (double)(long long)(v / divisor + 0.5);
	catalogue_decimal(v, sku->cells[cell]);
	return true;
}

static bool put_yes(struct resource_sku *sku, enum sku_cell cell, const char *text)
{
	bool yes = strcasecmp(text, "True") == 0;

	snprintf(sku->cells[cell], SKU_CELL_MAX, "%s", yes ? "yes" : "no");
	return yes || strcasecmp(text, "False") == 0;
}

/* Is that one of the words that commas and blanks part? */
static bool has_word(const char *list, const char *word)
{
	size_t len;

	for (const char *p = list; *p; p += len) {
		p += strspn(p, ", ");
		len = strcspn(p, ", ");
		if (len == strlen(word) && strncasecmp(p, word, len) == 0)
			return true;
	}
	return false;
}

static bool put_generations(struct resource_sku *sku, const char *text)
{
	bool gen1 = has_word(text, "V1"), gen2 = has_word(text, "V2");

	snprintf(sku->cells[SKU_GEN1], SKU_CELL_MAX, "%s", gen1 ? "yes" : "no");
	snprintf(sku->cells[SKU_GEN2], SKU_CELL_MAX, "%s", gen2 ? "yes" : "no");
	return gen1 || gen2;
}

static bool put_controllers(struct resource_sku *sku, const char *text)
{
	bool scsi = has_word(text, "SCSI"), nvme = has_word(text, "NVMe");

	snprintf(sku->cells[SKU_NVME_ONLY], SKU_CELL_MAX, "%s", nvme && !scsi ? "yes" : "no");
	return scsi || nvme;
}

static bool put_local_disk(struct resource_sku *sku, const char *text)
{
	double v;

	if (!number(text, &v))
		return false;
	if (v > 0 || !sku->cells[SKU_LOCAL_TEMP_DISK][0])
		snprintf(sku->cells[SKU_LOCAL_TEMP_DISK], SKU_CELL_MAX, "%s", v > 0 ? "yes" : "no");
	return true;
}

/* ---- a size ---- */

static bool take_capability(struct resource_sku *sku, const char *name, const char *value, char available[VALUE_MAX])
{
	static const struct {
		const char *name;
		enum sku_cell cell;
		enum { COUNT, NUMBER, BYTES, YES } as;
	} plain[] = {
		{ "vCPUs", SKU_VCPUS, COUNT },
		{ "MemoryGB", SKU_MEMORY_GIB, NUMBER },
		{ "MaxDataDiskCount", SKU_MAX_DATA_DISKS, COUNT },
		{ "MaxNetworkInterfaces", SKU_MAX_NICS, COUNT },
		{ "UncachedDiskIOPS", SKU_UNCACHED_IOPS, NUMBER },
		{ "UncachedDiskBytesPerSecond", SKU_UNCACHED_MBPS, BYTES },
		{ "PremiumIO", SKU_PREMIUM_IO, YES },
		{ "AcceleratedNetworkingEnabled", SKU_ACCELERATED_NETWORK, YES },
	};

	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		if (strcmp(name, plain[i].name) != 0)
			continue;
		if (plain[i].as == COUNT)
			return put_count(sku, plain[i].cell, value);
		if (plain[i].as == YES)
			return put_yes(sku, plain[i].cell, value);
		return put_number(sku, plain[i].cell, value, plain[i].as == BYTES ? 1e6 : 1);
	}
	if (strcmp(name, "HyperVGenerations") == 0)
		return put_generations(sku, value);
	if (strcmp(name, "DiskControllerTypes") == 0)
		return put_controllers(sku, value);
	if (strcmp(name, "MaxResourceVolumeMB") == 0 || strcmp(name, "NvmeDiskSizeInMiB") == 0)
		return put_local_disk(sku, value);
	if (strcmp(name, "CpuArchitectureType") == 0)
		sku->unusual = sku->unusual || strcasecmp(value, "x64") != 0;
	else if (strcmp(name, "GPUs") == 0 || strcmp(name, "ConfidentialComputingType") == 0)
		sku->unusual = sku->unusual || (strcmp(value, "0") != 0 && *value);
	else if (strcmp(name, "RdmaEnabled") == 0)
		sku->unusual = sku->unusual || strcasecmp(value, "True") == 0;
	else if (strcmp(name, "vCPUsAvailable") == 0)
		memcpy(available, value, strlen(value) + 1);
	return true;
}

static bool take_capabilities(struct resource_sku *sku, const json_t *list, const char **bad)
{
	char available[VALUE_MAX] = "";

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		const char *name = json_string_value(json_object_get(o, "name"));
		const char *value = json_string_value(json_object_get(o, "value"));

		if (!name || !value || strlen(value) >= VALUE_MAX)
			continue; /* none that is looked at is as long */
		*bad = name;
		if (!take_capability(sku, name, value, available))
			return false;
	}
	if (*available && strcmp(available, sku->cells[SKU_VCPUS]) != 0)
		sku->unusual = true;
	return true;
}

/* In out, of SKU_NAME_MAX bytes; false: no such name. */
static bool take_name(const char *text, size_t len, char *out)
{
	if (len == 0 || len >= SKU_NAME_MAX ||
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") < len)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

/* "standardDSv5Family": "DSv5". */
static void take_family(struct resource_sku *sku, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (len > 6 && strcasecmp(text + len - 6, "Family") == 0)
		len -= 6;
	if (len > 8 && strncasecmp(text, "standard", 8) == 0) {
		text += 8;
		len -= 8;
	}
	while (len > 0 && (*text == ' ' || *text == '_')) {
		text++;
		len--;
	}
	if (text && !take_name(text, len, sku->family))
		sku->family[0] = '\0';
}

static bool is_there(const json_t *o, const char *region)
{
	const json_t *list = json_object_get(o, "locations");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text && strcasecmp(text, region) == 0)
			return true;
	}
	return false;
}

static void note_illegible(struct resource_skus *s, const char *name, const char *what)
{
	char text[4 * SKU_NAME_MAX];

	s->illegible++;
	if (s->unknown[0])
		return;
	snprintf(text, sizeof(text), "%.80s: %.80s", name ? name : "a size", what);
	escape_visible(text, s->unknown, sizeof(s->unknown));
}

static int add_size(struct resource_skus *s, const json_t *o, struct error *err)
{
	struct resource_sku sku = { .unusual = false };
	const char *name = json_string_value(json_object_get(o, "name")), *bad = "";

	if (!name || !take_name(name, strlen(name), sku.name)) {
		note_illegible(s, name, "its name");
		return 0;
	}
	take_family(&sku, json_string_value(json_object_get(o, "family")));
	if (strncmp(name, "Standard_", 9) != 0 || strcasestr(name, "Promo"))
		sku.unusual = true;
	if (!take_capabilities(&sku, json_object_get(o, "capabilities"), &bad)) {
		note_illegible(s, name, bad);
		return 0;
	}
	if (s->n == SKUS_MAX)
		return error_set(err, ERR_CORRUPT, "more than %d sizes in one region", SKUS_MAX);
	if (table_grow(&s->v, sizeof(*s->v), s->n, &s->cap, err) < 0)
		return -1;
	s->v[s->n++] = sku;
	return 0;
}

int resource_skus_page(struct resource_skus *s, const char *region, const char *body, size_t len, char **next_out,
		       struct error *err)
{
	const json_t *list;
	CLEANUP(cleanup_azure_page)
	json_t *doc = azure_page_parse(body, len, "value", "nextLink", &list, next_out, err);

	if (!doc)
		return -1;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		const char *type = json_string_value(json_object_get(o, "resourceType"));

		if (type && strcmp(type, "virtualMachines") == 0 && is_there(o, region) && add_size(s, o, err) < 0) {
			free(*next_out);
			*next_out = NULL;
			return -1;
		}
	}
	return 0;
}

/* ---- one of a name ---- */

static int by_name(const void *a, const void *b)
{
	const struct resource_sku *x = a, *y = b;

	return strcasecmp(x->name, y->name);
}

/* qsort is not stable: equals are told apart by their figures, so that the outcome depends on nothing else. */
static int by_name_and_cells(const void *a, const void *b)
{
	const struct resource_sku *x = a, *y = b;
	int order = by_name(a, b);

	return order ? order : memcmp(x->cells, y->cells, sizeof(x->cells));
}

void resource_skus_settle(struct resource_skus *s)
{
	size_t kept = 0;

	if (s->n == 0)
		return;
	qsort(s->v, s->n, sizeof(*s->v), by_name_and_cells);
	for (size_t i = 0; i < s->n; i++)
		if (kept == 0 || by_name(&s->v[kept - 1], &s->v[i]) != 0)
			s->v[kept++] = s->v[i];
	s->n = kept;
}

const struct resource_sku *resource_skus_find(const struct resource_skus *s, const char *name)
{
	struct resource_sku key = { .unusual = false };
	size_t len = strlen(name);

	if (s->n == 0 || len >= sizeof(key.name))
		return NULL;
	memcpy(key.name, name, len + 1);
	return bsearch(&key, s->v, s->n, sizeof(*s->v), by_name);
}

bool resource_sku_is_whole(const struct resource_sku *sku)
{
	for (int i = 0; i < SKU_CELLS; i++)
		if (!sku->cells[i][0] && i != SKU_NVME_ONLY && i != SKU_ACCELERATED_NETWORK && i != SKU_LOCAL_TEMP_DISK)
			return false;
	return strcmp(sku->cells[SKU_VCPUS], "0") != 0 && strcmp(sku->cells[SKU_MAX_NICS], "0") != 0;
}
