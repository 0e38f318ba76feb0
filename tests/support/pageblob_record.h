/* SPDX-License-Identifier: Apache-2.0 */
/* What was asked and answered: counters, the last requests, a log of JSON lines.  The server's lock is held. */
#ifndef LIFTFS_TESTS_PAGEBLOB_RECORD_H
#define LIFTFS_TESTS_PAGEBLOB_RECORD_H

#include <stdio.h>

#include "base/strbuf.h"
#include "support/pageblob_request.h"
#include "support/pageblob_server.h"

struct pageblob_journal {
	struct pageblob_stats stats;
	struct pageblob_record *v; /* a ring of PAGEBLOB_RECORDS */
	uint64_t n;                /* so many so far; the last is v[(n - 1) % PAGEBLOB_RECORDS] */
	FILE *log;                 /* or NULL */
};

void pageblob_journal_add(struct pageblob_journal *j, const struct pageblob_request *req,
			  const struct pageblob_reply *r, const char *fault);
size_t pageblob_journal_last(const struct pageblob_journal *j, struct pageblob_record *out, size_t max);
void pageblob_journal_reset(struct pageblob_journal *j);
void pageblob_journal_fini(struct pageblob_journal *j);

/* As JSON: an object; an array of the last requests. */
void pageblob_journal_stats_json(const struct pageblob_journal *j, struct strbuf *out);
void pageblob_journal_requests_json(const struct pageblob_journal *j, struct strbuf *out);

#endif
