/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a .vmcx in memory, from the layout that src/inventory/vmcx.h describes, for tests, which then damage it byte by
 * byte.  Only strings: nothing else is read.  What cannot be written is an assertion.  Include "unit.h" first.
 */
#ifndef LIFTFS_TESTS_VMCX_WRITER_H
#define LIFTFS_TESTS_VMCX_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VMCX_W_KEY_CRC 12 /* of a key's header */

struct vmcx_w_value {
	const char *path; /* "configuration/properties/name"; values of one node stand together */
	const char *text; /* ASCII */
};

struct vmcx_image {
	/* What to write; 0 is the default in brackets. */
	uint32_t table_len;   /* of a key table [4096] */
	uint32_t objects;     /* entries of an object table [16] */
	uint32_t file_object; /* from how many bytes on a string lies in a file object [2048] */
	bool without_nul;     /* strings end without a NUL */
	bool short_crc;       /* checksums of strings leave out the last four bytes */

	/* What was written. */
	uint8_t *bytes;
	size_t len;
	size_t log_off, objects_off, tables_off;
	unsigned n_tables;
};

void vmcx_image_build(struct vmcx_image *img, const struct vmcx_w_value *values, size_t n);
void vmcx_image_fini(struct vmcx_image *img);

/* Where the first key of that name begins. */
uint8_t *vmcx_image_key(const struct vmcx_image *img, const char *name);
/* Renews checksums: of len bytes at p, whose field is at crc_off; of a key that the writer wrote. */
void vmcx_image_seal(uint8_t *p, size_t len, size_t crc_off);
void vmcx_image_seal_key(uint8_t *key);
/* Renews all that can be reached through the first object table, whatever is written there. */
void vmcx_image_seal_all(struct vmcx_image *img);

#endif
