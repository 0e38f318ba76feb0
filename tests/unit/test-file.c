/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a disk in memory: 16 blocks of 64 KiB and a sector.  Blocks 2 and 3 hold a pattern, block 5 zeros that are
 * stored, block 9 cannot be read, the last sector holds a pattern; the rest is zero by its tables.
 */
#include "unit.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "disk/vhd_footer.h"
#include "file.h"
#include "map/hasher.h"
#include "support/scratch.h"

#define BLOCK 65536u
#define SIZE (16 * BLOCK + 512)
#define BAD_BLOCK 9u

static struct {
	uint8_t bytes[SIZE];
	bool bad_tables; /* extents of the bad block fail too */
	unsigned reads;
} model;

static unsigned warnings;

static void count_warning(void *ctx, enum log_level level, const char *module, const char *line)
{
	(void)ctx;
	(void)module;
	(void)line;
	warnings += level == LOG_WARN;
}

static int model_read(void *ctx, void *buf, size_t len, uint64_t off, struct error *err)
{
	(void)ctx;
	model.reads++;
	if (off < (BAD_BLOCK + 1) * BLOCK && off + len > BAD_BLOCK * BLOCK)
		return error_set(err, ERR_CORRUPT, "grain 9: beyond end of file");
	memcpy(buf, model.bytes + off, len);
	return 0;
}

static bool is_stored(uint64_t block)
{
	return block == 2 || block == 3 || block == 5 || block == BAD_BLOCK || block == 16;
}

static int model_extents(void *ctx, uint64_t len, uint64_t off, struct extent_list *out, struct error *err)
{
	uint64_t end = off + len, n;

	(void)ctx;
	for (; off < end; off += n) {
		n = BLOCK - off % BLOCK < end - off ? BLOCK - off % BLOCK : end - off;
		if (model.bad_tables && off / BLOCK == BAD_BLOCK)
			return error_set(err, ERR_CORRUPT, "table 9");
		if (extent_list_add_run(out, off, n, is_stored(off / BLOCK) ? EXTENT_DATA : EXTENT_ZERO, 0, err) < 0)
			return -1;
	}
	return 0;
}

static const struct disk_foreign_ops model_ops = { .format = "test", .read = model_read, .extents = model_extents };

static int make_view(void **state)
{
	struct error err = ERROR_INIT;
	struct disk *d;

	memset(&model, 0, sizeof(model));
	pattern_fill(model.bytes + 2 * BLOCK, 2 * BLOCK, 2 * BLOCK, 7);
	pattern_fill(model.bytes + 16 * BLOCK, 512, 16 * BLOCK, 7);
	warnings = 0;
	log_set_sink(count_warning, NULL);
	d = disk_new_foreign("web01.vmdk", SIZE, &model_ops, NULL, &err);
	*state = d ? view_new("web01/web01.vmdk", d, &err) : NULL;
	return *state ? 0 : -1;
}

static int put_view(void **state)
{
	view_put(*state);
	log_set_sink(NULL, NULL);
	return 0;
}

static char *read_text(struct view *v, const struct file_kind *kind, size_t len, uint64_t off)
{
	struct error err = ERROR_INIT;
	char *text = calloc(1, len + 1);

	assert_non_null(text);
	assert_int_equal(kind->read(v, text, len, off, NULL, &err), 0);
	return text;
}

static void raw_is_the_disk_and_fails_as_a_whole(void **state)
{
	struct view *v = *state;
	struct error err = ERROR_INIT;
	static uint8_t buf[2 * BLOCK];

	assert_int_equal(file_raw_kind.size(v), SIZE);
	assert_int_equal(file_raw_kind.read(v, buf, sizeof(buf), 2 * BLOCK + 17, NULL, &err), 0);
	assert_memory_equal(buf, model.bytes + 2 * BLOCK + 17, sizeof(buf));
	assert_int_equal(file_raw_kind.read(v, buf, 4096, BAD_BLOCK * BLOCK - 100, NULL, &err), -1);
	assert_error(&err, ERR_CORRUPT, "grain 9: beyond end of file");
}

static void a_failing_range_is_logged_once(void **state)
{
	struct view *v = *state;
	static uint8_t buf[8192];

	for (int i = 0; i < 3; i++)
		assert_int_equal(file_raw_kind.read(v, buf, 4096, BAD_BLOCK * BLOCK, NULL, NULL), -1);
	assert_int_equal(warnings, 1);
	assert_int_equal(file_raw_kind.read(v, buf, 8192, BAD_BLOCK * BLOCK, NULL, NULL), -1); /* the page again, read ahead */
	assert_int_equal(warnings, 1);
	assert_int_equal(file_raw_kind.read(v, buf, 4096, BAD_BLOCK * BLOCK + 8192, NULL, NULL), -1);
	assert_int_equal(warnings, 2);
	assert_int_equal(v->n_failed, 2);
}

