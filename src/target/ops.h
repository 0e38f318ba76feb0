/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a target implements: one `const struct target_ops` and a line in the registry (registry.c).
 *
 * The wrappers (target.c, replica.c) have checked what target.h promises: arguments, ranges, alignment, that op is not
 * in flight, that a point is only read.  Outputs are theirs too: an implementation may write to them before it fails.
 * They count the bytes of what succeeded, and one request each unless `counts_requests`.  Contracts are those of
 * target.h.  check_space, check_name, barrier and publish may be NULL (nothing to do); any other that is NULL is ERR_UNSUPPORTED.
 */
#ifndef LIFTFS_TARGET_OPS_H
#define LIFTFS_TARGET_OPS_H

#include <pthread.h>

#include "target/target.h"

struct target_ops {
	const char *scheme;                   /* for messages: "azure", "dir", "null" */
	bool map_copies;                      /* knows replicas with map_copy set */
	bool counts_requests;                 /* one op may be several requests: the counters of requests are its own */
	bool (*match)(const char *url);       /* is this URL ours? */
	int (*open)(struct target *t, const char *url, struct error *err); /* sets name (malloced), caps, priv */
	/* After a failed open too: priv may be NULL or half made.  The name is the wrapper's to free. */
	void (*close)(struct target *t);
	int (*prepare)(struct target *t, bool dry_run, char **note, struct error *err);
	int (*check_space)(struct target *t, uint64_t data_bytes, uint64_t full_size, struct error *err);
	int (*check_name)(const struct target *t, const char *name, struct error *err);
	int (*list)(struct target *t, int (*each)(void *ctx, const char *name, const struct target_look *look,
		    struct error *err), void *ctx, struct error *err);

	/* NULL: the wrapper lists, and asks each replica. */
	int (*list_points)(struct target *t, const char *name, target_each_points *each, void *ctx, struct error *err);
	/* NULL: the text stays empty.  It is one request, and empty when it is called. */
	int (*glance)(struct target *t, const char *name, struct target_glance *out, struct error *err);

	int (*replica_open)(struct replica *r, struct error *err); /* sets priv */
	void (*replica_close)(struct replica *r);                  /* priv may be NULL or half made */
	int (*look)(struct replica *r, struct target_look *out, struct error *err);
	int (*create)(struct replica *r, uint64_t size, uint64_t number, const struct target_meta *meta,
		      struct error *err);
	int (*lease)(struct replica *r, enum target_lease_action action, const struct guid *id, const char *if_version,
		     struct error *err); /* if_version may be NULL */
	int (*raise)(struct replica *r, uint64_t number, const char *if_version, uint64_t *number_out,
		     char *version_out, struct error *err);
	/* Both in one change; NULL: the caller does one after the other. */
	int (*raise_with)(struct replica *r, uint64_t number, const struct target_meta *meta, const char *if_version,
			  uint64_t *number_out, char *version_out, struct error *err);
	int (*set_meta)(struct replica *r, const char *if_version, const struct target_meta *meta, char *version_out,
			struct error *err);
	int (*resize)(struct replica *r, uint64_t size, const char *if_version, char *version_out, struct error *err);
	/* Ends in target_complete(), on a thread of the target's.  Never waits for it. */
	void (*submit)(struct replica *r, struct target_op *op);
	/* Hurries what is in flight; the wrapper waits for it afterwards. */
	void (*barrier)(struct replica *r);
	int (*read)(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version,
		    struct error *err);
	int (*extents)(struct replica *r, uint64_t len, uint64_t off, const char *if_version,
		       struct extent_list *out, struct error *err);
	int (*snapshot)(struct replica *r, const char *if_version, const char *name, const struct target_meta *meta,
			char *id_out, struct error *err);
	int (*publish)(struct replica *r, const char *if_version, struct error *err); /* NULL: nothing to do */
	int (*delete_point)(struct replica *r, const char *point_id, struct error *err);
	int (*points)(struct replica *r, struct target_points *out, struct error *err);
	/* Sets point->priv; replica_close() is called for it as for any other.  replica_open() is not. */
	int (*at_point)(struct replica *r, const char *point_id, struct replica *point, struct error *err);
};

struct target {
	const struct target_ops *ops;
	struct target_config config; /* strings copied */
	char *name;
	struct target_caps caps;
	struct target_counters counters; /* the place's own, and those of closed replicas */
	void *priv;
};

struct replica {
	const struct target_ops *ops;
	struct target *target;
	char *name;
	char *point;   /* id, or NULL for the live replica */
	bool map_copy; /* not a replica but the copy of its map; known before replica_open() */
	struct target_counters counters;
	_Atomic uint64_t size;      /* bytes, as the last look, create or resize told the wrapper; 0: not known yet */
	uint64_t in_flight;         /* kept by the wrappers, under lock */
	pthread_mutex_t lock;       /* the wrappers' */
	pthread_cond_t idle;        /* in_flight became 0 */
	void *priv;
};

/* Where the copy of the map of `name` lies below the place: ".liftfs/maps/web01/web01.blockmap" for web01/web01.vhd.  The
 * caller frees. */
char *target_map_copy_path(const char *name, struct error *err) MUST_CHECK;

/* Completes op: counts it, clears in_flight, calls done.  The op may be gone afterwards. */
void target_complete(struct replica *r, struct target_op *op);

/* error_set() with one of enum target_refusal as the detail. */
int target_refuse(struct error *err, enum error_code code, enum target_refusal why, const char *fmt, ...)
	PRINTF_FMT(4, 5);

/* A target by its table instead of by its URL's scheme: for tests and wrappers. */
struct target *target_open_ops(const struct target_ops *ops, const char *url, const struct target_config *config,
			       struct error *err) MUST_CHECK;

extern const struct target_ops target_azure_ops;
extern const struct target_ops target_dir_ops;
extern const struct target_ops target_null_ops;

/* All that target_open() knows, in the order in which they are asked; NULL-terminated. */
extern const struct target_ops *const target_registry[];

#endif
