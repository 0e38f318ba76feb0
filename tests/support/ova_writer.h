/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tar archives and OVF descriptors, byte by byte, for tests: easy to damage afterwards.  Include "unit.h" first.
 */
#ifndef LIFTFS_TESTS_OVA_WRITER_H
#define LIFTFS_TESTS_OVA_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/scratch.h"

enum { OVA_W_BLOCK = 512, OVA_W_OVF_MAX = 8192 };

struct ova_writer {
	uint8_t *bytes;
	size_t len, cap;
};

/* All zeros is an empty archive. */
void ova_writer_fini(struct ova_writer *w);

/* A header block with a right checksum; returns where it begins.  Names of more than 100 bytes are cut. */
size_t ova_writer_header(struct ova_writer *w, const char *name, uint64_t size, char type);
/* Content, padded to a whole block. */
void ova_writer_content(struct ova_writer *w, const void *buf, size_t len);
/* Header and content of a plain file; returns where the content begins. */
size_t ova_writer_add(struct ova_writer *w, const char *name, const void *buf, size_t len);
/* A pax record ("path=x") behind those in text, which has room. */
void ova_writer_pax_record(char *text, size_t cap, const char *record);
/* A header of type x or g with these records, or of type L with this name. */
void ova_writer_extra(struct ova_writer *w, char type, const char *text);
/* Two blocks of zeros. */
void ova_writer_end(struct ova_writer *w);
/* The size field in base-256, with this first byte; the checksum anew. */
void ova_writer_base256(struct ova_writer *w, size_t header, uint8_t first, uint64_t size);
void ova_writer_checksum(struct ova_writer *w, size_t header);
void ova_writer_save(const struct ova_writer *w, const struct scratch_dir *s, const char *name);

/* Text of a descriptor: what stands in References and DiskSection, and the disks of a VM called "web 01". */
void ova_writer_ovf(char out[OVA_W_OVF_MAX], const char *files, const char *disks, const char *items);
/* The same for one file with a disk of so many bytes, diskId "d1", which the VM has. */
void ova_writer_ovf_one(char out[OVA_W_OVF_MAX], const char *href, uint64_t capacity);

#endif
