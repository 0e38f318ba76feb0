/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/compiler.h"
#include "base/escape.h"
#include "base/strbuf.h"

static const char hex[] = "0123456789ABCDEF";

/*
 * The length of the character at p, of which len > 0 bytes are there, and its code point; 0 if it is not UTF-8: cut
 * short, longer than needed, a surrogate, or beyond U+10FFFF.
 */
static size_t utf8_char(const uint8_t *p, size_t len, uint32_t *out)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf8 ? 4 : 0;
	uint32_t c;

	if (n == 0 || n > len)
		return 0;
	c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*out = c;
	return n;
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* What people do not see, or what makes them see something else. */
static bool is_misleading(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0xad, 0xad },       /* soft hyphen */
		{ 0x61c, 0x61c },     /* direction of Arabic letters */
		{ 0x180e, 0x180e },   /* Mongolian vowel separator */
		{ 0x200b, 0x200f },   /* without width; directions */
		{ 0x2028, 0x202e },   /* ends of lines and paragraphs; embeddings and overrides */
		{ 0x2060, 0x206f },   /* invisible operators; isolates; deprecated ones */
		{ 0xfeff, 0xfeff },   /* byte order mark */
		{ 0xfff9, 0xfffb },   /* annotations between lines */
		{ 0xe0000, 0xe007f }, /* tags */
	};

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

bool utf8_valid(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	uint32_t c;

	for (size_t at = 0, n; at < len; at += n) {
		n = utf8_char(p + at, len - at, &c);
		if (n == 0)
			return false;
	}
	return true;
}

static void add_percent(struct strbuf *b, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char triple[3] = { '%', hex[p[i] >> 4], hex[p[i] & 15] };

		strbuf_add(b, triple, sizeof(triple));
	}
}

/* How much of a name stays for certain, which is most of it. */
static size_t plain_len(const uint8_t *p)
{
	size_t n = 0;

	while (p[n] >= 0x20 && p[n] < 0x7f && p[n] != '\\' && p[n] != '%' && p[n] != '.')
		n++;
	return n;
}

char *escape_name(const char *name, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	const uint8_t *p = (const uint8_t *)name;
	size_t len = strlen(name);

	for (size_t at = 0, n; at < len; at += n) {
		bool dot_at_end = p[at] == '.' && (p[at + 1] == '/' || p[at + 1] == '\0');
		uint32_t c = 0;

		n = plain_len(p + at);
		if (n > 0) {
			strbuf_add(&b, name + at, n);
			continue;
		}
		n = utf8_char(p + at, len - at, &c);
		if (n == 0 || is_control(c) || c == '\\' || c == '%' || dot_at_end) {
			n = n ? n : 1;
			add_percent(&b, p + at, n);
		} else {
			strbuf_add(&b, name + at, n);
		}
	}
	return strbuf_take(&b, err);
}

static int hex_digit(char c)
{
	const char *digit = c ? strchr(hex, c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c) : NULL;

	return digit ? (int)(digit - hex) : -1;
}

char *unescape_percent(const char *text, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

	for (const char *p = text; *p;) {
		size_t plain = strcspn(p, "%");
		int high, low;

		strbuf_add(&b, p, plain);
		p += plain;
		if (!*p)
			break;
		high = hex_digit(p[1]);
		low = high < 0 ? -1 : hex_digit(p[2]);
		if (low < 0 || (high | low) == 0) {
			error_set(err, ERR_CORRUPT, "'%s': '%.3s' is no escaped byte", text, p);
			return NULL;
		}
		strbuf_add(&b, &(char){ (char)(high << 4 | low) }, 1);
		p += 3;
	}
	return strbuf_take(&b, err);
}

/* RFC 3986's unreserved characters, and one more, stay. */
static char *escape_url(const char *text, char also, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

	for (const char *p = text; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
			     strchr("-._~", *p) || *p == also;

		if (plain)
			strbuf_add(&b, p, 1);
		else
			add_percent(&b, (const uint8_t *)p, 1);
	}
	return strbuf_take(&b, err);
}

char *escape_url_path(const char *text, struct error *err)
{
	return escape_url(text, '/', err);
}

char *escape_url_component(const char *text, struct error *err)
{
	return escape_url(text, '\0', err);
}

void escape_visible(const char *text, char *out, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t left = strlen(text), used = 0;

	if (len == 0)
		return;
	while (left > 0) {
		uint32_t c = 0;
		size_t n = utf8_char(p, left, &c);
		bool plain = n > 0 && !is_control(c) && !is_misleading(c);

		n = n ? n : 1;
		if (used + (plain ? n : 4 * n) >= len) /* a character or an escape is shown whole or not at all */
			break;
		for (size_t i = 0; i < n; i++) {
			if (plain) {
				out[used++] = (char)p[i];
				continue;
			}
			memcpy(out + used, (char[4]){ '\\', 'x', hex[p[i] >> 4], hex[p[i] & 15] }, 4);
			used += 4;
		}
		p += n;
		left -= n;
	}
	out[used] = '\0';
}

char *escape_shown(const char *text, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	const uint8_t *p = (const uint8_t *)text;
	size_t len = strlen(text);

	for (size_t at = 0, n; at < len; at += n) {
		uint32_t c = 0;

		n = utf8_char(p + at, len - at, &c);
		if (n > 0 && !is_control(c) && !is_misleading(c)) {
			strbuf_add(&b, text + at, n);
			continue;
		}
		n = n ? n : 1;
		add_percent(&b, p + at, n);
	}
	return strbuf_take(&b, err);
}
