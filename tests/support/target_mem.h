/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A target in memory, "mem:NAME", as strict as the service whose seam it implements: versions, numbers, leases with a
 * clock that only the test moves, snapshots.  The service outlives the targets that are opened on it, so that a test
 * can end a host in the middle, start another, or have two at once.  It keeps a record of each request as it took
 * effect or was refused.  A failed allocation aborts.  All functions may be called from any thread.
 */
#ifndef LIFTFS_TESTS_TARGET_MEM_H
#define LIFTFS_TESTS_TARGET_MEM_H

#include "target/ops.h"

struct mem_service;

extern const struct target_ops target_mem_ops;

struct mem_service *mem_service_new(const char *name);
/* After all its targets. */
void mem_service_free(struct mem_service *s);
/* target_open_ops() with "mem:NAME"; config may be NULL. */
struct target *mem_target_open(struct mem_service *s, const struct target_config *config, struct error *err) MUST_CHECK;

/* What targets opened from now on say: points (why_no_points follows), remote, max_size.  First: points, remote, 4 TiB.
 */
void mem_service_set_caps(struct mem_service *s, bool points, bool remote, uint64_t max_size);
/* Does it keep copies of block maps (as blobs ".liftfs/maps/NAME.blockmap")?  First: no, so that requests are the replica's. */
void mem_service_set_map_copies(struct mem_service *s, bool on);
/* Leases end by this clock alone. */
void mem_service_advance(struct mem_service *s, unsigned seconds);

enum mem_kind {
	MEM_LOOK = 1 << 0,
	MEM_CREATE = 1 << 1,
	MEM_LEASE = 1 << 2,
	MEM_RAISE = 1 << 3,
	MEM_META = 1 << 4,
	MEM_RESIZE = 1 << 5,
	MEM_WRITE = 1 << 6,
	MEM_CLEAR = 1 << 7,
	MEM_READ = 1 << 8,
	MEM_EXTENTS = 1 << 9,
	MEM_SNAPSHOT = 1 << 10,
	MEM_POINTS = 1 << 11,
	MEM_DELETE_POINT = 1 << 12,
	MEM_PUBLISH = 1 << 13,
	MEM_ALL = (1 << 14) - 1,
};

struct mem_record {
	enum mem_kind kind;
	char name[64]; /* of the replica, cut */
	uint64_t off, len;
	uint64_t number;                 /* the epoch it was conditional on or asked for; 0: none */
	enum target_lease_action action; /* MEM_LEASE */
	enum error_code code;            /* as it was answered: ERR_NONE took effect */
	int detail;
};
/* A copy, the caller's to free; *n_out of them.  Those of the kinds in mask only. */
struct mem_record *mem_records(struct mem_service *s, unsigned mask, size_t *n_out);
size_t mem_records_count(struct mem_service *s, unsigned mask);
void mem_records_clear(struct mem_service *s);

/* ---- looking at it, besides the seam; no record, no lease ---- */

bool mem_exists(struct mem_service *s, const char *name);
uint64_t mem_size(struct mem_service *s, const char *name);
uint64_t mem_number(struct mem_service *s, const char *name);
/* Copies; the range is inside the replica.  point: an index from 0, oldest first; -1: live. */
void mem_peek(struct mem_service *s, const char *name, int point, void *buf, size_t len, uint64_t off);
size_t mem_points_count(struct mem_service *s, const char *name);

/* ---- what others do ---- */

/* Another tool's write, without lease and number.  false: refused, as a lease runs. */
bool mem_foreign_write(struct mem_service *s, const char *name, const void *buf, size_t len, uint64_t off);
bool mem_foreign_delete(struct mem_service *s, const char *name);
/* A snapshot without metadata; always works. */
void mem_foreign_snapshot(struct mem_service *s, const char *name);

/* ---- requests that take effect later than their sender believes ---- */

/*
 * Captures what the handle r (of a mem target) would send now, with the lease, the number and the version that it would
 * send; mem_apply() lets it arrive, once, whenever.  Data is copied.  mem_send_late() gives it to the service, so that its sender
 * may be gone by then: it takes effect after `after` other requests of whomsoever, just before the next one; MEM_LATE_HELD: at
 * mem_release_late(), which says how many there were.  What is left never arrives.
 */
struct mem_request;
#define MEM_LATE_HELD UINT64_MAX
void mem_send_late(struct mem_service *s, struct mem_request *req, uint64_t after);
size_t mem_release_late(struct mem_service *s);
struct mem_request *mem_capture_op(struct replica *r, const struct target_op *op);
struct mem_request *mem_capture_create(struct replica *r, uint64_t size, uint64_t number,
				       const struct target_meta *meta);
struct mem_request *mem_capture_raise(struct replica *r, uint64_t number, const char *if_version);
struct mem_request *mem_capture_lease(struct replica *r, enum target_lease_action action, const struct guid *id,
				      const char *if_version); /* may be NULL */
struct mem_request *mem_capture_snapshot(struct replica *r, const char *if_version, const struct target_meta *meta);
int mem_apply(struct mem_request *req, struct error *err); /* frees req */
void mem_request_free(struct mem_request *req);            /* never arrives */

#endif
