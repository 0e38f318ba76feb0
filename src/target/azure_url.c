/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "target/azure_url.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/parse.h"
#include "base/strbuf.h"

enum {
	BLOB_NAME_MAX = 1024, /* characters */
	BLOB_SEGMENTS_MAX = 254,
	CONTAINER_MIN = 3,
	CONTAINER_MAX = 63,
	HOST_MAX = 253,
};

static char *dup_range(const char *s, size_t len, struct error *err)
{
	char *copy = strndup(s, len);

	if (!copy)
		error_set(err, ERR_NOMEM, "URL of the target");
	return copy;
}

bool azure_url_match(const char *text)
{
	return strncasecmp(text, "https://", 8) == 0 || strncasecmp(text, "http://", 7) == 0;
}

static bool is_ip(const char *host)
{
	struct in_addr v4;

	return host[0] == '[' || inet_pton(AF_INET, host, &v4) == 1;
}

static bool is_localhost(const char *host)
{
	size_t len = strlen(host);

	return strcmp(host, "localhost") == 0 || (len > 10 && strcmp(host + len - 10, ".localhost") == 0);
}

static bool is_loopback(const char *host)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return strcmp(host, "[::1]") == 0 || is_localhost(host);
}

/* Lower-cases in place. */
static int check_host(char *host, const char *text, struct error *err)
{
	struct in6_addr v6;
	size_t len = strlen(host);

	if (len == 0 || len > HOST_MAX)
		return error_set(err, ERR_USAGE, "%s: no host name", text);
	for (char *p = host; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	if (host[0] == '[') {
		CLEANUP_FREE char *inner = strndup(host + 1, len - 2);

		if (!inner)
			return error_set(err, ERR_NOMEM, "%s", text);
		if (host[len - 1] != ']' || inet_pton(AF_INET6, inner, &v6) != 1)
			return error_set(err, ERR_USAGE, "%s: '%s' is not an IPv6 address", text, host);
		return 0;
	}
	if (host[strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-.")] || host[0] == '.' || host[0] == '-')
		return error_set(err, ERR_USAGE, "%s: '%s' is not a host name", text, host);
	return 0;
}

static int check_container(const char *c, const char *text, struct error *err)
{
	size_t len = strlen(c);

	if (len == 0)
		return error_set(err, ERR_USAGE, "%s: names no container (https://HOST/CONTAINER[/PREFIX])", text);
	if (len < CONTAINER_MIN || len > CONTAINER_MAX || c[strspn(c, "abcdefghijklmnopqrstuvwxyz0123456789-")] ||
	    c[0] == '-' || c[len - 1] == '-' || strstr(c, "--"))
		return error_set(err, ERR_USAGE,
				 "%s: container '%s' (3 to 63 lower-case letters, digits and single dashes)", text, c);
	return 0;
}

/* "/a/b//" to "a/b/"; percent-encoding undone. */
static char *parse_prefix(const char *path, const char *text, struct error *err)
{
	size_t len = strlen(path);
	CLEANUP_FREE char *trimmed = NULL;
	CLEANUP_FREE char *plain = NULL;
	char *out;

	while (len > 0 && path[len - 1] == '/')
		len--;
	if (len == 0)
		return dup_range("", 0, err);
	trimmed = dup_range(path, len, err);
	if (!trimmed)
		return NULL;
	plain = unescape_percent(trimmed, err);
	if (!plain) {
		error_prefix(err, "%s", text);
		return NULL;
	}
	if (!utf8_valid(plain, strlen(plain))) {
		error_set(err, ERR_USAGE, "%s: prefix is not UTF-8", text);
		return NULL;
	}
	len = strlen(plain);
	out = malloc(len + 2);
	if (!out) {
		error_set(err, ERR_NOMEM, "%s", text);
		return NULL;
	}
	memcpy(out, plain, len);
	memcpy(out + len, "/", 2);
	return out;
}

static int make_name(struct azure_url *u, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	CLEANUP_FREE char *path = escape_url_path(u->prefix, err);

	if (!path)
		return -1;
	strbuf_addf(&b, "%s/%s/%s", u->endpoint, u->container, path);
	if (!b.failed && b.s[b.len - 1] == '/')
		b.s[--b.len] = '\0';
	u->name = strbuf_take(&b, err);
	return u->name ? 0 : -1;
}

/* `authority` to endpoint without the account. */
static int parse_authority(const char *authority, size_t len, bool https, bool insecure_http, const char *text,
			   char **host_out, char **endpoint_out, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	CLEANUP_FREE char *host = dup_range(authority, len, err);
	uint64_t port = https ? 443 : 80;
	char *colon, *from;

	if (!host)
		return -1;
	if (strchr(host, '@'))
		return error_set(err, ERR_USAGE,
				 "a user name in the target's URL: credentials come from the environment or a file");
	from = host[0] == '[' ? strchr(host, ']') : host;
	colon = from ? strchr(from, ':') : NULL;
	if (colon) {
		*colon = '\0';
		if (parse_u64(colon + 1, 65535, &port, NULL) < 0 || port == 0)
			return error_set(err, ERR_USAGE, "%s: port '%s' is not a number from 1 to 65535", text,
					 colon + 1);
	}
	if (check_host(host, text, err) < 0)
		return -1;
	if (!https && !insecure_http && !is_loopback(host))
		return error_set(err, ERR_USAGE, "%s: http only to loopback; use https, or --insecure-http", text);
	strbuf_addf(&b, "%s://%s", https ? "https" : "http", host);
	if (port != (https ? 443 : 80))
		strbuf_addf(&b, ":%u", (unsigned)port);
	*endpoint_out = strbuf_take(&b, err);
	if (!*endpoint_out)
		return -1;
	*host_out = steal_ptr(&host);
	return 0;
}

/* The account: of the path, which then begins after it, or of the host. */
static int parse_account(struct azure_url *u, const char *host, const char *hint, const char **path, const char *text,
			 struct error *err)
{
	size_t first = strcspn(*path, "/");

	u->path_style = is_ip(host) || is_localhost(host) ||
			(hint && *hint && strlen(hint) == first && strncmp(*path, hint, first) == 0);
	if (u->path_style) {
		CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
		char *endpoint;

		if (first == 0 || first > CONTAINER_MAX ||
		    strspn(*path, "abcdefghijklmnopqrstuvwxyz0123456789-") != first)
			return error_set(err, ERR_USAGE,
					 "%s: names no account (http://HOST/ACCOUNT/CONTAINER[/PREFIX])", text);
		u->account = dup_range(*path, first, err);
		if (!u->account)
			return -1;
		strbuf_addf(&b, "%s/%s", u->endpoint, u->account);
		endpoint = strbuf_take(&b, err);
		if (!endpoint)
			return -1;
		free(u->endpoint);
		u->endpoint = endpoint;
		*path += first;
		*path += **path == '/';
		return 0;
	}
	u->account = dup_range(host, strcspn(host, "."), err);
	return u->account ? 0 : -1;
}

int azure_url_parse(const char *text, const char *account_hint, bool insecure_http, struct azure_url *out,
		    struct error *err)
{
	struct azure_url u = { 0 };
	CLEANUP_FREE char *host = NULL;
	bool https = strncasecmp(text, "https://", 8) == 0;
	const char *authority, *path;
	size_t len;

	if (!azure_url_match(text))
		return error_set(err, ERR_USAGE, "%s: not an http or https URL", text);
	if (text[strcspn(text, "?#")])
		return error_set(err, ERR_USAGE,
				 "the target's URL has a query or fragment: https://HOST/CONTAINER[/PREFIX]");
	authority = text + (https ? 8 : 7);
	len = strcspn(authority, "/");
	path = authority + len;
	path += *path == '/';
	if (parse_authority(authority, len, https, insecure_http, text, &host, &u.endpoint, err) < 0 ||
	    parse_account(&u, host, account_hint, &path, text, err) < 0)
		goto fail;
	len = strcspn(path, "/");
	u.container = dup_range(path, len, err);
	if (!u.container || check_container(u.container, text, err) < 0)
		goto fail;
	path += len;
	path += *path == '/';
	u.prefix = parse_prefix(path, text, err);
	if (!u.prefix || make_name(&u, err) < 0)
		goto fail;
	if (azure_url_check_name(&u, "x", err) < 0)
		goto fail;
	*out = u;
	return 0;
fail:
	azure_url_fini(&u);
	return -1;
}

void azure_url_fini(struct azure_url *u)
{
	free(u->endpoint);
	free(u->account);
	free(u->container);
	free(u->prefix);
	free(u->name);
	memset(u, 0, sizeof(*u));
}

char *azure_url_container(const struct azure_url *u, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

	strbuf_addf(&b, "%s/%s", u->endpoint, u->container);
	return strbuf_take(&b, err);
}

char *azure_url_blob(const struct azure_url *u, const char *blob, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	CLEANUP_FREE char *prefix = escape_url_path(u->prefix, err);
	CLEANUP_FREE char *name = prefix ? escape_url_path(blob, err) : NULL;

	if (!name)
		return NULL;
	strbuf_addf(&b, "%s/%s/%s%s", u->endpoint, u->container, prefix, name);
	return strbuf_take(&b, err);
}

int azure_url_check_name(const struct azure_url *u, const char *blob, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	CLEANUP_FREE char *full = NULL;
	size_t characters = 0, segments = 1, segment = 0;

	strbuf_adds(&b, u->prefix);
	strbuf_adds(&b, blob);
	full = strbuf_take(&b, err);
	if (!full)
		return -1;
	if (!utf8_valid(full, strlen(full)))
		return error_set(err, ERR_USAGE, "a blob's name is UTF-8");
	for (const char *p = full;; p++) {
		if (*p != '/' && *p != '\0') {
			characters += ((unsigned char)*p & 0xc0) != 0x80;
			segment++;
			continue;
		}
		if (segment == 0)
			return error_set(err, ERR_USAGE, "%s: an empty segment in a blob's name", full);
		if (p[-1] == '.')
			return error_set(err, ERR_USAGE, "%s: a segment of a blob's name ends in a dot", full);
		if (*p == '\0')
			break;
		segment = 0;
		segments++;
		characters++;
	}
	if (characters > BLOB_NAME_MAX)
		return error_set(err, ERR_USAGE, "%.64s...: %zu characters in a blob's name (at most %d)", full,
				 characters, BLOB_NAME_MAX);
	if (segments > BLOB_SEGMENTS_MAX)
		return error_set(err, ERR_USAGE, "%.64s...: %zu segments in a blob's name (at most %d)", full, segments,
				 BLOB_SEGMENTS_MAX);
	return 0;
}
