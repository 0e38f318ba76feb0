/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/model_disk.h"
#include "support/snapshot_chain.h"
#include "support/vmdk_writer.h"

#define WITH_ZERO_GRAINS 5 /* the header's flags: newlines, and entries of 1 are zeros */

static uint64_t below(struct snapshot_chain *c, uint64_t n)
{
	return model_random(&c->random) % n;
}

static uint64_t grains(const struct snapshot_chain *c)
{
	return SNAPSHOT_CHAIN_SIZE / 512 / c->grain_sectors;
}

static void touch(struct snapshot_chain *c, const char *name)
{
	struct timespec times[2];

	c->mtime++;
	times[0] = times[1] = (struct timespec){ .tv_sec = 1700000000, .tv_nsec = (long)c->mtime };
	assert_int_equal(utimensat(c->dir->fd, name, times, 0), 0);
}

/* Writes the layer's file, in place if it is there. */
static void save(struct snapshot_chain *c, size_t i)
{
	const struct snapshot_layer *l = &c->layer[i], *parent = i > 0 ? l - 1 : NULL;
	char text[512], hint[64] = "";
	struct vmdk_writer w;

	if (parent)
		snprintf(hint, sizeof(hint), "parentFileNameHint=\"%s\"\n", parent->name);
	snprintf(text, sizeof(text), "version=1\nCID=%x\nparentCID=%x\ncreateType=\"monolithicSparse\"\n%sRW %d SPARSE \"x\"\n",
		 l->cid, parent ? parent->cid : UINT32_MAX, hint, SNAPSHOT_CHAIN_SIZE / 512);
	vmdk_writer_init(&w, SNAPSHOT_CHAIN_SIZE / 512, c->grain_sectors, WITH_ZERO_GRAINS, text);
	for (uint64_t g = 0; g < grains(c); g++) {
		if (l->grain[g] > 1)
			vmdk_writer_add_grain(&w, g, l->grain[g]);
		else
			vmdk_writer_set_entry(&w, g, (uint32_t)l->grain[g]);
	}
	vmdk_writer_save(&w, c->dir, l->name);
	vmdk_writer_fini(&w);
	touch(c, l->name);
}

/* Names come back once their files are gone, as hypervisors' do. */
static void name_layer(struct snapshot_chain *c, size_t i)
{
	struct snapshot_layer *l = &c->layer[i];
	bool taken = true;

	for (unsigned n = 0; taken; n++) {
		snprintf(l->name, sizeof(l->name), n ? "w-%06u.vmdk" : "w.vmdk", n);
		taken = false;
		for (size_t k = 0; k < c->n; k++)
			taken |= k != i && strcmp(c->layer[k].name, l->name) == 0;
	}
}

static void drop(struct snapshot_chain *c, size_t i)
{
	assert_int_equal(unlinkat(c->dir->fd, c->layer[i].name, 0), 0);
	memmove(&c->layer[i], &c->layer[i + 1], (c->n - i - 1) * sizeof(c->layer[0]));
	c->n--;
}

void snapshot_chain_init(struct snapshot_chain *c, const struct scratch_dir *dir, uint64_t grain_sectors, uint64_t seed)
{
	*c = (struct snapshot_chain){ .dir = dir, .grain_sectors = grain_sectors, .random = seed, .seeds = 1, .n = 1 };
	c->layer[0].cid = ++c->cids;
	name_layer(c, 0);
	snapshot_chain_write(c, 0, 0, grains(c) / 2);
}

void snapshot_chain_write(struct snapshot_chain *c, size_t layer, uint64_t first, uint64_t n)
{
	for (uint64_t g = first; g < first + n && g < grains(c); g++)
		c->layer[layer].grain[g] = ++c->seeds;
	save(c, layer);
}

