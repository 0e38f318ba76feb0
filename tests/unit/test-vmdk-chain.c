/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of mixed kinds: what a leaf reads and says is what its layers, one over the other, hold. */
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/cowd_writer.h"
#include "support/disk_reader.h"
#include "support/redo_chain.h"
#include "support/sesparse_writer.h"

static void assert_reads(struct disk *d, const struct redo_chain *c, uint64_t *rnd)
{
	uint64_t size = c->sectors * 512;

	assert_int_equal(disk_size(d), size);
	for (unsigned i = 0; i < 40; i++) {
		uint64_t off = i == 0 ? 0 : redo_random(rnd, size);
		uint64_t len = i == 0 ? size : 1 + redo_random(rnd, i % 2 ? 3000 : 300000);

		len = len < size - off ? len : size - off;
		assert_disk_reads(d, c->bytes, len, off);
	}
}

/* Exactly: data where a layer has data, zeros where one says zeros or none says anything. */
static void assert_extents(struct disk *d, const struct redo_chain *c, uint64_t *rnd)
{
	for (unsigned i = 0; i < 10; i++) {
		CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
		uint64_t first = i == 0 ? 0 : redo_random(rnd, c->sectors);
		uint64_t n = i == 0 ? c->sectors : 1 + redo_random(rnd, c->sectors - first);
		uint64_t at = first * 512;

		assert_int_equal(disk_extents(d, n * 512, at, false, &list, NULL), 0);
		for (size_t k = 0; k < list.n; k++) {
			const struct extent *e = &list.v[k];

			assert_int_equal(e->off, at);
			assert_int_equal(e->len % 512, 0);
			for (; at < e->off + e->len; at += 512)
				assert_int_equal(e->kind, c->said[at / 512] == REDO_DATA ? EXTENT_DATA : EXTENT_ZERO);
		}
		assert_int_equal(at, (first + n) * 512);
	}
}

static void random_chains_read_and_map_as_their_model(void **state)
{
	const char *only = getenv("LIFTFS_CHAIN_SEED");
	uint64_t from = only ? strtoul(only, NULL, 10) : 0, to = only ? from + 1 : 60;

	for (uint64_t seed = from; seed < to; seed++) {
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		struct error e = ERROR_INIT;
		struct redo_chain c;
		uint64_t rnd = seed + 1;

		redo_chain_write(&c, *state, seed, 1 + seed % 4, seed % 3 == 0 ? REDO_QEMU : REDO_ALL);
		d = disk_open_in(*state, c.leaf, &e);
		if (!d)
			print_error("seed %" PRIu64 ": %s\n", seed, e.msg);
		assert_non_null(d);
		assert_int_equal(disk_chain_len(d), c.layers);
		assert_reads(d, &c, &rnd);
		assert_extents(d, &c, &rnd);
		redo_chain_fini(&c);
	}
}

/* The limit of the chain, with redo logs as they pile up: 64 layers of one grain each, and one more. */
static void a_chain_may_have_64_layers(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	const struct scratch_dir *s = *state;
	static uint8_t want[66 * 512], got[66 * 512];
	struct error e = ERROR_INIT;

	for (uint32_t i = 0; i <= 64; i++) {
		struct cowd_writer w;
		char name[64], text[320];

		cowd_writer_init(&w, 66, 1);
		cowd_writer_add_grain(&w, i, i);
		cowd_writer_add_grain(&w, 65, i); /* the topmost one counts */
		snprintf(name, sizeof(name), "d%u-delta.vmdk", i);
		cowd_writer_save(&w, s, name);
		cowd_writer_fini(&w);
		snprintf(text, sizeof(text),
			 "version=1\nCID=%x\nparentCID=%x\nparentFileNameHint=\"d%u.vmdk\"\ncreateType=\"vmfsSparse\"\n"
			 "RW 66 VMFSSPARSE \"%s\"\n",
			 i + 1, i > 0 ? i : 0xffffffff, i - 1, name);
		snprintf(name, sizeof(name), "d%u.vmdk", i);
		scratch_write(s, name, text, strlen(text));
		if (i < 64)
			pattern_fill(want + i * 512, 512, i * 512, i);
	}
	pattern_fill(want + 65 * 512, 512, 65 * 512, 63);
	d = disk_open_in(s, "d63.vmdk", NULL);
	assert_non_null(d);
	assert_int_equal(disk_chain_len(d), DISK_CHAIN_MAX);
	assert_int_equal(disk_read(d, got, sizeof(got), 0, NULL), 0);
	assert_memory_equal(got, want, sizeof(want));
	assert_null(disk_open_in(s, "d64.vmdk", &e));
	assert_int_equal(e.code, ERR_CORRUPT);
	assert_non_null(strstr(e.msg, "d0.vmdk: chain of more than 64 images"));
}

/* An entry that is damaged in one layer says nothing about the others: the leaf's own data still reads. */
static void damage_in_a_parent_fails_what_the_child_does_not_have(void **state)
{
	static const char root[] = "version=1\nCID=1\nparentCID=ffffffff\ncreateType=\"seSparse\"\n"
				   "RW 64 SESPARSE \"r-sesparse.vmdk\"\n";
	static const char leaf[] = "version=1\nCID=2\nparentCID=1\nparentFileNameHint=\"r.vmdk\"\n"
				   "createType=\"vmfsSparse\"\nRW 64 VMFSSPARSE \"f-delta.vmdk\"\n";
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	const struct scratch_dir *s = *state;
	struct error e = ERROR_INIT;
	struct sesparse_writer r;
	uint8_t got[512], want[512];
	struct cowd_writer f;

	sesparse_writer_init(&r, 64, 1, 8);
	sesparse_writer_add_grain(&r, 0, 1);
	sesparse_writer_set_entry(&r, 1, 5);
	sesparse_writer_save(&r, s, "r-sesparse.vmdk");
	sesparse_writer_fini(&r);
	cowd_writer_init(&f, 64, 1);
	cowd_writer_add_grain(&f, 9, 2);
	cowd_writer_save(&f, s, "f-delta.vmdk");
	cowd_writer_fini(&f);
	scratch_write(s, "r.vmdk", root, sizeof(root) - 1);
	scratch_write(s, "f.vmdk", leaf, sizeof(leaf) - 1);
	d = disk_open_in(s, "f.vmdk", NULL);
	assert_non_null(d);
	assert_int_equal(disk_read(d, got, 512, 9 * 512, NULL), 0);
	pattern_fill(want, 512, 9 * 512, 2);
	assert_memory_equal(got, want, 512);
	assert_int_equal(disk_read(d, got, 1, 8 * 512, &e), -1);
	assert_error(&e, ERR_CORRUPT,
		     "r.vmdk: r-sesparse.vmdk: grain 1: entry 0x5 of the table: not of type 1, 2 or 3, nor nothing at "
		     "all");
	assert_int_equal(disk_read(d, got, 512, 7 * 512, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_chains_read_and_map_as_their_model),
		cmocka_unit_test(a_chain_may_have_64_layers),
		cmocka_unit_test(damage_in_a_parent_fails_what_the_child_does_not_have),
	};

	return cmocka_run_group_tests_name("vmdk_chain", tests, scratch_setup, scratch_teardown);
}
