/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "support/vhdx_parent.h"

enum { COUNT = 18, ENTRIES = 20, ENTRY_LEN = 12, TEXTS = 128, ITEM_LEN = 20 };

static uint16_t put_text(uint8_t *p, const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		put_le16(p + 2 * i, (uint16_t)text[i]);
	return (uint16_t)(2 * n);
}

void vhdx_image_name_parent(struct vhdx_image *img, const char *linkage, const char *relative, const char *volume,
			    const char *absolute)
{
	const char *const pairs[][2] = { { "parent_linkage", linkage },
					 { "parent_linkage2", "{00000000-0000-0000-0000-000000000000}" },
					 { "relative_path", relative },
					 { "volume_path", volume },
					 { "absolute_win32_path", absolute } };
	uint32_t at = TEXTS;
	uint16_t n = 0;
	uint8_t *item;

	vhdx_image_set_parent(img, linkage, relative ? relative : ""); /* the item itself, and its type */
	item = vhdx_image_locator(img);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		uint8_t *entry = item + ENTRIES + n * ENTRY_LEN;

		if (!pairs[i][1])
			continue;
		put_le32(entry, at);
		put_le16(entry + 8, put_text(item + at, pairs[i][0]));
		at += get_le16(entry + 8);
		put_le32(entry + 4, at);
		put_le16(entry + 10, put_text(item + at, pairs[i][1]));
		at += get_le16(entry + 10);
		n++;
	}
	put_le16(item + COUNT, n);
	put_le32(vhdx_image_item_entry(img, VHDX_W_ITEMS) + ITEM_LEN, at);
}
