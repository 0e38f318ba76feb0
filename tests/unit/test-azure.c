/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "support/azure_fixture.h"

static uint64_t requests(struct fixture *f, enum pageblob_op op)
{
	return pageblob_server_count(f->server, op);
}

static void look_again(struct fixture *f, struct target_look *look)
{
	target_look_fini(look);
	memset(look, 0, sizeof(*look));
	fixture_must(f, replica_look(f->r, look, &f->err));
}

/* ---- the place ---- */

static void a_missing_container_is_made_if_allowed(void **state)
{
	struct target_config never = { .create = false };
	struct fixture f;
	struct target *t;
	char *note = NULL;

	(void)state;
	fixture_start(&f, NULL);
	t = fixture_open(&f, &never, "disks");
	fixture_refused(&f, target_prepare(t, false, &note, &f.err), ERR_REFUSED, 0);
	assert_string_equal(f.err.msg, "container disks does not exist; create it, or name one that exists");
	fixture_must(&f, target_prepare(f.t, true, &note, &f.err)); /* dry */
	assert_non_null(strstr(note, "would be created"));
	free(note);
	assert_int_equal(requests(&f, PAGEBLOB_CREATE_CONTAINER), 0);
	fixture_must(&f, target_prepare(f.t, false, &note, &f.err));
	assert_int_equal(requests(&f, PAGEBLOB_CREATE_CONTAINER), 1);
	fixture_must(&f, target_prepare(t, false, &note, &f.err));
	assert_null(note);
	target_close(t);
	fixture_stop(&f);
}

static void a_hierarchical_account_is_refused_before_the_first_byte(void **state)
{
	struct pageblob_config hns = { .hns = true };
	struct fixture f;
	char *note = NULL;

	(void)state;
	fixture_start(&f, &hns);
	fixture_refused(&f, target_prepare(f.t, false, &note, &f.err), ERR_UNSUPPORTED, 0);
	assert_string_equal(f.err.msg,
			    "account devstoreaccount1 has a hierarchical namespace, which holds no page blobs; use an "
			    "account without it");
	assert_int_equal(requests(&f, PAGEBLOB_CREATE_CONTAINER), 0);
	fixture_stop(&f);
}

static void account_information_may_be_forbidden(void **state)
{
	struct fixture f;
	char *note = NULL;

	(void)state;
	fixture_start(&f, NULL);
	fixture_faults(&f, "GetAccountInfo fail status=403 code=AuthorizationFailure");
	fixture_must(&f, target_prepare(f.t, false, &note, &f.err));
	fixture_stop(&f);
}

static void missing_rights_say_who_asked_and_what_is_needed(void **state)
{
	struct fixture f;
	char *note = NULL;

	(void)state;
	fixture_start(&f, NULL);
	fixture_faults(&f, "ListBlobs fail status=403 code=AuthorizationPermissionMismatch");
	fixture_refused(&f, target_prepare(f.t, true, &note, &f.err), ERR_REFUSED, 403);
	assert_non_null(strstr(f.err.msg, "list of blobs: HTTP status 403 AuthorizationPermissionMismatch"));
	assert_non_null(strstr(f.err.msg, "the test"));
	assert_non_null(
		strstr(f.err.msg, "needed: Storage Blob Data Contributor on the container, or a SAS with sp=rcwl"));
	fixture_faults(&f, "GetBlobProperties fail status=403 code=AuthorizationPermissionMismatch");
	fixture_refused(&f, target_prepare(f.t, false, &note, &f.err), ERR_REFUSED, 403);
	fixture_stop(&f);
}

static const char *lookup(void *ctx, const char *name)
{
	return strcmp(name, "AZURE_STORAGE_SAS_TOKEN") == 0 ? ctx : NULL;
}

static void sas_refused(struct fixture *f, const char *sas, const char *msg)
{
	struct credentials_request request = { .account = PAGEBLOB_ACCOUNT, .lookup = lookup, .ctx = (void *)sas };
	struct target_config config = { .create = true };
	struct credentials *creds = credentials_choose(&request, &f->err);
	struct target *t;
	char *note = NULL;

	if (!creds)
		fail_msg("%s", f->err.msg);
	config.creds = creds;
	t = fixture_open(f, &config, "disks");
	fixture_refused(f, target_prepare(t, true, &note, &f->err), ERR_REFUSED, 0);
	assert_string_equal(f->err.msg, msg);
	target_close(t);
	credentials_free(creds);
}

