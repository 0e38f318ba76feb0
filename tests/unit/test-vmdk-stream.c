/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/io.h"
#include "disk/chain.h"
#include "support/disk_reader.h"
#include "support/stream_writer.h"
#include "support/vmdk_writer.h"

#define GRAIN ((uint64_t)65536)
#define GRAINS_MAX 40
#define SECTORS ((uint64_t)10 * 128 + 5) /* ten grains and a bit */

static const struct stream_layout ovftool = { .sectors = SECTORS, .table_entries = 4, .footer = true };
static const struct stream_layout vdiskmanager = { .sectors = SECTORS, .tables_first = true, .descriptor_sectors = 20 };
static const struct stream_layout qemu = { .sectors = SECTORS, .tables_first = true, .flags = 2 };

/* 0 1 . 3 2 . . 7 . . 10, in the order in which they are said here */
static void put_grains(struct stream_writer *w)
{
	static const uint32_t order[] = { 0, 1, 3, 2, 7, 10 };

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		stream_writer_grain(w, order[i], (unsigned)i % 4 * 3, 1);
}

static void begin(struct stream_writer *w, const struct stream_layout *layout)
{
	stream_writer_init(w, layout);
	put_grains(w);
	stream_writer_end(w);
}

static struct disk *open_saved(const struct stream_writer *w, const struct scratch_dir *s, struct error *err)
{
	stream_writer_save(w, s, "s.vmdk");
	return disk_open_in(s, "s.vmdk", err);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* What is said to be zero is; grains are data or not as a whole, as their entries say. */
static void assert_extents(struct disk *d, const struct stream_writer *w)
{
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	uint64_t size = w->layout.sectors * 512, grain = w->layout.grain_sectors * 512;

	assert_int_equal(disk_extents(d, size, 0, true, &list, NULL), 0);
	for (uint32_t g = 0; g < w->n_grains; g++) {
		const struct extent *e = extent_list_find(&list, g * grain);
		uint64_t len = size - g * grain < grain ? size - g * grain : grain;

		assert_non_null(e);
		assert_int_equal(e->kind, w->entries[g] > 1 ? EXTENT_DATA : EXTENT_ZERO);
		assert_int_equal(e->file, EXTENT_NO_FILE);
		assert_true(e->off + e->len >= g * grain + len);
	}
	assert_int_equal(list.v[list.n - 1].off + list.v[list.n - 1].len, size);
}

static void assert_disk(struct disk *d, const struct stream_writer *w, uint64_t seed, unsigned reads)
{
	uint64_t size = w->layout.sectors * 512, off, len;

	assert_non_null(d);
	assert_int_equal(disk_size(d), size);
	assert_disk_reads(d, w->model, (size_t)size, 0);
	for (unsigned i = 0; i < reads; i++) {
		off = next_random(&seed) % size;
		len = 1 + next_random(&seed) % (i % 2 ? 600 : 300000);
		assert_disk_reads(d, w->model, (size_t)(len < size - off ? len : size - off), off);
	}
	assert_extents(d, w);
}

static void every_layout_reads_as_it_was_written(void **state)
{
	const struct stream_layout layouts[] = {
		ovftool,
		vdiskmanager,
		qemu,
		{ .sectors = SECTORS, .tables_first = true, .footer = true },  /* both say where */
		{ .sectors = SECTORS, .dir_in_header = true, .footer = true }, /* the same, at the end */
		{ .sectors = SECTORS, .dir_in_header = true },
		{ .sectors = SECTORS, .footer = true, .cut_last = true },
		{ .sectors = SECTORS, .footer = true, .version = 1 },
		{ .sectors = SECTORS, .footer = true, .version = 2, .flags = 4 },
		{ .sectors = SECTORS, .footer = true, .table_entries = 1, .omit_empty = true },
		{ .sectors = SECTORS - 5, .footer = true },
		{ .sectors = 1281, .footer = true },
	};

	for (size_t i = 0; i < ARRAY_LEN(layouts); i++) {
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		struct error e = ERROR_INIT;
		struct stream_writer w;

		stream_writer_init(&w, &layouts[i]);
		for (uint32_t g = 0; g < w.n_grains; g += g == 3 ? 2 : 1)
			stream_writer_grain(&w, g, g % 4 * 3, 1);
		stream_writer_end(&w);
		d = open_saved(&w, *state, &e);
		assert_string_equal(e.msg, "");
		assert_disk(d, &w, 1 + i, 6);
		assert_string_equal(disk_chain_info(d, 0)->subformat, "streamOptimized");
		assert_int_equal(disk_file_count(d), 1); /* the name in an embedded descriptor is not followed */
		stream_writer_fini(&w);
	}
}

static void random_layout(struct stream_layout *l, uint64_t *seed)
{
	*l = (struct stream_layout){ 0 };
	l->grain_sectors = UINT64_C(8) << next_random(seed) % 6;
	l->table_entries = UINT32_C(1) << next_random(seed) % 10;
	l->sectors = 1 + next_random(seed) % (l->grain_sectors * GRAINS_MAX);
	l->version = 1 + (uint32_t)(next_random(seed) % 3);
	l->flags = next_random(seed) % 2 ? 4 : 0;
	l->cut_last = next_random(seed) % 2;
	l->tables_first = next_random(seed) % 2;
	l->tables_between = !l->tables_first && next_random(seed) % 2;
	l->omit_empty = !l->tables_first && next_random(seed) % 2;
	l->dir_in_header = !l->tables_first && next_random(seed) % 2;
	l->footer = (!l->tables_first && !l->dir_in_header) || next_random(seed) % 2;
	if (l->tables_first && next_random(seed) % 2)
		l->flags |= 2;
}

static void random_grains(struct stream_writer *w, uint64_t *seed)
{
	uint32_t order[GRAINS_MAX], other, g;

	assert_true(w->n_grains <= GRAINS_MAX);
	for (uint32_t i = 0; i < w->n_grains; i++) {
		order[i] = i;
		other = w->layout.tables_between ? i : (uint32_t)(next_random(seed) % (i + 1));
		order[i] = order[other];
		order[other] = i;
	}
	for (uint32_t i = 0; i < w->n_grains; i++) {
		g = order[i];
		switch (next_random(seed) % 8) {
		case 0:
		case 1:
			break;
		case 2:
			if (w->layout.flags & 4)
				stream_writer_zero(w, g);
			break;
		case 3:
			stream_writer_gap(w, 1 + (uint32_t)(next_random(seed) % 600));
			stream_writer_grain(w, g, 0, *seed);
			break;
		default:
			stream_writer_grain(w, g, (unsigned)(next_random(seed) % 13), *seed);
		}
	}
}

static void random_images_read_as_their_models(void **state)
{
	for (uint64_t i = 1; i <= 40; i++) {
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		uint64_t seed = i * UINT64_C(0x9e3779b97f4a7c15);
		struct stream_layout layout;
		struct stream_writer w;

		random_layout(&layout, &seed);
		stream_writer_init(&w, &layout);
		random_grains(&w, &seed);
		stream_writer_end(&w);
		d = open_saved(&w, *state, NULL);
		if (!d)
			print_message("seed %" PRIu64 "\n", i);
		assert_disk(d, &w, i, 30);
		stream_writer_fini(&w);
	}
}

static void a_grain_is_inflated_once_for_small_reads_and_not_kept_for_whole_ones(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct stream_writer w;

	begin(&w, &ovftool);
	d = open_saved(&w, *state, NULL);
	assert_non_null(d);
	assert_disk_reads(d, w.model, 10 * GRAIN, 0);
	assert_int_equal(lru_cache_fills(d->grains), 0);
	for (uint64_t off = 0; off < SECTORS * 512; off += 512)
		assert_disk_reads(d, w.model, 512, off);
	assert_int_equal(lru_cache_fills(d->grains), 6);
	assert_disk_reads(d, w.model, 2 * GRAIN, 100); /* the first and the last of three */
	assert_disk_reads(d, w.model, SECTORS * 512, 0);
	assert_int_equal(lru_cache_fills(d->grains), 6);
	stream_writer_fini(&w);
}

static void a_disk_without_compressed_images_has_no_cache_of_grains(void **state)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	uint8_t sector[512] = { 0 };

