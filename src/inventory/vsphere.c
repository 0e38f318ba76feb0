/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "inventory/vsphere.h"
#include "inventory/vsphere_machines.h"
#include "net/proxy.h"
#include "net/server_certificate.h"

#define PATH "/sdk"

bool vsphere_recognise(const char *inventory)
{
	return strncasecmp(inventory, "https://", 8) == 0 || strncasecmp(inventory, "http://", 7) == 0;
}

/* https://HOST[:PORT], with or without / or /sdk: *url_out ends in /sdk, *host_out is between. */
static int take_url(const char *text, char **url_out, char **host_out, struct error *err)
{
	CLEANUP_FREE char *url = NULL, *host = NULL;
	const char *at, *path;
	bool private;
	size_t len;

	if (!vsphere_recognise(text))
		return error_set(err, ERR_USAGE, "'%.100s': not a vCenter's URL, https://HOST/sdk", text);
	at = strstr(text, "//") + 2;
	len = strcspn(at, "/?#");
	if (memchr(at, '@', len)) /* nothing of the URL is shown: it may hold a password */
		return error_set(err, ERR_USAGE,
				 "a vCenter's URL names no user: use LIFTFS_VCENTER_USER or --credentials");
	path = at + len;
	if (len == 0 || (*path && strcmp(path, "/") != 0 && strcmp(path, PATH) != 0 && strcmp(path, PATH "/") != 0))
		return error_set(err, ERR_USAGE, "'%.100s': not a vCenter's URL, https://HOST/sdk", text);
	host = strndup(at, len);
	if (asprintf(&url, "%.*s" PATH, (int)(path - text), text) < 0)
		url = NULL;
	if (!host || !url)
		return error_errno(err, ENOMEM, "URL");
	private = strncasecmp(url, "http:", 5) != 0;
	if (!private && proxy_is_loopback(url, &private, err) < 0)
		return -1;
	if (!private)
		return error_set(err, ERR_USAGE, "%s: a password goes to a vCenter by https only", url);
	*url_out = steal_ptr(&url);
	*host_out = steal_ptr(&host);
	return 0;
}

/* Is it who it was said to be?  From then on its key alone is trusted. */
static int check_thumbprint(const struct vsphere_options *opt, const char *url, struct server_certificate *out,
			    struct error *err)
{
	char wanted[THUMBPRINT_LEN];

	if (server_certificate_thumbprint(opt->thumbprint, wanted, err) < 0)
		return error_prefix(err, "thumbprint");
	if (strncasecmp(url, "https:", 6) != 0)
		return error_set(err, ERR_USAGE, "%s: there is no certificate without https", url);
	if (server_certificate_get(&opt->http, url, opt->cancel, out, err) < 0)
		return -1;
	if (strcmp(wanted, out->thumbprint) != 0)
		return error_set(err, ERR_REFUSED, "%s: the server's certificate has the thumbprint %s, not %s", url,
				 out->thumbprint, wanted);
	return 0;
}

static int read_all(const struct vsphere_options *opt, struct http *http, const char *url, const char *host,
		    struct machine_list *out, struct error *err)
{
	CLEANUP(cleanup_vsphere_session)
	struct vsphere_session s = {
		.soap = { .http = http, .url = url, .host = host, .cancel = opt->cancel },
	};

	if (vsphere_session_open(&s, opt->user, opt->password, err) < 0)
		return -1;
	return vsphere_machines_read(&s, out, err);
}

int vsphere_read(const struct vsphere_options *opt, struct machine_list *out, struct error *err)
{
	CLEANUP(cleanup_http) struct http *http = NULL;
	CLEANUP_FREE char *url = NULL, *host = NULL;
	struct http_config config = opt->http;
	struct server_certificate certificate;

	if (take_url(opt->url, &url, &host, err) < 0)
		return -1;
	if (opt->thumbprint) {
		if (check_thumbprint(opt, url, &certificate, err) < 0)
			return -1;
		config.pinned_key = certificate.pinned_key;
	}
	config.connections = 1;
	http = http_new(&config, err);
	if (!http)
		return -1;
	return read_all(opt, http, url, host, out, err);
}
