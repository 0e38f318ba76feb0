/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/guid.h"

int random_bytes(void *buf, size_t len, struct error *err)
{
	uint8_t *out = buf;
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = getrandom(out + done, len - done, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "%zu random bytes", len);
		done += (size_t)n;
	}
	return 0;
}

/* SplitMix64: one word of state a thread, seeded by the kernel, or by the clock and the thread's place in memory. */
static uint64_t next_word(void)
{
	static _Thread_local uint64_t state;
	uint64_t z;

	if (state == 0 && random_bytes(&state, sizeof(state), NULL) < 0)
		state = clock_monotonic_ns() ^ (uint64_t)(uintptr_t)&state;
	state += UINT64_C(0x9e3779b97f4a7c15);
	z = state;
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t random_below(uint64_t n)
{
	uint64_t uneven, word;

	assert(n > 0);
	uneven = (0 - n) % n; /* 2^64 mod n: so many words would make the small numbers likelier */
	do
		word = next_word();
	while (word < uneven);
	return word % n;
}

int guid_random(struct guid *out, struct error *err)
{
	struct guid g;

	if (random_bytes(g.b, sizeof(g.b), err) < 0)
		return -1;
	g.b[6] = (uint8_t)((g.b[6] & 0x0f) | 0x40); /* RFC 9562: version 4, variant 10 */
	g.b[8] = (uint8_t)((g.b[8] & 0x3f) | 0x80);
	*out = g;
	return 0;
}

void guid_format(const struct guid *g, char out[GUID_TEXT_LEN])
{
	const uint8_t *b = g->b;

	snprintf(out, GUID_TEXT_LEN, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Moves *p behind the 36 characters; false at the first that does not belong. */
static bool scan_groups(const char **p, struct guid *out)
{
	for (size_t i = 0; i < sizeof(out->b); i++) {
		int high, low;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *(*p)++ != '-')
			return false;
		high = hex_digit((*p)[0]);
		low = high < 0 ? -1 : hex_digit((*p)[1]); /* looks no further than the end of the text */
		if (low < 0)
			return false;
		out->b[i] = (uint8_t)(high << 4 | low);
		*p += 2;
	}
	return true;
}

int guid_parse(const char *text, struct guid *out, struct error *err)
{
	bool braces = text[0] == '{';
	const char *p = text + braces;
	struct guid g;

	if (!scan_groups(&p, &g) || strcmp(p, braces ? "}" : "") != 0)
		return error_set(err, ERR_CORRUPT, "'%s': not a GUID", text);
	*out = g;
	return 0;
}

/* The same both ways: bytes 0-3, 4-5 and 6-7 reversed. */
static void swap_groups(const uint8_t in[16], uint8_t out[16])
{
	static const uint8_t from[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	uint8_t swapped[16]; /* in and out may be the same */

	for (size_t i = 0; i < sizeof(swapped); i++)
		swapped[i] = in[from[i]];
	memcpy(out, swapped, sizeof(swapped));
}

void guid_from_le(const uint8_t raw[16], struct guid *out)
{
	swap_groups(raw, out->b);
}

void guid_to_le(const struct guid *g, uint8_t raw[16])
{
	swap_groups(g->b, raw);
}

bool guid_equal(const struct guid *a, const struct guid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool guid_is_zero(const struct guid *g)
{
	return guid_equal(g, &(struct guid){ { 0 } });
}
