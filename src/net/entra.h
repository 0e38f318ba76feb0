/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens from Entra ID for an application that proves itself by a client secret, by a certificate, or by a token of
 * another issuer that lies in a file (workload identity).  Files are read again for each token, so that a renewed one
 * counts without a restart.
 */
#ifndef LIFTFS_NET_ENTRA_H
#define LIFTFS_NET_ENTRA_H

#include "net/token.h"

#define ENTRA_AUTHORITY "https://login.microsoftonline.com"
#define ENTRA_RESOURCE "https://storage.azure.com/"

enum entra_proof { ENTRA_SECRET, ENTRA_CERTIFICATE, ENTRA_FEDERATED };

struct entra_config {
	const char *authority; /* NULL: ENTRA_AUTHORITY.  https only, but for loopback */
	const char *resource;  /* what the token is for, with '/' at its end; NULL: ENTRA_RESOURCE */
	const char *tenant, *client;
	enum entra_proof proof;
	const char *secret;   /* ENTRA_SECRET */
	const char *path;     /* of the certificate and its key, or of the token */
	const char *password; /* of the certificate's key; may be NULL */
	const char *file;     /* credentials file that holds the secret, looked into for each token; may be NULL */
};

/*
 * Copies what it needs.  *end_out: when the certificate ends, realtime; 0: no such end.  ERR_REFUSED: a setting or file
 * is wrong.
 */
int entra_source(const struct entra_config *config, struct token_source *out, uint64_t *end_out,
		 struct error *err) MUST_CHECK;

#endif
