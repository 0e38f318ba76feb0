/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "assess/retail_prices.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assess/azure_page.h"
#include "assess/catalogue_table.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/escape.h"

#define VMS "Virtual Machines"
#define NAME_MAX_LEN 256 /* of any text of a row that is looked at */

static const struct {
	const char *product;
	char letter; /* of its tiers */
} disks[] = {
	{ "Premium SSD Managed Disks", 'P' },
	{ "Standard SSD Managed Disks", 'E' },
	{ "Standard HDD Managed Disks", 'S' },
};

const char *const retail_questions[][2] = {
	{ VMS, NULL },
	{ "Storage", "Premium SSD Managed Disks" },
	{ "Storage", "Standard SSD Managed Disks" },
	{ "Storage", "Standard HDD Managed Disks" },
	{ NULL, NULL },
};

const char *retail_left_out_name(enum retail_left_out why)
{
	static const char *const names[] = {
		[RETAIL_SPOT] = "spot or low priority",
		[RETAIL_OTHER_PRODUCT] = "other products",
		[RETAIL_OTHER_TYPE] = "reservations and the like",
		[RETAIL_NOT_VALID] = "not valid today",
		[RETAIL_FREE] = "without a price",
		[RETAIL_NOT_UNDERSTOOD] = "not understood",
	};

	return names[why];
}

void retail_prices_fini(struct retail_prices *p)
{
	free(p->v);
	*p = (struct retail_prices){ .v = NULL };
}

/* ---- a row's texts ---- */

struct row {
	const char *region, *arm, *sku, *product, *meter, *unit, *type, *currency, *since, *until;
	double usd, minimum;
	bool primary;
};