	scratch_write(*state, "x.raw", sector, sizeof(sector));
	d = disk_open_in(*state, "x.raw", NULL);
	assert_non_null(d);
	assert_null(d->grains);
	assert_null(d->inflaters);
}

static void a_descriptor_file_may_name_compressed_extents(void **state)
{
	static const char text[] = "version=1\nCID=1\nparentCID=ffffffff\ncreateType=\"custom\"\n"
				   "RW 1285 SPARSE \"s1.vmdk\"\nRW 3 ZERO\nRW 1285 SPARSE \"s2.vmdk\"\n";
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	static uint8_t model[(2 * SECTORS + 3) * 512];
	struct stream_writer w;

	stream_writer_init(&w, &qemu);
	put_grains(&w);
	stream_writer_end(&w);
	stream_writer_save(&w, *state, "s1.vmdk");
	memcpy(model, w.model, SECTORS * 512);
	stream_writer_fini(&w);
	stream_writer_init(&w, &ovftool);
	stream_writer_grain(&w, 0, 6, 2);
	stream_writer_grain(&w, 5, 6, 2);
	stream_writer_end(&w);
	stream_writer_save(&w, *state, "s2.vmdk");
	memcpy(model + (SECTORS + 3) * 512, w.model, SECTORS * 512);
	stream_writer_fini(&w);
	scratch_write(*state, "d.vmdk", text, sizeof(text) - 1);
	d = disk_open_in(*state, "d.vmdk", NULL);
	assert_non_null(d);
	assert_int_equal(disk_size(d), sizeof(model));
	assert_disk_reads(d, model, sizeof(model), 0);
	for (size_t off = 0; off + 5000 < sizeof(model); off += 4999)
		assert_disk_reads(d, model, 5000, off);
}