void snapshot_chain_take(struct snapshot_chain *c)
{
	assert_true(c->n < SNAPSHOT_CHAIN_LEN);
	c->layer[c->n] = (struct snapshot_layer){ .cid = ++c->cids };
	c->n++;
	name_layer(c, c->n - 1);
	save(c, c->n - 1);
}

void snapshot_chain_revert(struct snapshot_chain *c, size_t keep)
{
	while (c->n > keep)
		drop(c, c->n - 1);
	snapshot_chain_take(c);
}

void snapshot_chain_merge_down(struct snapshot_chain *c, size_t layer)
{
	struct snapshot_layer *from = &c->layer[layer], *to = from - 1;

	for (uint64_t g = 0; g < grains(c); g++)
		to->grain[g] = from->grain[g] ? from->grain[g] : to->grain[g];
	save(c, layer - 1);
	drop(c, layer);
	if (layer < c->n)
		save(c, layer); /* names its new parent */
}

void snapshot_chain_merge_up(struct snapshot_chain *c, size_t layer)
{
	struct snapshot_layer *from = &c->layer[layer], *to = from + 1;

	for (uint64_t g = 0; g < grains(c); g++)
		to->grain[g] = to->grain[g] ? to->grain[g] : from->grain[g];
	drop(c, layer);
	save(c, layer);
}

static void trim(struct snapshot_chain *c)
{
	uint64_t first = below(c, grains(c)), n = 1 + below(c, grains(c) / 8), how = below(c, 2);

	for (uint64_t g = first; g < first + n && g < grains(c); g++)
		c->layer[c->n - 1].grain[g] = how; /* zero, or again the parent's */
	save(c, c->n - 1);
}

/* Another file under the same name, with the same bytes or others. */
static void replace(struct snapshot_chain *c, size_t i)
{
	assert_int_equal(unlinkat(c->dir->fd, c->layer[i].name, 0), 0);
	if (below(c, 2))
		c->layer[i].grain[below(c, grains(c))] = ++c->seeds;
	save(c, i);
}

const char *snapshot_chain_step(struct snapshot_chain *c)
{
	uint64_t first = below(c, grains(c)), n = 1 + below(c, grains(c) / 4), i = below(c, c->n);

	switch (below(c, 16)) {
	case 0:
	case 1:
	case 2:
	case 3:
		snapshot_chain_write(c, c->n - 1, first, n);
		return "write";
	case 4:
	case 5:
	case 6:
	case 7:
		if (c->n == SNAPSHOT_CHAIN_LEN)
			break;
		snapshot_chain_take(c);
		if (below(c, 2))
			snapshot_chain_write(c, c->n - 1, first, n);
		return "take";
	case 8:
	case 9:
		if (c->n < 2)
			break;
		snapshot_chain_revert(c, 1 + below(c, c->n - 1));
		return "revert";
	case 10:
	case 11:
		if (c->n < 2)
			break;
		snapshot_chain_merge_down(c, 1 + below(c, c->n - 1));
		return "merge down";
	case 12:
		if (c->n < 2)
			break;
		snapshot_chain_merge_up(c, below(c, c->n - 1));
		return "merge up";
	case 13:
		trim(c);
		return "trim";
	case 14:
		replace(c, i);
		return "replace";
	default:
		snapshot_chain_write(c, i, first, 1); /* of a parent, which nobody should */
		return "write below";
	}
	return "nothing";
}

const char *snapshot_chain_leaf(const struct snapshot_chain *c)
{
	return c->layer[c->n - 1].name;
}

void snapshot_chain_guest(const struct snapshot_chain *c, uint8_t *buf)
{
	size_t len = c->grain_sectors * 512;

	for (uint64_t g = 0; g < grains(c); g++) {
		uint64_t seed = 0;

		for (size_t i = c->n; i > 0 && seed == 0; i--)
			seed = c->layer[i - 1].grain[g];
		if (seed > 1)
			pattern_fill(buf + g * len, len, g * len, seed);
		else
			memset(buf + g * len, 0, len);
	}
}
