/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <string.h>

#include "paths.h"
#include "sync_private.h"

static int refuse_inside(const char *a, const char *what_a, const char *b, const char *what_b, struct error *err)
{
	bool inside;

	if (paths_inside(a, b, &inside, err) < 0)
		return -1;
	if (inside)
		return error_set(err, ERR_USAGE, "%s %s lies inside %s %s", what_a, a, what_b, b);
	return 0;
}

static int refuse_either(const char *a, const char *what_a, const char *b, const char *what_b, struct error *err)
{
	return refuse_inside(a, what_a, b, what_b, err) < 0 ? -1 : refuse_inside(b, what_b, a, what_a, err);
}

/* folder NULL: no directory. */
static int check_read(const char *path, const char *what, const char *folder, const char *state, struct error *err)
{
	if (refuse_either(state, "the state", path, what, err) < 0)
		return -1;
	return folder ? refuse_either(folder, "TARGET", path, what, err) : 0;
}

int sync_check_places(char *const *sources, size_t n, const struct datastores *datastores, const char *target,
		      const char *state, struct error *err)
{
	const char *folder = strncmp(target, "dir:", 4) == 0 ? target + 4 : target_is_url(target) ? NULL : target;

	for (size_t i = 0; i < n; i++)
		if (check_read(sources[i], "SOURCE", folder, state, err) < 0)
			return -1;
	for (size_t i = 0; i < datastores->n; i++)
		if (check_read(datastores->v[i].dir, "the datastore", folder, state, err) < 0)
			return -1;
	return folder ? refuse_either(folder, "TARGET", state, "the state", err) : 0;
}