static void entry_1_is_zeros_where_the_flag_allows_it(void **state)
{
	struct stream_layout layout = { .sectors = SECTORS, .flags = 4, .version = 2, .footer = true };
	CLEANUP(cleanup_disk) struct disk *d = NULL, *bad = NULL;
	struct error e = ERROR_INIT;
	struct stream_writer w;
	uint8_t b[1];

	stream_writer_init(&w, &layout);
	stream_writer_grain(&w, 0, 6, 1);
	stream_writer_zero(&w, 1);
	stream_writer_grain(&w, 2, 6, 1);
	stream_writer_end(&w);
	d = open_saved(&w, *state, NULL);
	assert_disk(d, &w, 1, 10);
	put_le32(w.bytes + 8, 0x30001);
	put_le32(w.bytes + w.footer_off + 8, 0x30001);
	bad = open_saved(&w, *state, NULL);
	assert_non_null(bad);
	assert_int_equal(disk_read(bad, b, 1, GRAIN, &e), -1);
	assert_error(&e, ERR_CORRUPT, "s.vmdk: grain 1 is marked as zeros, which the header's flags rule out");
	assert_disk_reads(bad, w.model, GRAIN, 0);
	assert_disk_reads(bad, w.model, GRAIN, 2 * GRAIN);
	stream_writer_fini(&w);
}

static void a_sparse_child_reads_through_to_a_compressed_base(void **state)
{
	const char *text = "version=1\nCID=2\nparentCID=7e57da7a\nparentFileNameHint=\"s.vmdk\"\n"
			   "createType=\"monolithicSparse\"\nRW 1285 SPARSE \"c.vmdk\"\n";
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct stream_writer base;
	struct vmdk_writer child;

	begin(&base, &ovftool);
	stream_writer_save(&base, *state, "s.vmdk");
	vmdk_writer_init(&child, SECTORS, 128, 5, text);
	vmdk_writer_add_grain(&child, 2, 9);
	vmdk_writer_add_grain(&child, 5, 9);
	vmdk_writer_set_entry(&child, 7, 1);
	vmdk_writer_save(&child, *state, "c.vmdk");
	pattern_fill(base.model + 2 * GRAIN, GRAIN, 2 * GRAIN, 9);
	pattern_fill(base.model + 5 * GRAIN, GRAIN, 5 * GRAIN, 9);
	memset(base.model + 7 * GRAIN, 0, GRAIN);
	d = disk_open_in(*state, "c.vmdk", NULL);
	assert_non_null(d);
	assert_int_equal(disk_chain_len(d), 2);
	for (size_t off = 0; off < SECTORS * 512 - 70000; off += 69999)
		assert_disk_reads(d, base.model, 70000, off);
	assert_disk_reads(d, base.model, SECTORS * 512, 0);
	vmdk_writer_fini(&child);
	stream_writer_fini(&base);
}

