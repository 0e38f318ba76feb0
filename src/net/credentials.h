/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to the storage service.  The first that is there wins: a SAS in the URL; the credentials file; then, in
 * the file or else in the environment:
 *
 *   AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_KEY with AZURE_STORAGE_ACCOUNT
 *   AZURE_TENANT_ID and AZURE_CLIENT_ID with AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or
 *   AZURE_FEDERATED_TOKEN_FILE
 *   a managed identity, if something says that there is one: LIFTFS_AUTH=managed, AZURE_CLIENT_ID alone (which then
 *   chooses a user-assigned one), AZURE_POD_IDENTITY_AUTHORITY_HOST, or IDENTITY_ENDPOINT with IMDS_ENDPOINT, which an
 *   Azure Arc agent sets.  The metadata service is never asked on suspicion: outside of Azure its address is anybody's.
 *
 * The environment is the program's to read: it passes a function that looks names up.
 *
 * Tokens, and a SAS that came from a file, are renewed by a thread of their own (net/token.h) from credentials_start()
 * on.  Whoever sends a request asks credentials_ready() first, and tells credentials_refused() when the service
 * did not like them.
 */
#ifndef LIFTFS_NET_CREDENTIALS_H
#define LIFTFS_NET_CREDENTIALS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/secret.h"
#include "net/http.h"
#include "net/sas.h"
#include "net/token.h"

struct sharedkey;

/* NAME=VALUE lines; blank lines and lines that start with '#' are skipped. */
struct credentials_file;

/* fd stays the caller's.  ERR_REFUSED if anybody but the owner can read the file, or it is not what it should be. */
struct credentials_file *credentials_file_read(int fd, const char *name, struct error *err) MUST_CHECK;
/* By its name, which may then be read again: a relative one is of this moment's folder. */
struct credentials_file *credentials_file_open(const char *name, struct error *err) MUST_CHECK;
void credentials_file_free(struct credentials_file *f);
DEFINE_CLEANUP(cleanup_credentials_file, struct credentials_file *, credentials_file_free);
/* NULL if the file does not set it. */
const char *credentials_file_get(const struct credentials_file *f, const char *name);
/* Absolute; NULL if it was not opened by name. */
const char *credentials_file_path(const struct credentials_file *f);

enum credentials_kind { CREDENTIALS_SHAREDKEY, CREDENTIALS_SAS, CREDENTIALS_BEARER };

struct credentials { /* constant once made, but for what the keeper keeps: any number of threads may use it */
	enum credentials_kind kind;
	char *account;               /* the URL's, or what the credentials say */
	char *source;                /* "AZURE_STORAGE_KEY", "the URL": for people */
	char *endpoint;              /* of a connection string; else NULL */
	struct sharedkey *key;       /* of CREDENTIALS_SHAREDKEY */
	struct secret *token;        /* of CREDENTIALS_SAS, without '?': as it was at first */
	struct sas sas;              /* what that says */
	char *file;                  /* of CREDENTIALS_SAS: where a newer one would be; NULL: nowhere */
	char *identity;              /* of CREDENTIALS_BEARER, for people */
	uint64_t proof_end_ns;       /* of CREDENTIALS_BEARER: when its certificate ends; 0: it has none */
	struct token_keeper *keeper; /* of what is renewed; else NULL */
};

struct credentials_request {
	const char *account;                                /* the URL's; NULL: any */
	const struct secret *url_sas;                       /* NULL: none */
	const struct credentials_file *file;                /* NULL: none given */
	const char *(*lookup)(void *ctx, const char *name); /* NULL or "" for what is not set */
	void *ctx;
	/*
	 * Another service than storage, by its URL with '/' at its end: only tokens let in there, so that nothing else of
	 * the above is looked for.  NULL: storage.
	 */
	const char *resource;
	const char *arc_agent; /* a file that is there where an Azure Arc agent is; NULL: the agent's program */
};

/* ERR_REFUSED: nothing there (the message says what to set), illegible, for another account, or a SAS that has ended.
 */
struct credentials *credentials_choose(const struct credentials_request *request, struct error *err) MUST_CHECK;
struct credentials *credentials_new_sharedkey(const char *account, const struct secret *key, const char *source,
					      struct error *err) MUST_CHECK;
void credentials_free(struct credentials *c);
DEFINE_CLEANUP(cleanup_credentials, struct credentials *, credentials_free);

/* As credentials_choose() makes one from a source of tokens.  source.ctx is taken over, also when it fails. */
struct credentials *credentials_new_bearer(const char *account, const char *identity, const char *from,
					   const struct token_source *source, struct error *err) MUST_CHECK;

/*
 * Starts what renews, if anything does, and gets the first token: waits for it, as long as `cancel` (may be NULL) is
 * not set.  `http` outlives credentials_stop().
 */
int credentials_start(struct credentials *c, struct http *http, struct cancel *cancel, struct error *err) MUST_CHECK;
/* Ends renewing; to be called before the HTTP engine is freed.  credentials_free() does it too. */
void credentials_stop(struct credentials *c);
/* What they come from has changed (SIGHUP): files are read again, tokens fetched anew.  Returns at once. */
void credentials_reload(struct credentials *c);

/* May a request be sent now?  Waits for at most `ms` while a new token is on its way; 0: not at all. */
enum token_state credentials_ready(const struct credentials *c, unsigned ms, struct error *err);

/*
 * What a request needs to be let in.  *url_out: the URL to send to.  *authorization_out: the value of the Authorization
 * header, or NULL for none.  The caller frees both.  *generation_out: for credentials_refused().  Headers as in
 * net/sharedkey.h.  ERR_REFUSED: a token is not sent over plain HTTP, but to loopback.
 */
int credentials_authorize(const struct credentials *c, const char *method, const char *url,
			  const struct http_header *headers, size_t n_headers, size_t content_length, char **url_out,
			  char **authorization_out, uint64_t *generation_out, struct error *err) MUST_CHECK;

/* Is it worth to ask for others, when a request of that generation ended with this status? */
bool credentials_renewable(const struct credentials *c, uint64_t generation, long status);
/*
 * It did.  Others are on their way: the request may be sent again once credentials_ready() says so.  `said` is for
 * messages.  True: once only; false: those it was sent with had come to their end, which may happen again.
 */
bool credentials_refused(const struct credentials *c, uint64_t generation, const char *said);

/* One phrase for the first line of output: kind, where from, rights, end.  Nothing secret. */
#define CREDENTIALS_TEXT_LEN 320
void credentials_describe(const struct credentials *c, char out[CREDENTIALS_TEXT_LEN]);
/* Who asks, for messages: the same, without what changes while a run lasts. */
void credentials_who(const struct credentials *c, char out[CREDENTIALS_TEXT_LEN]);
/* Why they may have been refused, if that can be seen: a SAS that has ended.  "" if not. */
void credentials_doubt(const struct credentials *c, char out[CREDENTIALS_TEXT_LEN]);

#endif
