/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/clock.h"
#include "guest/volume.h"

int look_budget_check(struct look_budget *b, struct error *err)
{
	if (cancel_check(b->cancel, err) < 0)
		return -1;
	if (b->deadline_ns != 0 && clock_monotonic_ns() > b->deadline_ns) {
		b->spent = true;
		return error_set(err, ERR_UNSUPPORTED, "the time for this disk is over");
	}
	return 0;
}

int look_budget_take(struct look_budget *b, uint64_t len, struct error *err)
{
	if (look_budget_check(b, err) < 0)
		return -1;
	if (len > b->bytes_left) {
		b->bytes_left = 0;
		b->spent = true;
		return error_set(err, ERR_UNSUPPORTED, "as much as may be read of one disk was read");
	}
	b->bytes_left -= len;
	return 0;
}

int volume_init(struct volume *v, struct disk *d, struct look_budget *budget, uint64_t off, uint64_t len,
		struct error *err)
{
	*v = (struct volume){ .d = d, .budget = budget };
	return len > 0 ? volume_add(v, off, len, err) : 0;
}

int volume_add(struct volume *v, uint64_t disk_off, uint64_t len, struct error *err)
{
	struct volume_run *runs;

	if (len == 0 || !range_ok(disk_off, len, disk_size(v->d)) || v->size + len < len)
		return error_set(err, ERR_CORRUPT,
				 "a piece of %" PRIu64 " bytes at byte %" PRIu64 " of the disk: it has %" PRIu64, len,
				 disk_off, disk_size(v->d));
	if (v->n_runs == VOLUME_RUNS_MAX)
		return error_set(err, ERR_UNSUPPORTED, "more than %d pieces", VOLUME_RUNS_MAX);
	runs = reallocarray(v->runs, v->n_runs + 1, sizeof(*runs));
	if (!runs)
		return error_errno(err, ENOMEM, "volume");
	v->runs = runs;
	runs[v->n_runs++] = (struct volume_run){ .off = v->size, .len = len, .disk_off = disk_off };
	v->size += len;
	return 0;
}

void volume_fini(struct volume *v)
{
	free(v->runs);
	*v = (struct volume){ 0 };
}

/* The run that holds off, or the last; NULL if there is none. */
static const struct volume_run *find_run(const struct volume *v, uint64_t off)
{
	size_t low = 0, high = v->n_runs;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (v->runs[mid].off <= off)
			low = mid;
		else
			high = mid;
	}
	return v->n_runs ? &v->runs[low] : NULL;
}

int volume_read(struct volume *v, void *buf, size_t len, uint64_t off, struct error *err)
{
	const struct volume_run *run = find_run(v, off);
	uint8_t *p = buf;

	if (!range_ok(off, len, v->size))
		return error_set(err, ERR_CORRUPT, "%zu bytes at byte %" PRIu64 ": beyond its end (%" PRIu64 " bytes)",
				 len, off, v->size);
	if (look_budget_take(v->budget, len, err) < 0)
		return -1;
	for (; len > 0; run++) {
		uint64_t within = off - run->off, left = run->len - within;
		size_t n = len < left ? len : (size_t)left;

		if (disk_read(v->d, p, n, run->disk_off + within, err) < 0)
			return -1;
		p += n;
		off += n;
		len -= n;
	}
	return 0;
}

uint64_t volume_on_disk(const struct volume *v, uint64_t off)
{
	const struct volume_run *run = find_run(v, off);
	uint64_t within;

	if (!run)
		return 0;
	within = off - run->off;
	return run->disk_off + (within < run->len ? within : run->len);
}
