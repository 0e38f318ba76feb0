/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "base/escape.h"
#include "base/strbuf.h"
#include "net/digest.h"
#include "net/sharedkey.h"

#define KEY_MAX 512 /* a service's key has 64 bytes */
#define HMAC_BLOCK 64
#define PARAMETERS_MAX 32
#define X_MS_MAX 64

DEFINE_CLEANUP(cleanup_md, EVP_MD_CTX *, EVP_MD_CTX_free);

struct sharedkey {
	char *account;
	EVP_MD_CTX *inner, *outer; /* HMAC's two hashes, the padded key already in them; only copied from then on */
};

static EVP_MD_CTX *keyed(const uint8_t key[HMAC_BLOCK], uint8_t pad)
{
	CLEANUP(cleanup_md) EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t block[HMAC_BLOCK];
	bool ok;

	for (size_t i = 0; i < HMAC_BLOCK; i++)
		block[i] = key[i] ^ pad;
	ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) && EVP_DigestUpdate(md, block, sizeof(block));
	secret_wipe(block, sizeof(block));
	return ok ? steal_ptr(&md) : NULL;
}

static int set_key(struct sharedkey *k, const struct secret *key, struct error *err)
{
	uint8_t raw[KEY_MAX], block[HMAC_BLOCK] = { 0 };
	size_t len;
	int rc = 0;

	if (base64_decode(secret_reveal(key), raw, sizeof(raw), &len, NULL) < 0 || len == 0)
		rc = error_set(err, ERR_REFUSED, "key of account %s: not base64", k->account);
	else if (len > sizeof(block))
		rc = digest_sha256(raw, len, block, err);
	else
		memcpy(block, raw, len);
	if (rc == 0) {
		k->inner = keyed(block, 0x36);
		k->outer = keyed(block, 0x5c);
		if (!k->inner || !k->outer)
			rc = error_set(err, ERR_UNSUPPORTED, "SHA-256: the system's OpenSSL does not offer it");
	}
	secret_wipe(raw, sizeof(raw));
	secret_wipe(block, sizeof(block));
	return rc;
}

struct sharedkey *sharedkey_new(const char *account, const struct secret *key, struct error *err)
{
	CLEANUP(cleanup_sharedkey) struct sharedkey *k = calloc(1, sizeof(*k));

	if (k)
		k->account = strdup(account);
	if (!k || !k->account) {
		error_errno(err, ENOMEM, "account %s", account);
		return NULL;
	}
	if (set_key(k, key, err) < 0)
		return NULL;
	return steal_ptr(&k);
}

void sharedkey_free(struct sharedkey *k)
{
	if (!k)
		return;
	EVP_MD_CTX_free(k->inner); /* cleanses what it holds */
	EVP_MD_CTX_free(k->outer);
	free(k->account);
	free(k);
}

const char *sharedkey_account(const struct sharedkey *k)
{
	return k->account;
}

static bool sign(const struct sharedkey *k, const char *text, uint8_t out[SHA256_LEN])
{
	CLEANUP(cleanup_md) EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t inner[SHA256_LEN];

	return md && EVP_MD_CTX_copy_ex(md, k->inner) && EVP_DigestUpdate(md, text, strlen(text)) &&
	       EVP_DigestFinal_ex(md, inner, NULL) && EVP_MD_CTX_copy_ex(md, k->outer) &&
	       EVP_DigestUpdate(md, inner, sizeof(inner)) && EVP_DigestFinal_ex(md, out, NULL);
}

/* The string to sign. */

static void add_lower(struct strbuf *b, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = (char)tolower((unsigned char)text[i]);

		strbuf_add(b, &c, 1);
	}
}

static const char *find_header(const struct http_header *headers, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(headers[i].name, name) == 0)
			return headers[i].value;
	return "";
}

static void add_standard_headers(struct strbuf *b, const struct http_header *headers, size_t n, size_t content_length)
{
	static const char *const before[] = { "Content-Encoding", "Content-Language" };
	static const char *const after[] = { "Content-MD5",         "Content-Type", "Date",
					     "If-Modified-Since",   "If-Match",     "If-None-Match",
					     "If-Unmodified-Since", "Range" };
	bool own_date = find_header(headers, n, "x-ms-date")[0];

	for (size_t i = 0; i < ARRAY_LEN(before); i++)
		strbuf_addf(b, "%s\n", find_header(headers, n, before[i]));
	if (content_length > 0)
		strbuf_addf(b, "%zu", content_length);
	strbuf_adds(b, "\n");
	for (size_t i = 0; i < ARRAY_LEN(after); i++)
		strbuf_addf(b, "%s\n",
			    own_date && strcmp(after[i], "Date") == 0 ? "" : find_header(headers, n, after[i]));
}

/* Trimmed, with runs of blanks folded to one. */
static void add_value(struct strbuf *b, const char *value)
{
	bool blank = false, any = false;

	for (; *value; value++) {
		if (isspace((unsigned char)*value)) {
			blank = true;
			continue;
		}
		if (blank && any)
			strbuf_adds(b, " ");
		blank = false;
		any = true;
		strbuf_add(b, value, 1);
	}
}

