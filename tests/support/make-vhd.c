/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a chain of VHDs for the integration tests, and what its leaf reads:
 *
 *	make-vhd FOLDER LAYERS SIZE BLOCK SEED
 *
 * FOLDER/0.vhd is dynamic, FOLDER/1.vhd and so on are its differencing children; FOLDER/flat.raw is the last one's
 *disk.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "support/vhd_writer.h"

enum { BLOCKS_MAX = 4096 };

static int save(const char *folder, const char *name, const uint8_t *bytes, size_t len)
{
	CLEANUP_FILE FILE *f = NULL;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "wb");
	return f && fwrite(bytes, 1, len, f) == len && fflush(f) == 0 ? 0 : -1;
}

static int write_layer(const char *folder, uint64_t layer, struct vhd_image *img)
{
	char name[32], parent[64];

	vhd_image_build(img);
	if (layer > 0) {
		snprintf(parent, sizeof(parent), "C:\\vm\\%u.vhd", (unsigned)layer - 1);
		vhd_image_set_parent(img, (uint8_t)layer, parent);
		vhd_image_set_locator(img, 0, VHD_W_W2KU, parent);
		snprintf(parent, sizeof(parent), ".\\%u.vhd", (unsigned)layer - 1);
		vhd_image_set_locator(img, 1, VHD_W_W2RU, parent);
	}
	snprintf(name, sizeof(name), "%u.vhd", (unsigned)layer);
	return save(folder, name, img->bytes, img->len);
}

int main(int argc, char **argv)
{
	uint64_t layers, size, block, seed, n;
	CLEANUP_FREE uint8_t *flat = NULL;
	uint8_t states[BLOCKS_MAX];
	int rc = 0;

	if (argc != 6 || parse_u64(argv[2], 64, &layers, NULL) < 0 || parse_size(argv[3], &size, NULL) < 0 ||
	    parse_size(argv[4], &block, NULL) < 0 || parse_u64(argv[5], 1 << 20, &seed, NULL) < 0 || layers == 0 ||
	    block == 0 || size % 512 != 0 || size == 0 || (size - 1) / block >= BLOCKS_MAX) {
		fputs("usage: make-vhd FOLDER LAYERS SIZE BLOCK SEED\n", stderr);
		return 2;
	}
	n = (size - 1) / block + 1;
	for (uint64_t i = 0; i < layers && rc == 0; i++) {
		uint64_t random = seed * 1000 + i + 1;
		struct vhd_image img = { .size = size,
					 .block_size = (uint32_t)block,
					 .type = i == 0 ? 3 : 4,
					 .id = (uint8_t)(i + 1),
					 .seed = random,
					 .states = states,
					 .parent = flat,
					 .parent_size = size };

		vhd_w_random_states(states, n, &random);
		for (uint64_t k = 0; i == 0 && k < n; k++) /* other readers want all bits of a dynamic disk set */
			states[k] = states[k] == VHD_W_PARTIAL ? VHD_W_FULL : states[k];
		rc = write_layer(argv[1], i, &img);
		free(flat);
		flat = img.guest;
		img.guest = NULL;
		vhd_image_fini(&img);
	}
	if (rc == 0)
		rc = save(argv[1], "flat.raw", flat, (size_t)size);
	if (rc < 0)
		perror(argv[1]);
	return rc < 0 ? 1 : 0;
}
