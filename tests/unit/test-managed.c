/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/managed.h"
#include "tests/support/loopback_http.h"

#define BODY                                                                                                   \
	"{\"access_token\":\"eyJ.a.b\",\"expires_in\":\"86400\",\"expires_on\":\"9999999999\",\"token_type\":" \
	"\"Bearer\"}"

struct rig {
	struct loopback *server;
	struct http *http;
	struct cancel stop;
	struct error err;
	char endpoint[96], folder[64];
	char realm[256];        /* what a challenge names */
	const int *statuses;    /* one a request, the last for all that follow */
	char target[256];       /* of the last request */
	char authorization[64]; /* likewise */
	char metadata[16];
	char answer[1024];
};

static uint64_t no_wait(uint64_t n)
{
	(void)n;
	return 0;
}

static void handle(void *ctx, const struct loopback_request *req, struct loopback_answer *out)
{
	struct rig *r = ctx;
	int status = *r->statuses;

	if (r->statuses[1])
		r->statuses++;
	snprintf(r->target, sizeof(r->target), "%s %s", req->method, req->target);
	loopback_header(req, "Authorization", r->authorization, sizeof(r->authorization));
	loopback_header(req, "Metadata", r->metadata, sizeof(r->metadata));
	if (status == 200)
		snprintf(r->answer, sizeof(r->answer), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(BODY),
			 BODY);
	else
		snprintf(r->answer, sizeof(r->answer), "HTTP/1.1 %d X\r\n%s%s%sContent-Length: 0\r\n\r\n", status,
			 status == 401 ? "WWW-Authenticate: Basic realm=" : "", status == 401 ? r->realm : "",
			 status == 401 ? "\r\n" : "");
	out->raw = r->answer;
}

static void rig_start(struct rig *r, const int *statuses)
{
	/* A proxy for everything: nothing that this is about may go there. */
	const struct http_config http = { .user_agent = "liftfs-test", .proxy = "http://127.0.0.1:1" };

	memset(r, 0, sizeof(*r));
	r->statuses = statuses;
	r->server = loopback_start(handle, r);
	r->http = http_new(&http, &r->err);
	if (!r->http || cancel_init(&r->stop, &r->err) < 0)
		fail_msg("%s", r->err.msg);
	snprintf(r->endpoint, sizeof(r->endpoint), "http://127.0.0.1:%u", loopback_port(r->server));
	snprintf(r->folder, sizeof(r->folder), "/tmp/liftfs-managed-XXXXXX");
	assert_non_null(mkdtemp(r->folder));
}

static void rig_stop(struct rig *r)
{
	http_free(r->http);
	loopback_stop(r->server);
	cancel_fini(&r->stop);
	rmdir(r->folder);
}

static int ask(struct rig *r, struct managed_config config)
{
	const struct token_ask how = { .http = r->http, .stop = &r->stop, .below = no_wait };
	struct token_source s;
	struct token t = { 0 };
	int rc;

	config.endpoint = config.endpoint ? config.endpoint : r->endpoint;
	config.tokens = r->folder;
	r->err = (struct error)ERROR_INIT;
	if (managed_source(&config, &s, &r->err) < 0)
		return -1;
	rc = s.fetch(s.ctx, &how, &t, &r->err);
	if (rc == 0) {
		assert_string_equal(secret_reveal(t.text), "eyJ.a.b");
		assert_int_equal(t.life_ms, 86400000);
	}
	s.free(s.ctx);
	token_fini(&t);
	return rc;
}

static void imds_is_asked_as_documented_and_never_through_a_proxy(void **state)
{
	static const int statuses[] = { 200, 0 };
	struct rig r;

	(void)state;
	rig_start(&r, statuses);
	if (ask(&r, (struct managed_config){ 0 }) < 0)
		fail_msg("%s", r.err.msg);
	assert_string_equal(r.target,
			    "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2F"
			    "storage.azure.com%2F");
	assert_string_equal(r.metadata, "true");
	assert_int_equal(ask(&r, (struct managed_config){ .client = "0a-1b" }), 0);
	assert_string_equal(r.target,
			    "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2F"
			    "storage.azure.com%2F&client_id=0a-1b");
	assert_int_equal(ask(&r, (struct managed_config){ .resource = "https://management.azure.com/" }), 0);
	assert_string_equal(r.target,
			    "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2F"
			    "management.azure.com%2F");
	rig_stop(&r);
}

static void imds_that_is_not_ready_yet_is_asked_again(void **state)
{
	static const int statuses[] = { 404, 410, 500, 429, 503, 410, 410, 410, 410, 410, 410, 410, 200, 0 };
	struct rig r;

	(void)state;
	rig_start(&r, statuses);
	if (ask(&r, (struct managed_config){ 0 }) < 0)
		fail_msg("%s", r.err.msg);
	assert_int_equal(loopback_requests(r.server), 13);
	rig_stop(&r);
}

static void imds_that_refuses_is_not_asked_again(void **state)
{
	static const int statuses[] = { 400, 0 };
	struct rig r;
	char want[256];

	(void)state;
	rig_start(&r, statuses);
	assert_int_equal(ask(&r, (struct managed_config){ .client = "none" }), -1);
	snprintf(want, sizeof(want), "managed identity (IMDS, %s/metadata/identity/oauth2/token): HTTP status 400",
		 r.endpoint);
	assert_error(&r.err, ERR_REFUSED, want);
	assert_int_equal(loopback_requests(r.server), 1);
	rig_stop(&r);
}

