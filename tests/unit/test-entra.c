/* SPDX-License-Identifier: Apache-2.0 */
/* Against the strict server's sign-in, which verifies a certificate's signature with OpenSSL alone. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "net/entra.h"
#include "support/make_certificate.h"
#include "support/pageblob_server.h"

#define SECRET "s3cret~Value/+="

struct rig {
	struct pageblob_server *server;
	struct http *http;
	struct cancel stop;
	struct error err;
	char authority[64];
	char folder[64], path[128];
};

static uint64_t no_wait(uint64_t n)
{
	(void)n;
	return 0;
}

static void rig_start(struct rig *r, const struct pageblob_config *config)
{
	const struct http_config http = { .user_agent = "liftfs-test" };

	memset(r, 0, sizeof(*r));
	r->server = pageblob_server_start(config, &r->err);
	r->http = http_new(&http, &r->err);
	if (!r->server || !r->http || cancel_init(&r->stop, &r->err) < 0)
		fail_msg("%s", r->err.msg);
	snprintf(r->authority, sizeof(r->authority), "http://127.0.0.1:%u/_token/", pageblob_server_port(r->server));
	snprintf(r->folder, sizeof(r->folder), "/tmp/liftfs-entra-XXXXXX");
	assert_non_null(mkdtemp(r->folder));
	snprintf(r->path, sizeof(r->path), "%s/file", r->folder);
}

static void rig_stop(struct rig *r)
{
	http_free(r->http);
	pageblob_server_stop(r->server);
	cancel_fini(&r->stop);
	unlink(r->path);
	rmdir(r->folder);
}

static void put_file(struct rig *r, const char *a, const char *b)
{
	FILE *f = fopen(r->path, "we");

	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	fprintf(f, "%s%s", a, b);
	assert_int_equal(fclose(f), 0);
}

static int fetch(struct rig *r, const struct token_source *s, struct token *out)
{
	const struct token_ask ask = { .http = r->http, .stop = &r->stop, .below = no_wait };

	r->err = (struct error)ERROR_INIT;
	return s->fetch(s->ctx, &ask, out, &r->err);
}

/* Signs in once: 0 and the token is thrown away, or -1 and r->err. */
static int sign_in(struct rig *r, struct entra_config config)
{
	struct token_source s;
	struct token t = { 0 };
	uint64_t end_ns;
	int rc;

	config.authority = config.authority ? config.authority : r->authority;
	r->err = (struct error)ERROR_INIT;
	if (entra_source(&config, &s, &end_ns, &r->err) < 0)
		return -1;
	rc = fetch(r, &s, &t);
	if (rc == 0)
		assert_int_equal(t.life_ms, 3600000);
	s.free(s.ctx);
	token_fini(&t);
	return rc;
}

static void must_sign_in(struct rig *r, struct entra_config config)
{
	if (sign_in(r, config) < 0)
		fail_msg("%s", r->err.msg);
}

static uint64_t asked(struct rig *r, char *form, size_t len)
{
	uint64_t asked = 0, issued;

	pageblob_server_tokens(r->server, &asked, &issued, form, len);
	return asked;
}

static const struct entra_config by_secret = {
	.tenant = "tenant", .client = "client", .proof = ENTRA_SECRET, .secret = SECRET
};

static void a_client_secret_is_sent_as_a_form(void **state)
{
	const struct pageblob_config config = { .client_secret = SECRET };
	struct rig r;
	char form[512];

	(void)state;
	rig_start(&r, &config);
	must_sign_in(&r, by_secret);
	asked(&r, form, sizeof(form));
	assert_string_equal(form,
			    "grant_type=client_credentials&client_id=client&scope=https%3A%2F%2Fstorage.azure.com%2F"
			    ".default&client_secret=s3cret~Value%2F%2B%3D");
	rig_stop(&r);
}

static void a_refusal_names_authority_client_code_and_remedy_and_no_secret(void **state)
{
	const struct pageblob_config config = { .client_secret = "another" };
	struct entra_config c = by_secret;
	struct rig r;
	char want[512];

	(void)state;
	rig_start(&r, &config);
	assert_int_equal(sign_in(&r, c), -1);
	snprintf(want, sizeof(want),
		 "sign-in at %stenant as client client: HTTP status 401 AADSTS7000215: Invalid client secret provided; "
		 "AZURE_CLIENT_SECRET must be the secret's value, not its ID",
		 r.authority);
	assert_error(&r.err, ERR_REFUSED, want);
	c.tenant = "nowhere.example";
	assert_int_equal(sign_in(&r, c), -1);
	snprintf(want, sizeof(want),
		 "sign-in at %snowhere.example as client client: HTTP status 400 AADSTS90002: Tenant not found; check "
		 "AZURE_TENANT_ID, and AZURE_AUTHORITY_HOST for other clouds",
		 r.authority);
	assert_error(&r.err, ERR_REFUSED, want);
	assert_int_equal(asked(&r, NULL, 0), 2); /* a refusal is not asked for again */
	rig_stop(&r);
}

