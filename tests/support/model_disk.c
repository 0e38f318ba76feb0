/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/io.h"
#include "support/model_disk.h"
#include "support/scratch.h"

static int read_model(void *ctx, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct model_disk *m = ctx;

	atomic_fetch_add(&m->bytes_read, len);
	atomic_fetch_add(&m->reads, 1);
	if (m->cancel && ranges_overlap(off, len, m->cancel_at, 1))
		cancel_set(m->cancel, CANCEL_GENTLE);
	if (m->fail_at != UINT64_MAX && ranges_overlap(off, len, m->fail_at, 1))
		return error_set(err, ERR_CORRUPT, "model: broken");
	memcpy(buf, m->bytes + off, len);
	return 0;
}

static int list_extents(void *ctx, uint64_t len, uint64_t off, struct extent_list *out, struct error *err)
{
	struct model_disk *m = ctx;
	uint64_t n;

	for (uint64_t at = off; at < off + len; at += n) {
		uint64_t grain = at / MODEL_GRAIN, end = (grain + 1) * MODEL_GRAIN;
		uint64_t grain_len = (end < m->size ? end : m->size) - grain * MODEL_GRAIN;
		bool zero = !m->no_extents && m->known_zero[grain] &&
			    io_is_zero(m->bytes + grain * MODEL_GRAIN, grain_len);

		n = (end < off + len ? end : off + len) - at;
		if (extent_list_add_run(out, at, n, zero ? EXTENT_ZERO : EXTENT_DATA, 0, err) < 0)
			return -1;
	}
	return 0;
}

static const struct disk_foreign_ops ops = { .format = "model", .read = read_model, .extents = list_extents };

struct model_disk *model_disk_new(uint64_t size)
{
	struct model_disk *m = calloc(1, sizeof(*m));
	uint64_t grains = (size + MODEL_GRAIN - 1) / MODEL_GRAIN;

	assert_non_null(m);
	m->size = size;
	m->fail_at = UINT64_MAX;
	m->bytes = calloc(1, size);
	m->known_zero = malloc(grains * sizeof(bool));
	assert_non_null(m->bytes);
	assert_non_null(m->known_zero);
	for (uint64_t i = 0; i < grains; i++)
		m->known_zero[i] = true;
	m->disk = disk_new_foreign("model", size, &ops, m, NULL);
	assert_non_null(m->disk);
	return m;
}

void model_disk_free(struct model_disk *m)
{
	disk_close(m->disk);
	free(m->known_zero);
	free(m->bytes);
	free(m);
}

void model_disk_fill(struct model_disk *m, uint64_t off, uint64_t len, uint64_t seed)
{
	assert_true(range_ok(off, len, m->size));
	pattern_fill(m->bytes + off, len, off, seed);
}

void model_disk_zero(struct model_disk *m, uint64_t off, uint64_t len)
{
	assert_true(range_ok(off, len, m->size));
	memset(m->bytes + off, 0, len);
}

uint64_t model_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}
