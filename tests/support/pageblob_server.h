/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page-blob service for tests, stricter than any emulator: it refuses what Azure refuses, records each request, and
 * breaks on demand.  HTTP/1.1 on 127.0.0.1, path style: http://127.0.0.1:PORT/ACCOUNT/CONTAINER/BLOB.
 *
 * Every function may be called from any thread while the server runs.  Each applies its effect at once, between
 * requests.
 *
 * Faults are rules, one a line of text, tried in order; the first that fits a request is used, but
 * for delays, after which the search goes on:
 *
 *   OPERATION ACTION [key=value ...]
 *
 *   OPERATION  a name of enum pageblob_op below (PutPage, LeaseRenew, ...), `*` any, `write` all that change a blob
 *
 *   when       n=3 the third such request since the rule was set (1 is the first); count=2 that many from there on (1 if n is
 *              given, else for ever); every=10; p=0.25 by chance, from the seed; blob=NAME only that one
 *
 *   ACTION
 *   fail       status=503 code=ServerBusy retry-after=1: refused, nothing applied
 *   lost       status=500 code=OperationTimedOut, or close=1: applied, and the answer is an error, or none
 *   late       after=2, status= or close= as above: checked and answered as lost, applied after two other writes; without
 *              `after` when released.  Conditions count then, the lease does not
 *   drop       nothing applied, the connection ends without an answer
 *   delay      ms=250: carried out after that time (blob unlocked)
 *   cut        after=1000: the connection ends inside the answer's body
 *   drip       after=512 ms=20: the answer's body comes in pieces of so many bytes (1024), that long before each
 *   badcrc     the answer's x-ms-content-crc64 or Content-MD5 is wrong
 *   flip       at=5: the lowest bit of that byte of the answer's body is turned
 *
 *   `seed 7` sets what chance starts from; `#` begins a comment.
 *
 * The same over HTTP, for scripts: PUT /_admin/faults (body: rules, replacing all), /_admin/release, /_admin/reset,
 * /_admin/clock?advance_ms=60000, /_admin/revoke; GET /_admin/stats, /_admin/requests (JSON), /_admin/form, /_admin/tokens.  These need no signature.
 */
#ifndef LIFTFS_TESTS_PAGEBLOB_SERVER_H
#define LIFTFS_TESTS_PAGEBLOB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

#define PAGEBLOB_ACCOUNT "devstoreaccount1"
#define PAGEBLOB_KEY "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

/* Named in logs and fault rules as in the second column of pageblob_op_name(). */
enum pageblob_op {
	PAGEBLOB_UNKNOWN, /* Unknown */
	PAGEBLOB_GET_ACCOUNT_INFO,
	PAGEBLOB_CREATE_CONTAINER,
	PAGEBLOB_DELETE_CONTAINER,
	PAGEBLOB_GET_CONTAINER_PROPERTIES,
	PAGEBLOB_LIST_BLOBS,
	PAGEBLOB_PUT_BLOB,
	PAGEBLOB_DELETE_BLOB,
	PAGEBLOB_GET_BLOB,
	PAGEBLOB_GET_BLOB_PROPERTIES,
	PAGEBLOB_GET_BLOB_METADATA,
	PAGEBLOB_GET_PAGE_RANGES,
	PAGEBLOB_SET_BLOB_PROPERTIES,
	PAGEBLOB_SET_BLOB_METADATA,
	PAGEBLOB_SNAPSHOT_BLOB,
	PAGEBLOB_PUT_PAGE,
	PAGEBLOB_CLEAR_PAGES,
	PAGEBLOB_PUT_PAGE_FROM_URL,
	PAGEBLOB_LEASE_ACQUIRE,
	PAGEBLOB_LEASE_RENEW,
	PAGEBLOB_LEASE_CHANGE,
	PAGEBLOB_LEASE_RELEASE,
	PAGEBLOB_LEASE_BREAK,
	PAGEBLOB_OP_COUNT
};

/* PutPage, ClearPages, PutBlob, LeaseAcquire, GetPageRanges ... */
const char *pageblob_op_name(enum pageblob_op op);

struct pageblob_config {
	const char *account, *key;      /* NULL: the emulator's, above */
	const char *bearer;             /* an OAuth token that is always accepted; NULL: none */
	/* The server's own sign-in, pageblob_token.h.  tenant, client: NULL: "tenant", "client" */
	const char *tenant, *client, *client_secret, *federated, *client_cert_pem;
	unsigned token_s; /* how long a token lasts; 0: 3600 */
	uint16_t port;                  /* 0: any */
	const char *cert_pem, *key_pem; /* PEM text of both: TLS; NULL: plain HTTP */
	const char *log_path;           /* one JSON line a request is appended; NULL: none */
	const char *faults;             /* rules to start with; NULL: none */
	uint64_t seed;                  /* of chance in the rules */
	bool any_date;                  /* accept an x-ms-date that is more than 15 minutes off */
	bool hns;                       /* an account with a hierarchical namespace: no page blobs */
	bool refuse_early;        /* answer 413 before the body was read, as a front end may: the sender sees EPIPE */
	unsigned lease_second_ms; /* how long a second of a lease lasts; 0: 1000 */
};