static void a_certificate_signs_and_the_server_verifies(void **state)
{
	struct entra_config c = { .tenant = "tenant", .client = "client", .proof = ENTRA_CERTIFICATE };
	struct made_certificate ours, other;
	struct pageblob_config config = { 0 };
	struct rig r;

	(void)state;
	make_certificate(&ours, 0, 30);
	make_certificate(&other, 0, 30);
	config.client_cert_pem = ours.cert;
	rig_start(&r, &config);
	c.path = r.path;
	put_file(&r, ours.key, ours.cert);
	must_sign_in(&r, c);
	put_file(&r, ours.cert, ours.locked_key);
	c.password = "password";
	must_sign_in(&r, c);
	put_file(&r, other.key, other.cert);
	assert_int_equal(sign_in(&r, c), -1);
	assert_int_equal(r.err.code, ERR_REFUSED);
	assert_non_null(strstr(r.err.msg, "AADSTS700027"));
	assert_non_null(strstr(r.err.msg, "add the certificate to the application"));
	rig_stop(&r);
	made_certificate_fini(&ours);
	made_certificate_fini(&other);
}

static uint64_t a_day_late(int which)
{
	struct timespec ts;

	clock_gettime(which == 0 ? CLOCK_REALTIME : which == 1 ? CLOCK_MONOTONIC : CLOCK_BOOTTIME, &ts);
	return ((uint64_t)ts.tv_sec + (which == 0 ? 2 * 86400 : 0)) * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void a_certificate_that_has_ended_is_said_at_the_start(void **state)
{
	struct entra_config c = { .tenant = "tenant", .client = "client", .proof = ENTRA_CERTIFICATE };
	const struct pageblob_config config = { 0 };
	struct made_certificate ended;
	struct rig r;

	(void)state;
	make_certificate(&ended, 0, 1);
	rig_start(&r, &config);
	put_file(&r, ended.key, ended.cert);
	c.path = r.path;
	clock_set_for_test(a_day_late);
	assert_int_equal(sign_in(&r, c), -1);
	clock_set_for_test(NULL);
	assert_int_equal(r.err.code, ERR_REFUSED);
	assert_non_null(strstr(r.err.msg, "the certificate has ended"));
	assert_int_equal(asked(&r, NULL, 0), 0);
	rig_stop(&r);
	made_certificate_fini(&ended);
}

static void a_federated_token_is_read_again_for_each_token(void **state)
{
	struct entra_config c = { .tenant = "tenant", .client = "client", .proof = ENTRA_FEDERATED };
	const struct pageblob_config config = { .federated = "eyJ.first.sig" };
	struct token_source s;
	struct token t = { 0 };
	struct rig r;
	uint64_t end_ns;

	(void)state;
	rig_start(&r, &config);
	c.path = r.path;
	c.authority = r.authority;
	put_file(&r, "eyJ.first.sig", "\n");
	assert_int_equal(entra_source(&c, &s, &end_ns, &r.err), 0);
	assert_int_equal(fetch(&r, &s, &t), 0);
	token_fini(&t);
	pageblob_server_federated(r.server, "eyJ.second.sig");
	assert_int_equal(fetch(&r, &s, &t), -1);
	assert_non_null(strstr(r.err.msg, "check issuer, subject and audience"));
	put_file(&r, "eyJ.second.sig", "");
	assert_int_equal(fetch(&r, &s, &t), 0);
	token_fini(&t);
	put_file(&r, "two words", "");
	assert_int_equal(fetch(&r, &s, &t), -1);
	assert_int_equal(r.err.code, ERR_REFUSED);
	assert_non_null(strstr(r.err.msg, "not one token"));
	s.free(s.ctx);
	rig_stop(&r);
}

static void a_secret_that_was_renewed_in_its_file_is_used(void **state)
{
	const struct pageblob_config config = { .client_secret = "renewed" };
	struct entra_config c = by_secret;
	struct rig r;

	(void)state;
	rig_start(&r, &config);
	c.file = r.path;
	put_file(&r, "AZURE_CLIENT_SECRET=", "renewed\n");
	must_sign_in(&r, c);
	rig_stop(&r);
}

static void count_warnings(void *ctx, enum log_level level, const char *module, const char *line)
{
	(void)module;
	if (level == LOG_NOTICE && strstr(line, "oauth2/v2.0/token: not now; trying again for a while"))
		*(unsigned *)ctx += 1;
	if (level == LOG_NOTICE && strstr(line, "oauth2/v2.0/token: answers again, after "))
		*(unsigned *)ctx += 10;
}

static void an_endpoint_that_is_down_for_a_while_is_asked_again(void **state)
{
	const struct pageblob_config config = { .client_secret = SECRET };
	unsigned warnings = 0;
	struct rig r;

	(void)state;
	rig_start(&r, &config);
	pageblob_server_tokens_down(r.server, 12); /* more than a request of the service is tried */
	log_set_sink(count_warnings, &warnings);
	must_sign_in(&r, by_secret);
	log_set_sink(NULL, NULL);
	assert_int_equal(warnings, 11);
	assert_int_equal(asked(&r, NULL, 0), 13);
	rig_stop(&r);
}

static void stopping_ends_the_waiting(void **state)
{
	const struct pageblob_config config = { .client_secret = SECRET };
	struct rig r;

	(void)state;
	rig_start(&r, &config);
	pageblob_server_tokens_down(r.server, 1000000);
	cancel_set(&r.stop, CANCEL_NOW);
	assert_int_equal(sign_in(&r, by_secret), -1);
	assert_int_equal(r.err.code, ERR_CANCELLED);
	rig_stop(&r);
}

static void a_clock_that_is_off_is_named_when_sign_in_is_refused(void **state)
{
	struct entra_config c = { .tenant = "tenant", .client = "client", .proof = ENTRA_FEDERATED };
	const struct pageblob_config config = { 0 };
	struct rig r;

	(void)state;
	rig_start(&r, &config);
	put_file(&r, "eyJ.a.b", "");
	c.path = r.path;
	clock_set_for_test(a_day_late);
	assert_int_equal(sign_in(&r, c), -1);
	clock_set_for_test(NULL);
	assert_int_equal(r.err.code, ERR_REFUSED);
	assert_non_null(strstr(r.err.msg, "; this host's clock is 2 d 00 h ahead of the service's"));
	rig_stop(&r);
}

static void settings_that_would_send_a_secret_astray_are_refused(void **state)
{
	static const struct {
		struct entra_config config;
		const char *msg;
	} rows[] = {
		{ { .authority = "http://login.example", .tenant = "t", .client = "c", .secret = "x" },
		  "AZURE_AUTHORITY_HOST http://login.example: https only" },
		{ { .authority = "http://127.0.0.1.example", .tenant = "t", .client = "c", .secret = "x" },
		  "AZURE_AUTHORITY_HOST http://127.0.0.1.example: https only" },
		{ { .authority = "https://user@login.example", .tenant = "t", .client = "c", .secret = "x" },
		  "AZURE_AUTHORITY_HOST: not the URL of a host" },
		{ { .tenant = "../other", .client = "c", .secret = "x" },
		  "AZURE_TENANT_ID: not an ID of letters, digits, '-' and '.'" },
		{ { .tenant = "t", .client = "", .secret = "x" },
		  "AZURE_CLIENT_ID: not an ID of letters, digits, '-' and '.'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;
		struct token_source s;
		uint64_t end_ns;

		assert_int_equal(entra_source(&rows[i].config, &s, &end_ns, &e), -1);
		assert_error(&e, ERR_REFUSED, rows[i].msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_secret_is_sent_as_a_form),
		cmocka_unit_test(a_refusal_names_authority_client_code_and_remedy_and_no_secret),
		cmocka_unit_test(a_certificate_signs_and_the_server_verifies),
		cmocka_unit_test(a_certificate_that_has_ended_is_said_at_the_start),
		cmocka_unit_test(a_federated_token_is_read_again_for_each_token),
		cmocka_unit_test(a_secret_that_was_renewed_in_its_file_is_used),
		cmocka_unit_test(an_endpoint_that_is_down_for_a_while_is_asked_again),
		cmocka_unit_test(stopping_ends_the_waiting),
		cmocka_unit_test(a_clock_that_is_off_is_named_when_sign_in_is_refused),
		cmocka_unit_test(settings_that_would_send_a_secret_astray_are_refused),
	};

	return cmocka_run_group_tests_name("entra", tests, NULL, NULL);
}
