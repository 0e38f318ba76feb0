/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VHDX with hostile changes, opened and read through its extents.  The first byte of the input: its low bits choose a
 * good image (see build), 0x10 that the checksums are made right again, 0x20 that a log is ignored, 0xc0 that the file is
 * cut, by the next 2 bytes times 512.  Then changes: a byte 0xWA (width 1 << W % 4, area A of the table), 2 bytes offset,
 * the value, each.  Without changes the image reads as its model says.
 *
 * Blocks have content at their ends only, a change is a write of its bytes and undone by another: what is not changed is
 * never written again.
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
	uint8_t *now; /* the changed bytes, of what the writer keeps in memory */
	char name[16];
};

struct span {
	uint64_t off;
	size_t len;
};

static struct image images[IMAGES];
static struct span spans[CHANGES_MAX + 4 + LOG_PAGES]; /* what was changed */
static size_t n_spans;

static const uint8_t some_states[] = { 6, 0, 3 };
static const uint8_t child_states[] = { 7, 0, 6 };
static uint8_t child_bits[3 * MIB / 512 / 8];
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
	static struct vhdx_image parent = { .size = 2 * MIB + 512, .seed = 77, .sparse = true };

	vhdx_image_build(&parent);
	vhdx_image_write(&parent, fuzz_file("base.vhdx"));
	memset(child_bits, 0xff, 40);
	child_bits[60] = 0x5a;
	images[PLAIN].img = (struct vhdx_image){ .size = 3 * MIB, .states = some_states };
	images[FIXED].img = (struct vhdx_image){ .size = MIB + 512, .fixed = true };
	images[CHILD].img = (struct vhdx_image){ .size = 3 * MIB,
						 .states = child_states,
						 .bits = child_bits,
						 .has_parent = true,
						 .below = &parent };
	images[DIRTY].img = (struct vhdx_image){ .size = 2 * MIB };
	images[SECTOR_4K].img = (struct vhdx_image){ .size = 2 * MIB, .sector_size = 4096 };
	for (int i = 0; i < IMAGES; i++) {
		struct vhdx_image *img = &images[i].img;

		img->sparse = true;
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
		vhdx_image_write(img, fuzz_file(images[i].name));
	}
}

static void touch(uint64_t off, size_t len)
{
	FUZZ_MUST(n_spans < ARRAY_LEN(spans));
	spans[n_spans++] = (struct span){ off, len };
}

/* Has anything in there been changed? */
static bool touched(uint64_t off, uint64_t len)
{
	for (size_t i = 0; i < n_spans; i++)
		if (spans[i].off < off + len && off < spans[i].off + spans[i].len)
			return true;
	return false;
}

static void seal(const struct image *base, uint64_t off, size_t len)
{
	if (len < 8 || len > base->img.len || off > base->img.len - len || !touched(off, len))
		return;
	put_le32(base->now + off + 4, crc32c_sealed(base->now + off, len, 4));
	touch(off + 4, 4);
}

static void seal_all(const struct image *base)
{
	uint64_t log = base->img.log_off;

	seal(base, 64 << 10, HEADER_LEN);
	seal(base, 128 << 10, HEADER_LEN);
	seal(base, 192 << 10, REGION_LEN);
	seal(base, 256 << 10, REGION_LEN);
	for (uint64_t i = 0; i < LOG_PAGES; i++)
		if (get_le32(base->now + log + i * 4096) == 0x65676f6c) /* "loge" */
			seal(base, log + i * 4096, get_le32(base->now + log + i * 4096 + 8));
}

static void change(const struct image *base, const uint8_t *data, size_t len)
{
	const struct vhdx_image *img = &base->img;
	uint64_t bitmap = img->data_off - MIB; /* of a child; else the BAT once more */
	uint64_t areas[16] = { 0,
			       64 << 10,
			       128 << 10,
			       192 << 10,
			       256 << 10,
			       img->meta_off,
			       img->meta_off + (64 << 10),
			       img->bat_off,
			       img->log_off,
			       bitmap,
			       img->log_off + 4096,
			       img->log_off + 2 * 4096,
			       img->log_off + 3 * 4096,
			       img->meta_off + (68 << 10),
			       img->bat_off + 32768,
			       img->bat_off };

	while (len > 3 && n_spans < CHANGES_MAX) {
		size_t n = (size_t)1 << (data[0] >> 4) % 4;
		uint64_t off = areas[data[0] % 16] + get_le16(data + 1);

		data += 3;
		len -= 3;
		n = n < len ? n : len;
		memcpy(base->now + off, data, n);
		touch(off, n);
		data += n;
		len -= n;
	}
}

static void write_spans(int fd, const uint8_t *bytes)
{
	for (size_t i = 0; i < n_spans; i++)
		FUZZ_MUST(io_pwrite(fd, bytes + spans[i].off, spans[i].len, spans[i].off, NULL) == 0);
}

static void compare(struct disk *d, const struct vhdx_image *img)
{
	static uint8_t got[16384], want[16384];

	FUZZ_MUST(d && disk_size(d) == img->size);
	for (uint64_t off = 0; off + sizeof(got) <= img->size; off += MIB / 4 + 512 * 8) {
		vhdx_image_guest(img, want, sizeof(want), off);
		FUZZ_MUST(disk_read(d, got, sizeof(got), off, NULL) == 0 && memcmp(got, want, sizeof(got)) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct disk_options opt = { 0 };
	const struct image *base;
	uint64_t file_len;
	uint8_t mode;
	bool cut;
	int fd;

	if (len < 3)
		return 0;
	if (!images[0].now)
		build();
	mode = data[0];
	base = &images[mode % 8 % IMAGES];
	fd = fuzz_file(base->name);
	file_len = base->img.file_len;
	n_spans = 0;
	cut = (mode & 0xc0) == 0xc0;
	change(base, data + (cut ? 3 : 1), len - (cut ? 3 : 1));
	opt.ignore_log = mode & 0x20;
	if (mode & 0x10)
		seal_all(base);
	write_spans(fd, base->now);
	if (cut)
		FUZZ_MUST(ftruncate(fd, (off_t)(get_le16(data + 1) * UINT64_C(512) % file_len)) == 0);
	d = fuzz_probe_disk(base->name, &opt);
	if (n_spans == 0 && !(mode & 0x20) && !cut && base != &images[DIRTY])
		compare(d, &base->img);
	for (size_t i = 0; i < n_spans; i++)
		memcpy(base->now + spans[i].off, base->img.bytes + spans[i].off, spans[i].len);
	if (cut)
		vhdx_image_write((struct vhdx_image *)(uintptr_t)&base->img, fd);
	else
		write_spans(fd, base->now);
	return 0;
}
