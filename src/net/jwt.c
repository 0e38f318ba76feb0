/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "net/jwt.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/guid.h"
#include "base/strbuf.h"
#include "net/digest.h"

#define NS_PER_S UINT64_C(1000000000)
#define VALID_S 600
#define CHAIN_MAX 16       /* certificates looked at */
#define SIGNATURE_MAX 2048 /* of a key of 16,384 bits */

struct certificate {
	EVP_PKEY *key;
	uint8_t sha256[SHA256_LEN];
	uint64_t end_ns;
};

DEFINE_CLEANUP(cleanup_bio, BIO *, BIO_free_all);
DEFINE_CLEANUP(cleanup_x509, X509 *, X509_free);
DEFINE_CLEANUP(cleanup_md_ctx, EVP_MD_CTX *, EVP_MD_CTX_free);

void certificate_free(struct certificate *c)
{
	if (!c)
		return;
	EVP_PKEY_free(c->key);
	free(c);
}

uint64_t certificate_end(const struct certificate *c)
{
	return c->end_ns;
}

/* Never asks a terminal, which is what the library does of itself. */
static int give_password(char *buf, int size, int rwflag, void *ctx)
{
	const struct secret *password = ctx;

	(void)rwflag;
	if (!password || secret_len(password) > (size_t)size)
		return 0;
	memcpy(buf, secret_reveal(password), secret_len(password));
	return (int)secret_len(password);
}

static EVP_PKEY *read_key(const char *pem, size_t len, const struct secret *password, struct error *err)
{
	CLEANUP(cleanup_bio) BIO *bio = BIO_new_mem_buf(pem, (int)len);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)(uintptr_t)password) : NULL;

	if (!key)
		error_set(err, ERR_REFUSED, "no private key in PEM form%s",
			  password ? " that the password opens" : ", or one with a password");
	else if (EVP_PKEY_base_id(key) != EVP_PKEY_RSA)
		error_set(err, ERR_REFUSED, "the private key is not an RSA key");
	else
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static uint64_t end_of(const X509 *x)
{
	struct tm tm = { 0 };

	if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) != 1 || tm.tm_year < 70 || tm.tm_year > 400)
		return 0;
	return (uint64_t)timegm(&tm) * NS_PER_S;
}

/* 1: this is the key's certificate; 0: it is another's, or no more are there. */
static int take_if_ours(struct certificate *c, X509 *x, struct error *err)
{
	unsigned len = 0;

	if (X509_check_private_key(x, c->key) != 1)
		return 0;
	if (X509_digest(x, EVP_sha256(), c->sha256, &len) != 1 || len != SHA256_LEN)
		return error_set(err, ERR_BUG, "SHA-256 of the certificate");
	c->end_ns = end_of(x);
	return 1;
}

