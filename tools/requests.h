/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as the bill counts them: those of a target from one moment to another. */
#ifndef LIFTFS_TOOLS_REQUESTS_H
#define LIFTFS_TOOLS_REQUESTS_H

#include <jansson.h>

#include "target/target.h"

struct requests {
	uint64_t writes, clears, reads, others;
	uint64_t retries; /* how many of these were sent again */
};

/* So far, without those of replicas that are open. */
struct requests requests_made(const struct target *t);
struct requests requests_since(const struct target *t, const struct requests *before);

/* "3 writes, 0 clears, 0 reads, 12 others, 0 retries" */
#define REQUESTS_TEXT_LEN 160
void requests_text(const struct requests *r, char out[REQUESTS_TEXT_LEN]);
/* {"writes":0,"clears":0,"reads":0,"others":0}; NULL without memory. */
json_t *requests_json(const struct requests *r);

#endif
