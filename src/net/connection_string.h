/* SPDX-License-Identifier: Apache-2.0 */
/* A storage account's connection string: "AccountName=...;AccountKey=...;EndpointSuffix=...". */
#ifndef LIFTFS_NET_CONNECTION_STRING_H
#define LIFTFS_NET_CONNECTION_STRING_H

#include "base/error.h"
#include "base/secret.h"

struct connection_string {
	char *account;       /* NULL if it names none: a SAS with an endpoint */
	char *blob_endpoint; /* without a '/' at its end */
	struct secret *key;  /* either this ... */
	struct secret *sas;  /* ... or this, without '?' */
};

/* ERR_REFUSED if it is not one, or holds neither key nor SAS.  No value is in a message.  On failure out is empty. */
int connection_string_parse(const char *text, struct connection_string *out, struct error *err) MUST_CHECK;
void connection_string_fini(struct connection_string *c);

static inline void cleanup_connection_string(struct connection_string *c)
{
	connection_string_fini(c);
}

/* The emulator's account, whose name and key the whole world knows. */
#define EMULATOR_ACCOUNT "devstoreaccount1"
#define EMULATOR_ENDPOINT "http://127.0.0.1:10000/devstoreaccount1"

#endif
