/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "disk/utf16.h"
#include "inventory/hyperv_text.h"

enum encoding { PLAIN, LITTLE, BIG };

static enum encoding encoding_of(const uint8_t *raw, size_t len, size_t *mark)
{
	*mark = 0;
	if (len >= 3 && memcmp(raw, "\xef\xbb\xbf", 3) == 0) {
		*mark = 3;
		return PLAIN;
	}
	if (len >= 2 && (memcmp(raw, "\xff\xfe", 2) == 0 || memcmp(raw, "\xfe\xff", 2) == 0)) {
		*mark = 2;
		return raw[0] == 0xff ? LITTLE : BIG;
	}
	if (len >= 2 && raw[0] > 0 && raw[0] < 0x80 && raw[1] == 0)
		return LITTLE;
	if (len >= 2 && raw[0] == 0 && raw[1] > 0 && raw[1] < 0x80)
		return BIG;
	return PLAIN;
}

static char *from_big_endian(const uint8_t *raw, size_t len, struct error *err)
{
	CLEANUP_FREE uint8_t *swapped = malloc(len + 1);

	if (!swapped) {
		error_errno(err, ENOMEM, "UTF-16 text");
		return NULL;
	}
	for (size_t i = 0; i < len; i++)
		swapped[i] = raw[(i ^ 1) < len ? i ^ 1 : i]; /* an odd length is refused below */
	return utf16le_to_utf8(swapped, len, err);
}

char *hyperv_text(const char *raw, size_t len, size_t *len_out, bool *was_utf16, struct error *err)
{
	const uint8_t *bytes = (const uint8_t *)raw;
	size_t mark;
	enum encoding encoding = encoding_of(bytes, len, &mark);
	char *text;

	if (was_utf16)
		*was_utf16 = encoding != PLAIN;
	bytes += mark;
	len -= mark;
	if (encoding != PLAIN) {
		text = encoding == LITTLE ? utf16le_to_utf8(bytes, len, err) : from_big_endian(bytes, len, err);
		if (text)
			*len_out = strlen(text);
		return text;
	}
	text = malloc(len + 1);
	if (!text) {
		error_errno(err, ENOMEM, "configuration");
		return NULL;
	}
	memcpy(text, bytes, len);
	text[len] = '\0';
	*len_out = len;
	return text;
}

bool hyperv_text_has(const char *text, size_t len, const char *ascii)
{
	return memmem(text, len, ascii, strlen(ascii)) != NULL;
}
