/* SPDX-License-Identifier: Apache-2.0 */
/* Differencing VHDX and their parents: what a guest reads through random layers, and which parents are found and taken. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "support/disk_reader.h"
#include "support/vhdx_writer.h"

#define MIB VHDX_W_MIB
#define LAYERS_MAX 4
#define BLOCKS_MAX 3
#define ROUNDS 16

static const struct guid log_guid = { { 4, 5, 6 } };
static const char linkage[] = "{AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee}";
static struct scratch_dir *dir;
static uint64_t random_state;

static uint64_t draw(uint64_t n)
{
	uint64_t x = random_state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % n;
}

static void write_image(struct vhdx_image *img, const char *name)
{
	CLEANUP_FD int fd = openat(dir->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	vhdx_image_write(img, fd);
}

struct layer {
	struct vhdx_image img;
	uint8_t states[BLOCKS_MAX], bits[BLOCKS_MAX * MIB / 512 / 8];
	uint32_t order[BLOCKS_MAX];
	char name[32], relative[40], guid[64], data_write[40];
};

static struct layer layers[LAYERS_MAX];

/* Runs of sectors, short and long ones. */
static void draw_bits(struct layer *l)
{
	bool own = draw(2);

	memset(l->bits, 0, sizeof(l->bits));
	for (size_t i = 0, n; i < sizeof(l->bits) * 8; own = !own)
		for (n = 1 + draw(draw(3) ? 1000 : 10); n > 0 && i < sizeof(l->bits) * 8; n--, i++)
			if (own)
				l->bits[i / 8] |= (uint8_t)(1 << i % 8);
}

/* The tables as they were before a crash: the log has the right ones, the file has rubbish. */
static void make_dirty(struct vhdx_image *img)
{
	const uint64_t at[] = { img->bat_off, img->bat_off + 32768, img->bat_off + 262144, img->meta_off + 65536,
				img->bitmap_off };
	size_t n = img->below ? 5 : 4, start = (size_t)draw(256), next;
	static uint8_t pages[5][4096], wrong[4096];
	struct vhdx_log_write w[5], old[2];

	memset(wrong, 0x66, sizeof(wrong));
	for (size_t i = 0; i < n; i++) {
		memcpy(pages[i], img->bytes + at[i], 4096);
		memset(img->bytes + at[i], 0x66, 4096);
		w[i] = (struct vhdx_log_write){ .off = at[i], .page = pages[i] };
	}
	old[0] = (struct vhdx_log_write){ .off = at[0], .page = wrong };
	old[1] = (struct vhdx_log_write){ .off = at[0], .len = MIB / 2 };
	vhdx_image_set_log(img, &log_guid);
	next = vhdx_image_log_entry(img, start, start, 7, &log_guid, old, 2) % 256;
	vhdx_image_log_entry(img, next, start, 8, &log_guid, w, n);
	/* Entries of earlier logs, one with a higher number. */
	vhdx_image_log_entry(img, (start + 100) % 256, (start + 100) % 256, 6, &log_guid, old, 1);
	vhdx_image_log_entry(img, (start + 120) % 256, (start + 120) % 256, 99, &(struct guid){ { 9 } }, old, 1);
}

static void draw_layer(struct layer *l, struct layer *below, uint32_t sector_size, unsigned i)
{
	static const uint8_t states[] = { 0, 1, 2, 3, 5, 6, 6, 0, 7, 7, 7 };
	uint64_t n = below ? 11 : 8;

	l->img = (struct vhdx_image){ .size = (1 + draw(BLOCKS_MAX)) * MIB - draw(300) * sector_size,
				      .sector_size = sector_size,
				      .seed = 1000 + i,
				      .states = l->states,
				      .bits = l->bits,
				      .order = l->order,
				      .has_parent = below != NULL,
				      .below = below ? &below->img : NULL,
				      .data_write = l->data_write };
	snprintf(l->name, sizeof(l->name), "layer%u.avhdx", i);
	snprintf(l->data_write, sizeof(l->data_write), "%08x-bbbb-cccc-dddd-eeeeeeeeeeee", i + 0xabcd);
	for (unsigned b = 0; b < BLOCKS_MAX; b++)
		l->states[b] = states[draw(n)];
	draw_bits(l);
	for (uint32_t b = 0, blocks = (uint32_t)((l->img.size - 1) / MIB + 1), swap; b < blocks; b++) {
		swap = (uint32_t)draw(b + 1);
		l->order[b] = l->order[swap];
		l->order[swap] = b;
	}
	vhdx_image_build(&l->img);
	if (below) {
		snprintf(l->relative, sizeof(l->relative), ".\\%s", below->name);
		snprintf(l->guid, sizeof(l->guid), "{%s}", below->data_write);
		vhdx_image_set_parent(&l->img, l->guid, l->relative);
	}
	if (draw(2))
		make_dirty(&l->img);
	write_image(&l->img, l->name);
}

