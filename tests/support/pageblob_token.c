/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "support/pageblob_token.h"

#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/guid.h"
#include "support/pageblob_codec.h"
#include "support/pageblob_fields.h"

#define NS_PER_S UINT64_C(1000000000)
#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

static char *copy_or_null(const char *text)
{
	return text ? pageblob_strdup(text) : NULL;
}

void pageblob_tokens_init(struct pageblob_tokens *t, const struct pageblob_config *config)
{
	t->tenant = pageblob_strdup(config->tenant ? config->tenant : "tenant");
	t->client = pageblob_strdup(config->client ? config->client : "client");
	t->secret = copy_or_null(config->client_secret);
	t->federated = copy_or_null(config->federated);
	t->cert_pem = copy_or_null(config->client_cert_pem);
	t->life_s = config->token_s ? config->token_s : 3600;
}

void pageblob_tokens_revoke(struct pageblob_tokens *t)
{
	while (t->list) {
		struct pageblob_token *first = t->list;

		t->list = first->next;
		free(first);
	}
}

void pageblob_tokens_fini(struct pageblob_tokens *t)
{
	pageblob_tokens_revoke(t);
	free(t->tenant);
	free(t->client);
	free(t->secret);
	free(t->federated);
	free(t->cert_pem);
}

enum pageblob_token_state pageblob_tokens_check(const struct pageblob_tokens *t, const char *text)
{
	for (const struct pageblob_token *x = t->list; x; x = x->next)
		if (strcmp(x->text, text) == 0)
			return clock_monotonic_ns() < x->end_ns ? PAGEBLOB_TOKEN_GOOD : PAGEBLOB_TOKEN_ENDED;
	return PAGEBLOB_TOKEN_UNKNOWN;
}

static void json_reply(struct pageblob_reply *r, int status, struct strbuf *text)
{
	pageblob_reply_body(r, "application/json; charset=utf-8", text);
	r->status = status;
}

/* As Entra ID words it, with what only a support case needs. */
static void refuse(struct pageblob_reply *r, int status, const char *error, const char *description)
{
	struct strbuf b = { 0 };

	strbuf_addf(&b,
		    "{\"error\":\"%s\",\"error_description\":\"%s. More about it. Trace ID: 0a-1 Correlation ID: 0b-2 "
		    "Timestamp: 2026-11-22 08:00:00Z\",\"error_codes\":[1]}",
		    error, description);
	json_reply(r, status, &b);
}

static void issue(struct pageblob_tokens *t, bool metadata, struct pageblob_reply *r)
{
	struct pageblob_token *x = pageblob_alloc(1, sizeof(*x));
	uint64_t now_s = clock_realtime_ns() / NS_PER_S;
	struct guid guid;
	struct strbuf b = { 0 };
	char id[GUID_TEXT_LEN];
	const char *quote = metadata ? "\"" : "";

	if (guid_random(&guid, NULL) < 0)
		abort();
	guid_format(&guid, id);
	snprintf(x->text, sizeof(x->text), "eyJ0.%s.c2ln", id);
	x->end_ns = clock_monotonic_ns() + t->life_s * NS_PER_S;
	x->next = t->list;
	t->list = x;
	t->issued++;
	strbuf_addf(&b, "{\"token_type\":\"Bearer\",\"expires_in\":%s%u%s,\"access_token\":\"%s\"", quote, t->life_s,
		    quote, x->text);
	if (metadata)
		strbuf_addf(&b, ",\"expires_on\":\"%" PRIu64 "\",\"not_before\":\"%" PRIu64 "\"", now_s + t->life_s,
			    now_s);
	strbuf_adds(&b, "}");
	json_reply(r, 200, &b);
}

/* ---- a JSON web token ---- */

