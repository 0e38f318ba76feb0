/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a blob lives: https://HOST/CONTAINER[/PREFIX], taken apart, and the URLs of what lies below it.
 *
 * Any https host is a blob endpoint.  The account is the host's first label, or, "path style", the first segment of the
 * path: when the host is an IP address or localhost, or that segment equals the account the credentials name.
 * http is for loopback only, unless the caller insists.  Pure text: nothing is resolved.
 */
#ifndef LIFTFS_TARGET_AZURE_URL_H
#define LIFTFS_TARGET_AZURE_URL_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/error.h"

struct azure_url {
	char *endpoint; /* scheme, host in lower case, port unless it is the default, account if path style; no '/' at
			   its end */
	char *account;
	char *container;
	char *prefix; /* decoded; "" or "some/folder/" */
	char *name;   /* the whole, normalised, for messages and keys */
	bool path_style;
};

/* account_hint may be NULL.  ERR_USAGE names what is wrong with the URL. */
int azure_url_parse(const char *text, const char *account_hint, bool insecure_http, struct azure_url *out,
		    struct error *err) MUST_CHECK;
void azure_url_fini(struct azure_url *u);

/* Is this a URL for azure_url_parse(): http:// or https://, any case? */
bool azure_url_match(const char *text);

/* Of the container, and of a blob (its name below the prefix, percent-encoded here).  The caller frees. */
char *azure_url_container(const struct azure_url *u, struct error *err) MUST_CHECK;
char *azure_url_blob(const struct azure_url *u, const char *blob, struct error *err) MUST_CHECK;

/* What the service holds: 1,024 characters and 254 segments with the prefix, no segment empty or ending in a dot. */
int azure_url_check_name(const struct azure_url *u, const char *blob, struct error *err) MUST_CHECK;

#endif
