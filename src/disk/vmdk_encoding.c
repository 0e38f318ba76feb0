/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "disk/vmdk_encoding.h"

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

#define WINDOWS "windows-" /* before the number of a code page; iconv knows only some of them so */

/* iconv takes more than names: "//IGNORE" would drop what it does not know. */
static bool is_encoding_name(const char *s)
{
	return *s && s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")] == '\0';
}

static iconv_t open_encoding(const char *name)
{
	char page[16];
	iconv_t cd;

	if (!is_encoding_name(name))
		return (iconv_t)-1;
	/* What Windows calls so has the backslash and the tilde where the standard has the yen sign and the overline.
	 */
	if (strcasecmp(name, "Shift_JIS") == 0 || strcasecmp(name, "SJIS") == 0)
		name = "CP932";
	cd = iconv_open("UTF-8", name);
	if (cd != (iconv_t)-1 || strncasecmp(name, WINDOWS, strlen(WINDOWS)) != 0)
		return cd;
	name += strlen(WINDOWS);
	snprintf(page, sizeof(page), "CP%.*s", (int)strspn(name, "0123456789"), name);
	return iconv_open("UTF-8", page);
}

/* As iconv(), to the end: some decoders keep back a letter, in case an accent follows it. */
static bool convert_all(iconv_t cd, const char *text, size_t len, char **out_at, size_t *out_left)
{
	char *in_at = (char *)(uintptr_t)text;

	iconv(cd, NULL, NULL, NULL, NULL); /* forgets what a failure left behind */
	return iconv(cd, &in_at, &len, out_at, out_left) != (size_t)-1 &&
	       iconv(cd, NULL, NULL, out_at, out_left) != (size_t)-1;
}

static int convert(iconv_t cd, const char *text, const char *encoding, char **utf8_out, struct error *err)
{
	size_t len = strlen(text), out_left = 4 * len; /* no encoding has characters of less than a byte */
	CLEANUP_FREE char *out = malloc(out_left + 1);
	char *out_at = out;

	if (!out)
		return error_errno(err, ENOMEM, "descriptor");
	if (!convert_all(cd, text, len, &out_at, &out_left))
		return error_set(err, ERR_CORRUPT, "descriptor: file name '%s' is not valid %.64s", text, encoding);
	*out_at = '\0';
	*utf8_out = steal_ptr(&out);
	return 0;
}

int vmdk_name_to_utf8(char **name, char **raw_out, const char *encoding, struct error *err)
{
	char *utf8 = NULL;
	iconv_t cd;
	int rc;

	if (is_ascii(*name))
		return 0;
	if (!encoding || strcasecmp(encoding, "UTF-8") == 0) {
		if (utf8_valid(*name, strlen(*name)))
			return 0;
		return error_set(err, ERR_CORRUPT, "descriptor: file name '%s' is not valid UTF-8", *name);
	}
	cd = open_encoding(encoding);
	if (cd == (iconv_t)-1)
		return error_set(err, ERR_UNSUPPORTED, "descriptor: encoding '%.64s' is unknown", encoding);
	rc = convert(cd, *name, encoding, &utf8, err);
	iconv_close(cd);
	if (rc < 0)
		return -1;
	*raw_out = *name;
	*name = utf8;
	return 0;
}

/* Bytes of the character at `at`; what is none is taken as one to the end. */
static size_t char_len(iconv_t cd, const char *at, bool *is_separator)
{
	for (size_t n = 1;; n++) {
		char utf8[8], *out = utf8;
		size_t out_left = sizeof(utf8);

		if (!convert_all(cd, at, n, &out, &out_left) && at[n] != '\0')
			continue;
		*is_separator = out == utf8 + 1 && (utf8[0] == '/' || utf8[0] == '\\');
		return n;
	}
}

const char *vmdk_name_base(const char *raw, const char *encoding)
{
	iconv_t cd = open_encoding(encoding);
	const char *base = raw;
	bool is_separator;

	if (cd == (iconv_t)-1)
		return raw;
	for (const char *at = raw; *at;) {
		at += char_len(cd, at, &is_separator);
		if (is_separator)
			base = at;
	}
	iconv_close(cd);
	return base;
}
