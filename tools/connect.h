/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a target's URL or path, the options and the environment to an open target: HTTP, credentials, proxy, CAs.
 * The first line of output names the credentials used (not with --quiet).  A SAS in the URL is cut out of it.
 */
#ifndef LIFTFS_TOOLS_CONNECT_H
#define LIFTFS_TOOLS_CONNECT_H

#include "net/credentials.h"
#include "net/http.h"
#include "target/target.h"
#include "tool.h"

struct connect_options {
	unsigned connections; /* writes in flight at most, per replica; 0: the target's default */
	unsigned replicas;    /* at once; 0: 1 */
	bool insecure_http, create;
	struct cancel *cancel; /* may be NULL */
};

/* All zeros is a closed one. */
struct connection {
	struct target *target;
	struct credentials *creds;
	struct http *http;
};

/* `url` as the user wrote it. */
int connect_open(const struct tool *t, const char *url, const struct connect_options *opt, struct connection *out,
		 struct error *err) MUST_CHECK;
/* May these credentials delete, as far as they say themselves?  A SAS without `d`: ERR_REFUSED, nothing is sent. */
int connect_check_delete(const struct connection *c, struct error *err) MUST_CHECK;
void connect_close(struct connection *c);

/* CAs, proxies and user agent, as options and environment have them, which outlive it; the rest is the engine's default. */
void connect_http_config(const struct tool *t, struct http_config *out);

/* This host's name, for locks and metadata. */
#define CONNECT_HOST_LEN 65
void connect_host(char out[CONNECT_HOST_LEN]);

static inline void cleanup_connection(struct connection *c)
{
	connect_close(c);
}

#endif
