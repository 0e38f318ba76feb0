/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret with an end (an access token, a SAS from a file), kept fresh.
 *
 * A keeper has one thread, which alone asks the source.  It asks when the present token is due (80 % of its life, or
 * 5 minutes before its end, whichever comes first; of a life up to 10 minutes always 80 %), and when somebody was
 * refused with it.  Meanwhile the present one is served while it lasts.  Lives are counted by the boot-time clock from
 * the moment before the request: a host with a wrong date renews all the same, and never later than the service ends.
 *
 * Each token has a generation, counted from 1.  Whoever was refused says with which: only the first to say so makes
 * the keeper ask, so that many writers that are refused at once renew once and all go on.
 *
 * Any function from any thread; none but token_keeper_wait() and _stop() waits.
 */
#ifndef LIFTFS_NET_TOKEN_H
#define LIFTFS_NET_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "net/http.h"
#include "net/token_reply.h"

#define TOKEN_AGAIN_MS 30000 /* after a source failed for good, it is left alone for so long */

struct token_keeper;

/* What a source works with. */
struct token_ask {
	struct http *http;
	struct cancel *stop;           /* set when the keeper ends: give up soon */
	uint64_t (*below)(uint64_t n); /* dice for waits between tries; NULL: random_below() */
	struct outage *outage;         /* of the endpoint, from question to question; NULL: of this one alone */
	const struct secret *refused;  /* the present one, if the service refused it; NULL: none was */
	const char *refusal;           /* what it said then */
};

struct token_source {
	/*
	 * Brings a token, on the keeper's thread.  ERR_NETWORK: it may work later; ERR_REFUSED: a person must act.
	 */
	int (*fetch)(void *ctx, const struct token_ask *ask, struct token *out, struct error *err);
	void (*free)(void *ctx); /* may be NULL */
	void *ctx;
};

/* Takes source.ctx over, also when it fails. */
struct token_keeper *token_keeper_new(const struct token_source *source, struct error *err) MUST_CHECK;
/* Stops first; NULL is welcome. */
void token_keeper_free(struct token_keeper *k);
DEFINE_CLEANUP(cleanup_token_keeper, struct token_keeper *, token_keeper_free);

/*
 * Starts the thread, which asks for the first token.  `http` outlives the keeper's thread.  below: see struct
 * token_ask.
 */
int token_keeper_start(struct token_keeper *k, struct http *http, uint64_t (*below)(uint64_t n),
		       struct error *err) MUST_CHECK;
/* Ends the thread; an exchange in flight is given up.  What is there is served on. */
void token_keeper_stop(struct token_keeper *k);

enum token_state { TOKEN_FAILED = -1, TOKEN_READY = 0, TOKEN_COMING = 1 };
/* Is there one to send?  TOKEN_FAILED sets err, the source's last. */
enum token_state token_keeper_poll(struct token_keeper *k, struct error *err);
/* The same, waiting at most `ms` while it is coming. */
enum token_state token_keeper_wait(struct token_keeper *k, unsigned ms, struct error *err);

/* The present one, whether or not it has ended: a copy, the caller's.  ERR_BUG before the first. */
struct secret *token_keeper_get(struct token_keeper *k, uint64_t *generation_out, struct error *err) MUST_CHECK;

/*
 * Is there sense in refusing that generation?  False if it is itself young and the answer to a refusal: the next would
 * fare no better, and the endpoint is not to be asked by each of a thousand writes.
 */
bool token_keeper_may_refuse(struct token_keeper *k, uint64_t generation);
/*
 * The service refused what was sent with that generation; `said` for messages.  True: it had not ended by our clock,
 * so that this was more than the usual end.
 */
bool token_keeper_refuse(struct token_keeper *k, uint64_t generation, const char *said);
/* Asks anew, whatever the present one's age: what it comes from has changed. */
void token_keeper_renew(struct token_keeper *k);

/* When the present one ends, realtime; 0: it does not, or there is none. */
uint64_t token_keeper_end(struct token_keeper *k);

/* After how much of a life of so many ms the next token is due. */
uint64_t token_due_ms(uint64_t life_ms);

#endif