struct pageblob_server;

struct pageblob_server *pageblob_server_start(const struct pageblob_config *config, struct error *err) MUST_CHECK;
/* Ends all connections and waits for their threads; what was held back late is forgotten. */
void pageblob_server_stop(struct pageblob_server *s); /* NULL is welcome */
DEFINE_CLEANUP(cleanup_pageblob_server, struct pageblob_server *, pageblob_server_stop);

uint16_t pageblob_server_port(const struct pageblob_server *s);
/* "http://127.0.0.1:PORT/ACCOUNT", valid until the server stops. */
const char *pageblob_server_endpoint(const struct pageblob_server *s);

/* Replaces all rules, and ends delays under way.  ERR_USAGE names the line. */
int pageblob_server_faults(struct pageblob_server *s, const char *rules, struct error *err) MUST_CHECK;
/* Applies everything that is held back; returns how many requests that were. */
unsigned pageblob_server_release_late(struct pageblob_server *s);
/* No faults, counters and records at zero, what is held back forgotten; with `content` containers go too. */
void pageblob_server_reset(struct pageblob_server *s, bool content);
/* Moves the clock of leases on. */
void pageblob_server_advance(struct pageblob_server *s, uint64_t ms);

struct pageblob_stats {
	uint64_t requests[PAGEBLOB_OP_COUNT];              /* that came, whatever the answer */
	uint64_t refused[PAGEBLOB_OP_COUNT];               /* answered with 400 or above, or not at all */
	uint64_t bytes_written, bytes_cleared, bytes_read; /* of pages, as applied */
	uint64_t faults;                                   /* rules used */
	uint64_t late_applied, late_refused, late_waiting;
};
void pageblob_server_stats(struct pageblob_server *s, struct pageblob_stats *out);
uint64_t pageblob_server_count(struct pageblob_server *s, enum pageblob_op op);

/* What its sign-in was asked for and has issued; a copy of the last form that was posted goes to form (NULL: not). */
void pageblob_server_tokens(struct pageblob_server *s, uint64_t *asked_out, uint64_t *issued_out, char *form,
			    size_t len);
/* The next so many questions get 503. */
void pageblob_server_tokens_down(struct pageblob_server *s, unsigned n);
/* All that were issued are refused from now on. */
void pageblob_server_tokens_revoke(struct pageblob_server *s);
/* Another federated token is the good one now. */
void pageblob_server_federated(struct pageblob_server *s, const char *text);

#define PAGEBLOB_RECORDS 1024 /* how many are kept */
struct pageblob_record {
	uint64_t number; /* from 1, in the order in which requests were carried out */
	enum pageblob_op op;
	int status;                                       /* as sent; 0: no answer */
	char code[64];                                    /* of the error, "" without one */
	char fault[8];                                    /* the action of the rule that was used, or "" */
	bool late;                                        /* the application of a late request, not its arrival */
	char method[8], path[256], query[256];            /* as decoded; a signature is cut out */
	uint64_t off, len;                                /* of x-ms-range; 0, 0 without */
	uint64_t bytes;                                   /* of the body received */
	char sequence_eq[24], lease_id[40], if_match[40]; /* headers, "" if absent */
};
/* The last `max` records, oldest first; returns how many. */
size_t pageblob_server_requests(struct pageblob_server *s, struct pageblob_record *out, size_t max);

/* What is stored, for comparing without HTTP.  snapshot NULL: the blob itself.  ERR_USAGE if there is no such blob. */
int pageblob_server_create_container(struct pageblob_server *s, const char *name, struct error *err) MUST_CHECK;
int pageblob_server_size(struct pageblob_server *s, const char *container, const char *blob, const char *snapshot,
			 uint64_t *size_out, struct error *err) MUST_CHECK;
int pageblob_server_read(struct pageblob_server *s, const char *container, const char *blob, const char *snapshot,
			 uint64_t off, void *buf, size_t len, struct error *err) MUST_CHECK;
/* A write by somebody who keeps no rule but alignment: new ETag, no lease or number asked.  data NULL: cleared. */
int pageblob_server_meddle(struct pageblob_server *s, const char *container, const char *blob, uint64_t off,
			   const void *data, size_t len, struct error *err) MUST_CHECK;

#endif
