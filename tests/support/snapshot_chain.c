/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/model_disk.h"
#include "support/sesparse_writer.h"
#include "support/snapshot_chain.h"
#include "support/vhdx_writer.h"
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

static void save_sparse(struct snapshot_chain *c, size_t i)
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

static void write_text(struct snapshot_chain *c, const char *name, const char *text)
{
	CLEANUP_FD int fd = openat(c->dir->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	touch(c, name);
}

static bool is_there(const struct snapshot_chain *c, const char *name)
{
	return faccessat(c->dir->fd, name, F_OK, 0) == 0;
}

static void extent_name(const struct snapshot_layer *l, char out[24])
{
	snprintf(out, 24, "%s.x", l->name);
}

static void save_flat(struct snapshot_chain *c, const struct snapshot_layer *l, const char *extent)
{
	CLEANUP_FD int fd = openat(c->dir->fd, extent, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	static uint8_t grain[1 << 16];
	size_t len = c->grain_sectors * 512;

	assert_true(fd >= 0 && ftruncate(fd, SNAPSHOT_CHAIN_SIZE) == 0);
	for (uint64_t g = 0; g < grains(c); g++) {
		if (l->grain[g] <= 1)
			continue;
		pattern_fill(grain, len, g * len, l->grain[g]);
		assert_int_equal(pwrite(fd, grain, len, (off_t)(g * len)), len);
	}
}

/* The descriptor stays as it is while its parent is called the same, as hypervisors leave it. */
static void save_sesparse(struct snapshot_chain *c, size_t i)
{
	const struct snapshot_layer *l = &c->layer[i], *parent = i > 0 ? l - 1 : NULL;
	char text[512], hint[64] = "", old[512] = "", extent[24];
	struct sesparse_writer w;

	extent_name(l, extent);
	if (parent)
		snprintf(hint, sizeof(hint), "parentFileNameHint=\"%s\"\n", parent->name);
	snprintf(text, sizeof(text), "# Disk DescriptorFile\nversion=1\nCID=%x\nparentCID=%x\ncreateType=\"%s\"\n%sRW %d %s \"%s\"\n",
		 l->cid, parent ? parent->cid : UINT32_MAX, parent ? "seSparse" : "vmfs", hint, SNAPSHOT_CHAIN_SIZE / 512,
		 parent ? "SESPARSE" : "VMFS", extent);
	if (is_there(c, l->name)) {
		CLEANUP_FD int fd = openat(c->dir->fd, l->name, O_RDONLY | O_CLOEXEC);

		assert_true(fd >= 0 && read(fd, old, sizeof(old) - 1) > 0);
	}
	if (strcmp(old, text) != 0)
		write_text(c, l->name, text);
	if (!parent) {
		save_flat(c, l, extent);
		touch(c, extent);
		return;
	}
	sesparse_writer_init(&w, SNAPSHOT_CHAIN_SIZE / 512, 1, grains(c));
	for (uint64_t g = 0; g < grains(c); g++) {
		if (l->grain[g] > 1)
			sesparse_writer_add_grain(&w, g, l->grain[g]);
		else if (l->grain[g] == 1)
			sesparse_writer_set_entry(&w, g, sesparse_writer_encode(SESPARSE_W_ZERO, 0));
	}
	sesparse_writer_save(&w, c->dir, extent);
	sesparse_writer_fini(&w);
	touch(c, extent);
}

static void data_write(const struct snapshot_layer *l, char out[40])
{
	snprintf(out, 40, "%08x-bbbb-cccc-dddd-eeeeeeeeeeee", l->cid + 0xabcd);
}

/* How the block is kept, and whose its sectors are. */
static uint8_t vhdx_block(const struct snapshot_chain *c, const struct snapshot_layer *l, uint64_t block, bool child, uint8_t *bits)
{
	uint64_t per = VHDX_W_MIB / 512 / c->grain_sectors, own = 0, zero = 0, all = 0;

	for (uint64_t g = block * per; g < (block + 1) * per && g * c->grain_sectors * 512 < l->size; g++, all++) {
		own += l->grain[g] > 0;
		zero += l->grain[g] == 1;
		for (uint64_t s = g * c->grain_sectors; l->grain[g] && s < (g + 1) * c->grain_sectors; s++)
			bits[s / 8] |= (uint8_t)(1 << s % 8);
	}
	if (own == 0)
		return 0;
	if (zero == all)
		return 2;
	return own == all || !child ? 6 : 7;
}

static void save_vhdx(struct snapshot_chain *c, size_t i)
{
	static const uint8_t nothing[SNAPSHOT_CHAIN_SIZE];
	static uint8_t bits[SNAPSHOT_CHAIN_SIZE / 512 / 8];
	const struct snapshot_layer *l = &c->layer[i];
	uint8_t states[SNAPSHOT_CHAIN_SIZE / VHDX_W_MIB];
	size_t len = c->grain_sectors * 512;
	char own[40], parents[40], linkage[48];
	struct vhdx_image img = { .size = l->size, .states = states, .bits = bits, .has_parent = i > 0, .parent = i > 0 ? nothing : NULL,
				  .data_write = own };
	CLEANUP_FD int fd = openat(c->dir->fd, l->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	memset(bits, 0, sizeof(bits));
	for (uint64_t b = 0; b < ARRAY_LEN(states); b++)
		states[b] = vhdx_block(c, l, b, i > 0, bits);
	data_write(l, own);
	vhdx_image_build(&img);
	for (uint64_t g = 0; g * len < l->size; g++) {
		uint64_t off = g * len, n = l->size - off < len ? l->size - off : len;
		uint8_t *at = vhdx_image_block(&img, off / VHDX_W_MIB) + off % VHDX_W_MIB;

		if (states[off / VHDX_W_MIB] != 6 && states[off / VHDX_W_MIB] != 7)
			continue;
		if (l->grain[g] > 1)
			pattern_fill(at, n, off, l->grain[g]);
		else
			memset(at, l->grain[g] || i == 0 ? 0 : 0x5a, n); /* what is not its own is not to be seen */
	}
	if (i > 0) {
		data_write(l - 1, parents);
		snprintf(linkage, sizeof(linkage), "{%s}", parents);
		vhdx_image_set_parent(&img, linkage, (l - 1)->name);
	}
	assert_true(fd >= 0);
	vhdx_image_write(&img, fd);
	vhdx_image_fini(&img);
	touch(c, l->name);
}

/* Writes the layer's files, in place if they are there. */
static void save(struct snapshot_chain *c, size_t i)
{
	static void (*const how[])(struct snapshot_chain *, size_t) = {
		[SNAPSHOT_SPARSE] = save_sparse, [SNAPSHOT_SESPARSE] = save_sesparse, [SNAPSHOT_VHDX] = save_vhdx,
	};

	how[c->format](c, i);
}

static void unlink_layer(struct snapshot_chain *c, size_t i)
{
	char extent[24];

	assert_int_equal(unlinkat(c->dir->fd, c->layer[i].name, 0), 0);
	extent_name(&c->layer[i], extent);
	if (c->format == SNAPSHOT_SESPARSE)
		assert_int_equal(unlinkat(c->dir->fd, extent, 0), 0);
}

/* Names come back once their files are gone, as hypervisors' do. */
static void name_layer(struct snapshot_chain *c, size_t i)
{
	struct snapshot_layer *l = &c->layer[i];
	bool taken = true;

	for (unsigned n = 0; taken; n++) {
		if (c->format == SNAPSHOT_VHDX)
			snprintf(l->name, sizeof(l->name), n ? "w-%04u.avhdx" : "w.vhdx", n);
		else
			snprintf(l->name, sizeof(l->name), n ? "w-%06u.vmdk" : "w.vmdk", n);
		taken = false;
		for (size_t k = 0; k < c->n; k++)
			taken |= k != i && strcmp(c->layer[k].name, l->name) == 0;
	}
}

static void drop(struct snapshot_chain *c, size_t i)
{
	unlink_layer(c, i);
	memmove(&c->layer[i], &c->layer[i + 1], (c->n - i - 1) * sizeof(c->layer[0]));
	c->n--;
}

void snapshot_chain_init_format(struct snapshot_chain *c, const struct scratch_dir *dir, enum snapshot_format format,
				uint64_t grain_sectors, uint64_t seed)
{
	*c = (struct snapshot_chain){ .dir = dir, .format = format, .grain_sectors = grain_sectors, .random = seed, .seeds = 1,
				      .n = 1 };
	c->layer[0].cid = ++c->cids;
	c->layer[0].size = SNAPSHOT_CHAIN_SIZE;
	name_layer(c, 0);
	snapshot_chain_write(c, 0, 0, grains(c) / 2);
}

void snapshot_chain_init(struct snapshot_chain *c, const struct scratch_dir *dir, uint64_t grain_sectors, uint64_t seed)
{
	snapshot_chain_init_format(c, dir, SNAPSHOT_SPARSE, grain_sectors, seed);
}

/* Grains that lie in the layer, the last perhaps in part. */
static uint64_t inside(const struct snapshot_chain *c, size_t layer)
{
	return (c->layer[layer].size - 1) / 512 / c->grain_sectors + 1;
}

void snapshot_chain_write(struct snapshot_chain *c, size_t layer, uint64_t first, uint64_t n)
{
	for (uint64_t g = first; g < first + n && g < inside(c, layer); g++)
		c->layer[layer].grain[g] = ++c->seeds;
	save(c, layer);
}

void snapshot_chain_take(struct snapshot_chain *c)
{
	assert_true(c->n < SNAPSHOT_CHAIN_LEN);
	c->layer[c->n] = (struct snapshot_layer){ .cid = ++c->cids, .size = snapshot_chain_size(c) };
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

/* What is behind the end is gone. */
static void set_size(struct snapshot_chain *c, size_t layer, uint64_t size)
{
	c->layer[layer].size = size;
	for (uint64_t g = inside(c, layer); g < grains(c); g++)
		c->layer[layer].grain[g] = 0;
}

void snapshot_chain_resize(struct snapshot_chain *c, size_t layer, uint64_t size)
{
	set_size(c, layer, size);
	save(c, layer);
}

void snapshot_chain_merge_down(struct snapshot_chain *c, size_t layer)
{
	struct snapshot_layer *from = &c->layer[layer], *to = from - 1;
	uint64_t end = inside(c, layer - 1);

	for (uint64_t g = 0; g < grains(c); g++)
		to->grain[g] = from->grain[g] ? from->grain[g] : g < end ? to->grain[g] : 1;
	set_size(c, layer - 1, from->size);
	save(c, layer - 1);
	drop(c, layer);
	if (layer < c->n)
		save(c, layer); /* names its new parent */
}

void snapshot_chain_merge_up(struct snapshot_chain *c, size_t layer)
{
	struct snapshot_layer *from = &c->layer[layer], *to = from + 1;

	for (uint64_t g = 0; g < grains(c); g++)
		to->grain[g] = to->grain[g] ? to->grain[g] : g < inside(c, layer) ? from->grain[g] : 1;
	set_size(c, layer + 1, to->size);
	drop(c, layer);
	save(c, layer);
}

static void trim(struct snapshot_chain *c)
{
	uint64_t first = below(c, grains(c)), n = 1 + below(c, grains(c) / 8), how = below(c, 2);

	for (uint64_t g = first; g < first + n && g < inside(c, c->n - 1); g++)
		c->layer[c->n - 1].grain[g] = how; /* zero, or again the parent's */
	save(c, c->n - 1);
}

/* Another file under the same name, with the same bytes or others. */
static void replace(struct snapshot_chain *c, size_t i)
{
	unlink_layer(c, i);
	if (below(c, 2))
		c->layer[i].grain[below(c, inside(c, i))] = ++c->seeds;
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
	case 15:
		if (c->format == SNAPSHOT_VHDX) { /* of a parent, too, which nobody should */
			first = grains(c) - below(c, grains(c) * 3 / 4);
			snapshot_chain_resize(c, below(c, 2) ? c->n - 1 : i, first * c->grain_sectors * 512);
			return "resize";
		}
		/* fall through */
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

uint64_t snapshot_chain_size(const struct snapshot_chain *c)
{
	return c->layer[c->n - 1].size;
}

void snapshot_chain_guest(const struct snapshot_chain *c, uint8_t *buf)
{
	size_t len = c->grain_sectors * 512;

	for (uint64_t g = 0; g < grains(c); g++) {
		uint64_t seed = 0;

		for (size_t i = c->n; i > 0 && seed == 0; i--)
			seed = g < inside(c, i - 1) ? c->layer[i - 1].grain[g] : 1;
		if (seed > 1)
			pattern_fill(buf + g * len, len, g * len, seed);
		else
			memset(buf + g * len, 0, len);
	}
}