static void a_sas_that_cannot_do_it_is_refused_unsent(void **state)
{
	struct fixture f;

	(void)state;
	fixture_start(&f, NULL);
	sas_refused(&f, "sv=2021-12-02&sr=c&sp=rl&se=2099-01-01T00%3A00%3A00Z&sig=c2ln",
		    "the SAS of AZURE_STORAGE_SAS_TOKEN grants sp=rl; needed: sp=rcwl");
	sas_refused(&f, "sv=2021-12-02&sr=b&sp=rcwl&se=2099-01-01T00%3A00%3A00Z&sig=c2ln",
		    "the SAS of AZURE_STORAGE_SAS_TOKEN is for a single blob; needed: one for the container, sp=rcwl");
	assert_int_equal(requests(&f, PAGEBLOB_LIST_BLOBS), 0);
	fixture_stop(&f);
}

static void credentials_of_another_account_are_refused(void **state)
{
	struct fixture f;
	struct target_config config;
	char url[128];

	(void)state;
	fixture_start(&f, NULL);
	config = (struct target_config){ .http = f.http, .creds = f.creds };
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/otheraccount/disks", pageblob_server_port(f.server));
	assert_null(target_open(url, &config, &f.err));
	assert_int_equal(f.err.code, ERR_REFUSED);
	assert_non_null(strstr(f.err.msg, "the credentials (the test) are of account devstoreaccount1"));
	fixture_stop(&f);
}

static int note_name(void *ctx, const char *name, const struct target_look *look, struct error *err)
{
	char *names = ctx;

	(void)err;
	assert_true(look->exists && look->version[0] == '"');
	strncat(names, name, 200 - strlen(names));
	strncat(names, "\n", 200 - strlen(names));
	return 0;
}

static void make(struct fixture *f, struct target *t, const char *name, const char *key)
{
	CLEANUP(cleanup_replica) struct replica *r = target_replica(t, name, &f->err);
	CLEANUP(cleanup_target_meta) struct target_meta meta = { 0 };

	assert_non_null(r);
	fixture_must(f, target_meta_set(&meta, key, "1", &f->err));
	fixture_must(f, replica_create(r, FIXTURE_MIB, 1, &meta, &f->err));
}

static void the_list_has_liftfs_replicas_of_the_prefix_in_order(void **state)
{
	struct fixture f;
	struct target *elsewhere;
	char names[256] = "";

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	elsewhere = fixture_open(&f, NULL, "disks/p2");
	make(&f, f.t, "web10/a.vhd", "liftfsid");
	make(&f, f.t, "Zed b.vhd", "liftfsid");
	make(&f, f.t, "foreign.vhd", "owner");
	make(&f, elsewhere, "other.vhd", "liftfsid");
	fixture_must(&f, target_list(f.t, note_name, names, &f.err));
	assert_string_equal(names, "Zed b.vhd\nweb01/web01.vhd\nweb10/a.vhd\n");
	target_close(elsewhere);
	fixture_stop(&f);
}

/* ---- one replica ---- */

static void a_look_tells_what_was_made(void **state)
{
	struct fixture f;
	struct target_look look = { 0 };
	CLEANUP(cleanup_target_meta) struct target_meta meta = { 0 };
	struct replica *none;

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	none = target_replica(f.t, "none.vhd", &f.err);
	fixture_must(&f, replica_look(none, &look, &f.err));
	assert_false(look.exists);
	replica_close(none);
	fixture_must(&f, target_meta_set(&meta, "liftfsid", "id-1", &f.err));
	fixture_must(&f, target_meta_set(&meta, "name",
					 "w\xc3\xa9"
					 "b 01/%41;\x7f",
					 &f.err));
	fixture_must(&f, replica_set_meta(f.r, f.version, &meta, f.version, &f.err));
	look_again(&f, &look);
	assert_true(look.exists && look.leased);
	assert_int_equal(look.size, FIXTURE_MIB);
	assert_int_equal(look.number, 10);
	assert_string_equal(look.version, f.version);
	assert_int_equal(look.meta.n, 2);
	assert_string_equal(target_meta_get(&look.meta, "name"), "w\xc3\xa9"
								 "b 01/%41;\x7f");
	target_look_fini(&look);
	fixture_stop(&f);
}

