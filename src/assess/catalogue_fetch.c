/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "assess/catalogue_fetch.h"

#include <string.h>
#include <strings.h>

#include "assess/paged_fetch.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "base/guid.h"
#include "base/strbuf.h"
#include "net/proxy.h"

#define PRICES_PATH "/api/retail/prices?api-version=2023-01-01-preview&$filter="
#define SKUS_PATH "/subscriptions/%s/providers/Microsoft.Compute/skus?api-version=2021-07-01&$filter="
#define REGION_MAX 64

/* ---- what questions are made of ---- */

int catalogue_fetch_check_region(const char *region, struct error *err)
{
	size_t len = strlen(region);

	if (len > 0 && len <= REGION_MAX && strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789") == len)
		return 0;
	return error_set(err, ERR_USAGE, "'%.80s': not a region's name such as westeurope", region);
}

/* https://HOST[:PORT], with or without a slash. */
static int check_url(const char *name, const char *url, struct error *err)
{
	const char *at = strncasecmp(url, "https://", 8) == 0 ? url + 8 : strncasecmp(url, "http://", 7) == 0 ? url + 7 : "";
	size_t len = strcspn(at, "/?#@\\ ");
	bool private = strncasecmp(url, "https:", 6) == 0;

	if (len == 0 || (at[len] && strcmp(at + len, "/") != 0))
		return error_set(err, ERR_USAGE, "%s: not a service's URL such as https://HOST", name);
	if (!private && proxy_is_loopback(url, &private, err) < 0)
		return -1;
	if (!private)
		return error_set(err, ERR_USAGE, "%s: https only", name);
	return 0;
}

int catalogue_fetch_check(const struct catalogue_update_options *opt, struct error *err)
{
	struct guid guid;

	if (opt->n_regions > CATALOGUE_REGIONS_MAX)
		return error_set(err, ERR_USAGE, "more than %d regions", CATALOGUE_REGIONS_MAX);
	for (size_t i = 0; i < opt->n_regions; i++)
		if (catalogue_fetch_check_region(opt->regions[i], err) < 0)
			return error_prefix(err, "--region");
	if (opt->subscription && (strlen(opt->subscription) != GUID_TEXT_LEN - 1 ||
				  guid_parse(opt->subscription, &guid, NULL) < 0))
		return error_set(err, ERR_USAGE, "--subscription: '%.80s' is no ID such as "
						 "01234567-89ab-cdef-0123-456789abcdef", opt->subscription);
	if (opt->prices_url && check_url("--prices-url", opt->prices_url, err) < 0)
		return -1;
	return opt->management_url ? check_url("--management-url", opt->management_url, err) : 0;
}

/* ---- questions ---- */

static void add_base(struct strbuf *b, const char *url, const char *usual)
{
	size_t len;

	url = url ? url : usual;
	len = strlen(url);
	strbuf_add(b, url, len - (url[len - 1] == '/'));
}

static void add_clause(struct strbuf *b, const char *key, const char *value)
{
	strbuf_addf(b, "%s%s eq '%s'", b->len > 0 ? " and " : "", key, value);
}

/* Behind what b holds, as a part of a URL. */
static char *with_filter(struct strbuf *b, struct strbuf *filter, struct error *err)
{
	CLEANUP_FREE char *text = strbuf_take(filter, err), *escaped = text ? escape_url_component(text, err) : NULL;

	if (!escaped)
		return NULL;
	strbuf_adds(b, escaped);
	return strbuf_take(b, err);
}

static char *prices_url(const struct catalogue_update_options *opt, const char *region, const char *const question[2],
			struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 }, filter = { 0 };

	add_base(&b, opt->prices_url, CATALOGUE_PRICES_URL);
	strbuf_adds(&b, PRICES_PATH);
	add_clause(&filter, "serviceName", question[0]);
	add_clause(&filter, "armRegionName", region);
	add_clause(&filter, "priceType", "Consumption");
	if (question[1])
		add_clause(&filter, "productName", question[1]);
	return with_filter(&b, &filter, err);
}

static char *sizes_url(const struct catalogue_update_options *opt, const char *region, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 }, filter = { 0 };

	add_base(&b, opt->management_url, CATALOGUE_MANAGEMENT_URL);
	strbuf_addf(&b, SKUS_PATH, opt->subscription);
	add_clause(&filter, "location", region);
	return with_filter(&b, &filter, err);
}

/* ---- answers ---- */

struct answer {
	const struct catalogue_update_options *opt;
	const char *region;
	struct retail_prices *prices;
	struct resource_skus *skus;
};

static int take_prices(void *ctx, const char *body, size_t len, char **next_out, struct error *err)
{
	const struct answer *a = ctx;

	return retail_prices_page(a->prices, a->region, a->opt->now_ns, body, len, next_out, err);
}

static int take_sizes(void *ctx, const char *body, size_t len, char **next_out, struct error *err)
{
	const struct answer *a = ctx;

	return resource_skus_page(a->skus, a->region, body, len, next_out, err);
}

int catalogue_fetch_prices(const struct catalogue_update_options *opt, const char *region, struct retail_prices *out,
			   struct error *err)
{
	const struct paged_fetch f = { .http = opt->http, .cancel = opt->cancel, .below = opt->below };
	struct answer a = { .opt = opt, .region = region, .prices = out };

	for (size_t i = 0; retail_questions[i][0]; i++) {
		CLEANUP_FREE char *url = prices_url(opt, region, retail_questions[i], err);

		if (!url)
			return -1;
		if (paged_fetch(&f, url, take_prices, &a, err) < 0)
			return error_prefix(err, "%s: prices", region);
	}
	retail_prices_settle(out);
	return 0;
}

int catalogue_fetch_sizes(const struct catalogue_update_options *opt, const char *region, struct resource_skus *out,
			  struct error *err)
{
	const struct paged_fetch f = { .http = opt->http,
				       .cancel = opt->cancel,
				       .authorize = opt->authorize,
				       .ctx = opt->ctx,
				       .below = opt->below };
	struct answer a = { .opt = opt, .region = region, .skus = out };
	CLEANUP_FREE char *url = sizes_url(opt, region, err);

	if (!url)
		return -1;
	if (paged_fetch(&f, url, take_sizes, &a, err) < 0)
		return error_prefix(err, "%s: sizes", region);
	resource_skus_settle(out);
	return 0;
}
