/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery points of made-up VMs on a target in memory, as cycles make them.  Everything asserts.  Include "unit.h" first. */
#ifndef LIFTFS_TESTS_POINTS_RIG_H
#define LIFTFS_TESTS_POINTS_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replicate/prune.h"
#include "support/target_fault.h"

#define SIZE 1024
#define KEEP(n) (&(const struct retention_policy){ .last = (n) })
#define PRUNE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

struct rig {
	struct mem_service *service;
	struct fault *fault;
	struct target *target;
	struct prune_result result;
	struct error err;
};

static inline int setup(void **state)
{
	static struct rig rig;

	rig = (struct rig){ .service = mem_service_new("prune"), .fault = fault_new() };
	rig.target = fault_target_open(rig.fault, mem_target_open(rig.service, NULL, NULL), NULL);
	setenv("TZ", "UTC0", 1);
	*state = &rig;
	return rig.target ? 0 : -1;
}

static inline int teardown(void **state)
{
	struct rig *rig = *state;

	prune_result_fini(&rig->result);
	target_close(rig->target);
	fault_free(rig->fault);
	mem_service_free(rig->service);
	return 0;
}

static inline void set(struct target_meta *m, const char *key, const char *value)
{
	assert_int_equal(target_meta_set(m, key, value, NULL), 0);
}

static inline void set_number(struct target_meta *m, const char *key, unsigned value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	set(m, key, text);
}

/* The liftfsid is made of the name. */
static inline void replica(struct rig *rig, const char *name, const char *vm)
{
	struct replica *r = target_replica(rig->target, name, NULL);
	struct target_meta m = { 0 };
	struct target_look l = { 0 };

	set(&m, "liftfsid", name);
	set(&m, "vm", vm);
	assert_int_equal(replica_look(r, &l, NULL), 0);
	if (l.exists) {
		char version[TARGET_VERSION_LEN];

		assert_int_equal(replica_set_meta(r, l.version, &m, version, NULL), 0);
	} else {
		assert_int_equal(replica_create(r, SIZE, 1, &m, NULL), 0);
	}
	target_look_fini(&l);
	target_meta_fini(&m);
	replica_close(r);
}

struct made { /* a snapshot as a cycle makes it */
	const char *vm, *moment;
	unsigned token, number, disks;
};

static inline void snapshot_as(struct rig *rig, const char *name, const char *liftfs_id, const struct made *p)
{
	struct replica *r = target_replica(rig->target, name, NULL);
	struct target_meta m = { 0 };
	struct target_look l = { 0 };
	char token[GUID_TEXT_LEN], id[TARGET_POINT_LEN];

	snprintf(token, sizeof(token), "%08x-0000-4000-8000-000000000000", p->token);
	set(&m, "liftfsid", liftfs_id);
	set(&m, "token", token);
	set(&m, "vm", p->vm);
	set(&m, "moment", p->moment);
	set_number(&m, "number", p->number);
	set_number(&m, "disks", p->disks);
	assert_int_equal(replica_look(r, &l, NULL), 0);
	assert_int_equal(replica_snapshot(r, l.version, "x", &m, id, NULL), 0);
	target_look_fini(&l);
	target_meta_fini(&m);
	replica_close(r);
}

static inline void snapshot(struct rig *rig, const char *name, const struct made *p)
{
	snapshot_as(rig, name, name, p);
}

/* Point `n` of VM web, of two disks: the n-th day of May, epoch n. */
static inline const char *day(unsigned n)
{
	static char texts[10][CLOCK_TEXT_LEN];

	assert_true(n < 10);
	snprintf(texts[n], sizeof(texts[n]), "202605%02uT120000.000Z", n);
	return texts[n];
}

static inline void both(struct rig *rig, unsigned n)
{
	const struct made p = { .vm = "web", .moment = day(n), .token = n, .number = n, .disks = 2 };

	snapshot(rig, "web/a.vhd", &p);
	snapshot(rig, "web/b.vhd", &p);
}

static inline void web(struct rig *rig, unsigned n_points)
{
	replica(rig, "web/a.vhd", "web");
	replica(rig, "web/b.vhd", "web");
	for (unsigned n = 1; n <= n_points; n++)
		both(rig, n);
}

static inline int run(struct rig *rig, const struct retention_policy *policy)
{
	const struct prune_options opt = { .target = rig->target, .policy = policy };

	prune_result_fini(&rig->result);
	rig->err = (struct error)ERROR_INIT;
	mem_records_clear(rig->service);
	return prune_run(&opt, &rig->result, &rig->err);
}

static inline void run_ok(struct rig *rig, const struct retention_policy *policy)
{
	if (run(rig, policy) < 0)
		fail_msg("%s", rig->err.msg);
}

static inline size_t deletes(struct rig *rig)
{
	return mem_records_count(rig->service, MEM_DELETE_POINT);
}

/* The verdict on the point with this token. */
static inline const struct prune_verdict *verdict(const struct rig *rig, unsigned token)
{
	char text[GUID_TEXT_LEN];

	snprintf(text, sizeof(text), "%08x-0000-4000-8000-000000000000", token);
	for (size_t i = 0; i < rig->result.points.n; i++)
		if (strcmp(rig->result.points.v[i].token, text) == 0)
			return &rig->result.v[i];
	fail_msg("no point %u", token);
	return NULL;
}

#endif
