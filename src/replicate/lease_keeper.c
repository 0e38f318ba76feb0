/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "replicate/lease_keeper.h"

#define POLL_MS 100    /* how late a cancel may reach a disk */
#define RETRY_MS 1000

struct entry {
	struct replica *replica;
	struct guid id;
	struct cancel *stop;
	uint64_t due_ns;
	bool busy, lost;
	struct entry *next;
};

struct lease_keeper {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct entry *entries;
	struct cancel *run;
	bool end;
};

static uint64_t due_in(unsigned ms)
{
	return clock_monotonic_ns() + (uint64_t)ms * 1000000;
}

static struct entry *next_due(struct lease_keeper *k)
{
	uint64_t now = clock_monotonic_ns();

	for (struct entry *e = k->entries; e; e = e->next)
		if (!e->lost && e->due_ns <= now)
			return e;
	return NULL;
}

/* Called with the lock, which is dropped for the request; `busy` keeps the entry. */
static void renew_locked(struct lease_keeper *k, struct entry *e)
{
	struct error why = ERROR_INIT;
	int rc;

	e->busy = true;
	pthread_mutex_unlock(&k->lock);
	rc = replica_lease(e->replica, TARGET_LEASE_RENEW, &e->id, &why);
	pthread_mutex_lock(&k->lock);
	e->busy = false;
	e->due_ns = due_in(rc == 0 ? LEASE_RENEW_MS : RETRY_MS);
	if (rc < 0 && why.code != ERR_NETWORK && why.code != ERR_CANCELLED) {
		log_warn("lease", "%s: %s", replica_name(e->replica), why.msg);
		e->lost = true;
		cancel_set(e->stop, CANCEL_NOW);
	}
	pthread_cond_broadcast(&k->changed);
}

static void *keep(void *arg)
{
	struct lease_keeper *k = arg;
	struct timespec until;
	struct entry *e;
	int level;

	pthread_mutex_lock(&k->lock);
	while (!k->end) {
		level = cancel_level(k->run);
		for (e = k->entries; e && level != CANCEL_NONE; e = e->next)
			cancel_set(e->stop, level);
		e = next_due(k);
		if (e) {
			renew_locked(k, e);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += POLL_MS * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&k->changed, &k->lock, &until);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

struct lease_keeper *lease_keeper_new(struct cancel *run, struct error *err)
{
	struct lease_keeper *k = calloc(1, sizeof(*k));
	pthread_condattr_t attr;
	int rc;

	if (!k) {
		error_errno(err, ENOMEM, "lease keeper");
		return NULL;
	}
	k->run = run;
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&k->changed, &attr);
	pthread_condattr_destroy(&attr);
	rc = pthread_create(&k->thread, NULL, keep, k);
	if (rc != 0) {
		pthread_cond_destroy(&k->changed);
		pthread_mutex_destroy(&k->lock);
		free(k);
		error_errno(err, rc, "lease keeper");
		return NULL;
	}
	return k;
}

void lease_keeper_free(struct lease_keeper *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->end = true;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	for (struct entry *e = k->entries, *next; e; e = next) {
		next = e->next;
		free(e);
	}
	pthread_cond_destroy(&k->changed);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

int lease_keeper_add(struct lease_keeper *k, struct replica *r, const struct guid *id, struct cancel *stop,
		     struct error *err)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return error_errno(err, ENOMEM, "lease keeper");
	*e = (struct entry){ .replica = r, .id = *id, .stop = stop, .due_ns = due_in(LEASE_RENEW_MS) };
	LOCK_SCOPE(&k->lock);
	e->next = k->entries;
	k->entries = e;
	return 0;
}

bool lease_keeper_remove(struct lease_keeper *k, struct replica *r)
{
	struct entry **at, *e;
	bool lost;

	LOCK_SCOPE(&k->lock);
	for (at = &k->entries; *at && (*at)->replica != r; at = &(*at)->next)
		;
	e = *at;
	if (!e)
		return false;
	while (e->busy)
		pthread_cond_wait(&k->changed, &k->lock);
	for (at = &k->entries; *at != e; at = &(*at)->next) /* the list may have changed while waiting */
		;
	*at = e->next;
	lost = e->lost;
	free(e);
	return lost;
}
