/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to the storage service.  The first that is there wins: a SAS in the URL; the credentials file; then, in
 * the file or else in the environment, AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_KEY with
 * AZURE_STORAGE_ACCOUNT.  The environment is the program's to read: it passes a function that looks names up.
 */
#ifndef LIFTFS_NET_CREDENTIALS_H
#define LIFTFS_NET_CREDENTIALS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/secret.h"
#include "net/http.h"
#include "net/sas.h"

struct sharedkey;

/* NAME=VALUE lines; blank lines and lines that start with '#' are skipped. */
struct credentials_file;

/* fd stays the caller's.  ERR_REFUSED if anybody but the owner can read the file, or it is not what it should be. */
struct credentials_file *credentials_file_read(int fd, const char *name, struct error *err) MUST_CHECK;
void credentials_file_free(struct credentials_file *f);
DEFINE_CLEANUP(cleanup_credentials_file, struct credentials_file *, credentials_file_free);
/* NULL if the file does not set it. */
const char *credentials_file_get(const struct credentials_file *f, const char *name);

enum credentials_kind { CREDENTIALS_SHAREDKEY, CREDENTIALS_SAS };

struct credentials { /* constant once made: any number of threads may use it */
	enum credentials_kind kind;
	char *account;         /* the URL's, or what the credentials say */
	char *source;          /* "AZURE_STORAGE_KEY", "the URL": for people */
	char *endpoint;        /* of a connection string; else NULL */
	struct sharedkey *key; /* of CREDENTIALS_SHAREDKEY */
	struct secret *token;  /* of CREDENTIALS_SAS, without '?' */
	struct sas sas;        /* what it says */
};

struct credentials_request {
	const char *account;                                /* the URL's; NULL: any */
	const struct secret *url_sas;                       /* NULL: none */
	const struct credentials_file *file;                /* NULL: none given */
	const char *(*lookup)(void *ctx, const char *name); /* NULL or "" for what is not set */
	void *ctx;
};

/*
 * ERR_REFUSED: nothing there (the message says what to set), illegible, for another account, or a SAS that has ended.
 * ERR_UNSUPPORTED: only an Entra identity is there.
 */
struct credentials *credentials_choose(const struct credentials_request *request, struct error *err) MUST_CHECK;
struct credentials *credentials_new_sharedkey(const char *account, const struct secret *key, const char *source,
					      struct error *err) MUST_CHECK;
void credentials_free(struct credentials *c);
DEFINE_CLEANUP(cleanup_credentials, struct credentials *, credentials_free);

/*
 * What a request needs to be let in.  *url_out: the URL to send to.  *authorization_out: the value of the Authorization
 * header, or NULL for none.  The caller frees both.  Headers as in net/sharedkey.h.
 */
int credentials_authorize(const struct credentials *c, const char *method, const char *url,
			  const struct http_header *headers, size_t n_headers, size_t content_length, char **url_out,
			  char **authorization_out, struct error *err) MUST_CHECK;

/* One phrase for the first line of output: kind, where from, rights, end.  Nothing secret. */
#define CREDENTIALS_TEXT_LEN 256
void credentials_describe(const struct credentials *c, char out[CREDENTIALS_TEXT_LEN]);

#endif
