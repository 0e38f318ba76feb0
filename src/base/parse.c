/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/parse.h"

/* Takes the digits at *text, at least one, and moves *text behind them; false if there are none or too many. */
static bool take_number(const char **text, uint64_t *out)
{
	const char *p = *text;
	uint64_t v = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		if (!checked_mul(v, 10, &v) || !checked_add(v, (uint64_t)(*p - '0'), &v))
			return false;
	if (p == *text)
		return false;
	*text = p;
	*out = v;
	return true;
}

int parse_u64(const char *text, uint64_t max, uint64_t *out, struct error *err)
{
	const char *p = text;
	uint64_t v;

	if (!*text || text[strspn(text, "0123456789")])
		return error_set(err, ERR_USAGE, "'%s': not a number", text);
	if (!take_number(&p, &v) || v > max)
		return error_set(err, ERR_USAGE, "'%s': more than %" PRIu64, text, max);
	*out = v;
	return 0;
}

int parse_hex64(const char *text, uint64_t *out, struct error *err)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	uint64_t v = 0;

	for (const char *p = text; *p; p++) {
		const char *digit = strchr(digits, *p);

		if (!digit || v >> 60)
			return error_set(err, ERR_USAGE, "'%s': not a hexadecimal number of 64 bits", text);
		v = v << 4 | (uint64_t)((digit - digits) % 16);
	}
	if (!*text)
		return error_set(err, ERR_USAGE, "'': not a hexadecimal number of 64 bits");
	*out = v;
	return 0;
}

/* The index of the letter in "KMGTPE" in either case, plus one; 0 if it is none. */
static unsigned unit_power(char letter)
{
	static const char units[] = "KMGTPEkmgtpe";
	const char *unit = letter ? strchr(units, letter) : NULL;

	return unit ? (unsigned)(unit - units) % 6 + 1 : 0;
}

static bool scan_size(const char *text, uint64_t *out)
{
	unsigned shift;
	uint64_t v;

	if (!take_number(&text, &v))
		return false;
	shift = 10 * unit_power(*text);
	if (shift > 0) {
		text++;
		if (strcasecmp(text, "ib") == 0)
			text += 2;
	}
	if (*text || v > UINT64_MAX >> shift)
		return false;
	*out = v << shift;
	return true;
}

int parse_size(const char *text, uint64_t *out, struct error *err)
{
	if (!scan_size(text, out))
		return error_set(err, ERR_USAGE, "'%s': not a size such as 64K, 4M or 1G", text);
	return 0;
}

/* Bits of network people: powers of 1000.  Whole bytes are left of them. */
static bool scan_bit_rate(const char *text, uint64_t *out)
{
	unsigned power;
	uint64_t v;

	if (!take_number(&text, &v))
		return false;
	power = unit_power(*text);
	if (power == 0 || strcasecmp(text + 1, "bit") != 0)
		return false;
	for (; power > 0; power--)
		if (!checked_mul(v, 1000, &v))
			return false;
	*out = v / 8;
	return true;
}

int parse_rate(const char *text, uint64_t *out, struct error *err)
{
	if (!scan_size(text, out) && !scan_bit_rate(text, out))
		return error_set(err, ERR_USAGE, "'%s': not a rate such as 20M (bytes a second) or 160mbit", text);
	return 0;
}

int parse_duration(const char *text, uint64_t *ms_out, struct error *err)
{
	static const struct {
		char letter;
		uint32_t ms;
	} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', 86400000 } };
	const char *p = text;
	uint64_t v;

	if (take_number(&p, &v) && p[0] && !p[1])
		for (size_t i = 0; i < ARRAY_LEN(units); i++)
			if (*p == units[i].letter && checked_mul(v, units[i].ms, &v)) {
				*ms_out = v;
				return 0;
			}
	return error_set(err, ERR_USAGE, "'%s': not a duration such as 90s, 15m, 1h or 1d", text);
}

static uint64_t divide_rounded(uint64_t v, uint64_t by)
{
	return v / by + (v % by >= (by + 1) / 2);
}

void format_size(uint64_t bytes, char out[FORMAT_TEXT_LEN])
{
	static const char units[][4] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	uint64_t v = bytes, scale = 1, tenths; /* v / scale of units[power]; scale stays at most 2^20 */
	unsigned power = 0, decimals;

	while (v / scale >= 1024) {
		power++;
		if (scale < 1 << 20)
			scale <<= 10;
		else
			v >>= 10;
	}
	if (divide_rounded(v, scale) >= 1024) { /* 1023.7 MiB: four digits, or 1 GiB */
		power++;
		v = scale = 1;
	}
	decimals = scale == 1 || v / scale >= 100 ? 0 : v / scale >= 10 ? 1 : 2;
	tenths = divide_rounded(v * (decimals == 2 ? 100 : decimals == 1 ? 10 : 1), scale);
	for (; decimals > 0 && tenths % 10 == 0; decimals--) /* "1.5", not "1.50" */
		tenths /= 10;
	if (decimals == 0)
		snprintf(out, FORMAT_TEXT_LEN, "%" PRIu64 " %s", tenths, units[power]);
	else
		snprintf(out, FORMAT_TEXT_LEN, "%" PRIu64 ".%0*" PRIu64 " %s", tenths / (decimals == 2 ? 100 : 10),
			 (int)decimals, tenths % (decimals == 2 ? 100 : 10), units[power]);
}

void format_duration(uint64_t ms, char out[FORMAT_TEXT_LEN])
{
	uint64_t tenths = divide_rounded(ms, 100), seconds = divide_rounded(ms, 1000);
	uint64_t minutes = divide_rounded(ms, 60000), hours = divide_rounded(ms, 3600000);

	if (tenths < 600)
		snprintf(out, FORMAT_TEXT_LEN, "%" PRIu64 ".%" PRIu64 " s", tenths / 10, tenths % 10);
	else if (seconds < 3600)
		snprintf(out, FORMAT_TEXT_LEN, "%" PRIu64 " min %02" PRIu64 " s", seconds / 60, seconds % 60);
	else if (minutes < 24 * 60)
		snprintf(out, FORMAT_TEXT_LEN, "%" PRIu64 " h %02" PRIu64 " min", minutes / 60, minutes % 60);
	else
		snprintf(out, FORMAT_TEXT_LEN, "%" PRIu64 " d %02" PRIu64 " h", hours / 24, hours % 24);
}