static void random_layers_read_as_their_model(void **state)
{
	(void)state;
	for (uint64_t round = 0; round < ROUNDS; round++) {
		unsigned n = 1 + (unsigned)(round % LAYERS_MAX);
		uint32_t sector_size = round / LAYERS_MAX % 2 ? 4096 : 512;
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		const struct vhdx_image *leaf = &layers[n - 1].img;

		random_state = round; /* what a failure is repeated with */
		for (unsigned i = 0; i < n; i++)
			draw_layer(&layers[i], i > 0 ? &layers[i - 1] : NULL, sector_size, i);
		d = disk_open_ok(dir, layers[n - 1].name);
		assert_int_equal(disk_chain_len(d), n);
		assert_disk_reads(d, leaf->guest, (size_t)leaf->size, 0);
		for (int i = 0; i < 40; i++) {
			uint64_t off = draw(leaf->size), len = 1 + draw(i % 2 ? 3000 : 100000);

			assert_disk_reads(d, leaf->guest, (size_t)(len < leaf->size - off ? len : leaf->size - off), off);
		}
		assert_disk_extents(d, leaf->guest, leaf->size, 0, false);
		assert_disk_extents(d, leaf->guest, leaf->size, 0, true);
		for (unsigned i = 0; i < n; i++)
			vhdx_image_fini(&layers[i].img);
	}
}

/* 20 blocks of 256 MiB are two chunks, each with a bitmap; content is only at the blocks' ends. */
static void partial_blocks_of_further_chunks_have_their_own_bitmaps(void **state)
{
	static const uint8_t states[20] = { 0, 7, [15] = 7, [16] = 7, [17] = 6, [18] = 2, [19] = 7 };
	static struct vhdx_image parent = { .size = 20 * 256 * MIB, .block_size = 256 << 20, .seed = 5, .sparse = true };
	struct vhdx_image img = { .size = 20 * 256 * MIB,
				  .block_size = 256 << 20,
				  .states = states,
				  .has_parent = true,
				  .below = &parent,
				  .sparse = true };
	static uint8_t got[131072], want[131072];
	CLEANUP(cleanup_disk) struct disk *d = NULL;

	(void)state;
	vhdx_image_build(&parent);
	write_image(&parent, "base.vhdx");
	vhdx_image_build(&img);
	assert_int_equal(img.data_off - img.bitmap_off, 2 * MIB);
	vhdx_image_set_parent(&img, linkage, "base.vhdx");
	write_image(&img, "disk.avhdx");
	d = disk_open_ok(dir, "disk.avhdx");
	for (uint64_t block = 0; block <= 20; block++) {
		uint64_t off = block * 256 * MIB - (block > 0 ? 65536 : 0);
		size_t len = block % 20 == 0 ? 65536 : 131072;

		assert_int_equal(disk_read(d, got, len, off, NULL), 0);
		vhdx_image_guest(&img, want, len, off);
		assert_memory_equal(got, want, len);
	}
	vhdx_image_fini(&img);
	vhdx_image_fini(&parent);
}

/* A parent in a file, and a child over it that is not written yet. */
static void build_pair(struct vhdx_image *parent, const char *parent_name, struct vhdx_image *child)
{
	static const uint8_t states[] = { 7, 0 };

	*parent = (struct vhdx_image){ .size = 2 * MIB, .seed = 7 };
	vhdx_image_build(parent);
	write_image(parent, parent_name);
	*child = (struct vhdx_image){ .size = 2 * MIB, .states = states, .has_parent = true, .below = parent };
	vhdx_image_build(child);
}

static void drop_pair(struct vhdx_image *parent, struct vhdx_image *child)
{
	vhdx_image_fini(parent);
	vhdx_image_fini(child);
}

static void assert_reads(struct vhdx_image *child, const char *name, const char *parent_path)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;

	write_image(child, name);
	d = disk_open_ok(dir, name);
	assert_string_equal(disk_chain_info(d, 1)->path, parent_path);
	assert_disk_reads(d, child->guest, (size_t)child->size, 0);
}