static void creation_touches_no_existing_blob(void **state)
{
	struct fixture f;

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	fixture_refused(&f, replica_create(f.r, FIXTURE_MIB, 99, NULL, &f.err), ERR_CONFLICT, TARGET_REFUSED_EXISTS);
	fixture_stop(&f);
}

static void conditional_requests_refuse_an_old_version(void **state)
{
	struct fixture f;
	char out[TARGET_VERSION_LEN], id[TARGET_POINT_LEN];
	uint8_t buf[512] = "x";
	struct extent_list list = { 0 };
	uint64_t number;

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	fixture_must(&f, pageblob_server_meddle(f.server, "disks", "p/" FIXTURE_BLOB, 0, buf, 512, &f.err));
	fixture_refused(&f, replica_raise(f.r, 11, f.version, &number, out, &f.err), ERR_CONFLICT,
			TARGET_REFUSED_VERSION);
	fixture_refused(&f, replica_resize(f.r, 1024, f.version, out, &f.err), ERR_CONFLICT, TARGET_REFUSED_VERSION);
	fixture_refused(&f, replica_set_meta(f.r, f.version, &(struct target_meta){ 0 }, out, &f.err), ERR_CONFLICT,
			TARGET_REFUSED_VERSION);
	fixture_refused(&f, replica_snapshot(f.r, f.version, "p", NULL, id, &f.err), ERR_CONFLICT,
			TARGET_REFUSED_VERSION);
	fixture_refused(&f, replica_read(f.r, buf, 512, 0, f.version, &f.err), ERR_CONFLICT, TARGET_REFUSED_VERSION);
	fixture_refused(&f, replica_extents(f.r, FIXTURE_MIB, 0, f.version, &list, &f.err), ERR_CONFLICT,
			TARGET_REFUSED_VERSION);
	extent_list_fini(&list);
	fixture_stop(&f);
}

static void an_unknown_outcome_is_not_sent_again(void **state)
{
	struct fixture f;
	struct target_look look = { 0 };
	char out[TARGET_VERSION_LEN], id[TARGET_POINT_LEN];
	struct target_points points = { 0 };
	struct replica *other;
	uint64_t number, before;

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	before = requests(&f, PAGEBLOB_SET_BLOB_PROPERTIES);
	fixture_faults(&f, "SetBlobProperties lost n=1 status=500 code=InternalError\n"
			   "SetBlobProperties lost n=2 close=1\nSnapshotBlob lost n=1 close=1\n"
			   "SetBlobMetadata lost n=1 close=1\nPutBlob lost n=1 close=1");
	fixture_refused(&f, replica_raise(f.r, 11, f.version, &number, out, &f.err), ERR_NETWORK, 500);
	assert_non_null(strstr(f.err.msg, "sequence number: 500 InternalError: whether it was done is unknown"));
	assert_int_equal(requests(&f, PAGEBLOB_SET_BLOB_PROPERTIES), before + 1);
	look_again(&f, &look);
	assert_int_equal(look.number, 11); /* it was */
	/* A connection that ends without an answer says as little. */
	fixture_refused(&f, replica_resize(f.r, 2 * FIXTURE_MIB, look.version, out, &f.err), ERR_NETWORK, 0);
	look_again(&f, &look);
	assert_int_equal(look.size, 2 * FIXTURE_MIB);
	fixture_refused(&f, replica_set_meta(f.r, look.version, &look.meta, out, &f.err), ERR_NETWORK, 0);
	look_again(&f, &look);
	other = target_replica(f.t, "other.vhd", &f.err);
	fixture_refused(&f, replica_create(other, FIXTURE_MIB, 1, NULL, &f.err), ERR_NETWORK, 0);
	replica_close(other);
	fixture_refused(&f, replica_snapshot(f.r, look.version, "p", NULL, id, &f.err), ERR_NETWORK, 0);
	fixture_must(&f, replica_points(f.r, &points, &f.err));
	assert_int_equal(points.n, 1);
	target_points_fini(&points);
	target_look_fini(&look);
	fixture_stop(&f);
}

static void what_was_certainly_not_done_is_sent_again(void **state)
{
	struct fixture f;
	char out[TARGET_VERSION_LEN];
	uint64_t number;

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	fixture_faults(&f, "SetBlobProperties fail n=1 status=503 code=ServerBusy");
	fixture_must(&f, replica_raise(f.r, 11, f.version, &number, out, &f.err));
	assert_int_equal(number, 11);
	assert_int_equal(replica_counters(f.r)->retries, 1);
	fixture_stop(&f);
}