static int decode_part(const char *text, size_t len, uint8_t *out, size_t cap)
{
	char padded[4096];
	size_t n = len;

	if (len + 4 > sizeof(padded))
		return -1;
	for (size_t i = 0; i < len; i++)
		padded[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
	while (n % 4)
		padded[n++] = '=';
	padded[n] = '\0';
	return pageblob_base64_decode(padded, out, cap);
}

static json_t *decode_json(const char *text, size_t len)
{
	uint8_t raw[2048];
	int n = decode_part(text, len, raw, sizeof(raw));

	return n < 0 ? NULL : json_loadb((const char *)raw, (size_t)n, 0, NULL);
}

static bool verify(X509 *x, const char *signed_text, size_t len, const uint8_t *sig, size_t sig_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pkey = NULL;
	bool ok = ctx && EVP_DigestVerifyInit(ctx, &pkey, EVP_sha256(), NULL, X509_get0_pubkey(x)) == 1 &&
		  EVP_PKEY_CTX_set_rsa_padding(pkey, RSA_PKCS1_PSS_PADDING) == 1 &&
		  EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey, RSA_PSS_SALTLEN_DIGEST) == 1 &&
		  EVP_DigestVerify(ctx, sig, sig_len, (const unsigned char *)signed_text, len) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool says(const json_t *object, const char *name, const char *value)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text && strcmp(text, value) == 0;
}

static bool names_certificate(const json_t *head, X509 *x)
{
	const char *given = json_string_value(json_object_get(head, "x5t#S256"));
	uint8_t want[32], got[64];
	unsigned len = 0;

	return given && X509_digest(x, EVP_sha256(), want, &len) == 1 && len == sizeof(want) &&
	       decode_part(given, strlen(given), got, sizeof(got)) == (int)len && memcmp(want, got, len) == 0;
}

static const char *check_claims(const struct pageblob_tokens *t, const json_t *claims, const char *audience)
{
	json_int_t now = (json_int_t)(clock_realtime_ns() / NS_PER_S);
	json_int_t from = json_integer_value(json_object_get(claims, "nbf"));
	json_int_t until = json_integer_value(json_object_get(claims, "exp"));

	if (!says(claims, "aud", audience))
		return "AADSTS700023: Client assertion audience claim does not match";
	if (!says(claims, "iss", t->client) || !says(claims, "sub", t->client) || !json_object_get(claims, "jti"))
		return "AADSTS700021: Client assertion application identifier does not match";
	if (from > now + 300 || until <= now - 300 || until - from > 86400)
		return "AADSTS700024: Client assertion is not within its valid time range";
	return NULL;
}

/* NULL if it is good, else what is said. */
static const char *check_jwt(const struct pageblob_tokens *t, const char *jwt, const char *audience)
{
	const char *claims_at = strchr(jwt, '.'), *sig_at = claims_at ? strchr(claims_at + 1, '.') : NULL;
	BIO *bio = BIO_new_mem_buf(t->cert_pem, -1);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	const char *why = "AADSTS50027: JWT token is invalid or malformed";
	json_t *head, *claims;
	uint8_t sig[2048];
	int sig_len;

	BIO_free(bio);
	if (sig_at && x) {
		head = decode_json(jwt, (size_t)(claims_at - jwt));
		claims = decode_json(claims_at + 1, (size_t)(sig_at - claims_at - 1));
		sig_len = decode_part(sig_at + 1, strlen(sig_at + 1), sig, sizeof(sig));
		if (!says(head, "alg", "PS256") || !says(head, "typ", "JWT") || sig_len < 0 || !claims)
			;
		else if (!names_certificate(head, x) || !verify(x, jwt, (size_t)(sig_at - jwt), sig, (size_t)sig_len))
			why = "AADSTS700027: The certificate with identifier used to sign the client assertion is not "
			      "registered";
		else
			why = check_claims(t, claims, audience);
		json_decref(head);
		json_decref(claims);
	}
	X509_free(x);
	return why;
}

/* ---- the endpoint ---- */

static void parse_form(const struct pageblob_request *req, struct pageblob_fields *out)
{
	CLEANUP_FREE char *text = pageblob_strndup(req->body ? (const char *)req->body : "", req->body_len);
	char *rest = text;

	for (char *pair = strsep(&rest, "&"); pair; pair = strsep(&rest, "&")) {
		char *equals = strchr(pair, '='), *value;

		if (!equals)
			continue;
		*equals = '\0';
		value = unescape_percent(equals + 1, NULL);
		pageblob_fields_add(out, pair, value ? value : "");
		free(value);
	}
}

