/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of replicas on the strict server: listed with them, and deleted alone. */
#include "unit.h"

#include "support/azure_fixture.h"

static void snapshot_of(struct fixture *f, struct replica *r, char id[TARGET_POINT_LEN])
{
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };
	CLEANUP(cleanup_target_meta) struct target_meta meta = { 0 };

	fixture_must(f, replica_look(r, &look, &f->err));
	fixture_must(f, target_meta_set(&meta, "token", "t", &f->err));
	fixture_must(f, replica_snapshot(r, look.version, "x", &meta, id, &f->err));
}

static void version_of(struct fixture *f, char out[TARGET_VERSION_LEN])
{
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };

	fixture_must(f, replica_look(f->r, &look, &f->err));
	assert_true(look.exists);
	memcpy(out, look.version, sizeof(look.version));
}

static struct pageblob_record last_request(struct fixture *f)
{
	struct pageblob_record record;

	assert_int_equal(pageblob_server_requests(f->server, &record, 1), 1);
	return record;
}

static void a_snapshot_is_deleted_alone_whoever_holds_the_replica(void **state)
{
	struct fixture f;
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };
	struct pageblob_record record;
	char first[TARGET_POINT_LEN], second[TARGET_POINT_LEN], before[TARGET_VERSION_LEN], after[TARGET_VERSION_LEN];

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB); /* leased */
	snapshot_of(&f, f.r, first);
	snapshot_of(&f, f.r, second);
	version_of(&f, before);
	fixture_must(&f, replica_delete_point(f.r, first, &f.err));
	record = last_request(&f);
	assert_string_equal(record.method, "DELETE");
	assert_non_null(strstr(record.query, "snapshot="));
	assert_string_equal(record.lease_id, "");
	assert_int_equal(record.status, 202);
	fixture_must(&f, replica_points(f.r, &points, &f.err));
	assert_int_equal(points.n, 1);
	assert_string_equal(points.v[0].id, second);
	version_of(&f, after);
	assert_string_equal(before, after); /* a cycle that runs does not notice */
	fixture_stop(&f);
}

static void one_that_is_gone_already_is_a_success(void **state)
{
	struct fixture f;
	char id[TARGET_POINT_LEN];
	uint64_t before;

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	snapshot_of(&f, f.r, id);
	fixture_faults(&f, "DeleteBlob lost n=1 status=500 code=OperationTimedOut");
	before = atomic_load(&replica_counters(f.r)->others);
	fixture_must(&f, replica_delete_point(f.r, id, &f.err)); /* sent again, and it is not there */
	assert_int_equal(pageblob_server_count(f.server, PAGEBLOB_DELETE_BLOB), 2);
	assert_int_equal(atomic_load(&replica_counters(f.r)->others), before + 2);
	fixture_must(&f, replica_delete_point(f.r, id, &f.err));
	fixture_refused(&f, replica_delete_point(f.r, "", &f.err), ERR_BUG, 0);
	fixture_stop(&f);
}

static void without_the_right_to_delete_it_says_which(void **state)
{
	struct fixture f;
	char id[TARGET_POINT_LEN];

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	snapshot_of(&f, f.r, id);
	fixture_faults(&f, "DeleteBlob fail status=403 code=AuthorizationPermissionMismatch");
	fixture_refused(&f, replica_delete_point(f.r, id, &f.err), ERR_REFUSED, 403);
	assert_non_null(strstr(f.err.msg, "or a SAS with sp=rcwld: prune needs d"));
	assert_int_equal(pageblob_server_count(f.server, PAGEBLOB_DELETE_BLOB), 1);
	fixture_stop(&f);
}

static void limits_of_snapshots_are_no_matter_of_trying_again(void **state)
{
	static const char *const codes[] = { "SnapshotCountExceeded", "SnapshotOperationRateExceeded" };
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };
	struct fixture f;
	char id[TARGET_POINT_LEN], rule[80];

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	fixture_must(&f, replica_look(f.r, &look, &f.err));
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		snprintf(rule, sizeof(rule), "SnapshotBlob fail status=409 code=%s", codes[i]);
		fixture_faults(&f, rule);
		fixture_refused(&f, replica_snapshot(f.r, look.version, "x", NULL, id, &f.err), ERR_REFUSED, 409);
		assert_non_null(strstr(f.err.msg, codes[i]));
		assert_int_equal(pageblob_server_count(f.server, PAGEBLOB_SNAPSHOT_BLOB), i + 1);
	}
	fixture_stop(&f);
}

