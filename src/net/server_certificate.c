/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "net/http_private.h"
#include "net/proxy.h"
#include "net/redact.h"
#include "net/server_certificate.h"

#define CONNECT_TIMEOUT_MS 10000L
#define HANDSHAKE_MS 30000L

DEFINE_CLEANUP(cleanup_easy, CURL *, curl_easy_cleanup);
DEFINE_CLEANUP(cleanup_bio, BIO *, BIO_free_all);
DEFINE_CLEANUP(cleanup_x509, X509 *, X509_free);

static void free_openssl(unsigned char **p)
{
	OPENSSL_free(*p);
}

/* ---- what it says ---- */

static void format_thumbprint(const uint8_t sha256[SHA256_LEN], char out[THUMBPRINT_LEN])
{
	for (size_t i = 0; i < SHA256_LEN; i++)
		snprintf(out + 3 * i, 4, "%02X%s", sha256[i], i + 1 < SHA256_LEN ? ":" : "");
}

int server_certificate_of_pem(const char *pem, struct server_certificate *out, struct error *err)
{
	CLEANUP(cleanup_bio) BIO *bio = BIO_new_mem_buf(pem, -1);
	CLEANUP(cleanup_x509) X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	CLEANUP(free_openssl) unsigned char *der = NULL;
	CLEANUP(free_openssl) unsigned char *key = NULL;
	uint8_t sha256[SHA256_LEN], key_sha256[SHA256_LEN];
	int len = x ? i2d_X509(x, &der) : -1, key_len = x ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &key) : -1;

	if (len <= 0 || key_len <= 0)
		return error_set(err, ERR_CORRUPT, "the server's certificate cannot be read");
	if (digest_sha256(der, (size_t)len, sha256, err) < 0 ||
	    digest_sha256(key, (size_t)key_len, key_sha256, err) < 0)
		return -1;
	format_thumbprint(sha256, out->thumbprint);
	memcpy(out->pinned_key, "sha256//", 8);
	base64_encode(key_sha256, sizeof(key_sha256), out->pinned_key + 8);
	return 0;
}

int server_certificate_thumbprint(const char *text, char out[THUMBPRINT_LEN], struct error *err)
{
	uint8_t sha256[SHA256_LEN] = { 0 };
	size_t digits = 0;

	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == ':' || c == ' ')
			continue;
		if (!isxdigit(c) || digits == 2 * SHA256_LEN) {
			digits = 0;
			break;
		}
		sha256[digits / 2] =
			(uint8_t)(sha256[digits / 2] << 4 | (isdigit(c) ? c - '0' : tolower(c) - 'a' + 10));
		digits++;
	}
	if (digits != 2 * SHA256_LEN)
		return error_set(err, ERR_USAGE, "'%.100s': not the SHA-256 of a certificate, 64 hexadecimal digits",
				 text);
	format_thumbprint(sha256, out);
	return 0;
}

/* ---- getting it ---- */

static int is_stopped(void *cancel, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	return cancel_level(cancel) != CANCEL_NONE;
}

#define SET(option, value)                                           \
	do {                                                         \
		if (rc == CURLE_OK)                                  \
			rc = curl_easy_setopt(e, (option), (value)); \
	} while (0)

static CURLcode set_options(CURL *e, const struct http_config *config, const char *url, struct cancel *cancel,
			    char text[CURL_ERROR_SIZE])
{
	const struct proxy_config proxies = { .proxy = config->proxy,
					      .http_proxy = config->http_proxy,
					      .https_proxy = config->https_proxy,
					      .all_proxy = config->all_proxy };
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_ERRORBUFFER, text);
	SET(CURLOPT_URL, url);
	SET(CURLOPT_CONNECT_ONLY, 1L);
	SET(CURLOPT_CERTINFO, 1L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 0L); /* nothing is sent to it */
	SET(CURLOPT_SSL_VERIFYHOST, 0L);
	SET(CURLOPT_PROXY, proxy_choose(&proxies, url));
	SET(CURLOPT_NOPROXY, config->no_proxy ? config->no_proxy : "");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS,
	    config->connect_timeout_ms ? (long)config->connect_timeout_ms : CONNECT_TIMEOUT_MS);
	SET(CURLOPT_TIMEOUT_MS, HANDSHAKE_MS);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, is_stopped);
	SET(CURLOPT_XFERINFODATA, cancel);
	return rc;
}

/* The server's own, the first of what it sent. */
static const char *first_pem(CURL *e)
{
	struct curl_certinfo *info = NULL;

	if (curl_easy_getinfo(e, CURLINFO_CERTINFO, &info) != CURLE_OK || !info || info->num_of_certs < 1)
		return NULL;
	for (const struct curl_slist *l = info->certinfo[0]; l; l = l->next)
		if (strncmp(l->data, "Cert:", 5) == 0)
			return l->data + 5;
	return NULL;
}

static int get(const struct http_config *config, const char *url, struct cancel *cancel, struct server_certificate *out,
	       struct error *err)
{
	CLEANUP(cleanup_easy) CURL *e = NULL;
	char text[CURL_ERROR_SIZE] = "";
	const char *pem;
	CURLcode rc;

	if (libcurl_load(err) < 0)
		return -1;
	e = curl_easy_init();
	if (!e)
		return error_errno(err, ENOMEM, "HTTP");
	rc = set_options(e, config, url, cancel, text);
	if (rc == CURLE_OK)
		rc = curl_easy_perform(e);
	if (cancel_check(cancel, err) < 0)
		return -1;
	redact_text(text);
	if (rc != CURLE_OK)
		return error_set(err, rc == CURLE_OUT_OF_MEMORY ? ERR_NOMEM : ERR_NETWORK, "%s",
				 text[0] ? text : curl_easy_strerror(rc));
	pem = first_pem(e);
	if (!pem)
		return error_set(err, ERR_UNSUPPORTED, "libcurl does not tell the server's certificate");
	return server_certificate_of_pem(pem, out, err);
}

int server_certificate_get(const struct http_config *config, const char *url, struct cancel *cancel,
			   struct server_certificate *out, struct error *err)
{
	char shown[REDACT_URL_LEN];

	if (get(config, url, cancel, out, err) == 0)
		return 0;
	redact_url(url, shown, sizeof(shown));
	return error_prefix(err, "%s", shown);
}
