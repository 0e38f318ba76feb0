/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "support/make_certificate.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static void must(int ok)
{
	if (!ok)
		abort();
}

static char *text_of(BIO *bio)
{
	char *data, *text;
	long len = BIO_get_mem_data(bio, &data);

	text = strndup(data, (size_t)len);
	must(text != NULL);
	BIO_free(bio);
	return text;
}

static EVP_PKEY *new_key(int ec)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(ec ? EVP_PKEY_EC : EVP_PKEY_RSA, NULL);
	EVP_PKEY *key = NULL;

	must(ctx && EVP_PKEY_keygen_init(ctx) == 1);
	if (ec)
		must(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1) == 1);
	else
		must(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1);
	must(EVP_PKEY_keygen(ctx, &key) == 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

void make_certificate(struct made_certificate *out, int ec, int days)
{
	EVP_PKEY *key = new_key(ec);
	X509 *x = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	char password[] = "password";

	must(x && bio);
	must(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	out->key = text_of(bio);
	bio = BIO_new(BIO_s_mem());
	must(PEM_write_bio_PrivateKey(bio, key, EVP_aes_128_cbc(), NULL, 0, NULL, password) == 1);
	out->locked_key = text_of(bio);
	must(ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1);
	must(X509_gmtime_adj(X509_getm_notBefore(x), -86400L * 30) != NULL);
	must(X509_gmtime_adj(X509_getm_notAfter(x), 86400L * days) != NULL);
	must(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"test", -1,
					-1, 0) == 1);
	must(X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 && X509_set_pubkey(x, key) == 1);
	must(X509_sign(x, key, EVP_sha256()) > 0);
	bio = BIO_new(BIO_s_mem());
	must(PEM_write_bio_X509(bio, x) == 1);
	out->cert = text_of(bio);
	X509_free(x);
	EVP_PKEY_free(key);
}

void made_certificate_fini(struct made_certificate *c)
{
	free(c->key);
	free(c->locked_key);
	free(c->cert);
}
