/* SPDX-License-Identifier: Apache-2.0 */
/* GUIDs in the two byte orders in which formats store them, and random bytes (getrandom). */
#ifndef LIFTFS_BASE_GUID_H
#define LIFTFS_BASE_GUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct guid {
	uint8_t b[16]; /* in the order in which the text shows them */
};
#define GUID_TEXT_LEN 37 /* 8-4-4-4-12 lower case, and the NUL */

int guid_random(struct guid *out, struct error *err) MUST_CHECK; /* version 4 */
void guid_format(const struct guid *g, char out[GUID_TEXT_LEN]);
int guid_parse(const char *text, struct guid *out, struct error *err) MUST_CHECK; /* any case, with or without {} */
void guid_from_le(const uint8_t raw[16], struct guid *out); /* VHDX: the first three groups little-endian */
void guid_to_le(const struct guid *g, uint8_t raw[16]);
bool guid_equal(const struct guid *a, const struct guid *b);
bool guid_is_zero(const struct guid *g);

int random_bytes(void *buf, size_t len, struct error *err) MUST_CHECK;
/* For jitter, not for secrets: uniform in [0, n); n > 0; never fails. */
uint64_t random_below(uint64_t n);

#endif
