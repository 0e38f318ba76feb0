/* SPDX-License-Identifier: Apache-2.0 */
/* Strict parsers for what people and services write, one each; and the formats for people that go with them. */
#ifndef LIFTFS_BASE_PARSE_H
#define LIFTFS_BASE_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Decimal digits only, no sign, no blank, nothing after; at most max.  ERR_USAGE. */
int parse_u64(const char *text, uint64_t max, uint64_t *out, struct error *err) MUST_CHECK;
/* Hexadecimal digits only, without 0x. */
int parse_hex64(const char *text, uint64_t *out, struct error *err) MUST_CHECK;

/* Bytes: 4096, 64K, 64k, 64KiB, 4M, 1G, 2T (powers of 1024). */
int parse_size(const char *text, uint64_t *out, struct error *err) MUST_CHECK;
/* Bytes a second: a size, or 160mbit (decimal bits).  */
int parse_rate(const char *text, uint64_t *out, struct error *err) MUST_CHECK;
/* 90s 15m 1h 1d, in milliseconds. */
int parse_duration(const char *text, uint64_t *ms_out, struct error *err) MUST_CHECK;

/* "1.5 GiB", "312 B"; three significant digits.  "2 h 05 min", "12.3 s". */
#define FORMAT_TEXT_LEN 32
void format_size(uint64_t bytes, char out[FORMAT_TEXT_LEN]);
void format_duration(uint64_t ms, char out[FORMAT_TEXT_LEN]);

#endif
