/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rooms of the Azure target share.
 *
 *   azure_target.c    the table, the place: open, prepare, names
 *   azure_list.c      blobs of the place, snapshots of its replicas, and their removal
 *   azure_page.c      a replica: look, create, raise, metadata, resize, snapshot, read
 *   azure_lease.c     its lease, and what each write carries
 *   azure_ranges.c    which ranges hold data
 *   azure_write.c     its writes: queue, window, retries; md5_batch.c, their MD5s where it takes those
 *   azure_exchange.c  one request and its answer, again as often as it is worth it, for all but the writes
 *   azure_url, azure_request, azure_reply, congestion    pure
 */
#ifndef LIFTFS_TARGET_AZURE_H
#define LIFTFS_TARGET_AZURE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/guid.h"
#include "net/credentials.h"
#include "net/http.h"
#include "net/outage.h"
#include "target/azure_reply.h"
#include "target/azure_request.h"
#include "target/azure_url.h"
#include "target/ops.h"
#include "target/patience.h"

struct azure_writer;

struct azure_place { /* target->priv */
	struct azure_url url;
	char *container_url;
	char who[CREDENTIALS_TEXT_LEN]; /* who asks, for messages */
	_Atomic int checksum;           /* enum azure_checksum; falls from CRC-64 to MD5 once, never back */
	uint64_t id;                    /* random, the head of the requests' ids */
	_Atomic uint64_t requests;      /* and their tail */
	pthread_mutex_t lock;
	struct patience patience;       /* under lock: of requests that are not writes, lists or reads */
	struct outage outage;           /* under lock */
};

struct azure_replica { /* replica->priv */
	char *blob;    /* its whole name in the container */
	char *url;
	pthread_mutex_t lock;
	char lease_id[GUID_TEXT_LEN]; /* under lock; "" while none is held */
	bool numbered;                /* under lock: writes are conditional on number */
	uint64_t number;
	struct azure_writer *writer; /* under lock; made by the first write */
};

static inline struct azure_place *azure_place(const struct target *t)
{
	return t->priv;
}

static inline struct azure_replica *azure_replica(const struct replica *r)
{
	return r->priv;
}

/* ---- azure_target.c ---- */

/* Date, request id and credentials: builds call into text, ready to be sent with body_len bytes.  Any thread. */
int azure_build(struct target *t, struct azure_call *call, size_t body_len, struct azure_text *text,
		struct error *err) MUST_CHECK;
/* The service knows no CRC-64: MD5 from now on.  False if that was so already. */
bool azure_fall_back(struct target *t);
/* What an answer says; status 0 if none came. */
void azure_answer(const struct http_request *req, struct azure_reply *out);

/* ---- azure_retry.c ---- */

/* What an operation has been through; zero at first. */
struct azure_tries {
	unsigned n;     /* attempts that were no success */
	bool congested; /* what the last answer said */
	bool renewed;   /* other credentials were asked for, since these had not ended and were refused all the same */
};
enum azure_step { AZURE_STEP_DONE, AZURE_STEP_AGAIN, AZURE_STEP_FAILED };
/*
 * After an attempt: is it done, worth another in *wait_ms, or an error (in err)?  `once`: an unknown outcome is an
 * error. The kind of checksum may have changed: the next attempt asks the place.  Never waits.
 */
enum azure_step azure_next(struct target *t, const struct azure_call *call, const struct http_request *req,
			   const struct azure_reply *reply, long expect, bool once, struct azure_tries *tries,
			   unsigned *wait_ms, struct error *err);

/* ---- azure_exchange.c ---- */

/* What is in flight when a gentle cancel comes has so long to end. */
#define AZURE_GENTLE_NS (UINT64_C(10) * 1000 * 1000 * 1000)

/* The token's level; it counts as CANCEL_NOW once it was gentle for so long.  *since_ns is the caller's, 0 at first. */
int azure_cancel_level(struct target *t, uint64_t *since_ns);

