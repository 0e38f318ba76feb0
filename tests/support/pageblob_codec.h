/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums and signatures of the page-blob server, as the service writes them.  Independent of the library's own
 * CRC-64 on purpose: two implementations that agree prove more than one.  Thread-safe.
 */
#ifndef LIFTFS_TESTS_PAGEBLOB_CODEC_H
#define LIFTFS_TESTS_PAGEBLOB_CODEC_H

#include <stddef.h>
#include <stdint.h>

#define PAGEBLOB_CRC64_TEXT 13  /* base64 of 8 bytes, and the NUL */
#define PAGEBLOB_MD5_TEXT 25    /* of 16 */
#define PAGEBLOB_SHA256_TEXT 45 /* of 32 */

/* CRC-64/NVME: reflected 0x9a6c9329ac4bc9b5, initial value and final xor all ones. */
uint64_t pageblob_crc64(const void *buf, size_t len);

/* As in x-ms-content-crc64 (8 bytes, little-endian), Content-MD5 and a signature. */
void pageblob_crc64_text(const void *buf, size_t len, char out[PAGEBLOB_CRC64_TEXT]);
void pageblob_md5_text(const void *buf, size_t len, char out[PAGEBLOB_MD5_TEXT]);
void pageblob_hmac_text(const uint8_t *key, size_t key_len, const char *text, char out[PAGEBLOB_SHA256_TEXT]);

/* Strict base64: the number of bytes in out, or -1 (bad characters, bad padding, more than cap). */
int pageblob_base64_decode(const char *text, uint8_t *out, size_t cap);

#endif
