/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target-walk URL: walks through every operation of a target, as a cycle would use them, and says what differs from the
 * contract in target.h.  For scripts that have a server to walk on; the account's key comes from AZURE_STORAGE_KEY.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/credentials.h"
#include "net/http.h"
#include "target/target.h"

enum { SIZE = 64 << 20, CHUNK = 4 << 20, PARTS = 6 };

static unsigned failures;

#define check(cond)                                                                     \
	do {                                                                            \
		if (!(cond)) {                                                          \
			fprintf(stderr, "target-walk: line %d: %s\n", __LINE__, #cond); \
			failures++;                                                     \
		}                                                                       \
	} while (0)

#define must(call)                                                                                   \
	do {                                                                                         \
		if ((call) < 0) {                                                                    \
			fprintf(stderr, "target-walk: line %d: %s: %s\n", __LINE__, #call, err.msg); \
			exit(1);                                                                     \
		}                                                                                    \
	} while (0)

/* The call must have failed with this code and detail; err is emptied. */
#define refused(call, want_code, want_detail)                                                                 \
	do {                                                                                                  \
		if ((call) == 0 || err.code != (want_code) || err.detail != (want_detail)) {                  \
			fprintf(stderr, "target-walk: line %d: %s: code %d detail %d: %s\n", __LINE__, #call, \
				(int)err.code, err.detail, err.msg);                                          \
			failures++;                                                                           \
		}                                                                                             \
		err = (struct error)ERROR_INIT;                                                               \
	} while (0)

static void done(struct target_op *op)
{
	(void)op;
}

static void fill(uint8_t *buf, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t word = (seed + i) * UINT64_C(0x9e3779b97f4a7c15);

		memcpy(buf + i, &word, 8);
	}
}

static int count_blobs(void *ctx, const char *name, const struct target_look *look, struct error *err)
{
	(void)err;
	if (strcmp(name, "web 01/web01.vhd") == 0) {
		check(look->exists && look->size == SIZE);
		check(target_meta_get(&look->meta, "liftfsid"));
		++*(unsigned *)ctx;
	}
	return 0;
}

/* The emulator's account with the key of the environment. */
static struct credentials *key_from_environment(struct error *err)
{
	const char *key = getenv("AZURE_STORAGE_KEY");
	CLEANUP(cleanup_secret) struct secret *secret = NULL;

	if (!key) {
		error_set(err, ERR_REFUSED, "AZURE_STORAGE_KEY is not set");
		return NULL;
	}
	secret = secret_new(key, err);
	return secret ? credentials_new_sharedkey("devstoreaccount1", secret, "AZURE_STORAGE_KEY", err) : NULL;
}

static void sink(void *ctx, enum log_level level, const char *module, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s %s: %s\n", level == LOG_WARN ? "warning" : "note", module, line);
}

/* Writes, clears, reads back and lists: `r` is leased, and numbered from `version` on. */
static void walk_content(struct replica *r)
{
	struct error err = ERROR_INIT;
	static uint8_t data[PARTS][CHUNK], back[CHUNK];
	struct target_op ops[PARTS] = { { 0 } };
	struct target_op clear = { .off = CHUNK, .len = CHUNK, .done = done };
	CLEANUP(cleanup_extent_list) struct extent_list extents = { 0 };

	for (unsigned i = 0; i < PARTS; i++) {
		fill(data[i], CHUNK, i);
		ops[i] = (struct target_op){
			.off = 2 * i * (uint64_t)CHUNK, .len = CHUNK, .data = data[i], .done = done
		};
		if (i == PARTS - 1)
			ops[i].len = 512;
		replica_submit(r, &ops[i]);
	}
	replica_submit(r, &clear);
	replica_barrier(r);
	for (unsigned i = 0; i < PARTS; i++)
		if (ops[i].err.code != ERR_NONE) {
			fprintf(stderr, "target-walk: write %u: %s\n", i, ops[i].err.msg);
			failures++;
		}
	check(clear.err.code == ERR_NONE);
	for (unsigned i = 0; i < PARTS; i++) {
		must(replica_read(r, back, ops[i].len, ops[i].off, NULL, &err));
		check(memcmp(back, data[i], ops[i].len) == 0);
	}
	must(replica_extents(r, SIZE, 0, NULL, &extents, &err));
	check(extents.n == 2 * PARTS);
	check(extent_list_bytes(&extents, EXTENT_DATA) == (PARTS - 1) * (uint64_t)CHUNK + 512);
}

static void walk_point(struct replica *r, const char *version, struct target_meta *meta)
{
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_target_points) struct target_points points = { 0 };
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };
	static uint8_t buf[512], want[512];
	struct target_op op = { .off = 0, .len = 512, .data = buf, .done = done };
	char id[TARGET_POINT_LEN], version_out[TARGET_VERSION_LEN];
	uint64_t late;

	must(target_meta_set(meta, "token", "a token \xc3\xa9 %", &err));
	refused(replica_snapshot(r, "\"0x0\"", "p", meta, id, &err), ERR_CONFLICT, TARGET_REFUSED_VERSION);
	must(replica_snapshot(r, version, "p", meta, id, &err));
	must(replica_points(r, &points, &err));
	check(points.n == 1 && strcmp(points.v[0].id, id) == 0 && points.v[0].size == SIZE);
	check(points.n == 1 && target_meta_get(&points.v[0].meta, "token") &&
	      strcmp(target_meta_get(&points.v[0].meta, "token"), "a token \xc3\xa9 %") == 0);
	fill(want, 512, 0);
	memset(buf, 0xee, sizeof(buf));
	replica_submit(r, &op);
	replica_barrier(r);
	check(op.err.code == ERR_NONE);
	{
		CLEANUP(cleanup_replica) struct replica *point = replica_at_point(r, id, &err);

		if (!point)
			must(-1);
		must(replica_read(point, buf, 512, 0, NULL, &err));
		check(memcmp(buf, want, 512) == 0);
		must(replica_look(point, &look, &err));
		check(look.exists && look.size == SIZE);
	}
	refused(replica_raise(r, 1, version, &late, version_out, &err), ERR_CONFLICT, TARGET_REFUSED_VERSION);
}

