/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a random chain of VMDKs for the integration tests, of kinds that no tool makes.
 *
 *	redo-chain FOLDER SEED LAYERS [cowd]	l0.vmdk, l1.vmdk ... with their extents, and flat.raw, what the leaf
 *reads
 *
 * Prints the leaf's name.  cowd: layers of that kind alone.
 */
#include "unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "support/redo_chain.h"

int main(int argc, char **argv)
{
	struct scratch_dir s = { .fd = -1 };
	struct redo_chain c;
	uint64_t seed, layers;

	if (argc < 4 || argc > 5 || parse_u64(argv[2], UINT32_MAX, &seed, NULL) < 0 ||
	    parse_u64(argv[3], 64, &layers, NULL) < 0 || layers == 0 || (argc == 5 && strcmp(argv[4], "cowd") != 0))
		return 2;
	s.fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s.fd < 0)
		return 1;
	redo_chain_write(&c, &s, seed, layers, argc == 5 ? REDO_COWD : REDO_QEMU);
	scratch_write(&s, "flat.raw", c.bytes, c.sectors * 512);
	puts(c.leaf);
	redo_chain_fini(&c);
	close(s.fd);
	return fflush(stdout) == 0 ? 0 : 1;
}