static void where_nothing_answers_it_gives_up_soon(void **state)
{
	static const int statuses[] = { 200, 0 };
	struct rig r;

	(void)state;
	rig_start(&r, statuses);
	assert_int_equal(ask(&r, (struct managed_config){ .endpoint = "http://127.0.0.1:1" }), -1);
	assert_int_equal(r.err.code, ERR_NETWORK);
	assert_non_null(strstr(r.err.msg, "gave up after 3 tries"));
	rig_stop(&r);
}

static void put_key(struct rig *r, const char *name, size_t len)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", r->folder, name);
	f = fopen(path, "we");
	assert_non_null(f);
	for (size_t i = 0; i < len; i++)
		fputc('k', f);
	assert_int_equal(fclose(f), 0);
}

static void drop_key(struct rig *r, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", r->folder, name);
	unlink(path);
}

static void arc_is_answered_with_the_file_that_it_names(void **state)
{
	static const int statuses[] = { 401, 200, 0 };
	struct managed_config config = { .arc = true };
	char endpoint[160];
	struct rig r;

	(void)state;
	rig_start(&r, statuses);
	snprintf(endpoint, sizeof(endpoint), "%s/metadata/identity/oauth2/token", r.endpoint);
	config.endpoint = endpoint;
	put_key(&r, "1a.key", 4);
	snprintf(r.realm, sizeof(r.realm), "%s/1a.key", r.folder);
	if (ask(&r, config) < 0)
		fail_msg("%s", r.err.msg);
	assert_string_equal(r.authorization, "Basic kkkk");
	assert_string_equal(r.metadata, "true");
	assert_string_equal(r.target,
			    "GET /metadata/identity/oauth2/token?api-version=2020-06-01&resource=https%3A%2F%2F"
			    "storage.azure.com%2F");
	assert_int_equal(loopback_requests(r.server), 2);
	drop_key(&r, "1a.key");
	rig_stop(&r);
}

static void refused(struct rig *r, const char *realm, const char *msg)
{
	static const int statuses[] = { 401, 200, 0 };
	unsigned before = loopback_requests(r->server);

	r->statuses = statuses;
	snprintf(r->realm, sizeof(r->realm), "%s", realm);
	r->authorization[0] = '\0';
	if (ask(r, (struct managed_config){ .arc = true }) == 0)
		fail_msg("%s was accepted", realm);
	assert_int_equal(r->err.code, ERR_REFUSED);
	if (!strstr(r->err.msg, msg))
		fail_msg("'%s' lacks '%s'", r->err.msg, msg);
	assert_int_equal(loopback_requests(r->server), before + 1); /* nothing of the file went out */
	assert_string_equal(r->authorization, "");
}

static void a_hostile_challenge_gets_no_file(void **state)
{
	static const int statuses[] = { 401, 0 };
	char path[160], link_path[160];
	struct rig r;

	(void)state;
	rig_start(&r, statuses);
	put_key(&r, "big.key", 4097);
	put_key(&r, "real.txt", 4);
	put_key(&r, "empty.key", 0);
	snprintf(path, sizeof(path), "%s/real.txt", r.folder);
	snprintf(link_path, sizeof(link_path), "%s/link.key", r.folder);
	assert_int_equal(symlink(path, link_path), 0);
	refused(&r, path, "does not end in .key");
	refused(&r, link_path, "link.key (root and the group himds may read it)");
	snprintf(path, sizeof(path), "%s/big.key", r.folder);
	refused(&r, path, "big.key: 4097 bytes, not 1 to 4096");
	snprintf(path, sizeof(path), "%s/empty.key", r.folder);
	refused(&r, path, "empty.key: 0 bytes, not 1 to 4096");
	snprintf(path, sizeof(path), "%s/../etc/a.key", r.folder);
	refused(&r, path, "names a file that is not in");
	refused(&r, "/etc/ssl/a.key", "names a file that is not in");
	snprintf(path, sizeof(path), "%s/none.key", r.folder);
	refused(&r, path, "No such file");
	drop_key(&r, "big.key");
	drop_key(&r, "real.txt");
	drop_key(&r, "empty.key");
	drop_key(&r, "link.key");
	rig_stop(&r);
}

static void an_endpoint_of_another_host_is_refused(void **state)
{
	static const struct {
		struct managed_config config;
		const char *msg;
	} rows[] = {
		{ { .endpoint = "http://10.0.0.1" },
		  "AZURE_POD_IDENTITY_AUTHORITY_HOST: not a URL of this host (loopback or 169.254.169.254)" },
		{ { .endpoint = "http://127.0.0.1@evil.example" },
		  "AZURE_POD_IDENTITY_AUTHORITY_HOST: not a URL of this host (loopback or 169.254.169.254)" },
		{ { .arc = true, .endpoint = "http://169.254.169.254/x" },
		  "IDENTITY_ENDPOINT: not a URL of this host (loopback)" },
		{ { .arc = true, .client = "0a" },
		  "AZURE_CLIENT_ID: an Azure Arc server has only its system-assigned identity; unset it" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;
		struct token_source s;

		assert_int_equal(managed_source(&rows[i].config, &s, &e), -1);
		assert_error(&e, ERR_REFUSED, rows[i].msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(imds_is_asked_as_documented_and_never_through_a_proxy),
		cmocka_unit_test(imds_that_is_not_ready_yet_is_asked_again),
		cmocka_unit_test(imds_that_refuses_is_not_asked_again),
		cmocka_unit_test(where_nothing_answers_it_gives_up_soon),
		cmocka_unit_test(arc_is_answered_with_the_file_that_it_names),
		cmocka_unit_test(a_hostile_challenge_gets_no_file),
		cmocka_unit_test(an_endpoint_of_another_host_is_refused),
	};

	return cmocka_run_group_tests_name("managed", tests, NULL, NULL);
}
