/* SPDX-License-Identifier: Apache-2.0 */
/* What each source says of a machine, and what its disks show: parts of the outputs of liftfs assess. */
#ifndef LIFTFS_TOOLS_ASSESS_EVIDENCE_H
#define LIFTFS_TOOLS_ASSESS_EVIDENCE_H

#include <jansson.h>

#include "assess.h"

struct assess_said {
	const char *field; /* "os", "firmware", "arch" */
	const char *from;  /* "disk", "os_tools", "os_config", "guest_id", "os_name", "inventory", "default" */
	char *value;       /* as that has it */
	char *where;       /* disk and byte, or the machine's origin */
	bool counts;       /* it decided */
};
#define ASSESS_SAID_MAX 12

struct assess_said_list {
	struct assess_said v[ASSESS_SAID_MAX];
	size_t n;
};
/* Fields in that order, and of each the sources in the order in which they count. */
int assess_said_by_all(const struct assess_vm *vm, struct assess_said_list *out, struct error *err) MUST_CHECK;
void assess_said_fini(struct assess_said_list *l);
static inline void cleanup_assess_said(struct assess_said_list *l)
{
	assess_said_fini(l);
}

const char *assess_look_firmware_name(enum look_firmware f); /* "both" */

static inline double assess_zero_share(const struct machine_shares *s)
{
	return s->blocks > 0 ? (double)s->zero / (double)s->blocks : 0;
}

/* NULL without memory, or err says why.  brief: without the findings of disks. */
json_t *assess_json_evidence(const struct assess_vm *vm, struct error *err) MUST_CHECK;
json_t *assess_json_disk_evidence(const struct machine_disk *d, bool brief, struct error *err) MUST_CHECK;
json_t *assess_json_confidence(const struct assess_vm *vm) MUST_CHECK;
json_t *assess_json_measured(const struct machines_looked *l) MUST_CHECK;

/* --explain: lines below a heading of their own. */
int assess_explain_evidence(const struct assess_vm *vm, struct error *err) MUST_CHECK;

/* The page's section. */
void assess_html_evidence(const struct assess_report *r, FILE *f);

#endif