static void a_compressed_child_reads_through_to_a_sparse_base(void **state)
{
	const char *text = "version=1\nCID=2\nparentCID=ffffffff\ncreateType=\"monolithicSparse\"\n"
			   "RW 1285 SPARSE \"b.vmdk\"\n";
	struct stream_layout layout = {
		.sectors = SECTORS,
		.footer = true,
		.flags = 4,
		.descriptor = "version=1\nCID=3\nparentCID=2\nparentFileNameHint=\"b.vmdk\"\n"
			      "createType=\"streamOptimized\"\nRDONLY 1285 SPARSE \"x\"\n",
	};
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct stream_writer child;
	struct vmdk_writer base;

	vmdk_writer_init(&base, SECTORS, 128, 1, text);
	vmdk_writer_add_grain(&base, 0, 9);
	vmdk_writer_add_grain(&base, 1, 9);
	vmdk_writer_add_grain(&base, 10, 9);
	vmdk_writer_save(&base, *state, "b.vmdk");
	stream_writer_init(&child, &layout);
	stream_writer_zero(&child, 1);
	stream_writer_grain(&child, 2, 9, 4);
	stream_writer_end(&child);
	stream_writer_save(&child, *state, "s.vmdk");
	pattern_fill(child.model, GRAIN, 0, 9);
	pattern_fill(child.model + 10 * GRAIN, 5 * 512, 10 * GRAIN, 9);
	d = disk_open_in(*state, "s.vmdk", NULL);
	assert_non_null(d);
	for (size_t off = 0; off < SECTORS * 512 - 70000; off += 69999)
		assert_disk_reads(d, child.model, 70000, off);
	assert_disk_reads(d, child.model, SECTORS * 512, 0);
	vmdk_writer_fini(&base);
	stream_writer_fini(&child);
}

struct reader {
	struct disk *d;
	const uint8_t *model;
	uint64_t size, seed;
	bool ok;
};

static void *read_at_random(void *arg)
{
	struct reader *r = arg;
	uint8_t *buf = malloc(300000);
	uint64_t off, len;

	r->ok = buf != NULL;
	for (int i = 0; i < 60 && r->ok; i++) {
		off = next_random(&r->seed) % r->size;
		len = 1 + next_random(&r->seed) % (i % 3 ? 5000 : 300000);
		len = len < r->size - off ? len : r->size - off;
		r->ok = disk_read(r->d, buf, (size_t)len, off, NULL) == 0 && memcmp(buf, r->model + off, len) == 0;
	}
	free(buf);
	return NULL;
}

static void threads_read_the_same_bytes(void **state)
{
	struct stream_layout layout = { .sectors = 100 * 128, .footer = true, .table_entries = 16 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct reader r[4];
	struct stream_writer w;
	pthread_t t[4];

	stream_writer_init(&w, &layout);
	for (uint32_t g = 0; g < 100; g += 1 + g % 5 / 4)
		stream_writer_grain(&w, g, 1, 7);
	stream_writer_end(&w);
	d = open_saved(&w, *state, NULL);
	assert_non_null(d);
	for (unsigned i = 0; i < 4; i++) {
		r[i] = (struct reader){ .d = d, .model = w.model, .size = layout.sectors * 512, .seed = 77 + i };
		assert_int_equal(pthread_create(&t[i], NULL, read_at_random, &r[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (unsigned i = 0; i < 4; i++)
		assert_true(r[i].ok);
	stream_writer_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_layout_reads_as_it_was_written),
		cmocka_unit_test(random_images_read_as_their_models),
		cmocka_unit_test(a_grain_is_inflated_once_for_small_reads_and_not_kept_for_whole_ones),
		cmocka_unit_test(a_disk_without_compressed_images_has_no_cache_of_grains),
		cmocka_unit_test(a_descriptor_file_may_name_compressed_extents),
		cmocka_unit_test(entry_1_is_zeros_where_the_flag_allows_it),
		cmocka_unit_test(a_sparse_child_reads_through_to_a_compressed_base),
		cmocka_unit_test(a_compressed_child_reads_through_to_a_sparse_base),
		cmocka_unit_test(threads_read_the_same_bytes),
	};

	return cmocka_run_group_tests_name("vmdk_stream", tests, scratch_setup, scratch_teardown);
}
