/* SPDX-License-Identifier: Apache-2.0 */
/* Writes while tokens and signatures end: on the strict server, whose own sign-in issues the tokens. */
#include "unit.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "support/azure_fixture.h"
#include "support/pageblob_codec.h"

#define NS_PER_S UINT64_C(1000000000)
#define SIZE (4 * FIXTURE_MIB)
#define BLOCK 4096
#define WRITES 64

static _Atomic uint64_t ahead_ns; /* all clocks of this process, the server's among them */
static _Atomic int64_t wall_ns;   /* the date alone */

static uint64_t moved_clock(int which)
{
	static const clockid_t ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };
	struct timespec ts;

	clock_gettime(ids[which], &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec + atomic_load(&ahead_ns) +
	       (which == 0 ? (uint64_t)atomic_load(&wall_ns) : 0);
}

static void move_clock(unsigned s)
{
	atomic_fetch_add(&ahead_ns, s * NS_PER_S);
}

/* Large, by its operations: always static. */
struct rig {
	struct fixture f;
	struct credentials *creds;
	struct target *t;
	struct replica *r;
	uint8_t *data;
	char authority[64], folder[64], file[96];
	struct target_op ops[WRITES];
};

static const char *look_up(void *ctx, const char *name)
{
	struct rig *w = ctx;

	if (strcmp(name, "AZURE_AUTHORITY_HOST") == 0)
		return w->authority;
	if (strcmp(name, "AZURE_TENANT_ID") == 0)
		return "tenant";
	if (strcmp(name, "AZURE_CLIENT_ID") == 0)
		return "client";
	return strcmp(name, "AZURE_CLIENT_SECRET") == 0 ? "secret" : NULL;
}

static void open_replica(struct rig *w, const struct credentials_request *request)
{
	struct target_config config = { .connections = 8 };
	struct target_look look = { 0 };
	uint64_t number;

	w->creds = credentials_choose(request, &w->f.err);
	if (!w->creds)
		fail_msg("%s", w->f.err.msg);
	fixture_must(&w->f, credentials_start(w->creds, w->f.http, NULL, &w->f.err));
	config.creds = w->creds;
	w->t = fixture_open(&w->f, &config, "disks/p");
	w->r = target_replica(w->t, FIXTURE_BLOB, &w->f.err);
	assert_non_null(w->r);
	fixture_must(&w->f, replica_lease(w->r, TARGET_LEASE_RENEW, &w->f.lease, &w->f.err));
	fixture_must(&w->f, replica_look(w->r, &look, &w->f.err));
	fixture_must(&w->f, replica_raise(w->r, 11, look.version, &number, w->f.version, &w->f.err));
	target_look_fini(&look);
}

