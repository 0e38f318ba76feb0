/* SPDX-License-Identifier: Apache-2.0 */
/* Which proxy a URL goes through.  Pure: what an environment says is read by the program and handed in. */
#ifndef LIFTFS_NET_PROXY_H
#define LIFTFS_NET_PROXY_H

#include <stdbool.h>

#include "base/error.h"

struct proxy_config { /* see struct http_config */
	const char *proxy, *http_proxy, *https_proxy, *all_proxy;
};

/* Is it loopback, or the address at which a cloud's host answers about identity, never to be asked through a proxy?  What curl
 * cannot read is not.  Fails without libcurl only. */
int proxy_is_local(const char *url, bool *out, struct error *err) MUST_CHECK;
/* Loopback alone: what is sent there in the clear, nobody hears.  Otherwise as above. */
int proxy_is_loopback(const char *url, bool *out, struct error *err) MUST_CHECK;

/* The proxy's URL, one of the strings of config; "" for none.  A no_proxy list is curl's to apply.  libcurl is loaded. */
const char *proxy_choose(const struct proxy_config *config, const char *url);

#endif
