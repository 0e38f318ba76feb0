/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "disk/vmdk_sparse.h"
#include "support/cowd_writer.h"
#include "support/redo_chain.h"
#include "support/sesparse_writer.h"
#include "support/vmdk_writer.h"

enum kind { KIND_FLAT, KIND_SPARSE, KIND_COWD, KIND_SESPARSE, KIND_ZERO, KINDS };

enum { EXTENTS_MAX = 3, EXTENT_SECTORS_MAX = 5000, TEXT_MAX = 1024 };

struct layer {
	uint8_t *bytes;
	enum redo_state *said;
	uint64_t sectors;
	char text[TEXT_MAX];
};

uint64_t redo_random(uint64_t *state, uint64_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state >> 11) % below;
}

static void *make(size_t n, size_t size)
{
	void *p = calloc(n, size);

	assert_non_null(p);
	return p;
}

/* A grain of an extent that begins at sector `start` of the layer, as all writers fill it. */
static void model_grain(struct layer *l, uint64_t start, uint64_t end, uint64_t grain, uint64_t grain_sectors,
			enum redo_state state, uint64_t seed)
{
	uint64_t first = start + grain * grain_sectors, n = end - first < grain_sectors ? end - first : grain_sectors;

	if (state == REDO_DATA)
		pattern_fill(l->bytes + first * 512, n * 512, grain * grain_sectors * 512, seed);
	for (uint64_t i = 0; i < n; i++)
		l->said[first + i] = state;
}

/* In the order in which grains are added: from the end or from the beginning, some left out, some zeros if there are
 * such. */
static enum redo_state choose(uint64_t *rnd, bool has_zeros)
{
	uint64_t v = redo_random(rnd, 8);

	if (v < 3)
		return REDO_DATA;
	return v == 3 && has_zeros ? REDO_ZERO : REDO_ABSENT;
}

static void write_sparse(struct layer *l, const struct scratch_dir *s, const char *name, uint64_t start, uint64_t end,
			 uint64_t seed, uint64_t *rnd)
{
	uint64_t grain = UINT64_C(8) << redo_random(rnd, 5), n = (end - start - 1) / grain + 1, g;
	bool zeros = redo_random(rnd, 2), backwards = redo_random(rnd, 2);
	struct vmdk_writer w;

	vmdk_writer_init(&w, end - start, grain, VMDK_SPARSE_NEWLINES | (zeros ? VMDK_SPARSE_ZERO_GRAINS : 0), NULL);
	for (uint64_t i = 0; i < n; i++) {
		enum redo_state state = choose(rnd, zeros);

		g = backwards ? n - 1 - i : i;
		if (state == REDO_DATA)
			vmdk_writer_add_grain(&w, g, seed);
		if (state == REDO_ZERO)
			vmdk_writer_set_entry(&w, g, 1);
		model_grain(l, start, end, g, grain, state, seed);
	}
	vmdk_writer_save(&w, s, name);
	vmdk_writer_fini(&w);
}

static void write_cowd(struct layer *l, const struct scratch_dir *s, const char *name, uint64_t start, uint64_t end,
		       uint64_t seed, uint64_t *rnd)
{
	uint64_t grain = UINT64_C(1) << redo_random(rnd, 7), n = (end - start - 1) / grain + 1, g;
	bool backwards = redo_random(rnd, 2), no_second = redo_random(rnd, 2);
	struct cowd_writer w;

	cowd_writer_init(&w, (uint32_t)(end - start), (uint32_t)grain);
	for (uint64_t i = 0; i < n; i++) {
		g = backwards ? n - 1 - i : i;
		if ((no_second && g >= 4096) || choose(rnd, false) != REDO_DATA)
			continue;
		cowd_writer_add_grain(&w, (uint32_t)g, seed);
		model_grain(l, start, end, g, grain, REDO_DATA, seed);
	}
	cowd_writer_save(&w, s, name);
	cowd_writer_fini(&w);
}

static void write_sesparse(struct layer *l, const struct scratch_dir *s, const char *name, uint64_t start, uint64_t end,
			   uint64_t seed, uint64_t *rnd)
{
	uint64_t n = (end - start - 1) / 8 + 1, g;
	bool backwards = redo_random(rnd, 2);
	struct sesparse_writer w;

	sesparse_writer_init(&w, end - start, 2, n);
	for (uint64_t i = 0; i < n; i++) {
		enum redo_state state = choose(rnd, true);

		g = backwards ? n - 1 - i : i;
		if (state == REDO_DATA)
			sesparse_writer_add_grain(&w, g, seed);
		if (state == REDO_ZERO)
			sesparse_writer_set_entry(
				&w, g, sesparse_writer_encode(g % 2 ? SESPARSE_W_ZERO : SESPARSE_W_UNMAPPED, 0));
		model_grain(l, start, end, g, 8, state, seed);
	}
	sesparse_writer_save(&w, s, name);
	sesparse_writer_fini(&w);
}

/* A flat one begins somewhere in its file. */
static uint64_t write_flat(struct layer *l, const struct scratch_dir *s, const char *name, uint64_t start, uint64_t end,
			   uint64_t seed, uint64_t *rnd)
{
	uint64_t skip = redo_random(rnd, 2) * 3;
	uint8_t *file = make((size_t)(skip + end - start) + 1, 512);

	model_grain(l, start, end, 0, end - start, REDO_DATA, seed);
	memset(file, 0xee, (size_t)skip * 512);
	memcpy(file + skip * 512, l->bytes + start * 512, (size_t)(end - start) * 512);
	scratch_write(s, name, file, (size_t)(skip + end - start + redo_random(rnd, 2)) * 512);
	free(file);
	return skip;
}

