/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "replicate/verify_report.h"

static int no_sha256(struct error *err)
{
	return error_set(err, ERR_UNSUPPORTED, "SHA-256: the crypto library does not give it");
}

void verify_found_add(struct verify_found *f, uint64_t off, uint64_t len)
{
	if (f->n > 0 && f->v[f->n - 1].off + f->v[f->n - 1].len == off && !f->truncated)
		f->v[f->n - 1].len += len;
	else if (f->n < VERIFY_MISMATCHES_MAX)
		f->v[f->n++] = (struct verify_range){ .off = off, .len = len };
	else
		f->truncated = true;
}

void verify_report_fail(struct verify_report *r, const struct error *cause)
{
	LOCK_SCOPE(&r->lock);
	if (r->err.code == ERR_NONE)
		r->err = *cause;
	r->stop = true;
	pthread_cond_broadcast(&r->idle_cond);
	pthread_cond_broadcast(&r->done_cond);
}

bool verify_report_stopped(struct verify_report *r)
{
	LOCK_SCOPE(&r->lock);
	return r->stop;
}

static void put_idle_locked(struct verify_report *r, struct verify_unit *u)
{
	u->next = r->idle;
	r->idle = u;
	pthread_cond_signal(&r->idle_cond);
}

struct verify_unit *verify_unit_get(struct verify_report *r)
{
	struct verify_unit *u;

	LOCK_SCOPE(&r->lock);
	while (!r->idle && !r->stop)
		pthread_cond_wait(&r->idle_cond, &r->lock);
	if (r->stop)
		return NULL;
	u = r->idle;
	r->idle = u->next;
	u->found.n = 0;
	u->found.truncated = false;
	return u;
}

void verify_unit_done(struct verify_report *r, struct verify_unit *u)
{
	LOCK_SCOPE(&r->lock);
	assert(u->number >= r->turn && u->number - r->turn < r->n_units);
	r->done[u->number % r->n_units] = u;
	if (u->number == r->turn)
		pthread_cond_signal(&r->done_cond);
}

void verify_worker_ends(struct verify_report *r, struct verify_unit *u)
{
	LOCK_SCOPE(&r->lock);
	if (u)
		put_idle_locked(r, u);
	r->workers--;
	pthread_cond_signal(&r->done_cond);
}

/* The unit whose turn it is; NULL: there is none any more, or it stopped. */
static struct verify_unit *next_unit(struct verify_report *r)
{
	struct verify_unit **at = &r->done[r->turn % r->n_units], *u;

	LOCK_SCOPE(&r->lock);
	while (!*at && r->workers > 0 && !r->stop)
		pthread_cond_wait(&r->done_cond, &r->lock);
	u = r->stop ? NULL : *at;
	*at = NULL;
	return u;
}

static void end_turn(struct verify_report *r, struct verify_unit *u)
{
	LOCK_SCOPE(&r->lock);
	r->turn++;
	put_idle_locked(r, u);
}

static int add_leaf(struct verify_report *r, const struct verify_unit *u, uint64_t at, uint64_t len, struct error *err)
{
	uint8_t short_leaf[MERKLE_HASH_LEN];
	const uint8_t *leaf = short_leaf;

	if (!u->zero)
		leaf = u->leaves[at / MERKLE_CHUNK];
	else if (len == MERKLE_CHUNK)
		leaf = r->zero_leaf;
	else if (merkle_leaf(r->zeros, (size_t)len, short_leaf, err) < 0)
		return -1;
	return merkle_add(&r->tree, leaf, err);
}

/* Adds the unit's content, as far as it is A's, to both digests.  1: somebody else failed meanwhile. */
static int digest(struct verify_report *r, const struct verify_unit *u, struct error *err)
{
	uint64_t end = u->len, len;

	if (u->off >= r->size_a)
		return 0;
	if (end > r->size_a - u->off)
		end = r->size_a - u->off;
	for (uint64_t at = 0; at < end; at += len) {
		len = end - at < MERKLE_CHUNK ? end - at : MERKLE_CHUNK;
		if (verify_report_stopped(r))
			return 1;
		if (cancel_check(r->opt->cancel, err) < 0)
			return -1;
		if (EVP_DigestUpdate(r->flat, u->zero ? r->zeros : u->data + at, (size_t)len) != 1)
			return no_sha256(err);
		if (add_leaf(r, u, at, len, err) < 0)
			return -1;
	}
	return 0;
}

