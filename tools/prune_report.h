/* SPDX-License-Identifier: Apache-2.0 */
/* What liftfs prune did, or would do: a table and two lines, or a document. */
#ifndef LIFTFS_TOOLS_PRUNE_REPORT_H
#define LIFTFS_TOOLS_PRUNE_REPORT_H

#include <jansson.h>

#include "output.h"
#include "replicate/prune.h"
#include "requests.h"

struct prune_outcome {
	const struct prune_result *result;
	const struct target *target;
	struct requests requests;
	uint64_t now_ns;
	bool dry_run, failed;
	enum output_when color;
};

/* To standard output. */
int prune_report_print(const struct prune_outcome *o, struct error *err) MUST_CHECK;
/* {"schema":1,"result":"ok","kept":[...],"removed":[...]}, as liftfs-prune(1) has it. */
json_t *prune_report_json(const struct prune_outcome *o, struct error *err) MUST_CHECK;

#endif
