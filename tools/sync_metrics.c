/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "project/metrics.h"
#include "sync_metrics.h"

struct sync_metrics {
	const char *path, *state_path;
	pthread_mutex_t lock;
	struct project *round;  /* of the round under way, which closes it */
	struct state *state;    /* else: opened to read, and kept until the next round begins, since opening looks at every page */
	struct project *reader;
	bool failed; /* the last time, and it was said */
};

struct sync_metrics *sync_metrics_new(const char *path, const char *state_path, struct error *err)
{
	struct sync_metrics *m = calloc(1, sizeof(*m));

	if (!m) {
		error_errno(err, ENOMEM, "metrics");
		return NULL;
	}
	m->path = path;
	m->state_path = state_path;
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

static void close_reader(struct sync_metrics *m)
{
	project_close(m->reader);
	state_close(m->state);
	m->reader = NULL;
	m->state = NULL;
}

void sync_metrics_free(struct sync_metrics *m)
{
	if (!m)
		return;
	close_reader(m);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

void sync_metrics_use(struct sync_metrics *m, struct project *project)
{
	if (!m)
		return;
	LOCK_SCOPE(&m->lock);
	close_reader(m);
	m->round = project;
}

static struct project *open_reader(struct sync_metrics *m, struct error *err)
{
	if (!m->reader && !m->state)
		m->state = state_open(m->state_path, false, err);
	if (!m->reader && m->state)
		m->reader = project_open(m->state, PROJECT_READ, err);
	return m->reader;
}

void sync_metrics_write(struct sync_metrics *m)
{
	struct error why = ERROR_INIT;
	struct project *p;

	if (!m)
		return;
	LOCK_SCOPE(&m->lock);
	p = m->round ? m->round : open_reader(m, &why);
	if (!p && !m->state && why.code == ERR_SYSTEM && why.detail == ENOENT)
		return;
	if (p && project_write_metrics(p, m->path, &why) == 0) {
		m->failed = false;
		return;
	}
	if (!m->failed)
		log_warn("metrics", "--metrics: %s; the cycles go on", why.msg);
	m->failed = true;
}