static void info_names_the_ranges_that_failed(void **state)
{
	struct view *v = *state;
	struct error err = ERROR_INIT;
	char buf[512], *text;
	json_t *doc, *failed;

	assert_int_equal(file_raw_kind.read(v, buf, sizeof(buf), BAD_BLOCK * BLOCK, NULL, NULL), -1);
	text = file_info_kind.text(v, &err);
	assert_non_null(text);
	doc = json_loads(text, 0, NULL);
	assert_non_null(doc);
	assert_int_equal(json_integer_value(json_object_get(doc, "virtual_size")), SIZE);
	failed = json_array_get(json_object_get(doc, "failed"), 0);
	assert_int_equal(json_integer_value(json_object_get(failed, "offset")), BAD_BLOCK * BLOCK);
	assert_int_equal(json_integer_value(json_object_get(failed, "length")), 512);
	assert_string_equal(json_string_value(json_object_get(failed, "message")), "grain 9: beyond end of file");
	assert_int_equal(json_integer_value(json_object_get(doc, "failed_more")), 0);
	json_decref(doc);
	free(text);
}

static void only_so_many_failures_are_kept(void **state)
{
	struct view *v = *state;
	struct error why = ERROR_INIT;

	error_set(&why, ERR_CORRUPT, "bad");
	for (uint64_t i = 0; i < VIEW_FAILED_MAX; i++)
		assert_true(view_note_failure(v, i * 1000, 10, &why));
	assert_false(view_note_failure(v, VIEW_FAILED_MAX * 1000, 10, &why));
	assert_int_equal(v->n_failed, VIEW_FAILED_MAX);
	assert_int_equal(v->failed_more, 1);
}

static void vhd_is_padded_and_ends_in_a_footer(void **state)
{
	struct view *v = *state;
	struct error err = ERROR_INIT;
	uint64_t content = 2 << 20, at = SIZE - 512;
	uint8_t *buf = malloc(content + VHD_FOOTER_LEN);
	struct vhd_footer f;
	size_t len = (size_t)(content + VHD_FOOTER_LEN - at);

	assert_non_null(buf);
	assert_int_equal(file_vhd_kind.size(v), content + VHD_FOOTER_LEN);
	assert_int_equal(file_vhd_kind.read(v, buf, len, at, NULL, &err), 0);
	assert_memory_equal(buf, model.bytes + at, 512);
	assert_true(io_is_zero(buf + 512, (size_t)(content - SIZE)));
	assert_int_equal(vhd_footer_decode(buf + (content - at), &f, &err), 0);
	assert_int_equal(f.type, VHD_FIXED);
	assert_int_equal(f.current_size, content);
	assert_false(guid_is_zero(&f.id));
	/* Any piece of it is the same as in the whole. */
	for (uint64_t off = content - 3; off < content + VHD_FOOTER_LEN; off += 7) {
		uint8_t piece[4];
		size_t n = content + VHD_FOOTER_LEN - off < 4 ? (size_t)(content + VHD_FOOTER_LEN - off) : 4;

		assert_int_equal(file_vhd_kind.read(v, piece, n, off, NULL, &err), 0);
		assert_memory_equal(piece, buf + (off - at), n);
	}
	free(buf);
}

/* disk.raw and disk.vhd of an image lie in its file, but for the padding and the footer of disk.vhd. */
static void an_images_bytes_have_a_place_and_what_is_made_has_none(void **state)
{
	CLEANUP(cleanup_view) struct view *v = NULL;
	CLEANUP_FREE char *path = NULL;
	struct scratch_dir *s;
	struct disk_place at;
	struct disk *d;

	assert_int_equal(scratch_setup((void **)&s), 0);
	scratch_write(s, "web01.raw", model.bytes, SIZE);
	assert_true(asprintf(&path, "%s/web01.raw", s->path) > 0);
	d = disk_open_path(path, NULL, NULL);
	assert_non_null(d);
	v = view_new("web01.raw", d, NULL);
	assert_non_null(v);
	for (size_t i = 0; i < 2 && disk_file(v->disk, 0)->coherent; i++) {
		const struct file_kind *kind = i ? &file_vhd_kind : &file_raw_kind;

		assert_true(kind->place(v, BLOCK, 2 * BLOCK + 17, &at));
		assert_int_equal(at.off, 2 * BLOCK + 17);
		assert_int_equal(at.fd, disk_file(v->disk, 0)->fd);
		assert_true(kind->place(v, SIZE, 0, &at));
	}
	assert_false(file_vhd_kind.place(v, 513, SIZE - 512, &at)); /* a byte of the padding */
	assert_false(file_vhd_kind.place(v, 512, v->content, &at));
	assert_false(file_raw_kind.place(*state, BLOCK, 2 * BLOCK, &at)); /* no file */
	scratch_teardown((void **)&s);
}

