/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <string.h>

#include "support/ova_fixture.h"

static const char descriptor[] = "# Disk DescriptorFile\nversion=1\nCID=00000001\nparentCID=ffffffff\n"
				 "createType=\"monolithicSparse\"\nRW 512 SPARSE \"d.vmdk\"\n";

void ova_make_vmdk(struct vmdk_writer *w, unsigned grains, uint64_t seed, uint8_t want[SIZE])
{
	vmdk_writer_init(w, SECTORS, GRAIN_SECTORS, 0, descriptor);
	memset(want, 0, SIZE);
	for (unsigned i = 0; i < 4; i++) {
		if (!(grains >> i & 1))
			continue;
		vmdk_writer_add_grain(w, i, seed);
		pattern_fill(want + (size_t)i * GRAIN, GRAIN, (uint64_t)i * GRAIN, seed);
	}
}

void ova_save_one(const struct scratch_dir *s, const char *ovf, const void *disk, size_t len)
{
	struct ova_writer w = { 0 };

	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	ova_writer_add(&w, "d.vmdk", disk, len);
	ova_writer_end(&w);
	ova_writer_save(&w, s, "a.ova");
	ova_writer_fini(&w);
}

void assert_ova_reads(const struct scratch_dir *s, const char *path, const char *chain_path, const uint8_t want[SIZE])
{
	CLEANUP(cleanup_disk) struct disk *d = disk_open_ok(s, path);

	assert_int_equal(disk_size(d), SIZE);
	assert_int_equal(disk_chain_len(d), 1);
	assert_string_equal(disk_chain_info(d, 0)->path, chain_path);
	for (size_t off = 0; off < SIZE; off += 33333)
		assert_disk_reads(d, want, SIZE - off, off);
}
