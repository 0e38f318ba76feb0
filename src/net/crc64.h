/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-64/NVME, the transactional checksum of the storage service: width 64, polynomial AD93D23594C93659 reflected, all
 * ones at both ends.  crc("123456789") = AE8B14860A799888.  Thread-safe.
 */
#ifndef LIFTFS_NET_CRC64_H
#define LIFTFS_NET_CRC64_H

#include <stddef.h>
#include <stdint.h>

#include "net/digest.h"

/* Goes on from the crc of what came before; start with 0.  Takes the fastest way that this processor has. */
uint64_t crc64(uint64_t crc, const void *buf, size_t len);
/* The crc of A followed by B, from those of A and B. */
uint64_t crc64_combine(uint64_t a, uint64_t b, uint64_t len_b);

/* The value of x-ms-content-crc64: little-endian, base64. */
#define CRC64_HEADER_LEN BASE64_LEN(8)
void crc64_format(uint64_t crc, char out[CRC64_HEADER_LEN]);
int crc64_parse(const char *text, uint64_t *out, struct error *err) MUST_CHECK;

/* The single ways, for tests: each equals the others.  Those after the first need what this processor may lack. */
uint64_t crc64_portable(uint64_t crc, const void *buf, size_t len);
#if defined(__x86_64__)
uint64_t crc64_pclmul(uint64_t crc, const void *buf, size_t len);  /* pclmul, sse4.1 */
uint64_t crc64_vpclmul(uint64_t crc, const void *buf, size_t len); /* and vpclmulqdq, avx512f */
#endif

#endif