/* One operation that a caller waits for.  Zero it, fill the first group, azure_exchange_fini() it in any case. */
struct azure_exchange {
	struct azure_call call;
	long expect;     /* the status of success */
	bool once;       /* after an unknown outcome do not send again: ERR_NETWORK */
	void *reply_buf; /* as in struct http_request */
	size_t reply_cap, reply_max;

	struct http_request req; /* the answer */
	struct azure_reply reply;
	struct azure_text text; /* private */
};
/*
 * A gentle cancel ends waiting for another try, but lets each operation have its first: what ends a replica well
 * (fence, release of the lease) is asked for after it.  counters NULL: the place's own requests.  With a failed
 * answer x->reply tells its code.
 */
int azure_exchange(struct target *t, struct target_counters *counters, struct azure_exchange *x,
		   struct error *err) MUST_CHECK;
void azure_exchange_fini(struct azure_exchange *x);
static inline void cleanup_azure_exchange(struct azure_exchange *x)
{
	azure_exchange_fini(x);
}

/* ---- azure_lease.c ---- */

/* What every request of a replica carries: its URL, and the lease while it is held.  lease_id is the caller's room. */
void azure_call_init(struct replica *r, enum azure_operation op, struct azure_call *call, char lease_id[GUID_TEXT_LEN]);
int azure_lease(struct replica *r, enum target_lease_action action, const struct guid *id, const char *if_version,
		struct error *err);

/* ---- azure_list.c ---- */
int azure_list(struct target *t,
	       int (*each)(void *ctx, const char *name, const struct target_look *look, struct error *err), void *ctx,
	       struct error *err);
int azure_points(struct replica *r, struct target_points *out, struct error *err);
int azure_list_points(struct target *t, const char *name, target_each_points *each, void *ctx, struct error *err);
int azure_delete_point(struct replica *r, const char *point_id, struct error *err);
/* Key and value of one item of metadata as the service returned them; what liftfs cannot have written is left out. */
int azure_meta_add(struct target_meta *meta, const char *key, const char *value, struct error *err) MUST_CHECK;

/* ---- azure_page.c ---- */
int azure_look(struct replica *r, struct target_look *out, struct error *err);
int azure_create(struct replica *r, uint64_t size, uint64_t number, const struct target_meta *meta, struct error *err);
int azure_raise(struct replica *r, uint64_t number, const char *if_version, uint64_t *number_out, char *version_out,
		struct error *err);
int azure_set_meta(struct replica *r, const char *if_version, const struct target_meta *meta, char *version_out,
		   struct error *err);
int azure_resize(struct replica *r, uint64_t size, const char *if_version, char *version_out, struct error *err);
int azure_snapshot(struct replica *r, const char *if_version, const char *name, const struct target_meta *meta,
		   char *id_out, struct error *err);
int azure_read(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version, struct error *err);

/* ---- azure_ranges.c ---- */
int azure_extents(struct replica *r, uint64_t len, uint64_t off, const char *if_version, struct extent_list *out,
		  struct error *err);

/* ---- azure_write.c ---- */
void azure_submit(struct replica *r, struct target_op *op);
void azure_writer_free(struct azure_writer *w); /* nothing is in flight; NULL is welcome */

/* ---- checksums, azure_target.c ---- */

/* The text of data's checksum. */
int azure_sum(enum azure_checksum kind, const void *data, size_t len, char out[AZURE_SUM_TEXT_LEN],
	      struct error *err) MUST_CHECK;
/*
 * Of an operation that is submitted, by the thread that does it, of which there are many: the network thread is one.  Sets
 * its sum_kind; an MD5 is left to a batch (md5_batch.h), and `sum` is "" until then.
 */
int azure_sum_op(struct target *t, struct target_op *op, struct error *err) MUST_CHECK;
/* The header that carries it. */
const char *azure_sum_header(enum azure_checksum kind);

#endif
