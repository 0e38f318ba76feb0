/* SPDX-License-Identifier: Apache-2.0 */
/* The server's state, and how a request becomes a reply: faults, operation, late requests, records. */
#ifndef LIFTFS_TESTS_PAGEBLOB_CORE_H
#define LIFTFS_TESTS_PAGEBLOB_CORE_H

#include <pthread.h>

#include "support/pageblob_auth.h"
#include "support/pageblob_faults.h"
#include "support/pageblob_op.h"
#include "support/pageblob_record.h"
#include "support/pageblob_server.h"
#include "support/pageblob_store.h"
#include "support/pageblob_token.h"

struct MHD_Daemon;

struct pageblob_late {
	struct pageblob_request *req;
	uint64_t after; /* other writes to come before it; 0: until released */
};

struct pageblob_server {
	pthread_mutex_t lock; /* all below, but for what is set once at the start */
	pthread_cond_t wake;  /* ends delays */
	uint64_t rules_set; /* how often */
	bool stopping;
	struct pageblob_store store;
	struct pageblob_faults faults;
	struct pageblob_journal journal;
	struct pageblob_tokens tokens;
	struct pageblob_late *late;
	size_t n_late;
	uint64_t lease_ahead_ns; /* by which tests moved the clock of leases on */
	uint64_t request_id;

	/* Set once. */
	struct pageblob_account account;
	bool hns, refuse_early, tls;
	unsigned lease_second_ms;
	uint64_t seed;
	struct MHD_Daemon *daemon;
	uint16_t port;
	char endpoint[160];
};

/*
 * Carries a request out and fills r.  Takes *req over, leaving NULL, if it is to be applied late.  Any thread; waits
 * for delays without the lock.
 */
void pageblob_core_handle(struct pageblob_server *s, struct pageblob_request **req, struct pageblob_reply *r);

/* /_admin/...: rules, release, reset, clock, stats, requests. */
void pageblob_core_admin(struct pageblob_server *s, struct pageblob_request *req, struct pageblob_reply *r);

/* /_token/...: sign-in. */
void pageblob_core_token(struct pageblob_server *s, struct pageblob_request *req, struct pageblob_reply *r);

/* HTTP in front of it (pageblob_http.c). */
int pageblob_http_start(struct pageblob_server *s, const struct pageblob_config *config, struct error *err) MUST_CHECK;
void pageblob_http_stop(struct pageblob_server *s);

#endif
