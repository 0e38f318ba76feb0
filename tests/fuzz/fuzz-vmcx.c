/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A .vmcx of hostile bytes.  First byte even: the rest is the file.  Odd: the rest are changes of a good one, three bytes
 * each, place and value, which then gets right checksums.
 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz_config.h"
#include "inventory/vmcx.h"
#include "support/vmcx_writer.h"

static const struct vmcx_w_value good[] = {
	{ "configuration/properties/name", "web" },
	{ "configuration/manifest/vdev1/device", "d422512d-2bf2-4752-809d-7b82b5fcb1b4" },
	{ "configuration/manifest/vdev1/instance", "x" },
	{ "configuration/_x_/controller0/drive0/pathname", "C:\\x\\a.vhdx" },
	{ "configuration/_x_/controller0/drive0/type", "VHD" },
};

static void changed(const uint8_t *data, size_t len)
{
	struct vmcx_image img = { .table_len = 1024, .objects = 6, .file_object = 60 };
	uint8_t *pages, *all;

	vmcx_image_build(&img, good, ARRAY_LEN(good));
	all = img.bytes;
	pages = realloc(all, img.len + 1); /* so that a byte behind the end is noticed */
	FUZZ_MUST(pages);
	img.bytes = pages;
	pages[img.len] = '\0';
	for (; len >= 3; data += 3, len -= 3)
		pages[get_le16(data) % img.len] = data[2];
	vmcx_image_seal_all(&img);
	fuzz_config(&vmcx_format, (const char *)pages, img.len);
	vmcx_image_fini(&img);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len > 0 && data[0] & 1)
		changed(data + 1, len - 1);
	else if (len > 0)
		fuzz_config_copy(&vmcx_format, data + 1, len - 1);
	return 0;
}
