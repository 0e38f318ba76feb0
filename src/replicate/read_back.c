/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdio.h>

#include "base/parse.h"
#include "replicate/read_back.h"

bool read_back_text(const struct target *t, const char *name, uint64_t bytes, char out[READ_BACK_TEXT_LEN])
{
	char size[FORMAT_TEXT_LEN];

	if (bytes <= READ_BACK_MUCH || !target_caps(t)->remote)
		return false;
	format_size(bytes, size);
	snprintf(out, READ_BACK_TEXT_LEN, "%s: %s are read back from %s, which is billed", name, size, target_name(t));
	return true;
}
