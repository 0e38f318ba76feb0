/* SPDX-License-Identifier: Apache-2.0 */
/* The shipped catalogue and the small one, for all tests of a program. */
#ifndef LIFTFS_TESTS_ASSESS_CATALOGUES_H
#define LIFTFS_TESTS_ASSESS_CATALOGUES_H

#include "support/assess_fixture.h"
#include "support/assess_small.h"

static struct catalogue *shipped, *small;

static int catalogues_setup(void **state)
{
	struct error err = ERROR_INIT;

	if (scratch_setup(state) < 0)
		return -1;
	shipped = shipped_catalogue();
	small = small_catalogue(*state, NULL, NULL, &err);
	assert_non_null(small);
	return 0;
}

static int catalogues_teardown(void **state)
{
	catalogue_close(shipped);
	catalogue_close(small);
	return scratch_teardown(state);
}

#endif
