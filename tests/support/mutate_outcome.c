/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "disk/disk.h"
#include "support/mutate_outcome.h"

#define STEP ((size_t)4096)
#define LOOKED_AT ((uint64_t)16 << 20) /* of a disk that claims to be larger than it was */

struct judging {
	const struct outcome_image *img;
	enum outcome_allowed allowed;
	uint64_t cover_off, cover_end;
	enum outcome kind;
	char *why;
};

static bool PRINTF_FMT(2, 3) not_allowed(struct judging *j, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(j->why, OUTCOME_WHY_MAX, fmt, ap);
	va_end(ap);
	return false;
}

/* One line that names a file of the image, under a code that the input can cause. */
static bool check_error(struct judging *j, const struct error *e)
{
	bool named = false;

	switch (e->code) {
	case ERR_CORRUPT:
	case ERR_UNSUPPORTED:
	case ERR_REFUSED:
		break;
	default:
		return not_allowed(j, "error of code %d: %s", (int)e->code, e->msg);
	}
	for (const char *const *n = j->img->names; *n && !named; n++)
		named = strstr(e->msg, *n) != NULL;
	if (!named || strchr(e->msg, '\n') || strlen(e->msg) < 10)
		return not_allowed(j, "an unclear message: '%s'", e->msg);
	return true;
}

static bool check_bytes(struct judging *j, const uint8_t *got, uint64_t off, size_t len)
{
	const uint8_t *want = j->img->flat;

	if (j->allowed == OUTCOME_ANY || memcmp(got, want + off, len) == 0)
		return true;
	for (size_t i = 0; i < len; i++) {
		if (got[i] == want[off + i])
			continue;
		if (j->allowed == OUTCOME_MOVES && off + i >= j->cover_off && off + i < j->cover_end) {
			j->kind = OUTCOME_OTHER;
			continue;
		}
		return not_allowed(j, "another content at %" PRIu64, off + i);
	}
	return true;
}

/* Piece by piece, where one read of everything failed.  Errors lie inside the range that the field speaks of. */
static bool read_pieces(struct judging *j, struct disk *d, uint8_t *got, uint64_t len)
{
	for (uint64_t off = 0; off < len; off += STEP) {
		size_t n = len - off < STEP ? (size_t)(len - off) : STEP;
		struct error e = ERROR_INIT;

		if (disk_read(d, got + off, n, off, &e) == 0) {
			if (!check_bytes(j, got + off, off, n))
				return false;
			continue;
		}
		if (j->kind == OUTCOME_SAME)
			j->kind = OUTCOME_ERRORS;
		if (!check_error(j, &e))
			return false;
		if (j->allowed != OUTCOME_ANY && (off + n <= j->cover_off || off >= j->cover_end))
			return not_allowed(j, "an error at %" PRIu64 ", outside the field's range: %s", off, e.msg);
		memset(got + off, 0, n); /* what a failed read leaves there is nobody's */
	}
	return true;
}

/* What the extents call zero reads as zeros, and where they end, reading fails. */
static bool check_extents(struct judging *j, struct disk *d, const uint8_t *got, uint64_t len)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	struct error e = ERROR_INIT, again = ERROR_INIT;
	int rc = disk_extents(d, len, 0, true, &list, &e);
	uint64_t end = 0;
	uint8_t byte;

	if (rc < 0 && !check_error(j, &e))
		return false;
	for (size_t i = 0; i < list.n; i++) {
		const struct extent *x = &list.v[i];

		if (x->off != end || x->kind == EXTENT_ABSENT)
			return not_allowed(j, "extents: %" PRIu64 " follows %" PRIu64, x->off, end);
		end += x->len;
		if (x->kind == EXTENT_ZERO && !io_is_zero(got + x->off, (size_t)x->len))
			return not_allowed(j, "extents: not all zeros at %" PRIu64 "+%" PRIu64, x->off, x->len);
	}
	if (rc == 0)
		return end == len || not_allowed(j, "extents end at %" PRIu64, end);
	return disk_read(d, &byte, 1, end, &again) < 0 || not_allowed(j, "extents fail where reading does not: %s", e.msg);
}

static bool judge_content(struct judging *j, struct disk *d)
{
	uint64_t size = disk_size(d), len = size < LOOKED_AT ? size : LOOKED_AT;
	static uint8_t got[LOOKED_AT]; /* thousands of cases, one after the other */
	struct error e = ERROR_INIT;
	uint8_t last;

	if (size != j->img->flat_len) {
		j->kind = OUTCOME_OTHER;
		if (j->allowed != OUTCOME_ANY)
			return not_allowed(j, "a disk of %" PRIu64 " bytes", size);
		if (disk_read(d, &last, 1, size - 1, &e) < 0 && !check_error(j, &e))
			return false;
	}
	if (disk_read(d, got, (size_t)len, 0, NULL) < 0) {
		if (!read_pieces(j, d, got, len))
			return false;
	} else if (!check_bytes(j, got, 0, (size_t)len)) {
		return false;
	}
	if (j->allowed == OUTCOME_ANY && j->kind == OUTCOME_SAME && memcmp(got, j->img->flat, (size_t)len) != 0)
		j->kind = OUTCOME_OTHER;
	return check_extents(j, d, got, len);
}

bool outcome_judge(const struct outcome_image *img, enum outcome_allowed allowed, uint64_t cover_off, uint64_t cover_len,
		   enum outcome *kind_out, char why[OUTCOME_WHY_MAX])
{
	struct judging j = {
		.img = img,
		.allowed = allowed,
		.cover_off = cover_len ? cover_off : 0,
		.cover_end = cover_len ? cover_off + cover_len : UINT64_MAX,
		.kind = OUTCOME_SAME,
		.why = why,
	};
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT;
	bool ok;

	d = disk_open_path(img->leaf, NULL, &e);
	if (!d)
		j.kind = OUTCOME_REFUSED;
	ok = d ? judge_content(&j, d) : check_error(&j, &e);
	*kind_out = j.kind;
	return ok;
}

bool outcome_pristine(const struct outcome_image *img, struct error *unsupported_out, char why[OUTCOME_WHY_MAX])
{
	struct disk *d = disk_open_path(img->leaf, NULL, unsupported_out);
	enum outcome kind;

	disk_close(d);
	if (!d)
		return unsupported_out->code == ERR_UNSUPPORTED || unsupported_out->code == ERR_USAGE ||
		       (snprintf(why, OUTCOME_WHY_MAX, "%s", unsupported_out->msg), false);
	if (!outcome_judge(img, OUTCOME_STRICT, 0, 0, &kind, why))
		return false;
	if (kind == OUTCOME_SAME)
		return true;
	snprintf(why, OUTCOME_WHY_MAX, "the undamaged image does not read as it should");
	return false;
}