static int find_certificate(struct certificate *c, const char *pem, size_t len, struct error *err)
{
	CLEANUP(cleanup_bio) BIO *bio = BIO_new_mem_buf(pem, (int)len);
	int n = 0;

	for (; bio && n < CHAIN_MAX; n++) {
		CLEANUP(cleanup_x509) X509 *x = PEM_read_bio_X509(bio, NULL, give_password, NULL);
		int rc;

		if (!x)
			break;
		rc = take_if_ours(c, x, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
	return error_set(err, ERR_REFUSED,
			 n ? "the certificate is not that of the private key" : "no certificate in PEM form");
}

struct certificate *certificate_read(const char *pem, size_t len, const struct secret *password, struct error *err)
{
	CLEANUP(cleanup_certificate) struct certificate *c = calloc(1, sizeof(*c));

	if (!c || len > INT_MAX) {
		error_errno(err, ENOMEM, "certificate");
		return NULL;
	}
	c->key = read_key(pem, len, password, err);
	if (!c->key || find_certificate(c, pem, len, err) < 0)
		return NULL;
	return steal_ptr(&c);
}

/* Base64 with the alphabet of URLs, without padding. */
static void add_base64url(struct strbuf *b, const void *data, size_t len)
{
	CLEANUP_FREE char *text = malloc(BASE64_LEN(len));

	if (!text) {
		b->failed = true;
		return;
	}
	base64_encode(data, len, text);
	for (char *p = text; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	strbuf_add(b, text, strcspn(text, "="));
}

/* As the inside of a JSON string. */
static void add_json_text(struct strbuf *b, const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == '"' || *text == '\\')
			strbuf_addf(b, "\\u%04x", (unsigned)(unsigned char)*text);
		else
			strbuf_add(b, text, 1);
	}
}

static int add_claims(struct strbuf *out, const char *client, const char *audience, uint64_t realtime_ns,
		      struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf json = { 0 };
	uint64_t now_s = realtime_ns / NS_PER_S;
	char id[GUID_TEXT_LEN];
	struct guid guid;

	if (guid_random(&guid, err) < 0)
		return -1;
	guid_format(&guid, id);
	strbuf_adds(&json, "{\"aud\":\"");
	add_json_text(&json, audience);
	strbuf_adds(&json, "\",\"iss\":\"");
	add_json_text(&json, client);
	strbuf_adds(&json, "\",\"sub\":\"");
	add_json_text(&json, client);
	strbuf_addf(&json, "\",\"jti\":\"%s\",\"nbf\":%" PRIu64 ",\"iat\":%" PRIu64 ",\"exp\":%" PRIu64 "}", id, now_s,
		    now_s, now_s + VALID_S);
	if (json.failed)
		return error_set(err, ERR_NOMEM, "assertion");
	add_base64url(out, json.s, json.len);
	return 0;
}

static int add_header(struct strbuf *out, const struct certificate *c, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf json = { 0 };

	strbuf_adds(&json, "{\"alg\":\"PS256\",\"typ\":\"JWT\",\"x5t#S256\":\"");
	add_base64url(&json, c->sha256, sizeof(c->sha256));
	strbuf_adds(&json, "\"}");
	if (json.failed)
		return error_set(err, ERR_NOMEM, "assertion");
	add_base64url(out, json.s, json.len);
	return 0;
}

/* RSASSA-PSS with SHA-256 and a salt as long as the digest (RFC 7518, 3.5). */
static int sign(const struct certificate *c, const char *text, size_t len, uint8_t out[SIGNATURE_MAX], size_t *len_out,
		struct error *err)
{
	CLEANUP(cleanup_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pkey = NULL;

	*len_out = SIGNATURE_MAX;
	if (!ctx || EVP_DigestSignInit(ctx, &pkey, EVP_sha256(), NULL, c->key) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(pkey, RSA_PKCS1_PSS_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey, RSA_PSS_SALTLEN_DIGEST) != 1 ||
	    EVP_DigestSign(ctx, out, len_out, (const unsigned char *)text, len) != 1)
		return error_set(err, ERR_REFUSED, "the private key cannot sign (it may be too short)");
	return 0;
}

struct secret *jwt_assertion(const struct certificate *c, const char *client, const char *audience,
			     uint64_t realtime_ns, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf out = { 0 };
	uint8_t signature[SIGNATURE_MAX];
	struct secret *s = NULL;
	size_t len;

	if (add_header(&out, c, err) < 0)
		return NULL;
	strbuf_adds(&out, ".");
	if (add_claims(&out, client, audience, realtime_ns, err) < 0)
		return NULL;
	if (out.failed || sign(c, out.s, out.len, signature, &len, err) < 0) {
		if (out.failed)
			error_set(err, ERR_NOMEM, "assertion");
		return NULL;
	}
	strbuf_adds(&out, ".");
	add_base64url(&out, signature, len);
	if (out.failed)
		error_set(err, ERR_NOMEM, "assertion");
	else
		s = secret_new_len(out.s, out.len, err);
	if (out.s)
		secret_wipe(out.s, out.len);
	return s;
}
