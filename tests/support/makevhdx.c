/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes chains of VHDX for the integration tests, in the current folder: base.vhdx, mid.avhdx, top.avhdx, and top.raw, what
 * a guest reads of the last one.
 *
 *	makevhdx SECTOR-SIZE SEED	some blocks of 1 MiB in all states, of each layer
 *	makevhdx SECTOR-SIZE SEED few	the same in the states that every reader knows
 *	makevhdx chunks			two layers of 20 blocks of 256 MiB, in two chunks (top.raw has holes)
 *	makevhdx empty GUID MIB NAME	nothing but an image without data, of blocks of 32 MiB and with this data write GUID
 *	makevhdx pair BASE CHILD RELATIVE ABSOLUTE FLAT
 *				an image, its child that knows it by these paths of Windows ("": not), what the child reads
 *	makevhdx huge			huge.vhdx: 64 TiB in blocks of 1 MiB, of which the last one is there
 *
 * Locators have the five keys that Hyper-V writes.
 */
#include "unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/parse.h"
#include "support/vhdx_writer.h"

#define MIB VHDX_W_MIB

enum { LAYERS = 3, BLOCKS = 9, BITS_LEN = BLOCKS * (1 << 20) / 512 / 8 };

struct layer {
	struct vhdx_image img;
	uint8_t states[32], bits[BITS_LEN];
	const char *name, *data_write;
};

static struct layer layers[LAYERS] = {
	{ .name = "base.vhdx", .data_write = "10000000-bbbb-4ccc-8ddd-eeeeeeeeeeee" },
	{ .name = "mid.avhdx", .data_write = "20000000-bbbb-4ccc-8ddd-eeeeeeeeeeee" },
	{ .name = "top.avhdx", .data_write = "30000000-bbbb-4ccc-8ddd-eeeeeeeeeeee" },
};

static uint64_t draw(uint64_t *x, uint64_t n)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x % n;
}

