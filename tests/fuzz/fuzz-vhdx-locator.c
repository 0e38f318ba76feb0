/* SPDX-License-Identifier: Apache-2.0 */
/* A parent locator of hostile bytes, behind its type; what it yields are names to look for. */
#include <config.h>

#include <string.h>

#include "disk/backing.h"
#include "disk/vhdx_locator.h"
#include "fuzz.h"

static const struct guid type = { { 0xb0, 0x4a, 0xef, 0xb7, 0xd1, 0x9e, 0x4a, 0x81, 0xb7, 0x89, 0x25, 0xb8, 0xe9, 0x44,
				    0x59, 0x13 } };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP_FREE uint8_t *item = malloc(len + 16); /* of the right size, so that a sanitizer sees the end */
	struct error e = ERROR_INIT;
	struct vhdx_locator l;
	char **list;
	int rc;

	FUZZ_MUST(item);
	guid_to_le(&type, item);
	memcpy(item + 16, data, len);
	rc = vhdx_locator_decode(item, len + 16, &l, &e);
	FUZZ_MUST((rc < 0) == (e.code != ERR_NONE) && e.code != ERR_BUG);
	if (rc < 0)
		return 0;
	list = vhdx_locator_candidates(&l, "vm/child.avhdx", &e);
	FUZZ_MUST((list == NULL) == (e.code != ERR_NONE));
	for (size_t i = 0; list && list[i]; i++) {
		FUZZ_MUST(i < 4 && strncmp(list[i], "vm/", 3) == 0 && list[i][3] != '\0' && list[i][3] != '/');
		FUZZ_MUST(backing_name_stays(list[i]) || (i == 0 && l.relative)); /* only a relative path may climb */
		free(list[i]);
	}
	free(list);
	vhdx_locator_fini(&l);
	return 0;
}