static void a_lease_is_one_hosts(void **state)
{
	struct fixture f;
	struct replica *other;
	struct guid id;

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	other = target_replica(f.t, FIXTURE_BLOB, &f.err);
	fixture_must(&f, guid_random(&id, &f.err));
	fixture_refused(&f, replica_lease(other, TARGET_LEASE_ACQUIRE, &id, &f.err), ERR_BUSY, TARGET_REFUSED_LEASE);
	fixture_refused(&f, replica_lease(other, TARGET_LEASE_RENEW, &id, &f.err), ERR_BUSY, TARGET_REFUSED_LEASE);
	fixture_must(&f, replica_lease(f.r, TARGET_LEASE_ACQUIRE, &f.lease, &f.err));
	fixture_must(&f, replica_lease(other, TARGET_LEASE_BREAK, NULL, &f.err));
	fixture_must(&f, replica_lease(other, TARGET_LEASE_ACQUIRE, &id, &f.err));
	fixture_must(&f, replica_lease(other, TARGET_LEASE_RELEASE, &id, &f.err));
	fixture_must(&f, replica_lease(other, TARGET_LEASE_BREAK, NULL, &f.err)); /* nothing to break */
	replica_close(other);
	fixture_stop(&f);
}

static void a_gentle_cancel_leaves_the_replica_in_order(void **state)
{
	struct fixture f;
	struct target_look look = { 0 };
	uint8_t buf[512];
	uint64_t number;

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	cancel_set(&f.cancel, CANCEL_GENTLE);
	fixture_must(&f, replica_look(f.r, &look, &f.err));
	fixture_must(&f, replica_raise(f.r, 20, look.version, &number, f.version, &f.err));
	target_look_fini(&look);
	fixture_refused(&f, replica_read(f.r, buf, 512, 0, NULL, &f.err), ERR_CANCELLED, 0);
	fixture_faults(&f, "LeaseRenew fail status=503 code=ServerBusy retry-after=60");
	fixture_refused(&f, replica_lease(f.r, TARGET_LEASE_RENEW, &f.lease, &f.err), ERR_CANCELLED, 0);
	fixture_faults(&f, "");
	fixture_must(&f, replica_lease(f.r, TARGET_LEASE_RELEASE, &f.lease, &f.err));
	cancel_set(&f.cancel, CANCEL_NOW);
	fixture_refused(&f, replica_look(f.r, &look, &f.err), ERR_CANCELLED, 0);
	fixture_stop(&f);
}

static void renewal_after_a_foreign_write_is_refused(void **state)
{
	struct fixture f;

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	pageblob_server_advance(f.server, 61000);
	fixture_must(&f, pageblob_server_meddle(f.server, "disks", "p/" FIXTURE_BLOB, 0, NULL, 512, &f.err));
	fixture_refused(&f, replica_lease(f.r, TARGET_LEASE_RENEW, &f.lease, &f.err), ERR_BUSY, TARGET_REFUSED_LEASE);
	fixture_stop(&f);
}

static void a_lost_answer_to_a_renewal_is_no_loss(void **state)
{
	struct fixture f;

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	fixture_faults(&f, "LeaseRenew lost n=1 close=1");
	fixture_must(&f, replica_lease(f.r, TARGET_LEASE_RENEW, &f.lease, &f.err));
	assert_int_equal(requests(&f, PAGEBLOB_LEASE_RENEW), 2);
	fixture_stop(&f);
}

/* ---- reading ---- */

