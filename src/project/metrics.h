/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of disks in Prometheus's text format, for the textfile collector of node_exporter.
 *
 * One sample a disk and metric, labelled target, vm and disk; times are seconds since 1970 UTC, sizes bytes.  A metric of
 * which nothing is known for a disk (it never went well) has no sample of it.
 */
#ifndef LIFTFS_PROJECT_METRICS_H
#define LIFTFS_PROJECT_METRICS_H

#include "project/project.h"

/* The whole text; the caller frees it. */
char *project_metrics_text(struct project *p, struct error *err) MUST_CHECK;

/* Replaces the file (mode 0644) so that a reader sees the old text or the new one, never half of one. */
int project_write_metrics(struct project *p, const char *path, struct error *err) MUST_CHECK;

/* A label's value between its quotes: \, " and newlines escaped.  The caller frees it. */
char *metrics_label(const char *value, struct error *err) MUST_CHECK;

#endif
