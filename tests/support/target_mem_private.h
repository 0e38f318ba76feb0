/* SPDX-License-Identifier: Apache-2.0 */
/* What the rooms of the in-memory target share.  `_locked`: the caller holds the service's lock. */
#ifndef LIFTFS_TESTS_TARGET_MEM_PRIVATE_H
#define LIFTFS_TESTS_TARGET_MEM_PRIVATE_H

#include "target_mem.h"

struct mem_content {
	uint64_t size, number;
	uint8_t *data;
	uint8_t *valid; /* per 512 bytes: 1 written, 0 cleared or never written; what extents tell */
	struct target_meta meta;
};

struct mem_point {
	char id[TARGET_POINT_LEN];
	struct mem_content content;
};

struct mem_blob {
	struct mem_blob *next;
	char *name;
	bool exists;
	uint64_t version;
	struct mem_content live;
	struct mem_point *points;
	size_t n_points;
	struct guid lease; /* the last; zero: none, or one that cannot be renewed */
	uint64_t lease_until_s;
};

struct mem_service {
	struct mem_service *next;
	char *name;
	pthread_mutex_t lock;
	bool points, remote, map_copies;
	uint64_t max_size, now_s, changes;
	unsigned snapshots;
	struct mem_blob *blobs;
	struct mem_record *records;
	size_t n_records, cap_records;
	struct mem_late *late;
	size_t n_late;
};

struct mem_request { /* all that changes something, as it travels */
	struct mem_service *service;
	enum mem_kind kind;
	char *name;
	uint64_t off, len; /* len: the size, of create and resize */
	void *data;
	struct guid lease; /* that it carries, or that it is about */
	enum target_lease_action action;
	const char *if_version;      /* "" or a number, which `version` is */
	uint64_t version, number_eq; /* 0: no condition */
	uint64_t number;
	struct target_meta meta;
	/* the answer */
	uint64_t number_out, version_out;
	char id_out[TARGET_POINT_LEN];
};

void *mem_must(void *p); /* aborts without memory */
struct mem_service *mem_service_find(const char *name);
struct mem_blob *mem_blob_locked(struct mem_service *s, const char *name); /* made if absent, then with !exists */
bool mem_leased_locked(const struct mem_service *s, const struct mem_blob *b);
void mem_point_remove_locked(struct mem_blob *b, const char *id); /* of no such point: nothing */
void mem_record_locked(struct mem_service *s, const struct mem_record *record);
int mem_execute(struct mem_request *q, struct error *err);
int mem_execute_locked(struct mem_request *q, struct error *err);

/* target_mem_lease.c */
int mem_lease_locked(struct mem_service *s, struct mem_blob *b, const struct mem_request *q, struct error *err);
/* A request is there: late ones whose time has come take effect before it. */
void mem_arrive_locked(struct mem_service *s);
void mem_late_fini(struct mem_service *s);

#endif
