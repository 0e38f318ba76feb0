/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a damaged image may do.  It is opened and read; the outcome is judged against the content of the undamaged one:
 *
 *	the same content; or
 *	a clear refusal: a documented code, and one line that names one of the image's files; or
 *	errors, as clear, for ranges inside what the damaged field speaks of, all other bytes the same.
 *
 * And whatever is readable is what the extents say.  With OUTCOME_MOVES other bytes are allowed inside that range, with
 * OUTCOME_ANY everywhere.
 */
#ifndef LIFTFS_TESTS_MUTATE_OUTCOME_H
#define LIFTFS_TESTS_MUTATE_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum outcome_allowed { OUTCOME_STRICT, OUTCOME_MOVES, OUTCOME_ANY };

enum outcome { OUTCOME_SAME, OUTCOME_REFUSED, OUTCOME_ERRORS, OUTCOME_OTHER, OUTCOME_KINDS };

struct outcome_image {
	const char *leaf; /* the path to open */
	const uint8_t *flat;
	uint64_t flat_len;
	const char *const *names; /* of the image's files, without folder; NULL ends the list */
};

#define OUTCOME_WHY_MAX 768

/*
 * *kind_out: what it was.  false: not allowed, and `why` says what.  cover_len 0: the whole disk.
 */
bool outcome_judge(const struct outcome_image *img, enum outcome_allowed allowed, uint64_t cover_off, uint64_t cover_len,
		   enum outcome *kind_out, char why[OUTCOME_WHY_MAX]);

/* The undamaged image: NULL in *unsupported_out, or why this build does not read it. */
bool outcome_pristine(const struct outcome_image *img, struct error *unsupported_out, char why[OUTCOME_WHY_MAX]);

#endif
