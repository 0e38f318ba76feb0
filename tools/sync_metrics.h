/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of --metrics: what the state's database knows, for Prometheus.  Written as often as somebody asks for it; a
 * failure is one warning, and the next after it went well again.
 *
 * Any thread may call; NULL is welcome.
 */
#ifndef LIFTFS_TOOLS_SYNC_METRICS_H
#define LIFTFS_TOOLS_SYNC_METRICS_H

#include "base/cleanup.h"
#include "base/error.h"

struct project;
struct sync_metrics;

/* `path` of the file and of the state's folder outlive it. */
struct sync_metrics *sync_metrics_new(const char *path, const char *state_path, struct error *err) MUST_CHECK;
void sync_metrics_free(struct sync_metrics *m);

/*
 * From here on this is the database, which lives until the next call.  NULL: no round has it open, or it is of no use; what
 * is on disk then counts.
 */
void sync_metrics_use(struct sync_metrics *m, struct project *project);

/* Nothing is written, and nothing said, as long as there is no state. */
void sync_metrics_write(struct sync_metrics *m);

#endif