/* *out NULL: absent or null. */
static int take_text(const json_t *o, const char *key, const char **out, struct error *err)
{
	const json_t *v = json_object_get(o, key);

	*out = NULL;
	if (!v || json_is_null(v))
		return 0;
	*out = json_string_value(v);
	if (!*out || json_string_length(v) > NAME_MAX_LEN)
		return error_set(err, ERR_CORRUPT, "%s: not a text of at most %d bytes", key, NAME_MAX_LEN);
	for (const char *p = *out; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return error_set(err, ERR_CORRUPT, "%s: a control character", key);
	return 0;
}

static int take_row(const json_t *o, struct row *r, struct error *err)
{
	const struct {
		const char *key;
		const char **to;
	} texts[] = {
		{ "armRegionName", &r->region },   { "armSkuName", &r->arm },         { "skuName", &r->sku },
		{ "productName", &r->product },    { "meterName", &r->meter },        { "unitOfMeasure", &r->unit },
		{ "type", &r->type },              { "currencyCode", &r->currency },  { "effectiveStartDate", &r->since },
		{ "effectiveEndDate", &r->until },
	};
	const json_t *usd = json_object_get(o, "retailPrice");

	if (!json_is_object(o))
		return error_set(err, ERR_CORRUPT, "no object");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (take_text(o, texts[i].key, texts[i].to, err) < 0)
			return -1;
	if (!json_is_number(usd))
		return error_set(err, ERR_CORRUPT, "retailPrice: no number");
	r->usd = json_number_value(usd);
	if (!(r->usd >= 0 && r->usd <= RETAIL_USD_MAX))
		return error_set(err, ERR_CORRUPT, "retailPrice: %g is not from 0 to %g", r->usd, RETAIL_USD_MAX);
	if (!r->currency || strcmp(r->currency, "USD") != 0)
		return error_set(err, ERR_CORRUPT, "currencyCode: '%.16s', not USD", r->currency ? r->currency : "");
	r->minimum = json_number_value(json_object_get(o, "tierMinimumUnits")); /* absent: 0 */
	r->primary = json_is_true(json_object_get(o, "isPrimaryMeterRegion"));
	return 0;
}

/* ---- what it is a price of ---- */

static bool has(const char *text, const char *word)
{
	return text && strcasestr(text, word);
}

/* Letters and digits alone, in one case: "D2s v5" and "Standard_D2s_v5" behind its "Standard_" are the same. */
static bool same_name(const char *a, const char *b)
{
	for (;;) {
		while (*a && !isalnum((unsigned char)*a))
			a++;
		while (*b && !isalnum((unsigned char)*b))
			b++;
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
		a++;
		b++;
	}
}

static bool is_name(const char *text)
{
	return text && *text && strlen(text) < RETAIL_ITEM_MAX &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(text);
}

/* True: *out is set; false: *why is. */
static bool is_size(const struct row *r, struct retail_price *out, enum retail_left_out *why)
{
	static const char standard[] = "Standard_";

	if (has(r->sku, "Spot") || has(r->sku, "Low Priority") || has(r->meter, "Spot") || has(r->meter, "Low Priority") ||
	    has(r->sku, "Promo")) {
		*why = RETAIL_SPOT;
		return false;
	}
	if (has(r->product, "Cloud Services") || has(r->product, "CloudServices") || has(r->product, "Dedicated Host")) {
		*why = RETAIL_OTHER_PRODUCT;
		return false;
	}
	*why = RETAIL_NOT_UNDERSTOOD;
	if (strncmp(r->product, VMS " ", strlen(VMS " ")) != 0 || !r->unit || strcmp(r->unit, "1 Hour") != 0 ||
	    !is_name(r->arm) || strncmp(r->arm, standard, strlen(standard)) != 0 || !r->sku ||
	    (!same_name(r->sku, r->arm) && !same_name(r->sku, r->arm + strlen(standard))))
		return false;
	if (!has(r->product, "Windows") && !has(r->product, "Series"))
		return false;
	out->kind = has(r->product, "Windows") ? RETAIL_SIZE_WINDOWS : RETAIL_SIZE_LINUX;
	memcpy(out->item, r->arm, strlen(r->arm) + 1);
	return true;
}

/* "P10 LRS" of the product whose tiers begin with that letter. */
static bool take_tier(const char *sku, char letter, struct retail_price *out)
{
	size_t digits = sku[0] == letter ? strspn(sku + 1, "0123456789") : 0;

	if (digits == 0 || digits > 2 || sku[1] == '0')
		return false;
	if (strcmp(sku + 1 + digits, " LRS") != 0 && strcmp(sku + 1 + digits, " ZRS") != 0)
		return false;
	out->kind = sku[digits + 2] == 'L' ? RETAIL_DISK_LRS : RETAIL_DISK_ZRS;
	memcpy(out->item, sku, digits + 1);
	out->item[digits + 1] = '\0';
	return true;
}

static bool is_disk(const struct row *r, char letter, struct retail_price *out, enum retail_left_out *why)
{
	static const char *const others[] = { "Disk Mount", "Operations", "Snapshots", "Burst", "Reservation",
					      "Confidential", "Encryption" };
	size_t len;

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (has(r->meter, others[i])) {
			*why = RETAIL_OTHER_PRODUCT;
			return false;
		}
	*why = RETAIL_NOT_UNDERSTOOD;
	if (!r->sku || !r->meter || !r->unit || strcmp(r->unit, "1/Month") != 0)
		return false;
	len = strlen(r->sku);
	return strncmp(r->meter, r->sku, len) == 0 && strcmp(r->meter + len, " Disk") == 0 && take_tier(r->sku, letter, out);
}

static bool is_valid(const struct row *r, uint64_t now_ns, struct retail_price *out, enum retail_left_out *why)
{
	uint64_t until_ns;

	*why = RETAIL_NOT_UNDERSTOOD;
	if (!r->since || clock_parse(r->since, &out->since_ns, NULL) < 0 ||
	    (r->until && clock_parse(r->until, &until_ns, NULL) < 0))
		return false;
	*why = RETAIL_NOT_VALID;
	return out->since_ns <= now_ns && (!r->until || until_ns > now_ns);
}

static bool understand(const struct row *r, const char *region, uint64_t now_ns, struct retail_price *out,
		       enum retail_left_out *why)
{
	bool found = false;

	*why = RETAIL_NOT_UNDERSTOOD;
	if (!r->type || !r->product || !r->region || strcmp(r->region, region) != 0)
		return false;
	if (strcmp(r->type, "Consumption") != 0) {
		*why = RETAIL_OTHER_TYPE;
		return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(disks); i++)
		if (strcmp(r->product, disks[i].product) == 0) {
			if (!is_disk(r, disks[i].letter, out, why))
				return false;
			found = true;
		}
	if (!found && !is_size(r, out, why))
		return false;
	if (!is_valid(r, now_ns, out, why))
		return false;
	*why = r->minimum == 0 ? RETAIL_FREE : RETAIL_NOT_UNDERSTOOD;
	return r->minimum == 0 && r->usd >= RETAIL_USD_MIN;
}

/* ---- pages ---- */

static void note_unknown(struct retail_prices *p, const struct row *r)
{
	char text[4 * NAME_MAX_LEN];

	if (p->unknown[0])
		return;
	snprintf(text, sizeof(text), "%s / %s / %s / %s", r->product ? r->product : "", r->sku ? r->sku : "",
		 r->meter ? r->meter : "", r->unit ? r->unit : "");
	escape_visible(text, p->unknown, sizeof(p->unknown));
}

static int add_row(struct retail_prices *p, const char *region, uint64_t now_ns, const json_t *o, struct error *err)
{
	struct retail_price price = { .kind = RETAIL_SIZE_LINUX };
	enum retail_left_out why;
	struct row r = { .region = NULL };

	if (take_row(o, &r, err) < 0)
		return -1;
	p->rows++;
	if (!understand(&r, region, now_ns, &price, &why)) {
		p->left_out[why]++;
		if (why == RETAIL_NOT_UNDERSTOOD)
			note_unknown(p, &r);
		return 0;
	}
	if (p->n == RETAIL_PRICES_MAX)
		return error_set(err, ERR_CORRUPT, "more than %d prices of one region", RETAIL_PRICES_MAX);
	if (table_grow(&p->v, sizeof(*p->v), p->n, &p->cap, err) < 0)
		return -1;
	price.usd = r.usd;
	price.primary = r.primary;
	p->v[p->n++] = price;
	return 0;
}

int retail_prices_page(struct retail_prices *p, const char *region, uint64_t now_ns, const char *body, size_t len,
		       char **next_out, struct error *err)
{
	const json_t *items;
	CLEANUP(cleanup_azure_page)
	json_t *doc = azure_page_parse(body, len, "Items", "NextPageLink", &items, next_out, err);

	if (!doc)
		return -1;
	for (size_t i = 0; i < json_array_size(items); i++)
		if (add_row(p, region, now_ns, json_array_get(items, i), err) < 0) {
			free(*next_out);
			*next_out = NULL;
			return error_prefix(err, "row %zu of a page", i + 1);
		}
	return 0;
}

/* ---- one price a thing ---- */

static int by_key(const void *a, const void *b)
{
	const struct retail_price *x = a, *y = b;

	return x->kind != y->kind ? (x->kind > y->kind) - (x->kind < y->kind) : strcasecmp(x->item, y->item);
}

/* Those that go before others come first. */
static int by_key_and_rank(const void *a, const void *b)
{
	const struct retail_price *x = a, *y = b;
	int order = by_key(a, b);

	if (order == 0)
		order = (x->primary < y->primary) - (x->primary > y->primary);
	if (order == 0)
		order = (x->since_ns < y->since_ns) - (x->since_ns > y->since_ns);
	return order ? order : (x->usd > y->usd) - (x->usd < y->usd);
}

void retail_prices_settle(struct retail_prices *p)
{
	size_t kept = 0;

	if (p->n == 0)
		return;
	qsort(p->v, p->n, sizeof(*p->v), by_key_and_rank);
	for (size_t i = 0; i < p->n; i++) {
		struct retail_price *last = kept > 0 ? &p->v[kept - 1] : NULL;
		const struct retail_price *now = &p->v[i];

		if (!last || by_key(last, now) != 0)
			p->v[kept++] = *now;
		else if (now->primary == last->primary && now->since_ns == last->since_ns &&
			 fabs(now->usd - last->usd) > 1e-9 * last->usd)
			last->contradictory = true;
	}
	p->n = kept;
}

const struct retail_price *retail_prices_find(const struct retail_prices *p, enum retail_kind kind, const char *item)
{
	struct retail_price key = { .kind = kind };
	size_t len = strlen(item);

	if (p->n == 0 || len >= sizeof(key.item))
		return NULL;
	memcpy(key.item, item, len + 1);
	return bsearch(&key, p->v, p->n, sizeof(*p->v), by_key);
}
