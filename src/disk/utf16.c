/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "disk/utf16.h"

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static uint32_t unit_at(const uint8_t *p, bool big)
{
	return big ? get_be16(p) : get_le16(p);
}

static char *to_utf8(const uint8_t *raw, size_t len, bool big, struct error *err)
{
	CLEANUP_FREE char *out = malloc(len / 2 * 3 + 1); /* a unit is at most 3 bytes, a pair 4 */
	size_t used = 0;

	if (!out) {
		error_errno(err, ENOMEM, "UTF-16 text");
		return NULL;
	}
	if (len % 2 != 0) {
		error_set(err, ERR_CORRUPT, "UTF-16 text of %zu bytes", len);
		return NULL;
	}
	for (size_t i = 0; i < len; i += 2) {
		uint32_t c = unit_at(raw + i, big), low;

		if (c >= 0xd800 && c < 0xdc00 && i + 4 <= len) {
			low = unit_at(raw + i + 2, big);
			if (low >= 0xdc00 && low < 0xe000) {
				c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
				i += 2;
			}
		}
		if (c == 0 || (c >= 0xd800 && c < 0xe000)) {
			error_set(err, ERR_CORRUPT, "UTF-16 text: %s at byte %zu",
				  c == 0 ? "NUL" : "unpaired surrogate", i);
			return NULL;
		}
		used += put_utf8(out + used, c);
	}
	out[used] = '\0';
	return steal_ptr(&out);
}

char *utf16le_to_utf8(const uint8_t *raw, size_t len, struct error *err)
{
	return to_utf8(raw, len, false, err);
}

char *utf16be_to_utf8(const uint8_t *raw, size_t len, struct error *err)
{
	return to_utf8(raw, len, true, err);
}
