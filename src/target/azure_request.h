/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the blob service as text: method, URL and headers, unsigned and signed.
 *
 * An azure_call says what is wanted; azure_request_build() writes it down, azure_request_sign() adds the credentials.
 * Built again for each attempt, since the date is part of what is signed.  The memory of an azure_text is kept from one
 * build to the next, so that a slot's requests allocate nothing once it is warm.  Pure text; one owner at a time.
 */
#ifndef LIFTFS_TARGET_AZURE_REQUEST_H
#define LIFTFS_TARGET_AZURE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "net/http.h"
#include "target/target.h"

#define AZURE_API_VERSION "2021-12-02"
#define AZURE_META_MAX 8192    /* bytes of all names and values */
#define AZURE_RANGES_MAX 10000 /* of one page list, the service's limit */

enum azure_operation {
	AZURE_ACCOUNT, /* Get Account Information, at the container */
	AZURE_CREATE_CONTAINER,
	AZURE_LIST,   /* List Blobs */
	AZURE_LOOK,   /* Get Blob Properties */
	AZURE_CREATE, /* Put Blob, only where there is none */
	AZURE_WRITE,  /* Put Page, update */
	AZURE_CLEAR,  /* Put Page, clear */
	AZURE_READ,   /* Get Blob, a range */
	AZURE_RANGES, /* Get Page Ranges, of a window */
	AZURE_RAISE,  /* Set Blob Properties: sequence number, max */
	AZURE_RESIZE, /* Set Blob Properties: length */
	AZURE_SET_META,
	AZURE_SNAPSHOT,
	AZURE_DELETE_SNAPSHOT, /* Delete Blob, of the snapshot that the call names and of nothing else */
	AZURE_LEASE_ACQUIRE,
	AZURE_LEASE_RENEW,
	AZURE_LEASE_RELEASE,
	AZURE_LEASE_BREAK,
};

enum azure_checksum { AZURE_CRC64 = 0, AZURE_MD5 };

/* What is wanted.  Members that an operation has no use for are ignored; strings are NULL where there is none. */
struct azure_call {
	enum azure_operation op;
	const char *url; /* of the container or the blob, encoded, without a query */
	const char *snapshot;
	uint64_t off, len; /* write, clear, read, ranges; len > 0 */
	uint64_t size;     /* create, resize: bytes */
	uint64_t number;   /* create, raise: to set; write, clear: required, with if_number */
	bool if_number;
	const char *if_version; /* the ETag, quoted as it came */
	const char *lease_id;
	const struct target_meta *meta; /* create, set_meta, snapshot */
	enum azure_checksum checksum;   /* write; read: azure_exchange() sets it, to the kind that was asked for last */
	const char *sum;                /* write: its text */
	const char *prefix, *marker;    /* list (prefix and marker), ranges (marker) */
	bool snapshots;                 /* list: those too */
	unsigned max_results;           /* list: 0 is the service's own choice */
	uint64_t now_ns;                /* clock_realtime_ns() */
	uint64_t generation;            /* of the credentials that it was sent with: azure_build() sets it */
	const char *request_id;
};

struct azure_text {
	const char *method;
	struct strbuf url;
	struct http_header *headers; /* point into text; valid until the next build */
	size_t n_headers;
	uint64_t generation; /* of the credentials; set by azure_request_sign() */
	struct strbuf text; /* private, like those below */
	size_t *at;
	size_t cap;
};

int azure_request_build(const struct azure_call *call, struct azure_text *out, struct error *err) MUST_CHECK;
struct credentials;
/*
 * Adds what proves who asks: an Authorization header, or a signature in the query.  `body_len` is the body's.
 */
int azure_request_sign(struct azure_text *t, const struct credentials *creds, size_t body_len,
		       struct error *err) MUST_CHECK;
/* Adds a header; the headers' texts may move. */
int azure_text_header(struct azure_text *t, const char *name, const char *value, struct error *err) MUST_CHECK;
void azure_text_fini(struct azure_text *t);

/* A checksum's text: CRC-64 as 8 little-endian bytes, MD5 as its 16, in base64. */
#define AZURE_SUM_TEXT_LEN 28

/* "write of 4096 bytes at 0x10000": the operation in a message. */
void azure_call_describe(const struct azure_call *call, char *out, size_t len);

/* Is `key` one that metadata may have: 1 to 23 of [a-z0-9]? */
bool azure_meta_key_ok(const char *key);

#endif