struct seen {
	char text[256];
};

static int note(void *ctx, const char *name, const struct target_look *look, const struct target_points *points,
		struct error *err)
{
	struct seen *s = ctx;
	size_t len = strlen(s->text);

	(void)err;
	assert_true(look->exists && look->number > 0);
	for (size_t i = 1; i < points->n; i++)
		assert_true(strcmp(points->v[i - 1].id, points->v[i].id) < 0);
	for (size_t i = 0; i < points->n; i++)
		assert_string_equal(target_meta_get(&points->v[i].meta, "token"), "t");
	snprintf(s->text + len, sizeof(s->text) - len, "%s %zu;", name, points->n);
	return 0;
}

static void all_replicas_and_their_points_come_in_one_list(void **state)
{
	static const char *const names[] = { "a.vhd", FIXTURE_BLOB "x.vhd", "foreign.vhd" };
	struct fixture f;
	struct seen all = { "" }, one = { "" }, none = { "" };
	char id[TARGET_POINT_LEN];
	uint64_t before;

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	snapshot_of(&f, f.r, id);
	snapshot_of(&f, f.r, id);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(cleanup_replica) struct replica *r = target_replica(f.t, names[i], &f.err);
		CLEANUP(cleanup_target_meta) struct target_meta meta = { 0 };

		assert_non_null(r);
		fixture_must(&f, target_meta_set(&meta, i < 2 ? "liftfsid" : "other", "id-1", &f.err));
		fixture_must(&f, replica_create(r, FIXTURE_MIB, 5, &meta, &f.err));
		snapshot_of(&f, r, id);
	}
	before = pageblob_server_count(f.server, PAGEBLOB_LIST_BLOBS);
	fixture_must(&f, target_list_points(f.t, NULL, note, &all, &f.err));
	assert_string_equal(all.text, "a.vhd 1;" FIXTURE_BLOB " 2;" FIXTURE_BLOB "x.vhd 1;");
	assert_int_equal(pageblob_server_count(f.server, PAGEBLOB_LIST_BLOBS), before + 1);
	fixture_must(&f, target_list_points(f.t, FIXTURE_BLOB, note, &one, &f.err));
	assert_string_equal(one.text, FIXTURE_BLOB " 2;");
	fixture_must(&f, target_list_points(f.t, "b.vhd", note, &none, &f.err));
	assert_string_equal(none.text, "");
	fixture_stop(&f);
}

/* What the server saw is what the bill has. */
static void the_targets_counters_have_every_request_once_its_replicas_are_closed(void **state)
{
	struct fixture f;
	struct pageblob_stats stats;
	const struct target_counters *c;
	char id[TARGET_POINT_LEN];
	uint8_t data[512] = "x";
	uint64_t sent = 0;

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	snapshot_of(&f, f.r, id);
	fixture_must(&f, op_wait(f.r, data, 512, 0, &f.err));
	fixture_must(&f, op_wait(f.r, NULL, 512, 512, &f.err));
	fixture_must(&f, replica_read(f.r, data, 512, 0, NULL, &f.err));
	fixture_must(&f, target_list_points(f.t, NULL, note, &(struct seen){ "" }, &f.err));
	fixture_must(&f, replica_delete_point(f.r, id, &f.err));
	c = target_counters(f.t);
	assert_int_equal(atomic_load(&c->writes), 0);
	replica_close(f.r);
	f.r = NULL;
	pageblob_server_stats(f.server, &stats);
	for (int i = 0; i < PAGEBLOB_OP_COUNT; i++)
		sent += stats.requests[i];
	assert_int_equal(atomic_load(&c->writes), stats.requests[PAGEBLOB_PUT_PAGE] + stats.requests[PAGEBLOB_PUT_BLOB]);
	assert_int_equal(atomic_load(&c->clears), 1);
	assert_int_equal(atomic_load(&c->reads), 1);
	assert_int_equal(atomic_load(&c->writes) + atomic_load(&c->clears) + atomic_load(&c->reads) + atomic_load(&c->others), sent);
	fixture_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_snapshot_is_deleted_alone_whoever_holds_the_replica),
		cmocka_unit_test(one_that_is_gone_already_is_a_success),
		cmocka_unit_test(without_the_right_to_delete_it_says_which),
		cmocka_unit_test(limits_of_snapshots_are_no_matter_of_trying_again),
		cmocka_unit_test(all_replicas_and_their_points_come_in_one_list),
		cmocka_unit_test(the_targets_counters_have_every_request_once_its_replicas_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
