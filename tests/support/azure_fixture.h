/* SPDX-License-Identifier: Apache-2.0 */
/* An Azure target on a strict page-blob server in the test's own process. */
#ifndef LIFTFS_TESTS_AZURE_FIXTURE_H
#define LIFTFS_TESTS_AZURE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/guid.h"
#include "base/log.h"
#include "net/credentials.h"
#include "net/http.h"
#include "support/op_wait.h"
#include "support/pageblob_server.h"
#include "target/target.h"

#define FIXTURE_BLOB "web01/web01.vhd"
#define FIXTURE_MIB (UINT64_C(1) << 20)

struct fixture {
	struct pageblob_server *server;
	struct http *http;
	struct credentials *creds;
	struct cancel cancel;
	struct target *t;
	struct replica *r; /* of FIXTURE_BLOB */
	struct guid lease;
	char version[TARGET_VERSION_LEN];
	unsigned warnings;
	char warning[256]; /* the last */
	struct error err;
};

#define fixture_must(f, call)                                                       \
	do {                                                                        \
		(f)->err = (struct error)ERROR_INIT;                                \
		if ((call) < 0)                                                     \
			fail_msg("line %d: %s: %s", __LINE__, #call, (f)->err.msg); \
	} while (0)

/* The call failed with this code and detail. */
#define fixture_refused(f, call, want_code, want_detail)                                                           \
	do {                                                                                                       \
		(f)->err = (struct error)ERROR_INIT;                                                               \
		if ((call) == 0)                                                                                   \
			fail_msg("line %d: %s succeeded", __LINE__, #call);                                        \
		if ((f)->err.code != (want_code) || (f)->err.detail != (want_detail))                              \
			fail_msg("line %d: code %d, detail %d: %s", __LINE__, (int)(f)->err.code, (f)->err.detail, \
				 (f)->err.msg);                                                                    \
	} while (0)

static inline void fixture_log(void *ctx, enum log_level level, const char *module, const char *line)
{
	struct fixture *f = ctx;

	(void)module;
	if (level != LOG_WARN)
		return;
	f->warnings++;
	snprintf(f->warning, sizeof(f->warning), "%s", line);
}

static inline struct target *fixture_open(struct fixture *f, const struct target_config *more, const char *path)
{
	struct target_config config = more ? *more : (struct target_config){ .create = true };
	char url[256];
	struct target *t;

	config.http = f->http;
	if (!config.creds)
		config.creds = f->creds;
	config.cancel = &f->cancel;
	config.host = "testhost";
	snprintf(url, sizeof(url), "%s/%s", pageblob_server_endpoint(f->server), path);
	t = target_open(url, &config, &f->err);
	if (!t)
		fail_msg("%s: %s", url, f->err.msg);
	return t;
}

/* Server, engine and target; no container yet. */
static inline void fixture_start(struct fixture *f, const struct pageblob_config *server)
{
	static const struct pageblob_config plain;
	struct http_config http = { .user_agent = "liftfs-test" };
	struct secret *key;

	memset(f, 0, sizeof(*f));
	log_set_sink(fixture_log, f);
	fixture_must(f, cancel_init(&f->cancel, &f->err));
	fixture_must(f, guid_random(&f->lease, &f->err));
	f->server = pageblob_server_start(server ? server : &plain, &f->err);
	f->http = f->server ? http_new(&http, &f->err) : NULL;
	key = f->http ? secret_new(PAGEBLOB_KEY, &f->err) : NULL;
	f->creds = key ? credentials_new_sharedkey(PAGEBLOB_ACCOUNT, key, "the test", &f->err) : NULL;
	if (!f->creds)
		fail_msg("fixture: %s", f->err.msg);
	secret_free(key);
	f->t = fixture_open(f, NULL, "disks/p");
}

/* And a replica of `size` bytes, leased, with number 10. */
static inline void fixture_replica(struct fixture *f, const struct pageblob_config *server, uint64_t size)
{
	struct target_meta meta = { 0 };
	struct target_look look = { 0 };
	char *note = NULL;
	uint64_t number;

	fixture_start(f, server);
	fixture_must(f, target_prepare(f->t, false, &note, &f->err));
	free(note);
	f->r = target_replica(f->t, FIXTURE_BLOB, &f->err);
	if (!f->r)
		fail_msg("fixture: %s", f->err.msg);
	fixture_must(f, target_meta_set(&meta, "liftfsid", "id-1", &f->err));
	fixture_must(f, replica_create(f->r, size, 5, &meta, &f->err));
	target_meta_fini(&meta);
	fixture_must(f, replica_lease(f->r, TARGET_LEASE_ACQUIRE, &f->lease, &f->err));
	fixture_must(f, replica_look(f->r, &look, &f->err));
	fixture_must(f, replica_raise(f->r, 10, look.version, &number, f->version, &f->err));
	target_look_fini(&look);
	assert_int_equal(number, 10);
}

static inline void fixture_stop(struct fixture *f)
{
	replica_close(f->r);
	target_close(f->t);
	http_free(f->http);
	credentials_free(f->creds);
	pageblob_server_stop(f->server);
	cancel_fini(&f->cancel);
	log_set_sink(NULL, NULL);
}

static inline void fixture_faults(struct fixture *f, const char *rules)
{
	fixture_must(f, pageblob_server_faults(f->server, rules, &f->err));
}

/* What the blob's container holds, without HTTP. */
static inline void fixture_stored(struct fixture *f, void *buf, size_t len, uint64_t off)
{
	fixture_must(f, pageblob_server_read(f->server, "disks", "p/" FIXTURE_BLOB, NULL, off, buf, len, &f->err));
}

/* Content that knows its place. */
static inline uint8_t *fixture_pattern(size_t len, uint64_t seed)
{
	uint8_t *buf = malloc(len);

	assert_non_null(buf);
	for (size_t i = 0; i < len; i += 8) {
		uint64_t word = (seed + i + 1) * UINT64_C(0x9e3779b97f4a7c15);

		memcpy(buf + i, &word, 8);
	}
	return buf;
}

#endif
