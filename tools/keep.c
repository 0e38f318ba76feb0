/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "base/parse.h"
#include "keep.h"

int keep_set_within(void *dest, const char *value, struct error *err)
{
	uint64_t ms;

	if (parse_duration(value, &ms, err) < 0)
		return -1;
	if (ms == 0)
		return error_set(err, ERR_USAGE, "'%s': keeps nothing", value);
	*(uint64_t *)dest = ms;
	return 0;
}
