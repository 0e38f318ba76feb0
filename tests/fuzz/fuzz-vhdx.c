/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VHDX with hostile changes.  The first byte of the input: its low bits choose a good image (see build), 0x10 that the
 * checksums are made right again, 0x20 that a log is ignored, 0x40 that the file is cut, by the next 2 bytes times 512.
 * Then changes: a byte 0xWA (width 1 << W % 4, area A of the table), 2 bytes offset, the value, each.  Without changes the
 * image reads as its model says.
 */
#include "unit/unit.h"

#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "disk/crc32c.h"
#include "fuzz.h"
#include "fuzz_disk.h"
#include "support/vhdx_writer.h"

#define MIB VHDX_W_MIB

enum { PLAIN, FIXED, CHILD, DIRTY, SECTOR_4K, IMAGES };
enum { CHANGES_MAX = 64, HEADER_LEN = 4096, REGION_LEN = 65536, LOG_PAGES = 8 };

struct image {
	struct vhdx_image img;
	uint8_t *now; /* the changed bytes */
	char name[16];
};

static struct image images[IMAGES];
static uint8_t *now; /* of the image in use */
static uint64_t dirty_from = UINT64_MAX, dirty_to;

static const uint8_t some_states[] = { 6, 0, 6, 2, 3, 6 };
static const uint8_t child_states[] = { 6, 0, 7, 2, 7, 0 };
static const struct guid log_guid = { { 9, 8, 7 } };

static void build_dirty(struct vhdx_image *img)
{
	uint8_t page[4096];
	struct vhdx_log_write w[2] = { { .off = img->bat_off, .page = page },
				       { .off = img->data_off, .len = 8192 } };

	vhdx_image_set_log(img, &log_guid);
	memcpy(page, img->bytes + img->bat_off, sizeof(page));
	vhdx_image_log_entry(img, vhdx_image_log_entry(img, 0, 0, 1, &log_guid, w, 1), 0, 2, &log_guid, w + 1, 1);
	put_le64(vhdx_image_bat_entry(img, 0), 0);
}

static void build(void)
{
	struct vhdx_image parent = { .size = 6 * MIB, .seed = 77 };

	vhdx_image_build(&parent);
	fuzz_write("base.vhdx", parent.bytes, parent.len);
	images[PLAIN].img = (struct vhdx_image){ .size = 6 * MIB, .states = some_states };
	images[FIXED].img = (struct vhdx_image){ .size = 2 * MIB, .fixed = true };
	images[CHILD].img = (struct vhdx_image){
		.size = 6 * MIB, .states = child_states, .has_parent = true, .parent = parent.guest
	};
	images[DIRTY].img = (struct vhdx_image){ .size = 2 * MIB };
	images[SECTOR_4K].img = (struct vhdx_image){ .size = 2 * MIB, .sector_size = 4096 };
	for (int i = 0; i < IMAGES; i++) {
		struct vhdx_image *img = &images[i].img;

		vhdx_image_build(img);
		if (i == CHILD)
			vhdx_image_set_parent(img, "{AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee}", ".\\base.vhdx");
		if (i == DIRTY)
			build_dirty(img);
		images[i].now = malloc(img->len);
		FUZZ_MUST(images[i].now);
		memcpy(images[i].now, img->bytes, img->len);
		images[i].name[0] = (char)('0' + i);
		memcpy(images[i].name + 1, ".vhdx", 6);
		fuzz_write(images[i].name, img->bytes, img->len);
	}
	vhdx_image_fini(&parent);
}

static void touch(uint64_t off, uint64_t len)
{
	dirty_from = off < dirty_from ? off : dirty_from;
	dirty_to = off + len > dirty_to ? off + len : dirty_to;
}

static void seal(size_t file_len, uint64_t off, size_t len)
{
	if (len > file_len || off > file_len - len || len < 8)
		return;
	put_le32(now + off + 4, crc32c_sealed(now + off, len, 4));
	touch(off, len);
}

static void seal_all(const struct vhdx_image *img)
{
	seal(img->len, 64 << 10, HEADER_LEN);
	seal(img->len, 128 << 10, HEADER_LEN);
	seal(img->len, 192 << 10, REGION_LEN);
	seal(img->len, 256 << 10, REGION_LEN);
	for (uint64_t i = 0; i < LOG_PAGES; i++)
		if (get_le32(now + img->log_off + i * 4096) == 0x65676f6c) /* "loge" */
			seal(img->len, img->log_off + i * 4096, get_le32(now + img->log_off + i * 4096 + 8));
}

static unsigned change(const struct vhdx_image *img, const uint8_t *data, size_t len)
{
	uint64_t areas[16] = { 0,
			       64 << 10,
			       128 << 10,
			       192 << 10,
			       256 << 10,
			       img->meta_off,
			       img->meta_off + (64 << 10),
			       img->bat_off,
			       img->log_off,
			       img->data_off,
			       img->log_off + 4096,
			       img->log_off + 2 * 4096,
			       img->log_off + 3 * 4096,
			       img->len - 65536,
			       img->len - 65536,
			       img->len - 65536 };
	unsigned n_changes = 0;

	for (; len > 3 && n_changes < CHANGES_MAX; n_changes++) {
		size_t n = (size_t)1 << (data[0] >> 4) % 4;
		uint64_t off = areas[data[0] % 16] + get_le16(data + 1);

		data += 3;
		len -= 3;
		n = n < len ? n : len;
		if (off + n > img->len)
			break;
		memcpy(now + off, data, n);
		touch(off, n);
		data += n;
		len -= n;
	}
	return n_changes;
}

static void compare(struct disk *d, const struct vhdx_image *img)
{
	static uint8_t buf[65536];

	FUZZ_MUST(d && disk_size(d) == img->size);
	for (uint64_t off = 0; off < img->size; off += sizeof(buf))
		FUZZ_MUST(disk_read(d, buf, sizeof(buf), off, NULL) == 0 &&
			  memcmp(buf, img->guest + off, sizeof(buf)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct disk_options opt = { 0 };
	const struct image *base;
	unsigned n_changes;
	size_t file_len;
	uint8_t mode;
	int fd;

	if (len < 3)
		return 0;
	if (!now)
		build();
	mode = data[0];
	base = &images[mode % 8 % IMAGES];
	fd = fuzz_file(base->name);
	file_len = base->img.len;
	now = base->now;
	dirty_from = UINT64_MAX;
	dirty_to = 0;
	n_changes = change(&base->img, data + (mode & 0x40 ? 3 : 1), len - (mode & 0x40 ? 3 : 1));
	if (n_changes > 0 && (mode & 0x10))
		seal_all(&base->img);
	if (dirty_from < dirty_to)
		FUZZ_MUST(io_pwrite(fd, now + dirty_from, dirty_to - dirty_from, dirty_from, NULL) == 0);
	if (mode & 0x40)
		FUZZ_MUST(ftruncate(fd, (off_t)(get_le16(data + 1) * UINT64_C(512) % file_len)) == 0);
	opt.ignore_log = mode & 0x20;
	d = fuzz_use_disk(base->name, &opt);
	if (n_changes == 0 && !(mode & 0x60) && base != &images[DIRTY])
		compare(d, &base->img);
	if (dirty_from < dirty_to)
		memcpy(now + dirty_from, base->img.bytes + dirty_from, dirty_to - dirty_from);
	if (mode & 0x40)
		fuzz_write(base->name, now, file_len);
	else if (dirty_from < dirty_to)
		FUZZ_MUST(io_pwrite(fd, now + dirty_from, dirty_to - dirty_from, dirty_from, NULL) == 0);
	return 0;
}