static void the_id_of_a_vhd_is_the_same_at_every_mount_and_of_no_other_image(void **state)
{
	const struct view *v = *state;
	struct error err = ERROR_INIT;
	struct view *same = view_new("elsewhere", disk_new_foreign("web01.vmdk", SIZE, &model_ops, NULL, &err), &err);
	struct view *other = view_new("web02", disk_new_foreign("web02.vmdk", SIZE, &model_ops, NULL, &err), &err);

	assert_non_null(same);
	assert_non_null(other);
	assert_true(guid_equal(&v->vhd_id, &same->vhd_id));
	assert_false(guid_equal(&v->vhd_id, &other->vhd_id));
	view_put(same);
	view_put(other);
}

static void a_line_of_blocks_has_a_fixed_width(void **state)
{
	char line[BLOCKS_LINE_LEN + 1];

	(void)state;
	file_blocks_format(65536, 512, "data", "0123456789abcdef0123456789abcdef", line);
	assert_string_equal(line, "               65536      512 data  0123456789abcdef0123456789abcdef\n");
	file_blocks_format(UINT64_MAX, 4194304, "error", "--------------------------------", line);
	assert_string_equal(line, "18446744073709551615  4194304 error --------------------------------\n");
	assert_int_equal(strlen(line), BLOCKS_LINE_LEN);
}

static void blocks_says_what_each_block_holds(void **state)
{
	static const char zero_hash[] = "fd5ee061c8433a0f33b202d302b65caa"; /* head -c 65536 /dev/zero | xxhsum -H128 */
	struct view *v = *state;
	char *text = read_text(v, &file_blocks_kind, 17 * BLOCKS_LINE_LEN, 0);
	char want[BLOCKS_LINE_LEN + 1], hash[33];

	assert_int_equal(file_blocks_kind.size(v), 17 * BLOCKS_LINE_LEN);
	for (size_t i = 0; i < 17; i++) {
		size_t len = i == 16 ? 512 : BLOCK;

		hasher_plain_hex(model.bytes + i * BLOCK, len, hash);
		if (i == 2 || i == 3 || i == 16)
			file_blocks_format(i * BLOCK, len, "data", hash, want);
		else if (i == BAD_BLOCK)
			file_blocks_format(i * BLOCK, len, "error", "--------------------------------", want);
		else
			file_blocks_format(i * BLOCK, len, "zero", zero_hash, want);
		assert_memory_equal(text + i * BLOCKS_LINE_LEN, want, BLOCKS_LINE_LEN);
	}
	free(text);
	assert_int_equal(warnings, 1);
}

static void any_piece_of_blocks_is_as_in_the_whole(void **state)
{
	struct view *v = *state;
	size_t size = 17 * BLOCKS_LINE_LEN;
	char *whole = read_text(v, &file_blocks_kind, size, 0), *piece;

	for (size_t off = 0; off < size; off += 31)
		for (size_t len = 1; len <= size - off; len += 97) {
			piece = read_text(v, &file_blocks_kind, len, off);
			assert_memory_equal(piece, whole + off, len);
			free(piece);
		}
	free(whole);
}

static void what_is_known_to_be_zero_is_not_read(void **state)
{
	struct view *v = *state;
	char *text = read_text(v, &file_blocks_kind, 2 * BLOCKS_LINE_LEN, 0);

	assert_int_equal(model.reads, 0);
	free(text);
}

static bool ask_twice(void *ctx)
{
	return ++*(int *)ctx > 1;
}

static void a_long_listing_of_blocks_can_be_interrupted(void **state)
{
	struct view *v = *state;
	struct error err = ERROR_INIT;
	int asked = 0;
	const struct file_stop stop = { .asked = ask_twice, .ctx = &asked };
	char buf[17 * BLOCKS_LINE_LEN];

	assert_int_equal(file_blocks_kind.read(v, buf, sizeof(buf), 0, &stop, &err), -1);
	assert_error(&err, ERR_CANCELLED, "web01/web01.vmdk/blocks: interrupted");
}

static uint64_t seek(struct view *v, const struct file_kind *kind, uint64_t off, bool hole)
{
	struct error err = ERROR_INIT;
	uint64_t found = 0;

	assert_int_equal(file_seek(v, kind, off, hole, &found, &err), 0);
	return found;
}

