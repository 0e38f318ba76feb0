/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a target implements: one `static const struct target_ops` and a line in the registry (target.c).
 *
 * The wrappers in target.c have checked what target.h promises: arguments, ranges, alignment, that op is not in flight;
 * they count requests' bytes.  Contracts are those of target.h; a NULL member is ERR_UNSUPPORTED, named by the wrapper.
 */
#ifndef LIFTFS_TARGET_OPS_H
#define LIFTFS_TARGET_OPS_H

#include "target/target.h"

struct target_ops {
	const char *scheme;                   /* for messages: "azure", "dir", "null" */
	bool (*match)(const char *url);       /* is this URL ours? */
	int (*open)(struct target *t, const char *url, struct error *err); /* sets name, caps, priv */
	void (*close)(struct target *t);
	int (*prepare)(struct target *t, bool dry_run, char **note, struct error *err);
	int (*check_name)(const struct target *t, const char *name, struct error *err);
	int (*list)(struct target *t, int (*each)(void *ctx, const char *name, const struct target_look *look,
		    struct error *err), void *ctx, struct error *err);

	int (*replica_open)(struct replica *r, struct error *err); /* sets priv */
	void (*replica_close)(struct replica *r);                  /* priv may be NULL or half made */
	int (*look)(struct replica *r, struct target_look *out, struct error *err);
	int (*create)(struct replica *r, uint64_t size, uint64_t number, const struct target_meta *meta,
		      struct error *err);
	int (*lease)(struct replica *r, enum target_lease_action action, const struct guid *id, struct error *err);
	int (*raise)(struct replica *r, uint64_t number, const char *if_version, uint64_t *number_out,
		     char *version_out, struct error *err);
	int (*set_meta)(struct replica *r, const char *if_version, const struct target_meta *meta, char *version_out,
			struct error *err);
	int (*resize)(struct replica *r, uint64_t size, const char *if_version, char *version_out, struct error *err);
	void (*submit)(struct replica *r, struct target_op *op);
	void (*barrier)(struct replica *r);
	int (*read)(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version,
		    struct error *err);
	int (*extents)(struct replica *r, uint64_t len, uint64_t off, const char *if_version,
		       struct extent_list *out, struct error *err);
	int (*snapshot)(struct replica *r, const char *if_version, const char *name, const struct target_meta *meta,
			char *id_out, struct error *err);
	int (*points)(struct replica *r, struct target_points *out, struct error *err);
	int (*at_point)(struct replica *r, const char *point_id, struct replica *point, struct error *err);
};

struct target {
	const struct target_ops *ops;
	struct target_config config; /* strings copied */
	char *name;
	struct target_caps caps;
	void *priv;
};

struct replica {
	const struct target_ops *ops;
	struct target *target;
	char *name;
	char *point; /* id, or NULL for the live replica */
	struct target_counters counters;
	_Atomic uint64_t size;      /* bytes, as the last look, create or resize told the wrapper; 0: not known yet */
	_Atomic uint64_t in_flight; /* kept by the wrappers */
	void *priv;
};

/* Completes op: counts it, clears in_flight, calls done.  The op may be gone afterwards. */
void target_complete(struct replica *r, struct target_op *op);

extern const struct target_ops target_azure_ops;
extern const struct target_ops target_dir_ops;
extern const struct target_ops target_null_ops;

#endif