static int compare_names(const void *a, const void *b)
{
	const struct http_header *const *x = a, *const *y = b;

	return strcasecmp((*x)->name, (*y)->name);
}

static int add_x_ms_headers(struct strbuf *b, const struct http_header *headers, size_t n, struct error *err)
{
	const struct http_header *own[X_MS_MAX];
	size_t n_own = 0;

	for (size_t i = 0; i < n; i++) {
		if (strncasecmp(headers[i].name, "x-ms-", 5) != 0)
			continue;
		if (n_own == X_MS_MAX)
			return error_set(err, ERR_USAGE, "more than %d x-ms headers", X_MS_MAX);
		own[n_own++] = &headers[i];
	}
	qsort(own, n_own, sizeof(own[0]), compare_names);
	for (size_t i = 0; i < n_own; i++) {
		add_lower(b, own[i]->name, strlen(own[i]->name));
		strbuf_adds(b, ":");
		add_value(b, own[i]->value);
		strbuf_adds(b, "\n");
	}
	return 0;
}

struct parameter {
	char *name, *value;
};

static void free_parameters(struct parameter (*p)[PARAMETERS_MAX])
{
	for (size_t i = 0; i < PARAMETERS_MAX; i++) {
		free((*p)[i].name);
		free((*p)[i].value);
	}
}

static int compare_parameters(const void *a, const void *b)
{
	const struct parameter *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->value, y->value);
}

static char *unescaped(const char *text, size_t len, struct error *err)
{
	CLEANUP_FREE char *copy = strndup(text, len);

	if (!copy) {
		error_errno(err, ENOMEM, "URL");
		return NULL;
	}
	return unescape_percent(copy, err);
}

static int parse_parameter(const char *text, size_t len, struct parameter *out, struct error *err)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals ? (size_t)(equals - text) : len;

	out->name = unescaped(text, name_len, err);
	if (!out->name)
		return -1;
	for (char *p = out->name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	out->value = equals ? unescaped(equals + 1, len - name_len - 1, err) : unescaped("", 0, err);
	return out->value ? 0 : -1;
}

static int add_query(struct strbuf *b, const char *query, struct error *err)
{
	CLEANUP(free_parameters) struct parameter list[PARAMETERS_MAX] = { { NULL, NULL } };
	size_t n = 0, len;

	for (const char *p = query; *p; p += len + (p[len] == '&')) {
		len = strcspn(p, "&");
		if (len == 0)
			continue;
		if (n == PARAMETERS_MAX)
			return error_set(err, ERR_USAGE, "more than %d parameters in the URL", PARAMETERS_MAX);
		if (parse_parameter(p, len, &list[n++], err) < 0)
			return error_prefix(err, "query of the URL");
	}
	qsort(list, n, sizeof(list[0]), compare_parameters);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && strcmp(list[i].name, list[i - 1].name) == 0)
			strbuf_addf(b, ",%s", list[i].value);
		else
			strbuf_addf(b, "\n%s:%s", list[i].name, list[i].value);
	}
	return 0;
}

static int add_resource(struct strbuf *b, const char *account, const char *url, struct error *err)
{
	const char *host = strstr(url, "://"), *path;
	size_t path_len;

	if (!host)
		return error_set(err, ERR_USAGE, "URL without a scheme");
	path = host + 3 + strcspn(host + 3, "/?#");
	path_len = strcspn(path, "?#");
	strbuf_addf(b, "/%s", account);
	if (path_len == 0)
		strbuf_adds(b, "/");
	strbuf_add(b, path, path_len);
	path += path_len;
	if (strchr(path, '#'))
		return error_set(err, ERR_USAGE, "URL with a fragment");
	return *path == '?' ? add_query(b, path + 1, err) : 0;
}

char *sharedkey_string_to_sign(const char *account, const char *method, const char *url,
			       const struct http_header *headers, size_t n_headers, size_t content_length,
			       struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { .len = 0 };

	strbuf_addf(&b, "%s\n", method);
	add_standard_headers(&b, headers, n_headers, content_length);
	if (add_x_ms_headers(&b, headers, n_headers, err) < 0 || add_resource(&b, account, url, err) < 0)
		return NULL;
	return strbuf_take(&b, err);
}

char *sharedkey_authorization(const struct sharedkey *k, const char *method, const char *url,
			      const struct http_header *headers, size_t n_headers, size_t content_length,
			      struct error *err)
{
	CLEANUP_FREE char *text =
		sharedkey_string_to_sign(k->account, method, url, headers, n_headers, content_length, err);
	CLEANUP(cleanup_strbuf) struct strbuf b = { .len = 0 };
	uint8_t mac[SHA256_LEN];
	char base64[BASE64_LEN(SHA256_LEN)];

	if (!text)
		return NULL;
	if (!sign(k, text, mac)) {
		error_errno(err, ENOMEM, "signature");
		return NULL;
	}
	base64_encode(mac, sizeof(mac), base64);
	strbuf_addf(&b, "SharedKey %s:%s", k->account, base64);
	return strbuf_take(&b, err);
}