static void rig_start(struct rig *w, unsigned token_s)
{
	const struct pageblob_config config = { .client_secret = "secret", .token_s = token_s };

	memset(w, 0, sizeof(*w));
	atomic_store(&ahead_ns, 0);
	atomic_store(&wall_ns, 0);
	clock_set_for_test(moved_clock);
	fixture_replica(&w->f, &config, SIZE);
	snprintf(w->authority, sizeof(w->authority), "http://127.0.0.1:%u/_token", pageblob_server_port(w->f.server));
	snprintf(w->folder, sizeof(w->folder), "/tmp/liftfs-sign-in-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	snprintf(w->file, sizeof(w->file), "%s/credentials", w->folder);
	w->data = fixture_pattern(SIZE, 7);
}

static void sign_in(struct rig *w)
{
	const struct credentials_request request = { .account = PAGEBLOB_ACCOUNT, .lookup = look_up, .ctx = w };

	open_replica(w, &request);
}

static void rig_stop(struct rig *w)
{
	replica_close(w->r);
	target_close(w->t);
	credentials_free(w->creds);
	fixture_stop(&w->f);
	unlink(w->file);
	rmdir(w->folder);
	free(w->data);
	clock_set_for_test(NULL);
}

static uint64_t issued(struct rig *w)
{
	uint64_t asked, n;

	pageblob_server_tokens(w->f.server, &asked, &n, NULL, 0);
	return n;
}

static void on_done(struct target_op *op)
{
	(void)op;
}

/* Submits them all, so that many are on their way at once; with the clock moved behind the n-th (0: not). */
static void submit_all(struct rig *w, unsigned clock_s)
{
	for (size_t i = 0; i < WRITES; i++) {
		w->ops[i] = (struct target_op){
			.off = i * BLOCK, .len = BLOCK, .data = w->data + i * BLOCK, .done = on_done
		};
		replica_submit(w->r, &w->ops[i]);
		if (clock_s && i % 16 == 15)
			move_clock(clock_s);
	}
	replica_barrier(w->r);
}

static void must_all(struct rig *w)
{
	uint8_t *stored = malloc(SIZE);

	assert_non_null(stored);
	for (size_t i = 0; i < WRITES; i++)
		if (w->ops[i].err.code != ERR_NONE)
			fail_msg("write %zu: %s", i, w->ops[i].err.msg);
	fixture_stored(&w->f, stored, WRITES * BLOCK, 0);
	assert_memory_equal(stored, w->data, WRITES * BLOCK);
	free(stored);
}

static void writes_go_on_over_the_ends_of_short_tokens(void **state)
{
	static struct rig w;
	uint64_t n;

	(void)state;
	rig_start(&w, 2);
	sign_in(&w);
	for (int i = 0; i < 4; i++) {
		submit_all(&w, 3);
		must_all(&w);
	}
	n = issued(&w);
	/* 16 ends were passed; each may have been met by the thread that looks ahead, never by each write. */
	if (n < 4 || n > 40)
		fail_msg("%u tokens for %u writes", (unsigned)n, 4 * WRITES);
	rig_stop(&w);
}

static void many_writes_that_are_refused_at_once_renew_once(void **state)
{
	static struct rig w;

	(void)state;
	rig_start(&w, 3600);
	sign_in(&w);
	assert_int_equal(issued(&w), 1);
	fixture_faults(&w.f, "PutPage delay ms=30 n=1 count=8");
	pageblob_server_tokens_revoke(w.f.server);
	submit_all(&w, 0);
	must_all(&w);
	assert_int_equal(issued(&w), 2);
	rig_stop(&w);
}

static void a_request_that_is_waited_for_is_sent_again_with_the_new_token(void **state)
{
	struct target_look look = { 0 };
	static struct rig w;

	(void)state;
	rig_start(&w, 3600);
	sign_in(&w);
	pageblob_server_tokens_revoke(w.f.server);
	fixture_must(&w.f, replica_look(w.r, &look, &w.f.err));
	target_look_fini(&look);
	assert_int_equal(issued(&w), 2);
	rig_stop(&w);
}

static void refused_with_a_new_token_too_is_for_a_person(void **state)
{
	static struct rig w;
	unsigned refused = 0;

	(void)state;
	rig_start(&w, 3600);
	sign_in(&w);
	fixture_faults(&w.f, "PutPage fail status=401 code=InvalidAuthenticationInfo");
	submit_all(&w, 0);
	for (size_t i = 0; i < WRITES; i++)
		refused += w.ops[i].err.code == ERR_REFUSED;
	assert_int_equal(refused, WRITES);
	assert_non_null(strstr(w.ops[0].err.msg, "InvalidAuthenticationInfo"));
	assert_int_equal(issued(&w), 2); /* and not one for each write */
	rig_stop(&w);
}

static void an_endpoint_that_is_down_at_the_end_of_a_token_holds_writes_up_and_no_more(void **state)
{
	static struct rig w;

	(void)state;
	rig_start(&w, 60);
	sign_in(&w);
	pageblob_server_tokens_down(w.f.server, 1);
	move_clock(61);
	fixture_must(&w.f, replica_lease(w.r, TARGET_LEASE_ACQUIRE, &w.f.lease, &w.f.err)); /* which ran out too */
	submit_all(&w, 0);
	must_all(&w);
	assert_int_equal(issued(&w), 2);
	rig_stop(&w);
}

static void a_missing_role_names_who_asked_and_what_is_needed(void **state)
{
	struct target_look look = { 0 };
	static struct rig w;

	(void)state;
	rig_start(&w, 3600);
	sign_in(&w);
	fixture_faults(&w.f, "* fail status=403 code=AuthorizationPermissionMismatch");
	fixture_refused(&w.f, replica_look(w.r, &look, &w.f.err), ERR_REFUSED, 403);
	assert_non_null(
		strstr(w.f.err.msg,
		       "403 AuthorizationPermissionMismatch; asked as Entra ID client client of tenant tenant by its "
		       "client secret, from AZURE_CLIENT_SECRET; needed: Storage Blob Data Contributor"));
	assert_int_equal(issued(&w), 1); /* another token has no other rights */
	rig_stop(&w);
}

static void a_clock_that_is_off_is_named_before_the_refusal(void **state)
{
	struct target_look look = { 0 };
	static struct rig w;

	(void)state;
	rig_start(&w, 3600);
	atomic_store(&wall_ns, -17 * 60 * (int64_t)NS_PER_S);
	fixture_faults(&w.f, "* fail status=403 code=AuthenticationFailed");
	fixture_refused(&w.f, replica_look(w.f.r, &look, &w.f.err), ERR_REFUSED, 403);
	assert_ptr_equal(strstr(w.f.err.msg, "this host's clock is 1"), w.f.err.msg);
	assert_non_null(strstr(w.f.err.msg, " behind the service's: properties: HTTP status 403 AuthenticationFailed"));
	rig_stop(&w);
}

/* ---- a SAS ---- */

/* A container's SAS that ends so many seconds from now, written into the credentials file. */
static void put_sas(struct rig *w, unsigned s)
{
	char text[512], end[CLOCK_TEXT_LEN], signature[PAGEBLOB_SHA256_TEXT];
	uint8_t key[128];
	int key_len = pageblob_base64_decode(PAGEBLOB_KEY, key, sizeof(key));
	struct strbuf encoded = { 0 };
	FILE *f;

	clock_format_iso(clock_realtime_ns() + s * NS_PER_S, end);
	snprintf(text, sizeof(text), "rcwl\n\n%s\n/blob/" PAGEBLOB_ACCOUNT "/disks\n\n\n\n2021-12-02\nc\n\n\n\n\n\n\n",
		 end);
	pageblob_hmac_text(key, (size_t)key_len, text, signature);
	for (const char *p = signature; *p; p++)
		strbuf_addf(&encoded, strchr("+/=", *p) ? "%%%02X" : "%c", (unsigned)*p);
	f = fopen(w->file, "we");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	fprintf(f, "AZURE_STORAGE_SAS_TOKEN=sv=2021-12-02&sr=c&sp=rcwl&se=%s&sig=%s\n", end, encoded.s);
	assert_int_equal(fclose(f), 0);
	strbuf_fini(&encoded);
}

static void sign_in_by_file(struct rig *w)
{
	CLEANUP(cleanup_credentials_file) struct credentials_file *file = credentials_file_open(w->file, &w->f.err);
	const struct credentials_request request = { .account = PAGEBLOB_ACCOUNT, .file = file };

	assert_non_null(file);
	open_replica(w, &request);
}

static void a_sas_that_ended_is_read_again_from_its_file(void **state)
{
	static struct rig w;

	(void)state;
	rig_start(&w, 0);
	put_sas(&w, 20);
	sign_in_by_file(&w);
	submit_all(&w, 0);
	must_all(&w);
	put_sas(&w, 3600);
	move_clock(30);
	submit_all(&w, 0);
	must_all(&w);
	rig_stop(&w);
}

static void a_sas_that_ended_without_a_newer_one_is_for_a_person(void **state)
{
	struct target_look look = { 0 };
	char want[256];
	static struct rig w;

	(void)state;
	rig_start(&w, 0);
	put_sas(&w, 20);
	sign_in_by_file(&w);
	move_clock(30);
	fixture_refused(&w.f, replica_look(w.r, &look, &w.f.err), ERR_REFUSED, 0);
	snprintf(want, sizeof(want),
		 "the SAS in %s was refused (HTTP status 403 AuthenticationFailed), and the file has no newer one: put "
		 "a "
		 "new SAS into it",
		 w.file);
	assert_string_equal(w.f.err.msg, want);
	submit_all(&w, 0);
	for (size_t i = 0; i < WRITES; i++)
		assert_string_equal(w.ops[i].err.msg, want);
	rig_stop(&w);
}

/* Until what is sent is of this generation. */
static void wait_renewed(struct rig *w, uint64_t want)
{
	uint64_t generation = 0;

	while (generation < want) {
		CLEANUP_FREE char *url = NULL, *authorization = NULL;

		fixture_must(&w->f, credentials_authorize(w->creds, "GET", "http://127.0.0.1/", NULL, 0, 0, &url,
							  &authorization, &generation, &w->f.err));
		usleep(1000);
	}
}

static void a_sas_is_read_again_on_demand(void **state)
{
	struct target_look look = { 0 };
	struct pageblob_stats before, after;
	static struct rig w;

	(void)state;
	rig_start(&w, 0);
	put_sas(&w, 20);
	sign_in_by_file(&w);
	put_sas(&w, 3600);
	credentials_reload(w.creds);
	wait_renewed(&w, 2);
	move_clock(30);
	pageblob_server_stats(w.f.server, &before);
	fixture_must(&w.f, replica_look(w.r, &look, &w.f.err));
	pageblob_server_stats(w.f.server, &after);
	target_look_fini(&look);
	assert_int_equal(after.refused[PAGEBLOB_GET_BLOB_PROPERTIES], before.refused[PAGEBLOB_GET_BLOB_PROPERTIES]);
	rig_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_go_on_over_the_ends_of_short_tokens),
		cmocka_unit_test(many_writes_that_are_refused_at_once_renew_once),
		cmocka_unit_test(a_request_that_is_waited_for_is_sent_again_with_the_new_token),
		cmocka_unit_test(refused_with_a_new_token_too_is_for_a_person),
		cmocka_unit_test(an_endpoint_that_is_down_at_the_end_of_a_token_holds_writes_up_and_no_more),
		cmocka_unit_test(a_missing_role_names_who_asked_and_what_is_needed),
		cmocka_unit_test(a_clock_that_is_off_is_named_before_the_refusal),
		cmocka_unit_test(a_sas_that_ended_is_read_again_from_its_file),
		cmocka_unit_test(a_sas_that_ended_without_a_newer_one_is_for_a_person),
		cmocka_unit_test(a_sas_is_read_again_on_demand),
	};

	return cmocka_run_group_tests_name("azure-sign-in", tests, NULL, NULL);
}