static void write_extent(struct layer *l, const struct scratch_dir *s, const char *name, enum kind kind, uint64_t start,
			 uint64_t end, uint64_t seed, uint64_t *rnd)
{
	size_t used = strlen(l->text);
	const char *type = "FLAT";
	char offset[32] = "";

	switch (kind) {
	case KIND_FLAT:
		snprintf(offset, sizeof(offset), " %u", (unsigned)write_flat(l, s, name, start, end, seed, rnd));
		break;
	case KIND_SPARSE:
		write_sparse(l, s, name, start, end, seed, rnd);
		type = "SPARSE";
		break;
	case KIND_COWD:
		write_cowd(l, s, name, start, end, seed, rnd);
		type = "VMFSSPARSE";
		break;
	case KIND_SESPARSE:
		write_sesparse(l, s, name, start, end, seed, rnd);
		type = "SESPARSE";
		break;
	case KIND_ZERO:
	case KINDS:
		model_grain(l, start, end, 0, end - start, REDO_ZERO, 0);
		snprintf(l->text + used, TEXT_MAX - used, "RW %u ZERO\n", (unsigned)(end - start));
		return;
	}
	snprintf(l->text + used, TEXT_MAX - used, "RW %u %s \"%s\"%s\n", (unsigned)(end - start), type, name, offset);
}

static enum kind choose_kind(enum redo_choice choice, size_t depth, uint64_t *rnd)
{
	enum kind kind = choice == REDO_COWD ? KIND_COWD : (enum kind)redo_random(rnd, KINDS);

	if (choice == REDO_QEMU && (kind == KIND_ZERO || (kind == KIND_FLAT && depth > 0)))
		kind = KIND_COWD;
	return kind;
}

static void write_layer(struct layer *l, const struct scratch_dir *s, size_t depth, uint64_t seed,
			enum redo_choice choice, uint64_t *rnd)
{
	size_t extents = choice == REDO_COWD ? 1 : 1 + redo_random(rnd, EXTENTS_MAX);
	uint64_t ends[EXTENTS_MAX], start = 0;
	char name[64];

	for (size_t i = 0; i < extents; i++) {
		ends[i] = (i > 0 ? ends[i - 1] : 0) + 1 + redo_random(rnd, EXTENT_SECTORS_MAX);
		if (choice == REDO_QEMU && i + 1 < extents)
			ends[i] = (ends[i] + 127) / 128 * 128;
	}
	l->sectors = ends[extents - 1];
	l->bytes = make(l->sectors, 512);
	l->said = make(l->sectors, sizeof(*l->said));
	snprintf(l->text, sizeof(l->text), "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=%08x\n",
		 0xa000u + (unsigned)depth, depth > 0 ? 0xa000u + (unsigned)depth - 1 : 0xffffffffu);
	if (depth > 0)
		snprintf(l->text + strlen(l->text), TEXT_MAX - strlen(l->text), "parentFileNameHint=\"l%zu.vmdk\"\n",
			 depth - 1);
	snprintf(l->text + strlen(l->text), TEXT_MAX - strlen(l->text),
		 "createType=\"vmfsSparse\"\n\n# Extent description\n");
	for (size_t i = 0; i < extents; i++) {
		snprintf(name, sizeof(name), "l%zu-%zu.vmdk", depth, i);
		write_extent(l, s, name, choose_kind(choice, depth, rnd), start, ends[i], seed + depth * 16 + i, rnd);
		start = ends[i];
	}
	snprintf(l->text + strlen(l->text), TEXT_MAX - strlen(l->text), "\n# The Disk Data Base\n#DDB\n");
	snprintf(name, sizeof(name), "l%zu.vmdk", depth);
	scratch_write(s, name, l->text, strlen(l->text));
}

/* What the layer leaves open is what the chain below it says, as far as that reaches. */
static void put_over(struct redo_chain *c, struct layer *l)
{
	for (uint64_t i = 0; i < l->sectors && i < c->sectors; i++) {
		if (l->said[i] != REDO_ABSENT)
			continue;
		l->said[i] = c->said[i];
		memcpy(l->bytes + i * 512, c->bytes + i * 512, 512);
	}
	free(c->bytes);
	free(c->said);
	c->bytes = l->bytes;
	c->said = l->said;
	c->sectors = l->sectors;
}

void redo_chain_write(struct redo_chain *c, const struct scratch_dir *s, uint64_t seed, size_t layers,
		      enum redo_choice choice)
{
	uint64_t rnd = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);

	*c = (struct redo_chain){ .layers = layers };
	for (size_t i = 0; i < layers; i++) {
		struct layer l = { 0 };

		write_layer(&l, s, i, seed * 256, choice, &rnd);
		put_over(c, &l);
	}
	snprintf(c->leaf, sizeof(c->leaf), "l%zu.vmdk", layers - 1);
}

void redo_chain_fini(struct redo_chain *c)
{
	free(c->bytes);
	free(c->said);
	*c = (struct redo_chain){ 0 };
}