static void reads_are_verified_and_cut_at_four_mib(void **state)
{
	struct fixture f;
	uint8_t *data = fixture_pattern(9 * FIXTURE_MIB, 1), *back = malloc(9 * FIXTURE_MIB);
	uint64_t reads;

	(void)state;
	fixture_replica(&f, NULL, 16 * FIXTURE_MIB);
	fixture_must(&f, pageblob_server_meddle(f.server, "disks", "p/" FIXTURE_BLOB, FIXTURE_MIB, data,
						9 * FIXTURE_MIB, &f.err));
	fixture_must(&f, replica_read(f.r, back, 9 * FIXTURE_MIB, FIXTURE_MIB, NULL, &f.err));
	assert_memory_equal(back, data, 9 * FIXTURE_MIB);
	assert_int_equal(replica_counters(f.r)->reads, 3);
	fixture_must(&f, replica_read(f.r, back, 1001, FIXTURE_MIB + 7, NULL, &f.err));
	assert_memory_equal(back, data + 7, 1001);
	fixture_faults(&f, "GetBlob flip n=1 at=100");
	fixture_must(&f, replica_read(f.r, back, 512, FIXTURE_MIB, NULL, &f.err));
	assert_memory_equal(back, data, 512);
	fixture_faults(&f, "GetBlob flip at=100");
	fixture_refused(&f, replica_read(f.r, back, 512, FIXTURE_MIB, NULL, &f.err), ERR_NETWORK, 0);
	assert_non_null(strstr(f.err.msg, "the bytes were damaged on their way"));
	fixture_faults(&f, "GetBlob cut n=1 after=100");
	fixture_must(&f, replica_read(f.r, back, 4096, FIXTURE_MIB, NULL, &f.err));
	assert_memory_equal(back, data, 4096);
	/* Slow is not stuck: what comes drop by drop is waited for, and asked for once. */
	fixture_faults(&f, "GetBlob drip after=512 ms=2");
	reads = replica_counters(f.r)->reads;
	memset(back, 0, 65536);
	fixture_must(&f, replica_read(f.r, back, 65536, FIXTURE_MIB, NULL, &f.err));
	assert_memory_equal(back, data, 65536);
	assert_int_equal(replica_counters(f.r)->reads, reads + 1);
	fixture_stop(&f);
	free(data);
	free(back);
}

static void md5_verifies_where_crc64_is_not_known(void **state)
{
	struct fixture f;
	uint8_t back[512], zero[512] = { 0 };

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	fixture_faults(&f, "GetBlob fail n=1 status=500 code=FeatureNotSupported");
	fixture_must(&f, replica_read(f.r, back, 512, 0, NULL, &f.err));
	assert_memory_equal(back, zero, 512);
	assert_int_equal(f.warnings, 1);
	fixture_faults(&f, "GetBlob badcrc");
	fixture_refused(&f, replica_read(f.r, back, 512, 0, NULL, &f.err), ERR_NETWORK, 0);
	fixture_stop(&f);
}

/* ---- ranges ---- */

static void extents_cover_the_range_and_nothing_else(void **state)
{
	struct fixture f;
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	uint8_t data[1024] = "x";

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	fixture_must(&f, op_wait(f.r, data, 1024, 4096, &f.err));
	fixture_must(&f, op_wait(f.r, data, 512, 5120, &f.err));
	fixture_must(&f, replica_extents(f.r, 8192, 4608, NULL, &list, &f.err));
	assert_int_equal(list.n, 2);
	assert_int_equal(list.v[0].off, 4608);
	assert_int_equal(list.v[0].len, 1024);
	assert_int_equal(list.v[0].kind, EXTENT_DATA);
	assert_int_equal(list.v[1].kind, EXTENT_ZERO);
	assert_int_equal(list.v[1].off + list.v[1].len, 4608 + 8192);
	fixture_stop(&f);
}

static void a_long_list_comes_in_pages(void **state)
{
	enum { N = 10500 };
	struct fixture f;
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	uint8_t data[512] = "x";

	(void)state;
	fixture_replica(&f, NULL, 16 * FIXTURE_MIB);
	for (unsigned i = 0; i < N; i++)
		fixture_must(&f,
			     pageblob_server_meddle(f.server, "disks", "p/" FIXTURE_BLOB, i * 1024, data, 512, &f.err));
	fixture_must(&f, replica_extents(f.r, 16 * FIXTURE_MIB, 0, NULL, &list, &f.err));
	assert_int_equal(requests(&f, PAGEBLOB_GET_PAGE_RANGES), 2);
	assert_int_equal(list.n, 2 * N);
	assert_int_equal(extent_list_bytes(&list, EXTENT_DATA), N * 512);
	fixture_stop(&f);
}