static void walk(struct target *t)
{
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_replica) struct replica *r = target_replica(t, "web 01/web01.vhd", &err);
	CLEANUP(cleanup_target_meta) struct target_meta meta = { 0 };
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };
	struct guid mine, other;
	char version[TARGET_VERSION_LEN];
	uint64_t number;
	unsigned listed = 0;

	if (!r)
		must(-1);
	must(guid_random(&mine, &err));
	must(guid_random(&other, &err));
	must(replica_look(r, &look, &err));
	check(!look.exists);
	must(target_meta_set(&meta, "liftfsid", "4711", &err));
	must(replica_create(r, SIZE / 2, 7, &meta, &err));
	refused(replica_create(r, SIZE / 2, 7, &meta, &err), ERR_CONFLICT, TARGET_REFUSED_EXISTS);
	must(replica_lease(r, TARGET_LEASE_ACQUIRE, &mine, &err));
	must(replica_lease(r, TARGET_LEASE_ACQUIRE, &mine, &err));
	must(replica_look(r, &look, &err));
	check(look.exists && look.size == SIZE / 2 && look.number == 7 && look.leased);
	check(target_meta_get(&look.meta, "liftfsid") && strcmp(target_meta_get(&look.meta, "liftfsid"), "4711") == 0);
	must(replica_resize(r, SIZE, look.version, version, &err));
	refused(replica_resize(r, SIZE, look.version, version, &err), ERR_CONFLICT, TARGET_REFUSED_VERSION);
	must(target_meta_set(&meta, "host", "a host; with, punctuation", &err));
	must(replica_set_meta(r, version, &meta, version, &err));
	must(replica_raise(r, 1000, version, &number, version, &err));
	check(number == 1000);
	{
		CLEANUP(cleanup_replica) struct replica *foreign = target_replica(t, "web 01/web01.vhd", &err);

		if (!foreign)
			must(-1);
		refused(replica_lease(foreign, TARGET_LEASE_ACQUIRE, &other, &err), ERR_BUSY, TARGET_REFUSED_LEASE);
		refused(replica_raise(foreign, 2000, version, &number, version, &err), ERR_BUSY, TARGET_REFUSED_LEASE);
	}
	walk_content(r);
	target_look_fini(&look);
	must(replica_look(r, &look, &err));
	check(look.number == 1000);
	must(replica_raise(r, 3000, look.version, &number, version, &err));
	walk_point(r, version, &meta);
	must(target_list(t, count_blobs, &listed, &err));
	check(listed == 1);
	must(replica_lease(r, TARGET_LEASE_RENEW, &mine, &err));
	must(replica_lease(r, TARGET_LEASE_RELEASE, &mine, &err));
	must(replica_lease(r, TARGET_LEASE_BREAK, NULL, &err));
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_http) struct http *http = NULL;
	CLEANUP(cleanup_credentials) struct credentials *creds = NULL;
	CLEANUP(cleanup_target) struct target *t = NULL;
	struct http_config http_config = { .user_agent = "target-walk" };
	struct target_config config = { .create = true, .host = "walker" };
	char *note = NULL;

	if (argc != 2) {
		fprintf(stderr, "usage: target-walk URL\n");
		return 2;
	}
	log_set_sink(sink, NULL);
	http = http_new(&http_config, &err);
	creds = http ? key_from_environment(&err) : NULL;
	config.http = http;
	config.creds = creds;
	t = creds ? target_open(argv[1], &config, &err) : NULL;
	if (!t)
		must(-1);
	must(target_prepare(t, false, &note, &err));
	free(note);
	walk(t);
	printf("%u failures\n", failures);
	return failures > 0;
}
