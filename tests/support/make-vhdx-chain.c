/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a VHDX and its differencing child, and what the child's guest reads:
 *
 *	make-vhdx-chain BASE CHILD RELATIVE ABSOLUTE FLAT
 *
 * RELATIVE and ABSOLUTE are the parent's paths as Windows has them; "" is left out.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "support/scratch.h"
#include "support/vhdx_parent.h"

/* For the writer, whose own comes with the test library. */
void pattern_fill(uint8_t *buf, size_t len, uint64_t off, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(((off + i) / 8 * UINT64_C(0x9e3779b97f4a7c15) ^ seed) >> (off + i) % 8 * 8);
}

static int save(const char *path, const uint8_t *bytes, size_t len)
{
	CLEANUP_FILE FILE *f = fopen(path, "wb");

	if (f && fwrite(bytes, 1, len, f) == len && fflush(f) == 0)
		return 0;
	perror(path);
	return -1;
}

int main(int argc, char **argv)
{
	static const uint8_t states[] = { 6, 0, 7, 2, 7, 0 };
	struct vhdx_image base = { .size = sizeof(states) * VHDX_W_MIB, .seed = 77 };
	struct vhdx_image child = { .size = sizeof(states) * VHDX_W_MIB, .seed = 78, .states = states, .has_parent = true };
	int rc;

	if (argc != 6) {
		fputs("usage: make-vhdx-chain BASE CHILD RELATIVE ABSOLUTE FLAT\n", stderr);
		return 2;
	}
	vhdx_image_build(&base);
	child.parent = base.guest;
	vhdx_image_build(&child);
	vhdx_image_name_parent(&child, "{AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee}", *argv[3] ? argv[3] : NULL, NULL,
			       *argv[4] ? argv[4] : NULL);
	rc = save(argv[1], base.bytes, base.len) < 0 || save(argv[2], child.bytes, child.len) < 0 ||
	     save(argv[5], child.guest, (size_t)child.size) < 0;
	vhdx_image_fini(&child);
	vhdx_image_fini(&base);
	return rc;
}