static void a_list_that_times_out_is_asked_for_in_smaller_windows(void **state)
{
	struct fixture f;
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	struct pageblob_record last[5];
	uint8_t data[512] = "x";
	uint64_t gib = 1024 * FIXTURE_MIB;

	(void)state;
	fixture_replica(&f, NULL, 100 * gib);
	fixture_must(&f, op_wait(f.r, data, 512, 0, &f.err));
	fixture_must(&f, op_wait(f.r, data, 512, 99 * gib, &f.err));
	fixture_faults(&f, "GetPageRanges fail n=1 status=500 code=OperationTimedOut");
	fixture_must(&f, replica_extents(f.r, 100 * gib, 0, NULL, &list, &f.err));
	assert_int_equal(pageblob_server_requests(f.server, last, 5), 5);
	assert_int_equal(last[0].len, 64 * gib);
	assert_int_equal(last[1].off, 0);
	assert_int_equal(last[1].len, 32 * gib);
	assert_int_equal(last[4].off, 96 * gib);
	assert_int_equal(last[4].len, 4 * gib);
	assert_int_equal(list.n, 4);
	assert_int_equal(extent_list_bytes(&list, EXTENT_DATA), 1024);
	assert_int_equal(list.v[2].off, 99 * gib);
	fixture_stop(&f);
}

/* ---- points ---- */

static void points_keep_content_and_metadata(void **state)
{
	struct fixture f;
	CLEANUP(cleanup_target_meta) struct target_meta meta = { 0 };
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };
	struct target_look look = { 0 };
	struct replica *point;
	char first[TARGET_POINT_LEN], second[TARGET_POINT_LEN];
	uint8_t a[512] = "a", b[512] = "b", back[512];

	(void)state;
	fixture_replica(&f, NULL, FIXTURE_MIB);
	make(&f, f.t, FIXTURE_BLOB "2.vhd", "liftfsid"); /* a longer name with the same beginning */
	fixture_must(&f, op_wait(f.r, a, 512, 0, &f.err));
	look_again(&f, &look);
	fixture_must(&f, target_meta_set(&meta, "token", "t/1", &f.err));
	fixture_must(&f, replica_snapshot(f.r, look.version, "x", &meta, first, &f.err));
	fixture_must(&f, op_wait(f.r, b, 512, 0, &f.err));
	look_again(&f, &look);
	fixture_must(&f, replica_snapshot(f.r, look.version, "y", NULL, second, &f.err));
	fixture_must(&f, replica_points(f.r, &points, &f.err));
	assert_int_equal(points.n, 2);
	assert_string_equal(points.v[0].id, first);
	assert_string_equal(points.v[1].id, second);
	assert_string_equal(target_meta_get(&points.v[0].meta, "token"), "t/1");
	assert_null(target_meta_get(&points.v[1].meta, "token"));
	assert_int_equal(points.v[0].size, FIXTURE_MIB);
	point = replica_at_point(f.r, first, &f.err);
	assert_non_null(point);
	fixture_must(&f, replica_read(point, back, 512, 0, NULL, &f.err));
	assert_memory_equal(back, a, 512);
	look_again(&f, &look);
	assert_null(target_meta_get(&look.meta, "token")); /* the live blob never says that it is a point */
	replica_close(point);
	target_look_fini(&look);
	fixture_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_container_is_made_if_allowed),
		cmocka_unit_test(a_hierarchical_account_is_refused_before_the_first_byte),
		cmocka_unit_test(account_information_may_be_forbidden),
		cmocka_unit_test(missing_rights_say_who_asked_and_what_is_needed),
		cmocka_unit_test(a_sas_that_cannot_do_it_is_refused_unsent),
		cmocka_unit_test(credentials_of_another_account_are_refused),
		cmocka_unit_test(the_list_has_liftfs_replicas_of_the_prefix_in_order),
		cmocka_unit_test(a_look_tells_what_was_made),
		cmocka_unit_test(creation_touches_no_existing_blob),
		cmocka_unit_test(conditional_requests_refuse_an_old_version),
		cmocka_unit_test(an_unknown_outcome_is_not_sent_again),
		cmocka_unit_test(what_was_certainly_not_done_is_sent_again),
		cmocka_unit_test(a_lease_is_one_hosts),
		cmocka_unit_test(a_gentle_cancel_leaves_the_replica_in_order),
		cmocka_unit_test(renewal_after_a_foreign_write_is_refused),
		cmocka_unit_test(a_lost_answer_to_a_renewal_is_no_loss),
		cmocka_unit_test(reads_are_verified_and_cut_at_four_mib),
		cmocka_unit_test(md5_verifies_where_crc64_is_not_known),
		cmocka_unit_test(extents_cover_the_range_and_nothing_else),
		cmocka_unit_test(a_long_list_comes_in_pages),
		cmocka_unit_test(a_list_that_times_out_is_asked_for_in_smaller_windows),
		cmocka_unit_test(points_keep_content_and_metadata),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
