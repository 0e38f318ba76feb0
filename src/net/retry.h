/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer of the storage service, or the lack of one, says about trying again.  Pure but for the clock (a
 * Retry-After date) and the jitter's dice.
 *
 * Ten tries, full jitter: a random wait below 0.5 s that doubles up to 30 s; Retry-After is a floor.
 *
 *   answer                                              verdict    unknown outcome   congestion
 *   2xx, 304                                            done
 *   no answer, never left this host                     again                        if it timed out
 *   no answer, may have arrived                         again      yes               if it timed out
 *   no answer: refused, cancelled, no memory, bad URL   give up    if it left
 *   408                                                 again
 *   429, 503                                            again                        yes
 *   500 OperationTimedOut                               again      yes               yes
 *   500 FeatureNotSupported, 501 with a code            give up
 *   500 CannotVerifyCopySource                          as the source's status, see below; unknown outcome
 *   500 or 501 without a code                           give up    yes
 *   500 with another code, 502, 504                     again      yes
 *   400 Md5Mismatch, Crc64Mismatch                      again, three tries in all
 *   401, 403 AuthenticationFailed                       again once, after new credentials, if they can be had
 *   any other                                           give up    if 5xx
 */
#ifndef LIFTFS_NET_RETRY_H
#define LIFTFS_NET_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define RETRY_TRIES 10
#define RETRY_AFTER_MAX_MS 300000 /* a longer Retry-After is cut to this: it would look like a hang */

enum retry_verdict {
	RETRY_DONE,    /* an answer that says yes */
	RETRY_AGAIN,   /* after after_ms */
	RETRY_GIVE_UP, /* trying again does not help, or was tried often enough */
};

struct retry_input {
	unsigned attempt;              /* tries made, this one included: 1 after the first */
	enum error_code transport;     /* ERR_NONE if there is an answer; see struct http_request's err */
	bool reached, timed_out;       /* as struct http_request has them */
	long status;                   /* of the answer */
	const char *service_code;      /* x-ms-error-code; NULL or "" if absent */
	const char *retry_after;       /* Retry-After, seconds or an HTTP date; NULL if absent */
	long copy_source_status;       /* x-ms-copy-source-status-code; 0 if absent */
	bool can_refresh;              /* newer credentials may be had, and were not fetched for this request yet */
	uint64_t elapsed_ms;           /* since the first try */
	uint64_t elapsed_max_ms;       /* no try begins later than this after the first; 0: no such limit */
	uint64_t (*below)(uint64_t n); /* dice for the jitter, uniform in [0, n); NULL: random_below() */
};

struct retry_decision {
	enum retry_verdict verdict;
	unsigned after_ms;
	bool unknown_outcome; /* a write may have been applied, or may yet be */
	bool congestion;      /* send less at once */
	bool refresh;         /* get new credentials first */
};

struct retry_decision retry_decide(const struct retry_input *in);

/* Of the try that failed, in one phrase for the log: "503 ServerBusy", "408", "no answer". */
#define RETRY_TEXT_LEN 96
void retry_describe(const struct retry_input *in, char out[RETRY_TEXT_LEN]);

#endif
