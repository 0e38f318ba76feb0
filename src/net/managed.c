/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "net/managed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/escape.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "net/proxy.h"
#include "net/token_request.h"

#define ARC_KEY_MAX 4096 /* as documented: what is longer is no challenge's answer */

struct managed {
	bool arc;
	char *url, *tokens;
};

static void managed_free(void *ctx)
{
	struct managed *m = ctx;

	if (!m)
		return;
	free(m->url);
	free(m->tokens);
	free(m);
}

static void cleanup_managed(struct managed **m)
{
	managed_free(*m);
}

/* The agent's file, no link: only root and its group may read it, which is what proves us. */
static int open_key(const char *folder, const char *name, struct error *err)
{
	CLEANUP_FD int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_FD int fd = -1;
	struct stat st;

	if (dir >= 0)
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		error_errno(err, errno, "%s/%s (root and the group himds may read it)", folder, name);
		if (err)
			err->code = ERR_REFUSED;
		return -1;
	}
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_REFUSED, "%s/%s: not a regular file", folder, name);
	if (st.st_size < 1 || st.st_size > ARC_KEY_MAX)
		return error_set(err, ERR_REFUSED, "%s/%s: %lld bytes, not 1 to %d", folder, name,
				 (long long)st.st_size, ARC_KEY_MAX);
	return steal_fd(&fd);
}

/* The value of the Authorization header. */
static struct secret *read_key(const char *folder, const char *name, struct error *err)
{
	static const char scheme[] = "Basic ";
	CLEANUP_FD int fd = open_key(folder, name, err);
	char text[sizeof(scheme) + ARC_KEY_MAX] = "Basic ";
	struct secret *s = NULL;
	struct stat st;
	size_t len;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > ARC_KEY_MAX)
		return NULL;
	len = (size_t)st.st_size;
	if (io_pread(fd, text + strlen(scheme), len, 0, err) < 0) {
		error_prefix(err, "%s/%s", folder, name);
	} else {
		text[strlen(scheme) + len] = '\0';
		text[strlen(scheme) + strcspn(text + strlen(scheme), "\r\n")] = '\0';
		s = secret_new(text, err);
	}
	secret_wipe(text, sizeof(text));
	return s;
}

/* The first answer says which file to read, the second request carries what is in it. */
static int answer_challenge(const struct managed *m, const struct token_ask *how, struct token_answer *a,
			    struct error *err)
{
	CLEANUP(cleanup_secret) struct secret *key = NULL;
	struct http_header headers[2] = { { "Metadata", "true" }, { "Authorization", NULL } };
	struct token_question q = {
		.method = "GET", .url = m->url, .headers = headers, .n_headers = ARRAY_LEN(headers), .metadata = true
	};
	char name[ARC_NAME_LEN];

	if (arc_challenge_parse(a->challenge, m->tokens, name, err) < 0)
		return -1;
	key = read_key(m->tokens, name, err);
	if (!key)
		return -1;
	headers[1].value = secret_reveal(key);
	token_answer_fini(a);
	return token_request(how, &q, a, err);
}

static int ask(const struct managed *m, const struct token_ask *how, struct token *out, struct error *err)
{
	static const struct http_header header = { "Metadata", "true" };
	struct token_question q = {
		.method = "GET", .url = m->url, .headers = &header, .n_headers = 1, .metadata = true
	};
	struct token_answer a = { 0 };
	int rc = token_request(how, &q, &a, err);

	if (rc == 0 && m->arc && a.status == 401)
		rc = answer_challenge(m, how, &a, err);
	if (rc == 0)
		rc = token_answer_read(&a, NULL, out, err);
	token_answer_fini(&a);
	return rc;
}

static int fetch(void *ctx, const struct token_ask *how, struct token *out, struct error *err)
{
	const struct managed *m = ctx;

	if (ask(m, how, out, err) == 0)
		return 0;
	return error_prefix(err, "managed identity (%s, %.*s)", m->arc ? "Azure Arc" : "IMDS",
			    (int)strcspn(m->url, "?"), m->url);
}

static int make_url(struct managed *m, const struct managed_config *c, struct error *err)
{
	const char *endpoint = c->endpoint && *c->endpoint ? c->endpoint : c->arc ? MANAGED_ARC : MANAGED_IMDS;
	CLEANUP_FREE char *resource = escape_url_component(c->resource ? c->resource : MANAGED_RESOURCE, err);
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	size_t len = strlen(endpoint);
	bool local;

	if (!resource || (c->arc ? proxy_is_loopback : proxy_is_local)(endpoint, &local, err) < 0)
		return -1;
	if (!local || strpbrk(endpoint, "?#@ "))
		return error_set(err, ERR_REFUSED, "%s: not a URL of this host (loopback%s)",
				 c->arc ? "IDENTITY_ENDPOINT" : "AZURE_POD_IDENTITY_AUTHORITY_HOST",
				 c->arc ? "" : " or 169.254.169.254");
	while (len > 0 && endpoint[len - 1] == '/')
		len--;
	strbuf_addf(&b, "%.*s%s?api-version=%s&resource=%s", (int)len, endpoint,
		    c->arc ? "" : "/metadata/identity/oauth2/token", c->arc ? "2020-06-01" : "2018-02-01", resource);
	if (c->client) {
		CLEANUP_FREE char *client = escape_url_component(c->client, err);

		if (!client)
			return -1;
		strbuf_addf(&b, "&client_id=%s", client);
	}
	m->url = strbuf_take(&b, err);
	return m->url ? 0 : -1;
}

int managed_source(const struct managed_config *config, struct token_source *out, struct error *err)
{
	CLEANUP(cleanup_managed) struct managed *m = calloc(1, sizeof(*m));

	if (!m)
		return error_errno(err, ENOMEM, "credentials");
	if (config->arc && config->client)
		return error_set(
			err, ERR_REFUSED,
			"AZURE_CLIENT_ID: an Azure Arc server has only its system-assigned identity; unset it");
	m->arc = config->arc;
	m->tokens = strdup(config->tokens ? config->tokens : MANAGED_ARC_TOKENS);
	if (!m->tokens)
		return error_errno(err, ENOMEM, "credentials");
	if (make_url(m, config, err) < 0)
		return -1;
	*out = (struct token_source){ .fetch = fetch, .free = managed_free, .ctx = steal_ptr(&m) };
	return 0;
}
