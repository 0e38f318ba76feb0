/* SPDX-License-Identifier: Apache-2.0 */
/* What a sync says when it is over: a document, or a table and a few lines. */
#ifndef LIFTFS_TOOLS_SYNC_REPORT_H
#define LIFTFS_TOOLS_SYNC_REPORT_H

#include <jansson.h>

#include "output.h"
#include "requests.h"
#include "sync_set.h"
#include "target/target.h"

struct sync_outcome {
	const struct sync_set *set;
	const struct target *target;
	uint64_t started_ns, finished_ns; /* realtime */
	struct requests before; /* made with the target before this round */
	bool dry_run;
	bool allow_fuzzy; /* a source that moved is no failure */
	enum output_when color;
};

/* The exit status that all disks' outcomes come to. */
int sync_report_status(const struct sync_outcome *o);

/* A disk that the inventory could not place fails with 65 or what its error says, a usage error of its own with 65 too. */
int sync_report_broken_status(const struct sync_broken *b);

/*
 * The text of {"schema":1,"result":"ok",...,"disks":[...]}, as liftfs-sync(1) has it, with a newline at its end; a dry
 * run's has what would be done.  The caller frees it.
 */
char *sync_report_json(const struct sync_outcome *o, struct error *err) MUST_CHECK;

/* To standard output. */
int sync_report_print(const struct sync_outcome *o, struct error *err) MUST_CHECK;
/* What a dry run found, to standard output. */
int sync_report_plan(const struct sync_outcome *o, struct error *err) MUST_CHECK;

/* {"code":"busy","status":75,"message":"..."}, or null without an error. */
json_t *sync_report_error(const struct error *e, int status);

/* "busy": what a script may act on. */
const char *sync_report_code(enum error_code code);

#endif
