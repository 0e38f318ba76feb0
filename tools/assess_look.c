/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "assess_look.h"
#include "map/hasher.h"

const char *assess_look_name(enum assess_look_depth depth)
{
	static const char *const names[] = {
		[ASSESS_LOOK_QUICK] = "quick",
		[ASSESS_LOOK_NONE] = "none",
		[ASSESS_LOOK_FULL] = "full",
	};

	return names[depth];
}

static void hash(const void *ctx, const void *buf, size_t len, uint64_t *lo, uint64_t *hi)
{
	struct block_hash h;

	hasher_hash(ctx, buf, len, &h);
	*lo = h.lo;
	*hi = h.hi;
}

/* No secret is kept from anybody here, and the same disks shall give the same figures: splitmix64. */
static void make_hasher(struct hasher *h)
{
	uint8_t secret[HASHER_SECRET_LEN];
	uint64_t state = 1;

	for (size_t i = 0; i < sizeof(secret); i++) {
		uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		secret[i] = (uint8_t)(z >> 56);
	}
	hasher_init(h, secret);
}

static void sample(void *ctx, struct progress_now *out)
{
	struct machines_looked *l = ctx;

	*out = (struct progress_now){
		.done = l->done, .total = l->total, .disks_done = l->disks_done, .disks = l->disks
	};
}

int assess_look(const struct tool *t, enum assess_look_depth depth, struct machine_list *machines,
		struct cancel *cancel, struct machines_looked *out, struct error *err)
{
	struct hasher h;
	struct machines_look_options opt = {
		.full = depth == ASSESS_LOOK_FULL, .hash = hash, .hash_ctx = &h, .cancel = cancel
	};
	struct progress *progress;
	int rc;

	if (depth == ASSESS_LOOK_NONE)
		return 0;
	make_hasher(&h);
	progress = progress_start(t->common.quiet ? PROGRESS_NONE : PROGRESS_AUTO, "look", sample, out, err);
	if (!progress)
		return -1;
	rc = machines_look(machines, &opt, out, err);
	progress_stop(progress);
	return rc;
}
