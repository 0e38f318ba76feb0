/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "replicate/lease_keeper.h"

#define POLL_MS 100 /* how late a cancel may reach a disk */
#define RETRY_MS 1000

struct entry {
	struct lease_keeper *keeper;
	pthread_t thread;
	struct replica *replica;
	struct guid id;
	struct cancel *stop;
	bool end, lost; /* under the keeper's lock */
	struct entry *next;
};

struct lease_keeper {
	pthread_t thread; /* passes the cancel on; there is none before the first lease */
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct entry *entries;
	struct cancel *run;
	unsigned renew_ms;
	bool end;
};

/* Until something changed, or ms later. */
static void wait_locked(struct lease_keeper *k, unsigned ms)
{
	uint64_t ns = clock_monotonic_ns() + (uint64_t)ms * 1000000;
	struct timespec until = { .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };

	pthread_cond_timedwait(&k->changed, &k->lock, &until);
}

/* Somebody else may have written, or it is gone.  Other refusals, of credentials say, prove nothing: a lease lasts a while. */
static bool is_lost(const struct error *why)
{
	return why->code == ERR_BUSY || why->code == ERR_CONFLICT;
}

static bool renew(const struct entry *e, bool *answered)
{
	struct error why = ERROR_INIT;

	*answered = replica_lease(e->replica, TARGET_LEASE_RENEW, &e->id, &why) == 0;
	if (*answered)
		return false;
	if (why.code != ERR_NETWORK && why.code != ERR_CANCELLED)
		log_warn("lease", "%s: %s", replica_name(e->replica), why.msg);
	return is_lost(&why);
}

static void *keep(void *arg)
{
	struct entry *e = arg;
	struct lease_keeper *k = e->keeper;
	uint64_t due_ns = clock_monotonic_ns() + (uint64_t)k->renew_ms * 1000000, now;
	bool lost, answered;

	pthread_mutex_lock(&k->lock);
	while (!e->end) {
		now = clock_monotonic_ns();
		if (e->lost || now < due_ns) {
			wait_locked(k, e->lost ? LEASE_RENEW_MS : (unsigned)((due_ns - now) / 1000000) + 1);
			continue;
		}
		pthread_mutex_unlock(&k->lock);
		lost = renew(e, &answered);
		pthread_mutex_lock(&k->lock);
		due_ns = clock_monotonic_ns() + (uint64_t)(answered ? k->renew_ms : RETRY_MS) * 1000000;
		if (lost) {
			e->lost = true;
			cancel_set(e->stop, CANCEL_NOW);
		}
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

static void *pass_on(void *arg)
{
	struct lease_keeper *k = arg;

	pthread_mutex_lock(&k->lock);
	while (!k->end) {
		int level = cancel_level(k->run);

		for (struct entry *e = k->entries; e && level != CANCEL_NONE; e = e->next)
			cancel_set(e->stop, level);
		wait_locked(k, POLL_MS);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

struct lease_keeper *lease_keeper_new(struct cancel *run, unsigned renew_ms, struct error *err)
{
	struct lease_keeper *k = calloc(1, sizeof(*k));
	pthread_condattr_t attr;

	if (!k) {
		error_errno(err, ENOMEM, "lease keeper");
		return NULL;
	}
	k->run = run;
	k->renew_ms = renew_ms;
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&k->changed, &attr);
	pthread_condattr_destroy(&attr);
	return k;
}

/* Takes the entry out of the list and ends its thread. */
static bool end_entry(struct lease_keeper *k, struct entry **at)
{
	struct entry *e = *at;
	bool lost;

	*at = e->next;
	e->end = true;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
	pthread_join(e->thread, NULL);
	lost = e->lost;
	free(e);
	return lost;
}

void lease_keeper_free(struct lease_keeper *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	while (k->entries) {
		end_entry(k, &k->entries);
		pthread_mutex_lock(&k->lock);
	}
	k->end = true;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
	if (k->running)
		pthread_join(k->thread, NULL);
	pthread_cond_destroy(&k->changed);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

int lease_keeper_add(struct lease_keeper *k, struct replica *r, const struct guid *id, struct cancel *stop,
		     struct error *err)
{
	CLEANUP_FREE struct entry *e = calloc(1, sizeof(*e));
	int rc;

	if (!e)
		return error_errno(err, ENOMEM, "lease keeper");
	*e = (struct entry){ .keeper = k, .replica = r, .id = *id, .stop = stop };
	LOCK_SCOPE(&k->lock);
	rc = k->running ? 0 : pthread_create(&k->thread, NULL, pass_on, k);
	k->running = rc == 0;
	if (rc == 0)
		rc = pthread_create(&e->thread, NULL, keep, e);
	if (rc != 0)
		return error_errno(err, rc, "lease keeper");
	e->next = k->entries;
	k->entries = steal_ptr(&e);
	return 0;
}

int lease_keeper_renew(struct lease_keeper *k, struct replica *r, struct error *err)
{
	struct error why = ERROR_INIT;
	struct entry *e;

	pthread_mutex_lock(&k->lock);
	for (e = k->entries; e && e->replica != r; e = e->next)
		;
	pthread_mutex_unlock(&k->lock); /* only who calls this could remove it */
	if (!e)
		return error_set(err, ERR_BUG, "%s: no lease to be renewed", replica_name(r));
	if (replica_lease(r, TARGET_LEASE_RENEW, &e->id, &why) == 0)
		return 0;
	if (why.code == ERR_BUSY) {
		char said[sizeof(why.msg)];

		memcpy(said, why.msg, sizeof(said));
		why = (struct error)ERROR_INIT;
		error_set(&why, ERR_BUSY, "%s: the lease was lost during the cycle: somebody else may have written (%.300s)",
			  replica_name(r), said);
		why.detail = TARGET_REFUSED_LEASE;
	}
	if (is_lost(&why)) {
		LOCK_SCOPE(&k->lock);
		e->lost = true;
		cancel_set(e->stop, CANCEL_NOW);
	}
	if (err)
		*err = why;
	return -1;
}

bool lease_keeper_remove(struct lease_keeper *k, struct replica *r)
{
	struct entry **at;

	pthread_mutex_lock(&k->lock);
	for (at = &k->entries; *at && (*at)->replica != r; at = &(*at)->next)
		;
	if (*at)
		return end_entry(k, at);
	pthread_mutex_unlock(&k->lock);
	return false;
}