static void seek_finds_data_and_holes(void **state)
{
	struct view *v = *state;
	struct error err = ERROR_INIT;
	uint64_t found;

	assert_int_equal(seek(v, &file_raw_kind, 0, false), 2 * BLOCK);
	assert_int_equal(seek(v, &file_raw_kind, 0, true), 0);
	assert_int_equal(seek(v, &file_raw_kind, 2 * BLOCK + 9, false), 2 * BLOCK + 9);
	assert_int_equal(seek(v, &file_raw_kind, 2 * BLOCK, true), 4 * BLOCK);
	assert_int_equal(seek(v, &file_raw_kind, 4 * BLOCK, false), 5 * BLOCK);
	assert_int_equal(seek(v, &file_raw_kind, SIZE - 1, true), SIZE);
	assert_int_equal(file_seek(v, &file_raw_kind, SIZE, true, &found, &err), -1);
	assert_error(&err, ERR_SYSTEM, "web01/web01.vmdk/disk.raw: seek beyond the end: No such device or address");
	assert_int_equal(err.detail, ENXIO);
	assert_int_equal(seek(v, &file_vhd_kind, SIZE - 1, true), SIZE);
	assert_int_equal(seek(v, &file_vhd_kind, SIZE, false), 2 << 20);
	assert_int_equal(seek(v, &file_vhd_kind, 2 << 20, true), (2 << 20) + VHD_FOOTER_LEN);
	assert_int_equal(seek(v, &file_blocks_kind, 5, false), 5);
	assert_int_equal(seek(v, &file_blocks_kind, 5, true), 17 * BLOCKS_LINE_LEN);
}

static void a_range_whose_place_is_not_known_is_data(void **state)
{
	struct view *v = *state;

	model.bad_tables = true;
	assert_int_equal(seek(v, &file_raw_kind, 6 * BLOCK, false), BAD_BLOCK * BLOCK);
	assert_int_equal(seek(v, &file_raw_kind, BAD_BLOCK * BLOCK + 5, false), BAD_BLOCK * BLOCK + 5);
	assert_int_equal(seek(v, &file_raw_kind, BAD_BLOCK * BLOCK, true), SIZE);
}

static void attributes_repeat_the_essentials(void **state)
{
	static const struct {
		const char *name, *value;
	} want[] = { { "user.liftfs.format", "test" }, { "user.liftfs.virtual_size", "1049088" },
		     { "user.liftfs.sector_size", "512" }, { "user.liftfs.block_size", "65536" },
		     { "user.liftfs.chain_length", "1" }, { "user.liftfs.path", "web01.vmdk" },
		     { "user.liftfs.dirty_log", "false" }, { "user.liftfs.id", "" }, { "user.liftfs.subformat", "" } };
	struct view *v = *state;
	struct error err = ERROR_INIT;
	size_t len, names = 0;
	char *list = xattr_list(v, &len, &err), *value;

	assert_non_null(list);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		value = xattr_get(v, want[i].name, &err);
		assert_non_null(value);
		assert_string_equal(value, want[i].value);
		free(value);
	}
	for (const char *p = list; p < list + len; p += strlen(p) + 1, names++) {
		value = xattr_get(v, p, &err);
		assert_non_null(value);
		free(value);
	}
	assert_int_equal(names, ARRAY_LEN(want) + 1); /* allocated */
	free(list);
	assert_null(xattr_get(v, "user.liftfs.colour", &err));
	assert_int_equal(err.detail, ENODATA);
	assert_null(xattr_get(v, "security.selinux", NULL));
}

static void names_of_files_are_known(void **state)
{
	(void)state;
	for (enum file_id id = FILE_NONE + 1; id < FILE_IDS; id++)
		assert_int_equal(file_id_of_name(file_name(id)), id);
	assert_int_equal(file_id_of_name("disk.vmdk"), FILE_NONE);
	assert_null(file_kind(FILE_ERROR));
	assert_null(file_kind(FILE_NONE));
}

#define with_view(test) cmocka_unit_test_setup_teardown(test, make_view, put_view)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_view(raw_is_the_disk_and_fails_as_a_whole),
		with_view(a_failing_range_is_logged_once),
		with_view(info_names_the_ranges_that_failed),
		with_view(only_so_many_failures_are_kept),
		with_view(vhd_is_padded_and_ends_in_a_footer),
		with_view(an_images_bytes_have_a_place_and_what_is_made_has_none),
		with_view(the_id_of_a_vhd_is_the_same_at_every_mount_and_of_no_other_image),
		cmocka_unit_test(a_line_of_blocks_has_a_fixed_width),
		with_view(blocks_says_what_each_block_holds),
		with_view(any_piece_of_blocks_is_as_in_the_whole),
		with_view(what_is_known_to_be_zero_is_not_read),
		with_view(a_long_listing_of_blocks_can_be_interrupted),
		with_view(seek_finds_data_and_holes),
		with_view(a_range_whose_place_is_not_known_is_data),
		with_view(attributes_repeat_the_essentials),
		cmocka_unit_test(names_of_files_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
