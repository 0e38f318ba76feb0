/* SPDX-License-Identifier: Apache-2.0 */
/* The two ways in which liftfs status says what it knows. */
#ifndef LIFTFS_TOOLS_STATUS_H
#define LIFTFS_TOOLS_STATUS_H

#include "project/project.h"
#include "tool.h"

struct status_known {
	const char *state; /* path */
	const struct project_disks *disks;
	uint64_t now_ns; /* realtime */
};

#define STATUS_WORDS 6
struct status_summary {
	size_t vms, disks, running;
	size_t words[STATUS_WORDS]; /* in the order of status_words */
	size_t never;               /* that hold no known moment of their source */
	uint64_t lag_ms;            /* the longest of those that have not vanished */
};
extern const char *const status_words[STATUS_WORDS];

/* tools/status.c */
void status_summarise(const struct status_known *k, struct status_summary *out);
/* How old what the disk's replica holds is; false: it is not known to hold anything. */
bool status_lag_ms(const struct project_disk *d, uint64_t now_ns, uint64_t *ms_out);
/* Is this the first disk of its VM? */
bool status_begins_vm(const struct project_disks *disks, size_t i);

/* Both print to standard output. */
int status_print(const struct status_known *k, enum output_when color, struct error *err) MUST_CHECK;
int status_print_events(struct project *p, unsigned n, enum output_when color, struct error *err) MUST_CHECK;
int status_json(const struct status_known *k, struct error *err) MUST_CHECK;
int status_json_events(struct project *p, unsigned n, struct error *err) MUST_CHECK;

#endif