static void a_parent_may_lie_elsewhere_beneath_the_root(void **state)
{
	struct vhdx_image parent, child;
	char msg[256];

	(void)state;
	assert_int_equal(mkdirat(dir->fd, "disks", 0700), 0);
	assert_int_equal(mkdirat(dir->fd, "snaps", 0700), 0);
	build_pair(&parent, "disks/up.vhdx", &child);
	vhdx_image_set_parent(&child, linkage, "..\\disks\\up.vhdx");
	assert_reads(&child, "snaps/c.avhdx", "snaps/../disks/up.vhdx");
	vhdx_image_set_parent(&child, linkage, ".\\x\\..\\..\\disks\\up.vhdx"); /* x need not be there for Windows */
	write_image(&child, "snaps/c.avhdx");
	assert_disk_refused(dir, "snaps/c.avhdx", ERR_CORRUPT,
			    "snaps/c.avhdx: parent: snaps/x/../../disks/up.vhdx: no such file");
	vhdx_image_set_parent(&child, linkage, "..\\..\\up.vhdx");
	write_image(&child, "snaps/c.avhdx");
	snprintf(msg, sizeof(msg), "snaps/c.avhdx: parent: snaps/../../up.vhdx: leads out of %s", dir->path);
	assert_disk_refused(dir, "snaps/c.avhdx", ERR_REFUSED, msg);
	/* Also where one of that name lies beside the child. */
	write_image(&parent, "snaps/up.vhdx");
	assert_disk_refused(dir, "snaps/c.avhdx", ERR_REFUSED, msg);
	drop_pair(&parent, &child);
}

static void only_a_regular_file_beneath_the_root_is_a_parent(void **state)
{
	struct vhdx_image parent, child;

	(void)state;
	build_pair(&parent, "real.vhdx", &child);
	vhdx_image_set_parent(&child, linkage, "link.vhdx");
	write_image(&child, "policy.avhdx");
	assert_int_equal(symlinkat("real.vhdx", dir->fd, "link.vhdx"), 0);
	assert_disk_refused(dir, "policy.avhdx", ERR_REFUSED,
			    "policy.avhdx: parent: link.vhdx: a symbolic link, which is not followed here");
	assert_int_equal(unlinkat(dir->fd, "link.vhdx", 0), 0);
	assert_int_equal(mkfifoat(dir->fd, "link.vhdx", 0600), 0);
	assert_disk_refused(dir, "policy.avhdx", ERR_UNSUPPORTED,
			    "policy.avhdx: parent: link.vhdx: not a regular file");
	assert_int_equal(unlinkat(dir->fd, "link.vhdx", 0), 0);
	assert_int_equal(mkdirat(dir->fd, "link.vhdx", 0700), 0);
	assert_disk_refused(dir, "policy.avhdx", ERR_UNSUPPORTED,
			    "policy.avhdx: parent: link.vhdx: a folder, not a regular file");
	/* A parent is read as what its child is: a disk's content says nothing. */
	scratch_write(dir, "raw.vhdx", parent.guest, 65536);
	vhdx_image_set_parent(&child, linkage, "raw.vhdx");
	write_image(&child, "policy.avhdx");
	assert_disk_refused(dir, "policy.avhdx", ERR_CORRUPT,
			    "policy.avhdx: parent: raw.vhdx: not a VHDX: the file does not begin with 'vhdxfile'");
	drop_pair(&parent, &child);
}