static bool field_is(const struct pageblob_fields *form, const char *name, const char *want)
{
	const char *value = pageblob_fields_get(form, name);

	return value && want && strcmp(value, want) == 0;
}

static void check_proof(struct pageblob_tokens *t, const struct pageblob_fields *form, const char *audience,
			struct pageblob_reply *r)
{
	const char *assertion = pageblob_fields_get(form, "client_assertion"), *why;

	if (!assertion) {
		if (field_is(form, "client_secret", t->secret))
			issue(t, false, r);
		else
			refuse(r, 401, "invalid_client", "AADSTS7000215: Invalid client secret provided");
		return;
	}
	if (!field_is(form, "client_assertion_type", ASSERTION_TYPE)) {
		refuse(r, 400, "invalid_request", "AADSTS900144: client_assertion_type");
		return;
	}
	if (t->federated && strcmp(assertion, t->federated) == 0) {
		issue(t, false, r);
		return;
	}
	why = t->cert_pem ? check_jwt(t, assertion, audience)
			  : "AADSTS70021: No matching federated identity record found";
	if (why)
		refuse(r, 401, "invalid_client", why);
	else
		issue(t, false, r);
}

static void answer_entra(struct pageblob_tokens *t, const struct pageblob_request *req, const char *base,
			 struct pageblob_reply *r)
{
	struct pageblob_fields form = { 0 };
	char audience[256];

	parse_form(req, &form);
	snprintf(t->last_form, sizeof(t->last_form), "%.*s", (int)req->body_len, req->body ? (char *)req->body : "");
	snprintf(audience, sizeof(audience), "%s/_token/%s/oauth2/v2.0/token", base, t->tenant);
	if (strcmp(req->container, t->tenant) != 0)
		refuse(r, 400, "invalid_request", "AADSTS90002: Tenant not found");
	else if (!field_is(&form, "grant_type", "client_credentials") ||
		 !field_is(&form, "scope", "https://storage.azure.com/.default"))
		refuse(r, 400, "invalid_scope", "AADSTS70011: The provided value for scope is not valid");
	else if (!field_is(&form, "client_id", t->client))
		refuse(r, 400, "unauthorized_client", "AADSTS700016: Application was not found in the directory");
	else
		check_proof(t, &form, audience, r);
	pageblob_fields_fini(&form);
}

static void answer_metadata(struct pageblob_tokens *t, const struct pageblob_request *req, struct pageblob_reply *r)
{
	const char *metadata = pageblob_header(req, "Metadata"), *resource = pageblob_query(req, "resource");
	const char *version = pageblob_query(req, "api-version"), *client = pageblob_query(req, "client_id");

	if (!metadata || strcmp(metadata, "true") != 0 || !resource ||
	    strcmp(resource, "https://storage.azure.com/") != 0 || !version || strcmp(version, "2018-02-01") != 0)
		refuse(r, 400, "invalid_request", "Required metadata header not specified");
	else if (client && strcmp(client, t->client) != 0)
		refuse(r, 400, "invalid_request", "Identity not found");
	else
		issue(t, true, r);
}

void pageblob_tokens_answer(struct pageblob_tokens *t, const struct pageblob_request *req, const char *base,
			    struct pageblob_reply *r)
{
	struct strbuf none = { 0 };

	t->asked++;
	if (t->down > 0) {
		t->down--;
		strbuf_adds(&none, "{}");
		json_reply(r, 503, &none);
	} else if (!req->container || !req->blob) {
		refuse(r, 404, "not_found", "no such path");
	} else if (strcmp(req->method, "POST") == 0 && strcmp(req->blob, "oauth2/v2.0/token") == 0) {
		answer_entra(t, req, base, r);
	} else if (strcmp(req->method, "GET") == 0 && strcmp(req->container, "metadata") == 0 &&
		   strcmp(req->blob, "identity/oauth2/token") == 0) {
		answer_metadata(t, req, r);
	} else {
		refuse(r, 404, "not_found", "no such path");
	}
}
