/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "connect.h"
#include "net/sas.h"
#include "target/azure_url.h"

#define CONNECTIONS 8 /* per replica: enough to fill a page blob's 60 MiB/s over 100 ms of round trip */
#define CONNECTIONS_MAX 256

void connect_host(char out[CONNECT_HOST_LEN])
{
	if (gethostname(out, CONNECT_HOST_LEN) < 0)
		memcpy(out, "unknown", sizeof("unknown"));
	out[CONNECT_HOST_LEN - 1] = '\0';
}

static const char *look_up(void *ctx, const char *name)
{
	(void)ctx;
	return tool_env(name);
}

/* As curl reads them: the lower-case name first; http_proxy in no other, since a CGI's request could set that. */
static const char *either_case(const char *lower, const char *upper)
{
	const char *value = tool_env(lower);

	return value ? value : tool_env(upper);
}

void connect_http_config(const struct tool *t, struct http_config *out)
{
	const struct tool_common *c = &t->common;

	*out = (struct http_config){
		.cacert = c->cacert,
		.proxy = c->proxy ? c->proxy : "",
		.http_proxy = tool_env("http_proxy"),
		.https_proxy = either_case("https_proxy", "HTTPS_PROXY"),
		.all_proxy = either_case("all_proxy", "ALL_PROXY"),
		.no_proxy = either_case("no_proxy", "NO_PROXY"),
		.user_agent = "liftfs/" PACKAGE_VERSION,
	};
	if (!out->cacert)
		out->cacert = tool_env("CURL_CA_BUNDLE");
	if (!out->cacert)
		out->cacert = tool_env("SSL_CERT_FILE");
}

static struct http *start_http(const struct tool *t, const struct connect_options *opt, struct error *err)
{
	unsigned per_replica = opt->connections ? opt->connections : CONNECTIONS;
	unsigned replicas = opt->replicas ? opt->replicas : 1;
	uint64_t all = (per_replica + UINT64_C(1)) * replicas; /* a renewal of the lease does not wait behind writes */
	struct http_config config;

	connect_http_config(t, &config);
	config.connections = all > CONNECTIONS_MAX ? CONNECTIONS_MAX : (unsigned)all;
	return http_new(&config, err);
}

/* Which account the URL names, for credentials that could be another's. */
static int choose(const char *url, const struct secret *sas, const struct connect_options *opt, const char *hint,
		  const struct credentials_file *file, struct credentials **out, struct error *err)
{
	struct credentials_request request = { .url_sas = sas, .file = file, .lookup = look_up };
	struct azure_url u = { 0 };

	if (azure_url_parse(url, hint, opt->insecure_http, &u, err) < 0)
		return -1;
	request.account = u.account;
	*out = credentials_choose(&request, err);
	azure_url_fini(&u);
	if (!*out)
		return -1;
	if (sas)
		log_warn("credentials", "a SAS on the command line stays in the shell's history; "
					"AZURE_STORAGE_SAS_TOKEN or --credentials keeps it out");
	return 0;
}

/* Signs in, which may be the first thing that needs the network, and says as whom. */
static int sign_in(const struct tool *t, struct connection *c, bool from_file, struct cancel *cancel, struct error *err)
{
	char text[CREDENTIALS_TEXT_LEN];

	if (credentials_start(c->creds, c->http, cancel, err) < 0)
		return -1;
	credentials_describe(c->creds, text);
	if (!t->common.quiet)
		output_line("credentials: %s%s%s", text, from_file ? ", in " : "",
			    from_file ? t->common.credentials : "");
	return 0;
}

static const char *account_hint(const struct credentials_file *file)
{
	const char *name = file ? credentials_file_get(file, "AZURE_STORAGE_ACCOUNT") : NULL;

	return name ? name : tool_env("AZURE_STORAGE_ACCOUNT");
}

int connect_open(const struct tool *t, const char *url, const struct connect_options *opt, struct connection *out,
		 struct error *err)
{
	CLEANUP(cleanup_connection) struct connection c = { 0 };
	CLEANUP(cleanup_credentials_file) struct credentials_file *file = NULL;
	CLEANUP(cleanup_secret) struct secret *sas = NULL;
	CLEANUP_FREE char *base = NULL;
	char host[CONNECT_HOST_LEN];
	struct target_config config = {
		.cancel = opt->cancel,
		.connections = opt->connections ? opt->connections : CONNECTIONS,
		.insecure_http = opt->insecure_http,
		.create = opt->create,
		.host = host,
	};

	connect_host(host);
	if (azure_url_match(url)) {
		if (sas_split_url(url, &base, &sas, err) < 0)
			return -1;
		if (t->common.credentials) {
			file = credentials_file_open(t->common.credentials, err);
			if (!file)
				return error_prefix(err, "--credentials");
		}
		config.account_hint = account_hint(file);
		if (choose(base, sas, opt, config.account_hint, file, &c.creds, err) < 0)
			return -1;
		c.http = start_http(t, opt, err);
		if (!c.http || sign_in(t, &c, file && !sas, opt->cancel, err) < 0)
			return -1;
	}
	config.http = c.http;
	config.creds = c.creds;
	c.target = target_open(base ? base : url, &config, err);
	if (!c.target)
		return -1;
	*out = c;
	c = (struct connection){ 0 };
	return 0;
}

int connect_check_delete(const struct connection *c, struct error *err)
{
	const struct sas *sas = c->creds && c->creds->kind == CREDENTIALS_SAS ? &c->creds->sas : NULL;

	/* One that leaves its rights to a stored policy says nothing. */
	if (!sas || sas->policy[0] != '\0' || strchr(sas->permissions, 'd'))
		return 0;
	return error_set(err, ERR_REFUSED, "the SAS of %s grants sp=%s; to remove recovery points it needs d, too (sp=rcwld)",
			 c->creds->source, sas->permissions);
}

void connect_close(struct connection *c)
{
	target_close(c->target);
	if (c->creds)
		credentials_stop(c->creds);
	if (c->http)
		http_free(c->http);
	if (c->creds)
		credentials_free(c->creds);
	*c = (struct connection){ 0 };
}
