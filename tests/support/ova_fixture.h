/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of small VMDKs, and what is read of them.  Everything asserts.  Include "unit.h" first. */
#ifndef LIFTFS_TESTS_OVA_FIXTURE_H
#define LIFTFS_TESTS_OVA_FIXTURE_H

#include "support/disk_reader.h"
#include "support/ova_writer.h"
#include "support/vmdk_writer.h"

enum { SECTORS = 512, GRAIN_SECTORS = 128, GRAIN = GRAIN_SECTORS * 512, SIZE = SECTORS * 512 };

/* A disk of four grains, of which `grains` are there (a bit each); want: what a guest reads. */
void ova_make_vmdk(struct vmdk_writer *w, unsigned grains, uint64_t seed, uint8_t want[SIZE]);

/* As a.ova: a descriptor, and the one member d.vmdk. */
void ova_save_one(const struct scratch_dir *s, const char *ovf, const void *disk, size_t len);

/* What the path opens is one image, called chain_path, of SIZE bytes, and reads as wanted. */
void assert_ova_reads(const struct scratch_dir *s, const char *path, const char *chain_path, const uint8_t want[SIZE]);

#endif
