/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "net/libcurl.h"
#include "net/proxy.h"

DEFINE_CLEANUP(cleanup_url, CURLU *, curl_url_cleanup);
DEFINE_CLEANUP(cleanup_part, char *, curl_free);

/* Never a name of the DNS, such as 127.example.com. */
static bool is_loopback_host(const char *host)
{
	return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host));
}

static bool is_local_host(const char *host)
{
	size_t len = strlen(host);

	return is_loopback_host(host) || (len > 10 && strcasecmp(host + len - 10, ".localhost") == 0) ||
	       strcmp(host, "169.254.169.254") == 0;
}

/* curl's own parser, so that what is compared is what curl connects to (0x7f.1 is 127.0.0.1 to both). */
static CURLU *parse_url(const char *url)
{
	CURLU *u = curl_url();

	if (u && curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK) {
		curl_url_cleanup(u);
		u = NULL;
	}
	return u;
}

static bool is_local(CURLU *u)
{
	CLEANUP(cleanup_part) char *host = NULL;

	return curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK && is_local_host(host);
}

int proxy_is_loopback(const char *url, bool *out, struct error *err)
{
	CLEANUP(cleanup_url) CURLU *u = NULL;
	CLEANUP(cleanup_part) char *host = NULL;

	if (libcurl_load(err) < 0)
		return -1;
	u = parse_url(url);
	*out = u && curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK && is_loopback_host(host);
	return 0;
}

int proxy_is_local(const char *url, bool *out, struct error *err)
{
	CLEANUP(cleanup_url) CURLU *u = NULL;

	if (libcurl_load(err) < 0)
		return -1;
	u = parse_url(url);
	*out = u && is_local(u);
	return 0;
}

const char *proxy_choose(const struct proxy_config *config, const char *url)
{
	CLEANUP(cleanup_url) CURLU *u = NULL;
	CLEANUP(cleanup_part) char *scheme = NULL;
	const char *own;

	if (!config->proxy)
		return "";
	u = parse_url(url);
	if (!u || is_local(u)) /* a URL that curl cannot read goes nowhere anyway */
		return "";
	if (config->proxy[0])
		return config->proxy;
	if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return "";
	own = strcasecmp(scheme, "https") == 0 ? config->https_proxy : config->http_proxy;
	if (own && own[0])
		return own;
	return config->all_proxy ? config->all_proxy : "";
}