static void locators_are_understood_as_hyper_v_writes_them(void **state)
{
	const char *const pairs[][2] = { { "parent_linkage", "{AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE}" },
					 { "parent_linkage2", "{00000000-0000-0000-0000-000000000000}" },
					 { "relative_path", ".\\gone.vhdx" },
					 { "volume_path", "\\\\?\\Volume{11111111-2222-3333-4444-555555555555}\\b.vhdx" },
					 { "absolute_win32_path", "C:\\ClusterStorage\\Volume1\\vm\\moved.vhdx" } };
	const char *const second[][2] = { { "parent_linkage", "{11111111-bbbb-cccc-dddd-eeeeeeeeeeee}" },
					  { "parent_linkage2", linkage },
					  { "relative_path", "moved.vhdx" } };
	const char *const zero[][2] = { { "parent_linkage2", "{00000000-0000-0000-0000-000000000000}" },
					{ "parent_linkage", "{11111111-bbbb-cccc-dddd-eeeeeeeeeeee}" },
					{ "relative_path", "moved.vhdx" } };
	struct vhdx_image parent, child;

	(void)state;
	build_pair(&parent, "moved.vhdx", &child);
	vhdx_image_set_locator(&child, pairs, 5);
	assert_reads(&child, "hyper-v.avhdx", "moved.vhdx");
	vhdx_image_set_locator(&child, second, 3);
	assert_reads(&child, "hyper-v.avhdx", "moved.vhdx");
	/* A second linkage of zeros is none, also where the parent's GUID is zero. */
	memset(vhdx_image_header(&parent, 1) + 32, 0, 16);
	memset(vhdx_image_header(&parent, 2) + 32, 0, 16);
	vhdx_image_seal_headers(&parent);
	write_image(&parent, "moved.vhdx");
	vhdx_image_set_locator(&child, zero, 3);
	write_image(&child, "hyper-v.avhdx");
	assert_disk_refused(
		dir, "hyper-v.avhdx", ERR_CORRUPT,
		"hyper-v.avhdx: parent moved.vhdx has the data write GUID 00000000-0000-0000-0000-000000000000, "
		"11111111-bbbb-cccc-dddd-eeeeeeeeeeee is expected: it was written to, or is another");
	drop_pair(&parent, &child);
}

static void loops_and_endless_chains_are_refused(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct vhdx_image parent, child;
	char name[32], below[32];

	(void)state;
	build_pair(&parent, "deep64.vhdx", &child);
	vhdx_image_set_parent(&child, linkage, "b.vhdx");
	write_image(&child, "a.vhdx");
	vhdx_image_set_parent(&child, linkage, "a.vhdx");
	write_image(&child, "b.vhdx");
	assert_disk_refused(dir, "a.vhdx", ERR_CORRUPT, "b.vhdx: parent: a.vhdx: is in its own chain of parents");
	memcpy(vhdx_image_bat_entry(&child, 0), vhdx_image_bat_entry(&child, 1), 8); /* all the base's */
	memcpy(child.guest, parent.guest, (size_t)child.size);
	for (int i = 63; i >= 0; i--) {
		snprintf(name, sizeof(name), "deep%d.vhdx", i);
		snprintf(below, sizeof(below), "deep%d.vhdx", i + 1);
		vhdx_image_set_parent(&child, linkage, below);
		write_image(&child, name);
	}
	assert_disk_refused(dir, "deep0.vhdx", ERR_CORRUPT,
			    "deep63.vhdx: parent: deep64.vhdx: chain of more than 64 images");
	d = disk_open_ok(dir, "deep1.vhdx");
	assert_int_equal(disk_chain_len(d), 64);
	assert_disk_reads(d, child.guest, (size_t)child.size, 0);
	drop_pair(&parent, &child);
}

static void logs_of_a_chain_are_bounded_together(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	char name[32], below[32];

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct vhdx_image img = { .size = 512, .log_len = 64 << 20, .sparse = true, .has_parent = i > 0 };
		const struct vhdx_log_write w = { .off = 200 * MIB, .len = 4096 };

		vhdx_image_build(&img);
		vhdx_image_set_log(&img, &log_guid);
		vhdx_image_log_entry(&img, 16000, 16000, 3, &log_guid, &w, 1);
		snprintf(name, sizeof(name), "log%d.vhdx", i);
		snprintf(below, sizeof(below), "log%d.vhdx", i - 1);
		if (i > 0)
			vhdx_image_set_parent(&img, linkage, below);
		write_image(&img, name);
		vhdx_image_fini(&img);
	}
	d = disk_open_ok(dir, "log3.vhdx");
	assert_disk_refused(
		dir, "log4.vhdx", ERR_UNSUPPORTED,
		"log1.vhdx: the logs of the chain up to log0.vhdx have 335544320 bytes, at most 256 MiB are "
		"replayed");
}

static int make_folder(void **state)
{
	int rc = scratch_setup(state);

	dir = *state;
	return rc;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_layers_read_as_their_model),
		cmocka_unit_test(partial_blocks_of_further_chunks_have_their_own_bitmaps),
		cmocka_unit_test(a_parent_may_lie_elsewhere_beneath_the_root),
		cmocka_unit_test(only_a_regular_file_beneath_the_root_is_a_parent),
		cmocka_unit_test(locators_are_understood_as_hyper_v_writes_them),
		cmocka_unit_test(loops_and_endless_chains_are_refused),
		cmocka_unit_test(logs_of_a_chain_are_bounded_together),
	};

	return cmocka_run_group_tests_name("vhdx-chain", tests, make_folder, scratch_teardown);
}