static void write_layer(struct layer *l, const struct layer *below)
{
	CLEANUP_FD int fd = open(l->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char guid[64], relative[64], volume[128], absolute[128];

	if (fd < 0)
		abort();
	l->img.data_write = l->data_write;
	l->img.has_parent = below != NULL;
	l->img.below = below ? &below->img : NULL;
	vhdx_image_build(&l->img);
	if (below) {
		const char *const pairs[][2] = { { "parent_linkage", guid },
						 { "parent_linkage2", "{00000000-0000-0000-0000-000000000000}" },
						 { "relative_path", relative },
						 { "volume_path", volume },
						 { "absolute_win32_path", absolute } };

		snprintf(guid, sizeof(guid), "{%s}", below->data_write);
		snprintf(relative, sizeof(relative), ".\\%s", below->name);
		snprintf(volume, sizeof(volume), "\\\\?\\Volume{11111111-2222-3333-4444-555555555555}\\vm\\%s", below->name);
		snprintf(absolute, sizeof(absolute), "C:\\vm\\%s", below->name);
		vhdx_image_set_locator(&l->img, pairs, 5);
	}
	vhdx_image_write(&l->img, fd);
}

static void write_flat(const struct vhdx_image *img)
{
	CLEANUP_FD int fd = open("top.raw", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	static uint8_t buf[VHDX_W_WINDOW];

	if (fd < 0 || ftruncate(fd, (off_t)img->size) < 0)
		abort();
	for (uint64_t off = 0, n; off < img->size; off += n) {
		uint64_t in = off % img->block_size;

		n = img->size - off < sizeof(buf) ? img->size - off : sizeof(buf);
		if (img->sparse && in != 0 && in != img->block_size - sizeof(buf)) {
			n = img->block_size - sizeof(buf) - in; /* nothing there in any layer */
			continue;
		}
		vhdx_image_guest(img, buf, (size_t)n, off);
		if (!io_is_zero(buf, (size_t)n) && io_pwrite(fd, buf, (size_t)n, off, NULL) < 0)
			abort();
	}
}

static void make_small(uint32_t sector_size, uint64_t seed, bool few)
{
	static const uint8_t all[] = { 0, 1, 2, 3, 6, 6, 0, 7, 7 }, known[] = { 0, 6, 6, 6, 6, 6, 0, 7, 7 };
	const uint8_t *states = few ? known : all;
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

	for (int i = 0; i < LAYERS; i++) {
		struct layer *l = &layers[i];

		for (size_t b = 0; b < BLOCKS; b++)
			l->states[b] = states[draw(&x, i > 0 ? 9 : 7)];
		for (size_t b = 0, n; b < BITS_LEN * 8;) {
			bool own = draw(&x, 2);

			for (n = 1 + draw(&x, draw(&x, 3) ? 1000 : 10); n > 0 && b < BITS_LEN * 8; n--, b++)
				l->bits[b / 8] |= (uint8_t)(own << b % 8);
		}
		/* 7-Zip opens a disk with sectors of 4096 bytes only if their number is even. */
		l->img = (struct vhdx_image){ .size = BLOCKS * MIB - 4 * 4096,
					      .sector_size = sector_size,
					      .states = l->states,
					      .bits = l->bits,
					      .seed = seed + (uint64_t)i };
		write_layer(l, i > 0 ? &layers[i - 1] : NULL);
	}
	write_flat(&layers[LAYERS - 1].img);
}

static void make_chunks(void)
{
	static const uint8_t states[20] = { 7, 0, [15] = 7, [16] = 7, [17] = 6, [19] = 7 };

	for (int i = 0; i < LAYERS; i += 2) {
		layers[i].img = (struct vhdx_image){ .size = 20 * 256 * MIB,
						     .block_size = 256 << 20,
						     .sparse = true,
						     .states = i > 0 ? states : NULL,
						     .seed = (uint64_t)i };
		write_layer(&layers[i], i > 0 ? &layers[0] : NULL);
	}
	write_flat(&layers[LAYERS - 1].img);
}

/* The table lies behind everything else, and is a hole. */
static void make_huge(void)
{
	const uint64_t blocks = UINT64_C(64) << 20, table_len = 513 * MIB, last = blocks - 1 + (blocks - 1) / 4096;
	CLEANUP_FD int fd = open("huge.vhdx", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct vhdx_image img = { .size = MIB };
	uint8_t raw[8];

	vhdx_image_build(&img);
	put_le64(vhdx_image_item(&img, VHDX_W_SIZE), blocks * MIB);
	put_le64(vhdx_image_region_entry(&img, 1, 0) + 16, img.file_len);
	put_le32(vhdx_image_region_entry(&img, 1, 0) + 24, (uint32_t)table_len);
	vhdx_image_seal_regions(&img);
	put_le64(raw, img.data_off | 6);
	vhdx_image_write(&img, fd);
	if (fd < 0 || ftruncate(fd, (off_t)(img.file_len + table_len)) < 0 ||
	    io_pwrite(fd, raw, sizeof(raw), img.file_len + last * 8, NULL) < 0)
		abort();
	vhdx_image_fini(&img);
}

static void make_empty(const char *guid, uint64_t size, const char *name)
{
	CLEANUP_FREE uint8_t *states = calloc(size / 32 + 1, 1);

	if (!states)
		abort();
	layers[0].img = (struct vhdx_image){ .size = size * MIB, .block_size = 32 << 20, .sparse = true, .states = states };
	layers[0].name = name;
	layers[0].data_write = guid;
	write_layer(&layers[0], NULL);
}

static void save(const char *path, const uint8_t *bytes, size_t len)
{
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || io_pwrite(fd, bytes, len, 0, NULL) < 0)
		abort();
}

static void make_pair(char *const *arg)
{
	static const uint8_t states[] = { 6, 0, 7, 2, 7, 0 };
	struct vhdx_image base = { .size = sizeof(states) * MIB, .seed = 77 };
	struct vhdx_image child = { .size = sizeof(states) * MIB, .seed = 78, .states = states, .has_parent = true };
	const char *pairs[3][2] = { { "parent_linkage", "{AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee}" } };
	size_t n = 1;

	if (*arg[2]) {
		pairs[n][0] = "relative_path";
		pairs[n++][1] = arg[2];
	}
	if (*arg[3]) {
		pairs[n][0] = "absolute_win32_path";
		pairs[n++][1] = arg[3];
	}
	vhdx_image_build(&base);
	child.parent = base.guest;
	vhdx_image_build(&child);
	vhdx_image_set_locator(&child, (const char *const(*)[2])pairs, n);
	save(arg[0], base.bytes, base.len);
	save(arg[1], child.bytes, child.len);
	save(arg[4], child.guest, (size_t)child.size);
	vhdx_image_fini(&child);
	vhdx_image_fini(&base);
}

int main(int argc, char **argv)
{
	uint64_t sector_size, seed;

	if (argc == 2 && strcmp(argv[1], "chunks") == 0)
		make_chunks();
	else if (argc == 2 && strcmp(argv[1], "huge") == 0)
		make_huge();
	else if (argc == 7 && strcmp(argv[1], "pair") == 0)
		make_pair(argv + 2);
	else if (argc == 5 && strcmp(argv[1], "empty") == 0 && parse_u64(argv[3], 1 << 20, &sector_size, NULL) == 0)
		make_empty(argv[2], sector_size, argv[4]);
	else if ((argc == 3 || argc == 4) && parse_u64(argv[1], 4096, &sector_size, NULL) == 0 &&
		 parse_u64(argv[2], 1 << 20, &seed, NULL) == 0)
		make_small((uint32_t)sector_size, seed, argc == 4);
	else
		return 2;
	for (int i = 0; i < LAYERS; i++)
		vhdx_image_fini(&layers[i].img);
	return 0;
}