static int report(struct verify_report *r, const struct verify_unit *u, struct error *err)
{
	int rc = r->opt->digest ? digest(r, u, err) : 0;

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < u->found.n; i++)
		verify_found_add(r->found, u->found.v[i].off, u->found.v[i].len);
	r->found->truncated |= u->found.truncated;
	r->bytes += u->len;
	if (r->opt->bytes_done)
		atomic_fetch_add_explicit(r->opt->bytes_done, u->len, memory_order_relaxed);
	return 0;
}

void verify_report_run(struct verify_report *r)
{
	struct error err = ERROR_INIT;
	struct verify_unit *u = next_unit(r);

	for (; u; u = next_unit(r)) {
		if (report(r, u, &err) < 0)
			verify_report_fail(r, &err);
		end_turn(r, u);
	}
}

int verify_report_end(struct verify_report *r, char sha256[65], char root[65], struct error *err)
{
	uint8_t hash[MERKLE_HASH_LEN];

	if (r->stop) {
		if (err)
			*err = r->err;
		return -1;
	}
	if (!r->opt->digest)
		return 0;
	if (EVP_DigestFinal_ex(r->flat, hash, NULL) != 1)
		return no_sha256(err);
	merkle_hex(hash, sha256);
	if (merkle_root(&r->tree, hash, err) < 0)
		return -1;
	merkle_hex(hash, root);
	return 0;
}

static int make_units(struct verify_report *r, unsigned n, struct error *err)
{
	for (; r->n_units < n; r->n_units++) {
		struct verify_unit *u = calloc(1, sizeof(*u));

		if (u && r->opt->digest)
			u->data = aligned_alloc(4096, VERIFY_UNIT);
		if (!u || (r->opt->digest && !u->data)) {
			free(u);
			return error_errno(err, ENOMEM, "buffers to compare");
		}
		r->units[r->n_units] = u;
		put_idle_locked(r, u); /* nobody else is there yet */
	}
	return 0;
}

int verify_report_init(struct verify_report *r, const struct verify_options *opt, uint64_t size_a, unsigned workers,
		       struct error *err)
{
	assert(workers <= VERIFY_THREADS_MAX);
	*r = (struct verify_report){ .opt = opt, .size_a = size_a, .workers = workers };
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->idle_cond, NULL);
	pthread_cond_init(&r->done_cond, NULL);
	r->found = calloc(1, sizeof(*r->found));
	if (!r->found)
		return error_errno(err, ENOMEM, "list of mismatches");
	if (make_units(r, workers + VERIFY_UNITS_AHEAD, err) < 0)
		return -1;
	if (!opt->digest)
		return 0;
	merkle_init(&r->tree);
	r->flat = EVP_MD_CTX_new();
	r->zeros = calloc(1, MERKLE_CHUNK);
	if (!r->flat || !r->zeros)
		return error_errno(err, ENOMEM, "digests");
	if (EVP_DigestInit_ex(r->flat, EVP_sha256(), NULL) != 1)
		return no_sha256(err);
	return merkle_leaf(r->zeros, MERKLE_CHUNK, r->zero_leaf, err);
}

void verify_report_fini(struct verify_report *r)
{
	for (unsigned i = 0; i < r->n_units; i++) {
		free(r->units[i]->data);
		free(r->units[i]);
	}
	free(r->found);
	EVP_MD_CTX_free(r->flat);
	free(r->zeros);
	pthread_cond_destroy(&r->idle_cond);
	pthread_cond_destroy(&r->done_cond);
	pthread_mutex_destroy(&r->lock);
}
